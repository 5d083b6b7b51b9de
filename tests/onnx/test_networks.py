"""Graphs give the outputs of the networks that they are written from."""

import enum
from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch

from skrnn import (
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceForecaster,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.metrics import token_error_rate
from skrnn.modules.attention import ATTENTIONS
from skrnn.modules.pooling import POOLINGS
from skrnn.modules.recurrent import CELLS

SMALL = {"hidden_size": 5, "embedding_dim": 4, "max_epochs": 1, "random_state": 0}
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def classes(X, n=3):
    return np.arange(len(X)) % n


def assert_same(model, predictor, X, method="decision_function"):
    """Compare a method over all of X and over its first sequence."""
    one = X.iloc[:1] if hasattr(X, "iloc") else X[:1]
    for part in (X, one):
        expected = getattr(model, method)(part)
        got = getattr(predictor, method)(part)
        assert got.dtype == expected.dtype
        if expected.dtype == object:
            for a, b in zip(expected, got, strict=True):
                assert_close(b, a)
        else:
            assert_close(got, expected)


def assert_close(got, expected):
    """Compare numbers of one scale: float32 rounds small ones as it does the largest."""
    finite = np.abs(expected, where=np.isfinite(expected), out=np.zeros(expected.shape))
    scale = max(1.0, finite.max(initial=0.0))
    np.testing.assert_allclose(got, expected, CLOSE["rtol"], CLOSE["atol"] * scale)


# --- recurrent layers and poolings ----------------------------------------------------


#: Half of all combinations; of any three of the four every combination is among them.
NETWORKS = [
    (pooling, cell, bidirectional, num_layers)
    for (i, pooling), (j, cell), bidirectional, num_layers in product(
        enumerate(POOLINGS), enumerate(CELLS), (False, True), (1, 2)
    )
    if (i + j + bidirectional + num_layers) % 2
]


@pytest.mark.parametrize(("pooling", "cell", "bidirectional", "num_layers"), NETWORKS)
def test_cells_directions_layers_and_poolings(
    exported, shaken, texts, new_texts, pooling, cell, bidirectional, num_layers
):
    model = SequenceClassifier(
        cell=cell,
        pooling=pooling,
        bidirectional=bidirectional,
        num_layers=num_layers,
        **SMALL,
    ).fit(texts, classes(texts))
    # the states of the ReLU cell grow, and with them float32's errors
    assert_same(shaken(model, 0.1), exported(model), new_texts)


def test_many_sequences_in_several_batches(exported, shaken, rng):
    X = [rng.normal(size=(n, 2)) for n in rng.integers(1, 60, 700)]
    model = SequenceClassifier(**SMALL).fit(X[:50], classes(X[:50]))
    assert_same(shaken(model), exported(model), X)


def test_a_sequence_that_is_longer_than_a_batch(exported, shaken, rng):
    X = [rng.normal(size=(n, 1)) for n in (3, 4, 5, 9000)]
    model = SequenceClassifier(**SMALL).fit(X[:3], classes(X[:3], 2))
    assert_same(shaken(model), exported(model), X)


# --- inputs ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"char_encoder": None},
        {"char_encoder": "cnn"},
        {"char_encoder": "ngrams"},
        {"char_encoder": "lstm"},
        {"tokenizer": "char"},
        {"lowercase": False, "min_count": 3, "max_vocabulary": 5},
    ],
)
def test_texts(exported, shaken, texts, new_texts, options):
    model = SequenceClassifier(**options, **SMALL).fit(texts, classes(texts))
    predictor = exported(shaken(model))
    assert_same(model, predictor, new_texts)
    assert predictor.vocabulary_ == model.vocabulary_


def test_tokens_that_are_integers(exported, shaken, rng):
    X = [rng.integers(0, 20, n) for n in rng.integers(1, 9, 30)]
    model = SequenceClassifier(input_type="tokens", **SMALL).fit(X, classes(X))
    new = [rng.integers(0, 40, n) for n in (1, 30, 12)]
    assert_same(shaken(model), exported(model), new)


