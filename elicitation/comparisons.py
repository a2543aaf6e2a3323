"""Comparisons and their annotations: imported from files, or made in a study. Every study owns one dataset."""

import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, validate_slug
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from core.models import User
from core.numbers import next_number
from core.problems import Conflict
from core.text import clean_text
from elicitation.comparison_formats import EXPORTS, annotated_pairs, icai_csv, jsonl, read_comparisons, trl
from elicitation.comparison_formats.content import (
    MOST_TEXT,
    AnnotationRow,
    AnnotatorRow,
    ComparisonFile,
    ComparisonRow,
    Written,
)
from elicitation.groups import SMALLEST_CELL
from elicitation.models import Annotation, Annotator, Comparison, Dataset, Participant, Study
from elicitation.participation import hold, must_be_open
from elicitation.study_folder.content import ImportSummary
from elicitation.tables import BadFile

BATCH = 500
MOST_SLUG = 60
FIRST = 3  # comparisons that a preview shows

Texts = tuple[str | None, ...]  # prompt, text_a, text_b


def dataset_of(study: Study) -> Dataset:
    """Return the dataset that a study owns, made now if there is none."""
    if found := Dataset.objects.filter(study=study).first():
        return found
    # an import may have taken the study's own name before
    names = [study.slug, f"{study.slug[:40]}-comparisons", f"study-{study.id.hex}"]
    taken = set(Dataset.objects.filter(slug__in=names).values_list("slug", flat=True))
    free = next(name for name in names if name not in taken)
    return Dataset.objects.get_or_create(study=study, defaults={"slug": free, "title": study.title})[0]


class Preview(NamedTuple):
    """What an import of a file would do. `fresh` comparisons would be taken in, `known` ones are there already and left;
    `answers` by what they say, `annotators` by kind; `first` are the first comparisons as they are read."""

    format: str
    slug: str
    is_new: bool
    comparisons: int
    fresh: int
    known: int
    annotators: dict[str, int]
    answers: dict[str, int]
    first: list[ComparisonRow]
    notes: list[str]


def preview_comparisons(path: Path, slug: str, *, format: str = "auto", title: str = "") -> Preview:
    """Return what `import_comparisons` would do with the same file, and write nothing. Raises BadFile as it does."""
    _checked_names(slug, title)
    file = read_comparisons(path, format)
    dataset = Dataset.objects.filter(slug=slug).first()
    fresh, others = (file.comparisons, 0) if dataset is None else _only_new(file, dataset, path.name)
    kinds = Counter(a.kind for a in file.annotators.values())
    return Preview(
        file.format,
        slug,
        dataset is None,
        len(file.comparisons),
        len(fresh),
        len(file.comparisons) - len(fresh),
        {kind: kinds[kind] for kind in Annotator.Kind.values if kinds[kind]},
        dict(Counter(a.answer for row in file.comparisons for a in row.annotations)),
        file.comparisons[:FIRST],
        file.notes + _notes_on_known(len(file.comparisons) - len(fresh), len(fresh), others),
    )


def import_comparisons(
    path: Path, slug: str, *, format: str = "auto", title: str = "", owner: User | None = None
) -> ImportSummary:
    """Read a file of comparisons into a dataset, made now if there is none. The same file again changes nothing.

    A comparison that the dataset has (by the source's id, or by its texts) is left as it is; raises BadFile if it is
    there with other texts, and for anything wrong in the file. Nothing is written then.
    """
    title = _checked_names(slug, title)
    file = read_comparisons(path, format)
    with transaction.atomic():
        dataset, is_new = Dataset.objects.get_or_create(
            slug=slug,
            defaults={
                "title": title or slug,
                "owner": owner,
                "source_format": file.format,
                "source_record": file.record,
                "default_annotator": file.default_annotator,
            },
        )
        Dataset.objects.select_for_update().get(id=dataset.id)  # two imports at once come one after the other
        fresh, others = _only_new(file, dataset, path.name)
        counts = _store(fresh, file, dataset)
    notes = file.notes + _notes_on_known(len(file.comparisons) - len(fresh), len(fresh), others)
    return ImportSummary(slug, changed=is_new or bool(fresh), counts=counts, notes=notes)


