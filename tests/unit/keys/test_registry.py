"""Kinds from outside: what of them is imported, when, and what a package cannot break."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reencrypt.errors import ConfigurationError
from reencrypt.keys.configuration import read_providers
from reencrypt.keys.registry import BUILT_IN, find_outside
from reencrypt.settings import Settings
from tests.support.packages import pack, unpack

Load = Callable[..., Settings]
Offer = Callable[..., None]

WORKS = """
from reencrypt.keys.kind import ProviderKind
def read(section):
    if section.get("address").text == "canary":
        raise KeyError("canary")
    return section
KIND = ProviderKind(name={kind!r}, keys=("address",), read=read)
"""
BREAKS = "raise RuntimeError('no such processor')"


def section(kind: str, text: str = "x") -> str:
    return f"[security.encryption.{kind}.a]\naddress = {text}\n"


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Offer]:
    """Install a package that offers a kind, for this test alone."""
    site, modules = tmp_path / "site", set(sys.modules)
    monkeypatch.syspath_prepend(str(site))

    def install(name: str, kind: str, source: str = WORKS, value: str = "") -> None:
        unpack(pack(tmp_path, name, kind=kind, source=source.replace("{kind!r}", repr(kind)), value=value), site)

    yield install
    for name in set(sys.modules) - modules:
        if name.startswith("outside"):
            del sys.modules[name]


def test_a_kind_from_outside_is_found_by_its_name(load: Load, offer: Offer) -> None:
    offer("outside", "othercloud")
    providers = read_providers(load(section("othercloud")))
    assert list(providers.usable) == ["othercloud.a"]
    assert [(line.key, line.text) for line in providers.shown] == [("address", "x")]


def test_a_kind_of_grafanas_that_is_not_built_in_may_come_from_outside(load: Load, offer: Offer) -> None:
    assert "not supported" in read_providers(load(section("awskms"))).unusable["awskms.a"]
    offer("outside", "awskms")
    assert list(read_providers(load(section("awskms"))).usable) == ["awskms.a"]


@pytest.mark.parametrize("kind", [*(kind.name for kind in BUILT_IN), "secretKey"])
def test_a_kind_that_is_built_in_cannot_be_replaced(load: Load, offer: Offer, kind: str) -> None:
    offer("outside", kind, BREAKS)
    read_providers(load(f"[security]\nencryption_provider = {kind}.b\n{section(kind)}"))
    assert "outside" not in sys.modules


@pytest.mark.parametrize(
    "text", ["", section("azurekv"), section("another"), "[security.encryption.othercloud]\na = b\n"]
)
def test_what_no_provider_is_of_is_not_imported(load: Load, offer: Offer, text: str) -> None:
    offer("outside", "othercloud", BREAKS)
    read_providers(load(text))
    assert "outside" not in sys.modules


@pytest.mark.parametrize("text", [section("othercloud"), "[security]\nencryption_provider = othercloud.a\n"])
@pytest.mark.parametrize(
    ("source", "value", "words"),
    [
        (BREAKS, "", "RuntimeError: no such processor"),
        ("import nowhere_at_all", "", "No module named 'nowhere_at_all'"),
        ("raise SystemExit(3)", "", "SystemExit: 3"),
        (WORKS, "outside:MISSING", "has no attribute 'MISSING'"),
        ("KIND = 1", "", "is no ProviderKind of this name"),
        (WORKS.replace("{kind!r}", "'azurekv'"), "", "is no ProviderKind of this name"),
    ],
)
def test_a_package_that_is_broken_is_named_where_its_provider_is_needed(
    load: Load, offer: Offer, text: str, source: str, value: str, words: str
) -> None:
    offer("outside", "othercloud", source, value)
    providers = read_providers(load(text + section("azurekv").replace("address", "key_id")))
    assert set(providers.unusable) == {"othercloud.a", "azurekv.a"}
    with pytest.raises(ConfigurationError) as caught:
        providers.require("othercloud.a")
    assert words in caught.value.message
    assert "in outside 1.0 (entry point reencrypt.providers)" in caught.value.message
    assert "uninstall it" in caught.value.hint
    assert providers.problem("othercloud.a") == providers.unusable["othercloud.a"]
    assert providers.problem("othercloud.not-named") == providers.unusable["othercloud.a"]


def test_two_packages_that_offer_one_kind_are_both_named(offer: Offer) -> None:
    offer("outside_a", "othercloud", BREAKS)
    offer("outside_b", "othercloud", BREAKS)
    with pytest.raises(
        ConfigurationError, match=r"outside_a 1\.0 .* and by outside_b:KIND in outside_b 1\.0"
    ) as caught:
        find_outside("othercloud")
    assert "Uninstall all but one" in caught.value.hint


def test_a_package_that_fails_on_a_section_spoils_its_own_provider_alone_and_tells_no_value(
    load: Load, offer: Offer
) -> None:
    offer("outside", "othercloud")
    text = section("othercloud", "canary") + section("othercloud").replace(".a]", ".b]")
    providers = read_providers(load(text))
    assert list(providers.usable) == ["othercloud.b"]
    assert "fails with KeyError." in providers.unusable["othercloud.a"]
    assert "canary" not in str(providers.unusable)


def test_a_kind_that_nobody_has_installed_is_unknown(load: Load) -> None:
    providers = read_providers(load("[security]\nencryption_provider = othercloud.a\n" + section("othercloud")))
    with pytest.raises(ConfigurationError, match=r"The kind othercloud is unknown; .* no installed package adds"):
        providers.require("othercloud.a")
