"""The moral graph and the constitution: built, read with their doubt, published, and shown to everyone."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from constitutions.models import ConstitutionVersion
from core.models import Job, User
from elicitation import comparisons
from elicitation.models import Annotation, Annotator, CanonicalValue, Dataset, Participant, Study, WisdomVote
from frontend.dashboard.graph_page import lead
from frontend.dashboard.graph_tables import Named, plain_reason
from frontend.templatetags.folkmoot import percent
from graphs import building
from graphs.models import GraphSnapshot
from tests.frontend.conftest import browser_with
from tests.people import join, value_in

Work = Callable[[], Job]


@pytest.fixture
def voted(study: Study, make_value: Callable[..., CanonicalValue]) -> Study:
    """`study` with a clear pair, one that is too close to call, and one that two people judged."""
    safe, free, together = (make_value(study, title=title) for title in ("Keeping safe", "Staying free", "Letting go"))
    context = study.contexts.get(number=1)
    for person in [join(study) for _ in range(12)]:
        judge(person, safe, together, "upgrade", context)
    for number, person in enumerate(study.participants.all()[:10]):
        judge(person, free, together, "upgrade" if number < 6 else "no_upgrade", context)
    for person in study.participants.all()[:2]:
        judge(person, together, free, "upgrade", study.contexts.get(number=2))
    return study


def judge(
    person: Participant, first: CanonicalValue, second: CanonicalValue, answer: str, context: Any, comment: str = ""
) -> None:
    WisdomVote.objects.create(
        study=person.study, participant=person, from_value=first, to_value=second, context=context, answer=answer,
        voted_at=timezone.now(), comment=comment,
    )  # fmt: skip


def shown(browser: Client, name: str, *args: Any, query: str = "") -> str:
    response = browser.get(reverse(name, args=args) + query)
    assert response.status_code == 200
    return response.content.decode()


def graph(desk: Client, study: Study, **typed: str) -> Any:
    return desk.post(reverse("dashboard:graph", args=[study.slug]), {"act": "build"} | typed)


# graph


@pytest.mark.parametrize("mode", building.MODES)
def test_a_graph_is_built_and_drawn_with_a_table_of_the_same_arrows(
    desk: Client, voted: Study, work_off: Work, mode: str
) -> None:
    graph(desk, voted, mode=mode)
    assert "data-job=" in shown(desk, "dashboard:graph", voted.slug)
    assert work_off().state == "done"
    page = shown(desk, "dashboard:graph", voted.slug)
    drawn = re.search(r'<svg class="graph".*?</svg>', page, re.DOTALL)
    body = building.body_of(voted.graphs.get())
    holding = re.findall(r'class="arrow[^"]*"', drawn[0]) if drawn else []
    assert len([told for told in holding if " off" not in told]) == len(body["edges"]) > 0
    assert table_of(page).count("<tr>") == len(body["edges"]) + 1
    dropped = table_of(shown(desk, "dashboard:graph", voted.slug, query="?table=dropped"))
    assert dropped.count("<tr>") == len(body["dropped"]) + 1
    assert all(plain_reason(edge["reason"]) in dropped for edge in body["dropped"])


def table_of(page: str) -> str:
    return page.split('id="table"')[1].split("</section>")[0]


def test_a_winner_among_few_people_is_not_counted_out(desk: Client, voted: Study) -> None:
    building.build_graph(voted, mode="mge-2023")
    assert "fewer than 5" in shown(desk, "dashboard:graph", voted.slug)


def test_a_robust_graph_says_how_sure_its_winner_is_and_the_trials_way_says_that_it_cannot(
    desk: Client, voted: Study
) -> None:
    building.build_graph(voted)
    assert "Wins again" in shown(desk, "dashboard:graph", voted.slug)
    building.build_graph(voted, mode="mge-2023")
    assert "does not say how sure" in shown(desk, "dashboard:graph", voted.slug)


def test_an_arrow_that_is_too_close_to_call_is_not_counted_among_those_that_hold(
    desk: Client, voted: Study, make_value: Callable[..., CanonicalValue]
) -> None:
    first, second = make_value(voted, title="Plain honesty"), make_value(voted, title="Kind and true")
    for number, person in enumerate(voted.participants.all()[:8]):
        judge(person, first, second, "upgrade" if number < 6 else "no_upgrade", voted.contexts.get(number=1))
    building.build_graph(voted, mode="mge-2023")
    heading = table_of(shown(desk, "dashboard:graph", voted.slug)).partition("</h2>")[0]
    assert "2 arrows, 1 too close to call" in heading


def test_only_what_may_be_even_is_drawn_dashed(
    desk: Client, voted: Study, make_value: Callable[..., CanonicalValue]
) -> None:
    first, second = make_value(voted, title="Plain honesty"), make_value(voted, title="Kind and true")
    for person in voted.participants.all():
        judge(person, first, second, "no_upgrade", voted.contexts.get(number=1))
    building.build_graph(voted, mode="mge-2023")
    rows = shown(desk, "dashboard:graph", voted.slug, query="?table=dropped").split("<tr")
    clear, even = (next(row for row in rows if f'">{title}</td>' in row) for title in ("Plain honesty", "Staying free"))
    assert "0 / 12" in clear and "weak" not in clear
    assert "6 / 12" in even and "weak" in even


def with_winner(body: dict[str, Any], **told: Any) -> dict[str, Any]:
    """Return a built body whose winner over all is told otherwise."""
    return body | {"winners": [body["winners"][0] | told, *body["winners"][1:]]}


def lead_of(body: dict[str, Any]) -> str:
    text = render_to_string("dashboard/graph_lead.html", {"lead": lead(body, "", {1: "Keeping safe", 3: "Letting go"})})
    return " ".join(re.sub(r"<[^>]+>", "", text).split())


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (0.97, "Letting go leads, and that is firm: it would win 97 % of the time if other people had been asked."),
        (0.7, "Letting go probably leads: it would win 70 % of the time if other people had been asked."),
        (0.2, "Letting go leads, but would win only 20 % of the time if other people had been asked."),
    ],
)
def test_the_page_says_first_who_leads_and_how_sure_that_is(voted: Study, probability: float, said: str) -> None:
    body = with_winner(building.body_of(building.build_graph(voted)), probability=probability)
    assert lead_of(body).startswith(said)


def test_the_page_says_how_few_votes_could_change_the_winner(voted: Study) -> None:
    flip = {"votes_to_flip": {"at_most": 2, "votes": [], "new_winner": 1}, "sybil_share": 0.14}
    said = lead_of(building.body_of(building.build_graph(voted)) | flip)
    assert "2 more votes could put “Keeping safe” in front; that is 14 % of all people." in said


def test_where_nobody_leads_the_page_says_so(voted: Study) -> None:
    body = building.body_of(building.build_graph(voted))
    assert "No value leads yet" in lead_of(with_winner(body, value=None, probability=None))
    trials = building.body_of(building.build_graph(voted, mode="mge-2023"))
    assert "leads. This way of counting does not say how sure that is." in lead_of(trials)


def test_a_winner_that_seldom_wins_again_is_told_as_not_sure(
    desk: Client, voted: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = building.body_of(building.build_graph(voted))
    assert "not sure</span>" not in shown(desk, "dashboard:graph", voted.slug)
    told = with_winner(body, probability=0.3)
    monkeypatch.setattr("frontend.dashboard.graph_page._read", lambda _body, _sha256: told)
    assert "not sure</span>" in shown(desk, "dashboard:graph", voted.slug)


def test_a_value_is_found_by_words_of_its_card(desk: Client, voted: Study) -> None:
    building.build_graph(voted, mode="mge-2023")
    page = shown(desk, "dashboard:graph", voted.slug, query="?find=SAFE keeping")
    found = page.split('id="found"')[1].split("</div>")[0]
    assert "1 value found" in found and "Keeping safe" in found and "?value=1#evidence" in found
    assert "No value has these words." in shown(desk, "dashboard:graph", voted.slug, query="?find=nonsense")


def test_other_thresholds_show_other_arrows_and_leave_the_graph_as_it_is(
    desk: Client, voted: Study, make_value: Callable[..., CanonicalValue]
) -> None:
    honest, safe = make_value(voted, title="Plain honesty"), voted.values.get(number=1)
    for person in voted.participants.all()[:3]:
        judge(person, honest, safe, "upgrade", voted.contexts.get(number=1))
    snapshot = building.build_graph(voted)
    assert "Keeping safe" in table_of(shown(desk, "dashboard:graph", voted.slug))
    strict = shown(desk, "dashboard:graph", voted.slug, query="?people=13&table=kept")
    assert "0 of 2 arrows pass" in strict and "There is none." in table_of(strict)
    loose = shown(desk, "dashboard:graph", voted.slug, query="?people=1&q=6")
    assert "2 of 2 arrows pass" in loose and "Plain honesty" in table_of(loose)
    snapshot.refresh_from_db()
    assert building.body_of(snapshot)["counts"]["edges"] == 1


@pytest.mark.parametrize(
    "query", ["people=x", "people=-1", "low=999", "q=²", "q=99", "sort=nonsense", "page=99", "most=x"]
)
def test_a_look_at_what_is_not_there_is_the_usual_one(desk: Client, voted: Study, query: str) -> None:
    building.build_graph(voted)
    assert "Letting go" in shown(desk, "dashboard:graph", voted.slug, query=f"?{query}")


@pytest.mark.parametrize("table", ["kept", "dropped", "values"])
def test_every_column_of_every_table_sorts_both_ways(desk: Client, voted: Study, table: str) -> None:
    apart(voted)
    building.build_graph(voted, mode="mge-2023")
    page = table_of(shown(desk, "dashboard:graph", voted.slug, query=f"?table={table}"))
    sorts = re.findall(r'name="sort" value="([^"]+)"', page)
    assert len(sorts) >= 5 and "aria-sort" not in page
    for sort in sorts:
        once = table_of(shown(desk, "dashboard:graph", voted.slug, query=f"?table={table}&sort={sort}"))
        (back,) = (other for other in re.findall(r'value="([^"]+)"', once) if other.strip("-") == sort.strip("-"))
        assert back != sort and once.count("aria-sort=") == 1
        assert f'aria-sort="{"descending" if sort.startswith("-") else "ascending"}"' in once


def test_values_are_listed_with_what_they_were_judged_wiser_than(desk: Client, voted: Study) -> None:
    building.build_graph(voted, mode="mge-2023")
    rows = table_of(shown(desk, "dashboard:graph", voted.slug, query="?table=values&sort=-wiser")).split("<tr")
    assert "Letting go" in rows[2] and len(rows) == 1 + 1 + 2


def test_the_way_up_from_a_value_is_told_and_marked(
    desk: Client, voted: Study, make_value: Callable[..., CanonicalValue]
) -> None:
    lowest, safe = make_value(voted, title="Plain honesty"), voted.values.get(number=1)
    for person in voted.participants.all():
        judge(person, lowest, safe, "upgrade", voted.contexts.get(number=1))
    building.build_graph(voted)
    page = shown(desk, "dashboard:graph", voted.slug, query=f"?value={lowest.number}")
    way = re.sub(r"<[^>]+>", "", page.split('<ol class="ways">')[1].split("</ol>")[0])
    assert way.strip() == "Plain honesty → Keeping safe → Letting go"
    assert page.count('class="arrow sel up"') == 1 and page.count('class="arrow up"') == 1


def test_colours_come_with_a_shape_and_a_legend(desk: Client, voted: Study) -> None:
    apart(voted)
    building.build_graph(voted, mode="mge-2023")
    assert "shape g1" not in shown(desk, "dashboard:graph", voted.slug)
    page = shown(desk, "dashboard:graph", voted.slug, query="?colour=part")
    picture = page.split('id="picture"')[1].split("</section>")[0]
    legend = picture.split('aria-label="Groups"')[1].split("</ul>")[0]
    assert picture.count('class="shape g2"') == 3 and "Sharing" in legend and "Letting go" in legend
    by_situation = shown(desk, "dashboard:graph", voted.slug, query="?colour=situation")
    assert "When someone loses a freedom" in by_situation.split('aria-label="Groups"')[1].split("</ul>")[0]


def test_what_nothing_is_wiser_than_and_circles_are_told(desk: Client, voted: Study) -> None:
    for person in voted.participants.all():
        judge(person, voted.values.get(number=3), voted.values.get(number=1), "upgrade", voted.contexts.get(number=2))
    building.build_graph(voted, mode="mge-2023")
    page = shown(desk, "dashboard:graph", voted.slug)
    assert "At the top, and in circles" in page
    apart(voted)
    building.build_graph(voted)
    top = shown(desk, "dashboard:graph", voted.slug).split("At the top, and in circles")[1].split("</section>")[0]
    assert "Sharing" in top and "Winning" not in top and "No arrows lead round in a circle." in top


def test_experts_words_stand_beside_plain_ones(desk: Client, voted: Study) -> None:
    assert plain_reason("entropy above 1.69") == "the answers are too mixed"
    assert plain_reason("fewer than 2 say wiser") == "fewer than 2 say wiser"
    building.build_graph(voted, mode="mge-2023")
    page = shown(desk, "dashboard:graph", voted.slug)
    assert "as the trial of 2023 counted (mge-2023)" in page.split("<h1>")[1].split("</p>")[0]


def test_an_arrow_tells_what_each_group_says_and_withholds_the_small(desk: Client, voted: Study) -> None:
    body = building.body_of(building.build_graph(voted))
    side = {"wiser": 9, "decided": 12, "share": 0.75, "interval": [0.47, 0.92]}
    arrow = Named({1: "Keeping safe", 3: "Letting go"})(body["edges"][0] | {"groups": {"old": side, "young": None}})
    told = render_to_string("dashboard/graph_arrow.html", {"arrow": arrow})
    old, young = told.split("Support by group")[1].split("</table>")[0].split("</tr>")[:2]
    assert "9 / 12" in old and "75 % (47–92 %)" in old
    assert "fewer than 5, not shown" in young


def test_the_team_reads_the_story_that_people_judged(desk: Client, voted: Study, make_story: Any) -> None:
    safe, together = voted.values.get(number=1), voted.values.get(number=3)
    make_story(voted, safe, together, voted.contexts.get(number=1), text="She gave the keys away herself.")
    building.publish(building.build_graph(voted))
    assert "She gave the keys away" in shown(desk, "dashboard:graph", voted.slug, query="?arrow=1-3")
    assert "She gave the keys away" not in shown(Client(), "public-graph", voted.slug, query="?arrow=1-3")


def test_a_value_shows_its_evidence(desk: Client, voted: Study) -> None:
    building.build_graph(voted)
    page = shown(desk, "dashboard:graph", voted.slug, query="?value=1")
    assert '<h2 class="pname" dir="auto">Keeping safe</h2>' in page and "Judged less wise than" in page


@pytest.mark.parametrize("value", ["99", "x", "-1", "²", "9" * 40])
def test_a_value_that_is_not_there_shows_the_wisest(desk: Client, voted: Study, value: str) -> None:
    building.build_graph(voted)
    assert '<h2 class="pname" dir="auto">Letting go</h2>' in shown(
        desk, "dashboard:graph", voted.slug, query=f"?value={value}"
    )


def test_an_arrow_shows_its_evidence_with_peoples_words_for_the_team_alone(desk: Client, voted: Study) -> None:
    safe, together = voted.values.get(number=1), voted.values.get(number=3)
    judge(join(voted), safe, together, "upgrade", voted.contexts.get(number=1), comment="It sees more.")
    building.publish(building.build_graph(voted))
    page = shown(desk, "dashboard:graph", voted.slug, query="?arrow=1-3")
    evidence = page.split('id="evidence"')[1].split("</section>")[0]
    assert "Keeping safe → Letting go" in evidence and '<td class="num">13</td>' in evidence
    assert "When someone loses a freedom" in evidence and "It sees more." in evidence
    public = shown(Client(), "public-graph", voted.slug, query="?arrow=1-3")
    assert "Keeping safe → Letting go" in public and "It sees more." not in public


def test_words_of_a_preview_are_no_evidence(desk: Client, voted: Study) -> None:
    safe, together = voted.values.get(number=1), voted.values.get(number=3)
    preview = join(voted, is_preview=True)
    judge(preview, safe, together, "upgrade", voted.contexts.get(number=1), comment="Just trying.")
    building.build_graph(voted)
    assert "Just trying." not in shown(desk, "dashboard:graph", voted.slug, query="?arrow=1-3")
    assert "24 answers by 12 people" in shown(desk, "dashboard:votes", voted.slug)


@pytest.mark.parametrize("arrow", ["3-1", "1", "1-2-3", "x-y", "²-1", "-"])
def test_an_arrow_that_is_not_there_shows_the_wisest_value(desk: Client, voted: Study, arrow: str) -> None:
    building.build_graph(voted)
    page = shown(desk, "dashboard:graph", voted.slug, query=f"?arrow={arrow}")
    assert '<h2 class="pname" dir="auto">Letting go</h2>' in page


def apart(study: Study) -> None:
    """Let people judge a pair that has nothing to do with the others, in the second situation."""
    first, second = value_in(study, title="Winning"), value_in(study, title="Sharing")
    for person in study.participants.all():
        judge(person, first, second, "upgrade", study.contexts.get(number=2))


def test_a_situation_limits_picture_and_table_to_its_arrows(desk: Client, voted: Study) -> None:
    apart(voted)
    building.build_graph(voted, mode="mge-2023")
    page = shown(desk, "dashboard:graph", voted.slug, query=f"?situation={voted.contexts.get(number=2).text}")
    drawn = page.split('<svg class="graph"')[1].split("</svg>")[0]
    assert "2 values, 1 arrow." in page and "Sharing" in drawn and "Keeping safe" not in drawn
    assert "?situation=" in page.split('id="table"')[1]  # its links keep the situation


def test_a_newer_snapshot_says_what_changed(desk: Client, voted: Study) -> None:
    building.build_graph(voted, context="When someone loses a freedom")
    assert "What changed" not in shown(desk, "dashboard:graph", voted.slug)
    apart(voted)
    building.build_graph(voted, mode="mge-2023")
    changes = shown(desk, "dashboard:graph", voted.slug).split('id="changes"')[1].split("</section>")[0]
    assert "What changed since snapshot 1" in changes and "Winning → Sharing" in changes
    assert "They count differently: robust then, mge-2023 now." in changes


def test_publishing_asks_once_more(desk: Client, voted: Study) -> None:
    building.build_graph(voted)
    asked = (
        shown(desk, "dashboard:graph", voted.slug).split('value="publish"')[0].rsplit('<details class="confirm"')[-1]
    )
    assert "It cannot be changed or taken back." in asked and "</details>" not in asked


def test_a_graph_of_one_situation_says_so(desk: Client, voted: Study) -> None:
    building.build_graph(voted, context="When someone loses a freedom")
    headline = shown(desk, "dashboard:graph", voted.slug).split("<h1>")[1].split("</p>")[0]
    assert "When someone loses a freedom" in headline


def test_newer_votes_are_said_to_wait(desk: Client, voted: Study) -> None:
    building.build_graph(voted)
    first, second = voted.values.order_by("number")[:2]
    judge(join(voted), first, second, "upgrade", voted.contexts.get(number=1))
    assert "1 newer vote waits" in shown(desk, "dashboard:graph", voted.slug)


def test_a_build_that_failed_says_why_beside_the_graph_there_is(desk: Client, voted: Study, work_off: Work) -> None:
    building.build_graph(voted)
    graph(desk, voted)
    voted.participants.update(is_simulated=True)  # so that nobody counts when the worker comes to it
    failed = work_off()
    page = shown(desk, "dashboard:graph", voted.slug)
    assert failed.state == "failed" and failed.error in page
    assert "data-job=" not in page and '<svg class="graph"' in page


def test_after_a_first_build_that_failed_another_can_be_asked_for(desk: Client, study: Study, work_off: Work) -> None:
    graph(desk, study)
    assert 'value="build"' not in shown(desk, "dashboard:graph", study.slug)
    assert work_off().state == "failed"
    page = shown(desk, "dashboard:graph", study.slug)
    assert "There is no vote to count here" in page and 'value="build"' in page


@pytest.mark.parametrize("typed", [{"mode": "nonsense"}, {"context": "When nobody asked"}])
def test_a_build_of_what_is_not_there_is_told(desk: Client, voted: Study, typed: dict[str, str]) -> None:
    response = graph(desk, voted, **typed)
    assert response.status_code == 400 and 'role="alert"' in response.content.decode()
    assert not Job.objects.exists()


def test_a_build_that_comes_to_the_same_graph_says_so(desk: Client, voted: Study, work_off: Work) -> None:
    graph(desk, voted)
    work_off()
    assert "nothing new" not in shown(desk, "dashboard:graph", voted.slug)
    graph(desk, voted)
    work_off()
    assert "in the same way as snapshot 1. There is nothing new." in shown(desk, "dashboard:graph", voted.slug)


def test_an_older_snapshot_stays_to_be_read(desk: Client, voted: Study) -> None:
    for mode in building.MODES:
        building.build_graph(voted, mode=mode)
    assert "snapshot 1" in shown(desk, "dashboard:graph-number", voted.slug, 1).split("<h1>")[1]
    assert desk.get(reverse("dashboard:graph-number", args=[voted.slug, 9])).status_code == 404


def test_a_published_graph_is_for_everyone_and_a_draft_is_not(desk: Client, voted: Study) -> None:
    building.build_graph(voted)
    public = reverse("public-graph", args=[voted.slug])
    assert Client().get(public).status_code == 404
    desk.post(reverse("dashboard:graph", args=[voted.slug]), {"act": "publish", "number": "1"})
    assert GraphSnapshot.objects.published().count() == 1
    page = Client().get(public).content.decode()
    assert "Letting go" in page and "csrfmiddlewaretoken" not in page


def test_a_snapshot_of_another_study_cannot_be_published(desk: Client, voted: Study, other_study: Study) -> None:
    assert graph(desk, voted, act="publish", number="1").status_code == 404


def test_every_export_on_the_graph_page_can_be_pulled(desk: Client, voted: Study) -> None:
    building.build_graph(voted)
    links = re.findall(r'href="(/api/v1/[^"]*export=[^"]*)"', shown(desk, "dashboard:graph", voted.slug))
    assert len(links) >= 5
    assert {desk.get(link).status_code for link in links} == {200}


def test_simulated_people_are_labelled(desk: Client, voted: Study) -> None:
    Study.objects.filter(id=voted.id).update(is_simulated=True)
    voted.participants.update(is_simulated=True)
    voted.refresh_from_db()
    building.publish(building.build_graph(voted))
    for page in (shown(desk, "dashboard:graph", voted.slug), shown(Client(), "public-graph", voted.slug)):
        assert "Made by simulated participants" in page


# constitution


@pytest.fixture
def published(voted: Study) -> Study:
    """`voted` with a published graph."""
    building.publish(building.build_graph(voted))
    return voted


def constitution(desk: Client, study: Study, act: str, **typed: str) -> Any:
    return desk.post(reverse("dashboard:constitution", args=[study.slug]), {"act": act} | typed)


def test_what_a_search_found_is_read_before_it_is_published(
    desk: Client, viewers_desk: Client, published: Study, work_off: Work
) -> None:
    constitution(desk, published, "search", graph="yes")
    assert work_off().state == "done"
    page = shown(desk, "dashboard:constitution", published.slug)
    assert "Found, not published" in page and not ConstitutionVersion.objects.exists()
    extraction = re.search(r'name="extraction" value="([\w-]+)"', page)
    assert extraction is not None
    assert 'name="extraction"' not in shown(viewers_desk, "dashboard:constitution", published.slug)
    constitution(desk, published, "publish", extraction=extraction[1], note="The first one")
    version = ConstitutionVersion.objects.get()
    assert (version.number, version.note, version.constitution.study) == (1, "The first one", published)
    assert "Found, not published" not in shown(desk, "dashboard:constitution", published.slug)


def test_what_was_not_read_cannot_be_published(desk: Client, published: Study, work_off: Work) -> None:
    constitution(desk, published, "search", graph="yes")
    work_off()
    response = constitution(desk, published, "publish", extraction="00000000-0000-4000-8000-000000000000")
    assert response.status_code == 409 and not ConstitutionVersion.objects.exists()


def test_a_search_needs_something_to_look_in(desk: Client, voted: Study) -> None:
    for typed in ({}, {"graph": "yes"}, {"comparisons": "yes"}):  # neither is there
        assert constitution(desk, voted, "search", **typed).status_code == 400
    assert not Job.objects.exists()


def search(desk: Client, study: Study, work_off: Work, note: str, **places: str) -> None:
    """Search in these places, and publish what was found."""
    constitution(desk, study, "search", **places)
    found = work_off().result
    assert found is not None
    constitution(desk, study, "publish", extraction=found["extraction"], note=note)


def versions(desk: Client, study: Study, work_off: Work, note: str = "") -> ConstitutionVersion:
    """Search and publish, as a facilitator does."""
    search(desk, study, work_off, note, graph="yes")
    return ConstitutionVersion.objects.latest("number")


def test_a_search_that_finds_nothing_new_says_so(desk: Client, published: Study, work_off: Work) -> None:
    versions(desk, published, work_off)
    assert "nothing new to publish" not in shown(desk, "dashboard:constitution", published.slug)
    constitution(desk, published, "search", graph="yes")
    work_off()
    assert "version 1 says already" in shown(desk, "dashboard:constitution", published.slug)


def test_a_published_constitution_is_for_everyone_with_its_evidence(
    desk: Client, published: Study, work_off: Work
) -> None:
    version = versions(desk, published, work_off)
    page = shown(Client(), "public-constitution", published.slug)
    assert version.sha256 in page
    assert reverse("public-principle", args=[published.slug, 1, 1]) in page
    assert "Judged wiser than" in shown(Client(), "public-principle", published.slug, 1, 1)
    assert Client().get(reverse("public-principle", args=[published.slug, 1, 99])).status_code == 404
    shown(Client(), "public-constitution-version", published.slug, 1)
    assert Client().get(reverse("public-constitution-version", args=[published.slug, 7])).status_code == 404
    assert Client().get(reverse("public-constitution", args=["nowhere"])).status_code == 404


def test_the_curl_of_the_pull_box_pulls_the_prompt(desk: Client, published: Study, work_off: Work) -> None:
    versions(desk, published, work_off)
    pull = shown(desk, "dashboard:constitution", published.slug).split('id="pull">')[1].split("</code>")[0]
    address = re.sub(r"<[^>]+>|&#x27;|'", "", pull).removeprefix("curl http://testserver")
    assert Client().get(address).status_code == 200


def test_the_next_version_tells_what_changed(desk: Client, published: Study, work_off: Work) -> None:
    versions(desk, published, work_off)
    dataset = comparisons.dataset_of(published)
    people = list(published.participants.all()[:3])
    for number in range(12):
        made = comparisons.add_comparison(
            dataset, prompt=f"Question {number}", text_a="Sure? Maybe? Who can say?", text_b="It is always so."
        )
        for person in people:
            comparisons.annotate(made, participant=person, answer="a")
    search(desk, published, work_off, "With comparisons", graph="yes", comparisons="yes")
    page = shown(desk, "dashboard:constitution", published.slug)
    assert "What changed since version 1" in page and "With comparisons" in page
    assert "How well it predicts people" in page and "Coin toss" in page and "Longer answer" in page


@pytest.fixture
def pairs(facilitator: User) -> Dataset:
    """An imported dataset of `facilitator`, in which what asks back is preferred."""
    dataset = Dataset.objects.create(slug="pairs", title="Pairs", owner=facilitator)
    people = [Annotator.objects.create(dataset=dataset, number=n, source_id=f"h{n}", kind="human") for n in range(3)]
    for number in range(30):
        made = comparisons.add_comparison(
            dataset, prompt=f"Question {number}", text_a="Maybe? Who can say?", text_b="It is always so."
        )
        for person in people:
            Annotation.objects.create(comparison=made, annotator=person, answer="a")
    return dataset


def test_an_imported_dataset_gives_a_constitution_that_is_read_and_published(
    desk: Client, pairs: Dataset, work_off: Work
) -> None:
    assert reverse("dashboard:dataset", args=["pairs"]) in shown(desk, "dashboard:datasets")
    assert "h1" in shown(desk, "dashboard:dataset", "pairs")
    address = reverse("dashboard:dataset", args=["pairs"])
    desk.post(address, {"act": "search", "principles": "2"})
    assert work_off().state == "done"
    page = shown(desk, "dashboard:dataset", "pairs")
    assert "of 15 kept back" in page
    extraction = re.search(r'name="extraction" value="([\w-]+)"', page)
    assert extraction is not None and "Found, not published" in page
    desk.post(address, {"act": "publish", "extraction": extraction[1], "note": "First"})
    version = ConstitutionVersion.objects.get()
    assert (version.constitution.dataset, version.constitution.slug) == (pairs, "pairs")
    assert version.sha256 in shown(desk, "dashboard:dataset-number", "pairs", 1)
    assert desk.get(reverse("dashboard:dataset-number", args=["pairs", 2])).status_code == 404
    assert version.sha256 in shown(Client(), "public-constitution", "pairs")


def test_the_evidence_says_which_answer_people_preferred(desk: Client, pairs: Dataset, work_off: Work) -> None:
    address = reverse("dashboard:dataset", args=["pairs"])
    desk.post(address, {"act": "search", "principles": "1"})
    work_off()
    found = re.search(r'name="extraction" value="([\w-]+)"', shown(desk, "dashboard:dataset", "pairs"))
    assert found is not None
    desk.post(address, {"act": "publish", "extraction": found[1], "note": "First"})
    page = shown(Client(), "public-principle", "pairs", 1, 1)
    assert "people chose it" in page and "the principle speaks for it" in page
    only_for = shown(Client(), "public-principle", "pairs", 1, 1, query="?stance=for")
    assert "Decides as people did" in only_for and "Decides otherwise" not in only_for


def test_a_dataset_of_someone_else_is_not_there(stranger: User, pairs: Dataset) -> None:
    browser = browser_with(stranger)
    address = reverse("dashboard:dataset", args=["pairs"])
    assert browser.get(address).status_code == browser.post(address, {"act": "search"}).status_code == 404
    assert Client().get(address)["Location"].startswith(reverse("sign-in"))


def test_the_dataset_of_a_study_is_shown_with_the_study(desk: Client, study: Study) -> None:
    dataset = comparisons.dataset_of(study)
    response = desk.get(reverse("dashboard:dataset", args=[dataset.slug]))
    assert response["Location"] == reverse("dashboard:constitution", args=[study.slug])


# the front page


def test_the_front_page_leads_to_what_is_published_and_listed(
    desk: Client, published: Study, other_study: Study, work_off: Work
) -> None:
    assert "What people found" not in shown(Client(), "home")
    Study.objects.update(is_listed=True)
    versions(desk, published, work_off)
    page = shown(Client(), "home")
    found = page.split("What people found")[1]
    assert reverse("public-graph", args=[published.slug]) in found
    assert reverse("public-constitution", args=[published.slug]) in found
    assert other_study.title not in found


def test_the_front_page_lists_no_draft_and_no_study_that_is_not_listed(study: Study, other_study: Study) -> None:
    Study.objects.filter(id=study.id).update(is_listed=True, state="draft")
    page = shown(Client(), "home")
    assert study.title not in page and other_study.title not in page


def test_what_is_published_needs_few_queries(
    published: Study, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    with django_assert_max_num_queries(12):
        shown(Client(), "public-graph", published.slug)


def test_a_body_is_not_trusted_as_markup(desk: Client, study: Study, make_value: Callable[..., Any]) -> None:
    first, second = make_value(study, title="<script>x</script>"), make_value(study, title='"><img src=x>')
    for _number in range(8):
        judge(join(study), first, second, "upgrade", study.contexts.get(number=1))
    building.build_graph(study)
    page = shown(desk, "dashboard:graph", study.slug)
    assert "<script>x" not in page and "<img" not in page


def test_who_has_no_part_in_a_study_reads_only_what_is_published(published: Study, stranger: User) -> None:
    browser = Client()
    browser.force_login(stranger, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.get(reverse("dashboard:graph", args=[published.slug])).status_code == 404
    assert "Letting go" in shown(browser, "public-graph", published.slug)


def test_a_share_of_less_than_half_a_per_cent_is_not_told_as_none() -> None:
    assert [percent(share) for share in (0.0039, 0, 0.734, 1, None)] == ["0.4 %", "0 %", "73 %", "100 %", "–"]
