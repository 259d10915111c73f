"""Suggestions from arrays: for hosts that keep their own history."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpo_fast import _core
from hpo_fast import samplers as _samplers
from hpo_fast.checks import MAX_BATCH, MAX_THREADS, check_int
from hpo_fast.samplers.base import Sampler
from hpo_fast.space import Space, check_space
from hpo_fast.targets import check_direction, targets


def observations(space: Space, X: Any, y: Any, direction: str) -> tuple[np.ndarray, np.ndarray]:
    """Checked rows (n, d) and targets (n,) to be minimised, +inf where failed."""
    rows = checked_rows(space, "X", X)
    values = _numbers("y", y)
    if values.shape != (len(rows),):
        raise ValueError(f"y must have shape ({len(rows)},), one value for each row of X, got {values.shape}")
    return rows, targets(np.where(np.isfinite(values), values, np.nan), check_direction(direction))


def checked_rows(space: Space, name: str, rows: Any) -> np.ndarray:
    """Encoded rows (n, d), snapped.

    Raises
    ------
    ValueError
        If the shape is wrong, a value is not finite where a parameter is active, or lies outside what is encoded.
    """
    d, array = len(check_space(space)), _numbers(name, rows)
    if array.shape == (0,):   # an empty list
        array = array.reshape(0, d)
    if array.ndim != 2 or array.shape[1] != d:
        raise ValueError(f"{name} must have shape (n, {d}), encoded rows as of space.encode, got {array.shape}")
    snapped = space.box.snap(array)
    wrong = ~(np.abs(snapped - array) <= 1e-9)   # and where one of them is NaN
    if wrong.any():
        wrong &= ~np.isnan(array) | space.box.active(array)
    if wrong.any():
        i, j = (int(k[0]) for k in np.nonzero(wrong))
        raise ValueError(f"{name}[{i}, {j}]={array[i, j]!r} is no encoded value of {space.names[j]!r} there: use space.encode")
    return np.asarray(snapped)


def _numbers(name: str, values: Any) -> np.ndarray:
    try:
        array = np.asarray(values)
        if np.iscomplexobj(array):
            raise TypeError
        return np.ascontiguousarray(array, dtype=float)
    except OverflowError:
        raise ValueError(f"{name} holds an integer that is too large for a float") from None
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be an array of real numbers, got {values!r:.100}") from error


def suggest(
    space: Space,
    X: Any,
    y: Any,
    pending: Any = None,
    n: int = 1,
    sampler: str | Sampler = "auto",
    seed: int = 0,
    direction: str = "minimize",
    threads: int = 1,
) -> np.ndarray:
    """What to try next, given everything that is known: without an optimizer, without state.

    Parameters
    ----------
    space : Space
        What may be tried.
    X : array (n_obs, d)
        Encoded configurations (``space.encode``), in the order in which they were told.
    y : array (n_obs,)
        Their values; NaN or infinite for failed ones.
    pending : array (p, d), optional
        Configurations under way.
    n : int, default 1
        How many.
    sampler : str or Sampler, default "auto"
        As for :class:`Optimizer`.
    seed : int, default 0
        The same seed and the same arrays give the same rows.
    direction : {"minimize", "maximize"}, default "minimize"
        Whether small or large values are good.
    threads : int, default 1
        The same bits for any number.

    Returns
    -------
    array (n, d)
        Encoded rows that are neither in `X` nor in `pending`; fewer when fewer are left. ``space.decode`` makes them dicts. What an
        :class:`Optimizer` of the same seed would suggest as trial n_obs + p, but for the default configuration (``space.defaults``),
        which an optimizer tries first.

    Raises
    ------
    SpaceExhausted, Infeasible
        As :meth:`Optimizer.ask`.
    TypeError, ValueError
        For wrong arguments.

    Notes
    -----
    Everything is computed anew: an :class:`Optimizer` is faster for a growing history.
    """
    rows, values = observations(space, X, y, direction)
    waiting = np.empty((0, len(space))) if pending is None else checked_rows(space, "pending", pending)
    wanted = check_int("n", n, 1, MAX_BATCH)
    engine = _samplers.make(sampler).start(space, check_int("seed", seed, 0), check_int("threads", threads, 1, MAX_THREADS))
    engine.tell(rows, values)
    seen = _core.RowSet(len(space))
    seen.insert(space.box.recode(rows))   # as they would be handed out
    seen.insert(space.box.recode(waiting))
    return engine.suggest(wanted, len(rows) + len(waiting), waiting, seen)[0]
