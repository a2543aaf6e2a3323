"""A published version in the forms that people, models and trainers read. They are made from the hashed body alone, but for
those that hold the comparisons behind it, which honour withdrawal, and the data sheet, which tells of the study too.

The text of a principle is worded so that following it is right, also where it is `discouraged` ("Avoid …").
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from constitutions.models import ConstitutionVersion, PrincipleEvidence
from constitutions.pairs import answers_behind
from constitutions.publishing import version_body
from core.canonical import unchanged
from elicitation.comparison_formats import annotated_pairs
from elicitation.comparison_formats.content import AnnotationRow, AnnotatorRow, Written
from elicitation.groups import SMALLEST_CELL
from elicitation.models import Annotator, Comparison, Participant

SHARE = "{:.0%}"


class Form(NamedTuple):
    """One form of a constitution: how it is written, and what it is."""

    write: Callable[[ConstitutionVersion], str]
    content_type: str
    suffix: str
    of_body_alone: bool = True


def export(version: ConstitutionVersion, form: str) -> str:
    """Return the version in one of `FORMS`. Raises KeyError for another."""
    return FORMS[form].write(version)


def _json(version: ConstitutionVersion) -> str:
    return unchanged(version.body, version.sha256)


def _markdown(version: ConstitutionVersion) -> str:
    body = version_body(version)
    lines = [f"# {_plain(body['title'])}, version {body['number']}", ""]
    if body["is_simulated"]:
        lines += ["> Made by simulated participants. No person said this.", ""]
    lines += [f"> {label}" for label in body["labels"]] + [""]
    for place, principle in enumerate(body["principles"], 1):
        lines += [f"{place}. {_plain(principle['text'])}  ", f"   *{_evidence_line(principle)}*", ""]
    lines += _group_lines(body)
    if body["reconstruction"]:
        lines += ["## How well it predicts", "", *_reconstruction_lines(body), ""]
    lines += [
        "## About",
        "",
        *_standard_lines(body),
        f"- Licence: {body['licence']}",
        f"- Applied by: {body['executor']['kind']}",
        f"- SHA-256 of the JSON form: `{version.sha256}`",
    ]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Return text that Markdown takes for nothing but text, on one line."""
    words = " ".join(text.split())
    return "".join("\\" + c if c in "\\`*_[]<>#|" else c for c in words)


def _evidence_line(principle: dict[str, Any]) -> str:
    """Return what stands behind a principle in one line."""
    kind = "discouraged; " if principle.get("direction") == "discouraged" else ""
    told = f"{kind}{principle['source']}; {principle['for']} for, {principle['against']} against"
    if principle["ci"]:
        told += f": {_interval(principle)}"
    if held_out := principle.get("held_out"):
        told += f"; held out: {_interval(held_out)}" if held_out["ci"] else "; held out: too few prompts"
    return told


def _standard_lines(body: dict[str, Any]) -> list[str]:
    """Return what the constitution is for, and who has to agree to it."""
    if not (standard := body.get("standard")):
        return []
    whose = (
        f"each group by {_plain(standard['stakeholders'])}" if standard["stakeholders"] else "the people of the study"
    )
    role = [f"- For: {_plain(standard['role'])}"] if standard["role"] else []
    return [*role, f"- Ratified by: {whose}, from {standard['threshold']:.0%} approval on"]


def _group_lines(body: dict[str, Any]) -> list[str]:
    """Return what all groups share and where they contradict each other, where the version tells of groups."""
    if not (groups := body.get("groups")):
        return []
    lines = [f"## By {_plain(groups['by'])}", ""]
    if body["shared_core"]:
        lines += ["Shared by all groups:", "", *(f"- {_plain(text)}" for text in body["shared_core"]), ""]
    for row in body["contradictions"]:
        sides = f"for: {', '.join(row['for'])}; against: {', '.join(row['against'])}"
        lines.append(f"- Contradiction: {_plain(row['text'])} ({_plain(sides)})")
    if groups["withheld"]:
        lines += ["", f"Withheld, to protect people: {_plain(', '.join(groups['withheld']))}."]
    return [*lines, ""]


def _interval(share: dict[str, Any]) -> str:
    low, high = share["ci"]
    return f"{SHARE.format(share['accuracy'])} ({SHARE.format(low)} to {SHARE.format(high)})"


