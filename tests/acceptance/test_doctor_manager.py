"""`doctor` examines the secrets manager, and what is wrong in one that nobody uses makes nobody ill."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.grafana.manager import SHIPPED, SecretsManagerBuilder
from tests.grafana.manager_schema import ManagerShape
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.manager_story import NEW, OLD, ManagerStory
from tests.support.story import SECTIONS, TARGET
from tests.support.vault import Vault

pytestmark = pytest.mark.engines_in_turn

GROUP = "secrets manager"
Checks = dict[tuple[str, str], dict[str, str]]
ONE = pytest.mark.one_engine


@pytest.fixture
def world(tmp_path: Path, shared_vault: Vault, engine: Engine) -> ManagerStory:
    return ManagerStory.of(tmp_path, shared_vault, engine)


def fill(world: ManagerStory, shape: ManagerShape | None = "12.4", *, provider: str | None = NEW) -> None:
    """A classic store with secrets, and the manager's tables, with secrets of a provider if there is one."""
    vault = world.story.vault
    with world.story.builder() as builder:
        key = builder.data_key(provider=TARGET, wrap=lambda dek: vault.wrap("prod", dek))
        populate(builder, count=20, under=[key, None])
        if shape is None:
            return
        manager = SecretsManagerBuilder(builder, shape, sections=SECTIONS)
        if provider is not None:
            for namespace in ("default", "org-2"):
                manager.add_value(manager.data_key(namespace, provider=provider), b"a token")


def examine(world: ManagerStory, *arguments: str, expect: int = 0) -> Checks:
    digest = world.story.digest()
    outcome = world.story.cli("doctor", *arguments, "--output", "json", expect=expect)
    assert world.story.digest() == digest
    assert "a secret of one's own" not in outcome.stdout + outcome.stderr
    return {(check["about"], check["name"]): check for check in outcome.json["checks"]}


def of_manager(checks: Checks) -> dict[tuple[str, str], tuple[str, str]]:
    """State and detail of the checks of the manager's subjects."""
    return {name: (check["state"], check["detail"]) for name, check in checks.items() if check["store"] == "manager"}


@pytest.mark.parametrize(
    ("shape", "says"), [("12.2", "without data_key_id"), ("12.3", "with data_key_id"), ("12.4", "with data_key_id")]
)
def test_a_healthy_store_says_what_it_found(shape: ManagerShape, says: str, world: ManagerStory) -> None:
    world.configure(NEW)
    fill(world, shape)
    checks = examine(world)
    found = of_manager(checks)
    assert {state for state, _ in found.values()} == {"ok"}
    assert says in found[GROUP, "tables"][1]
    assert found[GROUP, "data keys"][1] == "2 in 2 namespaces, 2 of them active"
    assert found[f"{GROUP} {NEW}", "data keys"][1] == "2 unwrap"
    assert found[f"{GROUP} {OLD}", "data keys"][1] == "none are under it yet"
    assert f"`reencrypt run` to {NEW}" in found[GROUP, "refusals"][1]
    assert checks[TARGET, "round trip"]["store"] == "classic"
    assert checks["database", "connection"]["store"] is None


@ONE
def test_a_store_is_left_out_or_examined_alone(world: ManagerStory) -> None:
    world.configure(NEW)
    fill(world)
    assert not of_manager(examine(world, "--store", "classic"))
    alone = examine(world, "--store", "manager")
    assert {check["store"] for check in alone.values()} == {None, "manager"}
    report = world.story.cli.json("doctor", "--store", "manager", "--to", OLD, expect=None)
    assert (report["encryption_provider"], report["target_provider"]) == (NEW, OLD)


def test_a_grafana_without_a_secrets_manager_gets_one_quiet_line(world: ManagerStory) -> None:
    fill(world, None)
    world.configure("secret_key.v9", sections={})
    assert of_manager(examine(world)) == {
        (GROUP, "tables"): ("ok", "this Grafana has no secrets manager"),
    }
    # Asked for by name it is a refusal, as of a run.
    assert of_manager(examine(world, "--store", "manager", expect=9))[GROUP, "refusals"][0] == "failed"


@ONE
@pytest.mark.parametrize("provider", ["secret_key.v9", "misconfigured", "no-such-thing"])
def test_a_fault_of_the_configuration_is_a_failure_only_where_the_store_is_used(
    provider: str, world: ManagerStory
) -> None:
    fill(world, provider=None)
    world.configure(provider)
    found = of_manager(examine(world))
    assert found[GROUP, "data keys"] == ("ok", "empty: it has no data key, and so no secret")
    assert found[GROUP, "encryption_provider"][0] == "warning"
    assert "does not start" in found[GROUP, "encryption_provider"][1]
    assert found[GROUP, "refusals"][0] == "note"
    fill(world)
    found = of_manager(examine(world, expect=2))
    assert found[GROUP, "encryption_provider"][0] == "failed"


