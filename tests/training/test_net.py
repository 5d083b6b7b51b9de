"""The skorch net: training and state."""

from __future__ import annotations

import copy
import pickle
from contextlib import nullcontext

import numpy as np
import pytest
import skorch.callbacks
import torch
from skorch.callbacks import Callback

from skrnn import StopTraining
from skrnn.training import collate, order
from skrnn.training.callbacks import EarlyStopping
from skrnn.training.collate import Batch, Collator, TrainingBatches
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import predict_outputs, recurrent_work, score_targets
from skrnn.training.losses import CrossEntropy, Quantile, SquaredError
from skrnn.training.net import SequenceNet, resolve_device, resolve_precision


def batch_of_one(x):
    return {"features": x, "lengths": torch.tensor([x.shape[1]])}


def one_by_one(net, examples):
    """Return the outputs of each sequence, run alone."""
    outputs = []
    with torch.no_grad():
        for sequence in examples.sequences.steps:
            x = torch.from_numpy(sequence.copy())[None]
            outputs.append(net.module_(batch_of_one(x))[0].numpy())
    return np.array(outputs)


def state_of(net):
    return {name: w.clone() for name, w in net.module_.state_dict().items()}


def assert_same_weights(first, second):
    for name, weight in first.items():
        assert torch.equal(weight, second[name]), name


def scores_of(net, sequence):
    x = torch.from_numpy(sequence.copy())[None]
    return net.module_(batch_of_one(x))


def test_training_lowers_the_loss(make_net, make_examples):
    net = make_net().partial_fit(make_examples(64), epochs=15)
    losses = net.history[:, "train_loss"]
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("epochs", [1, 3, 25])
def test_kernels_are_chosen_by_the_epochs_that_are_trained(
    epochs, monkeypatch, make_net, make_examples
):
    announced = []

    def remember(work):
        announced.append(work)
        return nullcontext()

    net, examples = make_net(), make_examples()
    with monkeypatch.context() as patch:
        patch.setattr("skrnn.training.net.expected_work", remember)
        net.partial_fit(examples, epochs=epochs)
        net.partial_fit(examples, epochs=2)  # a warm start
    once = recurrent_work(net, examples)
    assert announced == [epochs * once, (epochs + 2) * once]


