"""Writing files as a whole: a failure leaves those that were there."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def replace_files(contents: Mapping[Any, bytes]) -> None:
    """Write files under other names, and rename them once all are complete.

    A new file has the permissions of the one that it replaces, and stands where a link
    pointed to.

    Parameters
    ----------
    contents : mapping of path to bytes
        Files are renamed in this order.
    """
    beside: dict[Path, Path] = {}
    try:
        for given, content in contents.items():
            path = Path(os.path.realpath(given))
            beside[path] = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            try:
                _write(beside[path], content, _mode_of(path))
            except OSError as error:
                if error.filename is not None:
                    error.filename = os.fspath(given)  # and not the other name
                raise
        for path, complete in beside.items():
            os.replace(complete, path)
    except BaseException:
        for incomplete in beside.values():
            with suppress(OSError):
                incomplete.unlink()
        raise


def _mode_of(path: Path) -> int | None:
    """Return the permissions of a file, None if there is none."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None


def _write(path: Path, content: bytes, mode: int | None) -> None:
    """Write a new file to the disk."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666 if mode is None else mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if mode is not None:
        with suppress(OSError):  # file systems without permissions
            os.chmod(path, mode)
