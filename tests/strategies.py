"""Hypothesis strategies for parameters and spaces, and what is asked of them, shared by the tests."""

from __future__ import annotations

import math

from hypothesis import strategies as st

import hpo_fast as hf

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)


@st.composite
def int_ranges(draw: st.DrawFn) -> hf.Int:
    """Int parameters: up to 2^52 levels, anywhere in 64 bits, with steps; or log ones up to 2^44."""
    if draw(st.booleans()):
        low = draw(st.integers(1, 2**44))
        return hf.Int(low, draw(st.integers(low, 2**44)), log=True)
    levels = draw(st.one_of(st.integers(1, 10), st.integers(1, 2**52)))
    step = draw(st.integers(1, max(1, min(1000, 2**63 // levels))))
    span = (levels - 1) * step
    low = draw(st.one_of(st.integers(-1000, 1000), st.integers(-(2**63), 2**63 - 1 - span)))
    return hf.Int(low, low + span, step=step)


@st.composite
def float_ranges(draw: st.DrawFn) -> hf.Float:
    """Float parameters without step: linear or log, any magnitude from 1e-300 to 1e300, zero crossed or not."""
    if draw(st.booleans()):
        low, high = sorted(10.0 ** draw(st.floats(-300, 300)) for _ in range(2))
        return hf.Float(low, high if high > low * (1 + 1e-9) else low, log=True)   # narrower ones underflow
    scale = 10.0 ** draw(st.integers(-290, 290))
    low, high = sorted(draw(st.floats(-1, 1)) * scale for _ in range(2))
    return hf.Float(low, high) if high == low or high - low > 1e-300 else hf.Float(low, low)


ATOMS = st.one_of(st.none(), st.booleans(), st.text(max_size=3), st.integers(), st.floats())
CHOICES = st.one_of(ATOMS, st.tuples(ATOMS, ATOMS), st.frozensets(st.integers(0, 3), max_size=2))


def identity(value: object) -> object:
    """What tells two choices apart: type and value, to any depth; NaN is itself."""
    if isinstance(value, tuple):
        return ("tuple", *map(identity, value))
    return (type(value).__name__, "nan" if isinstance(value, float) and math.isnan(value) else value)


@st.composite
def choice_lists(draw: st.DrawFn, min_size: int = 1, max_size: int = 6) -> list:
    return draw(st.lists(CHOICES, min_size=min_size, max_size=max_size, unique_by=identity))


PARAMETERS = st.one_of(int_ranges(), float_ranges(), choice_lists().map(hf.Categorical), choice_lists().map(hf.Ordinal))


@st.composite
def small_spaces(draw: st.DrawFn, max_parameters: int = 5) -> hf.Space:
    """Finite conditional spaces, small enough to enumerate; declared in any order."""
    names = [f"p{i}" for i in range(draw(st.integers(1, max_parameters)))]
    parameters: dict = {}
    for i, name in enumerate(names):
        kind = draw(st.sampled_from(["int", "log", "categorical", "ordinal", "step", "single"]))
        levels = draw(st.integers(1, 3))
        parameter = {
            "int": hf.Int(-1, levels - 2),
            "log": hf.Int(1, levels, log=True),
            "categorical": hf.Categorical(["a", None, True][:levels]),
            "ordinal": hf.Ordinal([8, 16, 32][:levels]),
            "step": hf.Float(0, 0.1 * levels if levels != 3 else 0.3, step=0.1),
            "single": hf.Float(0.5, 0.5),
        }[kind]
        parents = [n for n in names[:i] if parameters[n].levels > 0]
        if parents and draw(st.booleans()):
            parent = draw(st.sampled_from(parents))
            values = [v for v in values_of(parameters[parent]) if draw(st.booleans())]
            if values:
                parameter = parameter.when(parent, values)
        parameters[name] = parameter
    order = draw(st.permutations(names))
    return hf.Space({name: parameters[name] for name in order})


@st.composite
def mixed_spaces(draw: st.DrawFn) -> hf.Space:
    """Spaces of every kind of parameter, with any ranges and choices, priors and conditions."""
    steps = st.sampled_from([
        hf.Float(0, 1, step=0.1), hf.Float(-2, 3, step=1), hf.Float(-3, 4.5, step=0.75), hf.Float(0.5, 0.5, step=0.25),
        hf.Float(0, math.pi, step=math.pi / 7),
    ])   # fmt: skip
    priors = st.sampled_from([
        hf.Float(1e-5, 1e-1, log=True, prior=hf.LogNormal(3e-4, 1.0)),
        hf.Int(1, 100, prior=hf.Beta(2, 5)),
        hf.Ordinal([1, 2.5, 7], prior=[1, 0, 3]),
        hf.Categorical(["a", "b"], prior={"b": 4}),
    ])   # fmt: skip
    kinds = st.one_of(int_ranges(), float_ranges(), steps, priors, choice_lists().map(hf.Categorical), choice_lists().map(hf.Ordinal),
                      st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5, unique=True).map(hf.Ordinal),
                      st.lists(FINITE, min_size=1, max_size=5, unique=True).map(hf.Categorical))   # fmt: skip
    parameters: dict = {}
    for i in range(draw(st.integers(1, 7))):
        parameter = draw(kinds)
        parents = [name for name, p in parameters.items() if 0 < p.levels <= 7]
        if parents and draw(st.booleans()):
            parent = draw(st.sampled_from(parents))
            parameter = parameter.when(parent, values_of(parameters[parent])[:2])
        parameters[f"p{i}"] = parameter
    return hf.Space(parameters)


def values_of(parameter: object) -> list:
    """All values of a discrete parameter."""
    if isinstance(parameter, hf.Int):
        return list(range(parameter.low, parameter.high + 1, parameter.step))
    if isinstance(parameter, hf.Float):
        if parameter.step is None:
            return [parameter.low]
        return [round(parameter.low + k * parameter.step, 9) for k in range(parameter.levels)]
    return list(parameter.choices)


def back(parameter: object, *values: object) -> list:
    """decode(encode(value)) for each value of a parameter."""
    space = hf.Space({"x": parameter})
    return [config["x"] for config in space.decode(space.encode([{"x": v} for v in values]))]


def exact(a: object, b: object) -> bool:
    """Whether two values are equal and of one type."""
    return identity(a) == identity(b)


def enumerate_space(space: hf.Space) -> list[dict]:
    """Every configuration of a finite space, the slow and obvious way."""
    partial: list[dict] = [{}]
    left = dict(space.parameters)
    while left:
        name = next(n for n, p in left.items() if p.condition is None or p.condition.parent not in left)
        p = left.pop(name)
        grown = []
        for config in partial:
            condition = p.condition
            exists = condition is None or (
                condition.parent in config and identity(config[condition.parent]) in {identity(v) for v in condition.values}
            )
            grown += [{**config, name: v} for v in values_of(p)] if exists else [config]
        partial = grown
    return partial


def key(config: dict) -> frozenset:
    """A configuration as something to put in a set."""
    return frozenset((name, identity(value)) for name, value in config.items())
