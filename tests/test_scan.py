"""Scans against brute force over the decoded configurations."""

import math
import os
import pickle
import sys
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import small_spaces

import hpo_fast as hf
from hpo_fast.scan import _Job


def tiles():
    return hf.Space({
        "a": hf.Int(1, 12), "b": hf.Ordinal([1, 2, 4, 8, 16]), "kind": hf.Categorical(["row", "col", "tile"]),
        "c": hf.Int(1, 9).when("kind", "tile"), "x": hf.Float(0, 1),
    })


def cost(p):
    return (p.a - 5) ** 2 + p.b * p.x + (p.c if p.active("c") else 3.5)


def fits(p):
    return p.a * p.b <= 64 and p.kind != "col"


def plain(stream, score=cost, where=fits, top=10, sign=1.0):
    """(score, position) of the best, and the number of feasible positions."""
    found, feasible = [], 0
    for i in range(stream.size):
        row = stream.core.rows(i, 1)
        config = stream.space._functions.config(stream.space.params(row)[0], row)
        if where is None or where(config):
            feasible += 1
            found.append((sign * float(score(config)), i))
    return sorted(found)[:top], feasible


STREAMS = {
    "grid": lambda: hf.Grid(tiles(), 4),
    "shuffled": lambda: hf.Grid(tiles(), 4).shuffled(3),
    "view": lambda: hf.Grid(tiles(), 4)[1500:20:-3],
    "uniform": lambda: hf.Uniform(tiles(), 900, seed=2),
    "sobol": lambda: hf.Sobol(tiles(), 700, seed=1),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("minimize", [True, False])
def test_a_scan_is_brute_force_for_any_number_of_threads(name, minimize):
    stream = STREAMS[name]()
    sign = 1.0 if minimize else -1.0
    expected, feasible = plain(stream, sign=sign)
    for threads in (1, 2, 5):
        result = hf.scan(stream, cost, where=fits, minimize=minimize, threads=threads)
        assert result.indices.tolist() == [i for _, i in expected]
        np.testing.assert_allclose(sign * result.scores, [s for s, _ in expected], rtol=1e-14)
        assert (result.n_seen, result.n_feasible, result.next, result.complete) == (stream.size, feasible, stream.size, True)
        assert result.configs == [stream[int(i)] for i in result.indices]


@settings(max_examples=15, deadline=None)
@given(small_spaces(), st.integers(0, 40))
def test_ties_go_to_the_smaller_position(space, top):
    grid = hf.Grid(space, 2)
    result = hf.scan(grid, lambda p: 1.0, top=top, threads=2)
    assert result.indices.tolist() == list(range(min(top, grid.size)))


@pytest.mark.parametrize("on", ["columns", "rows"])
@pytest.mark.parametrize("threads", [1, 3])
def test_functions_of_blocks(on, threads):
    grid = hf.Grid(tiles().require(lambda p: p.a != 5), {"x": 30})

    def score(block):
        return block["a"] + block["x"] if on == "columns" else block[:, 0] + 10 * block[:, 4]

    result = hf.scan(grid, score, on=on, where=fits, top=7, threads=threads)
    rows = grid.rows()
    ok = np.array([fits(grid.space._functions.config(p, rows[i : i + 1])) for i, p in enumerate(grid.space.params(rows))])
    values = score(grid.space.columns(rows) if on == "columns" else rows)[ok]
    order = np.argsort(values, kind="stable")[:7]
    np.testing.assert_allclose(result.scores, values[order])
    assert (result.indices == grid.indices()[ok][order]).all()
    assert (result.n_seen, result.n_feasible) == (grid.size, int(ok.sum()))


def test_a_surrogate_scores_a_stream():
    space = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)})
    X = space.sample(40, seed=0)
    model = hf.surrogate(space, X, ((X - 0.3) ** 2).sum(axis=1))
    stream = hf.Sobol(space, 3000, seed=5)
    result = hf.scan(stream, model.log_ei, on="rows", minimize=False, top=3)
    values = model.log_ei(stream.rows())
    assert result.indices.tolist() == np.argsort(-values, kind="stable")[:3].tolist()


