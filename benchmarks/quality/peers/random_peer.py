"""Uniform random search: the yardstick."""

from __future__ import annotations

import random
from typing import Any

from ..space import Space

VARIANTS = ("",)
PACKAGES: tuple[str, ...] = ()


class Random:
    """Independent uniform draws; conditional parameters are drawn when they exist."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.rng = space, random.Random(seed)

    def ask(self) -> dict[str, Any]:
        return self.space.sample(self.rng)

    def tell(self, params: dict[str, Any], value: float) -> None:
        """Learn nothing."""


def make(variant: str, options: dict, space: Space, seed: int, budget: int) -> Random:
    return Random(space, seed)
