"""The pictures of a comparison: their numbers, and what is drawn."""

from __future__ import annotations

import copy
import sys

import numpy as np
import pytest
from scipy import stats

from skrnn.model_selection import ComparisonDisplay, compare_estimators

KINDS = ("scores", "differences", "learning_curves", "length")


@pytest.fixture
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_on_the_users_axes_or_on_its_own(comparison, pyplot, kind):
    display = comparison.plot(kind=kind)
    assert display.figure_ is display.ax_.figure
    _, ax = pyplot.subplots()
    other = ComparisonDisplay.from_comparison(comparison, kind=kind, ax=ax)
    assert other.ax_ is ax
    assert display.plot(ax) is display
    assert display.ax_ is ax
    ax.figure.canvas.draw()


def test_scores_are_drawn_with_corrected_errors(comparison, pyplot):
    display = comparison.plot(metric="f1_macro")
    table, summary = comparison.table, display.summary
    np.testing.assert_allclose(summary["mean"], table["f1_macro"])
    np.testing.assert_allclose(
        summary["error"], table["f1_macro_std"] * np.sqrt(1 / 3 + 1 / 2)
    )
    assert [
        text.get_text() for text in display.ax_.get_yticklabels()
    ] == table.index.tolist()
    assert display.ax_.get_xlabel() == "f1_macro"
    assert len(display.data) == 6
    notes = [text.get_text() for text in display.ax_.texts]
    assert notes[0] == "reference"
    assert "p = " in notes[1]


def test_a_difference_of_zero_has_no_sign(comparison, pyplot):
    tied = copy.deepcopy(comparison)
    tied.differences["difference"] = 0.0
    notes = [text.get_text() for text in tied.plot(metric="f1_macro").ax_.texts]
    assert notes[1].startswith("0.000, p = ")


def test_intervals_of_differences_include_zero_where_p_is_above_one_in_twenty(comparison):
    display = ComparisonDisplay(comparison=comparison, kind="differences")
    row = display.summary.iloc[0]
    expected = comparison.differences.iloc[0]
    assert row["mean"] == pytest.approx(expected["difference"])
    width = stats.t.ppf(0.975, 2) * expected["standard_error"]
    assert row["error"] == pytest.approx(width)
    assert (abs(row["mean"]) < row["error"]) == (expected["p_value"] > 0.05)


def test_a_learning_curve_has_a_point_a_size(comparison, pyplot):
    display = comparison.plot(kind="learning_curves")
    assert display.summary["train_size"].tolist() == [10, 20, 40] * 2
    whole = display.summary[display.summary["train_size"] == 40]["mean"]
    np.testing.assert_allclose(whole, comparison.table["accuracy"])
    labels = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert labels == ["10", "20", "40"]


def test_scores_by_length_have_a_point_a_bin(comparison, pyplot):
    display = comparison.plot(kind="length")
    words = display.summary[display.summary["estimator"] == "words"]
    assert words["n_sequences"].sum() == 60
    mean = np.average(words["mean"], weights=words["n_sequences"])
    assert mean == pytest.approx(comparison.table["accuracy"]["words"])
    labels = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert labels[0].startswith("1–")
    assert labels[-1].endswith(")")


def test_estimators_are_compared_and_drawn_in_one_call(
    estimators, texts, comparison, pyplot
):
    display = ComparisonDisplay.from_estimators(
        estimators,
        *texts,
        scoring=["accuracy", "f1_macro"],
        cv=3,
        train_sizes=[0.5],
        random_state=0,
        kind="learning_curves",
        metric="f1_macro",
    )
    assert display.comparison.scores.equals(comparison.scores)
    assert display.ax_.get_ylabel() == "f1_macro"


def test_one_estimator_and_one_fold_are_drawn(texts, estimators, pyplot):
    only = {"words": estimators["words"]}
    split = [(np.arange(40), np.arange(40, 60))]
    display = compare_estimators(only, *texts, cv=split).plot()
    assert np.isnan(display.summary["error"]).all()
    assert list(display.ax_.texts) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "score"}, r"kind must be one of \['scores', .*got 'score'"),
        ({"metric": "r2"}, r"metric='r2' was not computed; there are \['accuracy'"),
    ],
)
def test_what_was_not_computed_is_refused(comparison, arguments, message):
    with pytest.raises(ValueError, match=message):
        ComparisonDisplay(comparison=comparison, **arguments)


def test_a_kind_that_needs_an_argument_names_it(texts, estimators):
    only = compare_estimators({"words": estimators["words"]}, *texts, cv=2)
    for kind, message in [
        ("learning_curves", "pass train_sizes to compare_estimators"),
        ("length", "pass by_length to compare_estimators"),
        ("differences", "needs two estimators"),
    ]:
        with pytest.raises(ValueError, match=message):
            ComparisonDisplay(comparison=only, kind=kind)


def test_without_matplotlib_the_extra_is_named_before_training(
    monkeypatch, comparison, estimators
):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    message = r' needs matplotlib; pip install "skrnn\[plot\]" brings it'
    with pytest.raises(ImportError, match=r"^ComparisonDisplay\.plot" + message):
        comparison.plot()
    caller = r"^ComparisonDisplay\.from_estimators"
    with pytest.raises(ImportError, match=caller + message):
        ComparisonDisplay.from_estimators(estimators, None)
