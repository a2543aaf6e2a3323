"""Put principles to the vote: a model says which text of a comparison each of them speaks for.

Many principles go into one call. Every answer is kept as a cell under the SHA-256 of all that shaped it, so that one more
comparison, or one more principle, asks for its own cells alone. A cell that stays without an answer is missing: it is never
kept, and never counted as a vote.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
from django.db import IntegrityError
from django.db.models import Max

from constitutions.algorithms.ballots import BOTH, FOR_A, FOR_B, MISSING, NEITHER, UNASKED, Cell, packed
from constitutions.asking import Progress, raise_what_stops
from constitutions.judges import Cells
from constitutions.material import answer_type, asked_about, prompt_named, sides, written
from constitutions.models import Cell as StoredCell
from core.bulk import insert_rows
from core.models import LLMCall
from elicitation.models import Comparison
from llm_client import LLM, LLMError, LLMSettings, Request

PROMPT = "vote_on_principles"
Vote = Literal["first", "second", "both", "neither"]
CODES = {"a": FOR_A, "b": FOR_B, "both": BOTH, "neither": NEITHER}
STORED_AT_ONCE = 1000
COLUMNS = ("sha256", "scope_key", "answer", "llm_call_id")
LOOKED_UP_AT_ONCE = 500


class Pass(NamedTuple):
    """One pass over some cells. `answers` has the shape (comparisons, principles) and holds codes of
    `algorithms.ballots`; `first_named` and `second_named` count the answers that name the text which was shown first, or second."""

    answers: np.ndarray
    cells: Cells
    first_named: int
    second_named: int


def vote(
    rows: Sequence[Comparison],
    texts: Sequence[str],
    cells: Iterable[Cell],
    *,
    swapped: np.ndarray,
    repeat: int,
    purpose: str,
    llm: LLM,
    scope_key: str,
    progress: Progress = lambda done, total: None,
) -> Pass:
    """Ask about the cells that are not known yet, and return what is known of all of them.

    `cells` come comparison by comparison. `texts` are the principles' sentences, `swapped` says for each comparison whether text b
    is shown first, `repeat` tells independent answers to the same question apart. Raises LLMBudgetReached, and LLMUnavailable where nobody can be reached; what
    was answered until then is kept.
    """
    wanted = list(cells)
    codes = np.full((len(rows), len(texts)), UNASKED, dtype=np.int8)
    keys: dict[Cell, str] = {}  # of what is being asked, and so are the calls
    calls: dict[int, _Call] = {}
    fresh: list[tuple[Any, ...]] = []
    cached = answered = unanswered = 0

    def unknown() -> Iterator[Cell]:
        nonlocal cached
        for looked_up, known in _looked_up(llm.settings, rows, texts, wanted, swapped, repeat):
            for cell, key in looked_up.items():
                if key in known:
                    codes[cell] = CODES[known[key]]
                    cached += 1
                else:
                    codes[cell] = MISSING
                    keys[cell] = key
                    yield cell

    def requests() -> Iterator[Request[Any]]:
        for number, together in enumerate(packed(unknown())):
            calls[number] = _Call(together, repeat)
            yield calls[number].request(rows, texts, swapped, repeat, purpose)

    def keep(number: int, answer: Any, call: Any) -> None:
        nonlocal answered, unanswered
        asked = calls.pop(number)
        if isinstance(answer, LLMError):
            unanswered += len(asked.questions)
        else:
            answered += len(asked.questions)
            record = call.id if isinstance(call, LLMCall) else None
            for cell, said in asked.read(answer, swapped):
                codes[cell] = CODES[said]
                fresh.append((keys.pop(cell), scope_key, said, record))
        if len(fresh) >= STORED_AT_ONCE:
            _store(fresh)
        progress(cached + answered + unanswered, len(wanted))

    progress(0, len(wanted))
    try:
        answers = llm.ask_many(requests(), on_answer=keep)
    finally:
        _store(fresh)
    raise_what_stops(answers)
    progress(len(wanted), len(wanted))
    return _pass(codes, Cells(len(wanted), answered, cached, len(wanted) - answered - cached), swapped)


def stored_votes(
    settings: LLMSettings,
    rows: Sequence[Comparison],
    texts: Sequence[str],
    cells: Iterable[Cell],
    *,
    swapped: np.ndarray,
    repeat: int,
) -> Pass:
    """Return what `vote` would without asking anyone: what was not asked of this model before is missing."""
    wanted = list(cells)
    codes = np.full((len(rows), len(texts)), UNASKED, dtype=np.int8)
    cached = 0
    for keys, known in _looked_up(settings, rows, texts, wanted, swapped, repeat):
        for cell, key in keys.items():
            codes[cell] = CODES[known[key]] if key in known else MISSING
            cached += key in known
    return _pass(codes, Cells(len(wanted), 0, cached, len(wanted) - cached), swapped)


def _pass(codes: np.ndarray, cells: Cells, swapped: np.ndarray) -> Pass:
    named_first = codes == np.where(swapped, FOR_B, FOR_A)[:, None]
    named_second = codes == np.where(swapped, FOR_A, FOR_B)[:, None]
    return Pass(codes, cells, int(named_first.sum()), int(named_second.sum()))


class _Call:
    """Cells that are asked in one call: their comparisons in order, their principles shuffled, and a question for each."""

    def __init__(self, cells: Sequence[Cell], repeat: int) -> None:
        self.places = list(dict.fromkeys(place for place, _principle in cells))
        ordered = sorted({principle for _place, principle in cells})
        shuffle = np.random.default_rng(
            [repeat, self.places[0]]
        )  # differs from call to call, and is the same for the same one
        self.principles = [ordered[i] for i in shuffle.permutation(len(ordered))]
        asked = {cell: cell for cell in cells}
        self.questions = {
            _question(number, rank): asked[place, principle]
            for number, place in enumerate(self.places, 1)
            for rank, principle in enumerate(self.principles, 1)
            if (place, principle) in asked
        }

    def request(
        self, rows: Sequence[Comparison], texts: Sequence[str], swapped: np.ndarray, repeat: int, purpose: str
    ) -> Request[Any]:
        material = {
            "principles": [{"principle": rank, "text": texts[p]} for rank, p in enumerate(self.principles, 1)],
            "comparisons": [
                asked_about(rows[place], number, sides(rows[place], bool(swapped[place])))
                for number, place in enumerate(self.places, 1)
            ],
            "questions": list(self.questions),
        }
        returns = answer_type("Votes", tuple(self.questions), Vote)
        return Request(prompt_named(PROMPT), written(material), returns, purpose, sample=repeat)

    def read(self, answer: Any, swapped: np.ndarray) -> Iterator[tuple[Cell, str]]:
        """Yield what was said of each cell, in terms of the comparison's own sides."""
        for name, cell in self.questions.items():
            said = getattr(answer, name)
            turned = {"first": "b", "second": "a"} if swapped[cell[0]] else {"first": "a", "second": "b"}
            yield cell, turned.get(said, said)


