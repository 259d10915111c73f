"""What was told: a struct of arrays that grows in amortised constant time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpo_fast.space import Space, check_space


class History:
    """Told trials in the order of telling.

    ``history["lr"]`` is the column of a parameter (n,), searched or derived. `numbers`, `values` and `rows` are read-only views,
    not copies.
    """

    def __init__(self, space: Space) -> None:
        self._space = check_space(space)
        self._n = 0
        self._rows = np.empty((16, len(space)))
        self._values = np.empty(16)
        self._numbers = np.empty(16, dtype=np.int64)

    def append(self, numbers: np.ndarray, rows: np.ndarray, values: np.ndarray) -> None:
        """Add trials: numbers (n,), rows (n, d), values (n,) with NaN for failed ones."""
        end = self._n + len(rows)
        if end > len(self._rows):
            grown = [_grown(array, self._n, max(end, 2 * len(self._rows))) for array in (self._rows, self._values, self._numbers)]
            self._rows, self._values, self._numbers = grown   # all at once: Ctrl-C may come in between
        self._rows[self._n : end] = rows
        self._values[self._n : end] = values
        self._numbers[self._n : end] = numbers
        self._n = end

    def __len__(self) -> int:
        return self._n

    @property
    def numbers(self) -> np.ndarray:
        """Trial numbers (n,)."""
        return self._view(self._numbers)

    @property
    def values(self) -> NDArray[np.float64]:
        """Values as told (n,), NaN for failed trials."""
        return self._view(self._values)

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Which trials failed (n,): told None, NaN or an infinite value."""
        return np.isnan(self.values)

    @property
    def rows(self) -> np.ndarray:
        """Encoded configurations (n, d)."""
        return self._view(self._rows)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._space and name not in self._space.derived:
            raise KeyError(f"no parameter {name!r}; there are {', '.join([*self._space.names, *self._space.derived])}")
        return self._space.functions.column(name, self.rows)

    def _view(self, array: np.ndarray) -> np.ndarray:
        view = array[: self._n]
        view.flags.writeable = False
        return view

    def __repr__(self) -> str:
        return f"<History: {self._n} trials, {int(self.failed.sum())} failed>"


def _grown(array: np.ndarray, n: int, capacity: int) -> np.ndarray:
    """An array with room for so many, that begins with the first n."""
    grown = np.empty((capacity, *array.shape[1:]), dtype=array.dtype)
    grown[:n] = array[:n]
    return grown
