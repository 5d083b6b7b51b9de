"""Updates: clipping, and what happens where a gradient is not finite."""

from __future__ import annotations

import copy
import math
import re

import numpy as np
import pytest
import skorch.callbacks
import torch
from torch.nn.utils import clip_grad_norm_

from skrnn import (
    FeedForwardRegressor,
    SequenceClassifier,
    SequenceGenerator,
    SequenceTagger,
    StopTraining,
)
from skrnn.modules.networks.language import RecurrentLanguageModel
from skrnn.modules.recurrent import CELLS
from skrnn.training import order, updates
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import score_targets
from skrnn.training.losses import SquaredError
from skrnn.training.updates import MAX_SKIPPED, Updates, advice

NOT_FINITE = pytest.mark.filterwarnings("ignore:.* were skipped")


def state_of(net):
    return {name: w.clone() for name, w in net.module_.state_dict().items()}


def with_bad(dataset, indices, value=1e30):
    """Return the dataset with targets whose loss overflows."""
    targets = dataset.targets.copy()
    targets[indices] = value
    return EncodedDataset(dataset.sequences, targets, dataset.weights)


class Gradients(skorch.callbacks.Callback):
    """Keeps the norm of each gradient, as the optimizer sees it."""

    def __init__(self):
        self.norms = []

    def on_grad_computed(self, net, **kwargs):
        grads = [p.grad.flatten() for p in net.module_.parameters() if p.grad is not None]
        self.norms.append(float(torch.cat(grads).norm()))


class Poison(skorch.callbacks.Callback):
    """Multiplies the loss of given updates."""

    def __init__(self, updates, factor=math.inf):
        self.updates, self.factor, self.n = set(updates), factor, 0

    def on_batch_begin(self, net, training=False, **kwargs):
        if training:
            net.criterion_.factor = self.factor if self.n in self.updates else 1.0
            self.n += 1


class Scaled(SquaredError):
    factor = 1.0

    def forward(self, outputs, targets):
        factor = self.factor if self.training else 1.0  # the network itself is sound
        return super().forward(outputs, targets) * factor


# --- clipping ------------------------------------------------------------------------


@pytest.mark.parametrize("max_norm", [1e-3, 0.5, 1e6])
def test_gradients_are_clipped_as_torch_clips_them(max_norm, make_net, make_examples):
    options = {"optimizer": torch.optim.SGD, "lr": 1.0, "batch_size": 30}
    net, twin = make_net(**options), make_net(**options)
    dataset = make_examples()
    net.max_grad_norm = max_norm

    class Clips(skorch.callbacks.Callback):
        def on_grad_computed(self, net, **kwargs):
            clip_grad_norm_(net.module_.parameters(), max_norm)

    twin.use_callbacks([Clips()])
    for one in (net, twin):
        one.partial_fit(dataset, epochs=1)
    for name, weight in state_of(twin).items():
        torch.testing.assert_close(state_of(net)[name], weight, rtol=1e-5, atol=1e-6)


def test_weights_without_a_gradient_are_not_clipped(make_net, make_examples):
    net, gradients = make_net(), Gradients()
    for name, weight in net.module_.named_parameters():
        weight.requires_grad_(name == "head.bias")
    net.max_grad_norm = 1e-3
    net.use_callbacks([gradients])
    net.partial_fit(make_examples(), epochs=1)
    assert gradients.norms == pytest.approx([1e-3] * 4, rel=1e-4)


def test_gradients_are_clipped_before_callbacks_and_the_update(make_net, make_examples):
    net, gradients = make_net(), Gradients()
    net.max_grad_norm = 1e-3
    net.use_callbacks([gradients])
    net.partial_fit(make_examples(), epochs=1)
    assert gradients.norms == pytest.approx([1e-3] * 4, rel=1e-4)


# --- weights of steps ---------------------------------------------------------------------


class Sums(skorch.callbacks.Callback):
    """Adds the gradients of an epoch."""

    total: torch.Tensor | int = 0

    def on_grad_computed(self, net, **kwargs):
        grads = [p.grad.flatten() for p in net.module_.parameters() if p.grad is not None]
        self.total = self.total + torch.cat(grads)


def test_steps_of_short_sequences_count_no_more_than_others():
    X = [["a"], ["b"], ["a", "c"] * 10, ["b", "a"] * 10]
    y = [["u"], ["v"], ["v", "u"] * 10, ["v", "v"] * 10]
    found = []
    for batch_size in (4, 2):
        sums = Sums()
        SequenceTagger(
            crf=False,
            char_encoder=None,
            hidden_size=4,
            dropout=0.0,
            optimizer="sgd",
            lr=1e-12,
            max_grad_norm=None,
            batch_size=batch_size,
            max_epochs=1,
            random_state=0,
            callbacks=[sums],
        ).fit(X, y)
        found.append(sums.total * batch_size / 4)
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-7)


