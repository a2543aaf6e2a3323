"""Looking up many numbers at once."""

from collections.abc import Mapping

import numpy as np

ROOM = 16  # numbers from the lowest key to the highest, for each key, up to which they are all written down


class Lookup:
    """Whole numbers by whole numbers, for many at once."""

    def __init__(self, table: Mapping[int, int]) -> None:
        self._keys = np.array(sorted(table), np.int64)
        self._found = np.array([table[key] for key in self._keys.tolist()], np.int64)
        self._is_dense = bool(table) and self._keys[-1] - self._keys[0] < ROOM * len(table)
        if self._is_dense:  # then there is nothing to search
            every = np.arange(self._keys[0], self._keys[-1] + 1)
            every[self._keys - self._keys[0]] = self._found
            self._found = every

    def of(self, keys: np.ndarray) -> np.ndarray:
        """Return what the table has for each key, or the key itself."""
        if not len(self._keys):
            return keys
        if self._is_dense:
            is_there = (keys >= self._keys[0]) & (keys <= self._keys[-1])
            return np.where(is_there, self._found.take(keys - self._keys[0], mode="clip"), keys)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[places] == keys, self._found[places], keys)
