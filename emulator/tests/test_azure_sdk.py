"""Azure's own SDK for Python against the emulator: synchronous, which signs in with MSAL, and asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeAlias

import msal
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, ResourceNotFoundError
from azure.core.pipeline.transport import AioHttpTransport
from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from azure.identity import aio as identity
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys import aio as keyvault
from azure.keyvault.keys.crypto import EncryptionAlgorithm, KeyWrapAlgorithm
from emulator_clients import session_for
from keyvault_emulator import Emulator

Options: TypeAlias = dict[str, Any]
Credential: TypeAlias = (
    ClientSecretCredential | CertificateCredential | WorkloadIdentityCredential | ManagedIdentityCredential
)
AsyncCredential: TypeAlias = (
    identity.ClientSecretCredential
    | identity.CertificateCredential
    | identity.WorkloadIdentityCredential
    | identity.ManagedIdentityCredential
)
SCOPE = "https://vault.azure.net/.default"


def secret(emulator: Emulator) -> Options:
    return {"tenant_id": emulator.tenant_id, "client_id": emulator.client_id, "client_secret": emulator.client_secret}


def certificate(emulator: Emulator) -> Options:
    path = str(emulator.identities.certificate)
    return {"tenant_id": emulator.tenant_id, "client_id": emulator.client_id, "certificate_path": path}


def workload(emulator: Emulator) -> Options:
    path = str(emulator.identities.federated_token)
    return {"tenant_id": emulator.tenant_id, "client_id": emulator.client_id, "token_file_path": path}


def by_domain(emulator: Emulator) -> Options:
    # The challenge of the vault names the id, which the SDK compares as text.
    return secret(emulator) | {"tenant_id": emulator.tenant_domain, "additionally_allowed_tenants": ["*"]}


def machine(emulator: Emulator) -> Options:
    del emulator
    return {}


IDENTITIES = [
    (secret, ClientSecretCredential, identity.ClientSecretCredential),
    (by_domain, ClientSecretCredential, identity.ClientSecretCredential),
    (certificate, CertificateCredential, identity.CertificateCredential),
    (workload, WorkloadIdentityCredential, identity.WorkloadIdentityCredential),
    (machine, ManagedIdentityCredential, identity.ManagedIdentityCredential),
]


@pytest.fixture
def of_a_machine(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", emulator.machine_endpoint)
    monkeypatch.setenv("IDENTITY_HEADER", emulator.identities.header)


@contextmanager
def signed_in(emulator: Emulator, kind: Callable[..., Credential], options: Options) -> Iterator[KeyClient]:
    # Instance discovery asks login.microsoftonline.com about every host that it does not know.
    trust = {"connection_verify": str(emulator.ca_bundle)}
    credential = kind(**options, **trust, authority=emulator.authority, disable_instance_discovery=True)
    with (
        closing(credential),
        KeyClient(emulator.vault_uri, credential, verify_challenge_resource=False, **trust) as keys,
    ):
        yield keys


@pytest.mark.parametrize(("options", "kind"), [(options, kind) for options, kind, _ in IDENTITIES])
@pytest.mark.usefixtures("of_a_machine")
async def test_the_synchronous_sdk_does_everything_under_every_identity(
    emulator: Emulator, options: Callable[[Emulator], Options], kind: Callable[..., Credential]
) -> None:
    def use() -> None:
        with signed_in(emulator, kind, options(emulator)) as keys:
            created = keys.create_rsa_key("fresh", size=2048)
            versions = list(keys.list_properties_of_key_versions("fresh"))
            assert [version.version for version in versions] == [created.properties.version]
            assert keys.get_key("fresh").id == created.id
            crypto = keys.get_cryptography_client("fresh")
            sealed = crypto.encrypt(EncryptionAlgorithm.rsa_oaep_256, b"a secret")
            assert crypto.decrypt(sealed.algorithm, sealed.ciphertext).plaintext == b"a secret"
            wrapped = crypto.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, b"a data key")
            assert crypto.unwrap_key(wrapped.algorithm, wrapped.encrypted_key).key == b"a data key"
            with pytest.raises(ResourceNotFoundError):
                keys.get_key("absent")

    await asyncio.to_thread(use)


@pytest.mark.parametrize(("options", "kind"), [(options, kind) for options, _, kind in IDENTITIES])
@pytest.mark.usefixtures("of_a_machine")
async def test_the_asynchronous_sdk_does_everything_under_every_identity(
    emulator: Emulator,
    options: Callable[[Emulator], Options],
    kind: Callable[..., AsyncCredential],
) -> None:
    async with session_for(emulator) as session:
        transport = AioHttpTransport(session=session, session_owner=False)
        credential = kind(**options(emulator), transport=transport, authority=emulator.authority)
        async with (
            credential,
            keyvault.KeyClient(
                emulator.vault_uri, credential, verify_challenge_resource=False, transport=transport
            ) as keys,
        ):
            created = await keys.create_rsa_key("fresh", size=2048)
            versions = [version async for version in keys.list_properties_of_key_versions("fresh")]
            assert [version.version for version in versions] == [created.properties.version]
            assert (await keys.get_key("fresh")).id == created.id
            crypto = keys.get_cryptography_client("fresh")
            sealed = await crypto.encrypt(EncryptionAlgorithm.rsa_oaep_256, b"a secret")
            assert (await crypto.decrypt(sealed.algorithm, sealed.ciphertext)).plaintext == b"a secret"
            wrapped = await crypto.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, b"a data key")
            assert (await crypto.unwrap_key(wrapped.algorithm, wrapped.encrypted_key)).key == b"a data key"
            with pytest.raises(ResourceNotFoundError):
                await keys.get_key("absent")


async def test_the_synchronous_sdk_reads_the_configuration_first_and_then_asks_for_one_token(
    emulator: Emulator,
) -> None:
    def use() -> None:
        with signed_in(emulator, ClientSecretCredential, secret(emulator)) as keys:
            keys.get_key("prod")

    emulator.clear_requests()
    await asyncio.to_thread(use)
    asked = [(record.method, record.operation, record.status) for record in emulator.requests()]
    assert asked == [("GET", "get", 401), ("GET", "discovery", 200), ("POST", "token", 200), ("GET", "get", 200)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_secret": "wrong-canary"}, "AADSTS7000215: Invalid client secret provided."),
        ({"client_id": "11111111-2222-3333-4444-555555555555"}, "AADSTS700016: Application with identifier"),
        # MSAL keeps Entra's own words to itself.
        ({"tenant_id": "11111111-2222-3333-4444-555555555555"}, "Unable to get authority configuration"),
    ],
)
async def test_the_synchronous_sdk_says_what_entra_says(emulator: Emulator, changes: Options, words: str) -> None:
    def use() -> None:
        trust = {"connection_verify": str(emulator.ca_bundle)}
        options = secret(emulator) | changes
        credential = ClientSecretCredential(
            **options, **trust, authority=emulator.authority, disable_instance_discovery=True
        )
        with credential, pytest.raises((ClientAuthenticationError, ValueError), match=words) as caught:
            credential.get_token(SCOPE)
        assert "canary" not in str(caught.value)

    await asyncio.to_thread(use)


async def test_msal_takes_the_emulator_for_an_instance_that_exists(emulator: Emulator) -> None:
    def use() -> None:
        session = requests.Session()
        session.verify, session.trust_env = str(emulator.ca_bundle), False
        application = msal.ConfidentialClientApplication(
            emulator.client_id,
            emulator.client_secret,
            authority=f"{emulator.authority}/{emulator.tenant_domain}",
            instance_discovery=f"{emulator.authority}/common/discovery/instance",
            http_client=session,
        )
        assert "access_token" in application.acquire_token_for_client([SCOPE])
        session.close()

    await asyncio.to_thread(use)
