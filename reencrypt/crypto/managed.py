"""Values and wrapped data keys of Grafana's secrets manager, since Grafana 12.

Its cipher layer writes `*` rawb64("aes-gcm") `*` salt[8] nonce[12] ciphertext tag[16]. Its reader drops the first byte
without a look and ignores the name: everything is AES-GCM. Grafana 12.2 wrote `#` rawb64(data key id) `#` before a
value; later releases keep the id in a column of its own. Sources, in `pkg/registry/apis/secret/encryption`:
`cipher/service/service.go` and `manager/manager.go`.
"""

from __future__ import annotations

from reencrypt.crypto import gobase64
from reencrypt.crypto.algorithm import GCM_NONCE_BYTES, SALT_BYTES, Algorithm
from reencrypt.crypto.envelope import Envelope, MalformedEnvelopeError, split_key_id

_BODY_START = SALT_BYTES + GCM_NONCE_BYTES


def parse(value: bytes) -> Envelope:
    """Parse a value with the id of its data key before it, as Grafana 12.2 wrote it.

    Raises `MalformedEnvelopeError` for everything that Grafana does not read: no data key id, no name of an algorithm,
    too short.
    """
    key_id, payload = split_key_id(value)
    if key_id is None:
        raise MalformedEnvelopeError("no data key id")
    return parse_payload(payload)._replace(key_id=key_id)


def parse_payload(payload: bytes) -> Envelope:
    """Parse a wrapped data key, or a value without its data key id; raises `MalformedEnvelopeError` as `parse` does."""
    end = payload.find(b"*", 1)
    if end < 0:
        # Grafana's reader ends in a panic here.
        raise MalformedEnvelopeError("no name of an algorithm")
    if not gobase64.is_strict(payload[1:end], padded=False):
        raise MalformedEnvelopeError("the name of the algorithm is not base64")
    body = payload[end + 1 :]
    if len(body) < Algorithm.AES_GCM.minimum_bytes:
        raise MalformedEnvelopeError(
            f"payload too short: {len(body)} bytes where {Algorithm.AES_GCM} needs at least "
            f"{Algorithm.AES_GCM.minimum_bytes}"
        )
    salt, nonce, rest = body[:SALT_BYTES], body[SALT_BYTES:_BODY_START], body[_BODY_START:]
    return Envelope(None, Algorithm.AES_GCM, prefixed=True, salt=salt, nonce=nonce, body=rest)
