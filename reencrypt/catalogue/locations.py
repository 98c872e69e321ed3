"""The catalogue: every place in Grafana's main database that holds encrypted secrets.

The first part is what `grafana cli admin secrets-migration` covers (`pkg/services/secrets/migrator/migrator.go`), the
second what it omits. Encodings are those that Grafana's code for each column reads and writes. The kind of each place
is the widest that its writers, named beside it, can store there: a value that one of them writes is never implausible.
"""

from __future__ import annotations

from typing import Final

from reencrypt.catalogue.as_found import AsFound
from reencrypt.catalogue.codec import WholeColumn
from reencrypt.catalogue.document import ANY, EACH, JsonRule, JsonStrings, Path, SecretName
from reencrypt.catalogue.encoding import PADDED, PADDING_STRIPPED, RAW, UNPADDED, Base64
from reencrypt.catalogue.location import Field, KindByType, Legacy, LinkedRows, Location, TextHash
from reencrypt.catalogue.plaintext import Kind
from reencrypt.catalogue.shape import Bytes, BytesOrObject, ListOf, MapOf, SecretMembers, Struct, Text

# `SecureJsonData map[string][]byte` of data sources and plugin settings: pkg/services/{datasources,pluginsettings}.
# EncryptJsonData (pkg/services/secrets/manager/manager.go) encrypts each string of a map[string]string by itself, the
# empty one too. A map without secrets is `{}`, `null` or NULL in the column, which holds no secret then.
_MAP: Final = JsonStrings((JsonRule(Path((ANY,)), PADDED),), MapOf(Bytes()))

# Contact points, and Mimir configurations imported since 12.1, whose text is encrypted behind a prefix. Writers:
# EncryptReceiverConfigs, strings of a map, and EncryptExtraConfigs, YAML (pkg/services/ngalert/notifier/crypto.go).
_ALERTMANAGER: Final = JsonStrings(
    (
        JsonRule(
            Path(
                (
                    "alertmanager_config",
                    "receivers",
                    EACH,
                    "grafana_managed_receiver_configs",
                    EACH,
                    "secureSettings",
                    ANY,
                )
            ),
            PADDED,
        ),
        JsonRule(Path(("extra_config", EACH, "alertmanager_config")), Base64(padded=True, prefix=b"crypto_")),
    ),
    # `PostableUserConfig` in pkg/services/ngalert/api/tooling/definitions/alertmanager.go.
    Struct(
        {
            "alertmanager_config": Struct(
                {
                    "receivers": ListOf(
                        Struct({"grafana_managed_receiver_configs": ListOf(Struct({"secureSettings": MapOf(Text())}))})
                    )
                }
            ),
            "extra_config": ListOf(Struct({"alertmanager_config": Text()})),
        }
    ),
)

# Provisioned repositories; and dashboard snapshots where they have moved to unified storage. The first releases kept
# ciphertext here, later ones a reference to the secrets manager, which is plain text, and of a snapshot an object that
# is the secrets manager's (`reencrypt.catalogue.manager_locations`). Writers: the repositories' mutators, a token and a
# generated secret; the snapshots' encryptInPlace, the JSON of a map that is not empty.
_RESOURCE: Final = JsonStrings(
    (
        JsonRule(Path(("spec", "github", "encryptedToken")), Base64(padded=True, plain_allowed=True)),
        JsonRule(Path(("status", "webhook", "encryptedSecret")), Base64(padded=True, plain_allowed=True)),
        JsonRule(Path(("spec", "dashboardEncrypted")), PADDED, Kind.JSON),
    ),
    # The types of the first releases: `GitHubRepositoryConfig` and `WebhookStatus` of the provisioning app, the
    # `SnapshotSpec` of the dashboard app.
    Struct(
        {
            "spec": Struct(
                {"github": Struct({"encryptedToken": Bytes()}), "dashboardEncrypted": BytesOrObject()},
            ),
            "status": Struct({"webhook": Struct({"encryptedSecret": Bytes()})}),
        }
    ),
)

# The union of the words of all releases: an older one left the newer names as plain text, which is tolerated. Writer:
# encryptSecrets, strings that are not empty (pkg/services/ssosettings/ssosettingsimpl/service.go).
_SECRET_WORDS: Final = ("secret", "certificate", "private", "password", "client_key")

_SSO: Final = JsonStrings(
    (JsonRule(SecretName(_SECRET_WORDS), Base64(padded=False, plain_allowed=True)),),
    # `decryptSecrets` in pkg/services/ssosettings/ssosettingsimpl/service.go gives a provider up for such a value.
    SecretMembers(_SECRET_WORDS, also=("config", "servers")),
)

_RESOURCE_ROWS: Final = {
    "group": ("provisioning.grafana.app", "dashboard.grafana.app"),
    "resource": ("repositories", "snapshots"),
}

