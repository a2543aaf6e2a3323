"""Published graphs of groups, and what subtracting them from one another would tell."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone

from core.models import User
from elicitation import deduplication, withdrawal
from elicitation.models import CanonicalValue, Participant, Study
from elicitation.study_folder import import_study
from graphs.building import body_of, build_graph, publish
from graphs.models import GraphSnapshot
from tests.graphs.conftest import cast, crowd_of
from tests.people import join

pytestmark = pytest.mark.django_db
Values = list[CanonicalValue]
YESTERDAY = timezone.now() - timedelta(days=1)


def people_of(study: Study, many: int, values: Values, **demographics: str) -> list[Participant]:
    """Make people who judge the first pair, a day and more ago."""
    return crowd_of(many, values[0], values[1], demographics=demographics, at=YESTERDAY - timedelta(hours=1))


def graph(study: Study, **options: Any) -> GraphSnapshot:
    return build_graph(study, mode="robust" if "balance" in options else "mge-2023", **options)


def test_graphs_of_two_groups_may_both_be_published(study: Study, values: Values) -> None:
    people_of(study, 6, values, age="young")
    people_of(study, 7, values, age="old")
    publish(graph(study, group="age=young"))
    publish(graph(study, group="age=old"))
    assert GraphSnapshot.objects.published().count() == 2


def test_a_second_group_is_refused_where_everyone_less_both_are_a_few(study: Study, values: Values) -> None:
    people_of(study, 6, values, age="young")
    people_of(study, 7, values, age="old")
    people_of(study, 3, values, age="middle")
    first = graph(study, group="age=young")
    publish(first)
    with pytest.raises(ValidationError, match=f"With the published snapshots {first.number} .* by subtraction"):
        publish(graph(study, group="age=old"))
    assert GraphSnapshot.objects.published().get() == first


def test_a_group_is_refused_a_second_time_when_a_few_have_voted_since(study: Study, values: Values) -> None:
    people_of(study, 6, values, age="young")
    people_of(study, 6, values, age="old")
    publish(graph(study, group="age=young", before=YESTERDAY.isoformat()))
    crowd_of(2, values[0], values[1], demographics={"age": "young"})
    later = graph(study, group="age=young")
    with pytest.raises(ValidationError, match="fewer than five people of a group"):
        publish(later)
    crowd_of(3, values[0], values[1], demographics={"age": "young"})
    publish(graph(study, group="age=young"))


def test_a_group_is_refused_a_second_time_when_a_few_others_have_voted_since(study: Study, values: Values) -> None:
    """Both graphs of the group say the same; everyone's at the two moments show that two others came."""
    people_of(study, 6, values, age="young")
    people_of(study, 6, values, age="old")
    publish(graph(study, group="age=young", before=YESTERDAY.isoformat()))
    crowd_of(2, values[0], values[1], demographics={"age": "old"})
    with pytest.raises(ValidationError, match="fewer than five people of a group"):
        publish(build_graph(study, mode="mge-2023", group="age=young", seed=1))


def test_one_persons_change_of_mind_does_not_follow_from_two_graphs(study: Study, values: Values) -> None:
    person, *_others = people_of(study, 6, values, age="young")
    people_of(study, 6, values, age="old")
    publish(graph(study, group="age=young", before=YESTERDAY.isoformat()))
    cast(person, values[0], values[1], "no_upgrade")
    with pytest.raises(ValidationError, match="fewer than five people of a group"):
        publish(graph(study, group="age=young"))


def test_groups_of_two_questions_that_differ_by_a_few_are_not_both_published(study: Study, values: Values) -> None:
    people_of(study, 6, values, age="young", place="hills")
    people_of(study, 2, values, age="young", place="coast")
    people_of(study, 9, values, age="old", place="coast")
    publish(graph(study, group="age=young"))
    with pytest.raises(ValidationError, match="fewer than five people of a group"):
        publish(graph(study, group="place=hills"))


