"""The norms of gradients by states, against numeric derivatives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import (
    FeedForwardClassifier,
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.inspection import GradientFlowDisplay, gradient_norms
from skrnn.modules.recurrent import CELLS
from skrnn.preprocessing import StepwiseTransformer
from skrnn.training.collate import Collator
from skrnn.training.unrolling import unrolled

LENGTHS = [4, 1, 3]
WORDS = [["a", "b", "a", "c"], ["b"], ["c", "a"]] * 4


@pytest.fixture
def X(rng):
    return [rng.normal(size=(n, 2)) for n in LENGTHS]


def make(cell="rnn_tanh", **params):
    return SequenceClassifier(
        cell=cell, hidden_size=3, max_epochs=1, random_state=0, **params
    )


def losses_after(model, dataset, name, reading_step, unit, shift):
    """Return each sequence's loss where one unit of one state was moved by ``shift``."""
    network, cells = unrolled(model.net_, torch.float64)
    cell, original, count = cells[name], cells[name].cell.step, [0]

    def step(x, state=None):
        after, gates = original(x, state)
        if count[0] == reading_step:
            moved = after[0].clone()
            moved[:, unit] += shift
            after = (moved, *after[1:])
        count[0] += 1
        return after, gates

    cell.cell.step = step
    batch = Collator(dataset, "cpu")(np.arange(len(dataset)))
    inputs = {
        key: part.double() if part.is_floating_point() else part
        for key, part in batch.inputs.items()
    }
    with torch.no_grad():
        outputs = network(inputs)
        return model.net_.criterion_(outputs, batch.targets).numpy()


@pytest.mark.parametrize("cell", list(CELLS))
@pytest.mark.parametrize(
    "layout", [{"num_layers": 2, "pooling": "last"}, {"pooling": "mean"}]
)
def test_the_norms_are_numeric_derivatives_of_the_loss(X, generator, cell, layout):
    model = make(cell, bidirectional=True, **layout).fit(X, [0, 1, 0])
    for name, weight in model.net_.module_.named_parameters():
        if "bias" in name:  # a ReLU at 0 has no derivative
            torch.nn.init.normal_(weight, generator=generator)
    norms, dataset = gradient_norms(model, X, [0, 1, 0]), model._labelled(X, [0, 1, 0])
    shift = 1e-6
    for layer, direction in norms.columns:
        squares = np.zeros((3, max(LENGTHS)))
        name = ("encoder", layer, direction)
        for step, unit in np.ndindex(max(LENGTHS), 3):
            up, down = (
                losses_after(model, dataset, name, step, unit, sign * shift)
                for sign in (1, -1)
            )
            squares[:, step] += ((up - down) / (2 * shift)) ** 2
        for distance in range(max(LENGTHS)):
            long = [i for i, n in enumerate(LENGTHS) if n > distance]
            values = [squares[i, LENGTHS[i] - 1 - distance] for i in long]
            assert_allclose(
                norms.loc[distance, (layer, direction)],
                np.sqrt(np.mean(values)),
                rtol=1e-5,
                atol=1e-8,
            )


def test_a_row_is_a_distance_and_a_column_a_layer_and_direction(X):
    norms = gradient_norms(
        make(num_layers=2, bidirectional=True), X, [0, 1, 0], trained=False
    )
    assert norms.index.name == "distance"
    assert norms.index.tolist() == [0, 1, 2, 3]
    assert norms.columns.names == ["layer", "direction"]
    expected = [(n, d) for n in (1, 2) for d in ("forward", "backward")]
    assert norms.columns.tolist() == expected


def test_weights_before_training_need_no_fit_and_are_those_that_it_starts_from(X):
    y = [0, 1, 0]
    model = make("gru", lr=1e-12)
    before = gradient_norms(model, X, y, trained=False)
    assert "net_" not in vars(model)
    assert not [name for name in vars(model) if name.endswith("_")]
    after = gradient_norms(model.fit(X, y), X, y)
    pd.testing.assert_frame_equal(before, after, rtol=1e-5)
    again = gradient_norms(model.set_params(hidden_size=7), X, y, trained=False)
    pd.testing.assert_frame_equal(before, again)


def test_the_fitted_estimator_stays_as_it_is(X):
    model = make().fit(X, [0, 1, 0])
    weights = {k: v.clone() for k, v in model.net_.module_.state_dict().items()}
    before, proba = set(vars(model)), model.predict_proba(X)
    gradient_norms(model, X, [0, 1, 0], trained=False)
    gradient_norms(model, X, [0, 1, 0])
    assert set(vars(model)) == before
    assert np.array_equal(model.predict_proba(X), proba)
    for key, value in model.net_.module_.state_dict().items():
        assert torch.equal(value, weights[key])
    assert all(p.grad is None for p in model.net_.module_.parameters())


