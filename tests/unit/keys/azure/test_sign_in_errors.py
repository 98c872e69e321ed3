"""What a refused sign-in means to an operator: each code in its own words, Azure's sentence beside it, no secret."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.retry import TransientError
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.azure.sign_in_errors import (
    EntraRefusalError,
    TokenError,
    check_token_answer,
    identity_of,
    no_identity,
    refused_by_entra,
    unauthorized,
)
from reencrypt.secret import Secret

SECRET = "c4n4ry-client-secret"
SECTION = "[security.encryption.azurekv.prod]"
URL = "https://login.microsoftonline.com/the-tenant/oauth2/v2.0/token"
TRACE = "Trace ID: 7c3280d4-5d54 Correlation ID: 1409d806-a8f8 Timestamp: 2026-09-28 21:43:07Z"


def azure(client_secret: str = SECRET) -> AzureKeyVaultSettings:
    return AzureKeyVaultSettings(
        provider="azurekv.prod",
        section="security.encryption.azurekv.prod",
        tenant_id="the-tenant",
        client_id="the-client",
        client_secret=Secret(client_secret),
        key_name="grafana",
        vault_uri="https://myvault.vault.azure.net",
        loopback=False,
        trusted_suffix=True,
    )


#: Entra's sentences, from recorded answers and public reports, with the status and OAuth's error they came with.
REFUSALS = [
    (401, "invalid_client", "AADSTS7000215: Invalid client secret provided.", "client_secret is wrong", "not its ID"),
    (401, "invalid_client", "AADSTS7000222: The provided client secret keys are expired.", "has expired", "az ad app"),
    (400, "unauthorized_client", "AADSTS700016: Application 'x' was not found", "client_id is unknown", "tenant_id"),
    (400, "invalid_request", "AADSTS90002: Tenant 'x' not found.", "tenant_id is wrong", "az account show"),
    (
        400,
        "invalid_request",
        "AADSTS900023: Specified tenant identifier 'x' is neither a valid DNS name, nor a valid external domain.",
        "tenant_id is neither the ID of a tenant nor one of its domain names",
        "onmicrosoft.com",
    ),
    (
        401,
        "invalid_client",
        "AADSTS700213: No matching federated identity record found for presented assertion subject 'a'.",
        "no federated credential of client_id fits",
        "letter by letter",
    ),
    (401, "invalid_client", "AADSTS700211: … presented assertion issuer 'b'.", "no federated credential", "issuer"),
    (401, "invalid_client", "AADSTS700212: … assertion audience 'c'.", "no federated credential", "audience"),
    (401, "invalid_client", "AADSTS7002138: … not with case-sensitive", "no federated credential", "letter by letter"),
    (
        401,
        "invalid_client",
        "AADSTS700027: Client assertion contains an invalid signature.",
        "does not prove",
        "--cert",
    ),
    (401, "invalid_client", "AADSTS700024: Client assertion is not within its valid time range.", "not valid", "NTP"),
    (401, "unauthorized_client", "AADSTS7000112: Application 'x'(y) is disabled.", "is disabled", "administrator"),
    (
        400,
        "access_denied",
        "AADSTS53003: Access has been blocked by Conditional Access",
        "Conditional Access",
        "exclude",
    ),
    (
        400,
        "invalid_resource",
        "AADSTS500011: The resource principal named https://vault.azure.net was not found in the tenant named x.",
        "does not know Azure Key Vault",
        "vault's tenant",
    ),
    (
        400,
        "invalid_request",
        "AADSTS900382: Confidential Client is not supported in Cross Cloud request.",
        "another cloud",
        "AZURE_AUTHORITY_HOST",
    ),
    (400, "invalid_grant", "AADSTS50034: The user account does not exist in the tenant.", "does not exist", "tenant"),
    (401, "invalid_client", "AADSTS7000218: The request body must contain", "nothing was sent that proves", "Set"),
]


def refusal(status: int, error: str, description: str, **fields: object) -> EntraRefusalError:
    body = {"error": error, "error_description": f"{description} {TRACE}", **fields}
    with pytest.raises(EntraRefusalError) as caught:
        check_token_answer(URL, status, {}, json.dumps(body))
    return caught.value


@pytest.mark.parametrize(("status", "oauth", "description", "says", "hint"), REFUSALS)
def test_every_code_of_entra_has_its_cause_its_remedy_and_its_sentence(
    status: int, oauth: str, description: str, says: str, hint: str
) -> None:
    settings = azure()
    found = refusal(status, oauth, description)
    error = refused_by_entra(settings, identity_of("ClientSecretCredential", settings, {}), found)
    assert (type(error), error.exit_code) == (TokenError, 2)
    assert error.message.startswith(f"{SECTION}: ")
    assert says in error.message
    assert f"({description})" in error.message
    assert hint in error.hint
    assert "{" not in error.message + error.hint
    assert "Timestamp" not in error.message


def test_no_two_causes_share_a_sentence_but_where_they_share_a_remedy() -> None:
    settings = azure()
    identity = identity_of("ClientSecretCredential", settings, {})
    told = {refused_by_entra(settings, identity, refusal(400, oauth, text)).hint for _, oauth, text, _, _ in REFUSALS}
    # The four about federation are one.
    assert len(told) == len(REFUSALS) - 3


def test_a_code_that_nobody_knows_is_shown_with_where_to_look_it_up() -> None:
    settings = azure()
    found = refusal(400, "invalid_request", "AADSTS1234567: Something new.\r\nOn two lines.")
    error = refused_by_entra(settings, identity_of("ClientSecretCredential", settings, {}), found)
    assert "no token for https://myvault.vault.azure.net (AADSTS1234567: Something new. On two lines.)" in error.message
    assert "https://login.microsoftonline.com/error?code=1234567" in error.hint
    assert "7c3280d4-5d54" in error.hint
    assert f"tenant_id, client_id and client_secret in {SECTION}" in error.hint


def test_a_code_without_a_sentence_is_found_too() -> None:
    found = refusal(400, "invalid_request", "", error_codes=[90002])
    assert found.number == "90002"
    # Something that is no number is not repeated.
    assert refusal(400, "invalid_request", "", error_codes=["\x1f"]).number == ""
    settings = azure()
    assert "tenant_id is wrong" in refused_by_entra(settings, identity_of("", settings, {}), found).message


@pytest.mark.parametrize(
    ("credential", "variables", "says"),
    [
        ("EnvironmentCredential", {"AZURE_CLIENT_SECRET": "x"}, "AZURE_CLIENT_SECRET is wrong"),
        ("EnvironmentCredential", {}, "the certificate of AZURE_CLIENT_CERTIFICATE_PATH is wrong"),
        ("WorkloadIdentityCredential", {}, "the token of AZURE_FEDERATED_TOKEN_FILE is wrong"),
        ("ClientSecretCredential", {"AZURE_CLIENT_SECRET": "x"}, "client_secret is wrong"),
    ],
)
def test_the_names_are_those_of_who_asked(credential: str, variables: dict[str, str], says: str) -> None:
    settings = azure()
    found = EntraRefusalError("7000215", "AADSTS7000215: no", "")
    assert says in refused_by_entra(settings, identity_of(credential, settings, variables), found).message


def test_a_pods_own_ids_are_corrected_where_they_are_set() -> None:
    settings, found = azure(""), EntraRefusalError("700016", "AADSTS700016: no", "")
    for variables, client, where in (
        ({"AZURE_CLIENT_ID": "a", "AZURE_TENANT_ID": "b"}, "AZURE_CLIENT_ID", "in the environment of this program"),
        ({}, "client_id", f"in {SECTION}"),
    ):
        error = refused_by_entra(settings, identity_of("WorkloadIdentityCredential", settings, variables), found)
        assert error.message.startswith(f"{SECTION}: {client} is unknown")
        assert where in error.hint


@pytest.mark.parametrize(
    ("status", "content", "seconds"),
    [
        (503, {"error": "temporarily_unavailable", "error_description": "AADSTS90033: A transient error"}, None),
        (400, {"error": "temporarily_unavailable"}, None),
        (400, {"error": "invalid_request", "error_description": "AADSTS90033: A transient error"}, None),
        (400, {"error": "invalid_request", "error_description": "AADSTS90055: too many incoming requests"}, None),
        (429, {"error": "invalid_request", "error_description": "AADSTS7000215"}, 7.0),
        (500, {}, 7.0),
        (502, None, None),
        (504, [], 2.0),
        (408, "x", None),
        (200, None, None),
        (200, {"access_token": "x"}, None),
        (200, {"access_token": "x", "expires_in": "soon"}, None),
        (200, {"access_token": "x", "expires_in": None}, None),
        (200, {"access_token": "x", "refresh_in": 3}, None),
        (200, {"access_token": "x", "expires_in": 3, "refresh_in": []}, None),
        (200, {"access_token": 7, "expires_in": 3}, None),
        (200, {"expires_in": 3}, None),
    ],
)
def test_what_may_pass_is_tried_again(status: int, content: object, seconds: float | None) -> None:
    body = "<html>" if content is None else json.dumps(content)
    headers = {"Retry-After": f"{seconds:g}"} if seconds else {}
    with pytest.raises(TransientError, match=r"the token endpoint at login\.microsoftonline\.com") as caught:
        check_token_answer(URL, status, headers, body)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 405, 407, 410, 501, 505, 511])
@pytest.mark.parametrize("body", ["<html>404 - File or directory not found.</html>", "", "{}"])
def test_another_server_in_entras_place_is_a_matter_of_configuration(status: int, body: str) -> None:
    with pytest.raises(ConfigurationError, match=f"login.microsoftonline.com answered {status}") as caught:
        check_token_answer(URL, status, {}, body)
    assert "AZURE_AUTHORITY_HOST" in caught.value.hint


def test_a_token_is_content() -> None:
    body = {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": "3599", "access_token": "t0ken"}
    check_token_answer(URL, 200, {}, json.dumps(body))


ISSUER = "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/1/, found https://sts.windows.net/2/."


@pytest.mark.parametrize(
    ("message", "secret", "says", "hint"),
    [
        (ISSUER, SECRET, "tenant_id is not the vault's tenant", "Set tenant_id in [security"),
        (ISSUER, "", "the identity of this machine is of another tenant", "az login --tenant"),
        (
            "AKV10022: Invalid audience. Expected https://vault.azure.net, found: https://vault.azure.cn.",
            SECRET,
            "the token is for another service",
            "one cloud",
        ),
        (
            "AKV10000: Request is missing a Bearer or PoP token.",
            SECRET,
            "a token was sent, and the vault got",
            "header",
        ),
        ("[TokenExpired] Error validating token: 'S2S12086'.", SECRET, "says that a new token has expired", "NTP"),
        ("Error validating token: IDX10223", SECRET, "says that a new token has expired", "NTP"),
        ("AKV10046: Unable to resolve the key used for signature validation.", SECRET, "does not accept", "one cloud"),
        ("", "", "does not accept the token of this sign-in", "one cloud"),
    ],
)
def test_every_401_of_the_vault_has_its_cause_and_its_sentence(message: str, secret: str, says: str, hint: str) -> None:
    error = unauthorized(azure(secret), message)
    assert (type(error), error.exit_code) == (TokenError, 2)
    assert error.message.startswith(f"{SECTION}: ")
    assert says in error.message
    assert message in error.message
    assert hint in error.hint
    # There was a token, so nothing is wrong with the identity of the machine.
    assert "no client_secret" not in error.message


@pytest.mark.parametrize(
    ("secret", "variables", "says"),
    [
        (SECRET, {"AZURE_TENANT_ID": "a", "AZURE_FEDERATED_TOKEN_FILE": "f"}, "tenant_id is not the vault's"),
        (
            SECRET,
            {
                "AZURE_TENANT_ID": "a",
                "AZURE_FEDERATED_TOKEN_FILE": "f",
                "AZURE_TOKEN_CREDENTIALS": " WorkloadIdentityCredential",
            },
            "AZURE_TENANT_ID is not the vault's",
        ),
        ("", {"AZURE_TENANT_ID": "a", "AZURE_FEDERATED_TOKEN_FILE": "f"}, "AZURE_TENANT_ID is not the vault's"),
        ("", {"AZURE_FEDERATED_TOKEN_FILE": "f"}, "tenant_id is not the vault's"),
        (
            "",
            {"AZURE_TENANT_ID": "a", "AZURE_CLIENT_ID": "b", "AZURE_CLIENT_SECRET": "c"},
            "AZURE_TENANT_ID is not the vault's",
        ),
        (
            "",
            {
                "AZURE_TENANT_ID": "a",
                "AZURE_CLIENT_ID": "b",
                "AZURE_CLIENT_SECRET": "c",
                "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential",
            },
            "the identity of this machine is of another tenant",
        ),
        ("", {"AZURE_TENANT_ID": "a"}, "the identity of this machine is of another tenant"),
    ],
)
def test_the_tenant_to_correct_is_that_of_who_asked(
    secret: str, variables: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert says in unauthorized(azure(secret), ISSUER).message


def test_without_an_identity_each_kind_says_why() -> None:
    tried = {
        "EnvironmentCredential": "EnvironmentCredential authentication unavailable. Variables are not all set.\n"
        "Visit https://aka.ms/azsdk/python/identity/environmentcredential/troubleshoot to troubleshoot this issue.",
        "WorkloadIdentityCredential": "WorkloadIdentityCredential authentication unavailable. See the troubleshooting "
        "guide for more information: https://aka.ms/azsdk. Missing required arguments: 'token_file_path'.",
        "AzureCliCredential": "no az",
    }
    error = no_identity(azure(""), tried)
    assert "has no client_secret" in error.message
    assert "(EnvironmentCredential: Variables are not all set; Workload" in error.message
    assert "WorkloadIdentityCredential: Missing required arguments: 'token_file_path'; AzureCli" in error.message
    assert "AzureCliCredential: no az)" in error.message
    assert "managed or workload identity" in error.hint
    # A pod whose own identity goes before the file's.
    assert "has no client_secret" not in no_identity(azure(SECRET), tried).message


FIELDS = st.sampled_from(
    ["error", "error_description", "error_codes", "access_token", "expires_in", "expires_on", "refresh_in", "suberror"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(FIELDS | st.text(max_size=5), children, max_size=5)
    ),
    max_leaves=8,
)
TEXTS = st.sampled_from(
    [*(text for _, _, text, _, _ in REFUSALS), "AADSTS", "AADSTS90033", "{tenant}", "{", "\x00\r\n"]
)


@given(
    st.integers(200, 599),
    st.dictionaries(FIELDS, JSON | TEXTS, max_size=5).map(json.dumps) | JSON.map(json.dumps) | st.text(),
    st.text(max_size=8),
)
def test_no_answer_of_a_token_endpoint_ends_in_another_error(status: int, body: str, retry_after: str) -> None:
    settings = azure()
    try:
        check_token_answer(URL, status, {"Retry-After": retry_after}, body)
    except EntraRefusalError as found:
        error = refused_by_entra(settings, identity_of("ClientSecretCredential", settings, {}), found)
        assert len(error.message) < 700
        assert (error.message + error.hint).isprintable()
    except (ConfigurationError, TransientError):
        pass


@given(st.text(), st.text(), st.sampled_from(["", *(text for _, _, text, _, _ in REFUSALS), ISSUER]))
def test_a_secret_or_a_token_that_azure_repeats_is_masked(head: str, tail: str, sentence: str) -> None:
    settings: AzureKeyVaultSettings = azure()
    token = "eyJ0eXAiOiJKV1QifQ.eyJhdWQiOiJodHRwcyJ9.c2lnbmF0dXJl"
    text = f"{sentence} {head} {SECRET} {token} {tail}"
    body = json.dumps({"error": "invalid_client", "error_description": text})
    with pytest.raises((EntraRefusalError, TransientError)) as caught:
        check_token_answer(URL, 401, {}, body)
    errors = [unauthorized(settings, text), no_identity(settings, {"A": text})]
    if isinstance(caught.value, EntraRefusalError):
        errors.append(refused_by_entra(settings, identity_of("", settings, {}), caught.value))
    for error in errors:
        said = error.message + error.hint
        assert SECRET not in said
        assert "eyJ0eXAiOiJKV1QifQ" not in said
