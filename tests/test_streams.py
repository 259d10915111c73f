"""Grid, Uniform and Sobol as sequences."""

from __future__ import annotations

import itertools
import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hpo_fast as hf
from hpo_fast.streams import Stream
from tests.strategies import enumerate_space, identity, key, mixed_spaces, small_spaces


def mixed():
    return hf.Space(
        {
            "lr": hf.Float(1e-4, 1e-1, log=True),
            "x": hf.Float(-1, 3),
            "n": hf.Int(2, 8, step=3),
            "w": hf.Int(1, 9, log=True),
            "s": hf.Float(0, 0.2, step=0.1),
            "o": hf.Categorical(["adam", "sgd", None]),
            "m": hf.Float(0.5, 0.99).when("o", "sgd"),
            "k": hf.Ordinal([8, 16]).when("o", ["sgd", None]),
            "f": hf.Float(2.5, 2.5),
        }
    ).derive("nw", lambda p: p.n * p.w)


def no_derived():
    return hf.Space(dict(mixed().parameters))


def positive(p):
    return p.n % 2 == 0


def streams():
    space = mixed()
    return [hf.Grid(space, 3), hf.Uniform(space, 5000, seed=2), hf.Sobol(space, 5000, seed=2)]


def constrained():
    space = mixed().require(lambda p: p.w * p.n <= 30)
    return [hf.Grid(space, {"lr": 2, "x": 2, "m": 2}), hf.Uniform(space, 3000, 2), hf.Sobol(space, 3000, 2)]


def items(stream, positions):
    return [stream[i] for i in positions]


def listed(column):
    """The values of a column as what tells them apart, types included."""
    return [identity(v) for v in column.tolist()]


# -- grids --------------------------------------------------------------------------------------------------------------


@given(small_spaces())
@settings(deadline=None)
def test_a_grid_is_every_configuration_once_and_index_its_inverse(space):
    grid = hf.Grid(space)
    expected = enumerate_space(space)
    assert len(grid) == grid.size == space.size == len(expected)
    configs = list(grid)
    assert {key(c) for c in configs} == {key(c) for c in expected}
    assert items(grid, range(len(grid))) == configs
    assert [grid.index(c) for c in configs] == list(range(len(grid)))


def test_unconditional_parameters_are_nested_like_itertools_product():
    space = hf.Space({"a": hf.Int(0, 2), "b": hf.Categorical(["x", "y"]), "c": hf.Float(0, 1), "d": hf.Ordinal([4, 8])})
    expected = itertools.product([0, 1, 2], ["x", "y"], [0.0, 0.5, 1.0], [4, 8])
    assert [tuple(c.values()) for c in hf.Grid(space, 3)] == list(expected)


def test_children_stand_right_behind_their_parent():
    space = hf.Space({"k": hf.Int(1, 2).when("c", "v"), "c": hf.Categorical(["u", "v"]), "a": hf.Int(0, 1)})
    assert [(c["c"], c.get("k"), c["a"]) for c in hf.Grid(space)] == [
        ("u", None, 0), ("u", None, 1), ("v", 1, 0), ("v", 1, 1), ("v", 2, 0), ("v", 2, 1),
    ]  # fmt: skip