def _reconstruction_lines(body: dict[str, Any]) -> list[str]:
    told = body["reconstruction"]
    is_all = len(told["principles"]) == len(body["principles"])
    prompts = f" of {told['prompts']} prompts" if told["split"] == "by prompt" else ""

    def row(name: str, share: dict[str, Any]) -> str:
        interval = "too few prompts" if share["ci"] is None else " to ".join(SHARE.format(end) for end in share["ci"])
        accuracy = "none" if share["accuracy"] is None else SHARE.format(share["accuracy"])
        return f"| {name} | {accuracy} | {interval} |"

    names = {
        "random": "A coin toss",
        "longest": "The longer answer",
        "all_features": "All measured features (not readable)",
        "all_features_and_words": "All features and words (not readable)",
    }
    lines = [
        f"{told['n']} comparisons{prompts} that it was not chosen on, split {told['split']}.",
        "",
        "| judge | agrees with people | 95 % interval |",
        "|---|---|---|",
        row("This constitution" if is_all else "Its measured principles", told),
    ]
    return lines + [row(label, told["baselines"][name]) for name, label in names.items()]


def _prompt(version: ConstitutionVersion) -> str:
    """A system prompt, ready to paste: the principles, in their order."""
    body = version_body(version)
    lines = ["When you answer, follow these principles. Earlier ones weigh more.", ""]
    if body["is_simulated"]:
        lines[:0] = ["(These principles were made by simulated participants. No person said them.)", ""]
    lines += [f"{place}. {' '.join(p['text'].split())}" for place, p in enumerate(body["principles"], 1)]
    return "\n".join(lines) + "\n"


def _annotated_pairs(version: ConstitutionVersion) -> str:
    """The comparisons behind the version as annotated pairs 2.0: people's answer, and each principle's as an annotator. Those
    that fewer than five people of a study answered are left out."""
    body = version_body(version)
    annotators = {"people": AnnotatorRow("people", Annotator.Kind.HUMAN, "The answer that most people gave")}
    for principle in body["principles"]:
        name = f"principle_{principle['id']}"
        annotators[name] = AnnotatorRow(name, Annotator.Kind.PRINCIPLE, principle["text"])
    rows, sides = [], _sides(version)
    for c, answer in _answered(version):
        given = [AnnotationRow("people", answer)]
        for principle in body["principles"]:
            said, why = sides.get((principle["id"], c.id), _UNSAID["irrelevant"])
            given.append(AnnotationRow(f"principle_{principle['id']}", said, why))
        texts = (c.prompt, c.text_a, c.text_b, c.context)
        rows.append(Written(c.source_id, c.number, *texts, c.model_a, c.model_b, "", given))
    return annotated_pairs.write(rows, annotators, record="", name=body["slug"], default_annotator="people")


# what an annotator says that speaks for no one text, and why
_UNSAID = {"irrelevant": ("none", "not_applicable"), "both": ("tie", ""), "missing": ("none", "invalid")}


def _sides(version: ConstitutionVersion) -> dict[tuple[int, int], tuple[str, str]]:
    """Return the answer that each principle gave when it was tested, whatever people answered since."""
    evidence = PrincipleEvidence.objects.filter(extraction=version.extraction).exclude(comparison=None)
    rows = evidence.values_list("principle", "comparison_id", "stance", "side")
    return {
        (principle, comparison): _UNSAID.get(stance, (side, ""))
        for principle, comparison, stance, side in rows
        if comparison
    }


def _answered(version: ConstitutionVersion) -> Iterator[tuple[Comparison, str]]:
    """Yield the comparisons behind a version with the side that most people chose, without those of fewer than five people."""
    dataset = version.extraction.dataset
    if dataset is None:
        return
    answers = answers_behind(version.extraction)
    for comparison in dataset.comparisons.order_by("number"):
        if (answer := answers.get(comparison.number)) in ("a", "b"):
            yield comparison, answer


def _trl(version: ConstitutionVersion) -> str:
    """The comparisons as TRL's prompt, chosen, rejected."""
    return _lines({"prompt": prompt, "chosen": c, "rejected": r} for _n, prompt, (c, _m), (r, _o) in _chosen(version))


def _rewardbench(version: ConstitutionVersion) -> str:
    """The comparisons in RewardBench's columns; `subset` is the constitution, `id` the comparison's number."""
    return _lines(
        {
            "prompt": prompt,
            "chosen": chosen,
            "chosen_model": chosen_model,
            "rejected": rejected,
            "rejected_model": rejected_model,
            "subset": version.constitution.slug,
            "id": number,
        }
        for number, prompt, (chosen, chosen_model), (rejected, rejected_model) in _chosen(version)
    )


def _chosen(version: ConstitutionVersion) -> Iterator[tuple[int, str, tuple[str, str], tuple[str, str]]]:
    for c, answer in _answered(version):
        a, b = (c.text_a, c.model_a), (c.text_b, c.model_b)
        chosen, rejected = (a, b) if answer == "a" else (b, a)
        yield c.number, c.prompt or "", chosen, rejected


