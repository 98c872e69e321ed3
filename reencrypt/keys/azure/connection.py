"""Connection to one vault for one identity: sessions, token and the SDK's clients, shared by all keys of the vault."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

from reencrypt.keys.azure.credential import make_credential
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.azure.sign_in_errors import signs_in_by_section

if TYPE_CHECKING:
    from azure.keyvault.keys.aio import KeyClient


class VaultConnection:
    """Opens its sessions at the first call; `close` when done."""

    def __init__(self, settings: AzureKeyVaultSettings) -> None:
        self._settings = settings
        self._credential: Any = None
        self._has_signed_in = False
        # One for first answers, one for second, independent ones, which come over other sessions.
        self._sessions: dict[bool, Any] = {}
        self._clients: dict[bool, KeyClient] = {}
        #: The `api-version` that the vault has asked for; empty while it takes the SDK's own.
        self.api_version = ""

    @staticmethod
    def name_of(settings: AzureKeyVaultSettings) -> str:
        """Name the vault and the identity: keys with one name can share a connection."""
        # A machine's identity is the same, whatever secret the section has.
        used = settings.client_secret.reveal() if signs_in_by_section(settings, os.environ) else ""
        secret = hashlib.sha256(used.encode()).hexdigest()
        # Entra takes ids in any case.
        return f"{settings.vault_uri} {settings.tenant_id} {settings.client_id} {secret}".lower()

    def client(self, *, independent: bool) -> KeyClient:
        """Return the SDK's client; the one for `independent` requests uses a session that no other request does."""
        if independent in self._clients:
            return self._clients[independent]
        # Heavy imports, needed only where a vault is.
        from reencrypt.keys.azure.session import Transport, open_client, open_session  # noqa: PLC0415

        if independent not in self._sessions:
            self._sessions[independent] = open_session()
        transport = Transport(self._sessions[independent])
        if self._credential is None:
            self._credential = make_credential(self._settings, transport, has_worked=self._has_signed_in)
        self._clients[independent] = open_client(self._settings, self._credential, transport)
        return self._clients[independent]

    async def forget_token(self, refused: KeyClient) -> None:
        """Drop clients and credential, which all cache the token, unless another call has done so."""
        if refused in self._clients.values():
            opened = (*self._clients.values(), self._credential)
            self._has_signed_in |= self._credential.has_worked
            self._clients, self._credential = {}, None
            for closable in opened:
                await closable.close()

    async def close(self) -> None:
        """Close sessions, clients and credential; all of them hold sockets."""
        opened = (*self._clients.values(), self._credential, *self._sessions.values())
        self._clients, self._credential, self._sessions = {}, None, {}
        for closable in opened:
            if closable is not None:
                await closable.close()
