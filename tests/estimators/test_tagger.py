"""Taggers: labels of steps, tagging schemes, the CRF."""

from __future__ import annotations

import itertools
import warnings
from functools import cache, partial
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import FeedForwardTagger, SequenceTagger
from skrnn.data.schemes import allowed_moves, first_violation
from skrnn.datasets import make_switches
from skrnn.metrics import entity_f1_score, entity_f1_scorer, step_accuracy_scorer
from skrnn.preprocessing import StepwiseTransformer

needs_seqeval = pytest.mark.skipif(
    find_spec("seqeval") is None, reason="seqeval is an optional extra"
)
QUICK = {
    "max_epochs": 2,
    "batch_size": 12,
    "embedding_dim": 4,
    "weight_decay": 0.0,
    "random_state": 0,
}
# Of four ReLU units too many may be dead.
WIDE = {"hidden_layer_sizes": (12,)}
VARIANTS = {
    "recurrent": (SequenceTagger, {"hidden_size": 4, "crf": False}),
    "recurrent-crf": (SequenceTagger, {"hidden_size": 4, "crf": True}),
    "window": (FeedForwardTagger, {**WIDE, "crf": False}),
    "window-crf": (FeedForwardTagger, {**WIDE, "crf": True}),
}


def make(variant, **params):
    cls, small = VARIANTS[variant]
    return cls(**{**small, **QUICK, **params})


@pytest.fixture(params=["recurrent", "recurrent-crf", "window"])
def make_tagger(request):
    """Return a function that makes a small tagger, each in turn."""
    return partial(make, request.param)


@pytest.fixture(params=["recurrent-crf", "window-crf"])
def make_crf(request):
    """Return a function that makes a small tagger with a CRF, each in turn."""
    return partial(make, request.param)


@pytest.fixture(params=["recurrent", "window"])
def make_single(request):
    """Return a function that makes a small tagger without a CRF, each in turn."""
    return partial(make, request.param)


def label(X, labels="uvw", seed=0):
    """Return random labels for the steps of X."""
    rng = np.random.default_rng(seed)
    return [[labels[i] for i in rng.integers(len(labels), size=len(x))] for x in X]


LENGTHS = [1, 6, *np.random.default_rng(0).integers(1, 7, size=22).tolist()]
NUMBERS = [np.random.default_rng(i).normal(size=(n, 3)) for i, n in enumerate(LENGTHS)]
LEXICON = ["oak", "elm", "ash", "Yew", "fir", "may"]
WORDS = label([range(n) for n in LENGTHS], LEXICON, seed=1)


@pytest.fixture
def numbers():
    """Return sequences of 1 to 6 steps of three features."""
    return list(NUMBERS)


@pytest.fixture
def words():
    """Return sequences of 1 to 6 words."""
    return list(WORDS)


@pytest.fixture
def y(X):
    """Return one of three labels for each step."""
    return label(X)


@pytest.fixture
def y_words(words):
    return label(words)


@cache
def fit_once(variant, kind):
    X = {"numbers": NUMBERS, "words": WORDS}[kind]
    return make(variant).fit(X, label(X))


@pytest.fixture
def fitted(make_tagger):
    """Return a function that gives the small tagger fitted on X, for tests to share."""
    (variant,) = make_tagger.args

    def fitted(X):
        return fit_once(variant, "words" if isinstance(X[0], list) else "numbers")

    return fitted


def outputs(model, X):
    """Return the probabilities of every step, one after the other."""
    return np.concatenate(list(model.predict_proba(X)))


def flat(rows):
    return [label for row in rows for label in row]


# --- labels --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "kind"),
    [([10, 2, 30], int), ([True, False], bool), ([0.0, 1.0], float), ("uvw", str)],
)
@pytest.mark.parametrize("as_arrays", [False, True])
def test_labels_come_back_as_pythons_own(make_tagger, words, labels, kind, as_arrays):
    y = label(words, labels)
    given = [np.array(row) for row in y] if as_arrays else y
    model = make_tagger().fit(words, given)
    assert model.classes_.tolist() == sorted(set(labels))
    predicted = model.predict(words)
    assert [len(row) for row in predicted] == LENGTHS
    assert {type(each) for each in flat(predicted)} == {kind}
    assert set(flat(predicted)) <= set(labels)


