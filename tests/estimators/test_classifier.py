"""Outputs of classifiers, and that they learn."""

from __future__ import annotations

import enum

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer, recall_score, roc_auc_score
from sklearn.pipeline import make_pipeline

from skrnn import FeedForwardClassifier, SequenceClassifier, SequenceTagger
from skrnn.datasets import (
    load_japanese_vowels,
    make_delayed_recall,
    make_sentences,
    make_waves,
)
from skrnn.persistence import save_model

# --- outputs -------------------------------------------------------------------------


def test_probabilities_are_float32_and_sum_to_one(make_classifier, X, labels):
    model = make_classifier().fit(X, labels)
    proba = model.predict_proba(X)
    assert proba.dtype == np.float32
    assert proba.shape == (24, 3)
    assert_allclose(proba.sum(1), 1, rtol=1e-6)
    assert_array_equal(model.predict(X), model.classes_[proba.argmax(1)])


def test_log_probabilities_are_the_logarithms_of_probabilities(
    make_classifier, X, labels
):
    model = make_classifier().fit(X, labels)
    assert_allclose(model.predict_log_proba(X), np.log(model.predict_proba(X)), atol=1e-6)


def test_log_probabilities_stay_finite_where_probabilities_vanish(
    make_classifier, numbers, labels
):
    model = make_classifier().fit(numbers, labels)
    with torch.no_grad():
        model.net_.module_.head.bias.copy_(torch.tensor([0.0, 200.0, -200.0]))
    assert (model.predict_proba(numbers) == 0).any()
    assert np.isfinite(model.predict_log_proba(numbers)).all()


def test_two_classes_have_one_decision_value(make_classifier, X):
    y = ["no", "yes"] * 12
    model = make_classifier().fit(X, y)
    decision, proba = model.decision_function(X), model.predict_proba(X)
    assert decision.shape == (24,)
    assert_array_equal(model.predict(X), np.where(decision > 0, "yes", "no"))
    assert_allclose(1 / (1 + np.exp(-decision)), proba[:, 1], rtol=1e-5)


def test_several_classes_have_a_decision_value_each(make_classifier, X, labels):
    model = make_classifier().fit(X, labels)
    decision = model.decision_function(X)
    assert decision.shape == (24, 3)
    assert_array_equal(model.predict(X), model.classes_[decision.argmax(1)])


@pytest.mark.parametrize(
    "classes",
    [["b", "a"], [7, -3], [True, False], [2.0, 1.0], [np.int8(1), np.int8(0)]],
    ids=repr,
)
@pytest.mark.parametrize("container", [list, np.array, pd.Series])
def test_labels_come_back_as_they_were(make_classifier, numbers, classes, container):
    y = container(classes * 12)
    model = make_classifier().fit(numbers, y)
    assert model.classes_.tolist() == sorted(classes)
    assert model.predict(numbers).dtype == np.asarray(y).dtype
    assert set(model.predict(numbers)) <= set(classes)


def test_a_categorical_series_is_a_y(make_classifier, numbers, labels):
    model = make_classifier().fit(numbers, pd.Series(labels, dtype="category"))
    assert model.classes_.tolist() == ["u", "v", "w"]


def test_labels_of_nullable_columns_are_indicators(make_classifier, numbers):
    Y = pd.DataFrame({"a": [1, 0, 1, 0] * 6, "b": [1, 1, 1, 0] * 6}).convert_dtypes()
    model = make_classifier().fit(numbers, Y)
    assert model.predict(numbers).shape == (24, 2)


def test_a_column_vector_of_labels_warns(make_classifier, numbers, labels):
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        model = make_classifier().fit(numbers, labels[:, None])
    assert model.predict(numbers).shape == (24,)


def test_scores_are_python_floats(make_classifier, X, labels):
    assert type(make_classifier().fit(X, labels).score(X, labels)) is float


# --- several labels at once ----------------------------------------------------------


@pytest.fixture
def indicators(rng):
    return (rng.random((24, 3)) < 0.5).astype(int)


