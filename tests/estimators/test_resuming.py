"""Which checkpoint belongs to a fit."""

from __future__ import annotations

import pytest

from skrnn import SequenceClassifier, SequenceForecaster
from skrnn.estimators._resuming import NOT_COMPARED, open_checkpoint

PARAMETERS = set(SequenceClassifier().get_params())


def test_without_the_parameter_there_is_no_checkpoint():
    assert open_checkpoint(SequenceClassifier(), None, None, None, None) is None


def test_all_other_parameters_are_compared(tmp_path):
    model = SequenceClassifier(checkpoint=tmp_path)
    found = open_checkpoint(model, None, None, None, None)
    assert found.fit.parameters.keys() == PARAMETERS - NOT_COMPARED


def test_the_data_of_training_and_validation_are_compared(tmp_path):
    found = open_checkpoint(SequenceForecaster(checkpoint=tmp_path), *[None] * 4)
    assert list(found.fit.data) == [
        *("X", "y", "sample_weight", "X_val", "y_val", "sample_weight_val"),
        "network before the fit",
    ]


@pytest.mark.parametrize("stage", [None, "calibration"])
def test_a_stage_has_a_file_of_its_own(tmp_path, stage):
    path = tmp_path / "one"
    found = open_checkpoint(SequenceForecaster(checkpoint=path), None, None, None, stage)
    assert found.path.name == ("one" if stage is None else "one.calibration")
    assert found.keeps_finished == (stage is not None)
