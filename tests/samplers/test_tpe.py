"""TPE through its Python face: options, and that it learns. The model itself is tested in tests/core."""

from __future__ import annotations

import math

import numpy as np
import pytest

import hpo_fast as hf
from hpo_fast.samplers import TPE


@pytest.mark.parametrize(
    ("error", "words", "options"),
    [
        (ValueError, "n_startup=-1", {"n_startup": -1}),
        (TypeError, "n_startup=1.5", {"n_startup": 1.5}),
        (TypeError, "n_startup=None", {"n_startup": None}),
        (ValueError, "n_candidates=0", {"n_candidates": 0}),
        (TypeError, "n_candidates='a'", {"n_candidates": "a"}),
        (ValueError, "good_max=0", {"good_max": 0}),
        (ValueError, "max_kernels=1", {"max_kernels": 1}),
        (ValueError, "good_fraction=0", {"good_fraction": 0}),
        (ValueError, "good_fraction=1", {"good_fraction": 1}),
        (ValueError, "good_fraction=nan", {"good_fraction": math.nan}),
        (ValueError, "prior_weight=0", {"prior_weight": 0}),
        (ValueError, "prior_weight=inf", {"prior_weight": math.inf}),
        (ValueError, "prior_weight=nan", {"prior_weight": math.nan}),
        (ValueError, "min_bandwidth=0", {"min_bandwidth": 0}),
        (ValueError, "min_bandwidth=2", {"min_bandwidth": 2}),
        (ValueError, "keep=1", {"keep": 1}),
        (ValueError, "keep=-0.5", {"keep": -0.5}),
        (TypeError, "rank_weights=1", {"rank_weights": 1}),
        (ValueError, "compat='optuna5' fixes.*rank_weights", {"compat": "optuna5", "rank_weights": False}),
        (ValueError, "compat='optuna4'.*optuna5", {"compat": "optuna4"}),
        (ValueError, "compat=3", {"compat": 3}),
    ],
)
def test_wrong_options(error, words, options):
    with pytest.raises(error, match=words):
        TPE(**options)


def test_options_by_name_only():
    with pytest.raises(TypeError):
        TPE(3)
    with pytest.raises(TypeError, match="n_start"):
        TPE(n_start=3)


@pytest.mark.parametrize("sampler", [TPE(), TPE(multivariate=False), TPE(compat="optuna5"), TPE(max_kernels=8)], ids=repr)
def test_it_beats_random_search_by_far_on_a_bowl(sampler):
    space = hf.Space({f"x{i}": hf.Float(-1, 1) for i in range(3)} | {"c": hf.Categorical(list("abcd"))})

    def fn(p):
        return sum((p[f"x{i}"] - 0.3) ** 2 for i in range(3)) + (p["c"] != "c")

    def median(s):
        return np.median([hf.minimize(fn, space, 80, s, seed).best_value for seed in range(5)])

    assert median(sampler) < 0.5 * median("random")


def test_it_learns_inside_conditions():
    space = hf.Space(
        {
            "c": hf.Categorical(["a", "b"]),
            "x": hf.Float(0, 1).when("c", "a"),
            "y": hf.Float(1e-4, 1, log=True).when("c", "b"),
        }
    )
    opt = hf.Optimizer(space, "tpe", seed=0)
    for _ in range(100):
        t = opt.ask()
        opt.tell(t, 1 + t["x"] if t["c"] == "a" else abs(math.log10(t["y"]) + 2))
    assert opt.best_params["c"] == "b"
    assert opt.best_value < 0.1
    assert (opt.history["c"][50:] == "b").mean() > 0.7


def test_it_learns_inside_tight_constraints():
    space = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)}).require(lambda p: abs(p.x - p.y) < 0.002)
    opt = hf.Optimizer(space, "tpe", seed=1)
    for _ in range(60):
        t = opt.ask()
        opt.tell(t, (t["x"] - 0.3) ** 2)
    assert [t.info.model for t in opt.ask(10)].count("tpe") >= 8
    assert (np.abs(opt.history["x"][30:] - 0.3) < 0.1).mean() > 0.6


def test_log_ratio_prefers_the_good_and_avoids_the_pending():
    space = hf.Space({"x": hf.Float(0, 1)})
    engine = TPE().start(space, 0, 1)
    rows = space.sample(50, seed=1)
    engine.tell(rows, np.abs(rows[:, 0] - 0.3))
    at = np.array([[0.3], [0.9]])
    ratio = engine.log_ratio(at)
    assert ratio.shape == (2,)
    assert ratio[0] > ratio[1]
    crowded = engine.log_ratio(at, np.full((10, 1), 0.3))
    assert crowded[0] < ratio[0]
    np.testing.assert_array_equal(engine.log_ratio(at), ratio)


def test_options_from_numpy_are_stored():
    sampler = TPE(n_startup=np.int64(3), good_fraction=np.float32(0.25))
    opt = hf.Optimizer(hf.Space({"x": hf.Float(0, 1)}), sampler)
    assert hf.Optimizer.from_bytes(opt.space, opt.to_bytes()).sampler == sampler
