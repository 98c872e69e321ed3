"""What a verification found: counts by key, and a limited number of problems by name."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto.envelope import Envelope
from reencrypt.keys.proof import PROVEN_BITS
from reencrypt.operations.names import Names, in_words
from reencrypt.operations.verify.keys import PROVIDER_NOT_CONFIGURED
from reencrypt.planning.census import identity_of
from reencrypt.state.quarantine import Place

#: How many problems are kept by name. All are counted; those of acknowledged secrets are kept without a limit, because
#: the quarantine, which is in memory anyway, bounds them.
NAMED_PROBLEMS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Problem:
    """A secret that Grafana could not read.

    `quarantine` is the state of its quarantine entry, empty where it has none, or where the secret was saved since.
    `name` is that of what it belongs to in Grafana, empty where nobody knows.
    `table`, `column` and `digest` (SHA-256 of its text) tell whether other bytes of it exist. `key_id` is its data key,
    None for a legacy value, `UNREADABLE` for a text that cannot be taken apart.
    """

    location: str
    key: str
    field: str
    reason: str
    detail: str
    quarantine: str
    table: str
    column: str
    digest: bytes
    key_id: str | None
    store: StoreName = StoreName.CLASSIC
    name: str = ""

    @property
    def known(self) -> bool:
        """Whether it is in quarantine already."""
        return bool(self.quarantine)

    @property
    def acknowledged(self) -> bool:
        """Whether its quarantine entry is acknowledged."""
        return self.quarantine == "acknowledged"

    @property
    def place(self) -> str:
        """Where it is, for people."""
        named = f" ({self.name})" if self.name else ""
        return f"{self.location} {self.key} {self.field}{named}"


@dataclass(slots=True)
class LocationResult:
    """The secrets of a location by key, and how many decrypt plausibly, or were `accepted` as they are.

    The counters are by data key: None stands for legacy values, `UNREADABLE` for texts that cannot be
    taken apart. `in_quarantine` counts unreadable secrets that are still as a run found them, `given_up` those of them
    that are acknowledged and that no key of the configuration reads, retiring ones included.
    """

    total: int = 0
    readable: int = 0
    accepted: int = 0
    providers: dict[str, int] = field(default_factory=dict)
    by_key: Counter[str | None] = field(default_factory=Counter)
    in_quarantine: Counter[str | None] = field(default_factory=Counter)
    given_up: Counter[str | None] = field(default_factory=Counter)


@dataclass(slots=True)
class Verification:
    """The result. `problems` are the named ones; the numbers cover all.

    `reasons` counts those outside the quarantine. `proven_bits` is the evidence for a data key in what it decrypts,
    summed up until it is enough.
    """

    locations: dict[str, LocationResult] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    quarantined: int = 0
    unreadable: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    #: Those outside the quarantine by data key, None for legacy values.
    failing: Counter[str | None] = field(default_factory=Counter)
    #: Readable ones that end where their column ends, with the reason.
    cut: list[tuple[Place, str]] = field(default_factory=list)
    #: What they belong to in Grafana.
    names: Names = field(default_factory=dict)
    #: Those that nobody here can judge, by location and provider: neither readable nor a problem.
    uncovered: Counter[tuple[str, str]] = field(default_factory=Counter)
    proven_bits: dict[str | None, float] = field(default_factory=dict)
    #: By data key the ciphertexts that `proven_bits` sums up: a copy of one is no further evidence.
    weighed: dict[str | None, set[bytes]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All secrets."""
        return sum(each.total for each in self.locations.values())

    @property
    def readable(self) -> int:
        """Those that decrypt plausibly, or were accepted."""
        return sum(each.readable for each in self.locations.values())

    @property
    def accepted(self) -> int:
        """How many of the readable ones are implausible and were accepted."""
        return sum(each.accepted for each in self.locations.values())

    @property
    def of_configuration(self) -> int:
        """How many of the unreadable ones only a setting keeps from being read."""
        return self.reasons[PROVIDER_NOT_CONFIGURED]

    @property
    def unnamed(self) -> int:
        """Problems that are counted, and not kept by name."""
        return self.quarantined + self.unreadable - len(self.problems)

    @property
    def key_ids(self) -> set[str]:
        """The data keys that secrets name."""
        return {key_id for each in self.locations.values() for key_id in each.by_key if key_id}

    @property
    def needed_key_ids(self) -> set[str]:
        """The data keys that a secret names which is not given up."""
        return {key_id for each in self.locations.values() for key_id in each.by_key - each.given_up if key_id}

    def is_proven(self, key_id: str | None) -> bool:
        """Whether what a data key decrypts shows that it is the right one."""
        return self.proven_bits.get(key_id, 0.0) >= PROVEN_BITS

    def copy(self) -> Verification:
        """Copy the numbers and problems, to count on from them."""
        return replace(
            self,
            locations=dict(self.locations),
            problems=list(self.problems),
            reasons=Counter(self.reasons),
            failing=Counter(self.failing),
            cut=list(self.cut),
            uncovered=Counter(self.uncovered),
            proven_bits=dict(self.proven_bits),
            weighed={key_id: set(weighed) for key_id, weighed in self.weighed.items()},
        )

    def weigh(self, envelope: Envelope, bits: float) -> None:
        """Add a secret's evidence for its key; sixteen secrets are enough, and each counts once."""
        weighed, identity = self.weighed.setdefault(envelope.key_id, set()), identity_of(envelope)
        if bits > 0 and identity not in weighed:
            weighed.add(identity)
            self.proven_bits[envelope.key_id] = self.proven_bits.get(envelope.key_id, 0.0) + bits

    @property
    def possibly_cut(self) -> list[str]:
        """The readable secrets that were probably cut off, by name with the reason."""
        return [f"{in_words(place, self.names)}: {why}" for place, why in self.cut]

    def note_cut(self, place: Place, why: str) -> None:
        """Remember a readable secret that was probably cut off, as long as there is room."""
        if len(self.cut) < NAMED_PROBLEMS:
            self.cut.append((place, why))

    def add(self, problem: Problem) -> None:
        """Count a problem, and keep it by name as long as there is room."""
        if problem.known:
            self.quarantined += 1
        else:
            self.unreadable += 1
            self.reasons[problem.reason] += 1
            self.failing[problem.key_id] += 1
        if problem.acknowledged or len(self.problems) < NAMED_PROBLEMS:
            self.problems.append(problem)
