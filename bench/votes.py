"""Made-up wisdom votes as arrays: some pairs are asked far more often than others, as in the field."""

from typing import NamedTuple

import numpy as np

from graphs.algorithms import tally

ANSWERS = ("upgrade", "no_upgrade", "not_sure")


class MadeUpVotes(NamedTuple):
    """Columns of one length: people 1…, values 1…, contexts 0…, answers as places in `ANSWERS`. Nobody answers one pair in
    one context twice."""

    voter: np.ndarray
    source: np.ndarray
    target: np.ndarray
    context: np.ndarray
    answer: np.ndarray


def made_up_votes(votes: int, values: int, *, contexts: int = 200, seed: int = 0) -> MadeUpVotes:
    """Return `votes` votes of votes/10 people about min(5·values, votes/4) directed pairs whose popularity falls off like
    1/rank; 12 % are not sure, and of the others each pair has its own share of upgrades."""
    rng = np.random.default_rng(seed)
    people, pairs = max(votes // 10, 5), max(min(5 * values, votes // 4), 1)
    first = rng.integers(0, values, pairs)
    second = (first + rng.integers(1, values, pairs)) % values
    popularity = 1 / np.arange(1, pairs + 1) ** 0.8
    found = np.empty((0, 3), dtype=np.int64)
    while len(found) < votes:
        more = votes - len(found)
        rows = np.stack(
            [
                rng.choice(pairs, more + more // 5 + 10, p=popularity / popularity.sum()),
                rng.integers(0, people, more + more // 5 + 10),
                rng.integers(0, contexts, more + more // 5 + 10),
            ],
            axis=1,
        )
        found = np.unique(np.concatenate([found, rows]), axis=0)
    found = rng.permutation(found)[:votes]
    pair, voter, context = found.T
    share = rng.beta(3.3, 1.0, pairs)
    answer = np.where(rng.random(votes) < 0.12, 2, (rng.random(votes) >= share[pair]).astype(np.int64))
    return MadeUpVotes(voter + 1, first[pair] + 1, second[pair] + 1, context, answer)


def as_votes(made_up: MadeUpVotes) -> tally.Votes:
    """Return made-up votes as graphs count them."""
    codes = np.array([tally.ANSWERS.index(answer) for answer in ANSWERS], np.int8)
    return tally.Votes(
        voter=made_up.voter.astype(np.int32),
        source=made_up.source.astype(np.int32),
        target=made_up.target.astype(np.int32),
        context=made_up.context.astype(np.int32),
        answer=codes[made_up.answer],
        contexts=tuple(f"When at the task {n:03}" for n in range(int(made_up.context.max(initial=0)) + 1)),
    )
