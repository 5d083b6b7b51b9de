"""Every cell works in every recurrent estimator: encoder, decoder and generator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from skrnn.modules.attention import ATTENTIONS
from skrnn.modules.pooling import POOLINGS
from skrnn.modules.recurrent import CELLS
from skrnn.modules.recurrent.cells import Cell

# Together these hold each cell with each layout of layers, one pair at a time.
LAYOUTS = {
    "lstm": {"num_layers": 2, "bidirectional": True},
    "gru": {"num_layers": 1, "bidirectional": True},
    "mingru": {"num_layers": 2, "bidirectional": True},
    "rnn_tanh": {"num_layers": 2, "bidirectional": False},
    "rnn_relu": {"num_layers": 1, "bidirectional": True},
}


class MinimalGRU(Cell):
    """A cell with one gate (Heck, Salem 2017), in plain operations of torch."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.gate = nn.Linear(input_size + hidden_size, hidden_size)
        self.candidate = nn.Linear(input_size + hidden_size, hidden_size)

    def forward(self, x, state=None):
        hidden = x.new_zeros(len(x), self.hidden_size) if state is None else state[0]
        outputs = []
        for step in x.unbind(1):  # (B, F)
            forget = torch.sigmoid(self.gate(torch.cat([step, hidden], 1)))
            proposed = torch.tanh(self.candidate(torch.cat([step, forget * hidden], 1)))
            hidden = (1 - forget) * hidden + forget * proposed  # (B, H)
            outputs.append(hidden)
        return torch.stack(outputs, 1), (hidden,)  # (B, T, H)


@pytest.fixture
def minimal_gru(monkeypatch):
    """Add a cell to the table for one test; return its name."""
    monkeypatch.setitem(CELLS, "minimal_gru", MinimalGRU)
    return "minimal_gru"


def check_cell(case, X, y, **params):
    """Assert that a network of these cells learns, and predicts alone as in a batch."""
    known = {name: value for name, value in params.items() if case.has(name)}
    model = case(**known, max_epochs=3).fit(X, y)
    together = case.outputs(model, X)
    assert np.ptp(together, axis=0).max() > 1e-4
    order = np.arange(len(X))[::-1]
    shuffled = case.outputs(model, [X[i] for i in order])
    assert_allclose(shuffled, together[order], rtol=1e-6, atol=1e-7)
    for i in range(3):  # of 1, 6 and some steps
        alone = case.outputs(model, [X[i]])[0]
        assert_allclose(alone, together[i, : len(alone)], rtol=1e-5, atol=1e-6)
    untrained = case(**known, max_epochs=1, lr=1e-9).fit(X, y)
    assert not np.allclose(case.outputs(untrained, X), together, rtol=1e-4)
    return model


@pytest.mark.parametrize("cell", list(CELLS))
def test_every_cell_works_in_every_estimator(make_recurrent, X, y, cell):
    layout = LAYOUTS.get(cell, {"num_layers": 2, "bidirectional": True})
    model = check_cell(make_recurrent, X, y, cell=cell, **layout)
    again = make_recurrent(**{**model.get_params(), "random_state": 0}).fit(X, y)
    outputs = make_recurrent.outputs
    assert_array_equal(outputs(again, X), outputs(model, X))


# Each cell with two poolings, and each pooling with two cells; all pairs of a classifier are in
# the tests of ONNX files.
@pytest.mark.parametrize(
    ("cell", "pooling"),
    [
        (cell, pooling)
        for i, cell in enumerate(CELLS)
        for j, pooling in enumerate(POOLINGS)
        if (i - j) % len(POOLINGS) < 2
    ],
)
def test_every_cell_works_with_poolings(make_pooled, X, y, cell, pooling):
    check_cell(make_pooled, X, y, cell=cell, pooling=pooling, bidirectional=True)


@pytest.mark.parametrize("cell", list(CELLS))
@pytest.mark.parametrize("attention", [*ATTENTIONS, None])
def test_every_cell_works_with_every_attention(make_attentive, words, y, cell, attention):
    check_cell(make_attentive, words, y, cell=cell, attention=attention)


@pytest.mark.parametrize(("num_layers", "bidirectional"), [(1, False), (2, True)])
def test_a_cell_added_at_run_time_works_in_every_estimator(
    make_recurrent, X, y, minimal_gru, num_layers, bidirectional
):
    layout = {"num_layers": num_layers, "bidirectional": bidirectional}
    model = check_cell(make_recurrent, X, y, cell=minimal_gru, **layout)
    model.partial_fit(X, y)
    assert len(model.history_) == 4
    assert len(model.predict(X)) == 24


def test_a_generator_carries_the_state_of_a_cell_added_at_run_time(
    make_recurrent_generator, minimal_gru
):
    book = [list("abcab") * 40]
    model = make_recurrent_generator(cell=minimal_gru, bptt=8).fit(book)
    whole = model.score_samples(book)[0]
    lists = model.generate([["a"], ["b", "c"]], 5, temperature=0)
    assert np.isfinite(whole)
    alone = [model.generate([p], 5, temperature=0)[0] for p in (["a"], ["b", "c"])]
    assert lists.tolist() == alone


def test_a_cell_that_is_not_in_the_table_is_refused(make_recurrent, X, y):
    with pytest.raises(ValueError, match="'cell' parameter"):
        make_recurrent(cell="minimal_gru").fit(X, y)
