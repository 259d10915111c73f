"""hyperopt's search spaces as parameters, one a label, and back.

A search space is a graph of pyll expressions. ``hp.uniform("x", 0, 1)`` is a node ``hyperopt_param`` with the label and a distribution
below it, ``hp.choice`` a node ``switch`` whose first input is such a parameter, a position, and whose others are the options.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hpo_fast.choices import Categorical, Ordinal
from hpo_fast.interchange.conditions import Atom, with_conditions
from hpo_fast.interchange.distributions import TAIL, log_normal, log_uniform, multiples, normal
from hpo_fast.parameters import Float, Int, Parameter, condition_levels
from hpo_fast.priors import LogNormal, Normal

_DISTRIBUTIONS: dict[str, Callable[..., Parameter]] = {   # by the names of their arguments, which are the same
    "uniform": Float,
    "quniform": multiples,
    "loguniform": log_uniform,
    "qloguniform": log_uniform,
    "normal": normal,
    "qnormal": normal,
    "lognormal": log_normal,
    "qlognormal": log_normal,
}


def parameters_from_hyperopt(search: Any) -> dict[str, Parameter]:
    """The parameters of the labels; see :meth:`hpo_fast.Space.from_hyperopt`."""
    from hyperopt.pyll import as_apply

    distributions: dict[str, Any] = {}
    options: dict[str, list[list[Any]]] = {}   # of each switch over a label
    formulas: dict[str, list[tuple[Atom, ...]]] = {}

    def walk(node: Any, clause: tuple[Atom, ...]) -> None:
        if node.name == "hyperopt_param":
            label = node.arg["label"].obj
            if distributions.setdefault(label, node.arg["obj"]) is not node.arg["obj"]:
                raise ValueError(f"parameter {label!r}: the label is there twice, with distributions of its own: rename one, or use one hp expression twice")
            formulas.setdefault(label, []).append(clause)
        if node.name == "switch":
            index, *branches = node.inputs()
            if index.name != "hyperopt_param" or index.arg["obj"].name not in ("randint", "categorical"):
                raise ValueError("a switch in the search space must be over a position, as hp.choice makes it")
            walk(index, clause)
            label = index.arg["label"].obj
            options.setdefault(label, []).append(branches)
            for k, branch in enumerate(branches):
                walk(branch, (*clause, Atom(label, (k,))))
        else:
            for below in node.inputs():
                walk(below, clause)

    walk(as_apply(search), ())
    parameters: dict[str, Parameter] = {}
    for label, distribution in distributions.items():
        try:
            parameters[label] = _choice(distribution, options[label]) if label in options else _number(distribution)
        except (TypeError, ValueError) as error:
            raise type(error)(f"parameter {label!r}: {error}") from None
    if not parameters:
        raise ValueError("the search space has no label: give it at least one hp expression")
    nested = {label: formula for label, formula in formulas.items() if () not in formula}
    words = {label: " or ".join(" and ".join(f"{parent}[{k}]" for parent, (k,), _ in clause) for clause in formula) for label, formula in nested.items()}
    return with_conditions(parameters, nested, words)


def _arguments(distribution: Any) -> dict[str, Any]:
    """The values of the arguments by name, those left out left out."""
    from hyperopt.pyll import dfs
    from hyperopt.pyll.base import Apply

    given = {name: node for name, node in distribution.arg.items() if isinstance(node, Apply)}
    for name, node in given.items():
        if any(below.name == "hyperopt_param" for below in dfs(node)):
            raise ValueError(f"the argument {name} of its distribution depends on another label: give a number")
    return {name: node.eval() for name, node in given.items() if name not in ("rng", "size")}


def _choice(distribution: Any, switches: list[list[Any]]) -> Parameter:
    arguments = _arguments(distribution)
    prior = arguments["p"] if distribution.name == "categorical" else None
    if prior is None and (arguments["low"] != len(switches[0]) or "high" in arguments):
        raise ValueError(f"its switch has {len(switches[0])} options, which its position does not fit: use hp.choice")
    for branches in switches:
        values = [_plain(branch) for branch in branches]
        if not any(value is branch for value, branch in zip(values, branches, strict=True)) and len(set(values)) == len(values):
            return Categorical(values, prior=prior)
    return Categorical(range(len(switches[0])), prior=prior)


def _plain(branch: Any) -> Any:
    """An option that is a number, a string, a truth value or None as itself, any other as its node."""
    value = branch.obj if branch.name == "literal" else branch
    value = value.item() if isinstance(value, np.generic) else value
    return value if value is None or type(value) in (bool, int, float, str) else branch


def _number(distribution: Any) -> Parameter:
    if distribution.name == "randint":
        given = _arguments(distribution)
        low, high = (given["low"], given["high"]) if "high" in given else (0, given["low"])
        return Int(low, high - 1)
    if distribution.name not in _DISTRIBUTIONS:
        raise TypeError(f"the distribution {distribution.name} has no equivalent: use those of hyperopt.hp")
    numbers = {name: float(value) for name, value in _arguments(distribution).items()}
    if numbers.get("q", 0.5).is_integer():
        numbers["q"] = int(numbers["q"])   # then the values are integers, too
    return _DISTRIBUTIONS[distribution.name](**numbers)


def parameters_to_hyperopt(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """A search space; see :meth:`hpo_fast.Space.to_hyperopt`."""
    from hyperopt.pyll import scope

    expressions: dict[str, Any] = {}
    for name, p in parameters.items():
        try:
            expressions[name] = _expression(name, p)
        except ValueError as error:
            raise ValueError(f"parameter {name!r}: {error}") from None

    def placed(name: str) -> Any:
        """The expression within one switch for each parent, from the nearest outwards."""
        node = expressions[name]
        while (condition := parameters[name].condition) is not None:
            parent = parameters[condition.parent]
            if not isinstance(parent, (Categorical, Ordinal)):
                raise ValueError(f"parameter {name!r} depends on the number {condition.parent!r}: hyperopt's conditions are choices; make it an Ordinal")
            levels = condition_levels(parent, condition.values)
            index = expressions[condition.parent].inputs()[0]
            node = scope.switch(index, *[node if level in levels else None for level in range(parent.levels)])
            name = condition.parent
        return node

    return {name: placed(name) for name in parameters}


def _expression(name: str, p: Parameter) -> Any:
    """The parameter as hp has it, without its condition."""
    from hyperopt import hp
    from hyperopt.pyll import Literal, scope

    if isinstance(p, (Categorical, Ordinal)):
        options = [Literal(choice) for choice in p.choices]
        return hp.choice(name, options) if p.prior is None else hp.pchoice(name, list(zip(p.masses, options, strict=True)))
    assert isinstance(p, (Float, Int))
    if p.low == p.high:
        return Literal(p.low)
    q = [] if p.step is None else [p.step]
    if p.step is not None and not p.log:
        on = multiples(p.low, p.high, p.step)
        if (on.low, on.high) != (p.low, p.high):   # type: ignore[attr-defined]
            raise ValueError(f"its values from {p.low!r} on are no multiples of step={p.step!r}, as hyperopt's are: begin at one, or use an Ordinal")
    whole = scope.int if isinstance(p, Int) else scope.float
    if p.prior is not None:
        if not _covers(p):
            raise ValueError(f"prior={p.prior!r} within [{p.low!r}, {p.high!r}] has no equivalent: only normal ones with room for {TAIL:g} deviations have")
        if isinstance(p.prior, Normal):
            return whole((hp.qnormal if q else hp.normal)(name, p.prior.mean, p.prior.std, *q))
        assert isinstance(p.prior, LogNormal)
        return whole((hp.qlognormal if q else hp.lognormal)(name, math.log(p.prior.median), p.prior.sigma, *q))
    if p.log:
        return whole((hp.qloguniform if q else hp.loguniform)(name, math.log(p.low), math.log(p.high), *q))
    return whole((hp.quniform if q else hp.uniform)(name, p.low, p.high, *q))


def _covers(p: Float | Int) -> bool:
    """Whether the range holds all but the tails of a normal prior."""
    if isinstance(p.prior, Normal):
        whole = normal(p.prior.mean, p.prior.std, p.step)
    elif isinstance(p.prior, LogNormal):
        whole = log_normal(math.log(p.prior.median), p.prior.sigma, p.step)
    else:
        return False
    low, high = whole.low, whole.high   # type: ignore[attr-defined]
    return (p.low <= low or math.isclose(p.low, low)) and (p.high >= high or math.isclose(p.high, high))


def point(parameters: Mapping[str, Parameter], params: Mapping[str, Any]) -> dict[str, Any]:
    """hyperopt's assignment; see :meth:`hpo_fast.Space.to_hyperopt_point`."""
    found: dict[str, Any] = {}
    for name, value in params.items():
        if name not in parameters:
            raise ValueError(f"parameter {name!r} is not in the space; there are {', '.join(parameters)}")
        try:
            raw = parameters[name].raw(value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"parameter {name!r}: {error}") from None
        found[name] = int(raw) if isinstance(parameters[name], (Categorical, Ordinal)) else value
    return found
