"""Windows of series, and the interface that a forecaster's inputs share with others."""

import numpy as np
import pandas as pd
import pytest

from skrnn import SequenceForecaster
from skrnn.data.forecasting import SeriesInputs, Span, _spread
from skrnn.training.digests import digest_of


def cut(X, *, complete=False, step=1, **options):
    inputs = SeriesInputs(**options)
    span = inputs.training_span(inputs.read(X))
    return inputs.cut(span, complete=complete, step=step)


def test_windows_are_what_a_loop_would_cut():
    series = [np.arange(9.0), 100 + np.arange(7.0)]
    windows = cut(series, window=4, horizon=2)
    expected = [
        (i, origin)
        for i, values in enumerate(series)
        for origin in range(2, len(values) - 2 + 1)  # from half a window
    ]
    assert list(zip(windows.series, windows.origins, strict=True)) == expected
    for (i, origin), steps, ahead in zip(
        expected, windows.steps, windows.ahead, strict=True
    ):
        np.testing.assert_array_equal(steps[:, 0], series[i][max(0, origin - 4) : origin])
        np.testing.assert_array_equal(ahead, series[i][origin : origin + 2])


def test_what_is_known_ahead_comes_with_each_window():
    frame = pd.DataFrame(
        {"y": np.arange(10.0), "past": 0.0, "known": 50 + np.arange(10.0)}
    )
    windows = cut(frame, window=4, horizon=3, target="y", known_future=["known"])
    np.testing.assert_array_equal(
        windows.future[..., 0], 50 + windows.origins[:, None] + np.arange(3)
    )


def test_the_digest_of_windows_is_that_of_their_steps_read_or_not():
    frame = pd.DataFrame({"y": np.arange(10.0), "past": np.arange(10.0) % 3})
    options = {"window": 4, "target": "y"}
    windows = cut(frame, **options)
    digest = digest_of(windows)
    assert digest_of(cut(frame.assign(past=0.0), **options)) != digest
    fresh = cut(frame, **options)
    assert len(fresh.steps) == len(fresh)
    assert digest_of(fresh) == digest


def test_windows_are_counted_back_from_the_last():
    windows = cut(np.arange(20.0), window=4, horizon=2, step=5)
    assert windows.origins.tolist() == [3, 8, 13, 18]


def test_windows_without_a_value_or_a_target_are_left_out():
    values = np.arange(30.0)
    values[5:15] = np.nan
    windows = cut(values, window=4, horizon=2, missing="indicator", complete=True)
    for steps, ahead in zip(windows.steps, windows.ahead, strict=True):
        assert not np.isnan(steps[:, 0]).all()
        assert not np.isnan(ahead).all()
    left_out = set(range(2, 29)) - set(windows.origins.tolist())
    assert left_out == {5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}


def test_windows_that_are_thinned_out_see_all_seasons():
    for n, most in ((12_000, 1_000), (7_000, 1_000), (970_000, 16_384)):
        chosen = _spread(n, most)
        assert len(np.unique(chosen)) == most
        assert chosen.max() < n
        for season in (7, 12):
            share = np.bincount(chosen % season, minlength=season) / most
            assert share.min() > 0.8 / season


@pytest.mark.parametrize(
    ("n_steps", "horizon", "expected"),
    [(60, 12, 24), (20, 2, 9), (3, 2, 1), (60, 30, 15)],
)
def test_auto_windows_fit_into_the_series(n_steps, horizon, expected):
    rng = np.random.default_rng(0)
    inputs = SeriesInputs(horizon=horizon)
    months = pd.date_range("2000-01", periods=n_steps, freq="MS")
    span = inputs.training_span(inputs.read(pd.Series(rng.normal(size=n_steps), months)))
    assert span.window == expected


def test_auto_windows_are_as_long_as_what_they_must_remember():
    months = pd.date_range("1900-01", periods=900, freq="MS")
    rng = np.random.default_rng(0)
    cycle = pd.Series(np.tile(rng.normal(size=45), 20), months)
    inputs = SeriesInputs(horizon=3)
    assert inputs.training_span(inputs.read(cycle)).window in (48, 96)


def test_targets_are_relative_and_the_known_future_has_the_scale_of_the_past():
    frame = pd.DataFrame({"y": np.arange(40.0), "k": 3 + 2 * (np.arange(40) % 2)})
    inputs = SeriesInputs(window=4, horizon=2, target="y", known_future=["k"])
    windows = inputs.check(frame, estimator=None)
    encoded = inputs.fit(windows).encode(windows)
    last = encoded.steps.values[windows.steps.offsets[1:] - 1, 0]
    np.testing.assert_array_equal(last, 0)
    k_of_step = dict(
        zip(windows.steps.values[:, 1], encoded.steps.values[:, 1], strict=True)
    )
    np.testing.assert_allclose(
        encoded.future[..., 0], np.vectorize(k_of_step.get)(windows.future[..., 0])
    )


