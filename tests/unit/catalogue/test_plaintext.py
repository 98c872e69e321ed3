"""Plaintexts are judged by kind, in bits of evidence."""

from __future__ import annotations

import random

import pytest

from reencrypt.catalogue.plaintext import Kind, evidence, is_plausible

PEM = b"-----BEGIN PRIVATE KEY-----\nMIG\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("plaintext", "kind", "bits"),
    [
        (b"", Kind.TEXT, 0),
        (b"\x00\xff", Kind.BYTES, 0),
        (b"0123456789", Kind.TEXT, 11),
        (b"tab\tcr\rlf\n", Kind.TEXT, 11),
        ("pässwörd".encode(), Kind.TEXT, 11),
        (b"nul\x00", Kind.TEXT, -8),
        (b"del\x7f", Kind.TEXT, -8),
        (b"\xff\xfe", Kind.TEXT, -8),
        (b"{}", Kind.JSON, 16),
        (b'{"password":"long enough"}', Kind.JSON, 1.1 * 26),
        (b'{"password"', Kind.JSON, -8),
        (b' {"a":[1]}\r\n\t', Kind.JSON, 16),
        (b"{} {}", Kind.JSON, -8),
        (b" ", Kind.JSON, -8),
        (b"17", Kind.JSON, -8),
        ("\ufeff{}".encode(), Kind.JSON, -8),
        ("\u00a0{}".encode(), Kind.JSON, -8),
        (b"[" * 100_000, Kind.JSON, -8),
        (PEM, Kind.PEM, 1.1 * len(PEM)),
        (PEM[:-6], Kind.PEM, -8),
    ],
)
def test_evidence(plaintext: bytes, kind: Kind, bits: float) -> None:
    assert evidence(plaintext, kind) == pytest.approx(bits)
    assert is_plausible(plaintext, kind) == (bits >= 0)


def test_random_bytes_are_plausible_at_the_rate_that_the_evidence_assumes() -> None:
    source = random.Random(1)
    share = sum(is_plausible(source.randbytes(1), Kind.TEXT) for _ in range(20_000)) / 20_000
    # ASCII without controls and 0x7f: 98 of 256 for a lone byte; sequences of UTF-8 raise it to 119 for longer ones.
    assert 0.35 < share < 0.42
    longer = sum(is_plausible(source.randbytes(4), Kind.TEXT) for _ in range(200_000)) / 200_000
    assert longer < (119 / 256) ** 4
