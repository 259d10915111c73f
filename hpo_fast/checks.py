"""Arguments as the types that they must have, or errors that name them."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

MAX_THREADS = 4096
MAX_BATCH = 10**7


def check_int(name: str, value: Any, low: int, high: int = 2**63 - 1) -> int:
    """`value` as an int in [low, high], or an error that names it."""
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}={value!r} must be an integer")
    number = int(value.__index__())
    if not low <= number <= high:
        raise ValueError(f"{name}={number} must be {f'at least {low}' if number < low else f'at most {high}'}")
    return number


def _of(owner: str, name: str) -> str:
    return f"{owner}: {name}" if owner else name


def check_number(owner: str, name: str, value: Any) -> float:
    """A finite real number as a float, or an error that names the argument (`owner`: of what, or "")."""
    is_array = isinstance(value, np.ndarray) and value.ndim > 0   # of which NumPy before 2.4 makes a number
    if isinstance(value, (bool, np.bool_, str, bytes)) or is_array or not hasattr(value, "__float__"):
        raise TypeError(f"{_of(owner, name)}={value!r} must be a number")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{_of(owner, name)}={value!r} must be a number that fits a double") from None
    if not math.isfinite(number):
        raise ValueError(f"{_of(owner, name)}={value!r} must be finite")
    return number


def check_integer(owner: str, name: str, value: Any) -> int:
    """An integer of any size as an int, or an error that names the argument (`owner`: of what, or "")."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{_of(owner, name)}={value!r} must be an integer")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{_of(owner, name)}={value!r} must be an integer; for real numbers use Float") from None


def check_flag(owner: str, name: str, value: Any) -> bool:
    """True or False, or an error that names the argument."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{owner}: {name}={value!r} must be True or False")
    return bool(value)


def plain(value: Any) -> Any:
    """A NumPy truth value, number or text as Python's own, anything else as it is."""
    return value.item() if isinstance(value, (np.bool_, np.integer, np.floating, np.str_)) else value


def check_config(params: Any) -> Mapping[str, Any]:
    """A configuration, whose names and values are not looked at, or an error that says what one is."""
    if not isinstance(params, Mapping):
        raise TypeError(f"a configuration is a dict of values by name, got {type(params).__name__}: {params!r}")
    return params
