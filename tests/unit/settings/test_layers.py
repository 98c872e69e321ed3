from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from reencrypt.errors import ConfigurationError
from reencrypt.settings import Settings, ShownValue
from reencrypt.settings.defaults import DEFAULT_SECRET_KEY

Load = Callable[..., Settings]


def line(settings: Settings, section: str, key: str) -> ShownValue:
    (found,) = [shown for shown in settings.shown if (shown.section, shown.key) == (section, key)]
    return found


def test_without_any_file_grafanas_own_defaults_apply(load: Load, tmp_path: Path) -> None:
    settings = load()
    assert (settings.config_file, settings.home) == (None, None)
    assert settings.secret_key.reveal() == DEFAULT_SECRET_KEY
    assert (settings.secret_key_is_default, settings.secret_key_origin) == (True, "default")
    assert (settings.encryption_provider, settings.available_providers) == ("secretKey.v1", ())
    assert (settings.algorithm, settings.data_keys_cache_ttl) == ("aes-cfb", timedelta(minutes=15))
    assert settings.envelope_encryption
    assert (settings.database.type, settings.database.path) == ("sqlite3", tmp_path / "data/grafana.db")
    assert dict(settings.providers) == {}


def test_the_custom_file_wins_over_the_defaults(load: Load, tmp_path: Path) -> None:
    settings = load("[security]\nsecret_key = custom")
    assert settings.secret_key.reveal() == "custom"
    assert (settings.secret_key_is_default, settings.secret_key_origin) == (False, str(tmp_path / "grafana.ini"))


def test_an_empty_value_in_the_custom_file_does_not_blank_the_default(load: Load) -> None:
    settings = load('[security]\nsecret_key =\nencryption_provider = ""\n[database]\nhost = # nothing')
    assert settings.secret_key_is_default
    assert settings.secret_key_origin == "default"
    assert settings.encryption_provider == "secretKey.v1"


def test_a_variable_wins_over_the_file(load: Load) -> None:
    settings = load("[security]\nsecret_key = custom", environ={"GF_SECURITY_SECRET_KEY": "from-variable"})
    assert settings.secret_key.reveal() == "from-variable"
    assert settings.secret_key_origin == "GF_SECURITY_SECRET_KEY"


def test_an_empty_variable_changes_nothing(load: Load) -> None:
    settings = load("[security]\nsecret_key = custom", environ={"GF_SECURITY_SECRET_KEY": ""})
    assert settings.secret_key.reveal() == "custom"


