"""An answer that comes piece by piece, as server-sent events: saved, say …, then done, or problem."""

import json
from collections.abc import Generator, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _
from rest_framework.renderers import BaseRenderer, JSONRenderer

from core.problems import Problem, problem_details
from elicitation.interviews import Event, Exchange, Saved, Sentence
from llm_client import LLMBadAnswer, LLMError

MEDIA_TYPE = "text/event-stream"


class EventStreamRenderer(BaseRenderer):
    """Lets a view be asked for events. What fails before the first event is a problem detail all the same."""

    media_type = MEDIA_TYPE
    format = "events"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return bytes(JSONRenderer().render(data))


def event_stream(events: Iterator[Event]) -> StreamingHttpResponse:
    """Return a response that tells what happens in a talk, as it happens.

    `saved` {turn}: the person's words are committed. `say` {text}: the next sentence of the reply. `done` {turn, reply:
    {number, text, stage}, is_enough}: the reply is stored. `problem`: a problem detail; what was saved stays saved, and
    sending the same again under the same key goes on from there. Whoever leaves in between finds the reply later.
    """
    response = StreamingHttpResponse(written(events), content_type=f"{MEDIA_TYPE}; charset=utf-8")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def model_problem(error: LLMError) -> Problem:
    """Return what is said when the model failed: nothing is lost, and there are two ways on."""
    return Problem(
        502 if isinstance(error, LLMBadAnswer) else 503,
        "model-failed",
        _("The AI could not answer just now"),
        _("Your words are saved. Try again, or go on with the written guide."),
        reason=error.reason,
    )


def written(events: Iterator[Event]) -> Generator[str, None, None]:
    """Yield each event of a talk as it is sent. What fails on the way is an event as well."""
    try:
        for event in events:
            yield _event(*_told(event))
    except GeneratorExit:
        for _event_left in events:  # the person left; what was asked is stored all the same
            pass
        raise
    except LLMError as error:
        yield _event("problem", _problem(model_problem(error)))
    except (Problem, ValidationError) as error:
        yield _event("problem", _problem(error))


def _problem(error: Exception) -> Any:
    response = problem_details(error, {})
    return response.data if response is not None else {}


def _told(event: Event) -> tuple[str, dict[str, Any]]:
    match event:
        case Saved(turn):
            return "saved", {"turn": turn.number}
        case Sentence(text):
            return "say", {"text": text}
        case Exchange(turn, reply, is_enough):
            said = {"number": reply.number, "text": reply.text, "stage": reply.stage}
            return "done", {"turn": turn.number, "reply": said, "is_enough": is_enough}


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
