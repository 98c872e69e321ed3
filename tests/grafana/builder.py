"""Builds Grafana databases with secrets in every place that Grafana keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from tests.grafana import document_rows, rows
from tests.grafana.damage import spoil
from tests.grafana.datakeys import DataKey, make_id
from tests.grafana.encrypting import Recipe, make_nonce, make_salt
from tests.grafana.planting import Ground

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from tests.grafana.damage import Damage
    from tests.grafana.datakeys import IdStyle, Shape
    from tests.grafana.encrypting import Algorithm
    from tests.grafana.planting import Plain, PlantedSecret, SqlValue

DEFAULT_SECRET_KEY = "SW2YcwTIb9zpOOhoPsMm"


class GrafanaBuilder:
    """A new Grafana database on SQLite that is filled location by location.

    `data_keys` is the shape of that table. Every `add_` method inserts one row and returns its key.
    """

    def __init__(
        self,
        path: Path,
        *,
        secret_key: str = DEFAULT_SECRET_KEY,
        seed: int = 0,
        algorithm: Algorithm = "aes-cfb",
        data_keys: Shape = "current",
    ) -> None:
        self.path = path
        self.data_keys: list[DataKey] = []
        self._shape = data_keys
        self.ground = Ground(path, secret_key=secret_key, seed=seed, algorithm=algorithm, data_keys=data_keys)
        self.rng = self.ground.rng
        if not self.ground.exists:
            self.add_org("Main Org.")

    @property
    def planted(self) -> list[PlantedSecret]:
        return self.ground.planted

    def commit(self) -> None:
        """Make what was added visible to other connections."""
        self.ground.connection.commit()

    def close(self) -> None:
        self.ground.connection.commit()
        self.ground.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def data_key(
        self,
        *,
        provider: str = "secretKey.v1",
        label_date: str = "2025-01-31",
        active: bool = True,
        key_id: str | None = None,
        id_style: IdStyle = "new14",
        wrap: Callable[[bytes], bytes] | None = None,
        algorithm: Algorithm = "aes-cfb",
        bare: bool = False,
        dek: bytes | None = None,
    ) -> DataKey:
        """Add a data key; `wrap` makes the wrapped bytes of a provider other than `secretKey.v1`."""
        if wrap is None and provider not in {"secretKey", "secretKey.v1"}:
            raise ValueError(f"a data key under {provider} needs `wrap`")
        key = self.rng.randbytes(16) if dek is None else dek
        recipe = Recipe(algorithm, make_salt(self.rng), make_nonce(algorithm, self.rng), bare=bare)
        wrapped = wrap(key) if wrap else recipe.encrypt(key, self.ground.secret_key)
        name = key_id or make_id(id_style, label_date, self.rng)
        made = DataKey(name, provider, key, wrapped, f"{label_date}/root@{provider}", active)
        now = f"{label_date} {self.ground.now()[11:]}"
        row: dict[str, SqlValue] = {
            "active": int(active),
            "scope": "root",
            "provider": provider,
            "encrypted_data": wrapped,
        }
        names: dict[str, SqlValue] = {"name": name}
        if self._shape == "current":
            names["label"] = made.label
        elif self._shape == "id-and-name":
            names = {"id": name, "name": made.label}
        self.ground.insert("data_keys", {**names, **row, "created": now, "updated": now})
        self.data_keys.append(made)
        return made

    def encrypt(self, plain: Plain) -> bytes:
        """Return the payload of `plain` without planting it."""
        return self.ground.encrypt(plain)

    def damage(self, planted: PlantedSecret, kind: Damage) -> PlantedSecret:
        """Damage a secret that was planted, in place, and return its new record."""
        return spoil(self.ground, planted, kind)

    def add_org(self, name: str, *, org_id: int | None = None) -> int:
        key = self.ground.next_id("org", org_id)
        self.ground.insert("org", {"id": key, "version": 0, "name": name, **self.ground.times()})
        return key

    add_user = rows.add_user
    add_secret = rows.add_secret
    add_data_source = rows.add_data_source
    add_plugin_setting = rows.add_plugin_setting
    add_user_auth = rows.add_user_auth
    add_user_external_session = rows.add_user_external_session
    add_signing_key = rows.add_signing_key
    add_dashboard_snapshot = rows.add_dashboard_snapshot
    add_cloud_migration_session = rows.add_cloud_migration_session
    add_setting = rows.add_setting
    add_sso_setting = document_rows.add_sso_setting
    add_alert_configuration = document_rows.add_alert_configuration
    add_alert_notification = document_rows.add_alert_notification
    add_repository = document_rows.add_repository
