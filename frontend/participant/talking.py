"""Talking: choose a question, talk about it, and check the card that comes of it."""

from contextlib import suppress
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from core.ledger import llm_for
from core.problems import Problem
from elicitation import cards, interviews, participation
from elicitation.api.streams import MEDIA_TYPE, event_stream
from elicitation.models import Interview, Question, Turn, ValuesCard
from frontend.participant import walk
from frontend.participant.pages import ParticipantPage, number_in, problem_of
from llm_client import LLMError

FITS = (
    ("5", _lazy("This is me")),
    ("4", _lazy("Close")),
    ("3", _lazy("Half of it")),
    ("2", _lazy("Not much")),
    ("1", _lazy("Not me at all")),
)
LEAST_LINES = 3  # offered when someone writes; fewer can be saved
MOST_LINTS = 3  # shown at once, so that nobody is buried in advice


class Words(NamedTuple):
    """What stands on a card while it is being changed."""

    title: str
    description: str
    policies: list[str]


class QuestionView(ParticipantPage):
    """Choose what to talk about."""

    template = "question.html"
    step = "question"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        question = self._questions().filter(number=number_in(request.POST.get("question", "")) or 0).first()
        if question is None:
            raise ValidationError(_("Please choose a question."))
        participation.choose_question(self.participant, question)
        interviews.begin_interview(self.participant, question, llm=llm_for(self.study))
        return redirect("talk", self.study.slug)

    def context(self, request: HttpRequest) -> dict[str, Any]:
        return {"questions": self._questions(), "chosen": self.participant.question_id}

    def _questions(self) -> QuerySet[Question]:
        return Question.objects.filter(study=self.study, is_archived=False)


class AboutATalk(ParticipantPage):
    """A page about the person's talk and its card."""

    @cached_property
    def interview(self) -> Interview | None:
        """The talk that counts: the newest one that was not left for another question."""
        talks = self.participant.interviews.exclude(state=Interview.State.LEFT)
        return talks.order_by("-created_at").first()

    @cached_property
    def card(self) -> ValuesCard | None:
        return ValuesCard.objects.filter(interview=self.interview).first() if self.interview else None

    def write_card(self, interview: Interview) -> HttpResponseBase:
        """Have the card drafted and lead to it. When the model fails the card page says so, and offers other ways."""
        try:
            cards.articulate_card(interview, llm=llm_for(self.study))
        except LLMError:
            return redirect(f"{reverse('card', args=[self.study.slug])}?failed")
        return redirect("card", self.study.slug)


class TalkView(AboutATalk):
    """The talk: one question at a time, from a model or from the written guide. An answer can be changed or skipped."""

    template = "talk.html"
    step = "talk"

    def get(self, request: HttpRequest, slug: str) -> HttpResponseBase:
        if self.interview is None:
            return redirect("question", self.study.slug)
        if self.card is not None or self.interview.state == Interview.State.CONFIRMED:
            return redirect("card", self.study.slug)
        return super().get(request, slug)

    def act(self, request: HttpRequest) -> HttpResponseBase:
        interview = self.interview
        if interview is None:
            return redirect("question", self.study.slug)
        here = redirect(f"{reverse('talk', args=[self.study.slug])}#last")
        key, text = request.POST.get("idempotency_key", ""), request.POST.get("text", "")
        match request.POST.get("act", ""):
            case "enough":
                if text.strip():  # a last answer that was written and not sent
                    interviews.say(interview, text, client_key=key)
                interviews.end_talk(interview)
                return self.write_card(interview)
            case "guide":
                interviews.switch_to_guide(interview)
                return here
            case "again":
                turn = interviews.last_said(interview)
            case "skip":
                turn = interviews.say_nothing(interview, client_key=key)
            case "change":
                turn = interviews.say_instead(interview, text, client_key=key)
            case _:
                turn = interviews.say(interview, text, client_key=key)
        events = interviews.reply_to(interview, turn, llm=llm_for(self.study))
        if request.headers.get("Accept") == MEDIA_TYPE:
            return event_stream(events)
        with suppress(
            LLMError
        ):  # what was said is stored; the page says that the answer is missing, and offers ways on
            interviews.last_of(events)
        return here

    def context(self, request: HttpRequest) -> dict[str, Any]:
        interview = self.interview
        assert interview is not None
        turns = interviews.transcript(interview)
        said = [turn for turn in turns if turn.role == Turn.Role.PERSON]
        is_open = interview.state == Interview.State.TALKING
        is_changing = "change" in request.GET or request.POST.get("act") == "change"
        return {
            "interview": interview,
            "turns": turns,
            "quotes": {},
            "has_words": any(turn.text for turn in said),
            "saved_at": said[-1].created_at if said else None,
            "next_number": turns[-1].number + 1,
            "changeable": said[-1] if said else None,
            "changing": said[-1] if said and is_changing else None,
            "is_through": not is_open,
            "waits_for_reply": is_open and turns[-1].role == Turn.Role.PERSON,
            "with_model": interview.mode == Interview.Mode.MODEL,
            "stones": walk.stones(self.study, "talk", _how_far(interview) if is_open else _("all asked")),
        }


def _how_far(interview: Interview) -> str:
    """Return "question 5 of about 8". The number is kept to: the talk ends there at the latest."""
    budget = interview.turn_budget
    number = min(budget - interviews.answers_left(interview) + 1, budget)
    return _("question %(number)d of about %(budget)d") % {"number": number, "budget": budget}


