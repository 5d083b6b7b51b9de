"""The corrected resampled t-test and the adjustment of p-values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skrnn.model_selection._differences import (
    adjust_p_values,
    corrected_t_test,
    differences_of,
)


def test_the_test_equals_the_formula_of_nadeau_and_bengio_by_hand():
    # Mean 0.02, variance (0.01² + 0 + 0.01²) / 2 = 0.0001, two thirds for training.
    result = corrected_t_test([0.01, 0.02, 0.03], ratio=1 / 2)
    error = np.sqrt((1 / 3 + 1 / 2) * 0.0001)
    assert result.mean == pytest.approx(0.02)
    assert result.standard_error == pytest.approx(error)
    # Student's t with two degrees of freedom has a distribution function in closed form.
    t = 0.02 / error
    assert result.p_value == pytest.approx(1 - t / np.sqrt(2 + t**2))


def test_without_overlap_it_is_the_usual_paired_test(rng):
    first, second = rng.normal(size=(2, 10))
    ours = corrected_t_test(second - first, ratio=0)
    assert ours.p_value == pytest.approx(stats.ttest_rel(second, first).pvalue)


def test_the_correction_makes_the_test_more_cautious(rng):
    differences = rng.normal(0.5, 1, size=10)
    usual, ours = (corrected_t_test(differences, ratio) for ratio in (0, 1 / 9))
    assert ours.p_value > usual.p_value


def test_noise_is_seldom_called_a_difference(rng):
    """Differences over overlapping folds: a common part of variance ratio / (1/k + ratio)."""
    n_folds, ratio, n_runs = 10, 1 / 9, 4000
    own = rng.normal(size=(n_runs, n_folds))
    # Nadeau and Bengio take the correlation of two folds for n_test / (n_test + n_train).
    correlation = ratio / (1 + ratio)
    common = rng.normal(size=(n_runs, 1))
    values = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
    ours = np.mean([corrected_t_test(row, ratio).p_value < 0.05 for row in values])
    usual = np.mean([corrected_t_test(row, 0).p_value < 0.05 for row in values])
    assert ours == pytest.approx(0.05, abs=0.015)
    assert usual > 0.1


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([0.0, 0.0, 0.0], (0, 0, 1)),
        ([0.1, 0.1, 0.1], (0.1, 0, np.nan)),
        ([0.1], (0.1, np.nan, np.nan)),
        ([0.1, np.nan], (0.1, np.nan, np.nan)),
        ([np.nan], (np.nan, np.nan, np.nan)),
    ],
)
def test_the_test_has_an_answer_for_every_number_of_folds(differences, expected):
    np.testing.assert_allclose(corrected_t_test(differences, 0.5), expected)


def test_an_undefined_score_is_left_out():
    with_gap = corrected_t_test([0.1, np.nan, 0.3, 0.2], 0.5)
    assert with_gap == corrected_t_test([0.1, 0.3, 0.2], 0.5)


def test_adjusted_p_values_follow_holm_by_hand():
    # 0.01 · 3, then max(0.03, 0.02 · 2), then max(0.04, 0.4 · 1)
    np.testing.assert_allclose(adjust_p_values([0.4, 0.01, 0.02]), [0.4, 0.03, 0.04])
    np.testing.assert_allclose(adjust_p_values([0.9, np.nan, 0.8]), [1, np.nan, 1])
    assert len(adjust_p_values([])) == 0


def test_every_estimator_is_compared_with_the_first_fold_by_fold():
    scores = pd.DataFrame(
        [
            ("z", 0, "m", 0.5),
            ("z", 1, "m", 0.7),
            ("a", 1, "m", 0.8),  # folds in another order
            ("a", 0, "m", 0.9),
        ],
        columns=["estimator", "fold", "metric", "score"],
    )
    row = differences_of(scores, ratio=1).iloc[0]
    assert row["estimator"] == "a"
    assert row["difference"] == pytest.approx(0.25)
    assert row["standard_error"] == pytest.approx(
        np.sqrt(1.5 * np.var([0.4, 0.1], ddof=1))
    )
    assert row["p_adjusted"] == row["p_value"]
