"""Optuna's own tests of samplers, unmodified."""

from collections.abc import Callable

import pytest
from optuna.testing.pytest_samplers import BasicSamplerTestCase, MultiObjectiveSamplerTestCase, RelativeSamplerTestCase

from hpo_fast.adapters.optuna import Sampler

several = pytest.mark.filterwarnings("ignore:the study has 2 objectives:UserWarning")


@pytest.fixture(params=["tpe", "gp", "auto", "random"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


class TestBasic(BasicSamplerTestCase):
    @pytest.fixture
    def sampler(self, name: str) -> Callable[[], Sampler]:
        return lambda: Sampler(name, n_startup=0)


class TestRelative(RelativeSamplerTestCase):
    @pytest.fixture
    def sampler(self, name: str) -> Callable[[], Sampler]:
        return lambda: Sampler(name, n_startup=0)


@several
class TestMultiObjective(MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self, name: str) -> Callable[[], Sampler]:
        return lambda: Sampler(name)
