"""Where metrics go. This module is loaded for every `--help`, so it imports nothing that talks to a server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from reencrypt.option import option

#: As Prometheus's data model has it: names that begin with two underscores are for its own use.
_LABEL: Final = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
#: The labels of our own metrics, and those that a scrape sets.
RESERVED: Final = frozenset(
    {"command", "version", "python", "member", "store", "location", "provider", "state", "result", "active", "in_use"}
    | {"operation", "code", "le", "quantile", "job", "instance"}
)


@dataclass(frozen=True, slots=True)
class Label:
    """A label for all metrics."""

    name: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Label:
        """Read `NAME=VALUE`; raises `ValueError`."""
        name, equals, value = text.partition("=")
        if not equals or not value or not _LABEL.fullmatch(name):
            raise ValueError(f"{text!r} is not a label such as grafana=prod")
        if name in RESERVED:
            raise ValueError(f"{name!r} is a label that the metrics have already")
        return cls(name, value)


@dataclass(frozen=True, slots=True)
class Pushgateway:
    """A Prometheus Pushgateway; `group` are the labels of the group that is pushed to, `job` among them.

    `user` and `password` are for a proxy before it, empty without one.
    """

    base: str
    group: tuple[tuple[str, str], ...]
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Pushgateway:
        """Read an address, with or without the group: `http://HOST:9091` or `…/metrics/job/NAME/instance/NAME`.

        Raises `ValueError`, whose text does not repeat the address, because that may hold a password.
        """
        found = urlsplit(text)
        try:
            host = found.hostname if found.port != 0 else None
        except ValueError:
            host = None
        if found.scheme not in ("http", "https") or not host or found.query or found.fragment:
            raise ValueError("it is not the address of a Pushgateway, such as http://pushgateway.example:9091")
        path, behind, group = found.path.rpartition("/metrics/job/")
        words = f"job/{group}".rstrip("/").split("/") if behind else ["job", "reencrypt"]
        labels = tuple(zip(words[::2], map(unquote, words[1::2]), strict=False))
        # Two spellings with @base64 are left out: nothing here needs an empty label or one with a slash.
        if len(words) % 2 or not all(_LABEL.fullmatch(name) and value for name, value in labels):
            raise ValueError("its path has to be a group of the Pushgateway, such as /metrics/job/reencrypt/instance/a")
        place = found.netloc.rpartition("@")[2]
        base = f"{found.scheme}://{place}{(path if behind else found.path).rstrip('/')}"
        return cls(base, labels, unquote(found.username or ""), unquote(found.password or ""))

    def __str__(self) -> str:
        """The address without the password."""
        return self.base


@dataclass(frozen=True, slots=True)
class MetricsOptions:
    """Metrics for Prometheus, see docs/monitoring.md."""

    file: Path | None = option(
        "--metrics-file FILE",
        "Write metrics for Prometheus to this file, every 15 s and at the end.",
        default=None,
        details="For node_exporter's textfile collector. At the end every secret is counted by location, provider and "
        "state. What a failed command cannot know, such as the last success, stays as it was in the file.",
        example="/var/lib/node_exporter/reencrypt.prom",
    )
    gateway: Pushgateway | None = option(
        "--pushgateway URL",
        "Push the same metrics to a Prometheus Pushgateway.",
        default=None,
        parse=Pushgateway.parse,
        details="The path may name the group: `/metrics/job/reencrypt/instance/prod`. Each Grafana needs a group of "
        "its own.",
        example="http://pushgateway.example:9091",
    )
    labels: tuple[Label, ...] = option(
        "--metrics-label NAME=VALUE",
        "Give all metrics this label.",
        default=(),
        parse=Label.parse,
        details="Where several Grafanas write to one folder of node_exporter, their metrics need a label that differs.",
        example="grafana=prod",
    )

    @property
    def wanted(self) -> bool:
        """Whether metrics go anywhere."""
        return self.file is not None or self.gateway is not None
