"""URLs."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lilya.datastructures import URL, URLPath

WHOLE = "https://user:secret@Example.org:8443/a/b%20c?x=1&y=2#part"
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def scope(**changes: Any) -> dict[str, Any]:
    basis = {
        "type": "http",
        "scheme": "https",
        "server": ("example.org", 443),
        "root_path": "",
        "path": "/path/to/somewhere",
        "query_string": b"abc=123",
        "headers": [],
    }
    return basis | changes


def host(value: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"host", value)]


def test_a_url_has_parts() -> None:
    url = URL(WHOLE)
    assert (url.scheme, url.netloc) == ("https", "user:secret@Example.org:8443")
    assert (url.path, url.query, url.fragment) == ("/a/b%20c", "x=1&y=2", "part")
    assert (url.username, url.password, url.hostname, url.port) == ("user", "secret", "example.org", 8443)
    assert url.is_secure


def test_parts_that_are_not_there_are_empty_or_none() -> None:
    url = URL("/a")
    assert (url.scheme, url.netloc, url.query, url.fragment) == ("", "", "", "")
    assert (url.username, url.password, url.hostname, url.port) == (None, None, None, None)
    assert not url.is_secure
    assert str(URL()) == ""


@pytest.mark.parametrize(("text", "secure"), [("wss://a", True), ("ws://a", False), ("http://a", False)])
def test_tls_is_told_by_the_scheme(text: str, secure: bool) -> None:
    assert URL(text).is_secure is secure


def test_it_is_made_of_a_string_a_split_result_parts_or_another_one() -> None:
    assert URL(urlsplit(WHOLE)) == URL(URL(WHOLE)) == WHOLE
    assert URL(scheme="https", netloc="e.org", path="/a", query="b=1", fragment="c") == "https://e.org/a?b=1#c"
    assert URL(scheme="HTTPS", netloc="e.org", path="a") == "https://e.org/a"
    assert URL(scheme="mailto", path="a@e.org") == "mailto:a@e.org"
    assert URL(scheme="file", path="/a") == "file:///a"


def test_a_whole_url_and_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="not both"):
        URL("http://a", path="/b")


@pytest.mark.parametrize(
    "bad", ["http://[::1", "http://a:99999/", "http://a:b/", "http://[x]/"], ids=["bracket", "range", "letters", "ip"]
)
def test_a_string_that_is_no_url_is_a_value_error_at_once(bad: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        URL(bad)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"scheme": "ht tp", "netloc": "a"}, "no URL scheme"),
        ({"scheme": "1a", "netloc": "a"}, "no URL scheme"),
        ({"scheme": "http", "netloc": "a/b"}, "no host of a URL"),
        ({"scheme": "http", "netloc": "a b"}, "no host of a URL"),
        ({"scheme": "http", "netloc": "a\\b"}, "no host of a URL"),
        ({"scheme": "http", "netloc": "[::1"}, "IPv6"),
        ({"scheme": "http", "netloc": "a:b"}, "Port"),
    ],
)
def test_parts_that_no_url_has_are_refused(parts: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        URL(**parts)


@given(TEXT, TEXT, TEXT, st.sampled_from(["", "e.org"]))
@example("//evil.example", "", "", "")
@example("/\\evil.example", "", "", "")
@example("/a?b#c d\n", "x#y", "z#", "")
@example("javascript:alert(1)", "", "", "")
def test_parts_of_the_string_are_parts_of_the_url(path: str, query: str, fragment: str, netloc: str) -> None:
    url = URL(scheme="http" if netloc else "", netloc=netloc, path=path, query=query, fragment=fragment)
    again = urlsplit(str(url))
    assert (again.scheme, again.netloc) == (url.scheme, url.netloc) == ("http" if netloc else "", netloc)
    assert (again.path, again.query, again.fragment) == (url.path, url.query, url.fragment)
    assert not str(url).startswith(("//", "/\\"))


def test_parts_are_replaced() -> None:
    url = URL(WHOLE)
    assert url.replace(scheme="http") == "http://user:secret@Example.org:8443/a/b%20c?x=1&y=2#part"
    assert url.replace(path="/z", query="", fragment="") == "https://user:secret@Example.org:8443/z"
    assert url.replace(netloc="other") == "https://other/a/b%20c?x=1&y=2#part"
    assert url.replace(netloc="other", port=1).netloc == "other:1"
    assert url.replace(hostname="other").netloc == "user:secret@other:8443"
    assert url.replace(port=None).netloc == "user:secret@example.org"
    assert url.replace(username=None, password=None).netloc == "example.org:8443"
    assert url.replace(password=None).netloc == "user@example.org:8443"
    assert url.replace(username=None).netloc == ":secret@example.org:8443"
    assert url == WHOLE


def test_an_ipv6_address_keeps_its_brackets() -> None:
    url = URL("http://[::1]:80/")
    assert url.hostname == "::1"
    assert url.replace(port=81) == "http://[::1]:81/"
    assert url.replace(hostname="fe80::1") == "http://[fe80::1]:80/"
    assert url.replace(hostname="[fe80::1]") == "http://[fe80::1]:80/"


def test_user_and_password_cannot_end_the_authority() -> None:
    url = URL("http://h/").replace(username="a:b@c", password="p/w?")
    assert (url.hostname, url.path) == ("h", "/")
    assert (url.username, url.password) == ("a%3Ab%40c", "p%2Fw%3F")
    assert url.replace(password=url.password) == url


def test_a_part_that_no_url_has_is_refused() -> None:
    with pytest.raises(TypeError, match=r"A URL has no hots; it has .*hostname"):
        URL("/").replace(hots="x")  # type: ignore[call-arg]


def test_query_parameters_are_included_replaced_and_removed() -> None:
    url = URL("https://e.org/path?a=1&b=2&a=3")
    assert url.include_query_params(c=4) == "https://e.org/path?a=1&b=2&a=3&c=4"
    assert url.include_query_params(a="x y") == "https://e.org/path?a=x+y&b=2"
    assert url.include_query_params(b=[5, 6]) == "https://e.org/path?a=1&b=5&a=3&b=6"
    assert url.replace_query_params(c="&") == "https://e.org/path?c=%26"
    assert url.replace_query_params() == "https://e.org/path"
    assert url.remove_query_params("a") == "https://e.org/path?b=2"
    assert url.remove_query_params(["a", "b"]) == "https://e.org/path"


@pytest.mark.parametrize(
    ("url", "relative"),
    [
        (WHOLE, "/a/b%20c?x=1&y=2#part"),
        ("https://e.org", ""),
        ("https://e.org//evil.example/x", "/.//evil.example/x"),
        ("https://e.org/\\evil.example", "/%5Cevil.example"),
        ("javascript:alert(1)", "alert(1)"),
    ],
)
def test_a_relative_url_never_names_another_host(url: str, relative: str) -> None:
    assert URL(url).relative_url() == relative


def test_it_equals_its_string_and_hashes_alike() -> None:
    assert URL(WHOLE) == WHOLE
    assert WHOLE == URL(WHOLE)  # noqa: SIM300
    assert URL(WHOLE) != URL("/")
    assert URL("/") != 1
    assert {URL("/"): 1}[URL("/")] == 1
    assert hash(URL("/")) == hash("/")


def test_the_password_is_not_shown() -> None:
    assert repr(URL("https://user:secret@e.org/")) == "URL('https://user:***********@e.org/')"
    assert repr(URL("https://user@e.org/")) == "URL('https://user@e.org/')"
    assert repr(URL("/a")) == "URL('/a')"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "https://example.org/path/to/somewhere?abc=123"),
        ({"query_string": b""}, "https://example.org/path/to/somewhere"),
        ({"server": ("example.org", 123)}, "https://example.org:123/path/to/somewhere?abc=123"),
        ({"server": ("::1", 123)}, "https://[::1]:123/path/to/somewhere?abc=123"),
        ({"server": ("/run/app.sock", None)}, "/path/to/somewhere?abc=123"),
        ({"server": None}, "/path/to/somewhere?abc=123"),
        ({"headers": host(b"example.com")}, "https://example.com/path/to/somewhere?abc=123"),
        ({"headers": host(b"example.com:443")}, "https://example.com/path/to/somewhere?abc=123"),
        ({"headers": host(b"example.com:80")}, "https://example.com:80/path/to/somewhere?abc=123"),
        ({"headers": host(b"[::1]")}, "https://[::1]/path/to/somewhere?abc=123"),
        ({"headers": host(b"[::1]:443")}, "https://[::1]/path/to/somewhere?abc=123"),
        ({"headers": host(b"e.com:")}, "https://e.com/path/to/somewhere?abc=123"),
        ({"scheme": "ftp", "headers": host(b"e.com:80")}, "ftp://e.com:80/path/to/somewhere?abc=123"),
        ({"scheme": "ws", "headers": host(b"e.com:80")}, "ws://e.com/path/to/somewhere?abc=123"),
    ],
)
def test_the_url_of_a_connection(changes: dict[str, Any], expected: str) -> None:
    assert URL.build_from_scope(scope(**changes)) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"evil.com/x",
        b"a@b",
        b"a b",
        b"[::1",
        b"[:::1]",
        b"a:99999",
        b"a:b",
        b"a#b",
        b"a?b",
        b"\xff",
        b"a,b",
        b"a\\b",
    ],
)
def test_a_host_header_that_is_no_host_is_passed_over(value: bytes) -> None:
    url = URL.build_from_scope(scope(headers=host(value)))
    assert url.netloc == "example.org"
    assert url.path == "/path/to/somewhere"


def test_the_least_scope_has_a_url() -> None:
    assert URL.build_from_scope({"path": "/a"}) == "/a"
    assert URL.build_from_scope({}) == ""
    assert URL.build_from_scope({"headers": host(b"e.org")}) == "http://e.org"
    assert URL.build_from_scope({"type": "websocket", "headers": host(b"e.org")}).scheme == "ws"


@pytest.mark.parametrize(
    ("root", "path", "expected"),
    [
        ({"root_path": ""}, "/a", "/a"),
        ({"root_path": "/api"}, "/api/a", "/api/a"),
        ({"root_path": "/api"}, "/api", "/api"),
        ({"root_path": "/api/"}, "/a", "/api/a"),
        ({"root_path": "/api"}, "/apiary", "/api/apiary"),
        ({"root_path": "/ü"}, "/a", "/%C3%BC/a"),
        ({"root_path": "/api/users", "app_root_path": "/api"}, "/users/1", "/api/users/1"),
        ({"root_path": "/users", "app_root_path": ""}, "/users/1", "/users/1"),
    ],
)
def test_the_path_includes_the_root_whether_or_not_the_server_put_it_there(
    root: dict[str, str], path: str, expected: str
) -> None:
    assert URL.build_from_scope(scope(path=path, **root)).path == expected


@pytest.mark.parametrize(
    ("path", "raw", "expected"),
    [
        ("/a b?#é%", None, "/a%20b%3F%23%C3%A9%25"),
        ("/a/b", b"/a%2Fb", "/a%2Fb"),
        ("/a/b", b"/a%2fb", "/a%2fb"),
        ("/é", b"/%C3%A9", "/%C3%A9"),
        ("/rewritten", b"/a%2Fb", "/rewritten"),
        ('/a"<b>/c', b'/a"<b>%2Fc', "/a%22%3Cb%3E%2Fc"),
    ],
)
def test_the_path_is_encoded_as_the_client_did_where_that_is_known(path: str, raw: bytes | None, expected: str) -> None:
    assert URL.build_from_scope(scope(path=path, raw_path=raw)).path == expected


def test_a_query_is_left_as_it_is_but_for_what_may_not_stand_there() -> None:
    url = URL.build_from_scope(scope(query_string=b'a[]=%20+&b="#\xff\r\n'))
    assert url.query == "a[]=%20+&b=%22%23%FF%0D%0A"


@given(st.text(), st.binary(), st.binary(), st.one_of(st.none(), st.binary()))
@example("//evil.example", b"", b"", None)
@example("*", b"e.org", b"", b"*")
@example("/\udcff", b"e.org", b"", b"/%FF")
def test_whatever_the_network_sends_has_a_url(path: str, host_field: bytes, query: bytes, raw: bytes | None) -> None:
    url = URL.build_from_scope(scope(path=path, headers=host(host_field), query_string=query, raw_path=raw))
    assert str(url).isascii()
    assert str(url).isprintable()
    again = urlsplit(str(url))
    assert (again.netloc, again.path, again.query) == (url.netloc, url.path, url.query)
    path = path.encode("utf-8", "replace").decode()
    assert unquote(url.path) == (path if path.startswith("/") or not path else f"/{path}")


def test_a_path_is_made_absolute_with_the_scheme_of_its_protocol() -> None:
    assert URLPath("/path").make_absolute_url("https://e.org:123/") == "https://e.org:123/path"
    assert URLPath("/path", protocol="http").make_absolute_url(URL("http://e.org")) == "http://e.org/path"
    assert URLPath("/path", protocol="websocket").make_absolute_url("https://e.org/") == "wss://e.org/path"
    assert URLPath("/path", protocol="websocket").make_absolute_url("http://e.org/") == "ws://e.org/path"
    assert URLPath("/path", protocol="http").make_absolute_url("wss://e.org/") == "https://e.org/path"


def test_a_path_is_below_the_path_of_the_base_and_on_its_own_host_if_it_has_one() -> None:
    assert URLPath("/path").make_absolute_url("https://e.org/root/") == "https://e.org/root/path"
    path = URLPath("/path", protocol="http", host="other.org:8000")
    assert path.make_absolute_url("https://e.org/") == "https://other.org:8000/path"


def test_a_path_is_a_string_that_knows_protocol_and_host() -> None:
    path = URLPath("/a", "websocket", "e.org")
    assert path == "/a"
    assert f"{path}?x" == "/a?x"
    assert (path.protocol, path.host) == ("websocket", "e.org")
    assert (URLPath("/a").protocol, URLPath("/a").host) == ("", "")
