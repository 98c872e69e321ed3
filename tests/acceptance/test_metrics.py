"""Metrics: what an operator graphs is what the database and the vault say, also after failures and for a fleet."""

from __future__ import annotations

import fcntl
import os
import re
import socketserver
import stat
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reencrypt.cli.main import COMMANDS, run_command_line
from reencrypt.databases.connect import open_database
from reencrypt.errors import ConfigurationError
from reencrypt.events import CommandEnded, CommandStarted, Event, Surveyed
from reencrypt.operations.inventory import take_inventory
from reencrypt.outcomes import Operation
from reencrypt.planning.inventory import SecretState
from reencrypt.planning.schema import inspect
from reencrypt.settings import load_settings
from reencrypt.telemetry.metrics import Metrics
from reencrypt.telemetry.options import Label, MetricsOptions, Pushgateway
from reencrypt.telemetry.publishing import published
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.fleets import Fleet
from tests.support.story import MANAGER, WRAP, Story
from tests.support.vault import Vault


class Samples(dict[tuple[str, frozenset[tuple[str, str]]], float]):
    """The samples of a file, by name and labels."""

    @classmethod
    def read(cls, path: Path) -> Samples:
        families = list(text_string_to_metric_families(path.read_text()))
        return cls(
            {(each.name, frozenset(each.labels.items())): each.value for one in families for each in one.samples}
        )

    def of(self, name: str, **labels: str) -> float | None:
        return self.get((f"reencrypt_{name}", frozenset(labels.items())))

    def all(self, name: str, **labels: str) -> list[tuple[Mapping[str, str], float]]:
        """The samples that have these labels among others."""
        wanted = labels.items()
        return [
            (dict(have), value)
            for (called, have), value in self.items()
            if called == f"reencrypt_{name}" and wanted <= dict(have).items()
        ]

    def total(self, name: str, **labels: str) -> float:
        return sum(value for _, value in self.all(name, **labels))


def to_end(story: Story, *arguments: str) -> dict[str, Any]:
    """Run; returns the result."""
    return story.cli("run", *WRAP, *arguments, "--output", "json").json


def requests_of(vault: Vault) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = vault.control("GET", "requests")
    return found


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault) -> Story:
    story = Story.of(tmp_path / "grafana.db", shared_vault)
    with story.builder() as builder:
        populate(builder, count=40, under=[None, builder.data_key()])
    return story


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "reencrypt.prom"


def test_a_run_publishes_what_database_and_vault_say(story: Story, file: Path) -> None:
    since, asked = time.time(), len(requests_of(story.vault))
    result = to_end(story, "--metrics-file", str(file))
    found = Samples.read(file)
    assert found.of("last_run_exit_code", command="run") == 0
    for name in ("last_run_timestamp_seconds", "last_success_timestamp_seconds"):
        assert since <= (found.of(name, command="run") or 0) <= time.time()
    assert 0 < (found.of("last_run_duration_seconds", command="run") or 0) < time.time() - since
    assert found.of("command_running", command="run") == 0
    assert found.total("build_info") == 1
    assert found.of("target_info", store="classic", provider="azurekv.prod") == 1
    # Every secret, where it is and under what.
    everything = result["secrets"]["total"]
    assert found.total("secrets") == everything
    assert found.total("secrets", state="old") == 0
    moved = everything - found.total("secrets", state="not_applicable")
    assert found.total("secrets", state="current", provider="azurekv.prod") == moved > 0
    assert found.total("pass_secrets") == everything
    assert found.total("data_keys", provider="azurekv.prod", active="true", in_use="true") == 1
    assert found.total("data_keys", in_use="false") >= 1
    assert found.total("oldest_data_key_created_timestamp_seconds", provider="azurekv.prod") > since - 60
    assert found.total("lock_seconds_count") > 0
    # Each request that the vault has seen.
    requests = [
        each for each in requests_of(story.vault)[asked:] if each["operation"] not in ("", "token", "discovery")
    ]
    seen = Counter((each["operation"].lower(), str(each["status"])) for each in requests)
    told = {(have["operation"], have["code"]): value for have, value in found.all("vault_requests_total")}
    # A request that is answered by a challenge is sent again by the SDK.
    assert told == {key: value for key, value in seen.items() if key[1] != "401"}
    assert found.total("vault_request_seconds_count") == sum(told.values())
    assert result["run_id"] not in file.read_text()


