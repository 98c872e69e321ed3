"""Errors of the sign-in: what Microsoft Entra, an identity of this machine or the vault says against a token.

Each code of Entra (AADSTS…) and of the vault (AKV…) has its meaning and its remedy in one table, and Azure's own
sentence is always repeated. Codes are those of learn.microsoft.com/entra/identity-platform/reference-error-codes, of
recorded answers and of public reports.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.connection_errors import host_of
from reencrypt.keys.azure.retry import TransientError, delay_asked_for, may_pass
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.secret import MASK

_OK: Final = 200
_AADSTS: Final = re.compile(r"\bAADSTS([0-9]{1,9})\b", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
#: A code of the vault, or the one of the library that checks its tokens.
_VAULT_CODE: Final = re.compile(r"\b(AKV[0-9]{4,6}|S2S[0-9]{4,6}|IDX[0-9]{4,6})\b", re.ASCII)
#: What follows the sentence: for Azure's support.
_TRACE: Final = re.compile(r"\s*Trace ID: (?P<id>[0-9A-Za-z-]+)", re.ASCII)
#: "See the troubleshooting guide for more information: https://…"
_PAGE: Final = re.compile(
    r"\b(See|Visit|Please visit)\b[^.]{0,80}?https?://\S+( to troubleshoot this issue\.)?", re.ASCII
)
_TOKEN: Final = re.compile(r"\beyJ[0-9A-Za-z_-]{8,}(\.[0-9A-Za-z_-]*)*", re.ASCII)
_ENDS: Final = ("expires_in", "expires_on")
_TIMES: Final = ("refresh_in", "ext_expires_in")
_LONGEST: Final = 400
_LONGEST_READ: Final = 4000
#: A shorter one is no secret, and stands in ordinary words.
_SHORTEST_SECRET: Final = 6
#: OAuth's own words for a server that is down.
_PASSING_ERRORS: Final = ("temporarily_unavailable", "server_error")
#: Transient error, request budget exceeded, external server, gateway, timed out, tenant throttled.
_PASSING_CODES: Final = ("90033", "90024", "90006", "90025", "90012", "90055")


class TokenError(ConfigurationError):
    """There is no token for the vault, or the vault refuses it (401)."""

    code = "token"


class EntraRefusalError(Exception):
    """Entra refuses a token, in its own words: a number (`7000215`, or nothing), a sentence and a trace id."""

    def __init__(self, number: str, sentence: str, trace: str) -> None:
        super().__init__(sentence)
        self.number = number
        self.sentence = sentence
        self.trace = trace


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signs in: the names of tenant, client and proof, and where an operator finds them."""

    tenant: str
    client: str
    proof: str
    where: str


@dataclass(frozen=True, slots=True)
class _Remedy:
    """What a code means and what to do; `{tenant}`, `{client}`, `{proof}` and `{where}` are those of the identity."""

    what: str
    hint: str


_WAIT: Final = "Check the health of Microsoft Entra and the way to it, then start again; progress is saved."
_CORRECT: Final = "Correct it {where}."
_CLOCK: Final = "Synchronise this machine's clock (NTP): tokens are good for a limited time."
_WRONG_CLOUD: Final = _Remedy(
    "the tenant belongs to another cloud than the one that was asked",
    "Check that vault_uri and {tenant} are of one cloud; AZURE_AUTHORITY_HOST names its sign-in where it is set.",
)
_NO_SUCH_TENANT: Final = _Remedy(
    "{tenant} is wrong: this cloud has no such tenant",
    "Correct it {where}. `az account show --query tenantId` shows the one that you use.",
)
_NOT_A_TENANT: Final = _Remedy(
    "{tenant} is neither the ID of a tenant nor one of its domain names",
    "Correct it {where}: give the tenant's ID, or a domain name such as contoso.onmicrosoft.com.",
)
_FEDERATION: Final = _Remedy(
    "no federated credential of {client} fits {proof}",
    "Compare the federated credential's issuer, subject and audience with those of the token, letter by letter: "
    "`az identity federated-credential list`, or `az ad app federated-credential list --id CLIENT_ID`.",
)
_CERTIFICATE: Final = _Remedy(
    "{proof} does not prove {client}",
    "Register its certificate (`az ad app credential reset --append --cert @FILE --id CLIENT_ID`).",
)
_ASSERTION_TIME: Final = _Remedy("{proof} is not valid at this time", _CLOCK)
_BLOCKED: Final = _Remedy(
    "a Conditional Access policy of the tenant blocks this sign-in",
    "Run from a location that the policy allows, or have the tenant's administrator exclude this identity from it.",
)
_NO_PROOF: Final = _Remedy("nothing was sent that proves {client}", "Set {proof} {where}.")
_SIGN_IN_AGAIN: Final = _Remedy("the session of this machine's user has ended", "Run `az login` again.")
_NO_VAULT_SERVICE: Final = _Remedy(
    "that tenant does not know Azure Key Vault as a service",
    "Check that {tenant} is the vault's tenant; AZURE_AUTHORITY_HOST names the sign-in's cloud where it is set.",
)

