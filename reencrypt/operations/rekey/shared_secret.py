"""Warns of sections of the secrets manager that hold the text of `secret_key`: they do not follow its change.

A section is a setting of its own, and Grafana ships the same text for both (`conf/defaults.ini`).
"""

from __future__ import annotations

from collections import Counter

from reencrypt.catalogue.store_name import StoreName
from reencrypt.errors import ConfigurationError, ReencryptError
from reencrypt.planning.session import Session
from reencrypt.settings import Settings
from reencrypt.settings.providers import MANAGER
from reencrypt.state.data_keys import read_data_keys


async def shared_secret_warnings(session: Session) -> list[str]:
    """Say of each section with the old text that is in use what to do about it; raises nothing.

    There is nothing to say where Grafana has no secrets manager, or another service keeps its secrets.
    """
    schema, manager = session.schema.of(StoreName.MANAGER), session.settings.manager
    if manager.is_remote or not schema.has_store:
        return []
    try:
        numbers = Counter(row.provider for row in await read_data_keys(session.database, schema.key_table))
    except ReencryptError:
        # The other store must not keep this one from its change.
        numbers = Counter()
    used = {*numbers, manager.store.encryption_provider}
    return [
        f"[{MANAGER.section_of(provider)}] has the text of the old secret_key, and does not follow it: it is a setting "
        f"of its own, and {numbers[provider]} data keys of the secrets manager are under it. Leave it as it is. To go "
        "on to another secret there too, add a section [secrets_manager.encryption.secret_key.NAME] in every instance, "
        "make it the encryption_provider of [secrets_manager], restart Grafana, then give "
        "`reencrypt rewrap --store manager --to secret_key.NAME`"
        for provider in sorted(used)
        if _has_text_of_secret_key(session.settings, provider)
    ]


def _has_text_of_secret_key(settings: Settings, provider: str) -> bool:
    try:
        text = settings.manager.secret_of(provider).text
    except ConfigurationError:
        return False
    return text != "" and text == settings.secret_key.reveal()
