"""What a vault's 4xx means to an operator: recorded answers, each told by its cause, with the vault's own words."""

from __future__ import annotations

import pytest

from reencrypt.errors import ConfigurationError, ReencryptError, RefusedError
from reencrypt.keys.azure.errors import (
    BadCiphertextError,
    ForeignAnswerError,
    KeyOperationForbiddenError,
    UnexplainedRefusalError,
    VersionDisabledError,
)
from reencrypt.keys.azure.refusals import Asked, disabled
from reencrypt.keys.azure.responses import judge
from reencrypt.keys.azure.retry import TransientError
from reencrypt.keys.azure.sign_in_errors import TokenError
from reencrypt.keys.errors import AccessDeniedError, KeyMissingError
from tests.unit.keys.azure.answers import HSM, VERSION, Answered, answered, key_in, page, refusal

KEY = "key grafana in https://myvault.vault.azure.net"
APP, OBJECT = "2ff1a5f9-1f3a-4d6e-9d1a-5a6f0f6f0001", "7c9e6679-7425-40de-944b-e07fc1f90ae7"
CALLER = f"appid={APP};oid={OBJECT};iss=https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/"

BY_POLICY = (
    f"The user, group or application '{CALLER}' does not have keys decrypt permission on key vault "
    "'myvault;location=westeurope'. For help resolving this issue, please see "
    "https://go.microsoft.com/fwlink/?linkid=2125287"
)
BY_RBAC = (
    "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role "
    "definitions were changed recently, please observe propagation time.\r\n"
    f"Caller: {CALLER}\r\nAction: 'Microsoft.KeyVault/vaults/keys/decrypt/action'\r\n"
    "Resource: '/subscriptions/1/resourcegroups/g/providers/microsoft.keyvault/vaults/myvault/keys/grafana'\r\n"
    "Assignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \r\nVault: myvault;location=eastus\r\n"
)
BY_FIREWALL = (
    "Client address is not authorized and caller is not a trusted service.\r\nClient address: 203.0.113.7\r\n"
    f"Caller: {CALLER}\r\nVault: myvault;location=eastus"
)
NOT_PUBLIC = (
    "Public network access is disabled and request is not from a trusted service nor via an approved private link.\r\n"
    f"Caller: {CALLER}\r\nVault: myvault;location=eastus"
)
NOT_APPROVED = (
    "Connection is not an approved private link and caller was ignored because bypass is not set to 'AzureServices' "
    "and PublicNetworkAccess is set to 'Disabled'.\r\n\r\nVault: myvault;location=eastus"
)
BY_HSM = (
    "Not authorized to access Microsoft.KeyVault/managedHsm/keys/decrypt/action on /keys/grafana "
    "(Activity ID: 5d3a1c3c-0000-11ee-8000-000d3a5b0001)"
)
HSM_KEY = f"key grafana in {HSM}"
DISABLED = "Operation decrypt is not allowed on a disabled key."
KEY_OPS = "Operation decrypt is not permitted on this key."


def judged(answer: Answered, operation: str = "decrypt", version: str = VERSION, vault: str = "") -> Exception:
    settings = key_in(vault) if vault else key_in()
    with pytest.raises((ReencryptError, BadCiphertextError, TransientError)) as caught:
        judge(Asked(settings, operation, version), answer)
    return caught.value


