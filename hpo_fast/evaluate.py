"""The functions of a space at work: derived parameters and requirements, in Python until native code pays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hpo_fast import _core
from hpo_fast.choices import Categorical, Ordinal
from hpo_fast.encoding import Encoding
from hpo_fast.functions import Columns, Config, Function, FunctionError, column
from hpo_fast.parameters import Parameter

if TYPE_CHECKING:
    from hpo_fast.native import NativeFunction

COMPILE_AFTER = 16_384
"""Rows that requirements are asked about in Python before they are compiled."""


class Functions:
    """The functions of a space: what is derived from its configurations and what is required of them.

    Parameters
    ----------
    encoding : Encoding
        Of the searched parameters.
    derived : dict of str to Function
        Each sees those before it, a requirement sees them all.
    requirements : tuple of Function
    """

    def __init__(
        self,
        encoding: Encoding,
        derived: dict[str, Function] | None = None,
        requirements: tuple[Function, ...] = (),
    ) -> None:
        self.encoding = encoding
        self.parameters, self.box, self.codec = encoding.parameters, encoding.box, encoding.codec
        self.derived, self.requirements = derived or {}, requirements
        self.names = dict.fromkeys([*self.parameters, *self.derived])   # as sets in order: of all, and of what a derived parameter sees
        self.before = {name: dict.fromkeys([*self.parameters, *list(self.derived)[:k]]) for k, name in enumerate(self.derived)}
        self._native: _core.Constraint | None = None
        self._asked = 0.0

    def with_derived(self, name: str, function: Function) -> Functions:
        """These functions and one more derived parameter."""
        return Functions(self.encoding, {**self.derived, name: function}, self.requirements)

    def with_requirement(self, function: Function) -> Functions:
        """These functions and one more requirement."""
        return Functions(self.encoding, self.derived, (*self.requirements, function))

    def description(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """(name, fn, vectorized) of what is derived and (fn, vectorized) of what is required: the arguments to make them again."""
        derived = tuple((name, f.fn, f.vectorized) for name, f in self.derived.items())
        return derived, tuple((f.fn, f.vectorized) for f in self.requirements)

    # -- the requirements of rows (n, d) -> bool (n,) ----------------------------------------------------------------------

    @property
    def constraint(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """The requirements as the core takes them: native once compiled; None if nothing is required."""
        return (self._native or self._ask) if self.requirements else None

    def _ask(self, rows: np.ndarray) -> np.ndarray:
        self._asked += len(rows)
        if self._asked > COMPILE_AFTER:
            try:
                self.compile()
            except FunctionError:
                self._asked = -math.inf
        return self._native(rows) if self._native is not None else self._evaluate(rows)

    def compile(self) -> None:
        """Compile the requirements now; FunctionError if numba cannot."""
        if self.requirements and self._native is None:
            kernels = [self.native(f, "truth") for f in self.requirements]
            # Rows at which native code gives up go to a twin that holds no native code: no cycle of references through the core.
            twin = Functions(self.encoding, self.derived, self.requirements)
            self._native = _core.Constraint(self.box, kernels, twin._evaluate)

    def native(self, function: Function, kind: Literal["truth", "score"]) -> NativeFunction:
        """`function` of these configurations as native code."""
        from hpo_fast import native  # here, since it imports numba

        return native.compile(native.Layout(self.parameters, self.derived), function, kind)

    def _evaluate(self, rows: np.ndarray) -> np.ndarray:
        if len(rows) == 1:
            return np.array([self.violated(self.codec.params(rows)[0], rows) is None])
        table, kept = _Table(self, rows), np.arange(len(rows))
        for f in self.requirements:
            if len(kept) == 0:
                break
            kept = kept[self.truth(f, table.results(f, self.names, kept, truth=True))]   # a requirement may rely on those before it
        ok = np.zeros(len(rows), dtype=bool)
        ok[kept] = True
        return ok

    def violated(self, params: Mapping[str, Any], row: np.ndarray) -> Function | None:
        """The first requirement that does not hold for a configuration and its row (1, d)."""
        if not self.requirements:
            return None
        config = self.config(params, row)
        return next((f for f in self.requirements if not self.truth(f, [self._one(f, config, row)])[0]), None)

    def truth(self, f: Function, results: np.ndarray | list[Any]) -> np.ndarray:
        """What results of a function of these configurations are as truth values (n,)."""
        return f.truth(results, any(derived.may_invert for derived in self.derived.values()))

    # -- configurations as the functions see them --------------------------------------------------------------------------

    def config(self, params: Mapping[str, Any], row: np.ndarray) -> Config:
        """One configuration, given with its row (1, d): every parameter, and what is derived from them when it is read."""
        values = {name: params[name] if name in params else _absent(p) for name, p in self.parameters.items()}
        active = {name: np.bool_(name in params) for name in self.parameters}
        if not self.derived:
            return Config(values, active)

        def value(name: str) -> Any:
            if name not in values:
                values[name] = self._one(self.derived[name], Config(_Lazy(self.before[name], value), active), row)
            return values[name]

        return Config(_Lazy(self.names, value), active)

    def _one(self, f: Function, config: Config, row: np.ndarray) -> Any:
        """f of a configuration; a vectorised one gets it as columns of length one."""
        if not f.vectorized:
            return f.one(config)
        searched = self.searched(row)
        visible = {name: None for name in self.names if name in config}
        values = _Lazy(visible, lambda name: searched[name] if name in searched else column([config[name]]))
        return f.one(Config(values, self.active(row)))

    def columns(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Columns by name of rows (n, d), searched and derived."""
        if not self.derived:
            return self.searched(rows)
        table, everything = _Table(self, rows), np.arange(len(rows))
        return {name: table.column(name, everything) for name in self.names}

    def column(self, name: str, rows: np.ndarray) -> np.ndarray:
        """One of :meth:`columns`; only what it is derived from is derived."""
        return self.searched(rows)[name] if name in self.parameters else _Table(self, rows).column(name, np.arange(len(rows)))

    def searched(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Columns by name of rows (n, d), without the derived ones."""
        return self.values(self.codec.arrays(rows))

    def values(self, arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
        """:meth:`searched` of arrays of the codec, in which conditional parameters are raw numbers."""
        columns = {}
        for (name, p), values in zip(self.parameters.items(), arrays, strict=True):
            if p.condition is not None:
                active = ~np.isnan(values)
                known = p.values(values[active])
                if len(known) == len(values):
                    values = known
                else:
                    absent = _absent(p)
                    values = np.full(len(values), absent, dtype=object if absent is None else float)
                    values[active] = known
            columns[name] = values
        return columns

    def active(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Columns by name of rows (n, d): which configurations have the parameter."""
        return {name: ~np.isnan(rows[:, j]) for j, name in enumerate(self.parameters)}


class _Lazy(Mapping[str, Any]):
    """Values that are made when they are read."""

    __slots__ = ("_names", "_of")

    def __init__(self, names: Mapping[str, Any], of: Callable[[str], Any]) -> None:
        self._names, self._of = names, of

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._of(name)

    def __contains__(self, name: object) -> bool:   # Mapping would make the value
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class _Table:
    """Configurations as columns: what is derived only where a function reads it."""

    def __init__(self, functions: Functions, rows: np.ndarray) -> None:
        self._functions, self._rows = functions, rows
        self._searched, self._active = functions.searched(rows), functions.active(rows)
        self._derived: dict[str, tuple[np.ndarray, np.ndarray]] = {}   # the configurations at which it was computed, and the results
        self._configs: dict[int, Config] = {}

    def results(self, f: Function, names: Mapping[str, Any], kept: np.ndarray, truth: bool = False) -> np.ndarray:
        """f, which sees `names`, of the configurations `kept`: ascending, none that an earlier call left out; `truth` as :meth:`Function.many`."""
        values = _Lazy(names, lambda name: self.column(name, kept))
        active = _Lazy(self._active, lambda name: self._of(self._active[name], kept))
        return f.many(partial(Columns, values, active), len(kept), lambda i: self._config(int(kept[i])), truth)

    def column(self, name: str, kept: np.ndarray) -> np.ndarray:
        """The column of a parameter at the configurations `kept`."""
        if name in self._searched:
            return self._of(self._searched[name], kept)
        if name not in self._derived:
            self._derived[name] = kept, self.results(self._functions.derived[name], self._functions.before[name], kept)
        known, results = self._derived[name]
        return results if len(known) == len(kept) else results[np.searchsorted(known, kept)]

    def _of(self, values: np.ndarray, kept: np.ndarray) -> np.ndarray:
        return values if len(kept) == len(values) else values[kept]

    def _config(self, i: int) -> Config:
        if i not in self._configs:
            row = self._rows[i : i + 1]
            self._configs[i] = self._functions.config(self._functions.codec.params(row)[0], row)
        return self._configs[i]


def _absent(p: Parameter) -> Any:
    """How a function sees the parameter while it is inactive."""
    return None if isinstance(p, (Categorical, Ordinal)) and p.numbers is None else math.nan
