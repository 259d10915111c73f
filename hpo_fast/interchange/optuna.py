"""Parameters as Optuna's distributions, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpo_fast.choices import Categorical, Ordinal
from hpo_fast.parameters import Float, Int, Parameter

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def parameter_from_optuna(name: str, distribution: Any) -> Parameter:
    """The parameter of an Optuna distribution; ValueError or TypeError, with the name, for one that has none."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    try:
        if isinstance(distribution, FloatDistribution):
            return Float(distribution.low, distribution.high, log=distribution.log, step=distribution.step)
        if isinstance(distribution, IntDistribution):
            return Int(distribution.low, distribution.high, log=distribution.log, step=distribution.step)
        if isinstance(distribution, CategoricalDistribution):
            return Categorical(distribution.choices)
    except (TypeError, ValueError) as error:
        raise type(error)(f"parameter {name!r}: {error}") from None
    raise TypeError(f"parameter {name!r}: {distribution!r} must be a Float-, Int- or CategoricalDistribution of Optuna")


def parameters_from_optuna(distributions: Mapping[str, Any]) -> dict[str, Parameter]:
    """The parameters of Optuna's distributions by name; errors as :func:`parameter_from_optuna`."""
    if not isinstance(distributions, Mapping):
        raise TypeError(f"distributions={distributions!r} must be a dict of Optuna's distributions by name")
    return {name: parameter_from_optuna(name, distribution) for name, distribution in distributions.items()}


def parameters_to_optuna(parameters: Mapping[str, Parameter]) -> dict[str, BaseDistribution]:
    """Optuna's distributions of unconditional parameters; ValueError for a conditional one."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    distributions: dict[str, BaseDistribution] = {}
    for name, p in parameters.items():
        if p.condition is not None:
            raise ValueError(f"parameter {name!r} is conditional, which Optuna's distributions cannot say: suggest it where it exists")
        if isinstance(p, Float):
            distributions[name] = FloatDistribution(p.low, p.high, log=p.log, step=p.step)
        elif isinstance(p, Int):
            distributions[name] = IntDistribution(p.low, p.high, log=p.log, step=p.step)
        else:
            assert isinstance(p, (Categorical, Ordinal))
            distributions[name] = CategoricalDistribution(p.choices)
    return distributions
