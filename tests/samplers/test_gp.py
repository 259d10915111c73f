"""GP through its Python face: options, targets of any size, schedules, large histories."""

import itertools
import math
import weakref

import numpy as np
import pytest
from scipy.spatial import distance

import hpo_fast as hf
from hpo_fast import _core
from hpo_fast.samplers import GP
from hpo_fast.samplers.gp import ACQUISITIONS, schedule


@pytest.mark.parametrize(("error", "words", "options"), [
    (ValueError, "n_startup=-1", {"n_startup": -1}), (TypeError, "n_startup=1.5", {"n_startup": 1.5}),
    (ValueError, "kernel='rq'.*matern52", {"kernel": "rq"}), (ValueError, "acquisition='ei'.*log_ei", {"acquisition": "ei"}),
    (ValueError, "warp=None", {"warp": None}), (ValueError, "beta=-1", {"beta": -1}), (ValueError, "beta=inf", {"beta": np.inf}),
    (ValueError, "beta_growth=-1", {"beta_growth": -1}),
    (TypeError, "beta='a'", {"beta": "a"}), (TypeError, "length_prior=1", {"length_prior": 1}),
    (ValueError, "noise_prior=.*above 0", {"noise_prior": (0, 0)}), (ValueError, "max_observations=3", {"max_observations": 3}),
    (TypeError, "input_warp=1", {"input_warp": 1}), (TypeError, "input_warp=array", {"input_warp": np.array([1, 2])}),
    (TypeError, "main_effects=0", {"main_effects": 0}),
])  # fmt: skip
def test_wrong_options(error, words, options):
    with pytest.raises(error, match=words):
        GP(**options)


def bowl(p):
    return sum((p[f"x{i}"] - 0.3) ** 2 for i in range(3)) + (p["c"] != "c")


BOWL = hf.Space({f"x{i}": hf.Float(-1, 1) for i in range(3)} | {"c": hf.Categorical(list("abcd"))})


@pytest.mark.parametrize("options", [
    {}, {"acquisition": "log_ei"}, {"acquisition": "thompson"}, {"kernel": "rbf", "warp": "standard"}, {"warp": "rank"},
    {"input_warp": True}, {"main_effects": False},
], ids=repr)  # fmt: skip
def test_it_beats_random_search_by_far_on_a_bowl(options):
    def median(sampler):
        return np.median([hf.minimize(bowl, BOWL, 40, sampler, seed).best_value for seed in range(3)])

    assert median(GP(**options)) < 0.2 * median("random")


def wrong_scale(p):
    return (np.log10(p["lr"]) + 4) ** 2 + (np.log10(p["wd"]) + 3) ** 2 + p["x"] ** 2


WRONG = hf.Space({"lr": hf.Float(1e-6, 1), "wd": hf.Float(1e-5, 0.1), "x": hf.Float(-1, 1)})   # without log=True


def test_inputs_are_warped_where_a_parameter_has_the_wrong_scale():
    def median(sampler):
        return np.median([hf.minimize(wrong_scale, WRONG, 50, sampler, seed).best_value for seed in range(5)])

    assert median("gp") < 0.1 * median(GP(input_warp=False))
    for fn, space, warps in ((wrong_scale, WRONG, True), (bowl, BOWL, False)):
        opt = hf.minimize(fn, space, 50, "gp").optimizer
        assert len(opt._engine.model()[2]) == (3 if warps else 1) * len(space) + 3
        assert opt.ask().info.reason == "largest lcb found" + (", with warped inputs" if warps else "")


def test_warping_is_given_up_where_it_does_not_help(monkeypatch):
    space = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)})
    rows = space.sample(400, seed=0)
    for y, helps in ((((rows - 0.4) ** 2).sum(axis=1), False), (np.log(1e-4 + rows).sum(axis=1) ** 2, True)):
        engine = GP().start(space, 0, 1)
        engine.tell(rows, y)
        engine.model()
        assert (max(engine._warped_fits._at) > 64) == helps and (len(engine.model()[2]) == 9) == helps
    only = hf.Space({"c": hf.Categorical(list("abcd"))})
    engine = GP().start(only, 0, 1)
    engine.tell(only.sample(30, seed=0), np.arange(30.0))
    assert len(engine.model()[2]) == 4 and not engine._warped_fits._at


