"""Priors that a user states, against SciPy's distributions."""

import json
import math
import pickle

import numpy as np
import pytest
from scipy import stats

import hpo_fast as hf
from hpo_fast import _core
from hpo_fast.samplers.gp import load_lapack
from hpo_fast.space import Space

PRIORS = [
    (hf.Float(-2, 6, prior=hf.Normal(1, 1.5)), stats.truncnorm(-2, 10 / 3, 1, 1.5)),
    (hf.Float(0, 10, prior=hf.LogNormal(2, 0.5)), stats.lognorm(0.5, scale=2)),
    (hf.Float(1e-5, 1e-1, log=True, prior=hf.LogNormal(1e-3, math.log(3))), stats.lognorm(math.log(3), scale=1e-3)),
    (hf.Float(1, 100, log=True, prior=hf.Normal(20, 8)), stats.norm(20, 8)),
    (hf.Float(3, 5, prior=hf.Beta(2, 5)), stats.beta(2, 5, 3, 2)),
    (hf.Float(1, 100, log=True, prior=hf.Beta(4, 2)), None),
]


@pytest.mark.parametrize("prior", [hf.LogNormal(1.0, 1.0), hf.LogNormal(1e-200, 300.0), hf.Beta(20, 20)], ids=repr)
@pytest.mark.filterwarnings("error")
def test_a_range_whose_quotient_overflows(prior):
    space = Space({"x": hf.Float(1e-300, 1e300, log=True, prior=prior)})
    logs = np.log(space.columns(space.sample(4000, seed=3))["x"])
    width = 600 * math.log(10)
    wanted = stats.beta(20, 20, -width / 2, width) if isinstance(prior, hf.Beta) else stats.norm(math.log(prior.median), prior.sigma)
    low, high = wanted.cdf([-width / 2, width / 2]) if isinstance(prior, hf.LogNormal) else (0.0, 1.0)
    part = width / 1024   # which a prior can tell apart
    for q in (0.1, 0.5, 0.9):
        assert np.quantile(logs, q) == pytest.approx(wanted.ppf(low + q * (high - low)), abs=part + 0.1 * wanted.std())


def truncated(p, distribution):
    """The CDF of what is left of a distribution inside the parameter's range."""
    if distribution is None:
        return lambda v: stats.beta(p.prior.alpha, p.prior.beta).cdf(np.log(v / p.low) / math.log(p.high / p.low))
    low, high = distribution.cdf([p.low, p.high])
    return lambda v: (distribution.cdf(v) - low) / (high - low)


@pytest.mark.parametrize(("p", "distribution"), PRIORS)
def test_samples_follow_the_prior(p, distribution):
    values = Space({"x": p}).columns(Space({"x": p}).sample(4000, seed=3))["x"]
    assert stats.kstest(values, truncated(p, distribution)).pvalue > 1e-3
    assert values.min() >= p.low and values.max() <= p.high


@pytest.mark.parametrize(("p", "distribution"), PRIORS)
def test_the_density_in_the_core_is_that_of_the_prior_and_its_slope_is_its_derivative(p, distribution):
    box = Space({"x": p}).box
    u = np.linspace(0.05, 0.95, 46) + 1e-4  # not at a kink
    cdf, h = truncated(p, distribution), 1e-4
    values = [box.decode(np.array([[v - h], [v + h]])).ravel() for v in u]
    density = np.array([(cdf(v)[1] - cdf(v)[0]) / (2 * h) for v in values])
    got, slope = box.log_prior(0, u)
    np.testing.assert_allclose(got, np.log(0.95 * density + 0.05), atol=2e-3)
    e = 1e-7
    np.testing.assert_allclose(slope, (box.log_prior(0, u + e)[0] - box.log_prior(0, u - e)[0]) / (2 * e), rtol=1e-5, atol=1e-5)
    assert got.min() >= math.log(0.05)


