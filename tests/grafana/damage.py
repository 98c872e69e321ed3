"""Ways in which a stored secret can be broken; each of them leaves the rest of its row as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, get_args

from tests.grafana.encrypting import IV_LENGTH, SALT_LENGTH, raw_base64
from tests.grafana.planting import PlantedSecret, encode, in_column

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.grafana.planting import Ground

Damage = Literal[
    "flipped-byte",
    "garbage",
    "noise",
    "truncated",
    "bad-base64",
    "unknown-key",
    "unclosed-key",
    "unknown-algorithm",
    "cut-tag",
]
DAMAGES: Final[tuple[Damage, ...]] = get_args(Damage)

_GCM_PREFIX: Final = b"*" + raw_base64(b"aes-gcm") + b"*"
_CFB_PREFIX: Final = b"*" + raw_base64(b"aes-cfb") + b"*"


def spoil(ground: Ground, planted: PlantedSecret, kind: Damage) -> PlantedSecret:
    """Damage one planted secret where it is stored, and return its new record."""
    place = (planted.table, planted.key, planted.path)
    spot = ground.spots[place]
    if kind == "bad-base64":
        if spot.encoding == "bytes":
            raise ValueError("there is no base64 in this column")
        text = encode(spot.payload, spot.encoding)
        payload, stored = spot.payload, in_column(spot, spot.payload, text[:5] + "!" + text[6:])
    else:
        payload = damaged(spot.payload, kind, ground.rng)
        stored = in_column(spot, payload)
    ground.replace_stored(place, spot.stored, stored)
    ground.spots[place] = replace(spot, payload=payload, stored=stored)
    record = replace(planted, damaged=True)
    ground.planted[ground.planted.index(planted)] = record
    return record


def damaged(payload: bytes, kind: Damage, rng: random.Random) -> bytes:
    """Return `payload` with the damage `kind`; not every payload can have every kind."""
    header, inner = _split_envelope(payload)
    prefix, body = _split_prefix(inner)
    before = header + prefix
    makers: dict[Damage, Callable[[], bytes]] = {
        "flipped-byte": lambda: before + _flipped(body),
        "garbage": lambda: before + rng.randbytes(len(body)),
        "noise": lambda: b"\xff" + rng.randbytes(len(payload) - 1),
        "truncated": lambda: before + body[:20],
        "unknown-key": lambda: _unknown(_need(header)) + inner,
        "unclosed-key": lambda: _need(header)[:-1] + inner.replace(b"#", b"$"),
        "unknown-algorithm": lambda: header + b"*" + raw_base64(b"aes-xyz") + b"*" + body,
        "cut-tag": lambda: payload[:-1],
    }
    if kind == "cut-tag" and prefix != _GCM_PREFIX:
        raise ValueError("only AES-GCM has a tag")
    return makers[kind]()


def _flipped(body: bytes) -> bytes:
    at = SALT_LENGTH + IV_LENGTH
    if len(body) <= at:
        raise ValueError("an empty plaintext has no byte to flip")
    # The top bit, so that text under CFB is no UTF-8 afterwards.
    return body[:at] + bytes([body[at] ^ 0x80]) + body[at + 1 :]


def _unknown(header: bytes) -> bytes:
    length = len(header) - 2
    return b"#" + raw_base64(b"z" * (length * 3 // 4)) + b"#"


def _need(header: bytes) -> bytes:
    if not header:
        raise ValueError("a legacy secret names no key")
    return header


def _split_envelope(payload: bytes) -> tuple[bytes, bytes]:
    if not payload.startswith(b"#"):
        return b"", payload
    end = payload.index(b"#", 1) + 1
    return payload[:end], payload[end:]


def _split_prefix(inner: bytes) -> tuple[bytes, bytes]:
    for prefix in (_CFB_PREFIX, _GCM_PREFIX):
        if inner.startswith(prefix):
            return prefix, inner[len(prefix) :]
    return b"", inner
