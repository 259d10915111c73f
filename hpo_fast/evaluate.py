"""The functions of a space at work: derived parameters and requirements, in Python until native code pays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hpo_fast import _core
from hpo_fast.functions import Columns, Config, Function, FunctionError, column
from hpo_fast.parameters import Categorical, Ordinal, Parameter

if TYPE_CHECKING:
    from hpo_fast.native import NativeFunction

COMPILE_AFTER = 16_384
"""Rows that requirements are asked about in Python before they are compiled."""


class Functions:
    """The functions of a space: what is derived from its configurations and what is required of them.

    Parameters
    ----------
    parameters : dict of str to Parameter
        The searched parameters, in column order.
    box, codec : _core.Box, _core.Codec
        Their encoding.
    derived : dict of str to Function
        In the order in which they are computed; each sees those before it, a requirement sees them all.
    requirements : tuple of Function
    """

    def __init__(
        self,
        parameters: dict[str, Parameter],
        box: _core.Box,
        codec: _core.Codec,
        derived: dict[str, Function] | None = None,
        requirements: tuple[Function, ...] = (),
    ) -> None:
        self.parameters, self.box, self.codec = parameters, box, codec
        self.derived, self.requirements = derived or {}, requirements
        self._native: _core.Constraint | None = None
        self._asked = 0.0

    def with_derived(self, name: str, function: Function) -> Functions:
        """These functions and one more derived parameter."""
        return Functions(self.parameters, self.box, self.codec, {**self.derived, name: function}, self.requirements)

    def with_requirement(self, function: Function) -> Functions:
        """These functions and one more requirement."""
        return Functions(self.parameters, self.box, self.codec, self.derived, (*self.requirements, function))

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
            twin = Functions(self.parameters, self.box, self.codec, self.derived, self.requirements)
            self._native = _core.Constraint(self.box, kernels, twin._evaluate)

    def native(self, function: Function, kind: Literal["truth", "score"]) -> NativeFunction:
        """`function` of these configurations as native code."""
        from hpo_fast import native  # here, since it imports numba

        return native.compile(native.Layout(self.parameters, self.derived), function, kind)

    def _evaluate(self, rows: np.ndarray) -> np.ndarray:
        if len(rows) == 1:
            return np.array([self.violated(self.codec.params(rows)[0], rows) is None])
        values, single = self._configs(rows)
        active, kept = self._active(rows), np.arange(len(rows))
        for f in self.requirements:
            if len(kept) == 0:
                break
            # A requirement may rely on those before it.
            columns = partial(Columns, values, active, kept if len(kept) < len(rows) else slice(None))
            kept = kept[f.truth(f.many(columns, len(kept), lambda i: single(kept[i])))]   # noqa: B023 (called at once)
        ok = np.zeros(len(rows), dtype=bool)
        ok[kept] = True
        return ok

    def violated(self, params: Mapping[str, Any], row: np.ndarray) -> Function | None:
        """The first requirement that does not hold for a configuration and its row (1, d)."""
        if not self.requirements:
            return None
        config = self.config(params, row)
        return next((f for f in self.requirements if not f.truth([self._one(f, config, row)])[0]), None)

    # -- configurations as the functions see them --------------------------------------------------------------------------

    def config(self, params: Mapping[str, Any], row: np.ndarray) -> Config:
        """One configuration, given with its row (1, d): every parameter, and what is derived from them."""
        values: dict[str, Any] = {}
        active: dict[str, Any] = {}
        for name, p in self.parameters.items():
            active[name] = np.bool_(name in params)
            values[name] = params[name] if name in params else _absent(p)
        config = Config(values, active)
        for name, f in self.derived.items():
            values[name] = self._one(f, config, row)
        return config

    def _one(self, f: Function, config: Config, row: np.ndarray) -> Any:
        """f of a configuration; a vectorised one gets it as columns of length one."""
        if not f.vectorized:
            return f.one(config)
        derived = {name: column([config[name]]) for name in self.derived if name in config}
        return f.one(Config(self.searched(row) | derived, self._active(row)))

    def columns(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Columns by name of rows (n, d), searched and derived."""
        return self._configs(rows)[0]

    def _configs(self, rows: np.ndarray) -> tuple[dict[str, np.ndarray], Callable[[int], Config]]:
        """Columns for the functions, derived ones included, and a function that gives configuration i by itself."""
        values = self.searched(rows)
        columns = partial(Columns, values, self._active(rows), slice(None))
        cache: dict[int, Config] = {}

        def single(i: int) -> Config:
            if i not in cache:
                row = rows[i : i + 1]
                cache[i] = self.config(self.codec.params(row)[0], row)
            return cache[i]

        for name, f in self.derived.items():
            values[name] = f.many(columns, len(rows), single)
        return values, single

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

    def _active(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        return {name: ~np.isnan(rows[:, j]) for j, name in enumerate(self.parameters)}


def _absent(p: Parameter) -> Any:
    """How a function sees the parameter while it is inactive."""
    of_choices = isinstance(p, (Categorical, Ordinal)) and not all(type(c) in (int, float) for c in p.choices)
    return None if of_choices else math.nan