@pytest.mark.parametrize(
    "p",
    [hf.Int(0, 20, prior=hf.Normal(7, 2)), hf.Int(1, 64, log=True, prior=hf.LogNormal(8, 0.6)), hf.Float(0, 1, step=0.1, prior=hf.Normal(0.7, 0.1))],
)
def test_levels_have_the_mass_of_their_cells(p):
    space = Space({"n": p})
    drawn = space.columns(space.sample(20_000, seed=1))["n"]
    values = p.values(np.arange(p.levels, dtype=float))
    half = (p.step or 1) / 2
    cdf = (
        (lambda v: stats.norm.cdf(v, p.prior.mean, p.prior.std))
        if isinstance(p.prior, hf.Normal)
        else (lambda v: stats.lognorm.cdf(v, p.prior.sigma, scale=p.prior.median))
    )
    mass = cdf(values + half) - cdf(values - half)
    counts = np.array([np.isclose(drawn, v).sum() for v in values])
    expected = 20_000 * mass / mass.sum()
    assert counts.sum() == 20_000
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected) + 25).all()  # a part of the range is 1 / 1,024 of it


@pytest.mark.parametrize("kind", [hf.Categorical, hf.Ordinal])
@pytest.mark.parametrize("prior", [[6, 1, 3], (0, 1, 1), {"a": 8}, {"c": 0, "a": 2, "b": 2}])
def test_choices_have_their_weights(kind, prior):
    p = kind(["a", "b", "c"], prior=prior)
    weights = np.array([prior.get(c, 1) for c in "abc"] if isinstance(prior, dict) else prior, dtype=float)
    space = Space({"c": p})
    drawn = space.columns(space.sample(6000, seed=2))["c"]
    counts = np.array([(drawn == c).sum() for c in "abc"])
    share = weights / weights.sum()
    assert (counts[share == 0] == 0).all()
    assert (np.abs(counts - 6000 * share) <= 5 * np.sqrt(6000 * share)).all()
    places = np.arange(3.0) if kind is hf.Categorical else (np.arange(3.0) + 0.5) / 3
    np.testing.assert_allclose(space.box.log_prior(0, places)[0], np.log(0.95 * 3 * share + 0.05), rtol=1e-12)


def test_without_priors_nothing_changes():
    plain = Space({"x": hf.Float(0, 1), "c": hf.Categorical([1, 2])})
    points = np.random.default_rng(0).random((50, 2))
    np.testing.assert_array_equal(plain.box.from_prior(points), plain.box.from_unit(points))
    np.testing.assert_array_equal(plain.box.log_prior(0, points[:, 0])[0], 0)


@pytest.mark.parametrize(
    "p",
    [p for p, _ in PRIORS[:3]]
    + [hf.Int(1, 30, prior=hf.Normal(5, 3)), hf.Ordinal([1, 2, 4], prior=[1, 5, 2]), hf.Categorical(["a", "c"], prior=[1, 4])],
)
def test_the_prior_kernel_of_tpe_keeps_the_density_normalised(p):
    space = Space({"x": p})
    tpe = _core.Tpe(
        space.box,
        space.grid,
        _core.TpeOptions(
            n_startup=1,
            n_candidates=24,
            candidates_per_pending=4,
            multivariate=True,
            good_fraction=0.99,
            good_max=25,
            max_kernels=2048,
            prior_weight=1.0,
            min_bandwidth=0.05,
            recency=False,
            rank_weights=True,
            keep=0.7,
            exact=False,
        ),
        0,
        1,
    )
    tpe.tell(space.sample(2, seed=0), np.array([1.0, 2.0]))  # all good: g is its own prior kernel
    if p.levels:
        rows = space.grid.rows(0, p.levels)
        weight = np.ones(p.levels)
    else:
        rows = (np.arange(4000)[:, None] + 0.5) / 4000
        weight = np.full(4000, 1 / 4000)
    if isinstance(p, hf.Categorical):
        g = np.full(p.levels, 1 / p.levels)
    else:
        wide = stats.truncnorm(-0.5, 0.5, 0.5, 1.0)
        g = wide.cdf(rows[:, 0] + 0.5 / p.levels) - wide.cdf(rows[:, 0] - 0.5 / p.levels) if p.levels else wide.pdf(rows[:, 0])
    good = np.exp(tpe.log_ratio(rows, np.empty((0, 1)))) * g
    assert (good * weight).sum() == pytest.approx(1, abs=5e-3)


