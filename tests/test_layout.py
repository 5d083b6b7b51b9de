"""Every test file is the twin of a source file, or lives in the battery."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "skrnn"

WITHOUT_A_TWIN = {
    "test_layout.py": "this rule",
    "test_imports.py": "what importing the package loads",
    "test_public_api.py": "the public names of the whole package and their documentation",
    "test_kneser_ney.py": "a peer in benchmarks/",
    "metrics/test_scorers.py": "the scorers that skrnn/metrics/__init__.py makes",
}
FILES = sorted(path.relative_to(TESTS) for path in TESTS.rglob("test_*.py"))
FILES = [path for path in FILES if path.parts[0] != "battery"]


def has_a_twin(path):
    """Return whether skrnn has a file or folder of that name, private or public.

    A test file with its own folder's name is the twin of the folder's ``__init__``.
    """
    folder, name = SOURCE / path.parent, path.stem.removeprefix("test_")
    if name == path.parent.name:
        return (folder / "__init__.py").exists()
    candidates = [folder / f"{prefix}{name}" for prefix in ("", "_")]
    return any(c.with_suffix(".py").exists() or c.is_dir() for c in candidates)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_test_file_has_a_source_twin_or_lives_in_the_battery(path):
    assert has_a_twin(path) != (path.as_posix() in WITHOUT_A_TWIN)


def test_every_exception_is_needed():
    assert {name for name in WITHOUT_A_TWIN if not (TESTS / name).exists()} == set()
