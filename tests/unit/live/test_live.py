"""What the live test judges by; the test itself needs Docker, see `.github/workflows/grafana.yaml`."""

from __future__ import annotations

import json
from http.client import HTTPConnection

import pytest

from tests.live.api import Grafana, RefusedError
from tests.live.echo import HEADER, Echo, Received, listening
from tests.live.secrets import ContactPoint, DataSource, all_mistakes, basic, policy, rule

SOURCE = DataSource(7, generation=1)
RIGHT = Received("/canary-7", basic(SOURCE.password), SOURCE.token)


def ask(echo: Echo, method: str, path: str, headers: dict[str, str]) -> bytes:
    connection = HTTPConnection("127.0.0.1", int(echo.server_address[1]), timeout=10)
    connection.request(method, path, b"{}" if method == "POST" else None, headers)
    content = connection.getresponse().read()
    connection.close()
    return content


def test_the_server_says_and_remembers_with_what_it_was_asked() -> None:
    with listening() as echo:
        answer = ask(echo, "GET", "/canary-7", {"Authorization": RIGHT.authorization, HEADER: RIGHT.canary})
        assert Received.of(answer) == RIGHT
        assert Received.of(ask(echo, "POST", "/alert", {})) == Received("/alert", "", "")
        assert echo.taken() == [RIGHT, Received("/alert", "", "")]
        assert echo.taken() == []


def test_secrets_that_were_saved_are_no_mistake() -> None:
    assert all_mistakes([SOURCE], {SOURCE.uid: RIGHT}) == []


@pytest.mark.parametrize(
    ("received", "mistakes"),
    [
        (Received("", "", ""), ["password", "token"]),
        (Received("", basic(DataSource(7).password), SOURCE.token), ["password"]),
        (Received("", basic(SOURCE.password), DataSource(8, 1).token), ["token"]),
    ],
    ids=["nothing", "the-password-before", "the-token-of-another"],
)
def test_any_other_secret_is_a_mistake_and_is_not_shown(received: Received, mistakes: list[str]) -> None:
    found = all_mistakes([SOURCE], {SOURCE.uid: received})
    assert found == [f"canary-7: the {name} of saving 1 was not sent" for name in mistakes]
    assert "c4n4ry" not in str(found)


def test_a_data_source_that_sent_nothing_is_a_mistake() -> None:
    assert all_mistakes([SOURCE, DataSource(8)], {SOURCE.uid: RIGHT}) == ["canary-8: nothing was sent"]


def test_a_contact_point_is_proven_by_its_password_alone() -> None:
    point = ContactPoint()
    right = Received("/alert", basic(point.password), "")
    assert point.proven([right, RIGHT, right])
    assert not point.proven([RIGHT])
    assert not point.proven([right, Received("/alert", "", "")])


def test_every_secret_is_sent_to_grafana_where_it_encrypts_it() -> None:
    body = DataSource(3).body("http://127.0.0.1:1")
    assert set(body["secureJsonData"].values()) == {DataSource(3).password, DataSource(3).token}
    del body["secureJsonData"]
    assert "c4n4ry" not in json.dumps(body)
    assert ContactPoint().body("http://x")["settings"]["password"] == ContactPoint().password
    assert policy()["receiver"] == ContactPoint().body("http://x")["name"]
    assert rule()["condition"] == rule()["data"][0]["refId"]


def test_what_grafana_is_asked_goes_to_the_port_with_the_login_and_an_error_is_raised() -> None:
    with listening() as echo:
        port = int(echo.server_address[1])
        received = Grafana(port, "canary", "c4n4ry").use(SOURCE)
        assert received == Received("/api/datasources/proxy/uid/canary-7/canary-7", basic("c4n4ry"), "")
        with pytest.raises(RefusedError, match="501"):
            Grafana(port, "canary", "c4n4ry").change(SOURCE, echo.url)
