"""Preflight: refuses what would leave Grafana unable to read the result, or write under a wrong key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reencrypt.catalogue.location import Location
from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.errors import ReencryptError, RefusedError, WrongSecretKeyError
from reencrypt.events import Warned
from reencrypt.keys.manager_options import OPTION
from reencrypt.keys.proof import Verdict
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, KeyProvider, Unwrapped
from reencrypt.keys.ring import DataKey, Failure
from reencrypt.keys.secret_key import fingerprint_of
from reencrypt.keys.wrap_format import WrapFormat
from reencrypt.outcomes import Operation
from reencrypt.planning.command_lines import resume_command
from reencrypt.planning.plan import Plan
from reencrypt.settings import Settings
from reencrypt.settings.providers import MANAGER, MANAGER_KIND
from reencrypt.state.key_table import KeyTable
from reencrypt.state.runs import Run

#: How a section of one's own is named in advice.
_NEXT: Final = "secret_key.v2"


def refusal_of(plans: Sequence[Plan]) -> ReencryptError | None:
    """The refusal that stops an operation in all of these stores, None where nothing does.

    A store without secrets stops nothing as long as another one has some.
    """
    refused = [plan for plan in plans if plan.refusals and not plan.is_empty]
    if all(plan.is_empty for plan in plans):
        refused = list(plans)
    if not refused:
        return None
    found = refused[0].refusals[0]
    others = [plan.store for plan in plans if not plan.refusals]
    if others:
        found.hint = f"{found.hint} Or leave {refused[0].store.in_words} out with --store {others[0]}."
    return found


def warnings(plan: Plan) -> list[Warned]:
    """What an operator should know although it stops nothing."""
    found = _of_manager(plan) if plan.store is StoreName.MANAGER else []
    settings, store = plan.settings, plan.store_settings
    if plan.store is StoreName.CLASSIC and settings.secret_key_is_default:
        found.append(
            Warned(
                "secret_key is the default",
                "secret_key is Grafana's shipped default, which everybody knows: nothing under it is protected. "
                "`reencrypt rekey-secret-key` goes to a new one",
            )
        )
    target = plan.target
    if plan.open_run is not None and plan.run_to_continue is None:
        found.append(
            Warned(
                "another run is interrupted",
                f"run {plan.open_run.id} to {plan.open_run.target_provider} is interrupted, and one to {target.name} "
                f"would take its place; `{resume_command(plan.open_run, plan)}` resumes it",
            )
        )
    if target.is_legacy:
        found.append(
            Warned(
                "Grafana before 9 cannot read it",
                "Grafana before 9 does not read what is written (legacy values with their algorithm in front), and a "
                f"running Grafana keeps writing envelopes under {store.encryption_provider}",
            )
        )
    elif target.provider != store.encryption_provider:
        found.append(
            Warned(
                "target is not encryption_provider",
                f"Grafana's encryption_provider{_of_store(plan)} is {store.encryption_provider}: it keeps writing "
                f"there, not under {target.provider}",
            )
        )
    if target.algorithm is Algorithm.AES_GCM and store.algorithm != Algorithm.AES_GCM:
        found.append(
            Warned(
                "only Enterprise writes aes-gcm",
                "every Grafana since 9 reads aes-gcm, but only Grafana Enterprise writes it: with "
                f"[security.encryption] algorithm = {store.algorithm} it keeps writing that",
            )
        )
    if lost := _loses_authentication(plan):
        found.append(
            Warned(
                "authentication would be lost",
                f"{lost} secrets are in aes-gcm, which is authenticated, and would be written in {target.algorithm}, "
                "as [security.encryption] algorithm says; --algorithm aes-gcm keeps them as they are",
            )
        )
    return found


def _of_store(plan: Plan) -> str:
    return "" if plan.store is StoreName.CLASSIC else " of the secrets manager"


def _of_manager(plan: Plan) -> list[Warned]:
    """What is peculiar to the secrets manager: a public secret, and rows that an older replica reads no more."""
    manager = plan.settings.manager
    used = {row.provider for row in plan.ring.rows} | {plan.target.provider}
    found = [
        Warned("secret of the secrets manager is the default", "; ".join(public_secret(provider)))
        for provider in sorted(used)
        if manager.secret_is_default(provider)
    ]
    found += [
        Warned(
            "secrets are not covered",
            f"not covered: {number} secrets of the secrets manager under {provider}, which is Grafana Enterprise's; to "
            f"read what it wraps, name its key with {OPTION} {provider}=azurekv.NAME",
        )
        for provider, number in sorted(plan.not_covered.items())
    ]
    if unsplit := sum(each.unsplit for each in plan.census.locations.values()):
        found.append(
            Warned(
                "Grafana 12.2 wrote values",
                f"{unsplit} values of the secrets manager have the id of their data key in front, as Grafana 12.2 "
                "wrote them. A run writes it into the column data_key_id, where a replica before 12.3 does not look: "
                "update every replica first",
            )
        )
    return found


def public_secret(provider: str) -> tuple[str, str]:
    """What to say of a provider of the secrets manager whose secret is the shipped one, and what to do."""
    what = (
        f"the secret of [secrets_manager.encryption.{provider}] is the default that Grafana ships, which everybody "
        "knows: nothing under it is protected. It is a setting of its own and does not follow [security] secret_key"
    )
    return what, f"add a section with another secret, then `reencrypt rewrap --to {_NEXT}`"


def _loses_authentication(plan: Plan) -> int:
    if plan.target.algorithm is Algorithm.AES_GCM or plan.target.operation is Operation.REWRAP:
        return 0
    return sum(
        number
        for key_id, algorithm, number in plan.entries()
        if algorithm is Algorithm.AES_GCM and not plan.is_current(key_id, algorithm)
    )


def before_keys(plan: Plan) -> list[RefusedError]:
    """Refusals that need no key: an old Grafana, envelopes switched off, a provider that Grafana would not load."""
    if plan.store is StoreName.MANAGER:
        return _before_keys_of_manager(plan)
    found: list[RefusedError] = []
    settings, target = plan.settings, plan.target.provider
    if plan.schema.key_table is not KeyTable.CURRENT:
        missing = "no data_keys table" if plan.schema.key_table is KeyTable.NONE else "data_keys without a label"
        found.append(
            RefusedError(
                f"this database has {missing}: the Grafana that wrote it (before 9) cannot read what would be written",
                hint="Upgrade Grafana to version 9 or later, let it start once, then run again.",
            )
        )
    if plan.target.is_legacy:
        return found
    if not settings.envelope_encryption:
        found.append(
            RefusedError(
                "Grafana's feature toggle disableEnvelopeEncryption is on: it would not read envelopes",
                hint="Remove the toggle and restart Grafana.",
            )
        )
    if target != SECRET_KEY_PROVIDER and target not in settings.available_providers:
        found.append(
            RefusedError(
                f"{target} is not among [security] available_encryption_providers, so Grafana would not load it",
                hint=f"Set `available_encryption_providers = {' '.join((*settings.available_providers, target))}`.",
            )
        )
    if target == SECRET_KEY_PROVIDER and plan.options.target.to is None:
        what = "data keys" if plan.target.operation is Operation.REWRAP else "secrets"
        found += [
            RefusedError(
                f"{what} under {provider} would move out of that key-management service into secret_key",
                hint=f"If you want that, give `--to {SECRET_KEY_PROVIDER}`, else `--to {provider}`.",
            )
            for provider in sorted(plan.providers_left())
        ]
    return found


def _before_keys_of_manager(plan: Plan) -> list[RefusedError]:
    """Refusals that need no key: a target that takes secrets out of a vault."""
    target = plan.target.provider
    if plan.options.target.to is not None or not plan.targets_section:
        return []
    return [
        RefusedError(
            f"secrets under {provider} would move out of that key-management service into the secret of {target}",
            hint=f"If you want that, give `--to {target}`.",
        )
        for provider in sorted(plan.providers_left())
        if MANAGER.kind_of(provider) != MANAGER_KIND
    ]


def of_unknown_target(plan: Plan) -> RefusedError:
    """Refusal of a target that was asked for, and under which nobody outside Grafana Enterprise can write."""
    return RefusedError(
        f"how Grafana Enterprise wraps data keys of the secrets manager under {plan.target.provider} is not public, so "
        "nothing is written under it",
        hint="Take a provider secret_key.NAME of the secrets manager as the target. Or, where Grafana has wrapped data "
        f"keys under this one, name its key with {OPTION} {plan.target.provider}=azurekv.NAME: they show how.",
    )


def of_sections(plan: Plan, by_grafana: Sequence[str]) -> list[RefusedError]:
    """Refusals of wrong secrets of the secrets manager: nothing is read, and nothing is written, under one.

    `by_grafana` are the data keys that Grafana itself has wrapped under the target, as they unwrap now. The wrapping is
    authenticated: one data key that unwraps shows that the secret is the right one.
    """
    entries: dict[str, list[Unwrapped | Failure]] = {}
    for key_id in plan.moving_key_ids():
        row = plan.ring.row(key_id)
        if row is not None and plan.ring.knows(key_id) and MANAGER.kind_of(row.provider) == MANAGER_KIND:
            entries.setdefault(row.provider, []).append(plan.ring.entry(key_id))
    found = [
        RefusedError(
            f"the secret in [{MANAGER.section_of(provider)}] is wrong: it unwraps none of the {len(found)} data keys "
            f"under {provider} that are to move",
            hint="Give the secret that Grafana has there. If it is this one, restore secret_data_key from a backup. Or "
            f"leave what is under it with `--skip-key {provider}`.",
        )
        for provider, found in sorted(entries.items())
        if _is_refuted(found)
    ]
    target = plan.target.provider
    if _is_refuted([plan.ring.entry(key_id) for key_id in by_grafana]) and target not in plan.proof.accepted:
        found.append(
            RefusedError(
                f"the secret in [{MANAGER.section_of(target)}] is not Grafana's: it unwraps none of the "
                f"{len(by_grafana)} data keys that Grafana has wrapped under {target}, and Grafana would read nothing "
                "that is written under it",
                hint="Give the secret that every instance of Grafana has there. If it is this one, and those data keys "
                f"are from before it changed, give `--accept-unproven {target}`.",
            )
        )
    return found


def _is_refuted(entries: Sequence[Unwrapped | Failure]) -> bool:
    """Whether these data keys of one section, if there are any, all contradict its secret."""
    return bool(entries) and all(isinstance(entry, Failure) and entry.another_key for entry in entries)


def of_unseen_section(plan: Plan) -> list[RefusedError]:
    """Refusal of a target section under which Grafana has wrapped nothing yet: it may have another secret there.

    Not for what is under the target already, nor for the run that the user has let begin.
    """
    target = plan.target.provider
    if not plan.providers_left() or plan.run_to_continue is not None or target in plan.proof.accepted:
        return []
    return [
        RefusedError(
            f"Grafana has wrapped no data key under {target} yet, so nothing shows that it has the same secret in "
            f"[{MANAGER.section_of(target)}]. With another one it would read nothing that is moved there",
            hint=f"Restart every instance with this section and encryption_provider = {target}, save a secret that "
            "Grafana keeps in the secrets manager, then run again. If you are sure, give "
            f"`--accept-unproven {target}`.",
        )
    ]


def of_stale_secret_key(run: Run | None, settings: Settings) -> RefusedError | None:
    """Refusal of a configuration that has not followed the latest change of `secret_key`."""
    if run is None or run.wrap_format == fingerprint_of(settings.secret_key, run.salt):
        return None
    return RefusedError(
        f"run {run.id} changed secret_key, and the configured one (from {settings.secret_key_origin}) is another",
        hint="Put the new secret_key into the configuration, also where Grafana has it.",
    )


def of_unread(location: Location, number: int) -> RefusedError:
    """Refusal of rows in a table that no release of Grafana reads: what they are under nobody can judge."""
    return RefusedError(
        f"{location.table} holds {number} values in the form of a first trial, of Grafana 12.0 and 12.1 behind a "
        "feature toggle: no release reads them, and Grafana does not convert the table",
        hint="With a backup of it, drop all tables secret_* and let Grafana 12.2 or later create them again at its "
        "start; then store these secrets again.",
    )


def of_secret_key(plan: Plan) -> list[RefusedError]:
    """Refusals of a refuted `secret_key`."""
    if plan.proof.secret_key is not Verdict.REFUTED:
        return []
    ids = {row.id for row in plan.ring.rows if row.provider == SECRET_KEY_PROVIDER}
    places = [
        name
        for name, census in plan.census.locations.items()
        if any(key_id is None or key_id in ids for key_id, _ in census.by_key)
    ]
    return [
        WrongSecretKeyError(
            f"secret_key (from {plan.settings.secret_key_origin}) is wrong: what it decrypts in "
            f"{', '.join(places)} is not what Grafana stores there",
            hint="Give Grafana's own secret_key, in its file or as GF_SECURITY_SECRET_KEY. "
            f"Or leave all that is under it with `--skip-key {SECRET_KEY_PROVIDER}`.",
        )
    ]


def of_target(plan: Plan, provider: KeyProvider) -> list[RefusedError]:
    """Refusals of a target that is not proven, or not known to the running Grafana in a format it reads."""
    target = plan.target.provider
    if target == SECRET_KEY_PROVIDER:
        # One long value of an earlier secret_key outweighs many short ones: with such a doubt it proves no target.
        proven = plan.proof.secret_key is Verdict.PROVEN and not plan.proof.doubt
        proven = proven or target in plan.proof.accepted
        if proven or plan.existing:
            return []
        return [
            RefusedError(
                "secret_key is the target, and what is in this database does not prove that it is Grafana's own",
                hint="Set GF_SECURITY_SECRET_KEY as Grafana has it. If you are sure, give "
                f"`--accept-unproven {SECRET_KEY_PROVIDER}`.",
            )
        ]
    knows = plan.grafana_knows_target or plan.format_named
    shown = plan.existing or plan.wrap_format is not None
    return [_of_unshown_format(plan)] if provider.needs_wrap_format and not (knows and shown) else []


def _of_unshown_format(plan: Plan) -> RefusedError:
    """Refusal of a service under which no data key of Grafana's shows how it wraps, nor the user says it."""
    target, classic = plan.target.provider, plan.store is StoreName.CLASSIC
    if plan.grafana_knows_target:
        check = "Check the vault key and its versions"
        return RefusedError(
            f"no data key that Grafana wrote under {target} unwraps, so its format cannot be learned",
            hint=f"{check}. Or name the format with --wrap-format."
            if classic
            else f"{check}, and whether {OPTION} names the key that Grafana uses there.",
        )
    restart = "Restart every Grafana Enterprise instance with this configuration and save"
    return RefusedError(
        f"Grafana has written no data key under {target} yet, so nothing shows that it knows this provider "
        "or how it frames data keys",
        hint=f"{restart} a data source, then run again. Or name the format with --wrap-format raw/RSA-OAEP-256, and "
        "begin with the pilot that `reencrypt plan` names with it."
        if classic
        else f"{restart} a secret that it keeps in the secrets manager, then run again.",
    )


def of_odd_length(row: DataKey, entry: Unwrapped | Failure) -> RefusedError:
    """Refusal of a named format where Grafana's own data key under the target is no bare key of 16 bytes."""
    holds = entry.detail if isinstance(entry, Failure) else f"it holds {entry.reading}"
    return RefusedError(
        f"Grafana's own data key {row.id} under {row.provider} has a form that --wrap-format does not name: {holds}",
        hint="Grafana may read no data key in another form. Find out how this Grafana wraps its data keys. If that key "
        f"is none of the present Grafana's, leave it out with `--skip-key {row.id}`.",
    )


def of_other_format(row: DataKey, learned: WrapFormat, plan: Plan) -> RefusedError:
    """Refusal of a named format where Grafana's own data key under the target has another one."""
    return RefusedError(
        f"Grafana wraps its data keys under {row.provider} as {learned}, as {row.id} shows, and --wrap-format names "
        f"{plan.wrap_format}",
        hint="Leave --wrap-format out: the format is learned from Grafana's keys. If that key is none of the present "
        f"Grafana's, leave it out with `--skip-key {row.id}`.",
    )
