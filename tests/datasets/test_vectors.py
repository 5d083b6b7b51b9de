"""Text files of vectors are read whole or in part, and bad lines are named."""

import gzip

import numpy as np
import pytest

from skrnn.datasets import read_vectors

GLOVE = "the 0.5 -0.25\nRome 1e-3 2\n. 0 1\n"
EXPECTED = {"the": [0.5, -0.25], "Rome": [1e-3, 2.0], ".": [0.0, 1.0]}


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file and returns its path."""

    def write(text, name="vectors.txt"):
        path = tmp_path / name
        content = text if isinstance(text, bytes) else text.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


def as_dict(frame):
    rows = frame.to_numpy().tolist()
    return dict(zip(frame.index, rows, strict=True))


def close_to(expected):
    return {token: pytest.approx(vector) for token, vector in expected.items()}


@pytest.mark.parametrize("name", ["vectors.txt", "vectors.vec", "vectors.txt.gz"])
@pytest.mark.parametrize(
    "text",
    [
        GLOVE,
        GLOVE.rstrip("\n"),
        "3 2\n" + GLOVE,
        "3 2\n" + GLOVE.replace("\n", " \n"),
        GLOVE.replace("\n", "\r\n"),
        "\ufeff" + GLOVE,
        "\ufeff3 2\n" + GLOVE,
        GLOVE + "\n\n",
    ],
    ids=["GloVe", "no end", "header", "word2vec", "Windows", "BOM", "both", "blank"],
)
def test_every_usual_form_gives_the_same_vectors(write, text, name):
    frame = read_vectors(write(text, name))
    assert as_dict(frame) == close_to(EXPECTED)
    assert frame.index.name == "token"
    assert set(frame.dtypes) == {np.dtype(np.float32)}


def test_a_path_may_be_a_string(write):
    assert list(read_vectors(str(write(GLOVE))).index) == list(EXPECTED)


def test_only_wanted_tokens_are_kept_in_the_case_of_the_file(write):
    path = write("rome 1 1\nRome 2 2\nROME 3 3\nParis 4 4\nStraße 5 5\n")
    frame = read_vectors(path, tokens={"Rome", "oslo", "STRASSE"})
    assert list(frame.index) == ["rome", "Rome", "ROME", "Straße"]
    assert list(read_vectors(path, tokens=iter(["paris"])).index) == ["Paris"]


def test_no_wanted_token_gives_a_frame_without_rows(write):
    for tokens in ([], ["zebra"]):
        frame = read_vectors(write(GLOVE), tokens=tokens)
        assert frame.shape == (0, 2)


def test_a_vector_that_is_not_wanted_is_not_parsed(write):
    path = write("the 0.5 0.5\nRome x y\n")
    assert list(read_vectors(path, tokens=["the"]).index) == ["the"]


def test_of_a_token_that_comes_twice_the_first_vector_is_kept(write):
    assert as_dict(read_vectors(write("2 1\na 1\na 2\n"))) == {"a": [1.0]}


def test_tokens_may_contain_spaces_and_strange_characters(write):
    path = write("a 1 2\n. . . 3 4\nx\u00a0y\x85 5 6\n\u2028 7 8\n12 9 10\n")
    assert as_dict(read_vectors(path)) == {
        "a": [1.0, 2.0],
        ". . .": [3.0, 4.0],
        "x\u00a0y\x85": [5.0, 6.0],
        "\u2028": [7.0, 8.0],
        "12": [9.0, 10.0],
    }


def test_numbers_are_tokens_and_no_header_in_a_file_of_longer_vectors(write):
    assert as_dict(read_vectors(write("5 1 2\n6 3 4\n"))) == {"5": [1, 2], "6": [3, 4]}


def test_the_dtype_is_as_asked(write):
    assert set(read_vectors(write(GLOVE), dtype="float64").dtypes) == {np.dtype("f8")}
    with pytest.raises(TypeError, match="dtype must be a floating-point type, got int32"):
        read_vectors(write(GLOVE), dtype=np.int32)


def test_the_vectors_can_be_changed(write):
    frame = read_vectors(write(GLOVE))
    frame.loc["Rome"] = 0.0
    assert frame.loc["Rome"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("head", ["", "2 2\n"])
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("b 1", r"has 2 columns, expected a token and 2 numbers: 'b 1'"),
        ("b", r"has 1 columns, expected a token and 2 numbers: 'b'"),
        ("b\t1\t2", r"has 1 columns, expected a token and 2 numbers"),
        ("b 1 x", r"\('b'\) has a value that is not a number: .*x"),
        ("b 1  2", r"\('b 1'\) has a value that is not a number"),
        ("b 1 nan", r"\('b'\) has a value that is not finite in float32"),
        ("b 1e300 1", r"\('b'\) has a value that is not finite in float32"),
    ],
)
def test_a_bad_line_is_named(write, line, message, head):
    number = 2 + bool(head)
    with pytest.raises(ValueError, match=rf"vectors.txt, line {number} {message}"):
        read_vectors(write(f"{head}a 1 2\n{line}\n"))


def test_bytes_that_are_not_utf_8_are_named(write):
    with pytest.raises(ValueError, match=r"line 2 is not UTF-8: '\\\\xffb'"):
        read_vectors(write(b"a 1 2\n\xffb 1 2\n"))


def test_a_first_line_without_numbers_is_named(write):
    with pytest.raises(
        ValueError, match="line 1 has 1 columns, expected a token and its"
    ):
        read_vectors(write("token\n"))


@pytest.mark.parametrize("count", [2, 4])
def test_an_incomplete_file_is_refused(write, count):
    with pytest.raises(ValueError, match=rf"has 3 vectors, but its header says {count}"):
        read_vectors(write(f"{count} 2\n{GLOVE}"), tokens=["the"])


@pytest.mark.parametrize("text", ["", "\n\n", "0 3\n"])
def test_a_file_without_vectors_is_refused(write, text):
    with pytest.raises(ValueError, match=r"vectors.txt has no vectors"):
        read_vectors(write(text))


@pytest.mark.parametrize(
    ("name", "advice"),
    [("glove.zip", "unpack the archive first"), ("news.bin", "load_word2vec_format")],
)
def test_files_that_are_not_text_are_refused_with_advice(write, name, advice):
    with pytest.raises(ValueError, match=advice):
        read_vectors(write(b"PK\x03\x04\xff\n", name))


def test_a_string_as_tokens_is_refused(write):
    with pytest.raises(TypeError, match="tokens must be an iterable of tokens, got the"):
        read_vectors(write(GLOVE), tokens="the")


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.txt"):
        read_vectors(tmp_path / "none.txt")
