"""The names of the catalogue's rows: what Grafana's user interface calls what holds a secret.

No column here holds a secret. The key of a dashboard snapshot, which in unified storage is its name, opens it without a
login, so it is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from reencrypt.catalogue.document import EACH
from reencrypt.catalogue.naming import Document, Link, Naming

_ORGANISATION: Final = Link("org", ("id",), ("org_id",), {"organisation": "name"})
_USER: Final = Link("user", ("id",), ("user_id",), {"login": "login"})
_SAVE: Final = ("save the {name} again in Grafana, with its secrets entered again",)
_OLD_VERSION: Final = (
    "acknowledge it: {name} is an old version, and Grafana reads it only where somebody restores it",
)
_SIGN_IN: Final = ('let user "{login}" sign in again', "let user {user_id} sign in again")

_DATA_SOURCE: Final = Naming(
    ('data source "{name}"{of_organisation}',), ("org_id", "name"), (_ORGANISATION,), again=_SAVE
)

# Receivers are contact points in Grafana's words, and their configurations integrations
# (pkg/services/ngalert/api/tooling/definitions/alertmanager.go). Neither name is in `secureSettings`.
_RECEIVER: Final = ("alertmanager_config", "receivers", EACH)
_CONFIGURATION: Final = "alertmanager_configuration"
_CONTACT_POINTS: Final = Naming(
    ("Alertmanager configuration{of_organisation}",),
    ("org_id",),
    (_ORGANISATION,),
    (
        Document(
            _CONFIGURATION,
            f"{_CONFIGURATION}.alertmanager_config.receivers[",
            {
                "receiver": (*_RECEIVER, "name"),
                "type": (*_RECEIVER, "grafana_managed_receiver_configs", EACH, "type"),
            },
            (
                'contact point "{receiver}"{of_organisation}, integration "{type}"',
                'contact point "{receiver}"{of_organisation}',
            ),
        ),
        Document(
            _CONFIGURATION,
            f"{_CONFIGURATION}.extra_config[",
            {"identifier": ("extra_config", EACH, "identifier")},
            ('imported Alertmanager configuration "{identifier}"{of_organisation}',),
        ),
    ),
    again=_SAVE,
)

_SNAPSHOT: Final = Naming(
    ('dashboard snapshot in namespace "{namespace}"',),
    again=("delete the {name} in Grafana, and take it again if somebody needs it",),
)
_RESOURCE: Final = Naming(
    ('resource "{group}/{resource}" "{name}" in namespace "{namespace}"',),
    ("group", "resource", "namespace", "name"),
    documents=(
        Document(
            "value",
            "value.spec.dashboardEncrypted",
            {"title": ("spec", "title")},
            ('dashboard snapshot "{title}" in namespace "{namespace}"',),
        ),
    ),
    kind="resource",
    by_kind={
        "repositories": Naming(('repository "{name}" in namespace "{namespace}"',), again=_SAVE),
        "snapshots": _SNAPSHOT,
    },
)


def _of_history(naming: Naming) -> Naming:
    """The same of a table of old versions."""
    kinds = {kind: replace(each, again=_OLD_VERSION) for kind, each in naming.by_kind.items()}
    return replace(naming, by_kind=kinds, again=_OLD_VERSION)


#: By the name of a location. Nobody knows how the rows of declared locations are called.
NAMINGS: Final[Mapping[str, Naming]] = {
    "dashboard_snapshot": Naming(
        ('dashboard snapshot "{name}"{of_organisation}',), ("org_id", "name"), (_ORGANISATION,), again=_SNAPSHOT.again
    ),
    "user_auth": Naming(
        (
            'login of user "{login}" by "{auth_module}"',
            'login of user "{login}"',
            'login of user {user_id} by "{auth_module}"',
            "login of user {user_id}",
        ),
        ("user_id", "auth_module"),
        (_USER,),
        again=_SIGN_IN,
    ),
    # The namespace by type: see the location, and the `Set` of the stores named there.
    "secrets": Naming(
        ('secret "{namespace}" of type "{type}"{of_organisation}',),
        ("org_id", "namespace", "type"),
        (_ORGANISATION,),
        kind="type",
        by_kind={
            "datasource": Naming(('data source "{namespace}"{of_organisation}',), again=_SAVE),
            "extsvc-token": Naming(('service account token of plugin "{namespace}"{of_organisation}',)),
            "cloudmigration-snapshot-encryption-key": Naming(
                ('encryption key of cloud migration snapshot "{namespace}"',),
                again=("build another snapshot for the cloud migration in Grafana",),
            ),
        },
    ),
    "data_source": _DATA_SOURCE,
    "plugin_setting": Naming(
        ('plugin "{plugin_id}"{of_organisation}',), ("org_id", "plugin_id"), (_ORGANISATION,), again=_SAVE
    ),
    "signing_key": Naming(('signing key "{key_id}"',), ("key_id",), again=("restore the row of {name} from a backup",)),
    "alert_configuration": _CONTACT_POINTS,
    "alert_configuration_history": _of_history(_CONTACT_POINTS),
    "sso_setting": Naming(('SSO settings of "{provider}"',), ("provider",), again=_SAVE),
    "user_external_session": Naming(
        ('session of user "{login}" by "{auth_module}"', 'session of user "{login}"', "session of user {user_id}"),
        ("user_id", "auth_module"),
        (_USER,),
        again=_SIGN_IN,
    ),
    "resource": _RESOURCE,
    "resource_history": _of_history(_RESOURCE),
    "resource_snapshots": _RESOURCE,
    "resource_history_snapshots": _of_history(_RESOURCE),
    "cloud_migration_session": Naming(
        ('cloud migration to stack "{slug}"{of_organisation}',),
        ("org_id", "slug"),
        (_ORGANISATION,),
        again=('connect Grafana with the stack "{slug}" again',),
    ),
    "setting": Naming(('setting "{key}" of section "{section}"',), again=("save the {name} again in Grafana",)),
    "alert_notification": Naming(
        ('notification channel "{name}"{of_organisation}, type "{type}"', 'notification channel "{name}"'),
        ("org_id", "name", "type"),
        (_ORGANISATION,),
        again=_SAVE,
    ),
    "secret_encrypted_value": Naming(
        (
            'secure value "{name}" in namespace "{namespace}", owned by "{owner_kind}/{owner}"',
            'secure value "{name}" in namespace "{namespace}"',
        ),
        links=(
            Link(
                "secret_secure_value",
                ("namespace", "name", "version"),
                ("namespace", "name", "version"),
                {"owner_kind": "owner_reference_kind", "owner": "owner_reference_name"},
                numbered=False,
            ),
        ),
        again=(
            'save "{owner_kind}/{owner}" in namespace "{namespace}" again in Grafana, with its secrets entered again',
            "save the {name} again in Grafana",
        ),
    ),
}
