"""Streams read to the end: decode, filter, score and keep the best, in constant memory.

User functions are compiled (:mod:`hpo_fast.native`) and called block by block from ``cpp/enumerate/scan``, by all threads and without
the GIL. What cannot be compiled, a surrogate for one, is called with whole blocks.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hpo_fast import _core
from hpo_fast.checks import MAX_BATCH, MAX_THREADS, check_flag, check_int
from hpo_fast.executors import in_order
from hpo_fast.functions import Function
from hpo_fast.parameters import Parameter
from hpo_fast.space import Space, check_space
from hpo_fast.streams import Sobol, Stream

FORMS = ("config", "columns", "rows")
_SLICE_SECONDS = 0.25   # between two looks at the clock and at Ctrl-C
_FIRST_SLICE = 2**16    # positions
_BLOCKS = 64, 2**14     # positions at least and at most that a function of whole blocks gets at a time


@dataclass(frozen=True, eq=False)
class ScanResult:
    """What :func:`scan` found.

    Attributes
    ----------
    indices : array (k,)
        Positions in the stream, best first: int64, or Python ints beyond 64 bits.
    scores : array (k,) of float
    configs : list of k dicts
        Without a derived parameter where its Python function raises: compiled code gives inf or NaN there, as NumPy does.
    n_seen, n_feasible : int
        Positions read, and those that satisfy the requirements and `where`.
    next : int
        The position to go on from: the stream's size if it was read to the end.
    seconds : float
    """

    indices: np.ndarray
    scores: np.ndarray
    configs: list[dict[str, Any]]
    n_seen: int
    n_feasible: int
    next: int
    seconds: float
    _key: tuple[Any, ...] = field(repr=False)
    _parameters: dict[str, Parameter] = field(repr=False)
    _derived: list[str] = field(repr=False)

    @property
    def complete(self) -> bool:
        """Whether the stream was read to the end."""
        return bool(self.next == self._key[0])

    def to_pandas(self) -> Any:
        """The configurations as a data frame, behind their index and score; needs pandas. An inactive parameter is missing."""
        import pandas as pd  # type: ignore[import-untyped]

        configs = pd.DataFrame(self.configs, columns=[*self._parameters, *self._derived])
        return pd.DataFrame({"index": self.indices, "score": self.scores} | dict(configs.items()))

    def to_arrow(self) -> Any:
        """The configurations as a ``pyarrow.Table``, behind their index and score; needs pyarrow.

        Types are those of :mod:`hpo_fast.arrow`. Positions in a stream beyond 64 bits are text. A parameter of the name "index" or
        "score" takes the place of that column, here and in :meth:`to_pandas`.
        """
        from hpo_fast import arrow  # here, since it imports pyarrow

        return arrow.table(self._parameters, self._derived, self.configs, {"index": self.indices, "score": self.scores})

    def to_parquet(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write :meth:`to_arrow` to a Parquet file; `options` are those of ``pyarrow.parquet.ParquetWriter``."""
        from hpo_fast import arrow  # here, since it imports pyarrow

        arrow.write_parquet(self.to_arrow().to_reader(), path, options)


