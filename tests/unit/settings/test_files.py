"""Whatever a path leads to, reading it ends, in bounded memory, with the text or with what is wrong and what to do."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from reencrypt.errors import ConfigurationError
from reencrypt.settings.files import LONGEST_BYTES, read_text, shown_path
from reencrypt.settings.locate import working_folder


def refused(path: Path) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        read_text(path, "the file", "Look for it.", silence_seconds=0.05)
    assert caught.value.message.startswith(f"the file {shown_path(path)} ")
    assert caught.value.hint.endswith(".")
    return caught.value


def test_a_pipe_that_nobody_writes_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "nothing came in 0.05 seconds" in refused(tmp_path / "pipe").message


def test_a_pipe_that_is_opened_and_stays_silent_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writing = os.open(tmp_path / "pipe", os.O_RDWR)
    try:
        os.write(writing, b"half a value")
        assert "nothing came" in refused(tmp_path / "pipe").message
    finally:
        os.close(writing)


def test_a_pipe_that_somebody_writes_is_read_to_its_end(tmp_path: Path) -> None:
    # As the shell's `<(command)`: the writer comes later, and writes in several parts.
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_text("first\r\n" + "x" * 200_000))
    writer.start()
    assert read_text(path, "the file", "") == "first\r\n" + "x" * 200_000
    writer.join()


def test_an_empty_file_and_the_null_device_are_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert read_text(tmp_path / "empty", "the file", "") == read_text(Path("/dev/null"), "the file", "") == ""


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
def test_a_device_without_end_does_not_fill_memory(device: str) -> None:
    assert "is longer than 4 MiB" in refused(Path(device)).message


def test_the_longest_file_is_read_and_a_longer_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"x" * LONGEST_BYTES)
    assert len(read_text(path, "the file", "")) == LONGEST_BYTES
    path.write_bytes(b"x" * (LONGEST_BYTES + 1))
    assert "is longer than" in refused(path).message


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/nowhere", "does not exist"),
        ("/", "is a folder"),
        ("/etc/passwd/x", "Not a directory"),
        ("/a\0b", "no path can have"),
        ("/" + "a" * 5000, "name too long"),
        ("/caf\udce9", "does not exist"),
        ("/two\nlines", "does not exist"),
        ("/proc/self/mem", "cannot be read"),
    ],
)
def test_every_other_path_is_named_with_its_problem(path: str, words: str) -> None:
    error = refused(Path(path))
    assert words in error.message
    assert error.message.isprintable()
    assert len(error.message) < 300


def test_a_socket_is_no_file(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert "cannot be read" in refused(tmp_path / "socket").message


@pytest.mark.parametrize(
    ("content", "words"),
    [("x".encode("utf-16"), "is UTF-16"), (b"caf\xe9", "is not UTF-8"), (b"\xed\xa0\x80", "UTF-8")],
)
def test_text_in_another_encoding_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "file").write_bytes(content)
    assert words in refused(tmp_path / "file").message


def test_a_working_folder_that_was_removed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigurationError, match="working folder"):
        working_folder()
