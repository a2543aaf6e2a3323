"""Build a study's moral graph from its votes, as an immutable snapshot. The same votes, rules and seed give the same
bytes.

The hashed body refers to values by the study's own numbers and holds no database key, random id or clock time.
Comments and quotes are not in it: they are evidence, served beside it, and honour withdrawal.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from core.canonical import (
    Written,
    canonical_bytes,
    sha256_of,
    unchanged,
    written,
    written_lists,
    written_numbers,
    written_rows,
    written_texts,
)
from core.code_version import code_version
from core.memory import give_back
from core.models import User
from core.numbers import next_number
from core.problems import Conflict
from core.seeds import check_seed
from elicitation.deduplication import lock
from elicitation.groups import SMALLEST_CELL, groups_of
from elicitation.models import CanonicalValue, Study
from elicitation.values import holders
from graphs.algorithms import flipping, ranking, resampling
from graphs.algorithms.pruning import RULES, BalancedRules, RobustRules, Rules, Verdicts
from graphs.algorithms.resampling import Ballots
from graphs.algorithms.tally import (
    Tallies,
    Votes,
    distinct,
    entropy_of,
    order_by,
    starts_of,
    tally,
)
from graphs.counting import Counted, Filters, count_votes, read_filters, votes_since
from graphs.cuts import tells_of_groups, told_by, unsafe_places
from graphs.groups import side, with_groups
from graphs.models import GraphPublication, GraphSnapshot
from graphs.pins import Pins, pins_now

FORMAT = "folkmoot-graph/2"
MODES = tuple(RULES)
RESAMPLES = 1000
MOST_TO_FLIP = 12
ARROWS = 2000  # that are written at a time
LONG = 1_000_000  # characters from which on a body goes to the database in pieces
PIECE = 100_000

STEPS = 5

Progress = Callable[[int, int, str], None]
_Step = Callable[[int, str], None]
_InContexts = dict[int, list[Written]]  # what contexts say of an arrow, by its place, each by itself
_Columns = dict[str, Sequence[str]]  # of what is written of each arrow


class _Judged(NamedTuple):
    """Counts, what became of each pair, and the wisdom scores."""

    tallies: Tallies
    verdicts: Verdicts
    scores: dict[int, float]


def build_graph(
    study: Study,
    *,
    mode: str = "robust",
    before: str | None = None,
    context: str = "",
    question: str = "",
    group: str = "",
    balance: str = "",
    seed: int = 0,
    progress: Progress | None = None,
) -> GraphSnapshot:
    """Return the snapshot of the study's votes under these rules: the one there is, or a new one.

    The options are those of `read_options`. Simulated people, previews and people who took everything back are left
    out. Raises ValidationError that names the option for anything that is not there, and when there is no vote to
    count.
    """
    step = _steps(progress)
    chosen = {"before": before, "context": context, "question": question, "group": group}
    filters = read_options(study, mode=mode, balance=balance, seed=seed, **chosen)
    rules = _balanced_rules(study, balance) if balance else RULES[mode]
    step(0, _("Counting votes"))
    pins = pins_now(study)
    counted = balanced(study, count_votes(study, filters, pins=pins), rules)
    votes = arranged(counted.votes, mode)
    counted = counted._replace(votes=votes)  # a million votes are kept in one order
    held = {} if filters.before else holders(study)  # who held what at that moment is not known
    texts = _texts(study, votes, held)
    frame = {
        "format": FORMAT,
        "study": study.slug,
        "is_simulated": study.is_simulated,
        "mode": mode,
        "rules": stored_rules(rules),
        "filters": filters.stored(),
        "seed": seed,
    }
    left_out = {"archived": counted.archived, "merged": counted.merged, "withheld_cells": counted.withheld_cells}
    inputs = {"votes": _fingerprint(votes), "left_out": left_out, "texts": list(texts.values())}
    inputs_sha256 = sha256_of(frame | inputs)
    if snapshot := GraphSnapshot.objects.filter(study=study, inputs_sha256=inputs_sha256).first():
        return snapshot
    body: dict[str, Any] = frame | findings(votes, counted, rules, seed, texts, step)
    counts, last_vote_id = body["counts"], counted.last_vote_id
    step(4, _("Writing it down"))
    written = canonical_bytes(body)
    del body, counted, votes, texts, inputs  # a written body can be large, and a database takes several copies of it
    step(5, _("Storing"))
    sha256, text = hashlib.sha256(written).hexdigest(), written.decode()
    del written
    return _store(study, frame, counts, text, sha256, inputs_sha256, last_vote_id, pins)


def _steps(progress: Progress | None) -> _Step:
    def step(done: int, note: str) -> None:
        give_back()  # what one step leaves behind, in many pieces, is in the way of the next one's large arrays
        if progress:
            progress(done, STEPS, note)

    return step


def read_options(study: Study, *, mode: str = "robust", balance: str = "", seed: int = 0, **filters: Any) -> Filters:
    """Return the filters among a build's options, all options checked; filters are those of `read_filters`.

    `mode` is one of `MODES`, `balance` a question whose groups are to count the same, `seed` a whole number from 0 to
    `LARGEST_SEED`. Raises ValidationError that names the option.
    """
    if mode not in MODES:
        raise ValidationError({"mode": _("Choose one of: %s.") % ", ".join(MODES)})
    check_seed(seed)
    if balance:
        if mode != "robust" or filters.get("group"):
            told = _("Only a robust graph of everyone can be balanced over groups.")
            raise ValidationError({"balance": told})
        _balanced_rules(study, balance)
    return read_filters(study, **filters)


def _balanced_rules(study: Study, key: str) -> BalancedRules:
    groups = groups_of(study, key, "balance")
    if len(groups.names) < 2:
        raise ValidationError({"balance": _("%s has fewer than two groups of five people or more.") % key})
    return BalancedRules(balance=key, groups=tuple(groups.names))


def balanced(study: Study, counted: Counted, rules: Rules) -> Counted:
    """Return the count with people's groups, if the rules balance them, where those may be told of. Raises ValidationError if
    nobody has told what makes the groups any more."""
    if not isinstance(rules, BalancedRules):
        return counted
    groups = groups_of(study, rules.balance, "balance")
    votes, withheld = with_groups(counted.votes, groups._replace(names=list(rules.groups)))
    return counted._replace(votes=votes, withheld_cells=withheld)


def arranged(votes: Votes, mode: str) -> Votes:
    """Return votes in the order in which a mode counts them: the trial's file lists pairs and contexts as they first appear;
    ours does not depend on who came first."""
    if mode == "mge-2023":
        return votes
    return votes.take(order_by(votes.source, votes.target, votes.context, votes.voter))


def _fingerprint(votes: Votes) -> str:
    """Return a SHA-256 of the votes in their order."""
    used = distinct(votes.context)
    columns = (votes.voter, votes.source, votes.target, np.searchsorted(used, votes.context), votes.answer)
    hashed = hashlib.sha256(canonical_bytes([votes.contexts[place] for place in used]))
    for column in columns if votes.group is None else (*columns, votes.group):
        hashed.update(column.astype("<i4").tobytes())
    return hashed.hexdigest()


def stored_rules(rules: Rules) -> dict[str, Any]:
    """Return rules as a body says them, with those of resampling."""
    resampling_rules = {"resamples": RESAMPLES, "most_to_flip": MOST_TO_FLIP}
    return rules.stored() | (resampling_rules if isinstance(rules, RobustRules) else {})


def _texts(study: Study, votes: Votes, held: Mapping[int, int]) -> dict[int, dict[str, Any]]:
    """Return what is said about each value that was asked about: its texts, and how many hold it, unless they are
    few."""
    numbers = set(np.union1d(votes.source, votes.target).tolist())
    found = {}
    fields = ("id", "number", "source_id", "title", "description", "detail", "policies")
    values = CanonicalValue.objects.filter(study=study).order_by("number").values_list(*fields)
    for key, number, source_id, title, description, detail, policies in values.iterator():
        if number not in numbers:
            continue
        people = held.get(key, 0)
        found[number] = {
            "number": number,
            **({"source_id": source_id} if source_id else {}),
            "title": title,
            "description": description,
            **({"detail": detail} if detail else {}),
            "policies": policies,
            "holders": people if people >= SMALLEST_CELL else None,
        }
    return found


def findings(
    votes: Votes,
    counted: Counted,
    rules: Rules,
    seed: int,
    texts: Mapping[int, dict[str, Any]],
    step: _Step = lambda done, note: None,
) -> dict[str, Any]:
    """Return what a snapshot's body says beside its frame: values, arrows kept and dropped, winners, doubt."""
    judged = _judge(votes, rules)
    tallies, verdicts, scores = judged
    weights = verdicts.kept
    support = ranking.incoming_support(weights)
    kept = tallies.asked[verdicts.weights[tallies.asked] > 0]
    dropped = tallies.asked[verdicts.weights[tallies.asked] == 0]
    groups = rules.groups if isinstance(rules, BalancedRules) else ()
    voters = votes.voters
    step(1, _("Finding winners"))
    winners, in_contexts, apart = _winners(votes, rules, judged)
    crowned = {row["value"] for row in winners}
    whole = Ballots.of(tallies, rules) if isinstance(rules, RobustRules) else None
    step(2, _("Drawing people anew"))
    stability = None
    if whole:
        rng = np.random.default_rng([seed, 0])
        stability = resampling.bootstrap(whole, apart, resamples=RESAMPLES, rng=rng)
        _tell_probabilities(winners, stability)
    del whole, apart
    values = [
        texts[number]
        | {"wisdom_score": score, "incoming_support": support.get(number, 0.0)}
        | (_doubt_of(number, stability) if stability else {})
        for number, score in sorted(scores.items())
    ]
    step(3, _("Looking for the fewest votes that would change it"))
    return {
        "counts": {
            "votes": len(votes),
            "voters": voters,
            "values": len(scores),
            "edges": len(weights),
            "dropped": len(dropped),
            "votes_on_archived_values": counted.archived,
            "votes_within_merged_values": counted.merged,
            "cells_withheld": counted.withheld_cells,
        },
        "values": values,
        "values_outside": [
            text if number in crowned else {"number": number, "title": text["title"]}
            for number, text in texts.items()
            if number not in scores
        ],
        "edges": _arrows(kept, judged, in_contexts, groups),
        "dropped": _arrows(dropped, judged, in_contexts, groups),
        "winners": winners,
        "components": ranking.components(weights),
        "cycles": ranking.cycles(weights),
        **(_flip(tallies, rules, voters) if stability else {}),
    }


