"""Reading files: columns, texts, lines, tunes and chords."""

from __future__ import annotations

import pytest

from skrnn.datasets import read_abc, read_conll, read_lines, read_pitches, read_text

SENTENCES = [["Ada", "smiles"], ["Hi"]]
TAGS = [["B-PER", "O"], ["O"]]


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file and returns its path."""

    def write(text):
        path = tmp_path / "some.conll"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        "Ada B-PER\nsmiles O\n\nHi O\n",
        "Ada B-PER\nsmiles O\n\nHi O",
        "\n\nAda B-PER\nsmiles O\n\n \n\t\nHi O\n\n",
        "Ada\tB-PER\nsmiles \t O \n\nHi O\n",
        "Ada B-PER\r\nsmiles O\r\n\r\nHi O\r\n",
        "Ada B-PER\rsmiles O\r\rHi O\r",
        "\ufeffAda B-PER\nsmiles O\n\nHi O\n",
        "-DOCSTART- -X- O O\n\nAda NNP B-PER\nsmiles VBZ O\n\n-DOCSTART- O\n\nHi UH O\n",
    ],
    ids=["plain", "no end", "blanks", "tabs", "Windows", "old Mac", "BOM", "documents"],
)
def test_a_blank_line_parts_sentences(text, write):
    assert read_conll(write(text)) == (SENTENCES, TAGS)


def test_a_path_may_be_a_string(write):
    assert read_conll(str(write("Hi O\n"))) == ([["Hi"]], [["O"]])


@pytest.mark.parametrize(
    ("token_column", "tag_column"), [(1, 3), (1, -1), (-3, 3), (-3, -1)]
)
def test_columns_are_chosen_from_either_end(token_column, tag_column, write):
    path = write("1 Ada NNP B-PER\n2 smiles VBZ O\n\n1 Hi UH O\n")
    read = read_conll(path, token_column=token_column, tag_column=tag_column)
    assert read == (SENTENCES, TAGS)
    tags = read_conll(path, token_column=1, tag_column=2)[1]
    assert tags == [["NNP", "VBZ"], ["UH"]]


def test_a_delimiter_keeps_spaces_and_empty_columns(write):
    path = write("New York\t\tB-LOC\nis\tx\tO\n")
    read = read_conll(path, delimiter="\t")
    assert read == ([["New York", "is"]], [["B-LOC", "O"]])
    assert read_conll(path, delimiter="\t", tag_column=1)[1] == [["", "x"]]


def test_comments_are_left_out_and_part_no_sentence(write):
    path = write("# text = Ada smiles\nAda B-PER\n# half\nsmiles O\n\n# next\nHi O\n")
    assert read_conll(path, comment="#") == (SENTENCES, TAGS)


def test_without_a_comment_mark_a_hash_is_a_token(write):
    assert read_conll(write("# O\n1 O\n")) == ([["#", "1"]], [["O", "O"]])


def test_letters_of_all_scripts_are_read(write):
    X, y = read_conll(write("Zoë B-PER\n日本 B-LOC\n🌳\u00a0x O\n"), delimiter=" ")
    assert X == [["Zoë", "日本", "🌳\u00a0x"]]
    assert y == [["B-PER", "B-LOC", "O"]]


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_only_line_ends_end_a_line(character, write):
    path = write(f"a{character}b\tB-x\nc\tO\n")
    assert read_conll(path, delimiter="\t")[0] == [[f"a{character}b", "c"]]


@pytest.mark.parametrize("text", ["", "\n\n", "-DOCSTART- O\n"])
def test_a_file_without_sentences_has_none(text, write):
    assert read_conll(write(text)) == ([], [])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"tag_column": 2}, "line 4 has 2 columns, too few for token_column=0 and tag"),
        ({"token_column": -3}, "line 4 has 2 columns, too few for token_column=-3"),
    ],
)
def test_a_line_of_too_few_columns_is_named(columns, message, write):
    path = write("Ada NNP B-PER\nsmiles VBZ O\n\nHi O\n")
    with pytest.raises(ValueError, match=rf"some.conll, {message}.*'Hi O'"):
        read_conll(path, **columns)


def test_a_column_that_is_no_number_is_an_error(write):
    with pytest.raises(TypeError, match="tag_column must be an instance of int"):
        read_conll(write("Hi O\n"), tag_column="last")


def test_bytes_that_are_no_utf_8_are_named(write):
    path = write("Zoë B-PER\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"some.conll is no UTF-8: byte 2 is 0xeb"):
        read_conll(path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.conll"):
        read_conll(tmp_path / "none.conll")


def test_line_ends_of_all_kinds_are_newlines(write):
    assert read_text(write("a\r\nb\rc\nd")) == "a\nb\nc\nd"
    assert read_lines(write("\ufeffa\r\n\r\n b\rc ")) == ["a", " b", "c "]


@pytest.mark.parametrize("read", [read_text, read_lines, read_abc, read_pitches])
def test_a_byte_that_is_no_utf_8_is_named(write, read):
    with pytest.raises(ValueError, match="byte 3 is 0xff"):
        read(write(b"abc\xffd"))


def test_tunes_begin_with_their_number_and_end_at_a_blank_line(write):
    text = "% notes\n\nX:1\nK:C\nCDE|\n\nbetween tunes\nX: 2\nGAB|  \nX:3\nC|\n"
    assert read_abc(write(text)) == ["X:1\nK:C\nCDE|", "X: 2\nGAB|", "X:3\nC|"]
    with pytest.raises(ValueError, match="has no tune"):
        read_abc(write("C D E"))


def test_chords_are_lists_of_pitches(write):
    assert read_pitches(write("[[60, 64], []]\n\n[[0]]")) == [[[60, 64], []], [[0]]]


@pytest.mark.parametrize(
    "line", ["{}", "[60]", "[[128]]", "[[-1]]", "[[60.0]]", "[[true]]", '[["C"]]']
)
def test_a_line_without_chords_is_named(write, line):
    with pytest.raises(ValueError, match="line 2 is no list of lists of pitches"):
        read_pitches(write(f"[[60]]\n{line}"))


def test_a_line_that_is_no_json_is_named(write):
    with pytest.raises(ValueError, match="line 1 is no JSON"):
        read_pitches(write("[[60]"))