@pytest.mark.parametrize("share", [0.003, 0.08])   # what a block has is computed otherwise where it is more than the 40 observations
def test_what_a_surrogate_scores_does_not_depend_on_shards_or_the_clock(share, monkeypatch):
    space = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)})
    X = space.sample(40, seed=0)
    model = hf.surrogate(space, X, ((X - 0.3) ** 2).sum(axis=1))
    stream = hf.Sobol(space.require(lambda p: p.x < 0.003), 100_000, seed=5)    # of 512 positions one or two: all are computed otherwise than 40 and more
    want = hf.scan(stream, model.log_ei, on="rows", top=300, minimize=False)
    for slice_, shards in ((2**16, 7), (20_000, None), (50_000, 64), (2**16, 1)):
        monkeypatch.setattr(sys.modules["hpo_fast.scan"], "_FIRST_SLICE", slice_)
        with ThreadPoolExecutor(2) as pool:
            got = hf.scan(stream, model.log_ei, on="rows", top=300, minimize=False, executor=None if shards is None else pool, shards=shards)
        assert got.scores.tolist() == want.scores.tolist() and got.indices.tolist() == want.indices.tolist() and got.n_seen == stream.size
    with ThreadPoolExecutor(2) as pool:
        assert hf.scan(stream, model.mean, on="rows", start=20_000, executor=pool, shards=9).n_seen == 80_000


def test_derived_parameters_and_vectorised_requirements():
    space = tiles().derive("area", lambda p: p.a * p.b).require(lambda p: p["area"] >= 40, vectorized=True)
    grid = hf.Grid(space, 3)
    result = hf.scan(grid, lambda p: p.area, top=1)
    assert result.configs[0]["area"] == 40 and result.n_feasible == len(grid.indices())


def test_nan_is_feasible_and_never_among_the_best():
    grid = hf.Grid(hf.Space({"n": hf.Int(0, 9)}))
    for on, score in (("config", lambda p: math.nan if p.n < 8 else p.n), ("columns", lambda p: np.where(p["n"] < 8, math.nan, p["n"]))):
        result = hf.scan(grid, score, on=on)
        assert (result.n_feasible, result.scores.tolist()) == (10, [8.0, 9.0])


def test_positions_beyond_64_bits():
    grid = hf.Grid(hf.Space({f"n{i}": hf.Int(0, 2**20 - 1) for i in range(6)}))
    start = grid.size - 1000
    result = hf.scan(grid, lambda p: -p.n5, top=2, start=start)
    assert result.indices.tolist() == [grid.size - 1, grid.size - 2] and result.n_seen == 1000


class Interrupting:
    def __init__(self, after):
        self.calls, self.after = 0, after

    def __call__(self, done, total):
        assert 0 < done <= total == 8_000_000
        self.calls += 1
        if self.calls == self.after:
            raise KeyboardInterrupt


def test_an_interrupted_scan_returns_what_it_has_and_goes_on():
    grid = hf.Grid(hf.Space({k: hf.Int(0, 199) for k in "abc"}))

    def score(p):
        return abs(p.a - 150) + abs(p.b - p.c)

    part = hf.scan(grid, score, progress=Interrupting(2))
    assert not part.complete and 0 < part.n_seen == part.next < grid.size
    rest = hf.scan(grid, score, start=part)
    whole = hf.scan(grid, score)
    assert (rest.indices == whole.indices).all() and rest.n_seen == whole.n_seen == grid.size and rest.complete
    shifted = hf.Grid(hf.Space({k: hf.Int(100, 299) for k in "abc"}))
    for stream, top in ((grid, 3), (shifted, 10), (grid.shuffled(), 10), (grid[::-1], 10)):
        with pytest.raises(ValueError, match="another stream"):
            hf.scan(stream, score, start=part, top=top)


