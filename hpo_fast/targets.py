"""Told values to targets: everything below minimises, and a failure is worse than anything."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

DIRECTIONS = ("minimize", "maximize")


def observed(value: Any) -> float:
    """A told value as a float; NaN if it stands for a failed trial (None, NaN or infinite).

    Raises
    ------
    TypeError
        If it is neither a real number nor None.
    """
    if value is None:
        return math.nan
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (str, bytes, complex, np.ndarray, list, tuple, dict)) or not hasattr(value, "__float__"):
        raise TypeError(f"value={value!r} must be one real number, or None for a failed trial")
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    except (TypeError, ValueError):
        raise TypeError(f"value={value!r} must be one real number, or None for a failed trial") from None
    return number if math.isfinite(number) else math.nan


def targets(values: np.ndarray, direction: str) -> np.ndarray:
    """Values (n,), NaN where failed, as targets (n,) to be minimised, +inf where failed."""
    signed = values if direction == "minimize" else -values
    return np.where(np.isnan(signed), np.inf, signed)
