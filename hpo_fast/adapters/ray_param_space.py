"""Ray Tune's ``param_space``, a nested dict with distributions in it, as a Space, and configurations in the words of either."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ray.tune.search import sample
from ray.tune.search.variant_generator import assign_value, parse_spec_vars
from ray.tune.utils.util import unflatten_dict

from hpo_fast.adapters.choices import parameter_of, unwrapped, weighted, wrapped
from hpo_fast.checks import check_config
from hpo_fast.choices import Categorical
from hpo_fast.interchange.distributions import log_multiples, multiples, normal
from hpo_fast.parameters import Float, Int, Parameter
from hpo_fast.space import Space


def is_searched(tree: Mapping[Any, Any]) -> bool:
    """Whether a part of a `param_space` has anything that Tune draws or walks through."""
    return any(parse_spec_vars(dict(tree))[1:])


@dataclass(frozen=True)
class _Entry:
    """A parameter as Tune has it. Choices without an order are indices in the space, since not all can be compared or saved by value."""

    path: tuple[Any, ...]
    domain: sample.Domain
    choices: Categorical | None

    def inside(self, value: Any) -> Any:
        return value if self.choices is None else int(self.choices.raw(wrapped(value)))

    def outside(self, value: Any) -> Any:
        return self.domain.cast(value) if self.choices is None else unwrapped(self.choices.choices[value])


@dataclass(frozen=True)
class ParamSpace:
    """A search space, and configurations in the words of Tune and of the space.

    Attributes
    ----------
    space : Space
    tree : dict or None
        What a suggestion is, with None for the parameters; None if names with slashes say it.
    entries : dict of str to _Entry
        Of a space that is Tune's.
    constants : set of str
        Names that a configuration may hold besides.
    """

    space: Space
    tree: dict[str, Any] | None = None
    entries: Mapping[str, _Entry] = field(default_factory=dict)
    constants: frozenset[str] = frozenset()

    @classmethod
    def of_space(cls, space: Space) -> ParamSpace:
        try:
            unflatten_dict(dict.fromkeys(sorted([*space.names, *space.derived])))   # it notices "a/b" behind "a" only
        except TypeError as error:
            raise ValueError(f"the names of the space cannot be nested by their slashes: {error}") from None
        return cls(space, constants=frozenset(space.derived))

    @classmethod
    def of_dict(cls, what: str, spec: Mapping[str, Any], constants: bool = True) -> ParamSpace:
        """The space of Tune's distributions in a nested dict. Its suggestions hold constants outside of lists only if told so."""
        if not isinstance(spec, Mapping):
            raise TypeError(f"{what} must be a Space or a dict with Tune's distributions, got {type(spec).__name__}")
        resolved, domains, grids = parse_spec_vars(dict(spec))
        for path, value in resolved:
            if isinstance(value, Parameter):
                raise TypeError(f"parameter {_name(path)!r}: {value!r} is one of hpo_fast among Tune's: use tune.uniform and the like, or pass a hf.Space")
        if grids:
            raise ValueError(
                f"parameter {_name(grids[0][0])!r}: grid_search is for Tune's own search only: use tune.choice here, "
                "with Searcher(sampler='grid') to try every combination"
            )
        if not domains:
            raise ValueError(f"{what} has nothing to search: give it a distribution such as tune.uniform(0, 1), or pass a hf.Space to the Searcher")
        entries: dict[str, _Entry] = {}
        parameters: dict[str, Parameter] = {}
        tree = copy.deepcopy(dict(spec)) if constants else _searched(dict(spec))
        for path, domain in domains:
            name = _name(path)
            if name in entries:
                raise ValueError(f"parameter {name!r} is there twice, nested and with slashes in its name: rename one")
            try:
                parameters[name], choices = _parameter(domain)
            except (TypeError, ValueError) as error:
                raise type(error)(f"parameter {name!r}: {error}") from None
            entries[name] = _Entry(path, domain, choices)
            assign_value(tree, path, None)
        return cls(Space(parameters), tree, entries, frozenset(_name(path) for path, _ in resolved))

    def config(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration of the space as the trainable sees it."""
        if self.tree is None:
            return dict(unflatten_dict(dict(params)))
        config = copy.deepcopy(self.tree)
        for name, value in params.items():
            entry = self.entries[name]
            assign_value(config, entry.path, entry.outside(value))
        return config

    def params(self, config: Mapping[str, Any], strict: bool = False) -> dict[str, Any]:
        """The other way round, what the space does not know left out; ValueError for a name that Tune did not know either if `strict`."""
        params = {}
        for name, value in self._leaves(check_config(config), ""):
            if name in self.space:
                try:
                    params[name] = self.entries[name].inside(value) if name in self.entries else value
                except (TypeError, ValueError) as error:
                    raise type(error)(f"parameter {name!r}: {error}") from None
            elif strict and name not in self.constants:
                raise ValueError(f"parameter {name!r} is not in the space; there are {', '.join(self.space.names)}")
        return params

    def _leaves(self, tree: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        for key, value in tree.items() if isinstance(tree, Mapping) else enumerate(tree):
            name = f"{prefix}{key}"
            if isinstance(value, (Mapping, list, tuple)) and name not in self.space:
                yield from self._leaves(value, f"{name}/")
            else:
                yield name, value


def _name(path: tuple[Any, ...]) -> str:
    return "/".join(map(str, path))


def _searched(tree: dict[str, Any]) -> dict[str, Any]:
    """A copy of the parts with a parameter. Tune adds the others, but replaces lists as a whole."""
    return {
        key: _searched(value) if isinstance(value, dict) else copy.deepcopy(value)
        for key, value in tree.items() if is_searched({key: value})
    }  # fmt: skip


def _parameter(domain: sample.Domain) -> tuple[Parameter, Categorical | None]:
    """The parameter of one of Tune's distributions, and the choices whose indices are its values."""
    if domain.is_function():
        raise ValueError("sample_from has no equivalent: compute the value in the trainable, or with Space.derive of a hf.Space")
    sampler, q = domain.get_sampler(), None
    if isinstance(sampler, sample.Quantized):
        sampler, q = sampler.get_sampler(), sampler.q
    log = isinstance(sampler, sample.LogUniform)
    if isinstance(domain, sample.Categorical):
        return _choice(domain.categories)
    if isinstance(sampler, sample.Normal):
        return normal(sampler.mean, sampler.sd, q), None
    if isinstance(domain, sample.Integer):
        return _integer(domain.lower, domain.upper, 1 if q is None else q, log), None
    if q is None:
        return Float(domain.lower, domain.upper, log=log), None
    return (log_multiples if log else multiples)(domain.lower, domain.upper, q), None


def _integer(lower: int, upper: int, q: int, log: bool) -> Parameter:
    """Tune leaves `upper` out, but not of multiples of q, which need not begin and end at the bounds."""
    if q == 1:
        return Int(lower, upper - 1, log=log)
    if q <= 0:
        raise ValueError(f"q={q!r} must be positive")
    first, last = math.ceil(lower / q) * q, math.floor(upper / q) * q
    if first > last:
        raise ValueError(f"there is no multiple of q={q!r} between {lower!r} and {upper!r}: use a smaller q")
    return (log_multiples if log else multiples)(first, last, q)


def _choice(categories: list[Any]) -> tuple[Parameter, Categorical | None]:
    if is_searched(dict(enumerate(categories))):
        raise ValueError("ranges within a choice have no equivalent: pass Searcher a hf.Space with conditional parameters, hf.Float(0, 1).when(name, value)")
    parameter = parameter_of(*weighted(categories))
    if not isinstance(parameter, Categorical):
        return parameter, None
    return Categorical(range(parameter.levels), prior=parameter.prior), parameter