@pytest.mark.parametrize("on", ["config", "rows"])
def test_an_interrupt_between_a_slice_and_its_counting(monkeypatch, on):
    """Where Ctrl-C mostly strikes: as native code returns."""
    grid, calls = hf.Grid(hf.Space({k: hf.Int(0, 199) for k in "abc"}))[:500_000], []
    score = (lambda p: abs(p.b - p.c)) if on == "config" else lambda rows: np.abs(rows[:, 1] - rows[:, 2])
    run = _Job.run

    def interrupted(self, *args):
        run(self, *args)
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt

    whole = hf.scan(grid, score, on=on)
    monkeypatch.setattr(_Job, "run", interrupted)
    part = hf.scan(grid, score, on=on)
    assert 0 < part.n_seen == part.next < grid.size and len(calls) == 2
    rest = hf.scan(grid, score, on=on, start=part)
    assert rest.complete and rest.n_seen == grid.size and rest.indices.tolist() == whole.indices.tolist()


def test_errors_leave_what_was_found():
    grid = hf.Grid(hf.Space({"a": hf.Int(0, 199_999)}))
    with pytest.raises(ValueError, match="position 150000") as caught:
        hf.scan(grid, lambda p: 1.0 if p.a < 150_000 else [1.0, 2.0][p.a])
    part = caught.value.hpo_fast_result
    assert 0 < part.next == part.n_seen <= 150_000 and part.indices.tolist() == list(range(10))


def test_executors_give_the_same_answer():
    grid = hf.Grid(tiles(), 5)
    expected = hf.scan(grid, cost, where=fits)
    with ThreadPoolExecutor(3) as threads, ProcessPoolExecutor(2) as processes:
        for pool, shards in ((threads, 7), (processes, 5), (threads, 5000)):
            result = hf.scan(grid, cost, where=fits, executor=pool, shards=shards)
            assert (result.indices == expected.indices).all() and (result.scores == expected.scores).all()
            assert (result.n_seen, result.n_feasible) == (expected.n_seen, expected.n_feasible)


class Flaky(Executor):
    """Loses the first attempts at every other shard."""

    def __init__(self, losses):
        self.losses, self.tried = losses, {}

    def submit(self, fn, /, *args, **kwargs):
        future, key = Future(), args[1]
        self.tried[key] = self.tried.get(key, 0) + 1
        if self.tried[key] <= self.losses and key % 2 == 0:
            future.set_exception(ConnectionError("the worker is gone"))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


def test_a_lost_shard_is_scanned_again_and_counted_once():
    grid = hf.Grid(tiles(), 5)
    expected = hf.scan(grid, cost, where=fits)
    result = hf.scan(grid, cost, where=fits, executor=Flaky(2), shards=9)
    assert result.n_seen == grid.size and (result.indices == expected.indices).all()
    with pytest.raises(ConnectionError, match="gone"):
        hf.scan(grid, cost, where=fits, executor=Flaky(3), shards=9)


def raises(p):
    return [1.0, 2.0][p.a]


def test_a_function_that_raises_names_the_configuration():
    grid = hf.Grid(hf.Space({"a": hf.Int(0, 5)}))
    for threads in (1, 2):
        with pytest.raises(ValueError, match=r"score: .* position 2, \{'a': 2\}"):
            hf.scan(grid, raises, threads=threads)
    with pytest.raises(ValueError, match=r"where: .* position 2"):
        hf.scan(grid, where=lambda p: raises(p) > 0)


def sometimes_none():
    """A grid whose compiled requirement and score raise where d is None, and Python's do not."""
    space = hf.Space({"o": hf.Categorical(["s", "t"]), "m": hf.Int(1, 300).when("o", "t"), "z": hf.Int(0, 9)})
    return hf.Grid(space.derive("d", lambda p: p.m * 2 if p.active("m") else None).require(lambda p: p.d != 4))


