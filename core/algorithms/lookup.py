"""Looking up many numbers at once."""

from collections.abc import Mapping

import numpy as np


class Lookup:
    """Whole numbers by whole numbers, for many at once."""

    def __init__(self, table: Mapping[int, int]) -> None:
        self._keys = np.array(sorted(table), np.int64)
        self._found = np.array([table[key] for key in self._keys.tolist()], np.int64)

    def of(self, keys: np.ndarray) -> np.ndarray:
        """Return what the table has for each key, or the key itself."""
        if not len(self._keys):
            return keys
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[places] == keys, self._found[places], keys)