def test_values_of_a_float_are_equally_spaced_with_both_ends():
    space = hf.Space({"x": hf.Float(-1, 3), "lr": hf.Float(1e-5, 1e-1, log=True)})
    columns = hf.Grid(space, {"x": 3, "lr": 5}).columns()
    assert sorted(set(columns["x"].tolist())) == [-1.0, 1.0, 3.0]
    assert sorted(set(columns["lr"].tolist())) == [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    assert len(hf.Grid(space, 7)) == 49


@pytest.mark.parametrize(("error", "words", "resolution"), [
    (ValueError, r"number of values for 'lr', 'x', 'm'.*resolution=\{'lr': 7\}", None),
    (ValueError, r"number of values for 'm'", {"lr": 3, "x": 3}),
    (ValueError, r"resolution.*'no' is not in the space", {"no": 3}),
    (ValueError, r"resolution.*'n' has finitely many values", {"n": 3}),
    (ValueError, r"resolution.*'f' has finitely many values", {"f": 3}),
    (ValueError, r"resolution of 'lr'=1 must be at least 2", {"lr": 1, "x": 3, "m": 3}),
    (ValueError, r"resolution of 'lr'=1 must be at least 2", 1),
    (TypeError, r"resolution of 'lr'=2.5 must be an integer", 2.5),
    (TypeError, r"resolution of 'lr'=True must be an integer", True),
])  # fmt: skip
def test_a_resolution_that_does_not_fit(error, words, resolution):
    with pytest.raises(error, match=words):
        hf.Grid(mixed(), resolution)


def test_a_resolution_is_checked_where_no_parameter_needs_it():
    space = hf.Space({"n": hf.Int(0, 3)})
    assert len(hf.Grid(space, 5)) == 4
    with pytest.raises(ValueError, match="resolution=1 must be at least 2"):
        hf.Grid(space, 1)


@pytest.mark.parametrize("parameter", [hf.Float(1e-8, 1, log=True), hf.Float(0.1, 0.7), hf.Float(-3, 1e-3), hf.Float(5e7, 5.001e7, log=True)])
@pytest.mark.parametrize("resolution", [2, 997, 10**7, 10**9 + 7])
def test_index_is_the_inverse_at_any_resolution(parameter, resolution):
    grid = hf.Grid(hf.Space({"x": parameter}), resolution)
    for i in np.random.default_rng(0).integers(0, resolution, 300).tolist():
        assert grid.index(grid[i]) == i


def test_steps_of_any_size():
    grid = hf.Grid(hf.Space({"a": hf.Int(0, 9)}))
    for step in (2**63, 2**64, 2**127, 2**128, 2**130 + 1):
        assert list(grid[3::step]) == [{"a": 3}] and grid[3::step].index({"a": 3}) == 0
        assert list(grid[::-step]) == [{"a": 9}]
        with pytest.raises(ValueError, match="not in this view"):
            grid[::step][::step].index({"a": 3})


def test_what_a_grid_contains_and_whether_anything():
    space = hf.Space({f"x{i}": hf.Int(0, 2**20 - 1) for i in range(5)} | {"y": hf.Float(0, 1)})
    grid = hf.Grid(space, 11, where=lambda p: p.x0 != 7)
    assert grid and not grid[:0] and grid.size > sys.maxsize
    params = grid[123456789]
    assert params in grid and params not in grid[:9] and params | {"y": 0.123} not in grid
    assert params | {"x0": 7} not in grid and params | {"z": 1} not in grid and "x0" not in grid
    with pytest.raises(ValueError, match="part by part"):
        grid.rows()
    with pytest.raises(ValueError, match="part by part"):
        grid.columns(5)


def test_a_grid_keeps_its_resolution():
    resolution = {"x": 3}
    grid = hf.Grid(hf.Space({"x": hf.Float(0, 1)}), resolution)
    resolution["x"] = 5
    assert list(pickle.loads(pickle.dumps(grid))) == list(grid) == [{"x": 0.0}, {"x": 0.5}, {"x": 1.0}]


def test_index_names_what_is_not_on_the_grid():
    grid = hf.Grid(hf.Space({"lr": hf.Float(1e-4, 1.0, log=True), "n": hf.Int(0, 9)}), 5)
    assert grid.index({"lr": 0.01, "n": 3}) == 23
    with pytest.raises(ValueError, match=r"'lr': 0.02 is not one of its 5 values on the grid; the nearest is 0.01"):
        grid.index({"lr": 0.02, "n": 3})
    with pytest.raises(ValueError, match="'n'"):
        grid.index({"lr": 0.01, "n": 10})
    with pytest.raises(ValueError, match=r"not in this view.*position 23"):
        grid[::2].index({"lr": 0.01, "n": 3})
    assert grid[::-1].index({"lr": 0.01, "n": 3}) == 50 - 1 - 23


def test_a_grid_of_ten_to_the_thirty_is_exact():
    grid = hf.Grid(hf.Space({f"p{i}": hf.Int(0, 9) for i in range(30)}))
    assert grid.size == 10**30
    with pytest.raises(OverflowError, match=r"1000000000000000000000000000000 positions.*\.size"):
        len(grid)
    i = 123456789012345678901234567890
    assert "".join(str(v) for v in grid[i].values()) == str(i)
    assert grid[-1] == grid[10**30 - 1] == dict.fromkeys(grid.space.names, 9)
    part = grid[i : i + 10**29 : 7]
    assert part.size == -(-(10**29) // 7)
    assert part[10**28] == grid[i + 7 * 10**28]
    shuffled = grid.shuffled(3)[5:]
    config = shuffled[10**25]
    assert shuffled.index(config) == 10**25
    assert grid.indices(i, i + 3).tolist() == [i, i + 1, i + 2]
    assert [shard.size for shard in (grid.shard(k, of=3) for k in range(3))] == [10**30 // 3] * 2 + [10**30 // 3 + 1]
    assert grid[i:][0] == next(iter(grid[i:])) == grid[i]


def test_a_conditional_grid_of_more_than_64_bits_within_one_tree():
    space = hf.Space({"m": hf.Categorical(["a", "b"])} | {f"p{i}": hf.Int(0, 99).when("m", "b") for i in range(12)})
    grid = hf.Grid(space)
    assert grid.size == space.size == 1 + 10**24
    assert grid[0] == {"m": "a"}
    assert "".join(f"{v:02d}" for v in list(grid[1 + 123456789].values())[1:]) == f"{123456789:024d}"
    assert grid.index(grid[10**23]) == 10**23


def test_too_many_configurations_are_an_error_that_says_what_to_do():
    space = hf.Space({f"p{i}": hf.Int(0, 99) for i in range(20)})
    with pytest.raises(ValueError, match=r"2\^127.*hf\.Uniform"):
        hf.Grid(space)


# -- sequences ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", streams() + constrained()[1:2], ids=repr)
def test_items_rows_columns_and_iteration_agree(stream):
    space = stream.space
    assert len(stream) == stream.size
    part = stream[100:400]
    configs = items(stream, range(100, 400))
    assert list(part) == configs == items(part, range(300)) == items(part, range(-300, 0))
    rows = stream.rows(100, 400)
    assert rows.tobytes() == part.rows().tobytes()
    assert space.decode(rows) == configs
    columns = stream.columns(100, 400)
    assert list(columns) == [*space.names, *space.derived]
    for name, column in space.columns(rows).items():
        assert columns[name].dtype == column.dtype
        np.testing.assert_array_equal(columns[name], column)
    assert [c.get("nw") for c in configs] == columns["nw"].tolist()
    assert stream.indices(100, 400).tolist() == list(range(100, 400))


@given(mixed_spaces(), st.integers(0, 2**40), st.integers(1, 400))
@settings(deadline=None)
def test_every_way_to_read_gives_the_same_values(space, first, n):
    """Columns are made in place; the oracle is NumPy, parameter by parameter, of the raw numbers."""
    for stream in (hf.Uniform(space, 2**41, seed=first), hf.Sobol(space, 2**32, seed=first)[first % 2**31 :]):
        a = first if isinstance(stream, hf.Uniform) else 0
        columns = stream.columns(a, a + n)
        from_rows = space.columns(stream.rows(a, a + n))
        picked = stream[a : a + n : 7].shuffled(2)
        configs = [stream[i] for i in range(a, a + n, 7)]
        for raw, (name, p) in zip(stream.core.columns(a, n), space.parameters.items(), strict=True):
            active = ~np.isnan(raw)
            expected = p.values(raw[active])
            if not active.all() and (expected.dtype != object or all(type(c) in (int, float) for c in p.choices)):
                expected = expected.astype(np.float64)
            column = columns[name]
            assert from_rows[name].dtype == column.dtype == expected.dtype
            assert listed(column[active]) == listed(expected)
            assert listed(from_rows[name]) == listed(column)
            assert all(v is None or v != v for v in column[~active].tolist())
            assert [name in c for c in configs] == active[::7].tolist()
            if active.all():
                assert listed(column[::7]) == [identity(c[name]) for c in configs]
        assert sorted(map(repr, picked)) == sorted(map(repr, configs))


@pytest.mark.parametrize("make", [lambda s: hf.Grid(s, 6), lambda s: hf.Uniform(s, 50000, 1), lambda s: hf.Sobol(s, 50000, 1)])
def test_columns_of_many_blocks_equal_those_of_the_rows_on_any_number_of_threads(make):
    stream = make(no_derived())
    columns = stream.columns(3, 40000)
    for name, column in stream.space.columns(stream.rows(3, 40000)).items():
        assert columns[name].dtype == column.dtype
        np.testing.assert_array_equal(columns[name], column)
    for threads in (2, 3):
        for name, column in stream.columns(3, 40000, threads=threads).items():
            np.testing.assert_array_equal(columns[name], column)
        assert stream.rows(3, 40000, threads).tobytes() == stream.rows(3, 40000).tobytes()


def test_a_column_that_is_active_at_first_becomes_float_when_it_is_not():
    space = hf.Space({"c": hf.Ordinal([1, 0]), "i": hf.Int(0, 29999).when("c", 1)})
    grid = hf.Grid(space)
    assert grid.columns(0, 30000)["i"].dtype == np.int64
    column = grid.columns()["i"]
    assert column[:30000].tolist() == list(range(30000))
    assert np.isnan(column[30000])


@pytest.mark.parametrize("derive", [
    lambda p: True if p.x < 512 else p.x,
    lambda p: p.x % 2 == 0 if p.x < 625 else p.x / 2,
    lambda p: 2**60 + p.x if p.x > 937 else 0.5,
    lambda p: 2**60 + p.x if p.x % 312 == 1 else 0.5,
    lambda p: 2**63 + p.x if p.x > 937 else p.x,
    lambda p: "many" if p.x > 1093 else p.x,
    lambda p: p.x if p.x < 625 else p.x / 2,
])
def test_derived_columns_are_the_same_for_any_number_of_threads(derive, monkeypatch):
    monkeypatch.setattr("hpo_fast.streams._CHUNK", 512)   # three of them, the last one short
    grid = hf.Grid(hf.Space({"x": hf.Int(0, 1250)}).derive("d", derive))
    column = grid.columns()["d"]
    assert column.tolist() == [c["d"] for c in grid] and column.dtype == grid.space.columns(grid.rows())["d"].dtype
    for threads in (2, 3):
        other = grid.columns(threads=threads)["d"]
        assert other.dtype == column.dtype and listed(other) == listed(column)


@pytest.mark.parametrize("threads", [1, 3])
def test_derived_functions_never_get_columns_without_rows(threads):
    def derive(p):
        assert len(p.x)
        return np.vectorize(lambda x: x % 7)(p.x)

    space = hf.Space({"x": hf.Int(0, 100_000)}).derive("d", derive, vectorized=True).require(lambda p: p.x > 70_000)
    assert hf.Grid(space).columns(threads=threads)["d"].tolist() == [x % 7 for x in range(70_001, 100_001)]


indices = st.one_of(st.none(), st.integers(-60, 60))


@given(st.lists(st.one_of(st.tuples(indices, indices, indices.filter(lambda c: c != 0)), st.integers(0, 5)), max_size=4), st.integers(0, 50))
@settings(deadline=None)
def test_views_compose_as_those_of_a_list_do(steps, n):
    space = hf.Space({"n": hf.Int(0, 49)})
    for stream in (hf.Grid(space)[:n], hf.Sobol(space, n), hf.Uniform(space, n)):
        view, expected = stream, [c["n"] for c in stream]
        for step in steps:
            if isinstance(step, tuple):
                view, expected = view[slice(*step)], expected[slice(*step)]
            else:
                before, view = view, view.shuffled(step)
                order = hf.Grid(hf.Space({"n": hf.Int(0, len(before) - 1)})).shuffled(step) if len(before) else []
                expected = [expected[c["n"]] for c in order]
        assert type(view) is type(stream)
        assert len(view) == len(expected)
        assert [c["n"] for c in view] == expected
        assert view.columns()["n"].tolist() == expected
        assert [view[i]["n"] for i in range(-len(expected), len(expected))] == expected * 2
        if isinstance(view, hf.Grid):
            assert [view.index({"n": v}) for v in expected] == list(range(len(expected)))
            for v in set(range(50)) - set(expected):
                with pytest.raises(ValueError, match="not in this view"):
                    view.index({"n": v})


@pytest.mark.parametrize("stream", streams(), ids=repr)
@pytest.mark.parametrize("of", [1, 3, 7])
def test_shards_are_disjoint_and_together_everything(stream, of):
    shards = [stream.shard(k, of=of) for k in range(of)]
    assert np.concatenate([s.rows() for s in shards]).tobytes() == stream.rows().tobytes()
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_more_shards_than_positions():
    stream = hf.Uniform(mixed(), 2)
    assert sorted(len(stream.shard(k, of=5)) for k in range(5)) == [0, 0, 0, 1, 1]
    assert [c for k in range(5) for c in stream.shard(k, of=5)] == list(stream)


@pytest.mark.parametrize("stream", [*streams(), *constrained()], ids=repr)
def test_a_shuffle_is_a_permutation_and_resumes_anywhere(stream):
    shuffled = stream.shuffled(4)
    assert sorted(map(key, shuffled), key=repr) == sorted(map(key, stream), key=repr)
    assert np.concatenate([shuffled[:50].rows(), shuffled[50:].rows()]).tobytes() == shuffled.rows().tobytes()
    assert shuffled.rows().tobytes() != stream.shuffled(5).rows().tobytes()


def test_empty_streams():
    for stream in (hf.Uniform(mixed(), 0), hf.Grid(mixed(), 2)[5:5], hf.Sobol(mixed(), 0).shuffled(1)):
        assert len(stream) == 0
        assert list(stream) == []
        assert stream.rows().shape == (0, 9)
        assert {name: len(c) for name, c in stream.columns().items()} == dict.fromkeys([*mixed().names, "nw"], 0)
    assert {name: len(c) for name, c in hf.Uniform(no_derived(), 0).columns().items()} == dict.fromkeys(no_derived().names, 0)


@pytest.mark.parametrize("kind", [hf.Grid, hf.Uniform, hf.Sobol])
def test_streams_and_views_pickle(kind):
    space = hf.Space(dict(mixed().parameters)).require(positive)
    stream = (kind(space, 3) if kind is hf.Grid else kind(space, 500, seed=7))[3:].shuffled(2)[::-2]
    again = pickle.loads(pickle.dumps(stream))
    assert type(again) is kind
    assert again.rows().tobytes() == stream.rows().tobytes()
    assert len(again) == len(stream)


def test_repr_says_the_sizes():
    grid = hf.Grid(mixed(), 3)
    assert repr(grid) == f"<Grid: {grid.size:,} positions, 9 parameters>"
    assert repr(grid[5:15]) == f"<Grid: 10 of {grid.size:,} positions, 9 parameters>"


# -- what they are ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [streams()[1], constrained()[1]], ids=repr)
def test_uniform_is_what_the_space_samples(stream):
    assert stream.rows().tobytes() == stream.space.sample(len(stream), seed=2).tobytes()
    assert stream.constraint is None


def test_sobol_points_fill_levels_evenly():
    space = hf.Space({"i": hf.Int(0, 7), "x": hf.Float(0, 1), "c": hf.Categorical(list("abcd"))})
    columns = hf.Sobol(space, 64).columns()
    assert np.bincount(columns["i"]).tolist() == [8] * 8
    assert sorted(np.unique(columns["c"].astype(str), return_counts=True)[1]) == [16] * 4


@pytest.mark.parametrize("stream", [constrained()[0], constrained()[2]], ids=repr)
def test_infeasible_positions_are_counted_and_left_out(stream):
    space = stream.space
    free = hf.Grid(mixed(), {"lr": 2, "x": 2, "m": 2}) if isinstance(stream, hf.Grid) else hf.Sobol(mixed(), 3000, 2)
    assert len(stream) == len(free)
    feasible = [i for i, c in enumerate(free) if c["w"] * c["n"] <= 30]
    assert 0 < len(feasible) < len(free)
    assert stream.indices().tolist() == feasible
    assert list(stream) == items(free, feasible) == items(stream, feasible)
    np.testing.assert_array_equal(stream.rows(), free.rows()[feasible])
    np.testing.assert_array_equal(stream.rows(threads=2), stream.rows())
    for name, column in stream.columns().items():
        np.testing.assert_array_equal(column, space.columns(stream.rows())[name])
    shards = [stream.shard(k, of=4) for k in range(4)]
    assert np.concatenate([s.rows() for s in shards]).tobytes() == stream.rows().tobytes()
    bad = next(i for i, j in enumerate(feasible) if i != j)
    with pytest.raises(ValueError, match=rf"position {bad} is infeasible.*violates requirement 1.*indices"):
        stream[bad]
    a, b = feasible[3], feasible[9]
    assert stream.indices(a, b).tolist() == feasible[3:9]


def test_where_is_a_requirement_of_the_grid_alone():
    space = hf.Space({"a": hf.Int(0, 9), "b": hf.Int(0, 9)}).require(lambda p: p.a < 5)
    grid = hf.Grid(space, where=lambda p: p.a + p.b == 6)
    assert [(c["a"], c["b"]) for c in grid] == [(a, 6 - a) for a in range(5)]
    assert len(list(hf.Grid(space))) == 50
    assert grid.index({"a": 9, "b": 9}) == 99
    none = hf.Grid(space, where=lambda p: p.a > 99)
    assert list(none) == []
    assert none.rows().shape == (0, 2)
    assert none.columns()["a"].shape == none.indices().shape == (0,)


def test_a_requirement_that_never_holds_makes_many_rows_raise_as_soon_as_one():
    space = hf.Space({"x": hf.Int(0, 10**6), "y": hf.Float(0, 1)}).require(lambda p: p.y > 2).compile()
    with pytest.raises(hf.Infeasible, match="in 1048576 tries"):
        hf.Uniform(space, 10**6).rows()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer")
def test_signals_are_heard_while_few_draws_are_feasible():
    class Alarm(Exception):
        pass

    def ring(*_):
        raise Alarm

    space = hf.Space({"x": hf.Float(0, 1)}).require(lambda p: p.x < 1e-5).compile()
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(Alarm):
            hf.Uniform(space, 10**6).rows()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_requirement_that_never_holds_makes_uniform_raise():
    with pytest.raises(hf.Infeasible):
        hf.Uniform(hf.Space({"a": hf.Int(0, 9)}).require(lambda p: p.a > 99), 10).rows()


# -- errors -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("error", "words", "call"), [
    (IndexError, "position 5000 is outside the 5000", lambda s: s[5000]),
    (IndexError, "position -5001 is outside", lambda s: s[-5001]),
    (TypeError, "float", lambda s: s[1.5]),
    (TypeError, "str", lambda s: s["lr"]),
    (ValueError, "a=-1 must be at least 0", lambda s: s.rows(-1)),
    (ValueError, "a=5001 must be at most 5000", lambda s: s.rows(5001)),
    (ValueError, "b=5001 must be at most 5000", lambda s: s.columns(0, 5001)),
    (ValueError, "b=3 must be at least 4", lambda s: s.indices(4, 3)),
    (ValueError, "threads=0 must be at least 1", lambda s: s.rows(threads=0)),
    (ValueError, "k=3 must be at most 2", lambda s: s.shard(3, of=3)),
    (ValueError, "of=0 must be at least 1", lambda s: s.shard(0, of=0)),
    (ValueError, "seed=-1 must be at least 0", lambda s: s.shuffled(-1)),
    (TypeError, "seed=0.5 must be an integer", lambda s: s.shuffled(0.5)),
])  # fmt: skip
def test_wrong_arguments(error, words, call):
    with pytest.raises(error, match=words):
        call(hf.Uniform(mixed(), 5000))


@pytest.mark.parametrize("make", [lambda: hf.Grid({}), lambda: hf.Uniform({"x": 1}, 3), lambda: hf.Sobol(None, 3)])
def test_a_stream_needs_a_space(make):
    with pytest.raises(TypeError, match="space must be a Space"):
        make()


def test_lengths_and_seeds_are_checked():
    for words, make in {
        "n=-1": lambda: hf.Uniform(mixed(), -1),
        "n=4294967297 must be at most 4294967296": lambda: hf.Sobol(mixed(), 2**32 + 1),
        "seed=-3": lambda: hf.Sobol(mixed(), 3, -3),
    }.items():
        with pytest.raises(ValueError, match=words):
            make()
    with pytest.raises(TypeError, match=r"hf\.Grid"):
        Stream()


def test_a_length_is_said_up_to_the_largest():
    assert len(hf.Uniform(mixed(), sys.maxsize)) == sys.maxsize
    assert hf.Uniform(mixed(), sys.maxsize)[-1] == hf.Uniform(mixed(), sys.maxsize)[sys.maxsize - 1]


def test_indices_that_do_not_fit_into_memory_are_an_error():
    with pytest.raises(ValueError, match="do not fit into memory"):
        hf.Uniform(mixed(), 2**62).indices()


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux only")
def test_threads_that_the_system_does_not_give_are_done_without(tmp_path):
    code = (
        "import resource, numpy as np, hpo_fast as hf\n"
        "stream = hf.Uniform(hf.Space({'x': hf.Float(0, 1)}), 2_000_000)\n"
        "want = stream.rows()\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, used + 2**28))\n"   # a stack is 8 MiB
        "assert np.array_equal(stream.rows(threads=200), want)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
