"""Averages of weights, against those of weights that a callback has collected."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from skorch.callbacks import Callback
from torch import nn

from skrnn.training import averaging
from skrnn.training.averaging import AVERAGES, EqualAverage, ExponentialAverage
from skrnn.training.callbacks import EarlyStopping, StopTraining

KINDS = pytest.mark.parametrize("kind", AVERAGES)


class Collector(Callback):
    """Keeps the weights after each update, and those that an epoch's end sees."""

    def on_train_begin(self, net, **kwargs):
        self.after_updates, self.at_ends = [], []

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            self.after_updates.append(weights_of(net))

    def on_epoch_end(self, net, **kwargs):
        self.at_ends.append(weights_of(net))


class StopAt(Callback):
    """Ends training in the middle of its third pass."""

    def on_batch_begin(self, net, training=False, **kwargs):
        if training and len(net.history) == 3 and len(net.history[-1]["batches"]) == 2:
            raise StopTraining


def weights_of(net):
    flat = [w.detach().flatten() for w in net.module_.parameters()]
    return torch.cat(flat).double().numpy()


def exponential(weights, span):
    """Return the mean after each update, of weights that count alike at first."""
    means, mean = [], None
    for n, one in enumerate(weights):
        share = max(1 / (n + 1), 1 / span)
        mean = one if mean is None else mean + share * (one - mean)
        means.append(mean)
    return means


def expected_of(kind, seen, n_epochs):
    """Return the averages after each pass, None before there is one."""
    n_updates = len(seen) // n_epochs
    if kind == "ema":
        span = max(n_updates, 0.05 * len(seen))
        return exponential(seen, span)[n_updates - 1 :: n_updates]
    at_ends = seen[n_updates - 1 :: n_updates]
    first = int(0.75 * n_epochs)
    found = [None] * first
    return found + [
        np.mean(at_ends[first : n + 1], axis=0) for n in range(first, n_epochs)
    ]


@KINDS
@pytest.mark.parametrize("n_epochs", [1, 4, 9])
def test_a_net_validates_and_ends_with_the_average(
    make_net, make_examples, kind, n_epochs
):
    net = make_net(max_epochs=n_epochs, weight_averaging=kind)
    collector = Collector()
    net.use_callbacks([("collector", collector)])
    net.partial_fit(make_examples(), make_examples(seed=1))
    seen = collector.after_updates
    for n, expected in enumerate(expected_of(kind, seen, n_epochs), 1):
        last = seen[len(seen) // n_epochs * n - 1]
        wanted = last if expected is None else expected
        assert_allclose(collector.at_ends[n - 1], wanted, atol=1e-6)
    assert_allclose(weights_of(net), collector.at_ends[-1])


@KINDS
def test_updates_are_those_of_a_training_without_averages(make_net, make_examples, kind):
    seen = []
    for weight_averaging in (None, kind):
        net = make_net(max_epochs=4, weight_averaging=weight_averaging)
        net.use_callbacks([("collector", collector := Collector())])
        net.partial_fit(make_examples(), make_examples(seed=1))
        seen.append(np.array(collector.after_updates))
    assert np.array_equal(*seen)


@KINDS
def test_the_validation_loss_is_that_of_the_average(make_net, make_examples, kind):
    net = make_net(max_epochs=6, weight_averaging=kind)
    net.partial_fit(make_examples(), make_examples(seed=1))
    recorded = net.history[-1]["valid_loss"]
    again = make_net(max_epochs=1, lr=0.0)
    again.module_.load_state_dict(net.module_.state_dict())
    again.partial_fit(make_examples(), make_examples(seed=1))
    assert again.history[-1]["valid_loss"] == pytest.approx(recorded, rel=1e-5)


@KINDS
def test_early_stopping_keeps_the_average_of_the_best_epoch(
    make_net, make_examples, kind
):
    net = make_net(max_epochs=9, lr=0.5, weight_averaging=kind)
    stopping = EarlyStopping(patience=None)
    net.use_callbacks([("collector", collector := Collector()), ("early", stopping)])
    net.partial_fit(make_examples(), make_examples(seed=1))
    best = np.argmin([row["valid_loss"] for row in net.history])
    assert_allclose(weights_of(net), collector.at_ends[best])


def test_training_that_ends_early_ends_with_the_average_so_far(make_net, make_examples):
    net = make_net(max_epochs=9, weight_averaging="ema")
    net.use_callbacks([("collector", collector := Collector()), ("stop", StopAt())])
    net.partial_fit(make_examples())
    n_updates = len(collector.after_updates) // 2
    span = max(n_updates, 0.05 * n_updates * 9)
    assert_allclose(
        weights_of(net), exponential(collector.after_updates, span)[-1], atol=1e-6
    )


def test_a_later_training_starts_from_the_average(make_net, make_examples):
    net = make_net(max_epochs=4, weight_averaging="ema")
    net.partial_fit(make_examples())
    average = weights_of(net)
    net.set_learning_rate(0.0)
    net.partial_fit(make_examples())
    assert_allclose(weights_of(net), average, atol=1e-6)


def test_frozen_weights_stay_as_they_are():
    weights = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2), False)
    average = EqualAverage(weights, n_epochs=1, n_updates=1)
    average.end_epoch(1)
    assert [len(mean) for mean in average.means] == [3]


def test_a_state_continues_with_the_same_bits(generator):
    weight = nn.Parameter(torch.zeros(5))
    whole = ExponentialAverage([weight], n_epochs=2, n_updates=4)
    parts = ExponentialAverage([weight], n_epochs=2, n_updates=4)
    for n in range(8):
        with torch.no_grad():
            weight += torch.randn(5, generator=generator)
        whole.end_update()
        parts.end_update()
        if n == 4:
            other = ExponentialAverage([weight], n_epochs=2, n_updates=4)
            other.load_state_dict(parts.state_dict())
            parts = other
    assert torch.equal(whole.means[0], parts.means[0])


def test_the_weights_come_back_after_an_error():
    weight = nn.Parameter(torch.ones(2))
    average = EqualAverage([weight], n_epochs=1, n_updates=1)
    average.end_epoch(1)
    with torch.no_grad():
        weight.fill_(3.0)

    def stop():
        with average.applied():
            assert weight.tolist() == [1.0, 1.0]
            raise StopTraining

    with pytest.raises(StopTraining):
        stop()
    assert weight.tolist() == [3.0, 3.0]


def test_the_shares_of_the_training_are_as_documented():
    assert (averaging.SPAN, averaging.BEFORE) == (0.05, 0.75)