@pytest.mark.parametrize("hidden", ["failed", "equal"])
def test_warping_counts_what_can_tell(hidden):
    rows = WRONG.sample(200, seed=1)
    y = np.array([wrong_scale(p) for p in WRONG.decode(rows)])
    y[:140] = np.inf if hidden == "failed" else y.max()
    engine = GP().start(WRONG, 0, 1)
    engine.tell(rows, y)
    assert len(engine.model()[2]) == 12


def test_the_schedule_is_a_function_of_the_number_alone():
    points = [schedule(n) for n in range(1, 3000)]
    assert points[0] == 1 and all(a <= b for a, b in itertools.pairwise(points))
    for n, point in enumerate(points, 1):
        assert n - point <= min(point // 8, 128) and schedule(point) == point


@pytest.mark.parametrize("values", [
    [1e300, -1e300, 1e-300, 0.0], [5.0, 5.0, 5.0, np.inf], [np.nan, 1.0, np.inf, 1.0], [1e308, -1e308, 1e308, 2.0], [1e-320, 0.0, 2e-320, 1.0],
])  # fmt: skip
def test_targets_of_any_size(values):
    opt = hf.Optimizer(BOWL, GP(n_startup=1), seed=1)
    for i in range(24):
        t = opt.ask()
        assert all(np.isfinite(v) for k, v in t.params.items() if k != "c")
        opt.tell(t, values[i % 4])
    assert t.info.model == "gp" and np.isfinite(t.info.acquisition)


def test_one_observation_duplicates_and_a_space_of_one_point():
    space = hf.Space({"x": hf.Float(0, 1)})
    engine = GP(n_startup=1).start(space, 0, 1)
    engine.tell(np.full((1, 1), 0.5), np.zeros(1))
    assert engine.suggest(2, 1, np.empty((0, 1)), _core.RowSet(1))[0].shape == (2, 1)
    engine.tell(np.full((30, 1), 0.5), np.linspace(0, 1, 30))
    rows, infos = engine.suggest(2, 31, np.full((3, 1), 0.5), _core.RowSet(1))
    assert np.isfinite(rows).all() and infos[0].model == "gp"
    opt = hf.Optimizer(hf.Space({"x": hf.Int(3, 3), "y": hf.Categorical(["only"])}), GP(n_startup=1))
    opt.tell(opt.ask(), 1.0)
    with pytest.raises(hf.SpaceExhausted):
        opt.ask()


@pytest.mark.parametrize(("value", "reason"), [(3.0, "equally good"), (None, "succeeded")])
def test_where_all_trials_are_equal_the_sequence_goes_on(value, reason):
    space = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)})
    opt, points = hf.Optimizer(space, "gp", seed=5), hf.Optimizer(space, "sobol", seed=5)
    for i in range(30):
        t = opt.ask()
        assert t.params == points.ask().params
        opt.tell(t, value)
        assert t.info.model == "sobol" and (i < 10 or reason in t.info.reason)
    opt.tell(opt.ask(), 1.0)
    assert opt.ask().info.model == "gp"


BRANCHES = hf.Space({"kind": hf.Categorical(["a", "b"]), "x": hf.Float(0, 1).when("kind", "a"), "y": hf.Float(0, 1).when("kind", "b")})


def test_a_search_stalls_where_five_trials_have_improved_little():
    X = BRANCHES.sample(40, seed=1)
    improving = np.linspace(1, 0, 40)
    for space, y, stalls in (
        (BRANCHES, 1.7e308 * (2 * improving - 1), False),
        (BRANCHES, improving, False),   # by a quarter of the distance to the median
        (BRANCHES, np.where(np.arange(40) == 37, -1.0, improving), False),
        (BRANCHES, np.where(np.arange(40) == 30, -1.0, improving), True),
        (BRANCHES, np.where(np.arange(40) % 3 > 0, np.inf, np.where(np.arange(40) == 30, -1.0, improving)), True),
        (BOWL, np.where(np.arange(40) == 30, -1.0, improving), False),   # without conditions never
    ):
        engine = GP().start(space, 0, 1)
        engine.tell(X if space is BRANCHES else BOWL.sample(40, seed=1), y)
        assert engine.stalls == stalls
        engine = GP().start(space, 0, 1)
        engine.tell(X[:15] if space is BRANCHES else BOWL.sample(15, seed=1), y[:15])
        assert not engine.stalls


