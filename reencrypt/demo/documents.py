"""The JSON documents that hold secrets somewhere inside, as Grafana writes them: compact, in its order of keys."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def render(document: Mapping[str, Any]) -> str:
    """The document as Grafana's encoder writes it."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def sso_settings(client_secret: str, servers: Sequence[Mapping[str, str]]) -> str:
    """The settings of a sign-on provider; `servers` are LDAP's secrets, one map for each server."""
    document: dict[str, Any] = {
        "allowSignUp": True,
        "authUrl": "https://login.example.org/authorize?prompt=none&x=<y>",
        "clientId": "6f1c",
        "clientSecret": client_secret,
        "name": "Größe ☃",
        "scopes": "openid profile",
    }
    if servers:
        document["config"] = {
            "servers": [
                {"bind_dn": "cn=admin,dc=example,dc=org", "host": "ldap.example.org", "port": 636, **server}
                for server in servers
            ]
        }
    return render(document)


def alert_configuration(contact_points: Sequence[Mapping[str, str]], imported: str) -> str:
    """The Alertmanager's configuration; `imported` is an encrypted Mimir configuration, or empty for none."""
    document: dict[str, Any] = {
        "template_files": {"näme": '{{ define "x" }}<b>{{ .Labels }}</b>{{ end }}'},
        "alertmanager_config": {
            "route": {"receiver": "contact-0", "group_by": ["grafana_folder", "alertname"]},
            "receivers": [
                {
                    "name": f"contact-{number}",
                    "grafana_managed_receiver_configs": [
                        {
                            "uid": f"uid{number}",
                            "name": f"contact-{number}",
                            "type": "slack",
                            "disableResolveMessage": False,
                            "settings": {"recipient": "#alerts"},
                            "secureSettings": dict(settings),
                        }
                    ],
                }
                for number, settings in enumerate(contact_points)
            ],
        },
    }
    if imported:
        document["extra_config"] = [
            {"identifier": "mimir", "merge_matchers": [], "template_files": {}, "alertmanager_config": imported}
        ]
    return render(document)


def repository(name: str, *, token: str, webhook: str) -> str:
    """A repository of Git synchronisation, as unified storage keeps it."""
    return render(
        {
            "apiVersion": "provisioning.grafana.app/v0alpha1",
            "kind": "Repository",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "title": "Dashboards & <more>",
                "type": "github",
                "github": {"url": "https://github.com/example/boards", "branch": "main", "encryptedToken": token},
            },
            "status": {"observedGeneration": 1, "webhook": {"id": 123456789012, "encryptedSecret": webhook}},
        }
    )
