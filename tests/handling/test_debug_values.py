"""Values are shown short, with what looks secret masked, and whatever they do."""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilya._handling._debug_values import VALUE_LENGTH, Values, cut, is_secret, scrub, shown_header
from lilya.datastructures import Header, Secret

MASK = "***********"
SECRETS = """
    password db_password PASSWORD userPwd pwd secret client_secret secretKey api_key apiKey APIKey x-api-key access_key
    private-key auth auth_token token csrftoken jwt cookie Set-Cookie Authorization Proxy-Authorization session_id
    sessionid sid credentials PIN
"""


def show(value: object, name: str = "value") -> str:
    return Values().show(name, value)


# -- what is secret ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SECRETS.split())
def test_a_name_that_looks_secret_is_known(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["", "author", "key", "keys", "spinner", "session", "side", "pinned", "user", "host"])
def test_a_harmless_name_is_not_taken_for_a_secret(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://x/?token=abc&page=1", f"http://x/?token={MASK}&page=1"),
        ("postgres://ada:pw@host/db", f"postgres://ada:{MASK}@host/db"),
        ("https://ada@host/", "https://ada@host/"),
        ("User(name='ada', password='it\\'s', age=3)", f"User(name='ada', password={MASK}, age=3)"),
        ('{"password": "hun\\"ter2", "page": 1}', f'{{"password": {MASK}, "page": 1}}'),
        ('"{\\"password\\": \\"a b\\", \\"page\\": 1}"', f'"{{\\"password\\": {MASK}, \\"page\\": 1}}"'),
        ("password='cut in the mid", f"password={MASK}"),
        ("token=\\'cut in the mid", f"token={MASK}"),
        ("(b'cookie', b'a=b')", f"(b'cookie', {MASK})"),
        ("API_KEY => abc, x", f"API_KEY => {MASK}, x"),
        ("token == 'x'", f"token == {MASK}"),
        ("token='a'; token=\"b\"", f"token={MASK}; token={MASK}"),
        ("token=None", "token=None"),
        ('{"token": null}', '{"token": null}'),
        ("tokens=[1, 2]", "tokens=[1, 2]"),
        ("sent Bearer abc.def-123", f"sent Bearer {MASK}"),
        ("a basic idea", "a basic idea"),
        ("name: ada", "name: ada"),
    ],
)
def test_secrets_in_a_text_are_masked(text: str, expected: str) -> None:
    assert scrub(text) == expected


@given(st.text(alphabet="token=:'\"\\ ,()b1", max_size=300))
def test_a_text_without_a_secret_name_is_left_alone_and_any_text_is_survived(text: str) -> None:
    if "token" not in scrub(text):
        assert scrub(text) == text
    else:
        assert len(scrub(text)) <= len(text) + len(MASK) * text.count("token")


@pytest.mark.parametrize("piece", ["a", "'", "a=", "\\", "a\\'=", "//:", "token='", "token=\\'", 'a="', "'token', "])
def test_masking_takes_no_time_whatever_the_text(piece: str) -> None:
    began = time.perf_counter()
    scrub(piece * (20_000 // len(piece)))
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("host", "example.org", "example.org"),
        ("Referer", "http://x/?token=abc", f"http://x/?token={MASK}"),
        ("cookie", "theme=dark; session=abc", f"theme={MASK}; session={MASK}"),
        ("authorization", "Bearer abc", f"Bearer {MASK}"),
        ("authorization", "abc", MASK),
        ("x-api-key", "two words", MASK),
    ],
)
def test_of_a_header_only_what_may_be_seen_is_shown(name: str, value: str, expected: str) -> None:
    assert shown_header(name, value) == expected


# -- values -----------------------------------------------------------------------------------------------------------


class Point(NamedTuple):
    x: int
    token: str


@dataclass
class Order:
    id: int
    card_token: str = "tok_1"
    hidden: str = field(default="hidden", repr=False)


@dataclass
class Vault:
    content: str

    def __repr__(self) -> str:
        return "<a vault>"