def _checked_names(slug: str, title: str) -> str:
    """Return the title without space around it. Raises BadFile for a slug or a title that can't be."""
    try:
        validate_slug(slug)
        MaxLengthValidator(MOST_SLUG)(slug)
    except ValidationError:
        told = f"{slug[:70]!r} is no name of a dataset; use up to {MOST_SLUG} letters, digits and dashes"
        raise BadFile([f"dataset: {told}"]) from None
    try:
        title = clean_text(title, field="title", most=160).strip()
    except ValidationError as error:
        raise BadFile([f"title: {' '.join(error.messages)}"]) from None
    return title


def _notes_on_known(known: int, fresh: int, others: int) -> list[str]:
    """Tell of comparisons that are there already, and of those among them that have other answers in the file."""
    notes = [f"{known} comparisons were there already and are left as they were"] if known and fresh else []
    if others:
        notes.append(
            f"{others} of the comparisons that are there have other answers in this file; they were not taken in"
        )
    return notes


def import_upload(name: str, data: bytes, slug: str, *, format: str, title: str, owner: User | None) -> ImportSummary:
    """Import what someone sent, as `import_comparisons` does a file; errors call it by the name that it was sent with."""
    with _as_file(name, data) as file:
        return import_comparisons(file, slug, format=format, title=title, owner=owner)


def preview_upload(name: str, data: bytes, slug: str, *, format: str, title: str) -> Preview:
    """Return what `import_upload` would do, and write nothing."""
    with _as_file(name, data) as file:
        return preview_comparisons(file, slug, format=format, title=title)


@contextmanager
def _as_file(name: str, data: bytes) -> Iterator[Path]:
    path = Path(re.sub(r"[^\w. -]", "_", name))
    stem = path.stem.strip(". ")[:50] or "upload"  # a longer one may be too long for the file system
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / (stem + path.suffix[:10])
        file.write_bytes(data)
        yield file


def _only_new(file: ComparisonFile, dataset: Dataset, name: str) -> tuple[list[ComparisonRow], int]:
    """Return the comparisons that the dataset lacks, and how many of the others have answers here that it lacks."""
    by_id: dict[str, tuple[int, Texts]] = {}
    unnamed: dict[Texts, list[int]] = {}
    for key, source_id, *texts in dataset.comparisons.values_list("id", "source_id", "prompt", "text_a", "text_b"):
        if source_id:
            by_id[source_id] = (key, tuple(texts))
        else:
            unnamed.setdefault(tuple(texts), []).append(key)
    fresh, known, wrong = [], [], []
    for place, row in enumerate(file.comparisons, 1):
        texts_here: Texts = (row.prompt, row.text_a, row.text_b)
        if row.source_id and row.source_id in by_id:
            key, there = by_id[row.source_id]
            known.append((key, row))
            if there != texts_here:
                wrong.append(f"{name}, comparison {place}, id: {row.source_id!r} is in the dataset with other texts")
        elif not row.source_id and unnamed.get(texts_here):
            known.append((unnamed[texts_here].pop(0), row))
        else:
            fresh.append(row)
    if wrong:
        raise BadFile(wrong[:20], max(0, len(wrong) - 20))
    return fresh, _with_other_answers(known, dataset)


def _with_other_answers(known: Sequence[tuple[int, ComparisonRow]], dataset: Dataset) -> int:
    if not known:
        return 0
    given = Annotation.objects.current().filter(comparison__dataset=dataset)
    stored = set(given.values_list("comparison_id", "annotator__source_id", "order_shown", "answer"))
    return sum(any((key, a.annotator, a.order, a.answer) not in stored for a in row.annotations) for key, row in known)


def _store(fresh: Sequence[ComparisonRow], file: ComparisonFile, dataset: Dataset) -> dict[str, int]:
    if not fresh:
        return {}
    known = {a.source_id: a for a in dataset.annotators.all()}
    new = [a for key, a in file.annotators.items() if key not in known]
    start = next_number(Annotator, dataset=dataset)
    made = Annotator.objects.bulk_create(
        [
            Annotator(
                dataset=dataset,
                number=start + n,
                source_id=a.source_id,
                kind=a.kind,
                name=a.name[:300],
                source_record=a.record,
            )
            for n, a in enumerate(new)
        ],
        BATCH,
    )
    known |= {a.source_id: a for a in made}
    start = next_number(Comparison, dataset=dataset)
    comparisons = Comparison.objects.bulk_create(
        [
            Comparison(
                dataset=dataset,
                number=start + n,
                source_id=row.source_id,
                prompt=row.prompt,
                context=row.context,
                text_a=row.text_a,
                text_b=row.text_b,
                model_a=row.model_a,
                model_b=row.model_b,
                source_record=row.record,
            )
            for n, row in enumerate(fresh)
        ],
        BATCH,
    )
    annotations = [
        Annotation(
            comparison=comparison,
            annotator=known[a.annotator],
            answer=a.answer,
            why_none=a.why_none,
            order_shown=a.order,
        )
        for comparison, row in zip(comparisons, fresh, strict=True)
        for a in row.annotations
    ]
    Annotation.objects.bulk_create(annotations, BATCH)
    return {"comparisons": len(comparisons), "annotators": len(made), "annotations": len(annotations)}