def test_groups_of_two_questions_that_overlap_by_many_may_both_be_published(study: Study, values: Values) -> None:
    for age, place in product(("young", "old"), ("hills", "coast")):
        people_of(study, 5, values, age=age, place=place)
    publish(graph(study, group="age=young"))
    publish(graph(study, group="place=hills"))


def test_a_balanced_graph_tells_of_groups_too(study: Study, values: Values) -> None:
    people_of(study, 6, values, age="young")
    people_of(study, 6, values, age="old")
    publish(graph(study, balance="age", before=YESTERDAY.isoformat()))
    crowd_of(2, values[0], values[1], demographics={"age": "young"})
    with pytest.raises(ValidationError, match="fewer than five people of a group"):
        publish(graph(study, group="age=young"))
    with pytest.raises(ValidationError, match="fewer than five people of a group"):
        publish(graph(study, balance="age"))


def test_graphs_of_everyone_are_published_whatever_else_is(study: Study, values: Values) -> None:
    people_of(study, 6, values, age="young")
    people_of(study, 6, values, age="old")
    publish(graph(study, group="age=young"))
    for _ in range(2):
        crowd_of(1, values[0], values[1], demographics={"age": "young"})
        publish(graph(study))
    assert GraphSnapshot.objects.published().count() == 3


def test_publishing_twice_changes_nothing_whatever_was_published_since(study: Study, values: Values) -> None:
    people_of(study, 6, values, age="young")
    people_of(study, 6, values, age="old")
    snapshot = graph(study, group="age=young")
    assert publish(snapshot) == publish(snapshot)


def test_after_someone_left_their_pair_is_told_of_no_group_again(study: Study, values: Values) -> None:
    """The published graph counts them for ever; a later one less that would be about them alone."""
    leaver, *_others = people_of(study, 7, values, age="young")
    people_of(study, 6, values, age="old")
    publish(graph(study, group="age=young"))
    withdrawal.withdraw(leaver)
    for group in ("age=young", "age=old"):
        with pytest.raises(ValidationError, match="fewer than five people of a group"):
            publish(build_graph(study, mode="mge-2023", group=group))


def test_after_a_merge_the_pairs_that_came_together_are_told_of_no_group_again(study: Study, values: Values) -> None:
    young = people_of(study, 7, values, age="young")
    old = people_of(study, 7, values, age="old")
    publish(graph(study, group="age=young"))
    for person in [*young[:2], *old[:5]]:
        cast(person, values[0], values[2])
    deduplication.merge(study, values[1:])
    with pytest.raises(ValidationError, match="fewer than five people of a group"):
        publish(graph(study, group="age=young"))


def test_the_command_says_why_a_graph_is_not_published(study: Study, values: Values) -> None:
    people_of(study, 6, values, age="young")
    people_of(study, 7, values, age="old")
    people_of(study, 3, values)
    publish(graph(study, group="age=young"))
    with pytest.raises(CommandError, match=r"Snapshot 2 was not published\. With the published snapshots 1"):
        call_command("build_graph", study.slug, "--group", "age=old", "--publish", stdout=StringIO())


def test_over_rest_the_reason_is_told(
    study: Study, values: Values, facilitator: User, client_of: Callable[..., Any]
) -> None:
    people_of(study, 6, values, age="young")
    people_of(study, 7, values, age="old")
    people_of(study, 3, values)
    publish(graph(study, group="age=young"))
    second = graph(study, group="age=old")
    answer = client_of(facilitator).post(f"/api/v1/studies/{study.slug}/graphs/{second.number}/publish/")
    assert answer.status_code == 400 and "by subtraction" in answer.json()["detail"]


