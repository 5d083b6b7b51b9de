"""Inputs: X from the user's container to ids and features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skrnn.data.inputs import NO_TOKEN, Inputs
from skrnn.data.vocabulary import UNKNOWN


class Estimator:
    """Stands for the estimator in messages."""


def check(inputs, X, name="X", **options):
    return inputs.check(X, estimator=Estimator(), name=name, **options)


def fit(X, **options):
    inputs = Inputs(**options)
    return inputs.fit(check(inputs, X))


def like_fit(inputs, X, name="X", estimator=None):
    estimator = Estimator() if estimator is None else estimator
    checked = inputs.check(X, estimator=estimator, name=name)
    return inputs.check_like_fit(checked, estimator=estimator, name=name)


def encode(inputs, X):
    return inputs.encode(like_fit(inputs, X))


def rows(encoded):
    return [row.tolist() for row in encoded.steps]


# --- sequences without tokens --------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "empties"),
    [
        (["a b", "", "a", ""], ["", " "]),
        ([["a", "b"], [], ["a"], []], [[], []]),
        (pd.Series(["a b", "", "a", " "]), pd.Series(["", ""])),
        (pd.DataFrame({"text": ["a b", "", "a", ""]}), pd.DataFrame({"text": ["", ""]})),
    ],
    ids=["texts", "lists", "series", "frame"],
)
@pytest.mark.parametrize("char_encoder", [None, "cnn", "ngrams", "lstm"])
def test_a_sequence_without_tokens_is_one_unknown_token(X, empties, char_encoder):
    inputs = fit(X, char_encoder=char_encoder)
    a, b = inputs.token_ids["a"], inputs.token_ids["b"]
    assert set(inputs.token_ids) == {"a", "b"}  # it is not a token of the vocabulary
    encoded = encode(inputs, X)
    assert rows(encoded) == [[a, b], [UNKNOWN], [a], [UNKNOWN]]
    only = encode(inputs, empties)  # at predict a batch may hold nothing else
    assert rows(only) == [[UNKNOWN], [UNKNOWN]]
    if char_encoder is not None:
        expected = inputs.codecs[0].characters.encode(["a", "b", NO_TOKEN, "a", NO_TOKEN])
        got = encoded.characters[encoded.words]
        np.testing.assert_array_equal(got, expected[:, : got.shape[1]])


def test_integers_without_a_sequence_are_one_unknown_token_too():
    inputs = fit([[1, 2], [], [2]], input_type="tokens")
    assert rows(encode(inputs, [[], [2]])) == [[UNKNOWN], [inputs.token_ids[2]]]


def test_an_empty_sequence_is_encoded_as_an_unknown_token_is():
    inputs = fit(["cat dog", "cat"], char_encoder=None)
    assert rows(encode(inputs, [""])) == rows(encode(inputs, ["never-seen"]))


def encode_frame(inputs, frame):
    return inputs.encode(check(inputs, frame))


def blank_rows():
    """Return a frame of fields whose rows 1 and 2 hold no steps."""
    return pd.DataFrame(
        {
            "text": ["a b", "", " ", "b"],
            "pulse": [[60.0, 70.0], [], np.empty(0), [80.0]],
            "wide": [np.ones((2, 3)), [], np.empty((0, 3)), np.zeros((1, 3))],
            "at": [[5, 8], [], [], [1]],
        }
    )


@pytest.mark.parametrize("missing", ["raise", "indicator"])
def test_a_row_without_steps_is_one_unknown_token_with_the_mean_of_features(missing):
    inputs = fit(blank_rows(), time="at", scale="standard", missing=missing)
    encoded = encode_frame(inputs, blank_rows())
    ids = inputs.token_ids
    assert rows(encoded) == [[ids["a"], ids["b"]], [UNKNOWN], [UNKNOWN], [ids["b"]]]
    (features,) = encoded.beside
    assert features.steps.lengths.tolist() == [2, 1, 1, 1]
    np.testing.assert_allclose(features.steps[1][:, :4], 0, atol=1e-7)  # the means
    assert inputs.codecs[-1].gaps.tolist() == []  # a row without steps has no gap
    full = fit(blank_rows().iloc[[0, 3]], time="at", scale="standard", missing=missing)
    expected = encode_frame(full, blank_rows().iloc[[0, 3]]).beside[0]
    np.testing.assert_array_equal(features.steps[0], expected.steps[0])
    for one in (blank_rows()[1:2], blank_rows()[2:3]):  # a batch may hold nothing else
        alone = encode_frame(inputs, one)
        assert rows(alone) == [[UNKNOWN]]
        np.testing.assert_array_equal(alone.beside[0].steps[0], features.steps[1])


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_a_row_without_steps_has_the_level_of_training(norm):
    inputs = fit(blank_rows(), time="at", instance_norm=norm)
    assert np.isfinite(encode_frame(inputs, blank_rows()).beside[0].steps.values).all()
    level, scale = inputs.level_and_scale(check(inputs, blank_rows()))
    assert level[1:3, 0].tolist() == [70.0, 70.0]
    assert (scale > 0).all()


def test_an_empty_text_beside_other_steps_is_named():
    frame = blank_rows().assign(text=["a b", "", "", ""])
    message = "row 3 of X: column 'text' has 0 steps, but column 'pulse' has 1"
    with pytest.raises(ValueError, match=message):
        fit(frame, time="at")
    with pytest.raises(ValueError, match=r"X\[1\] has no steps"):
        fit(frame[["pulse", "wide"]])  # numbers alone


def test_sequences_without_tokens_stay_empty_where_asked():
    inputs = fit(["a b", ""], empty="keep")
    encoded = encode(inputs, ["", "b", ""])
    assert encoded.steps.lengths.tolist() == [0, 1, 0]


@pytest.mark.parametrize("empty", ["unknown", "keep"])
@pytest.mark.parametrize("X", [["", " "], [""]])
def test_texts_that_are_all_empty_cannot_be_learned(X, empty):
    with pytest.raises(ValueError, match="X has no tokens: all its sequences are empty"):
        fit(X, empty=empty)


def test_token_lists_that_are_all_empty_cannot_be_learned():
    with pytest.raises(ValueError, match="X has no tokens: all its sequences are empty"):
        fit([[], []])


def test_a_numeric_sequence_without_steps_is_named():
    inputs = Inputs()
    with pytest.raises(ValueError, match=r"X_val\[1\]"):
        check(inputs, [np.ones((2, 3)), np.ones((0, 3))], "X_val")
    kept = check(Inputs(empty="keep"), [np.ones((2, 3)), np.ones((0, 3))])
    assert kept.steps.lengths.tolist() == [2, 0]


# --- the form of fit -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "options"),
    [
        (["a b", "c"], {}),
        ([["a"], ["b", "c"]], {}),
        ([[1, 2], [3]], {"input_type": "tokens"}),
        ([np.ones((2, 3)), np.zeros((1, 3))], {"empty": "keep"}),
        ([np.ones((2, 1)), np.zeros((1, 1))], {"empty": "keep"}),
    ],
    ids=["texts", "lists", "integers", "features", "one feature"],
)
@pytest.mark.parametrize("empties", [[[]], [[], []]])
def test_empty_lists_are_of_the_fitted_kind(X, options, empties):
    inputs = fit(X, **{"empty": "keep", **options})
    checked = like_fit(inputs, empties)
    expected = check(inputs, X).steps.values
    assert checked.steps.values.dtype == expected.dtype
    assert checked.steps.values.shape == (0, *expected.shape[1:])
    assert inputs.encode(checked).steps.lengths.tolist() == [0] * len(empties)


def test_another_kind_or_width_than_in_fit_is_an_error():
    inputs = fit([np.ones((2, 3)), np.ones((1, 3))])
    with pytest.raises(ValueError, match=r"X_val.* 2 .*3"):
        like_fit(inputs, [np.ones((2, 2))], "X_val")
    with pytest.raises(ValueError, match=r"token sequences.*numeric sequences"):
        like_fit(inputs, ["a b"])
    with pytest.raises(ValueError, match=r"numeric sequences.*token sequences"):
        like_fit(fit(["a b"]), [np.ones((2, 3))])


# --- texts and token lists -----------------------------------------------------------


def test_texts_and_token_lists_may_stand_for_each_other():
    for X in (["a b", "c"], [["a", "b"], ["c"]]):
        inputs = fit(X)
        assert rows(encode(inputs, ["c a"])) == rows(encode(inputs, [["c", "a"]]))


def test_a_fixed_form_refuses_texts_after_token_lists():
    inputs = fit([["a", "b"], ["c"]], fixed_text_form=True)
    with pytest.raises(
        ValueError, match="X_val holds strings, but Estimator was fitted on"
    ):
        like_fit(inputs, ["a b"], "X_val")
    assert rows(encode(inputs, [["c"], ["z w"]]))[1] == [UNKNOWN]


@pytest.mark.parametrize(
    ("tokenizer", "texts", "whole", "cut"),
    [
        ("word", ["a b", "c"], ["c", "z"], "z w"),
        ("char", ["ab", "c"], ["c", "z"], "zw"),
        (str.split, ["a-b c"], ["a-b", "z-w"], "z w"),
    ],
)
def test_a_fixed_form_takes_the_tokens_of_texts_but_nothing_that_would_be_split(
    tokenizer, texts, whole, cut
):
    inputs = fit(texts, tokenizer=tokenizer, fixed_text_form=True)
    known = inputs.token_ids[whole[0]]
    assert rows(encode(inputs, [whole])) == [[known, UNKNOWN]]
    with pytest.raises(
        ValueError, match=rf"X\[1\], step 1 is '{cut}', which the tokeniz"
    ):
        like_fit(inputs, [whole, [whole[0], cut]])


def test_a_fixed_form_takes_known_tokens_that_the_tokenizer_would_split_again():
    def pairs(text):
        return [text[i : i + 2] for i in range(len(text))]

    inputs = fit(["abc"], tokenizer=pairs, fixed_text_form=True)
    assert rows(encode(inputs, [["ab", "bc", "c"]])) == rows(encode(inputs, ["abc"]))


def test_a_fixed_form_of_features_refuses_no_features():
    inputs = fit([np.ones((2, 3))], fixed_text_form=True)
    assert encode(inputs, [np.ones((1, 3))]).steps.values.shape == (1, 3)


# --- names of features ---------------------------------------------------------------


def frames(columns, n=2):
    return [
        pd.DataFrame(np.arange(2.0 * len(columns)).reshape(2, -1), columns=columns)
    ] * n


def named(inputs, X):
    estimator = Estimator()
    checked = inputs.check(X, estimator=estimator)
    estimator.feature_names_in_ = np.asarray(checked.named.columns, dtype=object)
    estimator.n_features_in_ = len(estimator.feature_names_in_)
    inputs.fit(checked)
    return estimator


@pytest.mark.parametrize(
    "make", [frames, lambda c: pd.DataFrame([[1.0, 2.0]], columns=c)], ids=["list", "one"]
)
def test_reordered_names_are_an_error(make):
    inputs = Inputs()
    estimator = named(inputs, make(["x", "y"]))
    like_fit(inputs, make(["x", "y"]), estimator=estimator)
    with pytest.raises(ValueError, match="must be in the same order as"):
        like_fit(inputs, make(["y", "x"]), estimator=estimator)
    with pytest.raises(ValueError, match="unseen at fit time"):
        like_fit(inputs, make(["x", "z"]), estimator=estimator)


def test_an_array_after_a_frame_causes_the_warning_of_scikit_learn():
    inputs = Inputs()
    estimator = named(inputs, pd.DataFrame([[1.0, 2.0]], columns=["x", "y"]))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        like_fit(inputs, np.array([[1.0, 2.0]]), estimator=estimator)


def test_the_fields_of_a_frame_are_brought_into_the_order_of_fit():
    frame = pd.DataFrame(
        {"x": [[1.0, 2.0], [3.0]], "y": [np.array([10.0, 20.0]), np.array([30.0])]}
    )
    inputs = Inputs()
    estimator = named(inputs, frame)
    checked = inputs.check(frame[["y", "x"]], estimator=estimator)
    assert inputs.n_features == 2
    assert rows(inputs.encode(inputs.check_like_fit(checked, estimator=estimator))) == [
        [[1, 10], [2, 20]],
        [[3, 30]],
    ]


# --- what "auto" means ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "options", "char_encoder", "lowercase"),
    [
        (["The cat", "a"], {}, "cnn", True),
        ([["The", "cat"], ["a"]], {}, "cnn", True),
        (["The", "cat"], {"tokenizer": "char"}, None, False),
        ([["T", "h"], ["e"]], {}, None, False),
        ([[1, 2], [3]], {"input_type": "tokens"}, None, True),
        ([["a", 1], ["b"]], {"input_type": "tokens"}, None, True),
        ([[("word", "tag")]], {"input_type": "tokens"}, None, True),
    ],
    ids=["texts", "lists", "characters", "letters", "integers", "mixed", "tuples"],
)
def test_auto_depends_on_the_tokens(X, options, char_encoder, lowercase):
    codec = fit(X, **options).codecs[0]
    assert codec.char_encoder == char_encoder
    assert codec.lowercase == lowercase


@pytest.mark.parametrize("tokenizer", ["word", "char"])
@pytest.mark.parametrize("char_encoder", [None, "cnn", "ngrams", "lstm"])
@pytest.mark.parametrize("lowercase", [True, False])
def test_what_is_given_is_taken(tokenizer, char_encoder, lowercase):
    options = {"char_encoder": char_encoder, "lowercase": lowercase}
    codec = fit(["The cat"], tokenizer=tokenizer, **options).codecs[0]
    assert codec.char_encoder == char_encoder
    assert codec.lowercase is lowercase


def test_lower_case_joins_words_and_keeps_characters_apart():
    assert set(fit(["The the"]).token_ids) == {"the"}
    assert set(fit(["Tt"], tokenizer="char").token_ids) == {"T", "t"}


def test_the_limits_of_the_vocabulary_are_kept():
    assert set(fit(["a a b"], min_count=2).token_ids) == {"a"}
    assert set(fit(["a a b b c"], max_vocabulary=2).token_ids) == {"a", "b"}


# --- features ------------------------------------------------------------------------


def test_features_have_no_vocabulary():
    inputs = fit([np.ones((2, 3))])
    assert inputs.n_features == 3
    assert inputs.vocabulary is None
    assert inputs.token_ids is None
    assert inputs.level_and_scale(check(inputs, [np.ones((2, 3))])) is None
    assert fit(["a"]).n_features is None


def test_the_target_feature_is_normalised_where_asked(rng):
    X = [100 + rng.normal(size=(n, 2)) for n in (4, 5, 6)]
    inputs = fit(X, instance_norm="last", target_feature=1)
    encoded = encode(inputs, X)
    level, scale = inputs.level_and_scale(check(inputs, X))
    np.testing.assert_allclose(level[:, 0], [x[-1, 1] for x in X], rtol=1e-6)
    for got, x, s in zip(encoded.steps, X, scale, strict=True):
        np.testing.assert_allclose(got[:, 0], x[:, 0], rtol=1e-6)
        np.testing.assert_allclose(got[:, 1] * s, x[:, 1] - x[-1, 1], atol=1e-4)


def test_tokens_cannot_be_normalised():
    with pytest.raises(ValueError, match="instance_norm='last' needs a numeric X"):
        fit(["a b"], instance_norm="last")


def test_embeddings_give_vectors_to_tokens_that_training_lacks():
    vectors = {"a": [1.0, 2.0], "z": [3.0, 4.0]}
    inputs = Inputs()
    inputs.fit(check(inputs, ["a b"]), vectors)
    encoded = inputs.encode(check(inputs, ["z a"]), vectors)
    assert rows(encoded) == [[len(inputs.vocabulary), inputs.token_ids["a"]]]
    assert encoded.vectors.tolist() == [[3, 4]]


# --- the baseline --------------------------------------------------------------------


@pytest.mark.parametrize("char_encoder", [None, "cnn", "ngrams", "lstm"])
def test_the_baseline_of_tokens_is_one_without_tokens_at_each_step(char_encoder):
    inputs = fit([["a", "b", ""], ["b"]], char_encoder=char_encoder)
    baseline = inputs.encode_baseline(like_fit(inputs, [["a", "c"], [], ["b"]]))
    assert rows(baseline) == [[UNKNOWN, UNKNOWN], [UNKNOWN], [UNKNOWN]]
    if char_encoder is not None:
        empty = encode(inputs, [[]])
        np.testing.assert_array_equal(baseline.characters, empty.characters)
        assert (baseline.words == 0).all()


@pytest.mark.parametrize("scale", ["standard", None])
@pytest.mark.parametrize("patch_size", [1, 3])
def test_the_baseline_of_features_is_their_mean_in_training(scale, patch_size, rng):
    X = [rng.normal(loc=9, size=(n, 2)) for n in (4, 1, 6)]
    inputs = fit(X, scale=scale, patch_size=patch_size)
    means = [np.tile(np.concatenate(X).mean(axis=0), (len(x), 1)) for x in X]
    baseline = inputs.encode_baseline(like_fit(inputs, X))
    expected = encode(inputs, means)
    np.testing.assert_allclose(baseline.steps.values, expected.steps.values, atol=1e-5)
    assert baseline.steps.lengths.tolist() == expected.steps.lengths.tolist()


def test_the_baseline_has_no_gaps(rng):
    X = [np.where(rng.random((8, 2)) < 0.3, np.nan, rng.normal(size=(8, 2)))] * 2
    inputs = fit(X, missing="indicator", scale="standard")
    baseline = inputs.encode_baseline(like_fit(inputs, X))
    assert baseline.steps.values.shape == encode(inputs, X).steps.values.shape == (16, 4)
    np.testing.assert_allclose(baseline.steps.values, 0, atol=1e-6)
