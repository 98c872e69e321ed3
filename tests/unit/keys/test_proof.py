"""The rules of the design for when a key counts as proven, and what may be moved because of it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

import pytest
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from hypothesis import given, settings
from hypothesis import strategies as st

from reencrypt.catalogue.plaintext import Kind
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Envelope
from reencrypt.keys.proof import (
    PROVEN_BITS,
    Admission,
    Evidence,
    KeyStanding,
    Proof,
    Sample,
    Verdict,
    judge_secret_key,
    weigh,
)

RIGHT, WRONG = b"the right key", b"the wrong key"
SALT = b"0123abcd"
#: One for all tests: what is asked again and again is the same few keys.
CACHE = DerivedKeyCache(10_000)
LEGACY = KeyStanding(None, "secretKey.v1", conclusive=False, under_secret_key=True)


def of_data_key(key_id: str = "k") -> KeyStanding:
    return KeyStanding(key_id, "secretKey.v1", conclusive=False, under_secret_key=True)


def under_rsa1_5(key_id: str = "k") -> KeyStanding:
    return KeyStanding(key_id, "azurekv.prod", conclusive=False, under_secret_key=False)


def sealed(
    plaintext: bytes,
    *,
    password: bytes = RIGHT,
    key_id: str | None = None,
    algorithm: Algorithm = Algorithm.AES_CFB,
    rng: random.Random | None = None,
    salt: bytes = SALT,
    prefixed: bool = True,
) -> Envelope:
    nonce = (rng or random.Random(plaintext)).randbytes(algorithm.nonce_bytes)
    key = CACHE.get(password, salt)
    # With a nonce that the seed chooses, so that a failure can be repeated.
    if algorithm is Algorithm.AES_GCM:
        body = AESGCM(key).encrypt(nonce, plaintext, None)
    else:
        context = Cipher(AES256(key), CFB(nonce)).encryptor()
        body = context.update(plaintext) + context.finalize()
    return Envelope(key_id, algorithm, prefixed, salt, nonce, body)


def samples(texts: Iterable[bytes], *, kind: Kind = Kind.TEXT, password: bytes = RIGHT, seed: int = 0) -> list[Sample]:
    """Samples as the gate takes them: longest first."""
    rng = random.Random(seed)
    found = [Sample(sealed(text, password=password, rng=rng), kind) for text in texts]
    return sorted(found, key=lambda sample: len(sample.envelope.body), reverse=True)


def weighed(
    texts: Iterable[bytes], *, by: bytes = RIGHT, kind: Kind = Kind.TEXT, exhaustive: bool = True, seed: int = 0
) -> Evidence:
    return weigh(samples(texts, kind=kind, seed=seed), by, CACHE, exhaustive=exhaustive)


@pytest.mark.parametrize(
    ("texts", "kind", "bits"),
    [
        ([b"a" * 10], Kind.TEXT, 11.0),
        ([b"tab\there\r\n"], Kind.TEXT, 11.0),
        (["säurefrei".encode()], Kind.TEXT, 11.0),
        ([b"a" * 10, b"b" * 10], Kind.TEXT, 22.0),
        ([b"{}"], Kind.JSON, 16.0),
        ([b'{"password":"correct horse"}'], Kind.JSON, 30.8),
        ([b"not json"], Kind.JSON, -8.0),
        ([b"-----BEGIN X-----\n-----END X-----\n"], Kind.PEM, 37.4),
        ([b"no pem at all, however long it is"], Kind.PEM, -8.0),
        ([b"null\x00byte"], Kind.TEXT, -8.0),
        ([b"\x7f"], Kind.TEXT, -8.0),
        ([b"\xff\xfe of no encoding"], Kind.TEXT, -8.0),
        ([b""], Kind.TEXT, 0.0),
        ([b""], Kind.JSON, 0.0),
        ([b"readable or not"], Kind.BYTES, 0.0),
        ([b"\x00\xff" * 16], Kind.BYTES, 0.0),
    ],
)
def test_a_plaintext_weighs_what_the_design_says(texts: list[bytes], kind: Kind, bits: float) -> None:
    found = weighed(texts, kind=kind)
    assert found.bits == pytest.approx(bits)
    assert found.implausible == (bits < 0)
    assert not found.authenticated


def test_a_gcm_tag_proves_and_a_gcm_tag_that_fails_speaks_against_the_key() -> None:
    tagged = Sample(sealed(b"x", algorithm=Algorithm.AES_GCM), Kind.BYTES)
    right, wrong = (weigh([tagged], key, CACHE, exhaustive=True) for key in (RIGHT, WRONG))
    assert right.authenticated
    assert right.proves
    assert (wrong.authenticated, wrong.bits, wrong.implausible) == (False, -8.0, 1)


def test_the_scan_of_one_data_key_ends_where_its_evidence_is_decisive() -> None:
    assert weighed([b"a" * 16] * 64, exhaustive=False).bits == pytest.approx(3 * 17.6)
    # Evidence against it is gathered to the end: the longest values may be the damaged ones.
    assert weighed([b"\x00" * 16] * 8 + [b"a" * 16] * 8, exhaustive=False).bits >= 48
    assert weighed([b"a" * 16] * 64).bits == pytest.approx(64 * 17.6)


def test_a_sample_is_never_garbage_for_being_clipped_inside_a_character() -> None:
    text = ("aé中🔔" * 200).encode()
    for length in range(1000, 1025):
        clipped = Sample(sealed(text[:length]), Kind.TEXT, clipped=True)
        assert weigh([clipped], RIGHT, CACHE, exhaustive=True).bits >= 1.1 * (length - 4)
        assert weigh([clipped], WRONG, CACHE, exhaustive=True).bits == -8.0


def test_of_clipped_garbage_no_more_scores_than_chance_allows() -> None:
    source = random.Random(14)
    number = 3000
    for length in range(1, 17):
        garbage = (
            sealed(b"")._replace(nonce=source.randbytes(16), body=source.randbytes(length)) for _ in range(number)
        )
        found = [weigh([Sample(each, Kind.TEXT, clipped=True)], WRONG, CACHE, exhaustive=True).bits for each in garbage]
        for bits in {each for each in found if each >= 0}:
            allowed = 2 * 2.0**-bits * number
            assert sum(each >= bits for each in found) <= allowed + 5 * math.sqrt(allowed) + 5


def group(bits: float = 0.0, *, tag: bool = False, implausible: int = 0) -> Evidence:
    return Evidence(bits, tag, implausible, hints=implausible)


@pytest.mark.parametrize(
    ("groups", "verdict"),
    [
        # The sum, over legacy values and data keys together.
        ({None: group(16.0)}, Verdict.PROVEN),
        ({None: group(15.9)}, Verdict.UNPROVEN),
        ({None: group(8.0), "a": group(8.0)}, Verdict.PROVEN),
        ({"a": group(4.0), "b": group(4.0), "c": group(4.0)}, Verdict.UNPROVEN),
        ({None: group(30.0, implausible=1)}, Verdict.PROVEN),
        # One group alone, where the sum says no: 16 + log2 of how many there are.
        ({"a": group(18.0), "b": group(-8.0, implausible=1), "c": group(0), "d": group(0)}, Verdict.PROVEN),
        ({"a": group(17.9), "b": group(-8.0, implausible=1), "c": group(0), "d": group(0)}, Verdict.REFUTED),
        ({None: group(17.0), "a": group(-40.0, implausible=5)}, Verdict.PROVEN),
        ({None: group(16.9), "a": group(-40.0, implausible=5)}, Verdict.REFUTED),
        # A tag.
        ({None: group(-80.0, implausible=10), "a": group(tag=True)}, Verdict.PROVEN),
        # Neither.
        ({}, Verdict.UNPROVEN),
        ({None: group()}, Verdict.UNPROVEN),
        ({None: group(-8.0, implausible=1)}, Verdict.REFUTED),
        ({None: group(9.0), "a": group(-8.0, implausible=1)}, Verdict.REFUTED),
    ],
)
def test_secret_key_is_one_hypothesis_over_all_that_it_decrypts(
    groups: dict[str | None, Evidence], verdict: Verdict
) -> None:
    assert judge_secret_key(groups) is verdict


@pytest.mark.parametrize("number", [1, 2, 1000, 1 << 14])
def test_the_more_groups_there_are_the_more_one_of_them_has_to_show(number: int) -> None:
    needed = PROVEN_BITS + math.log2(number)
    others: dict[str | None, Evidence] = {str(each): group(-8.0, implausible=1) for each in range(number - 1)}
    if number > 2:
        assert judge_secret_key(others | {None: group(needed - 0.1)}) is Verdict.REFUTED
    assert judge_secret_key(others | {None: group(needed)}) is Verdict.PROVEN


def test_a_thousand_data_keys_with_one_short_secret_each_tell_right_from_wrong() -> None:
    rng = random.Random(5)
    right: dict[str | None, Evidence] = {}
    wrong: dict[str | None, Evidence] = {}
    for number in range(1000):
        data_key = rng.randbytes(16)
        secret = [Sample(sealed(b"Bearer", password=data_key, key_id=str(number), rng=rng), Kind.TEXT)]
        right[str(number)] = weigh(secret, data_key, CACHE, exhaustive=False)
        # A wrong secret_key "unwraps" each of them to 16 bytes, too.
        wrong[str(number)] = weigh(secret, rng.randbytes(16), DerivedKeyCache(), exhaustive=False)
    assert judge_secret_key(right) is Verdict.PROVEN
    proof = Proof.judge(right, {})
    # None has 16 bits of its own: secret_key vouches for them.
    assert proof.admit(of_data_key("7"), sealed(b"Bearer"), b"Bearer", Kind.TEXT, keeps_tag=True) is Admission.MOVE
    assert not proof.doubt
    assert any(found.bits > 0 for found in wrong.values())
    assert judge_secret_key(wrong) is Verdict.REFUTED


def test_two_thousand_times_bearer_under_a_wrong_key_refute_it() -> None:
    texts = [b"Bearer"] * 2000
    assert judge_secret_key({None: weighed(texts)}) is Verdict.PROVEN
    wrong = weighed(texts, by=WRONG)
    assert wrong.implausible < 2000
    assert judge_secret_key({None: wrong}) is Verdict.REFUTED


PLAUSIBLE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=40).map(str.encode)
SEEDS = st.integers(0, 2**32)


@settings(derandomize=True, deadline=None)  # one set in 65,000 may prove a wrong key, by design
@given(st.lists(PLAUSIBLE, min_size=1, max_size=60), SEEDS, st.sampled_from([Kind.TEXT, Kind.JSON, Kind.PEM]))
def test_a_wrong_key_is_never_proven(texts: list[bytes], seed: int, kind: Kind) -> None:
    found = weighed(texts, by=WRONG, kind=kind, seed=seed)
    assert judge_secret_key({None: found}) is not Verdict.PROVEN
    assert not found.proves
    if sum(map(len, texts)) > 40:
        assert judge_secret_key({None: found}) is Verdict.REFUTED


@settings(deadline=None)
@given(st.lists(PLAUSIBLE, max_size=40), SEEDS)
def test_the_right_key_is_proven_by_15_bytes_of_text_and_never_refuted(texts: list[bytes], seed: int) -> None:
    found = weighed(texts, seed=seed)
    enough = sum(map(len, texts)) >= 15
    assert found.proves == enough
    assert judge_secret_key({None: found}) is (Verdict.PROVEN if enough else Verdict.UNPROVEN)


@settings(derandomize=True, deadline=None)
@given(st.lists(PLAUSIBLE.filter(len), min_size=1, max_size=20), st.integers(1, 10), SEEDS)
def test_whatever_the_evidence_nothing_moves_under_a_refuted_key(texts: list[bytes], keys: int, seed: int) -> None:
    groups: dict[str | None, Evidence] = {
        str(number): weighed(texts, by=WRONG + bytes([number]), exhaustive=False, seed=seed) for number in range(keys)
    }
    proof = Proof.judge(groups, {})
    if proof.secret_key is Verdict.REFUTED:
        for key in (LEGACY, *(of_data_key(str(number)) for number in range(keys))):
            admission = proof.admit(key, sealed(b"short"), b"short", Kind.TEXT, keeps_tag=True)
            assert admission is Admission.UNPROVEN


# What may be moved.


def proof_of(verdict: Verdict = Verdict.PROVEN, **data_keys: Evidence) -> Proof:
    return Proof(verdict, dict(data_keys))


LONG, SHORT, GARBAGE = b"sixteen bits of text", b"short", b"\x00\xff\x13garbage"


@pytest.mark.parametrize(
    ("proof", "key", "plaintext", "kind", "admission"),
    [
        # A proven secret_key vouches, as long as there is no doubt.
        (proof_of(), LEGACY, SHORT, Kind.TEXT, Admission.MOVE),
        (proof_of(), LEGACY, GARBAGE, Kind.BYTES, Admission.MOVE),
        (proof_of(), of_data_key(), SHORT, Kind.TEXT, Admission.MOVE),
        (proof_of(k=group(5.5)), of_data_key(), SHORT, Kind.TEXT, Admission.MOVE),
        # Not one that is unproven.
        (proof_of(Verdict.UNPROVEN), LEGACY, SHORT, Kind.TEXT, Admission.UNPROVEN),
        (proof_of(Verdict.UNPROVEN), LEGACY, GARBAGE, Kind.BYTES, Admission.UNPROVEN),
        (proof_of(Verdict.UNPROVEN), of_data_key(), SHORT, Kind.TEXT, Admission.UNPROVEN),
        # A data key with 16 bits of its own needs nobody.
        (proof_of(Verdict.UNPROVEN, k=group(16.0)), of_data_key(), SHORT, Kind.TEXT, Admission.MOVE),
        (proof_of(Verdict.UNPROVEN, k=group(tag=True)), of_data_key(), SHORT, Kind.TEXT, Admission.MOVE),
        (proof_of(Verdict.UNPROVEN, k=group(15.9)), of_data_key(), SHORT, Kind.TEXT, Admission.UNPROVEN),
        # RSA1_5 proves nothing, and secret_key cannot vouch for a data key of a vault.
        (proof_of(), under_rsa1_5(), LONG, Kind.TEXT, Admission.UNPROVEN),
        (proof_of(k=group(15.9)), under_rsa1_5(), LONG, Kind.TEXT, Admission.UNPROVEN),
        (proof_of(k=group(16.0)), under_rsa1_5(), SHORT, Kind.TEXT, Admission.MOVE),
        # What is implausible never moves, whoever is proven.
        (proof_of(), LEGACY, GARBAGE, Kind.TEXT, Admission.IMPLAUSIBLE),
        (proof_of(k=group(48.0)), of_data_key(), GARBAGE, Kind.TEXT, Admission.IMPLAUSIBLE),
        (proof_of(), LEGACY, b"not json", Kind.JSON, Admission.IMPLAUSIBLE),
    ],
)
def test_a_secret_moves_only_from_under_a_key_that_is_vouched_for(
    proof: Proof, key: KeyStanding, plaintext: bytes, kind: Kind, admission: Admission
) -> None:
    assert proof.admit(key, sealed(plaintext, key_id=key.key_id), plaintext, kind, keeps_tag=True) is admission


def test_a_conclusive_unwrap_is_proof_enough() -> None:
    key = KeyStanding("k", "azurekv.prod", conclusive=True, under_secret_key=False)
    proof = proof_of(Verdict.REFUTED)
    assert proof.admit(key, sealed(SHORT), SHORT, Kind.TEXT, keeps_tag=True) is Admission.MOVE
    assert proof.admit(key, sealed(GARBAGE), GARBAGE, Kind.TEXT, keeps_tag=True) is Admission.IMPLAUSIBLE
    assert proof.proves_data_key(key)
    assert not proof.doubt


def test_secrets_that_speak_against_a_data_key_outweigh_its_unwrap() -> None:
    """Its row was replaced, for example: it unwraps, twice, to a key that nothing under it was written with."""
    key = KeyStanding("k", "azurekv.prod", conclusive=True, under_secret_key=False)
    proof = proof_of(k=group(-8.0, implausible=2))
    assert proof.admit(key, sealed(SHORT), SHORT, Kind.TEXT, keeps_tag=True) is Admission.UNPROVEN
    assert proof.admit(key, sealed(GARBAGE), GARBAGE, Kind.BYTES, keeps_tag=True) is Admission.UNPROVEN
    assert proof.admit(key, sealed(GARBAGE), GARBAGE, Kind.TEXT, keeps_tag=True) is Admission.IMPLAUSIBLE
    assert not proof.proves_data_key(key)
    # Some damage among secrets that read is damage; and a tag that matches is no accident.
    for evidence in (group(8.0, implausible=1), group(0.0), group(-8.0, tag=True, implausible=2)):
        assert proof_of(k=evidence).admit(key, sealed(SHORT), SHORT, Kind.TEXT, keeps_tag=True) is Admission.MOVE
        assert proof_of(k=evidence).proves_data_key(key)


def test_what_was_weighed_under_a_row_that_has_changed_is_forgotten() -> None:
    proof = proof_of(Verdict.UNPROVEN, k=group(48.0))
    proof.forget(["k", "another"])
    assert not proof.knows("k")
    assert proof.admit(of_data_key(), sealed(SHORT), SHORT, Kind.TEXT, keeps_tag=True) is Admission.UNPROVEN


@pytest.mark.parametrize("key", [LEGACY, of_data_key(), under_rsa1_5()])
@pytest.mark.parametrize("kind", list(Kind))
def test_an_empty_cfb_body_moves_under_every_key(key: KeyStanding, kind: Kind) -> None:
    assert (
        proof_of(Verdict.REFUTED).admit(key, sealed(b"", key_id=key.key_id), b"", kind, keeps_tag=True)
        is Admission.MOVE
    )


@pytest.mark.parametrize("key", [LEGACY, of_data_key(), under_rsa1_5()])
def test_a_gcm_value_is_its_own_proof(key: KeyStanding) -> None:
    value = sealed(GARBAGE, key_id=key.key_id, algorithm=Algorithm.AES_GCM)
    assert proof_of(Verdict.UNPROVEN).admit(key, value, GARBAGE, Kind.TEXT, keeps_tag=True) is Admission.MOVE
    # Where it is lost, what is odd is remembered as accepted; what reads needs no remembering.
    assert proof_of(Verdict.UNPROVEN).admit(key, value, GARBAGE, Kind.TEXT, keeps_tag=False) is Admission.ACCEPTED
    assert proof_of(Verdict.UNPROVEN).admit(key, value, SHORT, Kind.TEXT, keeps_tag=False) is Admission.MOVE


@pytest.mark.parametrize(
    ("accepted", "key", "admission"),
    [
        ("secretKey.v1", LEGACY, Admission.MOVE),
        ("secretKey.v1", of_data_key(), Admission.MOVE),
        ("k", of_data_key(), Admission.MOVE),
        ("k", of_data_key("other"), Admission.UNPROVEN),
        ("k", LEGACY, Admission.UNPROVEN),
        ("azurekv.prod", under_rsa1_5(), Admission.MOVE),
        ("azurekv.prod", of_data_key(), Admission.UNPROVEN),
    ],
)
def test_accept_unproven_names_a_data_key_or_all_under_a_provider(
    accepted: str, key: KeyStanding, admission: Admission
) -> None:
    proof = Proof.judge({}, {}, accepted=frozenset({accepted}))
    assert proof.admit(key, sealed(SHORT), SHORT, Kind.TEXT, keeps_tag=True) is admission
    # Believing a key is not believing garbage.
    assert proof.admit(key, sealed(GARBAGE), GARBAGE, Kind.TEXT, keeps_tag=True) is Admission.IMPLAUSIBLE


def test_skipped_keys_are_kept_for_whoever_resolves_keys() -> None:
    assert Proof.judge({}, {}, skipped=frozenset({"k"})).skipped == {"k"}


# Doubt: a secret_key that was changed once.


@pytest.mark.parametrize(
    ("groups", "doubt"),
    [
        ({None: group(40.0), "a": group(20.0)}, False),
        ({None: group(40.0, implausible=1)}, True),
        ({None: group(40.0), "a": group(-8.0, implausible=1)}, True),
        ({None: group(40.0), "a": group(15.0, implausible=1)}, True),
        # The damaged secret of a data key that proves itself hints at nothing.
        ({None: group(40.0), "a": group(16.0, implausible=1)}, False),
        ({None: group(40.0), "a": group(-8.0, tag=True, implausible=1)}, False),
    ],
)
def test_the_gate_doubts_where_something_implausible_lacks_16_bits_of_its_own(
    groups: dict[str | None, Evidence], *, doubt: bool
) -> None:
    proof = Proof.judge(groups, {})
    assert proof.secret_key is Verdict.PROVEN
    assert proof.doubt is doubt


def test_an_implausible_secret_under_rsa1_5_casts_no_doubt_on_secret_key() -> None:
    proof = Proof.judge({None: group(40.0)}, {"k": group(-8.0, implausible=1)})
    assert not proof.doubt
    assert proof.admit(under_rsa1_5(), sealed(GARBAGE), GARBAGE, Kind.TEXT, keeps_tag=True) is Admission.IMPLAUSIBLE
    assert not proof.doubt


@pytest.mark.parametrize(("key", "doubt"), [(LEGACY, True), (of_data_key("weak"), True), (of_data_key(), False)])
def test_the_first_implausible_secret_of_a_run_turns_doubt_on_unless_its_data_key_proves_itself(
    key: KeyStanding, *, doubt: bool
) -> None:
    proof = proof_of(k=group(20.0), weak=group(9.0))
    assert proof.admit(of_data_key("weak"), sealed(SHORT), SHORT, Kind.TEXT, keeps_tag=True) is Admission.MOVE
    proof.admit(key, sealed(GARBAGE), GARBAGE, Kind.TEXT, keeps_tag=True)
    assert proof.doubt is doubt
    after = Admission.UNPROVEN if doubt else Admission.MOVE
    assert proof.admit(of_data_key("weak"), sealed(SHORT), SHORT, Kind.TEXT, keeps_tag=True) is after
    assert proof.admit(LEGACY, sealed(SHORT), SHORT, Kind.TEXT, keeps_tag=True) is after
    # Those with 16 bits of their own go on.
    assert proof.admit(LEGACY, sealed(LONG), LONG, Kind.TEXT, keeps_tag=True) is Admission.MOVE
    assert proof.admit(LEGACY, sealed(b"{}"), b"{}", Kind.JSON, keeps_tag=True) is Admission.MOVE
    assert proof.admit(of_data_key(), sealed(SHORT), SHORT, Kind.TEXT, keeps_tag=True) is Admission.MOVE
    # A long secret does not make up for its data key.
    assert proof.admit(of_data_key("weak"), sealed(LONG), LONG, Kind.TEXT, keeps_tag=True) is after


def test_overwritten_bytes_are_implausible_but_no_trace_of_another_secret_key() -> None:
    proof = proof_of()
    noise = sealed(GARBAGE, salt=b"\x00\xffnoise\x9c", prefixed=False)
    assert proof.admit(LEGACY, noise, GARBAGE, Kind.TEXT, keeps_tag=True) is Admission.IMPLAUSIBLE
    assert not proof.doubt
    found = weigh([Sample(noise, Kind.TEXT)], RIGHT, CACHE, exhaustive=True)
    assert (found.implausible, found.hints) == (1, 0)


@pytest.mark.parametrize(
    ("proof", "key", "proven"),
    [
        (proof_of(), of_data_key(), True),
        (proof_of(Verdict.UNPROVEN), of_data_key(), False),
        (proof_of(Verdict.UNPROVEN, k=group(16.0)), of_data_key(), True),
        (Proof(Verdict.PROVEN, {}, doubt=True), of_data_key(), False),
        (Proof(Verdict.PROVEN, {"k": group(16.0)}, doubt=True), of_data_key(), True),
        (proof_of(), under_rsa1_5(), False),
        (proof_of(k=group(16.0)), under_rsa1_5(), True),
    ],
)
def test_new_secrets_are_written_only_under_a_data_key_that_is_vouched_for(
    proof: Proof, key: KeyStanding, *, proven: bool
) -> None:
    assert proof.proves_data_key(key) is proven


OLD = b"the secret_key of years ago"


@pytest.mark.parametrize("seed", range(5))
def test_after_a_changed_secret_key_nothing_of_the_old_era_moves_and_nothing_proven_stays(seed: int) -> None:
    rng = random.Random(seed)
    new_legacy = [b"a password of today", b"Bearer", b"pw"]
    old_legacy = [b"a password of years ago", b"Bearer", b"x"]
    legacy = samples(new_legacy, seed=seed) + samples(old_legacy, password=OLD, seed=seed + 100)
    # What the present secret_key makes of a data key that the old one wrapped is 16 other bytes.
    keys = {
        name: (rng.randbytes(16), texts)
        for name, texts in (("new", [b"a long token 0123"]), ("new-short", [b"Bearer"]))
    }
    dead = {name: (rng.randbytes(16), texts) for name, texts in (("old", [LONG] * 3), ("old-short", [b"x"]))}
    groups: dict[str | None, Evidence] = {None: weigh(legacy, RIGHT, CACHE, exhaustive=True)}
    for name, (data_key, texts) in keys.items():
        groups[name] = weigh(samples(texts, password=data_key), data_key, CACHE, exhaustive=False)
    garbled = {name: rng.randbytes(16) for name in dead}
    for name, (data_key, texts) in dead.items():
        groups[name] = weigh(samples(texts, password=data_key), garbled[name], CACHE, exhaustive=False)

    proof = Proof.judge(groups, {})
    assert proof.secret_key is Verdict.PROVEN
    assert proof.doubt

    def admit(value: Envelope, password: bytes, key: KeyStanding) -> Admission:
        plaintext = _decrypt(value, password)
        return proof.admit(key, value, plaintext, Kind.TEXT, keeps_tag=True)

    assert [admit(sealed(text), RIGHT, LEGACY) for text in new_legacy] == [
        Admission.MOVE,
        Admission.UNPROVEN,
        Admission.UNPROVEN,
    ]
    for text in old_legacy:
        assert admit(sealed(text, password=OLD), RIGHT, LEGACY) is not Admission.MOVE
    assert admit(sealed(b"Bearer", password=keys["new"][0]), keys["new"][0], of_data_key("new")) is Admission.MOVE
    short = keys["new-short"][0]
    assert admit(sealed(b"Bearer", password=short), short, of_data_key("new-short")) is Admission.UNPROVEN
    for name, (data_key, texts) in dead.items():
        for text in texts:
            value = sealed(text, password=data_key)
            assert admit(value, garbled[name], of_data_key(name)) is not Admission.MOVE
        assert not proof.proves_data_key(of_data_key(name))


def _decrypt(value: Envelope, password: bytes) -> bytes:
    from reencrypt.crypto import envelope  # noqa: PLC0415 - its name is a word of these tests

    return envelope.decrypt(value, password, CACHE)


def test_a_data_key_that_was_met_later_is_known_from_then_on() -> None:
    proof = proof_of()
    assert not proof.knows("k")
    proof.data_keys["k"] = group(20.0)
    assert proof.knows("k")


def test_a_data_key_first_met_in_mid_run_casts_doubt_as_at_the_gate() -> None:
    for found, doubt in (
        (Evidence(bits=-8.0, implausible=1, hints=1), True),
        (Evidence(bits=20.0, implausible=1, hints=1), False),
        (Evidence(bits=-8.0, implausible=1), False),
    ):
        proof = Proof(Verdict.PROVEN)
        proof.learn("key", found, under_secret_key=True)
        assert proof.doubt is doubt
        other = Proof(Verdict.PROVEN)
        other.learn("key", found, under_secret_key=False)
        assert not other.doubt


def test_a_later_judgement_follows_what_was_proven_before() -> None:
    before = Proof(Verdict.PROVEN, {"proven": Evidence(bits=20.0), "not": Evidence(bits=3.0)}, doubt=True)
    later = Proof(Verdict.REFUTED, {"proven": Evidence(bits=-8.0)}).following(before)
    assert later.secret_key is Verdict.PROVEN
    assert later.doubt
    assert later.data_keys == {"proven": Evidence(bits=20.0)}


def test_no_acceptance_vouches_for_a_reading() -> None:
    plain = KeyStanding("k", "azurekv.prod", conclusive=False, under_secret_key=False)
    read = KeyStanding("k", "azurekv.prod", conclusive=False, under_secret_key=False, is_reading=True)
    proof = Proof(Verdict.UNPROVEN, accepted=frozenset({"k"}))
    assert proof.is_firm(plain)
    assert not proof.is_firm(read)
    proof.learn("k", Evidence(bits=16.0), under_secret_key=False)
    assert proof.is_firm(read)