_OF_ENTRA: Final[Mapping[str, _Remedy]] = {
    "7000215": _Remedy(
        "{proof} is wrong", "Correct it {where}: it is the secret's value, which is shown once, and not its ID."
    ),
    "7000222": _Remedy(
        "{proof} has expired", "Make a new one (`az ad app credential reset --id CLIENT_ID`), and set it {where}."
    ),
    "700016": _Remedy("{client} is unknown in that tenant", "Correct {client} or {tenant} {where}."),
    "700038": _Remedy("{client} is not the ID of an application", _CORRECT),
    "7000229": _Remedy(
        "{client} has no service principal in that tenant",
        "Run `az ad sp create --id CLIENT_ID` there, or correct {tenant} {where}.",
    ),
    "7000112": _Remedy(
        "the application of {client} is disabled",
        "Have the tenant's administrator enable it, by the enterprise application's `Enabled for users to sign-in`.",
    ),
    "90002": _NO_SUCH_TENANT,
    "90008": _NO_SUCH_TENANT,
    "900023": _NOT_A_TENANT,
    "900021": _NOT_A_TENANT,
    "50059": _NOT_A_TENANT,
    "700213": _FEDERATION,
    "700211": _FEDERATION,
    "700212": _FEDERATION,
    "700210": _FEDERATION,
    "70021": _FEDERATION,
    "70025": _FEDERATION,
    "700023": _FEDERATION,
    "7002137": _FEDERATION,
    "7002138": _FEDERATION,
    "700027": _CERTIFICATE,
    "700030": _CERTIFICATE,
    "50013": _CERTIFICATE,
    "700024": _ASSERTION_TIME,
    "50012": _ASSERTION_TIME,
    "50027": _Remedy("{proof} is not a token that Entra can read", "Set a valid one {where}."),
    "53003": _BLOCKED,
    "53011": _BLOCKED,
    "530032": _BLOCKED,
    "530034": _BLOCKED,
    "530035": _BLOCKED,
    "500011": _NO_VAULT_SERVICE,
    "500014": _Remedy(
        "Azure Key Vault is disabled as a service in that tenant",
        "Have the tenant's administrator enable its service principal, or correct {tenant} {where}.",
    ),
    "900382": _WRONG_CLOUD,
    "900432": _WRONG_CLOUD,
    "90038": _WRONG_CLOUD,
    "90051": _WRONG_CLOUD,
    "50034": _Remedy(
        "the account that signs in does not exist in that tenant",
        "Correct {tenant} {where}, or sign in with an account of the vault's tenant.",
    ),
    "50057": _Remedy("the account that signs in is disabled", "Have the tenant's administrator enable it."),
    "50076": _SIGN_IN_AGAIN,
    "50078": _SIGN_IN_AGAIN,
    "50079": _SIGN_IN_AGAIN,
    "50173": _SIGN_IN_AGAIN,
    "70043": _SIGN_IN_AGAIN,
    "700082": _SIGN_IN_AGAIN,
    "7000216": _NO_PROOF,
    "7000218": _NO_PROOF,
    "50196": _Remedy(
        "Entra has stopped this program's many identical requests for a token",
        "Wait some minutes, and run fewer programs with this identity at once.",
    ),
}

_OTHER_TENANT: Final = _Remedy(
    "{tenant} is not the vault's tenant", "Set {tenant} {where} to a tenant that the vault's sentence says it expects."
)
_TENANT_OF_A_MACHINE: Final = _Remedy(
    "the identity of this machine is of another tenant than the vault's",
    "A managed identity belongs to the tenant of its subscription. Set tenant_id, client_id and client_secret {where} "
    "to a service principal of the vault's tenant, or sign in there (`az login --tenant TENANT`).",
)
_OF_THE_VAULT: Final[Mapping[str, _Remedy]] = {
    "AKV10000": _Remedy(
        "a token was sent, and the vault got none",
        "Look for what removes the header `Authorization` on the way: a proxy or a gateway before the vault.",
    ),
    "AKV10022": _Remedy(
        "the token is for another service than the vault's",
        "Check that vault_uri and the sign-in are of one cloud, and AZURE_AUTHORITY_HOST where it is set.",
    ),
    "S2S12086": _Remedy("the vault says that a new token has expired", _CLOCK),
    "IDX10223": _Remedy("the vault says that a new token has expired", _CLOCK),
    "IDX10222": _Remedy("the vault says that a new token is not yet valid", _CLOCK),
}

