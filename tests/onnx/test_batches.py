"""Batches hold each sequence once, padded with zeros."""

import numpy as np
import pytest

from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.token_codecs import TokenCodec
from skrnn.onnx import _batches
from skrnn.onnx._batches import Batch, check_finite_outputs, make_batches


@pytest.mark.parametrize("most", [1, 10, 1 << 13])
def test_batches_hold_each_step_once(rng, monkeypatch, most):
    monkeypatch.setattr(_batches, "MAX_STEPS", most)
    steps = RaggedArray.from_lengths(
        1 + rng.random((40, 2)).astype(np.float32), [3, 1, 9, 2, 9, 9, 7]
    )
    seen = np.zeros_like(steps.values)
    for batch in make_batches(EncodedSequences(steps), ["features", "lengths"]):
        features = batch.inputs["features"]
        assert len(batch.indices) == 1 or features[..., 0].size <= most
        rows, real = steps.rows_of(batch.indices, features.shape[1])
        assert (features[~real] == 0).all()
        seen[rows] += features[real]
    np.testing.assert_array_equal(seen, steps.values)


def test_batches_of_wide_steps_have_fewer(rng, monkeypatch):
    monkeypatch.setattr(_batches, "MAX_NUMBERS", 100)
    steps = RaggedArray.from_lengths(rng.random((40, 20)), [3, 1, 9, 2, 9, 9, 7])
    batches = list(make_batches(EncodedSequences(steps), ["features", "lengths"]))
    sizes = [batch.inputs["features"].size for batch in batches]
    assert all(
        s <= 100 for s, b in zip(sizes, batches, strict=True) if len(b.indices) > 1
    )
    assert sorted(np.concatenate([b.indices for b in batches])) == list(range(7))


def test_a_batch_holds_the_characters_of_its_own_words(monkeypatch):
    monkeypatch.setattr(_batches, "MAX_ROWS", 2)
    words = object_array(["a", "b", "a", "longer", "ab", "b", "a", "b"])
    steps = RaggedArray.from_lengths(words, [1, 2, 1, 4])
    codec = TokenCodec(char_encoder="cnn").fit(steps)
    names = ["tokens", "words", "characters", "lengths"]
    first, second = make_batches(codec.encode(steps), names)
    assert first.indices.tolist() == [0, 2]
    assert first.inputs["characters"].shape == (2, 8)
    for batch, expected in ((first, words[[0, 3]]), (second, words[[1, 2, 4, 5, 6, 7]])):
        inputs = batch.inputs
        real = np.arange(inputs["words"].shape[1]) < batch.lengths[:, None]
        got = inputs["characters"][inputs["words"][real]]
        wide = codec.characters.encode(expected)
        np.testing.assert_array_equal(got[:, : wide.shape[1]], wide)
        assert not got[:, wide.shape[1] :].any()


def test_only_real_steps_must_be_finite():
    batch = Batch(np.array([5, 3, 8]), np.array([1, 2, 4]), {})
    outputs = np.zeros((3, 4, 2), np.float32)
    outputs[0, 1:] = np.nan
    outputs[1, 2:] = np.inf
    check_finite_outputs(outputs, batch)
    check_finite_outputs(np.full((3, 2), 3e38, np.float32), batch)  # the sum overflows
    outputs[0, 0, 1] = outputs[1, 1, 0] = -np.inf
    with pytest.raises(ValueError, match=r"sequence 3 \(2 steps\) and 1 more: it overfl"):
        check_finite_outputs(outputs, batch)
    with pytest.raises(ValueError, match=r"not finite for sequence 5 \(1 step\):"):
        check_finite_outputs(np.array([[np.nan], [1.0], [1.0]]), batch)
