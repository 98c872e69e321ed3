"""Declarations: locations of plugins and of Grafana Enterprise that no catalogue can know, and that the user names.

An entry is a table of TOML in the user's file and an object of JSON in the state tables, with the same keys and rules.
This module knows one entry alone; `reencrypt.planning.declared` knows the others, the catalogue and the database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeVar

from reencrypt.catalogue.codec import Codec, WholeColumn
from reencrypt.catalogue.document import ANY, EACH, JsonRule, JsonStrings, Path
from reencrypt.catalogue.encoding import PADDED, RAW, UNPADDED, Encoding
from reencrypt.catalogue.location import Field, Legacy, Location
from reencrypt.catalogue.plaintext import Kind
from reencrypt.catalogue.shape import AtPaths
from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto import managed
from reencrypt.errors import DeclarationError

#: How a ciphertext may stand in a column, by the name that the file has for it. With or without padding is what the
#: plugin's decoder expects: Go's StdEncoding or RawStdEncoding.
ENCODINGS: Final[Mapping[str, Encoding]] = {"base64": PADDED, "base64-unpadded": UNPADDED, "raw": RAW}
#: What becomes of values directly under `secret_key`.
LEGACIES: Final = (Legacy.KEEP, Legacy.ENVELOPE)
#: In a path: any member of an object, and any element of an array.
ANY_MEMBER, ANY_ELEMENT = "*", "[]"

_NAME: Final = r"[A-Za-z0-9_]{1,64}"
_LONGEST_NAME: Final = 128  # characters of a table's or column's name, more than any server allows
_MOST_COLUMNS: Final = 8
_DEEPEST_PATH: Final = 16
_MOST_PATHS: Final = 32
_SHOWN: Final = 60

_T = TypeVar("_T")
_Paths = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Declaration:
    """One column with secrets, as the user declares it.

    `paths` lead to the secrets inside a JSON document; without one the whole column is the secret. `namespace` is the
    column with the namespace of a row's data keys, in the secrets manager.
    """

    name: str
    table: str
    key: tuple[str, ...]
    column: str
    encoding: str
    kind: Kind
    store: StoreName = StoreName.CLASSIC
    legacy: Legacy = Legacy.KEEP
    namespace: str | None = None
    paths: _Paths = ()
    updated: str | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Table and column."""
        return self.table, self.column

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that it names."""
        others = (each for each in (self.namespace, self.updated) if each is not None)
        return tuple(dict.fromkeys((*self.key, self.column, *others)))

    @property
    def fixed(self) -> tuple[str, ...]:
        """The columns by which a row and its data key are found."""
        return self.key if self.namespace is None else (*self.key, self.namespace)

    def location(self) -> Location:
        """Return it as a location like those of the catalogue."""
        manages = self.store is StoreName.MANAGER
        where = {"parse": managed.parse, "namespace": self.namespace} if manages else {}
        return Location(
            self.name,
            self.table,
            self.key,
            (Field(self.column, self._codec()),),
            updated=self.updated,
            legacy=self.legacy,
            **where,  # type: ignore[arg-type]
        )

    def _codec(self) -> Codec:
        encoding = ENCODINGS[self.encoding]
        if not self.paths:
            return WholeColumn(encoding, self.kind)
        patterns = tuple(tuple(map(_part, path)) for path in self.paths)
        return JsonStrings(tuple(JsonRule(Path(each), encoding, self.kind) for each in patterns), AtPaths(patterns))

    def entry(self) -> dict[str, Any]:
        """Return it with the keys of the file, in the file's order, without those that are at their default."""
        entry: dict[str, Any] = {
            "name": self.name,
            "table": self.table,
            "key": list(self.key),
            "column": self.column,
            "encoding": self.encoding,
            "kind": self.kind.value,
            "store": self.store.value,
        }
        if self.store is StoreName.CLASSIC:
            entry["legacy"] = self.legacy.value
        if self.namespace is not None:
            entry["namespace"] = self.namespace
        if self.paths:
            entry["path"] = list(self.paths[0]) if len(self.paths) == 1 else [list(path) for path in self.paths]
        if self.updated is not None:
            entry["updated"] = self.updated
        return entry

    def as_json(self) -> str:
        """Return the one text for it: two declarations are the same exactly if their texts are."""
        return json.dumps(self.entry(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    def stanza(self) -> str:
        """Return it as an entry of the file."""
        lines = (f"{key} = {_toml(value)}" for key, value in self.entry().items())
        return "\n".join(("[[location]]", *lines))


def _part(part: str) -> str | type[int] | None:
    return ANY if part == ANY_MEMBER else EACH if part == ANY_ELEMENT else part


def _toml(value: str | list[Any]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    # JSON's escapes are TOML's too, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def read_stored(text: str) -> Declaration:
    """Read the result of `as_json`; raises `ValueError` for anything else."""
    try:
        return read_entry(json.loads(text), "the stored declaration")
    except DeclarationError as error:
        raise ValueError(error.message) from error


def read_entry(entry: object, where: str) -> Declaration:
    """Read one entry. Raises `DeclarationError` that says which key is wrong in what way, and what it can be."""
    if not isinstance(entry, dict):
        raise DeclarationError(f"{where} is {_shown(entry)}", hint="Begin each entry with a line [[location]].")
    return _Reader(entry, where).declaration()


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the keys of one entry."""

    entry: Mapping[str, object]
    where: str

    def declaration(self) -> Declaration:
        """Read all of them, and check that they suit each other."""
        self._refuse_unknown()
        name = self._text("name", _named)
        reader = _Reader(self.entry, f"{self.where} ({name})")
        declared = Declaration(
            name=name,
            table=reader._text("table", _identifier),
            key=reader._key(),
            column=reader._text("column", _identifier),
            encoding=reader._text("encoding", _one_of(tuple(ENCODINGS))),
            kind=reader._text("kind", lambda text: Kind(_one_of(tuple(Kind))(text))),
            store=reader._text("store", lambda text: StoreName(_one_of(tuple(StoreName))(text)), StoreName.CLASSIC),
            legacy=reader._text("legacy", lambda text: Legacy(_one_of(LEGACIES)(text)), Legacy.KEEP),
            namespace=reader._text("namespace", _identifier, None),
            paths=reader._paths(),
            updated=reader._text("updated", _identifier, None),
        )
        reader._check(declared)
        return declared

    def _check(self, declared: Declaration) -> None:
        if declared.column in declared.key:
            self._refuse("column", f"{declared.column} is part of the key, and a key cannot change")
        if declared.updated in (*declared.key, declared.column, declared.namespace) and declared.updated is not None:
            self._refuse("updated", f"{declared.updated} is named for something else too")
        if declared.namespace == declared.column:
            self._refuse("namespace", f"{declared.column} is the column with the secrets")
        if declared.paths and declared.encoding == "raw":
            self._refuse("encoding", "raw bytes cannot stand in a JSON document: it is base64 or base64-unpadded there")
        if declared.store is StoreName.CLASSIC:
            if declared.namespace is not None:
                self._refuse("namespace", 'only the secrets manager has namespaces (store = "manager")')
            return
        if declared.namespace is None:
            self._refuse("namespace", "is missing: the secrets manager finds a data key by the namespace of its row")
        if "legacy" in self.entry:
            self._refuse("legacy", "the secrets manager has no values directly under secret_key")

    def _refuse_unknown(self) -> None:
        for key in self.entry:
            if key not in _KEYS:
                raise DeclarationError(
                    f"{self.where}: there is no key {_shown(key)}", hint=f"The keys are {', '.join(_KEYS)}."
                )

    def _text(self, key: str, parse: Callable[[str], _T], default: Any = ...) -> Any:  # noqa: ANN401 - that of `parse`
        if key not in self.entry:
            if default is ...:
                self._refuse(key, "is missing")
            return default
        value = self.entry[key]
        if not isinstance(value, str):
            self._refuse(key, f"is {_shown(value)}, and has to be a text")
        try:
            return parse(value)
        except ValueError as error:
            self._refuse(key, str(error))

    def _key(self) -> tuple[str, ...]:
        if "key" not in self.entry:
            self._refuse("key", "is missing")
        columns = self._texts("key", self.entry["key"], _MOST_COLUMNS)
        for each in columns:
            try:
                _identifier(each)
            except ValueError as error:
                self._refuse("key", str(error))
        if len(set(columns)) < len(columns):
            self._refuse("key", f"{_shown(self.entry['key'])} names a column twice")
        return columns

    def _paths(self) -> _Paths:
        given = self.entry.get("path")
        if "path" not in self.entry:
            return ()
        several = isinstance(given, list) and any(isinstance(each, list) for each in given)
        paths = given if several and isinstance(given, list) else [given]
        if len(paths) > _MOST_PATHS:
            self._refuse("path", f"has {len(paths)} paths, and can have {_MOST_PATHS}")
        found = tuple(self._texts("path", each, _DEEPEST_PATH) for each in paths)
        if len(set(found)) < len(found):
            self._refuse("path", "holds one path twice")
        return found

    def _texts(self, key: str, value: object, most: int) -> tuple[str, ...]:
        if not (isinstance(value, list) and value and all(isinstance(each, str) for each in value)):
            self._refuse(key, f'is {_shown(value)}, and has to be a list of texts, such as ["id"]')
        if len(value) > most:
            self._refuse(key, f"has {len(value)} parts, and can have {most}")
        if not all(_is_utf_8(each) for each in value):
            self._refuse(key, f"is {_shown(value)}, which is not text in UTF-8")
        return tuple(value)

    def _refuse(self, key: str, problem: str) -> NoReturn:
        raise DeclarationError(f"{self.where}: {key}: {problem}", hint=f"{key} is {_KEYS[key]}.")


def _named(text: str) -> str:
    if not re.fullmatch(_NAME, text):
        raise ValueError(f"{_shown(text)} is not a name of 1 to 64 letters, digits and _")
    return text


def _identifier(text: str) -> str:
    if not (0 < len(text) <= _LONGEST_NAME and text.isprintable()):
        raise ValueError(f"{_shown(text)} is no name of a table or column")
    return text


def _one_of(allowed: Sequence[str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{_shown(text)} is none of {', '.join(allowed)}")
        return text

    return check


def _is_utf_8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    """A value of the file for people; names of the user's own, and never long."""
    text = json.dumps(value, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


#: Every key of an entry, with what it is.
_KEYS: Final[Mapping[str, str]] = {
    "name": "what reports, the quarantine and --location call it: 1 to 64 letters, digits and _",
    "table": "the table's name, exactly as the database has it",
    "key": "a list of the columns that tell the table's rows apart, such as a primary key",
    "column": "the column with the secrets, exactly as the database has it",
    "encoding": f"how the ciphertext stands there, as what reads it expects: one of {', '.join(ENCODINGS)}",
    "kind": f"what the plaintexts are, by which they are judged: one of {', '.join(Kind)}",
    "store": f"whose data keys encrypt them: one of {', '.join(StoreName)}; without it {StoreName.CLASSIC}",
    "legacy": f"what becomes of values directly under secret_key: one of {', '.join(LEGACIES)}; without it "
    f"{Legacy.KEEP}",
    "namespace": 'with store = "manager": the column with the namespace of a row\'s data keys',
    "path": 'for a JSON document: where in it the secrets are, such as ["secureData", "*"], or a list of such paths; '
    '"*" is any member of an object, "[]" any element of an array',
    "updated": "a column with a timestamp, which is set with each rewrite",
}
