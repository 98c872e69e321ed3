"""A search for secrets finds what a scan of every token finds, or leaves the document to the scan."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reencrypt.catalogue.codec import Slot, splice
from reencrypt.catalogue.document import EACH, JsonRule, JsonStrings, Path, Secrets
from reencrypt.catalogue.encoding import PADDED as PADDED_ENCODING
from reencrypt.catalogue.encoding import UNPADDED
from reencrypt.catalogue.outline import outline
from reencrypt.catalogue.plaintext import Kind
from reencrypt.catalogue.reason import Reason
from reencrypt.catalogue.shape import AtPaths
from reencrypt.catalogue.stores import STORES

#: Every document of the catalogue, and one that a user could declare, whose paths overlap.
DOCUMENTS = {
    f"{location.name}.{field.column}": codec
    for store in STORES.values()
    for location in store.locations
    for field in location.fields
    for codec in (field.codec, field.otherwise)
    if isinstance(codec, JsonStrings)
}
DOCUMENTS["declared"] = JsonStrings(
    (
        JsonRule(Path(("secureData", "url")), PADDED_ENCODING, Kind.JSON),
        JsonRule(Path(("secureData", None)), UNPADDED),
        JsonRule(Path(("list", EACH)), UNPADDED),
    ),
    AtPaths((("secureData", "url"), ("secureData", None), ("list", EACH))),
)
ALERTS = DOCUMENTS["alert_configuration.alertmanager_configuration"]
MAP = DOCUMENTS["data_source.secure_json_data"]


def ciphertext(salt: bytes = b"saltSALT", body: bytes = b"body") -> bytes:
    return b"#a2V5#*YWVzLWNmYg*" + salt + bytes(range(230, 246)) + body


TEXT = base64.b64encode(ciphertext()).decode()
LONGER = base64.b64encode(ciphertext(body=b"body and more")).decode()
NAMES = st.sampled_from(
    [
        *("alertmanager_config", "receivers", "grafana_managed_receiver_configs", "secureSettings", "extra_config"),
        *("spec", "github", "encryptedToken", "status", "webhook", "encryptedSecret", "dashboardEncrypted"),
        *("secureData", "url", "list", "password", "config", "servers", TEXT, LONGER, "name" * 10),
    ]
)
STRINGS = st.one_of(
    st.sampled_from([TEXT, LONGER, TEXT.rstrip("="), LONGER + "=", f"crypto_{TEXT}", f"crypto_{LONGER}", TEXT + "\n"]),
    # Parts of one another, and inside other strings.
    st.sampled_from([f'"{TEXT}"', f"{TEXT}{TEXT}", TEXT[4:], f"\\{TEXT}", f"{TEXT[:40]}\\", f'{{"url":"{TEXT}"}}', ""]),
    st.builds(lambda body: base64.b64encode(ciphertext(body=body)).decode(), st.binary(max_size=40)),
    st.text(max_size=6),
    st.text(alphabet='AB+/=_-"\\ \n\x7f\u00e9\U0001f514\ud800', min_size=28, max_size=50),
)
SECRETS = st.sampled_from([TEXT, LONGER, f"crypto_{TEXT}", f"crypto_{LONGER}", "", None]) | st.builds(
    lambda salt, body: base64.b64encode(ciphertext(salt, body)).decode(),
    st.binary(min_size=8, max_size=8),
    st.binary(max_size=40),
)
LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.integers(10**60, 10**80), STRINGS, STRINGS, STRINGS
)


class Members(list[tuple[str, Any]]):
    """An object, whose names may repeat."""


ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(NAMES, inner), max_size=4).map(Members),
    max_leaves=6,
)
Parts = tuple[str | type[int] | None, ...]


def seldom(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 24)) == 0


@st.composite
def values(draw: st.DrawFn, paths: list[Parts]) -> Any:
    """What stands where these paths begin: mostly what they ask for, with anything beside it."""
    if seldom(draw):
        return draw(ANYTHING)
    if () in paths:
        return draw(SECRETS if draw(st.integers(0, 9)) else LEAVES)
    if EACH in {path[0] for path in paths}:
        below = [path[1:] for path in paths if path[0] is EACH]
        return draw(st.lists(values(below), max_size=3))
    members = Members()
    for first in dict.fromkeys(path[0] for path in paths):
        below = [path[1:] for path in paths if path[0] == first]
        for _ in range(draw(st.integers(0, 3)) if first is None else draw(st.sampled_from([0, 1, 1, 1]))):
            members.append((str(first) if first else f"{draw(NAMES)}{len(members)}", draw(values(below))))
        if None not in {path[0] for path in paths} and draw(st.booleans()):
            members.insert(draw(st.integers(0, len(members))), (f"x{len(members)}", draw(ANYTHING)))
    if seldom(draw) and members:
        members.append((draw(st.sampled_from(members))[0], draw(LEAVES)))
    return members


def without_paths(secrets: Secrets) -> list[Slot]:
    """The slots of ordinary secrets."""
    return [
        Slot("", start, start + len(text), rule.encoding, rule.kind, ciphertext)
        for start, text, ciphertext, rule in zip(*secrets, strict=True)
    ]


SPACE = st.sampled_from(["", "", "", " ", "\n\t", "\r\n  ", " " * 40])


@st.composite
def spellings(draw: st.DrawFn, codec: JsonStrings) -> bytes:
    """A document as some writer spells it: white space, escapes, numbers; seldom cut off or damaged."""
    escapes = draw(st.sampled_from(["none", "none", "none", "none", "ascii", "ascii", "solidus", "some"]))
    spaced = draw(st.booleans())

    def space() -> str:
        return draw(SPACE) if spaced else ""

    def spelt(text: str) -> str:
        quoted = json.dumps(text, ensure_ascii=escapes == "ascii")
        if escapes == "solidus":
            return quoted.replace("/", r"\/")
        if escapes == "some" and draw(st.booleans()):
            return '"' + "".join(f"\\u{ord(each):04X}" if ord(each) < 0x10000 else each for each in text) + '"'
        return quoted

    def written(value: Any) -> str:
        if isinstance(value, Members):
            pairs = (f"{space()}{spelt(name)}{space()}:{space()}{written(each)}{space()}" for name, each in value)
            return "{" + ",".join(pairs) + "}"
        if isinstance(value, list):
            return "[" + ",".join(f"{space()}{written(each)}{space()}" for each in value) + "]"
        return spelt(value) if isinstance(value, str) else json.dumps(value)

    paths = [rule.pattern.parts for rule in codec.rules if isinstance(rule.pattern, Path)] or [("password",)]
    text = space() + written(draw(values(paths))) + space()
    cell = text.encode(errors=draw(st.sampled_from(["replace", "surrogatepass"])))
    match draw(st.integers(0, 14)):
        case 0:
            return cell[: draw(st.integers(0, len(cell)))]
        case 1:
            at = draw(st.integers(0, len(cell)))
            return cell[:at] + draw(st.sampled_from([b'"', b"\\", b",", b"\xff", b"\x00", TEXT.encode()])) + cell[at:]
        case _:
            return cell


@pytest.mark.parametrize("name", DOCUMENTS)
@given(data=st.data())
def test_a_search_finds_what_a_scan_finds_or_leaves_the_document_to_it(name: str, data: st.DataObject) -> None:
    codec = DOCUMENTS[name]
    cell = data.draw(spellings(codec))
    assert codec.search(cell) in (None, codec.scan(cell) if cell else None)
    assert codec.find(cell) == (codec.scan(cell) if cell else [])
    places = codec.places(cell)
    assert (places is None) is (bool(cell) and codec.search(cell) is None)
    slots = codec.find(cell)
    ordinary = codec.ordinary(cell, places)
    assert (ordinary is None) is (places is None or any(slot.problem or not slot.strict for slot in slots))
    if ordinary is not None:
        assert without_paths(ordinary) == [slot._replace(path="") for slot in slots]
        news = [b"new %d" % number for number in range(len(slots))]
        assert ordinary.replaced(cell, news) == splice(cell, list(zip(slots, news, strict=True)))


def alerts(*texts: str) -> bytes:
    configs = [{"name": "a", "secureSettings": {"url": text}, "settings": {"text": "\\ <é🔔"}} for text in texts]
    receivers = [{"name": "one", "grafana_managed_receiver_configs": configs}]
    return json.dumps({"alertmanager_config": {"receivers": receivers}}, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("codec", "cell", "secrets"),
    [
        (ALERTS, alerts(TEXT, LONGER, TEXT), 3),
        (ALERTS, b'{"extra_config":[{"alertmanager_config":"crypto_%s"},{}]}' % TEXT.encode(), 1),
        (ALERTS, b'{"extra_config":[{"alertmanager_config":"route: {}"}], "alertmanager_config": null}', 0),
        (MAP, b'{"a":"%s", "b" : null, "c":"","d\\u00e9":"%s"}' % (TEXT.encode(), LONGER.encode()), 2),
        (MAP, b'{"%s":"%s"}' % (LONGER.encode(), TEXT.encode()), 1),
        (MAP, b"null", 0),
        (DOCUMENTS["resource.value"], b'{"spec":{"github":{"encryptedToken":"%s"}}}' % TEXT.encode(), 1),
        (DOCUMENTS["declared"], b'{"secureData":{"url":"%s","b":"%s"}}' % (TEXT.encode(), LONGER.encode()), 2),
    ],
)
def test_an_ordinary_document_needs_no_scan(codec: JsonStrings, cell: bytes, secrets: int) -> None:
    found = codec.search(cell)
    assert found == codec.scan(cell)
    assert len(found or []) == secrets


@pytest.mark.parametrize(
    "cell",
    [
        b'{"a":"%s","a":"%s"}' % (TEXT.encode(), LONGER.encode()),
        b'{"x":{"y":1,"y":2},"a":"%s"}' % TEXT.encode(),
        b'{"a":"\\u0049%s"}' % TEXT[1:].encode(),
        b'{"a":"\\"%s"}' % TEXT.encode(),
        b'{"a":"%s","b":"short"}' % TEXT.encode(),
        b'{"a":"%s","b":["%s"]}' % (TEXT.encode(), TEXT.encode()),
        b'["%s"]' % TEXT.encode(),
        b'{"a":"b"%s"c"}' % TEXT.encode(),
        b'\xef\xbb\xbf{"a":"%s"}' % TEXT.encode(),
        b'{"a":"%s"' % TEXT.encode(),
        b"[" * 100_000,
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_scan(cell: bytes) -> None:
    assert MAP.search(cell) is None
    assert MAP.find(cell) == MAP.scan(cell)


@given(st.text(), st.lists(st.sampled_from([TEXT, LONGER, "x" * 31, "x" * 32, "crypto_" + TEXT]), max_size=8))
@example("\x7f", [])
def test_an_outline_tells_where_each_long_string_lies(other: str, texts: list[str]) -> None:
    document = json.dumps([other, *texts, {other: other}]).encode()
    found = outline(document)
    assert found is not None
    assert isinstance(found.document, list)
    for value, text in zip(found.document[1:], texts, strict=False):
        span = found.span(value)
        assert (span is not None) is (len(text) >= 32)
        if span is not None:
            start, end = span
            assert document[start - 1 : end + 1].decode() == f'"{text}"'


def test_a_text_that_ends_in_what_a_search_takes_out_is_left_to_the_scan() -> None:
    """Here by its length alone: what is short may be plain text, and what begins like an envelope is damaged."""
    codec = DOCUMENTS["resource.value"]
    cell = b'{"spec":{"github":{"encryptedToken":"I0\\"%s"}}}' % (b"A" * 45)
    assert codec.search(cell) is None
    assert [slot.problem for slot in codec.find(cell)] == [Reason.MALFORMED_ENCODING]