def test_integer_labels_of_an_array_stay_an_integer_array(make_tagger, rng):
    cube = rng.normal(size=(24, 5, 2))
    y = np.array(label(cube, [3, 1, 2]))
    predicted = make_tagger().fit(cube, y).predict(cube)
    assert predicted.dtype == y.dtype
    assert predicted.shape == (24, 5)


def test_a_single_class_is_predicted_everywhere(make_tagger, X):
    y = [["only"] * len(x) for x in X]
    model = make_tagger().fit(X, y)
    assert model.classes_.tolist() == ["only"]
    assert model.predict(X).tolist() == y
    assert_allclose(outputs(model, X), 1)
    assert model.score(X, y) == 1


def test_score_is_the_share_of_steps(fitted, X, y):
    model = fitted(X)
    right = np.array(flat(model.predict(X))) == flat(y)
    score = model.score(X, y)
    assert type(score) is float
    assert score == pytest.approx(right.mean())
    weights = np.arange(24)
    by_step = np.repeat(weights, [len(x) for x in X])
    weighted = model.score(X, y, sample_weight=weights)
    assert weighted == pytest.approx(np.average(right, weights=by_step))


def test_labels_unseen_in_training_are_wrong_and_no_error_in_score(fitted, X, y):
    model = fitted(X)
    strange = [["strange"] * len(x) for x in X]
    assert model.score(X, strange) == 0
    half = y[:12] + strange[12:]
    assert 0 < model.score(X, half) < model.score(X, y) + 0.5


def test_a_tagger_is_no_classifier_to_scikit_learn(make_tagger):
    assert not is_classifier(make_tagger())
    assert not make_tagger().__sklearn_tags__().input_tags.two_d_array


# --- long sequences ------------------------------------------------------------------


def test_five_thousand_steps_are_labelled(fitted, words):
    model = fitted(words)
    document = (flat(words) * 100)[:5000]
    predicted = model.predict([document, words[0]])
    assert len(predicted[0]) == 5000
    assert set(predicted[0]) <= set("uvw")
    proba = model.predict_proba([document])[0]
    assert proba.shape == (5000, 3)
    assert_allclose(proba.sum(1), 1, rtol=1e-5)


def test_five_thousand_steps_are_learned_from(make_tagger, words):
    document = (flat(words) * 100)[:5000]
    tags = ["up" if word[0] in "oe" else "down" for word in document]
    model = make_tagger(max_epochs=4, lr=0.003, dropout=0.0, lr_schedule="constant")
    model.fit([document, ["oak"]], [tags, ["up"]])
    losses = model.history_["train_loss"].to_numpy()
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


# --- empty sequences -----------------------------------------------------------------


def test_blank_strings_get_empty_strings(make_tagger):
    model = make_tagger().fit(["oak elm", "ash"] * 6, ["u v", "w"] * 6)
    assert model.predict(["", "  ", "oak"]).tolist()[:2] == ["", ""]
    assert model.predict([""]).tolist() == [""]


def test_empty_sequences_are_left_out_of_validation(make_tagger, words, y_words):
    model = make_tagger().fit(
        words, y_words, X_val=[[], *words[:5]], y_val=[[], *y_words[:5]]
    )
    assert np.isfinite(model.history_["valid_loss"]).all()


def test_nothing_to_resume_training_with_is_an_error(make_tagger, words, y_words):
    model = make_tagger().fit(words, y_words)
    with pytest.raises(ValueError, match="X has no steps: all its sequences are empty"):
        model.partial_fit([[]], [[]])
    with pytest.raises(ValueError, match="X_val has no steps"):
        model.fit(words, y_words, X_val=[[]], y_val=[[]])


