"""Every container gives the same rows, and comes back as it was."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from torch.nn.utils.rnn import pack_sequence

from skrnn.data.containers import FieldOptions, check_sequences
from skrnn.data.layouts import parse_rows, read_container
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.series import parse_series

QUICK = settings(derandomize=True, max_examples=50, deadline=None, database=None)
TEXTS = ["a good film", "a bad plot", "good"]
NUMBERS = [[1.0, 2.0, 3.0], [4.0], [5.0, 6.0]]
TOKENS = [["a", "b"], ["c"], ["d", "e"]]


def check(X, **options):
    return check_sequences(X, **({"split": str.split} | options))


class FakeAwkwardArray:
    """The part of awkward.Array that a reader needs; ragged, so numpy cannot read it."""

    __module__ = "awkward.highlevel"

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        raise ValueError("cannot convert to RegularArray")

    def to_list(self):
        return self.values


CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "object array": object_array,
    "(n, 1) array": lambda rows: object_array(rows)[:, None],
    "Series": lambda rows: pd.Series(object_array(rows), index=range(5, 5 + len(rows))),
    "frame": lambda rows: pd.DataFrame({"x": object_array(rows)}),
    "polars Series": polars.Series,
    "polars frame": lambda rows: polars.DataFrame({"x": rows}),
    "arrow array": pyarrow.array,
    "arrow chunks": lambda rows: pyarrow.chunked_array([rows[:1], rows[1:]]),
    "arrow table": lambda rows: pyarrow.table({"x": rows}),
    "awkward array": FakeAwkwardArray,
}
EACH_CONTAINER = pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)


@EACH_CONTAINER
@pytest.mark.parametrize(
    "rows", [TEXTS, NUMBERS, TOKENS], ids=["texts", "numbers", "tokens"]
)
def test_every_container_gives_the_same_steps(make, rows):
    checked, expected = check(make(rows)), check(rows)
    assert checked.steps.values.tolist() == expected.steps.values.tolist()
    assert checked.steps.lengths.tolist() == expected.steps.lengths.tolist()
    assert checked.texts == (TEXTS if rows is TEXTS else None)
    assert checked.form.kind == expected.form.kind
    assert checked.form.n_features == expected.form.n_features


ROWS = st.integers(1, 3).flatmap(
    lambda width: st.lists(
        st.integers(1, 4).flatmap(
            lambda n: arrays(np.float32, (n, width), elements=st.floats(-9, 9, width=32))
        ),
        min_size=1,
        max_size=4,
    )
)


@QUICK
@given(rows=ROWS)
def test_any_list_of_arrays_gives_its_steps_in_every_container(rows):
    expected = np.concatenate(rows)
    makers = [list, tuple, object_array, CONTAINERS["Series"], CONTAINERS["frame"]]
    makers += [RaggedArray.from_sequences, lambda rows: [r.tolist() for r in rows]]
    makers += [lambda rows: [pd.DataFrame(r) for r in rows]]
    makers += [lambda rows: [torch.from_numpy(r.copy()) for r in rows]]
    makers += [lambda rows: object_array(rows)[:, None]]
    if len(set(map(len, rows))) == 1:
        makers.append(np.stack)
    if expected.shape[1] > 1:
        makers.append(fields_of)
    for make in makers:
        steps = check(make(rows)).steps
        np.testing.assert_array_equal(steps.values, expected)
        assert steps.lengths.tolist() == [len(row) for row in rows]


def fields_of(rows):
    """Return sequences as a frame, one column a feature."""
    width = rows[0].shape[1]
    return pd.DataFrame(
        {
            f"f{j}": object_array([np.array(row[:, j]) for row in rows])
            for j in range(width)
        }
    )


@QUICK
@given(rows=ROWS)
def test_any_container_comes_back_as_it_was(rows):
    expected = RaggedArray.from_sequences(rows)
    for make in (list, tuple, object_array, CONTAINERS["Series"], fields_of):
        X = make(rows)
        names = X.columns if isinstance(X, pd.DataFrame) else None
        again = read_container(X).rebuild(expected, names)
        assert type(again) is type(X)
        if isinstance(X, pd.DataFrame):
            assert again.columns.equals(X.columns)
        if isinstance(X, pd.Series | pd.DataFrame):
            assert again.index.equals(X.index)
        np.testing.assert_array_equal(check(again).steps.values, expected.values)


# --- a column is its cells -----------------------------------------------------------

FRAME = pd.DataFrame({"text": TEXTS})


@pytest.mark.parametrize(
    "X",
    [
        np.array(TEXTS)[:, None],
        np.array(TEXTS, dtype=object)[:, None],
        np.array(TEXTS, dtype=np.dtypes.StringDType())[:, None],
        FRAME,
        FRAME.astype("category"),
        FRAME.to_numpy(),
        SimpleImputer(strategy="most_frequent").fit_transform(FRAME.astype(object)),
        SimpleImputer(strategy="constant")
        .set_output(transform="pandas")
        .fit_transform(FRAME.astype(object)),
        ColumnTransformer([("text", "passthrough", ["text"])]).fit_transform(FRAME),
        np.ma.array(TEXTS)[:, None],
        polars.DataFrame({"text": TEXTS}),
        pyarrow.table({"text": TEXTS}),
    ],
    ids=range(12),
)
def test_a_table_of_one_column_of_texts_is_that_column(X):
    checked = check(X)
    assert [tokens.tolist() for tokens in checked.steps] == [t.split() for t in TEXTS]
    assert checked.texts == TEXTS
    assert parse_rows(X, "y") == TEXTS
    assert check(X, split=list).steps.lengths.tolist() == list(map(len, TEXTS))
    assert check(X, input_type="tokens").texts == TEXTS


def test_a_missing_text_in_a_column_is_named():
    for cells in (["a b", None], ["a b", np.nan]):
        X = np.array(cells, dtype=object)[:, None]
        with pytest.raises(ValueError, match=r'X\[1\] is missing .*fillna\(""\)'):
            check(X)
        with pytest.raises(ValueError, match=r"X\[0\] is missing"):
            check(X[::-1])


def test_a_column_of_integers_is_one_token_a_row_where_asked():
    steps = check(np.array([[3], [1]]), input_type="tokens").steps
    assert [s.tolist() for s in steps] == [[3], [1]]


# --- other objects than containers------------------------------------------------------

LONG = pd.DataFrame({"id": [1, 1, 2], "x": [1.0, 2.0, 3.0]})


@pytest.mark.parametrize(
    ("X", "remedy"),
    [
        (
            LONG.groupby("id"),
            r"DataFrameGroupBy; .*sequences_from_frame\(frame, by=\.\.\.\)",
        ),
        (LONG.groupby("id")["x"], r"SeriesGroupBy; .*sequences_from_frame\("),
        (pack_sequence([torch.ones(2)]), r"PackedSequence; pass .*unpack_sequence\(X\)"),
        (
            {"a": [1]},
            r"dict; pass list\(X.values\(\)\) if each of its values is an entry",
        ),
        ({"a": [1]}.values(), r"dict_values; pass list\(X\)"),
        ({1, 2}, r"set; a set has no order, pass list\(X\)"),
        (iter([[1]]), r"list_iterator; pass list\(X\)"),
        (([1] for _ in "ab"), r"generator; pass list\(X\)"),
        (map(list, "ab"), r"map; pass list\(X\)"),
        (3, r"int$"),
        (None, r"NoneType$"),
    ],
    ids=lambda X: type(X).__name__,
)
def test_other_objects_are_refused_with_a_remedy(X, remedy):
    message = "X must be a list of sequences, an array, a Series or a DataFrame, got "
    for read in (check, lambda X: parse_rows(X, "X")):
        with pytest.raises(TypeError, match=message + remedy):
            read(X)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_a_nested_tensor_is_refused_with_a_remedy():
    X = torch.nested.nested_tensor([torch.ones(2), torch.ones(1)])
    with pytest.raises(
        TypeError, match=r"pass the nested tensor's .*list\(X.unbind\(\)\)"
    ):
        check(X)


def test_a_lazy_frame_is_refused_with_a_remedy():
    X = polars.LazyFrame({"a": [1]})
    for read in (check, lambda X: parse_series(X, "X")):
        with pytest.raises(TypeError, match=r"got LazyFrame; pass X.collect\(\)"):
            read(X)


@pytest.mark.parametrize("make", [polars.Series, pyarrow.array], ids=["polars", "arrow"])
@pytest.mark.parametrize("shape", [(2,), (2, 2)], ids=["features", "images"])
def test_nested_lists_are_steps_of_several_features(make, shape):
    rows = [np.arange(n * np.prod(shape), dtype=float).reshape(n, *shape) for n in (3, 1)]
    nested = [row.tolist() for row in rows]
    np.testing.assert_array_equal(
        check(make(nested)).steps.values, check(rows).steps.values
    )


@pytest.mark.parametrize("make", [polars.Series, pyarrow.array], ids=["polars", "arrow"])
def test_nested_lists_of_unequal_width_are_refused(make):
    with pytest.raises(ValueError, match=r"X\[1\] is not a numeric array"):
        check(make([[[1.0, 2.0]], [[1.0, 2.0], [3.0]]]))


@pytest.mark.parametrize(
    ("sequence", "error", "message"),
    [
        (
            pack_sequence([torch.ones(2)]),
            TypeError,
            r"X\[0\] is PackedSequence.*unpack_seq",
        ),
        (iter([1]), ValueError, r"X\[0\] is list_iterator, .*; pass list\(X\[0\]\)"),
        ({"a": 1}, ValueError, r"X\[0\] is dict, .* pass pandas.DataFrame\(X\)"),
        ({1}, ValueError, r"X\[0\] is set, expected a sequence; a set has no order"),
    ],
    ids=lambda X: type(X).__name__,
)
def test_other_objects_among_sequences_are_refused_with_a_remedy(
    sequence, error, message
):
    with pytest.raises(error, match=message):
        check([sequence])


@pytest.mark.parametrize(
    "X",
    [np.arange(3.0), pd.Series([1.0, 2.0, 3.0]), torch.arange(3.0), pd.Index([1, 2, 3])],
)
def test_numbers_in_one_dimension_are_refused_with_the_remedies(X):
    message = r"X is 1-D: 3 numbers.*Reshape your data: pass one sequence x as \[x\].*"
    with pytest.raises(ValueError, match=message + "sliding_windows"):
        check(X)


def test_dates_and_structured_arrays_are_refused():
    dates = np.array(["2024-01-01", "2024-01-02"], "M8[D]")
    for X in (dates, dates[:, None], pd.Series(dates), pd.DataFrame({"day": dates})):
        with pytest.raises(TypeError, match="dates"):
            check(X)
    records = np.array([(1, 2.0)], dtype=[("a", int), ("b", float)])
    with pytest.raises(TypeError, match=r"structured array.*structured_to_unstructured"):
        check(records)


# --- rows of y -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        [1, 2],
        (1, 2),
        np.array([1, 2]),
        pd.Series([1, 2], index=[7, 3]),
        torch.tensor([1, 2]),
        polars.Series([1, 2]),
        pd.Series([1, 2], dtype="Int64"),
    ],
    ids=lambda y: type(y).__name__,
)
def test_rows_of_scalars_are_pythons_own(y):
    rows = parse_rows(y, "y")
    assert rows == [1, 2]
    assert {type(row) for row in rows} == {int}


@EACH_CONTAINER
def test_rows_of_tokens_and_texts_are_the_same_in_every_container(make):
    assert [list(row) for row in parse_rows(make(TOKENS), "y")] == TOKENS
    assert parse_rows(make(TEXTS), "y") == TEXTS


def test_rows_of_tables_are_arrays():
    for y in (
        np.eye(2),
        pd.DataFrame(np.eye(2)),
        polars.DataFrame({"a": [1, 0], "b": [0, 1]}),
    ):
        assert [row.tolist() for row in parse_rows(y, "y")] == [[1, 0], [0, 1]]
    assert [row.shape for row in parse_rows(np.ones((2, 3, 4)), "y")] == [(3, 4)] * 2


def test_a_masked_row_is_missing():
    rows = parse_rows(np.ma.array([1, 2], mask=[False, True]), "y")
    assert rows[0] == 1
    assert np.isnan(rows[1])
    assert parse_rows(np.ma.array(["a", "b"], mask=[False, True]), "y") == ["a", None]


def test_one_string_has_no_rows():
    with pytest.raises(TypeError, match="y_true is one string; pass a list of strings"):
        parse_rows("a b", "y_true")


def test_two_columns_of_sequences_are_refused_as_rows():
    y = pd.DataFrame({"a": TOKENS, "b": TOKENS})
    with pytest.raises(TypeError, match=r"y has 2 columns of sequences.*y\['a'\]"):
        parse_rows(y, "y")


# --- frames of fields ----------------------------------------------------------------


@pytest.fixture
def fields():
    return pd.DataFrame(
        {
            "pulse": [np.array([1, 2]), np.array([3])],
            "heat": [[0.5, 1.5], (2.5,)],
            "load": [np.ones((2, 1)), torch.tensor([7.0])],
        },
        index=["b", "a"],
    )


def test_each_column_of_a_frame_of_sequences_is_a_feature(fields):
    checked = check(fields)
    assert checked.steps.values.tolist() == [[1, 0.5, 1], [2, 1.5, 1], [3, 2.5, 7]]
    assert checked.steps.lengths.tolist() == [2, 1]
    assert checked.form == ("numeric", "fields", 3)
    assert list(checked.named) == ["pulse", "heat", "load"]


def in_order_of(names):
    return FieldOptions(roles=dict.fromkeys(names, "features"))


def test_columns_come_in_the_order_of_fit(fields):
    names = ["heat", "load", "pulse"]
    checked = check(fields, fields=in_order_of(names))
    assert checked.steps.values[0].tolist() == [0.5, 1, 1]
    assert list(checked.named) == names


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X[["heat", "pulse"]], r"X lacks the columns \['load'\]$"),
        (lambda X: X.assign(mood=X["heat"]), r"X has the unknown columns \['mood'\]"),
        (
            lambda X: X.rename(columns={"heat": "cold"}),
            r"X lacks the columns \['heat'\] and has the unknown columns \['cold'\]",
        ),
    ],
)
def test_missing_and_unknown_columns_are_named(fields, change, message):
    with pytest.raises(ValueError, match="feature names should match.*" + message):
        check(change(fields), fields=in_order_of(list(fields)))


def test_columns_without_names_keep_their_order(fields):
    checked = check(fields.set_axis(range(3), axis=1))
    assert checked.named is None
    assert checked.steps.values[2].tolist() == [3, 2.5, 7]


def test_fields_of_unequal_length_are_named_by_row_and_columns(fields):
    fields.at["a", "heat"] = [1.0, 2.0]
    message = "row 1 of X: column 'pulse' has 1 steps, but column 'heat' has 2"
    with pytest.raises(ValueError, match=message):
        check(fields)


@pytest.mark.parametrize(
    ("cell", "error", "message"),
    [
        (None, ValueError, r"row 1 of X\['heat'\] is missing"),
        (np.ones((1, 2)), ValueError, r"row 1 of X\['heat'\] has 2 features a step, ex"),
        (["a"], TypeError, r"row 1 of X\['heat'\] holds tokens, expected"),
        ([np.nan], ValueError, r"X\['heat'\] contains NaN: row 1, step 0"),
        (["a", 1], TypeError, r"row 1 of X\['heat'\] holds tokens"),
        ([1, "a"], TypeError, r"row 1 of X\['heat'\], step 0 is 1"),
    ],
)
def test_a_cell_that_is_no_sequence_of_numbers_is_named(fields, cell, error, message):
    fields.at["a", "heat"] = cell
    if isinstance(cell, list) and len(cell) == 2:
        fields.at["a", "pulse"] = fields.at["a", "load"] = [1, 2]
    with pytest.raises(error, match=message):
        check(fields)


def test_a_row_without_steps_is_named(fields):
    fields.iloc[1] = [[], [], []]
    with pytest.raises(ValueError, match=r"X\[1\] has no steps"):
        check(fields)
    with pytest.raises(ValueError, match=r"X\[1\] has no steps"):
        check(fields, empty="tokens")
    assert check(fields, empty="keep").steps.lengths.tolist() == [2, 0]


def test_several_columns_of_sequences_are_no_rows_of_y(fields):
    with pytest.raises(TypeError, match="y has 3 columns of sequences, expected one"):
        parse_rows(fields, "y")
    one = pd.DataFrame({"ids": [[3, 1], [3]]})
    assert check(one, input_type="tokens").steps.values.tolist() == [3, 1, 3]


def test_one_column_of_sequences_keeps_its_name():
    frame = pd.DataFrame({"pulse": NUMBERS})
    assert list(check(frame).named) == ["pulse"]
    assert check(pd.DataFrame({"pulse": [np.ones((2, 3))]})).named is None


# --- rebuilding ----------------------------------------------------------------------


def test_fields_without_names_come_back_as_a_series(fields):
    rebuild = read_container(fields).rebuild
    steps = RaggedArray.from_lengths(np.arange(6.0).reshape(3, 2), [2, 1])
    series = rebuild(steps, None)
    assert series.index.tolist() == ["b", "a"]
    assert series["b"].tolist() == [[0, 1], [2, 3]]
    frame = rebuild(steps, ["u", "v"])
    assert frame.loc["b", "v"].tolist() == [1, 3]
    assert frame.index.tolist() == ["b", "a"]


def test_tables_and_arrays_keep_their_shape():
    steps = RaggedArray.from_lengths(np.arange(6.0)[:, None], [3, 3])
    frame = pd.DataFrame(np.ones((2, 3)), columns=list("abc"), index=[5, 6])
    assert read_container(frame.to_numpy()).rebuild(steps, None).shape == (2, 3)
    again = read_container(frame).rebuild(steps, None)
    pd.testing.assert_frame_equal(
        again,
        pd.DataFrame(np.arange(6.0).reshape(2, 3), columns=list("abc"), index=[5, 6]),
    )
    assert read_container(np.ones((2, 3, 4))).rebuild(steps, None).shape == (2, 3, 1)