@pytest.mark.parametrize("patch_size", [1, 3])
@pytest.mark.parametrize("scale", ["standard", None])
def test_numbers(exported, shaken, rng, scale, patch_size):
    X = [rng.normal(5, 3, size=(n, 2)) for n in rng.integers(1, 9, 30)]
    model = SequenceClassifier(scale=scale, patch_size=patch_size, **SMALL)
    model.fit(X, classes(X))
    assert_same(shaken(model), exported(model), [5 + rng.normal(size=(31, 2)), *X])


def test_gaps(exported, shaken, rng):
    X = [rng.normal(size=(n, 3)) for n in rng.integers(2, 9, 30)]
    for x in X:
        x[rng.random(len(x)) < 0.3, 1] = np.nan
    model = SequenceClassifier(missing="indicator", **SMALL).fit(X, classes(X))
    new = rng.normal(size=(20, 3))
    new[3:7] = np.nan
    assert_same(shaken(model), exported(model), [new, *X])


@pytest.mark.parametrize("n_channels", [1, 2])
def test_images(exported, shaken, rng, n_channels):
    X = [rng.random((n, 9, 12, n_channels)) for n in rng.integers(1, 4, 12)]
    model = SequenceClassifier(step_encoder="cnn", **SMALL).fit(X, classes(X, 2))
    assert_same(
        shaken(model, 0.1), exported(model), [rng.random((7, 9, 12, n_channels)), *X]
    )


def test_images_beside_features(exported, shaken, rng):
    frame = pd.DataFrame(
        {
            "before": [rng.normal(size=(n, 2)) for n in (2, 3, 1) * 4],
            "image": [rng.random((n, 8, 8)) for n in (2, 3, 1) * 4],
            "after": [rng.normal(size=n) for n in (2, 3, 1) * 4],
        }
    )
    model = SequenceClassifier(step_encoder="cnn", **SMALL).fit(frame, classes(frame, 2))
    assert_same(shaken(model, 0.1), exported(model), frame)


@pytest.mark.parametrize("form", ["array", "frame", "cube"])
def test_tables(exported, shaken, rng, form):
    X = rng.normal(size=(20, 4))
    if form == "frame":
        X = pd.DataFrame(X, columns=list("abcd"))
    elif form == "cube":
        X = X.reshape(10, 2, 4)
    model = SequenceClassifier(**SMALL).fit(X, classes(X))
    predictor = exported(shaken(model))
    assert_same(model, predictor, X)
    assert predictor.n_features_in_ == 4
    if form == "frame":
        assert predictor.feature_names_in_.tolist() == list("abcd")
        with pytest.raises(ValueError, match="feature names should match"):
            predictor.predict(X[list("dcba")])
    wrong = {
        "array": np.zeros((2, 3)),
        "frame": pd.DataFrame(np.zeros((2, 3)), columns=list("abc")),
        "cube": np.zeros((2, 2, 3)),
    }[form]
    message = "should match" if form == "frame" else "OnnxClassifier is expecting 4 feat"
    with pytest.raises(ValueError, match=message):
        predictor.predict(wrong)


@pytest.fixture
def frame(rng):
    """Return a frame of texts, tags, readings, times, numbers and categories."""
    lengths = rng.integers(1, 7, 24)
    return pd.DataFrame(
        {
            "words": [list(rng.choice(["x", "y", "Zed"], n)) for n in lengths],
            "tags": [list(rng.choice(["N", "V"], n)) for n in lengths],
            "readings": [rng.normal(size=(n, 2)) for n in lengths],
            "when": [np.cumsum(rng.random(n) + 0.1) for n in lengths],
            "age": rng.normal(40, 9, 24),
            "member": rng.random(24) < 0.5,
            "city": pd.Categorical(rng.choice(["Rome", "Oslo"], 24)),
        }
    )


