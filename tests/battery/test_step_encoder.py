"""Frames read by an encoder, over the estimators that have one."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skrnn import SequenceClassifier, SequenceRegressor, SequenceTagger
from skrnn.modules.networks import empty_network


@pytest.fixture
def frames(rng):
    """Return 24 sequences of 1 to 5 frames of 4 × 3 pixels."""
    return [rng.normal(2, 3, size=(1 + i % 5, 4, 3)) for i in range(24)]


@pytest.fixture
def make(make_viewer):
    """Return a function that makes a small estimator with a convolution."""
    return lambda **params: make_viewer(step_encoder="cnn", **params)


@pytest.fixture
def model(make, make_viewer, frames):
    return make().fit(frames, make_viewer.targets(frames))


def test_the_network_is_trained_through_the_convolution(make, make_viewer, frames):
    y = make_viewer.targets(frames)
    first = make(lr=1e-9).fit(frames, y).net_.module_.input_layer.encoder.state_dict()
    later = make(lr=0.01).fit(frames, y).net_.module_.input_layer.encoder.state_dict()
    assert len(first) == 6
    for name, weight in first.items():
        assert not torch.allclose(weight, later[name], atol=1e-4)


def test_alone_and_in_any_order_the_outputs_are_the_same(model, frames, outputs):
    expected = outputs(model, frames)
    assert_array_equal(outputs(model, frames[::-1]), expected[::-1])
    alone = outputs(model, frames[3:4])
    assert_allclose(alone, expected[3:4, : alone.shape[1]], rtol=1e-4, atol=1e-5)


def test_every_container_of_frames_gives_the_same_outputs(
    make, make_viewer, outputs, rng
):
    stacked = rng.normal(size=(12, 3, 4, 3))
    y = make_viewer.targets(list(stacked))
    expected = outputs(make().fit(stacked, y), stacked)
    column = np.fromiter(stacked, dtype=object, count=12)
    for X in (
        list(stacked),
        stacked.tolist(),
        column,
        pd.Series(list(stacked)),
        pd.DataFrame({"video": list(stacked)}),
        stacked[..., None],
        torch.from_numpy(stacked),
    ):
        assert_allclose(outputs(make().fit(X, y), X), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("copy", [clone, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_give_the_same_outputs(model, make_viewer, frames, outputs, copy):
    expected = outputs(model, frames)
    again = copy(model)
    if not hasattr(again, "net_"):
        again.fit(frames, make_viewer.targets(frames))
    assert_array_equal(outputs(again, frames), expected)


def test_a_memory_mapped_model_gives_the_same_outputs(model, frames, outputs, tmp_path):
    joblib.dump(model, tmp_path / "model")
    again = joblib.load(tmp_path / "model", mmap_mode="r")
    assert_array_equal(outputs(again, frames), outputs(model, frames))


def test_the_network_is_rebuilt_from_its_config(model):
    network = model.net_.module_
    again = empty_network(network.kind, network.config)
    shapes = {name: value.shape for name, value in again.state_dict().items()}
    assert shapes == {name: value.shape for name, value in network.state_dict().items()}


def test_training_continues_with_frames(make, make_viewer, frames, outputs):
    y = make_viewer.targets(frames)
    model = make().partial_fit(frames, y)
    before = outputs(model, frames)
    model.partial_fit(frames[:7], y[:7])
    assert not np.allclose(outputs(model, frames), before)
    with pytest.raises(ValueError, match=r"frames of shape \(3, 4\), but .* \(4, 3\)"):
        model.partial_fit([x.transpose(0, 2, 1) for x in frames], y)


def test_pixels_of_a_channel_share_one_scale(make, make_viewer, frames, outputs):
    y = make_viewer.targets(frames)
    channels = [np.stack([x, 1000 + 50 * x[:, ::-1]], axis=-1) for x in frames]
    model = make().fit(channels, y)
    everything = np.concatenate(channels)
    mean, scale = everything.mean((0, 1, 2)), everything.std((0, 1, 2))
    raw = make(scale=None)
    scaled = [((x - mean) / scale).astype(np.float32) for x in channels]
    assert_allclose(
        outputs(model, channels),
        outputs(raw.fit(scaled, y), scaled),
        rtol=1e-3,
        atol=1e-4,
    )


def test_columns_beside_the_frames_are_read_too(make, make_viewer, frames, rng):
    n = len(frames)
    frame = pd.DataFrame(
        {
            "level": [rng.normal(size=len(x)) for x in frames],
            "video": frames,
            "at": [np.arange(len(x)) * 60.0 for x in frames],
            "sound": [rng.normal(size=(len(x), 2)) for x in frames],
            "event": [["a", "b", "c", "a", "b"][: len(x)] for x in frames],
            "age": rng.normal(size=n),
            "city": pd.Categorical(["x", "y"] * (n // 2)),
        }
    )
    model = make(time="at").fit(frame, make_viewer.targets(frames))
    expected = make_viewer.outputs(model, frame)
    for name in frame.columns.drop(["at", "city"]):
        other = frame.copy()
        other[name] = (
            other[name].iloc[::-1].to_numpy()
            if name == "age"
            else [cell[::-1] for cell in other[name]]
        )
        assert not np.allclose(make_viewer.outputs(model, other), expected)
    with pytest.raises(ValueError, match=r"frames of shape \(3, 4\), but .* \(4, 3\)"):
        model.predict(frame.assign(video=[x.transpose(0, 2, 1) for x in frames]))


def test_pixels_keep_their_scale_beside_features_of_any_unit(
    make, make_viewer, frames, rng
):
    level = [rng.normal(size=len(x)) for x in frames]
    frame = pd.DataFrame({"level": level, "video": frames})
    large = frame.assign(level=[1e5 * x for x in level])
    y = make_viewer.targets(frames)
    expected = make_viewer.outputs(make().fit(frame, y), frame)
    outputs = make_viewer.outputs(make().fit(large, y), large)
    assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_channels_that_seem_to_be_first_are_warned_of(make, make_viewer, frames, rng):
    y = make_viewer.targets(frames)
    channels_first = [rng.normal(size=(len(x), 3, 5, 6)) for x in frames]
    message = (
        r"^X has frames of shape \(3, 5, 6\), which look like .* reads \(n_steps, height, "
        r"width\) or \(n_steps, height, width, n_channels\): here 3 rows and 6 channels"
    )
    with pytest.warns(UserWarning, match=message):
        model = make().fit(channels_first, y)
    make_viewer.outputs(model, channels_first)  # once is enough
    frame = pd.DataFrame({"film": channels_first, "age": np.arange(24)})
    with pytest.warns(UserWarning, match=r"^X\['film'\] has frames of shape \(3, 5, 6\)"):
        make().fit(frame, y)


@pytest.mark.parametrize("shape", [(5, 6, 3), (3, 6, 3), (5, 6, 12), (3, 6), (1, 6, 1)])
def test_channels_that_may_be_last_are_not(shape, make, make_viewer, frames, rng):
    X = [rng.normal(size=(len(x), *shape)) for x in frames]
    make().fit(X, make_viewer.targets(frames))


def test_missing_pixels_are_marked(make, make_viewer, frames):
    gappy = [x.copy() for x in frames]
    gappy[2][0, 1, 1] = np.nan
    model = make(missing="indicator").fit(gappy, make_viewer.targets(gappy))
    assert model.net_.module_.input_layer.output_size == 4 + 1
    assert np.isfinite(make_viewer.outputs(model, gappy)).all()


def test_x_without_frames_is_refused(make, make_viewer, frames, rng):
    message = (
        r"step_encoder='cnn' reads frames \(n_steps, height, width\) or .*, but X has "
    )
    for X, got in [
        ([x[:, 0] for x in frames], r"steps of shape \(3,\)"),
        (rng.normal(size=(24, 5, 3)), r"steps of shape \(3,\)"),
        ([x[..., None, None] for x in frames], r"steps of shape \(4, 3, 1, 1\)"),
        (rng.normal(size=(24, 5)), "one number a step"),
        ([["a"] * len(x) for x in frames], "tokens"),
        ([" ".join("a" * len(x)) for x in frames], "tokens"),
    ]:
        with pytest.raises(ValueError, match=message + got):
            make().fit(X, make_viewer.targets(frames))


def test_two_columns_of_frames_are_refused(make, make_viewer, frames):
    X = pd.DataFrame({"left": frames, "right": frames})
    message = r"reads one column of frames, but X\['left'\] and X\['right'\] hold some"
    with pytest.raises(ValueError, match=message):
        make().fit(X, make_viewer.targets(frames))


def test_frames_of_another_shape_than_in_fit_are_refused(
    model, make, make_viewer, frames
):
    message = (
        r"X has frames of shape \(5, 3\), but \w+ was fitted on frames of shape \(4, 3\)"
    )
    with pytest.raises(ValueError, match=message):
        model.predict([np.zeros((2, 5, 3))])
    turned = [x.transpose(0, 2, 1) for x in frames]
    y = make_viewer.targets(frames)
    with pytest.raises(ValueError, match=r"X_val has frames of shape \(3, 4\)"):
        make().fit(frames, y, X_val=turned, y_val=y)
    with pytest.raises(
        ValueError, match=r"reads frames .*but X has steps of shape \(12,\)"
    ):
        model.predict([np.zeros((2, 12))])


def test_frames_of_unequal_shape_are_refused(make, make_viewer, frames):
    turned = [*frames[:-1], frames[-1].transpose(0, 2, 1)]
    y = make_viewer.targets(frames)
    message = r"X\[23\] has steps of shape \(3, 4\), expected \(4, 3\)"
    with pytest.raises(ValueError, match=message):
        make().fit(turned, y)
    X = pd.DataFrame({"video": turned, "age": np.arange(24)})
    message = r"row 23 of X\['video'\] has steps of shape \(3, 4\), expected \(4, 3\)"
    with pytest.raises(ValueError, match=message):
        make().fit(X, y)


def test_without_an_encoder_frames_are_flattened(make_viewer, frames, outputs):
    y = make_viewer.targets(frames)
    flat = [x.reshape(len(x), 12) for x in frames]
    model = make_viewer().fit(frames, y)
    assert_array_equal(outputs(model, frames), outputs(make_viewer().fit(flat, y), flat))
    assert_array_equal(outputs(model, flat), outputs(model, frames))


@pytest.mark.parametrize("cls", [SequenceClassifier, SequenceRegressor])
def test_patches_of_frames_are_refused(cls, frames):
    with pytest.raises(ValueError, match="reads one step at a time, but patch_size=2"):
        cls(step_encoder="cnn", patch_size=2).fit(frames, np.arange(24) % 2)


def test_a_tagger_answers_a_sequence_without_frames(frames):
    y = [["a", "b", "a", "b", "a"][: len(x)] for x in frames]
    model = SequenceTagger(hidden_size=4, max_epochs=1, step_encoder="cnn").fit(frames, y)
    assert model.predict([[]]).tolist() == [[]]
    assert list(map(len, model.predict([np.zeros((0, 4, 3)), frames[1]]))) == [0, 2]