def test_an_epoch_is_plain_pytorch_over_the_same_batches(make_net, make_examples):
    examples = make_examples(weighted=True)
    net = make_net(optimizer=torch.optim.SGD, lr=0.1)
    twin = copy.deepcopy(net.module_)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    batches = order.training_order(examples.lengths, 8, generator_of(net))
    losses = []
    for indices in batches:
        total = torch.zeros(())
        for i in indices:
            x = torch.from_numpy(examples.sequences.steps[i].copy())[None]
            error = twin(batch_of_one(x)) - float(examples.targets[i, 0])
            total = total + float(examples.weights[i]) * error.square().sum()
        optimizer.zero_grad()
        (total / len(indices)).backward()
        optimizer.step()
        losses.append(total.item())
    net.partial_fit(examples, epochs=1)
    for ours, theirs in zip(net.module_.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    assert net.history[-1, "train_loss"] == pytest.approx(sum(losses) / 30, rel=1e-5)


def generator_of(net):
    generator = torch.Generator()
    generator.set_state(net.order_generator_.get_state())
    return generator


def test_the_training_loss_is_the_mean_over_sequences_and_not_over_batches(
    make_net, make_examples
):
    examples = make_examples(19)  # batches of 8, 8 and 3
    net = make_net(optimizer=torch.optim.SGD, lr=1e-12)
    net.partial_fit(examples, epochs=1)
    each = np.square(one_by_one(net, examples) - examples.targets)[:, 0]
    assert net.history[-1, "train_loss"] == pytest.approx(each.mean(), rel=1e-5)
    assert net.history[-1, "train_batch_count"] == 3


@pytest.mark.parametrize("weighted", [False, True])
def test_the_validation_loss_is_weighted_like_the_training_loss(
    weighted, make_net, make_examples
):
    held_out = make_examples(11, seed=1, weighted=weighted)
    net = make_net()
    net.partial_fit(make_examples(), held_out, epochs=1)
    each = np.square(one_by_one(net, held_out) - held_out.targets)[:, 0]
    if weighted:
        each = each * held_out.weights
    assert net.history[-1, "valid_loss"] == pytest.approx(each.mean(), rel=1e-5)


def test_the_validation_loss_is_not_smoothed(make_net, make_examples):
    examples = make_examples(8)
    examples = EncodedDataset(examples.sequences, np.arange(8) % 3)
    options = {"network": {"n_outputs": 3}, "optimizer": torch.optim.SGD, "lr": 1e-12}
    rows = []
    for smoothing in (0.0, 0.3):
        net = make_net(CrossEntropy, criterion__label_smoothing=smoothing, **options)
        rows.append(net.partial_fit(examples, examples, epochs=1).history[-1])
    assert rows[0]["valid_loss"] == pytest.approx(rows[0]["train_loss"], rel=1e-5)
    assert rows[1]["valid_loss"] == rows[0]["valid_loss"]
    assert rows[1]["train_loss"] != pytest.approx(rows[0]["train_loss"], rel=1e-4)


def test_micro_batches_have_the_gradient_of_the_whole_batch(make_net, make_examples):
    examples = make_examples(24, weighted=True)
    net = make_net()
    collate = Collator(examples, "cpu")
    indices = np.arange(24)
    gradients, losses = [], []
    for parts in ([indices], np.split(indices, [5, 6, 17])):
        net.module_.zero_grad()
        loss, _ = net.add_gradients(Batch(map(collate, parts)), 24, ())
        losses.append(loss.item())
        gradients.append([p.grad.clone() for p in net.module_.parameters()])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for whole, cut in zip(*gradients, strict=True):
        torch.testing.assert_close(cut, whole, rtol=1e-4, atol=1e-6)


def test_training_in_micro_batches_gives_the_weights_of_training_in_whole_ones(
    make_net, make_examples, monkeypatch
):
    examples = make_examples(64, longest=40)
    states = []
    for most in (1 << 20, 100):
        monkeypatch.setitem(order.MAX_STEPS, "cpu", most)
        net = make_net(batch_size=64, optimizer=torch.optim.SGD)
        states.append(state_of(net.partial_fit(examples, epochs=2)))
    for name, weight in states[0].items():
        torch.testing.assert_close(states[1][name], weight, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_training_is_reproducible_from_its_seed(dropout, make_net, make_examples):
    states = []
    for seed in (0, 0, 1):
        net = make_net(seed=seed, network={"dropout": dropout})
        torch.manual_seed(len(states))  # must not count
        before = torch.get_rng_state()
        states.append(state_of(net.partial_fit(make_examples(), epochs=2)))
        assert torch.equal(torch.get_rng_state(), before)
    assert_same_weights(states[0], states[1])
    assert any(not torch.equal(states[2][name], w) for name, w in states[0].items())


def test_frozen_weights_stay_as_they_are(make_net, make_examples):
    net = make_net()
    net.module_.head.weight.requires_grad_(False)
    net.initialize_optimizer()
    before = state_of(net)
    net.partial_fit(make_examples(), epochs=1)
    after = state_of(net)
    assert torch.equal(after["head.weight"], before["head.weight"])
    assert not torch.equal(after["head.bias"], before["head.bias"])


def test_a_loss_that_is_not_finite_is_an_error_with_advice(make_net, make_examples):
    examples = make_examples()
    targets = np.full_like(examples.targets, 1e30)
    with pytest.raises(
        ValueError, match=r"the loss became inf in epoch 1.* Try a smaller lr"
    ):
        make_net().partial_fit(EncodedDataset(examples.sequences, targets), epochs=3)


def test_a_last_update_that_was_too_large_is_noticed(make_net, make_examples):
    net = make_net(optimizer=torch.optim.SGD, lr=1e38, batch_size=64)
    with pytest.raises(ValueError, match=r"the loss became (nan|inf) in epoch 1"):
        net.partial_fit(make_examples(64), epochs=1)


class Interrupts(skorch.callbacks.Callback):
    """Raises as Ctrl-C does, at the named moment."""

    def __init__(self, moment):
        def raise_interrupt(net, **kwargs):
            raise KeyboardInterrupt

        setattr(self, moment, raise_interrupt)


@pytest.mark.parametrize(
    "moment",
    [
        "on_batch_begin",
        "on_batch_end",
        "on_epoch_begin",
        "on_epoch_end",
        "on_grad_computed",
    ],
)
def test_a_users_interrupt_is_passed_on(moment, make_net, make_examples):
    net = make_net()
    net.use_callbacks([Interrupts(moment)])
    with pytest.raises(KeyboardInterrupt):
        net.partial_fit(make_examples(), epochs=2)
    assert not net.module_.training
    assert all(p.grad is None for p in net.module_.parameters())


def test_training_can_resume_after_an_interrupt(make_net, make_examples):
    net = make_net()
    net.use_callbacks([Interrupts("on_batch_end")])
    with pytest.raises(KeyboardInterrupt):
        net.partial_fit(make_examples(), epochs=2)
    net.use_callbacks([])
    net.partial_fit(make_examples(), epochs=2)
    assert [row["epoch"] for row in net.history] == [1, 2]


class Stops(Callback):
    """Ends training at one moment of its second epoch, or before or after all."""

    def __init__(self, moment, training=True):
        self.moment = moment
        self.training = training
        setattr(self, moment, self.stop)

    def stop(self, net, training=None, **kwargs):
        if self.moment.startswith("on_train"):
            raise StopTraining
        if len(net.history) == 2 and training in (None, self.training):
            raise StopTraining


@pytest.mark.parametrize(
    ("moment", "training", "n_rows"),
    [
        ("on_train_begin", True, 0),
        ("on_epoch_begin", True, 1),
        ("on_batch_end", True, 1),
        ("on_batch_end", False, 1),
        ("on_epoch_end", True, 2),
        ("on_train_end", True, 3),
    ],
)
def test_a_callback_may_end_training_at_any_moment(
    moment, training, n_rows, make_net, make_examples
):
    net = make_net()
    net.use_callbacks([Stops(moment, training)])
    net.partial_fit(make_examples(), make_examples(), epochs=3)
    assert [row["epoch"] for row in net.history] == list(range(1, n_rows + 1))
    assert all({"train_loss", "valid_loss"} <= row.keys() for row in net.history)
    assert not net.module_.training
    assert all(p.grad is None for p in net.module_.parameters())


class Weights(Callback):
    """Records the weights after each update, and at the end of each epoch."""

    def __init__(self):
        self.after_updates, self.after_epochs = [], []

    def on_batch_end(self, net, training=None, **kwargs):
        if training:
            self.after_updates.append(state_of(net))

    def on_epoch_end(self, net, **kwargs):
        self.after_epochs.append(state_of(net))


@pytest.mark.parametrize("training", [True, False])
def test_training_that_ends_in_an_epoch_keeps_the_best_or_the_present_weights(
    training, make_net, make_examples
):
    examples = make_examples()
    watched, weights = make_net(), Weights()
    watched.use_callbacks(
        [weights, EarlyStopping(None), Stops("on_batch_end", training=training)]
    )
    watched.partial_fit(examples, examples, epochs=3)
    assert len(weights.after_epochs) == 1
    assert_same_weights(state_of(watched), weights.after_epochs[0])

    plain, weights = make_net(), Weights()
    plain.use_callbacks([weights, Stops("on_batch_end", training=training)])
    plain.partial_fit(examples, examples, epochs=3)
    assert len(weights.after_updates) == (5 if training else 8)
    assert_same_weights(state_of(plain), weights.after_updates[-1])


class Losses(Callback):
    """Keeps the loss that each batch ends with, and the one that the history has then."""

    def __init__(self):
        self.given, self.recorded = [], []

    def on_batch_end(self, net, training=None, loss=None, **kwargs):
        row = net.history[-1]["batches"][-1]
        self.given.append(loss)
        self.recorded.append(row["train_loss" if training else "valid_loss"])


@pytest.fixture
def transferred(monkeypatch):
    """Return the list of tensors whose number is asked for one by one."""
    tensors, item = [], torch.Tensor.item

    def remember(tensor):
        tensors.append(tensor)
        return item(tensor)

    monkeypatch.setattr(torch.Tensor, "item", remember)
    return tensors


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.LBFGS])
def test_a_batch_ends_with_its_loss_as_a_tensor_that_updates_transfer_once(
    optimizer, transferred, make_net, make_examples
):
    net, losses = make_net(optimizer=optimizer, lr=0.1), Losses()
    net.use_callbacks([losses])
    net.partial_fit(make_examples(), epochs=1)
    asked = {id(tensor) for tensor in transferred}
    assert not asked & {id(loss) for loss in losses.given}
    assert [loss.item() for loss in losses.given] == losses.recorded


