"""Random text is as long as asked for, of the characters asked for, and another one each time."""

from __future__ import annotations

import string

import pytest

from lilya.crypto import get_random_secret_key, get_random_string


def test_a_random_string_is_of_letters_and_digits_by_default() -> None:
    text = get_random_string()
    assert len(text) == 12
    assert set(text) <= set(string.ascii_letters + string.digits)
    assert get_random_string() != text


def test_its_length_and_its_characters_can_be_said() -> None:
    assert get_random_string(3, "a") == "aaa"
    assert set(get_random_string(1000, "ab")) == {"a", "b"}


@pytest.mark.parametrize(("length", "allowed"), [(0, "ab"), (-1, "ab"), (1, "")])
def test_nothing_to_draw_is_refused(length: int, allowed: str) -> None:
    with pytest.raises(ValueError, match="1 character or more"):
        get_random_string(length, allowed)


def test_a_secret_key_needs_no_quotes() -> None:
    key = get_random_secret_key()
    assert len(key) == 50
    assert set(key) <= set(string.ascii_letters + string.digits + "-_")
    assert len(get_random_secret_key(64)) == 64