def test_a_span_without_any_value_is_an_error():
    inputs = SeriesInputs(window=2, missing="indicator")
    panel = inputs.read([1.0, *[np.nan] * 8])
    span = Span(panel, np.array([4]), np.array([8]), 2)
    with pytest.raises(ValueError, match="X has no window with a value and one that"):
        inputs.check(span, estimator=None)


def test_levels_and_scales_are_those_of_each_window():
    rng = np.random.default_rng(0)
    series = [1e6 + rng.normal(size=40), 1e-6 * rng.normal(size=40).cumsum()]
    series[0][[3, 17, 18, 39]] = np.nan
    inputs = SeriesInputs(window=6, horizon=2, missing="indicator")
    windows = inputs.check(series, estimator=None)
    level, scale = inputs.fit(windows).level_and_scale(windows)
    for i, origin, its_level, its_scale in zip(
        windows.series, windows.origins, level[:, 0], scale[:, 0], strict=True
    ):
        past = series[i][max(0, origin - 6) : origin]
        past = past[~np.isnan(past)]
        assert its_level == past[-1]
        if len(past) >= 3:
            expected = np.sqrt(np.square(past - past[-1]).mean())
            assert its_scale == pytest.approx(expected, rel=1e-3)


def test_a_short_series_has_the_usual_share_of_its_level_as_scale():
    rng = np.random.default_rng(0)
    panel = [size * (10 + rng.normal(size=50)) for size in (1.0, 1000.0)]
    inputs = SeriesInputs(window=6, horizon=1)
    inputs.fit(inputs.check(panel, estimator=None))
    short = inputs.last_windows(inputs.read([[10.0], [10_000.0, 10_000.0], [0.0]]))
    level, scale = inputs.level_and_scale(short)
    share = scale[:2, 0] / level[:2, 0]
    np.testing.assert_allclose(share, share[0])
    assert 0.03 < share[0] < 0.3
    assert scale[2, 0] == 1.0


def test_a_flat_window_has_a_share_of_its_series_as_scale():
    values = np.r_[np.sin(np.arange(40.0)), np.full(20, 0.5)]
    inputs = SeriesInputs(window=6, horizon=1)
    inputs.fit(inputs.check(values, estimator=None))
    last = inputs.last_windows(inputs.read(values))
    _, scale = inputs.level_and_scale(last)
    expected = np.sqrt(np.square(values - 0.5).mean())
    assert scale[0, 0] == pytest.approx(0.01 * expected)


@pytest.mark.parametrize("dated", [False, True])
def test_a_value_too_large_for_float32_is_named_by_series_column_and_time(dated, rng):
    times = pd.date_range("2024-01-01", periods=30) if dated else None
    X = [pd.DataFrame(rng.normal(size=(30, 2)), times, ["y", "c"]) for _ in range(3)]
    X[1].iloc[17, 1] = 1e39
    model = SequenceForecaster(
        horizon=3, window=10, target="y", scale=None, max_epochs=1, hidden_size=4
    )
    at = "2024-01-18" if dated else "17"
    with pytest.raises(ValueError, match=rf"X\[1\]: column 'c' is 1e\+39 at {at}.*scale"):
        model.fit(X)
    X[1].iloc[17, 1], X[1].iloc[25, 1] = 0.0, 1e39
    model.fit(X[:1])
    with pytest.raises(ValueError, match=r"X\[1\]: column 'c' is 1e\+39 at "):
        model.predict(X)


def test_a_value_known_ahead_that_is_too_large_for_float32_is_named(rng):
    frame = pd.DataFrame(rng.normal(size=(33, 2)), columns=["y", "rain"])
    model = SequenceForecaster(
        horizon=3,
        window=10,
        target="y",
        known_future=["rain"],
        max_epochs=1,
        hidden_size=4,
    ).fit(frame)
    frame.iloc[30:, 0] = np.nan
    frame.iloc[31, 1] = 1e39
    with pytest.raises(ValueError, match=r"column 'rain' is 1e\+39 at 31, .*its unit$"):
        model.predict(frame)


def test_categories_of_another_type_than_in_fit_are_named(rng):
    X = pd.DataFrame(
        {"y": [rng.normal(size=30) for _ in range(6)], "store": ["1", "2"] * 3}
    )
    model = SequenceForecaster(
        horizon=3, static_features=["store"], max_epochs=1, hidden_size=4
    ).fit(X)
    assert len(model.predict(X)) == 6
    with pytest.raises(TypeError, match=r"X\['store'\] has categories that are numbers"):
        model.predict(X.assign(store=[1, 2] * 3))
    mixed = X.assign(store=pd.Series(["1", 0] * 3, dtype=object))
    model.fit(mixed)
    for rows in ([0], [1]):  # of one of the kinds
        assert len(model.predict(mixed.iloc[rows])) == 1
