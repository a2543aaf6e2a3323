"""Ask a model many things at once, and tell a failed call from an outage."""

from collections.abc import Callable, Sequence
from typing import Any

from llm_client import LLM, LLMBudgetReached, LLMError, LLMUnavailable, Prompt, Request

FEWEST_TO_TELL = 3  # calls, all of which failed, that tell of an outage

Progress = Callable[[int, int], None]


def ask_all(
    requests: Sequence[Request[Any]], llm: LLM, progress: Progress = lambda done, total: None
) -> list[Any | LLMError]:
    """Return an answer or the error for each request, in their order. Raises as `raise_what_stops`."""
    done = 0

    def count(number: int, answer: Any, call: Any) -> None:
        nonlocal done
        done += 1
        progress(done, len(requests))

    answers = llm.ask_many(requests, on_answer=count)
    raise_what_stops(answers)
    return answers


def told_of(llm: LLM, prompt: Prompt) -> dict[str, str]:
    """Return who was asked, and by which prompt, as a stored result says it."""
    return {"provider": llm.settings.provider, "model": llm.settings.model, "prompt": prompt.sha256}


def raise_what_stops(answers: Sequence[Any]) -> None:
    """Raise the error after which nothing more was asked, if there was one: the budget, or that nobody can be reached. Where none of
    several calls was answered that is an outage too, and no finding."""
    errors = [answer for answer in answers if isinstance(answer, LLMError)]
    if len(errors) == len(answers) >= FEWEST_TO_TELL and isinstance(errors[-1], LLMUnavailable):
        raise errors[-1]
    for error in errors:
        is_last_word = isinstance(error, LLMUnavailable) and (error.concerns_all or errors.count(error) > 1)
        if isinstance(error, LLMBudgetReached) or is_last_word:
            raise error
