"""How users say what is to be provided: registrations by name (`Provide`), and the markers that ask for a value."""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Self, TypeVar, get_args, get_origin

from lilya._handling.factory import Factory
from lilya.enums import Scope
from lilya.exceptions import ImproperlyConfigured

__all__ = ["Depends", "Marker", "Provide", "Provides", "Resolve", "Security", "marker_of", "provide_all"]

M = TypeVar("M")


class Provide:
    """How the value of a dependency is made: `dependencies={"db": Provide(open_db)}`.

    `dependency` is a factory: a function, sync (called in a thread) or async; a class; a generator or async generator
    function that yields once, and cleans up behind the yield; a function made by `contextmanager` or
    `asynccontextmanager`, a class of (async) context managers. Anything that cannot be called is a value. `args` and
    `kwargs` are given to the factory; its other parameters are filled by name, as those of a handler, from the
    registered dependencies, the path, the connection, and markers in their defaults.

    A value is made once in its `scope` and shared by all who ask for it: `Scope.REQUEST`, one request or one websocket;
    `Scope.APP` and `Scope.GLOBAL`, from the start of the application to its shutdown. `use_cache` is accepted for the
    sake of other releases and changes nothing: values are always shared within their scope, and never beyond it.

    Raises `ImproperlyConfigured` for arguments the factory does not take.
    """

    def __init__(
        self,
        dependency: Any,
        /,
        *args: Any,
        use_cache: bool = False,
        scope: Scope | str = Scope.REQUEST,
        **kwargs: Any,
    ) -> None:
        self.dependency = dependency
        self.args = args
        self.kwargs = kwargs
        self.use_cache = use_cache
        try:
            self.scope = Scope(scope)
        except ValueError:
            known = ", ".join(repr(str(each)) for each in Scope)
            raise ImproperlyConfigured(f"{self!r}: there is no scope {scope!r}, there are {known}") from None
        if self.scope is Scope.SESSION:
            raise ImproperlyConfigured(
                f"{self!r}: nothing can be kept for a session, which lives in the browser; keep it for the request "
                "and load it by what the session holds"
            )
        if not callable(dependency) and (args or kwargs):
            raise ImproperlyConfigured(f"{self!r}: {dependency!r} cannot be called, so it takes no arguments")

    @cached_property
    def factory(self) -> Factory:
        """How it is called."""
        return Factory.of(self.dependency)

    @property
    def outlives_requests(self) -> bool:
        """Whether the value is the application's."""
        return self.scope is not Scope.REQUEST

    def given(self, signature: inspect.Signature) -> frozenset[str]:
        """The parameters that `args` and `kwargs` fill. Raises `ImproperlyConfigured` when they do not fit."""
        try:
            return frozenset(signature.bind_partial(*self.args, **self.kwargs).arguments)
        except TypeError as exc:
            raise ImproperlyConfigured(f"{self!r} cannot be called with its arguments: {exc}") from exc

    def __repr__(self) -> str:
        name = getattr(self.dependency, "__qualname__", None) or repr(self.dependency)
        args = [name, *map(repr, self.args), *(f"{key}={value!r}" for key, value in self.kwargs.items())]
        return f"{type(self).__name__}({', '.join(args)})"


# `Any` as a base says to type checkers that a marker may be the default of a parameter of any type.
class Marker(Any):  # type: ignore[misc]
    """What stands in the default of a parameter, or in its `Annotated`, and says how it is filled."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """`Any` has one that, on Python 3.11, hands all arguments to `object`, which takes none."""
        return object.__new__(cls)


class Provides(Marker):
    """Asks for the dependency that is registered under the parameter's name: `db: Database = Provides()`.

    Needed where the parameter would otherwise stand behind one with a default, or to say it aloud: a required parameter
    of that name is filled without it. One that nobody has registered is an error when the application is built.
    """

    def __repr__(self) -> str:
        return "Provides()"


class Depends(Marker):
    """Asks for what a factory makes, registered or not: `db: Database = Depends(open_db)`.

    The arguments are those of `Provide`. Two parameters that ask for the same factory, without arguments, share one
    value in a request.
    """

    def __init__(self, dependency: Any, /, *args: Any, use_cache: bool = False, **kwargs: Any) -> None:
        given = isinstance(dependency, Provide) and not args and not kwargs
        self.provide = dependency if given else Provide(dependency, *args, use_cache=use_cache, **kwargs)

    @property
    def dependency(self) -> Any:
        """The factory."""
        return self.provide.dependency

    @property
    def key(self) -> object:
        """What tells two values apart: the factory where that is all there is, else this very registration."""
        provide = self.provide
        plain = not provide.args and not provide.kwargs and not provide.outlives_requests
        return ("factory", provide.dependency) if plain and isinstance(provide.dependency, Hashable) else provide

    def __repr__(self) -> str:
        return repr(self.provide).replace("Provide", type(self).__name__, 1)


class Resolve(Depends):
    """The same under the name it has for handlers: `user: User = Resolve(current_user)`."""


class Security(Depends):
    """Asks for what a security scheme finds in the request: `token: str = Security(bearer, scopes=["read"])`.

    `scopes` say what the scheme is asked for; documentation reads them.
    """

    def __init__(self, dependency: Any, /, *args: Any, scopes: Sequence[str] | None = None, **kwargs: Any) -> None:
        super().__init__(dependency, *args, **kwargs)
        self.scopes = list(scopes or ())


def provide_all(dependencies: Mapping[str, Any] | None, where: str) -> dict[str, Provide]:
    """Registrations as users write them, `Provide`, bare factories and plain values, as `Provide`."""
    if dependencies is None:
        return {}
    if not isinstance(dependencies, Mapping):
        raise ImproperlyConfigured(f"{where}: dependencies is a mapping of names, not {dependencies!r}")
    provided = {}
    for name, each in dependencies.items():
        if not str(name).isidentifier():
            raise ImproperlyConfigured(f"{where}: {name!r} can name no parameter, so nobody could ask for it")
        if isinstance(each, Depends):
            each = each.provide
        provided[name] = each if isinstance(each, Provide) else Provide(each)
    return provided


def marker_of(parameter: inspect.Parameter, kind: type[M]) -> M | None:
    """The marker of a parameter, in its default or in its `Annotated[...]`."""
    if isinstance(parameter.default, kind):
        return parameter.default
    found: Iterable[Any] = get_args(parameter.annotation)[1:] if get_origin(parameter.annotation) is Annotated else ()
    return next((each for each in found if isinstance(each, kind)), None)
