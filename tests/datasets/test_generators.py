"""Generated problems are reproducible and have the documented form and difficulty."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from skrnn.datasets import (
    make_adding_problem,
    make_delayed_recall,
    make_moving_digits,
    make_sentences,
    make_switches,
    make_temporal_order,
    make_waves,
)

GENERATORS = [
    make_adding_problem,
    make_delayed_recall,
    make_moving_digits,
    make_sentences,
    make_switches,
    make_temporal_order,
    make_waves,
]


def n_steps(sequence):
    return len(sequence.split() if isinstance(sequence, str) else sequence)


@pytest.mark.parametrize("make", GENERATORS)
def test_lengths_take_every_value_between_their_bounds(make):
    X, y = make(300, min_steps=11, max_steps=14, random_state=0)
    assert len(X) == len(y) == 300
    assert set(map(n_steps, X)) == {11, 12, 13, 14}


@pytest.mark.parametrize("make", GENERATORS)
def test_the_same_random_state_gives_the_same_sequences(make):
    X, y = make(20, random_state=3)
    again, y_again = make(20, random_state=np.random.RandomState(3))
    others, _ = make(20, random_state=4)
    assert [np.array(a).tolist() for a in X] == [np.array(a).tolist() for a in again]
    assert [np.array(a).tolist() for a in y] == [np.array(a).tolist() for a in y_again]
    assert [np.array(a).tolist() for a in X] != [np.array(a).tolist() for a in others]


@pytest.mark.parametrize("make", GENERATORS)
def test_parameters_out_of_range_are_named(make):
    with pytest.raises(ValueError, match="n_samples == 0, must be >= 1"):
        make(0)
    with pytest.raises(ValueError, match="min_steps == 0, must be >="):
        make(min_steps=0)
    with pytest.raises(ValueError, match="max_steps == 11, must be >= 12"):
        make(min_steps=12, max_steps=11)
    with pytest.raises(TypeError, match="max_steps must be an instance of int"):
        make(max_steps=30.5)


def test_the_class_of_delayed_recall_is_its_first_step():
    X, y = make_delayed_recall(400, n_classes=3, n_distractors=2, random_state=0)
    assert [sequence[0] for sequence in X] == y.tolist()
    assert set(y) == {"A", "B", "C"}
    assert {token for sequence in X for token in sequence[1:]} == {"a", "b"}
    assert np.bincount(np.searchsorted(["A", "B", "C"], y)).min() > 100


def test_delayed_recall_as_vectors_equals_that_as_tokens():
    arguments = {"n_classes": 2, "n_distractors": 3, "random_state": 0}
    tokens, y = make_delayed_recall(10, **arguments)
    vectors, y_vectors = make_delayed_recall(10, encoding="one_hot", **arguments)
    assert vectors[0].dtype == np.float32
    names = np.array(["A", "B", "a", "b", "c"])
    assert [names[v.argmax(axis=1)].tolist() for v in vectors] == tokens
    assert all((v.sum(axis=1) == 1).all() for v in vectors)
    assert y.tolist() == y_vectors.tolist()


def test_delayed_recall_refuses_unknown_encodings_and_class_counts():
    with pytest.raises(ValueError, match="encoding must be"):
        make_delayed_recall(encoding="binary")
    with pytest.raises(ValueError, match="n_classes == 1, must be >= 2"):
        make_delayed_recall(n_classes=1)
    with pytest.raises(ValueError, match="n_distractors == 27, must be <= 26"):
        make_delayed_recall(n_distractors=27)


def test_adding_marks_one_number_in_each_half_and_asks_for_their_sum():
    X, y = make_adding_problem(200, min_steps=2, max_steps=7, random_state=0)
    for sequence, total in zip(X, y, strict=True):
        first, second = np.flatnonzero(sequence[:, 1])
        assert first < len(sequence) // 2 <= second
        assert set(sequence[:, 1]) <= {0.0, 1.0}
        np.testing.assert_allclose(sequence[[first, second], 0].sum(), total, rtol=1e-6)


def test_a_constant_prediction_of_one_has_the_stated_error_on_adding():
    _, y = make_adding_problem(20_000, random_state=0)
    assert abs(np.mean((y - 1) ** 2) - 1 / 6) < 0.005


def test_adding_needs_two_steps():
    with pytest.raises(ValueError, match="min_steps == 1, must be >= 2"):
        make_adding_problem(min_steps=1)


def test_waves_without_noise_have_the_stated_frequency():
    X, y = make_waves(
        30, n_classes=2, noise=0, min_steps=64, max_steps=64, random_state=0
    )
    peak = [np.abs(np.fft.rfft(sequence[:, 0])).argmax() for sequence in X]
    assert peak == [64 * (label + 1) // 8 for label in y]
    assert X[0].dtype == np.float32


def test_single_steps_of_waves_carry_no_information():
    X, y = make_waves(4000, n_classes=2, min_steps=1, max_steps=1, random_state=0)
    values = np.array(X)[:, 0, 0]
    assert abs(values[y == 0].mean() - values[y == 1].mean()) < 0.06
    assert abs(values.std() - np.sqrt(0.5 + 0.3**2)) < 0.03  # any phase is as likely
    assert abs(values[y == 0].std() - values[y == 1].std()) < 0.06


def test_waves_refuse_negative_noise():
    with pytest.raises(ValueError, match="noise == -1, must be >= 0"):
        make_waves(noise=-1)


def test_word_counts_are_right_half_of_the_time():
    X, y = make_sentences(3000, random_state=0)
    for classifier in (MultinomialNB(), LogisticRegression(C=0.1)):
        model = make_pipeline(CountVectorizer(), classifier).fit(X[:2000], y[:2000])
        assert abs(model.score(X[2000:], y[2000:]) - 0.5) < 0.05


def test_counts_of_neighbouring_words_solve_a_part():
    X, y = make_sentences(3000, random_state=0)
    pairs = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\S+")
    model = make_pipeline(pairs, LogisticRegression()).fit(X[:2000], y[:2000])
    assert 0.6 < model.score(X[2000:], y[2000:]) < 0.95


def test_each_pulse_inverts_the_state_of_the_switch():
    X, y = make_switches(100, noise=0, rate=0.2, random_state=0)
    for sequence, labels in zip(X, y, strict=True):
        assert sequence.dtype == np.float32
        assert sequence.shape == (len(labels), 1)
        assert set(sequence[:, 0]) <= {0.0, 1.0}
        on = False
        for value, label in zip(sequence[:, 0], labels, strict=True):
            on ^= value == 1
            assert label == ("on" if on else "off")


def test_pulses_of_the_switch_have_the_stated_rate_and_noise():
    arguments = {"n_samples": 300, "rate": 0.1, "random_state": 0}
    clean, y = make_switches(noise=0, **arguments)
    noisy, y_noisy = make_switches(noise=0.4, **arguments)
    assert [a.tolist() for a in y] == [a.tolist() for a in y_noisy]
    pulses = np.concatenate(clean)
    assert abs(pulses.mean() - 0.1) < 0.005
    assert abs((np.concatenate(noisy) - pulses).std() - 0.4) < 0.01
    assert abs(np.mean(np.concatenate(y) == "on") - 0.5) < 0.1


def test_the_steps_around_do_not_determine_the_state_of_the_switch():
    arguments = {"rate": 0.05, "noise": 0, "min_steps": 80, "max_steps": 80}
    X, y = make_switches(2000, random_state=0, **arguments)
    x, on = np.array(X)[:, :, 0], np.array(y) == "on"
    far = np.lib.stride_tricks.sliding_window_view(x, 5, axis=1).sum(2) == 0
    assert far.mean() > 0.7
    late = np.arange(2, 78) > 40  # the beginning is off
    assert abs(on[:, 2:-2][far & late].mean() - 0.5) < 0.03


def test_the_switch_refuses_rates_and_noise_out_of_range():
    for rate in (0.0, 1.0, -0.1):
        with pytest.raises(ValueError, match=f"rate == {rate}, must be"):
            make_switches(rate=rate)
    with pytest.raises(ValueError, match="noise == -1, must be >= 0"):
        make_switches(noise=-1)
