"""Arrays of values, of rows and of streams. That they are the right values: tests/test_streams.py."""

import sys

import numpy as np
import pytest

from hpo_fast import _core

from .spaces import CATEGORICAL, ORDERED, REAL, Column, box_of

CHOICES = [object(), object(), object()]
COLUMNS = [Column(CATEGORICAL, levels=3), Column(REAL, low=0.0, high=0.5), Column(ORDERED, levels=1000), Column(ORDERED, levels=4), Column(ORDERED, levels=3)]
VALUES = [CHOICES, None, (-5, 3), [8, 16, 32, 2**62], (0.0, 1.0)]


def made():
    box = box_of(COLUMNS)
    return box, _core.Codec(box, list("abcde"), VALUES)


def counts():
    return [sys.getrefcount(choice) for choice in CHOICES]


def test_arrays_own_a_reference_to_each_object_that_they_hold():
    box, codec = made()
    before = counts()
    for threads in (1, 2):
        arrays = codec.read(_core.UniformStream(box, 30000, 1), 0, 30000, threads)
        held = [sum(v is choice for v in arrays[0].tolist()) for choice in CHOICES]
        assert min(held) > 9000
        assert np.subtract(counts(), before).tolist() == held
        del arrays
        assert counts() == before
    arrays = codec.arrays(_core.UniformStream(box, 1000, 1).rows(0, 1000))
    assert sum(np.subtract(counts(), before)) == 1000
    del arrays
    assert counts() == before


@pytest.mark.parametrize("levels", [1, 2, 8, 9, 40])
@pytest.mark.parametrize("numbers", [True, False])
def test_choices_are_those_of_the_levels_and_counted(levels, numbers):
    """Few levels are compared one by one, more are looked up."""
    choices = [10 * k for k in range(levels)] if numbers else [object() for _ in range(levels)]
    box = box_of([Column(CATEGORICAL, levels=levels)])
    stream, codec = _core.UniformStream(box, 5000, 1), _core.Codec(box, ["c"], [choices])
    before = [sys.getrefcount(choice) for choice in choices]
    array = codec.read(stream, 0, 5000)[0]
    expected = [choices[int(k)] for k in stream.columns(0, 5000)[0]]
    assert array.tolist() == expected
    if not numbers:
        held = np.subtract([sys.getrefcount(choice) for choice in choices], before)
        assert held.tolist() == [2 * expected.count(choice) for choice in choices]   # those of the list are others


def test_arrays_do_not_depend_on_threads():
    box, codec = made()
    for stream in (_core.UniformStream(box, 10**6, 1), _core.SobolStream(box, 10**6, 1)):
        one = codec.read(stream, 777, 50001)
        for threads in (2, 5):
            for a, b in zip(one, codec.read(stream, 777, 50001, threads), strict=True):
                assert a.dtype == b.dtype
                assert a.tolist() == b.tolist()
        for a, b in zip(one, codec.arrays(stream.rows(777, 50001)), strict=True):
            assert a.tolist() == b.tolist()


def test_types_are_those_of_the_values():
    box, codec = made()
    arrays = codec.read(_core.UniformStream(box, 5, 1), 0, 5)
    assert [a.dtype for a in arrays] == [object, np.float64, np.int64, np.int64, np.float64]
    assert [len(a) for a in codec.read(_core.UniformStream(box, 5, 1), 5, 0)] == [0] * 5
    of_ints, of_floats, mixed = [1, 2], [1.0, 2.5], [[1, 2.0], [True, False], [1, 2**63], [None, "a"]]
    for choices, dtype in [(of_ints, np.int64), (of_floats, np.float64), *((choices, object) for choices in mixed)]:
        one = box_of([Column(CATEGORICAL, levels=2)])
        array = _core.Codec(one, ["c"], [choices]).read(_core.UniformStream(one, 64, 0), 0, 64)[0]
        assert array.dtype == dtype
        assert {(type(v), v) for v in array.tolist()} == {(type(v), v) for v in choices}


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_while_reading_leaves_no_reference(threads):
    box, codec = made()
    before = counts()

    def fails_late(rows):
        if fails_late.calls > 3:
            raise KeyError("mine")
        fails_late.calls += 1
        return np.ones(len(rows), dtype=bool)

    fails_late.calls = 0
    with pytest.raises(KeyError, match="mine"):
        codec.read(_core.UniformStream(box, 30000, 1, fails_late), 0, 30000, threads)
    assert counts() == before


@pytest.mark.parametrize("value", [np.nan, -1.0, 3.0, 1e300])
def test_rows_without_a_choice_are_refused(value):
    box, codec = made()
    rows = _core.UniformStream(box, 500, 1).rows(0, 500)
    rows[400, 0] = value
    before = counts()
    with pytest.raises(ValueError, match="column 0 must hold choices"):
        codec.arrays(rows)
    assert counts() == before


def test_wrong_arguments():
    box, codec = made()
    with pytest.raises(ValueError, match="positions"):
        codec.read(_core.UniformStream(box, 10, 1), 5, 6)
    with pytest.raises(ValueError, match="codec's box"):
        codec.read(_core.UniformStream(box_of(COLUMNS[:2]), 10, 1), 0, 6)
    with pytest.raises(ValueError, match="one value per level"):
        _core.Codec(box_of(COLUMNS[:1]), ["a"], [[1, 2]])
