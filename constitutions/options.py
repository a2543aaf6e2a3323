"""What an extraction can be told to do, checked in one place for the command, the API and the pages."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from core.ledger import model_is_configured
from core.problems import Problem
from core.seeds import check_seed
from core.text import clean_text

JUDGES = ("features", "llm")
MOST_PRINCIPLES = 50
MOST_FIXED = 40
MOST_FIXED_TEXT = 300
MOST_ROUNDS = 5


@dataclass(frozen=True, kw_only=True)
class Options:
    """How principles are looked for. `annotators` and `group` say whose answers are explained, `by` compares the groups that a
    question makes; `fixed` are principles written by hand, tested like the others; a later one of `rounds` looks at what is still
    decided wrongly; `reader` also scores a model that reads the constitution, and
    `wording` puts other wordings of what was kept to the vote."""

    annotators: tuple[str, ...] = ()
    group: str = ""
    by: str = ""
    judge: str = "features"
    test_fraction: float = 0.5
    seed: int = 0
    principles: int = 5
    fixed: tuple[str, ...] = ()
    rounds: int = 1
    reader: bool = True
    wording: bool = False

    @property
    def asks_a_model(self) -> bool:
        return self.judge == "llm"

    def stored(self) -> dict[str, Any]:
        """Return the options as a body says them; the seed stands beside. What only a model's judge does is left out of others."""
        told = asdict(self) | {"annotators": list(self.annotators), "fixed": list(self.fixed)}
        del told["seed"]
        for name in () if self.asks_a_model else ("fixed", "rounds", "reader", "wording"):
            del told[name]
        return told


def options_among(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a job's inputs that `read_options` takes."""
    return {field.name: inputs[field.name] for field in fields(Options) if field.name in inputs}


def read_options(
    *,
    annotators: Sequence[str] = (),
    group: str = "",
    by: str = "",
    judge: str = "features",
    test_fraction: float = 0.5,
    seed: int = 0,
    principles: int = 5,
    fixed: Sequence[str] = (),
    rounds: int = 1,
    reader: bool = True,
    wording: bool = False,
) -> Options:
    """Return the options, checked. Raises ValidationError that names the option, and Problem for a judge that is not there."""
    check_judge(judge)
    if not isinstance(test_fraction, float | int) or not 0.1 <= test_fraction <= 0.9:
        raise ValidationError({"test_fraction": _("The held-out fraction lies between 0.1 and 0.9.")})
    check_seed(seed)
    _check_number("principles", principles, MOST_PRINCIPLES)
    _check_number("rounds", rounds, MOST_ROUNDS)
    if group and by:
        raise ValidationError({"by": _("Either one group's answers are explained, or groups are compared.")})
    if fixed and judge != "llm":
        told = _("Measured features vote on what can be counted. Principles of your own words need the judge “llm”.")
        raise ValidationError({"fixed": told})
    if len(fixed) > MOST_FIXED:
        raise ValidationError({"fixed": _("Test at most %d principles of your own at once.") % MOST_FIXED})
    own = [clean_text(text, field="fixed", most=MOST_FIXED_TEXT, required=True).strip() for text in fixed]
    if len(set(own)) < len(own):
        raise ValidationError({"fixed": _("A principle stands there twice.")})
    return Options(
        annotators=tuple(annotators),
        group=group,
        by=by,
        judge=judge,
        test_fraction=float(test_fraction),
        seed=seed,
        principles=principles,
        fixed=tuple(own),
        rounds=rounds,
        reader=reader,
        wording=wording,
    )


def check_judge(judge: str) -> None:
    """Raise Problem for a judge that is not there."""
    if judge not in JUDGES:
        raise Problem(400, "unknown-judge", _("There is no judge %r") % judge[:40], _("Choose features or llm."))


def check_model() -> None:
    """Raise Problem where no language model is configured."""
    if not model_is_configured():
        told = _("Set FOLKMOOT_LLM_BASE_URL and FOLKMOOT_LLM_MODEL, or use the judge “features”.")
        raise Problem(409, "no-model", _("There is no language model here to judge with"), told)


def check_cap(cap: Decimal | None) -> None:
    """Raise ValidationError for a cap that is no amount of money."""
    if cap is not None and (not cap.is_finite() or cap <= 0):
        raise ValidationError({"cap": _("The cap is an amount of money above 0.")})


def _check_number(name: str, number: int, most: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most:
        told = _("Ask for 1 to %d principles.") if name == "principles" else _("Ask for 1 to %d rounds.")
        raise ValidationError({name: told % most})
