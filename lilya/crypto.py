"""Random text that nobody can guess."""

from __future__ import annotations

import secrets
import string
from typing import Final

__all__ = ["get_random_secret_key", "get_random_string"]

LETTERS_AND_DIGITS: Final = string.ascii_letters + string.digits
# Stand as they are in a shell, a URL and an env file.
KEY_CHARACTERS: Final = LETTERS_AND_DIGITS + "-_"


def get_random_string(length: int = 12, allowed_chars: str = LETTERS_AND_DIGITS) -> str:
    """`length` characters, each drawn from `allowed_chars` by the system's secure source.

    Raises `ValueError` where there is nothing to draw, or nothing to draw from.
    """
    if length < 1 or not allowed_chars:
        raise ValueError(f"a random string is 1 character or more of 1 kind or more, not {length} of {allowed_chars!r}")
    return "".join(secrets.choice(allowed_chars) for _ in range(length))


def get_random_secret_key(length: int = 50) -> str:
    """A secret key of `length` characters of 6 bits each; it needs no quotes anywhere."""
    return get_random_string(length, KEY_CHARACTERS)