# --- gradients that are not finite ---------------------------------------------------


@NOT_FINITE
@pytest.mark.parametrize("factor", [math.inf, math.nan, 1e38])
@pytest.mark.parametrize("max_norm", [None, 1.0])
@pytest.mark.parametrize("optimizer", ["Adam", "SGD", "LBFGS", "Adagrad"])
def test_a_skipped_update_leaves_weights_and_optimizer_as_they_were(
    factor, max_norm, optimizer, make_net, make_examples
):
    class Compares(skorch.callbacks.Callback):
        def on_batch_begin(self, net, training=False, **kwargs):
            self.before = state_of(net), copy.deepcopy(net.optimizer_.state_dict())

        def on_batch_end(self, net, training=False, skipped=False, **kwargs):
            if skipped:
                compared.append(len(net.history))
                weights, optimizer = self.before
                for name, weight in state_of(net).items():
                    assert torch.equal(weight, weights[name])
                now = net.optimizer_.state_dict()
                torch.testing.assert_close(now["state"], optimizer["state"])

    compared = []
    net = make_net(Scaled, optimizer=getattr(torch.optim, optimizer), lr=0.01)
    net.max_grad_norm = max_norm
    net.use_callbacks([Poison([1, 6], factor), Compares()])
    net.partial_fit(make_examples(), epochs=2)
    assert compared == [1, 2]
    assert net.history[:, "skipped_updates"] == [1, 1]
    assert np.isfinite(net.history[:, "train_loss"]).all()
    assert all(w.isfinite().all() for w in state_of(net).values())


def test_the_sequences_of_a_skipped_update_are_named_once(make_net, make_examples):
    dataset = with_bad(make_examples(), [13])
    with pytest.warns(UserWarning, match=r"of 4 updates in epoch 1 .*X\[13\]") as caught:
        make_net(batch_size=8).partial_fit(dataset, epochs=3)
    assert len(caught) == 1


def test_sequences_are_named_by_their_place_in_the_users_data(make_net, make_examples):
    dataset = with_bad(make_examples(2), [1])
    dataset = EncodedDataset(
        dataset.sequences, dataset.targets, origin=np.array([70, 500])
    )
    with pytest.warns(UserWarning, match=r"X\[500\] \(\d steps?\)\. Cut or leave out"):
        make_net(batch_size=1).partial_fit(dataset, epochs=1)


def named_in(caught):
    """Return the indices and lengths that a warning names."""
    found = re.findall(r"X\[(\d+)\] \((\d+) step", str(caught[0].message))
    return [tuple(map(int, pair)) for pair in found]


@pytest.mark.parametrize("by_step", [False, True])
@pytest.mark.parametrize("most", [3200, 10])
def test_only_sequences_whose_own_loss_is_not_finite_are_named(
    by_step, most, make_net, make_tagging_net, make_examples, label_steps, monkeypatch
):
    monkeypatch.setitem(order.MAX_STEPS, "cpu", most)  # in one micro-batch, or several
    monkeypatch.setattr(order, "MIN_ROWS", 1)
    dataset = (label_steps if by_step else make_examples)(64, weighted=True)
    weights = dataset.weights
    bad = [10, 23]
    if by_step:
        weights = weights.with_values(weights.values.copy())
        for i in bad:
            weights[i][0] = math.inf
    else:
        weights = weights.copy()
        weights[bad] = math.inf
    dataset = EncodedDataset(dataset.sequences, dataset.targets, weights)
    net = (make_tagging_net if by_step else make_net)(batch_size=16)
    with pytest.warns(UserWarning, match="were skipped") as caught:
        net.partial_fit(dataset, epochs=1)
    assert named_in(caught)
    assert {i for i, _ in named_in(caught)} <= set(bad)
    assert "others" not in str(caught[0].message).partition("Cut")[0]


def test_of_chunks_that_carry_a_state_the_bad_sequence_is_named():
    forward = RecurrentLanguageModel.forward

    def overflow_from_z_on(network, inputs):
        outputs = forward(network, inputs)
        bad = (inputs["tokens"] == z).any(1)
        for rows in outputs.logits, *outputs.state:
            rows.masked_fill_(bad.view(-1, *[1] * (rows.dim() - 1)), math.nan)
        return outputs

    X = ["abcde" * 8] * 8
    X[5] = "abcde" * 4 + "zbcde" * 4
    model = SequenceGenerator(bptt=8, batch_size=8, max_epochs=1, hidden_size=4)
    with pytest.MonkeyPatch.context() as patch:
        z = model.fit(X).vocabulary_["z"]
        patch.setattr(RecurrentLanguageModel, "forward", overflow_from_z_on)
        with pytest.warns(UserWarning, match=r"became nan for X\[5\] \(") as caught:
            model.fit(X)
    assert {i for i, _ in named_in(caught)} == {5}


