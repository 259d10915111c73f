"""The random order without a table."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hpo_fast import _core


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_it_is_a_bijection_of_every_small_size_and_inverts(seed):
    for n in [*range(1, 301), 1000, 1023, 1024, 1025, 4095, 4096, 4097]:
        order = _core.Permutation(n, seed)
        elements = [order(i) for i in range(n)]
        assert sorted(elements) == list(range(n))
        assert [order.inverse(x) for x in elements] == list(range(n))


@given(st.integers(1, 127).flatmap(lambda bits: st.integers(2 ** (bits - 1), 2**bits)), st.integers(0, 2**64 - 1), st.data())
@settings(deadline=None)
def test_it_stays_in_range_and_inverts_at_any_size(n, seed, data):
    order = _core.Permutation(n, seed)
    places = data.draw(st.lists(st.integers(0, n - 1), max_size=20, unique=True)) + sorted({0, n - 1})
    elements = {i: order(i) for i in places}
    assert all(0 <= x < n for x in elements.values())
    assert len(set(elements.values())) == len(elements)
    assert all(order.inverse(x) == i for i, x in elements.items())
    assert all(order(order.inverse(i)) == i for i in places)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_all_orders_of_a_few_are_equally_frequent(n):
    orders = Counter(tuple(map(_core.Permutation(n, seed), range(n))) for seed in range(200 * math.factorial(n)))
    assert len(orders) == math.factorial(n)
    assert stats.chisquare(list(orders.values())).pvalue > 1e-4


@pytest.mark.parametrize("n", [5, 6, 10, 12, 13])
def test_pairs_of_elements_are_equally_frequent(n):
    orders = [_core.Permutation(n, seed) for seed in range(100 * n * (n - 1))]
    for a, b in ((0, 1), (n - 1, 0), (1, n - 2)):
        pairs = Counter((order(a), order(b)) for order in orders)
        assert len(pairs) == n * (n - 1)
        assert stats.chisquare(list(pairs.values())).pvalue > 1e-4


@pytest.mark.parametrize("n", [37, 1000, 2**20, 10**12, 10**25])
def test_elements_and_steps_are_uniform(n):
    order = _core.Permutation(n, 7)
    m = min(n, 20000)
    elements = np.array([order(i) / n for i in range(m)])
    if m < n:
        assert stats.kstest(elements, "uniform").pvalue > 1e-4
        assert abs(np.corrcoef(elements[:-1], elements[1:])[0, 1]) < 4 / np.sqrt(m)
        assert stats.kstest(np.diff(elements) % 1.0, "uniform").pvalue > 1e-4
    first = np.array([_core.Permutation(n, seed)(0) / n for seed in range(4000)])
    assert abs(first.mean() - 0.5 + 0.5 / n) < 5 * np.sqrt(1 / 12 / 4000)
    assert stats.kstest(first + np.random.default_rng(0).uniform(0, 1 / n, 4000), "uniform").pvalue > 1e-4


def test_other_seeds_are_other_orders():
    orders = {tuple(_core.Permutation(50, seed)(i) for i in range(50)) for seed in range(100)}
    assert len(orders) == 100
