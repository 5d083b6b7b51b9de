"""Columns of a frame of fields, one row a sequence, and their roles."""

from __future__ import annotations

import datetime
import re

import numpy as np
import pandas as pd
import pyarrow
import pytest

from skrnn.data.containers import FieldOptions, check_sequences
from skrnn.data.field_roles import is_of_fields


def column(*cells):
    return pd.Series(np.fromiter(cells, object, len(cells)))


def check(frame, input_type="auto", **options):
    return check_sequences(
        frame,
        input_type=input_type,
        split=str.split,
        empty="keep",
        fields=FieldOptions(**options),
    )


def arrow(cells, of):
    """Return cells as a column of pandas with a dictionary of arrow."""
    kind = pyarrow.dictionary(pyarrow.int32(), of)
    return pd.Series(cells, dtype=pd.ArrowDtype(kind))


ROLES = {
    "texts": (column("a b", "c"), "tokens"),
    "empty text": (column("", "c"), "tokens"),
    "token lists": (column(["a", "b"], ["c"]), "tokens"),
    "token arrays": (column(np.array(["a", "b"]), np.array(["c"])), "tokens"),
    "arrays": (column(np.ones(2), np.ones(1)), "features"),
    "numbers, the first list empty": (column([], [1.0]), "features"),
    "rows of two features": (column(np.ones((2, 2)), np.ones((1, 2))), "features"),
    "integers": (column([1, 2], [3]), "features"),
    "frames": (column(pd.DataFrame({"p": [1, 2]}), pd.DataFrame({"p": [3]})), "features"),
    "numbers": (pd.Series([1.5, 2.0]), "number"),
    "booleans": (pd.Series([True, False]), "number"),
    "nullable integers": (pd.Series([1, 2], dtype="Int64"), "number"),
    "numbers among objects": (column(1, 2.5), "number"),
    "categories": (pd.Series(["x", "y"], dtype="category"), "category"),
    "dictionary of arrow": (arrow(["x", "y"], pyarrow.string()), "category"),
    "numbers in one": (arrow([3, 4], pyarrow.int64()), "category"),
    "numeric categories": (pd.Series([3, 4], dtype="category"), "category"),
}


@pytest.mark.parametrize(("cells", "role"), ROLES.values(), ids=ROLES)
def test_a_column_has_the_role_of_its_cells(cells, role):
    frame = pd.DataFrame({"w": column(["u", "v"], ["w"]), "x": cells})
    if not role.startswith(("number", "category")):
        frame = frame.drop(columns="w").assign(n=[1, 2])
    assert check(frame).roles["x"] == role


def test_tokens_come_first_and_features_last():
    frame = pd.DataFrame(
        {
            "x": column([1.0, 2.0], [3.0]),
            "w": ["a b", "c"],
            "age": [30, 40],
            "m": column(np.ones((2, 2)), np.zeros((1, 2))),
            "t": column(["N", "V"], ["N"]),
        }
    )
    checked = check(frame)
    assert [field.name for field in checked.fields] == ["w", "t", None]
    assert [f.texts for f in checked.fields] == [["a b", "c"], None, None]
    assert checked.fields[0].steps.values.tolist() == ["a", "b", "c"]
    features = checked.fields[2].steps.values
    assert features.tolist() == [[1, 1, 1], [2, 1, 1], [3, 0, 0]]
    assert checked.static.numbers.tolist() == [[30], [40]]
    assert checked.form == ("fields", "fields", 5)
    part = checked.take(np.array([1]))
    assert [f.steps.values.tolist() for f in part.fields] == [["c"], ["N"], [[3, 0, 0]]]
    assert part.static.numbers.tolist() == [[40]]


def test_texts_are_categories_where_they_are_named():
    frame = pd.DataFrame({"w": ["a b", "c"], "city": ["Rome", "New York"]})
    checked = check(frame, static=["city"])
    assert checked.roles == {"w": "tokens", "city": "category"}
    assert checked.static.categories.tolist() == [["Rome"], ["New York"]]


def test_a_dictionary_of_arrow_is_read_as_the_category_of_pandas():
    frame = pd.DataFrame({"w": ["a b", "c", "c d"]})
    cities, grades = ["Rome", None, "New York"], [3, 4, None]
    own = frame.assign(city=pd.Categorical(cities), grade=pd.Categorical(grades))
    other = frame.assign(
        city=arrow(cities, pyarrow.string()), grade=arrow(grades, pyarrow.int64())
    )
    expected, got = (check(one, missing="indicator") for one in (own, other))
    assert got.roles == expected.roles
    assert got.details == expected.details
    assert got.static.categories.tolist() == expected.static.categories.tolist()


def test_integers_are_tokens_where_asked():
    frame = pd.DataFrame({"note": column([60, 62], [64]), "metre": [3, 4]})
    checked = check(frame, "tokens")
    assert checked.steps.values.tolist() == [60, 62, 64]
    assert checked.roles == {"note": "tokens", "metre": "number"}
    assert check(frame).roles["note"] == "features"