@dataclass(frozen=True)
class _Job:
    """What is done to a part of a stream: everything a worker needs."""

    stream: Stream = field(compare=False)
    score: Callable[[Any], Any] | None = field(compare=False)
    on: str = field(compare=False)
    where: Callable[[Any], Any] | None = field(compare=False)
    checked: Space | None = field(compare=False)   # whose requirements, `where` among them, the configurations of a block must satisfy
    top: int = field(compare=False)
    minimize: bool = field(compare=False)
    name: str = field(default_factory=lambda: os.urandom(16).hex())

    def __reduce__(self) -> Any:
        return _arrived, tuple(vars(self).values())

    @property
    def block(self) -> int:
        """How many positions a function of whole blocks gets at a time, from a multiple of that on: some hundred blocks of a short stream.

        Where blocks begin must not depend on shards or on the clock: the last digits of a surrogate's scores depend on what is asked together.
        """
        least, most = _BLOCKS
        return min(max(1 << (self.stream.size // 256).bit_length(), least), most)

    def functions(self) -> tuple[list[Function], Function | None]:
        """What must hold, the stream's requirements included, and the score."""
        where = [] if self.stream.constraint is None else list(self.stream.space.requirements)
        if self.where is not None:
            where.append(Function(self.where, "where"))
        return where, None if self.score is None else Function(self.score, "score", vectorized=self.on == "columns")

    def kernels(self) -> tuple[list[object], object] | None:
        """What must hold and the score, compiled; None if one of them takes whole blocks."""
        where, score = self.functions()
        if self.on == "rows" or any(f.vectorized for f in where) or (score is not None and score.vectorized):
            return None
        space = self.stream.space
        return [space.native(f, "truth") for f in where], None if score is None else space.native(score, "score")

    def run(self, first: int, n: int, threads: int, found: _core.Scan) -> None:
        """Add positions [first, first + n) to what was found."""
        if (kernels := self.kernels()) is None:
            self._run_blocks(first, n, threads, found)
            return
        where, score = self.functions()
        functions = [(f, True) for f in where] + ([] if score is None else [(score, False)])
        found.run(self.stream.core, first, n, *kernels, lambda which, i: self._in_python(*functions[which], i), not self.minimize, threads)

    def _in_python(self, function: Function, truth: bool, position: int) -> float:
        """The result at a position at which the compiled function raised; ValueError from the exception of the Python function."""
        row, functions = self.stream.core.rows(position, 1), self.stream.space.functions
        params = functions.codec.params(row)[0]
        try:
            value = function.one(functions.config(params, row))
            if truth:
                return float(functions.truth(function, [value])[0])
            if not isinstance(value, (bool, int, float, np.bool_, np.number)):
                raise ValueError(f"{function.role}: the function must return a number, got {value!r}")
            return float(value)
        except ValueError as error:
            raise ValueError(f"{error} at position {position}, {params}") from error.__cause__

    def _run_blocks(self, first: int, n: int, threads: int, found: _core.Scan) -> None:
        def part(a: int, b: int) -> tuple[list[tuple[float, int]], int, int]:
            rows = self.stream.core.rows(a, b - a)
            kept = np.arange(len(rows)) if self.checked is None else np.flatnonzero(self.checked.feasible(rows))
            if self.score is None or len(kept) == 0:
                return [], len(rows), len(kept)
            scores = self._scores(rows[kept], lambda i: a + int(kept[i])) * (1.0 if self.minimize else -1.0)
            order = np.argsort(scores, kind="stable")[: self.top]   # NaN last
            best = [(float(scores[i]), a + int(kept[i])) for i in order if scores[i] == scores[i]]
            return best, len(rows), len(kept)

        end = first + n
        bounds = list(itertools.pairwise([first, *range((first // self.block + 1) * self.block, end, self.block), end]))
        if threads == 1:
            parts = [part(a, b) for a, b in bounds]
        else:
            with ThreadPoolExecutor(threads) as pool:
                parts = list(pool.map(part, *zip(*bounds, strict=True)))
        for best, seen, feasible in parts:
            found.add(best, seen, feasible)

    def _scores(self, rows: np.ndarray, position: Callable[[int], int]) -> np.ndarray:
        """Scores of rows; `position` gives that of one of them."""
        assert self.score is not None
        space = self.stream.space
        if self.on == "config":
            score = Function(self.score, "score")
            raw = space.box.decode(rows).T
            return space.native(score, "score").blocks(raw, lambda i: self._in_python(score, False, position(i)))
        block = rows if self.on == "rows" else space.columns(rows)
        try:
            scores = np.asarray(self.score(block))
        except Exception as error:
            where = f"positions {position(0)} to {position(len(rows) - 1)}"
            raise ValueError(f"score: the function failed with {type(error).__name__}: {error} at {where}") from error
        if scores.shape != (len(rows),) or scores.dtype.kind not in "biuf":
            raise ValueError(f"score: the function must return {len(rows)} numbers for {len(rows)} configurations, got {scores.dtype} of shape {scores.shape}")
        return scores.astype(float)


@functools.lru_cache(maxsize=4)
def _first(job: _Job) -> _Job:
    return job


def _arrived(*fields: Any) -> _Job:
    """A job in another process: that which came with an earlier shard, if it did, since its functions are compiled by now.

    Functions that pickle by value, as lambdas do for Dask and Ray, are new ones each time, and would be compiled each time.
    """
    return _first(_Job(*fields))


def _part(job: _Job, first: int, n: int, threads: int) -> tuple[list[tuple[float, int]], int, int]:
    """What a worker finds in its shard."""
    found = _core.Scan(job.top)
    job.run(first, n, threads, found)
    return found.best, found.seen, found.feasible


def scan(
    stream: Stream,
    score: Callable[[Any], Any] | None = None,
    *,
    on: str = "config",
    where: Callable[[Any], Any] | None = None,
    top: int = 10,
    minimize: bool = True,
    threads: int = 1,
    start: int | ScanResult = 0,
    progress: Callable[[int, int], Any] | None = None,
    executor: Any = None,
    shards: int | None = None,
) -> ScanResult:
    """The best configurations of a stream.

    Parameters
    ----------
    stream : Stream
        ``hf.Grid``, ``hf.Uniform``, ``hf.Sobol``, or a view of one. Its requirements hold.
    score : callable, optional
        Without one, configurations are only counted. NaN is never among the best.
    on : {"config", "columns", "rows"}
        What `score` takes: one configuration, and it is compiled (see :mod:`hpo_fast.functions`), once: a global that has another value
        in a later scan is seen by a function that is made anew; or whole blocks, as columns by name
        or as encoded rows (n, d), and it returns n numbers: ``hf.scan(stream, model.log_ei, on="rows", minimize=False)`` for a model of
        ``hf.surrogate``.
    where : callable, optional
        A further requirement, a function of one configuration; compiled.
    top : int, default 10
        How many are kept.
    minimize : bool, default True
        Whether small scores are good.
    threads : int, default 1
        Of this process, or of each shard on `executor`, for which Ray reserves this many CPUs.
    start : int or ScanResult, default 0
        The position to begin at; or the result of a scan of the same stream that was interrupted, to go on from.
    progress : callable, optional
        Called with (positions read, positions in all) a few times a second.
    executor : concurrent.futures.Executor, dask.distributed.Client or the module ray, optional
        Where shards are scanned: ``executor=ray``, in the cluster that ``ray.init`` joined or, without it, in a local one. What is sent
        there must pickle: for processes functions defined in a module, for Dask and Ray any. If a worker dies, its shard is scanned
        again and counted once: by Dask and Ray as often as they are configured to; elsewhere up to three times in all, after any
        error except ValueError and TypeError. (A ProcessPoolExecutor does not outlive its workers: BrokenProcessPool.)
    shards : int, optional
        How many parts the stream is split into for `executor`, 64 by default: at least a few per worker, but few enough that each
        takes a second or more. At most 1,024 are submitted at a time. Where `score` takes whole blocks, parts are of whole blocks (64 to 16,384
        positions).

    Returns
    -------
    ScanResult
        The same for any number of threads and shards: ties go to the smaller position. After Ctrl-C, what was found until then, with
        ``complete`` False; with `executor`, in the shards before the first that is not done.

    Raises
    ------
    FunctionError
        If a function cannot be compiled: which line, why, and what to do.
    ValueError
        If a function raises, naming the configuration, or the positions of the block; or for arguments out of range.
    BrokenExecutor
        If `executor` broke down.

    Notes
    -----
    O(size) time, O(top + threads x block) memory. Errors while scanning have the result until then, as after Ctrl-C, in their
    attribute ``hpo_fast_result``.

    Examples
    --------
    >>> import hpo_fast as hf
    >>> grid = hf.Grid(hf.Space({"x": hf.Int(0, 999), "y": hf.Int(0, 999)}))
    >>> best = hf.scan(grid, lambda p: (p.x - 3) ** 2 + p.y, where=lambda p: p.x * p.y >= 12, top=1)
    >>> best.configs, best.n_seen, best.n_feasible
    ([{'x': 3, 'y': 4}], 1000000, 997972)
    """
    if not isinstance(stream, Stream):
        raise TypeError(f"stream={stream!r} must be an hf.Grid, hf.Uniform or hf.Sobol")
    for name, function in (("score", score), ("where", where), ("progress", progress)):
        if function is not None and not callable(function):
            raise TypeError(f"{name}={function!r} must be a function")
    if on not in FORMS:
        raise ValueError(f"on={on!r} must be one of {', '.join(FORMS)}")
    top, threads = check_int("top", top, 0, MAX_BATCH), check_int("threads", threads, 1, MAX_THREADS)
    checked = stream.space.require(where) if where is not None else stream.space if stream.constraint is not None else None
    job = _Job(stream, score, on, where, checked, top, check_flag("scan", "minimize", minimize))
    parts = check_int("shards", 64 if shards is None else shards, 1, MAX_BATCH)
    key = (stream.size, stream.fingerprint, top, job.minimize)
    found, first = _core.Scan(top), 0
    if isinstance(start, ScanResult):
        if start._key != key:
            raise ValueError("start is the result of a scan of another stream, top or direction")
        sign = 1.0 if job.minimize else -1.0
        found.add([(sign * float(s), int(i)) for s, i in zip(start.scores, start.indices, strict=True)], start.n_seen, start.n_feasible)
        first = start.next
    else:
        first = check_int("start", start, 0, stream.size)
    began, seen = time.perf_counter(), found.seen
    report = progress or (lambda done, total: None)

    def result() -> ScanResult:
        # Everything before `next` was seen and nothing behind it, whenever an interrupt came.
        return _result(job, found, first + found.seen - seen, time.perf_counter() - began, key)

    try:
        if executor is None:
            _here(job, first, threads, found, report)
        else:
            _elsewhere(job, first, threads, found, report, executor, parts)
    except KeyboardInterrupt:
        pass
    except Exception as error:
        error.hpo_fast_result = result()  # type: ignore[attr-defined]
        raise
    return result()


def _here(job: _Job, first: int, threads: int, found: _core.Scan, report: Callable[[int, int], Any]) -> None:
    """Scan from `first` on in slices."""
    size, n = job.stream.size, _FIRST_SLICE
    while first < size:
        end = min((first + n) // job.block * job.block, size)
        began = time.perf_counter()
        job.run(first, end - first, threads, found)
        first = end
        report(first, size)
        n = max(_FIRST_SLICE, min(4 * n, int(n * _SLICE_SECONDS / max(time.perf_counter() - began, 1e-6))))


def _elsewhere(
    job: _Job, first: int, threads: int, found: _core.Scan, report: Callable[[int, int], Any], executor: Any, shards: int
) -> None:
    """Scan from `first` on in shards on an executor."""
    size = job.stream.size
    bounds = (first + (size - first) * k // shards for k in range(shards + 1))
    if job.kernels() is None:   # an error is one here, and not one of each worker
        bounds = (max(first, bound // job.block * job.block) if bound < size else size for bound in bounds)
    calls = ((a, b - a, threads) for a, b in itertools.pairwise(bounds) if a < b)
    with contextlib.closing(in_order(executor, _part, job, calls, threads)) as results:
        for best, seen, feasible in results:
            found.add(best, seen, feasible)
            first += seen
            report(first, size)


def _result(job: _Job, found: _core.Scan, end: int, seconds: float, key: tuple[Any, ...]) -> ScanResult:
    best = found.best
    positions = [position for _, position in best]
    rows = [job.stream.core.rows(p, 1) for p in positions]
    configs = _configs(job.stream.space, np.concatenate(rows)) if rows else []
    indices = np.array(positions, dtype=np.int64 if job.stream.size < 2**63 else object)
    scores = np.array([s for s, _ in best]) * (1.0 if job.minimize else -1.0)
    space = job.stream.space
    return ScanResult(indices, scores, configs, found.seen, found.feasible, end, seconds, key, dict(space.parameters), space.derived)


def _configs(space: Space, rows: np.ndarray) -> list[dict[str, Any]]:
    """The configurations of rows that were scanned: what was found must not be lost to a derived parameter that raises now."""
    try:
        return space.params(rows)
    except ValueError:
        functions = space.functions
        configs: list[dict[str, Any]] = functions.codec.params(rows)
        for i, params in enumerate(configs):
            config = functions.config(params, rows[i : i + 1])
            for name in functions.derived:
                with contextlib.suppress(ValueError):
                    params[name] = config[name]
        return configs


def count(stream: Stream, where: Callable[[Any], Any] | None = None, *, threads: int = 1) -> int:
    """How many configurations of a stream satisfy its requirements and `where`; O(size) time.

    Arguments and errors as for :func:`scan`; KeyboardInterrupt after Ctrl-C.
    """
    result = scan(stream, where=where, top=0, threads=threads)
    if not result.complete:   # a part of the number would look like all of it
        raise KeyboardInterrupt
    return result.n_feasible


def feasible_fraction(space: Space, seed: int = 0, *, n: int = 100_000, threads: int = 1) -> float:
    """How likely a configuration satisfies a space's requirements: the share of `n` points of a Sobol sequence.

    Configurations are as likely as the sampler "random" takes them to be: uniform, or as the parameters' priors say.

    Parameters
    ----------
    space : Space
        With its requirements.
    seed : int, default 0
        Of the sequence.
    n : int, default 100000
        The error is about ``1 / sqrt(n)`` at most, usually far less.
    threads : int, default 1
        The same number for any.

    Returns
    -------
    float
    """
    n = check_int("n", n, 1)
    return count(Sobol(check_space(space), n, seed), threads=threads) / n