def test_no_steps_cannot_be_scored(make_tagger, words, y_words):
    with pytest.raises(ValueError, match="y_true has no steps"):
        make_tagger().fit(words, y_words).score([[]], [[]])


# --- bad input -----------------------------------------------------------------------


def test_unequal_lengths_are_named_by_their_index(make_tagger, X, y):
    wrong = [*y[:7], [*y[7], "u"], *y[8:]]
    message = rf"y\[7\] has {len(X[7]) + 1} labels, but X\[7\] has {len(X[7])} steps"
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(make_tagger(), method)(X, wrong)
    model = make_tagger().fit(X, y)
    with pytest.raises(ValueError, match=message):
        model.score(X, wrong)
    with pytest.raises(
        ValueError, match=message.replace("y", "y_val").replace("X", "X_val")
    ):
        model.fit(X, y, X_val=X, y_val=wrong)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda y: y[:-1], ValueError, "y has 23 entries, but X has 24 sequences"),
        (lambda y: None, ValueError, "requires y to be passed"),
        (lambda y: ["u"] * 24, ValueError, r"y\[1\] has 1 labels, but X\[1\] has 6"),
        (lambda y: [0] * 24, TypeError, r"y\[0\] is int, expected a list of labels"),
        (
            lambda y: [[None], *y[1:]],
            ValueError,
            r"y\[0\], step 0 is None: a label is missing",
        ),
        (lambda y: [[1], *y[1:]], TypeError, r"y\[1\], step 0 is .* of one kind"),
    ],
)
def test_a_bad_y_is_named_and_leaves_nothing_behind(
    make_tagger, X, y, change, error, message
):
    model = make_tagger()
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        model.fit(X, change(y))
    assert vars(model) == before


def test_labels_unseen_in_training_are_named_in_validation(make_tagger, words, y_words):
    y_val = [*y_words[:3], ["strange"] * len(words[3])]
    with pytest.raises(
        ValueError,
        match=r"y_val\[3\], step 0 is 'strange', which is not in classes \['u', 'v', 'w'\]",
    ):
        make_tagger().fit(words, y_words, X_val=words[:4], y_val=y_val)


def test_a_label_of_the_last_sequence_alone_is_learned(make_tagger, words, y_words):
    y = [*y_words[:23], ["rare"] * len(words[23])]
    model = make_tagger(early_stopping=True, validation_strategy="last")
    with pytest.warns(UserWarning, match="1 class has one sequence, which stays"):
        model.fit(words, y)
    assert model.classes_.tolist() == ["rare", "u", "v", "w"]


def test_a_y_that_fails_leaves_the_fit_before_it_alone(make_tagger, words, y_words):
    model = make_tagger().fit(words, y_words)
    before, predicted = dict(vars(model)), model.predict(words).tolist()
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match="has 2 labels"):
            getattr(model, method)([["oak"]], ["u v"])
        assert vars(model) == before
        assert model.predict(words).tolist() == predicted


# --- schemes -------------------------------------------------------------------------

ENTITIES = [["B-x", "I-x", "O"], ["B-y"], ["O", "B-y", "I-y", "B-x"]] * 6
PLACES = [["New", "York", "is"], ["Rome"], ["in", "Saint", "Louis", "Bonn"]] * 6


@pytest.fixture
def places(rng):
    """Return sequences of numbers, as long as the tags above."""
    return [rng.normal(size=(len(row), 2)) for row in ENTITIES]


@pytest.fixture
def strange(rng):
    """Return sequences beyond all that was seen in training."""
    return [5 * rng.normal(size=(n % 12 + 1, 2)) for n in range(60)]