_MACHINE: Final = "the identity of this machine"
_VARIABLES: Final = "in the environment of this program"


def signs_in_by_section(settings: AzureKeyVaultSettings, variables: Mapping[str, str]) -> bool:
    """Whether the service principal of the section signs in, and not the identity of this machine or pod."""
    chosen = variables.get("AZURE_TOKEN_CREDENTIALS", "").strip().lower()
    return bool(settings.client_secret) and chosen != "workloadidentitycredential"


def identity_of_section(settings: AzureKeyVaultSettings) -> Identity:
    """The service principal of Grafana's configuration."""
    return Identity("tenant_id", "client_id", "client_secret", f"in [{settings.section}]")


def identity_of(credential: str, settings: AzureKeyVaultSettings, variables: Mapping[str, str]) -> Identity:
    """The identity behind a credential of azure-identity, by the name of its class."""
    if credential == "ClientSecretCredential":
        return identity_of_section(settings)
    if credential == "EnvironmentCredential":
        secret = variables.get("AZURE_CLIENT_SECRET") is not None
        proof = "AZURE_CLIENT_SECRET" if secret else "the certificate of AZURE_CLIENT_CERTIFICATE_PATH"
        return Identity("AZURE_TENANT_ID", "AZURE_CLIENT_ID", proof, _VARIABLES)
    if credential == "WorkloadIdentityCredential":
        tenant = "AZURE_TENANT_ID" if variables.get("AZURE_TENANT_ID") else "tenant_id"
        client = "AZURE_CLIENT_ID" if variables.get("AZURE_CLIENT_ID") else "client_id"
        places = {_VARIABLES if name.startswith("AZURE_") else f"in [{settings.section}]" for name in (tenant, client)}
        return Identity(tenant, client, "the token of AZURE_FEDERATED_TOKEN_FILE", " or ".join(sorted(places)))
    return Identity("tenant_id", _MACHINE, _MACHINE, f"in [{settings.section}]")


def _identity_in_use(settings: AzureKeyVaultSettings, variables: Mapping[str, str]) -> Identity:
    """Return the identity whose token the vault has seen, as azure-identity chooses among those that are configured."""
    if signs_in_by_section(settings, variables):
        return identity_of_section(settings)
    chosen = variables.get("AZURE_TOKEN_CREDENTIALS", "").strip().lower()
    principal = variables.get("AZURE_TENANT_ID") and variables.get("AZURE_CLIENT_ID")
    proofs = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH")
    complete = bool(principal) and any(variables.get(name) for name in proofs)
    for name, has_what_it_takes in (
        ("EnvironmentCredential", complete),
        ("WorkloadIdentityCredential", bool(variables.get("AZURE_FEDERATED_TOKEN_FILE"))),
    ):
        if has_what_it_takes and chosen in ("", "prod", name.lower()):
            return identity_of(name, settings, variables)
    return identity_of("", settings, variables)


def check_token_answer(url: str, status: int, headers: Mapping[str, str], body: str) -> None:
    """Judge an answer of the token endpoint; returns where it holds a token.

    Raises `EntraRefusalError`, `TransientError` for what may pass, and `ConfigurationError` where it is not Entra that
    answers.
    """
    content, host = _object(body), host_of(url)
    if content is not None and isinstance(content.get("error"), str):
        _raise_refusal(host, status, headers, content)
    if may_pass(status):
        raise TransientError(f"the token endpoint at {host} answered {status}", delay_asked_for(headers), hint=_WAIT)
    if status != _OK:
        raise ConfigurationError(
            f"{host} answered {status} to the sign-in, and not as Microsoft Entra does",
            hint="Check AZURE_AUTHORITY_HOST, which has no path of its own, and what answers in Entra's place: a proxy "
            "perhaps, or a network that asks to sign in first.",
        )
    if content is None or not _is_token(content):
        raise TransientError(f"the token endpoint at {host} gave no answer of Microsoft Entra", hint=_WAIT)


def _raise_refusal(host: str, status: int, headers: Mapping[str, str], content: dict[str, Any]) -> None:
    description = content.get("error_description")
    text = description if isinstance(description, str) else ""
    codes = content.get("error_codes")
    named = _AADSTS.search(text)
    first = str(codes[0]) if isinstance(codes, list) and codes else ""
    number = named[1] if named else first if _NUMBER.fullmatch(first) else ""
    trace = _TRACE.search(text)
    sentence = _sentence(text[: trace.start()] if trace else text) or _sentence(content["error"])
    passing = number in _PASSING_CODES or content["error"] in _PASSING_ERRORS
    if passing or may_pass(status):
        raise TransientError(
            f"the token endpoint at {host} answered {status} ({sentence})", delay_asked_for(headers), hint=_WAIT
        )
    raise EntraRefusalError(number, sentence, trace["id"] if trace else "")