@pytest.mark.parametrize("container", [np.array, np.ndarray.tolist, pd.DataFrame])
def test_indicators_give_a_probability_for_each_label(
    make_classifier, X, indicators, container
):
    model = make_classifier().fit(X, container(indicators))
    proba = model.predict_proba(X)
    assert proba.shape == (24, 3)
    assert proba.dtype == np.float32
    assert not np.allclose(proba.sum(1), 1, atol=1e-3)
    assert_array_equal(model.classes_, [0, 1, 2])
    decision = model.decision_function(X)
    assert_allclose(1 / (1 + np.exp(-decision)), proba, rtol=1e-5)
    assert_allclose(model.predict_log_proba(X), np.log(proba), atol=1e-6)
    predicted = model.predict(X)
    assert_array_equal(predicted, (proba > 0.5).astype(int))
    assert predicted.dtype.kind == "i"
    assert type(model.score(X, indicators)) is float


def test_several_labels_are_learned_at_once(make_classifier):
    rng = np.random.default_rng(0)
    trees = np.array(["oak", "elm", "ash", "yew"])
    X = [rng.choice(trees, size=rng.integers(2, 4), replace=False) for _ in range(120)]
    y = np.array([[tree in x for tree in trees] for x in X]).astype(int)
    model = make_classifier(max_epochs=40, batch_size=32, lr=0.03, embedding_dim=8)
    model.set_params(dropout=0.0)
    if "cell" in model.get_params():
        model.set_params(hidden_size=8)
    else:
        model.set_params(hidden_layer_sizes=16)
    model.fit(X, y)
    by_majority = np.mean((y == (y.mean(0) > 0.5)).all(1))
    assert model.score(X, y) > max(0.9, by_majority)


def test_class_weights_of_several_labels_are_given_label_by_label(
    make_classifier, numbers, indicators
):
    one = [{0: 1.0, 1: 4.0}, {0: 1.0}, {}]
    weights = np.where(indicators[:, 0] == 1, 4.0, 1.0)
    by_class = make_classifier(class_weight=one, scale=None).fit(numbers, indicators)
    by_sample = make_classifier(scale=None).fit(
        numbers, indicators, sample_weight=weights
    )
    assert_array_equal(by_class.predict_proba(numbers), by_sample.predict_proba(numbers))
    make_classifier(class_weight="balanced").fit(numbers, indicators)
    with pytest.raises(ValueError, match="class_weight for 3 labels must be"):
        make_classifier(class_weight={0: 2.0}).fit(numbers, indicators)


# --- class weights -------------------------------------------------------------------


def test_a_class_weight_is_a_weight_of_its_samples(make_classifier, X, labels):
    by_class = make_classifier(class_weight={"u": 5.0, "w": 0.5}, scale=None)
    by_class.fit(X, labels)  # sample weights count in the scale
    weights = np.select([labels == "u", labels == "w"], [5.0, 0.5], 1.0)
    by_sample = make_classifier(scale=None).fit(X, labels, sample_weight=weights)
    assert_array_equal(by_class.predict_proba(X), by_sample.predict_proba(X))


def test_labels_that_look_like_numbers_have_class_weights(make_classifier, numbers):
    y = np.array(["1", "2"] * 12)
    by_class = make_classifier(class_weight={"1": 5.0}, scale=None).fit(numbers, y)
    weights = np.where(y == "1", 5.0, 1.0)
    by_sample = make_classifier(scale=None).fit(numbers, y, sample_weight=weights)
    assert_array_equal(by_class.predict_proba(numbers), by_sample.predict_proba(numbers))


@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 9.0}])
def test_class_weights_raise_the_recall_of_a_rare_class(make_classifier, class_weight):
    rng = np.random.default_rng(0)
    y = (np.arange(400) % 10 == 0).astype(int)
    X = rng.normal(size=(400, 4, 1)) + y[:, None, None] * 0.6
    params = {"max_epochs": 15, "batch_size": 32, "lr": 0.01}
    plain = make_classifier(**params).fit(X, y)
    weighted = make_classifier(class_weight=class_weight, **params).fit(X, y)
    assert recall_score(y, plain.predict(X)) < 0.5
    assert recall_score(y, weighted.predict(X)) > 0.7
    assert weighted.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean()


