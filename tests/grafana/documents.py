"""The JSON documents of Grafana that hold secrets somewhere inside, with all that looks like a secret and is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.grafana.jsontext import Json


def sso_settings(secrets: Mapping[str, str], servers: Sequence[Mapping[str, str]]) -> Json:
    """The settings of a sign-on provider; with `servers` those of LDAP."""
    document: dict[str, Json] = {
        "zetaUnknown": {"nested": [1, 2.50, None]},
        "clientId": "b3c1",
        "allowSignUp": True,
        "authUrl": "https://login.example.org/a?b=1&c=<d>",
        "scopes": "openid profile",
        "name": "Größe ☃",
        **secrets,
    }
    if servers:
        document["config"] = {"servers": [_ldap_server(server) for server in servers], "attributes": {"email": "mail"}}
    return document


def _ldap_server(secrets: Mapping[str, str]) -> Json:
    return {
        "host": "ldap.example.org",
        "port": 636,
        "bind_dn": "cn=admin,dc=example,dc=org",
        "use_ssl": True,
        "search_base_dns": ["dc=example,dc=org"],
        "client_cert": "/etc/ldap/client.crt",
        "timeout": 10,
        **secrets,
        "group_mappings": [{"group_dn": "*", "org_role": "Viewer"}],
    }


def receiver_path(receivers: str, number: int) -> str:
    """The path of the secure settings of receiver `number`; every third receiver has two integrations."""
    return f"{receivers}[{number}].grafana_managed_receiver_configs[{number % 3 // 2}].secureSettings"


def alert_configuration(receivers: Sequence[Mapping[str, str]], extra: Sequence[str]) -> Json:
    """The configuration of the alert manager with one receiver for each map of secure settings."""
    document: dict[str, Json] = {
        "template_files": {"näme": '{{ define "x" }}<b>{{ .secureSettings }}</b>{{ end }}'},
        "alertmanager_config": {
            "route": {"receiver": "grafana-default-email", "group_by": ["grafana_folder", "alertname"]},
            "templates": None,
            "receivers": [_receiver(number, secrets) for number, secrets in enumerate(receivers)],
            "unknown_field": {"secureSettings": {"url": "not a secret: wrong place"}},
        },
        "managed_routes": {},
    }
    if extra:
        document["extra_config"] = [
            {"identifier": f"mimir-{number}", "merge_matchers": [], "template_files": {}, "alertmanager_config": text}
            for number, text in enumerate(extra)
        ]
    return document


def _receiver(number: int, secrets: Mapping[str, str]) -> Json:
    integration: Json = {
        "uid": f"uid{number}",
        "name": f"Kontakt {number} 🔔",
        "type": "slack",
        "disableResolveMessage": False,
        "settings": {"recipient": "#alerts", "secureSettings": {"url": "c2VjcmV0"}, "text": "a\\b/c\u2028\t<&>"},
        "secureSettings": {**secrets},
    }
    plain: Json = {"uid": "", "name": "email", "type": "email", "settings": {"addresses": "<example@email.com>"}}
    integrations: list[Json] = [plain, integration] if number % 3 == 2 else [integration]
    return {"name": f"Kontakt {number} 🔔", "grafana_managed_receiver_configs": integrations}


def repository(name: str, *, token: str | None, webhook: str | None) -> Json:
    """A repository of Git synchronisation, as unified storage keeps it."""
    github: dict[str, Json] = {"url": "https://github.com/example/dashboards", "branch": "main"}
    hook: dict[str, Json] = {
        "id": 123456789012,
        "url": "https://grafana.example.org/hook",
        "subscribedEvents": ["push"],
    }
    if token is not None:
        github["encryptedToken"] = token
    if webhook is not None:
        hook["encryptedSecret"] = webhook
    return {
        "apiVersion": "provisioning.grafana.app/v0alpha1",
        "kind": "Repository",
        "metadata": {"name": name, "namespace": "default", "uid": "x", "annotations": {"encryptedToken": "no secret"}},
        "spec": {"title": "Dashboards & <more>", "type": "github", "workflows": ["write"], "github": github},
        "status": {"observedGeneration": 1, "health": {"healthy": True}, "webhook": hook},
    }