@cache
def _question(comparison: int, principle: int) -> str:
    return f"c{comparison}_p{principle}"


def _looked_up(
    settings: LLMSettings,
    rows: Sequence[Comparison],
    texts: Sequence[str],
    cells: Sequence[Cell],
    swapped: np.ndarray,
    repeat: int,
) -> Iterator[tuple[dict[Cell, str], dict[str, str]]]:
    """Yield under which SHA-256 some of the cells are kept, which is of everything that shapes an answer but for what stood beside
    it, and what of that was known when this began. Those that are asked first are looked up first, so that a model need not wait
    for the others."""
    prompt = prompt_named(PROMPT).sha256
    model = [settings.provider, settings.model, settings.temperature, settings.max_answer_tokens, prompt, repeat]
    said = [text.encode(errors="surrogatepass") for text in texts]
    newest = StoredCell.objects.aggregate(newest=Max("id"))["newest"] or 0  # equal cells of one run are all asked
    for start in range(0, len(cells), LOOKED_UP_AT_ONCE):
        some = cells[start : start + LOOKED_UP_AT_ONCE]
        shown: dict[int, bytes] = {}
        for place in {place for place, _principle in some}:
            row = rows[place]
            shape = [*model, asked_about(row, 0, sides(row, bool(swapped[place]))), bool(swapped[place])]
            shown[place] = hashlib.sha256(json.dumps(shape).encode()).digest()
        keys = {cell: hashlib.sha256(shown[cell[0]] + said[cell[1]]).hexdigest() for cell in some}
        kept = StoredCell.objects.filter(sha256__in=set(keys.values()), id__lte=newest)
        yield keys, dict(kept.values_list("sha256", "answer"))


def _store(fresh: list[tuple[Any, ...]]) -> None:
    """Store cells, those of another run at the same moment left as they are."""
    if fresh:
        try:
            insert_rows(StoredCell, COLUMNS, fresh)
        except IntegrityError:
            cells = [StoredCell(**dict(zip(COLUMNS, row, strict=True))) for row in fresh]
            StoredCell.objects.bulk_create(cells, ignore_conflicts=True)
    fresh.clear()
