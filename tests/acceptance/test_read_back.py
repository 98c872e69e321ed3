"""Before a run says that it is done, its data key is unwrapped anew and a sample of what it wrote is decrypted."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import pytest

from reencrypt.errors import RefusedError
from reencrypt.events import Event, PassStarted
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.raced import Grafana
from tests.support.story import TARGET, WRAP, Story
from tests.support.vault import Vault

UNWRAPPING = ["decrypt", "unwrapKey"]


@pytest.fixture
def story(tmp_path: Path, own_vault: Vault) -> Story:
    story = Story.of(tmp_path / "grafana.db", own_vault)
    with story.builder() as builder:
        builder.data_key(provider=TARGET, wrap=lambda key: own_vault.wrap("prod", key))
        populate(builder, count=60, under=[None, builder.data_key()])
    return story


def unwraps(vault: Vault) -> int:
    return sum(each["operation"] in UNWRAPPING and each["status"] != 401 for each in vault.control("GET", "requests"))


def test_a_vault_that_is_gone_at_the_end_leaves_the_run_open_and_the_next_one_ends_it(
    story: Story, tmp_path: Path
) -> None:
    vault, template = story.vault, tmp_path / "template.db"
    shutil.copyfile(story.database, template)
    before = story.plaintexts()
    vault.control("DELETE", "requests")
    assert story.cli.json("run")["outcome"] == "done"
    asked = unwraps(vault)
    shutil.copyfile(template, story.database)
    gone = {"kind": "status", "status": 503, "after": asked - 1, "next": 1000, "operations": UNWRAPPING}
    vault.control("POST", "faults", gone)
    failed = story.cli.json("run", "--vault-deadline", "1", expect=7)
    assert failed["error"]["code"] == "unavailable"
    vault.control("DELETE", "faults")
    # Everything is written, and nobody has said that it is done.
    assert story.off_target() == {}
    (interrupted,) = story.cli.json("status")["runs"]
    assert (interrupted["state"], interrupted["outcome"]) == ("open", None)
    done = story.cli.json("run")
    assert (done["run_id"], done["outcome"]) == (interrupted["run_id"], "done")
    assert done["secrets"]["re_encrypted"] == interrupted["secrets"]["re_encrypted"]
    assert story.plaintexts() == before


def test_a_target_that_unwraps_to_something_else_at_the_end_is_no_done(story: Story, tmp_path: Path) -> None:
    vault, template = story.vault, tmp_path / "template.db"
    shutil.copyfile(story.database, template)
    vault.control("DELETE", "requests")
    story.cli("run")
    asked = unwraps(vault)
    shutil.copyfile(template, story.database)
    vault.control("POST", "faults", {"kind": "lie", "after": asked - 1, "next": 1, "operations": UNWRAPPING})
    refused = story.cli.json("run", expect=6)
    assert "unwraps to something else" in refused["error"]["message"]
    assert "stays open" in refused["error"]["hint"]
    assert story.cli.json("run")["outcome"] == "done"


def test_a_second_answer_is_asked_for_only_where_the_secrets_do_not_prove_the_first(
    tmp_path: Path, own_vault: Vault
) -> None:
    story = Story.of(tmp_path / "grafana.db", own_vault)
    with story.builder() as builder:
        proven, unproven = (
            builder.data_key(
                provider=TARGET, wrap=lambda key: own_vault.wrap("prod", key), label_date=f"2025-01-0{day}"
            )
            for day in (1, 2)
        )
        populate(builder, count=30, under=[proven], algorithms=("aes-cfb",))
        builder.add_user_auth({"o_auth_token_type": Plain(b"Bearer", unproven)})
    own_vault.control("DELETE", "requests")
    assert story.cli.json("run", "--fresh-data-key", *WRAP)["outcome"] == "done"
    # Each of the two source keys once, the second one twice; the run's own when it is tried out, made and read back.
    assert unwraps(own_vault) == 1 + 2 + 3


@pytest.fixture
def grafana(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Grafana:
    return Grafana(engine, tmp_path / "grafana.db", monkeypatch)


async def test_what_was_changed_behind_the_runs_back_is_no_done(grafana: Grafana) -> None:
    """A bad disk or a stray script: the run's own beginning stands there, and what follows is another thing."""

    def spoil(event: Event) -> None:
        if isinstance(event, PassStarted) and event.number == 1:
            ((text,),) = grafana.query("SELECT value FROM secrets WHERE id = 1")
            data = base64.b64decode(str(text) + "==")
            spoilt = base64.b64encode(data[:-8] + bytes(byte ^ 0x80 for byte in data[-8:])).decode().rstrip("=")
            grafana.execute("UPDATE secrets SET value = ? WHERE id = 1", spoilt)

    with pytest.raises(RefusedError, match=r"do not read back, secrets \[1\] value") as caught:
        await grafana.run(listen=spoil)
    assert caught.value.exit_code == 6
    assert grafana.query("SELECT state FROM reencrypt_run") == [("open",)]
