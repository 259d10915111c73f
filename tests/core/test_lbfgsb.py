"""L-BFGS-B against SciPy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from hpo_fast import _core


def bowl(seed, d):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(d, d))
    h, c = a @ a.T + 0.1 * np.eye(d), rng.normal(size=d)

    def fn(x):
        x = np.asarray(x)
        return float(0.5 * (x - c) @ h @ (x - c)), list(h @ (x - c))

    return fn


@given(st.integers(1, 12), st.integers(0, 2**31))
@settings(deadline=None, max_examples=60)
def test_convex_quadratics_in_a_box(d, seed):
    fn, rng = bowl(seed, d), np.random.default_rng(seed)
    lower, upper = -rng.uniform(0, 1, d), rng.uniform(0, 1, d)
    x, value, _ = _core.lbfgsb(fn, [0.0] * d, list(lower), list(upper), max_evaluations=2000, gradient_tolerance=1e-9, value_tolerance=1e-14)
    best = optimize.minimize(fn, np.zeros(d), jac=True, bounds=list(zip(lower, upper, strict=True)), method="L-BFGS-B",
                             options={"ftol": 1e-14, "gtol": 1e-10, "maxiter": 5000})  # fmt: skip
    assert np.all(x >= lower) and np.all(x <= upper)
    assert value <= best.fun + 1e-6 * max(1.0, abs(best.fun))
    assert value == fn(x)[0]


@pytest.mark.parametrize("d", [2, 6, 10])
def test_rosenbrock(d):
    _, value, evaluations = _core.lbfgsb(lambda x: (optimize.rosen(x), list(optimize.rosen_der(x))), [-1.0] * d, [-2.0] * d, [2.0] * d,
                                         max_evaluations=1000, gradient_tolerance=1e-8, value_tolerance=1e-15)  # fmt: skip
    assert value < 1e-10 or abs(value - 3.986) < 0.1   # the other local minimum
    assert evaluations < 500


def test_values_that_are_not_finite_are_stepped_back_from():
    def fn(x):
        return (float("nan"), [0.0]) if x[0] > 1.0 else ((x[0] - 0.9) ** 2, [2 * (x[0] - 0.9)])

    x, value, _ = _core.lbfgsb(fn, [-5.0], [-10.0], [10.0])
    assert x[0] == pytest.approx(0.9, abs=1e-4) and value < 1e-8


def test_a_start_outside_is_clamped_and_nothing_to_search_is_no_work():
    calls = []
    x, _, evaluations = _core.lbfgsb(lambda x: (calls.append(x), (x[0], [1.0]))[1], [7.0], [0.0], [1.0])
    assert calls[0] == [1.0] and x == [0.0] and evaluations <= 15
    assert _core.lbfgsb(lambda x: (0.0, []), [], [], [])[0] == []
    with pytest.raises(ValueError, match="same length"):
        _core.lbfgsb(lambda x: (0.0, [0.0]), [0.0], [], [1.0])
