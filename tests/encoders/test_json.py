"""`json_bytes` and `json_encode`: the text, the options, and what is said when there is none."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilya.encoders import ENCODER_TYPES, Encoder, json_bytes, json_encode
from lilya.encoders._json import make_encode

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@dataclass
class Box:
    content: Any


class Nobody:
    pass


class Failing(Encoder):
    __type__ = Nobody

    def __init__(self, error: Exception) -> None:
        self.error = error

    def serialize(self, obj: Nobody) -> Any:
        raise self.error


@given(JSON_VALUES)
def test_json_values_come_back_from_the_text_as_they_were(value: Any) -> None:
    assert json.loads(json_bytes(value)) == value
    assert json_encode(value) == value


def test_the_text_is_compact_and_keeps_non_ascii_characters() -> None:
    assert json_bytes({"a": [1, "Ü€\N{SNOWMAN}"], "b": None}) == '{"a":[1,"Ü€☃"],"b":null}'.encode()


def test_encoders_are_not_asked_for_what_json_can_write() -> None:
    class Jealous(Encoder):
        def is_type(self, value: Any) -> bool:
            raise AssertionError(value)

        def serialize(self, obj: Any) -> Any:
            raise NotImplementedError

    ENCODER_TYPES.set([Jealous])
    assert json_bytes({"a": [1, 1.5, "x", None, True, (2,)]}) == b'{"a":[1,1.5,"x",null,true,[2]]}'


def test_encoders_of_one_call_win_and_are_forgotten() -> None:
    class Loud(Encoder):
        __type__ = date

        def serialize(self, obj: date) -> str:
            return "TODAY"

    day = {"day": [date(2024, 2, 29)]}
    assert json_bytes(day, with_encoders=[Loud]) == b'{"day":["TODAY"]}'
    assert json_encode(day, with_encoders=(Loud(),)) == {"day": ["TODAY"]}
    assert json_bytes(day) == b'{"day":["2024-02-29"]}'


def test_encoders_of_one_call_leave_the_registered_ones_in_place() -> None:
    assert json_bytes([Nobody, {1}][1:], with_encoders=[Failing(KeyError())]) == b"[[1]]"


def test_json_encode_gives_the_text_where_it_is_not_to_be_transformed() -> None:
    assert json_encode({"a": Box(1)}, post_transform_fn=None) == '{"a":{"content":1}}'


def test_json_encode_writes_and_transforms_by_what_it_is_given() -> None:
    spaced = partial(json.dumps, indent=1)
    assert json_encode([Box(1)], json_encode_fn=spaced, post_transform_fn=str.split) == [
        "[",
        "{",
        '"content":',
        "1",
        "}",
        "]",
    ]


def test_exclude_none_leaves_out_keys_at_every_depth_but_nothing_of_arrays() -> None:
    class Nothing(Enum):
        NIL = None

    value = {"a": None, "b": [None, Box(None), {"c": None, "d": (1, None)}], "e": Nothing.NIL, "f": 1.5}
    assert json_encode(value, exclude_none=True) == {"b": [None, {}, {"d": [1, None]}], "f": 1.5}
    assert json_encode(None, exclude_none=True) is None


@pytest.mark.parametrize("write", [json_bytes, json_encode, partial(json_encode, exclude_none=True)])
def test_an_object_nobody_takes_is_named_in_the_documented_words(write: Any) -> None:
    with pytest.raises(ValueError, match=r"^Object of type 'Nobody' is not JSON serializable\.$"):
        write(Nobody())


@pytest.mark.parametrize("write", [json_bytes, json_encode])
@pytest.mark.parametrize(
    ("value", "place"),
    [
        ([1, Nobody()], "$[1]"),
        ({"items": [1, {"owner": Nobody()}]}, "$.items[1].owner"),
        ({"two words": Nobody()}, "$['two words']"),
        ({5: (Nobody(),)}, "$[5][0]"),
        ({"boxes": [Box(1), Box([Nobody()])]}, "$.boxes[1].content[0]"),
        ({"set": {Nobody()}}, "$.set[0]"),
        ([None, True, 1.5, "x", Nobody()], "$[4]"),
    ],
)
def test_an_object_nobody_takes_is_placed(write: Any, value: Any, place: str) -> None:
    with pytest.raises(ValueError, match=r"not JSON serializable") as caught:
        write(value)
    assert str(caught.value) == f"Object of type 'Nobody' is not JSON serializable at {place}."


def test_what_a_generator_yielded_is_named_without_a_place() -> None:
    with pytest.raises(ValueError, match=r"^Object of type 'Nobody' is not JSON serializable\.$"):
        json_bytes({"row": (each for each in [Nobody()])})


def test_a_fault_far_inside_a_large_value_is_named_without_a_place() -> None:
    with pytest.raises(ValueError, match=r"^Object of type 'Nobody' is not JSON serializable\.$"):
        json_bytes([*range(20_000), Nobody()])


def test_a_forgotten_await_is_suspected() -> None:
    async def load() -> None: ...

    coroutine = load()
    with pytest.raises(
        ValueError, match=r"'coroutine' is not JSON serializable at \$\.user\. Was an `await` forgotten\?"
    ):
        json_bytes({"user": coroutine})
    coroutine.close()


def test_an_async_iterable_is_shown_its_response() -> None:
    async def rows() -> AsyncIterator[int]:
        yield 1

    with pytest.raises(ValueError, match="sent by a StreamingResponse"):
        json_bytes(rows())


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("write", [json_bytes, json_encode])
def test_what_is_no_json_number_is_refused_and_placed(write: Any, number: float) -> None:
    with pytest.raises(ValueError, match=rf"^{number!r} is no JSON number at \$\.a\[1\]: send None, or text\.$"):
        write({"a": [1.0, number]})


def test_a_number_of_too_many_digits_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="4300 digits"):
        json_bytes([10**5000])


@pytest.mark.parametrize(
    ("value", "place"), [("\ud800", ""), ({"a": "x\udcff"}, r" at \$\.a"), ({"b": [{"x\udcff": 1}]}, r" at \$\.b\[0\]")]
)
def test_text_with_a_lone_surrogate_is_refused_and_placed(value: Any, place: str) -> None:
    with pytest.raises(ValueError, match=rf"^Text with the lone surrogate '\\u\w+'{place} is not Unicode"):
        json_bytes(value)


def test_a_key_that_is_neither_text_nor_number_is_refused_and_placed() -> None:
    with pytest.raises(ValueError, match=r"a 'UUID', is no key of a JSON object at \$\.by_id: make it text"):
        json_bytes({"by_id": {UUID(int=1): 1}})
    with pytest.raises(ValueError, match=r"nan is no key of a JSON object: make it text"):
        json_bytes({float("nan"): 1})
    assert json_bytes({1.5: 1}) == b'{"1.5":1}'


def test_a_fault_is_found_behind_keys_that_are_numbers() -> None:
    with pytest.raises(ValueError, match=r"at \$\[1\.5\]"):
        json_bytes({1.5: Nobody(), None: 1})


@pytest.mark.parametrize("write", [json_bytes, json_encode, partial(json_encode, exclude_none=True)])
def test_a_value_that_contains_itself_is_refused_and_placed(write: Any) -> None:
    items: list[Any] = [{"twice": [1]}]
    items.append({"all": items})
    with pytest.raises(ValueError, match=r"^The value contains itself at \$\[1\]\.all\.$"):
        write(items)
    box = Box(None)
    box.content = box
    with pytest.raises(ValueError, match=r"^The value contains itself at \$\.content\.$"):
        write(box)


def test_the_same_thing_twice_is_no_circle() -> None:
    shared = Box([1])
    assert json_bytes([shared, shared]) == b'[{"content":[1]},{"content":[1]}]'
    with pytest.raises(ValueError, match=r"at \$\[2\]"):
        json_bytes([shared, shared, Nobody()])


@pytest.mark.parametrize("write", [json_bytes, json_encode, partial(json_encode, exclude_none=True)])
def test_a_value_nested_too_deeply_is_a_value_error(write: Any) -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="nested too deeply"):
        write(value)


def test_an_encoder_that_returns_ever_new_objects_is_a_value_error() -> None:
    class Endless(Encoder):
        __type__ = Nobody

        def serialize(self, obj: Nobody) -> Any:
            return Nobody()

    with pytest.raises(ValueError, match="an encoder keeps returning new objects"):
        json_bytes(Nobody(), with_encoders=[Endless])


def test_an_encoder_that_returns_its_object_is_a_value_error() -> None:
    class Same(Encoder):
        __type__ = Nobody

        def serialize(self, obj: Nobody) -> Any:
            return obj

    with pytest.raises(ValueError, match=r"The value contains itself at \$\[0\]"):
        json_bytes([Nobody()], with_encoders=[Same])


@pytest.mark.parametrize("error", [ValueError("mine"), TypeError("mine"), KeyError("mine")])
@pytest.mark.parametrize("write", [json_bytes, json_encode])
def test_what_an_encoder_raises_goes_through_with_its_cause(write: Any, error: Exception) -> None:
    cause = OSError()
    error.__cause__ = cause
    with pytest.raises(type(error), match="mine") as caught:
        write([Nobody(), float("nan")], with_encoders=[Failing(error)])
    assert caught.value is error
    assert error.__cause__ is cause


def test_a_writer_of_the_caller_keeps_its_own_errors() -> None:
    def picky(value: Any, *, default: Any) -> str:
        raise TypeError("no such thing")

    with pytest.raises(ValueError, match=r"^no such thing$") as caught:
        json_encode(float("nan"), json_encode_fn=picky)
    assert isinstance(caught.value.__cause__, TypeError)


def test_decimals_keep_their_digits() -> None:
    assert json_bytes(Decimal("1E+2")) == b'"1E+2"'
    assert json_bytes(Decimal("0.30")) == b'"0.30"'


@given(JSON_VALUES)
def test_the_kept_writer_writes_what_the_standard_library_writes(value: Any) -> None:
    assert json_bytes(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def test_without_the_writer_in_c_json_is_written_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    assert make_encode()({"a": [1, "é", None]}) == '{"a":[1,"é",null]}'
