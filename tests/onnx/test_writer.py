"""Which estimators can be written, and which are refused by name."""

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from skrnn import (
    FeedForwardClassifier,
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceForecaster,
    SequenceTagger,
)
from skrnn.modules.recurrent.cells import CELLS, GRU
from skrnn.onnx import load, to_onnx

X, Y = ["not bad", "bad", "good", "not good"] * 4, ["+", "-", "+", "-"] * 4
SMALL = {"hidden_size": 4, "embedding_dim": 3, "max_epochs": 1, "random_state": 0}


def fitted(**options):
    return SequenceClassifier(**SMALL, **options).fit(X, Y)


def test_the_file_passes_the_checks_of_onnx(tmp_path):
    to_onnx(fitted(), tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {value.name for value in model.graph.input} == {
        "tokens",
        "words",
        "characters",
        "lengths",
    }


def test_an_estimator_that_is_not_fitted_is_refused(tmp_path):
    with pytest.raises(NotFittedError):
        to_onnx(SequenceClassifier(), tmp_path / "model.onnx")


@pytest.mark.parametrize(
    "model", [LogisticRegression(), FeedForwardClassifier(max_epochs=1)]
)
def test_other_estimators_are_refused(tmp_path, model):
    model.fit(np.arange(20.0).reshape(10, 2), [0, 1] * 5)
    with pytest.raises(TypeError, match=f"got {type(model).__name__}"):
        to_onnx(model, tmp_path / "model.onnx")


def test_a_tokenizer_that_is_a_function_is_refused(tmp_path):
    model = fitted(tokenizer=str.split)
    with pytest.raises(ValueError, match=r"tokenizer=<method 'split'.*holds no code"):
        to_onnx(model, tmp_path / "model.onnx")


def test_the_last_invalid_tags_are_written(tmp_path):
    sequences, broken = [["Paris", "is", "big"]] * 4, [["I-x", "O", "O"]] * 4
    model = SequenceTagger(**SMALL, scheme="IOB2").fit(sequences, [["B-x", "O", "O"]] * 4)
    to_onnx(model.set_params(invalid_tags="repair"), tmp_path / "model.onnx")
    scores = [m.score(sequences, broken) for m in (load(tmp_path / "model.onnx"), model)]
    assert scores[0] == scores[1]


def test_the_tokenizer_of_fit_decides(tmp_path):
    X_spaced = [text.replace(" ", "  ") for text in X]
    model = fitted().set_params(tokenizer=str.split)
    to_onnx(model, tmp_path / "model.onnx")
    found = load(tmp_path / "model.onnx").predict_proba(X_spaced)
    np.testing.assert_allclose(found, model.predict_proba(X_spaced), atol=1e-5)
    model = fitted(tokenizer=str.split).set_params(tokenizer="word")
    with pytest.raises(ValueError, match=r"tokenizer=<method 'split'.*holds no code"):
        to_onnx(model, tmp_path / "model.onnx")


@pytest.mark.parametrize(
    "wrong", [{"beam_size": 0}, {"max_length": "x"}, {"no_repeat_ngram_size": -1}]
)
def test_parameters_of_the_search_are_checked(tmp_path, wrong):
    model = Seq2SeqTransformer(**SMALL).fit(X, X).set_params(**wrong)
    with pytest.raises(ValueError, match=f"The '{next(iter(wrong))}' parameter"):
        to_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_named_with_the_users_path(tmp_path):
    path = tmp_path / "none" / "model.onnx"
    with pytest.raises(FileNotFoundError) as found:
        to_onnx(fitted(), path)
    assert found.value.filename == str(path)


def test_vectors_of_words_outside_the_vocabulary_are_refused(tmp_path, exported):
    vectors = {"bad": [1.0, 0.0], "film": [0.0, 1.0]}
    model = SequenceClassifier(
        embeddings=vectors, hidden_size=4, max_epochs=1, random_state=0
    ).fit(X, Y)
    with pytest.raises(ValueError, match=r"set_params\(embeddings=None\)"):
        to_onnx(model, tmp_path / "model.onnx")
    model.set_params(embeddings=None)
    new = ["film", "bad film"]
    np.testing.assert_allclose(
        exported(model).predict_proba(new), model.predict_proba(new), atol=1e-5
    )


class Doubled(GRU):
    """A cell of a user."""


def test_a_cell_of_a_user_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(CELLS, "doubled", Doubled)
    monkeypatch.setattr(SequenceClassifier, "_validate_params", lambda self: None, False)
    model = fitted()
    model.net_.module_.config["cell"] = "doubled"
    with pytest.raises(ValueError, match="cell='doubled' cannot be written as ONNX"):
        to_onnx(model, tmp_path / "model.onnx")


def test_weights_that_the_graph_does_not_read_are_an_error(tmp_path):
    model = fitted()
    model.net_.module_.head.register_buffer("more", model.net_.module_.head.bias.clone())
    with pytest.raises(ValueError, match=r"no node of the graph reads: head\.more"):
        to_onnx(model, tmp_path / "model.onnx")


def test_a_network_that_its_user_changed_is_refused(tmp_path):
    model, path = fitted(), tmp_path / "model.onnx"
    hook = model.net_.module_.head.register_forward_hook(lambda part, x, out: out / 2)
    with pytest.raises(ValueError, match=r"net_\.module_\.head has hooks"):
        to_onnx(model, path)
    hook.remove()
    to_onnx(model, path)
    torch.nn.utils.parametrizations.weight_norm(model.net_.module_.head)
    with pytest.raises(ValueError, match=r"has no head\.weight: it is not as skrnn made"):
        to_onnx(model, path)


# --- integer weights -------------------------------------------------------------------


@pytest.mark.parametrize("bidirectional", [False, True])
def test_integer_weights_change_probabilities_little(tmp_path, exported, bidirectional):
    model = SequenceClassifier(
        hidden_size=32, bidirectional=bidirectional, max_epochs=9, random_state=0
    ).fit(X, Y)
    plain, small = tmp_path / "plain.onnx", tmp_path / "model.onnx"
    to_onnx(model, plain)
    predictor = exported(model, quantize="int8")
    np.testing.assert_allclose(
        predictor.predict_proba(X), model.predict_proba(X), atol=0.02
    )
    assert small.stat().st_size < 0.7 * plain.stat().st_size


@pytest.mark.parametrize("num_layers", [1, 2])
def test_integer_weights_of_a_decoder(exported, num_layers):
    model = Seq2SeqTransformer(
        hidden_size=16, num_layers=num_layers, max_epochs=2, random_state=0
    ).fit(X, X)
    _, scores = model.predict_n_best(X, 1)
    _, small = exported(model, quantize="int8").predict_n_best(X, 1)
    np.testing.assert_allclose(small, scores, rtol=0.02)


def test_a_large_number_does_not_change_what_is_beside_it(exported, rng):
    numbers = list(rng.normal(size=(40, 6, 2)))
    model = SequenceClassifier(num_layers=2, max_epochs=1, random_state=0)
    small = exported(model.fit(numbers, ["x", "y"] * 20), quantize="int8")
    alone = small.predict_proba(numbers[:1])
    beside = small.predict_proba([numbers[0], np.full((6, 2), 1e4)])
    np.testing.assert_allclose(beside[:1], alone, atol=0.01)
    np.testing.assert_allclose(alone, model.predict_proba(numbers[:1]), atol=0.02)


def layers(folder):
    """Return how many LSTM layers of all graphs have float weights, and integer ones."""
    graphs = [onnx.load(path).graph for path in folder.glob("*.onnx")]
    operators = [node.op_type for graph in graphs for node in graph.node]
    return operators.count("LSTM"), operators.count("DynamicQuantizeLSTM")


def test_layers_that_read_numbers_keep_their_weights(tmp_path, rng):
    numbers = rng.normal(size=32)
    frame = pd.DataFrame({"text": X * 2, "number": numbers})
    series = frame.assign(text=[[0.5] * len(text.split()) for text in frame["text"]])
    options = {"max_epochs": 1, "hidden_size": 8, "random_state": 0}
    known = pd.DataFrame({"sales": numbers, "holiday": numbers > 1}, dtype=float)
    cases = [  # numbers join the classifier after its layers
        (SequenceClassifier(**options), frame, Y * 2, (0, 1)),
        (SequenceClassifier(num_layers=2, **options), series, Y * 2, (1, 1)),
        (Seq2SeqTransformer(num_layers=2, **options), frame, X * 2, (2, 2)),
        (Seq2SeqTransformer(num_layers=2, **options), frame[["text"]], X * 2, (0, 4)),
        (
            forecaster := SequenceForecaster(num_layers=2, **options),
            numbers,
            None,
            (1, 3),
        ),
        (forecaster, known, None, (2, 2)),
    ]
    for i, (model, data, y, expected) in enumerate(cases):
        (folder := tmp_path / str(i)).mkdir()
        if data is known:
            model = clone(model).set_params(target="sales", known_future=["holiday"])
            data = known.assign(sales=known["sales"].where(known.index < 28))
        fitted = (
            model.set_params(horizon=3).fit(data) if y is None else model.fit(data, y)
        )
        to_onnx(fitted, folder / "model.onnx", quantize="int8")
        assert layers(folder) == expected


def test_a_network_whose_layers_all_read_numbers_has_no_integers(exported, rng):
    numbers = rng.normal(size=(16, 6, 2))
    frame = pd.DataFrame({"text": X, "number": rng.normal(size=16)})
    tags = [["a"] * len(text.split()) for text in X]
    for model, data, y in (
        (SequenceClassifier(max_epochs=1, random_state=0), numbers, Y),
        (SequenceTagger(max_epochs=1, random_state=0), frame, tags),
    ):
        with pytest.raises(ValueError, match=r"one scale .* every LSTM layer .* numbers"):
            exported(model.fit(data, y), quantize="int8")


def test_other_cells_have_no_integer_weights(tmp_path):
    with pytest.raises(ValueError, match=r"'int8' is for cell='lstm', but .* cell='gru'"):
        to_onnx(fitted(cell="gru"), tmp_path / "model.onnx", quantize="int8")


def test_other_quantizations_are_refused(tmp_path):
    with pytest.raises(ValueError, match='quantize must be "int8" or None, got 8'):
        to_onnx(fitted(), tmp_path / "model.onnx", quantize=8)
