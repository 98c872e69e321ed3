"""The command that goes on with an interrupted run: another one might take its place, and move secrets elsewhere."""

from __future__ import annotations

from reencrypt.operations.goal import Operation
from reencrypt.settings import Settings
from reencrypt.state.runs import REKEY, Run


def command_for(run: Run, settings: Settings) -> str:
    """What to type, with the options that make it the same operation under this configuration."""
    if run.operation in (REKEY, Operation.ENVELOP):
        return "reencrypt rekey-secret-key, with the same --new-secret-key-file"
    words = ["reencrypt", run.operation]
    if run.operation != Operation.ROLLBACK and run.target_provider != settings.encryption_provider:
        words.append(f"--to {run.target_provider}")
    if run.algorithm != settings.algorithm:
        words.append(f"--algorithm {run.algorithm}")
    return " ".join(words)