def test_texts_are_refused_where_numbers_are_asked():
    frame = pd.DataFrame({"w": ["a b", "c"], "x": column([1, 2], [3])})
    with pytest.raises(ValueError, match=r"X\['w'\] holds strings, but input_type is"):
        check(frame, "numeric")


def test_rows_of_numbers_and_where_asked_of_tokens_are_no_fields():
    for frame in (
        pd.DataFrame({"a": [1, 2], "b": [3.0, 4.0]}),
        pd.DataFrame({"a": [1, 2], "b": [{1}, {2}]}),
    ):
        assert not is_of_fields(frame, FieldOptions())
    frame = pd.DataFrame({"a": ["x", "y z"], "b": ["z", "w"]})
    assert is_of_fields(frame, FieldOptions())
    assert not is_of_fields(frame, FieldOptions(input_type="tokens"))


def test_a_named_column_must_exist():
    frame = pd.DataFrame({"w": ["a b", "c"], "n": [1, 2]})
    with pytest.raises(ValueError, match=r"static_features names 'x', but X has the col"):
        check(frame, static=["x"])
    message = r"time names 'x', but X has the columns .*; .*features=\['x', ...\]\) keeps"
    with pytest.raises(ValueError, match=message):
        check(frame, time="x")


def test_a_column_that_comes_twice_is_refused():
    frame = pd.DataFrame([["a b", 1, 2]], columns=["w", "n", "n"])
    with pytest.raises(ValueError, match="X has more than one column 'n'"):
        check(frame)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (column(["a"], 3), r"X\['x'\] is static, .*, but row 0 holds \['a'\]"),
        (column("a b", 3), r"X\['x'\] holds 'a b' in row 0 and 3 in row 1"),
        (column({"a": 1}, {"b": 2}), r"X\['x'\] holds values other than numbers, texts"),
        (column(3.0, [1.0]), r"X\['x'\] is static, .*, but row 1 holds \[1.0\]"),
        (column(*[datetime.date(2024, 1, 1)] * 2), r"X\['x'\] holds one date or time a"),
        (column([1.0], ["a"]), r"row 1 of X\['x'\] holds tokens, expected numbers"),
        (column(np.ones((1, 2)), np.ones((1, 3))), r"row 1 of X\['x'\] has 3 features"),
        (
            column(pd.DataFrame({"a": [1.0]}), pd.DataFrame({"b": [1.0]})),
            r"row 1 of X\['x'\] has the columns \['b'\], expected \['a'\]",
        ),
        (
            column(pd.DataFrame({"a": ["w"]}), pd.DataFrame({"a": ["w"]})),
            r"row 0 of X\['x'\] holds strings in column 'a', .* expected numbers",
        ),
        (
            column(["w"], pd.DataFrame({"a": [1.0]})),
            r"X\['x'\] holds \['w'\] in row 0 and",
        ),
        (column([np.inf], [1.0]), r"X\['x'\] contains infinity.*row 0, step 0"),
        (pd.Series([np.inf, 1.0]), r"X\['x'\] is infinite in row 0"),
    ],
    ids=range(12),
)
def test_a_column_that_cannot_be_read_is_named(cells, message):
    frame = pd.DataFrame({"w": column(["u"], ["v"]), "x": cells})
    with pytest.raises((TypeError, ValueError), match=message):
        check(frame)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_in_cells_give_their_numbers(library):
    cells = [
        pd.DataFrame({"p": [1.0, 2.0], "q": [5, 6]}),
        pd.DataFrame({"p": [3.0], "q": [7]}),
    ]
    if library == "polars":
        polars = pytest.importorskip("polars")
        cells = [polars.from_pandas(cell) for cell in cells]
    checked = check(pd.DataFrame({"x": column(*cells), "n": [0.0, 1.0]}))
    assert checked.roles == {"x": "features", "n": "number"}
    assert checked.steps.values.tolist() == [[1, 5], [2, 6], [3, 7]]
    assert checked.steps.lengths.tolist() == [2, 1]
    fitted = {"roles": checked.roles, "details": checked.details}
    swapped = pd.DataFrame({"x": column(*[c[["q", "p"]] for c in cells]), "n": 0.0})
    message = (
        r"X\['x'\] has frames with the columns \['q', 'p'\], expected \['p', 'q'\] as"
    )
    with pytest.raises(ValueError, match=message):
        check(swapped, **fitted)
    check(pd.DataFrame({"x": column(np.ones((3, 2))), "n": 0.0}), **fitted)
    with pytest.raises(ValueError, match=r"has 1 features a step, expected 2 as in fit"):
        check(pd.DataFrame({"x": column(*[c[["q"]] for c in cells]), "n": 0.0}), **fitted)


def test_seconds_run_from_the_first_step_of_a_sequence():
    stamps = column(
        np.array(["2024-01-01", "2024-01-02"], "M8[D]"),
        pd.PeriodIndex(["2024-05"], freq="M"),
    )
    frame = pd.DataFrame({"x": column([1.0, 2.0], [3.0]), "at": stamps})
    checked = check(frame, time="at")
    assert checked.seconds.tolist() == [0, 86_400, 0]
    assert checked.take(np.array([1, 0])).seconds.tolist() == [0, 0, 86_400]
    zone = column(
        *[pd.date_range("2024", periods=n, freq="h", tz="Asia/Tokyo") for n in (2, 1)]
    )
    assert check(frame.assign(at=zone), time="at").seconds.tolist() == [0, 3600, 0]


