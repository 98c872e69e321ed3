"""Request bodies of the service: from JSON to checked values, or to a 400 that names the fault."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from keyvault_emulator.keyversion import KEY_OPERATIONS, Attributes
from keyvault_emulator.rsa import ALGORITHMS
from keyvault_emulator.wire import bad_parameter, decode_base64url

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_TYPES: Final = ("RSA", "RSA-HSM")
KEY_SIZES: Final = (2048, 3072, 4096)
DEFAULT_KEY_SIZE: Final = 2048

#: Key operations that the service knows besides `KEY_OPERATIONS`; kept, but they allow nothing here.
_OTHER_OPERATIONS: Final = ("import", "export")
_PUBLIC_EXPONENT: Final = 65537


@dataclass(frozen=True, slots=True)
class CryptoBody:
    """The body of an encrypt, decrypt, wrap or unwrap."""

    alg: str
    value: bytes


@dataclass(frozen=True, slots=True)
class CreateBody:
    """The body of a create."""

    kty: str
    bits: int
    attributes: Attributes


def parse_crypto(content: Mapping[str, Any]) -> CryptoBody:
    """Return the body of a crypto operation.

    Raises:
        RefusalError: 400, a property is missing or wrong.
    """
    alg, value = content.get("alg"), content.get("value")
    if alg is None:
        raise bad_parameter("Property 'alg' is required.\r\n")
    if alg not in ALGORITHMS:
        raise bad_parameter("Property has invalid value\r\n")
    if value is None:
        raise bad_parameter("Property 'value' is required.\r\n")
    try:
        data = decode_base64url(value if isinstance(value, str) else "")
    except ValueError as error:
        # The service names the property twice: once undecodable, it is missing too.
        raise bad_parameter("Content of 'value' is not base64url.\r\nProperty 'value' is required.\r\n") from error
    return CryptoBody(alg, data)


def parse_create(content: Mapping[str, Any]) -> CreateBody:
    """Return the body of a create.

    Raises:
        RefusalError: 400, a property is missing or wrong, or asks for a key that is not emulated.
    """
    kty = content.get("kty")
    if kty is None:
        raise bad_parameter("Property 'kty' is required.\r\n")
    if kty not in KEY_TYPES:
        raise bad_parameter(f"Property 'kty' has invalid value; the emulator makes {' and '.join(KEY_TYPES)} only.\r\n")
    bits = _given(content, "key_size", DEFAULT_KEY_SIZE)
    if bits not in KEY_SIZES or _given(content, "public_exponent", _PUBLIC_EXPONENT) != _PUBLIC_EXPONENT:
        raise bad_parameter("Property has invalid value\r\n")
    return CreateBody(kty, bits, parse_attributes(content, Attributes()))


def parse_attributes(content: Mapping[str, Any], known: Attributes) -> Attributes:
    """Return `known` with the changes that the body asks for: what it does not name stays, null clears a time.

    Raises:
        RefusalError: 400, a property is wrong.
    """
    changed = known
    attributes = _object(content, "attributes")
    if (enabled := attributes.get("enabled")) is not None:
        if not isinstance(enabled, bool):
            raise bad_parameter("Property 'enabled' has invalid value\r\n")
        changed = replace(changed, enabled=enabled)
    changed = replace(changed, nbf=_time(attributes, "nbf", changed.nbf), exp=_time(attributes, "exp", changed.exp))
    if changed.nbf is not None and changed.exp is not None and changed.nbf >= changed.exp:
        raise bad_parameter("Property 'nbf' has to be before property 'exp'\r\n")
    if (operations := content.get("key_ops")) is not None:
        if not isinstance(operations, list) or any(
            operation not in (*KEY_OPERATIONS, *_OTHER_OPERATIONS) for operation in operations
        ):
            raise bad_parameter("Property 'key_ops' has invalid value\r\n")
        changed = replace(changed, key_ops=tuple(operations))
    if content.get("tags") is not None:
        tags = _object(content, "tags")
        if not all(isinstance(value, str) for value in tags.values()):
            raise bad_parameter("Property 'tags' has invalid value\r\n")
        changed = replace(changed, tags=dict(tags))
    return changed


def _given(content: Mapping[str, Any], name: str, default: int) -> Any:  # noqa: ANN401 - not checked yet
    value = content.get(name)
    return default if value is None else value


def _object(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = content.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_parameter(f"Property '{name}' has invalid value\r\n")
    return value


def _time(attributes: Mapping[str, Any], name: str, known: int | None) -> int | None:
    if name not in attributes:
        return known
    value = attributes[name]
    # A bool is an int in Python, but not for the service.
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise bad_parameter(f"Property '{name}' has invalid value\r\n")
    return value
