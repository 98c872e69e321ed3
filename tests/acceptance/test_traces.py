"""Traces: what a receiver gets is the tree of what was done, and no receiver has a say in the work."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import reencrypt
from reencrypt.events import (
    CommandEnded,
    CommandStarted,
    Continued,
    Event,
    LocationEnded,
    LocationStarted,
    PassStarted,
    Paused,
    Quarantined,
    RunStarted,
    Throttled,
    VaultAnswered,
    Waiting,
    Warned,
)
from reencrypt.telemetry.exporting import exported
from reencrypt.telemetry.otlp import Sender
from reencrypt.telemetry.trace_context import LoggedTrace, TraceParent
from reencrypt.telemetry.traces import MOST_EVENTS, Traces
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.commandline import Outcome
from tests.support.fleets import Fleet
from tests.support.otlp import ENDPOINT, Receiver, Span, hanging, received, refusing
from tests.support.story import WRAP, Story
from tests.support.vault import Vault

ROOT = Path(__file__).parents[2]
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = {"TRACEPARENT": f"00-{TRACE}-{PARENT}-01", "TRACESTATE": "vendor=value"}
#: Longer than what the work itself takes here, and the five seconds for the rest of the traces.
LONGEST_SECONDS = 15.0
CANARY = "canary-plaintext-41bc"
CANARY_DATA_KEY = b"canary-datakey-3"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with received() as receiver:
        yield receiver


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault) -> Story:
    return filled(tmp_path, shared_vault)


def filled(folder: Path, vault: Vault) -> Story:
    story = Story.of(folder / "grafana.db", vault)
    with story.builder() as builder:
        populate(builder, count=40, under=[None, builder.data_key()])
    return story


def run(story: Story, environment: Mapping[str, str], *arguments: str, expect: int | None = 0) -> Outcome:
    return replace(story.cli, environment=environment)("run", *WRAP, *arguments, expect=expect)


def lines(outcome: Outcome) -> list[dict[str, Any]]:
    """The log, each line of which has to be JSON."""
    found = [json.loads(line) for line in outcome.stderr.splitlines()]
    assert found
    return found


def about_traces(outcome: Outcome) -> list[str]:
    """The lines that are about traces; the others are about the work."""
    return [line for line in outcome.stderr.splitlines() if "traces" in line]


def only(spans: list[Span]) -> Span:
    (span,) = spans
    return span


def test_a_run_is_one_trace_of_command_locations_and_vault_calls(story: Story, receiver: Receiver) -> None:
    asked = len(story.vault.control("GET", "requests"))
    result = run(story, receiver.environment, "--output", "json").json
    spans = receiver.spans
    command = only([span for span in spans if not span.parent_id])
    assert command.name == "reencrypt run"
    assert {span.trace_id for span in spans} == {command.trace_id}
    assert command.attributes == {
        "reencrypt.command": "run",
        "reencrypt.run_id": result["run_id"],
        "reencrypt.outcome": "done",
        "reencrypt.exit_code": 0,
    }
    assert not command.failed
    assert command.resource["service.name"] == "reencrypt"
    assert command.resource["service.version"] == reencrypt.__version__
    locations = receiver.named("location ")
    assert {span.parent_id for span in locations} == {command.span_id}
    assert {span.attributes["reencrypt.run_id"] for span in locations} == {result["run_id"]}
    assert {span.name for span in locations} == {
        f"location {span.attributes['reencrypt.location']}" for span in locations
    }
    assert {span.attributes["reencrypt.pass"] for span in locations} >= {0, 1}
    moved = {span.attributes["reencrypt.location"]: span.attributes["reencrypt.moved"] for span in locations[::-1]}
    counted = {name: counts["re_encrypted"] for name, counts in result["locations"].items()}
    # Copies in the history move along with what they are copies of.
    assert moved.pop("alert_configuration_history") != counted.pop("alert_configuration_history")
    assert moved == counted
    calls = receiver.named("vault ")
    by_id = {span.span_id: span for span in spans}
    for span in [*locations, *calls]:
        parent = by_id[span.parent_id]
        assert parent is command or parent in locations
        assert parent.start <= span.start <= span.end <= parent.end
    assert len(spans) == 1 + len(locations) + len(calls)
    # Each request that the vault has seen.
    requests = [
        each
        for each in story.vault.control("GET", "requests")[asked:]
        if each["operation"] not in ("", "token", "discovery") and each["status"] != 401
    ]
    seen = Counter((each["operation"].lower(), str(each["status"])) for each in requests)
    told = Counter(
        (span.attributes["reencrypt.vault.operation"], span.attributes["reencrypt.vault.code"]) for span in calls
    )
    assert told == seen
    assert {span.attributes["reencrypt.vault.provider"] for span in calls} == {"azurekv.prod"}
    assert story.vault.key_version("prod") in {span.attributes.get("reencrypt.vault.key_version") for span in calls}


def test_the_parent_of_the_environment_is_the_parent_and_its_trace_is_in_every_line(
    story: Story, receiver: Receiver
) -> None:
    names = {"OTEL_SERVICE_NAME": "rotation", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test"}
    environment = {**receiver.environment, **TRACEPARENT, **names}
    outcome = run(story, environment, "--log-format", "json", "-vv")
    command = only(receiver.named("reencrypt run"))
    assert (command.trace_id, command.parent_id, command.state) == (TRACE, PARENT, "vendor=value")
    assert {span.trace_id for span in receiver.spans} == {TRACE}
    assert command.resource["service.name"] == "rotation"
    assert command.resource["deployment.environment.name"] == "test"
    assert {(line["trace_id"], line["span_id"]) for line in lines(outcome)} == {(TRACE, command.span_id)}
    # A person reads no ids.
    assert "trace_id" not in run(story, environment, "-vv").stderr


def test_a_parent_that_is_not_sampled_is_not_sent_and_still_in_the_log(story: Story, receiver: Receiver) -> None:
    environment = {**receiver.environment, "TRACEPARENT": f"00-{TRACE}-{PARENT}-00"}
    outcome = run(story, environment, "--log-format", "json")
    assert receiver.bodies == []
    assert {line["trace_id"] for line in lines(outcome)} == {TRACE}


def test_without_a_parent_the_log_names_the_trace_that_is_sent(story: Story, receiver: Receiver) -> None:
    environment = {**receiver.environment, "TRACEPARENT": "00-nonsense"}
    outcome = run(story, environment, "--log-format", "json", "-v")
    command = only(receiver.named("reencrypt run"))
    assert command.parent_id == ""
    assert {(line["trace_id"], line["span_id"]) for line in lines(outcome)} == {(command.trace_id, command.span_id)}


def test_a_command_without_spans_has_the_trace_of_the_environment_in_its_log(story: Story) -> None:
    cli = replace(story.cli, environment=TRACEPARENT)
    outcome = cli("doctor", "--log-format", "json", "-vv", expect=None)
    assert {(line["trace_id"], line["span_id"]) for line in lines(outcome)} == {(TRACE, PARENT)}
    cli = replace(story.cli, environment={})
    assert not [line for line in lines(cli("doctor", "--log-format", "json", "-vv", expect=None)) if "trace_id" in line]


def test_a_command_that_fails_says_so_with_its_exit_code(story: Story, receiver: Receiver) -> None:
    environment = {**receiver.environment, "GF_SECURITY_ENCRYPTION_PROVIDER": "azurekv.nowhere"}
    outcome = run(story, environment, expect=None)
    command = only(receiver.named("reencrypt run"))
    assert outcome.exit_code not in (0, 4)
    assert command.attributes["reencrypt.exit_code"] == outcome.exit_code
    assert command.failed


def test_a_command_that_stops_as_it_was_asked_to_is_no_error(story: Story, receiver: Receiver) -> None:
    run(story, receiver.environment, "--limit", "5", expect=4)
    command = only(receiver.named("reencrypt run"))
    assert command.attributes["reencrypt.exit_code"] == 4
    assert command.attributes["reencrypt.outcome"] == "stopped"
    assert not command.failed


def test_a_vault_that_throttles_is_seen_and_what_is_quarantined_has_a_place_and_a_reason(
    story: Story, receiver: Receiver
) -> None:
    with story.builder() as builder:
        lost = builder.data_key()
        builder.add_data_source({"password": Plain(b"a long enough password", lost)})
    story.execute("DELETE FROM data_keys WHERE name = ?", lost.key_id)
    story.vault.control("POST", "faults", {"kind": "status", "status": 429, "next": 1})
    run(story, receiver.environment, "--max-quarantine", "1", expect=3)
    assert only(receiver.named("reencrypt run")).failed
    failed = [span for span in receiver.named("vault ") if span.failed]
    assert [(span.attributes["reencrypt.vault.code"], span.status) for span in failed] == [("429", "429")]
    events = [(span.name, *event) for span in receiver.spans for event in span.events]
    assert [name for name, event, _ in events if event == "throttled"] == ["reencrypt run"]
    quarantined = {(name, json.dumps(attributes)) for name, event, attributes in events if event == "quarantined"}
    place = {"reencrypt.location": "data_source", "reencrypt.reason": "unknown_data_key"}
    assert quarantined == {("location data_source", json.dumps(place))}


def test_each_member_of_a_fleet_has_a_trace_of_its_own(tmp_path: Path, shared_vault: Vault, receiver: Receiver) -> None:
    fleet = of_two(tmp_path, shared_vault)
    arguments = (str(fleet.list), "--log-format", "json", "-v")
    outcome = replace(fleet.cli, environment=receiver.environment)("fleet run", *arguments)
    commands = {str(span.attributes["reencrypt.member"]): span for span in receiver.named("reencrypt run")}
    assert set(commands) == {"a", "b"}
    assert {span.parent_id for span in commands.values()} == {""}
    assert len({span.trace_id for span in commands.values()}) == 2
    for span in receiver.spans:
        assert commands[str(span.attributes["reencrypt.member"])].trace_id == span.trace_id
    for line in lines(outcome):
        if "member" in line and line["event"] != "member ended":
            assert line["trace_id"] == commands[line["member"]].trace_id
            assert line["span_id"] == commands[line["member"]].span_id
    # The same under one parent.
    receiver.bodies.clear()
    outcome = replace(fleet.cli, environment={**receiver.environment, **TRACEPARENT})("fleet run", *arguments)
    commands = {str(span.attributes["reencrypt.member"]): span for span in receiver.named("reencrypt run")}
    assert {(span.trace_id, span.parent_id) for span in commands.values()} == {(TRACE, PARENT)}
    assert {line["trace_id"] for line in lines(outcome)} == {TRACE}
    for line in lines(outcome):
        own = "member" in line and line["event"] != "member ended"
        assert line["span_id"] == (commands[line["member"]].span_id if own else PARENT)


def test_a_receiver_that_does_not_take_them_costs_a_fleet_one_warning(tmp_path: Path, shared_vault: Vault) -> None:
    fleet = of_two(tmp_path, shared_vault)
    with received(400) as receiver:
        cli = replace(fleet.cli, environment=receiver.environment)
        assert len(about_traces(cli("fleet plan", str(fleet.list)))) == 1
        # In JSON it is one of the lines.
        (line,) = about_traces(cli("fleet plan", str(fleet.list), "--log-format", "json"))
    assert json.loads(line)["message"].endswith("it answered 400")


def of_two(folder: Path, vault: Vault) -> Fleet:
    fleet = Fleet(folder, vault)
    for name in ("a", "b"):
        fleet.add(name)
    fleet.write()
    return fleet


def test_a_receiver_that_refuses_hangs_or_fails_changes_nothing_but_one_line(
    tmp_path: Path, shared_vault: Vault
) -> None:
    headers = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer canary-header,canary-no-header"}
    with ExitStack() as stack:
        answers = {
            "ConnectionError": refusing(),
            "no answer in time": stack.enter_context(hanging()),
            "it answered 503": stack.enter_context(received(503)).url,
        }

        def timed(reason: str) -> tuple[Outcome, float]:
            folder = tmp_path / reason.replace(" ", "-")
            folder.mkdir()
            story, since = filled(folder, shared_vault), time.monotonic()
            return run(
                story, {ENDPOINT: answers[reason].replace("//", "//me:canary-password@"), **headers}
            ), time.monotonic() - since

        with ThreadPoolExecutor() as threads:
            for reason, (outcome, seconds) in zip(answers, threads.map(timed, answers), strict=True):
                (line,) = about_traces(outcome)
                assert line.count(answers[reason].removeprefix("http://")) == 1
                assert reason in line
                assert "canary" not in outcome.stderr + outcome.stdout
                assert seconds < LONGEST_SECONDS, reason


def test_the_end_does_not_wait_for_the_sdk() -> None:
    with hanging() as address:
        sender, since = Sender(address), time.monotonic()
        sender.tracer.start_span("a span").end()
        assert sender.finish(0.1) == "no answer in time"
        assert time.monotonic() - since < 2


def test_no_secret_reaches_a_receiver(tmp_path: Path, shared_vault: Vault, receiver: Receiver) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key="canary-secret-key-9d02")
    with story.builder() as builder:
        key = builder.data_key(dek=CANARY_DATA_KEY)
        populate(builder, count=40, under=[None, key])
        for number, under in enumerate([None, key, key, key]):
            builder.add_data_source({"password": Plain(f"{CANARY} {number}".encode(), under)})
        victims = [each for each in builder.planted if CANARY.encode() in each.plaintext][:2]
        for victim in victims:
            builder.damage(victim, "truncated")
    story.vault.control("POST", "faults", {"kind": "status", "status": 429, "next": 1})
    run(story, {**receiver.environment, "GF_SECURITY_SECRET_KEY": "canary-secret-key-wrong"}, expect=6)
    run(story, receiver.environment, expect=3)
    sent = b"".join(receiver.bodies)
    assert b"quarantined" in sent
    assert sent.count(b"reencrypt run") == 2
    for secret in (b"canary", CANARY_DATA_KEY, story.vault.client_secret.encode()):
        assert secret not in sent
        assert secret.hex().encode() not in sent


def test_without_being_asked_for_nothing_of_an_extra_is_imported(story: Story, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import atexit, sys\n"
        "extras = ('opentelemetry', 'prometheus_client', 'jinja2')\n"
        "atexit.register(lambda: print('LOADED', [name for name in sys.modules if name.startswith(extras)]))\n"
    )
    cli = replace(story.cli, cold=True, environment={"PYTHONPATH": f"{site}:{ROOT}"})
    assert cli("run", *WRAP).stdout.splitlines()[-1] == "LOADED []"


def test_a_variable_that_the_sdk_cannot_read_is_a_warning(story: Story) -> None:
    environment = {ENDPOINT: refusing(), "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "-1"}
    outcome = replace(story.cli, cold=True, environment=environment)("run", *WRAP, "--log-format", "json")
    (line,) = about_traces(outcome)
    assert "cannot use its variables" in line


def test_without_the_extra_one_line_says_what_to_install(story: Story, tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "opentelemetry.py").write_text("raise ImportError\n")
    environment = {"PYTHONPATH": str(tmp_path / "hidden"), ENDPOINT: refusing(), **TRACEPARENT}
    outcome = replace(story.cli, cold=True, environment=environment)("run", *WRAP, "--log-format", "json")
    (line,) = about_traces(outcome)
    assert "its extra `otel`" in json.loads(line)["message"]
    assert {line["trace_id"] for line in lines(outcome)} == {TRACE}


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, ""),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ""),
        ({ENDPOINT: "http://a", "OTEL_SDK_DISABLED": "True"}, ""),
        ({ENDPOINT: "http://a", "OTEL_TRACES_EXPORTER": "none"}, ""),
        ({ENDPOINT: "http://a", "OTEL_TRACES_EXPORTER": "console"}, ""),
        ({ENDPOINT: "http://a", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf alone"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, "http/protobuf alone"),
        ({ENDPOINT: "canary:4317"}, "OTEL_EXPORTER_OTLP_ENDPOINT is no address"),
        ({ENDPOINT: "http://[fd00::1:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT is no address"),
        ({ENDPOINT: "http://a:99999"}, "OTEL_EXPORTER_OTLP_ENDPOINT is no address"),
    ],
)
def test_the_environment_says_that_there_are_no_traces(environment: Mapping[str, str], words: str) -> None:
    warnings: list[str] = []
    with exported(environment, warnings.append) as traces:
        assert traces is None
    assert len(warnings) == bool(words)
    assert words in "".join(warnings)
    assert "canary" not in "".join(warnings)


def test_variables_that_the_sdk_does_not_understand_are_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-7")
    warnings: list[str] = []
    with exported({ENDPOINT: refusing()}, warnings.append) as traces:
        assert traces is None
    assert warnings == ["no traces are sent: OpenTelemetry cannot use its variables (ValueError)"]


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{url}/v1/traces", ENDPOINT: "http://nowhere.invalid"},
        {ENDPOINT: "{url}/", "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
    ],
)
def test_the_environment_says_where_traces_go(environment: Mapping[str, str], receiver: Receiver) -> None:
    warnings: list[str] = []
    there = {name: value.format(url=receiver.url) for name, value in environment.items()}
    with exported(there, warnings.append) as traces:
        assert traces is not None
        listen = traces.listener(LoggedTrace())
        for event in (CommandStarted("status"), CommandEnded("status", 0, 1.0)):
            listen(event)
    assert warnings == []
    assert only(receiver.spans).name == "reencrypt status"


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        (f"00-{TRACE}-{PARENT}-01", True),
        (f" 00-{TRACE}-{PARENT}-00 ", True),
        (f"01-{TRACE}-{PARENT}-01-of-a-later-version", True),
        (f"00-{TRACE}-{PARENT}-01-more", False),
        (f"ff-{TRACE}-{PARENT}-01", False),
        (f"00-{'0' * 32}-{PARENT}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-{PARENT}-01", False),
        (f"00-{TRACE}-{PARENT}", False),
        ("", False),
    ],
)
def test_a_parent_is_valid_or_none(text: str, is_valid: bool) -> None:  # noqa: FBT001 - a parameter of the test
    found = TraceParent.of_environment({"TRACEPARENT": text})
    assert (found is not None) == is_valid
    if found is not None:
        assert (found.trace_id, found.span_id) == (TRACE, PARENT)


def spans_of(*events: Event, member: str = "") -> dict[str, ReadableSpan]:
    """The spans of these events, by name."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    listen = Traces(provider.get_tracer("tests"), None).listener(LoggedTrace(), member)
    for event in events:
        listen(event)
    provider.shutdown()
    return {span.name: span for span in exporter.get_finished_spans()}


