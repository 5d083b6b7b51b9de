"""Validated data for the tests of targets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from skrnn.data.containers import check_sequences
from skrnn.data.ragged import object_array
from skrnn.data.targets import CheckedData, check_weights


def _token_sequences(lengths):
    rows = [[f"t{step}" for step in range(length)] for length in lengths]
    return check_sequences(object_array(rows), input_type="tokens", empty="keep")


@pytest.fixture
def token_sequences():
    """Return a function that makes token sequences of given lengths, validated."""
    return _token_sequences


@pytest.fixture
def check_data():
    """Return a function that validates y for given targets."""

    def check(targets, y, X=None, weight=None, *, lengths=None, name="y"):
        if X is None:
            X = _token_sequences([1] * len(y) if lengths is None else lengths)
        weight = check_weights(weight, len(X.steps))
        X = replace(X, name=name.replace("y", "X"))
        return CheckedData(X, targets.check(y, X, name), weight, (None, y), name)

    return check


@pytest.fixture
def fitted(check_data):
    """Return a function that fits targets on y, and returns them."""

    def fit(targets, y, X=None, weight=None, *, lengths=None, classes=None):
        data = check_data(targets, y, X, weight, lengths=lengths)
        targets.fit(data, data, None if classes is None else np.asarray(classes))
        return targets

    return fit
