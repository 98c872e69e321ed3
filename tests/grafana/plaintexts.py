"""Plausible plaintexts: what people and programs give Grafana to keep."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    #: Takes a length in bytes and keeps to it where the kind of text allows it.
    Maker = Callable[[random.Random, int], bytes]

_PASSWORD: Final = string.ascii_letters + string.digits + "!$%&/()=?+*#-_.:,;<>|@ "
_TOKEN: Final = string.ascii_letters + string.digits + "-_"
_LONG: Final = 4096  # from here on it matters how long it takes to make a text
_TOKEN_OF_BYTE: Final = bytes(ord(_TOKEN[byte % len(_TOKEN)]) for byte in range(256))
_BEYOND_ASCII: Final = "äöüßéøłЖ中文字☃🔔\u2028"
_EMPTY_JSON: Final = b"{}"
_NO_JSON: Final = b"null"


def password(rng: random.Random, length: int) -> bytes:
    """Printable ASCII."""
    return "".join(rng.choices(_PASSWORD, k=length)).encode()


def passphrase(rng: random.Random, length: int) -> bytes:
    """UTF-8 with characters of every width, filled up with ASCII."""
    text = b""
    while len(text) < length - 4:
        text += rng.choice(_BEYOND_ASCII).encode() + rng.choice("ab \n\t").encode()
    return text + b"." * (length - len(text)) if length >= len(text) else b"." * length


def token(rng: random.Random, length: int) -> bytes:
    """What OAuth servers hand out."""
    if length >= _LONG:
        return rng.randbytes(length).translate(_TOKEN_OF_BYTE)
    return "".join(rng.choices(_TOKEN, k=length)).encode()


def bearer(_: random.Random, __: int) -> bytes:
    """The type of every OAuth token."""
    return b"Bearer"


def url(rng: random.Random, length: int) -> bytes:
    """A webhook; the shortest is longer than most lengths asked for."""
    return b"https://hooks.example.org/services/" + token(rng, max(length - 35, 1))


def json_object(rng: random.Random, length: int) -> bytes:
    """An object of secrets; where there is no room for one, what Grafana makes of an empty map or of none."""
    if length == len(_NO_JSON):
        return _NO_JSON
    room = length - len(b'{"password":""}')
    return _EMPTY_JSON if room < 0 else b'{"password":"' + token(rng, room) + b'"}'


def yaml(rng: random.Random, length: int) -> bytes:
    """A Mimir configuration."""
    head = b"route:\n  receiver: default\nreceivers:\n  - name: default\r\n    # \t"
    return head + token(rng, max(length - len(head), 0))


def pem(rng: random.Random, _: int) -> bytes:
    """A P-256 private key as PKCS#8."""
    key = derive_private_key(rng.getrandbits(250) + 1, SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def raw_key(rng: random.Random, _: int) -> bytes:
    """32 bytes that are no text."""
    return rng.randbytes(32)
