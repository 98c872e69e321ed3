"""Without a client_secret: every identity that a machine may have, through azure-identity's own chain."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from emulator_clients import wire_to
from keyvault_emulator import Emulator
from keyvault_emulator.tenants import DOMAIN

from reencrypt.errors import ConfigurationError, ReencryptError
from reencrypt.keys.azure.provider import AzureKeyProvider
from reencrypt.secret import Secret
from tests.integration.keys.conftest import ProviderOf
from tests.integration.keys.test_azure import pem, wrap

NO_SECRET = Secret("")
BLOCK = b"\x01" * 256
SECTION = "[security.encryption.azurekv.prod]"
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


@pytest.mark.parametrize(("tenant", "asked"), [("contoso.example", "--tenant contoso.example"), ("", "")])
async def test_the_azure_cli_is_asked_for_the_configured_tenant_and_never_for_that_of_a_challenge(
    tenant: str,
    asked: str,
    state: Path,
    emulator: Emulator,
    provider_of: ProviderOf,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    async with wire_to(emulator) as wire:
        answer = {"accessToken": wire.token, "expires_on": int(time.time()) + 3600}
    script, said = tmp_path / "az", tmp_path / "said"
    script.write_text(f"#!/bin/sh\necho \"$@\" > {said}\necho '{json.dumps(answer)}'\n")
    script.chmod(0o755)
    use({"AZURE_TOKEN_CREDENTIALS": "AzureCliCredential"}, monkeypatch)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    provider = provider_of(client_secret=NO_SECRET, client_id="", tenant_id=tenant)
    assert (await provider.unwrap(wrap(pem(state), b"k" * 16))).data_key == b"k" * 16
    assert ("--tenant" in said.read_text()) is bool(tenant)
    assert asked in said.read_text()


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


async def failing(provider: AzureKeyProvider) -> ReencryptError:
    with pytest.raises(ReencryptError) as caught:
        await provider.unwrap(BLOCK)
    assert "c4n4ry" not in caught.value.message + caught.value.hint
    return caught.value


# What an operator can have wrong. Each ends in its own sentence and exit code 2.


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda _: None, "cannot be read: No such file or directory"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"\n"), "is empty"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "holds no token"),
    ],
)
async def test_a_token_file_that_holds_none_is_named(
    make: Callable[[Path], object],
    says: str,
    emulator: Emulator,
    provider_of: ProviderOf,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    path = tmp_path / "token"
    make(path)
    use(workload(emulator) | {"AZURE_FEDERATED_TOKEN_FILE": str(path)}, monkeypatch)
    error = await failing(provider_of(client_secret=NO_SECRET))
    assert (error.exit_code, error.message) == (2, f"{SECTION}: AZURE_FEDERATED_TOKEN_FILE: {path} {says}")
    assert "azure.workload.identity/use" in error.hint


def locked(emulator: Emulator, path: Path) -> None:
    pem_file = emulator.identities.certificate.read_bytes()
    key = load_pem_private_key(pem_file, None)
    certificate = pem_file[pem_file.index(b"-----BEGIN CERTIFICATE") :]
    encryption = BestAvailableEncryption(b"c4n4ry-password")
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption) + certificate)


@pytest.mark.parametrize(
    ("make", "password"),
    [
        (lambda *_: None, ""),
        (lambda _, path: path.mkdir(), ""),
        (lambda _, path: path.write_bytes(b""), ""),
        (lambda _, path: path.write_bytes(b"no certificate"), ""),
        (lambda _, path: path.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), ""),
        (lambda emulator, path: path.write_bytes(emulator.ca_bundle.read_bytes()), ""),
        (locked, ""),
        (locked, "c4n4ry-wrong"),
        (lambda emulator, path: path.write_bytes(emulator.identities.certificate.read_bytes()), "c4n4ry-needless"),
    ],
    ids=["missing", "folder", "empty", "text", "broken", "no key", "locked", "wrong password", "needless password"],
)
async def test_a_certificate_that_cannot_be_used_is_named(
    make: Callable[[Emulator, Path], object],
    password: str,
    emulator: Emulator,
    provider_of: ProviderOf,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    path = tmp_path / "client.pem"
    make(emulator, path)
    variables = certificate(emulator) | {"AZURE_CLIENT_CERTIFICATE_PATH": str(path)}
    use(variables | ({"AZURE_CLIENT_CERTIFICATE_PASSWORD": password} if password else {}), monkeypatch)
    error = await failing(provider_of(client_secret=NO_SECRET))
    assert error.exit_code == 2
    assert error.message.startswith(f"{SECTION}: AZURE_CLIENT_CERTIFICATE_PATH: {path}: ")
    assert "AZURE_CLIENT_CERTIFICATE_PASSWORD" in error.hint


async def test_a_certificate_with_its_password_signs_in(
    state: Path, emulator: Emulator, provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "client.pem"
    locked(emulator, path)
    variables = {"AZURE_CLIENT_CERTIFICATE_PATH": str(path), "AZURE_CLIENT_CERTIFICATE_PASSWORD": "c4n4ry-password"}
    use(certificate(emulator) | variables, monkeypatch)
    provider = provider_of(client_secret=NO_SECRET)
    assert (await provider.unwrap(wrap(pem(state), b"k" * 16))).data_key == b"k" * 16


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"AZURE_CLIENT_SECRET": ""}, "AZURE_CLIENT_SECRET is set and empty"),
        ({"AZURE_CLIENT_ID": "", "AZURE_CLIENT_SECRET": ""}, "AZURE_CLIENT_ID and AZURE_CLIENT_SECRET are set and"),
        ({"AZURE_CLIENT_SECRET": "c4n4ry\udcff"}, "AZURE_CLIENT_SECRET holds bytes that are not UTF-8"),
        ({"AZURE_TENANT_ID": "no tenant!", "AZURE_CLIENT_SECRET": "c4n4ry"}, "Invalid tenant ID"),
        (
            {"AZURE_TOKEN_CREDENTIALS": "WorkloadIdentity"},
            "Invalid value for AZURE_TOKEN_CREDENTIALS: workloadidentity",
        ),
        ({"AZURE_AUTHORITY_HOST": "http://localhost"}, "AZURE_AUTHORITY_HOST begins with http://"),
        ({"AZURE_AUTHORITY_HOST": "https://a:c4n4ry@localhost"}, "AZURE_AUTHORITY_HOST must not hold a user"),
        (
            {"AZURE_TOKEN_CREDENTIALS": "WorkloadIdentityCredential"},
            "(WorkloadIdentityCredential: The workload options are not fully configured.",
        ),
    ],
)
async def test_a_variable_that_cannot_be_used_is_named(
    variables: dict[str, str], says: str, emulator: Emulator, provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    use({"AZURE_TENANT_ID": emulator.tenant_id, "AZURE_CLIENT_ID": emulator.client_id} | variables, monkeypatch)
    error = await failing(provider_of(client_secret=NO_SECRET))
    assert error.exit_code == 2
    assert says in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("authority", "exit_code", "says"),
    [
        (lambda emulator: f"{emulator.authority}/no/such/path", 2, "answered 404 to the sign-in, and not as Microsoft"),
        (lambda emulator: f"{emulator.authority}/{emulator.tenant_id}", 2, "answered 404 to the sign-in"),
        (lambda _: "https://localhost:9", 7, "no connection to localhost:9"),
        (lambda _: "https://nobody.invalid", 7, "no connection to nobody.invalid"),
        (lambda _: f"https://{'x' * 64}.example.org", 2, "is not a name of a host"),
        (lambda _: "https://xn--a.example..org", 2, "is not a name of a host"),
    ],
)
async def test_a_sign_in_that_is_not_there_is_told_from_one_that_is_down(
    authority: Callable[[Emulator], str],
    exit_code: int,
    says: str,
    emulator: Emulator,
    provider_of: ProviderOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", authority(emulator))
    error = await failing(provider_of())
    assert (error.exit_code, says in error.message) == (exit_code, True), error.message
    # A name that nobody knows is more often mistyped than down.
    assert exit_code != 7 or ("vault_uri" in error.hint) == ("invalid" in says)


# The identity of a machine, whose endpoint is plain http on a link-local address.


Answers = list[web.Response]


@asynccontextmanager
async def machine_endpoint(answers: Answers) -> AsyncIterator[str]:
    """An endpoint as on a virtual machine; the last answer is repeated."""

    async def handle(_: web.BaseRequest) -> web.Response:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("answer", "exit_code", "says"),
    [
        (
            web.json_response({"error": "invalid_request", "error_description": "Identity not found"}, status=400),
            2,
            "The requested identity has not been assigned to this resource",
        ),
        (web.json_response({"error": "forbidden"}, status=403), 2, "ManagedIdentityCredential: "),
        (web.Response(status=404), 7, "the endpoint of this machine's identity answered 404"),
        (web.json_response({"error": "gone"}, status=410), 7, "identity answered 410"),
        (web.json_response({"error": "too many"}, status=429), 7, "identity answered 429"),
        (web.json_response({"error": "failed"}, status=500), 7, "identity answered 500"),
        (web.json_response([]), 2, "No token received"),
        (web.json_response({"access_token": "t", "expires_in": "soon", "resource": "x"}), 2, "no response from the"),
        (web.Response(text="<html>", content_type="text/html"), 2, "Unexpected content type"),
    ],
)
async def test_a_machines_endpoint_is_taken_at_its_word(
    answer: web.Response, exit_code: int, says: str, provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with machine_endpoint([answer]) as uri:
        use({"AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential"}, monkeypatch)
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", uri)
        error = await failing(provider_of(client_secret=NO_SECRET))
    assert error.exit_code == exit_code, error.message
    assert says in error.message


@pytest.mark.parametrize(
    ("answer", "exit_code", "says"),
    [
        (web.json_response({"access_token": "t", "expires_on": "9999999999"}), 7, "cannot be read (ManagedIdentity"),
        (web.json_response({"access_token": "t", "expires_on": {}, "resource": "x"}), 7, "cannot be read (Managed"),
        (web.json_response({"message": "failed"}, status=500), 7, "identity answered 500"),
        (web.json_response({"message": "no such identity"}, status=400), 2, "no such identity"),
    ],
)
async def test_an_app_services_endpoint_is_taken_at_its_word(
    answer: web.Response, exit_code: int, says: str, provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with machine_endpoint([answer]) as uri:
        endpoint = {"IDENTITY_ENDPOINT": f"{uri}/msi/token", "IDENTITY_HEADER": "x"}
        use(endpoint | {"AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential"}, monkeypatch)
        error = await failing(provider_of(client_secret=NO_SECRET))
    assert error.exit_code == exit_code, error.message
    assert says in error.message


async def test_without_an_endpoint_a_machine_has_no_identity(
    provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    use({"AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential"}, monkeypatch)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")
    # Not by the proxy, where one is set.
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    error = await failing(provider_of(client_secret=NO_SECRET))
    assert error.exit_code == 2
    assert "has no client_secret, and this machine's own identity got no token" in error.message
    assert "no response from the IMDS endpoint" in error.message
    assert "tenant_id, client_id and client_secret" in error.hint


async def test_a_machines_identity_that_has_worked_may_come_back(
    state: Path, emulator: Emulator, provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire_to(emulator) as wire:
        content = {"access_token": wire.token, "expires_on": str(int(time.time()) - 1), "resource": "x"}
    # Over by the time it comes, so that each request asks for another one.
    answers = [web.json_response(content)]
    async with machine_endpoint(answers) as uri:
        use({"AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential"}, monkeypatch)
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", uri)
        provider = provider_of(client_secret=NO_SECRET)
        assert (await provider.unwrap(wrap(pem(state), b"k" * 16))).data_key == b"k" * 16
        answers[:] = [web.json_response({"error": "invalid_request"}, status=400)]
        error = await failing(provider)
        assert "this machine's own identity got no token" in error.message
        assert (error.exit_code, "gave up" in error.message) == (7, True)
        # The vault refuses the token besides, and a new credential is made.
        emulator.expire_tokens()
        assert (await failing(provider)).exit_code == 7


# Tenants.


@pytest.mark.parametrize("spell", [str.upper, str.lower, lambda _: DOMAIN])
async def test_a_tenant_is_found_in_any_case_and_by_its_domain(
    spell: Callable[[str], str], state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    provider = provider_of(tenant_id=spell(emulator.tenant_id), client_id=emulator.client_id.upper())
    assert (await provider.unwrap(wrap(pem(state), b"k" * 16))).data_key == b"k" * 16


async def test_a_tenant_of_the_environment_is_found_in_any_case(
    state: Path, emulator: Emulator, provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(workload(emulator) | {"AZURE_TENANT_ID": emulator.tenant_id.upper()}, monkeypatch)
    provider = provider_of(client_secret=NO_SECRET, tenant_id=str(uuid.uuid4()))
    assert (await provider.unwrap(wrap(pem(state), b"k" * 16))).data_key == b"k" * 16
