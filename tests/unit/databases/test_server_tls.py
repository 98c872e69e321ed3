"""What a failure of TLS says, by real handshakes in memory; and certificates that cannot be read."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from reencrypt.databases.server.tls import Certificates, NamedContext, failure
from reencrypt.errors import ConfigurationError

NAME: Final = "db.example"
RENAME: Final = "Expect another name."


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


def client(tmp_path: Path, ca: trustme.CA | None, *, name: str | None = NAME) -> NamedContext:
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    bundle = tmp_path / "ca.pem"
    if ca is not None:
        ca.cert_pem.write_to_path(str(bundle))
    Certificates(str(bundle) if ca else "", "", "").load(context)
    context.server_name = name
    return context


def server(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def shaken(client: NamedContext, server: ssl.SSLContext) -> ssl.SSLError | None:
    """The error that the client sees, if any."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname="ignored.example")
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(6):
        for side in (here, there):
            try:
                side.do_handshake()
                side.read()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                if side is here:
                    return error
    return None


def said(error: ssl.SSLError | None) -> tuple[str, str]:
    assert error is not None
    translation = failure("the server", error, expected=NAME, rename=RENAME)
    assert isinstance(translation, ConfigurationError)
    return translation.message, translation.hint


def test_a_certificate_that_is_right_is_accepted_under_the_contexts_own_name(tmp_path: Path, ca: trustme.CA) -> None:
    assert shaken(client(tmp_path, ca), server(ca.issue_cert(NAME))) is None


def test_an_unknown_ca_is_called_that(tmp_path: Path, ca: trustme.CA) -> None:
    message, hint = said(shaken(client(tmp_path, trustme.CA()), server(ca.issue_cert(NAME))))
    assert "nobody that is trusted here has signed its certificate" in message
    assert "ca_cert_path" in hint


def test_a_certificate_for_another_name_names_the_one_that_was_expected(tmp_path: Path, ca: trustme.CA) -> None:
    message, hint = said(shaken(client(tmp_path, ca), server(ca.issue_cert("other.example"))))
    assert f"for another name than {NAME}" in message
    assert hint == RENAME


def test_a_certificate_for_another_address_is_the_same(tmp_path: Path, ca: trustme.CA) -> None:
    message, _ = said(shaken(client(tmp_path, ca, name="127.0.0.1"), server(ca.issue_cert(NAME))))
    assert "another name" in message


@pytest.mark.parametrize(("days", "word"), [(-400, "has expired"), (400, "not valid yet")])
def test_a_certificate_out_of_its_time_says_so(days: int, word: str, tmp_path: Path, ca: trustme.CA) -> None:
    middle = datetime.now(UTC) + timedelta(days=days)
    leaf = ca.issue_cert(NAME, not_before=middle - timedelta(days=9), not_after=middle + timedelta(days=9))
    message, _ = said(shaken(client(tmp_path, ca), server(leaf)))
    assert word in message


def test_a_server_with_nothing_but_old_versions_of_tls_is_told_so(tmp_path: Path, ca: trustme.CA) -> None:
    newest, oldest = client(tmp_path, ca), server(ca.issue_cert(NAME))
    newest.minimum_version = ssl.TLSVersion.TLSv1_3
    oldest.maximum_version = ssl.TLSVersion.TLSv1_2
    message, hint = said(shaken(newest, oldest))
    assert "version of TLS" in message
    assert "1.2" in hint


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_wants_a_client_certificate_names_the_keys_for_it(
    version: ssl.TLSVersion, tmp_path: Path, ca: trustme.CA
) -> None:
    demanding = server(ca.issue_cert(NAME))
    demanding.maximum_version = version
    demanding.verify_mode = ssl.CERT_REQUIRED
    ca.configure_trust(demanding)
    message, hint = said(shaken(client(tmp_path, ca), demanding))
    assert "client certificate" in message
    assert "client_cert_path" in hint
    assert "client_key_path" in hint


def loaded(**paths: object) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as refused:
        Certificates(
            **{"ca": "", "client": "", "client_key": "", **{key: str(path) for key, path in paths.items()}}
        ).load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    assert refused.value.hint
    return refused.value


def test_a_ca_that_is_no_certificate_names_its_option_and_file(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a certificate")
    (tmp_path / "empty").write_text("")
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "text", tmp_path / "empty", "nul\0"):
        message = loaded(ca=path).message
        assert "ca_cert_path" in message
        assert str(path) in message


def test_a_client_certificate_that_cannot_be_used_names_both_options_and_files(tmp_path: Path, ca: trustme.CA) -> None:
    leaf = ca.issue_cert(NAME)
    certificate, key, other, secret = (tmp_path / name for name in ("cert.pem", "key.pem", "other.pem", "secret.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(certificate))
    leaf.private_key_pem.write_to_path(str(key))
    ca.issue_cert(NAME).private_key_pem.write_to_path(str(other))
    secret.write_bytes(
        generate_private_key(SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"canary")
        )
    )
    for wrong in (other, secret, certificate, tmp_path, tmp_path / "nowhere"):
        message = loaded(client=certificate, client_key=wrong).message
        assert str(wrong) in message
        assert "client_key_path" in message or "with the key in" in message
    assert str(key) in loaded(client=key, client_key=key).message
    assert str(certificate) in loaded(client=certificate).message  # the key would have to be in the same file
    Certificates("", str(certificate), str(key)).load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