@pytest.mark.parametrize(
    ("code", "inner", "text", "kind", "says", "hint"),
    [
        ("Forbidden", "KeyDisabled", DISABLED, VersionDisabledError, f"{KEY}, version {VERSION} is disabled", "true`"),
        ("Forbidden", "", DISABLED, VersionDisabledError, "is disabled", f"--version {VERSION} --enabled true"),
        ("Forbidden", "KeyOperationForbidden", KEY_OPS, KeyOperationForbiddenError, "key_ops do not allow", "key show"),
        ("Forbidden", "", KEY_OPS, KeyOperationForbiddenError, "its key_ops do not allow decrypt", "Add decrypt"),
        ("Forbidden", "ForbiddenByFirewall", BY_FIREWALL, ConfigurationError, "the firewall of https://my", "address"),
        ("Forbidden", "", BY_FIREWALL, ConfigurationError, "the firewall of", "networking"),
        ("Forbidden", "ForbiddenByConnection", NOT_PUBLIC, ConfigurationError, "no connections of this", "private"),
        ("Forbidden", "", NOT_PUBLIC, ConfigurationError, "no connections of this network", "private endpoint"),
        ("Forbidden", "", NOT_APPROVED, ConfigurationError, "no connections of this network", "private endpoint"),
        ("Forbidden", "ForbiddenByPolicy", BY_POLICY, AccessDeniedError, "lacks the permission decrypt", "Add decrypt"),
        ("Forbidden", "AccessDenied", BY_POLICY, AccessDeniedError, f"the application {APP}", "access policies"),
        ("Forbidden", "", BY_POLICY, AccessDeniedError, f"(object id {OBJECT}) lacks", f"of {OBJECT} in the access"),
        ("Forbidden", "ForbiddenByRbac", BY_RBAC, AccessDeniedError, "lacks the permission", "Key Vault Crypto User"),
        ("Forbidden", "", BY_RBAC, AccessDeniedError, f"the application {APP} (object", f"--assignee {OBJECT} --role"),
        (
            "Forbidden",
            "",
            "Operation encrypt is not allowed on an expired key.",
            RefusedError,
            "is outside its validity period",
            "Make a new version",
        ),
        (
            "Forbidden",
            "SomethingNew",
            "No.",
            UnexplainedRefusalError,
            f"{KEY}, version {VERSION} is forbidden",
            "words",
        ),
        ("Forbidden", "", "", UnexplainedRefusalError, "decrypt with key grafana", "its request id, the-id"),
    ],
)
def test_every_403_is_told_by_its_cause_in_the_vaults_words_and_no_remedy_takes_anything_away(
    code: str, inner: str, text: str, kind: type[ReencryptError], says: str, hint: str
) -> None:
    error = judged(refusal(403, code, text, inner, x_ms_request_id="the-id"))
    assert type(error) is kind
    assert isinstance(error, ReencryptError)
    assert error.exit_code == (6 if kind in (VersionDisabledError, RefusedError) else 2)
    assert says in error.message
    assert hint in error.hint
    # In one line.
    assert " ".join(text.split()) in error.message
    assert f"the vault answered 403 {code}" in error.message
    assert inner in error.message
    # These replace the list that they name (azure-cli).
    assert "set-policy" not in error.hint
    assert "--ops encrypt" not in error.hint
    assert ("lacks the permission" in error.message) == (kind is AccessDeniedError)


def test_the_roles_of_a_managed_hsm_are_its_own() -> None:
    error = judged(refusal(403, "AccessDenied", BY_HSM), vault=HSM)
    assert type(error) is AccessDeniedError
    assert error.message.startswith(f"the-client lacks the permission decrypt on {HSM_KEY}")
    assert "Activity ID: 5d3a1c3c" in error.message
    assert "az keyvault role assignment create --hsm-name myhsm --assignee the-client" in error.hint
    assert "'Managed HSM Crypto User' --scope /keys/grafana" in error.hint


def test_an_identity_without_a_client_id_is_that_of_the_machine() -> None:
    with pytest.raises(AccessDeniedError) as caught:
        judge(Asked(key_in(HSM, client_id=""), "unwrapkey"), refusal(403, "AccessDenied", BY_HSM))
    assert caught.value.message.startswith("the identity of this machine lacks the permission unwrapKey")
    assert "--assignee CLIENT_ID" in caught.value.hint


def test_a_version_that_was_not_named_is_called_the_newest() -> None:
    error = disabled(key_in(), "")
    assert error.message == f"the newest version of {KEY} is disabled"
    assert "--version" not in error.hint


@pytest.mark.parametrize(
    ("code", "text", "vault"),
    [
        ("BadParameter", "Error occurred while decoding OAEP padding.", ""),
        ("BadParameter", "The parameter is incorrect.\r\n", ""),
        ("BadParameter", "Encountered error while decrypting (Activity ID: 5d3a1c3c)", HSM),
        ("GeneralError", "Encountered error while decrypting (Activity ID: 5d3a1c3c)", HSM),
    ],
)
@pytest.mark.parametrize("operation", ["decrypt", "unwrapkey"])
def test_a_block_that_does_not_decrypt_is_told_from_a_request_that_was_not_understood(
    code: str, text: str, vault: str, operation: str
) -> None:
    error = judged(refusal(400, code, text), operation, vault=vault)
    assert type(error) is BadCiphertextError
    assert text.strip() in str(error)


