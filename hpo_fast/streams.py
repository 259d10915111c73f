"""Streams: lazy sequences of configurations that cost nothing until they are read.

:class:`Grid` is every configuration, :class:`Uniform` independent draws, :class:`Sobol` evenly spread ones. Item i is a pure
function of its position, computed without the items before it, so a grid of 10^30 configurations is sliced, shuffled, sharded
and resumed like one of ten. The work is done by ``cpp/enumerate`` in blocks.

A position is an integer in [0, size) whether or not its configuration is feasible: size, items, slices and shards count all of
them, and what reads many at once (iteration, ``rows``, ``columns``) leaves out those that violate a requirement.
"""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, overload

import numpy as np

from hpo_fast import _core
from hpo_fast.checks import MAX_BATCH, MAX_THREADS, check_int
from hpo_fast.functions import joined
from hpo_fast.parameters import REAL
from hpo_fast.space import Space, check_space

_CHUNK = 2**14
"""Configurations that are held at a time while many are read."""

_MAX_IN_MEMORY = 2**48
"""Configurations that no memory holds."""

_PROBES = 256
"""Positions at which the types of derived parameters are looked up."""

_S = TypeVar("_S", bound="Stream")


class Stream:
    """What the streams share. Not to be created itself.

    ``stream[i]`` is a configuration as a dict (negative i counts from the end), ``stream[a:b:c]`` a view: a stream again, made
    in constant time and composing with others. ``len(stream)`` is `size` where that fits. Iterating decodes in blocks and gives
    the feasible configurations; ``stream[i:]`` goes on from position i. Streams pickle if their space does.
    """

    _args: tuple[Any, ...]
    _base: _core.Stream
    # (start, step, size, seed, size of what is permuted), the topmost first: see ``StreamView`` in cpp/enumerate/stream.h.
    _layers: tuple[tuple[int, int, int, int | None, int], ...]

    def __init__(self) -> None:
        raise TypeError("use hf.Grid, hf.Uniform or hf.Sobol")

    def _start(self, space: Space, args: tuple[Any, ...], base: _core.Stream, constraint: Callable[[np.ndarray], np.ndarray] | None) -> None:
        self._space = space
        self._args = (space, *args)
        self._base = base
        self._constraint = constraint
        self._layers = ((0, 1, base.size, None, 0),)
        self._core = _core.StreamView(base, self._layers)

    def _view(self: _S, layers: tuple[tuple[int, int, int, int | None, int], ...]) -> _S:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._layers = layers
        other._core = _core.StreamView(self._base, layers)
        return other

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self._args, self._layers)

    # -- what it is -------------------------------------------------------------------------------------------------

    @property
    def space(self) -> Space:
        """The space, with the stream's own requirement if it has one."""
        return self._space

    @property
    def size(self) -> int:
        """Number of positions, exact at any magnitude."""
        return self._layers[0][2]

    @property
    def fingerprint(self) -> tuple[Any, ...]:
        """What its configurations depend on, but for the space's functions: two streams with the same one read the same."""
        return (type(self).__name__, self._space.fingerprint, *self._args[1:], self._layers)

    @property
    def core(self) -> _core.Stream:
        """The compiled stream: blocks of all positions, feasible or not."""
        return self._core

    @property
    def constraint(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """What is left out when many positions are read: rows (n, d) -> feasible (n,), or None if every position is feasible."""
        return self._constraint

    def __len__(self) -> int:
        if self.size > sys.maxsize:
            raise OverflowError(f"the stream has {self.size} positions, more than len() can say: use .size")
        return self.size

    def __bool__(self) -> bool:
        return self.size > 0

    def __repr__(self) -> str:
        whole = "" if len(self._layers) == 1 and self.size == self._base.size else f" of {self._base.size:,}"
        return f"<{type(self).__name__}: {self.size:,}{whole} positions, {len(self._space)} parameters>"

    # -- views ------------------------------------------------------------------------------------------------------

    @overload
    def __getitem__(self, i: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self: _S, i: slice) -> _S: ...
    def __getitem__(self: _S, i: int | slice) -> dict[str, Any] | _S:
        if isinstance(i, slice):
            start, stop, step = i.indices(self.size)
            size = max(0, (stop - start + step - (1 if step > 0 else -1)) // step)
            step = step if size > 1 else 1   # it may be of any size, and the core's are modulo 2^128
            below, stride, _, seed, permuted = self._layers[0]
            return self._view(((below + stride * start, stride * step, size, seed, permuted), *self._layers[1:]))
        position = operator.index(i)
        if not -self.size <= position < self.size:
            raise IndexError(f"position {position} is outside the {self.size} of the stream")
        position %= self.size
        row = self._core.rows(position, 1)
        if self._constraint is not None:
            try:
                self._space.check_feasible(row)
            except ValueError as error:
                raise ValueError(f"position {position} is infeasible: {error}; indices(a, b) lists the feasible positions") from None
        return self._space.params(row)[0]

    def shuffled(self: _S, seed: int = 0) -> _S:
        """The same configurations in a random order, without a table: O(1) time and memory at any size.

        Parameters
        ----------
        seed : int, default 0
            Another seed is another order.

        Returns
        -------
        Stream
            Its item i is this stream's item ``p(i)``, p a pseudo-random bijection of [0, size).
        """
        seed = check_int("seed", seed, 0)
        return self._view(((0, 1, self.size, seed, self.size), *self._layers)) if self.size else self

    def shard(self: _S, k: int, of: int) -> _S:
        """Part `k` of `of` parts of nearly equal size that are disjoint and together the stream.

        Parameters
        ----------
        k : int
            In [0, of).
        of : int
            Number of parts.

        Returns
        -------
        Stream
            Contiguous positions, from ``size * k // of`` on: blocks in order are the fastest to read.
        """
        of = check_int("of", of, 1)
        k = check_int("k", k, 0, of - 1)
        return self[self.size * k // of : self.size * (k + 1) // of]

    # -- reading ----------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for _, _, rows in self._blocks(0, self.size, 1024, 1):
            yield from self._space.params(rows)

    def rows(self, a: int = 0, b: int | None = None, threads: int = 1) -> np.ndarray:
        """Encoded configurations at the feasible positions in [a, b).

        Parameters
        ----------
        a, b : int
            Positions, 0 <= a <= b <= size; by default all of them.
        threads : int, default 1
            The same bits for any number.

        Returns
        -------
        array (n, d)
        """
        a, b, threads = self._checked(a, b, threads, in_memory=True)
        if self._constraint is None:
            return self._core.rows(a, b - a, threads)
        return np.concatenate([np.empty((0, len(self._space))), *(rows for _, _, rows in self._blocks(a, b, _CHUNK * threads, threads))])

    def columns(self, a: int = 0, b: int | None = None, threads: int = 1) -> dict[str, np.ndarray]:
        """Values at the feasible positions in [a, b) as one array a parameter, derived ones included.

        Parameters
        ----------
        a, b : int
            Positions, 0 <= a <= b <= size; by default all of them.
        threads : int, default 1
            The same bits for any number.

        Returns
        -------
        dict of arrays (n,)
            As :meth:`Space.columns`.
        """
        a, b, threads = self._checked(a, b, threads, in_memory=True)
        space = self._space
        if self._constraint is not None or space.derived:
            # As many rows at a time for any number of threads, since the type of what is derived is that of the values at hand.
            parts = [space.columns(rows) for rows in self._batches(a, b, _CHUNK, threads)] or [space.columns(np.empty((0, len(space))))]
            return {name: (joined if name in space.derived else np.concatenate)([part[name] for part in parts]) for name in parts[0]}
        return space.read(self._core, a, b - a, threads)

    def indices(self, a: int = 0, b: int | None = None) -> np.ndarray:
        """The feasible positions in [a, b).

        Parameters
        ----------
        a, b : int
            Positions, 0 <= a <= b <= size; by default all of them.

        Returns
        -------
        array (n,) of int64
            Of Python ints where `b` is beyond 64 bits.
        """
        a, b, _ = self._checked(a, b, 1, in_memory=self._constraint is None)
        dtype = np.int64 if b < 2**63 else object
        if self._constraint is None:
            return np.arange(b - a).astype(dtype) + a
        return np.concatenate([np.empty(0, dtype), *(kept.astype(dtype) + first for first, kept, _ in self._blocks(a, b, _CHUNK, 1))])

    def to_arrow(self, a: int = 0, b: int | None = None, *, batch_size: int = 2**17, threads: int = 1) -> Any:
        """The feasible positions in [a, b) as Arrow record batches, made as they are read: constant memory for any number.

        What reads Arrow streams also takes the stream itself: ``pyarrow.table(stream)``, ``polars.DataFrame(stream)``,
        ``duckdb.sql("select ... from stream")``.

        Parameters
        ----------
        a, b : int
            Positions, 0 <= a <= b <= size; by default all of them.
        batch_size : int, default 131072
            Configurations per batch.
        threads : int, default 1
            The same bits for any number.

        Returns
        -------
        pyarrow.RecordBatchReader
            One column a parameter, derived ones included (types: :mod:`hpo_fast.arrow`). To be read once: ``.read_all()`` is a Table.

        Raises
        ------
        ImportError
            Without pyarrow: ``pip install "hpo-fast[arrow]"``.
        ValueError
            While reading, if the values of a derived parameter have several types.
        """
        a, b, threads = self._checked(a, b, threads)
        n = check_int("batch_size", batch_size, 1, MAX_BATCH)
        from hpo_fast import arrow  # here, since it imports pyarrow

        # What is derived may have its first value far behind the first batch.
        positions = sorted({a + (b - a) * k // _PROBES for k in range(_PROBES)}) if b > a and self._space.derived else []
        probe = np.concatenate([np.empty((0, len(self._space))), *(rows for p in positions for _, _, rows in self._blocks(p, p + 1, 1, 1))])
        return arrow.reader(self._space, self._batches(a, b, n, threads), probe)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_parquet(
        self, path: str | os.PathLike[str], a: int = 0, b: int | None = None, *, row_group_size: int = 2**17, threads: int = 1, **options: Any
    ) -> None:
        """Write the feasible positions in [a, b) to a Parquet file, in the memory of some row groups.

        Parameters
        ----------
        path : path
            The file appears there, or replaces the one there, when it is complete; until then it is `path` with ``.part`` behind it.
        a, b, threads
            As for :meth:`to_arrow`, and so are the columns.
        row_group_size : int, default 131072
            Configurations per row group.
        **options
            For ``pyarrow.parquet.ParquetWriter``: ``compression="zstd"``.

        Raises
        ------
        ImportError, ValueError
            As :meth:`to_arrow`.
        """
        from hpo_fast import arrow  # here, since it imports pyarrow

        n = check_int("row_group_size", row_group_size, 1, MAX_BATCH)
        arrow.write_parquet(self.to_arrow(a, b, batch_size=n, threads=threads), path, options)

    def _batches(self, a: int, b: int, n: int, threads: int) -> Iterator[np.ndarray]:
        """The feasible rows in [a, b), n at a time but for the last."""
        kept: list[np.ndarray] = []
        total = 0
        for _, _, rows in self._blocks(a, b, _CHUNK * threads, threads):
            if len(rows):
                kept.append(rows)
                total += len(rows)
            if total >= n:
                rows = np.concatenate(kept)
                whole = total - total % n
                yield from (rows[i : i + n] for i in range(0, whole, n))
                kept, total = [rows[whole:]], total - whole
        if total:
            yield np.concatenate(kept)

    def _blocks(self, a: int, b: int, step: int, threads: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """The start of each block of `step` positions, which of them are feasible, counted from it, and the rows of those."""
        for first in range(a, b, step):
            rows = self._core.rows(first, min(step, b - first), threads)
            kept = np.arange(len(rows)) if self._constraint is None else np.flatnonzero(self._constraint(rows))
            yield first, kept, rows if len(kept) == len(rows) else rows[kept]

    def _checked(self, a: int, b: int | None, threads: int, in_memory: bool = False) -> tuple[int, int, int]:
        a = check_int("a", a, 0, self.size)
        b = self.size if b is None else check_int("b", b, a, self.size)
        if in_memory and b - a > _MAX_IN_MEMORY:
            raise ValueError(f"{b - a} configurations do not fit into memory: read [a, b) part by part, or hf.scan(stream, ...)")
        return a, b, check_int("threads", threads, 1, MAX_THREADS)


class Grid(Stream):
    """Every configuration of a space once, by index.

    Parameters
    ----------
    space : Space
        What to enumerate.
    resolution : int or dict of str to int, optional
        Number of values of the Floats without step, which need one: equally spaced (in the logarithm with ``log=True``), both
        bounds included. An int is for all of them, a dict by name. Every other parameter has all its values.
    where : callable, optional
        A requirement of this stream only: as ``space.require(where)``.

    Raises
    ------
    ValueError
        If a Float has no resolution or less than 2, if `resolution` names a parameter that is unknown or has all its values
        anyway, or if there are more than 2^127 configurations.
    TypeError
        For arguments of another type.

    Notes
    -----
    The order is that of nested loops over the parameters in the order of declaration, the last one changing fastest, with the
    children of a parameter right behind it. An inactive parameter contributes one state, so no configuration appears twice.

    Positions count the whole product. Those that violate a requirement are left out by iteration, `rows` and `columns`;
    `indices` lists the others, and ``grid[i]`` of an infeasible one raises ValueError.

    ``grid[i]`` costs microseconds at any size; blocks in order about a nanosecond a value, in another order some ten.

    Examples
    --------
    >>> import hpo_fast as hf
    >>> grid = hf.Grid(hf.Space({"lr": hf.Float(1e-4, 1e-2, log=True), "layers": hf.Int(1, 4)}), resolution=3)
    >>> len(grid), grid[5]
    (12, {'lr': 0.001, 'layers': 2})
    >>> grid.index({"lr": 0.001, "layers": 2})
    5
    """

    def __init__(self, space: Space, resolution: int | Mapping[str, int] | None = None, where: Callable[[Any], Any] | None = None) -> None:
        levels = _levels(check_space(space), resolution)
        if where is not None:
            space = space.require(where)
        base = _core.Grid(space.box, levels)
        if base.size >= _core.Grid.too_many:
            raise ValueError("the grid has more than 2^127 configurations: lower the resolution or split the space, or use hf.Uniform")
        self._start(space, (dict(resolution) if isinstance(resolution, Mapping) else resolution,), base, space.constraint)
        self._grid = base
        self._levels = levels

    def __contains__(self, params: object) -> bool:
        """Whether iteration gives this configuration; microseconds at any size."""
        try:
            position = self.index(params)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return False
        return self._constraint is None or bool(self._constraint(self._core.rows(position, 1))[0])

    def index(self, params: Mapping[str, Any]) -> int:
        """The position of a configuration, feasible or not.

        Parameters
        ----------
        params : dict
            A complete configuration: ``grid.index(grid[i]) == i``.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            That names the parameter, if its value is not on the grid; or if the view does not contain the configuration.
        """
        row = self._space.encode([params])
        position, wrong = self._grid.rank(row[0])
        if wrong is not None:
            name, last = self._space.names[wrong], self._levels[wrong] - 1
            row[0, wrong] = round(row[0, wrong] * last) / last
            nearest = self._space.params(row)[0][name]
            raise ValueError(f"parameter {name!r}: {params[name]!r} is not one of its {last + 1} values on the grid; the nearest is {nearest!r}")
        found: int | None = self._core.find(position)
        if found is None:
            raise ValueError(f"{params!r} is not in this view of the grid: it is at position {position} of the whole")
        return found


class Uniform(Stream):
    """Independent configurations: uniform (in the logarithm with ``log=True``), or as the parameters' priors say.

    Parameters
    ----------
    space : Space
        What to draw from.
    n : int
        How many, below 2^63.
    seed : int, default 0
        Item i is row i of ``space.sample(n, seed)``, and what the sampler "random" suggests as trial i while that is new. A
        draw that violates a requirement is drawn again, so that every position is feasible.

    Raises
    ------
    TypeError, ValueError
        For wrong arguments. Reading raises Infeasible if a requirement holds for fewer than about one in a million draws.
    """

    def __init__(self, space: Space, n: int, seed: int = 0) -> None:
        n, seed = check_int("n", n, 0), check_int("seed", seed, 0)
        self._start(check_space(space), (n, seed), _core.UniformStream(space.box, n, seed, space.constraint), None)


class Sobol(Stream):
    """The scrambled Sobol sequence: points more evenly spread than random ones, as densely as the parameters' priors say.

    Parameters
    ----------
    space : Space
        What to spread over.
    n : int
        How many points, up to 2^32; powers of two are the most even.
    seed : int, default 0
        Another seed is another scrambling.

    Raises
    ------
    TypeError, ValueError
        For wrong arguments.

    Notes
    -----
    Item i is point i of the sequence, scrambled by Matousek's random matrices and a random shift, as SciPy and PyTorch do it, with 52
    digits. Points that violate a requirement are left out as in :class:`Grid`. Parameters beyond the 1,024th are independent uniforms.
    Sources: ``cpp/enumerate/sobol.h``.
    """

    def __init__(self, space: Space, n: int, seed: int = 0) -> None:
        n, seed = check_int("n", n, 0, 2**32), check_int("seed", seed, 0)
        self._start(check_space(space), (n, seed), _core.SobolStream(space.box, n, seed), space.constraint)


def _rebuild(kind: type[_S], args: tuple[Any, ...], layers: tuple[tuple[int, int, int, int | None, int], ...]) -> _S:
    return kind(*args)._view(layers)


def _levels(space: Space, resolution: int | Mapping[str, int] | None) -> list[int]:
    """The number of values of each column that is continuous, 0 for the others."""
    floats = [name for name, p in space.parameters.items() if p.levels == 0 and p.kind == REAL and p.low != p.high]  # type: ignore[attr-defined]
    by_name = dict(resolution) if isinstance(resolution, Mapping) else dict.fromkeys(floats, resolution) if resolution is not None else {}
    for name, levels in by_name.items():
        if name not in space:
            raise ValueError(f"resolution: parameter {name!r} is not in the space; there are {', '.join(space.names)}")
        if name not in floats:
            raise ValueError(f"resolution: parameter {name!r} has finitely many values, all of them on the grid: leave it out, or give it a step")
        by_name[name] = check_int(f"resolution of {name!r}", levels, 2, 2**52)
    if missing := [name for name in floats if name not in by_name]:
        raise ValueError(
            f"a grid needs a number of values for {', '.join(map(repr, missing))}: say resolution={{{missing[0]!r}: 7}}, or give the Float a step"
        )
    if resolution is not None and not isinstance(resolution, Mapping):
        check_int("resolution", resolution, 2, 2**52)
    return [by_name.get(name, 0) for name in space.names]
