"""Found sequences: some of them, the best of them, and those of several parts."""

from __future__ import annotations

import numpy as np
import pytest

from skrnn.generation.hypotheses import Hypotheses, joined


def draw(rng, n_sources, longest, n_best=3):
    return Hypotheses(
        rng.integers(2, 9, size=(n_sources, n_best, longest)),
        rng.integers(0, longest + 1, size=(n_sources, n_best)),
        -rng.random((n_sources, n_best)),
    )


def rows_of(found):
    return [
        [(tokens[:n].tolist(), p) for tokens, n, p in zip(*source, strict=True)]
        for source in zip(*found, strict=True)
    ]


@pytest.mark.parametrize("longest", [(4, 2, 0), (1, 5, 5)])
def test_parts_of_any_lengths_are_joined_in_order(longest, rng):
    parts = [draw(rng, i + 1, n) for i, n in enumerate(longest)]
    whole = joined(parts)
    assert rows_of(whole) == [row for part in parts for row in rows_of(part)]
    assert whole.tokens.shape == (6, 3, max(longest))


def test_sources_are_taken_in_the_given_order(rng):
    found = draw(rng, 4, 3)
    order = np.array([2, 0, 2])
    assert rows_of(found.take(order)) == [rows_of(found)[i] for i in order]