def test_validation_losses_are_transferred_together_unless_somebody_looks(
    monkeypatch, transferred, make_net, make_examples
):
    class Batches(Callback):
        def on_epoch_end(self, net, **kwargs):
            rows = net.history[-1]["batches"]
            batches.append([row["valid_loss"] for row in rows if "valid_loss" in row])

    monkeypatch.setattr(collate, "max_steps", lambda device: 40)
    batches, losses, n_transfers = [], Losses(), []
    for callbacks in ([Batches()], [Batches(), losses]):
        net = make_net(optimizer=torch.optim.SGD)
        net.use_callbacks(callbacks)
        transferred.clear()
        net.partial_fit(make_examples(), make_examples(), epochs=1)
        n_transfers.append(len(transferred))
    n_batches = len(batches[0])
    assert n_batches > 1
    assert n_transfers[1] - n_transfers[0] == n_batches
    assert batches[0] == batches[1] == losses.recorded[-n_batches:]


def test_rows_of_earlier_trainings_stay(make_net, make_examples):
    net = make_net()
    net.partial_fit(make_examples(), epochs=1)
    net.use_callbacks([Stops("on_batch_end")])
    net.partial_fit(make_examples(), make_examples(), epochs=3)
    assert [row["epoch"] for row in net.history] == [1]


