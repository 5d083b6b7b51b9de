"""Encoded sequences."""

from __future__ import annotations

import numpy as np
import pytest

from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.token_codecs import TokenCodec


def tokens(sequences):
    flat = object_array([token for sequence in sequences for token in sequence])
    return RaggedArray.from_lengths(flat, [len(s) for s in sequences])


@pytest.mark.parametrize("char_encoder", [None, "cnn"])
def test_taking_sequences_takes_their_words_along(char_encoder, rng):
    words = ["a", "bb", "ccc", "dd"]
    X = [[words[i] for i in rng.integers(0, 4, size=n)] for n in [3, 1, 4, 2]]
    codec = TokenCodec(char_encoder=char_encoder).fit(tokens(X))
    taken = codec.encode(tokens(X)).take(np.array([2, 0]))
    expected = codec.encode(tokens([X[2], X[0]]))
    assert len(taken) == 2
    np.testing.assert_array_equal(taken.steps.values, expected.steps.values)
    if char_encoder:
        rows = codec.characters.encode([*X[2], *X[0]])
        np.testing.assert_array_equal(taken.characters[taken.words], rows)


def test_encoded_sequences_count_sequences_and_not_steps():
    steps = RaggedArray.from_lengths(np.zeros((4, 2)), [3, 1])
    assert len(EncodedSequences(steps)) == 2
