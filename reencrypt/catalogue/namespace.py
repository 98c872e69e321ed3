"""Ids of data keys that belong to a namespace: `default/abc…`, for the secrets manager's store.

Grafana finds such a data key by its namespace and its uid, so the two together are its id here. The classic store has
no namespaces: there the id is the name of the data key, which may contain a slash.
"""

from __future__ import annotations


def qualified(namespace: str, uid: str) -> str:
    """Return the id of a data key of a namespace; no two pairs have the same, whatever they contain."""
    return f"{namespace.replace('%', '%25').replace('/', '%2F')}/{uid}"


def unqualified(key_id: str) -> tuple[str, str]:
    """Return namespace and uid of an id that `qualified` made; raises `ValueError` for another one."""
    namespace, slash, uid = key_id.partition("/")
    if not slash:
        raise ValueError(f"{key_id!r} is not the id of a data key of a namespace")
    return namespace.replace("%2F", "/").replace("%25", "%"), uid
