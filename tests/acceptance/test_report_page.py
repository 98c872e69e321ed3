"""The page of `reencrypt report` in a real browser: light, dark, narrow and printed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.grafana.releases import GrafanaDatabase, databases
from tests.support.browser import Seen, open_browser
from tests.support.fleets import Fleet
from tests.support.story import MANAGER, WRAP, Story
from tests.support.vault import Vault

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PLAINTEXT = "canary-plaintext-31fe"
#: Where pictures of the pages are kept for people to look at, if anywhere.
PICTURES = os.environ.get("REENCRYPT_TEST_PICTURES")
#: The release whose report is looked at.
RELEASE = databases("grafana-12-2025", real=[pytest.mark.rest_of_pairs])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory, shared_vault: Vault, request: pytest.FixtureRequest
) -> dict[str, Path]:
    """The report of a run with everything in it, of one that was killed, of runs in two stores, of a release, and of a
    fleet.
    """
    folder = tmp_path_factory.mktemp("pages")
    found = {name: folder / f"{name}.html" for name in ("full", "killed", "both", "fleet")}
    story = Story.of(folder / "grafana.db", shared_vault)
    with story.builder() as builder:
        lost = builder.data_key()
        populate(builder, count=60, under=[None, builder.data_key()])
        builder.add_data_source({'a<b>&"quoted"\'': Plain(PLAINTEXT.encode(), lost), "x" * 60: Plain(b"y" * 30, lost)})
    story.execute("DELETE FROM data_keys WHERE name = ?", lost.key_id)
    story.cli("run", *WRAP, "--limit", "20", expect=4)
    for step in range(40, 2000, 40):
        killed = story.cli.run("run", *WRAP, "--lease-timeout", "0.2", kill_at=(step, folder / "steps"))
        assert killed.returncode != 0
        begun = story.query("SELECT COUNT(*) FROM reencrypt_audit WHERE kind = 'begun'")
        if begun[0][0] == 2:
            break
    plant_pace(story)
    story.cli("report", "--file", str(found["killed"]), "--cryptoperiod", "90d")
    story.cli("run", *WRAP, "--max-quarantine", "1", "--lease-timeout", "0.2", expect=3)
    story.cli("quarantine acknowledge", "--field", "secure_json_data." + "x" * 60)
    story.cli("report", "--file", str(found["full"]), "--cryptoperiod", "90d", "--previous", str(found["killed"]))
    both = Story.of(folder / "both.db", shared_vault, store=MANAGER)
    both.fill(10)
    both.cli("run", *both.store.move, "--store", "manager")
    both.cli("run", "--store", "classic", *WRAP)
    both.cli("report", "--file", str(found["both"]), "--cryptoperiod", "90d")
    fleet = Fleet(folder, shared_vault)
    for name in ("north", "south"):
        fleet.add(name)
    fleet.write()
    fleet.stories["north"].cli("run", *WRAP)
    fleet("report", "--file", str(found["fleet"]), "--cryptoperiod", "90d", expect=2)
    for each in RELEASE:
        if each.marks and not request.config.getoption("--nightly"):
            continue
        (database,) = each.values
        assert isinstance(database, GrafanaDatabase)
        release = Story.of(database.write(folder / f"{each.id}.db"), shared_vault)
        release.cli("run", *WRAP)
        found[str(each.id)] = folder / f"{each.id}.html"
        release.cli("report", "--file", str(found[str(each.id)]), "--cryptoperiod", "90d")
    return found


def plant_pace(story: Story) -> None:
    """What a run of some minutes leaves, with a pause in it."""
    ((run_id,),) = story.query("SELECT id FROM reencrypt_run")
    looked_at = 0
    for second in range(0, 300, 3):
        looked_at += 0 if 120 <= second < 150 else 40_000 + 500 * (second % 20)
        waits = {"Key Vault is throttling requests (429, Retry-After 30 s)": 1} if second == 120 else {}
        content = {"seconds": second, "looked_at": looked_at, "moved": looked_at, "waits": waits}
        story.execute(
            "INSERT INTO reencrypt_audit (run_id, kind, at, content) VALUES (?, 'pace', '2026-11-28 05:00:00', ?)",
            str(run_id),
            json.dumps(content),
        )


LOOKS = {"light": ("light", 1000), "dark": ("dark", 1000), "narrow": ("light", 400), "narrow and dark": ("dark", 400)}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(
    "name", ["full", "killed", "both", "fleet", *(pytest.param(each.id, marks=each.marks) for each in RELEASE)]
)
def test_it_reads_well_and_asks_nobody_for_anything(
    browser: Browser, pages: dict[str, Path], name: str, look: str
) -> None:
    scheme, width = LOOKS[look]
    seen = Seen(browser, pages[name], scheme=scheme, width=width)
    try:
        if PICTURES:
            seen.page.screenshot(path=f"{PICTURES}/{name}-{look}.png", full_page=True)
        assert seen.overflow() == []
        assert seen.complaints() == []
        assert seen.asked == [pages[name].as_uri()]
        assert seen.said == []
    finally:
        seen.close()


def test_it_prints_whole(browser: Browser, pages: dict[str, Path]) -> None:
    seen = Seen(browser, pages["full"], scheme="dark")
    try:
        seen.page.emulate_media(media="print")
        background = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == "rgb(255, 255, 255)"
        # The width of A4 without margins, at 96 dots per inch.
        seen.page.set_viewport_size({"width": 680, "height": 1000})
        assert seen.overflow() == []
        wide = seen.page.evaluate(
            "[...document.querySelectorAll('.table')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
        )
        assert wide == 0
        assert seen.page.pdf().startswith(b"%PDF")
        assert seen.said == []
    finally:
        seen.close()


def test_no_secret_is_on_the_page_and_no_text_becomes_an_element(browser: Browser, pages: dict[str, Path]) -> None:
    seen = Seen(browser, pages["full"])
    try:
        text = seen.page.content()
        for canary in (PLAINTEXT, "y" * 30):
            assert canary not in text
        assert seen.page.locator("script").count() == 0
        assert "a<b>&" in seen.page.locator("table", has_text="could not be re-encrypted").inner_text()
    finally:
        seen.close()


def test_the_charts_say_in_words_what_they_show(browser: Browser, pages: dict[str, Path]) -> None:
    seen = Seen(browser, pages["full"])
    try:
        labels = [each.get_attribute("aria-label") or "" for each in seen.page.locator("svg[role=img]").all()]
        assert any(label.startswith("before: ") and "with another key" in label for label in labels)
        # Those of the invocation that went on are some seconds more.
        (rate,) = [label for label in labels if label.startswith("Secrets per second over ")]
        assert 290 <= int(rate.split()[4]) <= 400, rate
        assert any(label.startswith("after: ") and "with the target" in label for label in labels)
    finally:
        seen.close()
