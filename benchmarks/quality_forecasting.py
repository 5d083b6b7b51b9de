"""Forecasts of whole series, compared with simple methods, and what covariates add.

Run `python -m benchmarks.quality_forecasting [--quick] [--seeds ...]`. The last fifth of
each series is the test part: a forecast from every step of it, without training again.
Parameters are the defaults; the peers' lags are the windows that `SERIES` names.
"""

import statistics

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

from skrnn import FeedForwardForecaster, SequenceForecaster, SequenceRegressor
from skrnn.preprocessing import sliding_windows

from ._data import (
    load_airline,
    load_co2,
    load_sp500,
    load_stocks,
    load_sunspots,
    load_unseen_series,
)
from ._peers import LagRidge
from ._report import at_least, at_most, print_table, progress, run_program, timed_call

HORIZONS = (1, 12)
_SEASONS = {"W": 52, "MS": 12, "QS": 4, "YS": 1}
HEADER = ("series", "ahead", "method", "MASE", "RMSE", "/ persistence", "90 %", "fit (s)")
#: Lags of the peers, first date, and frequency of each series.
SERIES = {
    "sunspots": (load_sunspots, 132, "1749-01-01", "MS"),
    "airline": (load_airline, 24, "1949-01-01", "MS"),
    "CO₂": (load_co2, 104, "1958-03-29", "W-SAT"),
    "S&P 500": (load_sp500, 24, "1871-01-01", "MS"),
}
FORECASTERS = {
    "SequenceForecaster": SequenceForecaster,
    "FeedForwardForecaster": FeedForwardForecaster,
}
_NOTE = (
    "Over all forecasts of the test part and steps ahead; networks: mean over the seeds. 90 %: "
    "share of values in the interval of `predict_quantiles`. Peers see gaps filled by straight "
    "lines; nothing is measured there. The ridge's penalty is chosen on the last fifth of its "
    "training windows. Stocks: one forecaster of all four, a peer of each; MASE and the ratio "
    "are means over them."
)


def single_series(quick, seeds):
    """Sunspots, airline passengers, CO₂ and the S&P 500, one network each."""
    goals, rows, inside = [], [], []
    for name, (load, lags, start, freq) in SERIES.items():
        values = load()
        values = values[-600:] if quick else values
        dates = pd.date_range(start, periods=len(values), freq=freq)
        for horizon in HORIZONS:
            panel = {name: pd.Series(values, dates)}
            result = _compare(panel, name, lags, horizon, quick, seeds, {})
            rows += _rows(name, horizon, result)
            ours = result["SequenceForecaster"]
            inside.append(ours["coverage"])
            if name in ("sunspots", "airline"):
                ratio = ours["RMSE"] / result["ridge on differences"]["RMSE"]
                claim = f"{name}, {horizon} ahead: RMSE / ridge on differences"
                goals.append(at_most(claim, ratio, 1.0))
            if name == "S&P 500":
                claim = f"{name}, {horizon} ahead: RMSE / persistence"
                goals.append(at_most(claim, ours["ratio"], 1.01))
    print_table("Single series", HEADER, rows, _NOTE)
    return [*goals, *_coverage_goals("single series", statistics.fmean(inside))]


def unseen_series(quick, seeds):
    """Seven series that no default was chosen with."""
    rows, inside, ratios = [], [], {horizon: [] for horizon in HORIZONS}
    for name, (values, lags, start, freq) in load_unseen_series().items():
        dates = pd.date_range(start, periods=len(values), freq=freq)
        for horizon in HORIZONS:
            panel = {name: pd.Series(np.asarray(values, dtype=float), dates)}
            result = _compare(panel, name, lags, horizon, quick, seeds, {})
            rows += _rows(name, horizon, result)
            ours = result["SequenceForecaster"]
            inside.append(ours["coverage"])
            ratios[horizon].append(ours["RMSE"] / result["ridge on differences"]["RMSE"])
    print_table("Series that no default was chosen with", HEADER, rows, _NOTE)
    goals = [
        at_most(
            f"seven unseen series, {horizon} ahead: RMSE / ridge on differences, mean",
            statistics.geometric_mean(ratios[horizon]),
            1.0,
        )
        for horizon in HORIZONS
    ]
    return [*goals, *_coverage_goals("unseen series", statistics.fmean(inside))]


def stocks(quick, seeds):
    """Four stocks, daily, as one panel; rows are counted, as exchanges have holidays."""
    panel = {
        name: pd.Series(values[-600:] if quick else values)
        for name, values in load_stocks().items()
    }
    goals, rows, inside = [], [], []
    for horizon in HORIZONS:
        result = _compare(panel, "four stocks", 24, horizon, quick, seeds, {})
        rows += _rows("four stocks", horizon, result)
        ours = result["SequenceForecaster"]
        inside.append(ours["coverage"])
        claim = f"four stocks, {horizon} ahead: RMSE / persistence"
        goals.append(at_most(claim, ours["ratio"], 1.01))
    print_table("Four stocks as a panel", HEADER, rows, _NOTE)
    return [*goals, *_coverage_goals("four stocks", statistics.fmean(inside))]


