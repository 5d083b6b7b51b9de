"""The tables of a comparison and their text."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skrnn.model_selection import Comparison, compare_estimators


def make_comparison(scores, **fit):
    """Return a comparison of one metric from ``{estimator: scores of folds}``."""
    rows = [
        {"estimator": name, "fold": fold, "metric": "m", "score": score}
        for name, values in scores.items()
        for fold, score in enumerate(values)
    ]
    usual = {
        "n_train": 80,
        "n_test": 20,
        "fit_time": 1.0,
        "predict_time": 0.1,
        "n_parameters": 1000.0,
        "n_iter": 5.0,
        "size": 2000.0,
        "shortest": 2,
        "longest": 9,
        "first_call": False,
    }
    fits = [{"estimator": r["estimator"], "fold": r["fold"]} | usual | fit for r in rows]
    return Comparison(scores=pd.DataFrame(rows), fits=pd.DataFrame(fits))


def test_scores_have_one_row_an_estimator_fold_and_metric(comparison):
    assert comparison.scores.columns.tolist() == ["estimator", "fold", "metric", "score"]
    keys = comparison.scores[["estimator", "fold", "metric"]]
    assert len(keys.drop_duplicates()) == len(keys) == 2 * 3 * 2
    assert comparison.metrics == ["accuracy", "f1_macro"]


def test_the_table_has_one_row_an_estimator_in_the_order_of_the_dict(comparison):
    table = comparison.table
    assert table.index.tolist() == ["network", "words"]
    assert table.columns.tolist() == [
        *("accuracy", "accuracy_std", "f1_macro", "f1_macro_std"),
        *("fit_time", "predict_time", "n_parameters", "n_iter", "size"),
        *("shortest", "longest"),
    ]
    assert table.dtypes.map(pd.api.types.is_numeric_dtype).all()


def test_the_table_holds_means_and_spreads_over_folds(comparison):
    scores = comparison.scores
    of_words = (scores["estimator"] == "words") & (scores["metric"] == "accuracy")
    values = scores.loc[of_words, "score"]
    row = comparison.table.loc["words"]
    assert row["accuracy"] == pytest.approx(values.mean())
    assert row["accuracy_std"] == pytest.approx(values.std())
    assert comparison.table["n_iter"]["network"] == 6
    assert comparison.table[["shortest", "longest"]].values.tolist() == [[1, 8]] * 2


@pytest.mark.parametrize(
    ("first_calls", "expected"),
    [(1, 2.0), (0, 3.0), (4, 3.0)],
    ids=["one", "none", "all"],
)
def test_times_are_medians_without_first_calls_where_there_are_others(
    first_calls, expected
):
    comparison = make_comparison({"a": [0.5, 0.6, 0.7, 0.8]})
    fits = comparison.fits.assign(
        fit_time=[9.0, 1.0, 2.0, 4.0],
        predict_time=[9.0, 1.0, 2.0, 4.0],
        first_call=np.arange(4) < first_calls,
    )
    table = Comparison(scores=comparison.scores, fits=fits).table
    assert table["fit_time"].tolist() == [expected]
    assert table["predict_time"].tolist() == [expected]


def test_differences_are_to_the_first_estimator_and_have_a_p_value(comparison):
    rows = comparison.differences
    assert comparison.reference == "network"
    assert rows["estimator"].tolist() == ["words", "words"]
    wide = comparison.scores.query("metric == 'f1_macro'").pivot(
        index="fold", columns="estimator", values="score"
    )
    gaps = wide["words"] - wide["network"]
    row = rows[rows["metric"] == "f1_macro"].iloc[0]
    error = np.sqrt((1 / 3 + 1 / 2) * gaps.var())  # 20 test for 40 training sequences
    assert row["difference"] == pytest.approx(gaps.mean())
    assert row["standard_error"] == pytest.approx(error)
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(gaps.mean()) / error, 2))


def test_a_comparison_prints_as_its_table():
    scores = {
        "first": [0.5, 0.6, 0.7],
        "second": [0.9, 0.8, 0.9],
        "third": [0.5, 0.7, 0.6],
    }
    assert repr(make_comparison(scores)).splitlines() == [
        "                    m fit s predict s parameters iterations    size steps",
        "first   0.600 ± 0.100     1       0.1      1,000          5  2.0 kB   2–9",
        "second  0.867 ± 0.058     1       0.1      1,000          5  2.0 kB   2–9",
        "third   0.600 ± 0.100     1       0.1      1,000          5  2.0 kB   2–9",
        "",
        "Means ± standard deviations over 3 folds of 20 test sequences.",
        "Differences ± corrected standard errors, p adjusted for 2 comparisons:",
        "m of second minus first: +0.267 ± 0.088 (p = 0.19)",
        "m of third minus first: 0.000 ± 0.076 (p = 1)",
    ]


def test_columns_of_which_nothing_is_known_are_not_printed():
    text = repr(make_comparison({"one": [0.5, 0.6]}, n_iter=np.nan, shortest=np.nan))
    assert "parameters" in text
    assert "iterations" not in text
    assert "steps" not in text
    assert "nan" not in text
    assert "Differences" not in text


def test_one_fold_has_no_spread_and_no_p_value():
    comparison = make_comparison({"a": [0.5], "b": [0.75]})
    assert np.isnan(comparison.table["m_std"]).all()
    assert np.isnan(comparison.differences["p_value"]).all()
    text = repr(comparison)
    assert "1 fold of 20" in text
    assert "m of b minus a: +0.250" in text
    assert "nan" not in text


def test_html_holds_the_same_numbers_and_no_markup_of_the_user():
    comparison = make_comparison({"<b>a</b>": [0.5, 0.6], "b & c": [0.9, 0.8]})
    html = comparison._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;a" in html
    assert "0.550 ± 0.071" in html
    assert len(re.findall("<tr", html)) == 3
    assert "m of b &amp; c minus &lt;b&gt;a" in html


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_better_model_is_told_from_noise_and_an_equal_one_is_not():
    X, y = load_iris(return_X_y=True)
    estimators = {
        "linear": LogisticRegression(max_iter=100),
        "same": LogisticRegression(max_iter=101),
        "bayes": GaussianNB(),
        "trivial": DummyClassifier(),
    }
    result = compare_estimators(estimators, X, y)
    p = result.differences.set_index("estimator")["p_adjusted"]
    assert p["same"] == 1
    assert p["bayes"] > 0.05
    assert p["trivial"] < 0.001
