"""Attributions against closed forms, numeric gradients and one prediction at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skrnn.data.encoded import EncodedSequences
from skrnn.training import attribution
from skrnn.training.attribution import METHODS, attribute, chosen_output, log_odds
from skrnn.training.dataset import EncodedDataset


def zeros_like(sequences):
    steps = sequences.steps
    return EncodedSequences(steps.with_values(np.zeros_like(steps.values)))


def attribution_of(net, examples, method="integrated_gradients", n_points=32):
    sequences = examples.sequences
    return attribute(
        net,
        EncodedDataset(sequences),
        zeros_like(sequences),
        np.zeros(len(examples), np.int64),
        chosen_output,
        lengths=examples.lengths,
        method=method,
        n_points=n_points,
    )


def output_of(net, x):
    inputs = {"features": torch.from_numpy(x)[None], "lengths": torch.tensor([len(x)])}
    with torch.no_grad():
        return float(net.module_(inputs)[0, 0])


def test_log_odds_are_those_of_the_softmax():
    logits = torch.tensor([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]])
    p = logits.softmax(1)[[0, 1], [1, 2]]
    found = log_odds(logits, torch.tensor([1, 2]))
    torch.testing.assert_close(found, torch.log(p / (1 - p)))


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention", "concat"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_integrated_gradients_add_up_to_the_change_of_the_score(
    cell, pooling, make_net, make_examples
):
    network = {"cell": cell, "pooling": pooling, "bidirectional": True}
    net, examples = make_net(network=network), make_examples()
    n_points = (
        400 if pooling in ("max", "concat") or cell == "rnn_relu" else 32
    )  # they have kinks
    found = attribution_of(net, examples, n_points=n_points)
    sums = np.array([values.sum() for values in found.steps])
    change = found.scores - found.baseline_scores
    tolerance = 2e-3 if n_points > 32 else 1e-5
    np.testing.assert_allclose(sums, change, atol=tolerance)
    assert np.abs(change).max() > 0.05


@pytest.mark.parametrize("pooling", ["last", "max"])
def test_points_are_added_until_the_shares_add_up(
    pooling, make_net, make_examples, monkeypatch
):
    network = {"pooling": pooling, "bidirectional": True}
    net, examples = make_net(network=network), make_examples()
    counts = []
    scores = attribution.Embedded.scores
    monkeypatch.setattr(
        attribution.Embedded,
        "scores",
        lambda *args: (counts.append(len(args[2])), scores(*args))[1],
    )

    def cost(tolerance, n_points=None):
        monkeypatch.setattr(attribution, "TOLERANCE", tolerance)
        counts.clear()
        found = attribution_of(net, examples, n_points=n_points)
        sums = np.array([values.sum() for values in found.steps])
        gap = np.abs(sums - (found.scores - found.baseline_scores))
        size = np.array([np.abs(values).sum() for values in found.steps])
        assert n_points or (gap <= max(tolerance, 0.004) * size + 1e-4).all()
        return sum(counts), found.steps.values

    exact = cost(0.0, 500)[1]
    loose, at_first = cost(1.0)
    usual, found = cost(0.01)
    strict, after = cost(1e-3)
    assert loose == (9 + 2) * len(examples)  # and once each for the two scores
    assert loose <= usual <= strict
    assert usual < cost(0.0, 32)[0]
    assert np.abs(after - exact).sum() < np.abs(at_first - exact).sum()
    assert np.abs(found - exact).sum() < 0.03 * np.abs(exact).sum()


def test_points_go_where_the_score_jumps(make_net, make_examples, monkeypatch):
    net, examples = make_net(network={"pooling": "last"}), make_examples(n=4)
    monkeypatch.setattr(
        attribution.Embedded, "scores", lambda batch, x, rows: x.sum((1, 2)).mul(9).tanh()
    )  # steep near the baseline, flat beyond it
    places = []
    path_shares = attribution._all_path_shares

    def recorded(batch, rows, place, parts):
        places.append(place)
        return path_shares(batch, rows, place, parts)

    monkeypatch.setattr(attribution, "_all_path_shares", recorded)
    found = attribution_of(net, examples, n_points=None)
    later = torch.cat(places[1:])
    assert len(later)
    assert later.max() < 0.5
    sums = [values.sum() for values in found.steps]
    np.testing.assert_allclose(sums, found.scores - found.baseline_scores, atol=0.02)


def test_no_more_than_the_most_points_are_taken(make_net, make_examples, monkeypatch):
    monkeypatch.setattr(attribution, "TOLERANCE", -1.0)  # never enough
    monkeypatch.setattr(attribution, "MAX_POINTS", 27)
    net, examples = make_net(network={"pooling": "last"}), make_examples()
    found = attribution_of(net, examples, n_points=None).steps.values
    expected = attribution_of(net, examples).steps.values
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_integrated_gradients_are_the_mean_of_numeric_gradients(make_net, make_examples):
    net, examples = make_net(), make_examples(n=2, longest=4)
    found = attribution_of(net, examples)
    for x, values in zip(examples.sequences.steps, found.steps, strict=True):
        total = np.zeros(x.shape)
        places = (np.arange(40) + 0.5) / 40
        for place in places:
            for t, j in np.ndindex(x.shape):
                change = np.zeros_like(x)
                change[t, j] = 1e-2
                above = output_of(net, (place * x + change).astype(np.float32))
                below = output_of(net, (place * x - change).astype(np.float32))
                total[t, j] += (above - below) / 2e-2 / len(places)
        np.testing.assert_allclose(values, (total * x).sum(1), atol=1e-4)


def test_occlusion_is_the_fall_of_the_prediction_without_a_step(make_net, make_examples):
    net, examples = make_net(), make_examples(n=12)
    found = attribution_of(net, examples, "occlusion")
    for x, values in zip(examples.sequences.steps, found.steps, strict=True):
        for t in range(len(x)):
            without = x.copy()
            without[t] = 0.0
            fall = output_of(net, x) - output_of(net, without)
            assert values[t] == pytest.approx(fall, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_sequence_has_the_same_attribution_alone_and_beside_longer_ones(
    method, make_net, make_examples
):
    network = {"bidirectional": True, "pooling": "attention"}
    net, examples = make_net(network=network), make_examples(n=9)
    together = attribution_of(net, examples, method)
    for i in range(9):
        one = EncodedDataset(examples.sequences.take(np.array([i])))
        alone = attribution_of(net, one, method)
        np.testing.assert_allclose(alone.steps[0], together.steps[i], atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_the_size_of_a_call_changes_nothing(method, make_net, make_examples, monkeypatch):
    net, examples = make_net(), make_examples()
    expected = attribution_of(net, examples, method)
    monkeypatch.setattr(attribution, "max_steps", lambda device: 10)
    found = attribution_of(net, examples, method)
    np.testing.assert_allclose(found.steps.values, expected.steps.values, atol=1e-6)


def test_weights_and_their_gradients_stay_as_they_were(make_net, make_examples):
    net, examples = make_net(), make_examples()
    before = {name: w.clone() for name, w in net.module_.state_dict().items()}
    for method in METHODS:
        attribution_of(net, examples, method)
    for name, weight in net.module_.named_parameters():
        assert weight.grad is None, name
        assert torch.equal(weight, before[name]), name
