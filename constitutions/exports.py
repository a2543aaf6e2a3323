"""A published version in the forms that people and models read. All are made from the hashed body alone, but for annotated
pairs, which hold the comparisons behind it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from constitutions.models import ConstitutionVersion, PrincipleEvidence
from constitutions.pairs import answers_behind
from constitutions.publishing import version_body
from core.canonical import unchanged
from elicitation.comparison_formats import annotated_pairs
from elicitation.comparison_formats.content import AnnotationRow, AnnotatorRow, Written
from elicitation.models import Annotator

SHARE = "{:.0%}"


class Form(NamedTuple):
    """One form of a constitution: how it is written, and what it is."""

    write: Callable[[ConstitutionVersion], str]
    content_type: str


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
    if body["reconstruction"]:
        lines += ["## How well it predicts", "", *_reconstruction_lines(body), ""]
    lines += [
        "## About",
        "",
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
    told = f"{principle['source']}; {principle['for']} for, {principle['against']} against"
    if principle["ci"]:
        told += f": {_interval(principle)}"
    if held_out := principle.get("held_out"):
        told += f"; held out: {_interval(held_out)}" if held_out["ci"] else "; held out: too few prompts"
    return told


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
    dataset = version.extraction.dataset
    annotators = {"people": AnnotatorRow("people", Annotator.Kind.HUMAN, "The answer that most people gave")}
    for principle in body["principles"]:
        name = f"principle_{principle['id']}"
        annotators[name] = AnnotatorRow(name, Annotator.Kind.PRINCIPLE, principle["text"])
    rows = []
    if dataset is not None:
        answers = answers_behind(version.extraction)
        sides = _sides(version)
        for c in dataset.comparisons.order_by("number"):
            answer = answers.get(c.number)
            if answer not in ("a", "b"):
                continue
            given = [AnnotationRow("people", answer)]
            for principle in body["principles"]:
                said = sides.get((principle["id"], c.id), "none")
                why = "" if said != "none" else "not_applicable"
                given.append(AnnotationRow(f"principle_{principle['id']}", said, why))
            texts = (c.prompt, c.text_a, c.text_b, c.context)
            rows.append(Written(c.source_id, c.number, *texts, c.model_a, c.model_b, "", given))
    return annotated_pairs.write(rows, annotators, record="", name=body["slug"], default_annotator="people")


def _sides(version: ConstitutionVersion) -> dict[tuple[int, int], str]:
    """Return the text that each principle spoke for when it was tested, whatever people answered since."""
    evidence = PrincipleEvidence.objects.filter(extraction=version.extraction).exclude(comparison=None)
    rows = evidence.values_list("principle", "comparison_id", "side")
    return {(principle, comparison): side for principle, comparison, side in rows if comparison}


FORMS = {
    "json": Form(_json, "application/json"),
    "markdown": Form(_markdown, "text/markdown; charset=utf-8"),
    "prompt": Form(_prompt, "text/plain; charset=utf-8"),
    "annotated-pairs": Form(_annotated_pairs, "application/json"),
}
