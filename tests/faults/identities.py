"""Faults: tokens, tenants and proxies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from tests.faults.table import ALL_ENGINES, Answer, Fault, Plant, everywhere
from tests.support.connect_proxy import connect_proxy
from tests.support.story import Story

#: What has to do with a vault does not depend on the database.
_ENGINES: Final = ALL_ENGINES[:1]
_SECTION: Final = "[security.encryption.azurekv.prod]"
#: Names that a proxy alone leads to; the emulator's certificate holds them.
_VAULT, _SIGN_IN = "prod.vault.azure.net", "login.vault.azure.net"
_CANARY: Final = "c4n4ry"
_ASKING: Final = ("doctor", "run")
#: Those that need the vault where nothing is under it yet, and where everything is.
_BEFORE: Final = ("doctor", "plan", "run", "complete", "rewrap")
_AFTER: Final = ("verify", "rollback")
_OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {"plan": ("--check",)}
_HASTY: Final[Mapping[str, tuple[str, ...]]] = dict.fromkeys(_ASKING, ("--vault-deadline", "1"))


def _configured(change: Callable[[Story], tuple[str, str]]) -> Plant:
    """Replace a text in the configuration."""

    def plant(story: Story, _stack: ExitStack) -> Story:
        old, new = change(story)
        path = story.cli.configuration
        assert path is not None
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        return story

    return plant


def _environment(make: Callable[[Story], Mapping[str, str]], *, secret: bool = True) -> Plant:
    """Set variables; without a `secret` in the configuration, so that an identity of the machine is used."""

    def plant(story: Story, stack: ExitStack) -> Story:
        if not secret:
            _configured(lambda story: (story.vault.client_secret, ""))(story, stack)
        return replace(story, cli=replace(story.cli, environment=make(story)))

    return plant


def _behind_a_proxy(*, credentials: str = "", answer: str = "", value: str = "http://{}") -> Plant:
    """Move vault and sign-in behind a proxy of its own; `value` is that of the variable, around its address."""

    def plant(story: Story, stack: ExitStack) -> Story:
        target = ("127.0.0.1", urlsplit(story.vault.uri).port or 0)
        proxy = stack.enter_context(connect_proxy(target, credentials=credentials, answer=answer))
        _configured(lambda story: (story.vault.uri, f"https://{_VAULT}"))(story, stack)
        variables = {
            "HTTPS_PROXY": value.format(proxy.address),
            "NO_PROXY": "",
            "AZURE_AUTHORITY_HOST": f"https://{_SIGN_IN}",
        }
        return replace(story, cli=replace(story.cli, environment=variables))

    return plant


def _wrong_secret(story: Story) -> tuple[str, str]:
    return story.vault.client_secret, f"{_CANARY}-wrong"


_WRONG_SECRET: Final = Answer(
    2,
    says=("client_secret is wrong", "AADSTS7000215", "Invalid client secret provided", _SECTION),
    never_says=(_CANARY,),
)
_CREDENTIALS: Final = Answer(
    2,
    says=("the proxy http://127.0.0.1:", "(407 Proxy", "HTTPS_PROXY", "USER:PASSWORD"),
    never_says=(_CANARY, "the vault answered"),
)

FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        "wrong_client_secret",
        _ENGINES,
        _configured(_wrong_secret),
        everywhere(_WRONG_SECRET, *_BEFORE),
        options=_OPTIONS,
    ),
    Fault(
        "client_secret_that_became_wrong",
        _ENGINES,
        _configured(_wrong_secret),
        everywhere(_WRONG_SECRET, *_AFTER),
        after_run=True,
    ),
    Fault(
        "tenant_of_no_form",
        _ENGINES,
        _configured(lambda story: (story.vault.tenant_id, "nobody")),
        everywhere(Answer(2, says=("AADSTS900023", "neither the ID of a tenant nor one of its domain names")), "run"),
    ),
    Fault(
        "tenant_in_capitals",
        _ENGINES,
        _configured(lambda story: (story.vault.tenant_id, story.vault.tenant_id.upper())),
        everywhere(Answer(0), "run"),
    ),
    Fault(
        "identity_of_no_name",
        _ENGINES,
        _environment(lambda _: {"AZURE_TOKEN_CREDENTIALS": "WorkloadIdentity"}, secret=False),
        everywhere(Answer(2, says=("AZURE_TOKEN_CREDENTIALS", "workloadidentitycredential", _SECTION)), *_ASKING),
    ),
    Fault(
        "token_file_that_is_not_there",
        _ENGINES,
        _environment(
            lambda story: {
                "AZURE_FEDERATED_TOKEN_FILE": "/no/such/token",
                "AZURE_CLIENT_ID": story.vault.client_id,
                "AZURE_TENANT_ID": story.vault.tenant_id,
                "AZURE_TOKEN_CREDENTIALS": "WorkloadIdentityCredential",
            },
            secret=False,
        ),
        everywhere(
            Answer(2, says=("AZURE_FEDERATED_TOKEN_FILE: /no/such/token cannot be read", "No such file")), *_ASKING
        ),
    ),
    Fault(
        "token_file_that_is_a_device",
        _ENGINES,
        _environment(
            lambda story: {
                "AZURE_FEDERATED_TOKEN_FILE": "/dev/zero",
                "AZURE_CLIENT_ID": story.vault.client_id,
                "AZURE_TENANT_ID": story.vault.tenant_id,
            },
            secret=False,
        ),
        everywhere(Answer(2, says=("AZURE_FEDERATED_TOKEN_FILE: /dev/zero is a device, not a file",)), *_ASKING),
    ),
    Fault(
        "certificate_that_is_a_device",
        _ENGINES,
        _environment(
            lambda story: {
                "AZURE_CLIENT_CERTIFICATE_PATH": "/dev/zero",
                "AZURE_CLIENT_ID": story.vault.client_id,
                "AZURE_TENANT_ID": story.vault.tenant_id,
            },
            secret=False,
        ),
        everywhere(Answer(2, says=("AZURE_CLIENT_CERTIFICATE_PATH: /dev/zero is a device, not a file",)), *_ASKING),
    ),
    Fault(
        "sign_in_at_no_path",
        _ENGINES,
        _environment(lambda story: {"AZURE_AUTHORITY_HOST": f"{story.vault.uri}/tenant"}),
        everywhere(Answer(2, says=("answered 404 to the sign-in", "AZURE_AUTHORITY_HOST")), "run"),
    ),
    Fault(
        "sign_in_that_is_down",
        _ENGINES,
        _environment(lambda _: {"AZURE_AUTHORITY_HOST": "https://localhost:9"}),
        everywhere(Answer(7, says=("no connection to localhost:9", "gave up")), "run"),
        options=_HASTY,
    ),
    Fault(
        "bundle_of_certificates_that_is_not_there",
        _ENGINES,
        _environment(lambda _: {"SSL_CERT_FILE": "/no/such/bundle.pem"}),
        everywhere(Answer(2, says=("SSL_CERT_FILE: /no/such/bundle.pem cannot be read", "unset it")), *_ASKING),
    ),
    Fault(
        "password_in_vault_uri",
        _ENGINES,
        _configured(lambda story: (story.vault.uri, story.vault.uri.replace("//", f"//alice:{_CANARY}@"))),
        everywhere(Answer(2, says=("vault_uri must be https://HOST alone",), never_says=(_CANARY,)), *_ASKING),
    ),
    Fault(
        "proxy_without_a_scheme",
        _ENGINES,
        _behind_a_proxy(credentials=f"alice:{_CANARY}", value=f"alice:{_CANARY}@{{}}"),
        everywhere(Answer(0, never_says=(_CANARY,)), "run"),
    ),
    Fault(
        "proxy_that_asks_for_credentials",
        _ENGINES,
        _behind_a_proxy(credentials="alice:right"),
        everywhere(_CREDENTIALS, *_BEFORE),
        options=_OPTIONS,
    ),
    Fault(
        "proxy_that_knows_another_password",
        _ENGINES,
        _behind_a_proxy(credentials="alice:right", value=f"http://alice:{_CANARY}@{{}}"),
        everywhere(_CREDENTIALS, *_ASKING),
    ),
    Fault(
        "proxy_that_refuses_the_vault",
        _ENGINES,
        _behind_a_proxy(answer="403 Forbidden"),
        everywhere(Answer(2, says=(f"refuses the way to {_VAULT} (403 Forbidden)", "NO_PROXY")), *_ASKING),
    ),
    Fault(
        "proxy_that_is_down",
        _ENGINES,
        _behind_a_proxy(answer="503 Service Unavailable"),
        everywhere(Answer(7, says=("the proxy http://127.0.0.1:", "answered 503 Service Unavailable")), *_ASKING),
        options=_HASTY,
    ),
    Fault(
        "proxy_of_another_kind",
        _ENGINES,
        _behind_a_proxy(value=f"socks5://alice:{_CANARY}@{{}}"),
        everywhere(Answer(2, says=("HTTPS_PROXY names a proxy of the kind socks5",), never_says=(_CANARY,)), *_ASKING),
    ),
    Fault(
        "proxy_of_no_address",
        _ENGINES,
        _behind_a_proxy(value=f"http://alice:{_CANARY}#@{{}}"),
        everywhere(
            Answer(2, says=("HTTPS_PROXY is not the address of a proxy", "percent-encoded"), never_says=(_CANARY,)),
            *_ASKING,
        ),
    ),
)