def covariates(quick, seeds):
    """A synthetic panel: a holiday known ahead, whose effect depends on the shop's type."""
    shops, horizon, n_train = _make_shops(20 if quick else 40), 7, 160
    past = shops.assign(sales=[x[:n_train] for x in shops["sales"]])
    known = n_train + horizon
    train = past.assign(
        holiday=[x[:known] for x in shops["holiday"]],
        day=[x[:known] for x in shops["day"]],
    )
    bare = past[["sales"]].assign(day=[x[:n_train] for x in shops["day"]])
    rows, figures = [], {}
    for text, cls in FORECASTERS.items():
        for with_covariates in (True, False):
            X, X_test = (train, shops) if with_covariates else (bare, shops[bare.columns])
            options = {"known_future": ["holiday"]} if with_covariates else {}
            if quick:
                options["max_epochs"] = 2
            tables = []
            for seed in seeds:
                progress(f"shops, {text}, {with_covariates}")
                model = cls(
                    horizon, target="sales", time="day", random_state=seed, **options
                ).fit(X)
                backtest = model.backtest(X_test, n_windows=5)
                tables.append((backtest.table.iloc[0], _r2(backtest.forecasts)))
            error = statistics.fmean(table["RMSE"] for table, _ in tables)
            r2 = statistics.fmean(r2 for _, r2 in tables)
            coverage = statistics.fmean(table["coverage"] for table, _ in tables)
            figures[text, with_covariates] = error, r2
            what = "holiday and type" if with_covariates else "sales alone"
            rows.append([text, what, f"{error:.2f}", f"{r2:.3f}", f"{coverage:.3f}"])
    header = ("method", "reads", "RMSE", "R²", "90 %")
    print_table("Shops: a holiday known ahead, a static type", header, rows)
    ours, r2 = figures["SequenceForecaster", True]
    return [
        at_most(
            "shops: error with covariates / without",
            ours / figures["SequenceForecaster", False][0],
            0.5,
        ),
        at_least("shops: R²", r2, 0.9),
    ]