# --- every way to build it -----------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "lr"),
    [("adamw", 0.05), ("sgd", 0.5)],  # all of them: battery/test_callbacks.py
)
@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "constant", "plateau"])
def test_every_schedule_lowers_the_loss(optimizer, lr, schedule):
    X, y = make_delayed_recall(40, min_steps=1, max_steps=4, random_state=0)
    model = SequenceClassifier(
        hidden_size=6,
        embedding_dim=6,
        optimizer=optimizer,
        lr_schedule=schedule,
        lr=lr,
        max_epochs=12,
        dropout=0.0,
        random_state=0,
    ).fit(X, y)
    losses = model.history_["train_loss"]
    assert losses.iloc[-3:].mean() < 0.9 * losses.iloc[0]


def test_the_default_number_of_epochs_is_bounded(make_classifier, numbers, labels):
    model = make_classifier(max_epochs="auto", batch_size="auto").fit(numbers, labels)
    assert 10 <= model.n_iter_ <= 100


def test_the_cpu_can_be_asked_for(make_classifier, X, labels):
    model = make_classifier(device="cpu").fit(X, labels)
    assert next(model.net_.module_.parameters()).device.type == "cpu"


# --- tokens --------------------------------------------------------------------------


@pytest.mark.parametrize("char_encoder", [None, "cnn", "ngrams", "lstm"])
def test_every_kind_of_spelling_can_be_learned_from(make_classifier, words, char_encoder):
    y = ["e" in "".join(sequence[:1]) for sequence in words]
    model = make_classifier(
        char_encoder=char_encoder, max_epochs=30, lr=0.03, dropout=0.0
    )
    losses = model.fit(words, y).history_["train_loss"]
    assert losses.iloc[-1] < 0.8 * losses.iloc[0]


@pytest.mark.parametrize("char_encoder", ["cnn", "ngrams", "lstm"])
def test_spelling_tells_unseen_words_apart(char_encoder):
    rng = np.random.default_rng(0)
    stems = ["".join(rng.choice(list("bcdfgklmnprst"), size=4)) for _ in range(200)]
    X = [[stem + ending] for stem in stems for ending in ("ation", "ly")]
    y = ["noun", "adverb"] * 200
    model = SequenceClassifier(
        hidden_size=8, char_encoder=char_encoder, max_epochs=5, lr=0.01, random_state=0
    ).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.9
    blind = SequenceClassifier(
        hidden_size=8, char_encoder=None, max_epochs=5, lr=0.01, random_state=0
    ).fit(X[:300], y[:300])
    assert blind.score(X[300:], y[300:]) == 0.5


# --- quiet ---------------------------------------------------------------------------


# --- callbacks and history -----------------------------------------------------------


# --- learning ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_column_changes_what_a_word_means(seed, rng):
    def draw(n):
        words = [[f"w{i}" for i in row] for row in rng.integers(200, size=(n, 12))]
        praises, mocks = rng.integers(2, size=(2, n))
        for row, praise in zip(words, praises, strict=True):
            row[rng.integers(12)] = "good" if praise else "bad"
        sites = pd.Categorical(np.array(["daily", "satire"])[mocks])
        return pd.DataFrame({"text": words, "site": sites}), praises ^ mocks

    model = SequenceClassifier(
        embedding_dim=16, char_encoder=None, max_epochs=4, lr=0.005, random_state=seed
    )
    assert model.fit(*draw(400)).score(*draw(400)) > 0.95


def test_recurrence_learns_from_the_order_of_words_and_a_bag_does_not():
    X, y = make_sentences(700, random_state=0)
    train, test = slice(0, 400), slice(400, 700)
    model = SequenceClassifier(
        pooling="last",
        hidden_size=8,
        embedding_dim=16,
        max_epochs=24,
        lr=0.02,
        random_state=0,
    ).fit(X[train], y[train])
    bag = make_pipeline(CountVectorizer(), LogisticRegression()).fit(X[train], y[train])
    assert model.score(X[test], y[test]) > 0.9
    assert bag.score(X[test], y[test]) < 0.6


