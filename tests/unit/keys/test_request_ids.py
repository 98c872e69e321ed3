import uuid

from reencrypt.keys.request_ids import RequestIds, prefix_of

RUN = "20261128-043139-a1b2"


def test_the_ids_of_a_run_begin_alike_and_are_guids_that_never_repeat() -> None:
    ids = RequestIds(RUN)
    made = {ids.next() for _ in range(1000)}
    assert len(made) == 1000
    for each in made:
        assert each.startswith(prefix_of(RUN))
        assert each == str(uuid.UUID(each))
        assert (uuid.UUID(each).version, uuid.UUID(each).variant) == (8, uuid.RFC_4122)


def test_another_run_has_another_prefix_and_no_run_a_random_one() -> None:
    prefixes = {prefix_of(RUN), prefix_of("20261128-043139-a1b3"), RequestIds().next()[:19], RequestIds().next()[:19]}
    assert len(prefixes) == 4


def test_a_run_that_is_resumed_gives_its_name_to_the_requests_that_follow() -> None:
    ids = RequestIds(RUN)
    ids.name("20261127-010101-ffff")
    assert ids.next().startswith(prefix_of("20261127-010101-ffff"))


def test_the_prefix_is_the_same_in_every_release() -> None:
    """An auditor searches the log of the vault for it, months later."""
    assert prefix_of(RUN) == "e1bee721-8210-88c7-"
