"""Constraints by address: blocks, several kernels, and what is left to Python. The kernels are Python functions in disguise."""

import ctypes

import numpy as np
import pytest

from hpo_fast import _core

KERNEL = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.POINTER(ctypes.c_double), ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(ctypes.c_uint8))
BOX = _core.Box([_core.Column(kind=0, low=-1.0, high=3.0), _core.Column(kind=1, levels=5), _core.Column(kind=2, levels=3, parent=1, parent_levels=[1, 3])])


class Kernel:
    """columns (d, n) -> truth (n,), by address; it gives up at the first row where `fails` is true."""

    def __init__(self, truth, fails=lambda x: np.zeros(x.shape[1], dtype=bool)):
        def call(columns, stride, n, out):
            x = np.ctypeslib.as_array(columns, (2 * stride + n,))
            x = np.stack([x[j * stride : j * stride + n] for j in range(3)])
            blocks.append(n)
            bad = fails(x)
            done = int(np.argmax(bad)) if bad.any() else n
            np.ctypeslib.as_array(out, (n,))[:done] = truth(x)[:done]
            return done

        self.blocks = blocks = []
        self._kept = KERNEL(call)
        self.address = ctypes.cast(self._kept, ctypes.c_void_p).value


def never(rows):
    raise AssertionError("not to be called")


@pytest.mark.parametrize("n", [0, 1, 1023, 1024, 1025, 3000])
def test_rows_satisfy_every_kernel(n):
    rows = BOX.from_unit(np.random.default_rng(n).random((n, 3)))
    raw = BOX.decode(rows)
    low, odd = Kernel(lambda x: x[0] < 1), Kernel(lambda x: np.isnan(x[2]) | (x[2] > 0))
    constraint = _core.Constraint(BOX, [low, odd], never)
    expected = (raw[:, 0] < 1) & (np.isnan(raw[:, 2]) | (raw[:, 2] > 0))
    assert constraint(rows).tolist() == expected.tolist()
    assert sum(low.blocks) == sum(odd.blocks) == n
    assert _core.Constraint(BOX, [], never)(rows).all()


def test_where_a_kernel_gives_up_python_is_asked_about_the_block():
    rows = BOX.from_unit(np.random.default_rng(0).random((3000, 3)))
    rows[1900, 1] = rows[2000, 1] = np.nan   # which no row of a box has
    asked = []

    def python(block):
        asked.append(len(block))
        return block[:, 0] < 0.25

    kernels = [Kernel(lambda x: x[0] < 1, lambda x: np.isnan(x[1])), Kernel(lambda x: x[0] < 1)]
    got = _core.Constraint(BOX, kernels, python)(rows)
    assert asked == [1024]
    np.testing.assert_array_equal(got, rows[:, 0] < np.where(np.arange(3000) // 1024 == 1, 0.25, 0.5))

    def broken(block):
        raise ValueError("the reason")

    with pytest.raises(ValueError, match="the reason"):
        _core.Constraint(BOX, kernels, broken)(rows)


def test_it_stands_for_a_constraint_of_the_samplers():
    kernel = Kernel(lambda x: (x[0] > 2) & (x[1] == 3))
    rows = _core.uniform_rows(BOX, 0, 0, 200, _core.Constraint(BOX, [kernel], never))
    same = _core.uniform_rows(BOX, 0, 0, 200, lambda rows: (BOX.decode(rows)[:, 0] > 2) & (BOX.decode(rows)[:, 1] == 3))
    np.testing.assert_array_equal(rows, same)


def test_what_it_is_made_of_is_checked():
    with pytest.raises(AttributeError, match="address"):
        _core.Constraint(BOX, [object()], never)
    with pytest.raises(ValueError, match=r"rows must have shape \(n, 3\), got \(2, 2\)"):
        _core.Constraint(BOX, [], never)(np.zeros((2, 2)))
