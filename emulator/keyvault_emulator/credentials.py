"""Credentials of an emulator: its one tenant, application and client secret, kept in its folder."""

from __future__ import annotations

import json
import secrets
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from keyvault_emulator.errors import EmulatorError
from keyvault_emulator.state import write_file

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Credentials:
    """The application registration that a client signs in with, and the key that signs its tokens."""

    tenant_id: str
    client_id: str
    #: Object id of the application's service principal; 403 messages name it.
    object_id: str
    client_secret: str = field(repr=False)
    #: Kept on disk because a token of the real Entra outlives a restart of the vault, too.
    signing_key: str = field(repr=False)

    @staticmethod
    def of(folder: Path) -> Credentials:
        """Return the credentials in `folder`, made and saved at the first call.

        Raises:
            EmulatorError: the file exists but is not the emulator's.
        """
        path = folder / "credentials.json"
        if path.exists():
            return _read(path)
        credentials = Credentials(
            tenant_id=str(uuid.uuid4()),
            client_id=str(uuid.uuid4()),
            object_id=str(uuid.uuid4()),
            client_secret=secrets.token_urlsafe(30),
            signing_key=secrets.token_hex(32),
        )
        content = {
            "tenant_id": credentials.tenant_id,
            "client_id": credentials.client_id,
            "object_id": credentials.object_id,
            "client_secret": credentials.client_secret,
            "signing_key": credentials.signing_key,
        }
        write_file(path, json.dumps(content, indent=2).encode())
        return credentials


def _read(path: Path) -> Credentials:
    try:
        content = json.loads(path.read_bytes())
        return Credentials(
            tenant_id=str(content["tenant_id"]),
            client_id=str(content["client_id"]),
            object_id=str(content["object_id"]),
            client_secret=str(content["client_secret"]),
            signing_key=str(content["signing_key"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EmulatorError(
            f"{path} is not a credentials file of the emulator.",
            hint="Delete it to get new credentials, or name another folder with --state.",
        ) from error
