"""Files hold what was written, and are refused once damaged."""

import json
import struct

import numpy as np
import pytest

from skrnn.training.files import ModelFileError, read_file, write_file

ARRAYS = {
    "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
    "transposed": np.arange(6, dtype=np.float64).reshape(2, 3).T,
    "every other": np.arange(10)[::2],
    "big endian": np.arange(3, dtype=">i4"),
    "number": np.float32(3.5),
    "none": np.empty((0, 4), np.uint8),
    "flags": np.array([True, False]),
}


@pytest.fixture
def path(tmp_path):
    write_file(tmp_path / "model", '{"a": 1}', ARRAYS)
    return tmp_path / "model"


def entry_of(content):
    (size,) = struct.unpack("<Q", content[:8])
    return size, json.loads(content[8 : 8 + size])


def with_header(content, header):
    """Return a file's content with another header."""
    size, _ = entry_of(content)
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + size :]


def test_the_text_and_the_arrays_come_back(path):
    text, arrays = read_file(path)
    assert text == '{"a": 1}'
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == np.asarray(array).dtype.newbyteorder("=")


def test_the_same_content_is_the_same_bytes(path, tmp_path):
    write_file(tmp_path / "again", '{"a": 1}', dict(reversed(ARRAYS.items())))
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_the_only_metadata_are_the_format_and_a_checksum(path):
    _, header = entry_of(path.read_bytes())
    assert list(header["__metadata__"]) == ["skrnn"]
    assert json.loads(header["__metadata__"]["skrnn"]).keys() == {"format", "sha256"}


def test_every_changed_byte_is_refused_or_changes_nothing(path, tmp_path):
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    before = read_file(path)
    mutant = tmp_path / "mutant"
    n_refused = 0
    for _ in range(2000):
        changed = bytearray(content)
        for place in rng.integers(len(content), size=rng.integers(1, 4)):
            changed[place] ^= int(rng.integers(1, 256))
        mutant.write_bytes(changed)
        try:
            text, arrays = read_file(mutant)
        except ModelFileError:
            n_refused += 1
        else:
            assert text == before[0]
            assert all(np.array_equal(a, arrays[n]) for n, a in before[1].items())
    assert n_refused > 1900


@pytest.mark.parametrize("n_bytes", [0, 1, 7, 8, 9, 100, -1])
def test_a_file_that_was_cut_is_refused(path, n_bytes):
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(ModelFileError, match=r"cut short|not a model file|damaged"):
        read_file(path)


def test_a_file_with_something_after_its_end_is_refused(path):
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(ModelFileError, match="damaged"):
        read_file(path)


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 100_000,
        b"{}",
        b"null",
        b'{"__metadata__": {"skrnn": "[]"}}',
        b'{"__metadata__": {"skrnn": "{\\"format\\": 1}"}}',
        b'{"__metadata__": {"skrnn": "{\\"format\\": 1, \\"sha256\\": \\"0\\"}"}, "text": '
        b'{"dtype": "U8", "shape": [9999999999999], "data_offsets": [0, 9999999999999]}}',
    ],
)
def test_hostile_headers_are_refused(path, header):
    path.write_bytes(with_header(path.read_bytes(), header))
    with pytest.raises(ModelFileError):
        read_file(path)


def test_a_header_longer_than_the_file_is_refused_without_reading_it(path):
    path.write_bytes(struct.pack("<Q", 1 << 60) + path.read_bytes()[8:])
    with pytest.raises(ModelFileError, match="cut short"):
        read_file(path)


def test_a_later_format_is_refused_by_its_number(path):
    content = path.read_bytes()
    _, header = entry_of(content)
    entry = json.loads(header["__metadata__"]["skrnn"]) | {"format": 2}
    header["__metadata__"]["skrnn"] = json.dumps(entry)
    path.write_bytes(with_header(content, header))
    with pytest.raises(ModelFileError, match=r"has format 2, .* reads format 1"):
        read_file(path)


def test_other_metadata_are_refused(path):
    content = path.read_bytes()
    _, header = entry_of(content)
    header["__metadata__"]["more"] = "x"
    path.write_bytes(with_header(content, header))
    with pytest.raises(ModelFileError, match="other metadata"):
        read_file(path)


def test_a_text_that_is_not_ascii_is_not_written(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        write_file(tmp_path / "model", "ü", {})
    assert not list(tmp_path.iterdir())
