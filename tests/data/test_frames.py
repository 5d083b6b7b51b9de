"""Long frames become sequences."""

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
from sklearn.model_selection import train_test_split

from skrnn import SequenceClassifier
from skrnn.preprocessing import sequences_from_frame


@pytest.fixture
def frame():
    """Rows in disorder: "b" has days 1 to 3, "a" has days 1 and 5."""
    return pd.DataFrame(
        {
            "id": ["b", "a", "b", "b", "a"],
            "day": [3, 5, 1, 2, 1],
            "pulse": [33.0, 15.0, 31.0, 32.0, 11.0],
            "heat": [3, 5, 1, 2, 1],
            "word": ["z", "e", "x", "y", "d"],
            "ill": ["no", "yes", "no", "no", "yes"],
        },
        index=[10, 11, 12, 13, 14],
    )


def rows_of(X):
    """Return the cells of a frame as lists, by row and column."""
    return {
        i: {name: cell.tolist() for name, cell in row.items()} for i, row in X.iterrows()
    }


def test_steps_are_sorted_by_time_and_ids_come_in_order_of_appearance(frame):
    X, y = sequences_from_frame(
        frame, by="id", time="day", features=["pulse", "heat"], target="ill"
    )
    assert X.index.tolist() == ["b", "a"]
    assert X.index.name == "id"
    assert rows_of(X) == {
        "b": {"pulse": [31, 32, 33], "heat": [1, 2, 3]},
        "a": {"pulse": [11, 15], "heat": [1, 5]},
    }
    assert y.to_dict() == {"b": "no", "a": "yes"}
    assert y.name == "ill"


def test_without_time_the_rows_keep_their_order(frame):
    X = sequences_from_frame(frame, by="id", features=["pulse"])
    assert rows_of(X) == {"b": {"pulse": [33, 31, 32]}, "a": {"pulse": [15, 11]}}


def test_features_are_all_other_columns_by_default(frame):
    X, _ = sequences_from_frame(
        frame.drop(columns="word"), by="id", time="day", target="ill"
    )
    assert rows_of(X)["a"] == {"pulse": [11, 15], "heat": [1, 5]}


def test_one_feature_name_makes_one_dimensional_sequences(frame):
    pulse = sequences_from_frame(frame, by="id", time="day", features="pulse")
    heat = sequences_from_frame(frame, by="id", time="day", features="heat")
    assert pulse["a"].tolist() == [11, 15]
    assert pulse.name == "pulse"
    assert heat["a"].dtype == np.int64


def test_one_feature_of_strings_makes_token_lists(frame):
    X = sequences_from_frame(frame, by="id", time="day", tokens="word")
    assert X.tolist() == [["x", "y", "z"], ["d", "e"]]


@pytest.mark.parametrize(
    "make", [polars.DataFrame, pyarrow.table], ids=["polars", "arrow"]
)
def test_frames_of_other_libraries_give_the_same_sequences(make, frame):
    options = {"by": "id", "time": "day", "target": "ill", "features": ["pulse", "heat"]}
    X, y = sequences_from_frame(frame, **options)
    other = make(frame.to_dict("list"))
    for got, expected in zip(sequences_from_frame(other, **options), (X, y), strict=True):
        assert got.index.tolist() == expected.index.tolist()
        assert got.map(list).equals(expected.map(list))
    words = sequences_from_frame(other, by="id", time="day", tokens="word")
    assert words.tolist() == [["x", "y", "z"], ["d", "e"]]
    with pytest.raises(TypeError, match=r"got LazyFrame; pass frame.collect\(\)"):
        sequences_from_frame(polars.LazyFrame({"id": [1]}), by="id")


def test_tokens_features_times_and_static_columns_are_fields_of_one_frame(frame):
    frame["dated"] = pd.to_datetime("2024-01-01") + pd.to_timedelta(frame["day"], "D")
    frame["age"] = [30, 40, 30, 30, 40]
    frame["heavy"] = frame["age"] + 40
    X, y = sequences_from_frame(
        frame,
        by="id",
        time="dated",
        tokens=["word", "day"],
        features=["pulse", "dated"],
        static=["age", "ill"],
        target="heavy",
    )
    assert X.columns.tolist() == ["word", "day", "pulse", "dated", "age", "ill"]
    assert X.at["b", "word"] == ["x", "y", "z"]
    assert X.at["b", "day"] == ["1", "2", "3"]
    assert X.at["a", "pulse"].tolist() == [11, 15]
    assert X.at["a", "dated"].dtype.kind == "M"
    assert X["age"].to_dict() == {"b": 30, "a": 40}
    assert y.to_dict() == {"b": 70, "a": 80}
    assert X["ill"].to_dict() == {"b": "no", "a": "yes"}
    assert isinstance(X["ill"].dtype, pd.CategoricalDtype)
    model = SequenceClassifier(hidden_size=4, max_epochs=1, time="dated")
    assert model.fit(X, y).predict(X[::-1]).shape == (2,)
    assert model.vocabulary_.keys() == {"word", "day"}