def step_losses(net, examples):
    """Return the loss of each step, its sequence run alone."""
    losses = [
        net.criterion_(scores_of(net, sequence), torch.from_numpy(targets.copy())[None])
        for sequence, targets in zip(
            examples.sequences.steps, examples.targets, strict=True
        )
    ]
    return torch.cat([loss[0] for loss in losses]).detach().numpy()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("most", [3200, 20])
def test_the_loss_of_an_epoch_is_the_mean_over_its_steps(
    label_steps, make_tagging_net, weighted, most, monkeypatch
):
    monkeypatch.setitem(order.MAX_STEPS, "cpu", most)
    examples = label_steps(weighted=weighted)
    each = step_losses(make_tagging_net(), examples)
    weights = examples.weights.values if weighted else np.ones_like(each)
    # a rate so small that the first batch leaves the loss of the second as it was
    net = make_tagging_net(lr=1e-12).partial_fit(examples, examples, epochs=1)
    expected = pytest.approx((each * weights).mean(), rel=1e-5)
    assert net.history[-1, "train_loss"] == expected
    assert net.history[-1, "valid_loss"] == expected
    lengths = examples.lengths
    mean_of_means = np.mean(
        [part.mean() for part in np.split(each * weights, np.cumsum(lengths)[:-1])]
    )
    assert net.history[-1, "train_loss"] != pytest.approx(mean_of_means, rel=1e-3)