def test_where_a_search_stalls_every_second_trial_has_a_bound_twice_as_wide():
    X = BRANCHES.sample(40, seed=1)
    engine = GP(beta=1.5, beta_growth=0.0).start(BRANCHES, 0, 1)
    engine.tell(X, np.where(np.arange(40) == 30, -1.0, np.linspace(1, 0, 40)))
    rows, infos = zip(*(engine.suggest(1, number, np.empty((0, 3)), _core.RowSet(3)) for number in (40, 41)), strict=True)
    known, targets, theta, n_factored = engine.model()
    mean, variance = engine._core.posterior(known, targets, theta, n_factored, np.concatenate(rows))
    got = [info[0].acquisition for info in infos]
    np.testing.assert_allclose(got, [3.0 * math.sqrt(variance[0]) - mean[0], 1.5 * math.sqrt(variance[1]) - mean[1]], rtol=1e-9)
    assert ["stalls" in info[0].reason for info in infos] == [True, False]
    batch, _ = engine.suggest(2, 40, np.empty((0, 3)), _core.RowSet(3))
    again, _ = engine.suggest(1, 41, batch[:1], _core.RowSet(3))
    np.testing.assert_array_equal(batch[1:], again)


def test_it_models_inside_tight_constraints():
    factors = {name: hf.Int(1, 120) for name in "abc"}
    opt = hf.Optimizer(hf.Space(factors).require(lambda p: p.a * p.b * p.c == 3600), "gp", seed=1)
    for _ in range(40):
        t = opt.ask()
        opt.tell(t, abs(t["a"] - 40) + abs(t["b"] - 9) + abs(t["c"] - 10))
    assert opt.best_value == 0
    assert [t.info.model for t in opt.ask(5)].count("gp") >= 4


def test_a_region_of_crashes_is_avoided_and_one_crash_is_not_fatal():
    space = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)})
    opt = hf.Optimizer(space, GP(), seed=0)
    for i in range(60):
        t = opt.ask()
        crashed = t["x"] > 0.5 or i == 12
        opt.tell(t, None if crashed else (t["x"] - 0.45) ** 2 + (t["y"] - 0.2) ** 2)
    assert (opt.history["x"][20:] > 0.55).mean() < 0.25
    assert opt.best_value < 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_a_single_crash_beside_the_optimum_is_not_fatal(seed):
    opt = hf.Optimizer(hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)}), sampler="gp", seed=seed)
    opt.add({"x": 0.31, "y": 0.69}, None)
    for _ in range(40):
        t = opt.ask()
        opt.tell(t, (t["x"] - 0.3) ** 2 + (t["y"] - 0.7) ** 2)
    assert opt.best_value < 1e-5


@pytest.mark.parametrize("seed", range(3))
def test_the_edge_of_a_region_of_crashes_is_found_where_the_best_values_lie_beyond(seed):
    opt = hf.Optimizer(hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)}), sampler="gp", seed=seed)
    crashes = 0
    for _ in range(60):
        t = opt.ask()
        crashes += t["x"] > 0.5
        opt.tell(t, None if t["x"] > 0.5 else (t["x"] - 0.7) ** 2 + (t["y"] - 0.2) ** 2)
    assert opt.best_value - 0.04 < 2e-3 and crashes < 40


def test_crashes_by_accident_do_not_hide_the_optimum():
    def best(seed):
        opt, accidents = hf.Optimizer(hf.Space({f"x{i}": hf.Float(0, 1) for i in range(6)}), "gp", seed=seed), np.random.default_rng(seed)
        for _ in range(60):
            t = opt.ask()
            opt.tell(t, None if accidents.random() < 0.6 else sum((v - 0.3) ** 2 for v in t.params.values()))
        return opt.best_value

    assert np.median([best(seed) for seed in range(5)]) < 0.06   # with failures as the worst values 0.2


@pytest.mark.parametrize("works", [lambda p, rng: p["x"] < 0.35, lambda p, rng: rng.random() < 0.4])
def test_a_choice_with_failures_at_first_is_tried_again(works):
    space = hf.Space({"a": hf.Categorical(["a", "b", "c", "d"]), "x": hf.Float(0, 1), "y": hf.Float(0, 1)})
    for seed in (4, 18):
        opt, rng = hf.Optimizer(space, "gp", seed=seed), np.random.default_rng(seed)
        for _ in range(80):
            t = opt.ask()
            value = (t["x"] - 0.3) ** 2 + (t["y"] - 0.6) ** 2 + 0.2 * (t["a"] != "a")
            opt.tell(t, value if t["a"] != "a" or works(t.params, rng) else None)
        assert opt.best_value < 0.1


