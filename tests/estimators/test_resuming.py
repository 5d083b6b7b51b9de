"""Which checkpoint belongs to a fit."""

from __future__ import annotations

import pytest

from skrnn import SequenceClassifier, SequenceForecaster
from skrnn.estimators._resuming import NOT_COMPARED, open_checkpoints

PARAMETERS = set(SequenceClassifier().get_params())


def test_without_the_parameter_there_is_no_checkpoint():
    assert open_checkpoints(SequenceClassifier(), None, None, None, None) == [None]


def test_all_other_parameters_are_compared(tmp_path):
    model = SequenceClassifier(checkpoint=tmp_path)
    (found,) = open_checkpoints(model, None, None, None, None)
    assert found.fit.parameters.keys() == PARAMETERS - NOT_COMPARED


def test_the_data_of_training_and_validation_are_compared(tmp_path):
    (found,) = open_checkpoints(SequenceForecaster(checkpoint=tmp_path), *[None] * 4)
    assert list(found.fit.data) == [
        *("X", "y", "sample_weight", "X_val", "y_val", "sample_weight_val"),
        "network before the fit",
    ]


@pytest.mark.parametrize("stage", [None, "calibration"])
def test_a_stage_has_a_file_of_its_own(tmp_path, stage):
    model = SequenceForecaster(checkpoint=tmp_path / "one")
    (found,) = open_checkpoints(model, None, None, None, stage)
    assert found.path.name == ("one" if stage is None else "one.calibration")
    assert found.is_part == (stage is not None)


def test_each_member_has_a_file_of_its_own(tmp_path):
    model = SequenceForecaster(checkpoint=tmp_path / "one", n_estimators=2)
    found = open_checkpoints(model, None, None, None, "calibration")
    names = ["one.calibration.member-0", "one.calibration.member-1"]
    assert [one.path.name for one in found] == names
    assert all(one.is_part for one in found)
    in_folder = open_checkpoints(model.set_params(checkpoint=tmp_path), *[None] * 4)
    assert len({one.path for one in in_folder}) == 2
