"""The same data mean the same in every container that can hold them.

``test_promises.py`` has the containers that other estimators may accept, too.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as arrow
import pytest
from numpy.testing import assert_array_equal

from skrnn.data.ragged import object_array


def column(rows):
    """Return rows in an object array of shape (n, 1)."""
    return object_array(rows)[:, None]


def lists_of_one_size(X):
    """Return a 3-D array as a column of arrow, whose steps are lists of one size."""
    steps = arrow.FixedSizeListArray.from_arrays(arrow.array(X.ravel()), X.shape[2])
    offsets = arrow.array(np.arange(len(X) + 1, dtype=np.int32) * X.shape[1])
    return arrow.ListArray.from_arrays(offsets, steps)


def check_container(make_estimator, usual, other, **params):
    """Assert that fit and predict mean the same for X in another container."""
    y = make_estimator.targets(usual)
    model = make_estimator(**params).fit(usual, y)
    expected = make_estimator.outputs(model, usual)
    assert_array_equal(make_estimator.outputs(model, other), expected)
    assert make_estimator.answers(model, other) == make_estimator.answers(model, usual)
    refitted = make_estimator(**params).fit(other, y)
    assert_array_equal(make_estimator.outputs(refitted, usual), expected)


# --- numbers -------------------------------------------------------------------------

CUBES = {
    "3-D array": lambda X: X,
    "tuple of arrays": tuple,
    "object array": lambda X: object_array(list(X)),
    "object column": lambda X: column(list(X)),
    "Series": lambda X: pd.Series(list(X), index=range(5, 5 + len(X))),
    "one-column frame": lambda X: pd.DataFrame({"sequence": list(X)}),
    "nested lists": lambda X: X.tolist(),
    "float64": lambda X: X.astype(np.float64),
    "float64 sequences": lambda X: list(X.astype(np.float64)),
    "Fortran order": np.asfortranarray,
    "strided sequences": lambda X: list(np.repeat(X, 2, axis=1)[:, ::2]),
    "read-only array": lambda X: np.frombuffer(X.tobytes(), X.dtype).reshape(X.shape),
    "nested lists of arrow": lambda X: arrow.array(X.tolist()),
    "tensors of arrow": lambda X: arrow.chunked_array(
        [arrow.FixedShapeTensorArray.from_numpy_ndarray(part) for part in (X[:3], X[3:])]
    ),
    "table of arrow": lambda X: arrow.table({"x": lists_of_one_size(X)}),
    "Series of arrow": lambda X: pd.Series(
        lists_of_one_size(X), dtype=pd.ArrowDtype(lists_of_one_size(X).type)
    ),
    "steps of two dimensions": lambda X: X.reshape(*X.shape[:2], 2, 1),
}
SQUARES = {
    "3-D array": lambda X: X[..., None],
    "list of 2-D arrays": lambda X: list(X[..., None]),
    "2-D array": lambda X: X,
    "frame": pd.DataFrame,
    "nested lists": lambda X: X.tolist(),
    "Series of lists": lambda X: pd.Series(X.tolist()),
    "object array": lambda X: object_array(list(X)),
    "object column": lambda X: column(list(X)),
    "one-column frame": lambda X: pd.DataFrame({"sequence": list(X)}),
}
RAGGED = {
    "object column": column,
    "frames": lambda X: [pd.DataFrame(x) for x in X],
}


@pytest.mark.parametrize("container", CUBES)
def test_sequences_of_several_features_mean_the_same_in_every_container(
    make_estimator, cube, container
):
    check_container(make_estimator, list(cube), CUBES[container](cube))


@pytest.mark.parametrize("container", SQUARES)
def test_univariate_sequences_mean_the_same_in_every_container(
    make_estimator, cube, container
):
    square = cube[:, :, 0].copy()
    check_container(make_estimator, list(square), SQUARES[container](square))


@pytest.mark.parametrize("container", RAGGED)
def test_sequences_of_unequal_lengths_mean_the_same_in_every_container(
    make_estimator, numbers, container
):
    check_container(make_estimator, numbers, RAGGED[container](numbers))


PANELS = {
    "list of Series": lambda X: [pd.Series(x) for x in X],
    "list of frames": lambda X: [pd.DataFrame({"level": x}) for x in X],
    "columns of one step": lambda X: [x[:, None] for x in X],
}


@pytest.mark.parametrize("container", PANELS)
def test_series_mean_the_same_in_every_container(make_forecaster, series, container):
    other = PANELS[container](series)
    model, refitted = make_forecaster.fit(series), make_forecaster.fit(other)
    expected = np.array(make_forecaster.outputs(model, series))
    for one in (model, refitted):
        for X in (series, other):
            got = np.array([np.ravel(row) for row in one.predict(X)])
            assert_array_equal(got, expected)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool, np.float16])
def test_whole_numbers_mean_the_same_in_every_dtype(make_estimator, cube, dtype):
    whole = (cube > 0).astype(np.float32)
    check_container(make_estimator, whole, whole.astype(dtype))


def test_a_memory_map_means_the_same_as_its_values(make_estimator, cube, tmp_path):
    np.save(tmp_path / "X.npy", cube)
    check_container(make_estimator, cube, np.load(tmp_path / "X.npy", mmap_mode="r"))


@pytest.mark.parametrize("n_batches", [1, 3])
def test_a_mapped_arrow_column_means_the_same_as_its_lists(
    make_estimator, rng, n_batches, tmp_path
):
    rows = [rng.normal(size=(n, 3)).astype(np.float32) for n in rng.integers(1, 7, 24)]
    rows = make_estimator.numeric(rows)
    flat = arrow.FixedSizeListArray.from_arrays(np.concatenate(rows).ravel(), 3)
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int32)
    table = arrow.table({"x": arrow.ListArray.from_arrays(offsets, flat)})
    path = str(tmp_path / "X.arrow")
    with (
        arrow.OSFile(path, "wb") as file,
        arrow.ipc.new_file(file, table.schema) as writer,
    ):
        writer.write_table(table, max_chunksize=-(-24 // n_batches))
    column = arrow.ipc.open_file(arrow.memory_map(path)).read_all()["x"]
    assert column.num_chunks == n_batches
    check_container(make_estimator, rows, column)


def test_a_frame_with_names_means_the_same_as_its_values(make_estimator, cube, outputs):
    square = cube[:, :, 0].copy()
    frame = pd.DataFrame(square, columns=list("abcde"))
    expected = outputs(make_estimator.fit(square), square)
    model = make_estimator().fit(frame, make_estimator.targets(square))
    assert model.n_features_in_ == 5
    assert model.feature_names_in_.tolist() == list("abcde")
    assert_array_equal(outputs(model, frame), expected)
    assert_array_equal(outputs(model, list(square)), expected)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(square)


def test_columns_in_another_order_are_refused(make_estimator, cube):
    frame = pd.DataFrame(cube[:, :, 0], columns=list("abcde"))
    model = make_estimator().fit(frame, make_estimator.targets(cube))
    for other in (frame[list("edcba")], frame.rename(columns={"a": "z"})):
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(other)


def test_frames_as_sequences_are_numbers_whatever_their_columns_are_called(
    make_estimator, numbers, y, outputs
):
    frames = [pd.DataFrame(x, columns=list("abc")) for x in numbers]
    model = make_estimator().fit(frames, y)
    assert model.n_features_in_ == 3
    assert model.feature_names_in_.tolist() == list("abc")
    expected = outputs(make_estimator().fit(numbers, y), numbers)
    assert_array_equal(outputs(model, frames), expected)
    assert_array_equal(outputs(model, numbers), expected)
    with pytest.raises(ValueError, match="same order"):
        model.predict([frame[list("cba")] for frame in frames])
    with pytest.raises(ValueError, match=r"X\[1\] .* columns .* X\[0\]"):
        model.predict([frames[0], frames[1][list("cba")]])


# --- tokens --------------------------------------------------------------------------

TREES = np.array(["oak", "elm", "ash", "yew"])[
    np.random.default_rng(0).integers(4, size=(24, 3))
]
TOKENS = {
    "2-D str array": lambda X: X,
    "2-D object array": lambda X: X.astype(object),
    "frame of tokens": pd.DataFrame,
    "object column of lists": lambda X: column(X.tolist()),
}
TEXTS = {
    "column": lambda X: np.array(X)[:, None],
    "object column": lambda X: np.array(X, dtype=object)[:, None],
    "Series of objects": lambda X: pd.Series(X, dtype=object),
}
INTEGERS = {
    "2-D array": lambda X: X,
    "int32": lambda X: X.astype(np.int32),
    "Series of arrays": lambda X: pd.Series(list(X)),
    "frame": pd.DataFrame,
}


@pytest.mark.parametrize("container", TOKENS)
def test_tokens_mean_the_same_in_every_container(make_estimator, container):
    params = {"input_type": "tokens"} if container == "frame of tokens" else {}
    other = TOKENS[container](TREES)
    check_container(make_estimator, TREES.tolist(), other, **params)


@pytest.mark.parametrize("container", TEXTS)
def test_texts_mean_the_same_in_every_container(make_estimator, container):
    texts = [" ".join(row) for row in TREES]
    y = make_estimator.targets(TREES)
    model = make_estimator().fit(texts, y)
    assert set(model.vocabulary_) == {"oak", "elm", "ash", "yew"}
    expected = make_estimator.outputs(model, texts)
    other = TEXTS[container](texts)
    assert_array_equal(make_estimator.outputs(model, other), expected)
    assert make_estimator.answers(model, other) == make_estimator.answers(model, texts)
    refitted = make_estimator().fit(other, y)
    assert_array_equal(make_estimator.outputs(refitted, texts), expected)


def test_texts_mean_the_same_as_their_tokens(make_estimator, outputs):
    texts = [" ".join(row) for row in TREES]
    y = make_estimator.targets(TREES)
    of_texts = make_estimator().fit(texts, y)
    of_tokens = make_estimator().fit(TREES.tolist(), y)
    expected = outputs(of_tokens, TREES.tolist())
    assert_array_equal(outputs(of_texts, texts), expected)
    assert_array_equal(outputs(of_texts, TREES.tolist()), expected)


@pytest.mark.parametrize("container", INTEGERS)
def test_integers_are_looked_up_as_tokens_in_every_container(
    make_estimator, rng, container
):
    ids = rng.integers(100, 104, size=(24, 3))
    model = make_estimator(input_type="tokens")
    model.fit(ids.tolist(), make_estimator.targets(ids))
    assert set(model.vocabulary_) == {100, 101, 102, 103}
    other = INTEGERS[container](ids)
    check_container(make_estimator, ids.tolist(), other, input_type="tokens")


# --- targets and weights -------------------------------------------------------------

SEQUENCE_TARGETS = {
    "tuples": lambda y: tuple(map(tuple, y)),
    "arrays": lambda y: [np.array(row) for row in y],
    "one-column frame": lambda y: pd.DataFrame({"target": y}),
    "object column": column,
}


def check_targets(case, X, y, other):
    expected = case().fit(X, y)
    model = case().fit(X, other)
    assert_array_equal(case.outputs(model, X), case.outputs(expected, X))
    assert case.answers(model, X) == case.answers(expected, X)
    assert model.score(X, other) == expected.score(X, y)


@pytest.mark.parametrize("container", SEQUENCE_TARGETS)
def test_target_sequences_mean_the_same_in_every_container(
    make_many_to_many, words, y, container
):
    check_targets(make_many_to_many, words, y, SEQUENCE_TARGETS[container](y))


def test_the_index_of_a_series_does_not_matter(make_supervised, X, y, outputs):
    expected = outputs(make_supervised().fit(X, y), X)
    backwards = pd.Series(list(y), index=range(24)[::-1])
    model = make_supervised().fit(pd.Series(X, index=range(100, 124)), backwards)
    assert_array_equal(outputs(model, pd.Series(X, index=range(24)[::-1])), expected)
