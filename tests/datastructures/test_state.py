"""State."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from lilya.datastructures import State


def test_values_are_attributes_and_items() -> None:
    state = State()
    state.db = "pool"
    assert state.db == state["db"] == "pool"
    assert "db" in state
    assert list(state) == ["db"]
    assert len(state) == 1
    del state.db
    assert len(state) == 0
    assert "db" not in state


def test_the_dict_given_is_the_one_used() -> None:
    values: dict[str, Any] = {"a": 1}
    state = State(values)
    state.b = 2
    assert values == {"a": 1, "b": 2}
    values["c"] = 3
    assert state.c == 3


@pytest.mark.parametrize(
    "duplicate", [State.copy, copy.copy, copy.deepcopy, lambda state: pickle.loads(pickle.dumps(state))]
)
def test_a_copy_is_another_one(duplicate: Callable[[State], State]) -> None:
    state = State({"a": 1})
    copied = duplicate(state)
    copied.a = 2
    assert (state.a, copied.a) == (1, 2)


def test_what_is_missing_is_named_with_what_is_there() -> None:
    with pytest.raises(AttributeError, match="The state has no 'bd': it holds 'db', 'cache'"):
        _ = State({"db": 1, "cache": 2}).bd
    with pytest.raises(AttributeError, match="it holds nothing"):
        del State().db
    with pytest.raises(KeyError):
        State()["db"]
    assert not hasattr(State(), "db")
    assert getattr(State(), "db", None) is None


@pytest.mark.parametrize("name", ["copy", "_state", "__len__", "items"])
def test_any_name_may_be_a_key_even_of_a_method(name: str) -> None:
    state = State()
    setattr(state, name, "value")
    assert getattr(state, name) == state[name] == "value"
    assert len(state) == 1
    delattr(state, name)
    assert len(state) == 0
    assert state.copy() is not state


def test_it_shows_its_values() -> None:
    assert repr(State({"a": 1})) == "State({'a': 1})"
