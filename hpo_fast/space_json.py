"""Spaces as JSON: parameters in full, functions by name or number, since no file can hold them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hpo_fast.checks import plain
from hpo_fast.choices import Categorical, Ordinal
from hpo_fast.parameters import NO_DEFAULT, Float, Int, Parameter
from hpo_fast.priors import Prior, prior_from_dict, prior_to_dict

_FORMAT = 1

Derived = Sequence[tuple[str, Callable[[Any], Any], bool]]
"""(name, fn, vectorized) of what is derived, in order."""

Requirements = Sequence[tuple[Callable[[Any], Any], bool]]
"""(fn, vectorized) of what is required, in order."""


def space_to_dict(parameters: Mapping[str, Parameter], derived: Derived, requirements: Requirements) -> dict[str, Any]:
    """A JSON-safe description of a space; ValueError that names the parameter for a choice without a JSON form."""
    described = {}
    for name, p in parameters.items():
        try:
            described[name] = parameter_to_dict(p)
        except ValueError as error:
            raise ValueError(f"parameter {name!r}: {error}") from None
    functions = [*((name, vectorized) for name, _, vectorized in derived), *((k, vectorized) for k, (_, vectorized) in enumerate(requirements))]
    return {
        "format": _FORMAT,
        "parameters": described,
        "derived": [name for name, _, _ in derived],
        "requirements": len(requirements),
        "vectorized": [key for key, vectorized in functions if vectorized],   # names of derived ones, positions of requirements
    }


def space_from_dict(
    data: Mapping[str, Any], derived: Mapping[str, Callable[[Any], Any]] | None, requirements: Sequence[Callable[[Any], Any]]
) -> tuple[dict[str, Parameter], Derived, Requirements]:
    """What :func:`space_to_dict` described, with its functions put back; ValueError for anything else, or if they do not match what it lists."""
    try:
        derived = dict(derived or {})
        if data["format"] != _FORMAT:
            raise ValueError(f"format {data['format']!r} of the space is unknown: this version reads format {_FORMAT}")
        listed, n_requirements = list(data["derived"]), int(data["requirements"])
        vectorized = list(data.get("vectorized", []))
        parameters = {name: parameter_from_dict(p) for name, p in data["parameters"].items()}
        differs = set(derived) != set(listed)
    except (KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"not a description of a space: {error!r}") from error
    if differs:
        raise ValueError(f"the space has the derived parameters {listed}, got functions for {sorted(derived)}: pass derived={{name: function}}")
    if len(requirements) != n_requirements:
        raise ValueError(f"the space has {n_requirements} requirements, got {len(requirements)} functions: pass requirements=[...]")
    return (
        parameters,
        [(name, derived[name], name in vectorized) for name in listed],
        [(fn, k in vectorized) for k, fn in enumerate(requirements)],
    )


_TYPES: dict[str, type[Float] | type[Int] | type[Categorical] | type[Ordinal]] = {
    "float": Float,
    "int": Int,
    "categorical": Categorical,
    "ordinal": Ordinal,
}


def parameter_to_dict(parameter: Parameter) -> dict[str, Any]:
    """A JSON-safe description of a parameter; ValueError for a choice without a JSON form."""
    data: dict[str, Any] = {"type": type(parameter).__name__.lower()}
    if isinstance(parameter, (Float, Int)):
        data |= {"low": parameter.low, "high": parameter.high, "log": parameter.log, "step": parameter.step}
    elif isinstance(parameter, (Categorical, Ordinal)):
        data["choices"] = [_json_value(c) for c in parameter.choices]
    if parameter.default is not NO_DEFAULT:
        data["default"] = _json_value(parameter.default)
    if parameter.prior is not None:
        data["prior"] = prior_to_dict(parameter.prior) if isinstance(parameter.prior, Prior) else list(parameter.prior)
    if parameter.condition is not None:
        data["when"] = {"parent": parameter.condition.parent, "values": [_json_value(v) for v in parameter.condition.values]}
    return data


def parameter_from_dict(data: dict[str, Any]) -> Parameter:
    """The parameter of :func:`parameter_to_dict`; ValueError for anything else."""
    rest = dict(data)
    try:
        kind = _TYPES[rest.pop("type")]
        when = rest.pop("when", None)
        if "default" in rest:
            rest["default"] = _from_json_value(rest["default"])
        if isinstance(rest.get("prior"), dict):
            rest["prior"] = prior_from_dict(rest["prior"])
        if "choices" in rest:
            if not isinstance(rest["choices"], (list, tuple)):
                raise TypeError("choices must be a list")
            rest["choices"] = [_from_json_value(c) for c in rest["choices"]]
        parameter: Parameter = kind(**rest)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"{data!r} does not describe a parameter: {error}") from error
    if when is None:
        return parameter
    return parameter.when(when["parent"], [_from_json_value(v) for v in when["values"]])


def _json_value(value: Any) -> Any:
    """A choice as JSON that :func:`_from_json_value` turns back into the same value and type, of NumPy's scalars Python's."""
    value = plain(value)
    if value is None or isinstance(value, (bool, str)) or type(value) is int:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, tuple):
        return {"tuple": [_json_value(v) for v in value]}
    raise ValueError(f"{value!r} of type {type(value).__name__} has no JSON form: use None, bool, int, float, str or tuples of them")


def _from_json_value(value: Any) -> Any:
    if isinstance(value, dict):
        if "tuple" in value:
            return tuple(_from_json_value(v) for v in value["tuple"])
        return float(value["float"])
    return value
