"""Values go to JSON and come back, and nothing else does."""

import json

import numpy as np
import pytest

from skrnn.data.documents import read_document, write_document
from skrnn.data.scaling import Standardization
from skrnn.data.series import Layout
from skrnn.data.steps import StepShape


def round_trip(value):
    return read_document(write_document({"value": value}))["value"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -3,
        0.1,
        float("inf"),
        "ünder\n\"'\\",
        [1, [2.5, None]],
        (1, ("a", ())),
        {"$": 1, 2: "b", ("c", 3): None, None: [], True: 0.5},
        StepShape("column", 2, (3, 4)),
    ],
)
def test_plain_values_come_back_equal(value):
    got = round_trip(value)
    assert got == value
    assert type(got) is type(value)


class Word(str):
    """As those of parsers are."""

    __slots__ = ()


def test_the_type_of_what_cannot_be_written_is_named():
    with pytest.raises(TypeError, match=r"^value='a' of type Word cannot be stored in a"):
        round_trip(Word("a"))


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.5, np.nan], [np.inf, -0.0]]),
        np.arange(6, dtype=np.int32).reshape(2, 3),
        np.float32([1e-45, 3.0]),
        np.array([True, False]),
        np.array([], np.float64).reshape(0, 3),
        np.array(["a", "longer"]),
        np.array(["a", 1, None, ("b", 2)], dtype=object),
        np.array(["2020-01-01", "NaT"], dtype="datetime64[ns]"),
        np.arange(6.0)[::-2],
    ],
)
def test_arrays_come_back_with_every_bit(array):
    got = round_trip(array)
    assert got.dtype == array.dtype
    assert got.shape == array.shape
    assert got.tolist() == array.tolist() or array.dtype.kind == "f"
    if array.dtype.kind == "f":
        assert got.tobytes() == array.tobytes()
    assert got.flags.writeable


def test_numbers_of_numpy_become_those_of_python():
    got = round_trip([np.int64(3), np.bool_(True), np.str_("a"), np.float32(0.5)])
    assert got == [3, True, "a", 0.5]
    assert list(map(type, got)) == [int, bool, str, float]


def test_objects_that_are_one_stay_one():
    part = Standardization().fit(np.arange(6.0).reshape(3, 2))
    first, second = round_trip([part, (part,)])
    assert second[0] is first
    np.testing.assert_array_equal(first.mean, part.mean)


@pytest.mark.parametrize("value", [print, object(), 1j, {1, 2}, b"bytes"])
def test_what_is_not_plain_is_refused_by_name(value):
    with pytest.raises(TypeError, match=r"^value=.* cannot be stored in a file"):
        write_document({"value": value})


@pytest.mark.parametrize(
    "value",
    [
        {"$": ["Path", 0, {}]},
        {"$": ["same", 7]},
        {"$": ["array", "<f8", [3], "AAAA"]},
        {"$": ["array", "|O", [1], "AAAAAAAAAAA="]},
        {"$": ["float", "many"]},
        {"other": 1},
    ],
)
def test_other_json_is_refused(value):
    with pytest.raises(ValueError, match="not a document of skrnn"):
        read_document(json.dumps({"value": value}))


def test_a_field_that_a_later_version_added_has_its_default():
    document = write_document({"value": Layout(["a"], 1, None, False)})
    assert '"categories"' in document
    old = document.replace('"categories"', '"more"')
    with pytest.raises(ValueError, match="other attributes than those of Layout"):
        read_document(old)
    content = json.loads(document)

    def without(part, name):
        if isinstance(part, dict):
            return {k: without(v, name) for k, v in part.items() if k != name}
        return [without(v, name) for v in part] if isinstance(part, list) else part

    read = read_document(json.dumps(without(content, "categories")))["value"]
    assert read == Layout(["a"], 1, None, False)
    with pytest.raises(ValueError, match="other attributes than those of Layout"):
        read_document(json.dumps(without(content, "n_known")))