def test_with_a_crf_nothing_is_predicted_that_breaks_the_scheme(
    make_crf, places, strange
):
    model = make_crf(scheme="IOB2").fit(places, ENTITIES)
    predicted = model.predict(strange)
    assert all(first_violation("IOB2", row) is None for row in predicted)
    assert len({tuple(row) for row in predicted}) > 20
    free = make_crf().fit(places, ENTITIES).predict(strange)
    assert any(first_violation("IOB2", row) is not None for row in free)
    follow, first, _ = allowed_moves("IOB2", model.classes_.tolist())
    for proba in model.predict_proba(strange):
        assert not proba[0, ~first].any()
    assert_array_equal(np.isneginf(model.transitions_), ~follow)


@pytest.mark.parametrize("scheme", ["IOBES", "BILOU"])
def test_open_entities_are_closed_at_the_end(make_crf, places, strange, scheme):
    last, single = {"IOBES": "ES", "BILOU": "LU"}[scheme]
    y = [["B-x", f"{last}-x", "O"], [f"{single}-y"], ["O", "B-y", "I-y", f"{last}-y"]]
    predicted = make_crf(scheme=scheme).fit(places, y * 6).predict(strange)
    assert all(first_violation(scheme, row) is None for row in predicted)
    assert len({tuple(row) for row in predicted}) > 20
    assert {"O", f"{single}-y"} < set(flat(predicted))


def test_the_scheme_is_kept_however_large_the_features_are(make_crf, places, strange):
    model = make_crf(scheme="IOB2").fit([1e6 * x for x in places], ENTITIES)
    predicted = model.predict([1e6 * x for x in strange])
    assert all(first_violation("IOB2", row) is None for row in predicted)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["O", "I-x", "O"], r"y\[1\], step 1: 'I-x' after 'O' violates scheme=\"IOB2\""),
        (["I-x", "O", "O"], r"y\[1\], step 0: 'I-x' after the start violates"),
        (
            ["B-y", "I-x", "O"],
            r"y\[1\], step 1: 'I-x' after 'B-y' .*\"repair\" repairs",
        ),
    ],
)
def test_tags_that_break_the_scheme_are_named(make_tagger, row, message):
    X, y = [["a"], ["a", "b", "c"]] * 4, [["O"], row] * 4
    with pytest.raises(ValueError, match=message):
        make_tagger(scheme="IOB2").fit(X, y)
    model = make_tagger(scheme="IOB2", early_stopping=True)
    valid = [["B-x"], ["B-y", "O", "B-x"]] * 4
    with pytest.raises(ValueError, match=message.replace("y", "y_val", 1)):
        model.fit(X, valid, X_val=X, y_val=y)
    make_tagger(scheme=None).fit(X, y)


def test_an_entity_left_open_is_named(make_tagger):
    with pytest.raises(ValueError, match=r"y\[0\], step 2: the end after 'B-x' violates"):
        make_tagger(scheme="IOBES").fit([["a", "b"]], [["O", "B-x"]])


def test_broken_tags_are_repaired_where_asked(make_tagger):
    broken = [["I-x", "I-x", "O"], ["I-y"], ["O", "I-y", "I-y", "I-x"]] * 6
    model = make_tagger(scheme="IOB2", invalid_tags="repair").fit(PLACES, broken)
    expected = make_tagger(scheme="IOB2").fit(PLACES, ENTITIES)
    assert model.classes_.tolist() == ["B-x", "B-y", "I-x", "I-y", "O"]
    assert_array_equal(outputs(model, PLACES), outputs(expected, PLACES))
    assert broken[0] == ["I-x", "I-x", "O"]  # the user's own stay as they are


def test_invalid_tags_may_change_after_a_fit(make_tagger):
    broken = [["I-x", "I-x", "O"], ["I-y"], ["O", "I-y", "I-y", "I-x"]] * 6
    model = make_tagger(scheme="IOB2", warm_start=True).fit(PLACES, ENTITIES)
    score = model.score(PLACES, ENTITIES)
    assert model.set_params(invalid_tags="repair").score(PLACES, broken) == score
    model.partial_fit(PLACES, broken).fit(PLACES, broken)
    model.set_params(invalid_tags="raise")
    for method in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=r"y\[0\], step 0: 'I-x' after the start"):
            method(PLACES, broken)
    with pytest.raises(ValueError, match="'invalid_tags' parameter of"):
        model.set_params(invalid_tags="mend").score(PLACES, broken)