@pytest.mark.parametrize("most", [3200, 20])
def test_an_update_follows_the_mean_over_the_steps_of_its_batch(
    label_steps, make_tagging_net, most, monkeypatch
):
    monkeypatch.setitem(order.MAX_STEPS, "cpu", most)
    examples = label_steps(16, weighted=True)
    net = make_tagging_net(batch_size=16)
    twin = make_tagging_net()
    losses = []
    for i in range(16):
        scores = scores_of(twin, examples.sequences.steps[i])
        targets = torch.from_numpy(examples.targets[i].copy())[None]
        weights = torch.from_numpy(examples.weights[i].copy())[None]
        losses.append((twin.criterion_(scores, targets) * weights).sum())
    (sum(losses) / sum(examples.lengths).item()).backward()
    with torch.no_grad():
        for weight in twin.module_.parameters():
            weight -= 0.1 * weight.grad
    net.partial_fit(examples, epochs=1)
    for name, weight in state_of(twin).items():
        torch.testing.assert_close(state_of(net)[name], weight, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("most", [3200, 20])
def test_paths_of_a_whole_sequence_are_averaged_over_steps_too(
    label_steps, make_tagging_net, most, monkeypatch
):
    monkeypatch.setitem(order.MAX_STEPS, "cpu", most)
    examples = label_steps()
    weights = np.random.default_rng(0).uniform(size=30).astype(np.float32)
    examples = EncodedDataset(examples.sequences, examples.targets, weights)
    net = make_tagging_net(crf=True, lr=1e-12)
    each = step_losses_of_paths(net, examples)
    net.partial_fit(examples, examples, epochs=1)
    expected = pytest.approx((each * weights).sum() / examples.lengths.sum(), rel=1e-5)
    assert net.history[-1, "train_loss"] == expected
    assert net.history[-1, "valid_loss"] == expected


def step_losses_of_paths(net, examples):
    """Return the loss of each sequence, run alone."""
    return np.array(
        [
            net.criterion_(
                scores_of(net, sequence), torch.from_numpy(targets.copy())[None]
            ).item()
            for sequence, targets in zip(
                examples.sequences.steps, examples.targets, strict=True
            )
        ]
    )


@pytest.mark.parametrize(
    "make_copy", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))]
)
def test_a_pickled_net_gives_equal_outputs(make_copy, make_net, make_examples):
    net = make_net(network={"bidirectional": True, "dropout": 0.3})
    net.partial_fit(make_examples(), epochs=2)
    again = make_copy(net)
    examples = make_examples(9, seed=1)
    np.testing.assert_array_equal(
        predict_outputs(again, examples), predict_outputs(net, examples)
    )
    assert again.history[:, "train_loss"] == net.history[:, "train_loss"]
    assert again.n_parameters == net.n_parameters
    again.partial_fit(examples, epochs=1)
    assert len(again.history) == 3
    assert len(net.history) == 2


def test_a_pickled_net_holds_no_optimizer_state_and_no_tensor(make_net, make_examples):
    net = make_net()
    fresh = len(pickle.dumps(net))
    net.partial_fit(make_examples(), epochs=1)
    n_bytes = 4 * net.n_parameters
    assert len(pickle.dumps(net)) - fresh < n_bytes / 2
    state = net.__getstate__()
    assert {type(w) for w in state["weights"].values()} == {np.ndarray}
    assert "optimizer_" not in state["settings"]
    assert b"torch._utils" not in pickle.dumps(state)


def test_a_pickled_net_keeps_the_settings_of_its_loss_and_optimizer(make_net):
    net = make_net(
        Quantile,
        network={"n_outputs": 3},
        criterion__quantiles=(0.1, 0.9),
        optimizer__weight_decay=0.25,
        batch_size=5,
        seed=11,
    )
    again = pickle.loads(pickle.dumps(net))
    assert again.criterion_.learned.tolist() == pytest.approx([0.1, 0.5, 0.9])
    assert again.optimizer_.param_groups[0]["weight_decay"] == 0.25
    assert (again.batch_size, again.seed, again.lr) == (5, 11, net.lr)


