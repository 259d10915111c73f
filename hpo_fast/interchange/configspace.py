"""ConfigSpace's configuration spaces as parameters and requirements, and back."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import Any

import numpy as np

from hpo_fast.choices import Categorical, Ordinal
from hpo_fast.interchange.conditions import MOST_LEVELS, Atom, with_conditions
from hpo_fast.parameters import NO_DEFAULT, Float, Int, Parameter, condition_levels
from hpo_fast.priors import Beta, LogNormal, Normal, Prior

MOST_STEPS = 1_000
"""The most values of a parameter with a step, which becomes a list there."""

_RELATIONS: dict[str, Callable[[np.ndarray, Any], Any]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda column, values: [value in values for value in column.tolist()],
}
_CLAUSES = {   # of ConfigSpace: some are not in its older versions
    "ForbiddenEqualsClause": "==",
    "ForbiddenInClause": "in",
    "ForbiddenLessThanClause": "<",
    "ForbiddenLessThanEqualsClause": "<=",
    "ForbiddenGreaterThanClause": ">",
    "ForbiddenGreaterThanEqualsClause": ">=",
    "ForbiddenEqualsRelation": "==",
    "ForbiddenLessThanRelation": "<",
    "ForbiddenLessThanEqualsRelation": "<=",
    "ForbiddenGreaterThanRelation": ">",
    "ForbiddenGreaterThanEqualsRelation": ">=",
}


@dataclass(frozen=True)
class Term:
    """``left relation right`` of columns, false where a parameter is inactive; `right` is a value, or a name if `named`."""

    left: str
    relation: str
    right: Any
    named: bool = False

    def holds(self, p: Any) -> np.ndarray:
        """Where it holds: an array (n,) of bool."""
        active = p.active(self.left) & p.active(self.right) if self.named else p.active(self.left)
        held = np.zeros(len(active), dtype=bool)
        held[active] = _RELATIONS[self.relation](p[self.left][active], p[self.right][active] if self.named else self.right)
        return held


@dataclass(frozen=True)
class NotForbidden:
    """A requirement, vectorised: that none of the clauses holds, all terms of one together. It needs no ConfigSpace, and can be pickled."""

    text: str
    clauses: tuple[tuple[Term, ...], ...]

    def __call__(self, p: Any) -> np.ndarray:
        forbidden = [np.logical_and.reduce([term.holds(p) for term in clause]) for clause in self.clauses]
        return np.asarray(~np.logical_or.reduce(forbidden))

    def __repr__(self) -> str:
        return self.text


def from_configspace(space: Any) -> tuple[dict[str, Parameter], list[NotForbidden]]:
    """Parameters, with their conditions, and requirements; see :meth:`hpo_fast.Space.from_configspace`."""
    import ConfigSpace as cs

    if not isinstance(space, cs.ConfigurationSpace):
        raise TypeError(f"{space!r} must be a ConfigurationSpace of ConfigSpace")
    parameters: dict[str, Parameter] = {}
    for name, hyperparameter in space.items():
        try:
            parameters[name] = _parameter(hyperparameter)
        except (TypeError, ValueError) as error:
            raise type(error)(f"parameter {name!r}: {error}") from None
    formulas, words = {}, {}
    for name in parameters:
        if given := space.parent_conditions_of[name]:
            words[name] = " and ".join(map(str, given))
            try:
                formulas[name] = _all([_clauses(condition, parameters) for condition in given])
            except (TypeError, ValueError) as error:
                raise type(error)(f"parameter {name!r}: its condition {words[name]} {error}") from None
    return with_conditions(parameters, formulas, words), [NotForbidden(str(f), _terms(f, parameters)) for f in space.forbidden_clauses]


def _parameter(given: Any) -> Parameter:
    import ConfigSpace as cs

    default = given.default_value
    if isinstance(given, cs.CategoricalHyperparameter):
        return Categorical(given.choices, default=default, prior=given.weights)
    if isinstance(given, cs.OrdinalHyperparameter):
        return Ordinal(given.sequence, default=default)
    if isinstance(given, cs.Constant):
        return Categorical([given.value], default=default)
    prior: Prior | None = None
    if isinstance(given, (cs.NormalFloatHyperparameter, cs.NormalIntegerHyperparameter)):
        prior = LogNormal(given.mu, abs(math.log(given.lower + given.sigma))) if given.log else Normal(given.mu, given.sigma)
    elif isinstance(given, (cs.BetaFloatHyperparameter, cs.BetaIntegerHyperparameter)):
        prior = Beta(given.alpha, given.beta)
    elif not isinstance(given, (cs.UniformFloatHyperparameter, cs.UniformIntegerHyperparameter)):
        raise TypeError(f"{type(given).__name__} has no equivalent: use one of ConfigSpace's own hyperparameters")
    whole = (cs.UniformIntegerHyperparameter, cs.NormalIntegerHyperparameter, cs.BetaIntegerHyperparameter)
    kind = Int if isinstance(given, whole) else Float
    return kind(given.lower, given.upper, log=given.log, default=default, prior=prior)


def _all(parts: Sequence[Iterable[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    """Clauses of which one holds if one of each part does."""
    return [sum(together, ()) for together in product(*parts)]


def _clauses(condition: Any, parameters: Mapping[str, Parameter]) -> list[tuple[Atom, ...]]:
    import ConfigSpace as cs

    if isinstance(condition, (cs.AndConjunction, cs.OrConjunction)):
        parts = [_clauses(component, parameters) for component in condition.components]
        return _all(parts) if isinstance(condition, cs.AndConjunction) else list(chain(*parts))
    name = condition.parent.name
    parent = parameters[name]
    if parent.levels == 0:
        raise ValueError(f"is one on the continuous {name!r}, which has no equivalent: a parent is an integer or a choice")
    if isinstance(condition, cs.InCondition):
        return [(Atom(name, condition_levels(parent, condition.values)),)]
    level = int(parent.raw(condition.value))
    below, above = range(level), range(level + 1, parent.levels)
    if isinstance(condition, cs.EqualsCondition):
        return [(Atom(name, [level]),)]
    if isinstance(condition, (cs.NotEqualsCondition, cs.LessThanCondition, cs.GreaterThanCondition)):
        less, greater = isinstance(condition, cs.LessThanCondition), isinstance(condition, cs.GreaterThanCondition)
        if parent.levels > MOST_LEVELS:
            raise ValueError(f"lists the {parent.levels} values of {name!r}, more than {MOST_LEVELS}: make it an OrdinalHyperparameter of fewer")
        levels = below if less else above if greater else [*below, *above]
        return [(Atom(name, levels, inactive=not (less or greater)),)]   # ConfigSpace takes a parent without a value to differ from all
    raise TypeError(f"is a {type(condition).__name__}, which has no equivalent")


def _terms(forbidden: Any, parameters: Mapping[str, Parameter]) -> tuple[tuple[Term, ...], ...]:
    kind = type(forbidden).__name__
    if kind in ("ForbiddenAndConjunction", "ForbiddenOrConjunction"):
        parts = [_terms(component, parameters) for component in forbidden.components]
        return tuple(_all(parts) if kind == "ForbiddenAndConjunction" else chain(*parts))
    if kind not in _CLAUSES:
        raise TypeError(f"the clause {forbidden} is a {kind}, which has no equivalent: require a function of your own instead")
    relation = _CLAUSES[kind]
    if hasattr(forbidden, "left"):
        return ((Term(forbidden.left.name, relation, forbidden.right.name, named=True),),)
    name = forbidden.hyperparameter.name
    p = parameters[name]
    if relation == "in":
        return ((Term(name, "in", tuple(forbidden.values)),),)
    if isinstance(p, (Categorical, Ordinal)):   # by their order, not their values
        levels = np.arange(p.levels)
        held = _RELATIONS[relation](levels, p.raw(forbidden.value))
        return ((Term(name, "in", tuple(p.choices[k] for k in levels[held])),),)
    return ((Term(name, relation, forbidden.value),),)


def to_configspace(parameters: Mapping[str, Parameter]) -> Any:
    """A ConfigurationSpace; see :meth:`hpo_fast.Space.to_configspace`."""
    import ConfigSpace as cs

    space = cs.ConfigurationSpace()
    made: dict[str, Any] = {}
    for name, p in parameters.items():
        try:
            made[name] = _hyperparameter(name, p)
        except (OverflowError, TypeError, ValueError) as error:   # of ConfigSpace, too, whose exceptions take other arguments
            raise ValueError(f"parameter {name!r}: {error}") from None
        space.add(made[name])
    for name, p in parameters.items():
        if p.condition is not None:
            space.add(_condition(made[name], made[p.condition.parent], parameters[p.condition.parent], p.condition.values))
    return space


def _condition(child: Any, parent: Any, p: Parameter, values: tuple[Any, ...]) -> Any:
    import ConfigSpace as cs

    levels = sorted(condition_levels(p, values))
    listed = _listed(p, levels)
    if isinstance(p, Int) and p.log and len(levels) < p.levels:   # of these ConfigSpace 1.2 does not recognise all by their values
        runs = np.split(levels, np.flatnonzero(np.diff(levels) > 1) + 1)
        parts = [_between(child, parent, p, int(run[0]), int(run[-1])) for run in runs]
        return parts[0] if len(parts) == 1 else cs.OrConjunction(*parts)
    return cs.EqualsCondition(child, parent, listed[0]) if len(levels) == 1 else cs.InCondition(child, parent, listed)


def _between(child: Any, parent: Any, p: Int, first: int, last: int) -> Any:
    """The condition that an integer is one of the levels from `first` to `last`, by comparisons."""
    import ConfigSpace as cs

    parts: list[Any] = []
    if first > 0:
        parts.append(cs.GreaterThanCondition(child, parent, p.low + first - 1))
    if last < p.levels - 1:
        parts.append(cs.LessThanCondition(child, parent, p.low + last + 1))
    return parts[0] if len(parts) == 1 else cs.AndConjunction(*parts)


def _listed(p: Parameter, levels: Any) -> list[Any]:
    return list(p.values(np.asarray(levels, dtype=float)).tolist())


def _hyperparameter(name: str, p: Parameter) -> Any:
    import ConfigSpace as cs

    default = {} if p.default is NO_DEFAULT else {"default_value": _listed(p, [p.raw(p.default)])[0]}
    if p.levels == 1 or (isinstance(p, Float) and p.low == p.high):
        return cs.Constant(name, _listed(p, [p.low if isinstance(p, Float) and p.step is None else 0])[0])
    if isinstance(p, (Categorical, Ordinal)) and any(choice != choice for choice in p.choices):
        raise ValueError("ConfigSpace refuses configurations with NaN: name that choice by a string")
    if isinstance(p, Categorical):
        return cs.CategoricalHyperparameter(name, p.choices, weights=p.prior, **default)
    if isinstance(p, Ordinal) or (isinstance(p, Int) and p.step != 1) or (isinstance(p, Float) and p.step is not None):
        if p.prior is not None:
            raise ValueError(f"prior={p.prior!r} has no equivalent: an OrdinalHyperparameter has no weights; leave it out")
        if not isinstance(p, Ordinal) and p.levels > MOST_STEPS:
            raise ValueError(f"step={p.step!r} makes {p.levels} values, more than {MOST_STEPS}: ConfigSpace has no steps, only lists of values")
        return cs.OrdinalHyperparameter(name, _listed(p, range(p.levels)), **default)
    assert isinstance(p, (Float, Int))
    bounds = {"lower": p.low, "upper": p.high, "log": p.log, **default}
    whole = isinstance(p, Int)
    if not whole:
        _check_decimals(p)
    if p.prior is None:
        return (cs.UniformIntegerHyperparameter if whole else cs.UniformFloatHyperparameter)(name, **bounds)
    if isinstance(p.prior, Beta):
        return (cs.BetaIntegerHyperparameter if whole else cs.BetaFloatHyperparameter)(name, p.prior.alpha, p.prior.beta, **bounds)
    normal = cs.NormalIntegerHyperparameter if whole else cs.NormalFloatHyperparameter
    if isinstance(p.prior, Normal) and not p.log:
        return normal(name, p.prior.mean, p.prior.std, **bounds)
    if isinstance(p.prior, LogNormal) and p.log and (sigma := math.exp(p.prior.sigma) - p.low) > 0:
        return normal(name, p.prior.median, sigma, **bounds)   # there the deviation of the logarithm is log(lower + sigma)
    raise ValueError(f"prior={p.prior!r} has no equivalent with log={p.log} and low={p.low!r}: leave it out")


def _check_decimals(p: Float | Int) -> None:
    """ValueError if bounds rounded as ConfigSpace does, to 13 decimals, are other ones."""
    for bound in (p.low, p.high):
        with np.errstate(over="ignore"):   # 1e296 becomes infinite
            error = abs(float(np.round(bound, 13)) - bound)
        if error > 1e-6 * (bound if p.log else p.high - p.low):
            raise ValueError(f"ConfigSpace rounds its bound {bound!r} to 13 decimals, and is off by {error:.2g} then: measure it in other units")