@needs_seqeval
@pytest.mark.parametrize("crf", [True, False])
def test_tags_need_no_type(make_tagger, crf):
    untyped = [[tag.partition("-")[0] for tag in row] for row in ENTITIES]
    model = make_tagger(scheme="IOB2", crf=crf, max_epochs=40, lr=0.05)
    model.fit(PLACES, untyped)
    assert model.classes_.tolist() == ["B", "I", "O"]
    predicted = model.predict(PLACES)
    assert entity_f1_score(untyped, predicted, scheme="IOB2") == 1
    broken = [["I", "I", "O"], ["I"], ["O", "I", "I", "B"]] * 6
    repaired = make_tagger(scheme="IOB2", invalid_tags="repair").fit(PLACES, broken)
    assert repaired.classes_.tolist() == ["B", "I", "O"]


def test_labels_that_are_no_tags_are_named(make_tagger):
    model, message = make_tagger(scheme="IOB2"), r'scheme="IOB2" are "O" .* \w+ has'
    with pytest.raises(ValueError, match=message + r" 'person'"):
        model.fit([["a", "b"]], [["O", "person"]])
    with pytest.raises(ValueError, match=message + r" 'E-x'"):
        model.partial_fit([["a"]], [["O"]], classes=["O", "E-x"])
    with pytest.raises(ValueError, match=message + r" 3"):
        model.fit([["a", "b"]], [[3, 3]])


def test_score_reads_tags_as_they_are(make_tagger):
    model = make_tagger(scheme="IOB2").fit(PLACES, ENTITIES)
    assert model.score([["a", "b"]], [["I-z", "what"]]) == 0


# --- the CRF -------------------------------------------------------------------------


def test_transitions_are_a_table_of_the_classes(make_crf, words, y_words):
    table = make_crf().fit(words, y_words).transitions_
    assert table.index.tolist() == table.columns.tolist() == ["u", "v", "w"]
    assert (table.index.name, table.columns.name) == ("from", "to")
    assert np.isfinite(table.to_numpy()).all()


def test_transitions_know_what_follows_what(make_crf):
    X, y = [["a"] * 6] * 24, [["u", "v", "w"] * 2] * 24
    table = make_crf(max_epochs=30, lr=0.05).fit(X, y).transitions_
    assert table.idxmax(axis=1).to_dict() == {"u": "v", "v": "w", "w": "u"}


def test_without_a_crf_there_are_no_transitions(make_single, words, y_words):
    model = make_single()
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        model.transitions_  # noqa: B018
    model.fit(words, y_words)
    with pytest.raises(AttributeError, match="transitions_ needs a fit with crf=True"):
        model.transitions_  # noqa: B018
    assert not hasattr(model, "transitions_")


def path_scores(model, sequence):
    """Return each label path of one numeric sequence, and its score."""
    features = torch.from_numpy(sequence[None].astype(np.float32))
    network = model.net_.module_.eval()
    with torch.no_grad():
        inputs = {"features": features, "lengths": torch.tensor([len(sequence)])}
        logits = network(inputs).logits[0].numpy().astype(float)
        crf = network.crf
        start, end = crf.start.numpy(), crf.end.numpy()
    moves = model.transitions_.to_numpy()
    paths = list(itertools.product(range(logits.shape[1]), repeat=len(sequence)))
    scores = [
        start[p[0]]
        + end[p[-1]]
        + sum(logits[t, label] for t, label in enumerate(p))
        + sum(moves[a, b] for a, b in itertools.pairwise(p))
        for p in paths
    ]
    return paths, np.array(scores)