def export_comparisons(dataset: Dataset, form: str, *, annotator: str = "") -> str:
    """Return a dataset in one of `EXPORTS`.

    Forms that hold one answer (icai-csv, trl) give that of `annotator`, else of the dataset's default annotator, else the
    majority of the human ones. Raises ValueError for another form, LookupError for an annotator that is not there.
    """
    if form not in EXPORTS:
        raise ValueError(f"there is no format {form!r}; choose one of {', '.join(EXPORTS)}")
    annotators = {
        a.source_id: AnnotatorRow(a.source_id, a.kind, a.name, a.source_record)
        for a in dataset.annotators.order_by("number")
    }
    if annotator and annotator not in annotators:
        raise LookupError(f"there is no annotator {annotator}; there are {', '.join(sorted(annotators)) or 'none'}")
    rows = _written(dataset)
    if form == "jsonl":
        return jsonl.write(rows, annotators)
    if form == "annotated-pairs":
        return annotated_pairs.write(
            rows,
            annotators,
            record=dataset.source_record,
            name=dataset.slug,
            default_annotator=dataset.default_annotator,
        )
    chosen = annotator or (dataset.default_annotator if dataset.default_annotator in annotators else "")
    answers = answers_of(dataset, [chosen] if chosen else [])
    return icai_csv.write(rows, answers) if form == "icai-csv" else trl.write(rows, answers)


def _written(dataset: Dataset) -> list[Written]:
    given: dict[int, list[AnnotationRow]] = {}
    annotations = Annotation.objects.current().filter(comparison__dataset=dataset)
    fields = ("comparison_id", "annotator__source_id", "answer", "why_none", "order_shown")
    for comparison, *row in annotations.order_by("id").values_list(*fields):
        given.setdefault(comparison, []).append(AnnotationRow(*row))
    return [
        Written(
            c.source_id,
            c.number,
            c.prompt,
            c.text_a,
            c.text_b,
            c.context,
            c.model_a,
            c.model_b,
            c.source_record,
            given.get(c.id, []),
        )
        for c in dataset.comparisons.order_by("number")
    ]


class Given(NamedTuple):
    """One annotator's answer: a, b, tie or both_bad."""

    annotator: str
    answer: str


def answers_of(dataset: Dataset, annotators: Iterable[str] = ()) -> dict[int, str]:
    """Return each comparison's answer by its number, of the named annotators or of all human ones, settled by majority.
    Raises LookupError for an unknown annotator."""
    return majority_of(answers_given(dataset, annotators))


def majority_of(given: Mapping[int, Iterable[Given]]) -> dict[int, str]:
    """Return the answer that more than half gave, by the comparison's number; without one the comparison is left out."""
    found = {}
    for number, answers in given.items():
        counts = Counter(answer for _name, answer in answers)
        [(best, most)] = counts.most_common(1)
        if 2 * most > counts.total():
            found[number] = best
    return found


def answers_given(dataset: Dataset, annotators: Iterable[str] = ()) -> dict[int, list[Given]]:
    """Return the current answers by the comparison's number, of the named annotators or of all human ones.

    Who gave no answer is left out, as is who does not count in the study. An annotator of unknown kind counts as human
    where there is no human one. Raises LookupError for an unknown annotator.
    """
    people = list(dataset.annotators.all())
    named = list(annotators)
    if named:
        known = {a.source_id: a for a in people}
        if missing := [name for name in named if name not in known]:
            raise LookupError(
                f"there is no annotator {', '.join(missing)}; there are {', '.join(sorted(known)) or 'none'}"
            )
        chosen = [known[name] for name in named]
    else:
        chosen = [a for a in people if a.kind == Annotator.Kind.HUMAN]
        chosen = chosen or [a for a in people if a.kind == Annotator.Kind.UNKNOWN]
    current = Annotation.objects.current().filter(annotator__in=chosen).exclude(answer=Annotation.Answer.NONE)
    if dataset.study is not None:
        counted = Participant.objects.counted(dataset.study)
        current = current.filter(annotator__participant=None) | current.filter(annotator__participant__in=counted)
    given: dict[int, list[Given]] = {}
    for number, *row in current.order_by("id").values_list("comparison__number", "annotator__source_id", "answer"):
        given.setdefault(number, []).append(Given(*row))
    return given


