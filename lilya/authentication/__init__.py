"""Who is there, and what they may do."""

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
