"""Publish an extraction as a numbered version of a constitution. What is published never changes."""

import json
from collections.abc import Sequence
from math import hypot
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from constitutions.extraction import body_of
from constitutions.judges import OPENING
from constitutions.models import (
    Constitution,
    ConstitutionVersion,
    EvidenceWithdrawal,
    Extraction,
    PrincipleEvidence,
)
from constitutions.pairs import annotations_until
from constitutions.signing import sign
from constitutions.webhooks import announce
from core.canonical import canonical_bytes, sha256_of, unchanged
from core.code_version import code_version
from core.models import User
from core.problems import Conflict
from core.text import clean_text
from elicitation.models import Dataset, Study
from elicitation.study_settings import settings_of

FORMAT = "folkmoot-constitution/1"
TRIES = 5
MOST_SLUG = 60


def publish(
    extraction: Extraction, *, slug: str, title: str = "", note: str = "", licence: str = "", by: User | None = None
) -> ConstitutionVersion:
    """Publish the extraction as the next version of the constitution `slug`, which is made if there is none.

    The same extraction again gives the newest version back if that is it. Raises ValidationError for a bad slug or an
    extraction without a principle, Conflict if the slug is another study's or dataset's.
    """
    try:
        validate_slug(slug)
    except ValidationError:
        raise ValidationError({"slug": _("%r is no slug; use letters, digits and dashes.") % slug[:60]}) from None
    if len(slug) > MOST_SLUG:
        raise ValidationError({"slug": _("A name has at most %d characters.") % MOST_SLUG})
    licence = clean_text(licence, field="licence", most=100).strip()
    note = clean_text(note, field="note", most=500).strip()
    title = clean_text(title, field="title", most=160).strip()
    told = body_of(extraction)
    if not told["principles"]:
        raise ValidationError({"extraction": _("Not enough evidence: there is no principle to publish.")})
    owner: dict[str, Study | Dataset | None] = {
        "study": extraction.study or (extraction.dataset.study if extraction.dataset else None)
    }
    owner |= {"dataset": None if owner["study"] else extraction.dataset}
    for attempt in range(TRIES):
        try:
            with transaction.atomic():
                constitution, _made = Constitution.objects.get_or_create(
                    slug=slug, defaults={"title": title or slug, **({"licence": licence} if licence else {}), **owner}
                )
                if (constitution.study, constitution.dataset) != (owner["study"], owner["dataset"]):
                    raise Conflict(_("The name %s belongs to something else") % slug, _("Choose another."))
                return _next_version(constitution, extraction, told, note, by)
        except IntegrityError:
            if attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _next_version(
    constitution: Constitution, extraction: Extraction, told: dict[str, Any], note: str, by: User | None
) -> ConstitutionVersion:
    parent = constitution.versions.order_by("-number").first()
    if parent is not None and parent.extraction_id == extraction.id:
        return parent
    if PrincipleEvidence.objects.filter(extraction=extraction, value__title="").exists():
        told_back = _(
            "Someone took back a value that this speaks of. Build and publish a new graph, and extract again."
        )
        raise ValidationError({"extraction": told_back})
    number = parent.number + 1 if parent else 1
    body = {
        "format": FORMAT,
        "slug": constitution.slug,
        "title": constitution.title,
        "number": number,
        "parent": parent.number if parent else None,
        "note": note,
        "licence": constitution.licence,
        "executor": _executor(told),
        **_standard(constitution.study),
        "extraction_sha256": extraction.sha256,
        **{key: told[key] for key in _TAKEN_OVER if key in told},
    }
    version = ConstitutionVersion.objects.create(
        constitution=constitution,
        number=number,
        parent=parent,
        extraction=extraction,
        note=note,
        body=canonical_bytes(body).decode(),
        sha256=sha256_of(body),
        code_version=code_version(),
        published_by=by,
    )
    sign(version)
    announce(version)
    return version


def _standard(study: Study | None) -> dict[str, Any]:
    """Return what a study's constitution is for and who has to agree to it, as it is when a version is published."""
    if study is None:
        return {}
    chosen = settings_of(study)
    told = {"role": chosen.social_role, "stakeholders": chosen.stakeholders, "threshold": chosen.approval_threshold}
    return {"standard": told}


def _executor(told: dict[str, Any]) -> dict[str, Any]:
    """Return how the principles are applied: those that were measured vote; words of a value want a reader."""
    voting = told["reconstruction"]["principles"] if told["reconstruction"] else []
    if not voting:
        return {"kind": "a model that reads it"}
    return {"kind": "weighted votes", "weights": "strength", "principles": voting}


