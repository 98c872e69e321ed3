"""The fields of what `--output json` prints. The reference shows them, and a test compares them with real outputs."""

from __future__ import annotations

from typing import Final

#: Every command.
ALWAYS: Final = {
    "schema_version": "the version of these objects; a field that goes or changes its meaning raises it",
    "command": "the command",
    "exit_code": "the exit code",
    "outcome": "the result in a word, after an error its code",
}
#: After an error, instead of the command's own fields.
ERROR: Final = {"error": "`code`, `message` and `hint`"}

#: Every command but `config show`, where it has not failed.
NEXT: Final = {
    "next_command": "the command to type next, null where there is none that can be run as it is",
    "next_commands": "all of them, where there are several",
    "next": "the same with the reason: `command`, `why`, and `fill_in`: what stands for a name that only you know",
}

_STORE: Final = {"store": "`classic`, `manager`, or `all` where the object joins both"}
_STORES: Final = {"stores": "the same object for each store alone, under its name"}
_TARGET: Final = {"target_provider": "where secrets go"}
_STOPPED: Final = {"stop_reason": "why it stopped early, else null"}
_RESUME: Final = {"resume": "the command that continues, else null"}
_WARNINGS: Final = {"warnings": "sentences"}
_NOTES: Final = {"notes": "sentences that are no warning"}
_QUARANTINE: Final = {"quarantine": "each: `store`, `location`, `key`, `field`, `reason`, `detail`, `state`, `remedy`"}
_LIST: Final = {"acknowledged": "how many secrets this command acknowledged", **_QUARANTINE}
_RUN: Final = {
    **_STORE,
    "run_id": "the run, null where nothing was to do",
    "resumed": "whether it continued an interrupted run",
    **_STOPPED,
    **_RESUME,
    "due": "with `--if-older-than`: when the next rotation is due",
    **_TARGET,
    "target_data_key": "the data key that it wrote with",
    "secrets": "counts: `total`, `re_encrypted`, `already_current`, `quarantined`, `left`, `not_applicable`",
    "locations": "the same counts for each location",
    "left_because": "counts by reason of what was left",
    "quarantined_because": "counts by reason code",
    **_QUARANTINE,
    "incomplete": "locations in which the database left rows out of its answers, with the counts",
    "sweeps": "passes after the main one",
    "seconds": "how long it took",
    **_WARNINGS,
    **_STORES,
}

