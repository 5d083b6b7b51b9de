"""Reading files, whole, incomplete and foreign, in a process without PyTorch."""

import os
import pickle
import subprocess
import sys

import numpy as np
import onnx
import pytest
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skrnn import Seq2SeqTransformer, SequenceClassifier, SequenceRegressor, _optional
from skrnn.onnx import load, to_onnx

X, Y = ["not bad", "bad", "good", "not good"] * 4, ["+", "-", "+", "-"] * 4


@pytest.fixture(scope="module")
def model():
    """Return a fitted classifier."""
    small = SequenceClassifier(
        hidden_size=4, embedding_dim=3, max_epochs=1, random_state=0
    )
    return small.fit(X, Y)


@pytest.fixture
def path(model, tmp_path):
    """Return a file of it."""
    to_onnx(model, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


CODE = """
import sys
class Absent:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "skorch", "onnx", "rapidfuzz"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent)
import numpy as np
from skrnn.onnx import load
predictor = load(sys.argv[1])
probabilities = predictor.predict_proba(["not bad", "unseen", ""])
assert predictor.classes_.tolist() == ["+", "-"]
assert not {"torch", "skorch", "onnx"} & set(sys.modules)
print(probabilities.tolist())
"""


def test_a_process_without_torch_predicts_the_same(model, path):
    command = [sys.executable, "-c", CODE, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    expected = model.predict_proba(["not bad", "unseen", ""])
    np.testing.assert_allclose(eval(result.stdout), expected, atol=1e-5)


def test_the_predictor_is_an_estimator_of_scikit_learn(model, path):
    predictor = load(str(path), n_threads=1)
    assert is_classifier(predictor)
    assert clone(predictor) is predictor
    assert repr(predictor).startswith("OnnxClassifier(n_threads=1,")
    again = pickle.loads(pickle.dumps(predictor))
    assert again.n_threads == 1
    np.testing.assert_array_equal(again.predict_proba(X), predictor.predict_proba(X))


def test_a_predictor_of_a_relative_path_is_copied_anywhere(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    predictor = load("model.onnx", n_threads=1)
    expected = predictor.predict_proba(X)
    monkeypatch.chdir(path.parent.parent)
    again = pickle.loads(pickle.dumps(predictor))
    np.testing.assert_array_equal(again.predict_proba(X), expected)


def test_set_params_opens_the_file_again(path):
    predictor = load(path, n_threads=1)
    expected = predictor.predict_proba(X)
    other = SequenceClassifier(hidden_size=4, max_epochs=1, random_state=1).fit(X, Y)
    to_onnx(other, path.with_name("other.onnx"))
    assert predictor.set_params(path=str(path.with_name("other.onnx"))) is predictor
    np.testing.assert_allclose(
        predictor.predict_proba(X), other.predict_proba(X), atol=1e-5
    )
    numbers = SequenceClassifier(hidden_size=4, max_epochs=1).fit(np.zeros((16, 3)), Y)
    to_onnx(numbers, path.with_name("numbers.onnx"))
    predictor.set_params(path=str(path.with_name("numbers.onnx")))
    assert not hasattr(predictor, "vocabulary_")
    regressor = SequenceRegressor(hidden_size=4, max_epochs=1).fit(X, np.arange(16.0))
    to_onnx(regressor, path.with_name("regressor.onnx"))
    predictor.set_params(path=str(path))
    for wrong, message in (
        (
            {"path": str(path.with_name("regressor.onnx"))},
            "holds OnnxRegressor, not Onnx",
        ),
        ({"path": "none.onnx"}, "there is no file"),
        ({"n_threads": 0}, "n_threads must be"),
        ({"threads": 1}, "Invalid parameter"),
    ):
        with pytest.raises((ValueError, OSError), match=message):
            predictor.set_params(**wrong)
        assert predictor.get_params() == {"path": str(path), "n_threads": 1}
        np.testing.assert_array_equal(predictor.predict_proba(X), expected)


def lowered(texts):
    """Return texts in lower case."""
    return [text.lower() for text in texts]


def test_a_predictor_is_a_step_or_a_part_of_scikit_learns_estimators(path):
    predictor = load(path, n_threads=1)
    expected = predictor.predict_proba(X)
    loud = [text.upper() for text in X]
    for last in (predictor, FrozenEstimator(predictor)):
        pipeline = make_pipeline(FunctionTransformer(lowered), last).fit(loud, Y)
        np.testing.assert_array_equal(pipeline.predict_proba(loud), expected)
        assert pipeline.predict(loud).tolist() == predictor.predict(X).tolist()
    frozen = FrozenEstimator(predictor)
    voting = VotingClassifier([("a", frozen), ("b", predictor)], voting="soft")
    np.testing.assert_allclose(voting.fit(X, Y).predict_proba(X), expected, rtol=1e-6)
    calibrated = CalibratedClassifierCV(frozen, cv=2).fit(X, Y)
    assert calibrated.predict_proba(X).shape == (len(X), 2)
    assert predictor.fit(X) is predictor


def test_X_is_checked_as_in_the_estimator(path):
    predictor = load(path)
    with pytest.raises(ValueError, match="X has 0 sequences"):
        predictor.predict([])
    with pytest.raises(ValueError, match=r"but OnnxClassifier was fitted on token seq"):
        predictor.predict([[1.0, 2.0]])


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file '.*none\.onnx'"):
        load(tmp_path / "none.onnx")


@pytest.mark.parametrize(
    ("n_threads", "kind"),
    [(-1, ValueError), (0, ValueError), ("2", TypeError), (1.5, TypeError)],
)
def test_a_number_of_threads_that_cannot_be_is_an_error(path, n_threads, kind):
    with pytest.raises(kind, match=rf"n_threads must be .*, got {n_threads!r}$"):
        load(path, n_threads=n_threads)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_file_is_an_error(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(
        ValueError, match=r"model\.onnx' is not an ONNX model, or not all of"
    ):
        load(path)


def test_a_file_of_another_kind_is_an_error(path):
    path.write_text("not a model")
    with pytest.raises(ValueError, match="is not an ONNX model"):
        load(path)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (None, "not one that skrnn.onnx.to_onnx wrote"),
        ("{", "not a document of skrnn"),
        ('{"format":99,"version":"9.0"}', "has format 99, written by skrnn 9.0"),
        ('{"format":1,"inputs":0,"parts":0}', "lacks attributes, options, targets"),
        ('{"format":{"$":["Path",0,{}]}}', "not a document of skrnn: KeyError"),
    ],
)
def test_a_foreign_document_is_an_error(path, document, message):
    model = onnx.load(path)
    del model.metadata_props[:]
    if document is not None:
        onnx.helper.set_model_props(model, {"skrnn": document})
    onnx.save(model, path)
    with pytest.raises(ValueError, match=message):
        load(path)


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_names_the_extra(model, path, monkeypatch, package):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(_optional, "import_module", missing)
    with pytest.raises(
        ImportError, match=rf'needs {package}; pip install "skrnn\[onnx\]"'
    ):
        to_onnx(model, path) if package == "onnx" else load(path)


@pytest.fixture
def pair(tmp_path):
    """Return the files of a translator."""
    model = Seq2SeqTransformer(hidden_size=4, max_epochs=1, random_state=0)
    to_onnx(model.fit(X, X), tmp_path / "model.onnx")
    return tmp_path / "model.onnx", tmp_path / "model.decoder.onnx"


def test_a_translator_is_two_files(pair):
    assert [path.exists() for path in pair] == [True, True]
    assert load(pair[0]).predict(X[:2]).shape == (2,)
    pair[1].unlink()
    with pytest.raises(FileNotFoundError, match=r"no file '.*model\.decoder\.onnx'"):
        load(pair[0])


@pytest.mark.parametrize("n_complete", [0, 1])
def test_a_write_that_fails_leaves_both_files(pair, monkeypatch, n_complete):
    before = [path.read_bytes() for path in pair]
    model = Seq2SeqTransformer(hidden_size=3, max_epochs=1, random_state=0).fit(X, X)
    n_calls, sync = 0, os.fsync

    def fail(descriptor):
        nonlocal n_calls
        n_calls += 1
        if n_calls > n_complete:
            raise OSError("disk full")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        to_onnx(model, pair[0])
    assert [path.read_bytes() for path in pair] == before
    assert {path.name for path in pair[0].parent.iterdir()} == {p.name for p in pair}


def test_a_decoder_of_another_translator_is_an_error(pair, model, tmp_path):
    to_onnx(model, tmp_path / "other.onnx")
    (tmp_path / "other.onnx").replace(pair[1])
    with pytest.raises(ValueError, match=r"decoder\.onnx' was not written together with"):
        load(pair[0])
