"""On every engine a location ends where its rows do, whatever the size of a page, and the server's count says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reencrypt.catalogue.location import Key, Location
from reencrypt.catalogue.locations import LOCATIONS
from reencrypt.databases.connect import open_database
from reencrypt.databases.paging import count_rows, next_page
from reencrypt.databases.protocol import Database
from reencrypt.planning.schema import inspect
from reencrypt.settings import load_settings
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.engine import Engine

pytestmark = pytest.mark.every_engine

SECRET_KEY = "the secret_key of this test"


@pytest.fixture
async def database(engine: Engine, tmp_path: Path) -> AsyncIterator[Database]:
    scratch = tmp_path / "grafana.db"
    with GrafanaBuilder(scratch, secret_key=SECRET_KEY) as builder:
        populate(builder, count=120, under=[None], own_salts=False)
        for size in (1, 20_000, 1, 1, 20_000):
            builder.add_user_auth({"o_auth_access_token": Plain(b"x" * size)})
            builder.add_setting(Plain(b"x" * size), key=f"key {len(builder.planted)}")
    engine.load(scratch)
    settings = load_settings(
        config=None, home=None, database_url=engine.url, environ={"GF_SECURITY_SECRET_KEY": SECRET_KEY}
    )
    database = await open_database(settings.database, write=False)
    yield database
    await database.close()


async def keys_of(database: Database, location: Location, *, rows: int, size: int) -> list[Key]:
    found: list[Key] = []
    while page := await next_page(database, location, found[-1] if found else None, rows=rows, size=size):
        found += [row.key for row in page]
    return found


async def read_alone(database: Database, location: Location, *, rows: int, size: int) -> list[Key]:
    """By the page query alone."""
    found: list[Key] = []
    while page := await database.read_page(location, found[-1] if found else None, rows=rows, size=size):
        found += [row.key for row in page]
    return found


@pytest.mark.parametrize(("rows", "size"), [(1, 1), (1, 1 << 20), (100, 1), (100, 10_000), (7, 1 << 20)])
async def test_every_location_is_read_to_its_end_whatever_a_page_holds(
    rows: int, size: int, database: Database
) -> None:
    locations = (await inspect(database)).fitted.locations
    for location in locations:
        truth = [row.key for row in await database.read_page(location, None, rows=10_000, size=None)]
        assert truth or location.name == "alert_notification"
        # The query itself is right, and not only what is done about one that is not.
        assert await read_alone(database, location, rows=rows, size=size) == truth
        assert await keys_of(database, location, rows=rows, size=size) == truth


async def test_the_server_counts_the_rows_that_are_read_in_stretches_of_any_length(database: Database) -> None:
    locations = (await inspect(database)).fitted.locations
    assert len(locations) == len(LOCATIONS)
    for location in locations:
        truth = len(await database.read_page(location, None, rows=10_000, size=None))
        assert await count_rows(database, location) == truth
        for rows in (1, 3, 1000):
            total, after = await database.count_stretch(location, None, rows=rows)
            while after is not None:
                number, after = await database.count_stretch(location, after, rows=rows)
                total += number
            assert total == truth