def _judge(votes: Votes, rules: Rules) -> _Judged:
    tallies = tally(votes)
    verdicts = rules.judge(tallies)
    return _Judged(tallies, verdicts, ranking.wisdom_scores(verdicts.kept))


def _doubt_of(number: int, stability: resampling.Stability) -> dict[str, Any]:
    return {
        "win_probability": stability.wins.get(number, 0.0),
        "rank_interval": stability.ranks[number],
        "score_interval": stability.scores[number],
    }


def _arrows(
    places: np.ndarray, judged: _Judged, in_contexts: _InContexts | None = None, groups: Sequence[str] = ()
) -> Iterator[Written]:
    """Yield arrows as they are written, some at a time, since there may be very many; `by_context` where one was judged in
    several contexts and enough is known of one."""
    for start in range(0, len(places), ARROWS):
        some = places[start : start + ARROWS]
        yield from written_rows(_of_arrows(some, judged, in_contexts or {}) | _of_groups(some, judged, groups))


def _of_arrows(places: np.ndarray, judged: _Judged, in_contexts: _InContexts) -> _Columns:
    tallies = judged.tallies
    told = (in_contexts.get(place) for place in places.tolist())
    return {
        "from": written_numbers(tallies.sources[places]),
        "to": written_numbers(tallies.targets[places]),
        "contexts": written_lists(tallies.contexts_of(places), tallies.votes.contexts),
        "by_context": [written(those) if those else "" for those in told],
        **_figures(places, judged),
    }


