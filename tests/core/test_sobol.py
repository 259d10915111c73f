"""The Sobol sequence, plain and scrambled, and as a source of rows."""

import numpy as np
import pytest
from scipy.stats import qmc

from hpo_fast import _core

from .spaces import CONDITIONAL, CONTINUOUS, MIXED, box_of, level_tuples

DEGREES = [0, 1, 2, 3, 3, 4]   # of the primitive polynomials of the first dimensions (Joe & Kuo): t = sum of (degree - 1)


@pytest.mark.parametrize("dims", [1, 2, 3, 7, 33, 256, 1024])
def test_unscrambled_points_equal_scipy(dims):
    expected = qmc.Sobol(dims, scramble=False, bits=32).random_base2(9)
    assert _core.Sobol(dims, 0, False).points(0, 512).tobytes() == expected.tobytes()


@pytest.mark.parametrize("first", [0, 1000, 2**20 - 3])
def test_unscrambled_points_far_out_equal_scipy(first):
    engine = qmc.Sobol(5, scramble=False, bits=32)
    engine.fast_forward(first + 1)   # from the second point on, scipy allows any number of points without a warning
    assert _core.Sobol(5, 0, False).points(first + 1, 7).tobytes() == engine.random(7).tobytes()


@pytest.mark.parametrize("seed", [0, 1, 2**63])
@pytest.mark.parametrize("block", [0, 1, 5])
def test_a_scrambled_block_has_one_point_in_each_interval_of_every_dimension(seed, block):
    n = 256
    points = _core.Sobol(1024, seed).points(block * n, n)
    assert (np.sort(np.floor(points * n), axis=0) == np.arange(n)[:, None]).all()


@pytest.mark.parametrize("scramble", [True, False])
@pytest.mark.parametrize("pair", [(a, b) for b in range(len(DEGREES)) for a in range(b)])
def test_a_block_has_equally_many_points_in_each_elementary_interval_of_a_pair(pair, scramble):
    m = 8
    t = sum(max(DEGREES[j] - 1, 0) for j in pair)
    for seed in range(3):
        for block in (0, 3):
            points = _core.Sobol(len(DEGREES), seed, scramble).points(block * 2**m, 2**m)[:, pair]
            for a in range(m - t + 1):
                b = m - t - a
                boxes = np.floor(points[:, 0] * 2**a) * 2**b + np.floor(points[:, 1] * 2**b)
                assert (np.bincount(boxes.astype(int), minlength=2 ** (a + b)) == 2**t).all()


def test_points_are_a_function_of_seed_and_index():
    sobol = _core.Sobol(9, 4)
    points = sobol.points(0, 64)
    assert sobol.points(13, 20).tobytes() == points[13:33].tobytes()
    assert _core.Sobol(9, 4).points(0, 64).tobytes() == points.tobytes()


def test_another_seed_scrambles_every_dimension_differently():
    a, b = (_core.Sobol(1030, seed).points(0, 64) for seed in (1, 2))
    assert not (a == b).any()


def test_scrambled_dimensions_differ_from_each_other():
    points = np.floor(_core.Sobol(1024, 0).points(0, 128) * 2**32)
    assert np.unique(points, axis=1).shape == (128, 1024)


def digits(points):
    """The 52 binary digits of each coordinate as an integer."""
    assert (points * 2**52 % 1 == 0).all()
    return (points * 2**52).astype(np.int64)


def test_scrambled_digits_are_lower_triangular_in_the_plain_ones():
    """Two points have their first different digit in the same place as without scrambling, and exclusive ors stay exclusive ors."""
    n = 1024
    plain, scrambled = (digits(_core.Sobol(40, 7, scramble).points(0, n)) for scramble in (False, True))
    np.testing.assert_array_equal(plain & (2**20 - 1), 0)
    for i in (0, 5, 1000):
        np.testing.assert_array_equal(np.frexp(plain ^ plain[i])[1], np.frexp(scrambled ^ scrambled[i])[1])
    i, j = np.arange(n), np.arange(n)[::-1] // 3
    np.testing.assert_array_equal(scrambled[i] ^ scrambled[j] ^ scrambled[i ^ j], scrambled[[0] * n])


