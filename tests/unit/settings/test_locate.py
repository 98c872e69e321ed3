from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reencrypt.errors import ConfigurationError
from reencrypt.settings import Settings
from reencrypt.settings.files import read_text

Load = Callable[..., Settings]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def key(name: str) -> str:
    return f"[security]\nsecret_key = {name}\n"


def test_files_are_looked_for_in_the_order_of_grafana(load: Load, tmp_path: Path) -> None:
    home = tmp_path / "home"
    local = write(tmp_path / "usr/local/etc/grafana/grafana.ini", key("local"))
    assert load(home=None).config_file == local
    package = write(tmp_path / "etc/grafana/grafana.ini", key("package"))
    assert load(home=None).config_file == package
    home.mkdir()
    assert load(home=home).config_file == package
    custom = write(home / "conf/custom.ini", key("custom"))
    assert load(home=home).config_file == custom
    assert load(environ={"GF_PATHS_HOME": str(home)}).config_file == custom
    named = write(tmp_path / "named.ini", key("variable"))
    assert load(home=home, environ={"GF_PATHS_CONFIG": str(named)}).config_file == named
    given = write(tmp_path / "given.ini", key("option"))
    settings = load(config=given, home=home, environ={"GF_PATHS_CONFIG": str(named)})
    assert settings.config_file == given
    assert settings.secret_key.reveal() == "option"


def test_a_relative_path_is_relative_to_the_working_folder(load: Load, tmp_path: Path) -> None:
    write(tmp_path / "sub/a.ini", key("x"))
    assert load(config=Path("sub/a.ini")).config_file == tmp_path / "sub/a.ini"


@pytest.mark.parametrize("by_variable", [True, False])
def test_a_file_that_was_named_but_is_not_there_is_an_error(load: Load, tmp_path: Path, *, by_variable: bool) -> None:
    path = tmp_path / "missing.ini"
    with pytest.raises(ConfigurationError, match=r"missing\.ini does not exist") as caught:
        load(config=None if by_variable else path, environ={"GF_PATHS_CONFIG": str(path)} if by_variable else {})
    assert caught.value.hint


def test_a_folder_in_place_of_the_file_is_an_error(load: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is a folder, not a file"):
        load(config=tmp_path)


def test_a_file_that_is_not_utf8_is_an_error(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "latin.ini"
    path.write_bytes(b"[security]\nsecret_key = caf\xe9")
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        load(config=path)


def test_a_file_that_may_not_be_read_is_an_error_that_names_the_user_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, _flags: int) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ConfigurationError, match="may not be read") as caught:
        read_text(tmp_path / "grafana.ini", "Grafana's configuration", "Look for it.")
    assert "grafana" in caught.value.hint


def test_a_packaged_file_in_a_folder_that_may_not_be_entered_is_not_passed_by(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbidden = tmp_path / "etc/grafana/grafana.ini"
    real_stat = Path.stat

    def stat(path: Path) -> os.stat_result:
        if path == forbidden:
            raise PermissionError(13, "Permission denied", str(path))
        return real_stat(path)

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(ConfigurationError, match="etc/grafana"):
        load()


def test_a_mistake_in_the_file_is_named_with_its_line(load: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"grafana\.ini, line 2"):
        load(config=write(tmp_path / "grafana.ini", "[security]\nnonsense\n"))


def test_the_package_brings_its_data_folder_as_a_default(load: Load, tmp_path: Path) -> None:
    path = write(tmp_path / "etc/grafana/grafana.ini", key("x"))
    assert load().database.path == tmp_path / "var/lib/grafana/grafana.db"
    assert load(environ={"GF_PATHS_DATA": "/elsewhere"}).database.path == Path("/elsewhere/grafana.db")
    path.write_text("[paths]\ndata = /mine\n")
    assert load().database.path == Path("/mine/grafana.db")
    assert load(environ={"GF_PATHS_DATA": "/elsewhere"}).database.path == Path("/elsewhere/grafana.db")


def test_relative_data_is_relative_to_the_home(load: Load, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    assert load("[paths]\ndata = ../lib/./x", home=home).database.path == tmp_path / "lib/x/grafana.db"
    assert load("[paths]\ndata = lib").database.path == tmp_path / "lib/grafana.db"


def test_the_defaults_of_the_home_are_read_where_they_are(load: Load, tmp_path: Path) -> None:
    home = tmp_path / "home"
    write(home / "conf/defaults.ini", key("of-this-version") + "[database]\ntype = mysql\nhost = db:1\nurl =\n")
    settings = load(home=home)
    assert settings.secret_key.reveal() == "of-this-version"
    assert settings.secret_key_origin == "default"
    assert (settings.database.type, settings.database.host, settings.home) == ("mysql", "db", home)
    settings = load(home=home, environ={"GF_DATABASE_URL": "mysql://u:p@other/x"})
    assert settings.database.host == "other"


def test_the_home_is_the_folder_above_the_conf_that_has_file_and_defaults(load: Load, tmp_path: Path) -> None:
    write(tmp_path / "unpacked/conf/defaults.ini", "[paths]\ndata = data\n[database]\ntype = sqlite3\npath = g.db\n")
    custom = write(tmp_path / "unpacked/conf/custom.ini", key("x"))
    settings = load(config=custom)
    assert settings.home == tmp_path / "unpacked"
    assert settings.database.path == tmp_path / "unpacked/data/g.db"


def test_the_home_of_the_packages_is_taken_where_it_exists(load: Load, tmp_path: Path) -> None:
    (tmp_path / "usr/share/grafana").mkdir(parents=True)
    assert load(key("x")).home == tmp_path / "usr/share/grafana"


def test_a_home_that_was_named_but_is_not_there_is_an_error(load: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not a folder"):
        load(home=tmp_path / "missing")
