"""Forecasters: forms of series, intervals, backtests and what they are measured against."""

import pickle
import sys
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars
import pytest
import torch
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline

import skrnn.data.forecasting
from skrnn import FeedForwardForecaster, SequenceForecaster
from skrnn.data.forecasting import CheckedWindows
from skrnn.estimators._base import BaseSequenceEstimator
from skrnn.onnx import load, to_onnx

QUICK = {"max_epochs": 2, "random_state": 0}
FORECASTERS = [
    (SequenceForecaster, {"hidden_size": 4, "decoder": "direct"}),
    (SequenceForecaster, {"hidden_size": 4}),
    (FeedForwardForecaster, {"hidden_layer_sizes": (4,)}),
]
every = pytest.mark.parametrize(
    ("cls", "own"), FORECASTERS, ids=["direct", "recurrent", "feed-forward"]
)


def make(cls=FeedForwardForecaster, **params):
    own = {} if cls is SequenceForecaster else {"hidden_layer_sizes": (4,)}
    if cls is SequenceForecaster:
        own = {"hidden_size": 4}
    return cls(**{**QUICK, **own, **params})


def months(n, start="2015-01"):
    return pd.date_range(start, periods=n, freq="MS")


def wave(n, phase=0.0, level=10.0):
    noise = np.random.default_rng(int(100 * phase)).normal(size=n)
    return level + np.sin(2 * np.pi * np.arange(n) / 12 + phase) + 0.1 * noise


SALES = pd.Series(wave(72), months(72), name="sales")