def test_a_long_frame_with_words_may_hold_steps():
    long = pd.DataFrame(
        {
            "id": np.repeat(["u", "v", "w", "x"], 6),
            "t": np.tile(np.arange(6), 4),
            "word": list("abcdefghijklmnopqrstuvwx"),
            "x": np.random.default_rng(0).normal(size=24),
        }
    )
    with pytest.warns(
        UserWarning, match=r"sequences_from_frame\(frame, by='id', time='t'"
    ):
        check(long.astype({"id": "category"}))


@pytest.mark.parametrize("n_rows", [8, 12])
@pytest.mark.parametrize(
    "change",
    [
        {"color": ["red", "blue", "blue", "red"]},
        {"color": ["red", "blue", "blue", "red"], "shape": ["round", "flat"] * 2},
    ],
)
def test_texts_that_look_like_a_category_are_warned_of(n_rows, change):
    frame = pd.DataFrame(change | {"size": [1.0, 2.0, 3.0, 4.0]})
    frame = pd.concat([frame] * (n_rows // 4), ignore_index=True)
    message = (
        r"every text of X\['{}'\] is one token, such as .*static_features, .*"
        r"by X\['{}'\].astype"
    )
    if n_rows < 10:  # too few to say
        check(frame)
        return
    with pytest.warns(UserWarning, match="every text of") as caught:
        checked = check(frame)
    assert len(caught) == len(change)
    for column_, warning in zip(change, caught, strict=True):
        assert re.match(message.format(column_, column_), str(warning.message))
    assert set(checked.roles.values()) == {"tokens", "number"}
    later = check(frame, roles=checked.roles, details=checked.details)  # known by now
    assert later.roles == checked.roles


def test_texts_that_are_no_category_are_not_warned_of():
    n = 12
    names = [f"name{i}" for i in range(n)]
    frame = pd.DataFrame({"text": names, "age": range(n)})
    check(frame)  # all different
    check(frame.assign(text=["a", "b c"] * (n // 2)))
    check(frame.assign(text=["a", "b"] * (n // 2)), static=["text"], needs_steps=False)
    check(frame.assign(text=column(*[["a"], ["b"]] * (n // 2))))  # said to be tokens


DAYS = pd.to_datetime(["2024-03-01", "2024-03-02", "2024-03-09"])


@pytest.mark.parametrize(
    "stamps",
    [
        DAYS,
        DAYS.to_numpy(),
        list(DAYS),
        list(DAYS.tz_localize("Europe/Berlin")),
        DAYS.tz_localize("Europe/Berlin"),
        [day.to_pydatetime() for day in DAYS],
        [day.date() for day in DAYS],
        list(DAYS.to_period("D")),
        [86_400, 2 * 86_400, 9 * 86_400.0],
        [str(day) for day in DAYS],
        np.array([f"{day:%Y-%m-%d}" for day in DAYS]),
    ],
    ids=range(11),
)
def test_time_stamps_of_every_form_become_seconds_from_the_first(stamps):
    frame = pd.DataFrame({"t": [stamps, stamps[1:]], "x": [[1.0, 2.0, 3.0], [4.0, 5.0]]})
    checked = check(frame, time="t")
    day = 24 * 3600
    assert (checked.seconds / day).tolist() == [0, 1, 8, 0, 7]
    assert checked.roles == {"t": "time", "x": "features"}


@pytest.mark.parametrize(
    ("stamps", "error", "message"),
    [
        ([0, 0], ValueError, r"row 1 of X\['t'\]: the time of step 1 is that of step 0"),
        ([1, 0], ValueError, r"row 1 of X\['t'\]: .* step 1 is before that of step 0"),
        ([DAYS[0], None], ValueError, r"row 1 of X\['t'\] lacks the time .* of step 1"),
        ([datetime.time(1)] * 2, TypeError, r"row 1 of X\['t'\] must hold dates, times"),
        (
            ["1 May", "2 May"],
            ValueError,
            r"row 1 of X\['t'\] holds times that are strings, .*pd.to_datetime",
        ),
        ("noon", TypeError, r"row 1 of X\['t'\] must hold time stamps, one a step"),
        (
            pd.DataFrame({"a": [1, 2]}),
            TypeError,
            r"row 1 of X\['t'\] must hold time stamps, one a step",
        ),
    ],
    ids=range(7),
)
def test_times_that_give_no_order_are_named(stamps, error, message):
    frame = pd.DataFrame({"t": [[0, 1], stamps], "x": [[1.0, 2.0], [3.0, 4.0]]})
    with pytest.raises(error, match=message):
        check(frame, time="t")


def test_dates_that_no_parameter_names_are_refused():
    frame = pd.DataFrame({"t": [DAYS, DAYS], "x": [np.ones(3), np.ones(3)]})
    with pytest.raises(TypeError, match=r"X\['t'\] holds dates .* set time='t'"):
        check(frame)