@pytest.mark.parametrize("seed", [0, 2])
def test_an_attacker_who_subtracts_all_published_graphs_from_one_another_learns_of_nobody(
    study: Study, values: Values, seed: int
) -> None:
    """Graphs of random people, in random order and at random moments, are published where they may be. The attacker has the
    figures of all of them and of everyone at each moment, and tries every sum of three with factors −1, 0 and 1. With all
    graphs that were built, it would learn of a few."""
    rng = np.random.default_rng(seed)
    told: dict[int, dict[str, str]] = {}
    moments = [YESTERDAY + timedelta(hours=hour) for hour in (0, 5)]
    for moment in moments:
        for _ in range(int(rng.integers(12, 30))):
            person = join(study)
            answers = {key: str(rng.choice(names)) for key, names in GROUPS.items() if rng.random() < 0.9}
            told[person.number] = answers
            Participant.objects.filter(id=person.id).update(demographics=answers)
            for pair in ((values[0], values[1]), (values[0], values[2])):
                if rng.random() < 0.8:
                    answer = "upgrade" if rng.random() < 0.7 else "no_upgrade"
                    cast(person, *pair, answer, at=moment - timedelta(minutes=int(rng.integers(1, 200))))
    options = [{"group": f"{key}={name}"} for key, names in GROUPS.items() for name in names]
    options += [{"balance": key} for key in GROUPS]
    built = []
    for place in rng.permutation(2 * len(options)):
        try:
            built.append(graph(study, **options[place // 2], before=moments[place % 2].isoformat()))
            publish(built[-1])
        except ValidationError:
            continue
    published = list(GraphSnapshot.objects.published().order_by("number"))
    assert len(published) > 1
    assert _learns(study, built, told) and not _learns(study, published, told)


def _learns(study: Study, snapshots: list[GraphSnapshot], told: dict[int, dict[str, str]]) -> bool:
    """Whether some sum of what these graphs tell rests on one to four people."""
    for pair in ((1, 2), (1, 3)):
        known = dict.fromkeys(cut for snapshot in snapshots for cut in _known(study, snapshot, pair, told))
        rows = np.array([[person in cut for person in sorted(told)] for cut in known], dtype=int).reshape(-1, len(told))
        for some in combinations(range(len(rows)), min(3, len(rows))):
            for factors in product((-1, 0, 1), repeat=len(some)):
                if 1 <= np.count_nonzero(np.array(factors) @ rows[list(some)]) <= 4:
                    return True
    return False


GROUPS = {"age": ["young", "old", "middle"], "place": ["hills", "coast"]}


def _known(
    study: Study, snapshot: GraphSnapshot, pair: tuple[int, int], told: dict[int, dict[str, str]]
) -> Iterator[frozenset[int]]:
    """Yield the sets of people whose number a published body gives for a pair, or everyone's at that moment less it."""
    body = body_of(snapshot)
    row = next((row for row in [*body["edges"], *body["dropped"]] if (row["from"], row["to"]) == pair), None)
    votes = study.wisdom_votes.filter(
        from_value__number=pair[0], to_value__number=pair[1], voted_at__lt=snapshot.filters["before"]
    )
    everyone = frozenset(votes.values_list("participant__number", flat=True))
    if row is None:
        return
    if group := snapshot.filters["group"]:
        key, name = group.split("=")
        named, counts = [(key, name)], [row["counts"]["impressions"]]
    else:
        key = snapshot.rules["balance"]
        named = [(key, name) for name, side in row["groups"].items() if side]
        counts = [row["groups"][name]["decided"] for _key, name in named]
    for (key, name), count in zip(named, counts, strict=True):
        mine = frozenset(person for person in everyone if told[person].get(key) == name)
        assert len(mine) == count >= 5
        yield mine
        yield everyone - mine


def test_the_parties_of_the_trial_may_be_published_side_by_side_and_not_at_two_near_moments(trial: Any) -> None:
    import_study(trial, "trial")
    study = Study.objects.get(slug="trial")
    for party in ("Republican", "Democrat"):
        publish(graph(study, group=f"us_political_affiliation={party}"))
    near = graph(study, group="us_political_affiliation=Republican", before="2023-10-12T00:00:00Z")
    with pytest.raises(ValidationError, match="fewer than five people of a group"):
        publish(near)
