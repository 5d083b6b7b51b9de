"""Several samples of each sequence: their form, and what they do not depend on."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from skrnn.data.ragged import object_array
from skrnn.training import generation


def plain(samples):
    """Return samples as plain Python, arrays of features as nested lists."""
    return [
        [s.tolist() if isinstance(s, np.ndarray) else s for s in row] for row in samples
    ]


@pytest.fixture
def fitted(make_sampler, X):
    """Return an estimator that samples, fitted to X."""
    return make_sampler.fit(X)


@pytest.fixture
def draw(make_sampler):
    """Return a function that gives an estimator's samples as plain Python."""

    def draw(model, X, n_samples=3, random_state=0, **how):
        arguments = {"n_samples": n_samples, "random_state": random_state, **how}
        return plain(make_sampler.samples(model, X, **arguments))

    return draw


def test_each_sequence_gets_a_list_of_samples_in_the_form_of_a_prediction(
    make_sampler, fitted, X
):
    found = make_sampler.samples(fitted, X, n_samples=3, random_state=0)
    assert found.shape == (24,)
    assert found.dtype == object
    assert {type(row) for row in found} == {list}
    assert {len(row) for row in found} == {3}
    kinds = {type(sample) for row in found for sample in row}
    assert kinds == set(map(type, fitted.predict(X)))
    one = make_sampler.samples(fitted, X, n_samples=1, random_state=0)
    assert {len(row) for row in one} == {1}  # a list all the same


@pytest.mark.parametrize("container", [tuple, object_array, pd.Series])
def test_samples_are_the_same_in_every_container(fitted, X, draw, container):
    assert draw(fitted, container(X)) == draw(fitted, X)


def test_samples_do_not_depend_on_the_other_sequences(fitted, X, draw):
    together = draw(fitted, X)
    assert draw(fitted, X[:9]) == together[:9]
    assert draw(fitted, [*X[:9], *X[:2]])[:9] == together[:9]


def test_more_samples_leave_the_first_ones_as_they_are(fitted, X, draw):
    assert [row[:3] for row in draw(fitted, X, 5)] == draw(fitted, X)


def test_samples_of_a_sequence_differ_and_equal_sequences_get_others(fitted, X, draw):
    found = draw(fitted, [X[1]] * 6, 6, temperature=3.0)
    assert len({repr(sample) for row in found for sample in row}) > 6
    assert len({repr(row) for row in found}) == 6


def test_the_number_of_samples_that_are_drawn_together_does_not_matter(
    fitted, X, draw, monkeypatch
):
    expected = draw(fitted, X)
    for device in ("cpu", "cuda"):
        monkeypatch.setitem(generation.MAX_ROWS, device, 4)
    assert draw(fitted, X) == expected


def test_the_same_random_state_gives_the_same_samples(fitted, X, draw):
    first = draw(fitted, X, random_state=3, temperature=2.0)
    assert draw(fitted, X, random_state=3, temperature=2.0) == first
    assert draw(fitted, X, random_state=4, temperature=2.0) != first
    np.random.seed(0)
    drawn = [draw(fitted, X, random_state=None, temperature=2.0) for _ in range(2)]
    assert drawn[0] != drawn[1]
    np.random.seed(0)
    assert draw(fitted, X, random_state=None, temperature=2.0) == drawn[0]


def test_a_restored_model_draws_the_same_samples(fitted, X, draw):
    assert draw(pickle.loads(pickle.dumps(fitted)), X) == draw(fitted, X)


def test_sampling_changes_nothing_of_the_model(fitted, X, draw, outputs):
    before, expected = dict(vars(fitted)), outputs(fitted, X)
    draw(fitted, X)
    assert vars(fitted) == before
    assert_array_equal(outputs(fitted, X), expected)


def test_greedy_samples_are_all_the_most_probable(fitted, X, draw):
    before = np.random.get_state()[2]
    greedy = draw(fitted, X, temperature=0.0, random_state=None)
    assert np.random.get_state()[2] == before  # nothing is drawn
    assert all(row[1:] == row[:-1] for row in greedy)
    assert draw(fitted, X, temperature=1e-7) == greedy


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"n_samples": 2.0}, "n_samples"),
        ({"n_samples": "3"}, "n_samples"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": None}, "temperature"),
        ({"temperature": np.nan}, "temperature"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": 1.5}, "top_k"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.1}, "top_p"),
    ],
)
def test_an_argument_out_of_its_range_is_named(make_sampler, words, how, name):
    model = make_sampler.fit(words)
    message = rf"'{name}' parameter of {type(model).__name__}\.\w+ must be"
    with pytest.raises(ValueError, match=message):
        make_sampler.samples(model, words, **{"n_samples": 1, **how})
