"""Lists of members: each form, and each wrong entry named with its place."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from reencrypt.errors import ConfigurationError
from reencrypt.fleet.listing import Listing, read_listing
from reencrypt.fleet.member import Member, check_members, read_member
from reencrypt.settings.environment import Environment
from reencrypt.settings.locate import Installation, Machine, locate


def members(listing: Listing) -> list[Member]:
    found = [read_member(entry) for entry in listing.entries]
    check_members(found)
    return found


def toml(folder: Path, text: str) -> Listing:
    path = folder / "fleet.toml"
    path.write_text(text)
    return read_listing([str(path)], None)


def test_a_toml_file_has_defaults_and_members_with_paths_beside_it(tmp_path: Path) -> None:
    (tmp_path / "b.env").write_text("# of b\n\nGF_DATABASE_PASSWORD=a=b c\nGF_LOG_MODE='console'\n")
    listing = toml(
        tmp_path,
        """
[defaults]
wrap-format = "raw/RSA-OAEP-256"
grafana-home = "/usr/share/grafana"
[[member]]
name = "a"
grafana-config = "a/grafana.ini"
to = "azurekv.other"
[[member]]
name = "b"
database = "postgresql://db/b"
secret-key-file = "/run/b.key"
environment-file = "b.env"
grafana-home = "/opt/grafana"
""",
    )
    assert listing.defaults == {"wrap-format": "raw/RSA-OAEP-256"}
    a, b = members(listing)
    assert (a.config, a.home, a.database) == (tmp_path / "a/grafana.ini", Path("/usr/share/grafana"), None)
    assert (a.options, a.place) == ({"to": "azurekv.other"}, f"{tmp_path}/fleet.toml, member 1 (a)")
    assert (b.config, b.home, b.database) == (None, Path("/opt/grafana"), "postgresql://db/b")
    assert b.variables == {
        "GF_DATABASE_PASSWORD": "a=b c",
        "GF_LOG_MODE": "console",
        "GF_SECURITY_SECRET_KEY__FILE": "/run/b.key",
    }
    assert "a=b c" not in repr(b) + repr(listing)


def test_files_are_named_by_what_the_wildcards_stand_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b", "a", ".hidden", "a/c", "[a]"):
        (tmp_path / name / "conf").mkdir(parents=True)
        (tmp_path / name / "conf" / "grafana.ini").write_text("")
    (tmp_path / "no").write_text("a file")
    monkeypatch.chdir(tmp_path)
    found = members(read_listing(["*/conf/grafana.ini"], None))
    assert [(each.name, each.config) for each in found] == [
        (name, tmp_path / name / "conf/grafana.ini") for name in ("[a]", "a", "b")
    ]
    assert [each.name for each in members(read_listing([f"{tmp_path}/?/*/grafana.ini"], None))] == ["a/conf", "b/conf"]
    # As a shell expands it: a name must not depend on which others there are.
    for sources in (["[a]/conf/grafana.ini"], ["[a]/conf/grafana.ini", f"{tmp_path}/b/conf/grafana.ini"]):
        assert members(read_listing(sources, None))[0].name == f"{tmp_path}/[a]/conf"
    with pytest.raises(ConfigurationError, match="stands for folders at any depth"):
        read_listing([f"{tmp_path}/**/grafana.ini"], None)


@pytest.mark.parametrize("pattern", ["*/grafana.ini", "*/*/grafana.ini"])
def test_a_folder_that_may_not_be_read_is_not_a_folder_without_members(
    pattern: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "grafana.ini").write_text("")

    def forbidden(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    # As for another user than root, who may look everywhere.
    monkeypatch.setattr(Path, "lstat" if pattern.startswith("*/g") else "iterdir", forbidden)
    with pytest.raises(ConfigurationError, match="cannot be looked at: Permission denied"):
        read_listing([f"{tmp_path}/{pattern}"], None)


def test_a_list_is_no_configuration_of_grafana(tmp_path: Path) -> None:
    for name, text in (("members.jsonl", '{"name": "a"}'), ("fleet.txt", '\n[[member]]\nname = "a"')):
        (tmp_path / name).write_text(text)
        with pytest.raises(ConfigurationError, match="is a list of members, and no configuration"):
            read_listing([str(tmp_path / name)], None)


def test_what_is_installed_on_this_machine_is_no_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "installed.ini"
    installed.write_text("[security]\nsecret_key = of this machine\n")
    here = Installation(installed, tmp_path)
    monkeypatch.setattr(Machine.__init__, "__defaults__", ((here,), *(Machine.__init__.__defaults__ or ())[1:]))
    assert locate(config=None, home=None, environment=Environment({}, _unread), machine=Machine()).config == installed
    (member,) = members(toml(tmp_path, MEMBER + "database = 'sqlite:////srv/a.db'\n"))
    assert member.settings({}, ()).secret_key.reveal() != "of this machine"


def _unread(_path: str, _purpose: str) -> str:
    raise AssertionError


def test_lines_of_json_come_from_standard_input_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [{"name": name, "database": f"sqlite:////srv/{name}.db"} for name in ("a", "b")]
    text = "\n\n".join(map(json.dumps, lines))
    (tmp_path / "members.jsonl").write_text(text)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
    for source, place in (("-", "standard input"), (str(tmp_path / "members.jsonl"), f"{tmp_path}/members.jsonl")):
        found = members(read_listing([], source))
        assert [(each.name, each.place) for each in found] == [
            ("a", f"{place}, line 1 (a)"),
            ("b", f"{place}, line 3 (b)"),
        ]


MEMBER = '[[member]]\nname = "a"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "fleet.toml has no members"),
        ("[defaults]\nto = 'x'\n", "fleet.toml has no members"),
        ("[[member]\n", "fleet.toml is not TOML: Expected ']]'"),
        ("member = 3\n", "does not have the form"),
        ("[[members]]\n", "fleet.toml: members is neither [defaults] nor [[member]]"),
        (MEMBER + "database = 5\n", "fleet.toml, member 1: database has to be a text"),
        (MEMBER + "grafana-config = ''\n", "fleet.toml, member 1: grafana-config has to be a text"),
        (MEMBER, "fleet.toml, member 1 (a) has neither grafana-config nor grafana-home nor database"),
        ("[[member]]\ndatabase = 'x'\n", "fleet.toml, member 1 has no name"),
        ('[[member]]\nname = "a\\nb"\ndatabase = "x"\n', "fleet.toml, member 1: its name"),
        (f'[[member]]\nname = "{"a" * 201}"\ndatabase = "x"\n', "fleet.toml, member 1: its name"),
        ("[defaults]\ndatabase = 'x'\n" + MEMBER, "[defaults]: no two members have the same database"),
        ("[defaults]\nname = 'x'\n" + MEMBER, "[defaults]: no two members have the same name"),
        (MEMBER + "database = 'x'\n" + MEMBER + "database = 'y'\n", "have the same name"),
        (MEMBER + "database = 'x'\n[[member]]\nname = 'b'\ndatabase = 'x'\n", "are the same Grafana"),
        (MEMBER + "database = 'x'\nenvironment-file = 'no.env'\n", "no.env does not exist"),
    ],
)
def test_a_wrong_list_is_named_with_its_place(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        members(toml(tmp_path, text))
    assert words in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("PATH=/bin", "line 2: PATH is not a variable of Grafana's"),
        ("REENCRYPT_TO=x", "line 2: REENCRYPT_TO is not"),
        ("gf_x=1", "line 2: gf_x is not"),
        ("export GF_X=1", "line 2 is no line"),
        ("GF_X", "line 2 is no line"),
        ("GF_A=2", "line 2: GF_A is there a second time"),
        ("GF_X='s3cret", "line 2: a value that begins with ' ends without it"),
        ('GF_X="', "line 2: a value that begins with"),
    ],
)
def test_a_wrong_line_of_an_environment_file_is_named_without_its_value(line: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text(f"GF_A=s3cret\n{line}\n")
    with pytest.raises(ConfigurationError) as caught:
        members(toml(tmp_path, MEMBER + "database = 'x'\nenvironment-file = 'a.env'\n"))
    assert f"{tmp_path}/a.env, {words}" in caught.value.message
    assert "s3cret" not in caught.value.message + caught.value.hint


def test_two_sources_of_secret_key_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text("GF_SECURITY_SECRET_KEY=x\n")
    with pytest.raises(ConfigurationError, match="has GF_SECURITY_SECRET_KEY too"):
        members(toml(tmp_path, MEMBER + "database = 'x'\nenvironment-file = 'a.env'\nsecret-key-file = 'k'\n"))


def test_lines_that_are_no_objects_are_named(tmp_path: Path) -> None:
    (tmp_path / "members").write_text('{"name": "a", "database": "x"}\n["b"]\n')
    with pytest.raises(ConfigurationError, match="members, line 2 is no JSON object"):
        read_listing([], str(tmp_path / "members"))
    (tmp_path / "members").write_text('{"name": "a\u2028b", "database": "x"}\r\n{"name": "b", "name": "c"}\n')
    with pytest.raises(ConfigurationError, match="members, line 2 has name twice"):
        read_listing([], str(tmp_path / "members"))


def test_a_standard_input_that_gives_no_list_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ConfigurationError, match="standard input has no members"):
        read_listing([], "-")

    class Folder(io.RawIOBase):
        """As `< /tmp`."""

        def read(self, size: int = -1) -> bytes:
            del size
            raise IsADirectoryError(21, "Is a directory")

    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=Folder()))
    with pytest.raises(ConfigurationError, match="standard input cannot be read: Is a directory"):
        read_listing([], "-")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"\xff")))
    with pytest.raises(ConfigurationError, match="standard input is not UTF-8"):
        read_listing([], "-")


def test_one_list_is_wanted(tmp_path: Path) -> None:
    for sources, lines in (([], None), (["a.toml"], "-")):
        with pytest.raises(ConfigurationError, match=r"lists? of members"):
            read_listing(sources, lines)
    with pytest.raises(ConfigurationError, match=r"no file is found by .*\*/grafana.ini"):
        read_listing([f"{tmp_path}/*/grafana.ini"], None)


def test_no_variable_of_the_process_reaches_a_member(tmp_path: Path) -> None:
    (tmp_path / "a.ini").write_text("[security]\nsecret_key = of a\n[database]\npath = $__env{FOLDER}/a.db\n")
    (member,) = members(toml(tmp_path, MEMBER + "grafana-config = 'a.ini'\n"))
    environ = {"GF_SECURITY_SECRET_KEY": "of the process", "GF_PATHS_DATA": "/elsewhere", "FOLDER": "/srv"}
    settings = member.settings(environ, ())
    assert settings.secret_key.reveal() == "of a"
    assert settings.database.path == Path("/srv/a.db")
    assert os.environ.get("GF_SECURITY_SECRET_KEY") is None
