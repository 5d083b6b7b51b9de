"""Forecasts of sunspots and prices, compared with persistence and a tuned ridge.

Run `python -m benchmarks.quality_regression [--quick] [--seeds ...]`. The last fifth of
each series is the test part, in time order. Windows are fixed: 132 months (one solar
cycle) for sunspots, 24 steps for prices.
"""

import statistics

import numpy as np

from skrnn import SequenceRegressor
from skrnn.preprocessing import sliding_windows

from ._data import load_sp500, load_stocks, load_sunspots
from ._peers import LagRidge, persistence, rmse
from ._report import at_most, print_table, progress, run_program, timed_call

HORIZONS = (1, 12)
HEADER = ("series", "ahead", "method", "RMSE", "/ persistence", "/ ridge", "fit (s)")


def sunspots(quick, seeds):
    """Monthly sunspot numbers."""
    networks = ("shifted", "plain")
    results = _compare("sunspots", load_sunspots(), 132, networks, quick, seeds)
    print_table("Monthly sunspots, window 132", HEADER, _rows(results), _NOTE)
    return [
        at_most(
            f"sunspots, {horizon} ahead: RMSE / ridge",
            result["shifted"] / result["ridge"],
            1.0,
        )
        for (_, horizon), result in results.items()
    ]


def prices(quick, seeds):
    """The S&P 500, monthly, and four stocks, daily."""
    series = {"S&P 500": load_sp500(), **load_stocks()}
    results = {}
    for name, values in series.items():
        results |= _compare(name, values, 24, tuple(_NETWORKS), quick, seeds)
    note = (
        f"{_NOTE} The last row of each has the parameters that were chosen for prices on the "
        f"last fifth of the training parts: {_NETWORKS['cautious']}."
    )
    print_table("Prices, window 24", HEADER, _rows(results), note)
    return [
        at_most(
            f"{name}, {horizon} ahead, {key}: RMSE / persistence",
            result[key] / result["persistence"],
            1.02,
        )
        for (name, horizon), result in results.items()
        for key in ("shifted", "cautious")
    ]


_NOTE = (
    "RMSE over all test windows and steps ahead, in the series' own unit; networks: mean over the "
    "seeds, default parameters otherwise. The ridge's penalty is chosen on the last fifth of its "
    "training windows; / ridge is against the better of the two on the test part, which favours "
    "the ridge."
)
_METHODS = {
    "persistence": "persistence",
    "ridge on levels": "ridge on levels",
    "ridge on differences": "ridge on differences to the last value",
    "shifted": 'SequenceRegressor(instance_norm="last")',
    "plain": "SequenceRegressor(instance_norm=None)",
    "cautious": 'SequenceRegressor(instance_norm="last", ...)',
}
#: The parameters of each network that differ from the defaults. "cautious" was chosen for prices
#: on the last fifth of their training parts.
_NETWORKS = {
    "shifted": {"instance_norm": "last"},
    "plain": {"instance_norm": None},
    "cautious": {
        "instance_norm": "last",
        "loss": "huber",
        "dropout": 0.5,
        "weight_decay": 1.0,
    },
}


def _compare(name, values, window, networks, quick, seeds):
    """Return {(name, horizon): {method: RMSE}}, also the networks' sd and seconds."""
    if quick:
        values = values[-600:]
    cut = len(values) - len(values) // 5
    results = {}
    for horizon in HORIZONS:
        train = _windows(values[:cut], window, horizon)
        test = _windows(values[cut - window :], window, horizon)
        results[name, horizon] = result = _peers(train, test, horizon)
        for key in networks:
            progress(f"{name}, {horizon} ahead, {key}")
            errors, seconds = _network_errors(train, test, _NETWORKS[key], quick, seeds)
            result[key] = statistics.fmean(errors)
            result[f"{key} sd"] = statistics.stdev(errors) if len(errors) > 1 else 0.0
            result[f"{key} seconds"] = statistics.fmean(seconds)
    return results


def _windows(values, window, horizon):
    """Return X (n_windows, window) and y (n_windows, horizon), float64."""
    X, y = sliding_windows(values, window=window, horizon=horizon, stride=1)
    X = np.asarray(X, dtype=float)
    return X.reshape(len(X), window), np.asarray(y, dtype=float).reshape(len(X), horizon)


def _peers(train, test, horizon):
    X_test, y_test = test
    result = {"persistence": rmse(y_test, persistence(X_test, horizon))}
    for text, on_differences in (("levels", False), ("differences", True)):
        peer = LagRidge(on_differences).fit(*train)
        result[f"ridge on {text}"] = rmse(y_test, peer.predict(X_test))
    result["ridge"] = min(result["ridge on levels"], result["ridge on differences"])
    return result


def _network_errors(train, test, parameters, quick, seeds):
    """Return the test RMSE and the fit seconds, one entry a seed."""
    parameters = parameters | ({"max_epochs": 2} if quick else {})
    (X, y), (X_test, y_test) = train, test
    errors, seconds = [], []
    for seed in seeds:
        model = SequenceRegressor(random_state=seed, **parameters)
        target = y.ravel() if y.shape[1] == 1 else y
        fitted, elapsed = timed_call(
            lambda model=model, target=target: model.fit(X, target)
        )
        errors.append(rmse(y_test, fitted.predict(X_test).reshape(y_test.shape)))
        seconds.append(elapsed)
    return errors, seconds


def _rows(results):
    rows = []
    for (name, horizon), result in results.items():
        for key, method in _METHODS.items():
            if key not in result:
                continue
            error = f"{result[key]:.3f}"
            if f"{key} sd" in result:
                error += f" ± {result[f'{key} sd']:.3f}"
            ratios = [
                f"{result[key] / result[peer]:.3f}" for peer in ("persistence", "ridge")
            ]
            seconds = result.get(f"{key} seconds")
            rows.append(
                [
                    name,
                    horizon,
                    method,
                    error,
                    *ratios,
                    f"{seconds:.1f}" if seconds else "",
                ]
            )
    return rows


PARTS = (sunspots, prices)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
