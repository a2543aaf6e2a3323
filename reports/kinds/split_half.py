"""Do the arrows of a moral graph hold on other people? Firm on one half, looked at on the other half, again and again."""

from typing import Any

from pydantic import Field

from elicitation.models import Study
from graphs.algorithms.pruning import RULES
from graphs.counting import count_votes, read_filters
from reports.algorithms.split_half import Rate, split_half
from reports.parameters import Seeded
from reports.registry import report

LEAST_DECIDED = (1, 5)  # answers on one half, for the base rates


class Parameters(Seeded):
    """Which votes: those before a moment, or all; and how often people are split."""

    before: str = ""
    splits: int = Field(default=200, ge=10, le=2000)


@report("split_half", title="Do arrows hold on other people?", about="study", parameters=Parameters)
def split_half_of(study: Study, parameters: Parameters) -> dict[str, Any]:
    """Return, for each way of counting, what becomes of the arrows that one half keeps, on the other half; beside what any
    pair has without a rule."""
    votes = count_votes(study, read_filters(study, before=parameters.before)).votes
    found = split_half(votes, RULES, least=LEAST_DECIDED, splits=parameters.splits, seed=parameters.seed)
    return {
        "is_simulated": study.is_simulated,
        "votes": len(votes),
        "people": votes.voters,
        "modes": [{"mode": mode} | _told(held._asdict()) for mode, held in found.held.items()],
        "base_rates": [
            {"least_decided": least, "confirmed": rate._asdict()} for least, rate in found.base_rates.items()
        ],
    }


def _told(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value._asdict() if isinstance(value, Rate) else value for name, value in found.items()}