def test_a_failure_hides_nothing_of_the_last_success(story: Story, file: Path) -> None:
    to_end(story, "--metrics-file", str(file))
    before = Samples.read(file)
    wrong = replace(story.cli, environment={"GF_SECURITY_ENCRYPTION_PROVIDER": "azurekv.other"})
    wrong("run", "--metrics-file", str(file), expect=None)
    after = Samples.read(file)
    assert after.of("last_run_exit_code", command="run") != 0
    for name in ("last_success_timestamp_seconds", "inventory_timestamp_seconds"):
        assert before.all(name) == after.all(name)
    assert before.all("secrets") == after.all("secrets")
    assert before.all("oldest_data_key_created_timestamp_seconds") == after.all(
        "oldest_data_key_created_timestamp_seconds"
    )
    # What only a process knows begins anew.
    assert after.total("lock_seconds_count") == 0


def test_a_configuration_that_cannot_be_read_is_a_failure_too(story: Story, file: Path) -> None:
    to_end(story, "--metrics-file", str(file))
    cli = replace(story.cli, configuration=Path("/nowhere/grafana.ini"))
    cli("run", "--metrics-file", str(file), expect=2)
    assert Samples.read(file).of("last_run_exit_code", command="run") == 2
    assert Samples.read(file).of("last_success_timestamp_seconds", command="run")


def test_status_publishes_without_a_run_of_its_own(story: Story, file: Path) -> None:
    story.cli("status", "--metrics-file", str(file))
    found = Samples.read(file)
    assert found.of("last_success_timestamp_seconds", command="run") is None
    moving = found.total("secrets") - found.total("secrets", state="not_applicable")
    assert found.total("secrets", state="old") == moving > 0
    to_end(story)
    with story.builder() as builder:
        # Grafana, of which one replica still has the old configuration.
        builder.add_data_source({"password": Plain(b"a long enough password", builder.data_key())})
    story.cli("status", "--metrics-file", str(file))
    found = Samples.read(file)
    assert abs((found.of("last_success_timestamp_seconds", command="run") or 0) - time.time()) < 60
    assert found.of("last_run_exit_code", command="run") == 0
    ((labels, number),) = found.all("secrets", state="old")
    assert (labels["location"], number) == ("data_source", 1)


def test_status_names_commands_as_users_type_them(story: Story, file: Path, tmp_path: Path) -> None:
    key = tmp_path / "next.key"
    key.write_text("the next secret_key of this Grafana")
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", "--new-secret-key-file", str(key))
    story.cli(*rekey, expect=4)
    story.cli("status", "--metrics-file", str(file))
    found = Samples.read(file)
    assert found.of("last_run_exit_code", command="rekey-secret-key") == 4
    assert found.of("last_success_timestamp_seconds", command="rekey-secret-key") is None
    story.cli(*rekey, "--grafana-stopped")
    story.cli("status", "--metrics-file", str(file))
    found = Samples.read(file)
    assert found.of("last_run_exit_code", command="rekey-secret-key") == 0
    assert found.of("last_success_timestamp_seconds", command="rekey-secret-key")
    assert {labels["command"] for labels, _ in found.all("last_run_exit_code")} == {"rekey-secret-key", "status"}
    assert {each.command for each in Operation} <= set(COMMANDS)


async def test_a_data_key_that_grafana_makes_during_the_count_is_not_missing(story: Story) -> None:
    def save(event: Event) -> None:
        """Grafana writes under a data key of the day, once the count has begun: behind its first page."""
        if isinstance(event, Surveyed) and not saved:
            saved.append(event.location)
            with story.builder() as builder:
                builder.add_data_source({"password": Plain(b"a long enough password", builder.data_key())})

    saved: list[str] = []
    settings = load_settings(config=story.cli.configuration, database_url=story.cli.database, environ={}, home=None)
    database = await open_database(settings.database, write=False)
    try:
        before = await take_inventory(database, await inspect(database), settings)
        during = await take_inventory(database, await inspect(database), settings, emit=save)
    finally:
        await database.close()
    assert saved == ["dashboard_snapshot"]
    (one,), (two,) = before.stores, during.stores
    assert sum(two.secrets.values()) == sum(one.secrets.values()) + 1
    assert {state for _, _, state in two.secrets} == {SecretState.OLD, SecretState.NOT_APPLICABLE}
    known = {each.id for each in one.data_keys}
    assert [each.secrets for each in two.data_keys if each.id not in known] == [1]


