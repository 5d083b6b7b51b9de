"""Invariants of every estimator: batches, order, lengths, seeds, refits."""

from __future__ import annotations

import pickle
import re
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skrnn.modules.recurrent import CELLS
from skrnn.training import optimizers


def trimmed(outputs, like):
    """Return rows that were filled up to a common width at the width of others."""
    assert not outputs[:, like.shape[1] :].any()
    return outputs[:, : like.shape[1]]


def assert_same_in_order(case, model, X, order):
    """Assert that the order of X does not matter; a generator rounds by batch."""
    got, expected = case.outputs(model, [X[i] for i in order]), case.outputs(model, X)
    rounding = 1e-6 if case.answer == "itself" else 0
    assert_allclose(got, expected[order], rtol=rounding, atol=rounding)


# --- alone, in any batch, in any order -----------------------------------------------


def test_the_order_of_the_sequences_changes_no_bit(make_estimator, X, y, answers, rng):
    model = make_estimator().fit(X, y)
    order = rng.permutation(len(X))
    assert_same_in_order(make_estimator, model, X, order)
    predicted = answers(model, X)
    assert answers(model, [X[i] for i in order]) == [predicted[i] for i in order]


def test_the_order_of_more_sequences_than_one_batch_holds_changes_no_bit(
    make_estimator, numbers, y, rng
):
    model = make_estimator().fit(numbers, y)
    many = [rng.normal(size=(n, 3)) for n in rng.integers(1, 7, size=600)]
    many = make_estimator.numeric(many)
    assert_same_in_order(make_estimator, model, many, rng.permutation(len(many)))


def test_the_order_of_unseen_words_changes_no_bit(make_estimator, words, y, rng):
    model = make_estimator().fit(words, y)
    letters = np.array(list("oakelmsh"))
    unseen = [["".join(letters[rng.integers(8, size=5)])] for _ in range(600)]
    assert_same_in_order(make_estimator, model, unseen, rng.permutation(len(unseen)))


# --- lengths -------------------------------------------------------------------------


def test_sequences_of_length_one_are_enough(make_estimator, X, outputs):
    single = [sequence[:1] for sequence in X]
    model = make_estimator.fit(single)
    expected = outputs(model, single)
    mixed = outputs(model, X[:3] + single)[3:]
    assert_allclose(trimmed(mixed, expected), expected, rtol=1e-5, atol=1e-6)


def test_one_sequence_is_enough_to_fit(make_estimator, X, outputs):
    model = make_estimator.fit(X[:1])
    predicted = outputs(model, X)
    assert len(predicted) == len(X)
    assert np.isfinite(predicted).all()


# --- the same again ------------------------------------------------------------------


def test_the_same_random_state_gives_the_same_bits(make_any, X, y, outputs):
    def fit(seed):
        np.random.seed(seed)
        torch.manual_seed(seed)
        return make_any(random_state=3).fit(X, y)

    numpys, torchs = np.random.get_state(), torch.get_rng_state()
    try:
        first, second = fit(0), fit(1)
    finally:
        np.random.set_state(numpys)
        torch.set_rng_state(torchs)
    assert_array_equal(outputs(first, X), outputs(second, X))
    assert_array_equal(first.history_["train_loss"], second.history_["train_loss"])


def test_another_random_state_gives_another_network(make_any, X, y, outputs):
    first, second = (make_any(random_state=seed).fit(X, y) for seed in (3, 4))
    assert not np.allclose(outputs(first, X), outputs(second, X), rtol=1e-4)


def test_a_random_state_object_advances_with_each_fit(make_any, X, y, outputs):
    state = np.random.RandomState(0)
    model = make_any(random_state=state)
    first, second = (outputs(model.fit(X, y), X) for _ in range(2))
    assert not np.allclose(first, second, rtol=1e-4)


