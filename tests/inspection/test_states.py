"""States and gates, against the engine's outputs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError

from skrnn import (
    FeedForwardClassifier,
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceTagger,
)
from skrnn.inspection import HiddenStateDisplay, gate_values, hidden_states
from skrnn.modules.recurrent import CELLS
from skrnn.training.inference import network_inputs

WORDS = [["a", "b", "a", "c"], ["b"], ["c", "a"]] * 4


def engine_outputs(model, X):
    """Return the encoder's outputs of each sequence, by the fused engine."""
    _, dataset = model._readable(X)
    found = [None] * len(dataset)
    for indices, inputs in network_inputs(model.net_, dataset):
        outputs, _ = model.net_.module_.encode_steps(inputs)
        for i, row in zip(indices, outputs.detach().numpy(), strict=True):
            found[i] = row[: dataset.lengths[i]]
    return found


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", list(CELLS))
def test_the_states_are_the_outputs_of_the_engine(cell, bidirectional, num_layers):
    model = SequenceClassifier(
        cell=cell,
        bidirectional=bidirectional,
        num_layers=num_layers,
        hidden_size=3,
        max_epochs=1,
        random_state=0,
    ).fit(WORDS, [0, 1, 0] * 4)
    states = hidden_states(model, WORDS)
    for ours, theirs in zip(states, engine_outputs(model, WORDS), strict=True):
        assert ours.dtype == np.float32
        assert_allclose(ours, theirs, atol=1e-6)
    gates = gate_values(model, WORDS)[0]
    assert tuple(gates) == CELLS[cell].gate_names
    assert {gate.shape for gate in gates.values()} <= {states[0].shape}


def test_the_gates_say_how_an_lstm_came_to_its_state():
    model = SequenceClassifier(hidden_size=3, max_epochs=1, random_state=0)
    model.fit(WORDS, [0, 1, 0] * 4)
    display = HiddenStateDisplay.from_estimator(model, WORDS, index=3)
    expected = display.gates["output"] * np.tanh(display.cell_values)
    assert_allclose(display.states, expected, atol=1e-6)
    change = display.cell_values[1] - display.gates["forget"][1] * display.cell_values[0]
    assert (np.abs(change[:3]) <= display.gates["input"][1, :3]).all()


def test_a_layer_is_chosen_by_its_index():
    model = SequenceClassifier(num_layers=2, hidden_size=3, max_epochs=1, random_state=0)
    model.fit(WORDS, [0, 1, 0] * 4)
    last, first = hidden_states(model, WORDS), hidden_states(model, WORDS, layer=0)
    assert np.array_equal(hidden_states(model, WORDS, layer=1)[0], last[0])
    assert not np.allclose(first[0], last[0])
    with pytest.raises(ValueError, match="layer=2 is out of range: there are 2 layers"):
        hidden_states(model, WORDS, layer=2)
    with pytest.raises(TypeError, match="layer must be an integer"):
        hidden_states(model, WORDS, layer="first")


def test_every_recurrent_estimator_has_states_and_labels_of_its_steps():
    params = {"hidden_size": 3, "max_epochs": 1, "random_state": 0}
    tagger = SequenceTagger(**params).fit(WORDS, WORDS)
    assert [len(states) for states in hidden_states(tagger, [["a", "b"], [], ["c"]])] == [
        *(2, 0, 1)
    ]
    assert HiddenStateDisplay.from_estimator(tagger, WORDS).steps == WORDS[0]
    translator = Seq2SeqTransformer(**params).fit(WORDS, WORDS)
    assert hidden_states(translator, WORDS)[0].shape == (4, 6)
    generator = SequenceGenerator(**params).fit(["ab", "b a"])
    display = HiddenStateDisplay.from_estimator(generator, ["b a"])
    assert display.steps == ["<start>", "b", "␣", "a"]
    assert display.states.shape == (4, 3)
    series = np.sin(np.arange(40.0))
    forecaster = SequenceForecaster(horizon=2, window=5, **params).fit(series)
    display = HiddenStateDisplay.from_estimator(forecaster, series)
    assert display.states.shape == (5, 3)
    assert display.steps == [f"{value:.3g}" for value in series[-5:]]


def test_labels_are_tokens_numbers_or_places(rng):
    y = [0, 1] * 4
    params = {"hidden_size": 2, "max_epochs": 1}
    one = SequenceClassifier(**params).fit([[0.5, 1.25]] * 8, y)
    assert HiddenStateDisplay.from_estimator(one, [[0.5, 1.25]]).steps == ["0.5", "1.25"]
    X = [rng.normal(size=(6, 2)) for _ in range(8)]
    two = SequenceClassifier(**params).fit(X, y)
    assert HiddenStateDisplay.from_estimator(two, X).steps == list("123456")
    patches = SequenceClassifier(patch_size=3, **params).fit(X, y)
    assert HiddenStateDisplay.from_estimator(patches, X).steps == ["1–3", "4–6"]
    words = SequenceClassifier(**params).fit([["a" * 30], []] * 4, y)
    steps = [
        HiddenStateDisplay.from_estimator(words, [["a" * 30], []], index=i).steps
        for i in (0, 1)
    ]
    assert steps == [["a" * 13 + "…"], ["<unknown>"]]


@pytest.mark.parametrize(("cell", "n_maps"), [("lstm", 5), ("gru", 3), ("rnn_tanh", 1)])
def test_the_picture_has_a_heat_map_a_gate_and_direction(cell, n_maps):
    model = SequenceClassifier(cell=cell, hidden_size=3, max_epochs=1).fit(
        WORDS, [0, 1, 0] * 4
    )
    display = HiddenStateDisplay.from_estimator(model, WORDS, index=-3)
    assert display.axes_.shape == (n_maps, 2)
    ticks = [text.get_text() for text in display.axes_[-1, 0].get_xticklabels()]
    assert ticks == WORDS[0]
    drawn = display.axes_[0, 1].images[0].get_array()
    assert np.array_equal(np.sort(drawn, 0), np.sort(display.states[:, 3:].T, 0))
    display.plot(gates=False)
    assert len(display.axes_) == (2 if cell == "lstm" else 1)


def test_what_has_no_states_is_an_error():
    model = SequenceClassifier(hidden_size=3, max_epochs=1)
    y = [0, 1, 0] * 4
    with pytest.raises(NotFittedError, match="SequenceClassifier"):
        hidden_states(model, WORDS)
    model.fit(WORDS, y)
    for index in (12, -13):
        with pytest.raises(IndexError, match=f"index={index} is out of range: X has 12"):
            HiddenStateDisplay.from_estimator(model, WORDS, index=index)
    with pytest.raises(TypeError, match=r"index must be an integer, got 1\.5"):
        HiddenStateDisplay.from_estimator(model, WORDS, index=1.5)
    flat = FeedForwardClassifier(max_epochs=1).fit(WORDS, y)
    with pytest.raises(ValueError, match="FeedForwardClassifier has no recurrent layer"):
        hidden_states(flat, WORDS)
    tagger = SequenceTagger(hidden_size=3, max_epochs=1).fit(WORDS, WORDS)
    with pytest.raises(ValueError, match=r"X\[1\] has no steps"):
        HiddenStateDisplay.from_estimator(tagger, [["a"], []], index=1)
