"""What a seed of chance may be, wherever someone gives one."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

LARGEST_SEED = 2**32 - 1


def check_seed(seed: object) -> None:
    """Raise ValidationError, under `seed`, for anything but a whole number from 0 to `LARGEST_SEED`."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise ValidationError({"seed": _("A seed is a whole number from 0 to %d.") % LARGEST_SEED})