def _figures(places: np.ndarray, judged: _Judged) -> _Columns:
    tallies, verdicts = judged.tallies, judged.verdicts.columns(places)
    names = ("wiser", "not_wiser", "less_wise", "unsure", "impressions")
    counts = [getattr(tallies, name)[places] for name in names]
    ends = zip(written_numbers(verdicts.low), written_numbers(verdicts.high), strict=True)
    return {
        "counts": written_rows(dict(zip(names, map(written_numbers, counts), strict=True))),
        "net_support": written_numbers(tallies.net_support[places]),
        "entropy": written_numbers(np.array([*map(entropy_of, *map(np.ndarray.tolist, counts))])),
        "verdict": written_texts(verdicts.verdict),
        "reason": written_texts(verdicts.reason),
        "share": written_numbers(verdicts.share),
        "interval": ["null" if low == "null" else f"[{low},{high}]" for low, high in ends],
        "q": written_numbers(verdicts.q),
        "weight": written_numbers(verdicts.weight),
    }


def _of_groups(places: np.ndarray, judged: _Judged, names: Sequence[str]) -> _Columns:
    """Return what each group says of arrows, None where that may not be told or too few decided, and the share if all
    that are told count the same, None where fewer than two are."""
    if not names:
        return {}
    tallies = judged.tallies
    sides = zip(*(column[:, places].T.tolist() for column in tallies.by_group), strict=True)
    told = (dict(zip(names, map(side, *both), strict=False)) for both in sides)
    return {
        "balanced_share": written_numbers(tallies.balanced_share[places]),
        "groups": [written({name: those.get(name) for name in names}) for those in told],
    }


