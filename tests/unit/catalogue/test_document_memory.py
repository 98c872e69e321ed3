"""What is remembered of a document is what a search of it finds, and memory has a bound."""

from __future__ import annotations

import json

from reencrypt.catalogue.document import JsonStrings, Places, Secrets
from reencrypt.catalogue.document_memory import DocumentMemory
from tests.unit.catalogue.test_document_search import ALERTS, MAP, TEXT, alerts, without_paths

LONG = alerts(*[TEXT] * 60)
SHORT = alerts(TEXT)


class Counted(JsonStrings):
    """The codec of alerting documents, which counts its searches."""

    __slots__ = ()
    searched: list[bytes] = []  # noqa: RUF012 - of this class, because its objects cannot change

    def places(self, cell: bytes) -> Places | None:
        self.searched.append(cell)
        return super().places(cell)


def counted() -> Counted:
    Counted.searched.clear()
    return Counted(ALERTS.rules, ALERTS.shape)


def found(cell: bytes, codec: JsonStrings = ALERTS) -> Secrets:
    secrets = codec.ordinary(cell, codec.places(cell))
    assert secrets is not None
    assert without_paths(secrets) == [slot._replace(path="") for slot in codec.scan(cell)]
    return secrets


def test_a_document_is_searched_once_for_the_census_and_the_run() -> None:
    memory, codec = DocumentMemory(), counted()
    assert memory.search(codec, LONG) == memory.search(codec, LONG) == memory.recall(codec, LONG) == found(LONG)
    assert codec.searched == [LONG]
    # The run writes it anew, so it is forgotten.
    assert memory.recall(codec, LONG) == found(LONG)
    assert codec.searched == [LONG, LONG]


def test_short_documents_are_not_remembered() -> None:
    memory, codec = DocumentMemory(), counted()
    assert memory.search(codec, SHORT) == memory.recall(codec, SHORT) == found(SHORT)
    assert codec.searched == [SHORT, SHORT]


def test_a_document_is_another_one_for_another_codec() -> None:
    document = json.dumps({f"secret{number}": TEXT for number in range(60)}).encode()
    memory = DocumentMemory()
    assert memory.search(ALERTS, document) == found(document)
    assert memory.recall(MAP, document) == found(document, MAP)
    assert memory.search(MAP, LONG) is None
    assert memory.recall(ALERTS, LONG) == found(LONG)


def test_what_does_not_fit_is_searched_again() -> None:
    memory, codec = DocumentMemory(most_places=130), counted()
    other = LONG.replace(b'"n"', b'"m"') + b" "
    memory.search(codec, LONG)
    memory.search(codec, other)
    assert memory.recall(codec, other) == found(other)
    assert memory.recall(codec, LONG) == found(LONG)
    assert codec.searched == [LONG, other, other]
    # There is room again.
    memory.search(codec, other)
    memory.recall(codec, other)
    assert codec.searched[3:] == [other]


def test_what_was_written_is_known_by_its_bytes_and_by_how_its_secrets_begin() -> None:
    memory = DocumentMemory(most_written=1)
    memory.note_written(LONG, b"#run#", 60)
    memory.note_written(LONG + b" ", b"#run#", 60)
    memory.note_written(SHORT, b"#run#", 1)
    assert memory.written(LONG, b"#run#") == 60
    assert memory.written(LONG, b"#other#") is None
    assert memory.written(LONG + b" ", b"#run#") is None
    assert memory.written(SHORT, b"#run#") is None