@ONE
def test_the_public_secret_is_named_loudly_and_where_nothing_is_under_it_quietly(world: ManagerStory) -> None:
    fill(world, provider=None)
    checks = examine(world)
    assert checks[GROUP, "public secret"]["state"] == "note"
    fill(world, provider=OLD)
    check = examine(world)[GROUP, "public secret"]
    assert check["state"] == "warning"
    assert "which everybody knows: nothing under it is protected" in check["detail"]
    assert "does not follow [security] secret_key" in check["detail"]
    assert check["remedy"].startswith("Add a section with another secret")
    text = world.story.cli("doctor").stdout
    assert f"warning     public secret: the secret of [secrets_manager.encryption.{OLD}]" in text
    (warning,) = [each for each in world.story.cli.json("plan")["warnings"] if "[secrets_manager.encryption." in each]
    assert check["detail"] in warning


@ONE
def test_secrets_of_another_service_are_not_looked_for_here(world: ManagerStory) -> None:
    fill(world)
    world.configure(NEW, extra="grpc_client_enable = true")
    found = of_manager(examine(world))
    assert list(found) == [(GROUP, "service")]
    assert "in the database of another service" in found[GROUP, "service"][1]
    assert of_manager(examine(world, "--store", "manager", expect=2))[GROUP, "refusals"][0] == "failed"


@ONE
@pytest.mark.parametrize(
    ("extra", "state"),
    [("", "note"), ("run_data_key_migration = false", "warning"), ("run_secrets_db_migrations = false", "warning")],
)
def test_values_that_nobody_splits_are_named(extra: str, state: str, world: ManagerStory) -> None:
    world.configure(NEW, extra=extra)
    with world.builder() as manager:
        manager.add_value(manager.data_key(provider=NEW), b"a token", split=False)
    check = examine(world, "--store", "manager")[GROUP, "migrations"]
    assert (check["state"], check["detail"][:2]) == (state, "1 ")


@ONE
def test_data_keys_that_do_not_unwrap_are_counted_by_provider(world: ManagerStory) -> None:
    fill(world)
    with world.builder() as manager:
        manager.data_key(provider=OLD, active=False)
    world.configure(OLD, sections={**SHIPPED, NEW: "another secret"})
    checks = examine(world, expect=6)
    assert checks[f"{GROUP} {NEW}", "data keys"]["state"] == "warning"
    assert "2 do not unwrap (default/" in checks[f"{GROUP} {NEW}", "data keys"]["detail"]
    # A run refuses: that none unwraps shows that the secret is wrong.
    assert checks[GROUP, "refusals"]["state"] == "failed"
    world.configure(OLD, sections=SHIPPED)
    # Without a section, a run would put what is under them into quarantine, and go on.
    checks = examine(world)
    check = checks[f"{GROUP} {NEW}", "data keys"]
    assert (check["state"], check["detail"][:18]) == ("warning", "2 do not unwrap: T")


@ONE
def test_what_grafana_enterprise_wraps_is_not_covered_until_its_key_is_named(world: ManagerStory) -> None:
    world.configure(NEW)
    vault, provider = world.story.vault, "azure_keyvault.prod"
    fill(world)
    with world.builder() as manager:
        key = manager.data_key("org-3", provider=provider, wrap=lambda dek: vault.wrap("prod", dek))
        manager.add_value(key, b"a token under the vault")
    check = examine(world)[f"{GROUP} {provider}", "data keys"]
    assert check["state"] == "warning"
    assert check["detail"].startswith("not covered: 1 are under it")
    assert f"--manager-vault {provider}=azurekv.NAME" in check["remedy"]
    checks = examine(world, "--manager-vault", f"{provider}={TARGET}", "--to", NEW)
    assert (f"{GROUP} {provider}", "data keys") not in checks
    assert checks[f"{GROUP} {provider}", "needed version"]["detail"] == f"{vault.key_version('prod')}: 1 data key"


def test_the_experimental_tables_are_refused_where_something_is_in_them(world: ManagerStory) -> None:
    world.configure(NEW)
    fill(world, "experimental", provider=None)
    found = of_manager(examine(world))
    assert found[GROUP, "tables"][0] == "warning"
    with world.builder() as manager:
        manager.data_key(provider=NEW)
    found = of_manager(examine(world, expect=6))
    assert found[GROUP, "tables"][0] == "failed"
    assert "which no release reads" in found[GROUP, "tables"][1]
