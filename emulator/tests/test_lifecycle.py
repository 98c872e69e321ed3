from __future__ import annotations

import asyncio
import configparser
import json
import os
import signal
import stat
import sys
from pathlib import Path

import pytest
from emulator_clients import decode, version_of, wire_to
from keyvault_emulator import Emulator
from keyvault_emulator.errors import EmulatorError

SERVE = """
import asyncio, sys
from pathlib import Path
from keyvault_emulator import serve
asyncio.run(serve(Path(sys.argv[1]), 0, sys.argv[2:], lambda line: print(line, flush=True)))
"""

#: Has no code for the emulator beyond what a loopback vault needs; everything else is in its environment.
CLIENT = """
import asyncio, configparser, sys
from azure.identity.aio import ClientSecretCredential
from azure.keyvault.keys.aio import KeyClient
from azure.keyvault.keys.crypto import KeyWrapAlgorithm

async def main():
    ini = configparser.ConfigParser(interpolation=None)
    ini.read(sys.argv[1])
    section = ini["security.encryption." + ini["security"]["encryption_provider"]]
    async with ClientSecretCredential(section["tenant_id"], section["client_id"], section["client_secret"]) as who:
        async with KeyClient(section["vault_uri"], who, verify_challenge_resource=False) as keys:
            client = keys.get_cryptography_client(section["key_id"])
            wrapped = await client.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, b"a data key")
            print((await client.unwrap_key(wrapped.algorithm, wrapped.encrypted_key)).key.decode())

asyncio.run(main())
"""

#: The same with the synchronous SDK, which knows Azure's authorities alone.
SYNCHRONOUS_CLIENT = """
import configparser, sys
from azure.identity import ClientSecretCredential
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import KeyWrapAlgorithm

ini = configparser.ConfigParser(interpolation=None)
ini.read(sys.argv[1])
section = ini["security.encryption." + ini["security"]["encryption_provider"]]
who = ClientSecretCredential(
    section["tenant_id"], section["client_id"], section["client_secret"], disable_instance_discovery=True
)
keys = KeyClient(section["vault_uri"], who, verify_challenge_resource=False)
client = keys.get_cryptography_client(section["key_id"])
wrapped = client.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, b"a data key")
print(client.unwrap_key(wrapped.algorithm, wrapped.encrypted_key).key.decode())
"""


async def test_a_restart_on_the_same_folder_is_the_same_vault(state: Path) -> None:
    async with Emulator(state=state, keys=("prod", "next")) as first, wire_to(first) as wire:
        old = await wire.crypt("/keys/prod/wrapkey", b"a data key")
        await wire.patch("/keys/prod/", {"attributes": {"enabled": False, "exp": 2_000_000_000}, "tags": {"a": "b"}})
        new = version_of((await wire.post("/keys/prod/rotate")).json["key"]["kid"])
        await wire.request("DELETE", "/keys/next")
        ca = first.ca_bundle.read_bytes()
        secret = first.client_secret
    async with Emulator(state=state, keys=("prod", "next", "third")) as second, wire_to(second) as wire:
        assert second.ca_bundle.read_bytes() == ca
        assert second.client_secret == secret
        assert version_of((await wire.get("/keys/prod")).json["key"]["kid"]) == new
        disabled = (await wire.get(f"/keys/prod/{version_of(old.json['kid'])}")).json
        assert disabled["attributes"]["enabled"] is False
        assert disabled["attributes"]["exp"] == 2_000_000_000
        assert disabled["tags"] == {"a": "b"}
        await wire.patch(f"/keys/prod/{version_of(old.json['kid'])}", {"attributes": {"enabled": True}})
        path = f"/keys/prod/{version_of(old.json['kid'])}/unwrapkey"
        assert decode((await wire.crypt(path, decode(old.json["value"]))).json["value"]) == b"a data key"
        assert (await wire.get("/keys/next")).status == 404
        assert (await wire.get("/deletedkeys/next")).status == 200
        assert (await wire.get("/keys/third")).status == 200


async def test_grafanas_ini_names_every_key_and_the_first_one_as_the_provider(emulator: Emulator) -> None:
    text = emulator.grafana_ini.read_text()
    ini = configparser.ConfigParser(interpolation=None)
    ini.read_string(text)
    assert dict(ini["security"]) == {
        "encryption_provider": "azurekv.prod",
        "available_encryption_providers": "secretKey.v1 azurekv.prod azurekv.next",
    }
    for name in ("prod", "next"):
        assert dict(ini[f"security.encryption.azurekv.{name}"]) == {
            "tenant_id": emulator.tenant_id,
            "client_id": emulator.client_id,
            "client_secret": emulator.client_secret,
            "key_id": name,
            "vault_uri": emulator.vault_uri,
        }
    assert "secret_key" not in text.replace("secretKey", "")


