"""Columns of frames: their kinds, and the messages about those that do not fit."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest

from skrnn.data.columns import as_frame, column_kind, has_flat_numbers
from skrnn.data.containers import check_sequences


def check(X, **options):
    return check_sequences(X, **({"split": str.split} | options))


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([1, 2], "numbers"),
        ([True, False], "numbers"),
        (pd.array([1, None], dtype="Int64"), "numbers"),
        (pd.Categorical([3, 4]), "numbers"),
        ([None, None], "numbers"),
        (np.array([1, decimal.Decimal(2)], object), "numbers"),
        (["a", None], "texts"),
        (pd.Categorical(["a", "b"]), "texts"),
        (np.array([1, "a"], object), "texts"),
        ([[1], None], "sequences"),
        ([np.ones(2), (1,)], "sequences"),
        (pd.date_range("2024", periods=2, tz="UTC"), "dates"),
        (pd.period_range("2024", periods=2), "dates"),
        (pd.to_timedelta([1, 2]), "dates"),
        (np.array([datetime.date(2024, 1, 1)] * 2, object), "dates"),
        (np.array([{"a": 1}, {1}], object), "other"),
        (np.array([1, [2]], object), "other"),
    ],
    ids=range(17),
)
def test_a_column_is_of_the_kind_of_its_cells(cells, kind):
    assert column_kind(pd.Series(cells)) == kind


@pytest.mark.parametrize(
    ("cells", "flat"),
    [
        ([[], [1]], True),
        ([np.ones(2)], True),
        ([None, (1.5,)], True),
        ([[None, 2]], True),
        ([np.ones((2, 1))], False),
        ([[[1], [2]]], False),
        ([["a"]], False),
        ([[{1}]], False),
        ([pd.DataFrame({"a": [1]})], False),
        ([[], []], False),
    ],
    ids=range(10),
)
def test_one_dimensional_sequences_of_numbers_are_found(cells, flat):
    series = pd.Series(np.fromiter(cells, object, len(cells)))
    assert has_flat_numbers(series) is flat


CODES = ["b", None, "a", "b"]


@pytest.mark.parametrize(
    "foreign",
    [
        polars.DataFrame({"x": polars.Series(CODES, dtype=polars.Categorical)}),
        polars.DataFrame({"x": polars.Series(CODES, dtype=polars.Enum(["b", "a"]))}),
        pyarrow.table({"x": pyarrow.array(CODES).dictionary_encode()}),
    ],
    ids=["polars", "polars Enum", "arrow"],
)
def test_categories_of_other_libraries_stay_categories(foreign):
    column = as_frame(foreign)["x"]
    assert isinstance(column.dtype, pd.CategoricalDtype)
    assert column.isna().tolist() == [False, True, False, False]
    assert column.dropna().tolist() == ["b", "a", "b"]
    beside = foreign.drop_null if hasattr(foreign, "drop_null") else foreign.drop_nulls
    texts = as_frame(beside()).assign(text=["a b", "c", "d e f"])
    assert check(texts).roles == {"x": "category", "text": "tokens"}


@pytest.mark.parametrize("convert", [lambda frame: frame, polars.DataFrame.to_arrow])
def test_times_of_other_libraries_keep_their_zone(convert):
    days = pd.date_range("2024-03-30", periods=3, tz="Europe/Berlin")
    column = as_frame(convert(polars.from_pandas(pd.DataFrame({"t": days}))))["t"]
    assert str(column.dt.tz) == "Europe/Berlin"
    assert column.tolist() == days.tolist()
    plain = polars.from_pandas(pd.DataFrame({"t": days.tz_localize(None)}))
    assert as_frame(convert(plain))["t"].dt.tz is None


def test_cells_of_equally_many_times_are_sequences():
    at = datetime.datetime
    rows = [[at(2024, 1, day), at(2024, 2, day)] for day in (1, 2, 3)]
    times = polars.Series(rows, dtype=polars.Array(polars.Datetime("us"), 2))
    column = as_frame(polars.DataFrame({"t": times}))["t"]
    assert [list(pd.DatetimeIndex(cell)) for cell in column] == rows


@pytest.mark.parametrize(
    "other", [[["u", "v"], ["w"]], ["u v", "w"], [[1.0, 2.0], [3.0]]], ids=str
)
def test_a_text_that_is_longer_than_other_steps_may_be_static(other):
    frame = pd.DataFrame({"steps": other, "shop": ["x", "y"]})
    message = r"row 0 of X: column 'steps' has 2 steps, but column 'shop' has 1; .*"
    message += r"static_features, .* X\['shop'\].astype\(\"category\"\)"
    with pytest.raises(ValueError, match=message):
        check(frame)


def test_step_fields_of_unequal_length_without_texts_cannot_be_static():
    frame = pd.DataFrame({"a": [[1.0, 2.0], [3.0]], "b": [["u", "v"], ["w", "x"]]})
    with pytest.raises(ValueError, match=r"row 1 of X: .* 1 steps.* equally long$"):
        check(frame)


GROUP = r"sequences_from_frame\(frame, by=\.\.\."


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.date_range("2024", periods=2), "holds dates or times in column 'x'.*" + GROUP +
         ", time='x'"),
        ([datetime.date(2024, 1, 1)] * 2, "holds dates or times in column 'x'.*" + GROUP),
        ([{"a": 1}, {"b": 2}], "holds values other than numbers in column 'x'.*" + GROUP),
    ],
    ids=range(3),
)  # fmt: skip
@pytest.mark.parametrize("first", [True, False])
def test_a_column_beside_numbers_that_holds_none_is_named_with_the_remedy(
    column, message, first
):
    X = pd.DataFrame({"n": [1.0, 2.0], "x": column})
    with pytest.raises(TypeError, match="X " + message):
        check(X[["x", "n"]] if first else X)


def test_a_frame_indexed_by_id_and_time_is_to_be_reset():
    rows = pd.DataFrame({"id": [1, 1], "t": [1, 2], "x": [1, 2], "w": ["a", "b"]})
    with pytest.warns(UserWarning, match=r"sequences_from_frame\(frame.reset_index\(\)"):
        check(rows.set_index(["id", "t"]))


def test_rows_of_a_frame_indexed_by_id_and_time_may_be_steps():
    rows = pd.DataFrame({"id": [1, 1, 2], "t": [1, 2, 1], "x": [1, 2, 3]})
    with pytest.warns(
        UserWarning, match=r"X has a MultiIndex.*reset_index\(\), by=\.\.\."
    ):
        check(rows.set_index(["id", "t"]))
    check(rows.set_index("id"))
    check(rows.drop_duplicates("id").set_index(["id", "t"]))  # one row an id: no steps


@pytest.fixture
def long():
    """Return five sequences of three to seven steps, one row a step."""
    lengths = [3, 5, 4, 7, 3]
    noise = np.random.default_rng(0).normal(size=(sum(lengths), 2))
    time = np.concatenate([np.arange(n) for n in lengths])
    ids = np.repeat([4, 2, 9, 1, 3], lengths)
    return pd.DataFrame({"x": noise[:, 0], "t": time, "id": ids, "z": noise[:, 1]})


def test_rows_of_a_long_frame_may_be_steps(long):
    for X in (long, long.astype(float), long.drop(columns="z")):
        with pytest.warns(UserWarning, match=r"sequences_from_frame\(frame, by='id', ti"):
            check(X)
    with pytest.warns(UserWarning, match=r"frame, by='t', time='id'\)"):
        check(long.sort_values(["t", "id"]))


@pytest.mark.parametrize(
    "ordinary",
    [
        lambda long: long.to_numpy(),
        lambda long: long[["x", "t", "z"]],
        lambda long: long.sample(frac=1, random_state=0),
        lambda long: long.assign(t=np.arange(len(long))),  # grows over the whole table
        lambda long: long.assign(t=long["z"]),
        lambda long: long.assign(t=0),
        lambda long: long.assign(id=0),
        lambda long: long.assign(id=long["id"].where(long["id"] != 9, 4)),  # comes back
        lambda long: long[:8],  # two sequences: so few rows may grow by chance
    ],
    ids=range(9),
)
def test_rows_of_other_frames_are_sequences_without_a_warning(long, ordinary):
    check(ordinary(long))


def test_the_columns_of_sequences_that_are_frames_are_named():
    good = pd.DataFrame({"x": [1.0], "w": [2.0]})
    for cells in (["a"], pd.to_datetime(["2024-01-01"]), [1j]):
        with pytest.raises((TypeError, ValueError), match=r"X\[1\]"):
            check([good, pd.DataFrame({"x": [1.0], "w": cells})])
    with pytest.raises(
        TypeError, match=r"X\[1\] holds strings in column 'w', such as 'a'"
    ):
        check([good, pd.DataFrame({"x": [1.0], "w": ["a"]})])


@pytest.mark.parametrize(
    "X",
    [
        np.array([[1, "a b"], [2, "c"]], object),
        np.array([["a b", 1], ["c", 2]], object),
        np.array([[1, [1, 2]], [2, [3]]], object),
    ],
    ids=range(3),
)
def test_an_array_of_several_kinds_is_refused_with_set_output_as_the_remedy(X):
    with pytest.raises(
        TypeError, match=r"column [01].*set_output\(transform=\"pandas\"\)"
    ):
        check(X)


@pytest.mark.parametrize("make", [np.array, lambda X: np.array(X, object)])
def test_several_columns_of_whole_texts_are_refused(make):
    X = make([["a film", "a plot"], ["b", "c"]])
    with pytest.raises(
        TypeError, match=r"2 columns, and X\[.*\] holds whole texts.*tokens"
    ):
        check(X)
    tokens = check(X, input_type="tokens").steps
    assert [row.tolist() for row in tokens] == [["a film", "a plot"], ["b", "c"]]


def test_columns_of_single_tokens_are_token_lists():
    X = pd.DataFrame({"first": ["a", "b"], "second": ["c", "d"]})
    rows = check(X, input_type="tokens").steps
    assert [row.tolist() for row in rows] == [["a", "c"], ["b", "d"]]
