"""Predictions against the network run on one sequence at a time."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import skorch.callbacks
import torch

from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.generation.hypotheses import Hypotheses
from skrnn.modules.crf import best_path, best_path_log_likelihood, marginals
from skrnn.modules.parallel import one_thread_each
from skrnn.training import inference, order
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import (
    attention_weights,
    predict_outputs,
    predict_steps,
    prediction_batches,
    score_targets,
    search,
)
from skrnn.training.order import prediction_order


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


def logits_of(scores):
    return scores.logits


@pytest.mark.parametrize("longest", [1, 30])
def test_outputs_come_in_the_users_order(longest, make_net, make_examples):
    examples = make_examples(700, longest=longest)
    net = make_net()
    outputs = predict_outputs(net, examples)
    assert outputs.shape == (700, 1)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, one_by_one(net, examples), rtol=1e-4, atol=1e-6)


def test_outputs_have_the_same_bits_in_any_order(make_net, make_examples):
    examples, net = make_examples(700, longest=30), make_net()
    outputs = predict_outputs(net, examples)
    order = np.random.default_rng(0).permutation(700)
    shuffled = EncodedDataset(examples.sequences.take(order))
    np.testing.assert_array_equal(predict_outputs(net, shuffled), outputs[order])


def test_outputs_may_be_decoded_batch_by_batch(make_tagging_net, make_examples):
    examples, net = make_examples(300, longest=30), make_tagging_net(crf=True)
    result = predict_outputs(net, examples, best_path_log_likelihood)
    assert result.shape == (300,)
    assert result.dtype == np.float64
    with torch.no_grad():
        alone = [
            best_path_log_likelihood(scores_of(net, sequence)).item()
            for sequence in examples.sequences.steps
        ]
    np.testing.assert_allclose(result, alone, rtol=1e-4, atol=1e-6)


def test_prediction_drops_nothing_and_changes_nothing(make_net, make_examples):
    net = make_net(network={"dropout": 0.9})
    net.partial_fit(make_examples(), epochs=1)
    before = state_of(net)
    first, second = (predict_outputs(net, make_examples(9)) for _ in range(2))
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
        predict_outputs(net, read_only), predict_outputs(net, examples)
    )


@pytest.mark.parametrize("longest", [1, 30])
@pytest.mark.parametrize(
    ("crf", "decode"), [(False, logits_of), (True, marginals), (True, best_path)]
)
def test_steps_come_in_the_users_order_without_padding(
    make_tagging_net, longest, crf, decode, make_examples
):
    examples = make_examples(300, longest=longest)
    net = make_tagging_net(crf=crf)
    result = predict_steps(net, examples, decode)
    assert isinstance(result, RaggedArray)
    assert result.lengths.tolist() == examples.lengths.tolist()
    with torch.no_grad():
        for i in range(0, 300, 5):
            got = result[i]
            expected = decode(scores_of(net, examples.sequences.steps[i]))[0].numpy()
            assert got.dtype == expected.dtype
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_steps_have_the_same_bits_in_any_order(make_tagging_net, make_examples):
    examples, net = make_examples(600, longest=30), make_tagging_net()
    result = predict_steps(net, examples, logits_of)
    order = np.random.default_rng(0).permutation(600)
    shuffled = predict_steps(
        net, EncodedDataset(examples.sequences.take(order)), logits_of
    )
    np.testing.assert_array_equal(shuffled.values, result.take(order).values)


@pytest.mark.parametrize("crf", [False, True])
def test_a_pickled_tagging_net_gives_equal_steps(
    label_steps, make_tagging_net, crf, make_examples
):
    net = make_tagging_net(crf=crf)
    net.partial_fit(label_steps(), epochs=2)
    if crf:
        net.module_.crf.may_follow[0, 1] = False
    again = pickle.loads(pickle.dumps(net))
    examples = make_examples(9, seed=1)
    decode = marginals if crf else logits_of
    expected = predict_steps(net, examples, decode)
    np.testing.assert_array_equal(
        predict_steps(again, examples, decode).values, expected.values
    )
    if crf:
        assert not again.module_.crf.may_follow[0, 1]


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
def test_targets_are_scored_as_one_by_one(make_pairs, make_translator, longest):
    net, pairs = make_translator(), make_pairs(longest=longest)
    scores = score_targets(net, pairs)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, scores_one_by_one(net, pairs), rtol=1e-5)


def test_targets_are_scored_without_weights_and_smoothing(make_pairs, make_translator):
    weighted, plain = make_pairs(weighted=True), make_pairs()
    net = make_translator(criterion__label_smoothing=0.3)
    np.testing.assert_array_equal(score_targets(net, weighted), score_targets(net, plain))
    np.testing.assert_allclose(
        score_targets(net, plain), scores_one_by_one(net, plain), rtol=1e-5
    )


def test_the_attention_of_a_pair_does_not_depend_on_its_company(
    make_pairs, make_translator
):
    net, pairs = make_translator(), make_pairs()
    together = attention_weights(net, pairs)
    for i, weights in enumerate(together):
        assert weights.shape == (pairs.target_lengths[i], pairs.lengths[i])
        np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-5)
        one = np.array([i])
        alone = EncodedDataset(
            pairs.sequences.take(one), pairs.targets.take(one), forced=True
        )
        np.testing.assert_allclose(
            attention_weights(net, alone)[0], weights, rtol=1e-4, atol=1e-6
        )


def test_found_sequences_come_in_the_users_order(
    make_pairs, make_translator, monkeypatch
):
    net, pairs = make_translator(), make_pairs()
    monkeypatch.setattr(order, "MAX_ROWS", 4)

    def find(network, inputs, indices):
        """Return each sequence's place, as often as it has steps."""
        lengths = inputs["lengths"].numpy()[:, None]
        tokens = np.broadcast_to(indices[:, None, None], (len(indices), 1, lengths.max()))
        return Hypotheses(tokens, lengths, -indices[:, None].astype(float))

    found = search(net, EncodedDataset(pairs.sequences), find)
    assert found.tokens[:, 0, 0].tolist() == list(range(30))
    assert found.lengths[:, 0].tolist() == pairs.lengths.tolist()
    assert found.log_probabilities[:, 0].tolist() == [-i for i in range(30)]


