"""The sample study and the demo: the whole walk with simulated people, through the functions that pages and REST call.

Every choice comes from one seeded generator, so that the same seed gives the same graph and the same constitution. The people
are simulated, the study says so everywhere, and none of their answers is told as a person's.
"""

from collections.abc import Callable
from math import ceil
from typing import NamedTuple

import numpy as np
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from config import sample_study as texts
from config.sample_study import Persona
from constitutions.extraction import extract
from constitutions.models import ConstitutionVersion
from constitutions.publishing import publish as publish_constitution
from elicitation import (
    arena,
    cards,
    comparisons,
    deduplication,
    draws,
    interviews,
    participation,
    picks,
    stories,
    studies,
    votes,
)
from elicitation.models import ConsentText, Context, DrawItem, Interview, Participant, Question, Study
from elicitation.study_settings import DemographicField, StudySettings, settings_of
from graphs.building import build_graph
from graphs.building import publish as publish_graph
from graphs.models import GraphSnapshot

PARTICIPANTS = 36
SEED = 7
NOISE = 0.08
NOT_SURE = 0.08
VOTES_EACH = 12  # that a pair should get, so that its arrow can be told from chance
LEANING = 0.9  # how often a simulated person prefers the answer that asks back
RATERS = 5  # of each comparison
SAME_FROM = 0.45  # similarity from which the simulated facilitator says "the same"
Tell = Callable[[str], object]


class Walked(NamedTuple):
    """What a walk made, ready to be pulled."""

    study: Study
    graph: GraphSnapshot
    constitution: ConstitutionVersion


def ensure_sample_study(tell: Tell = print) -> Study | None:
    """Make the sample study if the site has no study yet, and return it.

    All of it or nothing: a first start that was interrupted begins anew at the next. Nobody else writes before the site is
    served, so the long transaction is in nobody's way; it asks no model.
    """
    with transaction.atomic():
        if Study.objects.exists():
            return None
        tell("Making the sample study (simulated participants) …")
        return walk(PARTICIPANTS, SEED, tell=lambda text: None).study


def walk(people: int, seed: int, *, slug: str = texts.SLUG, tell: Tell = print) -> Walked:
    """Take `people` simulated participants through a new study, and publish its graph and its constitution.

    Raises ValueError if there is a study with this slug, fewer people than a comparison has raters, or if what chance made
    them answer gives no principle; the study and its graph are kept then.
    """
    if people < RATERS:
        raise ValueError(f"the walk needs {RATERS} participants or more")
    if Study.objects.filter(slug=slug).exists():
        raise ValueError(f"there is a study {slug} already; name another with --slug")
    rng = np.random.default_rng(seed)
    study = make_study(slug, people, rng)
    tell(f"study {slug}: {len(texts.QUESTIONS)} questions, {len(texts.CONTEXTS)} situations")
    cast = [texts.PERSONAS[i % len(texts.PERSONAS)] for i in range(people)]
    cast = [cast[i] for i in rng.permutation(people)]
    joined = [take_part(study, persona, rng) for persona in cast]
    tell(f"{people} interviews with the written guide, {people} cards confirmed")
    merged = merge_alike(study)
    tell(f"{merged} cards merged into values that others hold too")
    wisdom = {persona.name: persona.wisdom for persona in texts.PERSONAS}
    reviewed = review_stories(study, wisdom, people)
    tell(f"{reviewed} pairs of values to judge")
    cast_votes = sum(judge(person, persona, wisdom, rng) for person, persona in zip(joined, cast, strict=True))
    tell(f"{cast_votes} wisdom votes")
    compared = sum(compare(person, rng) for person in joined)
    tell(f"{compared} answers to comparisons")
    for person in joined:
        leave(person, rng)
    graph = build_graph(study, seed=seed)
    publish_graph(graph)
    found = f"{graph.edge_count} arrows between {graph.value_count} values"
    tell(f"moral graph: {found if graph.edge_count else 'no arrow is firm with so few answers'}")
    extraction = extract(study=study, dataset=comparisons.dataset_of(study), seed=seed)
    try:
        version = publish_constitution(extraction, slug=slug, title=study.title, note="Made by simulated participants.")
    except ValidationError:
        raise ValueError(
            f"these answers are not enough evidence for a constitution; the study {slug} and its graph are there. "
            "Walk with more participants or another seed, and another --slug"
        ) from None
    return Walked(study, graph, version)


def make_study(slug: str, people: int, rng: np.random.Generator) -> Study:
    """Make the sample study for so many simulated people, open and listed, with its texts."""
    pairs = texts.pairs_of_answers()
    chosen = StudySettings(
        interviewer="guide",
        demographics=[
            DemographicField(key="age", label="How old are you?", choices=list(texts.AGES)),
            DemographicField(key="cares", label="Do you care for someone who needs help?", choices=list(texts.CARES)),
        ],
        help_text=texts.HELP_TEXT,
        stories_each=5,
        comparisons_each=ceil(RATERS * len(pairs) / people),
        raters_per_comparison=RATERS,
        completion_code="MOOT-SAMPLE",
    )
    study = Study.objects.create(
        slug=slug,
        title=texts.TITLE,
        description=texts.DESCRIPTION,
        is_listed=True,
        is_simulated=True,
        settings=chosen.model_dump(mode="json"),
    )
    studies.set_consent_text(study, texts.CONSENT)
    asked = [
        Question.objects.create(study=study, number=n, title=title, text=text)
        for n, (title, text) in enumerate(texts.QUESTIONS, 1)
    ]
    for n, (text, questions) in enumerate(texts.CONTEXTS, 1):
        context = Context.objects.create(study=study, number=n, text=text)
        context.questions.set([asked[q - 1] for q in questions])
    dataset = comparisons.dataset_of(study)
    for pair in pairs:
        text_a, text_b = (pair.better, pair.other) if rng.random() < 0.5 else (pair.other, pair.better)
        comparisons.add_comparison(dataset, prompt=pair.prompt, text_a=text_a, text_b=text_b)
    studies.open_study(study)
    study.refresh_from_db()
    return study