@pytest.mark.parametrize("vectorized", [False, True])   # a requirement of columns: the scan is in blocks
@pytest.mark.parametrize("threads", [1, 3])
def test_python_counts_where_compiled_code_raises(vectorized, threads):
    grid = sometimes_none()
    if vectorized:
        grid = hf.Grid(grid.space.require(lambda p: p["z"] >= 0, vectorized=True))
    expected = [(float(p.get("d") != 8) + p["z"], i) for i in range(grid.size) if (p := grid.space.params(grid.core.rows(i, 1))[0])["d"] != 4]
    result = hf.scan(grid, lambda p: (p.d != 8) + p.z, top=50, threads=threads)
    assert list(zip(result.scores, result.indices, strict=True)) == sorted(expected)[:50]
    assert result.n_feasible == len(expected) == len(list(grid)) == hf.count(grid, threads=threads)
    assert hf.count(grid, where=lambda p: p.d != 8, threads=threads) == len(expected) - 10


@pytest.mark.parametrize("vectorized", [False, True])
def test_errors_are_those_of_the_python_function(vectorized):
    space = hf.Space({"a": hf.Int(0, 5)}).derive("d", lambda p: None if p.a == 3 else p.a)
    grid = hf.Grid(space.require(lambda p: p["a"] < 9, vectorized=True) if vectorized else space)
    with pytest.raises(ValueError, match=r"score: the function failed with IndexError: .* at position 2, \{'a': 2\}") as caught:
        hf.scan(grid, raises)
    assert isinstance(caught.value.__cause__, IndexError) and caught.value.hpo_fast_result.next == 0
    with pytest.raises(ValueError, match=r"score: the function must return a number, got None at position 3, \{'a': 3\}"):
        hf.scan(grid, lambda p: p.d)