@pytest.mark.parametrize(
    "columns",
    [
        ["words", "tags"],
        ["words", "readings"],
        ["words", "age", "member"],
        ["readings", "city"],
        ["words", "tags", "readings", "when", "age", "member", "city"],
    ],
    ids="+".join,
)
def test_fields_and_static_columns(exported, shaken, frame, columns):
    X = frame[columns]
    time = "when" if "when" in columns else None
    model = SequenceClassifier(time=time, **SMALL).fit(X, classes(X))
    predictor = exported(shaken(model))
    new = X.iloc[::-1].reset_index(drop=True)
    if "city" in columns:
        new["city"] = ["Paris", *new["city"].astype(str)[1:]]
        new["city"] = new["city"].astype("category")
    assert_same(model, predictor, new)
    assert predictor.field_roles_ == model.field_roles_
    assert predictor.feature_names_in_.tolist() == columns


@pytest.mark.parametrize("columns", [["words", "parts"], ["parts", "words"]])
@pytest.mark.parametrize("char_encoder", ["cnn", "ngrams", "lstm"])
def test_two_fields_have_words_of_their_own_lengths(exported, columns, char_encoder):
    words = [["Ada", "met", "Bob"], ["we", "understood", "everything"]] * 6
    parts = [["NNP", "VBD", "NNP"], ["PRP", "VBD", "NN"]] * 6
    X = pd.DataFrame({"words": words, "parts": parts})[columns]
    model = SequenceClassifier(**SMALL | {"char_encoder": char_encoder})
    assert_same(model.fit(X, [0, 1] * 6), exported(model), X)


def test_static_columns_with_gaps(exported, shaken, frame):
    X = frame[["words", "age", "city"]].copy()
    X.loc[::3, "age"] = np.nan
    X.loc[1::4, "city"] = None
    model = SequenceClassifier(missing="indicator", **SMALL).fit(X, classes(X))
    assert_same(shaken(model), exported(model), X)


# --- targets --------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [["no", "yes"], [0, 1, 2], [True, False]])
def test_classes(exported, texts, new_texts, labels):
    y = np.array(labels)[np.arange(len(texts)) % len(labels)]
    model = SequenceClassifier(**SMALL).fit(texts, y)
    predictor = exported(model)
    for method in ("predict_proba", "predict_log_proba", "decision_function"):
        assert_same(model, predictor, new_texts, method)
    assert predictor.predict(new_texts).tolist() == model.predict(new_texts).tolist()
    assert predictor.classes_.dtype == model.classes_.dtype
    assert predictor.classes_.tolist() == model.classes_.tolist()
    assert predictor.score(texts, y) == model.score(texts, y)


@pytest.mark.parametrize("n_estimators", [1, 3])
def test_several_labels(exported, shaken, texts, new_texts, rng, n_estimators):
    y = rng.integers(0, 2, (len(texts), 4))
    model = SequenceClassifier(n_estimators=n_estimators, **SMALL).fit(texts, y)
    model = shaken(model)
    predictor = exported(model)
    for method in ("predict_proba", "predict_log_proba", "decision_function"):
        assert_same(model, predictor, new_texts, method)
    assert (predictor.predict(new_texts) == model.predict(new_texts)).all()


@pytest.mark.parametrize("instance_norm", [None, "last", "standard"])
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("loss", ["squared_error", "quantile"])
def test_numbers_of_sequences(exported, shaken, rng, loss, n_outputs, instance_norm):
    X = [rng.normal(100, 9, size=(n, 2)) for n in rng.integers(2, 9, 30)]
    y = np.stack([[x.sum(), x.mean()] for x in X])[:, :n_outputs].squeeze()
    model = SequenceRegressor(loss=loss, instance_norm=instance_norm, **SMALL)
    model.fit(X, y)
    predictor = exported(shaken(model))
    new = [rng.normal(100, 9, size=(n, 2)) for n in (1, 50, 13)]
    assert_same(model, predictor, new, "predict")
    if loss == "quantile":
        assert_same(model, predictor, new, "predict_quantiles")
    else:
        with pytest.raises(ValueError, match='needs a fit with loss="quantile"'):
            predictor.predict_quantiles(new)


