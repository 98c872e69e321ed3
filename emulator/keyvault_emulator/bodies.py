"""Request bodies of the service: from JSON to checked values, or to a 400 that names the fault."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa

from keyvault_emulator.keyversion import KEY_OPERATIONS, Attributes
from keyvault_emulator.wire import RefusalError, bad_parameter, decode_base64url, not_emulated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEY_TYPES: Final = ("RSA", "RSA-HSM")
_CURVES: Final = ("EC", "EC-HSM")
KEY_SIZES: Final = (2048, 3072, 4096)
DEFAULT_KEY_SIZE: Final = 2048

#: Key operations that the service knows besides `KEY_OPERATIONS`; kept, but they allow nothing here.
_OTHER_OPERATIONS: Final = ("import", "export")
_PUBLIC_EXPONENT: Final = 65537


@dataclass(frozen=True, slots=True)
class CryptoBody:
    """The body of an encrypt, decrypt, wrap, unwrap or sign."""

    alg: str
    value: bytes


@dataclass(frozen=True, slots=True)
class VerifyBody:
    """The body of a verify."""

    alg: str
    digest: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class ImportBody:
    """The body of an import."""

    kty: str
    private: rsa.RSAPrivateKey
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class CreateBody:
    """The body of a create."""

    kty: str
    bits: int
    attributes: Attributes


def parse_crypto(content: Mapping[str, Any], algorithms: Sequence[str]) -> CryptoBody:
    """Return the body of a crypto operation with one of `algorithms`.

    Raises:
        RefusalError: 400, a property is missing or wrong.
    """
    return CryptoBody(_algorithm(content, algorithms), _data(content, "value"))


def parse_verify(content: Mapping[str, Any], algorithms: Sequence[str]) -> VerifyBody:
    """Return the body of a verify.

    Raises:
        RefusalError: 400, a property is missing or wrong.
    """
    return VerifyBody(_algorithm(content, algorithms), _data(content, "digest"), _data(content, "value"))


def parse_backup(content: Mapping[str, Any]) -> bytes:
    """Return the blob of a restore.

    Raises:
        RefusalError: 400, it is missing, or not base64url.
    """
    return _data(content, "value")


def parse_import(content: Mapping[str, Any]) -> ImportBody:
    """Return the body of an import.

    Raises:
        RefusalError: 400, a property is missing or wrong; 501, it is a kind of key that is not emulated.
    """
    key = _object(content, "key")
    if not key:
        raise bad_parameter("Property 'key' is required.\r\n")
    kty = _key_type(key)
    _refuse_exportable(content)
    # The operations stand in the key, everything else beside it.
    attributes = parse_attributes({**content, "key_ops": key.get("key_ops")}, Attributes())
    return ImportBody("RSA-HSM" if content.get("Hsm") is True else kty, _private_key(key), attributes)


def parse_create(content: Mapping[str, Any]) -> CreateBody:
    """Return the body of a create.

    Raises:
        RefusalError: 400, a property is missing or wrong; 501, it is a kind of key that is not emulated.
    """
    kty = _key_type(content)
    _refuse_exportable(content)
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


def _algorithm(content: Mapping[str, Any], algorithms: Sequence[str]) -> str:
    alg = content.get("alg")
    if alg is None:
        raise bad_parameter("Property 'alg' is required.\r\n")
    if alg not in algorithms:
        raise bad_parameter("Property has invalid value\r\n")
    return str(alg)


def _data(content: Mapping[str, Any], name: str) -> bytes:
    value = content.get(name)
    if value is None:
        raise bad_parameter(f"Property '{name}' is required.\r\n")
    try:
        return decode_base64url(value if isinstance(value, str) else "")
    except ValueError as error:
        # The service names the property twice: once undecodable, it is missing too.
        text = f"Content of '{name}' is not base64url.\r\nProperty '{name}' is required.\r\n"
        raise bad_parameter(text) from error


def _key_type(content: Mapping[str, Any]) -> str:
    kty = content.get("kty")
    if kty is None:
        raise bad_parameter("Property 'kty' is required.\r\n")
    if kty in _CURVES:
        raise not_emulated(f"The key type '{kty}'", f"its keys are {' and '.join(KEY_TYPES)}")
    if kty not in KEY_TYPES:
        # Recorded for `oct`, which only a managed HSM has (azure-sdk-for-js #26212).
        raise RefusalError(400, "BadParameter", f"Invalid kty value: {kty}", inner="KeyTypeNotSupported")
    return str(kty)


def _refuse_exportable(content: Mapping[str, Any]) -> None:
    if content.get("release_policy") is not None or _object(content, "attributes").get("exportable") is True:
        raise not_emulated("A key that can be exported", "nothing could release it")


def _private_key(key: Mapping[str, Any]) -> rsa.RSAPrivateKey:
    """Return the RSA key in a JSON web key."""
    n, e, d, p, q, dmp1, dmq1, iqmp = (
        int.from_bytes(_data(key, name)) for name in ("n", "e", "d", "p", "q", "dp", "dq", "qi")
    )
    if n.bit_length() not in KEY_SIZES:
        raise bad_parameter("Property has invalid value\r\n")
    numbers = rsa.RSAPrivateNumbers(p, q, d, dmp1, dmq1, iqmp, rsa.RSAPublicNumbers(e, n))
    try:
        return numbers.private_key()
    except ValueError as error:
        raise bad_parameter("The parameter is incorrect.\r\n") from error


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