def test_features_are_no_other_columns_where_tokens_are_given(frame):
    X = sequences_from_frame(frame, by="id", tokens=["word"], static=["ill"])
    assert X.columns.tolist() == ["word", "ill"]
    X = sequences_from_frame(frame.drop(columns="word"), by="id", static="ill")
    assert X.columns.tolist() == ["day", "pulse", "heat", "ill"]


def test_several_ids_make_a_multi_index(frame):
    X, y = sequences_from_frame(
        frame, by=["ill", "id"], time="day", features="pulse", target=["ill"]
    )
    assert X.index.names == ["ill", "id"]
    assert X["no", "b"].tolist() == [31, 32, 33]
    assert y.columns.tolist() == ["ill"]
    assert y.index.equals(X.index)


def test_ids_stay_with_their_sequences_through_a_split():
    rows = pd.DataFrame(
        {"id": np.repeat(np.arange(10), 3), "x": np.repeat(np.arange(10.0), 3)}
    )
    X, y = sequences_from_frame(rows.assign(y=rows["x"] * 2), by="id", target="y")
    train, test, _, y_test = train_test_split(X, y, random_state=0)
    assert sorted([*train.index, *test.index]) == list(range(10))
    assert all(x[0] == i and y_test[i] == 2 * i for i, x in test["x"].items())


def test_each_feature_keeps_its_dtype(frame):
    single = frame.astype({"pulse": "float32"})
    X = sequences_from_frame(single, by="id", features=["pulse", "heat"])
    assert X.loc["a", "pulse"].dtype == np.float32
    assert X.loc["a", "heat"].dtype == np.int64


def test_missing_values_of_nullable_columns_become_nan(frame):
    nullable = frame.assign(heat=pd.array([1, None, 3, 4, 5], dtype="Int64"))
    X = sequences_from_frame(nullable, by="id", features=["heat"])
    assert np.isnan(X.loc["a", "heat"][0])
    X = sequences_from_frame(nullable, by="id", features="heat")
    assert np.isnan(X["a"][0])


def test_times_may_be_dates(frame):
    dated = frame.assign(
        day=pd.to_datetime("2024-01-01", utc=True) + pd.to_timedelta(frame["day"], "D")
    )
    X = sequences_from_frame(dated, by="id", time="day", features="pulse")
    assert X["b"].tolist() == [31, 32, 33]


def test_ids_may_be_categories_and_the_index_may_carry_their_name(frame):
    categories = frame.astype({"id": pd.CategoricalDtype(["c", "a", "b"])})
    X = sequences_from_frame(
        categories.set_index("id", drop=False), by="id", time="day", features="pulse"
    )
    assert X.index.tolist() == ["b", "a"]


def test_sequences_own_their_values(frame):
    X = sequences_from_frame(frame, by="id", features=["pulse"])
    X.loc["b", "pulse"][:] = 0
    assert frame["pulse"].min() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "who"}, r"by='who' is not a column of the frame, which has \['id'"),
        ({"by": "id", "time": "hour"}, "time='hour' is not a column"),
        ({"by": "id", "target": ["ill", "dead"]}, "target='dead' is not a column"),
        ({"by": "id", "features": ["pulse", "x"]}, "features='x' is not a column"),
        ({"by": []}, "by names no column"),
        ({"by": "id", "features": []}, "features names no column"),
        ({"by": "id", "tokens": ["word"], "features": ["pulse", "word"]}, "tokens and "
         "features both name column 'word'"),
        ({"by": "id", "features": ["pulse"], "target": "pulse"}, "features and target "
         "both name column 'pulse'"),
        ({"by": "id", "features": "pulse", "static": "heat"}, "static='heat' changes "
         "within the sequence 'b': 3 and 1"),
        ({"by": "id", "features": "pulse", "target": "heat"}, "target='heat' changes "
         "within the sequence 'b': 3 and 1"),
    ],
)  # fmt: skip
def test_wrong_columns_are_named(frame, arguments, message):
    with pytest.raises(ValueError, match=message):
        sequences_from_frame(frame, **arguments)


