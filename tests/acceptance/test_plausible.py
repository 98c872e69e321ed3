"""Every value that one of Grafana's writers can store is moved, verified and rolled back like any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.datakeys import DataKey
from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.story import TARGET, WRAP, Story
from tests.support.vault import Vault

pytestmark = pytest.mark.engines_in_turn

RIGHT, WRONG = "the right secret_key", "the wrong secret_key"


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key=RIGHT, engine=engine)


def plant_what_grafana_writes(builder: GrafanaBuilder, under: DataKey | None) -> None:
    """What the writers store where there is little or nothing to store, and where there is something odd."""
    # datasources/service AddDataSource: json.Marshal of a nil map where the API's request had no secureJsonData;
    # UpdateDataSource: of an empty map. encoding/json writes DEL and U+FFFD as they are, and escapes what is below " ".
    for text in (b"null", b"{}", b'{"password":""}', b'{"password":"\x7f\\u0000\\u003c\xef\xbf\xbd"}'):
        builder.add_secret(Plain(text, under))
    # extsvcaccounts SaveExtSvcCredentials: a token; PluginAuthService: a JSON Web Key; cloudmigration: raw bytes.
    builder.add_secret(Plain(b"glsa_0123456789", under), kind="extsvc-token")
    builder.add_secret(Plain(b'{"kty":"RSA"}', under), kind="jwt-key")
    builder.add_secret(Plain(b"\x00\xff\x80\x1b", under), kind="cloudmigration-snapshot-encryption-key", org_id=-1)
    # dashboardsnapshots CreateDashboardSnapshot: of a snapshot that lies on another server, `null` (from 11 on) or
    # `{}`; before the type was checked, whatever JSON the request had.
    for text in (b"null", b"{}", b"[]", b"[1,null]", b"7", b"-0.5e3", b"true", b'"text"', b'{"panels":null}'):
        builder.add_dashboard_snapshot(Plain(text, under))
    # authinfoimpl SetAuthInfo encrypts what an OAuth server did not send, too.
    builder.add_user_auth({"o_auth_access_token": Plain(b"t", under), "o_auth_refresh_token": Plain(b"", under)})
    # EncryptJsonData: each string of a map, the empty one too; null, numbers and JSON are strings like others there.
    values = {"empty": Plain(b"", under), "word": Plain(b"null", under), "json": Plain(b'{"type":1}', under)}
    builder.add_data_source(values)
    builder.add_data_source({})
    builder.add_data_source(None)
    builder.add_plugin_setting(values)
    builder.add_alert_configuration([values], extra=[Plain(b"route:\n  receiver: a\n", under)])
    builder.add_sso_setting({"client_secret": Plain(b"a secret", under)})
    builder.add_user_external_session({"name_id": Plain(b"1", under)})
    builder.add_cloud_migration_session(Plain(b"eyJUb2tlbiI6IiJ9", under))
    builder.add_repository(token=Plain(b"ghp_0123456789", under), webhook=Plain(b"b6f7", under))


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.mysql_for_mariadb
def test_all_that_grafana_writes_is_moved_verified_and_rolled_back(story: Story, legacy: bool) -> None:  # noqa: FBT001
    with story.builder() as builder:
        plant_what_grafana_writes(builder, None if legacy else builder.data_key())
    before = story.plaintexts()
    untouched = story.cli.json("verify")
    assert (untouched["outcome"], untouched["secrets"]["readable"]) == ("verified", len(before))

    report = story.cli.json("run", *WRAP)
    assert (report["outcome"], report["secrets"]["re_encrypted"]) == ("done", len(before))
    assert (report["secrets"]["quarantined"], report["secrets"]["left"]) == (0, 0)
    assert story.off_target() == {}
    assert story.plaintexts() == before
    assert story.cli.json("verify")["secrets"]["readable"] == len(before)

    assert story.cli.json("rollback")["secrets"]["re_encrypted"] == len(before)
    assert story.plaintexts() == before
    assert story.cli.json("verify")["secrets"]["readable"] == len(before)


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.one_engine
def test_data_sources_without_secrets_alone_prove_a_key_and_refute_a_wrong_one(story: Story, legacy: bool) -> None:  # noqa: FBT001
    with story.builder() as builder:
        key = None if legacy else builder.data_key()
        for _ in range(30):
            builder.add_secret(Plain(b"null", key))
    before = story.plaintexts()
    wrong = story.with_secret_key(WRONG)
    untouched = story.digest()
    for target in (TARGET, "secretKey.v1"):
        assert "secret_key" in wrong.cli.json("run", "--to", target, *WRAP, expect=6)["error"]["message"]
    assert story.digest() == untouched
    report = story.cli.json("run", *WRAP)
    assert (report["outcome"], report["secrets"]["re_encrypted"]) == ("done", 30)
    assert story.plaintexts() == before


@pytest.mark.one_engine
def test_one_data_source_without_secrets_is_enough(story: Story) -> None:
    with story.builder() as builder:
        builder.add_secret(Plain(b"null"))
    assert story.cli.json("run", *WRAP)["outcome"] == "done"


@pytest.mark.one_engine
def test_short_scalars_leave_a_key_unproven_and_do_not_refute_it(story: Story) -> None:
    with story.builder() as builder:
        for text in (b"7", b"17", b"true"):
            builder.add_dashboard_snapshot(Plain(text))
    report = story.cli.json("run", *WRAP, expect=3)
    assert report["left_because"] == {"unproven_key secretKey.v1": 3}
    assert story.cli.json("verify")["outcome"] == "verified"
    accepted = story.cli.json("run", *WRAP, "--accept-unproven", "secretKey.v1")
    assert (accepted["outcome"], accepted["secrets"]["re_encrypted"]) == ("done", 3)
