"""Answers of made-up people: some camps that differ in taste, or none."""

import numpy as np

from reports.algorithms.opinion_groups import Answers


def camps(
    people: int, items: int, groups: int, *, filled: float, taste: float, seed: int
) -> tuple[np.ndarray, Answers]:
    """Return each person's planted group, and answers: each group leans to or fro on each item by about `taste`."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, people)
    lean, popular = rng.normal(0, taste, (groups, items)), rng.normal(0.3, 0.5, items)
    person, item = np.nonzero(rng.random((people, items)) < filled)
    felt = popular[item] + lean[group[person], item] + rng.logistic(0, 1, len(person))
    answer = np.where(np.abs(felt) < 0.25, 0, np.sign(felt)).astype(np.int64)
    return group, Answers(person, item, answer, people, items)
