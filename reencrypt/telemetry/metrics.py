"""Metrics of the events that a process has heard, in the data model of Prometheus.

Gauges describe the database and the last commands; they are taken over from what an earlier process has published, so
that a failure hides none of them. Counters and histograms begin with this process. No label has a value that comes from
a secret, and none is unbounded: a run's id is no label.
"""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

import reencrypt
from reencrypt.events import (
    CommandEnded,
    CommandStarted,
    Continued,
    Emit,
    Event,
    InventoryTaken,
    PageCommitted,
    RunRecorded,
    RunStarted,
    Throttled,
    VaultAnswered,
)
from reencrypt.telemetry.families import (
    ANSWER_SECONDS,
    ANSWERS,
    LOCK_SECONDS,
    LOCKS,
    PAUSED,
    RESULTS,
    THROTTLED,
    VAULT_REQUESTS,
    Family,
    Gauges,
    Histogram,
    Labels,
)


class Metrics:
    """What has been heard so far. In a fleet with `members` every metric has the label `member`, none has `location`.

    `labels` are the same for all metrics. It may be read in another thread than it listens in.
    """

    def __init__(self, labels: Mapping[str, str] | None = None, *, members: Collection[str] | None = None) -> None:
        self._labels = dict(labels or {})
        self._members = members
        self._lock = threading.Lock()
        self._gauges = Gauges()
        self._requests: dict[Labels, float] = {}
        self._answers: dict[Labels, Histogram] = {}
        self._throttled: dict[Labels, float] = {}
        self._paused: dict[Labels, float] = {}
        self._locks: dict[Labels, Histogram] = {}
        # The members whose runs this process does itself.
        self._at_work: set[Labels] = set()
        build = self._gauges.build
        for member in ("",) if members is None else members:
            self._set(member, build, 1, reencrypt.__version__, platform.python_version())
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Collector(self._collect))

    def text(self) -> bytes:
        """The metrics in Prometheus's text format."""
        return generate_latest(self._registry)

    @property
    def registry(self) -> CollectorRegistry:
        """For what `prometheus_client` does with one."""
        return self._registry

    def listener(self, member: str = "") -> Emit:
        """Make the listener of one Grafana, which is a member of a fleet if it has a name."""

        def listen(event: Event) -> None:
            with self._lock:
                self._hear(member, event)

        return listen

    def remember(self, text: str, where: Mapping[str, str] | None = None) -> None:
        """Take gauges over from what others have published: an earlier process, or one that works at the same time.

        Of each command the later end counts, and of what is counted together the later count. Only samples with the
        labels `where` are taken, whose other labels have to be ours, and none of a member that the fleet does not have
        any more. Raises `ValueError` for text in another format.
        """
        where = {**(where or {}), **self._labels}
        by_name = {family.name: family for family in self._gauges.all() if not family.local}
        past: dict[str, dict[Labels, float]] = {name: {} for name in by_name}
        for metric in text_string_to_metric_families(text):
            names = self._names(by_name[metric.name]) if metric.name in by_name else ()
            for sample in metric.samples if metric.name in by_name else ():
                # An empty label is none: a Pushgateway adds one for the instance, and need not show ours.
                others = {name: value for name, value in sample.labels.items() if value and name not in where}
                own = dict.fromkeys(names, "") | others
                if where.items() <= sample.labels.items() and set(own) == set(names):
                    key = tuple(own[name] for name in names)
                    if self._members is None or key[0] in self._members:
                        past[metric.name][key] = sample.value
        with self._lock:
            self._take_over(past)

    def _take_over(self, past: Mapping[str, Mapping[Labels, float]]) -> None:
        gauges = self._gauges
        ends, counts = past[gauges.last_run.name], past[gauges.counted.name]
        ended_later = {key for key, at in ends.items() if at > gauges.last_run.values.get(key, 0)}
        counted_later = {key for key, at in counts.items() if at > gauges.counted.values.get(key, 0)}
        for key in counted_later:
            self._forget_counted(key)
        has_passes = {self._owner(key) for key in gauges.pass_secrets.values}
        for family in gauges.all():
            for key, value in past.get(family.name, {}).items():
                if family is gauges.last_success:
                    taken = value > family.values.get(key, 0)
                elif "command" in family.labels:
                    taken = key in ended_later
                elif family is gauges.pass_secrets:
                    taken = self._owner(key) not in has_passes | self._at_work
                else:
                    taken = self._owner(key) in counted_later
                if taken:
                    family.values[key] = value

    def _owner(self, key: Labels) -> Labels:
        """The member that a gauge is of; nothing where there are none."""
        return () if self._members is None else key[:1]

    def _forget_counted(self, owner: Labels) -> None:
        for family in self._gauges.counted_together():
            family.values = {key: value for key, value in family.values.items() if self._owner(key) != owner}

    def _names(self, family: Family) -> Labels:
        if self._members is None:
            return family.labels
        return ("member", *(name for name in family.labels if name != "location"))

    def _key(self, member: str, family: Family, *values: str) -> Labels:
        """The values of the labels of a gauge, in the order of `_names`."""
        if self._members is None:
            return values
        return (member, *(value for name, value in zip(family.labels, values, strict=True) if name != "location"))

    def _set(self, member: str, family: Family, value: float, *labels: str) -> None:
        family.values[self._key(member, family, *labels)] = value

    def _add(self, member: str, family: Family, value: float, *labels: str) -> None:
        key = self._key(member, family, *labels)
        family.values[key] = family.values.get(key, 0) + value

    def _hear(self, member: str, event: Event) -> None:
        base: Labels = () if self._members is None else (member,)
        gauges = self._gauges
        match event:
            case CommandStarted(command):
                self._set(member, gauges.running, 1, command)
            case CommandEnded(command, exit_code, seconds):
                self._set(member, gauges.running, 0, command)
                self._ended(member, command, exit_code, seconds, time.time())
            case RunRecorded(command, exit_code, seconds, ended):
                self._recorded(member, command, exit_code, seconds, ended)
            case RunStarted():
                self._at_work.add(base)
                kept = {key: value for key, value in gauges.pass_secrets.values.items() if self._owner(key) != base}
                gauges.pass_secrets.values = kept
            case InventoryTaken():
                self._counted(member, event)
            case _:
                self._observe(base, event)

    def _observe(self, base: Labels, event: Event) -> None:
        """Count what only this process does."""
        match event:
            case PageCommitted(location, _, _, locked_seconds, counts):
                self._locks.setdefault(base, Histogram.empty(LOCK_SECONDS)).observe(locked_seconds)
                if self._members is None:
                    for result in RESULTS:
                        self._set("", self._gauges.pass_secrets, counts[result], location, result)
            case VaultAnswered(_, operation, code, seconds):
                key = (*base, operation, code)
                self._requests[key] = self._requests.get(key, 0) + 1
                self._answers.setdefault((*base, operation), Histogram.empty(ANSWER_SECONDS)).observe(seconds)
            case Throttled(seconds):
                self._throttled[base] = self._throttled.get(base, 0) + seconds
            case Continued(seconds):
                self._paused[base] = self._paused.get(base, 0) + seconds
            case _:
                pass

    def _ended(self, member: str, command: str, exit_code: int, seconds: float, ended: float) -> None:
        gauges = self._gauges
        self._set(member, gauges.last_run, ended, command)
        self._set(member, gauges.exit_code, exit_code, command)
        self._set(member, gauges.duration, seconds, command)
        if exit_code == 0:
            self._set(member, gauges.last_success, ended, command)

    def _recorded(self, member: str, command: str, exit_code: int, seconds: float, ended: datetime) -> None:
        """A run that the state tables know: news where the process that did it has published nothing."""
        gauges, at = self._gauges, ended.replace(tzinfo=UTC).timestamp()
        # Of several in the same second the last one counts: they come in order.
        if at >= gauges.last_run.values.get(self._key(member, gauges.last_run, command), 0):
            self._ended(member, command, exit_code, seconds, at)
        elif exit_code == 0 and at > gauges.last_success.values.get(self._key(member, gauges.last_success, command), 0):
            self._set(member, gauges.last_success, at, command)

    def _counted(self, member: str, event: InventoryTaken) -> None:
        gauges = self._gauges
        self._forget_counted(() if self._members is None else (member,))
        self._set(member, gauges.counted, time.time())
        for store, provider in event.targets.items():
            self._set(member, gauges.target, 1, store, provider)
        for each in event.secrets:
            self._add(member, gauges.secrets, each.number, each.store, each.location, each.provider, each.state)
        for location, state, number in event.quarantined:
            self._add(member, gauges.quarantined, number, location, state)
        for keys in event.data_keys:
            flags = [str(flag).lower() for flag in (keys.active, keys.in_use)]
            self._add(member, gauges.data_keys, keys.number, keys.store, keys.provider, *flags)
            if keys.in_use:
                self._extreme(member, gauges.oldest, keys.oldest, min, keys.store, keys.provider)
            if keys.newest is not None:
                self._extreme(member, gauges.newest, keys.newest, max, keys.store, keys.provider)

    def _extreme(
        self,
        member: str,
        family: Family,
        at: datetime | None,
        choose: Callable[[float, float], float],
        *labels: str,
    ) -> None:
        seconds = at.replace(tzinfo=UTC).timestamp() if at is not None else 0.0
        present = family.values.get(self._key(member, family, *labels), seconds)
        self._set(member, family, choose(present, seconds), *labels)

    def _collect(self) -> Iterator[Metric]:
        with self._lock:
            yield from [self._gauge_of(family) for family in self._gauges.all() if family.values]
            yield from self._counted_here()

    def _gauge_of(self, family: Family) -> Metric:
        metric = GaugeMetricFamily(family.name, family.meaning, labels=[*self._labels, *self._names(family)])
        for key, value in sorted(family.values.items()):
            metric.add_metric([*self._labels.values(), *key], value)
        return metric

    def _counted_here(self) -> list[Metric]:
        constant = list(self._labels.values())
        names = [*self._labels, *([] if self._members is None else ["member"])]
        requests = CounterMetricFamily(
            VAULT_REQUESTS.name, VAULT_REQUESTS.meaning, labels=[*names, *VAULT_REQUESTS.labels]
        )
        for key, number in sorted(self._requests.items()):
            requests.add_metric([*constant, *key], number)
        waits = []
        for family, by_owner in ((THROTTLED, self._throttled), (PAUSED, self._paused)):
            metric = CounterMetricFamily(family.name, family.meaning, labels=names)
            for key, seconds in sorted(by_owner.items()):
                metric.add_metric([*constant, *key], seconds)
            waits.append(metric)
        locks = HistogramMetricFamily(LOCKS.name, LOCKS.meaning, labels=names)
        for key, histogram in sorted(self._locks.items()):
            locks.add_metric([*constant, *key], histogram.buckets(), histogram.total)
        answers = HistogramMetricFamily(ANSWERS.name, ANSWERS.meaning, labels=[*names, *ANSWERS.labels])
        for key, histogram in sorted(self._answers.items()):
            answers.add_metric([*constant, *key], histogram.buckets(), histogram.total)
        return [requests, *waits, locks, answers]


class _Collector(Collector):
    """Makes metrics when they are asked for."""

    def __init__(self, collect: Callable[[], Iterator[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[Metric]:
        return self._collect()
