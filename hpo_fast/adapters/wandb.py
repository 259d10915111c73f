"""hpo_fast for W&B sweeps: a sweep's configuration as a space, and what to run next, as W&B's own package ``sweeps`` says it.

The schema is the documented one (https://docs.wandb.ai/models/sweeps/sweep-config-keys). Nothing here needs wandb installed, and only
a configuration in YAML needs PyYAML.

A sweep that W&B itself schedules can ask hpo_fast through Optuna. ``wandb sweep-scheduler`` (wandb >= 0.31) of a sweep with ``method: custom``
and ``scheduler: {engine: optuna, source: search.py, optimizer: study}`` calls the function ``study`` of ``search.py``::

    import optuna
    from hpo_fast.adapters.optuna import Sampler

    def study(sweep):
        return optuna.create_study(direction=sweep.config["metric"]["goal"], sampler=Sampler(seed=0))

The Optuna scheduler of W&B Launch, a job, takes its sampler from a function ``sampler()`` without arguments instead, in the file that
``scheduler: {settings: {optuna_source: search.py}}`` names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hpo_fast._core import SpaceExhausted
from hpo_fast.adapters.choices import parameter_of, unwrapped, weighted, wrapped
from hpo_fast.checks import check_int
from hpo_fast.choices import Categorical
from hpo_fast.interchange.distributions import log_multiples, log_normal, log_uniform, multiples, normal
from hpo_fast.parameters import Float, Int, Parameter
from hpo_fast.priors import Beta
from hpo_fast.space import Space
from hpo_fast.suggest import suggest
from hpo_fast.targets import DIRECTIONS

__all__ = ["Sweep", "SweepRun", "next_run", "space_from_sweep"]

_SAMPLERS = {"grid": "grid", "random": "random", "bayes": "auto"}
_LOST = ("killed", "crashed", "failed")
_IMPUTE = ("worst", "best", "latest")
_KEYS = ["apiVersion", "kind", "controller", "description", "program", "job", "image_uri", "entity", "project", "method", "command", "name"]
_KEYS += ["run_cap", "metric", "metrics", "scheduler", "early_terminate", "parameters"]
_METRIC = ("name", "goal", "target", "impute", "impute_while_running")
_HYPERBAND = ("type", "min_iter", "max_iter", "s", "eta", "strict")


class Sweep(NamedTuple):
    """A sweep configuration in the words of hpo_fast.

    Attributes
    ----------
    space : Space
        The parameters, nested ones under dotted names; what has one value only is a Categorical of one choice.
    sampler : str
        "auto" for bayes, else the method.
    direction : str
        "minimize" or "maximize".
    metric : str or None
        Name of what is optimised.
    method : str
        "grid", "random" or "bayes".
    paths : dict of str to tuple of str
        The nested keys of each name of `space`.
    early_terminate : dict or None
        The configuration of hyperband as it was given. It stops runs, which is the business of whoever runs them.
    run_cap : int or None
        The most runs.
    target : float or None
        A value of the metric that is good enough.
    impute : str
        What a run that was killed, crashed or failed is worth: "worst", "best" of what it logged, or "latest".
    while_running : bool
        Whether a run counts with the best that it has logged so far, and not as pending.
    """

    space: Space
    sampler: str
    direction: str
    metric: str | None
    method: str
    paths: dict[str, tuple[str, ...]]
    early_terminate: dict[str, Any] | None
    run_cap: int | None
    target: float | None
    impute: str
    while_running: bool

    def nested(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration of `space` as the nested dict that a run of the sweep sees."""
        tree: dict[str, Any] = {}
        for name, value in params.items():
            *folders, last = self.paths[name]
            place = tree
            for folder in folders:
                place = place.setdefault(folder, {})
            place[last] = unwrapped(value)
        return tree

    def flat(self, tree: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration of `space` in the nested dict of a run, other keys left out; KeyError if one is missing."""
        params: dict[str, Any] = {}
        for name, path in self.paths.items():
            place: Any = tree
            for key in path:
                if not isinstance(place, Mapping) or key not in place:
                    raise KeyError(name)
                place = place[key]
            p = self.space[name]
            dicts = [choice for choice in map(unwrapped, p.choices) if isinstance(choice, Mapping)] if isinstance(p, Categorical) else []
            if dicts and isinstance(place, Mapping):   # W&B lets a run add keys to a dict
                place = {key: value for key, value in place.items() if any(key in choice for choice in dicts)}
            params[name] = wrapped(place)
        return params


@dataclass
class SweepRun:
    """A run of a sweep, with the attributes of ``sweeps.SweepRun`` that matter here; either is taken by :func:`next_run`.

    Attributes
    ----------
    config : dict
        ``{"lr": {"value": 0.1}}``; nested parameters are a dict within the value.
    state : str
        "pending", "running", "finished", "killed", "crashed", "failed", "preempting" or "preempted".
    summary_metrics : dict
    history : list of dict
        What the run logged.
    name : str or None
    search_info : dict or None
        Of suggestions: the sampler.
    """

    config: dict[str, Any] = field(default_factory=dict)
    state: str = "pending"
    summary_metrics: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    name: str | None = None
    search_info: dict[str, Any] | None = None


def next_run(sweep_config: Mapping[str, Any] | str | Path | Sweep, runs: Sequence[Any], *, seed: int = 0) -> SweepRun | None:
    """What to run next: a pure function of the configuration, the runs and the seed.

    Parameters
    ----------
    sweep_config : dict, str, Path or Sweep
        As for :func:`space_from_sweep`, or what it returned.
    runs : sequence of SweepRun
        All runs of the sweep so far, of this module or of W&B's ``sweeps``. The value of a finished run is the best that it logged of the
        metric; what ended otherwise, or without a number, is a failure; all others are pending. The metric's `impute` and
        `impute_while_running` change this as they do in W&B.
    seed : int, default 0

    Returns
    -------
    SweepRun or None
        None if there is nothing left to run: every configuration has been, `run_cap` runs exist, or one has reached the metric's target.
        Nothing is suggested twice, with ``method: random`` neither. A grid is walked in the order of W&B's package: parameters sorted by
        name, the last one varying fastest.

    Raises
    ------
    TypeError, ValueError
        As :func:`space_from_sweep`; if a run's configuration is none of the sweep's.
    """
    sweep = sweep_config if isinstance(sweep_config, Sweep) else space_from_sweep(sweep_config)
    rows = _rows(sweep, runs)
    values, pending = _observations(sweep, runs)
    if sweep.run_cap is not None and len(runs) >= sweep.run_cap:
        return None
    if sweep.target is not None and (values <= sweep.target if sweep.direction == "minimize" else values >= sweep.target).any():
        return None
    try:
        row = suggest(sweep.space, rows[~pending], values[~pending], rows[pending], sampler=sweep.sampler, seed=seed, direction=sweep.direction)
    except SpaceExhausted:
        return None
    config = {key: {"value": value} for key, value in sweep.nested(sweep.space.decode(row)[0]).items()}
    return SweepRun(config, search_info=None if sweep.method == "grid" else {"sampler": sweep.sampler})


def _rows(sweep: Sweep, runs: Sequence[Any]) -> np.ndarray:
    params = []
    for i, run in enumerate(runs):
        who = f"run {getattr(run, 'name', None) or i}"
        tree = {key: entry["value"] if isinstance(entry, Mapping) and "value" in entry else entry for key, entry in (run.config or {}).items()}
        try:
            params.append(sweep.flat(tree))
            sweep.space.encode(params[-1:])
        except KeyError as error:
            raise ValueError(f"{who} has no parameter {error}: give its whole configuration, or leave the run out") from None
        except (TypeError, ValueError) as error:
            raise ValueError(f"{who}: {error}; if the sweep was changed since, leave the run out") from None
    return sweep.space.encode(params) if params else np.empty((0, len(sweep.space)))


def _observations(sweep: Sweep, runs: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """The values of the runs (n,), NaN for failures and what is pending, and which are pending (n,)."""
    values, pending = np.full(len(runs), np.nan), np.zeros(len(runs), dtype=bool)
    for i, run in enumerate(runs):
        state = getattr(run.state, "value", run.state)
        logged = _numbers_of(sweep, run.history or [])
        best = (min if sweep.direction == "minimize" else max)(logged + _numbers_of(sweep, [run.summary_metrics or {}]), default=math.nan)
        if state == "finished":
            values[i] = best
        elif state in _LOST:
            values[i] = {"worst": math.nan, "best": best, "latest": logged[-1] if logged else math.nan}[sweep.impute]
        elif state == "running" and sweep.while_running and not math.isnan(best):
            values[i] = best
        else:
            pending[i] = True
    return values, pending


def _numbers_of(sweep: Sweep, logged: Sequence[Mapping[str, Any]]) -> list[float]:
    """The finite values of the metric, in order."""
    found = [entry.get(sweep.metric) for entry in logged if sweep.metric is not None]
    return [float(v) for v in found if isinstance(v, (int, float, np.number)) and not isinstance(v, bool) and math.isfinite(v)]


def space_from_sweep(config: Mapping[str, Any] | str | Path) -> Sweep:
    """A W&B sweep configuration as a space.

    Parameters
    ----------
    config : dict, str or Path
        The configuration: a dict, YAML text, or the path of a YAML file (the last two need PyYAML).

    Returns
    -------
    Sweep
        A named tuple that begins with (space, sampler, direction, metric).

    Raises
    ------
    TypeError, ValueError
        For what is not in the schema or has no equivalent, with the name of the key or the parameter.

    Notes
    -----
    ``probabilities``, normal, log-normal and beta distributions become priors. Normal distributions are cut off at four standard
    deviations. A quantized (``q_``) distribution becomes the multiples of q, integers where q is one; of a logarithmic range an Int with
    ``log=True`` where q is 1, otherwise an Ordinal with the probabilities as its prior.
    """
    config = _loaded(config)
    method = config.get("method")
    if method == "custom" or "scheduler" in config or "metrics" in config:
        raise ValueError("method: custom, scheduler and metrics belong to W&B's scheduler: use hpo_fast.adapters.optuna.Sampler in its Optuna engine")
    if method not in _SAMPLERS:
        raise ValueError(f"method={method!r} must be one of {', '.join(_SAMPLERS)}")
    _check_keys("a sweep", config, _KEYS)
    metric = config.get("metric") or {}
    if not isinstance(metric, Mapping) or (method == "bayes" and not isinstance(metric.get("name"), str)):
        raise ValueError(f"metric={config.get('metric')!r} must be a dict with the name of the metric, and a goal: method {method} needs it")
    _check_keys("metric", metric, _METRIC)
    direction, impute, while_running = metric.get("goal", "minimize"), metric.get("impute", "worst"), metric.get("impute_while_running") or "false"
    for key, value, allowed in (("goal", direction, DIRECTIONS), ("impute", impute, _IMPUTE), ("impute_while_running", while_running, (*_IMPUTE, "false"))):
        if value not in allowed:
            raise ValueError(f"metric: {key}={value!r} must be one of {', '.join(allowed)}")
    target = metric.get("target")
    run_cap = config.get("run_cap")
    paths: dict[str, tuple[str, ...]] = {}
    parameters: dict[str, Parameter] = {}
    for path, given in _leaves(config.get("parameters"), ()):
        name = ".".join(path)
        if name in paths:
            raise ValueError(f"parameter {name!r} is there twice, nested and with dots in its name: rename one")
        paths[name] = path
        try:
            parameters[name] = _parameter(given, method)
        except (TypeError, ValueError) as error:
            raise type(error)(f"parameter {name!r}: {error}") from None
        if method == "grid" and parameters[name].levels == 0:
            raise ValueError(f"parameter {name!r}: method grid needs values, integers or q_uniform, got {dict(given)!r}")
    return Sweep(
        Space(parameters), _SAMPLERS[method], direction, metric.get("name"), method, paths, _early_terminate(config.get("early_terminate")),
        None if run_cap is None else check_int("run_cap", run_cap, 1), None if target is None else _numbers(target=target)[0],
        impute, while_running != "false",
    )  # fmt: skip


def _check_keys(where: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    if unknown := [key for key in given if key not in known]:
        raise ValueError(f"{where} has no key {unknown[0]!r}; W&B knows {', '.join(known)}")


def _early_terminate(given: Any) -> dict[str, Any] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping) or given.get("type") != "hyperband":
        raise ValueError(f"early_terminate={given!r} must be a dict with type: hyperband, which is all that W&B has")
    _check_keys("early_terminate", given, _HYPERBAND)
    if "min_iter" not in given and not {"max_iter", "s"} <= given.keys():
        raise ValueError(f"early_terminate={dict(given)!r} needs min_iter, or max_iter and s")
    return dict(given)


def _loaded(config: Any) -> Mapping[str, Any]:
    if isinstance(config, (str, Path)):
        try:
            import yaml  # type: ignore[import-untyped]
        except ImportError as error:
            raise ImportError(f"a sweep in YAML needs PyYAML ({error}): pip install 'hpo-fast[wandb]', or give a dict") from error
        is_text = isinstance(config, str) and (":" in config.replace(":\\", "") or "\n" in config)
        config = yaml.safe_load(config if is_text else Path(config).read_text(encoding="utf-8"))
    if not isinstance(config, Mapping):
        raise TypeError(f"a sweep configuration is a dict, or YAML that is one, got {type(config).__name__}")
    return config


def _leaves(parameters: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """The parameters with their nested keys, sorted."""
    where = ".".join(path) or "the sweep"
    if not isinstance(parameters, Mapping) or not parameters:
        raise ValueError(f"{where}: parameters={parameters!r} must be a dict of parameters by name, at least one")
    found: list[tuple[tuple[str, ...], Mapping[str, Any]]] = []
    for key in parameters:
        if not isinstance(key, str):   # in YAML, 1 is a number, and yes and on are truth values
            raise TypeError(f"{where}: the name {key!r} of a parameter must be a string: put it in quotes")
    for key, given in sorted(parameters.items()):
        if not isinstance(given, Mapping):
            raise TypeError(f"parameter {'.'.join((*path, key))!r}: {given!r} must be a dict such as {{'values': [1, 2]}} or {{'value': {given!r}}}")
        found += _leaves(given["parameters"], (*path, key)) if "parameters" in given else [((*path, key), given)]
    return found


def _parameter(given: Mapping[str, Any], method: str) -> Parameter:
    """The parameter of ``{"distribution": ..., ...}``; what is left out is filled in as W&B does."""
    distribution = given.get("distribution") or _implied(given)
    if distribution not in _DISTRIBUTIONS:
        raise ValueError(f"distribution={distribution!r} must be one of {', '.join(_DISTRIBUTIONS)}")
    make, needed, defaults = _DISTRIBUTIONS[distribution]
    missing = [key for key in needed if key not in given]
    unknown = sorted(str(key) for key in set(given) - {"distribution", *needed, *defaults})
    if missing or unknown:
        wrong = f"needs {', '.join(missing)}" if missing else f"knows no {', '.join(unknown)}"
        raise ValueError(f"distribution {distribution} {wrong}, got {dict(given)!r}")
    if distribution == "q_uniform" and method == "grid":   # there W&B counts from min, not in multiples of q, and leaves max out
        return parameter_of(np.arange(*_numbers(min=given["min"], max=given["max"], q=given.get("q", 1.0))))
    return make(**{key: given[key] for key in needed}, **{key: given.get(key, default) for key, default in defaults.items()})


def _implied(given: Mapping[str, Any]) -> str:
    if "value" in given:
        return "constant"
    if "values" in given:
        return "categorical"
    if "min" in given and "max" in given:
        return "int_uniform" if all(type(given[key]) is int for key in ("min", "max")) else "uniform"
    raise ValueError(f"{dict(given)!r} says no value, values, min and max, parameters or distribution")


def _numbers(**given: Any) -> list[float]:
    for key, value in given.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            hint = ": in YAML a number with an exponent needs a point, as in 1.0e-4" if isinstance(value, str) else ""
            raise TypeError(f"{key}={value!r} must be a finite number{hint}")
    return list(given.values())


def _constant(value: Any) -> Parameter:
    return parameter_of([value])


def _categorical(values: Any, probabilities: Any) -> Parameter:
    if not isinstance(values, (list, tuple)):
        raise TypeError(f"values={values!r} must be a list")
    if probabilities is not None and (not isinstance(probabilities, (list, tuple)) or len(probabilities) != len(values)):
        raise ValueError(f"probabilities={probabilities!r} must be a list with one for each of the {len(values)} values")
    weights = None if probabilities is None else _numbers(**{f"probabilities[{i}]": p for i, p in enumerate(probabilities)})
    return parameter_of(*weighted(values, weights))


def _uniform(min: float, max: float) -> Parameter:
    return Float(*_numbers(min=min, max=max))


def _q_uniform(min: float, max: float, q: float) -> Parameter:
    low, high, q = _numbers(min=min, max=max, q=q)
    return multiples(low, high, q)


def _log_uniform_values(min: float, max: float) -> Parameter:
    return Float(*_numbers(min=min, max=max), log=True)


def _log_uniform(min: float, max: float) -> Parameter:
    return log_uniform(*_numbers(min=min, max=max))


def _inv_log_uniform(min: float, max: float) -> Parameter:
    low, high = _numbers(min=min, max=max)
    return log_uniform(-high, -low)


def _q_log_uniform_values(min: float, max: float, q: float) -> Parameter:
    return log_multiples(*_numbers(min=min, max=max, q=q))


def _q_log_uniform(min: float, max: float, q: float) -> Parameter:
    return log_uniform(*_numbers(min=min, max=max, q=q))


def _normal(mu: float, sigma: float) -> Parameter:
    return normal(*_numbers(mu=mu, sigma=sigma))


def _q_normal(mu: float, sigma: float, q: float) -> Parameter:
    return normal(*_numbers(mu=mu, sigma=sigma, q=q))


def _log_normal(mu: float, sigma: float) -> Parameter:
    return log_normal(*_numbers(mu=mu, sigma=sigma))


def _q_log_normal(mu: float, sigma: float, q: float) -> Parameter:
    return log_normal(*_numbers(mu=mu, sigma=sigma, q=q))


def _beta(a: float, b: float) -> Parameter:
    return Float(0.0, 1.0, prior=Beta(a, b))


def _q_beta(a: float, b: float, q: float) -> Parameter:
    return multiples(0.0, 1.0, _numbers(q=q)[0], Beta(a, b))


_RANGE = ("min", "max")
_NORMAL = {"mu": 0.0, "sigma": 1.0}
_BETA = {"a": 1.0, "b": 1.0}
_Q = {"q": 1.0}
_DISTRIBUTIONS: dict[str, tuple[Callable[..., Parameter], tuple[str, ...], dict[str, Any]]] = {   # how to make it, keys needed, keys with a default
    "constant": (_constant, ("value",), {}),
    "categorical": (_categorical, ("values",), {"probabilities": None}),
    "categorical_w_probabilities": (_categorical, ("values", "probabilities"), {}),
    "int_uniform": (lambda min, max: Int(min, max), _RANGE, {}),
    "uniform": (_uniform, _RANGE, {}),
    "q_uniform": (_q_uniform, _RANGE, _Q),
    "log_uniform": (_log_uniform, _RANGE, {}),
    "log_uniform_values": (_log_uniform_values, _RANGE, {}),
    "q_log_uniform": (_q_log_uniform, _RANGE, _Q),
    "q_log_uniform_values": (_q_log_uniform_values, _RANGE, _Q),
    "inv_log_uniform": (_inv_log_uniform, _RANGE, {}),
    "inv_log_uniform_values": (_log_uniform_values, _RANGE, {}),
    "normal": (_normal, (), _NORMAL),
    "q_normal": (_q_normal, (), _NORMAL | _Q),
    "log_normal": (_log_normal, (), _NORMAL),
    "q_log_normal": (_q_log_normal, (), _NORMAL | _Q),
    "beta": (_beta, (), _BETA),
    "q_beta": (_q_beta, (), _BETA | _Q),
}
