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

from skrnn import SequenceClassifier, SequenceGenerator
from skrnn.modules.networks.language import RecurrentLanguageModel
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import score_targets
from skrnn.training.losses import SquaredError
from skrnn.training.updates import MAX_SKIPPED, advice

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


def test_the_longest_sequences_are_named_first(make_net, make_examples):
    dataset = with_bad(make_examples(40), np.arange(8))
    with pytest.warns(UserWarning, match="were skipped") as caught:
        make_net(batch_size=8).partial_fit(dataset, epochs=1)
    lengths = [int(n) for n in re.findall(r"\((\d+) step", str(caught[0].message))]
    assert lengths == sorted(lengths, reverse=True)
    assert len(lengths) == 5
    assert "and 3 shorter ones. Cut" in str(caught[0].message)


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
                logits=outputs.logits * math.inf,
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
    X[7] = np.full(400, 5.0)
    model = SequenceClassifier(
        cell="rnn_relu",
        hidden_size=64,
        batch_size=8,
        max_epochs=4,
        lr=0.01,
        random_state=0,
    )
    with pytest.warns(UserWarning, match=r"skipped: .* X\[7\] \(400 steps\), X"):
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


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_gated_cell_is_not_advised_where_it_is_in_use(cell, make_net):
    assert advice(make_net(network={"cell": cell})) == (
        "a smaller lr, max_grad_norm=1.0 or features scaled to about unit size"
    )
