"""Faults that a test injects: which requests, how many of them, and how they fail."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

Kind: TypeAlias = Literal[
    "status", "latency", "reset", "stall", "truncated", "empty", "page", "lie", "mixed_up", "answer"
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_STATUSES: Final = (408, 429, 500, 502, 503, 504)
_FIELDS: Final = frozenset(
    ("kind", "after", "next", "share", "operations", "status", "seconds", "retry_after", "body", "headers")
)
_ANSWERS: Final = range(200, 600)
_SPAN: Final = f"{_ANSWERS[0]} to {_ANSWERS[-1]}"
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(slots=True)
class Fault:
    """One fault: it hits the next requests, or a share of all, of some operations or of all.

    It skips `after` requests first.

    `status` answers with it, and `Retry-After` where one is given; `latency` answers correctly, `seconds` later;
    `reset` closes the connection; `stall` sends nothing for `seconds`; `truncated` cuts a correct answer in half;
    `empty` leaves out its `value`; `page` is 200 with a proxy's HTML; `lie` is a complete answer with the right `kid`,
    but to another request, as from a proxy that mixes up two; `mixed_up` is the same, with the id of the other request
    in its headers. `answer` is any answer of a gateway in the place of the vault's: its `status`, `headers` and `body`;
    a challenge for a token stays.
    """

    kind: Kind
    remaining: int | None
    share: float | None
    operations: frozenset[str]
    status: int = 503
    seconds: float = 0.0
    retry_after: float | None = None
    after: int = 0
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(content: Mapping[str, object]) -> Fault:
        """Build a fault from its JSON; raises ValueError where it is not valid."""
        if unknown := sorted(set(content) - _FIELDS):
            raise ValueError(f"a fault has no {', '.join(unknown)}")
        kind = next((known for known in KINDS if known == content.get("kind")), None)
        if kind is None:
            raise ValueError(f"'kind' is one of {', '.join(KINDS)}")
        following, share, operations = content.get("next"), content.get("share"), content.get("operations", [])
        if (following is None) == (share is None):
            raise ValueError("give either 'next', a number of requests, or 'share', a fraction of all")
        if following is not None and (not isinstance(following, int) or following < 1):
            raise ValueError("'next' is a positive whole number")
        if share is not None and (not isinstance(share, int | float) or not 0 < share <= 1):
            raise ValueError("'share' is a fraction of 1")
        if not isinstance(operations, list) or not all(isinstance(each, str) for each in operations):
            raise ValueError(
                "'operations' is a list of permissions, token for sign-ins and discovery for what goes before them"
            )
        after = content.get("after", 0)
        if not isinstance(after, int) or after < 0:
            raise ValueError("'after' is a whole number of requests")
        retry_after = content.get("retry_after")
        return Fault(
            kind=kind,
            remaining=following,
            share=None if share is None else float(share),
            operations=frozenset(operations),
            status=_status(content.get("status", 503), _ANSWERS if kind == "answer" else _STATUSES),
            seconds=_seconds(content.get("seconds", 0.0), "seconds"),
            retry_after=None if retry_after is None else _seconds(retry_after, "retry_after"),
            after=after,
            body=_body(content.get("body", "")),
            headers=_headers(content.get("headers", {})),
        )


def _status(value: object, known: Collection[int]) -> int:
    if not isinstance(value, int) or value not in known:
        raise ValueError(f"'status' is one of {_SPAN if known is _ANSWERS else ', '.join(map(str, known))}")
    return value


def _body(value: object) -> str:
    text = str(value)
    if not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text):
        raise ValueError("'body' is a text")
    return text


def _headers(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(
        _HEADER.fullmatch(name) and isinstance(each, str) and each.isascii() and each.isprintable()
        for name, each in value.items()
    ):
        raise ValueError("'headers' is an object of names and texts that HTTP can send")
    return value


def _seconds(value: object, name: str) -> float:
    if not isinstance(value, int | float) or value < 0:
        raise ValueError(f"'{name}' is a number of seconds")
    return float(value)


class Faults:
    """The faults that are set; the random seed is fixed, so that a test can be repeated."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._dice = random.Random(0)  # noqa: S311 - not a secret

    def add(self, fault: Fault) -> None:
        """Add a fault."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    @property
    def waiting(self) -> int:
        """How many faults have requests left to hit."""
        return len(self._faults)

    def draw(self, operation: str) -> Fault | None:
        """Return the fault that hits a request for an operation, the oldest one first."""
        for fault in self._faults:
            if fault.operations and operation not in fault.operations:
                continue
            if fault.after:
                fault.after -= 1
                continue
            if fault.remaining is not None:
                fault.remaining -= 1
                if fault.remaining == 0:
                    self._faults.remove(fault)
                return fault
            if self._dice.random() < (fault.share or 0):
                return fault
        return None