_ANSWERED = VaultAnswered("azurekv.prod", "unwrapkey", "no_answer", 2.0, "v1")
_EVERYTHING: tuple[Event, ...] = (
    Waiting("before any command"),
    CommandStarted("run"),
    RunStarted("the-run", resumed=False, target_provider="azurekv.prod", secrets=1),
    PassStarted(2),
    LocationStarted("data_source"),
    _ANSWERED,
    *[Quarantined("data_source", "1", "password", "malformed_envelope", "canary")] * 100,
    *[Warned("a name", "x" * 5000)] * 40,
    Throttled(1.5),
    Paused("db-2", "db-2 lags more than 5 s behind", 5.5),
    Continued(1.0),
    Waiting("the vault does not answer"),
    LocationEnded("data_source", 7),
    VaultAnswered("azurekv.prod", "get", "200", 0.5, ""),
    Waiting("for Grafana's cache"),
    CommandEnded("run", 7, 9.0),
)


def test_what_happens_in_a_location_is_told_of_that_and_is_bounded() -> None:
    spans = spans_of(*_EVERYTHING, member="a")
    location, command = spans["location data_source"], spans["reencrypt run"]
    assert location.context is not None
    inside, outside = spans["vault unwrapkey"], spans["vault get"]
    assert inside.parent is not None
    assert inside.parent.span_id == location.context.span_id
    assert location.parent == outside.parent == command.context
    assert inside.start_time is not None
    assert inside.end_time is not None
    assert inside.end_time - inside.start_time == 2_000_000_000
    assert (inside.status.is_ok, inside.status.description, outside.status.is_ok) == (False, "no_answer", True)
    assert Counter(event.name for event in location.events) == {
        "quarantined": MOST_EVENTS,
        "warning": MOST_EVENTS,
        "throttled": 1,
        "paused": 1,
        "continued": 1,
        "waiting": 1,
    }
    assert dict(location.attributes or {}) == {
        "reencrypt.location": "data_source",
        "reencrypt.run_id": "the-run",
        "reencrypt.pass": 2,
        "reencrypt.member": "a",
        "reencrypt.moved": 7,
        "reencrypt.events_left_out": 100 - MOST_EVENTS + 40 - MOST_EVENTS,
    }
    assert "canary" not in location.to_json()
    assert len(location.to_json()) < 100_000
    assert [event.name for event in command.events] == ["waiting"]
    assert command.status.description == "database or key service unavailable; progress saved"


def test_the_document_names_every_span_attribute_and_event_and_no_other() -> None:
    section = (ROOT / "docs/monitoring.md").read_text().split("## Traces")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `([^`]+)` \|(.*)\|$", section, re.MULTILINE))
    spans = spans_of(*_EVERYTHING, member="a").values()
    told: dict[str, set[str]] = {}
    for span in spans:
        kind = {"reencrypt": "reencrypt COMMAND", "location": "location NAME", "vault": "vault OPERATION"}
        told.setdefault(kind[span.name.split()[0]], set()).update(span.attributes or {})
        for event in span.events:
            told.setdefault(event.name, set()).update(event.attributes or {})
    everywhere = {"reencrypt.member", "reencrypt.events_left_out"}
    assert everywhere <= set(re.findall(r"`([\w.]+)`", section))
    # No command of these events comes to the end of a run.
    told["reencrypt COMMAND"].add("reencrypt.outcome")
    assert {name: set(re.findall(r"`(reencrypt\.[\w.]+)`", row)) for name, row in rows.items()} == {
        name: attributes - everywhere for name, attributes in told.items()
    }
