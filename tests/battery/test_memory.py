"""Memory of decoding: that of a bounded number of sequences, however many are passed."""

from __future__ import annotations

import tracemalloc
import weakref

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skrnn import FeedForwardGenerator, Seq2SeqTransformer, SequenceGenerator
from skrnn.estimators import _seq2seq
from skrnn.training import generation

WORDS = np.array([f"w{i}" for i in range(300)])
QUICK = {"embedding_dim": 4, "max_epochs": 1, "random_state": 0}
#: Longest source, and most steps of a target.
LONGEST = 8


def sources(n_sources):
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, LONGEST + 1, size=n_sources)
    return [WORDS[rng.integers(len(WORDS), size=n)].tolist() for n in lengths]


class TensorBytes(TorchDispatchMode):
    """Counts the bytes of the tensors that are made within it, as long as they live."""

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self.known = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self.count(tensor.untyped_storage())
        return result

    def count(self, storage):
        key, n_bytes = storage._cdata, storage.nbytes()
        if key not in self.known:
            self.known.add(key)
            self.now += n_bytes
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self.forget, key, n_bytes)

    def forget(self, key, n_bytes):
        self.known.discard(key)
        self.now -= n_bytes


def peak_of(call):
    """Return the most bytes of tensors."""
    with TensorBytes() as counted:
        call()
        return counted.peak


def traced_peak_of(call):
    """Return the most bytes of numpy's arrays and Python's objects."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def translator():
    X = sources(40)
    model = Seq2SeqTransformer(hidden_size=4, max_length=LONGEST, beam_size=4, **QUICK)
    return model.fit(X, X)


@pytest.fixture(scope="module", params=[SequenceGenerator, FeedForwardGenerator])
def writer(request):
    size = "hidden_size" if request.param is SequenceGenerator else "hidden_layer_sizes"
    model = request.param(**QUICK, **{size: 4}, tokenizer="word", max_length=LONGEST)
    return model.fit(sources(40))


def assert_bounded(decode, at_most=1.4):
    """Assert that four times the sources take little more of the tensors' memory."""
    few, many = (peak_of(lambda n=n: decode(sources(n))) for n in (512, 2048))
    assert many < at_most * few


@pytest.mark.parametrize("beam_size", [1, 4])
def test_a_search_takes_no_more_memory_for_more_sources(translator, beam_size):
    translator.set_params(beam_size=beam_size)
    assert_bounded(translator.predict)


def test_sampled_targets_take_no_more_memory_for_more_samples(translator, monkeypatch):
    monkeypatch.setitem(generation.MAX_ROWS, "cpu", 128)
    few = sources(60)
    assert_bounded(
        lambda X: translator.sample(few, n_samples=len(X) // 60, random_state=0)
    )


@pytest.mark.parametrize("by", ["prompts", "number"])
def test_generation_takes_no_more_memory_for_more_sequences(writer, by, monkeypatch):
    monkeypatch.setitem(generation.MAX_ROWS, "cpu", 128)
    if by == "prompts":
        assert_bounded(writer.generate)
    else:
        assert_bounded(lambda X: writer.sample(len(X), random_state=0))


def test_the_scores_of_a_search_are_bounded_for_any_beam_and_vocabulary(
    translator, monkeypatch
):
    X = sources(100)
    translator.set_params(beam_size=40)
    expected = translator.predict(X)
    whole = peak_of(lambda: translator.predict(X))
    n_scores = 1 << 17
    monkeypatch.setattr(_seq2seq, "MAX_SCORES", n_scores)
    in_parts = peak_of(lambda: translator.predict(X))
    assert list(translator.predict(X)) == list(expected)
    encoded = 1_500_000  # about what the encoder takes of 100 sources
    assert in_parts < encoded + 3 * 4 * n_scores < whole / 2


def test_results_take_memory_in_proportion_to_their_number(translator):
    translator.set_params(beam_size=4)
    given = [sources(n) for n in (300, 1500)]
    few, many = (traced_peak_of(lambda X=X: translator.predict(X)) for X in given)
    assert many < 6 * few
    assert many < 1500 * 100 * LONGEST