def test_extreme_norms_are_finite_and_not_zero(rng):
    X = [rng.normal(size=(400, 2)) for _ in range(2)]
    model = make("gru", bidirectional=False, patch_size=1)
    norms = gradient_norms(model, X, [0, 1], trained=False)
    assert len(norms) == 400
    assert norms.iloc[-1, 0] > 0
    model = SequenceRegressor(
        cell="rnn_relu", hidden_size=3, max_epochs=1, random_state=0
    )
    model.fit([x[:2] for x in X], [0.0, 1.0])
    with torch.no_grad():
        model.net_.module_.encoder.forward_layers[0].rnn.weight_hh_l0.mul_(2.0)
    display = GradientFlowDisplay(gradient_norms(model, [x[:200] for x in X], [0, 1]))
    assert np.isfinite(display.norms.to_numpy()).all()
    assert display.ratio > 1e30


@pytest.mark.parametrize(
    ("model", "y", "columns"),
    [
        (SequenceTagger, WORDS, [(1, "forward"), (1, "backward")]),
        (SequenceRegressor, [1.0, 2.0, 3.0] * 4, [(1, "forward")]),
        (SequenceGenerator, None, [(1, "forward")]),
        (
            Seq2SeqTransformer,
            WORDS,
            [("encoder 1", d) for d in ("forward", "backward")]
            + [("decoder 1", "forward")],
        ),
    ],
)
def test_every_recurrent_estimator_has_norms_before_and_after_training(model, y, columns):
    estimator = model(hidden_size=3, max_epochs=1, random_state=0)
    for trained in (False, True):
        norms = gradient_norms(estimator, WORDS, y, trained=trained)
        assert norms.columns.tolist() == columns
        assert (norms.iloc[0] > 0).all()
        estimator.fit(WORDS, y)


def test_the_windows_of_a_forecaster_have_norms():
    series = np.sin(np.arange(40.0))
    model = SequenceForecaster(horizon=2, hidden_size=3, max_epochs=1, random_state=0)
    norms = gradient_norms(model, series, trained=False)
    assert ("decoder 1", "forward") in norms.columns
    assert norms["decoder 1"].dropna().shape == (2, 1)


def test_a_generator_is_cut_as_in_training():
    model = SequenceGenerator(hidden_size=3, bptt=8, max_epochs=1, random_state=0)
    model.fit(["abcab" * 8])
    assert gradient_norms(model, ["abcab" * 8]).shape == (8, 1)


def test_a_dict_has_a_level_more_and_a_ratio_each(X):
    models = {"one": make("lstm"), "other": make("gru")}
    display = GradientFlowDisplay.from_estimator(models, X, [0, 1, 0], trained=False)
    assert display.norms.columns.names == ["estimator", "layer", "direction"]
    assert set(display.ratio) == {"one", "other"}
    alone = GradientFlowDisplay(
        gradient_norms(models["one"], X, [0, 1, 0], trained=False)
    )
    assert display.ratio["one"] == pytest.approx(alone.ratio)
    first, last = alone.norms.iloc[-1], alone.norms.iloc[0]
    expected = np.hypot(*first) / np.hypot(*last)
    assert alone.ratio == pytest.approx(expected)


def test_the_picture_has_a_line_a_column_on_a_logarithmic_axis(X):
    model = make(num_layers=2).fit(X, [0, 1, 0])
    display = GradientFlowDisplay.from_estimator(model, X, [0, 1, 0])
    n_lines = display.norms.shape[1]
    assert len(display.ax_.get_lines()) == n_lines
    assert display.ax_.get_yscale() == "log"
    before = GradientFlowDisplay.from_estimator(
        model, X, [0, 1, 0], trained=False, ax=display.ax_
    )
    assert before.figure_ is display.figure_
    assert len(display.ax_.get_lines()) == 2 * n_lines
    labels = {text.get_text() for text in before.ax_.get_legend().get_texts()}
    assert "layer 2, forward, before training" in labels


def test_a_pipeline_passes_on_what_its_steps_make(X):
    scaled = make_pipeline(StepwiseTransformer(StandardScaler()), make())
    before = gradient_norms(scaled, X, [0, 1, 0], trained=False)
    scaled.fit(X, [0, 1, 0])
    after = gradient_norms(scaled, X, [0, 1, 0])
    assert before.shape == after.shape
    inner = gradient_norms(scaled[-1], scaled[:-1].transform(X), [0, 1, 0])
    pd.testing.assert_frame_equal(after, inner)


def test_what_cannot_be_measured_is_an_error(X):
    y = [0, 1, 0]
    with pytest.raises(NotFittedError, match="SequenceClassifier"):
        gradient_norms(make(), X, y)
    for trained in (False, True):
        flat = FeedForwardClassifier(max_epochs=1).fit(X, y)
        with pytest.raises(
            ValueError, match="FeedForwardClassifier has no recurrent layer"
        ):
            gradient_norms(flat, X, y, trained=trained)
    with pytest.raises(TypeError, match="estimators of skrnn, got LogisticRegression"):
        gradient_norms(LogisticRegression(), X, y)
    with pytest.raises(ValueError, match="empty dict"):
        gradient_norms({}, X, y)
    with pytest.raises(ValueError, match="requires y"):
        gradient_norms(make().fit(X, y), X)
