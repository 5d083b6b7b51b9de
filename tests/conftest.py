"""Settings that every test runs under."""

from __future__ import annotations

import gc
import os

# Read when scipy is first imported; without it scikit-learn skips its array API check.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import signal

import numpy as np
import pytest
import torch

# A shell makes its background processes ignore Ctrl-C, which some tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Programs: `make soak` and `make smoke` run them.
collect_ignore = ["smoke.py", "soak"]

# The networks of the tests are small: a second thread would only get in the way of the
# other workers.
torch.set_num_threads(1)


def pytest_collection_finish(session):
    """Spare the garbage collector the many thousand tests, which stay."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def rng():
    """Return a generator of random test data, the same for every test."""
    return np.random.default_rng(0)


@pytest.fixture
def generator():
    """Return a torch generator, the same for every test."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def bfloat16_vectors():
    """Skip a test where oneDNN has no LSTM in bfloat16: a processor without AVX-512."""
    ask = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    if not torch.backends.mkldnn.is_available() or ask is None or not ask():
        pytest.skip("oneDNN has no LSTM in bfloat16 for this processor")
