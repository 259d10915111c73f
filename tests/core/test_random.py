"""Philox and the streams made of it."""

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hpo_fast import _core

word, double_word = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)


@pytest.mark.parametrize(("counter", "key", "answer"), [
    ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 4, 2**64 - 1, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), 0x299F31D0A4093822, (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
])
def test_philox_gives_the_known_answers_of_random123(counter, key, answer):
    assert tuple(_core.philox(counter, key)) == answer
    assert reference.philox(counter, key) == answer


@given(st.tuples(word, word, word, word), double_word)
@settings(deadline=None)
def test_philox_equals_the_oracle(counter, key):
    assert tuple(_core.philox(counter, key)) == reference.philox(counter, key)


@given(double_word, double_word, word, st.integers(0, 9))
@settings(deadline=None)
def test_a_stream_equals_the_oracle_and_is_a_prefix_of_the_longer_one(seed, number, purpose, n):
    got = _core.uniform(seed, number, purpose, n)
    assert got.tolist() == reference.stream_uniform(seed, number, purpose, n)
    assert got.tolist() == _core.uniform(seed, number, purpose, n + 7)[:n].tolist()


@given(double_word, double_word, st.integers(0, 2**32 - 1), st.integers(0, 40), st.integers(1, 70), st.integers(1, 7))
@settings(deadline=None)
def test_columns_of_a_stream_are_its_uniforms_in_pieces(seed, number, first, blocks, n, d):
    columns = _core.uniform_columns(seed, number, 7, n, first, blocks, d)
    for i in range(n):   # the index of a block wraps around
        assert columns[:, i].tolist() == _core.uniform(seed, number, 7, d, (first + i * blocks) % 2**32).tolist()


def test_streams_of_other_seeds_numbers_and_purposes_share_nothing():
    draws = [_core.uniform(seed, number, purpose, 50) for seed in (0, 1, 2**32, 2**63) for number in (0, 1, 2**32) for purpose in range(7)]
    assert np.unique(np.concatenate(draws)).size == len(draws) * 50


def test_numbers_are_uniform_within_and_across_streams():
    within = _core.uniform(3, 0, 0, 20000)
    across = np.array([_core.uniform(3, number, 0, 2) for number in range(5000)])
    for sample in (within, across[:, 0], across[:, 1], within[::2], within[1::2]):
        assert sample.min() >= 0.0 and sample.max() < 1.0
        assert stats.kstest(sample, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(within[:-1], within[1:])[0, 1]) < 4 / np.sqrt(len(within))
    assert abs(np.corrcoef(across.T)[0, 1]) < 4 / np.sqrt(len(across))