class CardView(AboutATalk):
    """The card: check it, change it by hand or by talking, say how well it fits, and confirm it."""

    template = "card.html"
    step = "card"

    def get(self, request: HttpRequest, slug: str) -> HttpResponseBase:
        if self.interview is None:
            return redirect("question", self.study.slug)
        if self.card is None:
            if self.interview.state == Interview.State.TALKING:
                return redirect("talk", self.study.slug)
            return self.show_missing(request, _no_card_from_model() if "failed" in request.GET else None)
        if request.GET.get("change") == "talk" and self._can_revise():
            return self.show(request, "card_talk.html", card=self.card)
        if request.GET.get("change") == "words" or not (self.card.title and self.card.policies):
            return self.show_words(request, _words_of(self.card), revision=self.card.revision)
        return super().get(request, slug)

    def act(self, request: HttpRequest) -> HttpResponseBase:
        act, card, interview = request.POST.get("act", ""), self.card, self.interview
        if interview is not None and act in ("write", "write-guide"):
            try:
                if act == "write-guide":
                    interviews.switch_to_guide(interview)
                return self.write_card(interview)
            except Problem as error:
                return self.show_missing(request, problem_of(error), status=error.status_code)
        if card is None:
            return redirect("card", self.study.slug)
        revision = number_in(request.POST.get("revision", ""))
        if act == "revise":
            wish = request.POST.get("wish", "")
            try:
                cards.revise_card(card, wish, llm=llm_for(self.study), revision=revision)
            except (ValidationError, Problem, LLMError) as error:
                problem = problem_of(error)
                if isinstance(error, LLMError):
                    problem["text"] = _("Your card is as it was. Try again, or change the words yourself.")
                return self.show(request, "card_talk.html", card=card, problem=problem, status=400)
            return redirect("card", self.study.slug)
        if act == "confirm":
            cards.confirm_card(card, fidelity=number_in(request.POST.get("fidelity", "")) or 0, revision=revision)
            return self.onward()
        return self._change_words(request, card, revision)

    def show_missing(self, request: HttpRequest, problem: dict[str, str] | None, status: int = 200) -> HttpResponseBase:
        """Say that there is no card yet, and offer ways to one."""
        with_model = self.interview is not None and self.interview.mode == Interview.Mode.MODEL
        return self.show(request, "card_missing.html", problem=problem, with_model=with_model, status=status)

    def show_words(self, request: HttpRequest, words: Words, **more: Any) -> HttpResponseBase:
        """Show the form with these words, and with empty lines to write on where there are few or one was asked for."""
        lines = words.policies
        if len(lines) < cards.MOST_POLICIES and (len(lines) < LEAST_LINES or request.POST.get("act") == "add"):
            words = words._replace(policies=lines + [""] * max(1, LEAST_LINES - len(lines)))
        assert self.card is not None and self.interview is not None
        about: dict[str, Any] = {
            "words": words,
            "most_policies": cards.MOST_POLICIES,
            "turns": interviews.transcript(self.interview),
            "quotes": {},
            "is_unfinished": not (self.card.title and self.card.policies),
        }
        return self.show(request, "card_words.html", **about, **more)

    def context(self, request: HttpRequest) -> dict[str, Any]:
        assert self.card is not None and self.interview is not None
        self.card.refresh_from_db()  # it may have changed in another window, which is why the page is shown again
        quotes: dict[int, list[str]] = {}
        for policy in self.card.policies:
            for quote in policy["quotes"]:
                quotes.setdefault(quote["turn"], []).append(quote["text"])
        return {
            "card": self.card,
            "turns": interviews.transcript(self.interview),
            "quotes": quotes,
            "lints": cards.lints(self.card)[:MOST_LINTS],
            "fits": FITS,
            "can_revise": self._can_revise(),
            "consent": participation.consent_of(self.participant),
        }

    def _can_revise(self) -> bool:
        is_model = self.interview is not None and self.interview.mode == Interview.Mode.MODEL
        return is_model and llm_for(self.study) is not None

    def _change_words(self, request: HttpRequest, card: ValuesCard, revision: int | None) -> HttpResponseBase:
        form = request.POST
        words = Words(form.get("title", ""), form.get("description", ""), form.getlist("policy"))
        removed = number_in(form.get("remove", ""))
        if removed is not None:
            left = [line for place, line in enumerate(words.policies) if place != removed]
            return self.show_words(request, words._replace(policies=left), revision=revision, focus=removed)
        if form.get("act") == "add":
            return self.show_words(request, words, revision=revision, focus=len(words.policies))
        try:
            cards.edit_card(
                card, title=words.title, description=words.description, policies=words.policies, revision=revision
            )
        except ValidationError as error:
            return self.show_words(request, words, revision=revision, problem=problem_of(error), status=400)
        except Problem as error:
            theirs = error.extra.get("current")
            now = theirs["revision"] if theirs else revision
            return self.show_words(
                request, words, revision=now, theirs=theirs, problem=problem_of(error), status=error.status_code
            )
        return redirect("card", self.study.slug)


def _no_card_from_model() -> dict[str, str]:
    return problem_of(LLMError()) | {"text": _("Try again, or have it put together from your words without AI.")}


def _words_of(card: ValuesCard) -> Words:
    return Words(card.title, card.description, [policy["text"] for policy in card.policies])