def told_of_people(dataset: Dataset, given: Mapping[int, list[Given]]) -> dict[int, list[Given]]:
    """Return those of the answers, by the comparison's number, that may be shown to everyone: without the comparisons that
    one to four people of the dataset's study answered, since what most of so few said can be what one said. Imported
    answers and simulated people are not meant."""
    if dataset.study is None or dataset.study.is_simulated:
        return dict(given)
    counted = Participant.objects.counted(dataset.study)
    people = set(dataset.annotators.filter(participant__in=counted).values_list("source_id", flat=True))
    sizes = {number: len({answer.annotator for answer in told} & people) for number, told in given.items()}
    return {number: told for number, told in given.items() if not 0 < sizes[number] < SMALLEST_CELL}


def add_comparison(
    dataset: Dataset,
    *,
    prompt: str,
    text_a: str,
    text_b: str,
    context: str = "",
    model_a: str = "",
    model_b: str = "",
    source_id: str = "",
) -> Comparison:
    """Add one pair of texts to a dataset. Raises ValidationError for texts that cannot be stored, and IntegrityError for a source's
    id that is there."""
    texts = {
        "prompt": clean_text(prompt, field="prompt", most=MOST_TEXT),
        "text_a": clean_text(text_a, field="text_a", most=MOST_TEXT, required=True),
        "text_b": clean_text(text_b, field="text_b", most=MOST_TEXT, required=True),
        "context": clean_text(context, field="context", most=300),
    }
    with transaction.atomic():
        number = next_number(Comparison, dataset=dataset)
        return Comparison.objects.create(
            dataset=dataset, number=number, model_a=model_a[:200], model_b=model_b[:200], source_id=source_id, **texts
        )


def annotate(
    comparison: Comparison,
    *,
    participant: Participant,
    answer: str,
    order_shown: str = "ab",
    reason: str = "",
    dwell_ms: int | None = None,
) -> Annotation:
    """Store which text the person finds better, by the comparison's own sides. A second answer supersedes the first.

    Raises ValidationError for an answer or order that does not exist, or a comparison of another study; Problem if the
    study is not open.
    """
    must_be_open(participant)
    if comparison.dataset.study_id != participant.study_id:
        raise ValidationError({"comparison": _("This comparison is not part of your study.")})
    if answer not in Annotation.Answer.values or answer == Annotation.Answer.NONE:
        raise ValidationError({"answer": _("Choose one of: a, b, tie, both_bad.")})
    if order_shown not in ("ab", "ba"):
        raise ValidationError({"order_shown": _("Choose ab or ba: the side that was shown first.")})
    reason = clean_text(reason, field="reason", most=4000).strip()
    try:
        with transaction.atomic():
            hold(participant)
            annotator = _annotator(comparison.dataset, participant)
            before = (
                Annotation.objects.current().filter(comparison=comparison, annotator=annotator).order_by("id").last()
            )
            if before is not None and (before.answer, before.reason) == (answer, reason):
                return before
            return Annotation.objects.create(
                comparison=comparison,
                annotator=annotator,
                answer=answer,
                order_shown=before.order_shown if before else order_shown,
                reason=reason,
                dwell_ms=dwell_ms,
                supersedes=before,
            )
    except IntegrityError:
        raise Conflict(_("You answered this in another window at the same moment"), _("Reload to see it.")) from None


def _annotator(dataset: Dataset, participant: Participant) -> Annotator:
    source_id = participant.source_id or f"p{participant.number:04d}"
    found = Annotator.objects.filter(dataset=dataset, source_id=source_id).first()
    return found or Annotator.objects.create(
        dataset=dataset,
        number=next_number(Annotator, dataset=dataset),
        source_id=source_id,
        kind=Annotator.Kind.HUMAN,
        participant=participant,
    )