def test_recurrence_recalls_over_lengths_where_a_window_does_not():
    X, y = make_delayed_recall(500, min_steps=3, max_steps=8, random_state=0)
    shared = {"embedding_dim": 8, "max_epochs": 15, "lr": 0.02, "random_state": 0}
    model = SequenceClassifier(hidden_size=8, **shared).fit(X, y)
    window = FeedForwardClassifier(hidden_layer_sizes=(8,), **shared).fit(X, y)
    longer, answers = make_delayed_recall(200, min_steps=12, max_steps=16, random_state=1)
    assert model.score(longer, answers) > 0.95
    assert window.score(longer, answers) < 0.75


def test_waves_are_told_apart_by_their_frequency():
    X, y = make_waves(300, random_state=0)
    model = SequenceClassifier(hidden_size=8, max_epochs=12, lr=0.02, random_state=0)
    assert model.fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.9


@pytest.mark.slow
def test_the_defaults_recognise_japanese_speakers():
    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    model = SequenceClassifier(hidden_size=32, max_epochs=40, random_state=0)
    assert model.fit(X, y).score(X_test, y_test) > 0.95


# --- labels ------------------------------------------------------------------------------


class Mood(str, enum.Enum):  # noqa: UP042 - not StrEnum, whose members numpy writes as values
    """Labels that are strings and members of an Enum."""

    GOOD = "good"
    BAD = "bad!"


@pytest.mark.parametrize("container", [list, pd.Series, lambda y: np.array(y, object)])
def test_members_of_an_enum_are_labels_in_every_container(container, tmp_path):
    X, y = ["fine", "awful"] * 8, [Mood.GOOD, Mood.BAD] * 8
    model = SequenceClassifier(hidden_size=4, max_epochs=20, random_state=0)
    model.fit(X, container(y))
    assert model.classes_.tolist() == ["bad!", "good"]
    assert set(map(type, model.classes_.tolist())) == {str}
    assert model.score(X, container(y)) == 1
    save_model(model, tmp_path / "model")
    model = SequenceClassifier(hidden_size=4)
    model.partial_fit(X, container(y), classes=container([Mood.GOOD, Mood.BAD]))
    assert len(model.classes_) == 2
    tags = [[label] for label in y]
    tagger = SequenceTagger(hidden_size=4, max_epochs=20, random_state=0)
    assert tagger.fit(X, tags).predict(X).tolist() == tags
    assert set(map(type, tagger.classes_.tolist())) == {str}


def test_a_single_class_is_warned_of():
    with pytest.warns(UserWarning, match="y has a single class, 'a': there is nothing"):
        SequenceClassifier(hidden_size=4, max_epochs=1).fit(["x", "y"] * 4, ["a"] * 8)


# --- parameters --------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [SequenceClassifier, FeedForwardClassifier])
def test_a_min_count_that_leaves_no_token_is_refused(cls):
    X, y = ["good", "bad"] * 4, [1, 0] * 4
    model = cls(min_count=9, max_epochs=1, char_encoder=None)
    with pytest.raises(ValueError, match="no token of X is seen min_count=9 times"):
        model.fit(X, y)
    frame = pd.DataFrame({"text": X, "size": np.arange(8.0)})
    with pytest.warns(UserWarning, match=r"no token of X\['text'\] is seen min_count=9"):
        model.fit(frame, y)
    model.set_params(embeddings={"good": [1.0, 2.0]}).fit(X, y)
    model.set_params(embeddings=None, char_encoder="cnn").fit(X, y)
    assert model.vocabulary_ == {}


@pytest.mark.parametrize(
    ("scoring", "message"),
    [("f1", "pos_label=1 is not a valid label"), (lambda a, b: 1, "takes 2 positional")],
    ids=["labels", "arguments"],
)
def test_a_scorer_that_does_not_fit_is_named(scoring, message):
    X, y = ["good", "bad"] * 8, ["g", "b"] * 8
    model = SequenceClassifier(hidden_size=4, scoring=scoring, early_stopping=True)
    with pytest.raises(ValueError, match=f"scoring=.* cannot score .*{message}"):
        model.fit(X, y)
    assert not hasattr(model, "net_")


def plain_accuracy(model, X, y):
    """A scorer that takes no weights."""
    return accuracy_score(y, model.predict(X))


def weighted_accuracy(model, X, y, sample_weight=None):
    """A scorer that takes some."""
    return accuracy_score(y, model.predict(X), sample_weight=sample_weight)


