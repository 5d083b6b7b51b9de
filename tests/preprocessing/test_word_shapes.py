"""WordShapes: signs, runs, containers, and taggers that read words beside shapes."""

from __future__ import annotations

import pickle
from itertools import groupby

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from skrnn import SequenceTagger
from skrnn.data.ragged import object_array
from skrnn.preprocessing import WordShapes
from skrnn.preprocessing._word_shapes import shapes_of

X = [["Berlin", "in", "2024"], [], ["iPhone7"], ["Berlin", "U.S.", "!!!"]]
WORDS = object_array(X)
SHAPES = [["Xxx", "xx", "dd"], [], ["xXxxd"], ["Xxx", "X.X.", "!!"]]
Y = [["B", "O", "O"], [], ["O"], ["B", "B", "O"]]


def tagger(**parameters):
    return SequenceTagger(
        **{"hidden_size": 4, "max_epochs": 1, "random_state": 0, **parameters}
    )


def sign_of(character):
    """Return the sign of a character, in the words of the documentation."""
    if character.isupper():
        return "X"
    return "x" if character.isalpha() else "d" if character.isdigit() else character


# --- shapes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("NASA", "XX"),
        ("Ünlü", "Xxx"),
        ("Жук", "Xxx"),
        ("北京市", "xx"),
        ("٣٤٥", "dd"),
        ("a-b_c", "x-x_x"),
        ("@@@you", "@@xx"),
        ("\n\n\n", "\n\n"),
        ("\ud800A", "\ud800X"),
        ("", ""),
    ],
)
def test_the_shape_of_a_word_is_that_of_its_characters(word, shape):
    assert shapes_of([word], 2) == [shape]


@pytest.mark.parametrize("max_run", [1, 2, 3, 10**12, None])
def test_no_run_is_longer_than_max_run(max_run):
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("aB1.é"), 9, p=[0.6, 0.1, 0.1, 0.1, 0.1]))]
    words += ["aaaa", "AAAbbb", "....", "1"]
    runs = [[list(run) for _, run in groupby(map(sign_of, word))] for word in words]
    expected = ["".join("".join(run[:max_run]) for run in word) for word in runs]
    assert shapes_of(words, max_run) == expected


def test_each_distinct_word_is_computed_once(monkeypatch):
    seen = []

    class Noting(str):
        def translate(self, table):
            seen.append(str(self))
            return super().translate(table)

    assert shapes_of([Noting("Ada")] * 5 + [Noting("b")], 2) == ["Xxx"] * 5 + ["x"]
    assert sorted(seen) == ["Ada", "b"]


def test_other_tokens_have_the_shape_of_their_text_alone_and_beside_equal_ones():
    tokens = [[1, 1.0, True, ("A", 2)], [1.0]]
    fields = WordShapes().fit_transform(tokens)
    assert fields["word"].tolist() == tokens
    assert fields["shape"].tolist() == [["d", "d.d", "Xxx", "('X', d)"], ["d.d"]]


# --- containers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        list,
        tuple,
        object_array,
        lambda x: object_array([np.array(words, dtype=str) for words in x]),
        lambda x: pd.Series(object_array(x), list("dcba"), name="text"),
        lambda x: pd.DataFrame({"text": object_array(x)}, list("dcba")),
    ],
    ids=["list", "tuple", "object array", "arrays of strings", "Series", "frame"],
)
def test_every_container_gives_a_frame_of_lists_with_its_index(make):
    given = make(X)
    fields = WordShapes().fit_transform(given)
    index = given.index if hasattr(given, "iloc") else range(4)
    expected = {"word": WORDS, "shape": object_array(SHAPES)}
    pd.testing.assert_frame_equal(fields, pd.DataFrame(expected, index))
    assert {type(cell) for cell in fields.to_numpy().ravel()} == {list}