def _winners(votes: Votes, rules: Rules, overall: _Judged) -> tuple[list[dict[str, Any]], _InContexts, Ballots | None]:
    """Return the wisest value over all (`context` is None) and in each context; `value` is None where no arrow is kept.
    `arrows` are those kept that point to it.

    Returned too, by robust rules, is what each context says of the arrows that were judged in several, each context a
    graph of its own; and the ballots of the contexts in which somebody wins, in the order of their rows.
    """
    in_contexts: _InContexts = {}
    ballots: list[Ballots] = []
    least = rules.min_voters if isinstance(rules, RobustRules) else None
    found = [_winner(None, votes, overall)]
    people, order = distinct(votes.voter), order_by(votes.context)
    for rows in np.split(order, starts_of(votes.context[order])[1:]):
        here = votes.take(rows)
        judged = _judge(here, rules)
        context = votes.contexts[here.context[0]]
        found.append(_winner(context, here, judged))
        if least:
            for place, said in _said_of(context, judged, least, overall.tallies):
                in_contexts.setdefault(place, []).append(said)
            if judged.scores:  # where nobody wins there is no probability to tell
                ballots.append(Ballots.of(judged.tallies, rules, people))
    return found, in_contexts, Ballots.joined(ballots) if ballots else None


def _tell_probabilities(winners: list[dict[str, Any]], stability: resampling.Stability) -> None:
    """Write into the rows of winners in which share of resamples each wins."""
    in_contexts = iter(stability.wins_in)
    for row in winners:
        row["probability"] = None
        if row["value"] is not None:
            wins = stability.wins if row["context"] is None else next(in_contexts)
            row["probability"] = wins.get(row["value"], 0.0)


def _said_of(context: str, judged: _Judged, least: int, overall: Tallies) -> Iterator[tuple[int, Written]]:
    """Return what a context says of the arrows about which at least so many people decided there, if they were judged in
    others too, and their places over all."""
    tallies = judged.tallies
    places = np.flatnonzero(tallies.was_asked & (tallies.deciders >= least))
    over_all = overall.places(tallies.sources[places], tallies.targets[places])
    several = overall.is_of_several_contexts[over_all]
    places, over_all = places[several], over_all[several]
    rows = written_rows({"context": written_texts([context] * len(places)), **_figures(places, judged)})
    return zip(over_all.tolist(), rows, strict=True)


def _winner(context: str | None, votes: Votes, judged: _Judged) -> dict[str, Any]:
    best = ranking.winner(judged.scores)
    arrows = [] if best is None else _pointing_to(best, judged)
    return {
        "context": context,
        "value": best,
        "wisdom_score": None if best is None else judged.scores[best],
        "votes": len(votes),
        "voters": votes.voters,
        "arrows": arrows,
    }


def _pointing_to(value: int, judged: _Judged) -> list[Written]:
    """Return the arrows that are kept and point to a value."""
    places = judged.tallies.asked
    those = (judged.tallies.targets[places] == value) & (judged.verdicts.weights[places] > 0)
    return [*_arrows(places[those], judged)]


def _flip(tallies: Tallies, rules: Rules, voters: int) -> dict[str, Any]:
    """Return the fewest votes found that would crown another value, and what share of people made-up ones would be."""
    flip = flipping.votes_to_flip(tallies, rules, most=MOST_TO_FLIP)
    if flip is None:
        return {"votes_to_flip": None, "sybil_share": None}
    added = [{"from": source, "to": target, "answer": answer} for source, target, answer in flip.votes]
    return {
        "votes_to_flip": {"at_most": len(added), "votes": added, "new_winner": flip.new_winner},
        "sybil_share": flipping.sybil_share(len(added), voters),
    }