def test_without_random_state_numpys_global_seed_decides(make_any, X, y, outputs):
    state = np.random.get_state()
    try:
        np.random.seed(5)
        first = outputs(make_any(random_state=None).fit(X, y), X)
        other = outputs(make_any(random_state=None).fit(X, y), X)
        np.random.seed(5)
        again = outputs(make_any(random_state=None).fit(X, y), X)
    finally:
        np.random.set_state(state)
    assert_array_equal(first, again)
    assert not np.allclose(first, other, rtol=1e-4)


def test_a_second_fit_forgets_the_first(make_estimator, X, words, y, outputs):
    expected = make_estimator().fit(X, y)
    model = make_estimator().fit(words[::-1], make_estimator.targets(words[::-1]))
    model.fit(X, y)
    assert_array_equal(outputs(model, X), outputs(expected, X))
    assert set(vars(model)) == set(vars(expected))
    assert len(model.history_) == 2


def test_a_fit_on_tokens_forgets_one_on_frames(make_estimator, words, cube, y):
    frame = pd.DataFrame(cube[:, :, 0], columns=list("abcde"))
    model = make_estimator().fit(frame, make_estimator.targets(cube))
    assert model.feature_names_in_.tolist() == list("abcde")
    model.fit(words, y)
    assert not hasattr(model, "feature_names_in_")
    assert not hasattr(model, "n_features_in_")
    lowered = make_estimator.has("lowercase")
    assert set(model.vocabulary_) == {
        *("oak", "elm", "ash", "fir", "may"),
        "yew" if lowered else "Yew",
    }
    model.fit(frame, make_estimator.targets(cube))
    assert not hasattr(model, "vocabulary_")
    assert model.n_features_in_ == 5


# --- what fit learns of X ------------------------------------------------------------


def test_the_number_of_features_is_that_of_a_step_or_of_the_columns(
    make_estimator, cube, numbers, words, y
):
    square = cube[:, :, 0].copy()
    assert make_estimator.fit(square).n_features_in_ == 5
    assert make_estimator.fit(list(square)).n_features_in_ == 1
    assert make_estimator.fit(cube).n_features_in_ == 2
    assert make_estimator().fit(numbers, y).n_features_in_ == 3
    assert not hasattr(make_estimator().fit(words, y), "n_features_in_")


def test_another_number_of_columns_is_refused_after_columns_only(make_estimator, cube):
    square = cube[:, :, 0].copy()
    model = make_estimator.fit(square)
    with pytest.raises(ValueError, match=r"X has 4 features, but .* is expecting 5"):
        model.predict(square[:, :4])
    assert len(model.predict(list(square[:, :4]))) == 24
    assert len(model.predict(square[:, :4, None])) == 24
    after_lists = make_estimator.fit(list(square))
    assert len(after_lists.predict(square[:, :4])) == 24


def test_the_history_has_a_row_for_each_epoch(make_any, X, y):
    model = make_any(max_epochs=4).fit(X, y)
    assert model.n_iter_ == 4
    assert model.history_.index.tolist() == [1, 2, 3, 4]
    assert model.history_.columns.tolist() == [
        *("train_loss", "valid_loss", "train_score", "valid_score", "lr"),
        *("gradient_norm", "max_gradient_norm", "skipped_updates", "seconds"),
    ]
    validated = {"valid_loss", "train_score", "valid_score"}
    known = model.history_.drop(columns=list(validated))
    assert np.isfinite(known).all(axis=None)
    assert model.history_[list(validated)].isna().all(axis=None)
    assert (model.history_["seconds"] > 0).all()
    norm, largest = model.history_["gradient_norm"], model.history_["max_gradient_norm"]
    assert ((norm > 0) & (norm <= largest)).all()


def test_the_number_of_parameters_is_that_of_the_network(make_any, X, y):
    model = make_any().fit(X, y)
    weights = model.net_.module_.parameters()
    assert model.n_parameters_ == sum(weight.numel() for weight in weights) > 0