def test_a_docker_secret_file_wins_over_the_file(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "run-secret"
    path.write_text("from-docker\n")
    settings = load("[security]\nsecret_key = custom", environ={"GF_SECURITY_SECRET_KEY__FILE": str(path)})
    assert settings.secret_key.reveal() == "from-docker"
    assert settings.secret_key_origin == f"GF_SECURITY_SECRET_KEY__FILE ({path})"


def test_a_variable_and_its_docker_secret_file_together_are_refused(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "run-secret"
    path.write_text("from-docker\n")
    with pytest.raises(ConfigurationError, match="both GF_SECURITY_SECRET_KEY and"):
        load(environ={"GF_SECURITY_SECRET_KEY": "x", "GF_SECURITY_SECRET_KEY__FILE": str(path)})


def test_a_docker_secret_file_of_another_setting_may_be_missing(load: Load) -> None:
    assert load(environ={"GF_SMTP_PASSWORD__FILE": "/nowhere"}).secret_key_is_default


def test_a_variable_may_hold_an_expression(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("\n in a file \n")
    settings = load(environ={"GF_SECURITY_SECRET_KEY": f"$__file{{{path}}}"})
    assert settings.secret_key.reveal() == "in a file"
    assert settings.secret_key_origin == f"GF_SECURITY_SECRET_KEY ($__file{{{path}}})"


def test_an_expression_is_expanded_from_the_environment(load: Load, tmp_path: Path) -> None:
    settings = load("[security]\nsecret_key = a-${MY_KEY}-$__env{MY_KEY}", environ={"MY_KEY": "k#;1"})
    assert settings.secret_key.reveal() == "a-k#;1-k#;1"
    assert settings.secret_key_origin == f"{tmp_path / 'grafana.ini'} (${{MY_KEY}}, $__env{{MY_KEY}})"


def test_an_unset_variable_is_empty_and_the_origin_says_so(load: Load) -> None:
    shown = {each.key: each for each in load("[database]\ntype = mysql\npassword = ${MY_KEY}").shown}
    assert shown["password"].text == ""
    assert shown["password"].origin.endswith("(${MY_KEY} is not set)")


@pytest.mark.parametrize("key", ["secret_key", "encryption_provider", "available_encryption_providers"])
@pytest.mark.parametrize("expression", ["${MY_KEY}", "$__env{MY_KEY}", "$__file{EMPTY}"])
def test_what_decides_about_keys_does_not_come_to_nothing(
    load: Load, tmp_path: Path, key: str, expression: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    expression = expression.replace("EMPTY", str(tmp_path / "empty"))
    with pytest.raises(ConfigurationError, match=rf"\[security\] {key} in .* comes to nothing: ") as caught:
        load(f"[security]\n{key} = {expression}")
    assert expression in caught.value.message


def test_hostname_falls_back_to_the_name_of_the_machine(load: Load) -> None:
    text = "[security]\nsecret_key = ${HOSTNAME}"
    assert load(text).secret_key.reveal() == "monitoring-1"
    assert load(text, environ={"HOSTNAME": "other"}).secret_key.reveal() == "other"


def test_a_secret_file_that_is_missing_is_named_with_the_key(load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"\[security\] secret_key names the file /nowhere/x does not exist"):
        load("[security]\nsecret_key = $__file{/nowhere/x}")


@pytest.mark.parametrize("expander", ["vault", "unknown", "aws_secret"])
def test_another_expander_is_refused_by_section_key_and_name(load: Load, expander: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(f"[security]\nsecret_key = $__{expander}{{canary/path}}")
    assert "[security] secret_key" in caught.value.message
    assert f"$__{expander}{{" in caught.value.message
    assert "canary" not in caught.value.message + caught.value.hint


def test_another_expander_in_a_value_that_nobody_here_reads_is_ignored(load: Load) -> None:
    assert load("[smtp]\npassword = $__vault{x:y}\n[auth.ldap]\nx = $__file{/nowhere}").secret_key_is_default


def test_another_expander_is_no_matter_where_a_variable_overrides_it(load: Load) -> None:
    settings = load("[security]\nsecret_key = $__vault{x:y}", environ={"GF_SECURITY_SECRET_KEY": "plain"})
    assert settings.secret_key.reveal() == "plain"


def test_a_reference_is_taken_from_the_section_or_from_the_top_of_the_file(load: Load) -> None:
    settings = load("top = T\nboth = no\n[security]\nboth = yes\nsecret_key = %(top)s-%(both)s-%(none)s")
    assert settings.secret_key.reveal() == "T-yes-%(none)s"


def test_a_reference_gives_the_expanded_value_and_may_lead_to_another(load: Load) -> None:
    settings = load("[security]\na = ${A}%(b)s\nb = 2\nsecret_key = %(a)s", environ={"A": "1", "GF_SECURITY_B": "3"})
    assert settings.secret_key.reveal() == "13"


def test_references_that_grow_without_end_are_refused(load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"\[security\] secret_key .* grows without end"):
        load("[security]\na = %(b)s%(b)s\nb = %(a)s%(a)s\nsecret_key = %(a)s")


def test_a_reference_to_itself_is_looked_up_at_the_top_of_the_file(load: Load) -> None:
    assert load("secret_key = top\n[security]\nsecret_key = %(secret_key)s!").secret_key.reveal() == "top!"


def test_security_reads_a_variable_also_for_a_key_that_no_file_has(load: Load) -> None:
    settings = load(environ={"GF_SECURITY_ENCRYPTION_ALGORITHM": "aes-gcm"})
    assert settings.algorithm == "aes-gcm"
    assert line(settings, "security.encryption", "algorithm").origin == "GF_SECURITY_ENCRYPTION_ALGORITHM"


def test_security_does_not_expand_a_variable_so_an_expression_in_it_is_refused(load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"encryption_provider: Grafana does not expand .* GF_SECURITY_ENCRYP"):
        load(environ={"GF_SECURITY_ENCRYPTION_PROVIDER": "${P}", "P": "azurekv.prod"})


def test_other_sections_ignore_a_variable_for_a_key_that_no_file_has(load: Load) -> None:
    environ = {"GF_DATABASE_CONNECTION_STRING": "x"}
    assert load(environ=environ).database.connection_string.reveal() == ""
    assert load("[database]\nconnection_string = y", environ=environ).database.connection_string.reveal() == "x"


def test_a_key_is_inherited_from_the_section_above(load: Load) -> None:
    settings = load("[security]\nalgorithm = aes-gcm")
    assert settings.algorithm == "aes-gcm"


def test_a_key_that_the_section_above_has_is_set_up_there(load: Load) -> None:
    settings = load("[security.encryption]\nsecret_key = below")
    assert settings.secret_key.reveal() == "below"


def test_the_old_name_of_the_default_provider_is_normalised(load: Load) -> None:
    available = "available_encryption_providers = secretKey, azurekv.a secretKey.v1"
    settings = load(f"[security]\nencryption_provider = secretKey\n{available}")
    assert settings.encryption_provider == "secretKey.v1"
    assert settings.available_providers == ("secretKey.v1", "azurekv.a")


def test_an_unknown_algorithm_is_refused(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="algorithm") as caught:
        load("[security.encryption]\nalgorithm = aes-ecb")
    assert "aes-cfb and aes-gcm" in caught.value.hint


@pytest.mark.parametrize(("text", "minutes"), [("1h30m", 90), ("0", 0), ("90s", 1.5), ("soon", 15), ("15", 15)])
def test_the_cache_time_is_a_go_duration_and_15_minutes_where_it_is_none(load: Load, text: str, minutes: float) -> None:
    settings = load(f"[security.encryption]\ndata_keys_cache_ttl = {text}")
    assert settings.data_keys_cache_ttl == timedelta(minutes=minutes)


def test_a_cache_time_that_grafana_cannot_read_is_shown_as_the_default(load: Load) -> None:
    shown = line(
        load("[security.encryption]\ndata_keys_cache_ttl = soon"), "security.encryption", "data_keys_cache_ttl"
    )
    assert shown.text == "15m"
    assert shown.origin.startswith("default (Grafana cannot read")


@pytest.mark.parametrize(
    ("text", "environ", "enabled"),
    [
        ("", {}, True),
        ("[feature_toggles]\nenable = a,disableEnvelopeEncryption b", {}, False),
        ('[feature_toggles]\nenable = ["disableEnvelopeEncryption"]', {}, False),
        ('[feature_toggles]\nenable = `"disableEnvelopeEncryption" x`', {}, False),
        ("[feature_toggles]\nenable = [broken", {}, True),
        ("[feature_toggles]\nenable = [1]", {}, True),
        ("[feature_toggles]\nenable = disableEnvelopeEncryptionX", {}, True),
        ("[feature_toggles]\ndisableEnvelopeEncryption = true", {}, False),
        ("[feature_toggles]\ndisableEnvelopeEncryption = maybe", {}, True),
        ("[feature_toggles]\nenable = disableEnvelopeEncryption\ndisableEnvelopeEncryption = false", {}, True),
        ("", {"GF_FEATURE_TOGGLES_ENABLE": "disableEnvelopeEncryption"}, False),
        ("", {"GF_FEATURE_TOGGLES_disableEnvelopeEncryption": "true"}, False),
        ("", {"GF_FEATURE_TOGGLES_DISABLEENVELOPEENCRYPTION": "true"}, True),
        (
            "[feature_toggles]\ndisableEnvelopeEncryption = false",
            {"GF_FEATURE_TOGGLES_DISABLEENVELOPEENCRYPTION": "true"},
            False,
        ),
    ],
)
def test_envelope_encryption_is_on_unless_its_toggle_is_set(
    load: Load, text: str, environ: dict[str, str], *, enabled: bool
) -> None:
    assert load(text, environ=environ).envelope_encryption is enabled
