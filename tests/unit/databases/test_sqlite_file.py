"""A path that is no database, whatever else it is, gets a clear answer at once."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from reencrypt.databases.sqlite.errors import check_file
from reencrypt.errors import ConfigurationError


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def _socket(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
    return path


def _loop(path: Path) -> Path:
    path.symlink_to(path)
    return path


def _dangling(path: Path) -> Path:
    path.symlink_to(path.with_name("nowhere"))
    return path


def _text(path: Path) -> Path:
    path.write_text("not a database, but long enough for a header")
    return path


_PATHS = {
    "folder": (_folder, "is not a plain file"),
    "pipe": (_pipe, "is not a plain file"),
    "socket": (_socket, "is not a plain file"),
    "endless": (lambda _: Path("/dev/zero"), "is not a plain file"),
    "loop": (_loop, "cannot be read: Too many levels of symbolic links"),
    "dangling": (_dangling, "does not exist"),
    "long": (lambda path: path.with_name("x" * 300), "cannot be read: File name too long"),
    "below a file": (lambda path: _text(path) / "grafana.db", "cannot be read: Not a directory"),
    "text": (_text, "is not an SQLite database"),
}


@pytest.mark.parametrize("what", _PATHS)
@pytest.mark.parametrize("write", [False, True])
def test_what_is_no_database_is_named(what: str, write: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter
    make, words = _PATHS[what]
    path = make(tmp_path / "d.db")
    with pytest.raises(ConfigurationError) as refused:
        check_file(path, write=write)
    assert words in refused.value.message
    assert str(path) in refused.value.message
    assert refused.value.hint