def modes_below(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()
    }


async def test_files_with_secrets_are_for_their_owner_alone(emulator: Emulator, state: Path) -> None:
    modes = modes_below(state)
    assert modes.pop("ca.pem") & 0o444 == 0o444
    assert {"credentials.json", "grafana.ini", "ca.key.pem"} < set(modes)
    assert set(modes.values()) == {0o600}
    assert b"PRIVATE KEY" in next((state / "keys" / "prod").glob("*.pem")).read_bytes()
    assert b"PRIVATE KEY" not in emulator.ca_bundle.read_bytes()


async def test_without_a_name_the_key_is_called_grafana(tmp_path: Path) -> None:
    async with Emulator(state=tmp_path / "new" / "state", keys=()) as emulator, wire_to(emulator) as wire:
        assert (await wire.get("/keys/grafana")).status == 200


async def test_a_second_emulator_on_the_folder_is_refused(emulator: Emulator, state: Path) -> None:
    assert "https://localhost:" in repr(emulator)
    second = Emulator(state=state)
    with pytest.raises(EmulatorError, match="Another emulator"):
        await second.start()
    with pytest.raises(RuntimeError, match="not running"):
        assert second.vault_uri


async def test_a_taken_port_is_refused_and_leaves_the_folder_free(emulator: Emulator, tmp_path: Path) -> None:
    port = int(emulator.vault_uri.rpartition(":")[2])
    with pytest.raises(EmulatorError, match=str(port)):
        await Emulator(state=tmp_path / "other", port=port).start()
    async with Emulator(state=tmp_path / "other"):
        pass


@pytest.mark.parametrize("keys", [("under_score",), ("",), ("../x",), ("Prod", "prod")])
async def test_names_that_key_vault_would_not_take_are_refused(tmp_path: Path, keys: tuple[str, ...]) -> None:
    with pytest.raises(EmulatorError):
        await Emulator(state=tmp_path / "state", keys=keys).start()
    assert not (tmp_path / "state").exists()


def damage(state: Path, name: str) -> Path:
    path = next(state.glob(name))
    path.write_bytes(b"damaged")
    return path


@pytest.mark.parametrize("name", ["credentials.json", "ca.pem", "ca.key.pem", "keys/prod/*.json", "keys/prod/*.pem"])
async def test_a_damaged_file_is_named(state: Path, name: str) -> None:
    path = damage(state, name)
    with pytest.raises(EmulatorError, match=path.stem):
        await Emulator(state=state).start()


async def test_stopping_answers_what_is_under_way(state: Path) -> None:
    arrived = asyncio.Event()

    def clock() -> float:
        # The vault asks for the time when it checks the token, which is the moment a request is under way.
        arrived.set()
        return 1_800_000_000.0

    async with Emulator(state=state, keys=("prod",), clock=clock) as emulator, wire_to(emulator) as wire:
        arrived.clear()
        request = asyncio.ensure_future(wire.post("/keys/fresh/create", {"kty": "RSA"}))
        await arrived.wait()
        await emulator.stop()
        assert (await request).status == 200
        assert list((state / "keys" / "fresh").glob("*.pem"))
        await emulator.stop()


@pytest.mark.parametrize(
    ("number", "program", "trust"),
    [(signal.SIGTERM, CLIENT, "SSL_CERT_FILE"), (signal.SIGINT, SYNCHRONOUS_CLIENT, "REQUESTS_CA_BUNDLE")],
)
async def test_a_process_announces_itself_in_one_line_and_ends_with_0_on_a_signal(
    state: Path, tmp_path: Path, number: signal.Signals, program: str, trust: str
) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", SERVE, str(state), "prod", "next",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert server.stdout is not None
    announced = json.loads(await server.stdout.readline())
    assert set(announced) == {"vault_uri", "authority", "ca_bundle", "grafana_ini"}
    assert Path(announced["ca_bundle"]) == state / "ca.pem"
    assert Path(announced["grafana_ini"]).is_absolute()

    environment = {trust: announced["ca_bundle"], "AZURE_AUTHORITY_HOST": announced["authority"]}
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, announced["grafana_ini"],
        env=environment | {"PATH": os.environ["PATH"]}, cwd=tmp_path, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert (await client.communicate())[0] == b"a data key\n"
    assert client.returncode == 0

    server.send_signal(number)
    output, errors = await server.communicate()
    assert (server.returncode, output, errors) == (0, b"", b"")