def test_the_acquisition_of_gp_rises_by_the_weighted_log_density():
    load_lapack()
    rng = np.random.default_rng(0)
    values, theta = [], [1.0, 1.0, 0.0, -4.0, -1.0]
    for prior in (None, hf.Normal(0.7, 0.2)):
        space = Space({"x": hf.Float(0, 1, prior=prior), "y": hf.Float(0, 1)})
        options = _core.GpOptions(
            smoothness=0, length_prior=(-1.5, 1.7), noise_prior=(-5.0, 1.0), main_effects=True,
            acquire=0, beta=1.8, beta_growth=0.0, prior_strength=4.0,
        )
        gp = _core.Gp(space.box, space.grid, options, 0, 1)
        X = np.random.default_rng(1).random((12, 2))
        y = (X[:, 0] - 0.3) ** 2 * 5
        row, [(is_gp, value, *_)] = gp.suggest(20, 1, X, y, theta, 12, np.empty((0, 2)), None, _core.RowSet(2))
        mean, variance = gp.posterior(X, y, theta, 12, row)
        assert is_gp
        assert value == pytest.approx(1.8 * math.sqrt(variance[0]) - mean[0] + 4 / 12 * space.box.log_prior(0, row[:, 0])[0][0], rel=1e-9)
        others = rng.random((500, 2))
        mean, variance = gp.posterior(X, y, theta, 12, others)
        assert value >= (1.8 * np.sqrt(variance) - mean + 4 / 12 * space.box.log_prior(0, others[:, 0])[0]).max() - 1e-9
        values.append(row[0, 0])
    assert values[1] > values[0]


@pytest.mark.parametrize("sampler", ["auto", "gp", "tpe", "random", "sobol"])
def test_start_up_points_follow_the_prior(sampler):
    space = Space({"x": hf.Float(0, 1, prior=hf.Normal(0.8, 0.05)), "c": hf.Categorical(["a", "b"], prior=[9, 1])})
    opt = hf.Optimizer(space, sampler=sampler, seed=0)
    trials = [opt.ask() for _ in range(10)]
    assert all(0.6 < t["x"] < 1 for t in trials)
    assert sum(t["c"] == "a" for t in trials) >= 7


@pytest.mark.parametrize("sampler", ["auto", "gp", "tpe"])
def test_a_wrong_prior_is_overcome(sampler):
    space = Space(
        {
            "x": hf.Float(0, 1, prior=hf.Normal(0.95, 0.05)),
            "c": hf.Categorical(["a", "b", "c"], prior=[0, 1, 1]),
            "n": hf.Int(1, 50, prior=hf.Normal(45, 4)),
        }
    )

    def loss(p):
        return abs(p["x"] - 0.2) + 0.3 * (p["c"] != "a") + abs(p["n"] - 6) / 40

    result = hf.minimize(loss, space, n_trials=120, sampler=sampler, seed=0)
    at_the_prior = loss({"x": 0.95, "c": "b", "n": 45})
    assert result.best_value < 0.25 * at_the_prior


def test_a_conditional_parameter_may_have_a_prior():
    space = Space({"c": hf.Categorical(["a", "b"]), "x": hf.Float(0, 1, prior=hf.Normal(0.9, 0.02)).when("c", "b")})
    rows = space.sample(400, seed=0)
    active = ~np.isnan(rows[:, 1])
    assert 100 < active.sum() < 300 and rows[active, 1].min() > 0.75
    hf.minimize(lambda p: p.get("x", 0.5), space, n_trials=25, seed=0)