_HISTORY: Final = "alert_configuration_history"
_CONFIGURATION: Final = "alertmanager_configuration"
_HASH: Final = TextHash("configuration_hash", _CONFIGURATION)

_LINKED: Final = LinkedRows(("alert_configuration", _HISTORY), "org_id")

LOCATIONS: Final = (
    # CreateDashboardSnapshot (pkg/services/dashboardsnapshots): a dashboard. For a snapshot on another server `{}`, or
    # since 11 `null`, the JSON of an empty common.Unstructured; before that type, any JSON of a request.
    Location(
        "dashboard_snapshot",
        "dashboard_snapshot",
        ("id",),
        (Field("dashboard_encrypted", WholeColumn(RAW, Kind.JSON)),),
        updated="updated",
    ),
    # SetAuthInfo and UpdateAuthInfo (pkg/services/login/authinfoimpl/store.go): what an OAuth server sent, or no text.
    Location(
        "user_auth",
        "user_auth",
        ("id",),
        tuple(
            Field(column, WholeColumn(PADDED))
            for column in ("o_auth_access_token", "o_auth_refresh_token", "o_auth_token_type", "o_auth_id_token")
        ),
    ),
    # Set of SecretsKVStoreSQL (pkg/services/secrets/kvstore/sql.go), by type. `datasource`: AddDataSource and
    # UpdateDataSource (pkg/services/datasources/service) give it the JSON of a map of strings, which is `{}` where that
    # is empty, and `null` where a request to the API had none. Keys of the cloud migration's snapshots are raw bytes
    # (CreateSnapshot, pkg/services/cloudmigration/cloudmigrationimpl/xorm_store.go). Others are text: `extsvc-token`
    # (SaveExtSvcCredentials, pkg/services/serviceaccounts/extsvcaccounts), a JSON Web Key (PluginAuthService).
    Location(
        "secrets",
        "secrets",
        ("id",),
        (Field("value", WholeColumn(UNPADDED)),),
        updated="updated",
        kind_by_type=KindByType(
            "type", {"datasource": Kind.JSON, "cloudmigration-snapshot-encryption-key": Kind.BYTES}
        ),
    ),
    Location("data_source", "data_source", ("id",), (Field("secure_json_data", _MAP),), updated="updated"),
    Location("plugin_setting", "plugin_setting", ("id",), (Field("secure_json_data", _MAP),), updated="updated"),
    # encodePrivateKey (pkg/services/signingkeys/signingkeysimpl/service.go): PEM.
    Location(
        "signing_key",
        "signing_key",
        ("id",),
        (Field("private_key", WholeColumn(PADDING_STRIPPED, Kind.PEM)),),
    ),
    # Before its history, so that equal texts of both change together.
    Location(
        "alert_configuration",
        "alert_configuration",
        ("id",),
        (Field(_CONFIGURATION, _ALERTMANAGER),),
        text_hash=_HASH,
        linked=_LINKED,
    ),
    Location("sso_setting", "sso_setting", ("id",), (Field("settings", _SSO),), updated="updated"),
    # Create (pkg/services/auth/authimpl/external_session_store.go): tokens and ids.
    Location(
        "user_external_session",
        "user_external_session",
        ("id",),
        tuple(
            Field(column, WholeColumn(PADDED))
            for column in ("access_token", "id_token", "refresh_token", "session_id", "name_id")
        ),
    ),
    Location("resource", "resource", ("guid",), (Field("value", _RESOURCE),), only=_RESOURCE_ROWS),
    # From here on: places that Grafana's own command omits.
    Location(_HISTORY, _HISTORY, ("id",), (Field(_CONFIGURATION, _ALERTMANAGER),), text_hash=_HASH, linked=_LINKED),
    Location("resource_history", "resource_history", ("guid",), (Field("value", _RESOURCE),), only=_RESOURCE_ROWS),
    # encryptToken (pkg/services/cloudmigration/cloudmigrationimpl/xorm_store.go): base64 of JSON.
    Location(
        "cloud_migration_session", "cloud_migration_session", ("id",), (Field("auth_token", WholeColumn(PADDED)),)
    ),
    # Settings of SAML that are changed at run time, in Grafana Enterprise. Neither its code nor its format is public;
    # the table is in the schema for MySQL that Grafana ships since 12.4. What people save: certificates, private keys.
    Location(
        "setting",
        "setting",
        ("section", "key"),
        (Field("encrypted_value", AsFound()),),
        legacy=Legacy.LIKE_OTHERS,
    ),
    # Read by Grafana with secret_key alone, never through a data key; written by EncryptJsonData of
    # pkg/services/encryption/service.
    Location("alert_notification", "alert_notification", ("id",), (Field("secure_settings", _MAP),), reencrypted=False),
)

BY_NAME: Final = {location.name: location for location in LOCATIONS}