def test_every_digit_is_random_over_seeds():
    """Also those below the 32nd, which the plain points do not have: one by one, and against other points and dimensions."""
    n, d = 3000, 3
    sample = np.array([digits(_core.Sobol(d, seed).points(0, 4)) for seed in range(n)]).reshape(n, 4 * d)
    for k in range(52):
        bit = sample >> k & 1
        assert np.abs(bit.mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(n)
        if k < 50:   # the two highest digits of the first four points are different in any case
            assert np.abs(np.corrcoef(bit.T) - np.eye(4 * d)).max() < 5 / np.sqrt(n)
    neighbours = np.corrcoef((sample >> 20 & 1)[:, :d].T, (sample >> 19 & 1)[:, :d].T)
    assert np.abs(neighbours - np.eye(2 * d)).max() < 5 / np.sqrt(n)


def test_scrambled_points_have_uniform_moments_over_seeds():
    """Each single point is uniform over the scramblings: the mean of point 0 and 1 over many seeds is 1/2, the variance 1/12."""
    sample = np.array([_core.Sobol(4, seed).points(0, 2) for seed in range(3000)])
    assert np.abs(sample.mean(axis=0) - 0.5).max() < 5 * np.sqrt(1 / 12 / 3000)
    assert np.abs(sample.var(axis=0) - 1 / 12).max() < 5 * np.sqrt(1 / 180 / 3000)
    assert np.abs(np.corrcoef(sample[:, 0].T) - np.eye(4)).max() < 5 / np.sqrt(3000)


def test_the_integral_of_a_smooth_function_beats_monte_carlo():
    def f(x):
        return np.prod(1 + (x - 0.5), axis=1)

    n = 1024
    errors = [f(_core.Sobol(6, seed).points(0, n)).mean() - 1 for seed in range(20)]
    assert np.sqrt(np.mean(np.square(errors))) < 0.1 * np.sqrt(((13 / 12) ** 6 - 1) / n)


def test_dimensions_beyond_1024_are_independent_uniforms_in_the_unit_interval():
    points = _core.Sobol(1100, 3).points(0, 512)
    beyond = points[:, 1024:]
    assert beyond.min() >= 0 and beyond.max() < 1
    assert np.abs(beyond.mean(axis=0) - 0.5).max() < 6 * np.sqrt(1 / 12 / 512)
    correlation = np.corrcoef(beyond.T) - np.eye(beyond.shape[1])
    assert np.abs(correlation).max() < 6 / np.sqrt(512)
    assert np.unique(beyond).size == beyond.size
    assert points[:, :1024].tobytes() == _core.Sobol(1024, 3).points(0, 512).tobytes()


def test_indices_beyond_two_to_the_32_are_refused():
    sobol = _core.Sobol(3, 0)
    assert sobol.points(2**32 - 1, 1).shape == (1, 3)
    with pytest.raises(ValueError, match="2\\^32"):
        sobol.points(2**32, 1)


def test_rows_are_the_scrambled_points_taken_into_the_box():
    box = box_of(CONDITIONAL)
    rows = _core.SobolRows(box, 8).suggest(_core.Grid(box), 5, 16, None, _core.RowSet(len(CONDITIONAL)))
    assert rows.tobytes() == box.recode(box.from_unit(_core.Sobol(len(CONDITIONAL), 8).points(5, 16))).tobytes()


@pytest.mark.parametrize("dims", [3, 1030])
def test_a_row_that_is_refused_is_taken_with_another_shift(dims):
    box = box_of(CONTINUOUS[2:] * dims)   # from 0 to 1
    grid, sobol, points = _core.Grid(box), _core.SobolRows(box, 8), _core.Sobol(dims, 8).points(0, 20)
    others = np.vstack([sobol.suggest(grid, i, 1, lambda rows, x=x: rows[:, 0] != x, _core.RowSet(dims)) for i, x in enumerate(points[:, 0])])
    between = digits(points[:, :1024]) ^ (others[:, :1024] * 2**52).astype(np.int64)
    shifts = []
    for column in between.T:
        values, counts = np.unique(column, return_counts=True)
        shifts.append(values[counts.argmax()])
        assert counts.max() >= 15   # few are short decimals, and handed out as these
    assert len(set(shifts)) == len(shifts)
    assert not (points == others).any()


def test_a_batch_of_rows_equals_single_ones():
    box = box_of(MIXED)
    grid, sobol = _core.Grid(box), _core.SobolRows(box, 1)
    together, one_by_one = _core.RowSet(len(MIXED)), _core.RowSet(len(MIXED))
    batch = sobol.suggest(grid, 0, 30, lambda rows: rows[:, 0] < 0.5, together)
    singles = np.vstack([sobol.suggest(grid, i, 1, lambda rows: rows[:, 0] < 0.5, one_by_one) for i in range(30)])
    assert batch.tobytes() == singles.tobytes()
    assert (batch[:, 0] < 0.5).all()


def test_a_finite_space_is_suggested_once_each_and_then_exhausted():
    box = box_of(CONDITIONAL[2:3] + MIXED[2:3])
    grid, seen, sobol = _core.Grid(box), _core.RowSet(2), _core.SobolRows(box, 0)
    rows = np.vstack([sobol.suggest(grid, 0, 20, None, seen), sobol.suggest(grid, 20, 20, None, seen)])
    assert len(rows) == 27 == len(set(level_tuples(box, rows)))
    with pytest.raises(_core.SpaceExhausted):
        sobol.suggest(grid, 27, 1, None, seen)
    assert len(seen) == 27