def test_where_each_loss_is_finite_the_longest_sequences_are_named_first(
    make_net, make_examples
):
    net = make_net(Scaled, batch_size=8)
    net.use_callbacks([Poison([1])])
    with pytest.warns(UserWarning, match="were skipped") as caught:
        net.partial_fit(make_examples(40), epochs=1)
    lengths = [n for _, n in named_in(caught)]
    assert lengths == sorted(lengths, reverse=True)
    assert len(lengths) == 5
    assert "and 3 others. Cut" in str(caught[0].message)


def test_of_sequences_of_one_length_that_of_the_largest_loss_is_named_first(
    make_net, make_examples
):
    examples = make_examples(8, longest=1)
    dataset = with_bad(examples, [3], 1e3)
    net = make_net(Scaled, batch_size=7)
    net.use_callbacks([Poison([1])])
    net.order_generator_.manual_seed(1)
    with pytest.warns(UserWarning, match="were skipped") as caught:
        net.partial_fit(dataset, epochs=3)
    assert named_in(caught)[0] == (3, 1)


@NOT_FINITE
def test_naming_the_sequences_draws_no_random_numbers(make_net, make_examples):
    states = []
    for named in (True, False):
        net = make_net(Scaled, network={"dropout": 0.5})
        net.use_callbacks([Poison([1])])
        with pytest.MonkeyPatch.context() as patch:
            if not named:
                patch.setattr(Updates, "_name", lambda self, batch, state: "none")
            net.partial_fit(make_examples(), epochs=2)
        states.append(state_of(net))
    for name, weight in states[0].items():
        assert torch.equal(weight, states[1][name]), name


def test_the_warning_names_the_line_of_the_test(make_net, make_examples):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(64, 5, 2))
    X[10] = 1e25
    model = FeedForwardRegressor(max_epochs=1, scale=None, random_state=0)
    with pytest.warns(UserWarning, match=r"for X\[10\] \(5 steps\)\. Cut") as caught:
        model.fit(list(X), X[:, 0, 0] % 1)
    assert [w.filename for w in caught] == [__file__]


# --- after the last update -----------------------------------------------------------


def count_checks(net, *data, epochs=1):
    """Return how often a training tries its network."""
    checks = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(updates, "check_weights", lambda *args: checks.append(args))
        net.partial_fit(*data, epochs=epochs)
    return len(checks)


def test_a_short_training_does_not_try_the_network_again(make_net, make_examples):
    assert count_checks(make_net(lr=0.01), make_examples(2)) == 0


@NOT_FINITE
def test_the_network_is_tried_after_a_skipped_update(make_net, make_examples):
    net = make_net(Scaled)
    net.use_callbacks([Poison([0])])
    assert count_checks(net, make_examples()) == 2  # when it is skipped, and at the end


@pytest.mark.parametrize("name", ["head.weight", "head.bias"])
@pytest.mark.parametrize("value", [1e3, math.nan])
def test_the_network_is_tried_where_one_weight_has_grown(
    name, value, make_net, make_examples
):
    class Grows(skorch.callbacks.Callback):
        def on_batch_end(self, net, **kwargs):
            with torch.no_grad():
                net.module_.get_parameter(name).fill_(value)

    net = make_net()
    net.use_callbacks([Grows()])
    assert count_checks(net, make_examples(8)) == 1


def test_the_mean_loss_of_an_epoch_is_that_of_the_other_updates(make_net, make_examples):
    options = {"optimizer": torch.optim.SGD, "lr": 1e-12, "batch_size": 1}
    plain = make_net(**options).partial_fit(make_examples(30), epochs=1)
    net = make_net(**options)
    with pytest.warns(UserWarning, match="1 of 30 updates in epoch 1 were skipped"):
        net.partial_fit(with_bad(make_examples(30), [4]), epochs=1)
    left_out = 30 * plain.history[0, "train_loss"] - 29 * net.history[0, "train_loss"]
    expected = score_targets(net, make_examples(30))[4]
    assert left_out == pytest.approx(expected, rel=1e-3)