def _compare(panel, name, lags, horizon, quick, seeds, options):
    """Return {method: {"MASE", "RMSE", "ratio", ...}} of a panel {name: Series}."""
    cuts = {key: len(series) - len(series) // 5 for key, series in panel.items()}
    train = [series[: cuts[key]] for key, series in panel.items()]
    n_windows = max(len(s) - cuts[k] for k, s in panel.items()) - horizon + 1
    missing = any(series.isna().any() for series in panel.values())
    options = options | ({"missing": "indicator"} if missing else {})
    if len(panel) > 1:
        options["freq"] = "steps"
    if quick:
        options["max_epochs"] = 2
    tables = {}
    for text, cls in FORECASTERS.items():
        for seed in seeds:
            progress(f"{name}, {horizon} ahead, {text}")
            model = cls(horizon, random_state=seed, **options)
            named = [series.rename(key) for key, series in panel.items()]
            X, X_test = (train, named) if len(panel) > 1 else (train[0], named[0])
            _, seconds = timed_call(lambda model=model, X=X: model.fit(X))
            backtest = model.backtest(X_test, n_windows=n_windows, step=1)
            rows = backtest.forecasts
            kept = _in_test(rows, panel, cuts)
            tables.setdefault(text, []).append((rows[kept], seconds))
    first = tables["SequenceForecaster"][0][0]
    scale = {
        key: _scale(series[: cuts[key]], 1 if len(panel) > 1 else _season(series))
        for key, series in panel.items()
    }
    labels = first["series"].unique()
    key_of = dict(zip(labels, panel, strict=True))
    result = {}
    for text, runs in tables.items():
        figures = [_figures(rows, rows["forecast"], scale, key_of) for rows, _ in runs]
        result[text] = {k: statistics.fmean(f[k] for f in figures) for k in figures[0]}
        result[text]["coverage"] = statistics.fmean(
            rows["actual"]
            .between(rows["q0.05"], rows["q0.95"])[rows["actual"].notna()]
            .mean()
            for rows, _ in runs
        )
        result[text]["seconds"] = statistics.fmean(seconds for _, seconds in runs)
    for text, column in (("persistence", "last"), ("seasonal persistence", "seasonal")):
        result[text] = _figures(first, first[column], scale, key_of)
    for text, fit in _PEERS.items():
        progress(f"{name}, {horizon} ahead, {text}")
        parts = []
        for key, series in panel.items():
            forecasts = fit(series, cuts[key], lags, horizon, quick, seeds)
            parts.append(forecasts.ravel())
        result[text] = _figures(first, np.concatenate(parts), scale, key_of)
    return result


def _in_test(rows, panel, cuts):
    """Return which forecasts were made in the test part of their series."""
    firsts = dict(
        zip(
            rows["series"].unique(),
            (series.index[cuts[key] - 1] for key, series in panel.items()),
            strict=True,
        )
    )
    return rows["cutoff"] >= rows["series"].map(firsts)


def _season(series):
    return _SEASONS[series.index.freqstr.split("-")[0]]


def _scale(series, season):
    return float((series - series.shift(season)).abs().mean())


def _figures(rows, forecast, scale, key_of):
    """Return MASE, RMSE and the ratio to persistence; means over the series."""
    error = (rows["actual"] - np.asarray(forecast)).to_numpy()
    last = (rows["actual"] - rows["last"]).to_numpy()
    groups = rows["series"].to_numpy()
    mase, ratio = [], []
    for label, key in key_of.items():
        mine = groups == label
        mase.append(np.nanmean(np.abs(error[mine])) / scale[key])
        ratio.append(np.sqrt(np.nanmean(error[mine] ** 2) / np.nanmean(last[mine] ** 2)))
    return {
        "MASE": float(np.mean(mase)),
        "RMSE": float(np.sqrt(np.nanmean(error**2))),
        "ratio": float(np.mean(ratio)),
    }


# --- peers ---------------------------------------------------------------------------


def _lagged(series, cut, lags, horizon):
    """Return training windows and targets, and the windows of all test forecasts."""
    values = series.interpolate().to_numpy()
    X, y = sliding_windows(values[:cut], window=lags, horizon=horizon)
    X_test = sliding_windows(values[cut - lags :], window=lags, horizon=horizon)[0]
    return np.asarray(X), np.asarray(y).reshape(len(X), horizon), np.asarray(X_test)


def _ridge(series, cut, lags, horizon, quick, seeds):
    X, y, X_test = _lagged(series, cut, lags, horizon)
    return LagRidge(on_differences=True).fit(X, y).predict(X_test)


def _boosting(series, cut, lags, horizon, quick, seeds):
    X, y, X_test = _lagged(series, cut, lags, horizon)
    last, last_test = X[:, -1:], X_test[:, -1:]
    columns = [
        HistGradientBoostingRegressor(max_iter=20 if quick else 100, random_state=0)
        .fit(X - last, y[:, h] - last[:, 0])
        .predict(X_test - last_test)
        for h in range(horizon)
    ]
    return np.column_stack(columns) + last_test


def _regressor(series, cut, lags, horizon, quick, seeds):
    X, y, X_test = _lagged(series, cut, lags, horizon)
    options = {"max_epochs": 2} if quick else {}
    made = [
        SequenceRegressor(instance_norm="last", random_state=seed, **options)
        .fit(X, y if horizon > 1 else y.ravel())
        .predict(X_test)
        .reshape(-1, horizon)
        for seed in seeds[:1]
    ]
    return made[0]


_PEERS = {
    "ridge on differences": _ridge,
    "boosting on differences": _boosting,
    "SequenceRegressor": _regressor,
}
_ORDER = ("persistence", "seasonal persistence", *_PEERS, *FORECASTERS)


def _rows(name, horizon, result):
    rows = []
    for method in _ORDER:
        figures = result[method]
        coverage, seconds = figures.get("coverage"), figures.get("seconds")
        rows.append(
            [
                name,
                horizon,
                method,
                f"{figures['MASE']:.3f}",
                f"{figures['RMSE']:.3f}",
                f"{figures['ratio']:.3f}",
                f"{coverage:.3f}" if coverage is not None else "",
                f"{seconds:.0f}" if seconds else "",
            ]
        )
    return rows


def _coverage_goals(name, pooled):
    return [
        at_least(f"{name}: coverage of 90 % intervals, pooled", pooled, 0.85),
        at_most(f"{name}: coverage of 90 % intervals, pooled", pooled, 0.95),
    ]


# --- shops ---------------------------------------------------------------------------


def _make_shops(n_shops, n_days=200):
    """Return a frame with one row a shop; a holiday lifts or lowers sales by its type."""
    rng = np.random.default_rng(0)
    effects = {"city": -0.4, "mall": 0.8, "village": 0.1}
    day = pd.date_range("2024-01-01", periods=n_days, freq="D")
    week = 1 + 0.15 * np.sin(2 * np.pi * np.arange(n_days) / 7)
    rows = []
    for i in range(n_shops):
        kind = list(effects)[i % 3]
        holiday = (rng.uniform(size=n_days) < 0.1).astype(float)
        noise = np.exp(0.03 * rng.normal(size=n_days))
        lift = 1 + effects[kind] * holiday
        rows.append(
            (rng.uniform(50, 200) * week * lift * noise, holiday, day.to_numpy(), kind)
        )
    shops = pd.DataFrame(rows, columns=["sales", "holiday", "day", "type"])
    return shops.astype({"type": "category"})


def _r2(rows):
    error = rows["actual"] - rows["forecast"]
    spread = rows["actual"] - rows["actual"].mean()
    return float(1 - (error**2).sum() / (spread**2).sum())


PARTS = (single_series, unseen_series, stocks, covariates)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
