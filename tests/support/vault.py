"""The emulator as a process of its own, and its control endpoint."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

OAEP_256 = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


@dataclass
class Vault:
    """A running `reencrypt emulator`."""

    state: Path
    process: subprocess.Popen[str]
    uri: str
    grafana_ini: Path
    environment: dict[str, str]

    @classmethod
    def start(cls, state: Path, *keys: str, port: int = 0) -> Self:
        """Start it and wait for its line of JSON."""
        command = [sys.executable, "-m", "reencrypt", "emulator", "--state", str(state), "--port", str(port)]
        for key in keys:
            command += ["--key", key]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        environment = {"SSL_CERT_FILE": ready["ca_bundle"], "AZURE_AUTHORITY_HOST": ready["authority"]}
        return cls(state, process, ready["vault_uri"], Path(ready["grafana_ini"]), environment)

    def stop(self) -> int:
        """Stop it as an operator would; returns its exit code."""
        self.process.terminate()
        code = self.process.wait(timeout=120)
        if self.process.stdout:
            self.process.stdout.close()
        return code

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Call the control endpoint."""
        return self._request(method, f"/_control/{path}", body, {})

    def as_owner(self, method: str, path: str, body: object = None) -> Any:
        """Call the vault itself, signed in."""
        form = {"grant_type": "client_credentials", "scope": "https://vault.azure.net/.default"}
        form |= {name: self._configured(name) for name in ("client_id", "client_secret")}
        request = urllib.request.Request(  # noqa: S310 - our own https server
            f"{self.uri}/{self._configured('tenant_id')}/oauth2/v2.0/token", data=urlencode(form).encode()
        )
        token = self._answer(request)["access_token"]
        return self._request(method, f"{path}?api-version=2025-07-01", body, {"Authorization": f"Bearer {token}"})

    @property
    def tenant_id(self) -> str:
        """The tenant."""
        return self._configured("tenant_id")

    @property
    def client_id(self) -> str:
        """The application."""
        return self._configured("client_id")

    @property
    def client_secret(self) -> str:
        """The application's secret."""
        return self._configured("client_secret")

    def _configured(self, name: str) -> str:
        found = re.search(rf'^{name} = "*([^"\n]*)', self.grafana_ini.read_text(), re.MULTILINE)
        assert found, name
        return found[1]

    def _request(self, method: str, path: str, body: object, headers: dict[str, str]) -> Any:
        return self._answer(
            urllib.request.Request(  # noqa: S310 - the same
                f"{self.uri}{path}",
                method=method,
                data=json.dumps(body).encode() if body is not None else None,
                headers={"Content-Type": "application/json", **headers},
            )
        )

    def _answer(self, request: urllib.request.Request) -> Any:
        context = ssl.create_default_context(cafile=self.environment["SSL_CERT_FILE"])
        with urllib.request.urlopen(request, context=context) as answer:  # noqa: S310 - the same
            text = answer.read()
        return json.loads(text) if text else None

    def key_version(self, key: str) -> str:
        """The only version of a key, from its file."""
        (path,) = (self.state / "keys" / key).glob("*.pem")
        return path.stem

    def private_key(self, key: str) -> RSAPrivateKey:
        """The private key of the only version of a key."""
        path = self.state / "keys" / key / f"{self.key_version(key)}.pem"
        private = load_pem_private_key(path.read_bytes(), None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(private, RSAPrivateKey)
        return private

    def wrap(self, key: str, data_key: bytes) -> bytes:
        """Wrap a data key as Grafana might: the raw block of RSA-OAEP-256."""
        return self.private_key(key).public_key().encrypt(data_key, OAEP_256)

    def configuration(self, folder: Path, *, secret_key: str | None = None, extra: str = "") -> Path:
        """A grafana.ini of one's own: the emulator's, with a `secret_key` and further text."""
        text = self.grafana_ini.read_text()
        if secret_key is not None:
            text = text.replace("[security]\n", f'[security]\nsecret_key = """{secret_key}"""\n', 1)
        path = folder / f"grafana-{zlib.crc32((secret_key or '').encode()):08x}.ini"
        path.write_text(text + "\n" + extra)
        return path


def clean_environment() -> dict[str, str]:
    """The environment without anything of Grafana's, Azure's, PostgreSQL's, OpenTelemetry's or our own.

    What a machine has in /etc for us is no matter of a test.
    """
    prefixes = ("GF_", "AZURE_", "PG", "REENCRYPT_", "SSL_CERT", "OTEL_", "TRACE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return kept | {"REENCRYPT_CONFIG": os.devnull}
