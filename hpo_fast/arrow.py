"""Configurations as Arrow columns, for pyarrow, Polars, DuckDB, pandas and Parquet files. Imports pyarrow: import it where it is needed.

- An Int is int64, a Float float64. An inactive parameter is null.
- Choices have the one type that Arrow finds for all of them: bool, int64, double, lists for tuples, dates. Strings are dictionary-encoded,
  with the choices as the dictionary, ordered for an Ordinal. Choices of several types (``["sqrt", 0.5]``, ``[1, True]``) are text, the
  strings as they are and the others much as Python writes them (sets sorted, nothing that changes from run to run). None is null.
- A derived parameter has the type of its first values and of some from all over the stream; None and NaN are null.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hpo_fast.choices import Categorical, Ordinal, stable_repr
from hpo_fast.parameters import ORDERED, Float, Parameter
from hpo_fast.space import Space

try:
    import pyarrow as pa
    from pyarrow import parquet
except ImportError:
    raise ImportError('Arrow and Parquet need pyarrow: pip install "hpo-fast[arrow]"') from None


def reader(space: Space, batches: Iterable[np.ndarray], probe: np.ndarray) -> Any:
    """A ``pyarrow.RecordBatchReader`` of batches of encoded rows (n, d), read as it is.

    The types of derived parameters are those of the first batch, read at once, and of the rows of `probe`.
    """
    columns = _Columns(space.parameters)
    rest = iter(batches)
    head = list(itertools.islice(rest, 1)) if space.derived else []
    names = list(space.derived)
    first = _derived(space, names, np.concatenate([probe, *head]), [None] * len(names)) if head else [pa.nulls(0)] * len(names)
    schema = pa.schema([*columns.fields, *(pa.field(name, values.type) for name, values in zip(names, first, strict=True))])
    types = [values.type for values in first]

    def batch(rows: np.ndarray) -> Any:
        return pa.RecordBatch.from_arrays(columns.arrays(space.box.decode(rows).T) + _derived(space, names, rows, types), schema=schema)

    return pa.RecordBatchReader.from_batches(schema, map(batch, itertools.chain(head, rest)))


def table(parameters: Mapping[str, Parameter], derived: Sequence[str], configs: Sequence[Mapping[str, Any]], first: Mapping[str, np.ndarray]) -> Any:
    """A ``pyarrow.Table`` of configurations as dicts, with their derived parameters, behind other columns; those of Python ints are text."""
    columns = _Columns(parameters)
    raw = np.array([[p.raw(config[name]) if name in config else np.nan for config in configs] for name, p in parameters.items()])
    out = {name: pa.array(map(str, values), pa.string()) if values.dtype == object else pa.array(values) for name, values in first.items()}
    out |= dict(zip(parameters, columns.arrays(raw.reshape(len(parameters), len(configs))), strict=True))
    return pa.table(out | {name: _converted(name, [config.get(name) for config in configs], None) for name in derived})


def write_parquet(batches: Any, path: str | os.PathLike[str], options: Mapping[str, Any]) -> None:
    """Write a RecordBatchReader to a Parquet file, a row group a batch. The file is there when it is complete."""
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        with parquet.ParquetWriter(part, batches.schema, **options) as writer:
            for batch in batches:
                writer.write_batch(batch, row_group_size=max(1, batch.num_rows))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


class _Columns:
    """The searched parameters: their fields, and arrays of raw numbers."""

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self._parameters = parameters
        self._choices = {name: _choices(p) for name, p in parameters.items() if isinstance(p, (Categorical, Ordinal))}
        self.fields = [pa.field(name, self._type(name, p)) for name, p in parameters.items()]

    def _type(self, name: str, p: Parameter) -> Any:
        return self._choices[name].type if name in self._choices else pa.float64() if isinstance(p, Float) else pa.int64()

    def arrays(self, raw: np.ndarray) -> list[Any]:
        """Arrays (n,) of raw numbers (d, n), NaN where inactive."""
        return [self._array(name, p, numbers) for (name, p), numbers in zip(self._parameters.items(), raw, strict=True)]

    def _array(self, name: str, p: Parameter, numbers: np.ndarray) -> Any:
        inactive = None if p.condition is None else np.isnan(numbers)
        if inactive is not None:
            numbers = np.where(inactive, 0.0, numbers)
        if name in self._choices:
            return self._choices[name].take(pa.array(numbers.astype(np.int32), mask=inactive))
        return pa.array(p.values(numbers), self._type(name, p), mask=inactive)


def _choices(p: Categorical | Ordinal) -> Any:
    """The choices as an array, dictionary-encoded if they are strings."""
    try:
        values = pa.array(p.choices) if len(_types(p.choices)) <= 1 else None
    except (pa.ArrowException, OverflowError):
        values = None
    if values is None:   # of several types
        text = [c if isinstance(c, str) else None if c is None else stable_repr(c) for c in p.choices]
        written = (None if c is None else stable_repr(c) for c in p.choices)
        values = pa.array(text if len(set(text)) == len(text) else written, pa.string())
    if not pa.types.is_string(values.type):
        return values
    encoded = values.dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices, encoded.dictionary, ordered=p.kind == ORDERED)


# What has one type in a column. (Arrow also takes truth values for numbers, and strings for bytes.)
_ONE_TYPE = ((bool, np.bool_), (int, float, np.integer, np.floating), (str,), (bytes,))


def _types(choices: Iterable[Any]) -> set[Any]:
    """The types of choices, and of what is in tuples; None has none."""
    types: set[Any] = set()
    for c in choices:
        if isinstance(c, tuple):
            types |= {(tuple, kind) for kind in _types(c)}
        elif c is not None:
            types.add(next((kind for kind in _ONE_TYPE if isinstance(c, kind)), type(c)))
    return types


def _derived(space: Space, names: list[str], rows: np.ndarray, types: list[Any]) -> list[Any]:
    if not names:
        return []
    columns = space.columns(rows)
    return [_converted(name, columns[name], kind) for name, kind in zip(names, types, strict=True)]


def _converted(name: str, values: Any, kind: Any) -> Any:
    """A derived parameter as an array, of a type if it is known."""
    try:
        return pa.array(values, kind, from_pandas=True)
    except (pa.ArrowException, OverflowError) as error:
        expected = "are of no one Arrow type" if kind is None else f"are not all {kind}, as the first ones are"
        raise ValueError(f"derived parameter {name!r}: its values {expected} ({error}); return values of one type") from None
