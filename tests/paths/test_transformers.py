from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilya._paths.template import compile_path
from lilya.exceptions import ImproperlyConfigured
from lilya.transformers import TRANSFORMER_TYPES, Transformer, TransformerRegistry, register_path_transformer

SOME_UUID = UUID("0190d8a4-6f3c-7d2e-9a1b-cdef01234567")


class Reversed(Transformer[str]):
    regex = "[a-z]+"

    def transform(self, value: str) -> str:
        return value[::-1]

    def normalise(self, value: str) -> str:
        return value[::-1]


@pytest.fixture
def restored() -> Iterator[None]:
    before = dict(TRANSFORMER_TYPES)
    yield
    TRANSFORMER_TYPES.clear()
    TRANSFORMER_TYPES.update(before)


def value_of(key: str, text: str) -> Any:
    """What `{x:key}` makes of a text; `LookupError` where it does not match."""
    regex, _, transformers = compile_path(f"/{{x:{key}}}")
    match = regex.match(f"/{text}")
    if match is None:
        raise LookupError(text)
    try:
        return transformers["x"].transform(match["x"])
    except ValueError as error:
        raise LookupError(text) from error


def test_the_built_in_keys_are_registered() -> None:
    assert list(TRANSFORMER_TYPES) == ["str", "path", "int", "float", "uuid", "datetime"]
    assert len(TRANSFORMER_TYPES) == 6


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("str", "a b", "a b"),
        ("str", "a\nb", "a\nb"),
        ("path", "", ""),
        ("path", "a/b//c", "a/b//c"),
        ("int", "0", 0),
        ("int", "007", 7),
        ("float", "3", 3.0),
        ("float", "3.25", 3.25),
        ("uuid", str(SOME_UUID), SOME_UUID),
        ("uuid", str(SOME_UUID).upper(), SOME_UUID),
        ("datetime", "2024-02-29T23:59:58", datetime(2024, 2, 29, 23, 59, 58)),
        ("datetime", "2024-02-29T23:59:58.5", datetime(2024, 2, 29, 23, 59, 58, 500_000)),
        ("datetime", "2024-02-29T23:59:58.000001", datetime(2024, 2, 29, 23, 59, 58, 1)),
        ("datetime", "0001-01-01T00:00:00", datetime(1, 1, 1)),
    ],
)
def test_a_text_becomes_its_value(key: str, text: str, value: object) -> None:
    found = value_of(key, text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("str", ""),
        ("str", "a/b"),
        ("path", "a\nb"),
        ("int", ""),
        ("int", "-1"),
        ("int", "1_0"),
        ("int", " 1"),
        ("int", "1\n"),
        ("int", "٣"),
        ("int", "1" * (sys.get_int_max_str_digits() + 1)),
        ("float", ".5"),
        ("float", "5."),
        ("float", "1e5"),
        ("float", "nan"),
        ("float", "9" * 400),
        ("uuid", SOME_UUID.hex),
        ("uuid", f"{{{SOME_UUID}}}"),
        ("datetime", "2024-02-29"),
        ("datetime", "2023-02-29T00:00:00"),
        ("datetime", "2024-02-29T24:00:01"),
        ("datetime", "2024-02-29T00:00:00."),
        ("datetime", "2024-02-29T00:00:00.1234567"),
        ("datetime", "2024-02-29T00:00:00Z"),
    ],
)
def test_a_text_without_a_value_does_not_match(key: str, text: str) -> None:
    with pytest.raises(LookupError):
        value_of(key, text)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("str", "a b", "a b"),
        ("path", "a/b", "a/b"),
        ("int", 7, "7"),
        ("int", "7", "7"),
        ("float", 3.0, "3"),
        ("float", 0.1, "0.1"),
        ("float", 1e-19, "0.0000000000000000001"),
        ("float", -0.0, "0"),
        ("float", 1e21, "1000000000000000000000"),
        ("uuid", SOME_UUID, str(SOME_UUID)),
        ("datetime", datetime(2024, 2, 29, 1, 2, 3, 999_999), "2024-02-29T01:02:03"),
        ("datetime", datetime(33, 4, 3, tzinfo=UTC), "0033-04-03T00:00:00"),
    ],
)
def test_a_value_becomes_its_text(key: str, value: object, text: str) -> None:
    assert TRANSFORMER_TYPES[key].normalise(value) == text


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("str", "a/b", "May not contain path separators"),
        ("str", "", "Must not be empty"),
        ("int", -1, "Negative integers are not supported"),
        ("float", -0.5, "Negative floats are not supported"),
        ("float", float("nan"), "NaN and infinite values are not supported"),
        ("float", float("inf"), "NaN and infinite values are not supported"),
    ],
)
def test_a_value_that_no_path_can_carry_is_refused(key: str, value: object, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        TRANSFORMER_TYPES[key].normalise(value)


@given(st.integers(min_value=0))
def test_every_non_negative_integer_comes_back(value: int) -> None:
    assert value_of("int", TRANSFORMER_TYPES["int"].normalise(value)) == value


@given(st.floats(min_value=1e-3, allow_infinity=False))
def test_every_float_of_at_most_20_decimals_comes_back(value: float) -> None:
    assert value_of("float", TRANSFORMER_TYPES["float"].normalise(value)) == value


@given(st.uuids())
def test_every_uuid_comes_back(value: UUID) -> None:
    assert value_of("uuid", TRANSFORMER_TYPES["uuid"].normalise(value)) == value


@given(st.datetimes())
def test_every_datetime_comes_back_in_whole_seconds(value: datetime) -> None:
    assert value_of("datetime", TRANSFORMER_TYPES["datetime"].normalise(value)) == value.replace(microsecond=0)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("transformer", [Reversed, Reversed()])
def test_a_class_or_an_instance_can_be_registered(transformer: Reversed | type[Reversed]) -> None:
    register_path_transformer("reversed", transformer)
    assert value_of("reversed", "abc") == "cba"


@pytest.mark.usefixtures("restored")
def test_a_known_key_is_replaced_for_later_templates_only() -> None:
    _, _, before = compile_path("/{x:int}")
    register_path_transformer("int", Reversed)
    assert value_of("int", "abc") == "cba"
    assert before["x"].transform("12") == 12


def test_registries_do_not_share_what_they_hold() -> None:
    registry = TransformerRegistry()
    registry["reversed"] = Reversed()
    assert "reversed" in registry
    assert "reversed" not in TRANSFORMER_TYPES
    del registry["reversed"]
    assert not registry


@pytest.mark.parametrize("key", ["", "a-b", "a b", "1a", "a:b", "a}"])
def test_a_key_that_no_template_can_name_is_refused(key: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="must be an identifier"):
        register_path_transformer(key, Reversed)


@pytest.mark.parametrize("regex", ["[", "(?i)x", "a)(b"])
def test_a_regex_that_cannot_be_part_of_a_pattern_is_refused(regex: str) -> None:
    bad = type("Bad", (Reversed,), {"regex": regex})
    with pytest.raises(ImproperlyConfigured, match="cannot be a part of a larger pattern"):
        register_path_transformer("x", bad)
    assert "x" not in TRANSFORMER_TYPES


def test_a_transformer_without_a_regex_is_refused() -> None:
    class Bare(Transformer[str]):
        def transform(self, value: str) -> str:
            raise NotImplementedError

        def normalise(self, value: str) -> str:
            raise NotImplementedError

    with pytest.raises(ImproperlyConfigured, match="must have a string `regex`, not None"):
        register_path_transformer("bare", Bare)


def test_what_is_no_transformer_is_refused() -> None:
    not_one: Any = object()
    with pytest.raises(ImproperlyConfigured, match="must be a Transformer"):
        register_path_transformer("x", not_one)
