"""Registry of the kinds of provider: one line for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reencrypt.keys.azure.kind import AZURE_KEY_VAULT
from reencrypt.keys.kind import ProviderKind

_BUILT_IN: Final = (
    AZURE_KEY_VAULT,
)  # fmt: skip


def built_in() -> Mapping[str, ProviderKind]:
    """The kinds that this program brings along, by name."""
    return {kind.name: kind for kind in _BUILT_IN}
