"""Names of Grafana's envelope stores, which lie in one database: the classic one and, since 12, the secrets manager."""

from __future__ import annotations

from enum import StrEnum


class StoreName(StrEnum):
    """A store, as `--store` and reports name it."""

    CLASSIC = "classic"
    MANAGER = "manager"

    @property
    def in_words(self) -> str:
        """Its name in sentences."""
        return "the classic store" if self is StoreName.CLASSIC else "the secrets manager"
