"""The skorch net: training, prediction and state."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import skorch.callbacks
import torch

from skrnn.data.codecs import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.generation.hypotheses import Hypotheses
from skrnn.modules.crf import best_path, marginals
from skrnn.modules.networks import build_network
from skrnn.training import batching
from skrnn.training.batching import Batch, Collator, EncodedDataset
from skrnn.training.losses import (
    CrossEntropy,
    PathLikelihood,
    Quantile,
    SquaredError,
    StepCrossEntropy,
)
from skrnn.training.net import SequenceNet, resolve_device


def state_of(net):
    return {name: w.clone() for name, w in net.module_.state_dict().items()}


def assert_same_weights(first, second):
    for name, weight in first.items():
        assert torch.equal(weight, second[name]), name


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


# --- training ------------------------------------------------------------------------


def test_training_lowers_the_loss(make_net, make_examples):
    net = make_net().partial_fit(make_examples(64), epochs=15)
    losses = net.history[:, "train_loss"]
    assert losses[-1] < 0.3 * losses[0]


def test_an_epoch_is_plain_pytorch_over_the_same_batches(make_net, make_examples):
    examples = make_examples(weighted=True)
    net = make_net(optimizer=torch.optim.SGD, lr=0.1)
    twin = copy.deepcopy(net.module_)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    order = batching.training_order(examples.lengths, 8, batching_generator(net))
    losses = []
    for indices in order:
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


def batching_generator(net):
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


def test_a_batch_cut_into_pieces_has_the_gradient_of_the_whole(make_net, make_examples):
    examples = make_examples(24, weighted=True)
    net = make_net()
    collate = Collator(examples, "cpu")
    indices = np.arange(24)
    gradients, losses = [], []
    for pieces in ([indices], np.split(indices, [5, 6, 17])):
        net.module_.zero_grad()
        step = net.train_step_single(Batch(map(collate, pieces)))
        losses.append(step["loss"].item())
        gradients.append([p.grad.clone() for p in net.module_.parameters()])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for whole, cut in zip(*gradients, strict=True):
        torch.testing.assert_close(cut, whole, rtol=1e-4, atol=1e-6)


def test_training_in_pieces_gives_the_weights_of_training_in_one(
    make_net, make_examples, monkeypatch
):
    examples = make_examples(64, longest=40)
    states = []
    for most in (1 << 20, 100):
        monkeypatch.setitem(batching.MAX_STEPS, "cpu", most)
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
        ValueError, match=r"training loss became inf in epoch 1. Try a smaller lr"
    ):
        make_net().partial_fit(EncodedDataset(examples.sequences, targets), epochs=3)


def test_a_last_update_that_was_too_large_is_noticed(make_net, make_examples):
    net = make_net(optimizer=torch.optim.SGD, lr=1e38, batch_size=64)
    with pytest.raises(ValueError, match=r"training loss became (nan|inf) in epoch 1"):
        net.partial_fit(make_examples(64), epochs=1)


# --- interruptions -------------------------------------------------------------------


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


def test_after_an_interrupt_training_may_go_on(make_net, make_examples):
    net = make_net()
    net.use_callbacks([Interrupts("on_batch_end")])
    with pytest.raises(KeyboardInterrupt):
        net.partial_fit(make_examples(), epochs=2)
    net.use_callbacks([])
    net.partial_fit(make_examples(), epochs=2)
    assert len(net.history) == 3


# --- prediction ----------------------------------------------------------------------


@pytest.mark.parametrize("longest", [1, 30])
def test_outputs_come_in_the_users_order(longest, make_net, make_examples):
    examples = make_examples(700, longest=longest)
    net = make_net()
    outputs = net.predict_outputs(examples)
    assert outputs.shape == (700, 1)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, one_by_one(net, examples), rtol=1e-4, atol=1e-6)


def test_outputs_have_the_same_bits_in_any_order(make_net, make_examples):
    examples, net = make_examples(700, longest=30), make_net()
    outputs = net.predict_outputs(examples)
    order = np.random.default_rng(0).permutation(700)
    shuffled = EncodedDataset(examples.sequences.take(order))
    np.testing.assert_array_equal(net.predict_outputs(shuffled), outputs[order])


def test_prediction_drops_nothing_and_changes_nothing(make_net, make_examples):
    net = make_net(network={"dropout": 0.9})
    net.partial_fit(make_examples(), epochs=1)
    before = state_of(net)
    first, second = (net.predict_outputs(make_examples(9)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert_same_weights(state_of(net), before)


def test_prediction_takes_read_only_data(make_net, make_examples):
    examples = make_examples(5)
    steps = examples.sequences.steps
    values = steps.values.copy()
    values.flags.writeable = False
    read_only = EncodedDataset(EncodedSequences(steps.with_values(values)))
    net = make_net()
    np.testing.assert_array_equal(
        net.predict_outputs(read_only), net.predict_outputs(examples)
    )


# --- a target for every step ---------------------------------------------------------


def make_tagging_net(*, crf=False, seed=0, **options):
    """Return an initialized net that labels steps."""
    config = {
        "input_layer": {"n_features": 2},
        "n_outputs": 3,
        "crf": crf,
        "hidden_size": 4,
        "cell": "lstm",
        "num_layers": 1,
        "bidirectional": True,
        "dropout": 0.0,
    }
    module = build_network("tagging", config, torch.Generator().manual_seed(0))
    defaults = {"optimizer": torch.optim.SGD, "lr": 0.1, "callbacks": "disable"}
    options = {"batch_size": 8, "verbose": 0} | defaults | options
    criterion = PathLikelihood if crf else StepCrossEntropy
    return SequenceNet(module, criterion, seed=seed, **options).initialize()


def labelled(make_examples, n=30, *, weighted=False, **options):
    """Return examples with a class and, where asked, a weight for each step."""
    sequences = make_examples(n, **options).sequences
    rng = np.random.default_rng(1)
    n_steps = len(sequences.steps.values)
    targets = sequences.steps.with_values(rng.integers(3, size=n_steps))
    weights = rng.uniform(0.5, 2, size=n_steps).astype(np.float32)
    weights = sequences.steps.with_values(weights) if weighted else None
    return EncodedDataset(sequences, targets, weights)


def scores_of(net, sequence):
    x = torch.from_numpy(sequence.copy())[None]
    return net.module_(batch_of_one(x))


def logits_of(scores):
    return scores.logits


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
    weighted, most, make_examples, monkeypatch
):
    monkeypatch.setitem(batching.MAX_STEPS, "cpu", most)
    examples = labelled(make_examples, weighted=weighted)
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
    most, make_examples, monkeypatch
):
    monkeypatch.setitem(batching.MAX_STEPS, "cpu", most)
    examples = labelled(make_examples, 16, weighted=True)
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
    most, make_examples, monkeypatch
):
    monkeypatch.setitem(batching.MAX_STEPS, "cpu", most)
    examples = labelled(make_examples)
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


@pytest.mark.parametrize("longest", [1, 30])
@pytest.mark.parametrize(
    ("crf", "decode"), [(False, logits_of), (True, marginals), (True, best_path)]
)
def test_steps_come_in_the_users_order_without_padding(
    longest, crf, decode, make_examples
):
    examples = make_examples(300, longest=longest)
    net = make_tagging_net(crf=crf)
    result = net.predict_steps(examples, decode)
    assert isinstance(result, RaggedArray)
    assert result.lengths.tolist() == examples.lengths.tolist()
    with torch.no_grad():
        for i in range(0, 300, 5):
            got = result[i]
            expected = decode(scores_of(net, examples.sequences.steps[i]))[0].numpy()
            assert got.dtype == expected.dtype
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_steps_have_the_same_bits_in_any_order(make_examples):
    examples, net = make_examples(600, longest=30), make_tagging_net()
    result = net.predict_steps(examples, logits_of)
    order = np.random.default_rng(0).permutation(600)
    shuffled = net.predict_steps(
        EncodedDataset(examples.sequences.take(order)), logits_of
    )
    np.testing.assert_array_equal(shuffled.values, result.take(order).values)


@pytest.mark.parametrize("crf", [False, True])
def test_a_pickled_tagging_net_gives_equal_steps(crf, make_examples):
    net = make_tagging_net(crf=crf)
    net.partial_fit(labelled(make_examples), epochs=2)
    if crf:
        net.module_.crf.may_follow[0, 1] = False
    again = pickle.loads(pickle.dumps(net))
    examples = make_examples(9, seed=1)
    decode = marginals if crf else logits_of
    expected = net.predict_steps(examples, decode)
    np.testing.assert_array_equal(
        again.predict_steps(examples, decode).values, expected.values
    )
    if crf:
        assert not again.module_.crf.may_follow[0, 1]


# --- state ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make_copy", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))]
)
def test_a_pickled_net_gives_equal_outputs(make_copy, make_net, make_examples):
    net = make_net(network={"bidirectional": True, "dropout": 0.3})
    net.partial_fit(make_examples(), epochs=2)
    again = make_copy(net)
    examples = make_examples(9, seed=1)
    np.testing.assert_array_equal(
        again.predict_outputs(examples), net.predict_outputs(examples)
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
        network={"n_outputs": 2},
        criterion__quantiles=(0.1, 0.9),
        optimizer__weight_decay=0.25,
        batch_size=5,
        seed=11,
    )
    again = pickle.loads(pickle.dumps(net))
    assert again.criterion_.quantiles.tolist() == pytest.approx([0.1, 0.9])
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
        again.predict_outputs(make_examples()), net.predict_outputs(make_examples())
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


# --- devices -------------------------------------------------------------------------


def test_auto_is_the_gpu_where_there_is_one(monkeypatch):
    for available, device in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda value=available: value)
        assert resolve_device("auto") == device
    assert resolve_device("cpu") == "cpu"


@pytest.mark.parametrize("device", ["gpu", "cpu:x", "", "nonsense:0"])
def test_a_device_that_cannot_be_used_is_an_error(device):
    with pytest.raises(ValueError, match=f"device='{device}' cannot be used"):
        resolve_device(device)


def test_the_criterion_is_in_evaluation_mode_after_training(make_net, make_examples):
    net = make_net(SquaredError).partial_fit(make_examples(), epochs=1)
    assert not net.criterion_.training
    assert not net.module_.training


# --- pairs of sequences --------------------------------------------------------------

TRANSLATION = {
    "input_layer": {"n_features": 2},
    "n_outputs": 6,
    "target_dim": 3,
    "hidden_size": 4,
    "cell": "lstm",
    "num_layers": 1,
    "bidirectional": True,
    "attention": "general",
    "tie_weights": True,
    "dropout": 0.5,
}


def make_translator(**options):
    """Return a net that writes ids 2 to 4 and ends with 5."""
    network = build_network("translation", TRANSLATION, torch.Generator().manual_seed(0))
    defaults = {
        "optimizer": torch.optim.Adam,
        "lr": 0.05,
        "verbose": 0,
        "callbacks": "disable",
        "batch_size": 8,
    }
    net = SequenceNet(network, StepCrossEntropy, **(defaults | options)).initialize()
    net._set_training(False)
    return net


def make_pairs(n=30, seed=0, longest=9, *, weighted=False):
    """Return numeric sequences with targets of other lengths."""
    rng = np.random.default_rng(seed)
    lengths, target_lengths = rng.integers(1, longest + 1, size=(2, n))
    values = rng.normal(size=(lengths.sum(), 2)).astype(np.float32)
    steps = RaggedArray.from_lengths(values, lengths)
    targets = RaggedArray.from_lengths(
        rng.integers(2, 5, size=target_lengths.sum()), target_lengths
    )
    weights = rng.uniform(0.5, 2, size=n).astype(np.float32) if weighted else None
    return EncodedDataset(EncodedSequences(steps), targets, weights, forced=True)


def scores_one_by_one(net, pairs):
    """Return each pair's loss, summed step by step, without batches."""
    result = []
    for source, target in zip(pairs.sequences.steps, pairs.targets, strict=True):
        previous = torch.tensor([[0, *target[:-1]]])
        with torch.no_grad():
            inputs = batch_of_one(torch.tensor(source)[None])
            inputs |= {
                "previous": previous,
                "target_lengths": torch.tensor([len(target)]),
            }
            scores = net.module_(inputs)
        log_probabilities = scores.logits[0].double().log_softmax(-1)
        result.append(-sum(log_probabilities[t, i].item() for t, i in enumerate(target)))
    return np.array(result)


