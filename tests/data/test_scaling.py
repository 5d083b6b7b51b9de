"""Columns are standardized whatever their unit, and in whatever container they came."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import StandardScaler

from skrnn.data import scaling
from skrnn.data.scaling import Standardization, center_and_deviation


@pytest.fixture
def values(rng):
    return rng.normal([1.0, -50.0, 1e6], [1.0, 0.1, 300.0], size=(200, 3))


@pytest.mark.parametrize("gaps", [False, True])
def test_it_is_scikit_learns_scaler(values, gaps, rng):
    if gaps:
        values[rng.random(values.shape) < 0.3] = np.nan
    expected = StandardScaler().fit(values)
    found = Standardization().fit(values)
    assert_allclose(found.mean, expected.mean_)
    assert_allclose(found.scale, expected.scale_)
    assert_allclose(
        found.apply(values),
        np.nan_to_num(expected.transform(values)),
        rtol=1e-6,
        atol=1e-6,
    )


def test_weights_count_rows(values, rng):
    weights = rng.integers(0, 4, size=200)
    found = Standardization().fit(values, weights.astype(float))
    repeated = Standardization().fit(np.repeat(values, weights, axis=0))
    assert_allclose(found.mean, repeated.mean)
    assert_allclose(found.scale, repeated.scale)


@pytest.mark.parametrize("unit", [1e-300, 1e-30, 1e30, 1e290])
def test_the_unit_does_not_matter(values, unit):
    expected = Standardization().fit(values).apply(values)
    found = Standardization().fit(values * unit).apply(values * unit)
    assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_type_and_the_blocks_do_not_matter(values, monkeypatch):
    single = values.astype(np.float32)
    expected = Standardization().fit(single.astype(np.float64)).apply(single)
    assert_array_equal(Standardization().fit(single).apply(single), expected)
    monkeypatch.setattr(scaling, "BLOCK_ROWS", 7)
    monkeypatch.setattr(scaling, "BLOCK", 10)
    assert_allclose(
        Standardization().fit(values).apply(values),
        StandardScaler().fit_transform(values),
        rtol=1e-6,
        atol=1e-6,
    )


@pytest.mark.parametrize("constant", [0.0, 0.1, -7e-20, 1e9 / 3])
def test_a_constant_is_zero_and_another_value_is_relative_to_it(constant):
    found = Standardization().fit(np.full((1001, 1), constant))
    assert_allclose(found.apply(np.full((3, 1), constant)), 0.0, atol=1e-9)
    other = found.apply(np.array([[2 * constant], [constant + 1.0]]))
    assert np.isfinite(other).all()
    assert_allclose(other[0], np.sign(constant), atol=1e-9)


def test_a_column_without_values_is_zero():
    values = np.full((3, 1), np.nan)
    assert_array_equal(Standardization().fit(values).apply(values), np.zeros((3, 1)))


def test_disabled_it_fills_gaps_with_the_mean_and_nothing_else(values):
    values[3, 1] = np.nan
    found = Standardization(enabled=False).fit(values).apply(values)
    assert_allclose(found[3, 1], np.nanmean(values[:, 1]), rtol=1e-6)
    real = ~np.isnan(values)
    assert_array_equal(found[real], values[real].astype(np.float32))


def test_columns_of_a_group_are_scaled_as_one_column(rng):
    values = rng.normal([0.0, 5.0, 1e6, 0.0], [1.0, 2.0, 300.0, 0.0], size=(200, 4))
    values[rng.random(values.shape) < 0.2] = np.nan
    weights = rng.integers(0, 3, size=200).astype(float)
    found = Standardization().fit(values, weights, np.array([1, 1, 0, 1]))
    one = values[:, [0, 1, 3]].reshape(-1, 1)
    expected = Standardization().fit(one, np.repeat(weights, 3))
    assert_allclose(found.mean[[0, 1, 3]], np.repeat(expected.mean, 3))
    assert_allclose(found.scale[[0, 1, 3]], np.repeat(expected.scale, 3))
    alone = Standardization().fit(values[:, 2:3], weights)
    assert_allclose(found.mean[2], alone.mean[0])
    assert_allclose(found.scale[2], alone.scale[0])


# --- robust ------------------------------------------------------------------------------

ROBUST = pytest.mark.parametrize("unit", ["quartiles", "tails"])


@ROBUST
def test_of_normal_data_the_robust_unit_is_the_deviation(unit, rng):
    columns = rng.normal([3.0, -100.0], [2.0, 1e-6], size=(20_000, 2))
    center, deviation = center_and_deviation(columns, unit=unit)
    assert_allclose(center, columns.mean(axis=0), rtol=0.02)
    assert_allclose(deviation, columns.std(axis=0), rtol=0.03)
    around = columns - columns.mean(axis=0)
    _, around_0 = center_and_deviation(around, unit=unit, centered=True)
    assert_allclose(around_0, columns.std(axis=0), rtol=0.03)


def test_mean_and_deviation_are_the_unit_of_squared_errors(rng):
    columns = rng.exponential(size=(50, 2))
    center, deviation = center_and_deviation(columns)
    assert_allclose(center, columns.mean(axis=0))
    assert_allclose(deviation, columns.std(axis=0))


@ROBUST
def test_outliers_hardly_change_the_robust_unit(unit, rng):
    columns = rng.normal(size=(101, 1))
    clean = center_and_deviation(columns, unit=unit)
    columns[np.argmax(columns)] = 1e12
    center, deviation = center_and_deviation(columns, unit=unit)
    assert_array_equal(center, clean[0])
    assert clean[1] <= deviation < 6 * clean[1]


def test_long_tails_keep_their_deviation_as_unit(rng):
    columns = rng.exponential(size=(101, 1)) ** 2
    _, deviation = center_and_deviation(columns, unit="tails")
    assert_allclose(deviation, columns.std(axis=0))


@ROBUST
@pytest.mark.parametrize("centered", [False, True])
def test_weights_count_rows_in_the_robust_unit(unit, centered, rng):
    columns, weights = rng.normal(size=(60, 2)), rng.integers(0, 4, size=60)
    options = {"unit": unit, "centered": centered}
    found = center_and_deviation(columns, weights.astype(float), **options)
    expected = center_and_deviation(np.repeat(columns, weights, axis=0), **options)
    assert_allclose(found, expected)


def test_where_the_quartiles_are_equal_the_mean_distance_counts():
    columns = np.r_[np.zeros(90), np.full(10, 5.0)][:, None]
    center, deviation = center_and_deviation(columns, unit="quartiles")
    assert center == 0
    assert_allclose(deviation, 0.5 / np.sqrt(2 / np.pi))
    assert center_and_deviation(np.ones((9, 1)), unit="quartiles")[1] == 0
