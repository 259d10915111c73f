"""Streams and results as Arrow tables and Parquet files, against their configurations as dicts."""

import sys
from datetime import date, datetime
from itertools import islice

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from strategies import choice_lists, identity, small_spaces

import hpo_fast as hf


def rich():
    return hf.Space({
        "i": hf.Int(-3, 3), "stepped": hf.Int(10, 50, step=20), "x": hf.Float(0, 1), "tenths": hf.Float(0, 0.3, step=0.1),
        "kind": hf.Categorical(["row", "column", "tile"]), "size": hf.Ordinal(["s", "m", "l"]),
        "n": hf.Ordinal([1, 2, 4]), "rate": hf.Categorical([1, 2.5]), "flag": hf.Categorical([True, False]),
        "mixed": hf.Categorical(["sqrt", 0.5, None, True]), "shape": hf.Categorical([(64, 64), (128,)]), "name": hf.Categorical(["a", None]),
        "ci": hf.Int(1, 9).when("kind", "tile"), "cx": hf.Float(1, 2).when("kind", "tile"), "cname": hf.Categorical(["p", "q"]).when("kind", "tile"),
        "cn": hf.Ordinal([3, 5]).when("cname", "q"),
    })


def expected(space, configs, text=()):
    """Configurations as rows of a table; the parameters `text` have choices of several types."""
    rows = []
    for config in configs:
        row = {name: list(value) if isinstance(value := config.get(name), tuple) else value for name in [*space.names, *space.derived]}
        rows.append(row | {name: row[name] if row[name] is None else str(row[name]) for name in text})
    return rows


