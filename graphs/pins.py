"""What counting reads beside the votes, and what may be another tomorrow: pinned with each snapshot, so that it can be counted
again as it was."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from elicitation.deduplication import number_of_active_run, projection
from elicitation.models import CanonicalValue, Study


class Pins(NamedTuple):
    """The deduplication run that was active (its number, 0 if there was none), the numbers of the values that were archived,
    and the texts of contexts by their numbers."""

    run: int
    archived: frozenset[int]
    contexts: dict[int, str]

    def stored(self) -> dict[str, Any]:
        """Return the pins as they are kept with a snapshot."""
        contexts = {str(number): text for number, text in sorted(self.contexts.items())}
        return {"run": self.run, "archived": sorted(self.archived), "contexts": contexts}


def pins_now(study: Study) -> Pins:
    """Return what a count would read now."""
    archived = CanonicalValue.objects.filter(study=study, is_archived=True).values_list("number", flat=True)
    return Pins(number_of_active_run(study), frozenset(archived), dict(study.contexts.values_list("number", "text")))


def pins_of(study: Study, stored: Mapping[str, Any] | None) -> Pins:
    """Return the pins of a snapshot, or those of now for one that was built before pins were kept."""
    if stored is None:
        return pins_now(study)
    contexts = {int(number): text for number, text in stored["contexts"].items()}
    return Pins(stored["run"], frozenset(stored["archived"]), contexts)


def merged_between(study: Study, was: Pins, now: Pins) -> dict[int, int]:
    """Return which values (by number) count as another value in the later run only, and as which."""
    before, after = (projection(study, pins.run) for pins in (was, now))
    numbers = dict(CanonicalValue.objects.filter(study=study).values_list("id", "number"))
    return {numbers[v]: numbers[target] for v, target in sorted(after.items()) if before.get(v, v) == v != target}