def shops(n_steps=60, n_known=3, n=4):
    """Return a frame with one row a shop: sales, a holiday known ahead, type and size."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n):
        holiday = (rng.uniform(size=n_steps + n_known) < 0.2).astype(float)
        big = i % 2 == 0
        lift = np.where(holiday == 1, 5.0 if big else -5.0, 0.0)
        sales = 20 + lift[:n_steps] + 0.1 * rng.normal(size=n_steps)
        day = pd.date_range("2024-01-01", periods=n_steps + n_known, freq="D")
        rows.append((sales, holiday, day.to_numpy(), "big" if big else "small", 10.0 * i))
    frame = pd.DataFrame(rows, columns=["sales", "holiday", "day", "type", "size"])
    frame["type"] = frame["type"].astype("category")
    frame.index = pd.Index([f"s{i}" for i in range(n)], name="shop")
    return frame


FIELDS = {"target": "sales", "time": "day", "known_future": ["holiday"]}


# --- forms of series -------------------------------------------------------------------


@every
def test_a_series_is_followed_by_dates(cls, own):
    model = cls(horizon=3, **QUICK, **own).fit(SALES)
    forecast = model.predict(SALES)
    assert forecast.index.equals(months(3, "2021-01"))
    assert forecast.index.freqstr == "MS"
    assert forecast.name == "sales"
    assert model.predict_quantiles(SALES).shape == (1, 3, 3)


def test_a_frame_has_one_series_a_column():
    frame = pd.DataFrame({"a": wave(60), "b": wave(60, 1.0, 500.0)}, months(60))
    model = make(horizon=2).fit(frame)
    forecast = model.predict(frame)
    assert forecast.columns.tolist() == ["a", "b"]
    assert forecast.index.equals(months(2, "2020-01"))
    alone = model.predict(frame["b"])
    np.testing.assert_allclose(forecast["b"], alone)


def test_arrays_lists_and_periods_keep_their_form():
    model = make(horizon=2).fit([wave(40), wave(50, 1.0)])
    assert model.predict([wave(40), wave(7)]).shape == (2, 2)
    assert model.predict(wave(30)).shape == (2,)
    assert model.predict(wave(30).tolist()).shape == (2,)
    assert model.predict(np.stack([wave(30)] * 3, axis=1)).shape == (2, 3)
    series = [pd.Series(wave(40)), pd.Series(wave(7), index=range(5, 12), name="x")]
    forecast = model.predict(series)
    assert forecast[0].index.tolist() == [40, 41]
    assert forecast[1].index.tolist() == [12, 13]
    periods = pd.Series(wave(40), pd.period_range("2020-01", periods=40, freq="M"))
    model = make(horizon=2).fit(periods)
    assert model.predict(periods).index.astype(str).tolist() == ["2023-05", "2023-06"]


def test_forecasts_of_a_list_keep_the_names_of_its_series():
    named = [SALES, SALES.rename("costs"), SALES, SALES.rename(None)]
    model = make(horizon=2).fit(SALES)
    assert [s.name for s in model.predict(named)] == ["sales", "costs", "sales", None]
    labels = model.backtest(named, n_windows=1).forecasts["series"]
    assert labels.unique().tolist() == [0, 1, 2, 3]  # two are "sales"
    labels = model.backtest(named[1:], n_windows=1).forecasts["series"]
    assert labels.unique().tolist() == ["costs", "sales", 2]


def test_every_form_of_a_series_has_the_same_forecast():
    values = wave(48)
    model = make(horizon=2).fit(values)
    expected = model.predict(values)
    for X in (pd.Series(values), values.tolist(), values.astype(object).tolist()):
        np.testing.assert_allclose(np.ravel(model.predict(X)), expected)
    np.testing.assert_allclose(model.predict([values])[0], expected)
    for table in (values[:, None], values[:, None].astype(object)):
        np.testing.assert_allclose(model.predict(table)[:, 0], expected)


def test_a_target_column_has_the_others_as_covariates():
    frame = pd.DataFrame(
        {"load": wave(60), "heat": wave(60, 2.0), "wind": wave(60, 3.0)}, months(60)
    )
    model = make(horizon=2, target="load").fit(frame)
    forecast = model.predict(frame)
    assert (forecast.name, len(forecast)) == ("load", 2)
    np.testing.assert_allclose(model.predict(frame[["wind", "load", "heat"]]), forecast)
    assert model.n_features_in_ == 3
    with pytest.raises(ValueError, match=r"must have the covariates of fit.*lacks"):
        model.predict(frame[["load", "heat"]])


@every
def test_a_frame_of_fields_has_one_series_a_row(cls, own):
    frame = shops()
    model = cls(horizon=3, **FIELDS, **QUICK, **own).fit(frame)
    forecast = model.predict(frame)
    assert forecast.index.equals(frame.index)
    assert (forecast.name, forecast["s1"].name) == ("sales", "sales")
    assert forecast["s1"].index.equals(pd.date_range("2024-03-01", periods=3))
    reordered = frame[["type", "day", "size", "holiday", "sales"]].iloc[[2, 0]]
    np.testing.assert_allclose(
        np.stack(model.predict(reordered)), np.stack(forecast[["s2", "s0"]]), rtol=1e-5
    )
    long = pd.concat(forecast.tolist(), keys=forecast.index)
    assert long.index.names == ["shop", "day"]
    assert model.field_roles_ == {
        "sales": "features",
        "holiday": "features",
        "day": "time",
        "type": "category",
        "size": "number",
    }
    later = model.set_params(known_future=None, target=None, time=None).fit(SALES)
    assert not hasattr(later, "field_roles_")


@every
@pytest.mark.parametrize("horizon", [1, 3])
def test_cross_val_predict_forecasts_each_row_of_a_frame_of_fields(cls, own, horizon):
    frame = shops(n_known=horizon)
    model = make_pipeline("passthrough", cls(horizon, **FIELDS, **QUICK, **own))
    folds = KFold(2, shuffle=True, random_state=0)
    got = cross_val_predict(model, frame, cv=folds)
    assert got.shape == (4,)
    for train, test in folds.split(frame):
        expected = clone(model).fit(frame.iloc[train]).predict(frame.iloc[test])
        for i, forecast in zip(test, expected, strict=True):
            pd.testing.assert_series_equal(got[i], forecast)
    assert cross_val_score(model, frame, cv=folds).shape == (2,)


@pytest.mark.parametrize(
    "as_user",
    [list, lambda X: [pd.Series(x) for x in X], lambda X: pd.DataFrame({"sales": X})],
    ids=["arrays", "list of Series", "fields"],
)
def test_cross_val_predict_forecasts_the_same_in_every_form_of_many_series(as_user):
    series = [wave(40 + i, float(i)) for i in range(4)]
    expected = cross_val_predict(make(horizon=2), series, cv=KFold(2))
    got = cross_val_predict(make(horizon=2), as_user(series), cv=KFold(2))
    np.testing.assert_allclose(np.stack(got), expected)


def test_times_may_be_a_column_of_a_frame_also_of_polars():
    table = pd.DataFrame({"month": months(60), "load": wave(60), "heat": wave(60, 2.0)})
    model = make(horizon=2, target="load", time="month").fit(table)
    forecast = model.predict(table)
    assert forecast.index.equals(months(2, "2020-01"))
    assert model.feature_names_in_.tolist() == ["load", "heat"]
    other = polars.DataFrame({name: table[name].to_numpy() for name in table})
    np.testing.assert_allclose(model.predict(other), forecast)
    with pytest.raises(ValueError, match="time names 'month', but X has the columns"):
        model.predict(table.drop(columns="month"))


def test_series_with_and_without_dates_may_follow_each_other():
    model = make(horizon=2).fit(SALES)
    np.testing.assert_allclose(model.predict(SALES.to_numpy()), model.predict(SALES))


def test_known_columns_may_go_on_as_rows_without_a_target():
    frame = pd.DataFrame({"y": wave(62), "promotion": np.arange(62) % 5}, months(62))
    frame.loc[frame.index[60:], "y"] = np.nan
    model = make(horizon=2, target="y", known_future=["promotion"]).fit(frame)
    assert model.predict(frame).index.equals(months(2, "2020-01"))


@every
def test_what_is_known_ahead_and_static_columns_change_the_forecast(cls, own):
    frame = shops()
    model = cls(horizon=3, **FIELDS, calibration_fraction=None, **QUICK, **own).fit(frame)
    before = np.stack(model.predict(frame))
    other = frame.copy()
    other["holiday"] = [np.r_[x[:60], 1 - x[60:]] for x in frame["holiday"]]
    assert (np.stack(model.predict(other)) != before).all()
    other = frame.assign(type=frame["type"].cat.rename_categories(["small", "big"]))
    assert (np.stack(model.predict(other)) != before).all()


def test_a_list_of_lists_has_one_series_an_element():
    lists = [wave(20).tolist(), wave(30, 1.0).tolist()]
    model = make(horizon=2).fit(lists)
    arrays = [np.array(one) for one in lists]
    np.testing.assert_array_equal(model.predict(lists), model.predict(arrays))
    assert model.predict(lists).shape == (2, 2)


def test_short_unseen_series_are_forecast():
    model = make(SequenceForecaster, horizon=3).fit([wave(60), wave(60, 1.0)])
    for n in (1, 2, 7):
        forecast = model.predict([wave(n), wave(60)])
        assert np.isfinite(forecast).all()
        np.testing.assert_allclose(forecast[0], model.predict(wave(n)), rtol=1e-5)


# --- what is learned -------------------------------------------------------------------


@every
def test_a_season_on_a_level_that_training_has_not_seen_is_forecast(cls, own):
    model = cls(horizon=6, max_epochs=10, random_state=0, **own).fit(wave(120))
    truth = wave(126, level=5000.0)
    np.testing.assert_allclose(model.predict(truth[:120]), truth[120:], atol=0.7)


def test_a_random_walk_is_forecast_by_its_last_value_or_nearly():
    steps = np.random.default_rng(0).normal(size=400)
    walk = 100 + steps.cumsum()
    model = make(horizon=1).fit(walk[:300])
    table = model.backtest(walk, n_windows=100, step=1).table
    assert (
        table.loc["FeedForwardForecaster", "RMSE"]
        < 1.02 * table.loc["persistence", "RMSE"]
    )


@pytest.mark.parametrize("value", [0.0, 7.0, -1e9])
def test_a_constant_series_stays_as_it_is(value):
    model = make(horizon=2).fit(np.full(50, value))
    np.testing.assert_allclose(model.predict(np.full(9, value)), value)
    np.testing.assert_allclose(model.predict_quantiles(np.full(9, value)), value)
    assert model.score(np.full(9, value)) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("scale", [1e-140, 1e-12, 1e12, 1e140])
def test_forecasts_have_the_unit_of_the_series(scale):
    expected, got = (
        make(horizon=2).fit(unit * wave(60)).predict(unit * wave(60)) / unit
        for unit in (1.0, scale)
    )
    np.testing.assert_allclose(got, expected, rtol=1e-4)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
def test_every_loss_has_ordered_quantiles(loss):
    model = make(horizon=2, loss=loss, quantiles=(0.9, 0.1, 0.5)).fit(wave(80))
    high, low, middle = np.moveaxis(model.predict_quantiles([wave(80), wave(20)]), -1, 0)
    assert (low < middle).all()
    assert (middle < high).all()


@pytest.mark.parametrize("quantiles", [(0.1, 0.5, 0.9), (0.9, 0.2), (0.5,)])
def test_the_forecast_of_learned_quantiles_is_the_median_that_errors_correct(quantiles):
    skewed = np.random.default_rng(0).exponential(size=300)
    model = make(horizon=2, loss="quantile", quantiles=quantiles, max_epochs=1)
    model.fit(skewed)
    forecast, levels = model.predict(skewed), model.predict_quantiles(skewed)[0]
    assert levels.shape == (2, len(quantiles))
    if 0.5 in quantiles:
        np.testing.assert_array_equal(forecast, levels[:, quantiles.index(0.5)])
    else:
        assert (forecast < levels[:, 0]).all()
        assert (forecast > levels[:, 1]).all()
    windows = model._check_ends(skewed)
    learned = model._targets.decode(model._relative(windows)[..., 0], windows)[0]
    assert (forecast != learned).all()
    backtest = model.backtest(skewed, n_windows=30, step=2)
    below = backtest.forecasts["actual"] < backtest.forecasts["forecast"]
    assert 0.3 < below.mean() < 0.7


def test_intervals_cover_their_share_of_noise():
    rng = np.random.default_rng(0)
    panel = [10 * i + rng.normal(size=300) for i in range(5)]
    model = make(horizon=2, quantiles=(0.05, 0.5, 0.95)).fit([x[:200] for x in panel])
    backtest = model.backtest(panel, n_windows=50, step=2)
    assert 0.85 < backtest.table.loc["FeedForwardForecaster", "coverage"] < 0.95


def test_gaps_are_learned_from_and_count_nowhere():
    values = wave(120)
    values[[10, 40, 41, 77, 119]] = np.nan
    with pytest.raises(
        ValueError, match=r"contains NaN: X, step 10 .*missing=\"indicator\""
    ):
        make().fit(values)
    model = make(horizon=2, missing="indicator").fit(values)
    assert np.isfinite(model.predict(values)).all()
    backtest = model.backtest(values, n_windows=3)
    assert backtest.forecasts["actual"].isna().sum() == 1
    assert np.isfinite(backtest.table[["MASE", "sMAPE", "RMSE"]]).all(axis=None)
    dated = pd.Series(wave(60), months(60)).drop(months(60)[[20, 33]])
    with pytest.raises(ValueError, match="X has gaps: row 20"):
        make().fit(dated)
    forecast = make(horizon=2, missing="indicator").fit(dated).predict(dated)
    assert forecast.index.equals(months(2, "2020-01"))


@pytest.mark.filterwarnings("error")
def test_ends_without_values_are_named():
    series = pd.Series(wave(60), months(60))
    series.iloc[-5:] = np.nan
    model = make(horizon=3, missing="indicator").fit(series)
    last = r"the last value of X is that of 2019-07-01, step 54 of 60; leave out the rows"
    for refused in (model.score, lambda X: model.backtest(X, n_windows=1)):
        with pytest.raises(ValueError, match=f"no step that is withheld has a v.*{last}"):
            refused(series)
    with pytest.warns(UserWarning, match=f"1 of 3 forecasts count nowhere: {last}"):
        table = model.backtest(series, n_windows=3).table
    assert np.isfinite(table["MASE"]).all()
    with pytest.warns(UserWarning, match=r"1 of 2 .*: the last value of X\[1\] is that"):
        assert np.isfinite(model.score([series[:50], series]))
    gap = series[:55].copy()
    gap.iloc[40:46] = np.nan
    model.backtest(gap, n_windows=6)  # a gap in the middle is no such end


def test_gaps_between_numbers_are_learned_from_at_the_distance_of_fit():
    seconds = pd.Index(0.25 * np.arange(60), name="seconds")
    series = pd.Series(wave(60), seconds).drop(seconds[[20, 33]])
    model = make(horizon=2, missing="indicator").fit(series)
    np.testing.assert_allclose(model.predict(series).index, [15.0, 15.25])
    np.testing.assert_allclose(model.predict(series.iloc[:1]).index, [0.25, 0.5])
    np.testing.assert_allclose(model.predict(series.iloc[:2]).index, [0.5, 0.75])


def test_calendar_features_are_known_ahead():
    days = pd.date_range("2023-01-02", periods=140, freq="D")
    series = pd.Series(np.where(days.day_of_week >= 5, 5.0, 1.0), days)
    model = make(horizon=7, calendar=True).fit(series)
    assert model._inputs.n_known == 4  # sine and cosine of the week and of the year
    assert np.isfinite(model.predict(series)).all()
    with pytest.raises(ValueError, match="calendar=True needs dates"):
        make(calendar=True).fit(wave(50))
    with pytest.raises(ValueError, match='dates of the steps ahead, but freq="steps" co'):
        make(calendar=True, freq="steps").fit(series)


# --- held-out parts ----------------------------------------------------------------------


def test_early_stopping_holds_out_what_training_has_not_seen():
    model = make(horizon=3, early_stopping=True, max_epochs=5).fit(wave(100))
    assert "valid_loss" in model.history_
    model = make(horizon=3, max_epochs=5).fit(wave(100), X_val=wave(60, 1.0))
    assert "valid_loss" in model.history_
    frame = pd.DataFrame({"a": wave(50), "b": wave(50)})
    with pytest.raises(ValueError, match="X_val must have the covariates of fit"):
        make(target="a").fit(frame, X_val=frame.rename(columns={"b": "c"}))


@pytest.mark.parametrize("X_val", [None, wave(60, 1.0)], ids=["split", "X_val"])
def test_calibration_stops_as_early_as_training(monkeypatch, X_val):
    stopping = []
    fit = BaseSequenceEstimator._fit

    def spy(self, X, y, weight, validation, **options):
        stopping.append((X.panel.ends[0], X.last[0], validation.X, self.early_stopping))
        return fit(self, X, y, weight, validation, **options)

    monkeypatch.setattr(BaseSequenceEstimator, "_fit", spy)
    early = True if X_val is None else "auto"
    make(horizon=3, early_stopping=early, validation_fraction=0.1).fit(
        wave(100), X_val=X_val
    )
    (end, last, held_out, stops), (_, _, _, of_training) = stopping
    assert (end, last, stops) == (72, 69, True)  # of 80 steps a tenth is held out
    assert (held_out.first[0], held_out.last[0]) == (72, 77)
    assert of_training == early


def test_early_stopping_of_short_series_is_ignored():
    with pytest.warns(UserWarning, match="early_stopping is ignored: the series are too"):
        model = make(horizon=3, window=20, early_stopping=True).fit(wave(23))
    assert model.history_["valid_loss"].isna().all()


def test_without_calibration_there_are_no_intervals():
    model = make(calibration_fraction=None).fit(wave(60))
    with pytest.raises(ValueError, match="predict_quantiles needs errors"):
        model.predict_quantiles(wave(60))
    assert "coverage" not in model.backtest(wave(60)).table
    learned = make(calibration_fraction=None, loss="quantile").fit(wave(60))
    assert learned.predict_quantiles(wave(60)).shape == (1, 1, 3)


@pytest.mark.parametrize("cls", [SequenceForecaster, FeedForwardForecaster])
def test_a_warm_start_refuses_other_parameters_before_it_reads_or_calibrates(
    cls, monkeypatch
):
    series = wave(60)
    model = cls(horizon=2, warm_start=True, max_epochs=1, random_state=0).fit(series)
    monkeypatch.setattr(cls, "_calibrate", None)
    with pytest.raises(
        ValueError, match="horizon was 2 when the network was built and is"
    ):
        model.set_params(horizon=5).fit(series)


def test_partial_fit_and_warm_start_continue():
    model = make(horizon=2).partial_fit([wave(40)]).partial_fit([wave(50, 1.0)])
    assert len(model.history_) == 2
    assert model.predict([wave(9)]).shape == (1, 2)
    warm = make(horizon=2, warm_start=True).fit(wave(60))
    warm.fit(wave(80))
    assert len(warm.history_) == 4
    with pytest.raises(ValueError, match="horizon was 2 when the network was built"):
        warm.set_params(horizon=3).fit(wave(80))


# --- errors and backtests ----------------------------------------------------------------


def test_score_is_the_negative_scaled_error_of_the_last_steps():
    model = make(horizon=3).fit(SALES)
    forecast = model.predict(SALES[:-3])
    past = SALES[:-3].to_numpy()
    scale = np.abs(past[12:] - past[:-12]).mean()
    expected = -np.abs(forecast.to_numpy() - SALES[-3:].to_numpy()).mean() / scale
    assert model.score(SALES) == pytest.approx(expected, rel=1e-5)


def test_a_backtest_has_every_forecast_and_its_errors():
    model = make(horizon=3).fit(SALES)
    backtest = model.backtest(SALES, n_windows=2, step=4)
    rows = backtest.forecasts
    assert len(rows) == 6
    assert rows["cutoff"].unique().tolist() == list(SALES.index[[64, 68]])
    for cutoff, part in rows.groupby("cutoff"):
        known = SALES[:cutoff]
        np.testing.assert_allclose(part["forecast"], model.predict(known), rtol=1e-5)
        np.testing.assert_array_equal(part["actual"], SALES[part["time"]])
        np.testing.assert_array_equal(part["seasonal"], known.iloc[-12:-9])
        assert (part["last"] == known.iloc[-1]).all()
        quantiles = model.predict_quantiles(known)[0]
        np.testing.assert_allclose(part[["q0.05", "q0.5", "q0.95"]], quantiles, rtol=1e-5)
    error = rows["actual"] - rows["forecast"]
    table = backtest.table.loc["FeedForwardForecaster"]
    assert table["RMSE"] == pytest.approx(np.sqrt(np.square(error).mean()))
    inside = rows["actual"].between(rows["q0.05"], rows["q0.95"])
    assert table["coverage"] == pytest.approx(inside.mean())
    assert backtest.table.index.tolist() == [
        *("FeedForwardForecaster", "seasonal persistence", "persistence"),
    ]


def test_windows_of_a_backtest_are_cut_and_read_block_by_block(monkeypatch, tmp_path):
    model = make(SequenceForecaster, window=12, horizon=2).fit(SALES)
    to_onnx(model, tmp_path / "model.onnx")
    panel = [SALES, SALES[:40]]
    expected = model.backtest(panel, n_windows=20, step=1).forecasts
    forecast = model.predict(panel)
    read, rows = [], CheckedWindows._rows

    def spy(self):
        read.append(len(self))
        return rows(self)

    monkeypatch.setattr(CheckedWindows, "_rows", spy)
    monkeypatch.setattr(skrnn.data.forecasting, "MAX_VALUES", 100)  # 8 windows of 12
    found = model.backtest(panel, n_windows=20, step=1).forecasts
    assert set(read) == {8}  # 40 windows in five blocks, however often they are read
    pd.testing.assert_frame_equal(found, expected, rtol=1e-6)
    monkeypatch.setattr(skrnn.data.forecasting, "MAX_VALUES", 1)
    read.clear()
    for one, own in ((model, 1e-6), (load(tmp_path / "model.onnx"), 1e-5)):
        for some, whole in zip(one.predict(panel), forecast, strict=True):
            pd.testing.assert_series_equal(some, whole, rtol=own)
    assert set(read) == {1}


def test_a_window_whose_forecast_overflows_is_named_by_its_place_in_x(monkeypatch):
    frame = pd.DataFrame({"sales": SALES, "price": 1.0})
    model = make(target="sales", window=4, scale=None).fit(frame)
    with torch.no_grad():
        for weight in model.net_.module_.parameters():
            weight.mul_(1e3)
    panel = [frame] * 5
    panel[3] = frame.assign(price=1e38)
    monkeypatch.setattr(skrnn.data.forecasting, "MAX_VALUES", 16)
    with pytest.raises(ValueError, match=r"not finite for sequence 3 \(4 steps\):"):
        model.predict(panel)
    with pytest.raises(ValueError, match=r"sequence 3 \(4 steps\)"):
        model.backtest(panel, n_windows=3, step=1)
    with (
        pytest.raises(ValueError, match=r"sequence 3 \(4 steps\):"),
        pytest.warns(UserWarning, match="such series are left out"),
    ):
        model.score([frame[:1], *panel[1:]])


def test_series_too_short_to_withhold_their_end_are_named():
    model = make(horizon=3).fit(wave(60))
    panel = [wave(60), wave(3), wave(40), wave(2)]
    match = r"X\[1\] has 3 steps, X\[3\] has 2 steps: 3 steps are withheld, and more than"
    with pytest.warns(UserWarning, match=match):
        assert model.score(panel) == pytest.approx(model.score(panel[::2]))
    with pytest.warns(UserWarning, match=match):
        assert set(model.backtest(panel).forecasts["series"]) == {0, 2}
    with pytest.raises(ValueError, match="no series has more than horizon=3 steps"):
        model.score([wave(3)])


def test_a_backtest_of_a_panel_names_its_series():
    frame = shops()
    model = make(horizon=3, **FIELDS).fit(frame)
    rows = model.backtest(frame, n_windows=2).forecasts
    assert rows["series"].value_counts().to_dict() == {f"s{i}": 6 for i in range(4)}


@pytest.mark.parametrize("name", ["n_windows", "step"])
def test_a_backtest_counts_whole_windows_and_steps(name):
    model = make().fit(wave(40))
    with pytest.raises(TypeError, match=f"{name} must be an instance of .*int"):
        model.backtest(wave(40), **{name: 1.5})
    with pytest.raises(ValueError, match=f"{name} == 0, must be >= 1"):
        model.backtest(wave(40), **{name: 0})


def test_series_of_one_label_are_numbered_in_a_backtest():
    frame = shops()
    model = make(horizon=3, **FIELDS).fit(frame)
    expected = model.backtest(frame, n_windows=1).forecasts
    frame.index = ["a", "b", "a", "c"]
    rows = model.backtest(frame, n_windows=1).forecasts
    assert rows["series"].tolist() == np.repeat(range(4), 3).tolist()
    pd.testing.assert_frame_equal(rows.iloc[:, 1:], expected.iloc[:, 1:])


def test_a_backtest_draws_its_forecasts():
    matplotlib = pytest.importorskip("matplotlib", reason="an optional extra")
    matplotlib.use("Agg")
    backtest = make(horizon=3).fit(SALES).backtest(SALES, n_windows=2)
    ax = backtest.plot()
    assert len(make().fit(wave(40)).backtest(wave(40)).plot().lines) > 1
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        *("actual", "q0.05 to q0.95", "forecast"),
    ]
    assert len(ax.lines) == 3
    ax.figure.canvas.draw()
    box = ax.get_legend().get_window_extent()
    assert box.y0 >= ax.get_window_extent().y1  # above the data
    with pytest.raises(ValueError, match="series='x' is none of"):
        backtest.plot("x")
    matplotlib.pyplot.close("all")


def test_a_backtest_without_matplotlib_names_itself_and_the_extra(monkeypatch):
    backtest = make().fit(wave(40)).backtest(wave(40))
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(
        ImportError, match=r"Backtest\.plot needs matplotlib; pip .*\[plot\]"
    ):
        backtest.plot()


# --- bad input ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "params", "error", "match"),
    [
        ([wave(40), wave(5)], {"window": 4, "horizon": 2}, ValueError,
         r"X\[1\] has 5 steps, but window=4 and horizon=2 need at least 6"),
        ([wave(40), wave(2)], {"horizon": 2}, ValueError, r"X\[1\] has 2 steps, but 1 step"),
        (["a", "b"], {}, TypeError, "must hold real numbers|series of numbers"),
        ("text", {}, TypeError, "X must be a series of numbers"),
        (3.0, {}, TypeError, "X must be a list of series"),
        ({"a": wave(40)}, {}, TypeError, r"pass list\(X.values\(\)\) if each"),
        (np.array([1.0, "x"], dtype=object), {}, TypeError, "X must hold numbers"),
        ([], {}, ValueError, "X holds no series"),
        (np.array([], dtype=object), {}, ValueError, "X holds no series"),
        (wave(40), {"target": "y"}, ValueError, "target='y' must be None"),
        (pd.DataFrame({"a": wave(40)}), {"target": "y"}, ValueError,
         "target='y' is not a column of X"),
        (pd.DataFrame({"a": wave(40), "b": wave(40)}),
         {"target": "a", "known_future": ["c"]}, ValueError,
         r"known_future names 'c', but the covariates of X are \['b'\]"),
        (wave(40), {"static_features": ["a"]}, ValueError, "needs a frame with one row a"),
        (pd.Series(wave(3), pd.to_datetime(["2020-01-01", "2020-01-03", "2020-01-02"])), {},
         ValueError, "X is not sorted by time"),
        (pd.Series(wave(3), pd.to_datetime(["2020-01-01", "2020-01-01", "2020-01-02"])), {},
         ValueError, "X has the time 2020-01-01 twice"),
        (pd.DataFrame({"t": ["01/02/2020", "01/03/2020"], "y": [1.0, 2.0]}),
         {"target": "y", "time": "t"}, ValueError,
         r"X\['t'\] holds times that are strings, such as '01/02/2020', .*pd.to_datetime"),
        (pd.DataFrame({"t": [["3", "4"]], "y": [[1.0, 2.0]]}),
         {"target": "y", "time": "t"}, ValueError,
         r"row 0 of X, column 't' holds times that are strings, such as '3', .*pd.to_num"),
        (pd.DataFrame({"y": [wave(9)]}), {"calendar": True}, ValueError,
         r"calendar=True needs dates: .*features=\['date', ...\]\) keeps the times"),
        (pd.DataFrame({"d": pd.date_range("2020", periods=9), "y": wave(9)}), {}, TypeError,
         r"X holds dates or times in column 'd'; set time='d', or .* X.set_index\('d'\)"),
        (pd.DataFrame({"d": ["2020-01-01", "2020-01-02"], "y": wave(2)}), {"target": "y"},
         TypeError, r"X holds dates or times in column 'd'; set time='d'"),
        (pd.DataFrame({"s": ["a", "b"], "d": pd.date_range("2020", periods=2), "y": wave(2)}),
         {"target": "y", "time": "d"}, TypeError, r"X holds strings in column 's', such as 'a'"
         r".*sequences_from_frame\(frame, by='s', time='d', features=\['d', 'y', ...\]\)"),
        (pd.DataFrame({"s": ["a", "b"], "d": pd.date_range("2020", periods=2), "y": wave(2)}),
         {}, TypeError, r"by='s', time='d', features=\['d', ...\]\)"),
        (np.r_[wave(30), np.inf], {"missing": "indicator"}, ValueError,
         "contains infinity: X, step 30"),
        (np.full(30, np.nan), {"missing": "indicator"}, ValueError, "X has no values"),
        (1e160 * wave(40), {}, ValueError, r"X: the largest value is 1.11e\+161, expected one "
         r"from 1e-150 to 1e\+150; change its unit"),
        ([wave(40), 1e-160 * wave(40)], {}, ValueError, r"X\[1\]: the largest value is 1.11e-15"),
        (pd.DataFrame({"y": wave(40), "h": 1e200 * wave(40)}), {"target": "y"}, ValueError,
         "X, column 'h': the largest value is 1.11e"),
        (wave(40), {"horizon": 0}, ValueError, "horizon"),
        (wave(40), {"quantiles": (0.5, 0.5)}, ValueError, "at least 1 without repeats of: a f"),
        (pd.DataFrame(wave(80).reshape(40, 2), columns=["y", "y"]), {"target": "y"},
         ValueError, "X has more than one column 'y'"),
        ([pd.DataFrame(wave(80).reshape(40, 2), columns=["y", "y"])], {"target": "y"},
         ValueError, r"X\[0\] has more than one column 'y'"),
        (pd.DataFrame([[wave(9)] * 2], columns=["y", "y"]), {}, ValueError,
         "X has more than one column 'y'"),
        (pd.DataFrame({"y": wave(40), "h": wave(40)}),
         {"target": "y", "known_future": ["h", "h"]}, ValueError,
         "'known_future' parameter .* a list of at least 1 without repeats"),
        (wave(40), {"loss": "nll"}, ValueError, "loss"),
        (pd.Series(wave(4), [1, 2, 4, 5]), {}, ValueError,
         r"X has gaps: row 2 \(4\) comes 2 steps after row 1 \(2\), at the distance 1; 1 gap"),
        (pd.DataFrame({"a": wave(4), "t": [0.5, 1.5, 1.0, 2.0]}), {"time": "t"}, ValueError,
         r"X is not sorted by time: row 2 .*; pass X.sort_values\('t'\); where it holds se"
         r"veral series, skrnn.preprocessing.sequences_from_frame\(frame, by=..., time='t'"),
        (pd.DataFrame({"a": wave(4), "t": months(4)[[0, 1, 1, 2]]}), {"time": "t"},
         ValueError, r"twice.* keep one row a time, as X.drop_duplicates\('t'\)"),
        (pd.DataFrame({"a": wave(2), "t": [months(1)[0], pd.NaT]}), {"time": "t"},
         ValueError, r"a missing time in row 1; leave that row out, as X.dropna\(subset='t'"),
        (pd.DataFrame({"a": [wave(3)], "t": [[0, 2, 1]]}), {"time": "t"}, ValueError,
         "row 0 of X is not sorted by time: .*; sort that row's arrays by time, as skrnn.pr"),
        (pd.DataFrame({"a": wave(40), "day": months(40)}), {"target": "a"}, TypeError,
         "dates or times in column 'day'; set time='day', or make them the index"),
    ],
)  # fmt: skip
def test_series_that_cannot_be_forecast_are_an_error(X, params, error, match):
    with pytest.raises(error, match=match):
        make(**params).fit(X)


@pytest.mark.parametrize("missing", ["raise", "indicator"])
def test_a_known_column_that_ends_early_is_an_error(missing):
    model = make(horizon=3, missing=missing, **FIELDS).fit(shops())
    frame = shops(n_known=3)
    frame["holiday"] = [x[:62] if i == 2 else x for i, x in enumerate(frame["holiday"])]
    frame["day"] = [x[:62] if i == 2 else x for i, x in enumerate(frame["day"])]
    with pytest.raises(
        ValueError,
        match=r"row 's2' of X: column 'holiday'.* lacks the value of 2024-03-03.*, 3 steps",
    ):
        model.predict(frame)
    for column in ("holiday", "day"):
        frame[column] = [x[:60] for x in frame[column]]
    with pytest.raises(ValueError, match=r"2024-03-01 .*, 1 step after the end of the"):
        model.predict(frame)


def test_windows_are_not_compared_where_long_ones_see_no_value():
    values = np.r_[wave(20), np.full(180, np.nan)]
    model = make(horizon=2, missing="indicator", window="auto").fit(values)
    assert np.isfinite(model.predict(wave(20))).all()


def test_early_stopping_may_be_numpys():
    models = [make(early_stopping=stops).fit(wave(80)) for stops in (True, np.True_)]
    assert all("valid_loss" in model.history_ for model in models)
    assert models[0].history_["valid_loss"].notna().all()
    assert models[1].history_["valid_loss"].equals(models[0].history_["valid_loss"])
    with pytest.raises(ValueError, match="early_stopping=True has no effect"):
        make(early_stopping=np.True_).partial_fit(wave(80))


def test_ends_without_values_are_not_held_out():
    series = pd.Series(np.r_[wave(54), np.full(6, np.nan)], months(60))
    given = {"horizon": 6, "missing": "indicator", "early_stopping": True}
    with pytest.warns(UserWarning, match="early_stopping is ignored: .* too few values"):
        model = make(**given).fit(series)
    assert np.isfinite(model.predict(series)).all()


def test_callbacks_of_another_fit_do_not_see_its_calibration():
    monitor = ScoringMonitor(scoring={"score": lambda model, X, y: model.score(X)})
    model = make(horizon=3, window=8, loss="quantile").fit(wave(60))
    model.set_params(horizon=4).set_callbacks(monitor).fit(wave(60))
    assert model.predict_quantiles(wave(60)).shape == (1, 4, 3)


def test_nothing_is_trained_for_a_calibration_without_values(monkeypatch):
    stages, fit = [], FeedForwardForecaster._fit

    def watched(self, *arguments, stage=None, **options):
        stages.append(stage)
        return fit(self, *arguments, **options | ({"stage": stage} if stage else {}))

    monkeypatch.setattr(FeedForwardForecaster, "_fit", watched)
    values = np.r_[wave(80), np.full(20, np.nan)]
    model = make(horizon=2, missing="indicator", calibration_fraction=0.2, window=6).fit(
        values
    )
    assert model._calibration is None
    assert stages == [None]


def test_series_whose_beginning_has_no_values_are_not_calibrated():
    values = np.r_[np.full(81, np.nan), wave(19)]
    model = make(horizon=2, missing="indicator", calibration_fraction=0.2, window=6).fit(
        values
    )
    assert model._calibration is None


def test_a_known_column_may_have_gaps_before_its_end():
    frame = pd.DataFrame({"y": wave(60), "holiday": wave(60) > 10}, months(60)).astype(
        float
    )
    model = make(horizon=3, target="y", known_future=["holiday"], missing="indicator")
    frame.iloc[-3:, 0] = np.nan
    frame.iloc[[7, 8, -2], 1] = np.nan
    assert np.isfinite(model.fit(frame).predict(frame)).all()
    frame.iloc[-1, 1] = np.nan
    for early in (frame, frame[:-3]):
        with pytest.raises(ValueError, match=r"X: column 'holiday', .* lacks the value"):
            model.predict(early)
    assert np.isfinite(model.score(frame[:-3]))


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda f: f.assign(heat=[np.ones(50)] * 4), ValueError,
         "column 'sales' has 60 steps, but column 'heat' has 50"),
        (lambda f: f.assign(note=["a b", "c", "d", "e"]), TypeError,
         "'note'.* holds texts or tokens, but series are numbers"),
        (lambda f: f.assign(size=[1.0, None, 2.0, 3.0]), ValueError,
         "'size'.* is missing in row 1"),
        (lambda f: f.drop(columns="day"), ValueError, "time names 'day'"),
        (lambda f: f.assign(day=[x[:60] for x in f["day"]]), ValueError,
         "'day' has 60 times, but columns that are known ahead have 63 steps"),
    ],
)  # fmt: skip
def test_a_frame_of_fields_that_does_not_fit_is_an_error(change, error, match):
    with pytest.raises(error, match=match):
        make(horizon=3, **FIELDS).fit(change(shops()))


def test_columns_missing_at_predict_are_an_error():
    model = make(horizon=3, **FIELDS).fit(shops())
    with pytest.raises(ValueError, match=r"X lacks the columns \['type'\]"):
        model.predict(shops().drop(columns="type"))


MONTHLY = pd.Series(wave(60), months(60))


@pytest.mark.parametrize(
    ("fitted", "later", "match"),
    [
        (MONTHLY, MONTHLY.to_period("M"),
         r"X has an index of periods, but in fit it had dates; pass X.to_timestamp\(\)"),
        (MONTHLY.to_period("M"), MONTHLY,
         r"X has an index of dates, but in fit it had periods 'M'; pass X.to_period\('M'\)"),
        (MONTHLY.set_axis(pd.date_range("2020", periods=60)), MONTHLY,
         r"no two times of X are one step apart: row 1 \(2015-02-01\) comes 31 steps after .*"
         "at the frequency 'D' of fit"),
        (MONTHLY, MONTHLY.set_axis(pd.date_range("2020", periods=60)),
         "lies between two steps of the frequency 'MS' of fit"),
        (MONTHLY.set_axis(range(5, 65)), MONTHLY.set_axis(range(5, 605, 10)),
         "no two times of X are one step apart: .* 10 steps after .* distance 1 of fit"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("missing", ["raise", "indicator"])
def test_times_unlike_those_of_fit_are_an_error(fitted, later, match, missing):
    model = make(missing=missing).fit(fitted)
    with pytest.raises(ValueError, match=match):
        model.predict(later)


def test_static_columns_that_fit_has_not_seen_are_an_error():
    frame = pd.DataFrame({"sales": [wave(40)] * 2, "size": [1.0, 2.0]})
    model = make(horizon=2).fit([wave(40)])
    assert np.stack(model.predict(frame[["sales"]])).shape == (2, 2)
    with pytest.raises(
        ValueError,
        match=r"X has the static columns \['size'\], but the series of fit had",
    ):
        model.predict(frame)
    with pytest.raises(ValueError, match=r"X has the static columns \['size'\]"):
        make(horizon=2, warm_start=True).fit([wave(40)]).fit(frame)
    with pytest.raises(
        ValueError, match="X must be a frame with one row a series, as in"
    ):
        make(horizon=2).fit(frame).predict([wave(40)])


def test_a_target_of_fit_is_missed_in_a_series_without_columns():
    frame = pd.DataFrame({"sales": wave(40), "price": wave(40, 1.0)})
    model = make(target="sales").fit(frame)
    match = (
        r"X has one feature, but in fit it had the columns \['sales', 'price'\], of whi"
    )
    for X in (frame["sales"], wave(40), [wave(40)]):
        with pytest.raises(ValueError, match=match.replace("X", "X(.0.)?")):
            model.predict(X)


def test_a_y_that_is_given_by_mistake_is_said_so():
    with pytest.warns(UserWarning, match="y is ignored: FeedForwardForecaster learns"):
        make().fit(wave(40), wave(40))


def test_a_long_frame_of_several_series_is_said_so():
    long = pd.DataFrame(
        {"shop": np.repeat([3, 1], 20), "day": [*range(20)] * 2, "sales": wave(40)}
    )
    remedy = (
        r"If its rows are steps, pass .*sequences_from_frame\(frame, by='shop', time="
    )
    with pytest.warns(UserWarning, match="each column is read as one series. " + remedy):
        make().fit(long)
    with pytest.warns(UserWarning, match="all rows are read as one series. " + remedy):
        make(target="sales").fit(long)
    with pytest.raises(ValueError, match=r"has the time 0 twice|not sorted .*by=\.\.\."):
        make(target="sales", time="day").fit(long)
    make(target="sales").fit(long.set_index(months(40)))  # one series after all


# --- scikit-learn ------------------------------------------------------------------------


def test_a_series_is_cross_validated_over_its_steps_and_a_panel_by_series():
    search = GridSearchCV(make(horizon=2), {"window": [3, 6]}, cv=TimeSeriesSplit(2))
    search.fit(wave(90))
    assert search.best_params_["window"] in (3, 6)
    folds = list(TimeSeriesSplit(2, test_size=2).split(SALES))
    cv = [(train, np.arange(test[-1] + 1)) for train, test in folds]
    scores = cross_val_score(make(horizon=2), SALES, cv=cv)
    for score, (train, test) in zip(scores, folds, strict=True):
        model = make(horizon=2).fit(SALES.iloc[train])
        assert score == pytest.approx(model.score(SALES[: test[-1] + 1]))
    panel = [wave(30, phase) for phase in range(6)]
    assert (
        GridSearchCV(make(horizon=2), {"window": [3, 6]}, cv=2).fit(panel).best_score_ < 0
    )


@every
def test_a_fit_is_reproduced_cloned_and_pickled(cls, own):
    model = cls(3, **QUICK, **own)
    assert model.horizon == 3
    forecast = model.fit(SALES).predict(SALES)
    again = clone(model).fit(SALES)
    pd.testing.assert_series_equal(again.predict(SALES), forecast)
    loaded = pickle.loads(pickle.dumps(model))
    pd.testing.assert_series_equal(loaded.predict(SALES), forecast)
    np.testing.assert_array_equal(
        loaded.predict_quantiles(SALES), model.predict_quantiles(SALES)
    )


def test_a_failed_fit_leaves_the_model_as_it_was():
    model = make(horizon=2).fit(SALES)
    forecast = model.predict(SALES)
    with pytest.raises(ValueError, match="contains NaN"):
        model.fit([np.nan, *wave(30)])
    pd.testing.assert_series_equal(model.predict(SALES), forecast)


@pytest.mark.slow
def test_many_long_series_are_forecast():
    panel = [wave(2000, phase) for phase in np.linspace(0, 6, 500)]
    model = make(horizon=4, max_epochs=1, calibration_fraction=None).fit(panel)
    assert model.predict(panel).shape == (500, 4)


def test_a_future_passed_as_y_is_ignored_with_a_warning():
    model = make(horizon=3).fit(SALES)
    expected = model.score(SALES)
    with pytest.warns(UserWarning, match=r"y is ignored: \w+ learns from X alone"):
        assert model.score(SALES, SALES[-3:]) == expected


@pytest.mark.parametrize(("n_steps", "warned"), [(24, True), (140, False)])
def test_quantiles_of_too_few_errors_are_warned_of(n_steps, warned, tmp_path):
    series = wave(n_steps)
    model = make(horizon=1, window=4).fit(series)
    to_onnx(
        make(SequenceForecaster, horizon=1, window=4).fit(series), tmp_path / "m.onnx"
    )
    for forecaster in (model, load(tmp_path / "m.onnx")):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            forecaster.predict_quantiles(series)
        texts = [str(one.message) for one in found]
        assert [text.startswith("quantiles are taken from") for text in texts] == [
            True
        ] * warned


@pytest.mark.parametrize("value", ["1,000", Decimal("1.5")])
def test_numbers_of_another_type_have_a_remedy(value):
    column = pd.Series([value] * 30, months(30), name="sales", dtype=object)
    with pytest.raises(TypeError, match=r"to_numeric\(X.*\) makes numbers of strings"):
        make().fit(column)
    frame = pd.DataFrame({"sales": ["1,000"] * 30, "rain": np.arange(30.0)}, months(30))
    with pytest.raises(
        TypeError, match=r"read them by pandas.to_numeric\(X\['sales'\]\)"
    ):
        make(target="sales").fit(frame)
    with pytest.raises(
        TypeError, match=r"pandas.get_dummies\(frame, columns=\['sales'\]"
    ):
        make(target="rain").fit(frame)


def test_a_column_that_counts_the_rows_is_warned_of():
    frame = pd.DataFrame({"year": np.arange(1900.0, 1960.0), "spots": wave(60)})
    with pytest.warns(UserWarning, match=r"X\['year'\] grows by 1 a row.*time='year'"):
        model = make().fit(frame)
    model.predict(frame)
    make(time="year").fit(frame)
    make(target="spots").fit(frame)
    make().fit(frame[["spots"]])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, None] * 15, "got dtype object; pass .*astype"),
        ([1j] * 30, "got dtype complex128"),
    ],
)
def test_objects_that_are_numbers_are_named_by_their_dtype(values, message):
    with pytest.raises(TypeError, match=message):
        make().fit(
            pd.Series(values, months(30), dtype=None if values[0] == 1j else object)
        )
