"""A cookie as a value."""

from __future__ import annotations

import pytest

from lilya.datastructures import Cookie


def test_it_is_written_as_a_header_line_or_as_a_value() -> None:
    cookie = Cookie("k", "v", max_age=60, domain="e.org", secure=True, httponly=True, samesite="strict")
    value = "k=v; Domain=e.org; HttpOnly; Max-Age=60; Path=/; SameSite=strict; Secure"
    assert cookie.to_header() == f"Set-Cookie: {value}"
    assert cookie.to_header(header="") == value
    assert cookie.to_header(header="X:") == f"X: {value}"


def test_its_defaults_are_the_whole_site_and_lax() -> None:
    assert Cookie("k").to_header(header="") == 'k=""; Path=/; SameSite=lax'
    assert Cookie("k", description="what it is for").value is None


def test_a_partitioned_cookie_is_kept_apart_for_each_site() -> None:
    assert Cookie("k", "v", partitioned=True, secure=True).to_header(header="").startswith("k=v; Partitioned; ")


def test_a_bad_one_fails_where_it_is_made() -> None:
    with pytest.raises(ValueError, match="secure=True"):
        Cookie("__Host-k")
    with pytest.raises(ValueError, match="no cookie name"):
        Cookie("a b")
    with pytest.raises(AssertionError, match="samesite"):
        Cookie("k", samesite="loose")
