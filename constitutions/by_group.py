"""A constitution for each group, from the same votes and each group's own answers; what all of them share, and where they
contradict each other."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from constitutions.algorithms import scoring
from constitutions.algorithms.selection import SelectionRules, Tested, orient, test_and_select
from constitutions.judges import Judgement
from constitutions.pairs import numbered
from core.algorithms.disclosure import told_of_disjoint
from elicitation.comparisons import Given, answers_given, majority_of
from elicitation.groups import groups_of
from elicitation.models import Comparison, Dataset

BY_ANNOTATOR = "annotator"
MOST_GROUPS = 12
FEWEST = 4  # comparisons of a group


class Group(NamedTuple):
    """A group that is told of: how many people answered (None where annotators are not known to be people), its answers a or b
    by the comparison's number, and who gave each where it was one annotator for all."""

    name: str
    people: int | None
    answers: dict[int, str]
    raters: dict[int, str]

    def raters_of(self, rows: Sequence[Comparison], places: np.ndarray) -> list[int]:
        """Return who of the group answered the comparisons at these places, numbered; nobody where several answered one."""
        return numbered([self.raters[rows[i].number] for i in places.tolist()]) if self.raters else []


class Groups(NamedTuple):
    """The groups that one question makes, and the names of those that are too small to be told of."""

    key: str
    shown: list[Group]
    withheld: list[str]


def groups_behind(dataset: Dataset, by: str) -> Groups:
    """Return the groups of a dataset's annotators. `by` is a question of the dataset's study, or "annotator", which takes each
    imported annotator for a group of its own.

    A group of fewer than five people is withheld, and so is the largest where those that are left over would be fewer than
    five, as in a moral graph by group (`core.algorithms.disclosure`): subtraction would show them. Raises ValidationError for a question that is not there, and where fewer
    than two groups can be told of.
    """
    groups = _annotators(dataset) if by == BY_ANNOTATOR else _people(dataset, by)
    if not 2 <= len(groups.shown) <= MOST_GROUPS:
        what = _(
            "By %(key)s there are %(n)d groups that can be told of, which takes five people each; two to %(most)d are compared."
        )
        raise ValidationError({"by": what % {"key": by, "n": len(groups.shown), "most": MOST_GROUPS}})
    return groups


def _annotators(dataset: Dataset) -> Groups:
    if dataset.study is not None and not dataset.study.is_simulated:
        raise ValidationError(
            {"by": _("People of a study are not told of one by one. Name a question that they answered.")}
        )
    given = answers_given(dataset)
    names = sorted({answer.annotator for answers in given.values() for answer in answers})
    found = [_group(name, None, {name}, given) for name in names]
    told = [group for group in found if len(group.answers) >= FEWEST]
    return Groups(BY_ANNOTATOR, told, sorted(set(names) - {group.name for group in told}))


def _people(dataset: Dataset, by: str) -> Groups:
    if dataset.study is None:
        known = _("This dataset's annotators belong to no study. Choose %s.") % BY_ANNOTATOR
        raise ValidationError({"by": known})
    groups = groups_of(dataset.study, by, "by")
    given = answers_given(dataset)
    answered = {answer.annotator for answers in given.values() for answer in answers}
    numbers = dict(dataset.annotators.exclude(participant=None).values_list("source_id", "participant__number"))
    people: dict[str, set[str]] = {name: set() for name in groups.names}
    for annotator in answered & numbers.keys():
        name = groups.group_of.get(numbers[annotator])
        if name in people:
            people[name].add(annotator)
    everyone = len(answered & numbers.keys())
    found = [_group(name, len(who), who, given) for name, who in people.items()]
    enough = {group.name for group in found if len(group.answers) >= FEWEST}
    names = sorted(enough, key=lambda name: (len(people[name]), name))
    told = told_of_disjoint(np.array([everyone]), np.array([[len(people[name]) for name in names]], dtype=int))[0]
    shown = {name for name, is_told in zip(names, told, strict=True) if is_told}
    return Groups(by, [group for group in found if group.name in shown], sorted(set(people) - set(shown)))


def _group(name: str, people: int | None, annotators: set[str], given: Mapping[int, Sequence[Given]]) -> Group:
    own = {number: [a for a in answers if a.annotator in annotators] for number, answers in given.items()}
    own = {number: answers for number, answers in own.items() if answers}
    answers = {number: answer for number, answer in majority_of(own).items() if answer in ("a", "b")}
    raters = {number: own[number][0].annotator for number in answers if len({a.annotator for a in own[number]}) == 1}
    return Group(name, people, answers, raters if len(raters) == len(answers) else {})


class _Own(NamedTuple):
    """What a group's own answers come to: `votes` are oriented by them, 0 where the group has no answer."""

    group: Group
    has: np.ndarray
    votes: np.ndarray
    tested: list[Tested]
    told: dict[str, Any]


