"""The story of the demonstration: for each step what will happen, the command, its output, and what it shows."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reencrypt.demo.children import Children, DemoFailedError, Finished, clean_environment, emulator
from reencrypt.demo.database import DAMAGED_ID, DAMAGED_TABLE, TABLES, Built, build
from reencrypt.demo.fingerprint import fingerprint
from reencrypt.demo.folder import demo_folder
from reencrypt.demo.interruption import Page, interrupted_run
from reencrypt.demo.stage import Announce, Stage
from reencrypt.errors import StoppedEarlyError
from reencrypt.operations.status import RunStatus, status
from reencrypt.settings import load_settings
from reencrypt.state.counts import Counts

_KEY: Final = "prod"
_TARGET: Final = f"azurekv.{_KEY}"
_DATABASE: Final = "grafana.db"
_CONFIGURATION: Final = "grafana.ini"
_VAULT: Final = "vault"
_CONFIG: Final = ("--grafana-config", _CONFIGURATION)
_WRAP: Final = ("--wrap-format", "raw/RSA-OAEP-256")
_DONE, _PARTLY, _STOPPED = 0, 3, 4
#: Where `plan` goes on with the state tables' SQL, which is for database administrators.


def tell(announce: Announce, *, secrets: int, keep: Path | None, width: int | None = None) -> None:
    """Tell the whole story; lines of text go to `announce`, which is a terminal if it has a `width`.

    Raises `DemoFailedError` where it fails, `ConfigurationError` for a `keep` that is not empty, `StoppedEarlyError` on
    SIGINT, SIGTERM or SIGHUP. In every case its processes end, and its folder is removed unless it is kept.
    """
    with demo_folder(keep) as folder:
        try:
            asyncio.run(_tell(_Story(Stage(announce, width), folder, secrets, kept=keep is not None)))
        except asyncio.CancelledError:
            raise StoppedEarlyError("the demonstration was stopped, and has cleaned up") from None


async def _tell(story: _Story) -> None:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    # By default these end a process at once, and neither the emulator nor the folder would go with it. A shell starts
    # what it puts in the background with SIGINT ignored, and asyncio leaves that as it is.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: task.cancel() if task else None)
    await story.tell()


@dataclass(frozen=True, slots=True)
class _Story:
    stage: Stage
    folder: Path
    wanted: int
    kept: bool

    async def tell(self) -> None:
        """All steps in their order."""
        started = time.monotonic()
        built = await self._database()
        before = await asyncio.to_thread(fingerprint, self.folder / _DATABASE)
        self.stage.heading(
            "2. A key vault",
            f"A local stand-in for Azure Key Vault, with one RSA key, {_KEY}. Grafana's configuration names it as the "
            f"provider {_TARGET}. The two variables are for the stand-in only; a real vault needs none.",
        )
        async with emulator(self.folder, "--state", _VAULT, "--key", _KEY) as ready:
            self._configure(built, Path(ready["grafana_ini"]))
            for line in self._setup(ready):
                self.stage.line(f"$ {line}")
            variables = {"SSL_CERT_FILE": ready["ca_bundle"], "AZURE_AUTHORITY_HOST": ready["authority"]}
            children = Children(self.folder, clean_environment() | variables)
            await self._plan(children)
            seconds = await self._interrupt(children, built)
            await self._verify_halfway(children)
            seconds += await self._resume(children)
            await self._show(
                children, "verify", "6. Verified", "Every secret once more, read as Grafana would read it."
            )
            found = "All this is recorded in the database itself."
            await self._show(children, "status", "7. What a colleague would find", found)
        await self._conclude(built, before, seconds)
        if self.kept:
            self._go_on(ready)
        self.stage.line()
        self.stage.paragraph(f"The whole demonstration took {time.monotonic() - started:.1f} s.")

    async def _database(self) -> Built:
        self.stage.heading(
            "1. A Grafana database",
            "First a SQLite database as Grafana would have it after some years, with made-up secrets in four of the "
            "places where Grafana keeps them. It lies in a folder of its own; nothing else on this machine is touched.",
        )
        built = await asyncio.to_thread(build, self.folder / _DATABASE, self.wanted)
        self.stage.line(f"{self.folder / _DATABASE}: {built.secrets:,} secrets in {len(TABLES)} locations:")
        self.stage.line(f"  {built.legacy:,} legacy, encrypted directly under secret_key as before Grafana 9")
        self.stage.line(f"  {built.secrets - built.legacy:,} under the data key {built.data_key_id} of secretKey.v1")
        self.stage.line(f"  one of these is damaged, cut off in the middle: {DAMAGED_TABLE} {DAMAGED_ID}")
        return built

    def _configure(self, built: Built, suggested: Path) -> None:
        """Write Grafana's configuration: what the emulator suggests, with the `secret_key` and the database."""
        text = suggested.read_text().replace("[security]\n", f"[security]\nsecret_key = {built.secret_key}\n", 1)
        database = f'\n[database]\ntype = sqlite3\npath = """{self.folder / _DATABASE}"""\n'
        path = self.folder / _CONFIGURATION
        path.touch(mode=0o600)
        path.write_text(text + database)

    def _setup(self, ready: Mapping[str, str]) -> tuple[str, ...]:
        """The commands that set up the same vault and environment."""
        return (
            f"cd {self.folder}",
            f"reencrypt emulator --state {_VAULT} --key {_KEY} --port {ready['vault_uri'].rpartition(':')[2]} &",
            f"export SSL_CERT_FILE={ready['ca_bundle']} AZURE_AUTHORITY_HOST={ready['authority']}",
        )

    async def _plan(self, children: Children) -> None:
        self.stage.heading(
            "3. The plan",
            "What is there, and what would a run do? This only reads. Which format Grafana Enterprise gives a data "
            "key in Azure is learned from one that it wrote; no Grafana is here, so the format is named.",
        )
        finished = await self._command(children, "plan", *_CONFIG, *_WRAP, expect=_DONE)
        self.stage.output(finished.stdout)

    async def _interrupt(self, children: Children, built: Built) -> float:
        """Interrupt a run; returns the seconds that it took, as `_resume` does."""
        self.stage.heading(
            "4. A run that is interrupted",
            "Now the secrets move, page by page; each page commits together with its checkpoint. In the middle of it "
            "the run gets the signal of Ctrl-C. It finishes its current page, saves its progress and exits with 4.",
        )
        started = time.monotonic()
        arguments = ("run", *_CONFIG, *_WRAP)
        self.stage.line(f"$ reencrypt {' '.join(arguments)}")
        # A quarter is enough to show, and the run cannot finish the rest before the signal arrives.
        finished = await interrupted_run(children, arguments, after=built.secrets // 4, committed=self._page)
        self.stage.line("    ^C")
        self.stage.output(finished.stdout)
        self._check("run", finished, _STOPPED)
        counts = Counts.sum((await self._only_run()).counts.values())
        if not 0 < counts.re_encrypted < built.secrets - 1:
            raise DemoFailedError(f"the interrupted run had re-encrypted {counts.re_encrypted} of {built.secrets}")
        return time.monotonic() - started

    def _page(self, page: Page) -> None:
        self.stage.line(f"    committed: {page.moved} secrets of {page.location}")

    async def _verify_halfway(self, children: Children) -> None:
        self.stage.line()
        self.stage.paragraph(
            "Interrupted: some secrets are encrypted with the vault's key now, others still with secret_key. "
            "Grafana reads both: an independent look at every secret, which trusts nothing that the run wrote down."
        )
        finished = await self._command(children, "verify", *_CONFIG, expect=_DONE)
        self.stage.output(finished.stdout)

    async def _resume(self, children: Children) -> float:
        first = Counts.sum((await self._only_run()).counts.values())
        self.stage.heading(
            "5. The same command again",
            f"It resumes by itself behind the last committed page: {first.re_encrypted:,} secrets are re-encrypted "
            "already. It will exit with 3, partly done, because of the damaged secret: one bad secret stops nothing, "
            "and is never skipped without a word. It is left as it is and listed in the quarantine, with the reason.",
        )
        started = time.monotonic()
        finished = await self._command(children, "run", *_CONFIG, expect=_PARTLY)
        self.stage.output(finished.stdout)
        return time.monotonic() - started

    async def _show(self, children: Children, command: str, title: str, text: str) -> None:
        self.stage.heading(title, text)
        self.stage.output((await self._command(children, command, *_CONFIG, expect=_DONE)).stdout)

    async def _conclude(self, built: Built, before: str, seconds: float) -> None:
        """Check the run's records and the database against what was promised."""
        run = await self._only_run()
        counts = Counts.sum(run.counts.values())
        expected = built.secrets - counts.not_applicable - 1
        if (counts.re_encrypted, counts.quarantined, counts.left) != (expected, 1, 0):
            raise DemoFailedError(f"the run ended with {counts.as_numbers()} of {built.secrets} secrets")
        if await asyncio.to_thread(fingerprint, self.folder / _DATABASE) != before:
            raise DemoFailedError("bytes of the database changed that are no secret")
        (reason,) = counts.quarantined_because
        self.stage.heading("What happened", "")
        self.stage.item(
            f"{counts.re_encrypted:,} secrets were re-encrypted: from secret_key, directly or through a data key of "
            f"secretKey.v1, to a new data key that only the vault unwraps ({_TARGET}). Both commands took "
            f"{seconds:.1f} s together."
        )
        self.stage.item(
            f"The run was interrupted once and resumed as the same run, {run.run.id}; no secret was done twice."
        )
        self.stage.item(f"1 secret is quarantined, as it was damaged before: {DAMAGED_TABLE} {DAMAGED_ID} ({reason}).")
        self.stage.item(
            f"{counts.not_applicable} secrets of alert_notification stay under secret_key: Grafana reads these with "
            "nothing else."
        )
        self.stage.item(
            "Every other secret was readable half-way and is readable now. Every byte that is no secret is unchanged."
        )
        self.stage.heading("Your own Grafana", "Begin with what only reads:")
        self.stage.line("$ reencrypt plan --grafana-config /etc/grafana/grafana.ini")

    def _go_on(self, ready: Mapping[str, str]) -> None:
        self.stage.heading("Going on by hand", "The folder is kept. The vault runs again, and the rest works, after:")
        for line in (*self._setup(ready), f"reencrypt status --grafana-config {_CONFIGURATION}"):
            self.stage.line(f"$ {line}")

    async def _only_run(self) -> RunStatus:
        settings = load_settings(
            config=self.folder / _CONFIGURATION, home=None, database_url=None, environ=clean_environment()
        )
        runs = (await status(settings)).runs
        if len(runs) != 1:
            raise DemoFailedError(f"the database knows {len(runs)} runs where one was expected")
        return runs[0]

    async def _command(self, children: Children, *arguments: str, expect: int) -> Finished:
        self.stage.line(f"$ reencrypt {' '.join(arguments)}")
        finished = await children.run(*arguments)
        self._check(arguments[0], finished, expect)
        return finished

    def _check(self, command: str, finished: Finished, expect: int) -> None:
        if finished.exit_code != expect:
            self.stage.output(finished.stdout)
            raise DemoFailedError(
                f"`reencrypt {command}` exited with {finished.exit_code} where {expect} was expected",
                hint=finished.stderr.strip()[-2000:],
            )