@NOT_FINITE
def test_too_many_skipped_updates_in_a_row_are_an_error(make_net, make_examples):
    net = make_net(Scaled, batch_size=1)
    poison = Poison(range(5, 5 + MAX_SKIPPED))
    net.use_callbacks([poison])
    with pytest.raises(ValueError, match=r"inf in epoch 1 for 10 updates in a row. Try"):
        net.partial_fit(make_examples(), epochs=1)
    assert poison.n == 5 + MAX_SKIPPED
    net = make_net(Scaled, batch_size=1)
    net.use_callbacks([Poison({*range(5, 4 + MAX_SKIPPED), 20})])
    assert net.partial_fit(make_examples(), epochs=1).history[0, "skipped_updates"] == 10


def test_an_epoch_without_an_update_is_an_error(make_net, make_examples):
    net = make_net(Scaled)
    net.use_callbacks([Poison(range(4))])
    with pytest.raises(
        ValueError, match=r"in epoch 1 for all its updates. Try a smaller"
    ):
        net.partial_fit(make_examples(), epochs=1)


def test_weights_that_are_not_finite_end_training_at_once(make_net, make_examples):
    class Breaks(skorch.callbacks.Callback):
        def on_batch_end(self, net, training=False, **kwargs):
            batches.append(training)
            with torch.no_grad():
                net.module_.head.bias.fill_(math.nan)

    batches = []
    net = make_net()
    net.use_callbacks([Breaks()])
    with pytest.raises(
        ValueError, match=r"the loss became nan in epoch 1. Try a smaller lr"
    ):
        net.partial_fit(make_examples(), epochs=5)
    assert batches == [True]


@pytest.mark.parametrize("moment", ["on_batch_end", "on_epoch_end"])
def test_a_training_that_a_callback_ends_is_checked_too(moment, make_net, make_examples):
    class Ends(skorch.callbacks.Callback):
        def end(self, net, **kwargs):
            raise StopTraining

    setattr(Ends, moment, Ends.end)
    net = make_net(lr=1e30, batch_size=100)
    net.use_callbacks([Ends()])
    with pytest.raises(ValueError, match="Training diverged"):
        net.partial_fit(make_examples(), epochs=5)


@NOT_FINITE
def test_a_stream_resumes_from_a_finite_state_after_a_skipped_update():
    model = SequenceGenerator(bptt=8, batch_size=2, max_epochs=1, hidden_size=4)
    forward = RecurrentLanguageModel.forward
    states = []

    def overflow_once(network, inputs):
        outputs = forward(network, inputs)
        states.append(inputs.get("state"))
        if len(states) == 2:
            return outputs._replace(
                features=outputs.features * math.inf,
                state=tuple(part * math.nan for part in outputs.state),
            )
        return outputs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RecurrentLanguageModel, "forward", overflow_once)
        model.fit(["abcde" * 40])
    assert model.history_["skipped_updates"].tolist() == [1]
    carried = [part for state in states if state is not None for part in state]
    assert carried
    assert all(part.isfinite().all() for part in carried)


def test_one_long_sequence_among_short_ones_does_not_cost_the_model():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=n) for n in rng.integers(2, 9, 60)]
    y = [bool(x.sum() > 0) for x in X]
    X[7] = np.full(150, 5e3)
    model = SequenceClassifier(
        cell="rnn_relu",
        hidden_size=64,
        batch_size=8,
        max_epochs=4,
        lr=0.01,
        scale=None,
        random_state=0,
    )
    with pytest.warns(UserWarning, match=r"skipped: .* X\[7\] \(150 steps\)"):
        model.fit(X, y)
    assert model.history_["skipped_updates"].tolist() == [1] * 4
    assert model.score(X, y) > 0.9


# --- advice --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "max_norm", "expected"),
    [
        ({"cell": "rnn_relu"}, 1.0, "a smaller max_grad_norm"),
        ({"cell": "rnn_relu"}, None, "max_grad_norm=1.0"),
        ({"cell": "rnn_tanh"}, None, 'or cell="lstm"'),
    ],
)
def test_the_advice_is_not_what_is_in_use(options, max_norm, expected, make_net):
    net = make_net(network=options)
    net.max_grad_norm = max_norm
    assert expected in advice(net)


class Gated(CELLS["rnn_tanh"]):
    n_gates = 2


@pytest.mark.parametrize("cell", ["lstm", "gru", "added"])
def test_a_gated_cell_is_not_advised_where_it_is_in_use(cell, make_net, monkeypatch):
    monkeypatch.setitem(CELLS, "added", Gated)
    assert advice(make_net(network={"cell": cell})) == (
        "a smaller lr, max_grad_norm=1.0 or features scaled to about unit size"
    )
