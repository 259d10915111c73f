"""``samplers.TPE(compat="optuna5")`` against the estimator of Optuna 5 itself: log l(x) - log g(x) on the same observations.

Optuna sorts with ``np.argsort``, which is not stable: among kernels with equal means the bandwidths of the outermost two may be
swapped, which changes the weighted sum once weights differ by age. Where ties can occur its module gets a stable ``argsort``.
"""

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers._tpe import parzen_estimator
from optuna.samplers._tpe.sampler import default_gamma, default_weights

import hpo_fast as hf

PARAMETERS = {
    "real": (hf.Float(-3, 5), FloatDistribution(-3, 5)),
    "log": (hf.Float(1e-6, 1e2, log=True), FloatDistribution(1e-6, 1e2, log=True)),
    "int": (hf.Int(1, 9), IntDistribution(1, 9)),
    "logint": (hf.Int(1, 300, log=True), IntDistribution(1, 300, log=True)),
    "step": (hf.Float(0, 2, step=0.25), FloatDistribution(0, 2, step=0.25)),
    "choice": (hf.Categorical(list("xyz")), CategoricalDistribution(list("xyz"))),
    "many": (hf.Int(0, 100_000), IntDistribution(0, 100_000)),
}
SPACES = {
    "all": list(PARAMETERS), "reals": ["real", "log"], "discrete": ["int", "step", "choice"], "logint": ["logint"],
    "choice": ["choice", "log"],
}


class StableNumpy:
    """numpy with a stable argsort."""

    def __getattr__(self, name):
        return getattr(np, name)

    @staticmethod
    def argsort(a, *args, **kwargs):
        return np.argsort(a, *args, **{**kwargs, "kind": "stable"})


@pytest.fixture
def stable_argsort(monkeypatch):
    monkeypatch.setattr(parzen_estimator, "np", StableNumpy())


def internal(space, distributions, rows):
    """Rows as Optuna's internal numbers by name; NaN where inactive."""
    out = {name: np.full(len(rows), np.nan) for name in distributions}
    for i, params in enumerate(space.decode(rows)):
        for name, value in params.items():
            out[name][i] = distributions[name].to_internal_repr(value)
    return out


def optuna_log_ratio(space, distributions, groups, told, y, pending, x):
    """By groups of names: estimators from the trials that have the group's parameters, split over all trials, summed where active."""
    options = parzen_estimator._ParzenEstimatorParameters(1.0, True, False, default_weights, True)
    n, observed, at = len(y), internal(space, distributions, np.vstack([told, pending])), internal(space, distributions, x)
    order = np.argsort(y, kind="stable")
    good = np.sort(order[: default_gamma(n)])
    bad = np.concatenate([np.sort(order[default_gamma(n) :]), np.arange(n, n + len(pending))])
    ratio = np.zeros(len(x))
    for names in groups:
        part = {name: distributions[name] for name in names}
        has, here = ~np.isnan(observed[names[0]]), ~np.isnan(at[names[0]])
        if not here.any():
            continue
        candidates = {name: at[name][here] for name in names}
        below, above = (
            parzen_estimator._ParzenEstimator({name: observed[name][ids[has[ids]]] for name in names}, part, options) for ids in (good, bad)
        )
        ratio[here] += below.log_pdf(candidates) - above.log_pdf(candidates)
    return ratio


def check(space, distributions, groups, seed, n=None, pending=None, **options):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 200)) if n is None else n
    n_pending = int(rng.integers(0, 5)) if pending is None else pending
    rows, y = space.sample(n + n_pending, seed), rng.normal(size=n)
    engine = hf.samplers.TPE(compat="optuna5", **options).start(space, 0, 1)
    engine.tell(rows[:n], y)
    x = np.vstack([space.sample(40, seed + 1000), rows[: min(n, 10)]])
    expected = optuna_log_ratio(space, distributions, groups, rows[:n], y, rows[n:], x)
    assert np.ptp(expected) > 0 or n == 1
    np.testing.assert_allclose(engine.log_ratio(x, rows[n:]), expected, rtol=1e-10, atol=1e-10)


def pick(names):
    return hf.Space({name: PARAMETERS[name][0] for name in names}), {name: PARAMETERS[name][1] for name in names}


def test_the_installed_optuna_is_the_one_that_is_modelled():
    assert optuna.__version__.split(".")[0] == "5"


@pytest.mark.usefixtures("stable_argsort")
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("names", SPACES.values(), ids=SPACES.keys())
def test_log_ratio_equals_optuna_on_random_histories_with_pending_trials(names, seed):
    check(*pick(names), [names], seed)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("n", [2, 24, 25, 26, 150])
def test_log_ratio_equals_unpatched_optuna_where_no_values_tie(n, seed):
    check(*pick(["real", "log"]), [["real", "log"]], seed, n)


@pytest.mark.usefixtures("stable_argsort")
@pytest.mark.parametrize("n", [300, 600])
def test_log_ratio_equals_optuna_when_the_number_of_good_ones_is_capped(n):
    check(*pick(list(PARAMETERS)), [list(PARAMETERS)], 5, n)


@pytest.mark.usefixtures("stable_argsort")
@pytest.mark.parametrize("seed", range(5))
def test_univariate_log_ratio_is_the_sum_over_the_parameters(seed):
    check(*pick(list(PARAMETERS)), [[name] for name in PARAMETERS], seed, multivariate=False)


CONDITIONAL = hf.Space({
    "kind": hf.Categorical(["a", "b", "c"]),
    "x": hf.Float(0, 1),
    "a1": hf.Float(1e-3, 1, log=True).when("kind", "a"),
    "a2": hf.Int(1, 5).when("kind", "a"),
    "bc": hf.Int(0, 3).when("kind", ["b", "c"]),
    "deep": hf.Float(-1, 1).when("bc", [2, 3]),
})
CONDITIONAL_DISTRIBUTIONS = {
    "kind": CategoricalDistribution(["a", "b", "c"]), "x": FloatDistribution(0, 1), "a1": FloatDistribution(1e-3, 1, log=True),
    "a2": IntDistribution(1, 5), "bc": IntDistribution(0, 3), "deep": FloatDistribution(-1, 1),
}


@pytest.mark.usefixtures("stable_argsort")
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("multivariate", [True, False])
def test_conditional_log_ratio_is_the_sum_over_the_active_groups(multivariate, seed):
    groups = [["kind", "x"], ["a1", "a2"], ["bc"], ["deep"]] if multivariate else [[name] for name in CONDITIONAL_DISTRIBUTIONS]
    check(CONDITIONAL, CONDITIONAL_DISTRIBUTIONS, groups, seed, multivariate=multivariate)
