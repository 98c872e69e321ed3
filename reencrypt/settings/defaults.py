"""Grafana's built-in defaults for the keys that matter here, as data.

They are used where its `conf/defaults.ini` is missing. The set of keys matters too, because Grafana applies a `GF_…`
variable only to keys that its defaults or the custom file have. Source: `conf/defaults.ini` of grafana/grafana.
"""

from __future__ import annotations

from typing import Final

#: The `secret_key` that Grafana is shipped with, for both stores.
DEFAULT_SECRET_KEY: Final = "SW2YcwTIb9zpOOhoPsMm"  # noqa: S105 (public: it stands in Grafana's repository)
DEFAULT_PROVIDER: Final = "secretKey.v1"
DEFAULT_ALGORITHM: Final = "aes-cfb"
DEFAULT_CACHE_TTL: Final = "15m"
#: What the secrets manager has where neither the defaults nor the custom file name a provider: no provider at all.
NO_MANAGER_PROVIDER: Final = "misconfigured"

BUILT_IN: Final[dict[str, dict[str, str]]] = {
    "paths": {"data": "data"},
    "database": {
        "type": "sqlite3",
        "host": "127.0.0.1:3306",
        "name": "grafana",
        "user": "root",
        "password": "",
        "url": "",
        "ssl_mode": "disable",
        "ssl_sni": "",
        "ca_cert_path": "",
        "client_key_path": "",
        "client_cert_path": "",
        "server_cert_name": "",
        "path": "grafana.db",
        "cache_mode": "private",
        "wal": "false",
    },
    "security": {
        "secret_key": DEFAULT_SECRET_KEY,
        "encryption_provider": DEFAULT_PROVIDER,
        "available_encryption_providers": "",
    },
    "security.encryption": {"data_keys_cache_ttl": DEFAULT_CACHE_TTL},
    # Since Grafana 12. The secret is that of `[security]`, and does not follow it.
    "secrets_manager": {"encryption_provider": "secret_key.v1"},
    "secrets_manager.encryption.secret_key.v1": {"secret_key": DEFAULT_SECRET_KEY},
    "feature_toggles": {"enable": ""},
}