@pytest.mark.parametrize("loss", ["huber", "quantile"])
def test_numbers_of_steps(exported, shaken, texts, new_texts, rng, loss):
    y = [rng.normal(size=len(text.split())) for text in texts]
    model = shaken(
        SequenceRegressor(loss=loss, bidirectional=True, **SMALL).fit(texts, y)
    )
    predictor = exported(model)
    assert_same(model, predictor, new_texts, "predict")
    assert predictor.predict([""])[0].shape == (0,)
    weight = 1 + np.arange(len(texts))
    assert predictor.score(texts, y, weight) == pytest.approx(
        model.score(texts, y, weight), abs=1e-5
    )
    if loss == "quantile":
        assert_same(model, predictor, new_texts, "predict_quantiles")


@pytest.mark.parametrize("n_estimators", [1, 3])
@pytest.mark.parametrize("scheme", [None, "IOB2"])
@pytest.mark.parametrize("crf", [False, True])
def test_labels_of_steps(
    exported, shaken, texts, new_texts, rng, crf, scheme, n_estimators
):
    tags = ["O", "B-A", "I-A", "B-B"]
    y = [["B-A", *rng.choice(tags[:3], len(text.split()) - 1)] for text in texts]
    model = SequenceTagger(
        crf=crf,
        scheme=scheme if crf else None,
        invalid_tags="repair",
        n_estimators=n_estimators,
        **SMALL,
    )
    model = shaken(model.fit(texts, y))
    predictor = exported(model)
    assert predictor.predict(new_texts).tolist() == model.predict(new_texts).tolist()
    assert predictor.predict([""]).tolist() == [[]]
    assert_same(model, predictor, new_texts, "predict_proba")
    assert_same(model, predictor, new_texts, "predict_log_likelihood")
    assert_same(model, predictor, [""], "predict_log_likelihood")
    weight = 1 + np.arange(len(texts))
    assert predictor.score(texts, y, weight) == model.score(texts, y, weight)


@pytest.mark.parametrize("estimator", [SequenceRegressor, SequenceTagger])
def test_outputs_that_are_not_finite_are_an_error(exported, rng, estimator):
    X = [rng.normal(size=(n, 1)) for n in (3, 5, 4, 2)]
    labels = [["a", "b", "a", "b", "a"][: len(x)] for x in X]
    y = labels if estimator is SequenceTagger else [1.0, 2.0, 3.0, 4.0]
    model = estimator(cell="rnn_relu", **SMALL).fit(X, y)
    with torch.no_grad():
        for name, weight in model.net_.module_.encoder.named_parameters():
            weight.fill_(30.0 if "weight" in name else 0.0)
    predictor = exported(model)
    X = [np.ones((2, 1)), np.ones((300, 1)), np.ones((1, 1))]
    for side in (model, predictor):
        with pytest.raises(ValueError, match=r"not finite for sequence 1 \(300 steps\):"):
            side.predict(X)
        assert len(side.predict(X[::2])) == 2


