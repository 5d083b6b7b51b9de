"""Model files: arrays and one text in the safetensors format.

The text is JSON, and lies among the arrays as bytes. The one entry of the file's metadata
has the version of the format and a checksum of everything else, so that a file that was
cut, or changed by accident, is refused before anything is made of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from skrnn._files import replace_files

#: The version of the format, and the name of its entry in the metadata.
FORMAT, KEY = 1, "skrnn"
#: The array that holds the text.
TEXT = "text"
#: What numpy and safetensors name alike, and a model file may hold.
DTYPES = (
    "bool",
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
)
DTYPES += ("float16", "float32", "float64")


class ModelFileError(ValueError):
    """A file is not a model file of skrnn, is damaged, or cannot be read here.

    Parameters
    ----------
    *args : str
        What is wrong with the file.

    Examples
    --------
    >>> import os, tempfile
    >>> from skrnn.persistence import ModelFileError, load_model
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.skrnn")
    ...     with open(path, "wb") as file:
    ...         size = file.write(b"something else")
    ...     try:
    ...         load_model(path)
    ...     except ModelFileError as error:
    ...         print(str(error).replace(folder, "..."))
    '...model.skrnn' is not a model file of skrnn, or was cut short
    """

    def __init__(self, *args: str):
        super().__init__(*args)


def write_file(
    path: str | os.PathLike[str], text: str, arrays: Mapping[str, Any]
) -> None:
    """Write a file; the one that was there stays until the new one is complete.

    Parameters
    ----------
    path : str or path
    text : str
        JSON.
    arrays : mapping of str to ndarray
        Of a dtype in ``DTYPES``; none is named ``TEXT``.
    """
    # safetensors writes the memory of an array as it lies there
    parts = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    parts = {
        name: part.reshape(np.shape(arrays[name])).astype(part.dtype.newbyteorder("<"))
        for name, part in parts.items()
    }
    parts[TEXT] = np.frombuffer(text.encode("ascii"), np.uint8)
    entry = {"format": FORMAT, "sha256": checksum(parts)}
    replace_files({path: save(parts, {KEY: json.dumps(entry)})})


def read_file(path: str | os.PathLike[str]) -> tuple[str, dict[str, NDArray]]:
    """Return the text and the arrays of a file.

    Raises
    ------
    ModelFileError
        If the file is not such a file, of a later format, or damaged.
    OSError
        If it cannot be opened.
    """
    content = Path(path).read_bytes()
    name = repr(os.fspath(path))
    entry = _read_entry(content, name)
    try:
        arrays = load(content)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{name} is damaged: {str(error)[:200]}") from error
    if TEXT not in arrays or any(str(a.dtype) not in DTYPES for a in arrays.values()):
        raise ModelFileError(f"{name} does not hold what a model file does")
    if entry.get("sha256") != checksum(arrays):
        raise ModelFileError(
            f"{name} is damaged: its checksum is not that of its contents"
        )
    text = arrays.pop(TEXT)
    if text.dtype != np.uint8 or text.ndim != 1 or not (text < 128).all():
        raise ModelFileError(f"{name} does not hold what a model file does")
    return text.tobytes().decode("ascii"), arrays


def _read_entry(content: bytes, name: str) -> dict[str, Any]:
    """Return the entry of the metadata, which stands at the file's beginning."""
    size = int.from_bytes(content[:8], "little")
    not_ours = f"{name} is not a model file of skrnn"
    if len(content) < 8 or size > len(content) - 8:
        raise ModelFileError(f"{not_ours}, or was cut short")
    try:
        metadata = json.loads(content[8 : 8 + size])["__metadata__"]
        entry = json.loads(metadata.pop(KEY))
        version = entry["format"]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelFileError(not_ours) from error
    if version != FORMAT:
        raise ModelFileError(
            f"{name} has format {str(version)[:20]}, and this version of skrnn reads format "
            f"{FORMAT}"
        )
    if metadata:
        raise ModelFileError(f"{name} is damaged: it has other metadata")
    return entry


def checksum(arrays: Mapping[str, NDArray]) -> str:
    """Return the SHA-256 of names, dtypes, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        head = json.dumps([name, str(array.dtype), array.shape])
        digest.update(head.encode("ascii"))
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
