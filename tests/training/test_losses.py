"""Losses against their formulas in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skrnn import FeedForwardRegressor, SequenceRegressor
from skrnn.modules.crf import log_likelihood
from skrnn.modules.outputs import PathScores, StepScores
from skrnn.training.losses import (
    LOSSES,
    AbsoluteError,
    BinaryCrossEntropy,
    CrossEntropy,
    HorizonRegression,
    Huber,
    PathLikelihood,
    Quantile,
    RegressionLoss,
    SquaredError,
    StepCrossEntropy,
    StepRegression,
    loss_arguments,
    make_loss,
)


def log_softmax(x):
    return x - np.log(np.exp(x).sum(1, keepdims=True))


@pytest.fixture
def outputs(generator):
    return 2 * torch.randn(5, 3, generator=generator)


@pytest.fixture
def targets(generator):
    return 2 * torch.randn(5, 3, generator=generator)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("training", [True, False])
def test_cross_entropy_is_smoothed_in_training_only(smoothing, training, outputs):
    classes = np.array([0, 2, 1, 1, 0])
    truth = np.eye(3)[classes]
    if training:
        truth = (1 - smoothing) * truth + smoothing / 3
    expected = -(truth * log_softmax(outputs.numpy())).sum(1)
    loss = CrossEntropy(smoothing).train(training)
    got = loss(outputs, torch.from_numpy(classes))
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("training", [True, False])
def test_binary_cross_entropy_is_smoothed_in_training_only(smoothing, training, outputs):
    truth = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1], [0, 1, 0]], np.float32)
    given = torch.from_numpy(truth.copy())
    smoothed = (1 - smoothing) * truth + smoothing / 2 if training else truth
    p = 1 / (1 + np.exp(-outputs.numpy()))
    each = -(smoothed * np.log(p) + (1 - smoothed) * np.log(1 - p))
    loss = BinaryCrossEntropy(smoothing).train(training)
    np.testing.assert_allclose(loss(outputs, given), each.mean(1), rtol=1e-5)
    np.testing.assert_array_equal(given, truth)


@pytest.mark.parametrize(
    ("loss", "formula"),
    [
        (SquaredError(), lambda e: e**2),
        (AbsoluteError(), np.abs),
        (Huber(), lambda e: np.where(abs(e) < 1, e**2 / 2, abs(e) - 0.5)),
    ],
)
def test_errors_are_averaged_over_the_outputs(loss, formula, outputs, targets):
    expected = formula((outputs - targets).numpy()).mean(1)
    got = loss(outputs, targets)
    assert got.shape == (5,)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("n_targets", [1, 2])
def test_the_quantile_loss_is_the_pinball(n_targets, generator):
    quantiles = [0.1, 0.5, 0.8]
    outputs = torch.randn(5, 3 * n_targets, generator=generator)
    targets = torch.randn(5, n_targets, generator=generator)
    expected = np.zeros(5)
    for i in range(5):
        for q, quantile in enumerate(quantiles):
            for k in range(n_targets):
                error = float(targets[i, k] - outputs[i, q * n_targets + k])
                expected[i] += quantile * error if error > 0 else (quantile - 1) * error
    expected /= 3 * n_targets
    got = Quantile(quantiles)(outputs, targets)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_the_quantile_loss_is_least_at_the_quantile(quantile, rng):
    y = torch.from_numpy(rng.normal(size=(999, 1)).astype(np.float32))
    loss = Quantile([quantile])
    median = y.median().expand(999, loss.n_outputs(1))
    column = loss.sorted.index(quantile)
    candidates = torch.linspace(-2, 2, 401)
    totals = []
    for candidate in candidates:
        outputs = median.clone()
        outputs[:, column] = candidate
        totals.append(float(loss(outputs, y).sum()))
    best = float(candidates[int(np.argmin(totals))])
    assert best == pytest.approx(float(np.quantile(y, quantile)), abs=0.02)


PARAMETERS = {"quantiles": (0.9, 0.3), "lr": 0.1}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("n_targets", [1, 3])
def test_a_perfect_prediction_costs_nothing(name, n_targets, targets):
    loss, targets = make_loss(name, PARAMETERS), targets[:, :n_targets]
    outputs = targets.repeat(1, loss.n_outputs(n_targets) // n_targets)
    assert loss(outputs, targets).tolist() == [0.0] * 5
    np.testing.assert_array_equal(loss.predict(outputs.numpy()), targets)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_takes_only_its_own_parameters(name):
    arguments = loss_arguments(name, PARAMETERS)
    assert set(arguments) == ({"quantiles"} if name == "quantile" else set())


def test_quantiles_come_in_the_order_asked_for_and_never_cross():
    loss = Quantile([0.9, 0.3])  # and the median
    assert loss.n_outputs(2) == 6
    outputs = np.array([[5, 1, 2, 2, 3, 3]], dtype=np.float32)  # 0.3, 0.5, 0.9 of two
    expected = [[5.0, 3.0], [2.0, 1.0]]
    np.testing.assert_array_equal(loss.predict_quantiles(outputs)[0], expected)
    np.testing.assert_array_equal(loss.predict(outputs), [[3.0, 2.0]])
    assert loss.levels == (0.9, 0.3)


@pytest.mark.parametrize("name", LOSSES)
def test_one_target_is_selected_as_it_is_predicted(name, generator):
    loss = make_loss(name, PARAMETERS)
    outputs = torch.randn(5, loss.n_outputs(3), generator=generator)
    targets = torch.tensor([0, 2, 1, 2, 0])
    expected = loss.predict(outputs.numpy())[np.arange(5), targets]
    np.testing.assert_array_equal(loss.select(outputs, targets), expected)


@pytest.mark.parametrize("name", sorted(LOSSES.keys() - {"quantile"}))
def test_other_losses_have_no_quantiles(name):
    loss = make_loss(name, PARAMETERS)
    assert loss.levels == ()
    with pytest.raises(ValueError, match="has no quantiles"):
        loss.predict_quantiles(np.zeros((1, 1), np.float32))


def test_a_loss_added_at_run_time_may_need_more_outputs(monkeypatch, rng):
    class Sum(RegressionLoss):
        """Predicts each number as the sum of three outputs."""

        def n_outputs(self, n_targets):
            return 3 * n_targets

        def forward(self, outputs, targets):
            return (self.predict(outputs) - targets).square().mean(1)

        def predict(self, outputs):
            return outputs.reshape(len(outputs), -1, 3).sum(2)

    monkeypatch.setitem(LOSSES, "sum", Sum)
    X = [rng.normal(size=n) for n in rng.integers(2, 6, 60)]
    y = np.array([[x.sum(), x.mean()] for x in X])
    for cls in (SequenceRegressor, FeedForwardRegressor):
        model = cls(loss="sum", lr=0.01, max_epochs=30, random_state=0).fit(X, y)
        assert model.net_.module_.head.out_features == 6
        assert model.score(X, y) > 0.5


def test_large_logits_stay_finite():
    logits = torch.tensor([[1e4, -1e4]])
    assert CrossEntropy()(logits, torch.tensor([1])).isfinite().all()
    assert BinaryCrossEntropy()(logits, torch.tensor([[0.0, 1.0]])).isfinite().all()


# --- a label for every step ----------------------------------------------------------

LENGTHS = torch.tensor([4, 1, 3])


@pytest.fixture
def scores(generator):
    return StepScores(torch.randn(3, 4, 3, generator=generator), LENGTHS)


@pytest.fixture
def step_targets(generator):
    return torch.randint(3, (3, 4), generator=generator)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("training", [True, False])
def test_each_step_costs_its_cross_entropy_and_the_padding_nothing(
    smoothing, training, scores, step_targets
):
    loss = StepCrossEntropy(smoothing).train(training)
    of_one = CrossEntropy(smoothing).train(training)
    got = loss(scores, step_targets)
    assert got.shape == (3, 4)
    for row, n in enumerate(LENGTHS.tolist()):
        expected = of_one(scores.logits[row, :n], step_targets[row, :n])
        torch.testing.assert_close(got[row, :n], expected)
        assert not got[row, n:].any()


def test_the_padding_of_steps_may_hold_anything(scores, step_targets):
    padding = torch.arange(4) >= LENGTHS[:, None]
    logits = scores.logits.masked_fill(padding[..., None], torch.nan).requires_grad_()
    got = StepCrossEntropy()(StepScores(logits, LENGTHS), step_targets)
    torch.testing.assert_close(got, StepCrossEntropy()(scores, step_targets))


def test_a_path_costs_its_negative_log_likelihood(scores, step_targets, generator):
    transitions = torch.randn(3, 3, generator=generator)
    start, end = torch.randn(2, 3, generator=generator)
    paths = PathScores(*scores[:2], transitions, start, end)
    got = PathLikelihood()(paths, step_targets)
    assert got.shape == (3,)
    assert (got > 0).all()
    torch.testing.assert_close(got, -log_likelihood(paths, step_targets))


def test_a_path_without_transitions_costs_the_sum_of_its_steps(scores, step_targets):
    zeros = torch.zeros(3, 3), torch.zeros(3), torch.zeros(3)
    got = PathLikelihood()(PathScores(*scores[:2], *zeros), step_targets)
    expected = StepCrossEntropy()(scores, step_targets).sum(1)
    torch.testing.assert_close(got, expected)


# --- numbers for each step -----------------------------------------------------------


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("n_targets", [1, 2])
def test_the_loss_of_a_step_is_that_of_its_numbers_alone(name, n_targets, generator):
    arguments = loss_arguments(name, {"quantiles": (0.2, 0.7)})
    alone, by_step = LOSSES[name](**arguments), StepRegression(name, **arguments)
    lengths = torch.tensor([4, 1, 3])
    logits = torch.randn(3, 4, alone.n_outputs(n_targets), generator=generator)
    numbers = torch.randn(3, 4, n_targets, generator=generator)
    got = by_step(StepScores(logits, lengths), numbers)
    assert got.shape == (3, 4)
    for i, n in enumerate(lengths.tolist()):
        torch.testing.assert_close(got[i, :n], alone(logits[i, :n], numbers[i, :n]))
        assert not got[i, n:].any()


def test_the_quantiles_of_a_step_are_those_of_its_numbers_alone(rng):
    outputs = rng.normal(size=(7, 3)).astype(np.float32)
    alone = Quantile((0.9, 0.1))
    by_step = StepRegression("quantile", quantiles=(0.9, 0.1))
    assert by_step.levels == alone.levels
    np.testing.assert_array_equal(by_step.predict(outputs), alone.predict(outputs))
    np.testing.assert_array_equal(
        by_step.predict_quantiles(outputs), alone.predict_quantiles(outputs)
    )


# --- steps ahead ---------------------------------------------------------------------


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_over_the_horizon_is_that_of_each_known_step(name):
    arguments = {"quantiles": (0.1, 0.9)} if name == "quantile" else {}
    one = LOSSES[name](**arguments)
    width = one.n_outputs(1)
    rng = np.random.default_rng(0)
    outputs = torch.tensor(rng.normal(size=(5, 3 * width)))
    targets = torch.tensor(rng.normal(size=(5, 3)))
    targets[1, 2] = targets[4] = torch.nan
    losses = HorizonRegression(name, **arguments)(outputs, targets)
    for i in range(5):
        expected = 0.0
        for h in range(3):
            if not torch.isnan(targets[i, h]):
                part = outputs[i : i + 1, h * width : (h + 1) * width]
                expected += float(one(part, targets[i : i + 1, h : h + 1])) / 3
        assert float(losses[i]) == pytest.approx(expected)


def test_a_missing_step_has_no_gradient():
    outputs = torch.zeros(2, 3, requires_grad=True)
    targets = torch.tensor([[1.0, torch.nan, 1.0], [torch.nan] * 3])
    HorizonRegression("squared_error")(outputs, targets).sum().backward()
    assert (outputs.grad != 0).tolist() == [[True, False, True], [False] * 3]


def test_quantiles_of_the_horizon_are_those_of_each_step():
    loss = HorizonRegression("quantile", quantiles=(0.9, 0.1))
    outputs = np.arange(12, dtype=np.float32).reshape(2, 6)  # 0.1, 0.5, 0.9 of two steps
    assert loss.levels == (0.9, 0.1)
    assert loss.predict(outputs).tolist() == [[1, 4], [7, 10]]
    expected = [[[2, 0], [5, 3]], [[8, 6], [11, 9]]]
    assert loss.predict_quantiles(outputs).tolist() == expected