@pytest.mark.parametrize(
    ("estimator", "method"),
    [
        (SequenceTagger, "predict"),
        (SequenceTagger, "predict_log_likelihood"),
        (SequenceRegressor, "predict"),
    ],
)
def test_a_sequence_after_empty_ones_is_named_by_its_place(exported, estimator, method):
    X = [["a", "b"], ["b"], ["a", "a", "b"]]
    y = X if estimator is SequenceTagger else [np.arange(len(x)) for x in X]
    own = {"crf": False} if estimator is SequenceTagger else {}
    model = estimator(cell="rnn_relu", **own, **SMALL).fit(X, y)
    with torch.no_grad():
        for name, weight in model.net_.module_.encoder.named_parameters():
            weight.fill_(30.0 if "weight" in name else 1.0)
    for side in (model, exported(model)):
        with pytest.raises(ValueError, match="not finite for sequence 2 "):
            getattr(side, method)([[], ["a"], ["a"] * 300])


def test_labels_of_steps_with_static_columns(exported, shaken, frame):
    y = [["a", "b"] * 9 for _ in range(len(frame))]
    y = [row[: len(words)] for row, words in zip(y, frame["words"], strict=True)]
    X = frame[["words", "age", "city"]]
    model = shaken(SequenceTagger(**SMALL).fit(X, y))
    assert_same(model, exported(model), X, "predict_proba")


@pytest.mark.parametrize("form", ["strings", "characters", "array", "integers"])
def test_labels_come_in_the_form_of_y(exported, form):
    X, y = {
        "strings": (["a b c", "b a"], ["X Y X", "Y X"]),
        "characters": (["abc", "ba"], ["XYX", "YX"]),
        "array": (np.zeros((2, 3)), [[0, 1, 1], [1, 0, 1]]),
        "integers": ([["a", "b"], ["b"]], [[0, 1], [1]]),
    }[form]
    tokenizer = "char" if form == "characters" else "word"
    model = SequenceTagger(tokenizer=tokenizer, **SMALL).fit(X, y)
    expected, got = model.predict(X), exported(model).predict(X)
    assert got.tolist() == expected.tolist()
    assert got.shape == expected.shape


# --- encoder and decoder --------------------------------------------------------------

TARGETS = ["x y z", "z", "y y", "x z x z"]


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("attention", [None, *ATTENTIONS])
@pytest.mark.parametrize("cell", CELLS)
def test_targets(exported, shaken, texts, new_texts, cell, attention, num_layers):
    y = [TARGETS[len(text) % 4] for text in texts]
    model = Seq2SeqTransformer(
        cell=cell, attention=attention, num_layers=num_layers, beam_size=3, **SMALL
    ).fit(texts, y)
    predictor = exported(shaken(model, 0.2))
    assert predictor.predict(new_texts).tolist() == model.predict(new_texts).tolist()
    assert predictor.transform(new_texts[:1]).tolist() == [model.predict(new_texts)[0]]
    targets, scores = predictor.predict_n_best(new_texts, 3)
    expected_targets, expected_scores = model.predict_n_best(new_texts, 3)
    for row, expected_row in zip(targets, expected_targets, strict=True):
        assert row[0] == expected_row[0]  # others of a dead ReLU network are equally good
    np.testing.assert_allclose(scores, expected_scores, **CLOSE)
    assert predictor.target_vocabulary_ == model.target_vocabulary_
    weight = 1 + np.arange(len(texts))
    assert predictor.score(texts, y, weight) == model.score(texts, y, weight)


@pytest.mark.parametrize(
    "options",
    [
        {"beam_size": 1},
        {"beam_size": 2, "length_penalty": 1.0, "max_length": 3},
        {"beam_size": 2, "no_repeat_ngram_size": 1},
        {"tie_weights": True, "bidirectional": False},
        {"tie_weights": False, "target_tokenizer": "char"},
        {"n_estimators": 2, "attention": "general"},
        {"n_estimators": 2, "num_layers": 2, "tie_weights": True},
    ],
)
def test_the_search_has_the_settings_of_the_estimator(
    exported, shaken, frame, options, monkeypatch
):
    monkeypatch.setattr("skrnn.onnx._transformer.MAX_SCORES", 30)  # a few at once
    X = frame[["words", "age", "city"]]
    y = [TARGETS[i % 4] for i in range(len(X))]
    model = shaken(Seq2SeqTransformer(**options, **SMALL).fit(X, y), 0.3)
    predictor = exported(model)
    assert predictor.predict(X).tolist() == model.predict(X).tolist()
    with pytest.raises(ValueError, match=r"n=9 must lie between 1 and beam_size="):
        predictor.predict_n_best(X, 9)
    with pytest.raises(TypeError, match=r"n must be an integer, got 1\.5"):
        predictor.predict_n_best(X, 1.5)


