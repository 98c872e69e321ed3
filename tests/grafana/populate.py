"""Fills a fixture database with any number of secrets, over every location and every oddity that Grafana writes."""

from __future__ import annotations

from itertools import count as counter
from itertools import cycle
from typing import TYPE_CHECKING, Final

from tests.grafana import plaintexts as text
from tests.grafana.jsontext import STYLES, Style
from tests.grafana.planting import Plain, PlantedSecret, Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.grafana.builder import GrafanaBuilder
    from tests.grafana.datakeys import DataKey
    from tests.grafana.encrypting import Algorithm
    from tests.grafana.plaintexts import Maker

#: Ids that are not 1, 2, 3: Grafana compares none of them with zero.
SPECIAL_IDS: Final = (-7, 0, 2**31 - 1)
_SESSION_MAX: Final = 60  # `session_id` and `name_id` end at 1024 characters of base64


def populate(
    builder: GrafanaBuilder,
    *,
    count: int,
    under: Sequence[DataKey | None],
    algorithms: Sequence[Algorithm] = ("aes-cfb", "aes-gcm"),
    max_len: int = 100,
    snapshot_len: int = 0,
    own_salts: bool = False,
    odd_padding_every: int = 0,
) -> list[PlantedSecret]:
    """Plant exactly `count` secrets and return them, cycling over keys, algorithms, lengths and locations.

    `alert_notification`, which is never under a data key, is filled only if `under` holds None. `snapshot_len` is the
    length of each snapshot, by default like the others. With `odd_padding_every` each n-th base64 is padded as Grafana
    does not expect it. Commits.
    """
    before = len(builder.planted)
    supply = _Supply(builder, count, under, algorithms, max_len, own_salts=own_salts, odd_every=odd_padding_every)
    supply.snapshot_len = snapshot_len
    writers = [writer for writer in _WRITERS if writer is not _alert_notification or None in under]
    for number in counter():
        if not supply.remaining:
            break
        writers[number % len(writers)](builder, supply, number // len(writers))
        if number % len(writers) == 0:
            _without_secrets(builder, number // len(writers))
    builder.commit()
    return builder.planted[before:]


class _Supply:
    """Hands out `count` secrets, each a little different from the one before."""

    snapshot_len = 0

    def __init__(
        self,
        builder: GrafanaBuilder,
        count: int,
        under: Sequence[DataKey | None],
        algorithms: Sequence[Algorithm],
        max_len: int,
        *,
        own_salts: bool,
        odd_every: int,
    ) -> None:
        self.remaining = count
        self._rng = builder.rng
        self._under = cycle(under)
        self._algorithms = cycle([algorithm for algorithm in algorithms for _ in under])
        self.max_len = max_len
        self._own_salts = own_salts
        self._odd_every = odd_every
        self._number = 0

    def spend(self, count: int) -> bool:
        """Take `count` secrets off the rest, for copies of others, if there are as many."""
        enough = count <= self.remaining
        self.remaining -= count if enough else 0
        return enough

    def one(self, make: Maker, *, length: int | None = None, legacy: bool = False) -> Plain:
        """Return the next secret; its length, by default, runs through 0 to `max_len`."""
        self.remaining -= 1
        self._number += 1
        number = self._number
        under, algorithm = next(self._under), next(self._algorithms)
        wanted = number % (self.max_len + 1) if length is None else length
        return Plain(
            data=make(self._rng, wanted),
            under=None if legacy else under,
            algorithm=algorithm,
            # Every other legacy secret, and a few in envelopes, are as old as to have no prefix; GCM cannot do without.
            bare=algorithm == "aes-cfb" and number % (2 if legacy or under is None else 13) == 0,
            own_salt=self._own_salts,
            odd_padding=self._odd_every > 0 and number % self._odd_every == 0,
        )

    def some(self, makers: dict[str, Maker], *, length: int | None = None, legacy: bool = False) -> dict[str, Plain]:
        """Return a secret for each name, or for as many names as there are secrets left."""
        return {
            name: self.one(make, length=length, legacy=legacy) for name, make in list(makers.items())[: self.remaining]
        }


def _style(number: int) -> Style:
    return STYLES[number % len(STYLES)]


def _storage(number: int) -> Storage:
    return "blob" if number % 3 == 1 else "text"


def _special(builder: GrafanaBuilder, table: str, number: int) -> int | None:
    """The first rows of a table have the special ids, unless an earlier call has taken them."""
    if number >= len(SPECIAL_IDS) or builder.ground.has(table, SPECIAL_IDS[number]):
        return None
    return SPECIAL_IDS[number]


def _data_source(builder: GrafanaBuilder, supply: _Supply, number: int) -> None:
    names: dict[str, Maker] = {"zPassword": text.password, "basicAuthPassword": text.passphrase}
    if number % 4 == 0:
        names |= {"httpHeaderValue1": text.token, "tls.client/Key ü": text.pem, "<&>": text.password}
    row_id = _special(builder, "data_source", number)
    builder.add_data_source(supply.some(names), row_id=row_id, style=_style(number), storage=_storage(number))


def _secret(builder: GrafanaBuilder, supply: _Supply, number: int) -> None:
    row_id = _special(builder, "secrets", number)
    builder.add_secret(supply.one(text.json_object), row_id=row_id, storage=_storage(number))
    if number % 5 == 0 and supply.remaining:
        kind = "cloudmigration-snapshot-encryption-key"
        builder.add_secret(supply.one(text.raw_key), org_id=-1, namespace=f"snapshot-{number}", kind=kind)


def _plugin_setting(builder: GrafanaBuilder, supply: _Supply, number: int) -> None:
    secrets = supply.some({"apiKey": text.token, "pässword": text.passphrase})
    row_id = _special(builder, "plugin_setting", number)
    builder.add_plugin_setting(secrets, row_id=row_id, style=_style(number), storage=_storage(number))


def _user_auth(builder: GrafanaBuilder, supply: _Supply, number: int) -> None:
    makers: dict[str, Maker] = {
        "o_auth_access_token": text.token,
        "o_auth_token_type": text.bearer,
        "o_auth_refresh_token": text.token,
        "o_auth_id_token": text.token,
    }
    builder.add_user_auth(supply.some(makers), row_id=_special(builder, "user_auth", number))


def _external_session(builder: GrafanaBuilder, supply: _Supply, number: int) -> None:
    secrets = supply.some({"access_token": text.token, "id_token": text.token, "refresh_token": text.token})
    length = min(number % _SESSION_MAX, supply.max_len)
    secrets |= supply.some({"session_id": text.token, "name_id": text.passphrase}, length=length)
    builder.add_user_external_session(secrets)


def _signing_key(builder: GrafanaBuilder, supply: _Supply, _: int) -> None:
    builder.add_signing_key(supply.one(text.pem))


def _snapshot(builder: GrafanaBuilder, supply: _Supply, number: int) -> None:
    plain = supply.one(text.json_object, length=supply.snapshot_len or None)
    builder.add_dashboard_snapshot(plain, row_id=_special(builder, "dashboard_snapshot", number))


def _sso_setting(builder: GrafanaBuilder, supply: _Supply, number: int) -> None:
    secrets = supply.some({"client_secret": text.password, "private_key_path": text.url, "Certificate": text.yaml})
    servers = [supply.some({"bind_password": text.passphrase, "client_key_value": text.pem}) for _ in range(number % 3)]
    builder.add_sso_setting(
        secrets,
        servers=servers,
        is_deleted=number % 4 == 3,
        provider="ldap" if servers else "generic_oauth",
        style=_style(number),
        storage=_storage(number),
    )


def _alerting(builder: GrafanaBuilder, supply: _Supply, number: int) -> None:
    receivers = [supply.some({"url": text.url, "basicAuthPassword": text.password}) for _ in range(1 + number % 4)]
    extra = list(supply.some({"mimir": text.yaml}).values()) if number % 3 == 0 else []
    planted = sum(map(len, receivers)) + len(extra)
    other_row = number % 2 == 0 and supply.spend(planted)
    builder.add_alert_configuration(
        receivers, extra=extra, other_row=other_row, style=_style(number), storage=_storage(number)
    )


def _alert_history(builder: GrafanaBuilder, supply: _Supply, number: int) -> None:
    receivers = [supply.some({"token": text.token})]
    builder.add_alert_configuration(receivers, table="alert_configuration_history", style=_style(number))


def _alert_notification(builder: GrafanaBuilder, supply: _Supply, number: int) -> None:
    secrets = supply.some({"url": text.url, "token": text.token}, legacy=True)
    builder.add_alert_notification(secrets, style=_style(number))


def _cloud_migration(builder: GrafanaBuilder, supply: _Supply, _: int) -> None:
    builder.add_cloud_migration_session(supply.one(text.token))


def _repository(builder: GrafanaBuilder, supply: _Supply, number: int) -> None:
    token = supply.one(text.token)
    webhook = supply.one(text.password) if supply.remaining else None
    builder.add_repository(token=token, webhook=webhook, style=_style(number), storage=_storage(number + 1))
    if supply.remaining:
        builder.add_repository(token=supply.one(text.token), table="resource_history", style=_style(number + 2))


def _without_secrets(builder: GrafanaBuilder, number: int) -> None:
    """Rows that have none: NULL, an empty text, an empty object."""
    builder.add_data_source(None if number % 2 else {}, style="go")
    builder.add_plugin_setting(None)
    builder.add_secret(None)
    builder.add_user_auth({})
    builder.add_user_external_session({})
    builder.add_dashboard_snapshot(None)
    builder.add_cloud_migration_session(None)
    builder.add_sso_setting({"client_secret": None})
    builder.add_alert_configuration([{}])
    builder.add_repository()


_WRITERS: Final[tuple[Callable[[GrafanaBuilder, _Supply, int], None], ...]] = (
    _data_source,
    _secret,
    _user_auth,
    _snapshot,
    _alerting,
    _plugin_setting,
    _signing_key,
    _sso_setting,
    _external_session,
    _alert_notification,
    _cloud_migration,
    _repository,
    _alert_history,
)
