"""Without a client_secret: every identity that a machine may have, through azure-identity's own chain."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from emulator_clients import wire_to
from keyvault_emulator import Emulator

from reencrypt.errors import ConfigurationError
from reencrypt.secret import Secret
from tests.integration.keys.conftest import ProviderOf
from tests.integration.keys.test_azure import pem, wrap

NO_SECRET = Secret("")
Variables = Callable[[Emulator], dict[str, str]]


def certificate(emulator: Emulator) -> dict[str, str]:
    return {
        "AZURE_TENANT_ID": emulator.tenant_id,
        "AZURE_CLIENT_ID": emulator.client_id,
        "AZURE_CLIENT_CERTIFICATE_PATH": str(emulator.identities.certificate),
        "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
    }


def workload(emulator: Emulator) -> dict[str, str]:
    return {
        "AZURE_TENANT_ID": emulator.tenant_id,
        "AZURE_CLIENT_ID": emulator.client_id,
        "AZURE_FEDERATED_TOKEN_FILE": str(emulator.identities.federated_token),
    }


def workload_without_variables_of_its_own(emulator: Emulator) -> dict[str, str]:
    # Tenant and client are those of the section.
    return {"AZURE_FEDERATED_TOKEN_FILE": str(emulator.identities.federated_token)}


def machine(emulator: Emulator) -> dict[str, str]:
    return {
        "IDENTITY_ENDPOINT": emulator.machine_endpoint,
        "IDENTITY_HEADER": emulator.identities.header,
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
    }


def use(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith(("AZURE_", "IDENTITY_"))]:
        if name != "AZURE_AUTHORITY_HOST":
            monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("variables", [certificate, workload, workload_without_variables_of_its_own, machine])
async def test_an_identity_unwraps_and_survives_the_end_of_its_token(
    variables: Variables, state: Path, emulator: Emulator, provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(variables(emulator), monkeypatch)
    provider = provider_of(client_secret=NO_SECRET)
    for _ in range(2):
        assert (await provider.unwrap(wrap(pem(state), b"k" * 16))).data_key == b"k" * 16
        emulator.expire_tokens()


async def test_a_pods_identity_goes_before_what_grafanas_file_says(
    state: Path, emulator: Emulator, provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(workload(emulator), monkeypatch)
    # The section names Grafana's own registration, which the pod's token says nothing of.
    provider = provider_of(client_secret=NO_SECRET, client_id="00000000-0000-0000-0000-00000000beef")
    assert (await provider.unwrap(wrap(pem(state), b"k" * 16))).data_key == b"k" * 16
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "WorkloadIdentityCredential")
    provider = provider_of(client_secret=Secret("of somebody else"), client_id="00000000-0000-0000-0000-00000000beef")
    assert (await provider.unwrap(wrap(pem(state), b"k" * 16))).data_key == b"k" * 16


async def test_the_azure_cli(
    state: Path, emulator: Emulator, provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with wire_to(emulator) as wire:
        token = wire.token
    answer = {"accessToken": token, "expires_on": int(time.time()) + 3600, "expiresOn": "2099-01-01 00:00:00.000000"}
    script = tmp_path / "az"
    script.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    script.chmod(0o755)
    use({"AZURE_TOKEN_CREDENTIALS": "AzureCliCredential"}, monkeypatch)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    provider = provider_of(client_secret=NO_SECRET, client_id="", tenant_id="")
    assert (await provider.unwrap(wrap(pem(state), b"k" * 16))).data_key == b"k" * 16


async def test_a_client_id_without_a_secret_names_the_machines_identity(
    state: Path, emulator: Emulator, provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(machine(emulator), monkeypatch)
    other = provider_of(client_secret=NO_SECRET, client_id="another-identity")
    with pytest.raises(ConfigurationError, match="this machine's own identity got no token"):
        await other.unwrap(wrap(pem(state), b"k" * 16))
    nameless = provider_of(client_secret=NO_SECRET, client_id="")
    assert (await nameless.unwrap(wrap(pem(state), b"k" * 16))).data_key == b"k" * 16


@pytest.mark.parametrize("variables", [certificate, workload])
async def test_what_proves_somebody_else_is_refused(
    variables: Variables,
    state: Path,
    emulator: Emulator,
    provider_of: ProviderOf,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    async with Emulator(state=tmp_path / "stranger") as stranger:
        foreign = variables(stranger) | {
            "AZURE_TENANT_ID": emulator.tenant_id,
            "AZURE_CLIENT_ID": emulator.client_id,
            "AZURE_TOKEN_CREDENTIALS": "prod",
        }
        use(foreign, monkeypatch)
        provider = provider_of(client_secret=NO_SECRET)
        with pytest.raises(ConfigurationError):
            await provider.unwrap(wrap(pem(state), b"k" * 16))
