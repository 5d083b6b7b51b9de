"""Files are written as a whole, or not at all."""

import os

import pytest

from skrnn import _files as files
from skrnn._files import replace_files


@pytest.fixture
def path(tmp_path):
    (tmp_path / "model").write_bytes(b"old")
    return tmp_path / "model"


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_a_replaced_file_keeps_its_permissions(path, mode):
    path.chmod(mode)
    replace_files({path: b"new"})
    assert path.stat().st_mode & 0o777 == mode
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="links may need rights elsewhere")
def test_a_link_stays_and_its_file_is_replaced(path, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    link, absent = folder / "link", folder / "absent"
    link.symlink_to(path)
    absent.symlink_to(tmp_path / "new")
    replace_files({link: b"new", absent: b"new"})
    assert link.is_symlink()
    assert path.read_bytes() == (tmp_path / "new").read_bytes() == b"new"
    assert sorted(os.listdir(folder)) == ["absent", "link"]


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_file_that_was_there(path, monkeypatch, fails):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(files.os, fails, fail)
    with pytest.raises(OSError, match="disk full"):
        replace_files({path: b"new"})
    assert path.read_bytes() == b"old"
    assert [p.name for p in path.parent.iterdir()] == ["model"]


def test_no_file_is_replaced_before_all_are_complete(path, tmp_path):
    absent = tmp_path / "none" / "other"
    with pytest.raises(FileNotFoundError):
        replace_files({path: b"new", absent: b"new"})
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_the_file_may_be_read_by_those_whom_the_user_lets(tmp_path):
    replace_files({tmp_path / "model": b"x"})
    (tmp_path / "plain").write_bytes(b"x")
    modes = [(tmp_path / name).stat().st_mode for name in ("model", "plain")]
    assert modes[0] == modes[1]