def test_a_prediction_in_the_middle_of_an_epoch_drops_nothing(make_net, make_examples):
    class Predicts(skorch.callbacks.Callback):
        def on_batch_end(self, net, training=False, **kwargs):
            both.append([predict_outputs(net, make_examples(9)) for _ in range(2)])
            modes.append(net.module_.training)

    both, modes = [], []
    net = make_net(network={"dropout": 0.5})
    twin = make_net(network={"dropout": 0.5})
    net.use_callbacks([Predicts()])
    for one in (net, twin):
        one.partial_fit(make_examples(), epochs=1)
    for first, second in both:
        np.testing.assert_array_equal(first, second)
    assert all(modes)
    assert_same_weights(state_of(net), state_of(twin))


# --- batches side by side ----------------------------------------------------------------


@pytest.fixture
def four_threads():
    """Run calls side by side in four threads, on any machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    with one_thread_each():
        yield
    torch.set_num_threads(before)


def groups(net, lengths):
    steps = RaggedArray.from_lengths(np.ones((sum(lengths), 2), np.float32), lengths)
    batches = prediction_batches(
        net, EncodedDataset(EncodedSequences(steps)), halved=True
    )
    return list(inference._together(net, batches.sizes))


@pytest.mark.usefixtures("four_threads")
def test_few_batches_of_very_long_sequences_run_at_once(make_net):
    most = order.MAX_STEPS["cpu"]
    assert groups(make_net(), [100] * 320) == [4, 4, 2]
    assert groups(make_net(), [6 * most] * 4) == [1, 1, 1, 1]
    assert groups(make_net(), [3 * most] * 4) == [2, 2]
    net = make_net()
    net.device = "meta"  # none that has threads
    assert groups(net, [100] * 600) == [1, 1, 1]


def test_a_prediction_has_two_batches_unless_it_is_small(make_net):
    def sizes(lengths, **options):
        steps = RaggedArray.from_lengths(np.ones((sum(lengths), 2), np.float32), lengths)
        dataset = EncodedDataset(EncodedSequences(steps))
        return [len(rows) for rows in prediction_order(dataset, 3200, **options)]

    assert sizes([20] * 60) == [60]
    assert sizes([20] * 60, halved=True) == [30, 30]
    assert sizes([20] * 51, halved=True) == [51]
    assert sizes([100] * 31, halved=True) == [31]
    assert sizes([4] * 300, halved=True) == [150, 150]
