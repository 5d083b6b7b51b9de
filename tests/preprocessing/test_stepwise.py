"""StepwiseTransformer applies the inner transformer to every step as to a row."""

import pickle

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    MultiLabelBinarizer,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from skrnn import SequenceClassifier, SequenceRegressor
from skrnn.data.ragged import object_array
from skrnn.preprocessing import StepwiseTransformer


def expected_to_fail(_estimator):
    return {
        "check_transformer_data_not_an_array": "it reads the shape of the result for a "
        "list of lists, which are sequences here and come back in a list"
    }


@parametrize_with_checks(
    [StepwiseTransformer(StandardScaler())],
    expected_failed_checks=expected_to_fail,
)
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_checks_really_run():
    results = check_estimator(
        StepwiseTransformer(StandardScaler()),
        expected_failed_checks=expected_to_fail(None),
    )
    assert sum(result["status"] == "passed" for result in results) >= 45


class LastStepOfEach(TransformerMixin, BaseEstimator):
    """Makes a row of each sequence, so that a pipeline can end in a plain classifier."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.stack([sequence[-1] for sequence in X])

    def __sklearn_is_fitted__(self):
        return True


@pytest.fixture
def sequences():
    rng = np.random.default_rng(0)
    return [rng.normal(5, 3, size=(n, 3)) for n in (4, 1, 6, 2, 3)]


@pytest.fixture
def labels():
    return np.array([0, 1, 0, 1, 1])


def assert_same_sequences(actual, expected):
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e)


# --- every step is a row -------------------------------------------------------------


@pytest.mark.parametrize(
    "inner",
    [
        StandardScaler(),
        PCA(2),
        PolynomialFeatures(2),
        make_pipeline(MinMaxScaler(), PCA(1)),
    ],
)
def test_each_step_becomes_what_its_row_would(sequences, inner):
    rows = clone(inner).fit_transform(np.concatenate(sequences))
    expected = np.split(rows, np.cumsum([len(s) for s in sequences])[:-1])
    stepwise = StepwiseTransformer(inner)
    assert_same_sequences(stepwise.fit_transform(sequences), expected)
    assert_same_sequences(stepwise.transform(sequences), expected)
    assert_same_sequences(stepwise.transform(sequences[2:3]), expected[2:3])


def test_the_inner_transformer_is_called_once_and_cloned(sequences):
    calls = []

    def note(X):
        calls.append(X.shape)
        return X

    inner = FunctionTransformer(note)
    stepwise = StepwiseTransformer(inner).fit(sequences)
    stepwise.transform(sequences)
    assert calls == [(16, 3)]
    assert stepwise.transformer_ is not inner


def test_inverse_transform_undoes_the_transformation(sequences):
    stepwise = StepwiseTransformer(StandardScaler()).fit(sequences)
    assert_same_sequences(
        stepwise.inverse_transform(stepwise.transform(sequences)), sequences
    )
    assert not hasattr(StepwiseTransformer(PolynomialFeatures()), "inverse_transform")


def test_missing_values_pass_to_the_imputer():
    X = [np.array([[1.0, np.nan], [3.0, 4.0]]), np.array([[np.nan, 8.0]])]
    filled = StepwiseTransformer(SimpleImputer()).fit_transform(X)
    assert_same_sequences(filled, [[[1, 6], [3, 4]], [[2, 8]]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_inner_transformer_decides_about_the_dtype(sequences, dtype):
    X = [sequence.astype(dtype) for sequence in sequences]
    assert StepwiseTransformer(StandardScaler()).fit_transform(X)[0].dtype == dtype


def test_sparse_results_are_made_dense():
    X = [np.array([["a"], ["b"]]), np.array([["a"]])]
    encoded = StepwiseTransformer(OneHotEncoder()).fit_transform(X)
    assert_same_sequences(encoded, [[[1, 0], [0, 1]], [[1, 0]]])


def test_a_transformer_that_drops_steps_is_refused(sequences):
    with pytest.raises(ValueError, match="gave 15 rows for 16 steps"):
        StepwiseTransformer(FunctionTransformer(lambda X: X[1:])).fit_transform(sequences)


def test_a_transformer_needs_only_fit_and_transform(sequences):
    class Halving(BaseEstimator):
        def fit(self, X):
            self.fitted_ = True
            return self

        def transform(self, X):
            return X / 2

    halved = StepwiseTransformer(Halving()).fit_transform(sequences)
    assert_same_sequences(halved, [sequence / 2 for sequence in sequences])


# --- containers ----------------------------------------------------------------------


def as_series(X):
    index = pd.Index([f"id{i}" for i in range(len(X))], name="id")
    return pd.Series(object_array(X), index=index, name="walk")


@pytest.mark.parametrize(
    "container",
    [list, tuple, object_array, as_series, lambda X: as_series(X).to_frame()],
    ids=["list", "tuple", "object array", "Series", "frame of one column"],
)
def test_sequences_come_back_in_the_container_that_they_came_in(sequences, container):
    expected = StepwiseTransformer(StandardScaler()).fit_transform(sequences)
    X = container(sequences)
    for result in (
        StepwiseTransformer(StandardScaler()).fit_transform(X),
        StepwiseTransformer(StandardScaler()).fit(sequences).transform(X),
    ):
        assert type(result) is type(X)
        if isinstance(X, pd.Series | pd.DataFrame):
            assert result.index.equals(X.index)
            assert np.array_equal(getattr(result, "columns", 0), getattr(X, "columns", 0))
        if isinstance(X, pd.DataFrame):
            result = result["walk"]
        assert_same_sequences(result, expected)


def test_arrays_of_three_dimensions_stay_three_dimensional(sequences):
    X = np.random.default_rng(0).normal(size=(4, 5, 3))
    stepwise = StepwiseTransformer(PCA(2)).fit(X)
    result = stepwise.transform(X)
    assert result.shape == (4, 5, 2)
    assert_same_sequences(stepwise.transform(list(X)), result)


def test_image_frames_are_flattened():
    X = np.random.default_rng(0).normal(size=(2, 5, 3, 4))
    assert StepwiseTransformer(StandardScaler()).fit_transform(X).shape == (2, 5, 12)
    assert StepwiseTransformer(StandardScaler()).fit_transform(list(X))[0].shape == (
        5,
        12,
    )


def test_rows_of_two_dimensional_x_are_series_of_one_feature():
    X = np.random.default_rng(0).normal(5, 3, size=(6, 4))
    expected = (X - X.mean()) / X.std()
    np.testing.assert_allclose(
        StepwiseTransformer(StandardScaler()).fit_transform(X), expected
    )
    frame = pd.DataFrame(X, columns=list("abcd"), index=list("uvwxyz"))
    result = StepwiseTransformer(StandardScaler()).fit_transform(frame)
    pd.testing.assert_frame_equal(
        result, pd.DataFrame(expected, columns=frame.columns, index=frame.index)
    )


def test_more_features_of_two_dimensional_x_need_a_third_dimension():
    X = np.arange(6.0).reshape(2, 3)
    stepwise = StepwiseTransformer(PolynomialFeatures(2)).fit(X)
    assert stepwise.transform(X)[1, 2].tolist() == [1, 5, 25]
    assert stepwise.get_feature_names_out().tolist() == ["1", "x0", "x0^2"]


def test_one_dimensional_sequences_stay_so_while_they_have_one_feature():
    X = [[1, 2, 3], [4.0], np.array([7, 9])]
    scaled = StepwiseTransformer(MinMaxScaler()).fit_transform(X)
    assert [sequence.shape for sequence in scaled] == [(3,), (1,), (2,)]
    powers = StepwiseTransformer(PolynomialFeatures(2)).fit_transform(X)
    assert [sequence.shape for sequence in powers] == [(3, 3), (1, 3), (2, 3)]


def test_the_users_arrays_are_left_alone(sequences):
    before = [sequence.copy() for sequence in sequences]
    StepwiseTransformer(StandardScaler(copy=False)).fit_transform(sequences)
    assert_same_sequences(sequences, before)


# --- steps other than arrays ---------------------------------------------------------


def test_steps_may_be_dicts():
    X = [[{"a": 1}, {"a": 2, "b": "x"}], [{"b": "y"}]]
    stepwise = StepwiseTransformer(DictVectorizer()).fit(X)
    assert_same_sequences(stepwise.transform(X), [[[1, 0, 0], [2, 1, 0]], [[0, 0, 1]]])
    assert stepwise.get_feature_names_out().tolist() == ["a", "b=x", "b=y"]
    assert not hasattr(stepwise, "n_features_in_")
    back = stepwise.inverse_transform(stepwise.transform(X))
    assert back[0][1] == {"a": 2.0, "b=x": 1.0}
    with pytest.raises(ValueError, match="fitted on token sequences"):
        stepwise.transform(np.ones((1, 2, 3)))


def test_a_pipeline_may_begin_with_dicts():
    X = [[{"a": 1}, {"a": 3}], [{"a": 2}]]
    inner = make_pipeline(DictVectorizer(sparse=False), MinMaxScaler())
    assert_same_sequences(
        StepwiseTransformer(inner).fit_transform(X), [[[0], [1]], [[0.5]]]
    )


def test_steps_may_be_texts_or_sets_of_labels():
    texts = [["a dog", "dog dog"], ["cat"]]
    counts = StepwiseTransformer(CountVectorizer()).fit_transform(texts)
    assert_same_sequences(counts, [[[0, 1], [0, 2]], [[1, 0]]])
    labels = [[{"x"}, {"x", "y"}], [set()]]
    indicators = StepwiseTransformer(MultiLabelBinarizer()).fit_transform(labels)
    assert_same_sequences(indicators, [[[1, 0], [1, 1]], [[0, 0]]])


def test_steps_may_be_rows_of_frames_with_columns_of_different_types():
    X = [
        pd.DataFrame({"speed": [1.0, 3.0], "gear": ["low", "high"]}),
        pd.DataFrame({"speed": [2.0], "gear": ["low"]}),
    ]
    inner = ColumnTransformer(
        [("scaled", MinMaxScaler(), ["speed"]), ("encoded", OneHotEncoder(), ["gear"])]
    )
    stepwise = StepwiseTransformer(inner).fit(X)
    assert_same_sequences(stepwise.transform(X), [[[0, 0, 1], [1, 1, 0]], [[0.5, 0, 1]]])
    assert stepwise.feature_names_in_.tolist() == ["speed", "gear"]
    assert stepwise.n_features_in_ == 2
    with pytest.raises(
        ValueError,
        match=r"X\[1\] has the columns \['speed'\], expected \['speed', 'gear'\]",
    ):
        stepwise.fit([X[0], X[1][["speed"]]])


# --- y and weights -------------------------------------------------------------------


def test_each_step_gets_the_label_of_its_sequence(sequences, labels):
    rows, repeated = np.concatenate(sequences), np.repeat(labels, [4, 1, 6, 2, 3])
    for inner in (SelectKBest(k=2), LinearDiscriminantAnalysis()):
        expected = clone(inner).fit(rows, repeated).transform(rows)
        for y in (labels, labels.tolist(), pd.Series(labels)):
            result = StepwiseTransformer(inner).fit_transform(sequences, y)
            np.testing.assert_allclose(np.concatenate(result), expected)


def test_targets_of_another_form_are_ignored(sequences):
    for y in ([[1, 2], [3], [4], [5], [6]], np.ones((5, 2)), [["a"]] * 5):
        StepwiseTransformer(StandardScaler()).fit(sequences, y)
        with pytest.raises(ValueError, match="LinearDiscriminantAnalysis requires y"):
            StepwiseTransformer(LinearDiscriminantAnalysis()).fit(sequences, y)


@pytest.mark.parametrize("labels", [["a", "b", "a", "b", "a"], [0, 1, 0, 1, 0]])
def test_a_masked_label_or_weight_is_missing(sequences, labels):
    mask = [False, False, True, False, False]
    stepwise = StepwiseTransformer(LinearDiscriminantAnalysis())
    with pytest.raises(ValueError, match=r"missing value: y\[2\]"):
        stepwise.fit(sequences, np.ma.masked_array(labels, mask))
    stepwise = StepwiseTransformer(StandardScaler())
    with pytest.raises(ValueError, match=r"missing value: sample_weight\[2\]"):
        stepwise.fit(sequences, sample_weight=np.ma.masked_array(np.ones(5), mask))


def test_each_step_gets_the_weight_of_its_sequence(sequences):
    weight = np.array([1.0, 0, 2, 3, 1])
    expected = StandardScaler().fit(
        np.concatenate(sequences), sample_weight=np.repeat(weight, [4, 1, 6, 2, 3])
    )
    stepwise = StepwiseTransformer(StandardScaler()).fit(sequences, sample_weight=weight)
    np.testing.assert_allclose(stepwise.transformer_.mean_, expected.mean_)


def test_labels_of_another_number_are_refused(sequences):
    with pytest.raises(ValueError, match="y has 4 entries, but X has 5 sequences"):
        StepwiseTransformer(StandardScaler()).fit(sequences, [0, 1, 0, 1])


# --- sequences without steps ---------------------------------------------------------


def test_lists_of_sets_may_have_no_steps():
    songs = [[], [[60, 64], []], [[62]], []]
    stepwise = StepwiseTransformer(MultiLabelBinarizer()).fit(songs)
    chords = stepwise.transform(songs)
    assert [chord.shape for chord in chords] == [(0, 3), (2, 3), (1, 3), (0, 3)]
    back = [list(map(list, song)) for song in stepwise.inverse_transform(chords)]
    assert back == songs
    assert stepwise.transform([[]])[0].shape == (0, 3)
    nothing, one = stepwise.inverse_transform([[], np.array([[0, 0, 1]])])
    assert (list(nothing), list(one)) == ([], [(64,)])
    assert StepwiseTransformer(MultiLabelBinarizer()).fit_transform(songs)[3].shape == (
        0,
        3,
    )
    with pytest.raises(ValueError, match="X has no steps"):
        StepwiseTransformer(MultiLabelBinarizer()).fit([[], []])
    frames = [[], pd.DataFrame({"note": [[1], [2]]})]
    with pytest.raises(ValueError, match=r"X\[0\] has no steps"):
        StepwiseTransformer(MultiLabelBinarizer()).fit(frames)


@pytest.mark.parametrize(
    ("inner", "X"),
    [
        (DictVectorizer(), [[{"a": 1}, {"b": 2}], [{"a": 3}]]),
        (TfidfVectorizer(), [["a dog", "two dogs"], ["a cat"]]),
        (CountVectorizer(), [["a dog", "two dogs"], ["a cat"]]),
        (MultiLabelBinarizer(), [[{1}, {2}], [{1, 2}]]),
        (
            make_pipeline(DictVectorizer(sparse=False), MinMaxScaler()),
            [[{"a": 1}, {"b": 2}], [{"a": 3}]],
        ),
        (FeatureUnion([("tfidf", TfidfVectorizer())]), [["a dog", "two dogs"], ["cat"]]),
        (FrozenEstimator(DictVectorizer().fit([{"a": 1}, {"b": 2}])), [[{"a": 1}]]),
    ],
    ids=lambda x: type(x).__name__,
)
def test_sequences_without_steps_have_the_features_of_others(inner, X):
    stepwise = StepwiseTransformer(inner).fit(X)
    n_features = stepwise.transform(X)[0].shape[1]
    nothing = stepwise.transform([[], []])
    assert [x.shape for x in nothing] == [(0, n_features)] * 2
    assert [x.shape for x in stepwise.transform([[], X[0]])] == [
        (0, n_features),
        (len(X[0]), n_features),
    ]


def test_the_transformation_of_sequences_without_steps_is_undone():
    X = [[{"a": 1}, {"b": 2}], [{"a": 3}]]
    stepwise = StepwiseTransformer(DictVectorizer()).fit(X)
    back = stepwise.inverse_transform([np.zeros((0, 2)), np.zeros((0, 2))])
    assert [list(x) for x in back] == [[], []]
    scaled = StepwiseTransformer(StandardScaler()).fit([np.ones((2, 3))])
    assert [x.shape for x in scaled.inverse_transform([np.zeros((0, 3))])] == [(0, 3)]


# --- meta-estimators inside ----------------------------------------------------------


@pytest.mark.parametrize(
    "inner",
    [
        lambda scaler: FrozenEstimator(scaler),
        lambda scaler: make_pipeline(FrozenEstimator(scaler), "passthrough"),
        lambda scaler: make_pipeline(FrozenEstimator(scaler)),
        lambda scaler: FeatureUnion([("frozen", FrozenEstimator(scaler))]),
        lambda scaler: ColumnTransformer(
            [("frozen", FrozenEstimator(scaler), [0, 1, 2])]
        ),
        lambda scaler: FrozenEstimator(make_pipeline(scaler)),
        lambda scaler: FunctionTransformer(scaler.transform),
    ],
    ids=range(7),
)
@pytest.mark.parametrize("y", [None, [0, 1, 0, 1, 1]])
def test_a_fitted_transformer_is_applied_as_it_is(sequences, inner, y):
    scaler = StandardScaler().fit([[0.0, 1, 2], [2, 3, 4]])
    stepwise = StepwiseTransformer(inner(scaler))
    expected = [scaler.transform(sequence) for sequence in sequences]
    assert_same_sequences(stepwise.fit_transform(sequences, y), expected)
    assert_same_sequences(stepwise.fit(sequences, y).transform(sequences), expected)


@pytest.mark.parametrize(
    "inner", [FrozenEstimator(CountVectorizer().fit(["a dog", "cat"])), TfidfVectorizer()]
)
def test_a_transformer_of_texts_inside_another_gets_a_list_of_texts(inner):
    frozen = FrozenEstimator(make_pipeline(CountVectorizer()).fit(["dog", "cat"]))
    for outer in (inner, make_pipeline(inner), FeatureUnion([("counts", inner)]), frozen):
        stepwise = StepwiseTransformer(outer).fit([["dog", "cat"], ["dog"]])
        assert stepwise.transform([["dog"]])[0].shape == (1, 2)


# --- frames of fields ----------------------------------------------------------------


@pytest.fixture
def fields(sequences):
    return pd.DataFrame(
        {
            name: object_array([np.array(sequence[:, j]) for sequence in sequences])
            for j, name in enumerate(["pulse", "heat", "load"])
        },
        index=list("uvwxy"),
    )


def steps_of(frame):
    return [np.stack(list(row), axis=1) for row in frame.itertuples(index=False)]


@pytest.mark.parametrize(
    ("inner", "names"),
    [
        (StandardScaler(), ["pulse", "heat", "load"]),
        ("passthrough", ["pulse", "heat", "load"]),
        (PCA(2), ["pca0", "pca1"]),
        (PolynomialFeatures(1), ["1", "pulse", "heat", "load"]),
        (make_pipeline(StandardScaler(), PCA(1)), ["pca0"]),
        (FrozenEstimator(StandardScaler().fit(np.eye(3))), None),
        (FunctionTransformer(np.abs), ["pulse", "heat", "load"]),
        (FunctionTransformer(lambda X: X.to_numpy()[:, :2]), None),
    ],
    ids=range(8),
)
@pytest.mark.filterwarnings("ignore:X has feature names, but StandardScaler:UserWarning")
def test_a_frame_of_fields_gives_one_column_a_feature(sequences, fields, inner, names):
    rows = pd.DataFrame(np.concatenate(sequences), columns=list(fields))
    rowwise = FunctionTransformer() if inner == "passthrough" else clone(inner)
    expected = np.split(
        np.asarray(rowwise.fit(rows, None).transform(rows)), [4, 5, 11, 13]
    )
    stepwise = StepwiseTransformer(inner)
    for result in (stepwise.fit_transform(fields), stepwise.transform(fields)):
        assert result.index.tolist() == list("uvwxy")
        if names is None and isinstance(result, pd.Series):
            assert_same_sequences(result.tolist(), expected)
            continue
        if names is not None:
            assert list(result.columns) == names
        assert_same_sequences(steps_of(result), expected)


def test_a_row_of_a_frame_may_have_no_steps(fields):
    blank = fields.copy()
    blank.loc["v"] = [np.empty(0)] * 3
    stepwise = StepwiseTransformer(StandardScaler()).fit(blank)
    expected = StepwiseTransformer(StandardScaler()).fit_transform(fields.drop("v"))
    got = stepwise.transform(blank)
    assert got["heat"].map(len).tolist() == [4, 0, 6, 2, len(fields["heat"]["y"])]
    assert_same_sequences(steps_of(got.drop("v")), steps_of(expected))
    assert stepwise.transform(blank[1:2])["load"].map(len).tolist() == [0]
    columns = ColumnTransformer(
        [("steps", StepwiseTransformer(StandardScaler()), list(fields))],
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    texts = blank.assign(text=[" ".join("a" * n) for n in blank["heat"].map(len)])
    model = make_pipeline(columns, SequenceRegressor(hidden_size=2, max_epochs=1))
    assert model.fit(texts, np.arange(5.0)).predict(texts[1:2]).shape == (1,)
    with pytest.raises(ValueError, match=r"X\[1\] has no steps"):
        model[-1].fit(blank, np.arange(5.0))


def test_fields_come_in_any_order_and_by_name_only(fields):
    stepwise = StepwiseTransformer(StandardScaler()).fit(fields)
    expected = stepwise.transform(fields)
    assert stepwise.feature_names_in_.tolist() == ["pulse", "heat", "load"]
    assert stepwise.n_features_in_ == 3
    again = stepwise.transform(fields[["load", "pulse", "heat"]])
    assert list(again.columns) == list(expected.columns)
    assert_same_sequences(steps_of(again), steps_of(expected))
    back = stepwise.inverse_transform(expected[["heat", "load", "pulse"]])
    assert_same_sequences(steps_of(back), steps_of(fields))
    with pytest.raises(ValueError, match=r"X lacks the columns \['heat'\]"):
        stepwise.transform(fields[["pulse", "load"]])


def test_fields_and_arrays_are_exchanged_without_a_warning(sequences, fields):
    expected = StepwiseTransformer(StandardScaler()).fit_transform(sequences)
    named = StepwiseTransformer(StandardScaler()).fit(fields)
    assert_same_sequences(named.transform(sequences), expected)
    unnamed = StepwiseTransformer(StandardScaler()).fit(sequences)
    assert_same_sequences(steps_of(unnamed.transform(fields)), expected)


def test_columns_of_fields_are_chosen_by_name(fields):
    inner = ColumnTransformer([("scaled", StandardScaler(), ["heat"])], remainder="drop")
    result = StepwiseTransformer(inner).fit_transform(fields)
    assert list(result.columns) == ["scaled__heat"]
    values = np.concatenate(result["scaled__heat"].tolist())
    np.testing.assert_allclose([values.mean(), values.std()], [0, 1], atol=1e-12)


def test_one_column_of_sequences_stays_one_column(fields):
    for inner in (StandardScaler(), FunctionTransformer(lambda X: X.to_numpy() * 2)):
        result = StepwiseTransformer(inner).fit_transform(fields[["heat"]])
        assert list(result.columns) == ["heat"]
        assert result.loc["v", "heat"].shape == (1,)


def test_fields_go_through_a_pipeline_and_a_search(fields, labels):
    pipeline = make_pipeline(
        StepwiseTransformer(StandardScaler()), LastValues(), LogisticRegression()
    )
    search = GridSearchCV(
        pipeline, {"stepwisetransformer__transformer": [StandardScaler(), PCA(1)]}, cv=2
    )
    search.fit(fields, labels)
    expected = search.predict_proba(fields)
    np.testing.assert_array_equal(search.predict_proba(fields.iloc[:, ::-1]), expected)


class LastValues(LastStepOfEach):
    """Makes a row of the last steps of fields."""

    def transform(self, X):
        return np.array([[cell[-1] for cell in row] for row in X.itertuples(index=False)])


def test_a_list_of_steps_cannot_be_made_of_several_columns(fields):
    with pytest.raises(TypeError, match=r"X has 3 columns of sequences, expected one"):
        StepwiseTransformer(MultiLabelBinarizer()).fit(fields)


# --- masked and missing values -------------------------------------------------------


def test_masked_cells_reach_the_imputer_as_missing():
    masked = np.ma.array([[1, 2], [3, 4]], mask=[[False, True], [False, False]])
    for X in (masked, list(masked), masked[..., None]):
        result = StepwiseTransformer(SimpleImputer()).fit_transform(X)
        np.testing.assert_allclose(np.ravel(result[0])[1], 8 / 3)


# --- errors --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([], ValueError, "X has 0 sequences"),
        ([np.ones((2, 3)), np.ones((0, 3))], ValueError, r"X\[1\] has no steps"),
        (
            [np.ones((2, 3)), np.ones((2, 3)), np.ones((1, 2))],
            ValueError,
            r"X\[2\] has 2 features, expected 3 \(as X\[0\] has\)",
        ),
        ([[1.0, 2.0], 3.0], TypeError, r"X\[1\] is float, expected a sequence of steps"),
        (["abc", "de"], TypeError, r"X\[0\] is str, expected a sequence of steps"),
        (
            [[1.0], [[1.0], [2.0, 3.0]]],
            ValueError,
            r"X\[1\] is not an array \(n_steps, n_f",
        ),
        ("abc", TypeError, "X is one string; pass a list of strings"),
        (3, TypeError, "X must be a list of sequences, .* got int"),
        ({"a": [1]}, TypeError, "X must be a list of sequences, .* got dict"),
        (np.ones((2, 0, 3)), ValueError, r"X has shape \(2, 0, 3\)"),
        (np.ones(4), ValueError, "Expected 2D array, got 1D array instead"),
        (iter([[1.0]]), TypeError, r"got list_iterator; pass list\(X\)"),
        (pd.DataFrame({"id": [1]}).groupby("id"), TypeError, "sequences_from_frame"),
        (
            pd.DataFrame({"a": [1.0], "w": ["x"]}),
            TypeError,
            "X holds strings in column 'w', such as 'x'",
        ),
        (
            pd.DataFrame({"a": [[1.0]], "b": [[1.0, 2.0]]}),
            ValueError,
            "row 0 of X: column 'a' has 1 steps, but column 'b' has 2",
        ),
    ],
)
def test_an_x_that_is_not_a_container_of_sequences_is_named(X, error, message):
    with pytest.raises(error, match=message):
        StepwiseTransformer(StandardScaler()).fit(X)


def test_steps_of_another_width_than_in_fit_are_refused(sequences):
    stepwise = StepwiseTransformer(StandardScaler()).fit(sequences)
    with pytest.raises(
        ValueError, match="2 features, but StepwiseTransformer is expecting 3 features"
    ):
        stepwise.transform([sequence[:, :2] for sequence in sequences])


@pytest.mark.parametrize("fit", ["fit", "fit_transform"])
def test_a_fit_that_fails_leaves_the_earlier_one(sequences, fit):
    model = StepwiseTransformer(StandardScaler())
    wrong = {"sample_weight": [-1.0] * len(sequences)}
    with pytest.raises(ValueError, match="sample_weight"):
        getattr(model, fit)(sequences, **wrong)
    with pytest.raises(NotFittedError, match="StepwiseTransformer"):
        model.transform(sequences)
    expected = model.fit(sequences).transform(sequences)
    with pytest.raises(ValueError, match="sample_weight"):
        getattr(model, fit)([x[:, :1] for x in sequences], **wrong)
    for got, wanted in zip(model.transform(sequences), expected, strict=True):
        assert_array_equal(got, wanted)


def test_nested_lists_of_arrow_are_steps_of_several_features(sequences):
    nested = pyarrow.array([x.tolist() for x in sequences])
    expected = StepwiseTransformer(StandardScaler()).fit_transform(sequences)
    found = StepwiseTransformer(StandardScaler()).fit_transform(nested)
    for got, wanted in zip(found, expected, strict=True):
        assert_allclose(got, wanted)


def test_transform_before_fit_is_refused(sequences):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        StepwiseTransformer(StandardScaler()).transform(sequences)


# --- in scikit-learn -----------------------------------------------------------------


def test_feature_names_are_those_of_the_inner_transformer(sequences):
    stepwise = StepwiseTransformer(PCA(2)).fit(sequences)
    assert stepwise.get_feature_names_out().tolist() == ["pca0", "pca1"]
    stepwise = StepwiseTransformer(StandardScaler()).fit(sequences)
    assert stepwise.get_feature_names_out(list("abc")).tolist() == ["a", "b", "c"]
    frame = pd.DataFrame(np.eye(3), columns=list("uvw"))
    assert stepwise.fit(frame).get_feature_names_out().tolist() == ["u", "v", "w"]
    stepwise.fit(sequences)
    assert not hasattr(stepwise, "feature_names_in_")


def test_set_output_changes_nothing(sequences, labels):
    expected = StepwiseTransformer(OneHotEncoder()).fit_transform(
        [sequence.round() for sequence in sequences]
    )
    rounded = [sequence.round() for sequence in sequences]
    stepwise = StepwiseTransformer(OneHotEncoder())
    assert stepwise.set_output(transform="pandas") is stepwise
    assert_same_sequences(stepwise.fit_transform(rounded), expected)
    with config_context(transform_output="pandas"):
        fitted = StepwiseTransformer(OneHotEncoder()).fit(rounded)
        result = fitted.transform(rounded)
    assert isinstance(result[0], np.ndarray)
    assert_same_sequences(result, expected)
    pipeline = make_pipeline(stepwise, LastStepOfEach(), LogisticRegression())
    pipeline[:1].set_output(transform="pandas")
    pipeline.fit(rounded, labels)


def test_inner_transformers_that_make_frames_give_arrays(sequences):
    inner = StandardScaler().set_output(transform="pandas")
    result = StepwiseTransformer(inner).fit_transform(sequences)
    assert isinstance(result[0], np.ndarray)


def test_a_search_reaches_the_inner_parameters(sequences, labels, tmp_path):
    pipeline = Pipeline(
        [
            ("scale", StepwiseTransformer(StandardScaler())),
            ("last", LastStepOfEach()),
            ("classifier", LogisticRegression()),
        ],
        memory=str(tmp_path),
    )
    search = GridSearchCV(
        pipeline, {"scale__transformer": [PCA(1), PCA(2)], "scale__transformer__whiten": [True]}, cv=2
    )  # fmt: skip
    search.fit(sequences, labels)
    assert search.best_estimator_["scale"].transformer_.whiten is True
    pipeline.set_params(scale__transformer__with_mean=False).fit(sequences, labels)
    assert pipeline["scale"].transformer_.mean_ is not None
    assert pipeline["scale"].get_params()["transformer__with_mean"] is False


def test_clone_and_pickle_keep_it_whole(sequences):
    stepwise = StepwiseTransformer(PCA(2)).fit(sequences)
    assert not hasattr(clone(stepwise), "transformer_")
    again = pickle.loads(pickle.dumps(stepwise))
    assert_same_sequences(again.transform(sequences), stepwise.transform(sequences))


def test_tags_are_those_of_the_inner_transformer():
    assert get_tags(StepwiseTransformer(StandardScaler())).input_tags.allow_nan
    assert not get_tags(StepwiseTransformer(PCA())).input_tags.allow_nan
    assert get_tags(
        StepwiseTransformer(LinearDiscriminantAnalysis())
    ).target_tags.required
    assert get_tags(StepwiseTransformer(StandardScaler())).input_tags.three_d_array


def test_the_diagram_shows_the_inner_transformer():
    html = StepwiseTransformer(StandardScaler())._repr_html_()
    assert "StandardScaler" in html
    assert "StepwiseTransformer" in html


def test_passthrough_lets_steps_through():
    X = [np.ones((2, 3)), np.zeros((1, 3))]
    stepwise = StepwiseTransformer("passthrough").fit(X)
    assert [x.tolist() for x in stepwise.transform(X)] == [x.tolist() for x in X]


@pytest.mark.parametrize("transformer", [None, "standard", StandardScaler])
def test_a_parameter_that_is_not_a_transformer_is_named(transformer):
    with pytest.raises(TypeError, match="transformer must be a scikit-learn transformer"):
        StepwiseTransformer(transformer).fit([np.ones((2, 3))])


# --- some columns of a table ---------------------------------------------------------


@pytest.fixture
def table(rng):
    lengths = rng.integers(2, 6, size=12)
    return pd.DataFrame(
        {
            "word": [["a"] * n for n in lengths],
            "u": [rng.normal(5.0, 2.0, n) for n in lengths],
            "v": [rng.normal(size=n) for n in lengths],
            "age": rng.normal(size=12),
            "city": pd.Categorical(["Rome", "Oslo"] * 6),
        }
    )


@pytest.mark.parametrize(
    ("inner", "names"),
    [(StandardScaler(), ["u", "v"]), (PCA(1), ["pca0"]), ("passthrough", ["u", "v"])],
    ids=["scaler", "pca", "passthrough"],
)
def test_a_column_transformer_reaches_columns_of_a_table(table, inner, names):
    transformer = ColumnTransformer(
        [("steps", StepwiseTransformer(inner), ["u", "v"])],
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    result = transformer.fit_transform(table)
    assert result.columns.tolist() == [*names, "word", "age", "city"]
    assert isinstance(result["city"].dtype, pd.CategoricalDtype)
    alone = StepwiseTransformer(inner).fit_transform(table[["u", "v"]])
    for name in names:
        assert result[name].map(list).tolist() == alone[name].map(list).tolist()
    model = make_pipeline(transformer, SequenceClassifier(hidden_size=4, max_epochs=1))
    assert model.fit(table, ["p", "q"] * 6).predict(table).shape == (12,)


def test_a_table_as_a_whole_is_refused_with_the_way_to_choose_columns(table):
    with pytest.raises(TypeError, match=r"columns of several kinds.*ColumnTransformer"):
        StepwiseTransformer(StandardScaler()).fit(table)


@pytest.mark.parametrize("convert", [lambda frame: frame, polars.DataFrame.to_arrow])
def test_frames_of_other_libraries_keep_the_names_of_columns(convert):
    frame = polars.DataFrame({"price": [1.0, 2.0, 3.0], "volume": [10.0, 20.0, 40.0]})
    scaler = StepwiseTransformer(StandardScaler()).fit([convert(frame)] * 2)
    assert scaler.feature_names_in_.tolist() == ["price", "volume"]
    expected = StandardScaler().fit_transform(frame.to_numpy())
    for found in scaler.transform([convert(frame)] * 2):
        np.testing.assert_allclose(np.asarray(found), expected)
    with pytest.raises(ValueError, match="feature names should match"):
        scaler.transform([convert(frame.select("volume", "price"))])