def test_a_choice_that_always_fails_is_given_up():
    opt = hf.Optimizer(hf.Space({"a": hf.Categorical(["a", "b", "c"]), "x": hf.Float(0, 1)}), "gp", seed=0)
    for _ in range(60):
        t = opt.ask()
        opt.tell(t, None if t["a"] == "b" else (t["x"] - 0.3) ** 2)
    assert opt.history["a"].tolist()[30:].count("b") <= 4
    assert [t.number for t in opt.ask(20) if "as if no trial had failed" in t.info.reason] == [69, 79]


def test_a_prior_over_a_region_that_fails_is_left():
    opt = hf.Optimizer(hf.Space({"x": hf.Float(0, 1, prior=hf.Normal(0.3, 0.1)), "y": hf.Float(0, 1)}), "gp", seed=0)
    opt.add({"x": 0.8, "y": 0.5}, 0.1)
    for _ in range(60):
        t = opt.ask()
        opt.tell(t, None if t["x"] < 0.7 else (t["x"] - 0.9) ** 2 + (t["y"] - 0.2) ** 2)
    assert opt.best_value < 1e-4


def test_fits_see_successes_and_failures_however_they_alternate():
    space = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)})
    rows = space.sample(1000, seed=0)
    for first in (0, 1):
        engine = GP().start(space, 0, 1)
        engine.tell(rows, np.where(np.arange(1000) % 2 == first, np.inf, ((rows - 0.4) ** 2).sum(axis=1)))
        fresh, point = engine._core.prior_mode(False), schedule(1000)
        assert engine._fit(point) != fresh and engine._outcome_fits.at(point, engine._fitted_labels)[0] != fresh


def test_an_engine_goes_with_its_last_reference():
    engine = GP(n_startup=2).start(BOWL, 0, 1)
    engine.tell(BOWL.sample(20, seed=0), np.where(np.arange(20) < 5, np.inf, np.arange(20.0)))
    engine.suggest(1, 20, np.empty((0, len(BOWL))), _core.RowSet(len(BOWL)))
    gone = weakref.ref(engine)
    del engine
    assert gone() is None   # without the cycle collector: each holds n^2 numbers


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_one_success_after_many_failures_is_enough_for_the_model(acquisition):
    space = hf.Space({"x": hf.Float(0, 1), "k": hf.Categorical(["a", "b", "c"]), "z": hf.Float(0, 1).when("k", "a")})
    opt = hf.Optimizer(space, GP(acquisition=acquisition), seed=0)
    for trial in opt.ask(40):   # the last fit is that at 37 trials
        opt.tell(trial, 1.0 if trial.number == 39 else None)
    batch = opt.ask(4)
    assert all(t.info.model == "gp" for t in batch) and opt.ask().info.model == "gp"
    assert space.encode([t.params for t in batch]).shape == (4, 3)


def test_beyond_max_observations_it_sees_the_best_and_the_near_and_still_learns():
    space = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)})
    rows = space.sample(400, seed=0)
    targets = ((rows - 0.37) ** 2).sum(axis=1)
    engine = GP(max_observations=50).start(space, 0, 1)
    engine.tell(rows, targets)
    known, warped, theta, n_factored = engine.model()
    assert n_factored == 50 and len(known) == 50 + 400 - schedule(400) and len(warped) == len(known) and len(theta) == 5
    assert {tuple(r) for r in rows[np.argsort(targets[: schedule(400)])[:25]]} <= {tuple(r) for r in known}
    made, _ = engine.suggest(1, 400, np.empty((0, 2)), _core.RowSet(2))
    assert np.abs(made - 0.37).max() < 0.05


def test_beyond_max_observations_what_is_known_to_be_bad_does_not_look_unexplored():
    space = hf.Space({f"x{i}": hf.Float(0, 1) for i in range(5)})
    for seed in range(3):
        X = space.sample(2000, seed=seed)
        fn = lambda u: 3 * ((u - 0.37) ** 2).sum(axis=1) + np.sin(7 * u).sum(axis=1)   # noqa: E731
        made = hf.suggest(space, X, fn(X), n=5, sampler=GP(max_observations=300), seed=seed)
        assert fn(made).max() < np.quantile(fn(X), 0.05)


