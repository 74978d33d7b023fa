"""How a class of annotated attributes becomes settings.

A field gets its value from the first of these that has one: the arguments, the variables of the process, an env file,
the class. All fields have theirs before `post_init` runs; what does not fit is an error right then.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
from abc import ABCMeta
from collections.abc import Collection, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, get_origin, get_type_hints

from lilya._lazy import lazily
from lilya.conf.exceptions import FieldException

if TYPE_CHECKING:
    from lilya import environments
    from lilya.conf import _cast as casting
else:
    environments = lazily("lilya.environments")
    casting = lazily("lilya.conf._cast")

__all__ = ["BaseSettings", "fields_of", "replaced"]

S = TypeVar("S", bound="BaseSettings")

# Where an instance keeps what stands in place of its properties.
IN_PLACE: Final = "__in_place__"


def fields_of(cls: type) -> dict[str, Any]:
    """The public annotated attributes of a class and of its bases, in order, with their annotations.

    One that a class further down makes a property or a method is a field no more.
    """
    try:
        hints = get_type_hints(cls, include_extras=True)
    except Exception:  # an annotation for type checkers alone
        hints = {}
        for base in reversed(cls.__mro__):
            hints |= dict.fromkeys(inspect.get_annotations(base), Any)
    return {
        name: hint
        for name, hint in hints.items()
        if not name.startswith("_")
        and get_origin(hint) is not ClassVar
        and hint is not ClassVar
        and not isinstance(inspect.getattr_static(cls, name, None), property)
    }


class _Sources:
    """Where the fields of a class find what is not given."""

    def __init__(self, cls: type[BaseSettings]) -> None:
        self.cls = cls
        self._prefix = cls.env_prefix
        self._path = cls.env_file
        self._file: Mapping[str, Any] = (
            {} if self._path is None else environments.EnvironLoader(env_file=self._path).export()
        )

    def value(self, field: str, annotation: Any) -> Any:
        """The value of a field that is not given. Raises `FieldException`."""
        key = self._prefix + field.upper()
        if key in os.environ:
            return fit(self.cls, field, annotation, os.environ[key], f"the environment variable {key}")
        if key in self._file:
            return fit(self.cls, field, annotation, self._file[key], f"{key} in the file {os.fspath(self._path or '')}")
        return self._default(field, annotation, key)

    def _default(self, field: str, annotation: Any, key: str) -> Any:
        for base in self.cls.__mro__:
            found = vars(base).get(field, dataclasses.MISSING)
            described = vars(base).get("__dataclass_fields__", {}).get(field)
            own = field in inspect.get_annotations(base)
            if described is not None and own and described.default_factory is not dataclasses.MISSING:
                return described.default_factory()
            if described is not None and own and described.default is not dataclasses.MISSING:
                found = described.default
            if found is not dataclasses.MISSING and not inspect.ismemberdescriptor(found):
                return copy(found) if isinstance(found, list | dict | set) else found
        raise FieldException(
            f"{self.cls.__name__}.{field} ({casting.name_of(annotation)}) has no value: give it as an argument, "
            f"or as the environment variable {key}"
        )


def fit(cls: type, field: str, annotation: Any, value: Any, source: str) -> Any:
    """A value as its field wants it. Raises `FieldException` with all that is known but the value itself."""
    try:
        return casting.cast(value, annotation)
    except casting.Unfit as exc:
        reason = str(exc)
    raise FieldException(
        f"Cannot cast value of {cls.__name__}.{field}: wanted {casting.name_of(annotation)}, "
        f"got a {type(value).__name__} from {source}: {reason}"
    )


class SettingsMeta(ABCMeta):
    """Makes instances whose fields all have their values, whether the class is a dataclass or not."""

    def __call__(cls: type[S], *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]  # all its classes are settings
        """An instance. Raises `FieldException`."""
        made: S = cls.__new__(cls)
        if _has_made_init(cls):
            cls._init_dataclass(made, args, kwargs)
        else:
            cls.__init__(made, *args, **kwargs)
        sources = None
        for field, annotation in fields_of(cls).items():
            if not _has(made, field):
                sources = sources or _Sources(cls)
                object.__setattr__(made, field, sources.value(field, annotation))
        made.post_init()
        return made


def _has_made_init(cls: type) -> bool:
    """Whether its `__init__` was made by `@dataclass`."""
    owner = next(base for base in cls.__mro__ if "__init__" in vars(base))
    params = vars(owner).get("__dataclass_params__")
    return bool(params is not None and params.init)


def _has(made: object, field: str) -> bool:
    """Whether an instance has a value of its own."""
    slot = inspect.getattr_static(type(made), field, None)
    return hasattr(made, field) if inspect.ismemberdescriptor(slot) else field in vars(made)


class BaseSettings(metaclass=SettingsMeta):
    """Settings without any field; see `Settings`."""

    env_prefix: ClassVar[str] = ""
    """What the names of environment variables begin with: with `APP_` the field `debug` is `APP_DEBUG`."""

    env_file: ClassVar[str | os.PathLike[str] | None] = None
    """A file of `KEY=value` lines that has values the environment has not."""

    def __init__(self, **given: Any) -> None:
        """Keywords set fields, properties, and anything else. Raises `FieldException` for a value that does not fit."""
        fields = fields_of(type(self)) if given else {}
        for name, value in given.items():
            if name in fields:
                value = fit(type(self), name, fields[name], value, "an argument")
            put(self, name, value)

    if not TYPE_CHECKING:  # where it would say that there is any attribute

        def __getattribute__(self, name: str) -> Any:
            values = object.__getattribute__(self, "__dict__")
            if IN_PLACE in values and name in values[IN_PLACE]:
                return values[IN_PLACE][name]
            return object.__getattribute__(self, name)

    @classmethod
    def _init_dataclass(cls, made: BaseSettings, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Call the `__init__` that `@dataclass` made with a value for each of its fields."""
        fields = fields_of(cls)
        wanted = [name for name in inspect.signature(cls.__init__).parameters if name != "self"]
        if len(args) > len(wanted):
            raise TypeError(f"{cls.__name__}() takes {len(wanted)} positional arguments but {len(args)} were given")
        given = dict(zip(wanted, args, strict=False))
        if twice := given.keys() & kwargs.keys():
            raise TypeError(f"{cls.__name__}() got multiple values for {', '.join(map(repr, sorted(twice)))}")
        given |= kwargs
        sources = _Sources(cls)
        arguments: dict[str, Any] = {}
        for name in wanted:
            if name in given and name in fields:
                arguments[name] = fit(cls, name, fields[name], given[name], "an argument")
            elif name in given:  # an InitVar
                arguments[name] = given[name]
            elif name in fields:
                arguments[name] = sources.value(name, fields[name])
        for name in given.keys() - set(wanted):  # fields of a base that is no dataclass
            value = given[name]
            put(made, name, fit(cls, name, fields[name], value, "an argument") if name in fields else value)
        cls.__init__(made, **arguments)

    def post_init(self) -> None:
        """Called when all fields have their values: a place to check them, or to derive one from another."""

    def dict(
        self,
        exclude_none: bool = False,
        upper: bool = False,
        exclude: Collection[str] | None = None,
        include_properties: bool = False,
    ) -> dict[str, Any]:
        """The fields with their values.

        Args:
            exclude_none: leave out those that are None.
            upper: write the names in upper case.
            exclude: names to leave out.
            include_properties: the properties, too.
        """
        names = list(fields_of(type(self)))
        if include_properties:
            names += [name for name in properties_of(type(self)) if name not in names]
        values = {name: getattr(self, name) for name in names if name not in (exclude or ())}
        return {
            name.upper() if upper else name: value
            for name, value in values.items()
            if value is not None or not exclude_none
        }

    def tuple(
        self,
        exclude_none: bool = False,
        upper: bool = False,
        exclude: Collection[str] | None = None,
        include_properties: bool = False,
    ) -> list[tuple[str, Any]]:
        """The same as pairs."""
        return list(self.dict(exclude_none, upper, exclude, include_properties).items())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.dict().items())})"


def properties_of(cls: type) -> list[str]:
    """The public properties of a class and of its bases."""
    names = dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base) if not name.startswith("_"))
    return [name for name in names if isinstance(inspect.getattr_static(cls, name), property)]


def put(settings: BaseSettings, name: str, value: Any) -> None:
    """Set anything on settings: a field, also of a frozen class, and what stands in place of a property."""
    if isinstance(inspect.getattr_static(type(settings), name, None), property):
        vars(settings).setdefault(IN_PLACE, {})[name] = value
    else:
        object.__setattr__(settings, name, value)


def replaced(settings: S, options: Mapping[str, Any]) -> S:
    """A copy of settings, of the same class, with other values."""
    made = copy(settings)
    vars(made)[IN_PLACE] = {**vars(settings).get(IN_PLACE, {})}
    fields = fields_of(type(settings))
    for name, value in options.items():
        if name in fields:
            value = fit(type(settings), name, fields[name], value, "override_settings")
        put(made, name, value)
    return made