@pytest.mark.parametrize(
    ("scoring", "weighted"),
    [("accuracy", True), (plain_accuracy, False), (weighted_accuracy, True)],
)
def test_scores_of_held_out_sequences_are_weighted_where_the_scorer_can(
    scoring, weighted
):
    X, y = ["good", "bad", "so so"] * 8, np.array([0, 1, 1] * 8)
    weight = np.array([1.0, 2.0, 9.0, 5.0])
    held_out = X[:4], np.array([0, 0, 1, 1])
    model = SequenceClassifier(hidden_size=4, max_epochs=1, scoring=scoring)
    model.fit(X, y, X_val=held_out[0], y_val=held_out[1], sample_weight_val=weight)
    right = model.predict(held_out[0]) == held_out[1]
    expected = np.average(right, weights=weight if weighted else None)
    assert model.history_["valid_score"].tolist() == [pytest.approx(expected)]


@pytest.mark.parametrize(("scoring", "n"), [("accuracy", 1), ("roc_auc_ovo", 24)])
def test_weights_that_a_metric_cannot_use_are_left_out(scoring, n):
    X, y = ["good", "bad", "so so"] * 8, np.array([0, 1, 2] * 8)
    weight = [0.0] * 3 + [1.0, 2.0, 3.0] * 7  # the first sequence alone is scored, or all
    model = SequenceClassifier(hidden_size=4, max_epochs=1, scoring=scoring)
    model.fit(
        X,
        y,
        sample_weight=weight,
        X_val=X[:n],
        y_val=y[:n],
        sample_weight_val=weight[-n:],
    )
    assert model.history_[["train_score", "valid_score"]].notna().all(axis=None)


def test_of_two_classes_pairs_are_weighted():
    X, y = ["good", "bad", "so so", "fine"] * 6, np.array([0, 1, 1, 0] * 6)
    held_out, true = X[:5], [0, 1, 0, 1, 1]
    weight = np.array([1.0, 2.0, 9.0, 5.0, 3.0])
    model = SequenceClassifier(hidden_size=4, max_epochs=1, scoring="roc_auc_ovo")
    model.fit(X, y, X_val=held_out, y_val=true, sample_weight_val=weight)
    scores = model.predict_proba(held_out)[:, 1]
    expected = roc_auc_score(true, scores, sample_weight=weight)
    assert model.history_["valid_score"].tolist() == [pytest.approx(expected)]


def test_a_scorer_that_refuses_weights_gets_none():
    X, y = ["good", "bad", "so so"] * 8, np.array([0, 1, 1] * 8)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=False)
        model = SequenceClassifier(hidden_size=4, max_epochs=1, scoring=scorer)
        model.set_fit_request(sample_weight_val=True)
        model.fit(X, y, X_val=X[:2], y_val=y[:2], sample_weight_val=[1.0, 3.0])
    score = (model.predict(X[:2]) == y[:2]).mean()
    assert model.history_["valid_score"].tolist() == [score]


@pytest.mark.parametrize(
    ("y", "y_val", "message"),
    [
        (
            np.eye(3, dtype=int)[[0, 1, 2] * 4] + [[1, 0, 0]] * 12 > 0,
            np.zeros((12, 2), int),
            r"y_val has shape \(12, 2\), expected an indicator matrix with 3 labels",
        ),
        (
            [0, 1] * 6,
            np.zeros((12, 2), int),
            "y_val has 2 columns, expected one label a sequence",
        ),
    ],
)
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_held_out_labels_have_the_form_of_y(y, y_val, message, class_weight):
    X = ["good", "bad", "so so"] * 4
    model = SequenceClassifier(hidden_size=4, max_epochs=1, class_weight=class_weight)
    with pytest.raises(ValueError, match=message):
        model.fit(X, np.asarray(y, int), X_val=X, y_val=y_val)
    assert not hasattr(model, "net_")


def test_an_error_of_the_users_own_passes_through_a_scorer():
    class Pruned(Exception):
        """Ends a trial of a search."""

    def score(model, X, y):
        raise Pruned

    model = SequenceClassifier(hidden_size=4, scoring=score, early_stopping=True)
    with pytest.raises(Pruned):
        model.fit(["good", "bad"] * 8, [0, 1] * 8)
