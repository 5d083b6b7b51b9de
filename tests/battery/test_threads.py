"""The number of torch's threads changes the time of a fit and not its result."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skrnn import SequenceClassifier
from skrnn.modules.recurrent import plain_kernels, recurrence, rows

N_SEQUENCES = 40
LEXICON = np.array([f"word{i}" for i in range(60)])


@pytest.fixture
def with_threads():
    """Return a function that calls another while torch has some number of threads."""
    before = torch.get_num_threads()

    def call(n_threads, function):
        torch.set_num_threads(n_threads)
        return function()

    yield call
    torch.set_num_threads(before)


@pytest.fixture(params=["numbers", "words"])
def long_X(request, case, rng):
    """Return sequences long enough for torch to split its operations between threads."""
    lengths = rng.integers(10, 30, size=N_SEQUENCES)
    if case.answer == "horizon":
        return [10 + rng.normal(size=3 * n).cumsum() for n in lengths]
    if request.param == "words":
        return [rng.choice(LEXICON, size=n).tolist() for n in lengths]
    return case.numeric([rng.normal(size=(n, 20)) for n in lengths])


def weights(model):
    """Return the weights of a fitted estimator."""
    return {name: w.clone() for name, w in model.net_.module_.state_dict().items()}


def wide(case, **params):
    """Make an estimator whose layers are large enough for torch to split."""
    sizes = {"hidden_size": 32, "hidden_layer_sizes": (64,), "embedding_dim": 16}
    known = {name: size for name, size in sizes.items() if case.has(name)}
    return case(**known, batch_size=32, **params)


def assert_same_bits(one, other):
    different = [name for name in one if not torch.equal(one[name], other[name])]
    assert not different


def test_one_thread_and_two_give_the_same_bits(make_any, long_X, with_threads):
    y = make_any.targets(long_X)

    def fit():
        return weights(wide(make_any).fit(long_X, y))

    assert_same_bits(with_threads(1, fit), with_threads(2, fit))


@pytest.fixture
def compiled(monkeypatch):
    """Make small work run compiled kernels, on two parts of each batch."""
    pytest.importorskip("numba")
    monkeypatch.setattr(recurrence, "MIN_WORK", 0)
    monkeypatch.setattr(plain_kernels, "KERNELS", {})  # no other may run
    for name in ("TWO_PACKED", "MIN_VALUES", "MIN_PLAIN"):
        monkeypatch.setattr(rows, name, 1)


def assert_same_bits_with_two_threads(with_threads, rng, **params):
    X = [rng.normal(size=(n, 20)) for n in rng.integers(10, 30, size=N_SEQUENCES)]
    y = np.arange(N_SEQUENCES) % 3
    model = SequenceClassifier(
        hidden_size=48,  # from here on torch splits the decomposition of a matrix, too
        num_layers=2,
        batch_size=32,
        max_epochs=2,
        random_state=0,
        **params,
    )

    def fit():
        return weights(clone(model).fit(X, y))

    assert_same_bits(with_threads(1, fit), with_threads(2, fit))


@pytest.mark.filterwarnings("ignore:Gradients explode")
@pytest.mark.parametrize("cell", ["lstm", "gru", "mingru", "rnn_tanh", "rnn_relu"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_same_bits_for_every_cell_and_direction(
    with_threads, rng, cell, bidirectional
):
    assert_same_bits_with_two_threads(
        with_threads, rng, cell=cell, bidirectional=bidirectional
    )


# Some networks are of ReLU cells, which may explode; their bits are compared all the same.
@pytest.mark.filterwarnings("ignore:Gradients explode")
@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("cell", ["gru", "mingru", "rnn_tanh", "rnn_relu"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_same_bits_by_compiled_kernels(with_threads, rng, cell, bidirectional):
    assert_same_bits_with_two_threads(
        with_threads, rng, cell=cell, bidirectional=bidirectional
    )


def test_fits_in_two_threads_of_two_give_the_same_bits(make_any, X, y, with_threads):
    def fit(seed=0):
        return weights(make_any(random_state=seed, dropout=0.2).fit(X, y))

    def fit_at_once():
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(fit, [0, 1, 0, 1]))

    alone = [with_threads(1, lambda seed=seed: fit(seed)) for seed in (0, 1)]
    together = with_threads(2, fit_at_once)
    for i, found in enumerate(together):
        assert_same_bits(found, alone[i % 2])
    assert torch.get_num_threads() == 2