def take_part(study: Study, persona: Persona, rng: np.random.Generator) -> Participant:
    """Let one simulated person join, talk with the written guide, and confirm their card."""
    text: ConsentText = study.consent_texts.latest("version")
    joined = participation.join(
        study, consent_text=text, shows_quotes=bool(rng.random() < 0.7), uses_model=False, is_simulated=True
    )
    person = joined.participant
    participation.save_demographics(person, {"age": _one_of(texts.AGES, rng), "cares": _one_of(texts.CARES, rng)})
    question = Question.objects.get(study=study, number=persona.question)
    participation.choose_question(person, question)
    interview = interviews.begin_interview(person, question, llm=None)
    lines = [persona.lines[i] for i in sorted(rng.choice(len(persona.lines), 3, replace=False))]
    answers = {
        "situation": persona.situation,
        "mattered": persona.mattered,
        "attention": "\n".join(lines),
        "why": persona.why,
        "check": persona.name,
    }
    while interview.state == Interview.State.TALKING:
        asked = interviews.transcript(interview)[-1].stage
        said = answers.pop(asked.partition(".")[0], "")
        exchange = interviews.add_turn(interview, said, llm=None) if said else interviews.skip(interview, llm=None)
        interview.refresh_from_db()
        if exchange.is_enough:
            break
    card = cards.articulate_card(interview, llm=None)
    kept = [policy["text"] for policy in card.policies][:7]
    card = cards.edit_card(card, title=persona.name, description=persona.why, policies=kept, revision=card.revision)
    cards.confirm_card(card, fidelity=int(rng.integers(4, 6)), revision=card.revision)
    return person


def merge_alike(study: Study) -> int:
    """Decide the proposed merges as a facilitator would who trusts the similarity. Returns how many were merged."""
    merged = 0
    while True:
        run = deduplication.propose(study)
        waiting = list(run.candidates.filter(decision="").order_by("-similarity", "first__number", "second__number"))
        if not waiting:
            return merged
        for candidate in waiting:
            target = deduplication.projection(study)
            ends = {target.get(v, v) for v in (candidate.first_id, candidate.second_id)}
            same = candidate.first.title == candidate.second.title and candidate.similarity >= SAME_FROM
            if len(ends) == 2 and same:
                deduplication.decide(candidate, "merge", None)
                merged += 1
            else:
                deduplication.decide(candidate, "keep", None)


def review_stories(study: Study, wisdom: dict[str, int], people: int) -> int:
    """Propose stories, and let in those that a facilitator would who wants few pairs with many votes each: one situation
    for each question, the direction that may be an upgrade, and the clearest first. Returns how many are in use."""
    proposed = stories.propose_stories(study)
    rise = {s.id: wisdom[s.to_value.title] - wisdom[s.from_value.title] for s in proposed}
    rises = [s for s in proposed if rise[s.id] > 0 and s.context.questions.count() == 1]
    enough = max(4, people * settings_of(study).stories_each // VOTES_EACH)
    wanted = sorted(rises, key=lambda s: (-rise[s.id], s.number))[:enough]
    stories.approve(wanted)
    stories.archive([s for s in proposed if s not in wanted])
    return len(wanted)


def judge(person: Participant, persona: Persona, wisdom: dict[str, int], rng: np.random.Generator) -> int:
    """Let one simulated person pick others' values and judge their stories. Returns how many votes they cast."""
    shown = picks.draw_values(person)
    exposures = list(shown.exposures.select_related("value").order_by("position"))
    best = sorted(exposures, key=lambda e: (-wisdom[e.value.title], e.position))[: max(2, len(exposures) // 3)]
    picks.save_picks(shown, [e.value_id for e in best])
    items: QuerySet[DrawItem] = draws.draw_stories(person).items.select_related(
        "draw", "story__from_value", "story__to_value"
    )
    count = 0
    for item in items.order_by("position"):
        gain = wisdom[item.story.to_value.title] - wisdom[item.story.from_value.title]
        votes.cast_wisdom_vote(person, item, answer=_vote(gain, rng))
        count += 1
    return count


def _vote(gain: int, rng: np.random.Generator) -> str:
    """Return an answer to a story that gains so much wisdom, with noise."""
    luck = rng.random()
    if luck < NOT_SURE:
        return "not_sure"
    if gain == 0:
        return "too_similar" if luck < 0.5 else "it_depends"
    is_wiser = (gain > 0) != (rng.random() < NOISE)
    return "upgrade" if is_wiser else "no_upgrade"


def compare(person: Participant, rng: np.random.Generator) -> int:
    """Let one simulated person say which of two answers is better, for each pair that is drawn for them. Returns how many."""
    better = {pair.better for pair in texts.pairs_of_answers()}
    drawn = arena.pairs_of(person)
    for item in drawn:
        arena.see(item)
        likes, other = ("a", "b") if item.comparison.text_a in better else ("b", "a")
        arena.judge(item, answer=likes if rng.random() < LEANING else other)
    return len(drawn)


def leave(person: Participant, rng: np.random.Generator) -> None:
    """Let one simulated person answer the last questions and finish."""
    asked = settings_of(person.study).exit_questions
    participation.save_exit_answers(person, {q.key: int(rng.integers(3, 6)) for q in asked})
    participation.finish(person)


def _one_of(choices: tuple[str, ...], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
