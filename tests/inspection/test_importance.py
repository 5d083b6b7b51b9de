"""Importance of steps against linear models and predictions without a step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from skrnn import (
    FeedForwardClassifier,
    FeedForwardRegressor,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.inspection import StepImportance, step_importance
from skrnn.training.attribution import METHODS

WORDS = ["oak", "elm", "ash", "yew", "fir"]
SMALL = {
    **{"hidden_size": 4, "max_epochs": 3, "random_state": 0},
    **{"lr": 0.003, "batch_size": 32},
}


@pytest.fixture
def texts(rng):
    return [list(rng.choice(WORDS, size=n)) for n in rng.integers(1, 7, size=24)]


@pytest.fixture
def signals(rng):
    return [rng.normal(loc=5, size=(n, 2)) for n in rng.integers(1, 9, size=24)]


def labels_for(X):
    return np.array(["u", "v", "w"])[np.arange(len(X)) % 3]


def log_odds_of(model, X, labels):
    """Return the log-odds of one label a sequence, from the probabilities."""
    columns = np.searchsorted(model.classes_, labels)
    p = model.predict_proba(X).astype(float)[np.arange(len(X)), columns]
    return np.log(p) - np.log1p(-p)


def training_mean(X):
    return np.concatenate(X).mean(axis=0)


# --- what the numbers are --------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_of_a_linear_regressor_it_is_coefficient_times_distance_from_the_mean(
    method, rng
):
    X = rng.normal(loc=3.0, size=(200, 4))
    model = FeedForwardRegressor(hidden_layer_sizes=(), max_epochs=20, random_state=0)
    model.fit(X, 10.0 * X @ [2.0, 0.0, -1.0, 0.5])
    at_zero = model.predict(np.zeros((1, 4)))
    coefficients = model.predict(np.eye(4)) - at_zero  # of the fitted model itself
    found = np.array(step_importance(model, X[:5], method))
    np.testing.assert_allclose(
        found, coefficients * (X[:5] - X.mean()), atol=1e-4 * np.abs(coefficients).max()
    )


@pytest.mark.parametrize("method", METHODS)
def test_of_a_linear_classifier_it_is_the_weight_of_each_word(method, texts):
    model = FeedForwardClassifier(
        hidden_layer_sizes=(), char_encoder=None, max_epochs=20, random_state=0
    )
    model.fit(texts, np.arange(24) % 2)
    importance = step_importance(model, texts, method, target=1)
    for words, values in zip(texts, importance, strict=True):
        without = [[*words[:t], "unseen", *words[t + 1 :]] for t in range(len(words))]
        change = model.decision_function([words]) - model.decision_function(without)
        np.testing.assert_allclose(values, change, atol=1e-5)


@pytest.mark.parametrize("char_encoder", [None, "cnn", "ngrams", "lstm"])
@pytest.mark.parametrize("pooling", ["last", "attention"])
def test_importance_adds_up_to_the_change_of_the_log_odds(pooling, char_encoder, texts):
    model = SequenceClassifier(
        pooling=pooling, num_layers=2, char_encoder=char_encoder, **SMALL
    ).fit(texts, labels_for(texts))
    importance = step_importance(model, texts, n_points=32)
    log_odds = log_odds_of(model, texts, model.predict(texts))
    np.testing.assert_allclose(importance.scores, log_odds, atol=1e-4)
    sums = [values.sum() for values in importance]
    change = importance.scores - importance.baseline_scores
    np.testing.assert_allclose(sums, change, atol=1e-5)
    assert importance.targets.tolist() == model.predict(texts).tolist()
    assert importance.lengths.tolist() == list(map(len, texts))


@pytest.mark.parametrize("pooling", ["last", "max"])
def test_unless_points_are_given_the_sum_misses_one_percent_at_most(pooling, texts):
    model = SequenceClassifier(pooling=pooling, **SMALL).fit(texts, labels_for(texts))
    importance = step_importance(model, texts)
    exact = step_importance(model, texts, n_points=300)
    for i, values in enumerate(importance):
        size = np.abs(values).sum()
        change = importance.scores[i] - importance.baseline_scores[i]
        assert values.sum() == pytest.approx(change, abs=0.01 * size + 1e-4)
        assert np.abs(values - exact[i]).sum() < 0.08 * size


def test_the_baseline_of_words_is_a_sequence_of_unknown_ones(texts):
    model = SequenceClassifier(char_encoder=None, **SMALL).fit(texts, labels_for(texts))
    importance = step_importance(model, texts, target="v")
    unknown = [["unseen"] * len(words) for words in texts]
    expected = log_odds_of(model, unknown, ["v"] * len(texts))
    np.testing.assert_allclose(importance.baseline_scores, expected, atol=1e-4)


@pytest.mark.parametrize("scale", ["standard", None])
@pytest.mark.parametrize("patch_size", [1, 3])
@pytest.mark.parametrize("n_estimators", [1, 2])
def test_without_a_reading_the_prediction_falls_by_its_importance(
    patch_size, n_estimators, scale, signals, rng
):
    model = SequenceRegressor(
        patch_size=patch_size, scale=scale, n_estimators=n_estimators, **SMALL
    )
    model.fit(signals, 100 * rng.normal(size=24))
    importance = step_importance(model, signals, "occlusion")
    mean = training_mean(signals)
    for x, values in zip(signals, importance, strict=True):
        without = [x.copy() for _ in x]
        for t in range(len(x)):
            without[t][t] = mean
        fall = model.predict([x]) - model.predict(without)
        np.testing.assert_allclose(values, fall, atol=1e-3)
    np.testing.assert_allclose(importance.scores, model.predict(signals))


@pytest.mark.parametrize("patch_size", [1, 3])
@pytest.mark.parametrize("n_estimators", [1, 2])
def test_of_signals_it_adds_up_to_the_distance_from_the_mean_signal(
    patch_size, n_estimators, signals, rng
):
    y = 100 * rng.normal(size=24)
    model = SequenceRegressor(patch_size=patch_size, n_estimators=n_estimators, **SMALL)
    model.fit(signals, y)
    importance = step_importance(model, signals, n_points=32)
    means = [np.tile(training_mean(signals), (len(x), 1)) for x in signals]
    change = model.predict(signals) - model.predict(means)
    np.testing.assert_allclose([v.sum() for v in importance], change, atol=1e-2)
    assert importance.lengths.tolist() == list(map(len, signals))


@pytest.mark.parametrize("loss", ["squared_error", "quantile"])
def test_each_of_several_outputs_has_its_importance(loss, signals, rng):
    y = rng.normal(size=(24, 2)) * [1.0, 1000.0]
    model = SequenceRegressor(loss=loss, **SMALL).fit(signals, y)
    means = [np.tile(training_mean(signals), (len(x), 1)) for x in signals]
    change = model.predict(signals) - model.predict(means)
    for target in range(2):
        importance = step_importance(model, signals, target=target, n_points=300)
        sums = [values.sum() for values in importance]
        # where quantiles cross, the median has a kink
        tolerance = 0.01 if loss == "quantile" else 1e-4
        np.testing.assert_allclose(sums, change[:, target], atol=tolerance * 1000**target)


def test_with_instance_norm_it_is_in_the_units_of_y_of_each_sequence(rng):
    X = [rng.normal(size=9) * size + 100 * size for size in rng.uniform(1, 50, size=30)]
    y = [x[-1] + x[-2] - x[-3] for x in X]
    model = SequenceRegressor(instance_norm="standard", **SMALL).fit(X, y)
    importance = step_importance(model, X, n_points=32)
    level = [np.full(9, x.mean()) for x in X]
    np.testing.assert_allclose(importance.scores, model.predict(X))
    # a constant sequence has another scale, but its prediction is its level and a constant
    assert np.corrcoef(importance.baseline_scores, np.mean(level, axis=1))[0, 1] > 0.999
    sums = [values.sum() for values in importance]
    change = importance.scores - importance.baseline_scores
    np.testing.assert_allclose(sums, change, rtol=1e-3, atol=1e-2)


def test_fields_count_together_and_static_columns_stay(texts, rng):
    frame = pd.DataFrame(
        {
            "words": texts,
            "load": [rng.normal(size=len(words)) for words in texts],
            "age": rng.normal(size=24),
            "kind": pd.Categorical(np.where(rng.random(24) < 0.5, "a", "b")),
        }
    )
    model = SequenceClassifier(char_encoder=None, **SMALL).fit(frame, labels_for(texts))
    importance = step_importance(model, frame, "occlusion", target="u")
    mean = np.concatenate(frame["load"].tolist()).mean()
    row = frame.iloc[[3]]
    for t, value in enumerate(importance[3]):
        words, load = list(row["words"].iloc[0]), row["load"].iloc[0].copy()
        words[t], load[t] = "unseen", mean
        without = row.assign(words=[words], load=[load])
        fall = log_odds_of(model, row, ["u"]) - log_odds_of(model, without, ["u"])
        assert value == pytest.approx(fall[0], abs=1e-5)


def test_labels_of_an_indicator_matrix_are_explained_one_by_one(texts):
    y = np.array([["oak" in words, len(words) > 3] for words in texts]).astype(int)
    model = SequenceClassifier(**SMALL).fit(texts, y)
    importance = step_importance(model, texts, target=1)
    np.testing.assert_allclose(
        importance.scores, model.decision_function(texts)[:, 1], atol=1e-5
    )
    with pytest.raises(
        ValueError, match=r"predicts several labels; pass target=.*\[0, 1\]"
    ):
        step_importance(model, texts)


def test_steps_before_the_window_have_no_importance(signals):
    model = FeedForwardClassifier(window=2, max_epochs=2, random_state=0)
    model.fit(signals, labels_for(signals))
    for method in METHODS:
        for values in step_importance(model, signals, method):
            assert (values[:-2] == 0).all()
            assert (values[-2:] != 0).any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("cls", [SequenceClassifier, FeedForwardClassifier])
def test_a_text_without_words_is_one_unknown_word_without_importance(cls, method):
    X = ["oak elm", "", "ash"] * 8
    model = cls(max_epochs=3, random_state=0).fit(X, labels_for(X))
    importance = step_importance(model, X, method)
    assert importance.lengths[:3].tolist() == [2, 1, 1]
    np.testing.assert_allclose(importance[1], [0.0], atol=1e-6)
    tokens = importance.to_frame()["token"].tolist()
    assert tokens[:4] == ["oak", "elm", "<unknown>", "ash"]
    assert "&lt;unknown&gt;</span>" in importance._repr_html_()
    labels = importance.plot(1).get_xticklabels()
    assert [label.get_text() for label in labels] == ["<unknown>"]


def test_a_learned_cue_is_the_most_important_step(rng):
    X = [list(rng.choice(WORDS, size=8)) for _ in range(200)]
    y = rng.integers(2, size=200)
    for words, label, place in zip(X, y, rng.integers(8, size=200), strict=True):
        words[place] = ["down", "up"][label]
    model = SequenceClassifier(hidden_size=8, max_epochs=15, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.95
    for method in METHODS:
        found = [
            words[int(values.argmax())] in ("down", "up")
            for words, values in zip(
                X[:40], step_importance(model, X[:40], method), strict=True
            )
        ]
        assert np.mean(found) > 0.95


# --- the sequence of arrays ------------------------------------------------------------


def test_it_is_a_sequence_of_one_array_for_each_sequence(texts):
    model = SequenceClassifier(**SMALL).fit(texts, labels_for(texts))
    importance = step_importance(model, texts)
    assert isinstance(importance, StepImportance)
    assert len(importance) == len(list(importance)) == 24
    assert importance[-1].shape == (len(texts[-1]),)
    part = importance[2:9:3]
    assert isinstance(part, StepImportance)
    for got, i in zip(part, [2, 5, 8], strict=True):
        np.testing.assert_array_equal(got, importance[i])
    assert part.to_frame()["token"].tolist() == texts[2] + texts[5] + texts[8]


def test_a_list_of_integers_or_a_mask_chooses_sequences(texts):
    model = SequenceClassifier(**SMALL).fit(texts, labels_for(texts))
    importance = step_importance(model, texts, "occlusion")
    mask = np.isin(np.arange(24), [4, 7])
    for index in ([4, 7], np.array([4, -17]), mask, mask.tolist(), pd.Series([4, 7])):
        part = importance[index]
        assert part.to_frame()["token"].tolist() == texts[4] + texts[7]
        assert part.targets.tolist() == importance.targets[[4, 7]].tolist()
        np.testing.assert_array_equal(part[1], importance[7])
    assert len(importance[[]]) == 0
    for index in (np.int64(3), np.array(3)):
        np.testing.assert_array_equal(importance[index], importance[3])


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (24, IndexError, "index=24 is out of range: X has 24 sequences"),
        ([0, -25], IndexError, "index=-25 is out of range: X has 24 sequences"),
        ([True, False], IndexError, "a mask of 2 values does not fit the 24 sequences"),
        ("0", TypeError, "index must be an integer, got '0'"),
        ((0, 1), TypeError, r"index must be an integer, got \(0, 1\)"),
        (1.0, TypeError, r"index must be an integer, got 1\.0"),
        ([[0, 1]], TypeError, r"a list of integers or a mask, got \[\[0, 1\]\]"),
        (["0"], TypeError, r"a list of integers or a mask, got \['0'\]"),
    ],
)
def test_another_index_is_an_error(index, error, message, texts):
    model = SequenceClassifier(**SMALL).fit(texts, labels_for(texts))
    with pytest.raises(error, match=message):
        step_importance(model, texts, "occlusion")[index]


def test_the_html_shows_the_words_of_the_text_escaped():
    X = ["<b>bold</b> & plain!", "other words"] * 12
    model = SequenceClassifier(tokenizer=str.split, **SMALL).fit(X, ["<i>", "b"] * 12)
    page = step_importance(model, X)._repr_html_()
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;</span> <span" in page
    assert "<i>" not in page
    assert "14 more sequences" in page
    assert page.count("<div") == page.count("</div>")


def test_the_html_of_a_signal_has_a_cell_for_each_step(signals):
    model = SequenceClassifier(**SMALL).fit(signals, labels_for(signals))
    page = step_importance(model, signals[:1])._repr_html_()
    assert page.count("<rect") == len(signals[0])
    assert page.count("<polyline") == 2
    long = [np.tile(signals[0][:1], (1000, 1))]
    assert step_importance(model, long, n_points=2)._repr_html_().count("<rect") == 300


def test_a_signal_with_gaps_is_shown_without_them(rng):
    X = [np.where(rng.random((9, 2)) < 0.3, np.nan, rng.normal(size=(9, 2)))] * 12
    X[0] = np.full((9, 2), np.nan)
    model = SequenceClassifier(missing="indicator", **SMALL).fit(X, labels_for(X))
    importance = step_importance(model, X)
    page = importance._repr_html_()
    assert "nan" not in page
    assert page.count("<rect") == 9 * 10
    np.testing.assert_allclose(
        [values.sum() for values in importance],
        importance.scores - importance.baseline_scores,
        atol=0.01,
    )
    importance.plot(0)


@pytest.mark.parametrize("n_features", [1, 2, 12])
def test_a_signal_is_drawn_over_a_strip(n_features, rng):
    X = [rng.normal(size=(n, n_features)) for n in rng.integers(3, 9, size=12)]
    model = SequenceRegressor(**SMALL).fit(X, rng.normal(size=12))
    importance = step_importance(model, X)
    ax = importance.plot(-1)
    strip = ax.images[-1]
    np.testing.assert_allclose(strip.get_array()[0], importance[-1])
    n_steps = len(X[-1])
    assert strip.get_extent()[:2] == [0.5, n_steps + 0.5]
    assert ax.get_xticks()[0] == 1
    assert set(ax.get_xticks()) <= set(range(1, n_steps + 1))
    assert min(ax.get_yticks()) > strip.get_extent()[3]  # none beside the strip
    assert len(ax.lines) == (n_features if n_features < 12 else 0)
    for j, line in enumerate(ax.lines):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, n_steps + 1))
        np.testing.assert_array_equal(line.get_ydata(), X[-1][:, j])


def test_the_strip_of_a_long_signal_keeps_its_strongest_steps(rng):
    X = [np.zeros((5000, 1)) for _ in range(4)]
    model = SequenceRegressor(**SMALL).fit([x[:5] for x in X], np.arange(4.0))
    importance = step_importance(model, X, n_points=1)
    importance.values.values[3217] = 99.0
    strip = importance.plot(0).images[-1].get_array()
    assert strip.shape == (1, 600)
    assert strip[0, 3217 * 600 // 5000] == 99.0


def test_many_words_are_drawn_and_the_strongest_are_named(rng):
    X = [list(rng.choice(WORDS, size=300)) for _ in range(4)]
    model = SequenceClassifier(**SMALL).fit(X, [0, 1, 0, 1])
    importance = step_importance(model, X, n_points=1)
    ax = importance.plot(0)
    assert len(ax.patches) == 300
    assert len(ax.get_xticks()) == 60
    assert int(np.abs(importance[0]).argmax()) in ax.get_xticks()
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names == [X[0][place] for place in ax.get_xticks()]


def test_words_are_drawn_as_bars_on_the_given_axes(texts):
    import matplotlib.pyplot as plt

    model = SequenceClassifier(**SMALL).fit(texts, labels_for(texts))
    importance = step_importance(model, texts)
    axes = plt.subplots()[1]
    assert importance.plot(4, ax=axes) is axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == texts[4]
    np.testing.assert_allclose([bar.get_height() for bar in axes.patches], importance[4])


# --- errors ----------------------------------------------------------------------------


def test_errors_name_the_argument(texts):
    model = SequenceClassifier(**SMALL)
    with pytest.raises(NotFittedError, match="SequenceClassifier instance is not fitted"):
        step_importance(model, texts)
    model.fit(texts, labels_for(texts))
    with pytest.raises(ValueError, match=r"method must be one of .*got 'lime'"):
        step_importance(model, texts, "lime")
    with pytest.raises(
        ValueError, match='n_points must be "auto" or an integer of at least 1, got 0'
    ):
        step_importance(model, texts, n_points=0)
    with pytest.raises(
        ValueError, match=r"target='x' is not in classes_ \['u', 'v', 'w'\]"
    ):
        step_importance(model, texts, target="x")
    with pytest.raises(IndexError, match="index=24 is out of range: X has 24 sequences"):
        step_importance(model, texts).plot(24)
    with pytest.raises(TypeError, match=r"index must be an integer, got '0'"):
        step_importance(model, texts).plot("0")


def test_other_kinds_of_estimators_are_named(texts):
    tagger = SequenceTagger(**SMALL).fit(texts, texts)
    with pytest.raises(
        TypeError, match=r"classifiers and regressors.*got SequenceTagger$"
    ):
        step_importance(tagger, texts)
    with pytest.raises(TypeError, match="got SequenceClassifier itself, not an instance"):
        step_importance(SequenceClassifier, texts)


def test_targets_of_regressors_are_checked(signals, rng):
    model = SequenceRegressor(**SMALL).fit(signals, rng.normal(size=(24, 3)))
    with pytest.raises(ValueError, match="predicts 3 numbers; pass target=, from 0 to 2"):
        step_importance(model, signals)
    with pytest.raises(
        ValueError, match="target=3 is out of range: the outputs are 0 to 2"
    ):
        step_importance(model, signals, target=3)
    with pytest.raises(
        ValueError, match="target must be the number of an output, got 'a'"
    ):
        step_importance(model, signals, target="a")


def test_numbers_for_each_step_are_refused(signals):
    model = SequenceRegressor(**SMALL).fit(signals, [x[:, 0] for x in signals])
    with pytest.raises(ValueError, match="was fitted on numbers for each step"):
        step_importance(model, signals)


@pytest.mark.filterwarnings("ignore:y has a single class")  # as it must be here
def test_one_class_decides_nothing(signals):
    model = SequenceClassifier(**SMALL).fit(signals, ["a"] * 24)
    with pytest.raises(ValueError, match="knows one class, 'a', and decides nothing"):
        step_importance(model, signals)


def test_static_columns_alone_have_no_steps(rng):
    frame = pd.DataFrame(
        {"age": rng.normal(size=24), "kind": pd.Categorical(["a", "b"] * 12)}
    )
    model = FeedForwardClassifier(max_epochs=1).fit(frame, [0, 1] * 12)
    with pytest.raises(ValueError, match="X has static columns alone, and no steps"):
        step_importance(model, frame)