@pytest.mark.parametrize("on", ["columns", "rows"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_function_of_blocks_that_raises_names_the_block(on, threads):
    grid = hf.Grid(hf.Space({"a": hf.Int(0, 39_999)}))

    def score(block):
        a = block["a"] if on == "columns" else np.round(block[:, 0] * 39_999)
        return a if a[0] < 39_936 else 1 / 0   # which is where the last block of 256 begins

    with pytest.raises(ValueError, match=r"score: the function failed with ZeroDivisionError: .* at positions 39936 to 39990") as caught:
        hf.scan(grid, score, on=on, where=lambda p: p.a <= 39_990, threads=threads)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)

    def interrupted(block):
        raise KeyboardInterrupt

    assert not hf.scan(grid, interrupted, on=on, threads=threads).complete


def test_a_function_is_asked_only_where_those_before_it_hold():
    table = np.array([1.0, 2.0, 3.0])
    space = hf.Space({"a": hf.Int(0, 5), "b": hf.Int(0, 2999), "k": hf.Categorical(["s", "t"]), "c": hf.Int(0, 1).when("k", "t")})
    guarded = space.require(lambda p: p.a < 3).require(lambda p: table[p.a] > 1).require(lambda p: p.k == "t")
    for threads in (1, 2):
        result = hf.scan(hf.Grid(guarded), lambda p: table[p.a] + p.b, where=lambda p: table[p.a] < 9, top=4, threads=threads)
        assert result.n_feasible == 2 * 3000 * 2 and result.n_seen == 6 * 3000 * 3
        assert [(c["a"], c["b"], c["c"]) for c in result.configs] == [(1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1)]


@pytest.mark.parametrize(("error", "words", "arguments"), [
    (TypeError, "must be an hf.Grid", {"stream": [1, 2]}),
    (TypeError, "score=3 must be a function", {"score": 3}),
    (ValueError, "on='row' must be one of", {"on": "row"}),
    (ValueError, "top=-1", {"top": -1}),
    (ValueError, "start=99", {"start": 99}),
    (TypeError, "executor=3", {"executor": 3}),
    (hf.FunctionError, "score", {"score": lambda p: os.getpid() + p.a}),
    (ValueError, "must return 6 numbers", {"score": lambda p: 3.0, "on": "columns"}),
])
def test_bad_arguments(error, words, arguments):
    stream = hf.Grid(hf.Space({"a": hf.Int(0, 5)}))
    with pytest.raises(error, match=words):
        hf.scan(**{"stream": stream, "score": lambda p: p.a} | arguments)


def test_counting():
    space = hf.Space({"a": hf.Int(1, 20), "b": hf.Int(1, 20)}).require(lambda p: p.a * p.b <= 100)
    inside = sum(a * b <= 100 for a in range(1, 21) for b in range(1, 21))
    assert hf.count(hf.Grid(space)) == inside
    assert hf.count(hf.Grid(space), where=lambda p: p.a == 1, threads=2) == 20
    assert hf.feasible_fraction(space, n=50_000) == pytest.approx(inside / 400, abs=0.005)
    with pytest.raises(TypeError, match="must be a Space"):
        hf.feasible_fraction(3)
    assert hf.feasible_fraction(space, 7) == hf.feasible_fraction(space, seed=7) != hf.feasible_fraction(space, 8)


@pytest.mark.parametrize("ask", [lambda g: hf.count(g, lambda p: p.a % 7 != 3), lambda g: hf.feasible_fraction(g.space, n=2**32)])
def test_an_interrupted_count_is_no_count(ask, monkeypatch):
    def interrupted(job, first, threads, found, report):
        job.run(first, 1000, threads, found)
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["hpo_fast.scan"], "_here", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ask(hf.Grid(hf.Space({"a": hf.Int(0, 10**6)}).require(lambda p: p.a >= 0)))


def test_a_derived_parameter_that_raises_in_python_loses_nothing():
    grid = hf.Grid(hf.Space({"m": hf.Int(0, 6)}).derive("d", lambda p: 100 / p.m).derive("e", lambda p: -p.m))
    result = hf.scan(grid, lambda p: p.m, top=2)
    assert result.configs == [{"m": 0, "e": 0}, {"m": 1, "d": 100.0, "e": -1}]
    assert result.to_arrow().column("d").to_pylist() == result.to_pandas()["d"].replace(np.nan, None).tolist() == [None, 100.0]

    def progress(done, total):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        hf.scan(grid, lambda p: p.m, top=1, progress=progress)
    assert caught.value.hpo_fast_result.configs == [{"m": 0, "e": 0}]


def test_results_pickle():
    result = hf.scan(hf.Grid(hf.Space({"a": hf.Int(0, 5)})), lambda p: -p.a, top=2)
    again = pickle.loads(pickle.dumps(result))
    assert again.configs == [{"a": 5}, {"a": 4}] and again.n_seen == 6


def test_data_frames_have_every_column():
    space = hf.Space({"o": hf.Categorical(["s", "t"]), "m": hf.Int(1, 3).when("o", "t"), "n": hf.Int(0, 1)}).derive("d", lambda p: p.n + 0.5)
    names = ["index", "score", "o", "m", "n", "d"]
    found = hf.scan(hf.Grid(space), lambda p: p.n, where=lambda p: p.o == "s")
    frame = found.to_pandas()
    assert list(frame) == found.to_arrow().column_names == names and frame["m"].isna().all() and len(frame) == 2
    assert frame.drop(columns="m").to_dict("records") == [{"index": i, "score": float(i), "o": "s", "n": i, "d": i + 0.5} for i in range(2)]
    nothing = hf.scan(hf.Grid(space), lambda p: p.n, where=lambda p: p.n > 5)
    frame = nothing.to_pandas()
    assert list(frame) == nothing.to_arrow().column_names == names and len(frame) == 0
    assert (frame["index"].dtype, frame["score"].dtype) == (np.int64, np.float64)
    named = hf.scan(hf.Grid(hf.Space({"index": hf.Int(7, 8)})), lambda p: p.index).to_pandas()
    assert named.to_dict("list") == {"index": [7, 8], "score": [7.0, 8.0]}


def test_results_are_themselves():
    a, b = (hf.scan(hf.Grid(hf.Space({"a": hf.Int(0, 5)})), lambda p: p.a, top=3) for _ in range(2))
    assert a == a and a != b and len({a, b}) == 2