_TAKEN_OVER = (
    "dataset",
    "study",
    "is_simulated",
    "graph_sha256",
    "parameters",
    "seed",
    "verdict",
    "labels",
    "comparisons",
    "test",
    "principles",
    "dropped",
    "reconstruction",
    # of a model's judge, and of groups, where there are such
    "judge",
    "degraded",
    "position",
    "proposals",
    "missing_votes",
    "groups",
    "shared_core",
    "contradictions",
)


def version_body(version: ConstitutionVersion) -> dict[str, Any]:
    """Return a version's body as it was hashed."""
    body: dict[str, Any] = json.loads(unchanged(version.body, version.sha256))
    return body


def notice_withdrawals(version: ConstitutionVersion) -> bool:
    """Whether evidence behind a version was withdrawn since; noted the first time it is seen."""
    if EvidenceWithdrawal.objects.filter(version=version).exists():
        return True
    made = version.extraction
    gone = PrincipleEvidence.objects.filter(extraction=made).count() < made.evidence_count
    if made.dataset:
        counted = version_body(version)["comparisons"]["annotations"]
        gone = gone or annotations_until(made.dataset, made.created_at) < counted
    if gone:
        EvidenceWithdrawal.objects.get_or_create(version=version)
    return gone


def diff(old: ConstitutionVersion, new: ConstitutionVersion) -> dict[str, Any]:
    """Return what changed between two versions of one constitution: principles added, removed, reworded, re-weighted.

    Principles are the same if they come from the same value, count the same feature or were merged from a common wording; `strength` is re-weighted if it
    changed at all, and its change is given with an interval where both versions have one.
    """
    parent = new.parent.number if new.parent else None
    told = changes(version_body(old), version_body(new))
    return {"from": old.number, "to": new.number, "parent": parent, "note": new.note, **told}


def changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return what changes from one body to another, of versions or of extractions that may become one."""
    both = _the_same(old["principles"], new["principles"])
    found = {a["id"] for a, _b in both}, {b["id"] for _a, b in both}
    return {
        "added": [_short(p) for p in new["principles"] if p["id"] not in found[1]],
        "removed": [_short(p) for p in old["principles"] if p["id"] not in found[0]],
        "reworded": [{**_short(b), "was": a["text"]} for a, b in both if a["text"] != b["text"]],
        "reweighted": [
            {**_short(b), "was": a["strength"], **_change(a, b)} for a, b in both if a["strength"] != b["strength"]
        ],
        "kept": sum(a["text"] == b["text"] and a["strength"] == b["strength"] for a, b in both),
    }


def _change(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return how a strength changed, with the 95 % interval of the difference of two independent figures, each reach of which
    is the root of the two squared reaches that make it larger; and whether that interval excludes 0."""
    change = after["strength"] - before["strength"]
    old, new = before.get("strength_ci"), after.get("strength_ci")
    if not old or not new:
        return {"change": change, "change_ci": None, "is_clear": None}
    low = change - hypot(after["strength"] - new[0], old[1] - before["strength"])
    high = change + hypot(new[1] - after["strength"], before["strength"] - old[0])
    return {"change": change, "change_ci": [low, high], "is_clear": low > 0 or high < 0}


def _the_same(
    old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return which principles are the same: of one value, feature or name; else those, both of a model and of one direction, of
    which one was merged from wordings that the other was merged from too."""
    by_name = {_identity(p): p for p in old}
    both = [(by_name[_identity(p)], p) for p in new if _identity(p) in by_name]
    left = [p for p in old if all(p is not a for a, _b in both)]
    for p in new:
        if any(p is b for _a, b in both):
            continue
        if near := next((a for a in left if _wordings(a) & _wordings(p)), None):
            left.remove(near)
            both.append((near, p))
    return sorted(both, key=lambda pair: pair[1]["id"])


def _identity(principle: dict[str, Any]) -> tuple[str, Any]:
    return ("value", principle["value"]) if "value" in principle else ("name", principle.get("name", principle["text"]))


def _wordings(principle: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the phrases that a principle was merged from, its own among them, each with its direction."""
    if "merged" not in principle:
        return set()
    own = principle["name"].removeprefix("less ").removeprefix(f"{OPENING} ")
    return {(principle["direction"], phrase) for phrase in (own, *principle["merged"])}


def _short(principle: dict[str, Any]) -> dict[str, Any]:
    return {name: principle[name] for name in ("id", "text", "source", "strength")}