@pytest.mark.parametrize("longest", [1, 9])
def test_targets_are_scored_as_one_by_one(longest):
    net, pairs = make_translator(), make_pairs(longest=longest)
    scores = net.score_targets(pairs)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, scores_one_by_one(net, pairs), rtol=1e-5)


def test_targets_are_scored_without_weights_and_smoothing():
    weighted, plain = make_pairs(weighted=True), make_pairs()
    net = make_translator(criterion__label_smoothing=0.3)
    np.testing.assert_array_equal(net.score_targets(weighted), net.score_targets(plain))
    np.testing.assert_allclose(
        net.score_targets(plain), scores_one_by_one(net, plain), rtol=1e-5
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_the_training_loss_of_pairs_is_the_mean_over_target_steps(weighted):
    net, pairs = make_translator(), make_pairs(weighted=weighted)
    losses = net.score_targets(pairs)
    batches = list(net._training_batches(pairs))
    total = sum(net.validation_step(b)["loss"].item() * b.n_targets for b in batches)
    weights = pairs.weights if weighted else np.ones(30)
    assert total == pytest.approx(losses @ weights, rel=1e-5)
    assert sum(b.n_targets for b in batches) == pairs.target_lengths.sum()


def test_training_on_pairs_makes_their_targets_more_probable():
    net, pairs = make_translator(), make_pairs()
    before = net.score_targets(pairs).sum()
    net.partial_fit(pairs, pairs, epochs=10)
    assert net.score_targets(pairs).sum() < 0.95 * before
    assert net.history[-1]["valid_loss"] < net.history[0]["valid_loss"]


def test_the_attention_of_a_pair_does_not_depend_on_its_company():
    net, pairs = make_translator(), make_pairs()
    together = net.attention(pairs)
    for i, weights in enumerate(together):
        assert weights.shape == (pairs.target_lengths[i], pairs.lengths[i])
        np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-5)
        one = np.array([i])
        alone = EncodedDataset(
            pairs.sequences.take(one), pairs.targets.take(one), forced=True
        )
        np.testing.assert_allclose(net.attention(alone)[0], weights, rtol=1e-4, atol=1e-6)


def test_found_sequences_come_in_the_users_order(monkeypatch):
    net, pairs = make_translator(), make_pairs()
    monkeypatch.setattr(batching, "MAX_ROWS", 4)

    def search(network, inputs, indices):
        """Write each sequence's place, as often as it has steps."""
        lengths = inputs["lengths"].numpy()[:, None]
        tokens = np.broadcast_to(indices[:, None, None], (len(indices), 1, lengths.max()))
        return Hypotheses(tokens, lengths, -indices[:, None].astype(float))

    found = net.search(EncodedDataset(pairs.sequences), search)
    assert found.tokens[:, 0, 0].tolist() == list(range(30))
    assert found.lengths[:, 0].tolist() == pairs.lengths.tolist()
    assert found.log_probabilities[:, 0].tolist() == [-i for i in range(30)]


def test_a_pickled_net_keeps_tied_weights_tied():
    net, pairs = make_translator().partial_fit(make_pairs(), epochs=1), make_pairs()
    again = pickle.loads(pickle.dumps(net))
    assert again.n_parameters == net.n_parameters
    assert again.module_.head is None
    np.testing.assert_array_equal(again.score_targets(pairs), net.score_targets(pairs))
