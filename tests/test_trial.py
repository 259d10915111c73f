"""Trials: how they read."""

from __future__ import annotations

import pytest

import hpo_fast as hf


def test_trials_are_readable():
    opt = hf.Optimizer(hf.Space({"a": hf.Int(3, 3)}))
    trial = opt.ask()
    assert repr(trial) == "Trial(0, {'a': 3}, pending)"
    opt.tell(trial, 1.5)
    assert repr(trial) == "Trial(0, {'a': 3}, value=1.5, complete)"
    with pytest.raises(KeyError, match="trial 0 has no parameter 'b'; it has a"):
        trial["b"]
    assert "1 told, 0 pending, seed 0" in repr(opt)
