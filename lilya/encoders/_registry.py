"""What an encoder is, and the registry that says which ones there are.

An encoder works in two directions: from an object to something nearer to JSON (`serialize`), and from a JSON value to
an object of a wanted type (`encode`). Either may be left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from inspect import isawaitable
from typing import Any, NamedTuple, Protocol, TypeAlias, overload, runtime_checkable

__all__ = ["AnyEncoder", "Encoder", "EncoderProtocol", "EncoderRegistry", "MoldingProtocol", "unencodable"]


@runtime_checkable
class EncoderProtocol(Protocol):
    """Makes objects simpler."""

    def is_type(self, value: Any) -> bool:
        """Whether `serialize` takes this object. Called for each object that nobody before took: keep it cheap."""

    def serialize(self, obj: Any) -> Any:
        """Something nearer to JSON; what is in it may itself need encoders. Must not return `obj`."""


@runtime_checkable
class MoldingProtocol(Protocol):
    """Makes objects of simple values."""

    def is_type_structure(self, structure: Any) -> bool:
        """Whether `encode` can make a `structure`, which is whatever may stand in an annotation."""

    def encode(self, structure: Any, value: Any) -> Any:
        """A `structure` made of `value`. Raises `ValueError` or `TypeError` where that cannot be."""


AnyEncoder: TypeAlias = EncoderProtocol | MoldingProtocol


class Encoder(ABC):
    """An encoder for the instances of `__type__`, a class or several. Subclass it and register the subclass.

    Without an `encode` of its own it takes no part in `apply_structure`. `name` is that of the class unless it is set.
    """

    __type__: type[Any] | tuple[type[Any], ...] = ()

    @property
    def name(self) -> str:
        """What it is registered as: an encoder of the same name is replaced."""
        return type(self).__name__

    def is_type(self, value: Any) -> bool:
        """Whether `value` is an instance of `__type__`."""
        return isinstance(value, self.__type__)

    @abstractmethod
    def serialize(self, obj: Any) -> Any:
        """Something nearer to JSON; what is in it may itself need encoders. Must not return `obj`."""

    def is_type_structure(self, structure: Any) -> bool:
        """Whether `structure` is `__type__` or a subclass."""
        return isinstance(structure, type) and issubclass(structure, self.__type__)

    def encode(self, structure: Any, value: Any) -> Any:
        """A `structure` made of `value`. Raises `ValueError` or `TypeError` where that cannot be."""
        raise ValueError(f"{self.name} has no `encode`: it cannot make a {structure!r}.")


class _Chain(NamedTuple):
    """Encoders in the order they are asked, and who of them can do what."""

    encoders: tuple[AnyEncoder, ...]
    serializing: tuple[EncoderProtocol, ...]
    molding: tuple[MoldingProtocol, ...]

    @classmethod
    def of(cls, encoders: Iterable[Any]) -> _Chain:
        checked = tuple(_checked(each) for each in encoders)
        serializing = tuple(each for each in checked if isinstance(each, EncoderProtocol))
        molding = tuple(
            each
            for each in checked
            if isinstance(each, MoldingProtocol) and getattr(type(each), "encode", None) is not Encoder.encode
        )
        return cls(checked, serializing, molding)

    def before(self, later: _Chain) -> _Chain:
        return _Chain(
            self.encoders + later.encoders, self.serializing + later.serializing, self.molding + later.molding
        )


class EncoderRegistry(Sequence[AnyEncoder]):
    """The encoders, newest first: the first that takes an object has it.

    It is also a context variable: `set` gives the current context (a task, a request, a test) encoders of its own until
    `reset`. What is registered while they are set belongs to that context alone; otherwise to the whole process, so
    register while the application is being put together.
    """

    def __init__(self, encoders: Iterable[Any] = ()) -> None:
        self._everywhere = _Chain.of(encoders)
        self._here: ContextVar[_Chain | None] = ContextVar("lilya_encoders", default=None)

    def _chain(self) -> _Chain:
        return self._here.get() or self._everywhere

    @overload
    def __getitem__(self, index: int) -> AnyEncoder: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[AnyEncoder]: ...
    def __getitem__(self, index: int | slice) -> AnyEncoder | Sequence[AnyEncoder]:
        return self._chain().encoders[index]

    def __len__(self) -> int:
        return len(self._chain().encoders)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({[_name(each) for each in self]})"

    def get(self) -> tuple[AnyEncoder, ...]:
        """The encoders in use here, in the order they are asked."""
        return self._chain().encoders

    def set(self, encoders: Iterable[Any]) -> Token[Any]:
        """Use exactly these (classes are instantiated) in the current context, until `reset` with the token."""
        return self._here.set(_Chain.of(encoders))

    def reset(self, token: Token[Any]) -> None:
        """Undo the `set` that returned this token."""
        self._here.reset(token)

    def register(self, encoder: Any) -> None:
        """Ask `encoder` (a class is instantiated) before all others; one of the same name is replaced.

        Raises `RuntimeError` for what is no encoder.
        """
        new = _checked(encoder)
        chain = _Chain.of((new, *(each for each in self if _name(each) != _name(new))))
        if self._here.get() is None:
            self._everywhere = chain
        else:
            self._here.set(chain)

    @contextmanager
    def preceded_by(self, encoders: Iterable[Any] | None) -> Iterator[None]:
        """Ask these first, inside the `with`; for nothing else than a synchronous block."""
        if not encoders:
            yield
            return
        token = self._here.set(_Chain.of(encoders).before(self._chain()))
        try:
            yield
        finally:
            self.reset(token)

    def find(self, value: Any) -> EncoderProtocol | None:
        """The encoder that takes this object."""
        for encoder in self._chain().serializing:
            if encoder.is_type(value):
                return encoder
        return None

    def find_molding(self, structure: Any) -> MoldingProtocol | None:
        """The encoder that makes such objects."""
        for encoder in self._chain().molding:
            if encoder.is_type_structure(structure):
                return encoder
        return None

    def serialize(self, value: Any) -> Any:
        """The object made simpler by one step: a `default=` for `json`. Raises `ValueError` if nobody takes it."""
        encoder = self.find(value)
        if encoder is None:
            raise ValueError(unencodable(value))
        return encoder.serialize(value)


def unencodable(value: Any, place: str = "") -> str:
    """What is said of an object that no encoder takes; `place` is said with a leading space."""
    hint = ""
    if isawaitable(value):
        hint = " Was an `await` forgotten?"
    elif hasattr(type(value), "__aiter__"):
        hint = " An async iterable is sent by a StreamingResponse."
    return f"Object of type '{type(value).__name__}' is not JSON serializable{place}.{hint}"


def _checked(encoder: Any) -> Any:
    encoder = encoder() if isinstance(encoder, type) else encoder
    if not isinstance(encoder, EncoderProtocol | MoldingProtocol):
        raise RuntimeError(
            f"{encoder!r} is no encoder: it needs `is_type` and `serialize` (EncoderProtocol), "
            "or `is_type_structure` and `encode` (MoldingProtocol), or both."
        )
    if isinstance(encoder, Encoder) and encoder.__type__ == () and type(encoder).is_type is Encoder.is_type:
        raise RuntimeError(f"{encoder!r} would take nothing: set `__type__` to a class, or define `is_type`.")
    return encoder


def _name(encoder: Any) -> str:
    return getattr(encoder, "name", None) or type(encoder).__name__
