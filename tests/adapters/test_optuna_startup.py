"""The start of studies in the Optuna adapter: what is asked before a model is there is spread over the space, however many ask at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from hpo_fast.adapters.optuna import Sampler, _reordered

UNIT = FloatDistribution(0, 1)
pytestmark = pytest.mark.usefixtures("quiet_optuna")


@pytest.fixture(params=["tpe", "gp", "auto", "sobol"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def halves(values: Iterable[float]) -> tuple[bool, ...]:
    return tuple(value > 0.5 for value in values)


def test_the_first_wave_is_spread_over_the_space(name: str) -> None:
    """What the first trial has is known to the others while it runs. 16 points of three dimensions of the sequence are in all octants."""
    study = optuna.create_study(sampler=Sampler(name, seed=7))
    wave = []
    for _ in range(17):
        wave.append(study.ask(dict.fromkeys("abc", UNIT)).params)
        study.sampler = Sampler(name, seed=7)   # as in another process
    assert len({halves(p.values()) for p in wave[1:]}) == 8
    one = optuna.create_study(sampler=Sampler(name, seed=7))
    assert [one.ask(dict.fromkeys("abc", UNIT)).params for _ in range(17)] == wave


def test_nothing_is_suggested_twice_in_the_first_wave(name: str) -> None:
    study = optuna.create_study(sampler=Sampler(name, seed=0))
    space = {"a": CategoricalDistribution([0, 1]), "b": CategoricalDistribution([0, 1]), "k": IntDistribution(0, 2)}
    assert len({tuple(study.ask(space).params.values()) for _ in range(12)}) == 12


@pytest.mark.parametrize("seed", range(3))
def test_parameters_that_are_searched_by_themselves_do_not_depend_on_each_other(name: str, seed: int) -> None:
    study = optuna.create_study(sampler=Sampler(name, seed=seed))
    wave = [study.ask(dict.fromkeys("ab", FloatDistribution(0, high))).params for high in range(1, 33)]   # no common range to search
    relative = [[value / high for value in p.values()] for high, p in enumerate(wave, 1)]
    counts = Counter(map(halves, relative[2:]))
    assert len(counts) == 4 and min(counts.values()) >= 2


@pytest.mark.parametrize("seed", range(3))
def test_a_parameter_that_some_trials_have_is_searched_over_all_of_its_range(seed: int) -> None:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        return trial.suggest_float("y", 0, 1) if x > 0.5 else x   # a float is no parent: y is a tree of its own

    study = optuna.create_study(sampler=Sampler("sobol", seed=seed))
    study.optimize(objective, n_trials=64)
    assert all(np.histogram([trial.params["y"] for trial in study.trials if "y" in trial.params], 4, (0, 1))[0] > 0)


def test_an_order_of_its_own_keeps_blocks_together() -> None:
    orders = np.array([[_reordered(number, seed) for number in range(1024)] for seed in range(8)])
    for size in (2**k for k in range(11)):
        blocks = np.sort(orders.reshape(8, -1, size), axis=2)
        assert (blocks == blocks[:, :, :1] // size * size + np.arange(size)).all()
    assert (np.sort(orders, axis=1) == np.arange(1024)).all()
    digits = orders[:, :, None] >> np.arange(9) & 1   # all but the highest are independent between orders
    for other in digits[1:]:
        np.testing.assert_allclose((digits[0] == other).mean(axis=0)[:4], 0.5, atol=0.15)
