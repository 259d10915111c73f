"""The fitted posterior: units, improvements and draws."""

import pickle

import numpy as np
import pytest
from scipy import stats

import hpo_fast as hf
from hpo_fast.samplers import GP, TPE

SPACE = hf.Space({"x": hf.Float(0, 1), "c": hf.Categorical(["a", "b"])})
X = SPACE.sample(40, seed=0)
Y = 1e3 * np.sin(5 * X[:, 0]) + 200 * X[:, 1] + 7e4


def test_it_predicts_in_the_units_of_the_values_and_says_what_it_does_not_know():
    model = hf.surrogate(SPACE, X, Y)
    rows = SPACE.sample(200, seed=1)
    mean, std = model.predict(rows)
    truth = 1e3 * np.sin(5 * rows[:, 0]) + 200 * rows[:, 1] + 7e4
    assert np.abs(mean - truth).max() < 60
    assert (np.abs(mean - truth) < 4 * std + 1).mean() > 0.95
    assert model.theta.shape == (5,)
    np.testing.assert_allclose(model.mean(rows), mean, rtol=1e-10)
    np.testing.assert_array_equal(np.concatenate([model.mean(rows[:7]), model.mean(rows[7:])]), model.mean(rows))
    assert model.mean(rows[:0]).shape == (0,)


@pytest.mark.parametrize("factor", [1e-200, 1.0, 1e200])
def test_scale_does_not_matter(factor):
    mean, std = hf.surrogate(SPACE, X, (Y - 7e4) * factor).predict(X[:5])
    want, deviation = hf.surrogate(SPACE, X, Y - 7e4).predict(X[:5])
    np.testing.assert_allclose(mean, want * factor, rtol=1e-3)
    np.testing.assert_allclose(std, deviation * factor, rtol=1e-3)


def test_of_many_observations_a_part_is_fitted_in_the_same_units():
    space = hf.Space({"x": hf.Float(0, 1), "y": hf.Float(0, 1)})
    rows, others = space.sample(500, seed=0), space.sample(100, seed=1)
    fn = lambda u: 100 + 50 * ((u - 0.3) ** 2).sum(axis=1)   # noqa: E731
    for direction in ("minimize", "maximize"):
        model = hf.surrogate(space, rows, fn(rows), GP(max_observations=60), direction)
        mean, std = model.predict(others)
        assert np.abs(mean - fn(others)).max() < 0.5 and std.max() < 5


def test_the_direction_only_changes_what_an_improvement_is():
    up, down = hf.surrogate(SPACE, X, Y, direction="maximize"), hf.surrogate(SPACE, X, -Y)
    np.testing.assert_allclose(up.predict(X)[0], -down.predict(X)[0], rtol=1e-12)
    np.testing.assert_array_equal(up.log_ei(X), down.log_ei(X))


def test_log_ei_is_that_of_the_prediction():
    model = hf.surrogate(SPACE, X, Y)
    rows = SPACE.sample(50, seed=3)
    mean, std = model.predict(rows)
    best = model.predict(X)[0].min()
    z = (best - mean) / std
    ei = std * (stats.norm.pdf(z) + z * stats.norm.cdf(z))
    near = z > -5
    np.testing.assert_allclose(model.log_ei(rows)[near], np.log(ei[near]), rtol=1e-6)
    assert np.isfinite(model.log_ei(rows)).all()


def test_the_densities_of_tpe():
    model = hf.surrogate(SPACE, X, -Y, TPE(), "maximize")
    engine = TPE().start(SPACE, 0, 1)
    engine.tell(X, Y)
    rows = SPACE.sample(500, seed=4)
    np.testing.assert_array_equal(model.log_ratio(rows), engine.log_ratio(rows))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).log_ratio(rows), model.log_ratio(rows))
    best = hf.scan(hf.Uniform(SPACE, 500, seed=4), model.log_ratio, on="rows", top=1, minimize=False)
    assert best.indices[0] == model.log_ratio(rows).argmax()
    with pytest.raises(ValueError, match="no finite value"):
        hf.surrogate(SPACE, X, np.full(40, np.nan), TPE())


def test_no_rows(capfd):
    model = hf.surrogate(SPACE, X, Y)
    none = np.empty((0, 2))
    assert model.predict(none)[0].shape == model.log_ei(none).shape == (0,) and model.sample(none, 3).shape == (3, 0)
    assert capfd.readouterr() == ("", "")   # LAPACK prints what it does not like


def test_draws_have_the_mean_and_covariance_of_the_posterior_and_of_the_seed():
    model = hf.surrogate(SPACE, X[:6], Y[:6])
    rows = np.array([[0.5, 0.0], [0.52, 0.0], [0.9, 1.0]])
    draws = model.sample(rows, 20000, seed=1)
    mean, std = model.predict(rows)
    assert draws.shape == (20000, 3)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=5 * std.max() / 140)
    np.testing.assert_allclose(draws.std(axis=0), std, rtol=0.03)
    assert np.corrcoef(draws.T)[0, 1] > 0.7
    np.testing.assert_array_equal(draws, model.sample(rows, 20000, seed=1))


def test_threads_do_not_change_bits():
    rows = SPACE.sample(2000, seed=3)
    one, two = (hf.surrogate(SPACE, X, Y, threads=t).predict(rows) for t in (1, 2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_a_process_learns_from_what_succeeded_and_for_densities_failures_are_bad():
    failed = np.arange(len(Y)) % 4 == 0
    y = np.where(failed, np.nan, Y)
    rows = SPACE.sample(50, seed=2)
    model, other = hf.surrogate(SPACE, X, y), hf.surrogate(SPACE, X[~failed], Y[~failed])
    np.testing.assert_allclose(model.predict(rows), other.predict(rows), rtol=0.02, atol=5)   # fitted at other points of the schedule
    space = hf.Space({"x": hf.Float(0, 1)})
    at = np.linspace(0, 1, 60)[:, None]
    ratio = hf.surrogate(space, at, np.where(at[:, 0] > 0.9, at[:, 0], np.nan), sampler=hf.samplers.TPE()).log_ratio(np.array([[0.35], [0.95]]))
    assert ratio[0] < 0 < ratio[1]


@pytest.mark.parametrize(("changes", "error", "words"), [
    ({"y": np.full(40, np.nan)}, ValueError, "no finite value"), ({"sampler": "gp"}, TypeError, "must be a GP or a TPE"),
    ({"X": np.zeros((2, 2, 2))}, ValueError, "X must have shape"), ({"threads": 0}, ValueError, "threads"),
])  # fmt: skip
def test_wrong_input(changes, error, words):
    with pytest.raises(error, match=words):
        hf.surrogate(**{"space": SPACE, "X": X, "y": Y, **changes})
    with pytest.raises(ValueError, match="rows must have shape"):
        hf.surrogate(SPACE, X, Y).predict(np.zeros(2))


def test_it_pickles_to_the_same_bits():
    model = hf.surrogate(SPACE, X, Y, direction="maximize", threads=2)
    again = pickle.loads(pickle.dumps(model))
    rows = SPACE.sample(300, seed=4)
    for a, b in zip(model.predict(rows), again.predict(rows), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(model.log_ei(rows), again.log_ei(rows))
    np.testing.assert_array_equal(model.sample(rows[:9], 3), again.sample(rows[:9], 3))