def test_a_prior_is_part_of_the_space():
    parameters = {name: p for name, (p, _) in zip("abcdef", PRIORS, strict=True)} | {
        "g": hf.Categorical([1, 2, 3], prior={2: 5}),
        "h": hf.Int(1, 9, prior=hf.Normal(3, 1)),
    }
    space = Space(parameters)
    again = Space.from_dict(json.loads(json.dumps(space.to_dict())))
    assert again == space and again.fingerprint == space.fingerprint and pickle.loads(pickle.dumps(space)) == space
    plain = Space(parameters | {"h": hf.Int(1, 9)})
    assert plain != space and plain.fingerprint != space.fingerprint
    assert "prior=Normal(mean=3.0, std=1.0)" in repr(space) and "prior=(1.0, 5.0, 1.0)" in repr(space)
    opt = hf.Optimizer(space, seed=1)
    opt.ask()
    assert hf.Optimizer.from_bytes(space, opt.to_bytes()).ask().params == opt.ask().params


@pytest.mark.parametrize(
    ("error", "words", "make"),
    [
        (TypeError, "prior=0.5 must be a Normal", lambda: hf.Float(0, 1, prior=0.5)),
        (TypeError, "Normal: mean='a'", lambda: hf.Normal("a", 1)),
        (ValueError, "std=0 must be positive", lambda: hf.Normal(1, 0)),
        (ValueError, "median=-1 must be positive", lambda: hf.LogNormal(-1, 1)),
        (ValueError, "alpha=nan must be finite", lambda: hf.Beta(math.nan, 1)),
        (ValueError, "has no mass in", lambda: hf.Float(0, 1, prior=hf.Normal(50, 1))),
        (ValueError, "makes no difference in", lambda: hf.Float(0, 1, prior=hf.Normal(0.5, 1e12))),
        (ValueError, r"prior\['a'\]=nan must be finite", lambda: hf.Categorical(["a", "b"], prior=[math.nan, 1])),
        (ValueError, "has no mass in", lambda: hf.Int(-9, -1, prior=hf.LogNormal(5, 1))),
        (ValueError, "2 weights for 3 choices", lambda: hf.Categorical(["a", 1, 2], prior=[1, 2])),
        (ValueError, "must not be negative", lambda: hf.Categorical(["a", "b"], prior=[1, -1])),
        (ValueError, "not all 0", lambda: hf.Ordinal([1, 2], prior=[0, 0])),
        (ValueError, "none of the choices", lambda: hf.Categorical(["a", "b"], prior={"z": 1})),
        (TypeError, "must be a list with one weight", lambda: hf.Categorical(["a", "b"], prior=0.3)),
        (TypeError, "prior\\['a'\\]='x' must be a number", lambda: hf.Categorical(["a", "b"], prior=["x", 1])),
    ],
)
def test_bad_priors(error, words, make):
    with pytest.raises(error, match=words):
        make()


def test_a_fixed_parameter_ignores_its_prior():
    assert Space({"x": hf.Float(2, 2, prior=hf.Normal(5, 1)), "y": hf.Float(0, 1)}).sample(3, seed=0).shape == (3, 2)


def test_streams_draw_from_the_priors_too():
    space = Space({"x": hf.Float(0, 1, prior=hf.Normal(0.9, 0.05)), "c": hf.Categorical(["a", "b", "c"], prior=[8, 1, 1]), "n": hf.Int(1, 9)})
    np.testing.assert_array_equal(hf.Uniform(space, 500, seed=4).rows(0, 500), space.sample(500, seed=4))
    columns = hf.Sobol(space, 512, seed=1).columns(0, 512)
    assert columns["x"].min() > 0.6 and (columns["c"] == "a").mean() == pytest.approx(0.8, abs=0.02)
