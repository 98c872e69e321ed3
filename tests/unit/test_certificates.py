"""A path to certificates that leads to a pipe or a device is refused at once: OpenSSL would wait for it for ever."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from reencrypt.databases.server.tls import Certificates
from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.session import _tls
from reencrypt.settings.files import special_file


@pytest.fixture
def pipe(tmp_path: Path) -> str:
    os.mkfifo(tmp_path / "pipe.pem")
    return str(tmp_path / "pipe.pem")


def test_only_pipes_and_devices_are_special(tmp_path: Path, pipe: str) -> None:
    assert special_file(pipe) == "is a pipe, not a file"
    assert special_file("/dev/zero") == "is a device, not a file"
    for path in (str(tmp_path), __file__, "/nowhere", "a\0b"):
        assert special_file(path) == ""


@pytest.mark.parametrize("what", ["ca", "client", "client_key"])
@pytest.mark.parametrize("device", ["", "/dev/zero"])
def test_a_database_does_not_wait_for_its_certificates(what: str, device: str, pipe: str) -> None:
    files = {"ca": "", "client": __file__ if what == "client_key" else "", "client_key": ""} | {what: device or pipe}
    with pytest.raises(ConfigurationError, match=r"_path names .*, which is a (pipe|device), not a file"):
        Certificates(**files).load(ssl.create_default_context())


@pytest.mark.parametrize("device", ["", "/dev/zero"])
def test_a_vault_does_not_wait_for_its_certificates(device: str, pipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", device or pipe)
    with pytest.raises(ConfigurationError, match=r"SSL_CERT_FILE: .* is a (pipe|device), not a file"):
        _tls()
