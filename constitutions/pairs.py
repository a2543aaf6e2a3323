"""The comparisons that an extraction explains: those with a decided answer, whose answers they are, and which belong together."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from constitutions.models import Extraction
from elicitation.comparisons import answers_given, majority_of, told_of_people
from elicitation.groups import members
from elicitation.models import Annotation, Comparison, Dataset, Participant

FEWEST_COMPARISONS = 4


class Pairs(NamedTuple):
    """The comparisons that have a decided answer, in their order, and how many there are of what kind. `raters` numbers who
    decided each one, where that is one annotator for every comparison; it is empty where several decided together."""

    rows: list[Comparison]
    answers: list[str]
    raters: list[int]
    counts: dict[str, int]

    @property
    def split(self) -> str:
        prompts = {row.prompt or "" for row in self.rows}
        if len(prompts) > 1:
            return "by prompt, and by comparison where there is no prompt" if "" in prompts else "by prompt"
        return "by comparison: " + ("there are no prompts" if prompts == {""} else "there is only one prompt")


def clusters_of(rows: Sequence[Comparison]) -> list[str]:
    """Return what belongs together: comparisons of one prompt, and without prompts those of the same two texts."""
    if len({row.prompt for row in rows}) > 1:
        return [row.prompt or _texts(row) for row in rows]
    return [_texts(row) for row in rows]


def _texts(row: Comparison) -> str:
    return "\0".join(sorted((row.text_a, row.text_b)))


def read_pairs(
    dataset: Dataset,
    annotators: Sequence[str],
    group: str,
    left_out: Callable[[Comparison], bool] = lambda row: False,
) -> Pairs:
    """Return the dataset's decided comparisons, without those that are `left_out`, which are counted. Raises ValidationError for
    too few, LookupError for an unknown annotator."""
    given = answers_given(dataset, annotators_behind(dataset, annotators, group))
    answers = majority_of(given)
    rows = list(dataset.comparisons.order_by("number"))
    annotations = annotations_until(dataset)
    set_apart = {row.number for row in rows if left_out(row)}
    decided = [row for row in rows if answers.get(row.number) in ("a", "b") and row.number not in set_apart]
    raters = [name for row in decided for name in {a.annotator for a in given[row.number]}]
    found = Pairs(
        decided,
        [answers[row.number] for row in decided],
        numbered(raters) if len(raters) == len(decided) else [],
        counts_of(rows, {row.number: answers.get(row.number, "") for row in rows if row.number in given}, annotations)
        | ({"speak_to_a_judge": len(set_apart)} if set_apart else {}),
    )
    if len(decided) < FEWEST_COMPARISONS:
        told = _(
            "Only %(decided)d comparisons have a decided answer (%(ties)d ties, %(both_bad)d where both are bad, "
            "%(without_majority)d without a majority, %(unanswered)d without an answer); that is too few."
        )
        raise ValidationError({"dataset": told % found.counts})
    if len(set(clusters_of(decided))) < 2:
        told = _("The %(decided)d decided comparisons are all of the same two texts; there is nothing to hold out.")
        raise ValidationError({"dataset": told % found.counts})
    return found


def counts_of(rows: Sequence[Comparison], answers: Mapping[int, str], annotations: int) -> dict[str, int]:
    """Return how many comparisons there are of what kind. `answers` are those of the comparisons that anyone answered, and
    empty where there is no majority. The first five kinds add up to all; of the others a comparison may be any."""
    kinds = Counter(answers.values())
    texts = {(row.prompt, row.text_a, row.text_b) for row in rows}
    return {
        "decided": kinds["a"] + kinds["b"],
        "ties": kinds["tie"],
        "both_bad": kinds["both_bad"],
        "without_majority": kinds[""],
        "unanswered": len(rows) - len(answers),
        "with_empty_text": sum(not row.text_a.strip() or not row.text_b.strip() for row in rows),
        "repeated": len(rows) - len(texts),
        "annotations": annotations,
    }


def answers_behind(extraction: Extraction) -> dict[int, str]:
    """Return the answers that an extraction from comparisons explains, as they are now, by the comparison's number; those
    that one to four people gave are left out (`told_of_people`)."""
    dataset, group, named = extraction.dataset, extraction.parameters["group"], extraction.parameters["annotators"]
    if dataset is None:
        return {}
    try:
        whose = (
            group_annotators(dataset, group)
            if group
            else [*dataset.annotators.filter(source_id__in=named).values_list("source_id", flat=True)]
        )
    except ValidationError:  # so many have left the group that it is no longer shown
        return {}
    if named and not whose:
        return {}
    return majority_of(told_of_people(dataset, answers_given(dataset, whose)))


def annotators_behind(dataset: Dataset, annotators: Sequence[str], group: str) -> Sequence[str]:
    return group_annotators(dataset, group) if group else annotators


def group_annotators(dataset: Dataset, group: str) -> list[str]:
    """Return the annotators of a group "key=value" of the study's people. Raises ValidationError under five people."""
    inside = members(Participant.objects.filter(annotators__dataset=dataset, withdrawn_at=None).distinct(), group)
    return list(dataset.annotators.filter(participant__in=inside).values_list("source_id", flat=True))


def numbered(names: Sequence[str]) -> list[int]:
    """Return each name's place of first occurrence: who answered together, not who it was."""
    places: dict[str, int] = {}
    return [places.setdefault(name, len(places)) for name in names]


def annotations_until(dataset: Dataset, moment: datetime | None = None) -> int:
    """Return how many annotations that were made by then are there now. They are append-only: fewer than there were
    means that someone took theirs back."""
    made = Annotation.objects.filter(comparison__dataset=dataset)
    return (made.filter(created_at__lte=moment) if moment else made).count()