# --- no side effects -----------------------------------------------------------------


def test_nothing_is_printed_or_saved_unless_asked(
    make_any, X, y, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    model = make_any(early_stopping=True).fit(X, y)
    model.set_params(early_stopping="auto").partial_fit(X, y)
    model.predict(X)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
    assert list(tmp_path.iterdir()) == []


def test_verbose_prints_the_progress_or_a_row_an_epoch(make_any, X, y, capsys):
    make_any(verbose=1, max_epochs=3).fit(X, y)
    first, last = capsys.readouterr().out.splitlines()
    assert re.match(r"epoch 1 of 3, \d:\d\d left, train_loss ", first)
    assert re.match(r"epoch 3 of 3, \d:\d\d in all, train_loss ", last)
    make_any(verbose=2, max_epochs=3).fit(X, y)
    names, *rows = capsys.readouterr().out.splitlines()
    assert names.split()[:2] == ["epoch", "train_loss"]
    assert [row.split()[0] for row in rows] == ["1/3", "2/3", "3/3"]


def test_training_leaves_torchs_settings_alone(make_any, X, y):
    def settings():
        return (
            torch.get_num_threads(),
            torch.is_grad_enabled(),
            torch.get_default_dtype(),
            torch.are_deterministic_algorithms_enabled(),
        )

    before = settings()
    make_any().fit(X, y).predict(X)
    assert settings() == before


def test_a_fit_works_where_gradients_are_off(make_any, X, y, outputs):
    expected = outputs(make_any().fit(X, y), X)
    with torch.no_grad():
        model = make_any().fit(X, y)
    assert_array_equal(outputs(model, X), expected)


@pytest.fixture(params=["default_dtype", "default_device"])
def other_default(request):
    """Return a context in which PyTorch has another default.

    Tensors on the device "meta" have no values: a result that depended on one would differ.
    """
    name = request.param
    other, usual = {
        "default_dtype": (torch.float64, torch.float32),
        "default_device": ("meta", None),
    }[name]

    @contextmanager
    def changed():
        change = getattr(torch, f"set_{name}")
        change(other)
        try:
            yield
        finally:
            change(usual)

    return changed


def test_torchs_defaults_do_not_matter(
    make_any, X, y, outputs, other_default, monkeypatch
):
    monkeypatch.setattr(optimizers, "MIN_TABLE", 1)  # rows are updated one by one
    expected = outputs(make_any(batch_size=7).fit(X, y), X)
    with other_default():
        model = make_any(batch_size=7).fit(X, y)
        got = outputs(pickle.loads(pickle.dumps(model)), X)
    assert_array_equal(got, expected)


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_torchs_defaults_do_not_matter_to_a_cell(
    make_recurrent, X, y, outputs, cell, other_default
):
    expected = outputs(make_recurrent(cell=cell).fit(X, y), X)
    with other_default():
        got = outputs(make_recurrent(cell=cell).fit(X, y), X)
    assert_array_equal(got, expected)


def test_torchs_defaults_do_not_matter_to_quantiles(
    make_regressor, X, y, outputs, other_default
):
    params = {"loss": "quantile", "quantiles": (0.1, 0.9)}
    expected = outputs(make_regressor(**params).fit(X, y), X)
    with other_default():
        got = outputs(make_regressor(**params).fit(X, y), X)
    assert_array_equal(got, expected)


def test_torchs_defaults_do_not_matter_to_categories(
    make_supervised, outputs, other_default
):
    X = pd.DataFrame(
        {"a": [[1.0, 2.0], [3.0]] * 4, "kind": pd.Categorical(list("uuvvwwuv"))}
    )
    y = make_supervised.targets(X["a"].tolist())
    expected = outputs(make_supervised().fit(X, y), X)
    with other_default():
        got = outputs(make_supervised().fit(X, y), X)
    assert_array_equal(got, expected)
