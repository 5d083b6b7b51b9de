"""Reading files: columns, texts, lines and tunes."""

from __future__ import annotations

import pytest

from skrnn.datasets import (
    read_abc,
    read_conll,
    read_conllu,
    read_lines,
    read_text,
)

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
def test_blank_lines_separate_sentences(text, write):
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


def test_comments_are_ignored_and_separate_no_sentences(write):
    path = write("# text = Ada smiles\nAda B-PER\n# half\nsmiles O\n\n# next\nHi O\n")
    assert read_conll(path, comment="#") == (SENTENCES, TAGS)


def test_without_a_comment_mark_a_hash_is_a_token(write):
    assert read_conll(write("# O\n1 O\n")) == ([["#", "1"]], [["O", "O"]])


@pytest.mark.parametrize("space", ["\u00a0", "\u3000", "\u2009", "\x0c", "\x85"])
def test_other_spaces_stay_in_their_token(space, write):
    path = write(f"10{space}000 \t B-x\n{space}a\tO\n")
    assert read_conll(path) == ([[f"10{space}000", f"{space}a"]], [["B-x", "O"]])


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
        ({"tag_column": 2}, "line 3 has 2 columns, too few for token_column=0 and tag"),
        ({"token_column": -3}, "line 3 has 2 columns, too few for token_column=-3"),
        ({"token_column": 1}, "line 3 has 2 columns, too few for token_column=1 and tag"),
    ],
)
def test_a_file_of_too_few_columns_is_an_error(columns, message, write):
    with pytest.raises(ValueError, match=rf"some.conll, {message}.*'Hi O'"):
        read_conll(write("-DOCSTART- -X- -X- O\n\nHi O\n"), **columns)


def test_a_file_of_one_column_has_no_tags(write):
    with pytest.raises(ValueError, match="line 1 has 1 columns, too few for token_col"):
        read_conll(write("a\nb\n"))
    assert read_conll(write("a\nb\n"), tag_column=0) == ([["a", "b"]], [["a", "b"]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a O\nb\nc O\n", "line 2 has 1 columns, expected 2 .as line 1 has.: 'b'"),
        ("a N x O\n\nb N O\n", "line 3 has 3 columns, expected 4 .as line 1 has.: 'b N"),
        ("\na O\nb N O\n", "line 3 has 3 columns, expected 2 .as line 2 has.: 'b N O'"),
    ],
)
def test_a_line_with_another_number_of_columns_is_named(text, message, write):
    with pytest.raises(ValueError, match=rf"some.conll, {message}"):
        read_conll(write(text))


def test_a_column_must_be_a_number(write):
    with pytest.raises(TypeError, match="tag_column must be an instance of int"):
        read_conll(write("Hi O\n"), tag_column="last")


def test_bytes_that_are_not_utf_8_are_named(write):
    path = write("Zoë B-PER\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"some.conll is not UTF-8: byte 2 is 0xeb"):
        read_conll(path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.conll"):
        read_conll(tmp_path / "none.conll")


def test_line_ends_of_all_kinds_are_newlines(write):
    assert read_text(write("a\r\nb\rc\nd")) == "a\nb\nc\nd"
    assert read_lines(write("\ufeffa\r\n\r\n b\rc ")) == ["a", " b", "c "]


# --- CoNLL-U -------------------------------------------------------------------------

UNIVERSAL = """\
# newdoc id = some
# text = They don't know.\tReally
1 They they PRON PRP _ 4 nsubj _ _
2-3 don't _ _ _ _ _ _ _ _
2 do do AUX VBP _ 4 aux _ _
3 n't not PART RB _ 4 advmod _ _
# a comment where none belongs
4 know know VERB VB _ 0 root _ _
4.1 it it PRON PRP _ _ _ _ _

# text = #
1 # # SYM _ _ 0 root _ _
"""
UNIVERSAL = "\n".join(
    line if line.startswith("#") else line.replace(" ", "\t")
    for line in UNIVERSAL.split("\n")
)


@pytest.mark.parametrize(
    ("column", "y"),
    [
        ("upos", [["PRON", "AUX", "PART", "VERB"], ["SYM"]]),
        ("xpos", [["PRP", "VBP", "RB", "VB"], ["_"]]),
        ("deprel", [["nsubj", "aux", "advmod", "root"], ["root"]]),
    ],
)
def test_only_words_are_read_not_ranges_empty_nodes_or_comments(column, y, write):
    X = [["They", "do", "n't", "know"], ["#"]]
    assert read_conllu(write(UNIVERSAL), column=column) == (X, y)
    if column == "upos":
        assert read_conllu(write(UNIVERSAL)) == (X, y)


def test_words_of_conllu_may_have_spaces(write):
    path = write("1\tvice versa\t_\tADV\t_\t_\t0\troot\t_\t_\n")
    assert read_conllu(path) == ([["vice versa"]], [["ADV"]])


@pytest.mark.parametrize("text", ["", "\n\n", "# newdoc\n\n# text = a\tb\n"])
def test_a_conllu_file_without_words_has_no_sentences(text, write):
    assert read_conllu(write(text)) == ([], [])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1\tHi\t_\tINTJ", r"line 2 has 4 columns, expected 10 with tabs .*'1.*INTJ'"),
        ("1 Hi _ INTJ _ _ 0 root _ _", "line 2 has 1 columns, expected 10 with tabs"),
        ("Hi" + 9 * "\t_", "line 2 begins with 'Hi', expected the number of a word"),
        ("1-" + 9 * "\t_", "line 2 begins with '1-', expected the number of a word"),
        ("#" + 9 * "\t_", "line 2 begins with '#', expected the number of a word"),
    ],
)
def test_a_line_that_is_not_conllu_is_named(line, message, write):
    path = write(f"1\tHi\t_\tINTJ\t_\t_\t0\troot\t_\t_\n{line}\n")
    with pytest.raises(ValueError, match=rf"some.conll, {message}"):
        read_conllu(path)


def test_an_unknown_column_of_conllu_is_refused(write):
    with pytest.raises(ValueError, match=r"column must be one of \['upos'.* got 'head'"):
        read_conllu(write(UNIVERSAL), column="head")


# --- texts and tunes -----------------------------------------------------------------

READERS = [read_text, read_lines, read_abc, read_conll, read_conllu]


@pytest.mark.parametrize("read", READERS)
def test_a_byte_that_is_not_utf_8_is_named(write, read):
    with pytest.raises(ValueError, match="byte 3 is 0xff"):
        read(write(b"abc\xffd"))
    with pytest.raises(ValueError, match="byte 5 is 0xff"):
        read(write(b"\xef\xbb\xbfab\xff"))


def test_only_the_first_byte_order_mark_is_removed(write):
    assert read_text(write("\ufeffa\ufeff")) == "a\ufeff"


def test_tunes_begin_with_their_number_and_end_at_a_blank_line(write):
    text = "% notes\n\nX:1\nK:C\nCDE|\n\nbetween tunes\nX: 2\nGAB|  \nX:3\nC|\n"
    assert read_abc(write(text)) == ["X:1\nK:C\nCDE|", "X: 2\nGAB|", "X:3\nC|"]
    with pytest.raises(ValueError, match="has no tune"):
        read_abc(write("C D E"))