def _rubric(version: ConstitutionVersion) -> str:
    """What a judge is asked about two answers, a principle a line, with the weight of its vote."""
    body = version_body(version)
    return _lines(
        {
            "id": principle["id"],
            "text": principle["text"],
            "weight": principle["strength"],
            "direction": principle.get("direction", "encouraged"),
            "ask": f"Which answer follows this better: {' '.join(principle['text'].split())}",
            "answers": {"a": "the first", "b": "the second", "both": "both alike", "neither": "it does not apply"},
            "constitution": body["slug"],
            "version": body["number"],
            "licence": body["licence"],
            "is_simulated": body["is_simulated"],
        }
        for principle in body["principles"]
    )


def _lines(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _data_sheet(version: ConstitutionVersion) -> str:
    """What it is, whose answers, how they were collected and under what consent, its limits and how to name it. Nothing is told
    that the body or the study does not say, and no number of people under five."""
    body, constitution, dataset = version_body(version), version.constitution, version.extraction.dataset
    study = constitution.study
    lines = [f"# Data sheet: {_plain(body['title'])}, version {body['number']}", ""]
    if body["is_simulated"]:
        lines += ["> Made by simulated participants. No person said this.", ""]
    lines += ["## What it is", "", f"- {len(body['principles'])} principles, published {version.published_at:%Y-%m-%d}"]
    lines += [f"- {label}" for label in body["labels"]]
    lines += [f"- What changed: {_plain(body['note'])}"] if body["note"] else []
    lines += ["", "## Who", ""]
    if study is not None:
        people = Participant.objects.counted(study).count()
        told = f"{people} people take part now" if people >= SMALLEST_CELL else "fewer than five people take part now"
        lines += [f"- Study: {_plain(study.title)}; {told}"]
        lines += [f"- {_plain(study.description)}"] if study.description else []
    if dataset is not None and study is None:
        lines += [f"- Imported comparisons: {_plain(dataset.title)} ({dataset.source_format or 'unknown format'})"]
        lines += ["- How many people answered is not known here"]
        lines += [f"- Their own licence: {_plain(dataset.licence)}"] if dataset.licence else []
    lines += ["", "## How it was collected", ""]
    counts = body["comparisons"]
    lines += [f"- Comparisons, {name.replace('_', ' ')}: {count}" for name, count in sorted(counts.items())]
    lines += [f"- Moral graph: SHA-256 `{body['graph_sha256']}`"] if body["graph_sha256"] else []
    lines += ["", "## Consent", ""]
    consent = study.consent_texts.order_by("version").last() if study else None
    lines += [f"> {_plain(part)}" for part in consent.text.splitlines() if part] if consent else ["Not known here."]
    lines += ["", "## Method", "", f"- Judge: {body['parameters'].get('judge', 'none')}; seed {body['seed']}"]
    lines += [_test_line(body["test"])] if body["reconstruction"] else []
    if body["reconstruction"]:
        lines += ["", *_reconstruction_lines(body)]
    lines += ["", "## Limits", "", "- It describes what was answered here, and nobody else."]
    lines += [f"- Left out: {len(body['dropped'])} principles, each with its reason in the JSON form"]
    lines += ["- Evidence behind it was taken back since"] if hasattr(version, "withdrawal") else []
    lines += ["", "## Licence", "", body["licence"], "", "## How to cite", ""]
    return "\n".join([*lines, f"{_plain(body['title'])}, version {body['number']}, SHA-256 {version.sha256}"]) + "\n"


def _test_line(test: dict[str, Any]) -> str:
    raters = f", {test['raters']} raters" if test["raters"] else ""
    return f"- Test of each principle against chance: {test['name']}{raters}"


JSON, JSONL, MARKDOWN = "application/json", "application/x-ndjson", "text/markdown; charset=utf-8"
FORMS = {
    "json": Form(_json, JSON, ".json"),
    "markdown": Form(_markdown, MARKDOWN, ".md"),
    "prompt": Form(_prompt, "text/plain; charset=utf-8", ".txt"),
    "rubric": Form(_rubric, JSONL, ".rubric.jsonl"),
    "annotated-pairs": Form(_annotated_pairs, JSON, ".pairs.json", of_body_alone=False),
    "trl": Form(_trl, JSONL, ".trl.jsonl", of_body_alone=False),
    "rewardbench": Form(_rewardbench, JSONL, ".rewardbench.jsonl", of_body_alone=False),
    "data-sheet": Form(_data_sheet, MARKDOWN, ".data-sheet.md", of_body_alone=False),
}
