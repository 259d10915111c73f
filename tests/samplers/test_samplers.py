"""What every sampler keeps: names, options, storage, determinism, distinctness."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

import hpo_fast as hf
from hpo_fast import _core
from hpo_fast.samplers import GP, TPE, Auto, Grid, Random, Sobol, make, names

SAMPLERS = [Random(), Sobol(), TPE(), TPE(multivariate=False), TPE(n_startup=0), TPE(compat="optuna5"), TPE(recency=False, max_kernels=5)]
SAMPLERS += [Grid(resolution=3, shuffle=True)]
SAMPLERS += [GP(), GP(n_startup=0, acquisition="log_ei", max_observations=20), Auto(), Auto(n_startup=0)]


def space():
    return hf.Space(
        {
            "x": hf.Float(-1, 1),
            "lr": hf.Float(1e-5, 1e-1, log=True),
            "n": hf.Int(1, 50, log=True),
            "s": hf.Float(0, 1, step=0.1),
            "c": hf.Categorical(["a", "b", None]),
            "k": hf.Int(0, 4).when("c", ["b", None]),
            "o": hf.Ordinal([8, 16, 32]).when("k", [0, 3]),
        }
    )


def engine_with(sampler, n, seed=3, threads=1):
    s = space()
    engine = sampler.start(s, seed, threads)
    rows = s.sample(n, seed=9)
    values = np.where(np.arange(n) % 5 == 0, np.inf, np.nansum(rows, axis=1))
    engine.tell(rows[: n // 2], values[: n // 2])
    engine.tell(rows[n // 2 :], values[n // 2 :])
    return s, engine, rows


def test_names():
    assert names() == ["auto", "gp", "tpe", "random", "sobol", "grid"]
    for name in names():
        assert make(name).name == name
    assert make("tpe", {"n_startup": 3}) == TPE(n_startup=3)
    assert make(TPE()) == TPE()


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_options_make_the_sampler_again(sampler):
    assert make(sampler.name, json.loads(json.dumps(sampler.options()))) == sampler


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_options_are_stored(sampler):
    opt = hf.Optimizer(space(), sampler)
    assert hf.Optimizer.from_bytes(space(), opt.to_bytes()).sampler == sampler


@pytest.mark.parametrize(("error", "words", "arguments"), [
    (ValueError, "sampler='no'.*auto, gp, tpe, random, sobol, grid", ("no",)),
    (ValueError, "sampler=''", ("",)),
    (TypeError, "sampler=3", (3,)),
    (TypeError, "sampler=None", (None,)),
    (TypeError, "TPE", (TPE,)),
    (TypeError, "n_start", ("tpe", {"n_start": 3})),
    (TypeError, "n_startup", ("random", {"n_startup": 3})),
])  # fmt: skip
def test_make_errors(error, words, arguments):
    with pytest.raises(error, match=words):
        make(*arguments)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
@pytest.mark.parametrize("n_told", [0, 1, 40])
def test_suggestions_are_valid_distinct_and_a_pure_function(sampler, n_told):
    s, engine, rows = engine_with(sampler, n_told)
    pending = s.sample(3, seed=10)
    seen = _core.RowSet(len(s))
    seen.insert(rows)
    seen.insert(pending)
    suggested, infos = engine.suggest(12, n_told + 3, pending, seen)
    assert suggested.shape == (12, len(s))
    assert len(infos) == 12
    assert {i.n_observations for i in infos} == {n_told}
    np.testing.assert_array_equal(s.box.snap(suggested), suggested)
    s.decode(suggested)
    everything = np.concatenate([rows, pending, suggested])
    assert len({row.tobytes() for row in everything}) == len(everything)
    assert seen.contains(suggested).all()
    for threads in (1, 2):
        _, twin, _ = engine_with(sampler, n_told, threads=threads)
        other = _core.RowSet(len(s))
        other.insert(np.concatenate([rows, pending]))
        again, other_infos = twin.suggest(12, n_told + 3, pending, other)
        np.testing.assert_array_equal(again, suggested)
        assert other_infos == infos
    _, twin, _ = engine_with(sampler, n_told, seed=4)
    assert not np.array_equal(twin.suggest(12, n_told + 3, pending, _core.RowSet(len(s)))[0], suggested, equal_nan=True)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_nothing_left_changes_nothing(sampler):
    s = hf.Space({"a": hf.Int(0, 5)})
    engine = sampler.start(s, 0, 1)
    seen = _core.RowSet(1)
    seen.insert(s.encode([{"a": a} for a in range(1, 6)]))
    rows, _ = engine.suggest(4, 0, np.empty((0, 1)), seen)
    assert s.decode(rows) == [{"a": 0}]
    with pytest.raises(hf.SpaceExhausted):
        engine.suggest(4, 1, np.empty((0, 1)), seen)
    assert len(seen) == 6
    impossible = s.require(lambda p: p.a > 9)
    seen = _core.RowSet(1)
    with pytest.raises(hf.Infeasible):
        sampler.start(impossible, 0, 1).suggest(4, 0, np.empty((0, 1)), seen)
    assert len(seen) == 0


def test_a_sampler_of_ones_own():
    class Middle:
        name = "middle"

        def start(self, space, seed, threads):
            return self

        def options(self):
            return {}

        def tell(self, rows, targets):
            self.told = (rows, targets)

        def suggest(self, n, number, pending, seen):
            rows = np.full((n, 1), 0.5) + 0.01 * np.arange(number, number + n)[:, None]
            seen.insert(rows)
            return rows, [hf.TrialInfo("middle", 0, None, "why not")] * n

    mine = Middle()
    opt = hf.Optimizer(hf.Space({"x": hf.Float(0, 1)}), mine, "maximize")
    trials = opt.ask(3)
    assert [t["x"] for t in trials] == [0.5, 0.51, 0.52]
    opt.tell(trials, [1, None, 2])
    np.testing.assert_array_equal(mine.told[1], [-1, np.inf, -2])
    with pytest.raises(ValueError, match="the sampler 'middle' is not part of hpo_fast: give it again"):
        hf.Optimizer.from_bytes(opt.space, opt.to_bytes())
    assert hf.Optimizer.from_bytes(opt.space, opt.to_bytes(), sampler=mine).ask()["x"] == 0.53


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_history_free_samplers_ignore_values(sampler):
    a, b = hf.Optimizer(space(), sampler), hf.Optimizer(space(), sampler)
    for i in range(15):
        one, two = a.ask(), b.ask()
        assert one.params == two.params
        a.tell(one, i)
        b.tell(two, -i)


def test_sobol_is_more_even_than_random():
    s = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)})
    empty = {}
    for sampler in ("random", "sobol"):
        rows = np.array([t._row for t in hf.Optimizer(s, sampler, seed=1).ask(64)])
        cells, _, _ = np.histogram2d(rows[:, 0], rows[:, 1], bins=8, range=[[0, 1], [0, 1]])
        empty[sampler] = (cells == 0).sum()
    assert empty["sobol"] == 0  # a (0, 6, 2)-net has one point in each of the 64 cells
    assert empty["random"] > 10


def test_sobol_fills_all_levels_evenly():
    s = hf.Space({"i": hf.Int(0, 7), "x": hf.Float(0, 1), "c": hf.Categorical(list("abcd"))})
    columns = s.columns(np.array([t._row for t in hf.Optimizer(s, "sobol").ask(64)]))
    assert np.bincount(columns["i"]).tolist() == [8] * 8
    assert sorted(np.unique(columns["c"].astype(str), return_counts=True)[1]) == [16] * 4


def test_sobol_beyond_its_dimensions():
    s = hf.Space({f"x{i}": hf.Float(0, 1) for i in range(1100)})
    rows = np.array([t._row for t in hf.Optimizer(s, "sobol").ask(32)])
    assert ((rows >= 0) & (rows <= 1)).all()
    assert len(np.unique(rows[:, 1099])) == 32
    assert np.abs(np.corrcoef(rows[:, 1020:1040].T) - np.eye(20)).max() < 0.9


@pytest.mark.parametrize("sampler", [GP(beta=np.array(1.0), main_effects=np.bool_(False)), TPE(keep=Fraction(1, 2), recency=np.bool_(True))], ids=repr)
def test_options_of_odd_types_are_saved(sampler):
    space = hf.Space({"x": hf.Float(0, 1)})
    assert hf.Optimizer.from_bytes(space, hf.Optimizer(space, sampler).to_bytes()).sampler == sampler


class Wrong:
    """A user's sampler, and its engine: its rows hold a choice that there is not."""

    name = "wrong"

    def start(self, space, seed, threads):
        return self

    def options(self):
        return {}

    def tell(self, rows, targets):
        pass

    def suggest(self, n, number, pending, seen):
        rows = np.array([[0.3, 5.0]] * n)
        return rows, [hf.samplers.TrialInfo("wrong", 0, None, "")] * n


def test_a_wrong_row_of_a_users_sampler_is_an_error():
    with pytest.raises(ValueError, match=r"parameter o: a row holds 5.0.* index of no choice"):
        hf.Optimizer(hf.Space({"x": hf.Float(0, 1), "o": hf.Categorical(["a", "b"])}), Wrong()).ask()
