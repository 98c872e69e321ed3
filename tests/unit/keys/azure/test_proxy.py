"""Which proxy leads to a host: read as Go reads it, with the cases of golang.org/x/net/http/httpproxy's own tests."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.keys.azure.proxy import Proxy, ProxyError, is_excepted, proxy_for

NO_PROXY = (
    "foobar.com, .barbaz.net, *.wildcard.io, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30, "
    "2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64"
)
VAULT = "https://myvault.vault.azure.net"


@pytest.mark.parametrize(
    ("host", "proxied"),
    [
        ("localhost", False),
        ("127.0.0.1", False),
        ("127.0.0.2", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("::2", True),
        ("192.168.1.1", False),
        ("192.168.1.2", True),  # another port
        ("192.168.1.3", False),
        ("192.168.1.4", True),
        ("10.0.0.2", False),
        ("10.0.0.4", True),
        ("2001:db8::52:0:1", False),
        ("2001:db8::52:0:2", True),
        ("2001:db8::52:0:3", False),
        ("2002:db8:a::123", False),
        ("fe80::424b:c8be:1643:a1b6", True),
        ("barbaz.net", True),
        ("www.barbaz.net", False),
        ("foobar.com", False),
        ("www.foobar.com", False),
        ("FOOBAR.com", False),
        ("foofoobar.com", True),
        ("baz.com", True),
        ("localhost.net", True),
        ("local.localhost", True),
        ("barbarbaz.net", True),
        ("wildcard.io", True),
        ("nested.wildcard.io", False),
        ("awildcard.io", True),
    ],
)
def test_exceptions_are_those_of_go(host: str, *, proxied: bool) -> None:
    assert is_excepted(host, 80, NO_PROXY) is not proxied
    assert is_excepted(host, 80, "*")
    assert is_excepted(host, 80, f"x, *,{NO_PROXY}")


@pytest.mark.parametrize(
    ("host", "no_proxy", "proxied"),
    [
        ("example.com", "example.com", False),
        ("example.com", ".example.com", True),
        ("example.com", "ample.com", True),
        ("foo.example.com", "example.com", False),
        ("example.com", ".foo.com", True),
        ("www.示例.com", ".示例.com", False),
        ("www.示例.com", "xn--fsq092h.com", False),
        ("www.xn--fsq092h.com", "示例.com", False),
        ("1000::%.example.com", "example.com", True),
        ("example.com", ":1", True),
        ("example.com", "example.com:443", False),
        ("example.com", "example.com:8443", True),
        ("example.com", "other.com example.com", True),  # blanks do not separate
        ("example.com", ",, ,", True),
        ("example.com", "*example.com", True),
        ("10.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.9.9.9/255.0.0.0", True),  # Go knows no such mask
        ("10.1.2.3", "10.1.2.3:443", False),
        ("10.1.2.3", ".2.3", True),  # an address has no subdomains
        ("2001:db8::1", "[2001:db8::1]", True),  # brackets only with a port
        ("2001:db8::1", "2001:DB8:0::1", False),
        ("::ffff:10.1.2.3", "10.1.2.3", False),
    ],
)
def test_an_exception_names_a_host_a_domain_an_address_or_a_network(host: str, no_proxy: str, *, proxied: bool) -> None:
    assert is_excepted(host, 443, no_proxy) is not proxied


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("cache.corp.example.com:1234", "http://cache.corp.example.com:1234"),
        ("cache.corp.example.com", "http://cache.corp.example.com"),
        ("proxy:3128", "http://proxy:3128"),
        ("localhost", "http://localhost"),
        ("https://cache.corp.example.com", "https://cache.corp.example.com"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://[::1]:3128", "http://[::1]:3128"),
        ("HTTP://Proxy:3128", "http://proxy:3128"),
        ("http://прокси.example:3128", "http://xn--h1adldfi.example:3128"),
        ("http://my_proxy:3128", "http://my_proxy:3128"),
    ],
)
def test_a_proxy_needs_no_scheme(value: str, url: str) -> None:
    proxy = proxy_for(VAULT, {"HTTPS_PROXY": value})
    assert proxy is not None
    assert (proxy.url, proxy.authorization.reveal()) == (url, "")
    assert str(proxy) == f"{url} (HTTPS_PROXY)"


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, None),
        ({"HTTP_PROXY": "proxy", "ALL_PROXY": "proxy"}, None),
        ({"https_proxy": "lower"}, "http://lower"),
        ({"HTTPS_PROXY": "upper", "https_proxy": "lower"}, "http://upper"),
        ({"HTTPS_PROXY": "", "https_proxy": "lower"}, "http://lower"),
        ({"HTTPS_PROXY": "upper", "no_proxy": "vault.azure.net"}, None),
        ({"HTTPS_PROXY": "upper", "NO_PROXY": "login.microsoftonline.com"}, "http://upper"),
        ({"HTTPS_PROXY": "socks5://nobody", "NO_PROXY": ".azure.net"}, None),
    ],
)
def test_the_variables_are_those_of_go(variables: dict[str, str], url: str | None) -> None:
    proxy = proxy_for(VAULT, variables)
    assert (proxy and proxy.url) == url
    # The endpoint of a managed identity.
    assert proxy_for("http://169.254.169.254/metadata", {"HTTPS_PROXY": "x", "HTTP_PROXY": "x"}) is None


def test_a_proxys_credentials_are_a_header_and_nothing_else() -> None:
    value = f"alice:{quote('c4n4ry:/@#ü', safe='')}@proxy:3128"
    for text in (value, f"http://{value}"):
        proxy = proxy_for(VAULT, {"https_proxy": text})
        assert proxy is not None
        scheme, _, encoded = proxy.authorization.reveal().partition(" ")
        assert (scheme, base64.b64decode(encoded).decode()) == ("Basic", "alice:c4n4ry:/@#ü")
        assert proxy.url == "http://proxy:3128"
        assert "c4n4ry" not in f"{proxy} {proxy!r}"
        assert encoded not in repr(proxy)


@pytest.mark.parametrize(
    "value",
    [
        "http://alice:c4n4ry#x@proxy:3128",
        "http://alice:12#c4n4ry@proxy:3128",
        "http://alice:12/c4n4ry@proxy:3128",
        "http://alice:12?c4n4ry@proxy:3128",
        "http://alice:c4n4ry@proxy:99999",
        "http://alice:c4n4ry@proxy:0",
        "http://alice:c4n4ry@proxy:port",
        "http://alice:c4n4ry@[proxy:3128",
        "http://alice:c4n4ry@",
        "http://",
        "alice:c4n4ry@proxy:3128 ",
        "alice:c4n4ry@proxy:3128\r",
        "http://alice:c4n4ry@pro xy",
        "http:///proxy",
        "//proxy:3128",
        f"http://{'x' * 64}.example:3128",
        "http://a..b:3128",
    ],
)
def test_what_is_no_address_is_refused_by_the_variable_and_never_repeated(value: str) -> None:
    with pytest.raises(ProxyError) as caught:
        proxy_for(VAULT, {"https_proxy": value})
    assert caught.value.exit_code == 2
    assert caught.value.message.startswith("https_proxy is not the address of a proxy: ")
    assert "http://HOST:PORT" in caught.value.hint
    assert "c4n4ry" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4", "ftp", "foo"])
def test_another_kind_of_proxy_is_refused_by_name(scheme: str) -> None:
    with pytest.raises(ProxyError, match=f"HTTPS_PROXY names a proxy of the kind {scheme}") as caught:
        proxy_for(VAULT, {"HTTPS_PROXY": f"{scheme}://alice:c4n4ry@proxy:1080"})
    assert "NO_PROXY" in caught.value.hint
    assert "c4n4ry" not in caught.value.message + caught.value.hint


CANARY = "c4n4ry"
PIECES = st.sampled_from(
    [
        "http",
        "https",
        "socks5",
        "://",
        ":",
        "@",
        "/",
        "?",
        "#",
        "[",
        "]",
        "%",
        "%40",
        ".",
        "proxy",
        "3128",
        "::1",
        "\n",
        "é",
    ]
)


@given(
    st.one_of(st.text(), st.lists(PIECES).map("".join)),
    st.one_of(st.text(), st.lists(PIECES).map("".join)),
    st.one_of(st.text(max_size=50), st.lists(st.sampled_from([*NO_PROXY, ",", "*", "[", "%", "x"])).map("".join)),
)
def test_no_value_ends_in_another_error_or_shows_its_password(head: str, tail: str, no_proxy: str) -> None:
    value = f"{head}:{CANARY}@{tail}"
    proxy: Proxy | None = None
    try:
        proxy = proxy_for(VAULT, {"HTTPS_PROXY": value, "NO_PROXY": no_proxy})
    except ProxyError as error:
        said = error.message + error.hint
    else:
        said = f"{proxy} {proxy!r}"
    assert CANARY not in said