@pytest.mark.parametrize("scheme", [None, "IOB2"])
def test_probabilities_and_labels_are_those_of_all_paths(make_crf, scheme, places):
    model = make_crf(scheme=scheme, max_epochs=20, lr=0.02, scale=None)
    model.fit(places, ENTITIES)
    sequences = [np.random.default_rng(n).normal(size=(n, 2)) for n in (1, 2, 3, 4)]
    predicted, probabilities = model.predict(sequences), model.predict_proba(sequences)
    for sequence, tags, proba in zip(sequences, predicted, probabilities, strict=True):
        paths, scores = path_scores(model, sequence)
        if scheme is not None:
            names = model.classes_
            valid = [
                first_violation(scheme, names[list(p)].tolist()) is None for p in paths
            ]
            scores = np.where(valid, scores, -np.inf)
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        expected = np.zeros(proba.shape)
        for path, share in zip(paths, shares, strict=True):
            expected[np.arange(len(path)), list(path)] += share
        assert_allclose(proba, expected, rtol=1e-4, atol=1e-6)
        best = paths[int(scores.argmax())]
        assert tags == model.classes_[list(best)].tolist()


@pytest.mark.parametrize("scheme", [None, "IOB2"])
def test_the_log_likelihood_is_that_of_the_predicted_path_among_all(
    make_crf, scheme, places
):
    model = make_crf(scheme=scheme, max_epochs=20, lr=0.02, scale=None)
    model.fit(places, ENTITIES)
    sequences = [np.random.default_rng(n).normal(size=(n, 2)) for n in (4, 1, 3, 2)]
    predicted = model.predict(sequences)
    found = model.predict_log_likelihood(sequences)
    assert found.shape == (4,)
    assert found.dtype == np.float64
    for sequence, tags, got in zip(sequences, predicted, found, strict=True):
        paths, scores = path_scores(model, sequence)
        names = [model.classes_[list(path)].tolist() for path in paths]
        if scheme is not None:
            valid = [first_violation(scheme, row) is None for row in names]
            scores = np.where(valid, scores, -np.inf)
        log_likelihoods = scores - logsumexp(scores)
        assert np.exp(log_likelihoods).sum() == pytest.approx(1)
        expected = log_likelihoods[names.index(tags)]
        assert got == pytest.approx(expected, rel=1e-4, abs=1e-6)
        assert expected == log_likelihoods.max()


def test_without_a_crf_the_log_likelihood_is_the_sum_over_the_steps(make_single, X, y):
    model = make_single().fit(X, y)
    expected = [np.log(p.max(1).astype(float)).sum() for p in model.predict_proba(X)]
    assert_allclose(model.predict_log_likelihood(X), expected, rtol=1e-5)


def test_log_likelihoods_are_the_same_alone_and_come_in_the_users_order(fitted, X):
    model, order = fitted(X), np.random.default_rng(0).permutation(24)
    found = model.predict_log_likelihood(X)
    assert (found < 0).all()
    shuffled = [X[i] for i in order]
    assert_array_equal(model.predict_log_likelihood(shuffled), found[order])
    alone = [model.predict_log_likelihood([x])[0] for x in X]
    assert_allclose(alone, found, rtol=1e-5)


def test_no_labels_are_certain(make_tagger, words, y_words):
    model = make_tagger().fit(words, y_words)
    expected = model.predict_log_likelihood(words)
    found = model.predict_log_likelihood([[], *words, []])
    assert_allclose(found, [0.0, *expected, 0.0], rtol=1e-5)
    assert model.predict_log_likelihood([[], []]).tolist() == [0.0, 0.0]


def test_where_the_scheme_leaves_no_path_the_labels_have_no_probability(make_crf, rng):
    X = [rng.normal(size=(2, 2)) for _ in range(12)]
    with pytest.warns(UserWarning, match="leaves short sequences no labels"):
        model = make_crf(scheme="IOBES").fit(X, [["B-x", "E-x"]] * 12)
    found = model.predict_log_likelihood([X[0], X[0][:1]])
    assert found.tolist() == [pytest.approx(0.0, abs=1e-6), -np.inf]


