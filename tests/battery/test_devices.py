"""Gradients on a GPU, without one: tensors of torch's "meta" device have no values.

Asking for a value of theirs fails, where on a GPU the host would wait for the device.
"""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from skrnn import (
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.modules.crf import best_path, marginals
from skrnn.modules.dropout import MASKS, set_generator
from skrnn.modules.embedding import CHAR_ENCODERS
from skrnn.modules.outputs import PathScores
from skrnn.modules.pooling import POOLINGS
from skrnn.modules.recurrent.cells import CELLS
from skrnn.modules.transfer import lengths_to_device
from skrnn.training.collate import Collator, TrainingBatches
from skrnn.training.updates import Updates, dense_part, joint_norm

SMALL = {"hidden_size": 4, "max_epochs": 1, "batch_size": 12, "random_state": 0}


class Computed(Exception):
    """The gradients of two updates were computed."""


@pytest.fixture(autouse=True)
def without_values(monkeypatch):
    """Compute the gradients of two updates without values, and raise Computed."""
    read, updates = TrainingBatches.read, []

    def read_to_device(batches, dataset):
        read(batches, dataset)
        batches.collator = Collator(dataset, "meta")

    def compute(self, batch, state, *, check):
        net = self.net
        if not updates:
            net.device = "meta"
            net.module_ = copy.deepcopy(net.module_).to("meta")
            net.criterion_ = copy.deepcopy(net.criterion_).to("meta")
            set_generator(net.module_, None)
        loss, self.state = net.add_gradients(batch, batch.n_targets, state)
        weights = [w for w in net.module_.parameters() if w.grad is not None]
        assert joint_norm([dense_part(w) for w in weights], loss).is_meta
        updates.append(batch)
        if len(updates) == 2:
            raise Computed
        return loss, 0.0

    monkeypatch.setattr(TrainingBatches, "read", read_to_device)
    monkeypatch.setattr(Updates, "_compute_gradient", compute)
    return updates


def words(n=24):
    rng = np.random.default_rng(0)
    return [["oak", "elm", "Yew"] * int(k) for k in rng.integers(1, 4, n)]


def series(n=24, shape=(3,)):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(k, *shape)) for k in rng.integers(1, 7, n)]


def test_no_gradient_waits_for_the_device(make_any, X, y):
    with pytest.raises(Computed):
        make_any().fit(X, y)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("mask", MASKS)
def test_no_cell_waits(cell, bidirectional, mask):
    model = SequenceClassifier(cell=cell, bidirectional=bidirectional, **SMALL)
    model.set_params(num_layers=2, dropout=0.2, dropout_mask=mask)
    with pytest.raises(Computed):
        model.fit(series(), ["a", "b"] * 12)


@pytest.mark.parametrize("cell", CELLS)
def test_no_decoder_waits(cell):
    with pytest.raises(Computed):
        Seq2SeqTransformer(cell=cell, **SMALL).fit(words(), words())


@pytest.mark.parametrize("cell", CELLS)
def test_no_chunk_of_a_long_text_waits(cell, without_values):
    with pytest.raises(Computed):
        SequenceGenerator(cell=cell, bptt=4, **SMALL).fit(["a long text" * 9] * 20)
    assert [part.carries_state for batch in without_values for part in batch] == [
        False,
        True,
    ]


@pytest.mark.parametrize("char_encoder", CHAR_ENCODERS)
def test_no_encoder_of_characters_waits(char_encoder):
    model = SequenceTagger(char_encoder=char_encoder, word_dropout=0.1, **SMALL)
    with pytest.raises(Computed):
        model.fit(words(), words())


def test_windows_of_long_sequences_do_not_wait():
    X = [["oak", "elm"]] * 23 + [["oak"] * 900]
    with pytest.raises(Computed), pytest.warns(UserWarning, match="window"):
        SequenceTagger(**SMALL).fit(X, X)


def test_vectors_of_words_outside_the_vocabulary_do_not_wait():
    table = dict(zip(["oak", "elm", "Yew"], np.eye(3, 4), strict=True))
    model = SequenceClassifier(embeddings=table, max_vocabulary=1, **SMALL)
    with pytest.raises(Computed):
        model.fit(words(), ["a", "b"] * 12)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_no_pooling_waits(pooling):
    model = SequenceClassifier(pooling=pooling, **SMALL)
    with pytest.raises(Computed):
        model.fit(words(), ["a", "b"] * 12)


def test_images_do_not_wait():
    model = SequenceRegressor(step_encoder="cnn", **SMALL)
    with pytest.raises(Computed):
        model.fit(series(shape=(8, 8)), np.arange(24.0))


def test_weights_and_several_answers_do_not_wait():
    y = np.random.default_rng(0).integers(0, 2, (24, 3))
    model = SequenceClassifier(label_smoothing=0.1, class_weight="balanced", **SMALL)
    with pytest.raises(Computed):
        model.fit(words(), y, sample_weight=np.arange(1.0, 25.0))


@pytest.mark.parametrize("decoder", ["direct", "recurrent"])
def test_no_forecaster_waits(decoder):
    model = SequenceForecaster(horizon=2, window=4, decoder=decoder, **SMALL)
    with pytest.raises(Computed):
        model.fit([np.arange(30.0)] * 4)


def test_a_value_is_refused():
    with pytest.raises(NotImplementedError, match="meta"):
        torch.zeros(2, device="meta").tolist()


def test_the_best_path_and_the_probabilities_of_labels_do_not_wait():
    lengths = lengths_to_device(np.array([2, 5, 3]), "meta")
    parts = (torch.zeros(shape, device="meta") for shape in ((4, 4), (4,), (4,)))
    scores = PathScores(torch.zeros(3, 5, 4, device="meta"), lengths, *parts)
    assert best_path(scores).shape == (3, 5)
    assert marginals(scores).shape == (3, 5, 4)
