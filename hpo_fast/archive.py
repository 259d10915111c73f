"""What an optimizer saves, as bytes: a NumPy ``.npz`` archive of arrays, one of them JSON text. No pickle.

The JSON also has the format's number and the fingerprint of the space, by which :func:`read` refuses what it could not make sense of.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

_FORMAT = 1

DAMAGED = "the data is not what to_bytes() wrote, or is damaged"


def write(fingerprint: str, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of the arrays and of `meta`, which JSON can hold but for NumPy's numbers."""
    text = json.dumps({"format": _FORMAT, "space": fingerprint, **meta}, default=_plain)
    named: dict[str, Any] = {"meta": np.frombuffer(text.encode(), dtype=np.uint8), **arrays}
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


def read(data: bytes, fingerprint: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """`meta` and the arrays that :func:`write` was given.

    Raises
    ------
    ValueError
        If the data is damaged, of an unknown format, or of a space with another fingerprint.
    TypeError
        If it is not bytes.
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"data must be the bytes of to_bytes(), got {type(data).__name__}")
    try:
        with np.load(io.BytesIO(bytes(data)), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(arrays.pop("meta").tobytes())
        known, saved = meta["format"] == _FORMAT, meta["space"]
    except Exception as error:   # NumPy's texts advise to allow pickle
        raise ValueError(f"{DAMAGED}: {type(error).__name__}") from error
    if not known:
        raise ValueError(f"the data has format {meta['format']}; this version reads format {_FORMAT}")
    if saved != fingerprint:
        raise ValueError("the data was saved with another space: parameters, ranges, choices and conditions must be the same, in the same order")
    return meta, arrays


@contextlib.contextmanager
def damaged() -> Iterator[None]:
    """What goes wrong inside is the ValueError of damaged data."""
    try:
        yield
    except (LookupError, AttributeError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{DAMAGED}: {error!r}") from error


def _plain(value: Any) -> Any:
    """An option that is a NumPy number as a Python one."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"the sampler's option {value!r} is not JSON-safe: use plain numbers, strings, lists and dicts")
