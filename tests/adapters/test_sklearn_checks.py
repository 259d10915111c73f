"""scikit-learn's checks of estimators, as its tests/test_common.py makes them of RandomizedSearchCV, with the same instances."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from sklearn.exceptions import ConvergenceWarning, SkipTestWarning
from sklearn.model_selection import RandomizedSearchCV
from sklearn.utils._test_common.instance_generator import INIT_PARAMS, PER_ESTIMATOR_XFAIL_CHECKS
from sklearn.utils.estimator_checks import check_estimator, check_param_validation
from threadpoolctl import threadpool_limits

from hpo_fast.adapters.sklearn import SearchCV

INSTANCES = [SearchCV(**arguments) for arguments in INIT_PARAMS[RandomizedSearchCV]]


@pytest.fixture(params=INSTANCES, ids=[str(list(search.param_distributions)) + type(search.estimator).__name__ for search in INSTANCES])
def search(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_estimators(search: Any) -> None:
    expected = PER_ESTIMATOR_XFAIL_CHECKS[RandomizedSearchCV]
    with warnings.catch_warnings(), threadpool_limits(1):
        for category in (FutureWarning, RuntimeWarning, ConvergenceWarning, UserWarning, SkipTestWarning):
            warnings.simplefilter("ignore", category)
        results = check_estimator(search, expected_failed_checks=expected, on_skip=None, on_fail="raise")
    assert sum(result["status"] == "passed" for result in results) > 35
    assert {result["check_name"] for result in results if result["status"] == "xfail"} <= set(expected)


def test_check_param_validation(search: Any) -> None:
    check_param_validation("SearchCV", search)
