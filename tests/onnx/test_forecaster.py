"""Scores of a forecaster's model file, where series have no future to compare with."""

import numpy as np
import pandas as pd
import pytest

from skrnn import SequenceForecaster

WAVE = np.sin(np.arange(60) * 0.7)


@pytest.fixture
def pair(exported):
    """Return a forecaster and the predictor of its file."""
    model = SequenceForecaster(
        horizon=3, hidden_size=4, missing="indicator", max_epochs=1, random_state=0
    )
    model.fit(WAVE)
    return model, exported(model)


def test_a_score_leaves_out_what_the_estimator_does(pair):
    panel = [WAVE, WAVE[:3], np.where(np.arange(60) < 50, WAVE, np.nan)]
    scores = []
    for model in pair:
        with (
            pytest.warns(UserWarning, match="1 of 2 forecasts count nowhere"),
            pytest.warns(UserWarning, match=r"X\[1\] has 3 steps: 3 steps are") as caught,
        ):
            scores.append(model.score(panel))
        assert {warning.filename for warning in caught} == {__file__}  # the user's line
    assert scores[1] == pytest.approx(scores[0], abs=1e-5)


def test_months_from_the_middle_of_one_to_that_of_another_are_written(exported):
    index = pd.date_range("2015-01-15", periods=60, freq=pd.DateOffset(months=2))
    series = pd.Series(WAVE, index)
    model = SequenceForecaster(horizon=3, hidden_size=4, max_epochs=1, random_state=0)
    model.fit(series)
    expected = model.predict(series)
    pd.testing.assert_series_equal(exported(model).predict(series), expected, atol=1e-5)
    assert expected.index[0] == pd.Timestamp("2025-01-15")


def test_a_score_without_a_future_is_an_error(pair):
    for model in pair:
        with pytest.raises(ValueError, match="no series has more than horizon=3 steps; "):
            model.score(WAVE[:3])
        with pytest.raises(ValueError, match="no step that is withheld has a value"):
            model.score(np.append(WAVE, [np.nan] * 3))
