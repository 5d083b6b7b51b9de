"""The drawing of the unrolled network, for all shapes of recurrence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from skrnn import (
    FeedForwardTagger,
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.inspection import UnrolledNetworkDisplay, shared_weights

WORDS = [["a", "b", "a", "c"], ["b"], ["c", "a"]] * 4
PARAMS = {"hidden_size": 3, "max_epochs": 1, "random_state": 0}


def texts(display):
    return [text.get_text() for text in display.ax_.texts]


def count_states(display):
    return sum(text.startswith("$h_") for text in texts(display))


@pytest.mark.parametrize("pooling", ["last", "mean"])
@pytest.mark.parametrize(("num_layers", "bidirectional"), [(1, False), (2, True)])
def test_many_to_one_has_one_output(num_layers, bidirectional, pooling):
    model = SequenceClassifier(
        num_layers=num_layers, bidirectional=bidirectional, pooling=pooling, **PARAMS
    ).fit(WORDS, ["u", "v", "u"] * 4)
    display = UnrolledNetworkDisplay.from_estimator(model, WORDS)
    assert display.shape == "many to one"
    assert display.inputs == WORDS[0]
    assert display.outputs == list(model.predict(WORDS[:1]))
    assert count_states(display) == 4 * num_layers * (1 + bidirectional)
    assert {*WORDS[0], *display.outputs} <= set(texts(display))


def test_aligned_has_an_output_a_step():
    for y in (WORDS, [" ".join(tags) for tags in WORDS]):
        model = SequenceTagger(**PARAMS).fit(WORDS, y)
        display = UnrolledNetworkDisplay.from_estimator(model, WORDS, index=2)
        assert display.shape == "many to many, aligned"
        predicted = model.predict(WORDS)[2]
        expected = predicted.split() if isinstance(predicted, str) else predicted
        assert display.outputs == expected
    texts_of = ["do re", "mi", "re mi do"] * 4
    tags = ["B-X O", "B-X", "O O O"] * 4
    model = SequenceTagger(**PARAMS).fit(texts_of, tags)
    display = UnrolledNetworkDisplay.from_estimator(model, texts_of, index=1)
    assert display.outputs == [model.predict(texts_of)[1]]
    model = SequenceTagger(tokenizer="char", **PARAMS).fit(
        ["ab", "b"] * 4, ["uv", "v"] * 4
    )
    display = UnrolledNetworkDisplay.from_estimator(model, ["ab"])
    assert "".join(display.outputs) == model.predict(["ab"])[0]
    numbers = [np.arange(len(x), dtype=float) for x in WORDS]
    model = SequenceRegressor(**PARAMS).fit(WORDS, numbers)
    display = UnrolledNetworkDisplay.from_estimator(model, WORDS)
    assert display.outputs == [f"{value:.3g}" for value in model.predict(WORDS)[0]]


def test_unaligned_has_an_encoder_and_a_decoder_that_reads_its_outputs():
    model = Seq2SeqTransformer(
        tokenizer="char", target_tokenizer="char", max_length=3, **PARAMS
    ).fit(["abc", "b"] * 4, ["cba", "b"] * 4)
    display = UnrolledNetworkDisplay.from_estimator(model, ["abc"])
    assert display.shape == "many to many, unaligned"
    assert display.inputs == ["a", "b", "c"]
    assert "".join(display.outputs[:-1]) == model.predict(["abc"])[0]
    assert display.outputs[-1] == "<end>"
    assert display.decoder_inputs == ["<start>", *display.outputs[:-1]]
    assert "attention to all states, for each output" in texts(display)


@pytest.mark.parametrize("decoder", ["recurrent", "direct"])
def test_a_forecast_has_a_number_a_step_ahead(decoder):
    X = np.sin(np.arange(60.0)).reshape(30, 2)
    model = SequenceForecaster(horizon=3, window=4, decoder=decoder, **PARAMS).fit(X)
    display = UnrolledNetworkDisplay.from_estimator(model, X, index=1)
    expected = [f"{value:.3g}" for value in np.asarray(model.predict(X))[:, 1]]
    assert ", ".join(display.outputs) == ", ".join(expected)
    assert display.inputs == [f"{value:.3g}" for value in X[-4:, 1]]


def test_one_to_many_continues_the_sequence():
    model = SequenceGenerator(**PARAMS).fit(["abcab", "bca"] * 4)
    display = UnrolledNetworkDisplay.from_estimator(model, ["ab"])
    assert display.shape == "one to many"
    assert display.inputs == ["<start>", "a", "b"]
    continuation = model.generate(["ab"], max_length=4, temperature=0)[0]
    assert "".join(display.outputs) == (continuation or "<end>")


def test_one_to_many_reads_all_steps_of_notes():
    notes = [np.eye(3)[[0, 1, 2, 0]]] * 6
    model = SequenceGenerator(**PARAMS).fit(notes)
    display = UnrolledNetworkDisplay.from_estimator(model, [notes[0][:2]])
    assert display.inputs == ["<start>", "1", "2"]
    assert len(display.outputs) == 4


def test_the_middle_of_a_long_sequence_is_left_out():
    X = [[f"w{i}" for i in range(100)]] * 8
    model = SequenceClassifier(bidirectional=False, **PARAMS).fit(X, [0, 1] * 4)
    display = UnrolledNetworkDisplay.from_estimator(model, X, max_steps=5)
    assert count_states(display) == 5
    assert texts(display).count("…") == 3  # inputs, their vectors, states
    shown = {text for text in texts(display) if text in X[0]}
    assert shown == {"w0", "w1", "w2", "w98", "w99"}
    with pytest.raises(ValueError, match="max_steps must be at least 3, got 2"):
        display.plot(max_steps=2)


def test_the_shapes_of_the_weights_are_those_of_the_network_and_stand_in_the_drawing():
    model = SequenceClassifier(cell="gru", num_layers=2, **PARAMS).fit(
        [[[0.0, 1.0]]] * 8, [0, 1] * 4
    )
    weights = shared_weights(model)
    rows = weights[["layer", "direction", "symbol", "shape"]].values.tolist()
    assert rows[:2] == [[1, "forward", "W", (9, 2)], [1, "forward", "U", (9, 3)]]
    assert [1, "backward", "U", (9, 3)] in rows
    assert [2, "forward", "W", (9, 6)] in rows
    assert rows[-1] == [0, "", "V", (2, 6)]
    biases = sum(p.numel() for p in model.net_.module_.parameters() if p.ndim == 1)
    assert weights["n_parameters"].sum() + biases == model.n_parameters_
    display = UnrolledNetworkDisplay.from_estimator(model, [[[0.0, 1.0]]])
    written = "\n".join(texts(display))
    assert "W: 9 × 2" in written
    assert "V: 2 × 6" in written


CITY = pd.Categorical(["x", "y", "x"] * 4)
FIELDS = pd.DataFrame({"word": WORDS, "age": np.arange(12.0), "city": CITY})
NAMES = pd.DataFrame({"name": ["abcab", "bca", "c"] * 4, "city": CITY})
FILMS = [np.full((n, 6, 5), float(n)) for n in (4, 1, 2)] * 4
SERIES = pd.DataFrame(
    {
        "sales": [np.r_[np.sin(np.arange(20.0) + i), [np.nan] * 2] for i in range(12)],
        "promo": [np.arange(22.0) % 2 for _ in range(12)],
        "city": CITY,
    }
)
FORECAST = {"target": "sales", "known_future": ["promo"], "horizon": 2, "window": 4}
LABELS = [0, 1, 0] * 4
ALL_PARTS = {
    "text": (SequenceClassifier(pooling="attention", **PARAMS), WORDS, LABELS),
    "columns": (SequenceClassifier(char_encoder="ngrams", **PARAMS), FIELDS, LABELS),
    "tags": (SequenceTagger(num_layers=2, **PARAMS), FIELDS, WORDS),
    "film": (SequenceRegressor(step_encoder="cnn", **PARAMS), FILMS, np.arange(12.0)),
    "film and columns": (
        SequenceTagger(step_encoder="cnn", **PARAMS),
        FIELDS.assign(film=[np.ones((len(x), 6, 5)) for x in WORDS]),
        WORDS,
    ),
    "patches": (
        SequenceClassifier(patch_size=3, **PARAMS),
        [np.ones((n, 2)) for n in (8, 3, 1)] * 4,
        LABELS,
    ),
    "translation": (Seq2SeqTransformer(**PARAMS), FIELDS, WORDS),
    "tied translation": (Seq2SeqTransformer(tie_weights=True, **PARAMS), WORDS, WORDS),
    "frozen": (
        SequenceClassifier(
            embeddings={word: np.eye(3)[i] for i, word in enumerate("abc")},
            embedding_dim=3,
            freeze_embeddings=True,
            **PARAMS,
        ),
        WORDS,
        LABELS,
    ),
    "names": (SequenceGenerator(**PARAMS), NAMES, None),
    "tied names": (SequenceGenerator(tie_weights=True, **PARAMS), NAMES, None),
    "forecast": (SequenceForecaster(**FORECAST, **PARAMS), SERIES, None),
    "direct": (SequenceForecaster(decoder="direct", **FORECAST, **PARAMS), SERIES, None),
}


@pytest.fixture(scope="module", params=ALL_PARTS)
def case(request):
    """Return the name of a case, its fitted estimator, and X."""
    model, X, y = ALL_PARTS[request.param]
    return request.param, model.fit(X, y), X


def test_each_matrix_counts_once_and_all_are_there(case):
    name, model, _ = case
    weights = shared_weights(model)
    vectors = sum(
        p.numel()
        for p in model.net_.module_.parameters()
        if p.ndim < 2 and p.requires_grad
    )
    assert weights["n_parameters"].sum() + vectors == model.n_parameters_
    parts = weights["part"].tolist()
    assert ("image encoder" in parts) == name.startswith("film")
    assert ("static columns" in parts) == (model._inputs.static is not None)
    tied = weights[weights["part"] == "output"]["n_parameters"].eq(0).all()
    assert tied == name.startswith("tied")
    frozen = weights[weights["part"] == "embedding"]["n_parameters"].eq(0)
    assert frozen.any() == (name == "frozen")


def test_everything_that_the_network_reads_is_drawn(case):
    name, model, X = case
    display = UnrolledNetworkDisplay.from_estimator(model, X)
    written = "\n".join(texts(display))
    weights = display.weights
    for part in ("embedding", "character encoder", "image encoder", "target embedding"):
        of_part = weights[weights["part"] == part]
        assert (part in written) == (len(of_part) > 0), part
        for shape in of_part["shape"]:
            assert " × ".join(map(str, shape)) in written
    has_static = "static columns" in set(weights["part"])
    assert display.static.endswith("city=x") == has_static
    if has_static:
        assert display.static in written
    n_vectors = sum(text.startswith("$x_") for text in texts(display))
    assert (n_vectors > 0) == (name != "patches")
    assert ("J: " in written) == (name in ("columns", "direct"))
    assert ("known ahead" in written) == (name in ("forecast", "direct"))


def test_static_columns_join_each_step_or_the_pooled_vector():
    tagger, X, y = ALL_PARTS["tags"]
    display = UnrolledNetworkDisplay.from_estimator(tagger.fit(X, y), X)
    assert display.static == "age=0, city=x"
    assert display.static_in_steps
    assert len(display.ax_.lines) == 4  # one way from the columns to each step
    classifier, X, y = ALL_PARTS["columns"]
    display = UnrolledNetworkDisplay.from_estimator(classifier.fit(X, y), X, index=1)
    assert display.static == "age=1, city=y"
    assert not display.static_in_steps
    assert len(display.ax_.lines) == 0
    assert "hidden layer" in texts(display)
    many = FIELDS.assign(c="u", d=1, e=2).astype({"c": "category"})
    display = UnrolledNetworkDisplay.from_estimator(classifier.fit(many, y), many)
    assert display.static == "age=0, city=x, c=u and 2 more"


def test_patches_are_labelled_by_the_steps_that_they_hold():
    model, X, y = ALL_PARTS["patches"]
    display = UnrolledNetworkDisplay.from_estimator(model.fit(X, y), X)
    assert display.inputs == ["1–3", "4–6", "7–8"]
    assert "inputs, in patches\nof 3 steps" in texts(display)
    display = UnrolledNetworkDisplay.from_estimator(model, X, index=2)
    assert display.inputs == ["1"]


def test_frames_are_drawn_as_images_where_an_encoder_reads_them():
    model, X, y = ALL_PARTS["film"]
    films = [x + np.arange(len(x))[:, None, None] for x in X]
    display = UnrolledNetworkDisplay.from_estimator(model.fit(films, y), films)
    assert len(display.ax_.images) == 4
    shades = [image.get_array().mean() for image in display.ax_.images]
    assert shades == sorted(shades)
    assert len(set(shades)) == 4
    flat = SequenceRegressor(**PARAMS).fit(films, y)
    assert not UnrolledNetworkDisplay.from_estimator(flat, films).ax_.images


def test_a_tied_output_layer_has_the_shape_of_the_embedding():
    model = SequenceGenerator(tie_weights=True, **PARAMS).fit(["abcab", "bca"] * 4)
    embedding = tuple(model.net_.module_.embedding.weight.shape)
    assert shared_weights(model)["shape"].tolist()[-1] == embedding


def test_what_has_no_unrolled_network_is_an_error():
    with pytest.raises(NotFittedError, match="SequenceTagger"):
        UnrolledNetworkDisplay.from_estimator(SequenceTagger(), WORDS)
    flat = FeedForwardTagger(max_epochs=1).fit(WORDS, WORDS)
    with pytest.raises(ValueError, match="FeedForwardTagger has no recurrent layer"):
        UnrolledNetworkDisplay.from_estimator(flat, WORDS)
    model = SequenceTagger(**PARAMS).fit(WORDS, WORDS)
    with pytest.raises(IndexError, match="index=99 is out of range: X has 12 sequences"):
        UnrolledNetworkDisplay.from_estimator(model, WORDS, index=99)
    with pytest.raises(ValueError, match=r"X\[0\] has no steps"):
        UnrolledNetworkDisplay.from_estimator(model, [[], ["a"]])
