"""Who is there, and what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya.authentication.backends import (
        AuthenticationBackend,
        BadCredentials,
        BasicAuthBackend,
        BearerAuthBackend,
        Result,
    )
    from lilya.authentication.scopes import RequiredScopes, has_required_scope, requires
    from lilya.authentication.users import AnonymousUser, AuthCredentials, BaseUser, BasicUser, UserInterface
    from lilya.exceptions import AuthenticationError
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            ".backends": "AuthenticationBackend BadCredentials BasicAuthBackend BearerAuthBackend Result",
            ".scopes": "RequiredScopes has_required_scope requires",
            ".users": "AnonymousUser AuthCredentials BaseUser BasicUser UserInterface",
            "lilya.exceptions": "AuthenticationError",
        },
    )

__all__ = [
    "AnonymousUser",
    "AuthCredentials",
    "AuthenticationBackend",
    "AuthenticationError",
    "BadCredentials",
    "BaseUser",
    "BasicAuthBackend",
    "BasicUser",
    "BearerAuthBackend",
    "RequiredScopes",
    "Result",
    "UserInterface",
    "has_required_scope",
    "requires",
]
