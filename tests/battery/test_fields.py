"""Frames of fields, one row a sequence and one column a feature, over all estimators."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal


def as_fields(sequences, names="abc"):
    """Return sequences as a frame, one column a feature."""
    return pd.DataFrame(
        {
            name: pd.Series([np.array(x[:, j]) for x in sequences])
            for j, name in enumerate(names)
        }
    )


def test_fields_are_read_by_the_names_of_their_columns(
    make_estimator, numbers, y, outputs
):
    fields = as_fields(numbers)
    model = make_estimator().fit(fields, y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert model.n_features_in_ == 3
    expected = outputs(model, numbers)
    assert_array_equal(outputs(make_estimator().fit(numbers, y), numbers), expected)
    for X in (fields, fields[list("cab")], list(numbers), pd.Series(list(numbers))):
        assert_array_equal(outputs(model, X), expected)
    with pytest.raises(ValueError, match=r"X lacks the columns \['b'\]"):
        model.predict(fields[["a", "c"]])
    with pytest.raises(ValueError, match=r"X has the unknown columns \['d'\]"):
        model.predict(fields.assign(d=fields["a"]))


def test_fields_to_validate_on_come_in_any_order(make_estimator, numbers, y):
    fields = as_fields(numbers)
    given = make_estimator.validation(numbers)
    losses = [
        make_estimator()
        .fit(fields, y, **{**given, "X_val": X_val})
        .history_["valid_loss"]
        .tolist()
        for X_val in (fields, fields[list("bca")])
    ]
    assert losses[0] == losses[1]
    with pytest.raises(ValueError, match=r"X_val lacks the columns \['b'\]"):
        make_estimator().fit(fields, y, **{**given, "X_val": fields[["a", "c"]]})


def test_texts_in_a_table_of_one_column_are_those_of_a_list(make_unaligned, rng):
    texts = ["a good film", "a bad plot", "good", "bad bad film"]
    frame = pd.DataFrame({"text": texts})
    model = make_unaligned().fit(frame, make_unaligned.targets(texts))
    assert set(model.vocabulary_) >= {"good", "bad", "film", "plot"}
    expected = make_unaligned.outputs(model, texts)
    for X in (np.array(texts)[:, None], np.array(texts, object)[:, None], frame):
        assert_array_equal(make_unaligned.outputs(model, X), expected)
    again = make_unaligned().fit(np.array(texts)[:, None], make_unaligned.targets(texts))
    assert_array_equal(make_unaligned.outputs(again, texts), expected)


def test_one_name_of_a_static_column_must_be_in_a_list(make_estimator, numbers, y):
    message = r"'static_features' .* a list of at least 1 or None"
    with pytest.raises(ValueError, match=message):
        make_estimator(static_features="a").fit(as_fields(numbers), y)