def test_one_column_of_several_is_reached_by_a_column_transformer():
    frame = pd.DataFrame({"text": WORDS, "year": [1, 2, 3, 4]}, list("dcba"))
    columns = ColumnTransformer(
        [("words", WordShapes(), ["text"])],
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    fields = columns.fit_transform(frame)
    assert fields.columns.tolist() == ["word", "shape", "year"]
    assert fields["shape"].tolist() == SHAPES


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        (["a text", "b"], TypeError, r"X holds strings.*WordTokenizer\(\)\.split"),
        (pd.DataFrame({"text": ["a", "b"]}), TypeError, "X holds strings"),
        ("a text", TypeError, "X is one string"),
        ([["a"], "b"], TypeError, r"X\[1\] is str, but X\[0\] is list"),
        ([["a", None]], TypeError, r"X\[0\], step 1 is None"),
        (pd.Series([["a"], None]), ValueError, r"X\[1\] is missing"),
        ([], ValueError, "0 sequences"),
        (np.zeros((2, 3, 4)), ValueError, "X has 3 dimensions"),
        (
            pd.DataFrame({"word": [["a"]], "shape": [["x"]]}),
            ValueError,
            "X has 2 columns of fields, expected one column.*ColumnTransformer",
        ),
    ],
)
def test_what_is_no_list_of_token_lists_is_refused(given, error, match):
    for method in ("fit", "transform"):
        with pytest.raises(error, match=match):
            getattr(WordShapes(), method)(given)


@pytest.mark.parametrize("max_run", [0, -1, 1.5, "2"])
def test_max_run_is_a_number_of_at_least_one_or_none(max_run):
    with pytest.raises(ValueError, match="'max_run' parameter of WordShapes"):
        WordShapes(max_run=max_run).fit(X)


# --- inside scikit-learn -------------------------------------------------------------


def test_a_tagger_reads_words_and_shapes_as_two_fields():
    fields = WordShapes().fit_transform(X)
    model = tagger(lowercase=False).fit(fields, Y)
    assert list(model.vocabulary_) == ["word", "shape"]
    assert set(model.vocabulary_["shape"]) == {s for row in SHAPES for s in row}
    assert list(map(len, model.predict(fields))) == [3, 0, 1, 3]
    assert list(map(len, model.predict(WordShapes().transform([[], ["Bonn"]])))) == [0, 1]
    assert list(map(len, model.predict(WordShapes().transform([[]])))) == [0]


def test_a_tagger_without_characters_learns_case_from_shapes():
    names = [["is", f"{first}a"] for first in "ABCDEFGHIJ"]
    others = [["is", f"{first}a"] for first in "klmnopqrst"]
    y = [["O", "B"]] * 10 + [["O", "O"]] * 10
    model = make_pipeline(
        WordShapes(),
        tagger(max_epochs=20, lr=0.05, lowercase=False, char_encoder=None, crf=False),
    )
    model.fit(names + others, y)
    assert model.predict([["is", "Za"], ["is", "za"]]).tolist() == [["O", "B"], ["O"] * 2]


def test_a_search_over_a_pipeline_chooses_max_run():
    model = make_pipeline(WordShapes(), tagger(crf=False))
    search = GridSearchCV(model, {"wordshapes__max_run": [1, None]}, cv=2, n_jobs=1)
    search.fit(WORDS[[0, 2, 3, 0]], object_array([Y[0], Y[2], Y[3], Y[0]]))
    assert search.best_params_["wordshapes__max_run"] in (1, None)
    assert list(map(len, search.predict(X))) == [3, 0, 1, 3]


def test_clones_and_pickles_give_the_same_without_a_fit():
    shapes = WordShapes(max_run=1)
    for copy in (clone(shapes), pickle.loads(pickle.dumps(shapes))):
        check_is_fitted(copy)
        assert copy.transform(X)["shape"].tolist()[0] == ["Xx", "x", "d"]


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_the_output_is_a_frame_of_pandas_whatever_is_configured(output):
    with config_context(transform_output=output):
        fields = WordShapes().set_output(transform=output).fit_transform(X)
    assert isinstance(fields, pd.DataFrame)
    assert fields.columns.tolist() == WordShapes().get_feature_names_out().tolist()


def test_callbacks_see_its_fit(capsys):
    WordShapes().set_callbacks(ProgressBar()).fit(X)
    assert "WordShapes - fit" in capsys.readouterr().out
