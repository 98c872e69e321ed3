"""What providers promise: formats, framings, the provider `secretKey.v1`, and that no key is ever shown."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.provider import AzureKeyProvider
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.diagnostics import Check
from reencrypt.keys.errors import ContradictionError, UnwrapFailedError
from reencrypt.keys.provider import Unwrapped, normalise_provider
from reencrypt.keys.ring import DataKey, Failure, KeyRing, data_key_of
from reencrypt.keys.secret_key import SecretKeyProvider
from reencrypt.keys.wrap_format import Framing, RsaAlgorithm, WrapFormat
from reencrypt.secret import Secret

CACHE = DerivedKeyCache()
DEFAULT_SECRET_KEY = "SW2YcwTIb9zpOOhoPsMm"

# Of the format facts, section 7: this data key under the shipped secret_key.
DATA_KEY = bytes(range(0xF0, 0x100))
WRAPPED_CFB = bytes.fromhex(
    "2a5957567a4c574e6d59672a6162636465666768000102030405060708090a0b0c0d0e0f4085d4828f0badf00351651ea34b1e23"
)
WRAPPED_GCM = bytes.fromhex(
    "2a5957567a4c57646a62512a6162636465666768000102030405060708090a0b048454d4254390ca85505828518eade34f31776be9151fe6"
    "ae065d9e0267ac8e"
)


def secret_key_provider(
    secret_key: str = DEFAULT_SECRET_KEY, algorithm: Algorithm = Algorithm.AES_CFB
) -> SecretKeyProvider:
    return SecretKeyProvider(Secret(secret_key), algorithm, CACHE)


@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("algorithm", list(RsaAlgorithm))
def test_a_wrap_format_reads_what_it_writes(framing: Framing, algorithm: RsaAlgorithm) -> None:
    written = str(WrapFormat(framing, algorithm))
    assert written == f"{framing.value}/{algorithm.value}"
    assert WrapFormat.parse(written) == WrapFormat(framing, algorithm)


@pytest.mark.parametrize(
    "text", ["", "raw", "raw/", "/RSA-OAEP", "RSA-OAEP/raw", "raw/RSA-OAEP-512", "hex/RSA-OAEP", "raw/RSA-OAEP/RSA1_5"]
)
def test_another_wrap_format_is_refused_with_the_choices(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        WrapFormat.parse(text)
    assert repr(text) in caught.value.message
    assert "raw|base64|base64url/RSA-OAEP-256|RSA-OAEP|RSA1_5" in caught.value.hint


@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("size", [256, 384, 512])
@given(data=st.data())
@settings(max_examples=30)
def test_a_block_comes_out_of_its_framing_as_it_went_in(framing: Framing, size: int, data: st.DataObject) -> None:
    block = data.draw(st.binary(min_size=size, max_size=size))
    framed = framing.frame(block)
    assert framing.unframe(framed) == block
    if framing is Framing.BASE64:
        assert framed == base64.b64encode(block)
    if framing is Framing.BASE64URL:
        assert framed == base64.urlsafe_b64encode(block).rstrip(b"=")


@pytest.mark.parametrize("size", [256, 384, 512])
def test_unframing_takes_both_paddings_and_surrounding_space_but_not_the_other_alphabet(size: int) -> None:
    block = b"\xfb\xef\xff" * (size // 3) + b"\xfb" * (size % 3)
    standard, url = base64.b64encode(block), base64.urlsafe_b64encode(block)
    for text in (standard, standard.rstrip(b"="), standard + b"\n"):
        assert Framing.BASE64.unframe(text) == block
        assert Framing.BASE64URL.unframe(text) is None
    for text in (url, url.rstrip(b"="), b" " + url):
        assert Framing.BASE64URL.unframe(text) == block
        assert Framing.BASE64.unframe(text) is None


@pytest.mark.parametrize("framing", [Framing.BASE64, Framing.BASE64URL])
@pytest.mark.parametrize("text", [b"\x00\xff" * 128, b"a" * 341, b"AAAA=AAA", b"not base64!", "ä".encode()])
def test_what_is_not_base64_is_not_in_that_framing(framing: Framing, text: bytes) -> None:
    assert framing.unframe(text) is None


@pytest.mark.parametrize(
    ("stored", "provider"),
    [
        ("secretKey", "secretKey.v1"),
        ("secretKey.v1", "secretKey.v1"),
        ("azurekv.prod", "azurekv.prod"),
        ("secretkey", "secretkey"),
        ("secretKey.v2", "secretKey.v2"),
        ("", ""),
    ],
)
def test_exactly_the_old_name_of_secret_key_is_normalised(stored: str, provider: str) -> None:
    assert normalise_provider(stored) == provider


async def test_the_vectors_of_wrapped_data_keys_unwrap() -> None:
    provider = secret_key_provider()
    cfb, gcm = await provider.unwrap(WRAPPED_CFB), await provider.unwrap(WRAPPED_GCM)
    assert cfb.data_key == gcm.data_key == DATA_KEY
    # Only the tag proves anything.
    assert (cfb.conclusive, gcm.conclusive) == (False, True)
    bare = await provider.unwrap(WRAPPED_CFB.removeprefix(b"*YWVzLWNmYg*"))
    assert (bare.data_key, bare.conclusive) == (DATA_KEY, False)


@pytest.mark.parametrize("algorithm", list(Algorithm))
async def test_a_data_key_unwraps_as_it_was_wrapped(algorithm: Algorithm) -> None:
    provider = secret_key_provider("a secret_key with ümlauts", algorithm)
    wrapped = await provider.wrap(DATA_KEY)
    assert len(wrapped) == (52 if algorithm is Algorithm.AES_CFB else 64)
    assert wrapped != await provider.wrap(DATA_KEY)
    unwrapped = await provider.unwrap(wrapped)
    assert unwrapped.data_key == DATA_KEY
    assert unwrapped.conclusive is (algorithm is Algorithm.AES_GCM)
    assert unwrapped.wrap_format is None


async def test_a_wrong_secret_key_unwraps_cfb_to_16_other_bytes_and_gcm_not_at_all() -> None:
    provider = secret_key_provider("not the one")
    wrong = await provider.unwrap(WRAPPED_CFB)
    assert len(wrong.data_key) == 16
    assert wrong.data_key != DATA_KEY
    assert not wrong.conclusive
    with pytest.raises(UnwrapFailedError, match="GCM tag"):
        await provider.unwrap(WRAPPED_GCM)


@pytest.mark.parametrize(
    "wrapped",
    [
        b"",
        b"*",
        b"tr\xfcncated",
        WRAPPED_CFB[:-1],
        WRAPPED_CFB + b"x",
        WRAPPED_GCM[:-1],
        WRAPPED_GCM[:20],
        b"#YWJj#" + WRAPPED_CFB,
        b"#" + WRAPPED_CFB,
        b"*YWVzLWN0cg*" + b"x" * 40,
        b"\x00" * 256,
    ],
)
async def test_bytes_that_are_no_wrapped_data_key_fail_alone_and_are_not_quoted(wrapped: bytes) -> None:
    with pytest.raises(UnwrapFailedError) as caught:
        await secret_key_provider().unwrap(wrapped)
    message = str(caught.value)
    assert message.isascii()
    assert len(wrapped) < 4 or wrapped.decode("latin-1") not in message


async def test_a_secret_key_that_is_not_utf_8_is_the_bytes_of_its_variable() -> None:
    # What os.environ makes of the byte E9 alone.
    assert secret_key_provider("caf\udce9").password == b"caf\xe9"
    assert secret_key_provider("café").password == b"caf\xc3\xa9"


def azure_settings(client_secret: str) -> AzureKeyVaultSettings:
    return AzureKeyVaultSettings(
        provider="azurekv.prod",
        section="security.encryption.azurekv.prod",
        tenant_id="tenant",
        client_id="client",
        client_secret=Secret(client_secret),
        key_name="prod",
        vault_uri="https://localhost:1",
        loopback=True,
        trusted_suffix=False,
    )


def test_nothing_that_holds_a_key_shows_it() -> None:
    canary = "c4n4ry-0123456789"
    holders = [
        Secret(canary),
        Unwrapped(canary.encode(), conclusive=True, wrap_format=WrapFormat.parse("raw/RSA1_5")),
        secret_key_provider(canary),
        azure_settings(canary),
        AzureKeyProvider(azure_settings(canary)),
    ]
    forms = (canary, canary.encode().hex(), base64.b64encode(canary.encode()).decode())
    for holder in holders:
        for shown in (repr(holder), str(holder), f"{holder}", repr([holder])):
            assert not any(form in shown for form in forms), shown
    assert repr(holders[1]) == "Unwrapped(conclusive=True, wrap_format=raw/RSA1_5)"


# The ring.


class Gated:
    """A provider that unwraps when it is told to, and counts."""

    name = "gated"
    needs_wrap_format = False

    def __init__(self) -> None:
        self.calls: list[bytes] = []
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()

    async def unwrap(self, wrapped: bytes) -> Unwrapped:
        self.calls.append(wrapped)
        self.asked.set()
        await self.gate.wait()
        if wrapped == b"bad":
            raise UnwrapFailedError("it is bad")
        return Unwrapped(wrapped.rjust(16), conclusive=True)

    async def unwrap_again(self, wrapped: bytes, first: Unwrapped) -> bytes | None:
        self.calls.append(b"again " + wrapped)
        return None if wrapped == b"two-faced" else first.data_key

    async def wrap(self, data_key: bytes, wrap_format: WrapFormat | None) -> bytes:
        raise NotImplementedError

    async def newest_version(self) -> str:
        return ""

    async def version_dates(self) -> dict[str, datetime]:
        return {}

    async def versions(self) -> list[str]:
        return []

    async def diagnose(self) -> list[Check]:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


def row(key_id: str, wrapped: bytes, provider: str = "gated") -> DataKey:
    return DataKey(key_id, active=True, provider=provider, wrapped=wrapped, label="", created="")


async def nothing_new() -> Iterable[DataKey]:
    raise AssertionError


def ring_of(provider: Gated, *rows: DataKey, read: Callable[[], Awaitable[Iterable[DataKey]]] = nothing_new) -> KeyRing:
    ring = KeyRing(lambda _name: provider, read)
    ring.load(rows)
    return ring


def data_key(ring: KeyRing, key_id: str) -> bytes:
    entry = ring.entry(key_id)
    assert isinstance(entry, Unwrapped)
    return entry.data_key.strip()


async def test_the_ring_unwraps_a_key_once_whoever_asks_at_the_same_time() -> None:
    provider = Gated()
    names = [f"k{number}" for number in range(8)]
    ring = ring_of(provider, *(row(name, name.encode()) for name in names))
    async with asyncio.TaskGroup() as group:
        for shift in range(8):
            group.create_task(ring.ensure([*names[shift:], *names[:shift]]))
        provider.gate.set()
    assert sorted(provider.calls) == [name.encode() for name in names]
    assert [data_key(ring, name) for name in names] == [name.encode() for name in names]


async def test_one_caller_that_is_cancelled_leaves_the_key_to_the_next() -> None:
    provider = Gated()
    ring = ring_of(provider, row("k", b"k"))
    first = asyncio.create_task(ring.ensure(["k"]))
    second = asyncio.create_task(ring.ensure(["k"]))
    await provider.asked.wait()
    first.cancel()
    provider.gate.set()
    await second
    assert data_key(ring, "k") == b"k"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_key_that_was_wrapped_anew_while_it_was_unwrapped_is_unwrapped_again() -> None:
    provider = Gated()
    ring = ring_of(provider, row("k", b"old"))
    waiting = asyncio.create_task(ring.ensure(["k"]))
    await provider.asked.wait()
    ring.load([row("k", b"new")])
    provider.gate.set()
    await waiting
    assert provider.calls == [b"old", b"new"]
    assert data_key(ring, "k") == b"new"


async def test_a_reload_for_one_key_looks_again_at_every_key_asked_for_that_has_other_bytes() -> None:
    provider = Gated()
    provider.gate.set()

    async def read() -> Iterable[DataKey]:
        return [row("a", b"new"), row("b", b"b")]

    ring = ring_of(provider, row("a", b"old"), read=read)
    await ring.ensure(["a"])
    await ring.ensure(["a", "b"])
    assert (data_key(ring, "a"), data_key(ring, "b")) == (b"new", b"b")


async def test_an_unknown_key_is_a_failure_until_a_reload_shows_it() -> None:
    provider = Gated()
    provider.gate.set()

    async def still_missing() -> Iterable[DataKey]:
        return []

    ring = ring_of(provider, read=still_missing)
    await ring.ensure(["k"])
    assert ring.entry("k") == Failure(unknown=True, detail="data_keys has no such key")
    ring.load([row("k", b"k")])
    await ring.ensure(["k"])
    assert data_key(ring, "k") == b"k"


async def test_one_key_that_does_not_unwrap_or_has_no_provider_spoils_no_other() -> None:
    provider = Gated()
    provider.gate.set()

    def provider_of(name: str) -> Gated:
        if name == "gone":
            raise ConfigurationError("provider gone is not configured")
        return provider

    ring = KeyRing(provider_of, nothing_new)
    ring.load([row("bad", b"bad"), row("orphan", b"x", "gone"), row("good", b"good")])
    await ring.ensure(["bad", "orphan", "good"])
    assert ring.entry("bad") == Failure(unknown=False, detail="it is bad", another_key=True)
    assert ring.entry("orphan") == Failure(
        unknown=False, detail="its provider cannot be used: provider gone is not configured"
    )
    assert data_key(ring, "good") == b"good"


@pytest.mark.parametrize(("stored", "wrapped"), [(b"\x00\xff", b"\x00\xff"), ("text", b"text"), (None, b"")])
def test_a_row_is_read_whatever_its_storage_class(stored: object, wrapped: bytes) -> None:
    found = data_key_of(("id", 1, "secretKey", stored, None, "2025-01-31 08:00:00"))
    assert found == DataKey(
        "id", active=True, provider="secretKey.v1", wrapped=wrapped, label="", created=found.created
    )


async def test_a_second_answer_that_agrees_makes_the_proof_and_is_asked_for_once() -> None:
    provider = Gated()
    provider.gate.set()
    ring = ring_of(provider, row("a", b"1"), row("b", b"bad"))
    await ring.ensure(["a", "b"])
    entry = ring.entry("a")
    assert isinstance(entry, Unwrapped)
    assert not entry.is_proof
    await asyncio.gather(ring.confirm(["a", "b", "unknown"]), ring.confirm(["a"]))
    confirmed = ring.entry("a")
    assert isinstance(confirmed, Unwrapped)
    assert confirmed.is_proof
    assert confirmed.data_key == entry.data_key
    assert provider.calls == [b"1", b"bad", b"again 1"]


async def test_two_different_answers_refuse_the_key_by_name() -> None:
    provider = Gated()
    provider.gate.set()
    ring = ring_of(provider, row("a", b"two-faced"))
    await ring.ensure(["a"])
    with pytest.raises(ContradictionError, match="two different answers for data key a") as caught:
        await ring.confirm(["a"])
    assert caught.value.exit_code == 6
    entry = ring.entry("a")
    assert isinstance(entry, Unwrapped)
    assert not entry.is_proof


async def test_what_this_process_computed_needs_no_second_answer() -> None:
    entry = await secret_key_provider().unwrap(WRAPPED_GCM)
    assert entry.is_proof
    assert await secret_key_provider().unwrap_again(WRAPPED_GCM, entry) == DATA_KEY


async def test_a_row_that_was_wrapped_anew_is_forgotten_and_named() -> None:
    provider = Gated()
    provider.gate.set()
    ring = ring_of(provider, row("a", b"1"), row("b", b"2"))
    await ring.ensure(["a", "b"])
    await ring.confirm(["a", "b"])
    assert ring.load([row("a", b"other"), row("b", b"2")]) == {"a"}
    assert not ring.knows("a")
    confirmed = ring.entry("b")
    assert isinstance(confirmed, Unwrapped)
    assert confirmed.is_proof
