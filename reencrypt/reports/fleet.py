"""The report of a fleet: a row for each member, and each member's evidence as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reencrypt.fleet.results import FleetReport
from reencrypt.reports.document import all_read
from reencrypt.state.audit import who
from reencrypt.state.stamp import stamp


def fleet_evidence(report: FleetReport) -> dict[str, Any]:
    """The evidence of all members, as the object that the report is made of."""
    members: Mapping[str, Mapping[str, Any]] = {each.name: each.as_json() for each in report.members}
    having = [each for each in members.values() if "runs" in each]
    return {
        "kind": "fleet",
        "made": f"{stamp()}Z",
        "made_by": who(),
        "shard": report.shard or None,
        "members_of_other_shards": report.others,
        "without_evidence": len(members) - len(having),
        "verified": sum(all(map(all_read, each["verify"])) for each in having),
        "can_retire": sum(each["complete"]["outcome"] == "yes" for each in having),
        "members": members,
    }
