"""What forms of both encodings share."""

from __future__ import annotations

import codecs
import math
from dataclasses import fields

import pytest

from lilya._sansio.form import DEFAULT_LIMITS, FormLimits, decode_text
from lilya.exceptions import HTTPException, MultiPartException


def test_a_refusal_is_an_answer_that_says_why() -> None:
    refusal = MultiPartException("Too much.", status_code=413)
    assert isinstance(refusal, HTTPException)
    assert (refusal.status_code, refusal.detail, refusal.message) == (413, "Too much.", "Too much.")
    assert str(refusal) == "413: Too much."
    assert MultiPartException("Wrong.").status_code == 400


def test_there_is_a_default_for_each_limit() -> None:
    assert FormLimits() == DEFAULT_LIMITS
    assert DEFAULT_LIMITS.max_files == DEFAULT_LIMITS.max_fields == 1000


@pytest.mark.parametrize("name", [field.name for field in fields(FormLimits)])
@pytest.mark.parametrize("limit", [-1, math.nan, None, "10"])
def test_a_limit_that_is_no_number_is_refused_at_once_and_named(name: str, limit: object) -> None:
    with pytest.raises(ValueError, match=f"{name}=.*wanted a number from 0 up") as caught:
        FormLimits(**{name: limit})  # type: ignore[arg-type]
    assert repr(limit) in str(caught.value)


def test_no_limit_is_infinity() -> None:
    assert FormLimits(max_files=math.inf).max_files == math.inf


# fmt: off
CHARSETS = [
    "ascii", "us-ascii", "iso-8859-1", "iso-8859-2", "iso-8859-9", "iso-8859-10", "iso-8859-11", "iso-8859-13",
    "iso-8859-14", "iso-8859-15", "iso-8859-16", "latin1", "latin-1", "windows-1250", "windows-1258", "koi8-r",
    "koi8-u", "gbk", "gb2312", "gb18030", "big5", "euc-jp", "euc-kr", "shift_jis", "iso-2022-jp", "utf-16",
    "utf-16le", "utf-16be",
]
# fmt: on


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_charset_in_use_is_known_in_any_case(charset: str) -> None:
    assert codecs.lookup(charset)
    assert decode_text("plain".encode(charset), charset) == "plain"
    assert decode_text("plain".encode(charset), charset.upper()) == "plain"


@pytest.mark.parametrize(
    ("charset", "text"),
    [("iso-8859-15", "10 €"), ("windows-1251", "да"), ("shift_jis", "日本"), ("utf-16le", "日"), ("utf-8", "日")],
)
def test_text_is_read_in_its_charset(charset: str, text: str) -> None:
    assert decode_text(text.encode(charset), charset) == text


@pytest.mark.parametrize(
    "charset", ["", "utf-8", "utf8", "nonsense", "punycode", "idna", "unicode_escape", "zlib", "utf-7"]
)
def test_a_charset_nobody_uses_is_not_even_looked_up(charset: str) -> None:
    assert decode_text("ü\\n+AGE-".encode(), charset) == "ü\\n+AGE-"


@pytest.mark.parametrize("charset", ["utf-8", "ascii", "euc-jp"])
def test_what_is_no_text_at_all_is_replaced(charset: str) -> None:
    assert decode_text(b"a\xff\xfeb", charset) == "a\ufffd\ufffdb"


def test_what_is_not_valid_in_its_charset_is_read_as_utf_8() -> None:
    assert decode_text("ü".encode(), "ascii") == "ü"
