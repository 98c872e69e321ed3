"""Rows of the secrets manager that are read by a key of Key Vault, as the user names it, and written as it is told."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from keyvault_emulator import Emulator

from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.errors import RefusedError
from reencrypt.keys.errors import OddLengthError, UnwrapFailedError
from reencrypt.keys.kind import ProviderContext
from reencrypt.keys.manager_options import ManagerVault
from reencrypt.keys.providers import Providers
from reencrypt.keys.ring import DataKey, Failure, KeyRing, confirmed_by, managed_key_of
from reencrypt.keys.wrap_format import Framing, RsaAlgorithm, WrapFormat
from reencrypt.settings import load_settings
from tests.integration.keys.test_azure import asked, pem, wrap

PROVIDER = "azure_keyvault.prod"
VAULTS = (ManagerVault(PROVIDER, "azurekv.prod"),)


@pytest.fixture
async def providers(emulator: Emulator, tmp_path: Path) -> AsyncIterator[Providers]:
    """The secrets manager's, of a Grafana that has the section of the classic store alone."""
    config = tmp_path / "grafana.ini"
    identity = {
        "tenant_id": emulator.tenant_id,
        "client_id": emulator.client_id,
        "client_secret": emulator.client_secret,
        "key_id": "prod",
        "vault_uri": emulator.vault_uri,
    }
    lines = "".join(f"{key} = {value}\n" for key, value in identity.items())
    config.write_text(f"[security.encryption.azurekv.prod]\n{lines}")
    settings = load_settings(config=config, home=None, database_url=None, environ={})
    context = ProviderContext()
    async with Providers.manager(settings, DerivedKeyCache(), context, VAULTS) as providers:
        yield providers
    await context.services.close()


@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("algorithm", [RsaAlgorithm.OAEP_256, RsaAlgorithm.PKCS1])
async def test_a_row_is_read_in_any_framing_and_believed_after_a_second_answer(
    framing: Framing, algorithm: RsaAlgorithm, state: Path, providers: Providers, emulator: Emulator
) -> None:
    data_key = os.urandom(16)
    wrapped = wrap(pem(state), data_key, algorithm, framing)
    provider = providers.get(PROVIDER)
    first = await provider.unwrap(wrapped)
    assert (first.data_key, first.witnesses, first.is_proof) == (data_key, 1, False)
    second = await confirmed_by(provider, "default/k", wrapped, first)
    # RSA1_5 proves nothing, however often it is asked.
    assert (second.witnesses, second.is_proof) == (2, algorithm is not RsaAlgorithm.PKCS1)
    assert asked(emulator, "unwrapKey", "decrypt") >= 2


async def test_what_the_key_did_not_wrap_fails_as_in_the_classic_store(state: Path, providers: Providers) -> None:
    provider = providers.get(PROVIDER)
    with pytest.raises(UnwrapFailedError, match="no version of"):
        await provider.unwrap(wrap(pem(state, "other"), os.urandom(16)))
    with pytest.raises(OddLengthError):
        await provider.unwrap(wrap(pem(state), os.urandom(20)))


@pytest.mark.parametrize("framing", list(Framing))
async def test_it_wraps_in_the_format_that_a_data_key_has_shown_and_in_no_other(
    framing: Framing, providers: Providers, emulator: Emulator, state: Path
) -> None:
    provider, data_key = providers.get(PROVIDER), os.urandom(16)
    with pytest.raises(RefusedError, match="before one of Grafana's own data keys shows how it wraps there"):
        await provider.wrap(data_key, None)
    assert asked(emulator, "wrapKey", "encrypt") == 0
    shown = (await provider.unwrap(wrap(pem(state), os.urandom(16), RsaAlgorithm.OAEP_256, framing))).wrap_format
    assert shown == WrapFormat(framing, RsaAlgorithm.OAEP_256)
    again = await provider.unwrap(await provider.wrap(data_key, shown))
    assert (again.data_key, again.wrap_format) == (data_key, shown)
    assert await provider.newest_version() in await provider.versions()
    assert await provider.diagnose() == []


async def test_a_ring_takes_both_kinds_of_provider_side_by_side(state: Path, providers: Providers) -> None:
    vaulted, local = os.urandom(16), os.urandom(16)
    rows = [
        ("default", "a", True, PROVIDER, wrap(pem(state), vaulted), "l", None),
        ("org-2", "b", True, "secret_key.v1", await providers.get("secret_key.v1").wrap(local, None), "l", None),
        ("org-2", "c", True, "aws_kms.x", b"x", "l", None),
    ]
    keys = [managed_key_of(row) for row in rows]

    async def read() -> list[DataKey]:
        return keys

    ring = KeyRing(providers.get, read)
    await ring.ensure(key.id for key in keys)
    entries = [ring.entry(key.id) for key in keys]
    assert [getattr(entry, "data_key", None) for entry in entries] == [vaulted, local, None]
    assert isinstance(entries[2], Failure)
    assert "provider aws_kms.x of the secrets manager is not configured" in entries[2].detail