@pytest.mark.parametrize(
    ("answer", "operation", "says"),
    [
        (
            refusal(400, "BadParameter", "Content of 'value' is not base64url.\r\nProperty 'value' is required.\r\n"),
            "decrypt",
            "Content of 'value' is not base64url. Property 'value' is required.",
        ),
        (refusal(400, "RequestDisallowedByGateway", "Not here."), "decrypt", "RequestDisallowedByGateway: Not here."),
        (refusal(400, "BadParameter", "The parameter is incorrect."), "encrypt", "The parameter is incorrect."),
        (refusal(405, "MethodNotAllowed", "No such method."), "get", "405 MethodNotAllowed: No such method."),
        (refusal(409, "Conflict", "Deleted.", "ObjectIsDeletedButRecoverable"), "get", "ObjectIsDeletedButRecoverable"),
        (refusal(404, "ResourceMoved", "Elsewhere."), "get", "404 ResourceMoved: Elsewhere."),
    ],
)
def test_every_other_4xx_ends_at_once_with_the_vaults_words(answer: Answered, operation: str, says: str) -> None:
    error = judged(answer, operation)
    assert type(error) is ConfigurationError
    assert says in error.message
    assert "is refused" in error.message


def test_a_key_that_is_not_there_keeps_the_vaults_advice() -> None:
    text = "A key with (name/id) grafana was not found in this key vault. If you recently deleted this key you may"
    error = judged(refusal(404, "KeyNotFound", text))
    assert type(error) is KeyMissingError
    assert text in error.message


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            page(404, server="Microsoft-IIS/10.0"),
            "answered 404, in another form than Key Vault's (text/html, from M",
        ),
        (page(403, server="squid/5.7"), "answered 403, in another form than Key Vault's (text/html, from squid/5.7)"),
        (page(407), "answered 407"),
        (page(400), "answered 400"),
        (page(302, Location="https://portal.example.org/login?c4n4ry=1"), "302 with a redirect to portal.example.org,"),
        (page(307, Location="/keys/grafana/decrypt"), "answered 307, in another"),
        (page(308, Location="https://[broken"), "answered 308"),
        (page(511), "answered 511"),
        (page(501), "answered 501"),
        (answered(404, {"statusCode": 404, "message": "c4n4ry"}), "404, in another form than Key Vault's (application"),
        (answered(403, {"error": "bad_gateway c4n4ry"}), "answered 403"),
        (answered(401, {}, WWW_Authenticate="Negotiate"), "answered 401"),
        (Answered(404), "no content type"),
    ],
)
def test_an_answer_of_another_form_that_will_not_pass_ends_at_once(answer: Answered, says: str) -> None:
    error = judged(answer)
    assert type(error) is ForeignAnswerError
    assert error.exit_code == 2
    assert says in error.message
    assert "myvault.vault.azure.net answered" in error.message
    assert "c4n4ry" not in error.message + error.hint
    assert "NO_PROXY" in error.hint


@pytest.mark.parametrize("status", [200, 202, 204, 408, 500, 502, 503, 504, 520])
def test_what_may_pass_by_itself_is_asked_again(status: int) -> None:
    assert type(judged(page(status))) is TransientError


def test_a_refused_token_is_told_from_a_guest_networks_sign_in() -> None:
    bearer = 'Bearer authorization="https://login.microsoftonline.com/1", resource="https://managedhsm.azure.net"'
    assert type(judged(Answered(401, b"", {"WWW-Authenticate": bearer}), vault=HSM)) is TokenError
    assert type(judged(refusal(401, "Unauthorized", "AKV10032: Invalid issuer."))) is TokenError
    assert type(judged(page(401, WWW_Authenticate='Basic realm="guests"'))) is ForeignAnswerError


def test_what_was_sent_and_tokens_stay_out_of_the_words_of_a_gateway() -> None:
    sent, token = "c2VjcmV0LWRhdGEta2V5IQ", "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJl"
    answer = refusal(403, "Blocked", f"Matched '{sent}' in ARGS\x1b[2J\ud800 of Bearer {token}" + "x" * 5000)
    with pytest.raises(UnexplainedRefusalError) as caught:
        judge(Asked(key_in(), "encrypt"), answer, sent)
    said = caught.value.message
    assert sent not in said
    assert "eyJ" not in said
    assert said.isprintable()
    assert len(said) < 1300