def test_a_column_in_the_index_is_pointed_out(frame):
    with pytest.raises(ValueError, match=r"'id' is not a column.*reset_index"):
        sequences_from_frame(frame.set_index("id"), by="id", features="pulse")


def test_a_feature_that_is_not_numeric_is_named(frame):
    with pytest.raises(TypeError, match="features: column 'word' has dtype"):
        sequences_from_frame(frame, by="id", features=["pulse", "word"])


def test_iso_strings_are_in_order_of_time():
    days = ["2024-01-02", "2024-01-01T12:00", "2024-01-01"]
    frame = pd.DataFrame({"id": "a", "t": days, "x": [3.0, 2.0, 1.0]})
    assert sequences_from_frame(frame, by="id", time="t").x["a"].tolist() == [1, 2, 3]
    words = frame.assign(t=["c", "b", "a"])
    assert sequences_from_frame(words, by="id", time="t").x["a"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "times",
    [
        ["12/31/2019", "01/01/2020"],
        ["31.12.2019", "01.01.2020"],
        ["9", "10"],
        ["Jan 2020"],
    ],
)
@pytest.mark.parametrize("dtype", [str, "category"])
def test_times_whose_alphabetic_order_is_wrong_are_refused(times, dtype):
    frame = pd.DataFrame({"id": "a", "t": times, "x": 1.0}).astype({"t": dtype})
    message = (
        r"time='t' holds times that are strings, such as '.*pd.to_datetime.*to_numeric"
    )
    with pytest.raises(ValueError, match=message):
        sequences_from_frame(frame, by="id", time="t")


def test_a_time_that_comes_twice_is_named(frame):
    frame.loc[12, "day"] = 2
    with pytest.raises(ValueError, match="time='day' is 2 twice in the sequence 'b'"):
        sequences_from_frame(
            frame.astype({"day": object}), by="id", time="day", features="pulse"
        )


@pytest.mark.parametrize(
    ("name", "column"), [("time", "day"), ("by", "id"), ("target", "ill")]
)
def test_missing_values_are_named(frame, name, column):
    frame = frame.astype({column: object})
    frame.loc[13, column] = np.nan
    with pytest.raises(
        ValueError, match=f"{name}='{column}' has 1 missing values, the first in row 13"
    ):
        sequences_from_frame(frame, by="id", time="day", features="pulse", target="ill")


def test_other_objects_and_frames_without_rows_are_refused(frame):
    with pytest.raises(TypeError, match="frame must be a DataFrame, got dict"):
        sequences_from_frame({"id": [1]}, by="id")
    with pytest.raises(ValueError, match="frame has no rows"):
        sequences_from_frame(frame.iloc[:0], by="id")
    with pytest.raises(ValueError, match="more than one column 'day'"):
        sequences_from_frame(pd.concat([frame, frame["day"]], axis=1), by="id")


def test_columns_may_be_an_index_or_an_array():
    frame = pd.DataFrame({"id": [0, 0, 1], "a": [1, 2, 3], "b": [4, 5, 6]})
    expected = sequences_from_frame(frame, by="id", features=["a", "b"])
    for features in (frame.columns[1:], np.array(["a", "b"], dtype=object)):
        X = sequences_from_frame(frame, by="id", features=features)
        assert rows_of(X) == rows_of(expected)


def test_a_target_a_step_has_a_remedy():
    frame = pd.DataFrame({"id": [0, 0, 1], "a": [1.0, 2.0, 3.0], "state": [0, 1, 0]})
    with pytest.raises(
        ValueError, match=r"target='state' changes .*y = X.pop\('state'\)"
    ):
        sequences_from_frame(frame, by="id", features=["a"], target="state")
    X = sequences_from_frame(frame, by="id", features=["a", "state"])
    y = X.pop("state")
    assert [labels.tolist() for labels in y] == [[0, 1], [0]]


def test_dates_among_the_features_name_the_parameter_time():
    frame = pd.DataFrame({"id": [0, 0], "t": pd.date_range("2024", periods=2, tz="UTC")})
    with pytest.raises(TypeError, match="Pass time='t' to put steps in its order"):
        sequences_from_frame(frame, by="id")
