"""The optimizers compared, behind one face; one module per library.

A peer is named by a specification, ``name[:variant][?option=value&...]``, for example
``optuna:tpe``, ``hpo_fast:tpe?n_startup=20`` or ``cmaes?sigma=0.2``. Its module provides

- ``make(variant, options, space, seed, budget)``: a new optimizer with ``ask() -> params`` and
  ``tell(params, value)``; values are minimized and NaN means the evaluation failed;
- ``VARIANTS``: the accepted variants (the first is the default);
- ``PACKAGES``: the distributions whose versions identify its results.

Modules are imported in the process that hosts the peer, which may belong to another
environment (see `benchmarks.quality.environments`), so this package imports no library.
"""

from __future__ import annotations

import ast
import importlib
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, Protocol

from ..space import Space

# name -> environment that provides it ("" is the environment of the benchmark itself)
PEERS: dict[str, str] = {
    "hpo_fast": "",
    "random": "",
    "optuna": "",
    "hyperopt": "",
    "rustuna": "",
    "cmaes": "",
    "ax": "ax",
    "bayes_opt": "bayes_opt",
    "egobox": "egobox",
    "hebo": "hebo",
    "hoptimal": "hoptimal",
    "skopt": "skopt",
    "smac": "smac",
    "vizier": "vizier",
}


class Peer(Protocol):
    """An optimizer under test."""

    def ask(self) -> dict[str, Any]:
        """Return the next configuration: active parameters only."""

    def tell(self, params: dict[str, Any], value: float) -> None:
        """Report the value of the last configuration asked."""


@dataclass(frozen=True)
class Spec:
    """A parsed peer specification; ``str(spec)`` is its canonical form."""

    name: str
    variant: str
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        query = "&".join(f"{k}={v}" for k, v in sorted(self.options.items()))
        return self.name + (f":{self.variant}" if self.variant else "") + (f"?{query}" if query else "")


def parse(text: str) -> Spec:
    """Parse a peer specification.

    Option values are Python literals where they parse as such (``20``, ``True``, ``None``),
    else strings.

    Raises
    ------
    ValueError
        If the peer or its variant does not exist, or an option has no value.
    """
    head, _, query = text.partition("?")
    name, _, variant = head.partition(":")
    if name not in PEERS:
        raise ValueError(f"no peer named {name!r}; known: {', '.join(sorted(PEERS))}")
    variants = module(name).VARIANTS
    variant = variant or variants[0]
    if variant not in variants:
        raise ValueError(f"peer {name!r} has no variant {variant!r}; known: {', '.join(variants)}")
    options = {}
    for pair in filter(None, query.split("&")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"peer {text!r}: option {pair!r} needs a value, as in {pair}=1")
        try:
            options[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            options[key] = value
    return Spec(name, variant, options)


def module(name: str) -> Any:
    """Import the adapter; the adapters import their libraries only when one is made."""
    return importlib.import_module(f"{__name__}.{name}_peer")


def make(spec: Spec, space: Space, seed: int, budget: int) -> Peer:
    """Create an optimizer in the current process."""
    return module(spec.name).make(spec.variant, spec.options, space, seed, budget)


def version(name: str) -> str:
    """Return the versions of the peer's packages installed here, as in ``5.0.0``.

    Raises
    ------
    ImportError
        If a package is not installed.
    """
    adapter = module(name)
    if hasattr(adapter, "version"):
        return adapter.version()
    found = [metadata.version(package) for package in adapter.PACKAGES]
    return "+".join(found) if found else "1"