def test_a_score_of_subwords_counts_the_words_of_texts(exported, shaken):
    X = ["one tree", "one house", "two trees", "two houses"] * 3
    y = ["ein Apfelbaum", "ein Haus", "zwei Apfelbäume", "zwei Häuser"] * 3
    model = Seq2SeqTransformer(target_tokenizer="bpe", **SMALL).fit(X, y)
    predictor, y_pred = exported(shaken(model, 0.3)), model.predict(X)
    assert predictor.predict(X).tolist() == y_pred.tolist()
    unseen = [f"{text}xyz" for text in y_pred]  # of subwords that are partly right
    expected = 1 - token_error_rate(unseen, y_pred)
    assert predictor.score(X, unseen) == model.score(X, unseen) == expected


class Mood(str, enum.Enum):  # noqa: UP042 - not StrEnum, whose members numpy writes as values
    """Labels that are strings and members of an Enum."""

    GOOD = "good"
    BAD = "bad!"


def test_a_score_reads_targets_as_the_estimator_does(exported, texts):
    y = [Mood.GOOD, Mood.BAD] * 20
    classifier = SequenceClassifier(**SMALL).fit(texts, y)
    regressor = SequenceRegressor(**SMALL).fit(texts, np.arange(40.0))
    for model, true in ((classifier, y), (regressor, np.arange(40.0))):
        predictor, weight = exported(model), np.arange(40) % 3
        for weights in (None, weight):
            score = model.score(texts, true, sample_weight=weights)
            assert predictor.score(texts, true, sample_weight=weights) == pytest.approx(
                score, abs=1e-5
            )
        for method in (model.score, predictor.score):
            with pytest.raises(
                ValueError, match=r"sample_weight has shape \(3,\), expected \(40,\)"
            ):
                method(texts, true, sample_weight=[1, 2, 3])


@pytest.mark.filterwarnings('ignore:tokenizer="bpe" is not used')
def test_a_tokenizer_of_subwords_that_is_not_used(exported, shaken):
    X = [np.array([[3.0], [4.0]]), np.array([[1.0]])] * 9
    y = [["a", "b"], ["b"]] * 9
    model = shaken(SequenceTagger(tokenizer="bpe", **SMALL).fit(X, y))
    predictor = exported(model)
    assert list(predictor.predict(X)) == list(model.predict(X))


def test_copied_words_are_refused_by_name(exported, texts):
    model = Seq2SeqTransformer(replace_unknown=True, **SMALL).fit(texts, texts)
    with pytest.raises(ValueError, match="replace_unknown=True cannot be stored"):
        exported(model)


def test_targets_that_are_token_lists(exported, shaken):
    X, y = [["a"], ["b", "a"], ["c"]] * 4, [[1, 2], [], [3]] * 4
    model = shaken(Seq2SeqTransformer(**SMALL).fit(X, y))
    assert exported(model).predict(X).tolist() == model.predict(X).tolist()


# --- series ---------------------------------------------------------------------------


@pytest.fixture
def series(rng):
    """Return three series of days."""
    days = pd.date_range("2024-01-01", periods=60, freq="D")
    waves = np.sin(np.arange(60)[:, None] * 0.7 + np.arange(3))
    return pd.DataFrame(waves + 0.1 * rng.normal(size=(60, 3)), days, list("abc"))