def refused_by_entra(settings: AzureKeyVaultSettings, identity: Identity, refusal: EntraRefusalError) -> TokenError:
    """Return the error for a refused sign-in: what is wrong, in Entra's words too, and where to correct it."""
    known = _OF_ENTRA.get(refusal.number)
    if known is not None:
        return _told(settings, identity, known, refusal.sentence)
    page = f" https://login.microsoftonline.com/error?code={refusal.number} explains it." if refusal.number else ""
    trace = f" Azure's support finds it by its trace id, {refusal.trace}." if refusal.trace else ""
    return TokenError(
        f"[{settings.section}]: no token for {settings.vault_uri} ({without_secret(settings, refusal.sentence)})",
        hint=f"Check {identity.tenant}, {identity.client} and {identity.proof} {identity.where}.{page}{trace}",
    )


def unauthorized(settings: AzureKeyVaultSettings, message: str) -> TokenError:
    """Return the error for a token that the vault refuses (401): there was one, so Entra is content."""
    sentence = _sentence(message)
    found = _VAULT_CODE.search(message)
    code = found[1] if found else ""
    identity = _identity_in_use(settings, os.environ)
    if code == "AKV10032":
        return _told(
            settings, identity, _TENANT_OF_A_MACHINE if identity.proof == _MACHINE else _OTHER_TENANT, sentence
        )
    if code in _OF_THE_VAULT:
        return _told(settings, identity, _OF_THE_VAULT[code], sentence)
    said = f" ({without_secret(settings, sentence)})" if sentence else ""
    return TokenError(
        f"[{settings.section}]: {settings.vault_uri} does not accept the token of this sign-in{said}",
        hint="Check that vault_uri, tenant_id and AZURE_AUTHORITY_HOST, where it is set, belong to one cloud.",
    )


def no_identity(settings: AzureKeyVaultSettings, tried: Mapping[str, str]) -> TokenError:
    """Return the error where no identity of this machine could even try; `tried` says why, by credential."""
    why = "; ".join(f"{name}: {without_secret(settings, _why(name, text), 160)}" for name, text in tried.items())
    because = ":" if settings.client_secret else " has no client_secret, and"
    return TokenError(
        f"[{settings.section}]{because} this machine's own identity got no token for {settings.vault_uri} ({why})",
        hint="Give this machine a managed or workload identity (AZURE_… variables), or set tenant_id, client_id and "
        f"client_secret in [{settings.section}].",
    )


def _why(name: str, text: str) -> str:
    """Return why azure-identity did not try a credential, without its name and the pages to read."""
    return _sentence(_PAGE.sub("", text)).removeprefix(f"{name} authentication unavailable.").strip(" .")


def machine_refused(settings: AzureKeyVaultSettings, name: str, text: str) -> TokenError:
    """Return the error for an identity of this machine that tried and failed, in its own words."""
    return TokenError(
        f"[{settings.section}]: this machine's own identity got no token for {settings.vault_uri} "
        f"({name}: {without_secret(settings, _sentence(text))})",
        hint="Check client_id there, which names a managed identity where the machine has several, and that identity.",
    )


def _told(settings: AzureKeyVaultSettings, identity: Identity, remedy: _Remedy, sentence: str) -> TokenError:
    names = {
        "tenant": identity.tenant, "client": identity.client, "proof": identity.proof, "where": identity.where
    }  # fmt: skip
    return TokenError(
        f"[{settings.section}]: {remedy.what.format(**names)} ({without_secret(settings, sentence)})",
        hint=remedy.hint.format(**names),
    )


def _sentence(text: str) -> str:
    """Return a text in one line, printable, and without anything that looks like a token."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text[:_LONGEST_READ]).split())
    return _TOKEN.sub(MASK, line)


def without_secret(settings: AzureKeyVaultSettings, text: str, longest: int = _LONGEST) -> str:
    """Return a text of somebody else's without the client secret, which no service should repeat, and cut."""
    secret = settings.client_secret.reveal()
    # Masked first: half of it is a secret too.
    masked = text.replace(secret, MASK) if len(secret) >= _SHORTEST_SECRET else text
    return masked if len(masked) <= longest else f"{masked[:longest]}…"


def _object(body: str) -> dict[str, Any] | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _is_token(content: dict[str, Any]) -> bool:
    token, ends = content.get("access_token"), [content[name] for name in _ENDS if name in content]
    times = [*ends, *(content[name] for name in _TIMES if name in content)]
    if not isinstance(token, str) or not token or not ends:
        return False
    # azure-identity takes an answer with an error for a refusal, whatever else it holds.
    return "error" not in content and all(map(_is_time, times))


def _is_time(value: object) -> bool:
    return not isinstance(value, bool) and re.fullmatch(r"[0-9]{1,12}", str(value), re.ASCII) is not None