def test_probabilities_add_up_to_one(fitted, X):
    model = fitted(X)
    probabilities = model.predict_proba(X)
    assert probabilities.dtype == object
    assert probabilities.shape == (24,)
    for x, proba in zip(X, probabilities, strict=True):
        assert proba.dtype == np.float32
        assert proba.shape == (len(x), 3)
        assert (proba >= 0).all()
        assert_allclose(proba.sum(1), 1, rtol=1e-5)


def test_without_a_crf_the_most_probable_label_of_each_step_is_predicted(
    make_single, X, y
):
    model = make_single().fit(X, y)
    for tags, proba in zip(model.predict(X), model.predict_proba(X), strict=True):
        assert model.classes_[proba.argmax(1)].tolist() == tags


# --- weights -------------------------------------------------------------------------

# In one batch that holds everything, with nothing dropped, a weighted sequence and a
# repeated one give the same gradients.
EXACT = {"dropout": 0.0, "batch_size": 1000, "max_epochs": 10, "lr": 0.01}


def test_weight_on_empty_sequences_alone_is_refused(make_tagger):
    with pytest.raises(ValueError, match="every training sequence has weight 0"):
        make_tagger().fit([[], ["a"]], [[], ["u"]], sample_weight=[1, 0])


def test_label_smoothing_works_without_a_crf(make_single, numbers):
    y = label(numbers)
    smooth = make_single(label_smoothing=0.3, **EXACT).fit(numbers, y)
    sharp = make_single(**EXACT).fit(numbers, y)
    assert smooth.history_["train_loss"].iloc[-1] != sharp.history_["train_loss"].iloc[-1]


# --- early stopping ------------------------------------------------------------------


@needs_seqeval
def test_early_stopping_watches_the_entities(make_tagger):
    model = make_tagger(
        early_stopping=True,
        scoring=entity_f1_scorer,
        max_epochs=12,
        lr=0.1,
        lr_schedule="constant",
        validation_fraction=0.4,
        n_iter_no_change=30,
    ).fit(PLACES, ENTITIES)
    scores = model.history_["valid_score"].to_numpy()
    assert ((scores >= 0) & (scores <= 1)).all()
    assert len(set(scores)) > 1


@needs_seqeval
def test_early_stopping_keeps_the_epoch_of_the_best_score(make_tagger):
    held_out = PLACES[:3], ENTITIES[:3]
    model = make_tagger(
        scoring=entity_f1_scorer, max_epochs=12, lr=0.1, lr_schedule="constant"
    ).fit(PLACES[3:], ENTITIES[3:], X_val=held_out[0], y_val=held_out[1])
    best = model.history_["valid_score"].max()
    assert entity_f1_score(held_out[1], model.predict(held_out[0])) == best
    assert best > 0


def test_the_watched_loss_is_the_mean_over_steps(make_single, numbers):
    y = label(numbers)
    held_out = numbers[:9], y[:9]
    model = make_single(lr=1e-12).fit(numbers, y, X_val=held_out[0], y_val=held_out[1])
    proba = outputs(model, held_out[0])
    place = np.searchsorted(model.classes_, flat(held_out[1]))
    losses = -np.log(proba[np.arange(len(proba)), place])
    assert_allclose(model.history_["valid_loss"].iloc[-1], losses.mean(), rtol=1e-4)


# --- inside scikit-learn -------------------------------------------------------------


def test_a_pipeline_of_an_array_keeps_its_shape(make_tagger, rng):
    cube = rng.normal(size=(24, 5, 2))
    square_labels = np.array(label(cube))
    pipeline = make_pipeline(StepwiseTransformer(StandardScaler()), make_tagger())
    assert pipeline.fit(cube, square_labels).predict(cube).shape == (24, 5)


@needs_seqeval
def test_a_search_may_go_by_the_entities(make_tagger):
    search = GridSearchCV(
        make_tagger(max_epochs=15, dropout=0.0),
        {"lr": [1e-7, 0.05]},
        cv=2,
        scoring=entity_f1_scorer,
        error_score="raise",
    ).fit(PLACES, ENTITIES)
    assert search.best_params_ == {"lr": 0.05}
    assert search.best_score_ > 0.9
    assert search.predict(PLACES).tolist() == ENTITIES


