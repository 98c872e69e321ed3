from __future__ import annotations

from pathlib import Path

import pytest

from reencrypt.errors import ConfigurationError
from reencrypt.settings.environment import Environment, variable_name
from reencrypt.settings.files import read_text


def environment(variables: dict[str, str]) -> Environment:
    return Environment(variables, lambda path, purpose: read_text(Path(path), purpose, "Look for it."))


@pytest.mark.parametrize(
    ("section", "key", "name"),
    [
        ("security", "secret_key", "GF_SECURITY_SECRET_KEY"),
        ("security.encryption", "data_keys_cache_ttl", "GF_SECURITY_ENCRYPTION_DATA_KEYS_CACHE_TTL"),
        ("security.encryption.azurekv.my-prod", "key_id", "GF_SECURITY_ENCRYPTION_AZUREKV_MY_PROD_KEY_ID"),
        ("a", "b.c-d", "GF_A_B_C-D"),
        ("DEFAULT", "app_mode", "GF_DEFAULT_APP_MODE"),
    ],
)
def test_a_variable_is_named_as_grafana_names_it(section: str, key: str, name: str) -> None:
    assert variable_name(section, key) == name


def test_an_empty_variable_is_an_unset_one() -> None:
    assert environment({"GF_X": ""}).lookup("GF_X") is None


def test_a_file_variable_stands_for_the_content_without_the_line_breaks_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b" two\nlines \n\n")
    found = environment({"GF_X__FILE": str(path)}).lookup("GF_X")
    assert found is not None
    assert (found.text, found.origin) == (" two\nlines ", f"GF_X__FILE ({path})")


def test_a_variable_and_its_file_together_are_refused_without_showing_either(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("canary-in-file")
    with pytest.raises(ConfigurationError, match="both GF_X and GF_X__FILE") as caught:
        environment({"GF_X": "canary-in-variable", "GF_X__FILE": str(path)}).lookup("GF_X")
    assert "canary" not in str(caught.value)


def test_a_file_variable_whose_file_is_missing_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"GF_X__FILE names the file .*/secret does not exist"):
        environment({"GF_X__FILE": str(tmp_path / "secret")}).lookup("GF_X")


def test_only_grafanas_variables_have_a_file_form(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    assert environment({"OTHER__FILE": str(tmp_path / "secret")}).lookup("OTHER") is None


def test_a_variable_that_is_not_utf8_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="GF_X is not valid UTF-8"):
        environment({"GF_X": b"\xff".decode(errors="surrogateescape")}).lookup("GF_X")


def test_nothing_of_the_environment_is_in_its_repr() -> None:
    shown = environment({"GF_X": "canary"})
    assert "canary" not in repr(shown) + repr(shown.lookup("GF_X"))