def _store(
    study: Study,
    frame: Mapping[str, Any],
    counts: Mapping[str, int],
    body: str,
    sha256: str,
    inputs_sha256: str,
    last_vote_id: int,
    pins: Pins,
) -> GraphSnapshot:
    """Return the new snapshot, or the equal one that someone else stored at the same moment."""
    for _attempt in range(5):
        try:
            with transaction.atomic(), _handed_over(body) as stored_body:
                made = GraphSnapshot.objects.create(
                    study=study,
                    number=next_number(GraphSnapshot, study=study),
                    mode=frame["mode"],
                    rules=frame["rules"],
                    filters=frame["filters"],
                    seed=frame["seed"],
                    body=stored_body,
                    sha256=sha256,
                    inputs_sha256=inputs_sha256,
                    pins=pins.stored(),
                    last_vote_id=last_vote_id,
                    vote_count=counts["votes"],
                    voter_count=counts["voters"],
                    value_count=counts["values"],
                    edge_count=counts["edges"],
                    code_version=code_version(),
                )
            made.body = body
            return made
        except IntegrityError:  # the same graph was stored meanwhile, or another that took the number
            if snapshot := GraphSnapshot.objects.filter(study=study, inputs_sha256=inputs_sha256).first():
                return snapshot
    raise Conflict(_("Other graphs of this study were stored at the same moment"), _("Build it again."))


@contextmanager
def _handed_over(body: str) -> Iterator[str | RawSQL]:
    """Yield what to store as a long body. PostgreSQL's driver would make four copies of it on the way: there it goes piece
    by piece into a table of this session, and the server puts it together. Where the server knows lz4, it packs the body that
    way, which takes a quarter of the time and no more room. To be called in a transaction."""
    if connection.vendor != "postgresql" or len(body) <= LONG:
        yield body
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config(name, 'lz4', true) FROM pg_settings"
            " WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)"
        )
        cursor.execute("CREATE TEMPORARY TABLE piece_of_body (place integer, piece text) ON COMMIT DROP")
        copied = cursor.copy("COPY piece_of_body FROM STDIN (FORMAT BINARY)")
        with connection.wrap_database_errors, copied as copy:
            copy.set_types(["int4", "text"])
            for place in range(0, len(body), PIECE):
                copy.write_row((place, body[place : place + PIECE]))
        yield RawSQL("(SELECT string_agg(piece, '' ORDER BY place) FROM piece_of_body)", [])
        cursor.execute("DROP TABLE piece_of_body")


def publish(snapshot: GraphSnapshot, by: User | None = None) -> GraphPublication:
    """Publish a snapshot: from now on everyone may pull it, and it stays as it is. Publishing twice changes nothing.

    Raises ValidationError for a graph of groups from which, with those that are published, something about one to four
    people of a group would follow; Conflict if others were published at the same moment.
    """
    if publication := GraphPublication.objects.filter(snapshot=snapshot).first():
        return publication
    others = _published_of_groups(snapshot) if tells_of_groups(snapshot) else []
    if tells_of_groups(snapshot):
        before = [told_by(other, body_of(other)) for other in others]
        if unsafe := unsafe_places(told_by(snapshot, body_of(snapshot)), before):
            raise ValidationError({"publish": _why_not(len(unsafe), others)})
    with transaction.atomic():
        lock(snapshot.study)
        if tells_of_groups(snapshot) and _published_of_groups(snapshot) != others:
            raise Conflict(_("Another graph was published at the same moment"), _("Publish this one again."))
        publication, _made = GraphPublication.objects.get_or_create(snapshot=snapshot, defaults={"published_by": by})
    return publication


def _published_of_groups(snapshot: GraphSnapshot) -> list[GraphSnapshot]:
    others = GraphSnapshot.objects.published().filter(study=snapshot.study).exclude(id=snapshot.id)
    return [other for other in others.select_related("study").order_by("number") if tells_of_groups(other)]


def _why_not(places: int, others: list[GraphSnapshot]) -> str:
    told = {"n": places, "others": ", ".join(str(other.number) for other in others)}
    if not others:
        return (
            _("It would tell of fewer than five people of a group in %(n)d places, so it cannot be published.") % told
        )
    return (
        _(
            "With the published snapshots %(others)s it would tell of fewer than five people of a group in %(n)d places, by "
            "subtraction, so it cannot be published. Groups of one question can be published together in one balanced graph."
        )
        % told
    )


def waiting_votes(snapshot: GraphSnapshot) -> int:
    """Return how many votes came since that the same build would count now."""
    return votes_since(snapshot.study, snapshot.filters, snapshot.last_vote_id, snapshot.pins)


def body_of(snapshot: GraphSnapshot) -> dict[str, Any]:
    """Return a snapshot's body as it was hashed."""
    body: dict[str, Any] = json.loads(unchanged(snapshot.body, snapshot.sha256))
    return body


def titles_of(body: Mapping[str, Any]) -> dict[int, str]:
    """Return the titles of all values that a snapshot's body names, by their numbers."""
    return {value["number"]: value["title"] for value in [*body["values"], *body.get("values_outside", ())]}
