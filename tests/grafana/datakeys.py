"""Data keys as Grafana of different ages made them: their ids, labels and bytes."""

from __future__ import annotations

import string
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import random

IdStyle = Literal["new14", "uuid", "short", "old-name"]
#: Physical shapes of the table: of Grafana 9 and later, in between, of 8.3, and before.
Shape = Literal["current", "id-and-name", "name-only", "none"]

SHAPE_DDL: dict[Shape, tuple[str, ...]] = {
    "current": (),
    "id-and-name": (
        "ALTER TABLE data_keys RENAME COLUMN name TO id",
        "ALTER TABLE data_keys RENAME COLUMN label TO name",
    ),
    "name-only": ("ALTER TABLE data_keys DROP COLUMN label",),
    "none": ("DROP TABLE data_keys",),
}


@dataclass(frozen=True, slots=True)
class DataKey:
    """One row of `data_keys`, with the key in the clear."""

    key_id: str
    provider: str
    dek: bytes
    wrapped: bytes
    label: str
    active: bool

    def __repr__(self) -> str:
        return f"DataKey({self.key_id!r}, {self.provider!r})"


def make_id(style: IdStyle, label_date: str, rng: random.Random) -> str:
    """An id as a Grafana of the age that `style` names would make it."""
    if style == "old-name":
        return f"{label_date}/root@secretKey"
    if style == "short":
        return "".join(rng.choices(string.ascii_letters + string.digits + "_-", k=9))
    if style == "uuid":
        return rng.choice("abcdef") + str(uuid.UUID(bytes=rng.randbytes(16), version=4))[1:]
    return rng.choice("abcdef") + "".join(rng.choices(string.ascii_lowercase + string.digits, k=13))