def test_cross_val_predict_of_an_array_gives_an_array(make_tagger, rng):
    cube = rng.normal(size=(24, 5, 2))
    square_labels = np.array(label(cube))
    predicted = cross_val_predict(make_tagger(), cube, square_labels, cv=3)
    assert predicted.shape == (24, 5)


@pytest.mark.parametrize(
    "scoring",
    [None, pytest.param(entity_f1_scorer, marks=needs_seqeval), step_accuracy_scorer],
)
def test_folds_are_scored(make_tagger, scoring):
    scores = cross_val_score(
        make_tagger(),
        PLACES,
        ENTITIES,
        cv=3,
        scoring=scoring,
        params={"sample_weight": np.ones(18)},
        error_score="raise",
    )
    assert scores.shape == (3,)
    assert ((scores >= 0) & (scores <= 1)).all()


# --- learning ------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_neighbouring_words_are_used(variant):
    # whether "can" is a noun or a verb, the word before it tells
    X = [["the", "can"], ["we", "can", "see"], ["the", "sea"], ["we", "see"]] * 6
    y = [["D", "N"], ["P", "V", "V"], ["D", "N"], ["P", "V"]] * 6
    model = make(variant, max_epochs=25, lr=0.03, dropout=0.0).fit(X, y)
    assert model.predict(X).tolist() == y


@pytest.mark.slow
def test_memory_is_learned_where_a_window_cannot_see_it():
    X, y = make_switches(
        300, min_steps=30, max_steps=60, rate=0.1, noise=0.1, random_state=0
    )
    train, test = slice(0, 240), slice(240, None)
    params = {"batch_size": 16, "dropout": 0.0, "random_state": 0}
    recurrent = SequenceTagger(
        hidden_size=8, bidirectional=False, crf=False, lr=0.1, max_epochs=25, **params
    )
    assert recurrent.fit(X[train], y[train]).score(X[test], y[test]) > 0.95
    for crf in (False, True):
        window = FeedForwardTagger(context=2, crf=crf, lr=0.02, max_epochs=8, **params)
        assert window.fit(X[train], y[train]).score(X[test], y[test]) < 0.65


def test_labels_that_leave_short_sequences_none_are_warned_of(make_crf):
    X, y = [["a", "b"], ["b", "c", "a"]] * 4, [["B-x", "E-x"], ["B-x", "I-x", "E-x"]] * 4
    with pytest.warns(UserWarning, match='neither "O" nor a tag for an entity of one'):
        make_crf(scheme="IOBES").fit(X, y)


def test_a_score_repairs_labels_as_fit_does(make_crf):
    X, y = [["a", "b", "c"]] * 8, [["I-x", "I-x", "O"]] * 8
    settings = {"scheme": "IOB2", "max_epochs": 30, "lr": 0.05}
    model = make_crf(invalid_tags="repair", **settings).fit(X, y)
    assert model.predict(X[:1])[0] == ["B-x", "I-x", "O"]
    assert model.score(X, y) == 1
    strict = make_crf(**settings).fit(X, model.predict(X).tolist())
    assert strict.score(X, y) == pytest.approx(2 / 3)


# --- many labels -------------------------------------------------------------------------


def test_a_crf_with_many_labels_is_warned_of(make_tagger, monkeypatch):
    monkeypatch.setattr("skrnn.estimators._tagger.MANY_LABELS", 30)
    X, y = [["a", "b", "c"]] * 10, [[3 * i, 3 * i + 1, 3 * i + 2] for i in range(10)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = make_tagger(max_epochs=1).fit(X, y)
    found = [
        str(w.message) for w in caught if "crf=True with 30 labels" in str(w.message)
    ]
    assert len(found) == model.crf
    assert all("crf=False scores each step's labels alone" in text for text in found)
