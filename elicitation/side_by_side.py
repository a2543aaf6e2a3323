"""Two values of a study side by side, as a pair of texts that people compare, blind: no text says whose or how often held it is."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.text import clean_text
from elicitation.candidates import MOST_PROMPT
from elicitation.comparison_formats.content import MOST_CONTEXT
from elicitation.comparisons import add_comparison, dataset_of
from elicitation.models import CanonicalValue, Comparison, ShownComparison, Study

OF_VALUES = "values"


def compare_values(study: Study, *, first: int, second: int, prompt: str = "", context: str = "") -> Comparison:
    """Make a comparison of two of the study's values, each as its title and its policies. Raises ValidationError for a value that is
    not there or put away, for one value twice, and for two that are compared already."""
    values = {value.number: value for value in study.values.filter(number__in=[first, second], is_archived=False)}
    for name, number in (("first", first), ("second", second)):
        if number not in values:
            raise ValidationError({name: _("There is no value %d in this study, or it is put away.") % number})
    texts = [_text(values[number]) for number in (first, second)]
    return add_pair(study, OF_VALUES, (first, second), texts, prompt=prompt, context=context)


def _text(value: CanonicalValue) -> str:
    policies = "\n".join(f"- {policy}" for policy in value.policies)
    return f"{value.title}\n\n{policies}".strip()


def add_pair(
    study: Study, source: str, numbers: tuple[int, int], texts: list[str], *, prompt: str, context: str
) -> Comparison:
    """Add a pair of two things of one source, once. Raises ValidationError if they are one thing, or compared already."""
    prompt = clean_text(prompt, field="prompt", most=MOST_PROMPT).strip()
    context = clean_text(context, field="context", most=MOST_CONTEXT).strip()
    if numbers[0] == numbers[1]:
        raise ValidationError({"second": _("Choose two that differ.")})
    dataset = dataset_of(study)
    low, high = sorted(numbers)
    source_id = f"{source}:{low}:{high}"
    try:
        with transaction.atomic():
            return add_comparison(
                dataset, prompt=prompt, text_a=texts[0], text_b=texts[1], context=context, source_id=source_id
            )
    except IntegrityError:
        there = dataset.comparisons.filter(source_id=source_id).first()
        if there is None:
            raise
        told = _("These two are compared already, in pair %d.") % there.number
        raise ValidationError({"second": told}) from None


def forget_values(study: Study, numbers: set[int]) -> None:
    """Take the words of values out of the comparisons that were made of them, and let nobody be asked about those any more. What
    people answered about them stays."""
    for pair in Comparison.objects.filter(dataset__study=study, source_id__startswith=f"{OF_VALUES}:"):
        if numbers & set(map(int, pair.source_id.split(":")[1:])):
            Comparison.objects.filter(id=pair.id).update(text_a="", text_b="")
            waiting = ShownComparison.objects.filter(comparison=pair, answered_at=None, skipped_at=None)
            waiting.update(skipped_at=timezone.now())