class Named:
    def __repr__(self) -> str:
        return "Named(password='hunter2')"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "1"),
        (None, "None"),
        ("text", "'text'"),
        (b"bytes", "b'bytes'"),
        (bytearray(b"x"), "bytearray(b'x')"),
        ([], "[]"),
        ([1, "a"], "[1, 'a']"),
        ((1,), "(1,)"),
        ((1, 2, 3), "(1, 2, 3)"),
        ({1}, "{1}"),
        (set(), "set()"),
        (frozenset({1}), "frozenset({1})"),
        ({"a": {"b": [1]}}, "{'a': {'b': [1]}}"),
        (OrderedDict(a=1), "OrderedDict({'a': 1})"),
        (defaultdict(list, a=[1]), "defaultdict({'a': [1]})"),
        (Point(1, "t"), f"Point(x=1, token={MASK})"),
        (Order(3), f"Order(id=3, card_token={MASK})"),
        (Vault("gold"), "<a vault>"),
        (ValueError(), "ValueError()"),
        (KeyError("a", 1), "KeyError('a', 1)"),
        (Named(), f"Named(password={MASK})"),
        (Secret("s"), f"Secret('{MASK}')"),
        ({"user": "ada", "password": "pw", "token": None}, f"{{'user': 'ada', 'password': {MASK}, 'token': None}}"),
        ([(b"host", b"h"), (b"cookie", b"a=b")], f"[(b'host', b'h'), (b'cookie', {MASK})]"),
        (Header({"authorization": "Bearer abc", "host": "h"}), f"Header({{'authorization': {MASK}, 'host': 'h'}})"),
        ("https://ada:pw@h/", f"'https://ada:{MASK}@h/'"),
        (b"token=abc&x=1", f"b'token={MASK}&x=1'"),
    ],
)
def test_a_value_is_shown_as_python_writes_it_but_for_its_secrets(value: object, expected: str) -> None:
    assert show(value) == expected


def test_what_goes_by_a_secret_name_is_not_shown_unless_it_is_nothing() -> None:
    assert show("hunter2", "password") == MASK
    assert show(None, "password") == "None"


def test_a_value_that_contains_itself_ends() -> None:
    value: list[Any] = []
    value.append(value)
    assert show(value) == "[[[[[…]]]]]"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: b"x" * 100_000_000, "100,000,000 bytes"),
        (lambda: "x" * 100_000_000, "100,000,000 characters"),
        (lambda: bytearray(100_000_000), "100,000,000 bytes"),
        (lambda: [b"x" * 100_000_000], "100,000,000 bytes"),
        (lambda: [0] * 10_000_000, "9,999,960 more"),
        (lambda: set(range(100_000)), "99,960 more"),
        (lambda: dict.fromkeys(range(100_000)), "99,960 more"),
        (lambda: ValueError("x" * 100_000_000), "100,000,000 characters"),
        (lambda: 1 << 10_000_000, "a number of 10,000,001 bits"),
    ],
    ids=["bytes", "text", "bytearray", "bytes in a list", "list", "set", "dict", "exception", "number"],
)
def test_a_large_value_costs_as_much_as_is_shown_of_it(make: Callable[[], object], says: str) -> None:
    value = make()
    began = time.perf_counter()
    text = show(value)
    assert says in text
    assert len(text) < 2 * VALUE_LENGTH
    assert time.perf_counter() - began < 1


def test_what_is_shown_of_many_values_within_one_is_bounded() -> None:
    text = show([["x" * 500] * 40] * 40)
    assert text.endswith(" …")
    assert len(text) < 3 * VALUE_LENGTH


def test_a_long_repr_is_cut() -> None:
    class Long:
        def __repr__(self) -> str:
            return "r" * 1_000_000

    text = show(Long())
    assert text.startswith("rrr")
    assert len(text) < VALUE_LENGTH + 50


def test_a_repr_that_raises_is_shown_as_such() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise ZeroDivisionError

    assert show(Broken()) == "<Broken whose repr raises ZeroDivisionError>"
    assert show([1, Broken()]) == "[1, <Broken whose repr raises ZeroDivisionError>]"


def test_a_value_that_breaks_every_rule_is_survived() -> None:
    @dataclass
    class Hostile:
        x: int = 1

        def __getattribute__(self, name: str) -> Any:
            raise ZeroDivisionError(name)

    assert show(Hostile()) == "<a value that cannot be shown: ZeroDivisionError>"


def test_a_dataclass_without_one_of_its_fields_is_shown() -> None:
    order = Order(1)
    del order.id
    assert show(order) == f"Order(id='?', card_token={MASK})"


def test_a_key_that_is_no_text_is_no_name() -> None:
    Pair = namedtuple("Pair", "a b")
    assert show({1: Pair(2, 3), (b"a", 1): 2}) == "{1: Pair(a=2, b=3), (b'a', 1): 2}"


# -- all together -----------------------------------------------------------------------------------------------------


def test_once_enough_is_shown_nothing_more_is() -> None:
    values = Values(length=10)
    assert values.show("a", "0123456789") == "'0123456789'"
    assert "not shown" in values.show("b", 1)
    assert values.show("password", "x") == MASK


def test_once_it_took_too_long_nobody_is_asked_any_more() -> None:
    assert "not shown" in Values(patience=-1.0).show("a", 1)


def test_a_cut_says_how_long_it_was() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("x" * 2000, 3) == "xxx… (2,000 characters)"
