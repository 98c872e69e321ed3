"""Values and wrapped data keys of Grafana's secrets manager, since Grafana 12.

Its cipher layer writes `*` rawb64("aes-gcm") `*` salt[8] nonce[12] ciphertext tag[16]. Its reader drops the first byte
without a look and ignores the name: everything is AES-GCM. Grafana 12.2 wrote `#` rawb64(data key id) `#` before a
value; later releases keep the id in a column of its own. Sources, in `pkg/registry/apis/secret/encryption`:
`cipher/service/service.go` and `manager/manager.go`.
"""

from __future__ import annotations

from functools import lru_cache

from reencrypt.crypto import envelope, gobase64
from reencrypt.crypto.algorithm import GCM_NONCE_BYTES, SALT_BYTES, Algorithm
from reencrypt.crypto.envelope import Envelope, MalformedEnvelopeError

_BODY_START = SALT_BYTES + GCM_NONCE_BYTES


def parse(value: bytes) -> Envelope:
    """Parse a value with the id of its data key before it, as Grafana 12.2 wrote it.

    Raises `MalformedEnvelopeError` for everything that Grafana does not read: no data key id, no name of an algorithm,
    too short.
    """
    key_id, payload = envelope.split_key_id(value)
    if not key_id:
        raise MalformedEnvelopeError("no data key id")
    return parse_payload(payload)._replace(key_id=key_id)


def parse_payload(payload: bytes) -> Envelope:
    """Parse a wrapped data key, or a value without its data key id; raises `MalformedEnvelopeError` as `parse` does."""
    end = payload.find(b"*", 1)
    if end < 0:
        # Grafana's reader ends in a panic here.
        raise MalformedEnvelopeError("no name of an algorithm")
    _check_name(payload[1:end])
    body = payload[end + 1 :]
    if len(body) < Algorithm.AES_GCM.minimum_bytes:
        raise MalformedEnvelopeError(
            f"payload too short: {len(body)} bytes where {Algorithm.AES_GCM} needs at least "
            f"{Algorithm.AES_GCM.minimum_bytes}"
        )
    salt, nonce, rest = body[:SALT_BYTES], body[SALT_BYTES:_BODY_START], body[_BODY_START:]
    return Envelope(None, Algorithm.AES_GCM, prefixed=True, salt=salt, nonce=nonce, body=rest)


@lru_cache(maxsize=64)
def _check_name(encoded: bytes) -> None:
    """Demand that a name is base64, which is all that Grafana does with it; there is one, so it is remembered."""
    try:
        gobase64.decode(encoded)
    except gobase64.MalformedEncodingError:
        raise MalformedEnvelopeError("the name of the algorithm is not base64") from None
    if not gobase64.is_strict(encoded, padded=False):
        raise MalformedEnvelopeError("the name of the algorithm is padded base64")


def join_key_id(uid: bytes, payload: bytes) -> bytes:
    """Put the id of its data key before a payload, as Grafana 12.2 stored the two and `parse` takes them."""
    return _frame(uid) + payload


@lru_cache(maxsize=8192)
def _frame(uid: bytes) -> bytes:
    """Write the id of a data key before a value; thousands of values name the same one."""
    return b"#" + gobase64.encode(uid, padded=False) + b"#"


def split_key_id(value: bytes) -> tuple[bytes, bytes]:
    """Take such a value apart into id and payload, as later releases store them; raises `ValueError` for another."""
    end = value.find(b"#", 1)
    if not value.startswith(b"#") or end < 0:
        raise ValueError("no data key id")
    return _unframed(value[1:end]), value[end + 1 :]


@lru_cache(maxsize=8192)
def _unframed(encoded: bytes) -> bytes:
    return gobase64.decode(encoded)
