"""Worlds in which the server changes, swallows or deletes what is written."""

from __future__ import annotations

from functools import partial
from typing import Final

from tests.support import triggers
from tests.support.story import Story
from tests.support.worlds import RIGHT, Refused, World

_TABLE: Final = "user_auth"
_NOTICED: Final = Refused((triggers.NAME, _TABLE), exit_code=6, begun=True)


def _meddler(story: Story, *, kind: str) -> Story:
    triggers.plant(story.engine, kind, _TABLE, "o_auth_access_token")
    return story


def _harmless(story: Story) -> Story:
    triggers.plant_harmless(story.engine, _TABLE, "auth_id")
    return story


def _engines_of(kind: str) -> tuple[str, ...]:
    return tuple(engine for engine, kinds in triggers.KINDS.items() if kind in kinds)


#: Whoever only reads is right; whoever writes notices before the commit.
TRIGGERS: Final = (
    *(
        World(
            f"trigger_{kind}",
            _engines_of(kind),
            partial(_meddler, kind=kind),
            RIGHT,
            differs={"run": _NOTICED, "undo": _NOTICED},
        )
        for kind in sorted({kind for kinds in triggers.KINDS.values() for kind in kinds})
    ),
    World("trigger_on_another_column", tuple(triggers.KINDS), _harmless, RIGHT),
)