def test_what_is_in_quarantine_and_what_has_lost_its_key_is_counted(story: Story, file: Path) -> None:
    with story.builder() as builder:
        lost = builder.data_key()
        builder.add_data_source({"password": Plain(b"a long enough password", lost)})
    story.execute("DELETE FROM data_keys WHERE name = ?", lost.key_id)
    story.cli("run", *WRAP, "--max-quarantine", "1", "--metrics-file", str(file), expect=3)
    found = Samples.read(file)
    assert found.total("secrets", state="key_missing", location="data_source") == 1
    assert found.of("quarantined_secrets", location="data_source", state="open") == 1
    story.cli("quarantine acknowledge", "--all")
    story.cli("status", "--metrics-file", str(file))
    assert Samples.read(file).of("quarantined_secrets", location="data_source", state="acknowledged") == 1
    assert Samples.read(file).of("quarantined_secrets", location="data_source", state="open") is None


def test_a_fleet_has_its_members_and_no_locations(tmp_path: Path, shared_vault: Vault, file: Path) -> None:
    fleet = Fleet(tmp_path, shared_vault)
    for name in ("a", "b", "c"):
        fleet.add(name)
    fleet.write()
    fleet("run", "--metrics-file", str(file), "--metrics-label", "region=north")
    found = Samples.read(file)
    for name in ("a", "b", "c"):
        assert found.of("last_run_exit_code", member=name, command="run", region="north") == 0
        assert found.total("secrets", member=name, state="current") > 0
        assert found.total("secrets", member=name, state="old") == 0
        assert found.total("vault_requests_total", member=name) > 0
    assert not [labels for (_, labels) in found if "location" in dict(labels)]
    # One whose database is gone keeps what was known of it, and one that has left the list is forgotten.
    Path(str(fleet.stories["b"].cli.database).removeprefix("sqlite://")).unlink()
    del fleet.stories["c"]
    fleet.write()
    fleet("run", "--metrics-file", str(file), "--metrics-label", "region=north", expect=None)
    later = Samples.read(file)
    assert later.of("last_run_exit_code", member="b", command="run", region="north") != 0
    assert later.all("secrets", member="b") == found.all("secrets", member="b")
    assert not [labels for (_, labels) in later if dict(labels).get("member") == "c"]


def test_metrics_are_published_while_a_command_is_at_work(file: Path) -> None:
    warnings: list[str] = []
    with published(MetricsOptions(file), warnings.append, seconds=0.01) as metrics:
        metrics.listener()(CommandStarted("run"))
        deadline = time.monotonic() + 120
        while not file.exists() or Samples.read(file).of("command_running", command="run") != 1:
            assert time.monotonic() < deadline
    assert warnings == []


def test_who_collects_metrics_may_read_them_whatever_the_umask(file: Path) -> None:
    before = os.umask(0o077)
    try:
        with published(MetricsOptions(file), print):
            pass
        assert stat.S_IMODE(file.stat().st_mode) == 0o644
        file.chmod(0o640)
        with published(MetricsOptions(file), print):
            pass
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
    finally:
        os.umask(before)
    assert list(file.parent.iterdir()) == [file]


def test_a_shard_keeps_what_the_others_have_published(tmp_path: Path, shared_vault: Vault, file: Path) -> None:
    fleet = Fleet(tmp_path, shared_vault)
    for name in ("a", "b", "c", "d"):
        fleet.add(name)
    fleet.write()
    for shard in ("0/2", "1/2"):
        fleet("status", "--shard", shard, "--metrics-file", str(file))
    counted = Samples.read(file).all("inventory_timestamp_seconds")
    assert {labels["member"] for labels, _ in counted} == set(fleet.stories)


def test_a_pushgateway_shows_an_empty_instance_where_a_group_has_none() -> None:
    metrics = Metrics()
    labels = 'command="run",instance="",job="a"'
    published_before = (
        f"reencrypt_last_run_exit_code{{{labels}}} 6\nreencrypt_last_run_timestamp_seconds{{{labels}}} 5\n"
    )
    metrics.remember(published_before, {"job": "a"})
    assert b'reencrypt_last_run_exit_code{command="run"} 6.0' in metrics.text()


