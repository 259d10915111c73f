"""Search spaces: named parameters, conditions, derived parameters and known constraints.

A space compiles itself once into ``_core.Box`` and then only deals in arrays: a configuration is a row of d doubles, one
column a parameter in the order of their declaration. Numbers lie in [0, 1] (in the logarithm with ``log=True``), a
categorical is the index of its choice, an inactive parameter is NaN.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hpo_fast import _core
from hpo_fast.checks import MAX_THREADS, check_int
from hpo_fast.choices import Categorical, Ordinal, stable_repr
from hpo_fast.encoding import Encoding
from hpo_fast.evaluate import Functions
from hpo_fast.functions import Function, same
from hpo_fast.interchange import Interchange
from hpo_fast.parameters import NO_DEFAULT, Float, Int, Parameter, condition_levels
from hpo_fast.space_json import Derived, Requirements, space_from_dict, space_to_dict

__all__ = ["Categorical", "Float", "Int", "Ordinal", "Space"]

if TYPE_CHECKING:
    from hpo_fast.native import NativeFunction


class Space(Interchange):
    """A search space: what may be tried.

    Parameters
    ----------
    parameters : mapping of str to Float, Int, Categorical or Ordinal
        The parameters by name, each possibly with a condition (``.when``). Children may be listed before their parents.

    Raises
    ------
    TypeError
        If `parameters` is not a mapping of strings to parameters.
    ValueError
        If it is empty, or a condition names an unknown parent, a value that the parent cannot take, or itself in a circle.

    Examples
    --------
    >>> import hpo_fast as hf
    >>> space = hf.Space({
    ...     "lr": hf.Float(1e-5, 1e-1, log=True),
    ...     "optimizer": hf.Categorical(["adamw", "sgd"]),
    ...     "momentum": hf.Float(0.5, 0.99).when("optimizer", "sgd"),
    ... })
    >>> space.decode(space.sample(1, seed=0))[0].keys() >= {"lr", "optimizer"}
    True
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        if not isinstance(parameters, Mapping):
            raise TypeError(f"Space takes a dict of parameters by name, got {type(parameters).__name__}")
        if not parameters:
            raise ValueError("Space is empty: give at least one parameter")
        for name, parameter in parameters.items():
            if not isinstance(name, str) or not name:
                raise TypeError(f"parameter name {name!r} must be a non-empty string")
            if not isinstance(parameter, Parameter):
                raise TypeError(f"parameter {name!r}: {parameter!r} must be a Float, Int, Categorical or Ordinal")
        self._encoding = Encoding(dict(parameters))
        self._functions = Functions(self._encoding)

    # -- what it is -------------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The searched parameters by name, in column order (read-only)."""
        return MappingProxyType(self._encoding.parameters)

    @property
    def names(self) -> list[str]:
        """Names of the searched parameters, in column order."""
        return list(self._encoding.names)

    @property
    def derived(self) -> list[str]:
        """Names of the derived parameters, in the order in which they were added."""
        return list(self._functions.derived)

    @property
    def box(self) -> _core.Box:
        """The compiled space."""
        return self._encoding.box

    @property
    def grid(self) -> _core.Grid:
        """The finite space as a sequence of rows, before constraints."""
        return self._encoding.grid

    @property
    def defaults(self) -> dict[str, Any]:
        """The defaults that can be tried together: a child's counts only where its parents' defaults let it exist."""

        def counts(name: str) -> bool:
            p = self._encoding.parameters[name]
            if p.default is NO_DEFAULT or p.condition is None:
                return p.default is not NO_DEFAULT
            parent = self._encoding.parameters[p.condition.parent]
            return counts(p.condition.parent) and parent.raw(parent.default) in condition_levels(parent, p.condition.values)

        return {name: p.default for name, p in self._encoding.parameters.items() if counts(name)}

    @property
    def size(self) -> int | float:
        """Number of configurations before constraints: an int, or inf if a Float without step makes it infinite."""
        children: dict[str, list[str]] = {name: [] for name in self._encoding.parameters}
        for name, p in self._encoding.parameters.items():
            if p.condition is not None:
                children[p.condition.parent].append(name)

        def count(name: str) -> int | float:
            p = self._encoding.parameters[name]
            if p.levels == 0:
                assert isinstance(p, Float)
                return 1 if p.low == p.high else math.inf
            # Levels under which some child exists, each with its own product; all others count one.
            special: dict[int, int | float] = {}
            for child in children[name]:
                condition = self._encoding.parameters[child].condition
                assert condition is not None
                below = count(child)
                for level in condition_levels(p, condition.values):
                    special[level] = special.get(level, 1) * below
            return p.levels - len(special) + sum(special.values())

        return math.prod(count(name) for name, p in self._encoding.parameters.items() if p.condition is None)

    def __len__(self) -> int:
        return len(self._encoding.parameters)

    def __contains__(self, name: object) -> bool:
        return name in self._encoding.parameters

    def __getitem__(self, name: str) -> Parameter:
        return self._encoding.parameters[name]

    def __repr__(self) -> str:
        lines = []
        for name, p in self._encoding.parameters.items():
            when = ""
            if p.condition is not None:
                values = p.condition.values
                one = len(values) == 1 and not isinstance(values[0], (frozenset, range))   # which would be several values
                when = f".when({p.condition.parent!r}, {values[0] if one else list(values)!r})"
            lines.append(f"    {name!r}: {_short(p)}{when},")
        tail = "".join(f"\n  .derive({name!r}, ...)" for name in self._functions.derived) + "\n  .require(...)" * len(self.requirements)
        return "Space({\n" + "\n".join(lines) + "\n})" + tail

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Space):
            return NotImplemented
        return self._functions.description() == other._functions.description() and self._description() == other._description()

    def __hash__(self) -> int:
        return hash(tuple(self._encoding.parameters))

    # -- functions of a configuration -------------------------------------------------------------------------------

    def derive(self, name: str, fn: Callable[[Any], Any], *, vectorized: bool = False) -> Space:
        """A space whose configurations also hold ``name = fn(p)``: computed, not searched.

        Parameters
        ----------
        name : str
            Name of the new parameter.
        fn : callable
            Function of one configuration ``p``, e.g. ``lambda p: 2 * p.rank``. It sees every searched parameter and what
            was derived before. See :mod:`hpo_fast.functions` for what an inactive parameter looks like.
        vectorized : bool, default False
            `fn` takes columns, as :meth:`columns` gives them, and returns an array (n,).

        Returns
        -------
        Space
            A new space; this one is unchanged.

        Raises
        ------
        ValueError
            If the name is taken.
        TypeError
            If `name` is not a string or `fn` is not callable.
        """
        if not isinstance(name, str) or not name:
            raise TypeError(f"derived parameter name {name!r} must be a non-empty string")
        if name in self._encoding.parameters or name in self._functions.derived:
            raise ValueError(f"derived parameter {name!r}: the name is taken: choose another")
        return self._with(self._functions.with_derived(name, Function(fn, f"derived parameter {name!r}", vectorized)))

    def require(self, fn: Callable[[Any], Any], *, vectorized: bool = False) -> Space:
        """A space of those configurations only for which ``fn(p)`` is true: a constraint known beforehand.

        No suggestion ever violates it. For constraints that are only known after a trial, tell the trial as failed.

        Parameters
        ----------
        fn : callable
            Function of one configuration ``p``, e.g. ``lambda p: p.rank * p.batch <= 2048``; it sees derived parameters. Compiled to
            native code when that pays (:mod:`hpo_fast.functions`).
        vectorized : bool, default False
            `fn` takes columns, as :meth:`columns` gives them, and returns an array (n,).

        Returns
        -------
        Space
            A new space; this one is unchanged.
        """
        role = f"requirement {len(self.requirements) + 1}"
        return self._with(self._functions.with_requirement(Function(fn, role, vectorized)))

    def _with(self, functions: Functions) -> Space:
        other = object.__new__(Space)
        other.__dict__.update(self.__dict__)
        other._functions = functions
        return other

    def compile(self) -> Space:
        """Compile the requirements to native code now, rather than when that pays.

        Returns
        -------
        Space
            This one.

        Raises
        ------
        FunctionError
            If numba cannot compile one of them: which line, why, and what to do.
        """
        self._functions.compile()
        return self

    def native(self, function: Function, kind: Literal["truth", "score"]) -> NativeFunction:
        """A function of this space's configurations as native code (see :func:`hpo_fast.native.compile`)."""
        return self._functions.native(function, kind)

    @property
    def functions(self) -> Functions:
        """What is derived and required, at work on rows (see :mod:`hpo_fast.evaluate`)."""
        return self._functions

    @property
    def requirements(self) -> tuple[Function, ...]:
        """The functions that every configuration satisfies, in the order in which they were required."""
        return self._functions.requirements

    @property
    def constraint(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """What the samplers pass to the core: rows (n, d) -> whether they satisfy every requirement (n,); None if there is none."""
        return self._functions.constraint

    def feasible(self, rows: np.ndarray) -> np.ndarray:
        """Which rows satisfy every requirement.

        Parameters
        ----------
        rows : array (n, d)
            Encoded configurations.

        Returns
        -------
        array (n,) of bool
        """
        rows = self._encoding.checked(rows)
        return np.ones(len(rows), dtype=bool) if self.constraint is None else self.constraint(rows)

    # -- rows and values --------------------------------------------------------------------------------------------

    def encode(self, configs: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Rows of configurations.

        Parameters
        ----------
        configs : sequence of dict
            Complete configurations: every active parameter with one of its values, none that is inactive. Derived
            parameters may be there if they have the value that their function gives.

        Returns
        -------
        array (n, d)

        Raises
        ------
        ValueError
            Naming the parameter, if one is missing, unknown, inactive, or has a value outside its range.
        TypeError
            If `configs` is not a sequence of mappings.
        """
        if isinstance(configs, (Mapping, str)) or not isinstance(configs, Sequence):
            how = "df.to_dict('records')" if hasattr(configs, "to_dict") else "[params]" if isinstance(configs, (Mapping, str)) else "list(configs)"
            raise TypeError(f"encode takes a list of configurations, got {type(configs).__name__}: write space.encode({how})")
        return self._encode(configs, complete=True)

    def encode_partial(self, params: Mapping[str, Any]) -> np.ndarray:
        """The row (1, d) of a configuration with parameters left out: NaN both where inactive and where left out.

        With a searched parameter left out, a derived one is a ValueError: it cannot be searched for.
        """
        return self._encode([params], complete=False)

    def _encode(self, configs: Sequence[Mapping[str, Any]], complete: bool) -> np.ndarray:
        derived = self._functions.derived
        rows, incomplete = self._encoding.encode(configs, derived, complete)
        if not incomplete:
            self._check_derived(configs, rows)
        elif given := next((name for name in derived if any(name in params for params in configs)), None):
            raise ValueError(f"derived parameter {given!r} is computed: leave it out, and give the searched parameters that it depends on")
        return rows

    def _check_derived(self, configs: Sequence[Mapping[str, Any]], rows: np.ndarray) -> None:
        for params, row in zip(configs, rows, strict=True):
            for name in self._functions.derived.keys() & params.keys():
                computed = self._functions.config(self._encoding.codec.params(row[None])[0], row[None])[name]
                # The row may stand for floats whose last bits are others, as a text of them shows: then those given count.
                if not same(computed, params[name]) and not same(self._functions.config(params, row[None])[name], params[name]):
                    raise ValueError(f"derived parameter {name!r} is {params[name]!r} but its function gives {computed!r}: leave it out")

    def decode(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """Configurations of rows, as dicts of Python values in the order of declaration, then the derived ones.

        Parameters
        ----------
        rows : array (n, d)
            Encoded configurations; values between levels are taken to the nearest.

        Returns
        -------
        list of n dicts
            Inactive parameters are absent.

        Raises
        ------
        ValueError
            If the shape is wrong, a value is outside the encoding, or an active parameter is NaN.
        """
        rows = self._encoding.checked(rows)
        configs: list[dict[str, Any]] = self._encoding.codec.params(rows)
        if self._functions.derived:
            for i, params in enumerate(configs):
                config = self._functions.config(params, rows[i : i + 1])
                params.update({name: config[name] for name in self._functions.derived})
        return configs

    def params(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """:meth:`decode` of rows that the core has made: nothing is checked."""
        return self.decode(rows) if self._functions.derived else self._encoding.codec.params(rows)

    def columns(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Values of rows as one array a parameter, derived ones included.

        Parameters
        ----------
        rows : array (n, d)
            Encoded configurations.

        Returns
        -------
        dict of arrays (n,)
            Float: float64. Int: int64. Choices: int64 or float64 if all are ints or all are floats, else objects. If a conditional
            parameter is inactive in any of these rows, its column is float64 with NaN (numbers) or objects with None.
        """
        return self._functions.columns(self._encoding.checked(rows))

    def read(self, stream: _core.Stream, first: int, n: int, threads: int) -> dict[str, np.ndarray]:
        """:meth:`columns` of positions [first, first + n) of a stream of the core, without the derived ones: made in place, without rows."""
        return self._functions.values(self._encoding.codec.read(stream, first, n, threads))

    def sample(self, n: int, seed: int = 0, *, first: int = 0, threads: int = 1) -> np.ndarray:
        """Independent rows that satisfy the requirements: uniform, except where a prior says otherwise.

        Parameters
        ----------
        n : int
            How many.
        seed : int, default 0
            Row i is a pure function of (seed, first + i).
        first : int, default 0
            Index of the first row.
        threads : int, default 1
            Same bits for any number.

        Returns
        -------
        array (n, d)

        Raises
        ------
        Infeasible
            If a requirement holds for fewer than about one in a million configurations.
        """
        n, seed, first = check_int("n", n, 0), check_int("seed", seed, 0), check_int("first", first, 0)
        return _core.uniform_rows(self._encoding.box, seed, first, n, self.constraint, check_int("threads", threads, 1, MAX_THREADS))

    def validate(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration in canonical form: values of the declared types, derived parameters added.

        Parameters
        ----------
        params : dict
            A complete configuration.

        Returns
        -------
        dict

        Raises
        ------
        ValueError
            As :meth:`encode`, and if a requirement does not hold.
        """
        rows = self.encode([params])
        self.check_feasible(rows)
        return self.decode(rows)[0]

    def check_feasible(self, rows: np.ndarray) -> None:
        """ValueError that names the requirement and the configuration, if one is violated."""
        for i, params in enumerate(self._encoding.codec.params(rows)):
            if (f := self._functions.violated(params, rows[i : i + 1])) is not None:
                raise ValueError(f"{params!r} violates {f.role} ({getattr(f.fn, '__qualname__', f.fn)}): change it until the function is true")

    # -- storage ----------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """A description that survives JSON, without the functions (see :meth:`from_dict`).

        Returns
        -------
        dict

        Raises
        ------
        ValueError
            If a choice has no JSON form: only None, bool, int, float, str and tuples of them have.
        """
        return space_to_dict(self._encoding.parameters, *self._functions.description())

    @classmethod
    def from_dict(
        cls,
        data: Mapping[str, Any],
        derived: Mapping[str, Callable[[Any], Any]] | None = None,
        requirements: Sequence[Callable[[Any], Any]] = (),
    ) -> Space:
        """The space that :meth:`to_dict` described.

        Parameters
        ----------
        data : dict
            From :meth:`to_dict`, perhaps through JSON.
        derived : dict of callables, optional
            The functions of the derived parameters, which no file can hold.
        requirements : sequence of callables, optional
            The functions of the requirements, in order.

        Returns
        -------
        Space

        Raises
        ------
        ValueError
            If `data` is not such a description, or the functions do not match what it lists.
        """
        return cls._from_parts(*space_from_dict(data, derived, requirements))

    @classmethod
    def _from_parts(cls, parameters: Mapping[str, Parameter], derived: Derived, requirements: Requirements) -> Space:
        space = cls(parameters)
        for name, fn, vectorized in derived:
            space = space.derive(name, fn, vectorized=vectorized)
        for fn, vectorized in requirements:
            space = space.require(fn, vectorized=vectorized)
        return space

    @property
    def fingerprint(self) -> str:
        """A hash of what the encoding depends on: two spaces with the same one read each other's rows."""
        import hashlib  # here, since it takes as long to import as the rest of this module

        return hashlib.sha256(json.dumps(self._description()).encode()).hexdigest()[:16]

    def _description(self) -> list[list[Any]]:
        """What tells two spaces apart, but for the functions. Conditions by level: a set of values has no fixed order."""
        return [
            [name, stable_repr(p), p.condition and [p.condition.parent, condition_levels(self._encoding.parameters[p.condition.parent], p.condition.values)]]
            for name, p in self._encoding.parameters.items()
        ]

    def __reduce__(self) -> Any:
        return (Space._from_parts, (self._encoding.parameters, *self._functions.description()))


def check_space(space: Any) -> Space:
    """The space itself, or a TypeError that says what one is."""
    if not isinstance(space, Space):
        raise TypeError(f"space must be a Space, got {type(space).__name__}: write hf.Space({{...}})")
    return space


def _short(p: Parameter) -> str:
    """A parameter as one would write it: no argument that has its default."""
    if isinstance(p, (Float, Int)):
        text = f"{type(p).__name__}({p.low!r}, {p.high!r}"
        text += ", log=True" if p.log else ""
        text += f", step={p.step!r}" if p.step != (1 if isinstance(p, Int) else None) else ""
    else:
        assert isinstance(p, (Categorical, Ordinal))
        text = f"{type(p).__name__}({list(p.choices)!r}"
    text += f", default={p.default!r}" if p.default is not NO_DEFAULT else ""
    text += f", prior={p.prior!r}" if p.prior is not None else ""
    return text + ")"