def test_pickling_draws_no_random_numbers(make_net):
    before = torch.get_rng_state()
    pickle.loads(pickle.dumps(make_net()))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_net_of_a_gpu_loads_where_there_is_none(make_net, monkeypatch, make_examples):
    net = make_net()
    state = net.__getstate__()
    state["settings"]["device"] = "cuda:0"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    again = SequenceNet.__new__(SequenceNet)
    again.__setstate__(state)
    np.testing.assert_array_equal(
        predict_outputs(again, make_examples()), predict_outputs(net, make_examples())
    )


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_restoring_a_snapshot_undoes_training(dropout, make_net, make_examples):
    net = make_net(network={"dropout": dropout}).partial_fit(make_examples(), epochs=1)
    snapshot = net.snapshot()
    before = state_of(net)
    net.partial_fit(make_examples(), epochs=2)
    went_on = state_of(net)
    assert not torch.equal(went_on["head.weight"], before["head.weight"])
    net.restore(snapshot)
    assert_same_weights(state_of(net), before)
    assert len(net.history) == 1
    # the order, dropout and the optimizer's moments are back too
    net.partial_fit(make_examples(), epochs=2)
    assert_same_weights(state_of(net), went_on)


def test_parameters_are_counted(make_net):
    # LSTM: 4 gates of 4 units over 2 features and 4 states, two biases; head: 4 + 1
    assert make_net().n_parameters == 4 * 4 * (2 + 4 + 2) + 5


def test_the_set_rate_is_the_next_trainings(make_net):
    net = make_net(lr=0.5)
    net.set_learning_rate(0.25)
    assert [group["lr"] for group in net.optimizer_.param_groups] == [0.25]


def test_auto_is_the_gpu_where_there_is_one(monkeypatch):
    for available, device in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda value=available: value)
        assert resolve_device("auto") == device
    assert resolve_device("cpu") == "cpu"


@pytest.mark.parametrize("device", ["gpu", "cpu:x", "", "nonsense:0"])
def test_a_device_that_cannot_be_used_is_an_error(device):
    with pytest.raises(ValueError, match=f"device='{device}' cannot be used"):
        resolve_device(device)


@pytest.mark.parametrize("supported", [True, False])
def test_a_gpu_without_units_for_a_precision_refuses_it(monkeypatch, supported):
    def is_supported(including_emulation):
        return supported or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_supported)
    assert resolve_precision("float32", "cuda:0") == "float32"
    if supported:
        assert resolve_precision("bfloat16", "cuda:0") == "bfloat16"
        return
    with pytest.raises(ValueError, match="precision='bfloat16' would only be slower"):
        resolve_precision("bfloat16", "cuda:0")


def test_the_criterion_is_in_evaluation_mode_after_training(make_net, make_examples):
    net = make_net(SquaredError).partial_fit(make_examples(), epochs=1)
    assert not net.criterion_.training
    assert not net.module_.training


@pytest.mark.parametrize("weighted", [False, True])
def test_the_training_loss_of_pairs_is_the_mean_over_target_steps(
    make_pairs, make_translator, weighted
):
    net, pairs = make_translator(), make_pairs(weighted=weighted)
    losses = score_targets(net, pairs)
    batches = list(TrainingBatches(pairs, 8, net.order_generator_))
    total = sum(net.validation_step(b)["loss"].item() * b.n_targets for b in batches)
    weights = pairs.weights if weighted else np.ones(30)
    assert total == pytest.approx(losses @ weights, rel=1e-5)
    assert sum(b.n_targets for b in batches) == pairs.target_lengths.sum()


def test_training_on_pairs_makes_their_targets_more_probable(make_pairs, make_translator):
    net, pairs = make_translator(), make_pairs()
    before = score_targets(net, pairs).sum()
    net.partial_fit(pairs, pairs, epochs=10)
    assert score_targets(net, pairs).sum() < 0.95 * before
    assert net.history[-1]["valid_loss"] < net.history[0]["valid_loss"]


def test_a_pickled_net_keeps_tied_weights_tied(make_pairs, make_translator):
    net, pairs = make_translator().partial_fit(make_pairs(), epochs=1), make_pairs()
    again = pickle.loads(pickle.dumps(net))
    assert again.n_parameters == net.n_parameters
    assert again.module_.head is None
    np.testing.assert_array_equal(score_targets(again, pairs), score_targets(net, pairs))
