"""The callbacks of the loop."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import skorch.callbacks
import torch

from skrnn.training.callbacks import (
    SCHEDULES,
    EarlyStopping,
    EndTraining,
    LearningRate,
    ValidationScore,
    cosine,
    one_cycle,
)


class Recorder(skorch.callbacks.Callback):
    """Notes the rate of every update, and the weights after every epoch."""

    def __init__(self):
        self.rates, self.weights = [], []

    def on_batch_begin(self, net, training=False, **kwargs):
        if training:
            self.rates.append(net.optimizer_.param_groups[0]["lr"])

    def on_epoch_end(self, net, **kwargs):
        self.weights.append(copy.deepcopy(net.module_.state_dict()))


class Losses(skorch.callbacks.Callback):
    """Puts given values in the place of the validation loss."""

    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, net, **kwargs):
        net.history.record("valid_loss", self.values[len(net.history) - 1])


def train(net, callbacks, *data, epochs):
    net.use_callbacks(callbacks)
    return net.partial_fit(*data, epochs=epochs)


# --- the learning rate ---------------------------------------------------------------


def test_one_cycle_goes_up_and_then_down_to_nearly_nothing():
    factors = [one_cycle(p) for p in np.linspace(0, 1, 101)]
    assert factors[0] == pytest.approx(0.04)
    assert factors[30] == max(factors) == pytest.approx(1.0, abs=1e-3)
    assert factors[-1] == pytest.approx(1e-4)
    assert all(np.diff(factors[:31]) > 0)
    assert all(np.diff(factors[30:]) < 0)


def test_cosine_goes_down_to_nearly_nothing():
    factors = [cosine(p) for p in np.linspace(0, 1, 101)]
    assert factors[0] == pytest.approx(1.0, abs=1e-3)
    assert factors[50] == pytest.approx(0.5, abs=1e-3)
    assert factors[-1] == pytest.approx(1e-4)
    assert all(np.diff(factors) < 0)


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine"])
@pytest.mark.parametrize("epochs", [1, 5])
def test_a_schedule_runs_from_its_start_to_its_end(
    schedule, epochs, make_net, make_examples
):
    net, recorder = make_net(lr=0.02), Recorder()
    n_updates = 4 * epochs
    train(
        net, [LearningRate(schedule, n_updates), recorder], make_examples(), epochs=epochs
    )
    factor = SCHEDULES[schedule]
    expected = [0.02 * factor(i / (n_updates - 1)) for i in range(n_updates)]
    assert recorder.rates == pytest.approx(expected)


def test_updates_beyond_the_schedule_stay_at_its_end(make_net, make_examples):
    net, recorder = make_net(lr=0.02), Recorder()
    train(net, [LearningRate("cosine", 3), recorder], make_examples(), epochs=2)
    assert recorder.rates[3:] == pytest.approx([0.02e-4] * 5)


def test_a_schedule_of_one_update_works(make_net, make_examples):
    net, recorder = make_net(lr=0.02), Recorder()
    train(net, [LearningRate("one_cycle", 1), recorder], make_examples(5), epochs=1)
    assert recorder.rates == pytest.approx([0.02 * 0.04])


def test_a_second_training_starts_the_schedule_again(make_net, make_examples):
    net = make_net(lr=0.02)
    rates = []
    for _ in range(2):
        recorder = Recorder()
        net.set_learning_rate(0.02)
        train(net, [LearningRate("one_cycle", 8), recorder], make_examples(), epochs=2)
        rates.append(recorder.rates)
    assert rates[0] == pytest.approx(rates[1])


def test_a_constant_rate_is_constant_and_noted(make_net, make_examples):
    net, recorder = make_net(lr=0.02), Recorder()
    train(net, [LearningRate("constant", 8), recorder], make_examples(), epochs=2)
    assert set(recorder.rates) == {0.02}
    assert net.history[:, "lr"] == [0.02, 0.02]


def test_the_rate_is_halved_on_a_plateau(make_net, make_examples):
    net = make_net(lr=0.02)
    losses = Losses([5.0, 4.0, *[4.0] * 6])
    train(
        net,
        [losses, LearningRate("plateau", 0)],
        make_examples(),
        make_examples(9, seed=1),
        epochs=8,
    )
    # two epochs of patience, then the rate falls, and waits again
    rates = np.array(net.history[:, "lr"]) / 0.02
    assert rates.tolist() == [1, 1, 1, 1, 1, 0.5, 0.5, 0.5]


def test_a_plateau_of_the_training_loss_counts_without_validation(
    make_net, make_examples
):
    net = make_net(lr=1e-6)
    train(net, [LearningRate("plateau", 0)], make_examples(8), epochs=8)
    assert net.history[-1, "lr"] == pytest.approx(0.25e-6)


# --- early stopping ------------------------------------------------------------------


def assert_same_weights(first, second):
    for name, weight in first.items():
        assert torch.equal(weight, second[name]), name


@pytest.mark.parametrize("patience", [1, 3])
def test_training_stops_when_nothing_improves_and_keeps_the_best(
    patience, make_net, make_examples
):
    net, recorder = make_net(), Recorder()
    losses = Losses([5.0, 3.0, 4.0, 3.5, 3.0, 6.0, 7.0, 8.0, 9.0])
    stopping = EarlyStopping(patience)
    callbacks = [losses, stopping, recorder, EndTraining([stopping])]
    train(net, callbacks, make_examples(), make_examples(9, seed=1), epochs=9)
    assert len(net.history) == len(recorder.weights) == 2 + patience
    assert_same_weights(net.module_.state_dict(), recorder.weights[1])


def test_without_patience_training_runs_to_the_end_and_keeps_the_best(
    make_net, make_examples
):
    net, recorder = make_net(), Recorder()
    losses = Losses([5.0, 3.0, 4.0, 2.0, 9.0, 9.0])
    callbacks = [losses, recorder, EarlyStopping(None)]
    train(net, callbacks, make_examples(), make_examples(9, seed=1), epochs=6)
    assert len(net.history) == 6
    assert_same_weights(net.module_.state_dict(), recorder.weights[3])


def test_a_score_counts_instead_of_the_loss_where_given(make_net, make_examples):
    scores = iter([0.1, 0.9, 0.5, 0.2])
    net, recorder = make_net(), Recorder()
    score = ValidationScore(lambda net: next(scores))
    stopping = EarlyStopping(2, "valid_score")
    train(
        net,
        [recorder, score, stopping, EndTraining([stopping])],
        make_examples(),
        make_examples(9, seed=1),
        epochs=9,
    )
    assert net.history[:, "valid_score"] == [0.1, 0.9, 0.5, 0.2]
    assert net.history[:, "valid_score_best"] == [True, True, False, False]
    assert score.score is None  # it holds the data
    assert_same_weights(net.module_.state_dict(), recorder.weights[1])


def test_the_best_weights_come_back_after_an_error_too(make_net, make_examples):
    class Fails(skorch.callbacks.Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 3:
                raise RuntimeError("out of luck")

    net, recorder = make_net(), Recorder()
    callbacks = [Losses([1.0, 2.0, 3.0]), recorder, EarlyStopping(9), Fails()]
    with pytest.raises(RuntimeError, match="out of luck"):
        train(net, callbacks, make_examples(), make_examples(9, seed=1), epochs=9)
    assert_same_weights(net.module_.state_dict(), recorder.weights[0])


def test_a_second_training_forgets_the_best_of_the_first(make_net, make_examples):
    net, recorder = make_net(), Recorder()
    losses = Losses([1.0, 5.0, 4.0, 6.0])
    stopping = EarlyStopping(None)
    callbacks, data = [losses, recorder, stopping], (make_examples(), make_examples(9))
    train(net, callbacks, *data, epochs=1)
    net.partial_fit(*data, epochs=3)
    assert stopping.best_ == -4.0
    assert stopping.best_epoch_ == 3
    assert_same_weights(net.module_.state_dict(), recorder.weights[2])


def test_a_validation_loss_that_is_nan_is_an_error(make_net, make_examples):
    callbacks = [Losses([2.0, math.nan]), EarlyStopping(None)]
    with pytest.raises(ValueError, match=r"validation loss became -?nan"):
        train(make_net(), callbacks, make_examples(), make_examples(9), epochs=2)
