"""What only Optuna 5 has: its own tests of samplers, unmodified, and constraints set by the objective."""

from __future__ import annotations

from collections.abc import Callable

import optuna
import pytest
from optuna.testing.pytest_samplers import BasicSamplerTestCase, MultiObjectiveSamplerTestCase, RelativeSamplerTestCase

from hpo_fast.adapters.optuna import Sampler


@pytest.fixture(params=["tpe", "gp", "auto", "random"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


class TestBasic(BasicSamplerTestCase):
    @pytest.fixture
    def sampler(self, name: str) -> Callable[[], Sampler]:
        return lambda: Sampler(name)


class TestBasicWithoutStartup(TestBasic):
    @pytest.fixture
    def sampler(self, name: str) -> Callable[[], Sampler]:
        return lambda: Sampler(name, n_startup=0)


class TestRelative(RelativeSamplerTestCase):
    @pytest.fixture
    def sampler(self, name: str) -> Callable[[], Sampler]:
        return lambda: Sampler(name, n_startup=0)


@pytest.mark.filterwarnings("ignore:the study has 2 objectives:UserWarning")
class TestMultiObjective(MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self, name: str) -> Callable[[], Sampler]:
        return lambda: Sampler(name)


def test_constraints_of_the_objective_are_those_of_a_function() -> None:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.set_constraint("low", 0.5 - x)
        trial.set_constraint("high", x - 2)
        return x

    studies = []
    for constraints_func in (None, lambda trial: (0.5 - trial.params["x"], 0.0)):
        studies.append(optuna.create_study(sampler=Sampler("auto", seed=0, constraints_func=constraints_func)))
        studies[-1].optimize(objective if constraints_func is None else lambda trial: trial.suggest_float("x", 0, 1), n_trials=20)
    assert [trial.params for trial in studies[0].trials] == [trial.params for trial in studies[1].trials]
    assert 0.5 <= studies[0].best_value < 0.6
