"""Two principles of a published constitution side by side, as a pair of texts that people of its study compare, blind."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from constitutions.models import ConstitutionVersion
from constitutions.publishing import version_body
from elicitation.models import Comparison, Study
from elicitation.side_by_side import add_pair


def versions_of(study: Study) -> list[ConstitutionVersion]:
    """Return what was published of the study, the newest first."""
    rows = ConstitutionVersion.objects.filter(constitution__study=study).select_related("constitution")
    return list(rows.order_by("-published_at", "-id"))


def compare_principles(
    study: Study, *, constitution: str, version: int, first: int, second: int, prompt: str = "", context: str = ""
) -> Comparison:
    """Make a comparison of two principles of a version that was published of the study. Raises ValidationError for a version or a
    principle that is not there, for one principle twice, and for two that are compared already."""
    found = ConstitutionVersion.objects.filter(
        constitution__study=study, constitution__slug=constitution, number=version
    ).first()
    if found is None:
        told = _("There is no version %(number)d of a constitution %(slug)s of this study.")
        raise ValidationError({"version": told % {"number": version, "slug": constitution[:60]}})
    texts = {principle["id"]: principle["text"] for principle in version_body(found)["principles"]}
    for name, number in (("first", first), ("second", second)):
        if number not in texts:
            raise ValidationError({name: _("There is no principle %d in this version.") % number})
    source = f"principles:{constitution}:{version}"
    return add_pair(study, source, (first, second), [texts[first], texts[second]], prompt=prompt, context=context)
