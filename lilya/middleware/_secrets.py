"""The keys that sign: one, or several of which the newest comes first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from lilya.datastructures._secret import Secret
from lilya.exceptions import ImproperlyConfigured

__all__ = ["SecretKeys", "secret_keys"]

SecretKeys: TypeAlias = str | Secret | Iterable[str | Secret]


def secret_keys(name: str, given: SecretKeys) -> tuple[bytes, ...]:
    """The keys, the newest first. Raises `ImproperlyConfigured` where there is none, or an empty one."""
    keys = tuple(str(key).encode() for key in ([given] if isinstance(given, str | Secret) else given))
    if not keys or not all(keys):
        raise ImproperlyConfigured(f"{name} is empty: anybody could sign; wanted a secret text, or a list of such")
    return keys
