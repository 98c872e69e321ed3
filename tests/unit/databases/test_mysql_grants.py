"""Whether an account of MySQL would be shown a trigger is read off its grants, and never assumed."""

from __future__ import annotations

import pytest

from reencrypt.databases.mysql.grants import shows_triggers


@pytest.mark.parametrize(
    "grant",
    [
        "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED VIA mysql_native_password WITH GRANT OPTION",
        "GRANT SELECT, INSERT, EVENT, TRIGGER, CREATE TABLESPACE ON *.* TO `root`@`localhost` WITH GRANT OPTION",
        "GRANT ALL PRIVILEGES ON `grafana_prod`.* TO `grafana`@`%`",
        r"GRANT ALL PRIVILEGES ON `grafana\_prod`.* TO `grafana`@`%`",
        "GRANT SELECT, UPDATE, TRIGGER ON `grafana_prod`.* TO `grafana`@`10.0.0.1`",
    ],
)
def test_the_trigger_privilege_on_the_whole_database_shows_every_trigger(grant: str) -> None:
    assert shows_triggers(["GRANT USAGE ON *.* TO `grafana`@`%`", grant], "grafana_prod")


@pytest.mark.parametrize(
    "grants",
    [
        [],
        ["GRANT USAGE ON *.* TO `grafana`@`%`"],
        ["GRANT SELECT, INSERT, UPDATE, DELETE ON `grafana_prod`.* TO `grafana`@`%`"],
        ["GRANT ALL PRIVILEGES ON `grafana_prod2`.* TO `grafana`@`%`"],
        ["GRANT ALL PRIVILEGES ON `grafana%`.* TO `grafana`@`%`"],
        ["GRANT SELECT, TRIGGER ON `grafana_prod`.`secrets` TO `grafana`@`%`"],
        ["GRANT `everything`@`%` TO `grafana`@`%`"],
        ["GRANT PROXY ON ``@`%` TO 'root'@'localhost' WITH GRANT OPTION"],
        [
            "GRANT ALL PRIVILEGES ON *.* TO `dba`@`%`",
            "REVOKE TRIGGER ON `grafana_prod`.* FROM `dba`@`%`",
        ],
    ],
)
def test_any_other_grant_proves_nothing(grants: list[str]) -> None:
    assert not shows_triggers(grants, "grafana_prod")