# The probability of improvement is largest where little improvement is nearly certain: near the incumbent.
@pytest.mark.parametrize(("acquisition", "least"), [("lcb", 0.1), ("log_ei", 0.02), ("log_pi", 0.005), ("thompson", 0.1)])
def test_a_batch_lies_apart(acquisition, least):
    space = hf.Space({f"x{i}": hf.Float(0, 1) for i in range(20)})
    X = space.sample(50, seed=0)
    made = hf.suggest(space, X, X.sum(axis=1), n=8, sampler=GP(acquisition=acquisition))
    assert distance.pdist(made).min() > least


def test_a_batch_lies_apart_where_the_search_has_converged():
    space = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)}).require(lambda p: p.x + p.y < 1.5)
    opt = hf.Optimizer(space, "gp", seed=2)
    for _ in range(150):
        t = opt.ask()
        x, y = 15 * t["x"] - 5, 15 * t["y"]
        opt.tell(t, (y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10)   # Branin's
    trials = opt.ask(8)
    assert distance.pdist(space.encode([t.params for t in trials])).min() > 5e-4


def test_eight_pending_trials_cost_little_against_one_at_a_time():
    space = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1), "z": hf.Float(0, 1)})

    def best(workers, seed):
        opt = hf.Optimizer(space, GP(), seed=seed)
        running = []
        while len(opt.history) < 56:
            while len(running) < workers:
                running.append(opt.ask())
            t = running.pop(0)
            opt.tell(t, sum((t[k] - 0.35) ** 2 for k in "xyz"))
        return opt.best_value

    assert np.median([best(8, s) for s in range(3)]) < 0.01


def test_a_covariance_that_cannot_be_factored_falls_back_and_says_so(monkeypatch):
    space = hf.Space({"x": hf.Float(0, 1)})
    opt = hf.Optimizer(space, GP(n_startup=2), seed=0)
    for _ in range(4):
        t = opt.ask()
        opt.tell(t, t["x"])
    assert t.info.model == "gp"
    monkeypatch.setattr(opt._engine, "_fit", lambda point: [0.0, np.nan, -3.0, 0.0])
    t = opt.ask()
    assert t.info.model == "sobol" and "not positive definite" in t.info.reason and 0 <= t["x"] <= 1


def test_main_effects_find_the_bottom_of_a_bowl_in_many_dimensions_sooner():
    space = hf.Space({f"x{i}": hf.Float(0, 1) for i in range(12)})

    def median(sampler):
        return np.median([hf.minimize(lambda p: sum((v - 0.4) ** 2 for v in p.values()), space, 30, sampler, seed).best_value for seed in range(3)])

    assert median(GP()) < 0.5 * median(GP(main_effects=False))


@pytest.mark.parametrize("noise", [0.0, 0.3, 30.0])
def test_the_skill_is_that_of_leaving_out_one_after_the_other(noise):
    X = BOWL.sample(41, seed=3)
    y = np.array([bowl(p) for p in BOWL.decode(X)]) + noise * np.random.default_rng(1).normal(size=41)
    y[5] = np.inf
    engine = GP().start(BOWL, 0, 1)
    engine.tell(X, y)
    rows, targets, theta, _ = engine.model()
    assert len(rows) == 40 and schedule(41) == 41   # the model is that of the last fit, of what succeeded
    left = np.arange(40)
    predicted = [engine._core.mean(rows[left != i], targets[left != i], theta, 39, rows[[i]])[0] for i in left]
    wanted = 1 - np.mean((targets - predicted) ** 2) / np.var(targets)
    assert engine.skill() == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_there_is_no_skill_at_equal_targets_and_at_noise():
    X = BOWL.sample(60, seed=3)
    some_failed = np.where(np.arange(60) % 3 > 0, 2.0, np.inf)
    for y, low, high in (
        (np.full(60, 2.0), 0, 0),
        (np.full(60, np.inf), 0, 0),
        (some_failed, 0, 0),
        (np.random.default_rng(0).random(60), -9.0, 0.3),
    ):
        engine = GP().start(BOWL, 0, 1)
        engine.tell(X, y)
        assert low <= engine.skill() <= high