def assert_same_forecasts(model, predictor, X):
    """Compare forecasts, which have the form of X, their quantiles and scores."""
    expected, got = model.predict(X), predictor.predict(X)
    assert type(got) is type(expected)
    numbers = [np.asarray(forecast) for forecast in (got, expected)]
    if numbers[0].dtype == object:
        numbers = list(map(np.stack, numbers))
    np.testing.assert_allclose(*numbers, **CLOSE)
    if hasattr(expected, "index"):
        assert got.index.equals(expected.index)
    np.testing.assert_allclose(
        predictor.predict_quantiles(X), model.predict_quantiles(X), **CLOSE
    )
    assert predictor.score(X) == pytest.approx(model.score(X), abs=1e-5)


@pytest.mark.parametrize("loss", ["squared_error", "quantile"])
@pytest.mark.parametrize("decoder", ["recurrent", "direct"])
@pytest.mark.parametrize("cell", CELLS)
def test_forecasts(exported, shaken, series, cell, decoder, loss):
    model = SequenceForecaster(
        horizon=4,
        cell=cell,
        decoder=decoder,
        loss=loss,
        hidden_size=5,
        max_epochs=1,
        random_state=0,
    ).fit(series)
    predictor = exported(shaken(model, 0.2))
    assert_same_forecasts(model, predictor, series)
    assert_same_forecasts(model, predictor, series.iloc[:7])


FORECASTER = {"horizon": 3, "hidden_size": 5, "max_epochs": 1, "random_state": 0}


@pytest.mark.parametrize("decoder", ["recurrent", "direct"])
def test_forecasts_with_what_is_known_ahead_and_static_columns(
    exported, shaken, rng, decoder
):
    n = 30
    frame = pd.DataFrame(
        {
            "sales": [rng.normal(size=n) for _ in range(4)],
            "price": [rng.normal(size=n + 3) for _ in range(4)],
            "area": [1.0, 2.0, 3.0, 4.0],
            "city": pd.Categorical(["Rome", "Oslo", "Rome", "Oslo"]),
        }
    )
    model = SequenceForecaster(
        target="sales", known_future=["price"], decoder=decoder, **FORECASTER
    ).fit(frame)
    assert_same_forecasts(shaken(model, 0.2), exported(model), frame)


@pytest.mark.parametrize(
    "form", ["list", "array", "numbers", "months", "business days", "covariates"]
)
def test_forecasts_of_series_in_other_containers(exported, series, form):
    X = {
        "list": [series["a"].tolist(), series["b"].tolist()[:40]],
        "array": series.to_numpy(),
        "numbers": series.set_axis(np.arange(60) * 0.25, axis=0),
        "months": series.set_axis(pd.period_range("2020-01", periods=60, freq="M")),
        "business days": series["a"].set_axis(pd.bdate_range("2024-01-01", periods=60)),
        "covariates": series,
    }[form]
    model = SequenceForecaster(
        calendar=form == "months",
        target="a" if form == "covariates" else None,
        **FORECASTER,
    ).fit(X)
    assert_same_forecasts(model, exported(model), X)


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_forecasts_without_quantiles(exported, series, n_estimators):
    model = SequenceForecaster(
        calibration_fraction=None, n_estimators=n_estimators, **FORECASTER
    ).fit(series)
    predictor = exported(model)
    np.testing.assert_allclose(predictor.predict(series), model.predict(series), **CLOSE)
    with pytest.raises(ValueError, match="needs an estimator that has quantiles"):
        predictor.predict_quantiles(series)


def test_a_frequency_without_a_name_is_refused(exported, series):
    offset = pd.offsets.CustomBusinessDay(holidays=["2024-01-10"])
    days = pd.date_range("2024-01-01", periods=60, freq=offset)
    model = SequenceForecaster(freq=offset, **FORECASTER).fit(series["a"].set_axis(days))
    with pytest.raises(TypeError, match=r"CustomBusinessDay.* cannot be stored"):
        exported(model)