#: By command, what it adds to the fields of every command.
FIELDS: Final = {
    "doctor": {
        "healthy": "whether nothing failed, as `outcome` says too",
        "schema": "the schema on PostgreSQL",
        "encryption_provider": "Grafana's own",
        **_TARGET,
        "checks": "each check: `about`, `store`, `name`, `state`, `detail`, `remedy`",
    },
    "plan": {
        **_STORE,
        "database": "file or address, without a password",
        "schema": "the schema on PostgreSQL",
        "encryption_provider": "Grafana's own",
        **_TARGET,
        "target_data_key": "the data key that a run would write with, null for a new one",
        "wrap_format": "the format of a new data key",
        "secrets": "counts: `total`, `to_move`, `already_current`, `unreadable`, `not_applicable`",
        "locations": "by location: `total`, `keys`, `problems` and more",
        "declared": "declared locations: `saved`, `new`, `changed` or `forgotten`",
        "plain_text": "passwords that Grafana keeps in clear text, by column",
        "missing": "tables and columns that this Grafana does not have",
        "orphaned_keys": "data keys that secrets name and that do not exist",
        "unusable_keys": "data keys that do not unwrap, with the reason",
        "unproven_keys": "keys that too little proves, with the secrets that a run leaves (`--accept-unproven`)",
        "secret_key": "`proven`, `unproven` or `refuted`",
        "interrupted_run": "the run that would continue",
        "estimate": "`seconds` and `vault_unwraps` of a run",
        "space": "about how many bytes a run adds: `journal`, `rows` (rewritten ones), `log` of the server; `free` and "
        "`free_for_log`, null where nobody can tell, and `unknown` says why; null where nothing moves",
        "roads": "`rewrap`, then `run`: `command`, `rows`, `vault_calls`, `seconds`, `protects`, `leaves`",
        "refusals": "what would stop a run: `code`, `exit_code`, `message`, `hint`",
        **_WARNINGS,
        "pilot": "the pilot that fits this database: `location`, `secrets`, `command`; else null",
        **_STORES,
    },
    "run": _RUN,
    "rollback": _RUN,
    "quarantine retry": _RUN,
    "rewrap": {
        **_STORE,
        "run_id": "the run, null where nothing was to do",
        "resumed": "whether it continued an interrupted run",
        **_STOPPED,
        **_RESUME,
        **_TARGET,
        "target_version": "the version of the vault's key",
        "data_keys": "counts: `total`, `rewrapped`, `already_current`, `left`",
        "left_because": "data keys that were left, with the reason",
        **_WARNINGS,
        **_STORES,
    },
    "rekey-secret-key": {
        "run_id": "the run",
        "legacy": "the object of the run that put legacy values into envelopes",
        "data_keys_rewrapped": "data keys that went to the new `secret_key`",
        "alerting_secrets_moved": "secrets of legacy alerting that did",
        "done_before": "what an interrupted command had done already",
        "left_because": "what was left, with the reason",
        "quarantined": "secrets in quarantine",
        "next_steps": "what to do next, in order",
        **_WARNINGS,
    },
    "status": {
        "lease_holder": "who works now, else null",
        "runs": "each: `run_id`, `store`, `operation`, `state`, `outcome`, `secrets`, `locations`, `resume` and more",
        **_QUARANTINE,
    },
    "verify": {
        **_STORE,
        **_TARGET,
        "secrets": "counts: `total`, `readable`, `accepted`, `under_target`, `quarantined`, `unreadable` and more",
        "providers": "secrets by provider",
        "locations": "by location: `total`, `readable`, `providers`",
        "problems": "unreadable secrets: `store`, `location`, `key`, `field`, `reason`, `detail`, `in_quarantine`",
        "problems_not_named": "how many more there are",
        "not_covered": "secrets that this program cannot read: `store`, `location`, `provider`, `secrets`, `hint`",
        "ambiguous_data_keys": "data keys with two rows",
        "possibly_cut_off": "values that fill their column",
        "plain_text": "passwords that Grafana keeps in clear text, by column",
        "configuration": "settings with which Grafana could not read",
        **_NOTES,
        **_STORES,
    },
    "quarantine list": _LIST,
    "quarantine acknowledge": _LIST,
    "undo": {
        **_STORE,
        "run_id": "the run",
        "restored": "columns that have their old bytes back",
        "data_keys_restored": "data keys that have their old wrapping back",
        "kept_because": "counts by reason of what stayed",
        "kept": "what stayed: `table`, `key`, `column`, `name` (what it is in Grafana), `reason`",
        "disputed": "data keys whose two wrappings both decrypt secrets, with those",
        "data_key_set_inactive": "the data key of the run, where it is one",
        "data_keys_set_inactive": "all of them",
        **_STOPPED,
    },
    "complete": {
        **_STOPPED,
        "target": "the provider that stays, of the first store",
        "targets": "the same by store",
        "stores": "the stores that were asked about",
        "blockers": "sentences that make the answer no",
        "configuration": "settings with which Grafana could not read",
        "keys": "each: `name`, `store`, `retiring`, `secrets`, `locations`, `data_keys`, `active_data_keys`, `reasons`",
        "verified": "what decrypts with only the keys that stay",
        "searched": "`tables`, `rows`, `not_searched`, `finds`, `proposals`",
        **_NOTES,
        "not_seen": "what no search of this database can see",
        "commands": "commands that disable what was retired",
        "journal_dropped": "whether the journal was dropped",
        "journal_kept": "stores whose journal was kept",
        "state_dropped": "whether the state tables were dropped",
        "deleted_data_keys": "data keys that were deleted",
    },
    "config show": {
        "settings_file": "the settings file of `--config`, or the one that was found",
        "config_file": "Grafana's configuration file",
        "values": "each value: `section`, `key`, `value`, `origin`, `secret`",
        "unusable_providers": "providers that cannot be used, with the reason",
        "unusable_manager_providers": "the same of the secrets manager",
        **_NOTES,
    },
}

#: The object of a command of `fleet`.
FLEET: Final = {
    "stop_reason": "why all stopped, else null",
    "shard": "the part of the members",
    "members_of_other_shards": "how many others there are",
    "members_by_exit_code": "how many members ended with each exit code",
    "members": "by name the object of the command alone",
}
