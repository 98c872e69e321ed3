"""Names of Grafana's two envelope stores, in a module of its own, because options name them for every `--help`."""

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
