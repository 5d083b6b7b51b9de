"""Tags drawn at random."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def lengths():
    return np.random.default_rng(5).integers(1, 12, size=80)


@pytest.fixture(scope="session")
def random_tags(lengths):
    """Return a function that draws sequences of tags of the same lengths each time."""

    def random_tags(seed, prefixes="BI"):
        rng = np.random.default_rng(seed)
        tags = ["O", *(f"{p}-{kind}" for p in prefixes for kind in "xyz")]
        return [[tags[i] for i in rng.integers(len(tags), size=n)] for n in lengths]

    return random_tags