STREAMS = {
    "grid": lambda space: hf.Grid(space, 3).shuffled(1)[:3000],
    "uniform": lambda space: hf.Uniform(space, 2000, seed=2),
    "sobol": lambda space: hf.Sobol(space, 1500, seed=1)[::-1],
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("constrained", [False, True])
def test_every_kind_of_parameter(name, constrained):
    space = rich().derive("twice", lambda p: 2 * p.ci).derive("big", lambda p: p.x > 0.5)
    stream = STREAMS[name](space.require(lambda p: (p.i > -2) & (p.x < 0.9)) if constrained else space)
    table = stream.to_arrow(threads=2).read_all()
    assert len(table) == len(stream.indices()) and (len(table) < stream.size) == (constrained and name != "uniform")
    rows = expected(space, stream, text=["mixed"])
    for row in rows:
        row["twice"] = None if row["ci"] is None else 2 * row["ci"]
    assert table.to_pylist() == rows


def test_types():
    schema = hf.Grid(rich().derive("word", lambda p: "big" if p.i > 0 else "small"), 2).to_arrow(0, 100).schema
    names = pa.dictionary(pa.int32(), pa.string())
    assert {field.name: field.type for field in schema} == {
        "i": pa.int64(), "stepped": pa.int64(), "x": pa.float64(), "tenths": pa.float64(),
        "kind": names, "size": pa.dictionary(pa.int32(), pa.string(), ordered=True),
        "n": pa.int64(), "rate": pa.float64(), "flag": pa.bool_(), "mixed": names, "shape": pa.list_(pa.int64()), "name": names,
        "ci": pa.int64(), "cx": pa.float64(), "cname": names, "cn": pa.int64(), "word": pa.string(),
    }
    kind = hf.Grid(rich(), 2).to_arrow(0, 5).read_all()["kind"].chunk(0)
    assert kind.dictionary.to_pylist() == ["row", "column", "tile"]


@settings(max_examples=40, deadline=None)
@given(small_spaces(), st.integers(1, 30))
def test_any_space(space, batch_size):
    grid = hf.Grid(space, 2)
    batches = list(hf.Grid(space, 2).to_arrow(0, min(grid.size, 100), batch_size=batch_size))
    text = [name for name, p in space.parameters.items() if len({type(c) for c in getattr(p, "choices", ())} - {type(None)}) > 1]
    assert [row for batch in batches for row in batch.to_pylist()] == expected(space, islice(grid, 100), text)
    assert all(len(batch) == batch_size for batch in batches[:-1])


@pytest.mark.parametrize(("choices", "text"), [
    (["sqrt", 0.5, 3], ["sqrt", "0.5", "3"]), (["1", 1], ["'1'", "1"]), ([2**70, 1], [str(2**70), "1"]), ([(1, "a"), (2, "b")], ["(1, 'a',)", "(2, 'b',)"]),
    ([1, 2.5, True], ["1", "2.5", "True"]), (["a", b"a"], ["a", "b'a'"]), ([("a",), (b"a",)], ["('a',)", "(b'a',)"]), ([None, "1", 1], [None, "'1'", "1"]),
    ([date(2020, 1, 2), datetime(2020, 1, 2)], ["datetime.date(2020, 1, 2)", "datetime.datetime(2020, 1, 2, 0, 0)"]),
    ([frozenset({"b", "a"})], ["""frozenset(["'a'", "'b'"])"""]),
])
def test_choices_of_several_types_are_distinct_texts(choices, text):
    assert hf.Grid(hf.Space({"c": hf.Categorical(choices)})).to_arrow().read_all()["c"].to_pylist() == text


def test_choices_of_one_type_keep_it():
    for choices in ([1, 2.5, None], [np.float64(0.5), 2], [True, False, None], [(1, 2.5), (3,), ()], [b"a", b"b"], [date(2020, 1, 2), None]):
        values = hf.Grid(hf.Space({"c": hf.Categorical(choices)})).to_arrow().read_all()["c"].to_pylist()
        assert values == [list(c) if isinstance(c, tuple) else c for c in choices]


@settings(max_examples=150, deadline=None)
@given(choice_lists().map(lambda choices: [c for c in choices if not isinstance(c, tuple)] or [0]))
def test_any_choices(choices):
    values = hf.Grid(hf.Space({"c": hf.Categorical(choices)})).to_arrow().read_all()["c"].to_pylist()
    pairs = list(zip(values, choices, strict=True))
    same = all(identity(v) == identity(c) for v, c in pairs)
    floats = all(v is c is None or (isinstance(v, float) and (v == c or c != c)) for v, c in pairs)
    texts = all(v is c is None or isinstance(v, str) for v, c in pairs) and len(set(values)) == len(values)
    assert same or floats or texts


def test_batches_are_full_and_lazy():
    space = hf.Space({f"n{i}": hf.Int(0, 999) for i in range(10)}).require(lambda p: p.n9 % 7 == 0)
    grid = hf.Grid(space)
    assert grid.size == 10**30
    reader = grid.to_arrow(10**29, batch_size=20_000)
    first, second = next(reader), next(reader)
    assert (len(first), len(second)) == (20_000, 20_000)
    rows = pa.Table.from_batches([first, second]).to_pylist()
    assert rows == list(islice(grid[10**29:], 40_000))
    assert next(grid.to_arrow(5, 12, batch_size=3)).to_pylist() == [grid[7]]


def test_what_reads_arrow_reads_a_stream():
    stream = hf.Sobol(rich(), 300)
    table = pa.table(stream)
    assert table.equals(stream.to_arrow().read_all()) and len(table) == 300
    assert pa.RecordBatchReader.from_stream(stream).schema == table.schema


def test_nothing_feasible():
    space = rich().derive("twice", lambda p: 2 * p.i).require(lambda p: p.i > 5)
    table = hf.Sobol(space, 100).to_arrow().read_all()
    assert len(table) == 0 and table.column_names == [*space.names, "twice"]


def test_a_derived_parameter_may_have_its_first_value_far_behind():
    space = hf.Space({"o": hf.Categorical(["a", "b"]), "z": hf.Int(1, 2000), "x": hf.Int(1, 2).when("o", "b")})
    grid = hf.Grid(space.derive("y", lambda p: 2 * p.x if p.active("x") else None))
    values = grid.to_arrow(batch_size=100).read_all()["y"]
    assert values.type == pa.int64() and values.null_count == 2000 and values[-1].as_py() == 4


def test_derived_parameters_keep_the_type_of_their_first_values():
    space = hf.Space({"n": hf.Int(0, 9), "c": hf.Int(0, 4).when("n", [9])})
    table = hf.Grid(space.derive("d", lambda p: 2 * p.c)).to_arrow(batch_size=3).read_all()
    assert table["d"].to_pylist() == [None] * 9 + [0, 2, 4, 6, 8] and table["d"].type == pa.float64()
    halves = hf.Grid(space.derive("d", lambda p: p.n // 2 if p.n < 5 else p.n / 2))
    for size in (3, 100):
        assert halves.to_arrow(batch_size=size).read_all()["d"].to_pylist() == [0, 0, 1, 1, 2, 2.5, 3, 3.5, 4] + [4.5] * 5
    rare = hf.Grid(hf.Space({"n": hf.Int(0, 9999)}).derive("d", lambda p: 0.5 if p.n == 5001 else p.n))
    with pytest.raises(ValueError, match=r"derived parameter 'd': its values are not all int64, as the first ones are .*return values of one type"):
        rare.to_arrow(batch_size=100).read_all()
    with pytest.raises(ValueError, match="derived parameter 'd': its values are of no one Arrow type"):
        hf.Grid(space.derive("d", lambda p: "a" if p.n else 1)).to_arrow()


@pytest.mark.parametrize("derive", [False, True])
def test_parquet_round_trip(tmp_path, derive):
    space = rich().require(lambda p: p.i != 0)
    stream = hf.Sobol(space.derive("twice", lambda p: 2 * p.i) if derive else space, 3000)
    path = tmp_path / "stream.parquet"
    path.write_text("an older file")
    stream.to_parquet(path, 100, 2900, row_group_size=500, compression="zstd", threads=2)
    table = stream.to_arrow(100, 2900).read_all()
    again = parquet.read_table(path)
    assert again.equals(table) and again.schema == table.schema and again["size"].type.ordered
    meta = parquet.read_metadata(path)
    assert [meta.row_group(i).num_rows for i in range(meta.num_row_groups)] == [500] * (len(table) // 500) + [len(table) % 500]
    assert meta.row_group(0).column(0).compression == "ZSTD" and [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_parquet_file_is_complete_or_not_there(tmp_path):
    space = hf.Space({"n": hf.Int(0, 99)}).derive("d", lambda p: p.n if p.n < 50 else "many")
    path = tmp_path / "stream.parquet"
    for before in (None, b"an older file"):
        if before:
            path.write_bytes(before)
        with pytest.raises(ValueError, match="derived parameter 'd'"):
            hf.Grid(space).to_parquet(path, row_group_size=10)
        assert [file.read_bytes() for file in tmp_path.iterdir()] == ([before] if before else [])


def test_results(tmp_path):
    space = rich().derive("twice", lambda p: 2 * p.i)
    stream = hf.Sobol(space, 2000)
    result = hf.scan(stream, lambda p: p.x, where=lambda p: p.kind != "row", top=20)
    table = result.to_arrow()
    rows = expected(space, result.configs, text=["mixed"])
    for row, index, score in zip(rows, result.indices.tolist(), result.scores.tolist(), strict=True):
        row |= {"index": index, "score": score}
    assert table.to_pylist() == rows and table.column_names[:2] == ["index", "score"]
    assert pa.schema(list(table.schema)[2:]) == stream.to_arrow().schema
    result.to_parquet(tmp_path / "best.parquet", compression="none")
    assert parquet.read_table(tmp_path / "best.parquet").equals(table)


def test_results_without_configurations():
    table = hf.scan(hf.Grid(rich(), 2)[:50], top=3).to_arrow()
    assert len(table) == 0 and table.column_names == ["index", "score", *rich().names]
    assert table.schema.field("index").type == pa.int64() and table.schema.field("kind").type == pa.dictionary(pa.int32(), pa.string())


def test_results_beyond_64_bits():
    grid = hf.Grid(hf.Space({f"n{i}": hf.Int(0, 2**20 - 1) for i in range(6)}))
    table = hf.scan(grid, lambda p: -p.n5, top=2, start=grid.size - 10).to_arrow()
    assert table["index"].to_pylist() == [str(grid.size - 1), str(grid.size - 2)] and table["n0"].to_pylist() == [2**20 - 1] * 2


def test_bad_arguments(tmp_path):
    stream = hf.Sobol(hf.Space({"x": hf.Float(0, 1)}), 10)
    with pytest.raises(ValueError, match="batch_size=0 must be at least 1"):
        stream.to_arrow(batch_size=0)
    with pytest.raises(ValueError, match="row_group_size=0 must be at least 1"):
        stream.to_parquet(tmp_path / "x.parquet", row_group_size=0)
    with pytest.raises(ValueError, match="b=11 must be at most 10"):
        stream.to_parquet(tmp_path / "x.parquet", 0, 11)
    assert not list(tmp_path.iterdir())


def test_without_pyarrow(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "hpo_fast.arrow", raising=False)
    monkeypatch.delattr(hf, "arrow", raising=False)
    with pytest.raises(ImportError, match=r'pip install "hpo-fast\[arrow\]"'):
        hf.Sobol(hf.Space({"x": hf.Float(0, 1)}), np.int64(10)).to_arrow()