def for_each(
    groups: Groups,
    rows: Sequence[Comparison],
    clusters: Sequence[str],
    judgement: Judgement,
    split: scoring.Split,
    kept: Sequence[int],
    rules: SelectionRules,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return what is told of the groups: each one's constitution, every principle that was kept anywhere by group, the shared
    core and the contradictions. `kept` are the candidates that everyone together keeps."""
    own = [_own(group, rows, clusters, judgement, split, rules, rng) for group in groups.shown]
    anywhere = list(dict.fromkeys([*kept, *(t.candidate for one in own for t in one.tested if not t.reason)]))
    table = [_across(candidate, own, rows, clusters, judgement, rng) for candidate in anywhere]
    return {
        "groups": {
            "by": groups.key,
            "withheld": groups.withheld,
            "shown": [one.told for one in own],
            "principles": table,
        },
        "shared_core": [row["text"] for row in table if row["standing"] == "shared"],
        "contradictions": [
            {"text": row["text"], "for": row["for"], "against": row["against"]}
            for row in table
            if row["standing"] == "contradiction"
        ],
    }


def _own(
    group: Group,
    rows: Sequence[Comparison],
    clusters: Sequence[str],
    judgement: Judgement,
    split: scoring.Split,
    rules: SelectionRules,
    rng: np.random.Generator,
) -> _Own:
    has = np.array([row.number in group.answers for row in rows])
    answers = [group.answers.get(row.number, "a") for row in rows]
    votes = orient(judgement.differences, answers) * has[:, None]
    train, held = (part[has[part]] for part in split)
    both, missing = judgement.both[train], judgement.missing[train]
    tested, test = test_and_select(votes[train], group.raters_of(rows, train), rules, rng, both=both, missing=missing)
    keeps = [t for t in tested if not t.reason]
    decided = scoring.weighted_votes(
        judgement.differences[held], [t.candidate for t in keeps], [t.sign for t in keeps], [t.strength for t in keeps]
    )
    hit = scoring.hits(decided, [answers[i] for i in held])
    share = scoring.share_by_cluster(hit, [clusters[i] for i in held], rng, group.raters_of(rows, held))
    told = {
        "name": group.name,
        "people": group.people,
        "comparisons": int(has.sum()),
        "test": test._asdict(),
        "principles": [
            {
                "text": judgement.candidates[t.candidate].wording(t.sign),
                "direction": judgement.candidates[t.candidate].direction(t.sign),
                "source": judgement.candidates[t.candidate].source,
                **told_counts(t),
                "q": t.q,
            }
            for t in keeps
        ],
        "reconstruction": {"n": share.n, "accuracy": scoring.number(share.value), "ci": scoring.ends(share)},
    }
    return _Own(group, has, votes, tested, told)


def told_counts(tested: Tested) -> dict[str, Any]:
    """Return a principle's votes and the figures made of them, as a body says them."""
    return {
        "for": tested.votes_for,
        "against": tested.votes_against,
        "irrelevant": tested.irrelevant,
        "both": tested.both,
        "missing": tested.missing,
        "relevance": tested.relevance,
        "accuracy": tested.accuracy,
        "kappa": tested.kappa,
        "strength": tested.strength,
    }


def _across(
    candidate: int,
    own: Sequence[_Own],
    rows: Sequence[Comparison],
    clusters: Sequence[str],
    judgement: Judgement,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return how each group's answers stand to one principle, over all of its comparisons."""
    by_group: dict[str, Any] = {}
    signs: dict[str, int] = {}
    for one in own:
        places = np.flatnonzero(one.has & ~judgement.missing[:, candidate])
        votes = one.votes[places, candidate]
        raters = one.group.raters_of(rows, places)
        strength = scoring.strength_by_cluster(votes, [clusters[i] for i in places.tolist()], rng, raters)
        both = int(judgement.both[places, candidate].sum())
        more, less = int((votes > 0).sum()), int((votes < 0).sum())
        by_group[one.group.name] = {
            "for": more,
            "against": less,
            "irrelevant": len(votes) - more - less - both,
            "both": both,
            "strength": scoring.number(strength.value),
            "ci": scoring.ends(strength),
        }
        is_known = strength.low is not None and strength.high is not None
        is_off = is_known and not strength.low <= 0 <= strength.high  # type: ignore[operator]
        signs[one.group.name] = (1 if strength.value > 0 else -1) if is_off else 0
    in_favour = [name for name, sign in signs.items() if sign > 0]
    opposed = [name for name, sign in signs.items() if sign < 0]
    is_shared = len(in_favour) == len(own) or len(opposed) == len(own)
    # one wording for all groups: that of most of those whose interval is off 0
    sign = -1 if len(opposed) > len(in_favour) else 1
    return {
        "text": judgement.candidates[candidate].wording(sign),
        "direction": judgement.candidates[candidate].direction(sign),
        "source": judgement.candidates[candidate].source,
        "standing": "shared" if is_shared else "contradiction" if in_favour and opposed else "open",
        "for": opposed if sign < 0 else in_favour,
        "against": in_favour if sign < 0 else opposed,
        "groups": {name: _turned(told, sign) for name, told in by_group.items()},
    }


def _turned(told: dict[str, Any], sign: int) -> dict[str, Any]:
    """Return a group's figures as they are of the principle's opposite, where that is what is said."""
    if sign > 0:
        return told
    ends = None if told["ci"] is None else [-told["ci"][1], -told["ci"][0]]
    strength = None if told["strength"] is None else -told["strength"]
    return told | {"for": told["against"], "against": told["for"], "strength": strength, "ci": ends}
