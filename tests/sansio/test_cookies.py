"""Cookies, read and written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from http.cookies import SimpleCookie

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lilya._sansio.conditional import parse_http_date
from lilya._sansio.cookies import format_cookie, parse_cookies
from lilya._sansio.headers import check_value

PRINTABLE = st.characters(max_codepoint=255, exclude_categories=["Cc"])  # later releases refuse control characters


@pytest.mark.parametrize(
    ("field", "cookies"),
    [
        ("", {}),
        (" ; ;", {}),
        ("a=1", {"a": "1"}),
        ("a=1; b=2;c=3", {"a": "1", "b": "2", "c": "3"}),
        ("a=1; a=2", {"a": "2"}),
        ("a = b ", {"a": "b"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=", {"a": ""}),
        ("lonely", {"": "lonely"}),
        ("=nameless", {"": "nameless"}),
        ('a="b c"', {"a": "b c"}),
        (r'a="b\073 \"c\" \\ \054"', {"a": 'b; "c" \\ ,'}),
        ('a="', {"a": '"'}),
        ('a="b', {"a": '"b'}),
        ("a=%20b%C3%A9", {"a": " bé"}),
        ("a=%zz%", {"a": "%zz%"}),
        ("a=%ff", {"a": "\ufffd"}),
        ("a=b+c", {"a": "b+c"}),
        ("$Version=1; a b=c,d", {"$Version": "1", "a b": "c,d"}),
    ],
)
def test_cookies_are_read_as_browsers_mean_them(field: str, cookies: dict[str, str]) -> None:
    assert parse_cookies([field]) == cookies


def test_the_last_of_all_cookie_fields_wins() -> None:
    assert parse_cookies(["a=1; b=2", "a=3"]) == {"a": "3", "b": "2"}
    assert parse_cookies([]) == {}


@given(st.lists(st.text()))
def test_reading_cookies_never_fails(fields: list[str]) -> None:
    parse_cookies(fields)


def test_a_hostile_quoted_value_is_read_in_linear_time() -> None:
    assert parse_cookies(['a="' + '\\"' * 100_000 + '"']) == {"a": '"' * 100_000}


@given(st.text())
@example('a\r\nb; c, d"e\\ \x00\x7f\xe9€')
@example("")
def test_every_value_comes_back_unless_it_is_percent_encoded(value: str) -> None:
    written = format_cookie("name", value)
    assert check_value("set-cookie", written) == written
    if "%" not in value and value.isprintable():
        assert parse_cookies([written]) == {"name": value}


@given(st.text(PRINTABLE))
@example("")
@example("".join(map(chr, range(0x20, 0x7F))))
def test_a_value_is_printed_as_the_standard_library_prints_it(value: str) -> None:
    cookie: SimpleCookie = SimpleCookie()
    morsel = cookie.value_encode(value)[1]
    assert format_cookie("k", value) == f"k={morsel}"


def test_attributes_are_printed_as_the_standard_library_prints_them() -> None:
    date = "Fri, 22 Jan 2100 12:00:00 GMT"
    cookie: SimpleCookie = SimpleCookie({"k": "v"})
    cookie["k"].update({"max-age": "10", "expires": date, "path": "/p", "domain": "example.org", "samesite": "none"})
    cookie["k"].update({"secure": "yes", "httponly": "yes"})
    written = format_cookie(
        "k",
        "v",
        max_age=10,
        expires=date,
        path="/p",
        domain="example.org",
        samesite="none",
        secure=True,
        httponly=True,
    )
    assert f"Set-Cookie: {written}" == cookie.output()
    assert written == (f"k=v; Domain=example.org; expires={date}; HttpOnly; Max-Age=10; Path=/p; SameSite=none; Secure")


def test_what_is_not_given_is_not_written() -> None:
    assert format_cookie("k") == 'k=""'
    bare = format_cookie(
        "k", "v", max_age=None, expires=None, path=None, domain=None, secure=None, httponly=False, samesite=None
    )
    assert bare == "k=v"


def test_a_removed_cookie_has_no_time_left() -> None:
    assert "; Max-Age=0" in format_cookie("k", max_age=0, expires=0)


def test_expires_takes_seconds_from_now_an_aware_datetime_or_a_date() -> None:
    now = datetime.now(UTC)
    in_seconds = format_cookie("k", "v", expires=3600).partition("expires=")[2]
    seconds = parse_http_date(in_seconds)
    assert seconds is not None
    assert abs(seconds - now.timestamp() - 3600) < 60
    moment = datetime(2037, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert format_cookie("k", "v", expires=moment) == "k=v; expires=Thu, 01 Jan 2037 00:00:00 GMT"
    assert format_cookie("k", "v", expires="Thu, 01 Jan 2037 00:00:00 GMT").endswith("=Thu, 01 Jan 2037 00:00:00 GMT")


def test_a_datetime_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        format_cookie("k", expires=datetime(2037, 1, 1))


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;b", "é", "a\r\n"])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no cookie name"):
        format_cookie(name, "v")


@pytest.mark.parametrize("text", ["/a;b", "/a\r\nx: y", "/é", "\x00"])
def test_an_attribute_cannot_smuggle_in_another_one(text: str) -> None:
    with pytest.raises(ValueError, match="The path of a cookie"):
        format_cookie("k", path=text)
    with pytest.raises(ValueError, match="The domain of a cookie"):
        format_cookie("k", domain=text)
    with pytest.raises(ValueError, match="The expires of a cookie"):
        format_cookie("k", expires=text)


@pytest.mark.parametrize("samesite", ["strict", "Lax", "NONE"])
def test_samesite_is_written_as_given(samesite: str) -> None:
    assert format_cookie("k", "v", samesite=samesite) == f"k=v; SameSite={samesite}"


def test_another_samesite_is_an_assertion_error() -> None:
    with pytest.raises(AssertionError, match="samesite must be either 'strict', 'lax' or 'none', not 'loose'"):
        format_cookie("k", samesite="loose")


@pytest.mark.parametrize("name", ["__Secure-id", "__secure-id", "__Host-id", "__HOST-id"])
def test_a_prefixed_name_needs_a_secure_cookie(name: str) -> None:
    with pytest.raises(ValueError, match="pass secure=True"):
        format_cookie(name, path="/")
    assert format_cookie(name, "v", path="/", secure=True) == f"{name}=v; Path=/; Secure"


def test_a_host_cookie_is_of_one_host_and_all_its_paths() -> None:
    for attributes in ({}, {"path": "/x"}, {"path": "/", "domain": "example.org"}):
        with pytest.raises(ValueError, match="path='/' and no domain"):
            format_cookie("__Host-id", secure=True, **attributes)  # type: ignore[arg-type]
    assert format_cookie("__Secure-id", "v", secure=True, path="/x", domain="e.org").startswith("__Secure-id=v")


def test_a_partitioned_cookie_needs_to_be_secure() -> None:
    assert format_cookie("k", "v", partitioned=True, secure=True) == "k=v; Partitioned; Secure"
    with pytest.raises(ValueError, match="pass secure=True"):
        format_cookie("k", partitioned=True)
