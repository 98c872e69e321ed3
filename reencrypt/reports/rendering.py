"""Writes a document as HTML, Markdown or JSON."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from reencrypt.catalogue.store_name import StoreName
from reencrypt.outcomes import ExitCode, Operation
from reencrypt.reports import charts
from reencrypt.reports.document import all_read, canonical

#: How many rows of a long table people are shown; the JSON has all.
SHOWN: Final = 200
_CHART_HEIGHT: Final = 140
#: What Markdown would take for markup. Backslashes in front of these are CommonMark's own escape.
_MARKUP: Final = str.maketrans({each: f"\\{each}" for each in "\\`*_{}[]<>#|~&"} | {"\n": " ", "\r": " "})


def render(document: Mapping[str, Any], form: str) -> str:
    """Write a sealed document in a form: html, md or json."""
    if form == "json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    environment = Environment(
        loader=PackageLoader("reencrypt.reports"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "thousands": _thousands,
        "md": _markdown,
        "code": _code,
        "words": _words,
        "days": _days,
        "store": _store,
        "command": _command,
    }
    style = environment.get_template("style.css").render()
    template = environment.get_template(f"{document['kind']}.{form}")
    return template.render(
        document=document,
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        canonical=canonical(document).decode(),
        charts=charts,
        height=_CHART_HEIGHT,
        shown=SHOWN,
        meaning=_meaning,
        result=_result,
        pauses=_pauses,
        by_provider=_by_provider,
        all_read=all_read,
        read_now=_read_now,
        is_done=_is_done,
        retired=_retired,
        can_retire=_can_retire,
        given=_given,
        headline=_headline,
        row=_row,
    )


def _thousands(number: float | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _days(number: float) -> str:
    return f"{number:g}"


def _markdown(value: object) -> str:
    """A text in Markdown that reads as it is, and leads nowhere."""
    return str(value).translate(_MARKUP).replace("://", "\\://")


def _code(value: object) -> str:
    """A text as code in a cell of a Markdown table, where neither a backtick nor a bar may stand."""
    text = str(value).replace("`", "'").replace("|", "\\|").replace("\n", " ").replace("\r", " ")
    return f"`{text}`"


def _words(name: object) -> str:
    """A name of JSON in words."""
    return str(name).replace("_", " ")


def _meaning(exit_code: int) -> str:
    return next((code.meaning for code in ExitCode if code == exit_code), "")


def _result(invocation: Mapping[str, Any]) -> str:
    """How an invocation ended, in words."""
    end = invocation["end"]
    if end is None:
        return (
            "no end is recorded: it was killed, could not reach the database, or is still at work; the last sign is of "
            f"{invocation['last_sign']}"
        )
    words = f"{_words(end['outcome'])} (exit code {end['exit_code']})"
    why = end.get("error") or end.get("stop_reason")
    return f"{words}: {why}" if why else words


def _read_now(verified: Mapping[str, Any]) -> str:
    """How many secrets read now, of all, and what became of the others."""
    if "error" in verified:
        return f"nobody knows ({verified['error']})"
    secrets = verified["secrets"]
    others = {"in quarantine": "quarantined", "not covered": "not_covered", "that do not": "unreadable"}
    words = ", ".join(f"{secrets[name]:,} {what}" for what, name in others.items() if secrets[name])
    of = f"{secrets['readable']:,} of {secrets['total']:,}"
    return f"{of} ({words})" if words else of


def _store(name: str) -> str:
    """A store in sentences."""
    return StoreName(name).in_words


def _command(operation: str) -> str:
    """The command that a user types for an operation; an undo is the operation of no run."""
    return Operation(operation).command if operation in list(Operation) else operation


def _given(invocation: Mapping[str, Any]) -> list[str]:
    """The options as they are typed."""
    found = []
    for name, value in (invocation["options"] or {}).items():
        values = value if isinstance(value, list) else [value]
        found += [name] if value is True else [f"{name} {each}" for each in values]
    return found


def _headline(section: Mapping[str, Any]) -> str:
    """What became of a run, and how its last invocation ended where that is something else."""
    run, last = section["run"], (section["invocations"] or [None])[-1]
    outcome, state = _words(run["outcome"] or "not finished"), _words(run["state"])
    words = f"The {_command(run['operation'])} in {_store(run['store'])}: {outcome} (state: {state})"
    end = last and last["end"]
    if end and end["outcome"] != run["outcome"]:
        words += f"; the last {_command(last['operation'])}: {_words(end['outcome'])} (exit code {end['exit_code']})"
    return f"{words}."


def _is_done(section: Mapping[str, Any]) -> bool:
    """Whether a run has done all that it was for, and nobody has undone any of it."""
    run = section["run"]
    return (
        run["outcome"] in ("done", "nothing_to_do")
        and run["state"] in ("finished", "completed")
        and all(each.get("operation") != "undo" for each in section["invocations"])
    )


def _retired(entry: Mapping[str, Any]) -> str:
    """What somebody has done about the old key."""
    if entry["kind"] == "data_keys_deleted":
        keys = ", ".join(each["id"] for each in entry["data_keys"])
        return f"deleted data keys that were inactive and unused, saved to {entry['saved_to']}: {keys}"
    keys = ", ".join(entry["retiring"]) or "none"
    done = f"dropped the journal of {', '.join(entry['runs'])}" if entry["runs"] else "no journal was left to drop"
    return f"the old key can be retired ({keys}): {done}"


def _can_retire(answer: Mapping[str, Any]) -> str:
    """Whether the old key can be retired."""
    if answer["outcome"] == "yes" and not any(each["retiring"] for each in answer["keys"]):
        return "there is no other key to retire"
    return _words(answer["outcome"])


def _row(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a member in a fleet's report: its last runs together."""
    sections = evidence["runs"]
    runs = [section["run"] for section in sections]
    secrets = [row for section in sections for row in section["secrets"]]
    periods = [section["cryptoperiod"] for section in sections if section["cryptoperiod"]]
    stores = evidence["verify"]
    return {
        "runs": ", ".join(run["id"] for run in runs),
        "updated": max(run["updated"] for run in runs),
        "result": ", ".join(dict.fromkeys(_words(run["outcome"] or run["state"]) for run in runs)),
        "secrets": sum(row["after"] for row in secrets),
        "current": sum(row["after"] for row in secrets if row["state"] == "current"),
        "quarantine": sum(len(section["quarantine"]) for section in sections),
        "reads": "yes" if all(map(all_read, stores)) else "; ".join(map(_read_now, stores)),
        "retire": _can_retire(evidence["complete"]),
        "past": sum(each["exceeded"] + each["unknown"] for each in periods) if periods else "not asked",
    }


def _pauses(document: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Why work paused, and how often."""
    found: Counter[str] = Counter()
    for invocation in document["invocations"]:
        for sample in (*invocation["pace"], *([invocation["end"]] if invocation["end"] else [])):
            found.update(sample.get("waits", {}))
    return sorted(found.items())


def _by_provider(rows: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The secrets of all locations together, by provider and state."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        key = (row["provider"] or "", row["state"])
        total = found.setdefault(key, {"provider": row["provider"], "state": row["state"], "before": 0, "after": 0})
        total["before"] = None if row["before"] is None else total["before"] + row["before"]
        total["after"] += row["after"]
    return list(found.values())
