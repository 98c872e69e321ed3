"""The parameters of a PostgreSQL connection string: which are followed, which mean nothing here, which are refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Final

from reencrypt.errors import ConfigurationError

# Why each of these is refused; where a value is as good as none, it is named.
_OUT: Final = "Leave it out"
_ONE_SERVER: Final = "Name the server itself, by host and port"
_REFUSED: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    "service": (frozenset(), _ONE_SERVER),
    "replication": (frozenset(("false", "off", "no", "0")), _OUT),
    "sslinline": (frozenset(("false", "0", "off")), "Put the certificates into files and name those"),
    "sslpassword": (frozenset(), "Give the key without a password"),
    "sslcrl": (frozenset(), _OUT),
    "sslcrldir": (frozenset(), _OUT),
    "sslcertmode": (frozenset(("allow", "disable")), _OUT),
    "requirepeer": (frozenset(), _OUT),
    "require_auth": (frozenset(), _OUT),
    "channel_binding": (frozenset(("disable", "prefer")), _OUT),
    "gssencmode": (frozenset(("disable", "prefer")), _OUT),
}
# Environment variables that lib/pq reads where the string leaves a parameter out. This process has another environment
# than Grafana, so what they decide is refused, never guessed.
_PLACES: Final[Mapping[str, str]] = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "service": "PGSERVICE",
    "options": "PGOPTIONS",
}
#: Those that make a connection safer or surer, and never another one; asyncpg itself reads PGPASSWORD and PGPASSFILE.
WAYS: Final[Mapping[str, str]] = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslsni": "PGSSLSNI",
    "sslnegotiation": "PGSSLNEGOTIATION",
}
# The driver's own parameters: read below, or without a meaning for where, as whom and how safely.
_DRIVERS: Final = frozenset(
    (
        *("host", "hostaddr", "port", "dbname", "user", "password", "passfile", "target_session_attrs"),
        *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslsni", "sslnegotiation", "sslcompression"),
        *("ssl_min_protocol_version", "ssl_max_protocol_version", "min_protocol_version", "max_protocol_version"),
        *("connect_timeout", "load_balance_hosts", "fallback_application_name", "binary_parameters"),
        *("disable_prepared_binary_result", "client_encoding", "datestyle", "tz", "gsslib", "gssdelegation"),
        *("krbsrvname", "krbspn"),
        *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
    )
)
# Settings of a session that Grafana's own queries are meant for.
_LIMITS: Final = frozenset(
    (
        *("statement_timeout", "lock_timeout", "transaction_timeout"),
        *("idle_in_transaction_session_timeout", "idle_session_timeout"),
    )
)
_WRITES: Final = frozenset(("any", "read-write", "primary"))


def is_of_the_session(name: str) -> bool:
    """Whether the server is told of it when a session begins, as lib/pq does with every name that is not its own."""
    return name.lower() not in _DRIVERS | _LIMITS | _REFUSED.keys()


def is_address(host: str) -> bool:
    """Whether it is an IP address, not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def refuse(values: Mapping[str, str], origin: str, environment: Mapping[str, str]) -> None:
    """Refuse by name what would lead elsewhere in silence. Raises `ConfigurationError`."""
    for fault, hint in (
        *_not_text(values, origin),
        *_not_followed(values, origin),
        *_left_to_the_environment(values, origin, environment),
        *_no_single_server(values, origin),
    ):
        raise ConfigurationError(fault, hint=hint)


def _not_text(values: Mapping[str, str], origin: str) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        try:
            (key + value).encode()
        except UnicodeEncodeError:
            held = False
        else:
            held = "\0" not in key + value
        if not held:
            name = key if key.isidentifier() else "a parameter"
            yield f"{name} of the database from {origin} is no text in UTF-8", "PostgreSQL cannot take such a value."


def _not_followed(values: Mapping[str, str], origin: str) -> Iterator[tuple[str, str]]:
    for key, (harmless, remedy) in _REFUSED.items():
        if values.get(key) and values[key] not in harmless:
            yield f"the database's parameter {key} from {origin} is not followed here", f"{remedy}."
    if values.get("target_session_attrs") and values["target_session_attrs"] not in _WRITES:
        yield (
            f"the database's parameter target_session_attrs from {origin} asks for a server that takes no writes",
            "Name the primary, with target_session_attrs=read-write or without it.",
        )


def _left_to_the_environment(
    values: Mapping[str, str], origin: str, environment: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    for key, variable in _PLACES.items():
        if environment.get(variable) and not values.get(key) and not (key == "host" and values.get("hostaddr")):
            yield (
                f"{variable} is set, and the database from {origin} has no {key} of its own",
                (
                    f"Grafana follows {variable} where its own environment has it, and this command cannot know that. "
                    f"Unset it, or write {key} into the configuration or the URL."
                ),
            )


def _no_single_server(values: Mapping[str, str], origin: str) -> Iterator[tuple[str, str]]:
    if any("," in values.get(key, "") for key in ("host", "hostaddr", "port")):
        yield (
            f"the database host from {origin} names several servers",
            "Which of them answers is left to chance, so name the one that takes writes, alone.",
        )
    if values.get("host", "").startswith("@"):
        yield f"the database host from {origin} is a socket in the abstract namespace", "Write the host by its name."
    if values.get("hostaddr") and not is_address(values["hostaddr"]):
        yield f"the database's hostaddr from {origin} is no address", "Write the name as host instead."
    if not values.get("user"):
        yield (
            f"the database from {origin} names no user",
            "Grafana would take the account that it runs under, which is another one here. Write user.",
        )
