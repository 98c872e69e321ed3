"""What the audit keeps of the beginning of an invocation: who, where, with what, and the secrets before it."""

from __future__ import annotations

from typing import Any

from reencrypt.planning.inventory import count_secrets, versions_in
from reencrypt.planning.options import given_options
from reencrypt.planning.plan import Plan
from reencrypt.planning.session import Session
from reencrypt.state.audit import who


def beginning_of(session: Session, plan: Plan, *, resumed: bool) -> dict[str, Any]:
    """The content of the entry."""
    inventory = count_secrets(
        plan.store, plan.locations, plan.census, plan.ring.rows, plan.target, versions_in(plan.ring)
    )
    return {
        **who(),
        "operation": plan.target.operation,
        "resumed": resumed,
        "database": session.database.name,
        "options": given_options(session.options),
        "target_provider": plan.target_provider,
        "algorithm": plan.target.algorithm,
        "fresh_data_key": plan.target.fresh,
        # What `inventory` is judged by, so that a later one can be judged alike.
        "judged_by": {
            "operation": plan.target.operation,
            "provider": plan.target.provider,
            "algorithm": plan.target.algorithm,
            "fresh": plan.target.fresh,
        },
        "inventory": inventory.as_json(),
    }
