"""Users, and the scopes their credentials give them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from lilya.exceptions import ImproperlyConfigured

__all__ = ["AnonymousUser", "AuthCredentials", "BaseUser", "BasicUser", "UserInterface", "scope_names"]


def scope_names(scopes: str | Iterable[str]) -> list[str]:
    """One scope, or several, as a list. Raises `ImproperlyConfigured` for what are no names."""
    names: list[object] = [scopes] if isinstance(scopes, str) else list(scopes)
    found = [name for name in names if isinstance(name, str) and name]
    if len(found) < len(names):
        raise ImproperlyConfigured(f"scopes are names, and {scopes!r} are not")
    return found


class AuthCredentials:
    """What somebody may do: the names of their scopes, none by default."""

    def __init__(self, scopes: str | Iterable[str] | None = None) -> None:
        self.scopes = scope_names(scopes or ())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.scopes!r})"


@runtime_checkable
class UserInterface(Protocol):
    """What a user is asked. Any object of this shape is one."""

    @property
    def is_authenticated(self) -> bool:
        """Whether it is known who they are."""

    @property
    def display_name(self) -> str:
        """What to call them."""

    @property
    def unique_identifier(self) -> str:
        """What nobody else has."""


# The name it also goes by.
BaseUser = UserInterface


class BasicUser:
    """Somebody with a name, which is all that is known."""

    def __init__(self, username: str) -> None:
        self.username = username

    @property
    def is_authenticated(self) -> bool:
        """True."""
        return True

    @property
    def display_name(self) -> str:
        """The name."""
        return self.username

    @property
    def unique_identifier(self) -> str:
        """The name."""
        return self.username

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.username!r})"


class AnonymousUser:
    """Nobody in particular."""

    @property
    def is_authenticated(self) -> bool:
        """False."""
        return False

    @property
    def display_name(self) -> str:
        """The empty text."""
        return ""

    @property
    def unique_identifier(self) -> str:
        """The empty text: all of them are alike."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
