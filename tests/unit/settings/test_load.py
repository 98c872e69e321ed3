from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reencrypt.errors import ConfigurationError
from reencrypt.keys.configuration import read_providers
from reencrypt.settings import Settings

Load = Callable[..., Settings]

KEYS = (
    ("paths", "data"),
    ("database", "type"),
    ("database", "url"),
    ("database", "host"),
    ("database", "path"),
    ("security", "secret_key"),
    ("security", "available_encryption_providers"),
    ("security.encryption", "data_keys_cache_ttl"),
    ("security.encryption.azurekv.a", "vault_uri"),
    ("feature_toggles", "enable"),
)
texts = st.text(max_size=30) | st.text(alphabet="$_{}%()[]:/@?#&=;.,~a0file", max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(values=st.dictionaries(st.sampled_from(KEYS), texts), option=st.none() | texts)
def test_no_value_raises_anything_but_a_configuration_error(
    load: Load, values: dict[tuple[str, str], str], option: str | None
) -> None:
    text = "".join(f'[{section}]\n{key} = """{value}"""\n' for (section, key), value in values.items())
    try:
        read_providers(load(text, database_url=option, trusted_vault_hosts=tuple(values.values())))
    except ConfigurationError as error:
        assert error.hint  # noqa: PT017 (both outcomes are right)


def test_a_provider_with_an_ignored_variable_of_two_forms_does_not_stop_the_others(load: Load) -> None:
    name = "GF_SECURITY_ENCRYPTION_AZUREKV_A_VAULT_URI"
    environ = {name: "x", f"{name}__FILE": "/nowhere"}
    found = load("[security.encryption.azurekv.a]\nkey_id = kek", environ=environ)
    assert f"{name} is ignored" in read_providers(found).unusable["azurekv.a"]


@pytest.mark.parametrize("text", ["[database", "nonsense", "= x"])
def test_a_broken_file_is_a_configuration_error(load: Load, text: str) -> None:
    with pytest.raises(ConfigurationError, match="line 1"):
        load(text)
