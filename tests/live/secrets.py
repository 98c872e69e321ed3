"""What is stored in Grafana, how its API is told so, and what a request must show if Grafana still reads it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.live.echo import HEADER, Received

USER: Final = "canary"
RECEIVER: Final = "live"
FOLDER: Final = "live"


@dataclass(frozen=True)
class DataSource:
    """A data source with two secrets, both of which it sends to whoever it asks. A generation is one saving of it."""

    number: int
    generation: int = 0

    @property
    def uid(self) -> str:
        """By which the API names it."""
        return f"canary-{self.number}"

    @property
    def password(self) -> str:
        """Its first secret."""
        return f"c4n4ry-password-{self.number}-{self.generation}"

    @property
    def token(self) -> str:
        """Its second secret."""
        return f"c4n4ry-token-{self.number}-{self.generation}"

    def body(self, url: str) -> dict[str, Any]:
        """What creates and what changes it."""
        return {
            "uid": self.uid,
            "name": self.uid,
            "type": "prometheus",
            "access": "proxy",
            "url": url,
            "basicAuth": True,
            "basicAuthUser": USER,
            "jsonData": {"httpHeaderName1": HEADER},
            "secureJsonData": {"basicAuthPassword": self.password, "httpHeaderValue1": self.token},
        }

    def mistakes(self, received: Received) -> list[str]:
        """Which of its secrets Grafana did not send as they were saved; without the secrets."""
        wrong = {"password": received.authorization != basic(self.password), "token": received.canary != self.token}
        return [f"{self.uid}: the {name} of saving {self.generation} was not sent" for name in wrong if wrong[name]]


@dataclass(frozen=True)
class ContactPoint:
    """A webhook with a password; an alert that always fires makes Grafana use it."""

    @property
    def password(self) -> str:
        """Its secret."""
        return "c4n4ry-contact-point"

    def body(self, url: str) -> dict[str, Any]:
        """What creates it."""
        settings = {"url": f"{url}/alert", "httpMethod": "POST", "username": USER, "password": self.password}
        return {
            "uid": RECEIVER,
            "name": RECEIVER,
            "type": "webhook",
            "settings": settings,
            "disableResolveMessage": True,
        }

    def proven(self, received: Iterable[Received]) -> bool:
        """Whether a notification came with the password, and none with anything else."""
        found = {each.authorization for each in received if each.path == "/alert"}
        return found == {basic(self.password)}


def basic(password: str) -> str:
    """The header that a client with this password sends."""
    return "Basic " + b64encode(f"{USER}:{password}".encode()).decode()


def policy() -> dict[str, Any]:
    """The notification policy: everything to our contact point, again and again."""
    return {
        "receiver": RECEIVER,
        "group_by": ["grafana_folder", "alertname"],
        "group_wait": "1s",
        "group_interval": "5s",
        "repeat_interval": "5s",
    }


def rule() -> dict[str, Any]:
    """An alert rule that fires whenever it is looked at."""
    expression = {"type": "__expr__", "uid": "__expr__"}
    model = {"refId": "A", "type": "math", "expression": "1 > 0", "datasource": expression}
    return {
        "uid": "always",
        "title": "always",
        "ruleGroup": "live",
        "folderUID": FOLDER,
        "orgID": 1,
        "condition": "A",
        "data": [
            {
                "refId": "A",
                "datasourceUid": "__expr__",
                "relativeTimeRange": {"from": 0, "to": 0},
                "model": model,
            }
        ],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": "0s",
    }


def all_mistakes(expected: Iterable[DataSource], received: Mapping[str, Received]) -> list[str]:
    """What is wrong over all data sources, each with what was sent for it; one that was not asked counts as wrong."""
    found: list[str] = []
    for each in expected:
        seen = received.get(each.uid)
        found += each.mistakes(seen) if seen is not None else [f"{each.uid}: nothing was sent"]
    return found
