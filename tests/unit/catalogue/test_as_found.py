"""A value whose format is not public is taken apart in the one form that it can have, and written back in that."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.catalogue.codec import splice
from reencrypt.catalogue.location import Legacy, Row
from reencrypt.catalogue.locations import BY_NAME
from reencrypt.catalogue.reading import FoundSecret, secrets_of
from reencrypt.catalogue.reason import Reason
from reencrypt.crypto.algorithm import Algorithm

SETTING = BY_NAME["setting"]
BODY = b"saltSALT" + bytes(range(200, 216)) + b"body"
ENVELOPE = b"#a2V5#*YWVzLWNmYg*" + BODY
PREFIXED = b"*YWVzLWNmYg*" + BODY
TAGGED = b"#a2V5#*YWVzLWdjbQ*" + bytes(range(200, 240))


def found(cell: bytes) -> FoundSecret:
    (secret,) = secrets_of(SETTING, Row(("auth.saml", "private_key"), (cell,)))
    return secret


def padded(ciphertext: bytes, remainder: int) -> bytes:
    """A ciphertext of a length that leaves the remainder of three."""
    return ciphertext + b"x" * ((remainder - len(ciphertext)) % 3)


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "raw": lambda data: data,
    "padded": base64.b64encode,
    "unpadded": lambda data: base64.b64encode(data).rstrip(b"="),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ciphertext", [ENVELOPE, PREFIXED, BODY, TAGGED], ids=["envelope", "prefixed", "bare", "gcm"])
@pytest.mark.parametrize("remainder", [1, 2])
def test_a_value_keeps_the_form_that_it_shows(form: str, ciphertext: bytes, remainder: int) -> None:
    old, new = padded(ciphertext, remainder), padded(b"#bmV3#*YWVzLWNmYg*" + BODY, remainder)
    cell = FORMS[form](old)
    secret = found(cell)
    assert secret.slot.ciphertext == old
    assert secret.envelope is not None
    assert secret.slot.admits(new)
    assert splice(cell, [(secret.slot, new)]) == FORMS[form](new)
    assert splice(cell, [(secret.slot, old)]) == cell
    # A tag proves the reading; without one the plaintext has to.
    assert secret.needs_own_proof is (secret.envelope.algorithm is Algorithm.AES_CFB)


def test_where_the_padding_does_not_show_only_a_text_without_any_is_written() -> None:
    secret = found(base64.b64encode(padded(ENVELOPE, 0)))
    assert secret.envelope is not None
    assert [secret.slot.admits(bytes(length)) for length in (60, 61, 62, 63)] == [True, False, False, True]
    assert found(base64.b64encode(padded(ENVELOPE, 1))).slot.admits(bytes(62))


@pytest.mark.parametrize(
    "cell",
    [
        b"a setting in the clear",
        base64.b64encode(b"a setting in the clear"),
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        base64.encodebytes(ENVELOPE * 3),
        base64.urlsafe_b64encode(ENVELOPE).replace(b"z", b"_"),
        b"crypto_" + base64.b64encode(ENVELOPE),
        ENVELOPE.hex().encode(),
        b"\xff\x00\x01",
        b"Settings of a kind\nwith several lines\n",
        b'{"secret":"%s"}' % base64.b64encode(ENVELOPE),
    ],
)
def test_what_has_no_known_form_is_named(cell: bytes) -> None:
    secret = found(cell)
    assert (secret.problem, secret.field, secret.envelope) == (Reason.NOT_UNDERSTOOD, "encrypted_value", None)


@given(st.binary(min_size=1, max_size=120))
def test_no_value_is_passed_over(cell: bytes) -> None:
    assert (found(cell).envelope is None) is (found(cell).problem is not None)


def test_nothing_is_no_secret_and_a_legacy_value_follows_the_others() -> None:
    for cell in (None, b""):
        assert list(secrets_of(SETTING, Row(("auth.saml", "private_key"), (cell,)))) == []
    assert SETTING.legacy is Legacy.LIKE_OTHERS
    assert {each.name for each in BY_NAME.values() if each.legacy is not Legacy.ENVELOPE} == {"setting"}