def test_status_tells_no_success_of_a_run_that_failed_in_one_store(
    tmp_path: Path, shared_vault: Vault, file: Path
) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault, store=MANAGER)
    story.fill(10)
    with story.builder() as builder:
        lost = builder.data_key()
        builder.add_data_source({"password": Plain(b"a long enough password", lost)})
    story.execute("DELETE FROM data_keys WHERE name = ?", lost.key_id)
    story.cli("run", *WRAP, *story.store.to_target, "--max-quarantine", "1", expect=3)
    story.cli("status", "--metrics-file", str(file))
    found = Samples.read(file)
    assert found.of("last_run_exit_code", command="run") == 3
    assert found.of("last_success_timestamp_seconds", command="run") is None


class Odd:
    """A place that fails in a way that nobody expects."""

    last_seconds = 5.0

    def publish(self) -> str:
        raise IncompleteRead(b"")


def test_an_odd_answer_is_a_warning_and_the_next_try_is_made(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    gateway = Pushgateway.parse("http://127.0.0.1:1")
    monkeypatch.setattr("reencrypt.telemetry.publishing._Gateway", lambda *_: Odd())
    with published(MetricsOptions(file, gateway), warnings.append):
        pass
    assert len(warnings) == 1
    assert "IncompleteRead" in warnings[0]
    assert file.exists()


@contextmanager
def trickling() -> Iterator[str]:
    """A server whose answer never ends, and never stops coming; yields its address."""
    closed = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while not closed.wait(0.02):
                    self.request.sendall(b"#")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            closed.set()
            server.shutdown()
            thread.join()


def test_a_gateway_that_trickles_holds_nobody_up_and_the_warning_says_what_is_lost(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reencrypt.telemetry.publishing._LAST_PUSH_SECONDS", 0.3)
    warnings: list[str] = []
    with trickling() as address:
        with published(MetricsOptions(file, Pushgateway.parse(address)), warnings.append) as metrics:
            metrics.listener()(CommandEnded("run", 6, 1.0))
            since = time.monotonic()
        assert time.monotonic() - since < 4
    assert Samples.read(file).of("last_run_exit_code", command="run") == 6
    (said,) = warnings
    assert "the last metrics are lost, with this command's end and what it has counted" in said
    assert said.endswith(f"{address} has not taken them in 0.3 s, and has none of this command")


def test_two_commands_that_overlap_keep_each_others_results(file: Path) -> None:
    with published(MetricsOptions(file), print) as status:
        status.listener()(CommandStarted("status"))
        with published(MetricsOptions(file), print) as run:
            run.listener()(CommandEnded("run", 6, 1.0))
        status.listener()(CommandEnded("status", 0, 2.0))
    found = Samples.read(file)
    assert found.of("last_run_exit_code", command="run") == 6
    assert found.of("last_run_exit_code", command="status") == 0


def test_commands_that_end_at_the_same_moment_keep_each_others_ends(file: Path) -> None:
    commands = [f"command{number}" for number in range(12)]
    warnings: list[str] = []
    together = threading.Barrier(len(commands))

    def end(command: str) -> None:
        with published(MetricsOptions(file), warnings.append) as metrics:
            metrics.listener()(CommandEnded(command, 0, 1.0))
            together.wait(30)

    with ThreadPoolExecutor(len(commands)) as threads:
        list(threads.map(end, commands))
    assert {labels["command"] for labels, _ in Samples.read(file).all("last_run_exit_code")} == set(commands)
    assert warnings == []
    assert list(file.parent.iterdir()) == [file]


def test_a_lock_that_somebody_keeps_is_a_warning_and_the_file_is_written(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reencrypt.telemetry.textfile._LOCK_SECONDS", 0.05)
    warnings: list[str] = []
    holder = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with published(MetricsOptions(file), warnings.append) as metrics:
            metrics.listener()(CommandEnded("run", 6, 1.0))
    finally:
        os.close(holder)
    assert Samples.read(file).of("last_run_exit_code", command="run") == 6
    assert len(warnings) == 1
    assert f"{file} without a lock" in warnings[0]


def test_a_file_that_cannot_be_written_any_more_is_warned_of_and_nothing_else(file: Path) -> None:
    warnings: list[str] = []
    with published(MetricsOptions(file), warnings.append, seconds=0.01):
        file.mkdir()
    assert len(warnings) == 1
    assert str(file) in warnings[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("--metrics-file", "/nowhere/a.prom"), "cannot be written"),
        (("--metrics-label", "no-name=x"), "is not a label"),
        (("--metrics-label", "location=x"), "have already"),
        (("--pushgateway", "gateway:9091"), "is not the address of a Pushgateway"),
        (("--pushgateway", "http://user:canary@gateway:0"), "is not the address of a Pushgateway"),
        (("--pushgateway", "http://gateway/metrics/job/a/instance"), "has to be a group"),
    ],
)
def test_bad_input_is_refused_before_anything_is_done(story: Story, line: tuple[str, str], words: str) -> None:
    outcome = story.cli("run", *WRAP, *line, expect=2)
    assert words in outcome.stderr
    assert "canary" not in outcome.stderr
    assert story.cli("status", "--output", "json").json["runs"] == []


def test_a_file_of_something_else_is_not_overwritten(file: Path) -> None:
    file.write_text("secret_key = {\n")
    with pytest.raises(ConfigurationError, match="not a file of metrics"), published(MetricsOptions(file), print):
        pass
    assert file.read_text() == "secret_key = {\n"


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_stays_what_it_is(kind: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if kind == "device":
        try:
            os.mknod(file, stat.S_IFCHR | 0o666, os.makedev(1, 3))  # another name of /dev/null
        except PermissionError:
            pytest.skip("only root can make a device")
    else:
        os.mkfifo(file)
        # Whoever reads the pipe gets an end, so that it shows as a failure and not as a test that hangs.
        threading.Thread(target=file.write_bytes, args=(b"",), daemon=True).start()
    before = file.stat()
    code = run_command_line(["status", "--database", "sqlite:////nowhere/grafana.db", "--metrics-file", str(file)])
    said = " ".join(capsys.readouterr().err.split())
    assert (code, f"--metrics-file {file} is a {kind}, not a file" in said) == (2, True), said
    assert "Give --metrics-file a path" in said
    after = file.stat()
    assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)
    with suppress(OSError):
        os.close(os.open(file, os.O_RDONLY | os.O_NONBLOCK))  # the thread goes on


def test_without_the_extra_the_error_says_what_to_install(story: Story, tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "prometheus_client.py").write_text("raise ImportError\n")
    cli = replace(story.cli, cold=True, environment={"PYTHONPATH": str(tmp_path / "hidden")})
    assert "its extra `metrics`" in cli("run", *WRAP, "--metrics-file", str(tmp_path / "a.prom"), expect=2).stderr
    cli("run", *WRAP)


def test_the_address_of_a_pushgateway_may_name_the_group() -> None:
    assert Pushgateway.parse("http://a:9091") == Pushgateway("http://a:9091", (("job", "reencrypt"),))
    found = Pushgateway.parse("https://me:p%40ss@a/behind/metrics/job/x/instance/prod%20one/")
    assert (found.base, found.user, found.password) == ("https://a/behind", "me", "p@ss")
    assert found.group == (("job", "x"), ("instance", "prod one"))
    assert "p@ss" not in repr(found)
    assert Label.parse("grafana=a=b") == Label("grafana", "a=b")


def test_the_document_names_every_metric_and_no_other(story: Story, file: Path) -> None:
    document = (Path(__file__).parents[2] / "docs/monitoring.md").read_text()
    named = dict(re.findall(r"^\| `(reencrypt_\w+)` \| (.*?) \|", document, re.MULTILINE))
    story.vault.control("POST", "faults", {"kind": "status", "status": 429, "next": 1})
    story.cli("run", *WRAP, "--max-quarantine", "1", "--metrics-file", str(file))
    families = [each for each in text_string_to_metric_families(file.read_text()) if not each.name.endswith("_created")]
    labels = {
        each.name + ("_total" if each.type == "counter" else ""): {
            name for one in each.samples for name in one.labels if name != "le"
        }
        for each in families
    }
    # Nothing is in quarantine here.
    assert {name: set(re.findall(r"`(\w+)`", each)) for name, each in named.items()} == labels | {
        "reencrypt_quarantined_secrets": {"location", "state"}
    }
