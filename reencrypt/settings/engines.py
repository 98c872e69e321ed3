"""The database engines that a configuration can name, and the form of their URLs.

`reencrypt.databases` connects to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

#: As Grafana calls them.
DatabaseType: TypeAlias = Literal["sqlite3", "postgres", "mysql"]


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine. `schemes` are those of the command line; in Grafana's own URL the scheme has to be the type itself.

    `port` is the default one, None for a file. `fields` are the parameters of a URL that stand for a field of
    `DatabaseSettings`: Grafana puts the URL's query behind its own parameters, where the drivers let the last one win.
    """

    url: str
    schemes: tuple[str, ...]
    port: int | None
    fields: Mapping[str, str] = field(default_factory=dict)


ENGINES: Final[Mapping[DatabaseType, Engine]] = {
    "sqlite3": Engine(url="sqlite:///absolute/path", schemes=("sqlite", "sqlite3"), port=None),
    "postgres": Engine(
        url="postgresql://user@host:port/name",
        schemes=("postgresql", "postgres"),
        port=5432,
        fields={
            "host": "host",
            "port": "port",
            "dbname": "name",
            "user": "user",
            "password": "password",
            "sslmode": "ssl_mode",
            "sslrootcert": "ca_cert_path",
            "sslkey": "client_key_path",
            "sslcert": "client_cert_path",
            "sslsni": "ssl_sni",
        },
    ),
    "mysql": Engine(
        url="mysql://user@host:port/name",
        schemes=("mysql",),
        port=3306,
        fields={"tls": "ssl_mode"},
    ),
}
