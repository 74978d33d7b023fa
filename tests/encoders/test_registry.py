"""The registry: who is asked, in which order, and for whom."""

from __future__ import annotations

from contextvars import copy_context
from typing import Any

import pytest

from lilya.encoders import (
    ENCODER_TYPES,
    Encoder,
    EncoderProtocol,
    EncoderRegistry,
    MoldingProtocol,
    apply_structure,
    json_encode,
    register_encoder,
)


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


class MoneyEncoder(Encoder):
    __type__ = Money

    def serialize(self, obj: Money) -> Any:
        return {"cents": obj.cents}

    def encode(self, structure: Any, value: Any) -> Any:
        return structure(value["cents"])


class AsText(Encoder):
    __type__ = Money

    def serialize(self, obj: Money) -> Any:
        return f"{obj.cents}c"


class OnlyWrites:
    """The least that writes; not a subclass of anything."""

    def is_type(self, value: Any) -> bool:
        return isinstance(value, Money)

    def serialize(self, obj: Any) -> Any:
        return obj.cents


class OnlyMolds:
    def is_type_structure(self, structure: Any) -> bool:
        return structure is Money

    def encode(self, structure: Any, value: Any) -> Any:
        return structure(value)


def test_the_default_encoders_are_registered_under_their_documented_names() -> None:
    names = {type(each).__name__ for each in ENCODER_TYPES}
    assert names >= {
        f"{name}Encoder"
        for name in (
            *("Dataclass", "NamedTuple", "ModelDump", "Enum", "PurePath"),
            *("Date", "Bytes", "Structure", "UUID", "Timedelta"),
        )
    }


def test_a_registered_class_is_instantiated_and_asked_first() -> None:
    registry = EncoderRegistry([AsText])
    registry.register(MoneyEncoder)
    assert isinstance(registry[0], MoneyEncoder)
    assert registry.serialize(Money(5)) == {"cents": 5}


def test_an_encoder_of_the_same_name_replaces_the_older_one() -> None:
    class AsNumber(Encoder):
        __type__ = Money
        name = "AsText"

        def serialize(self, obj: Money) -> Any:
            return obj.cents

    registry = EncoderRegistry([MoneyEncoder, AsText])
    registry.register(AsNumber())
    assert [type(each).__name__ for each in registry] == ["AsNumber", "MoneyEncoder"]
    assert len(registry) == 2
    assert repr(registry) == "EncoderRegistry(['AsText', 'MoneyEncoder'])"


def test_an_encoder_without_a_name_has_that_of_its_class() -> None:
    registry = EncoderRegistry([OnlyWrites()])
    registry.register(OnlyWrites())
    assert len(registry) == 1


def test_the_registry_is_a_sequence() -> None:
    registry = EncoderRegistry([MoneyEncoder, AsText])
    first, second = registry
    assert registry.get() == (first, second)
    assert registry[1:] == (second,)
    assert first in registry


def test_what_is_registered_is_seen_by_every_context() -> None:
    registry = EncoderRegistry()
    copy_context().run(registry.register, MoneyEncoder)
    assert len(registry) == 1


def test_encoders_that_were_set_are_alone_until_reset() -> None:
    registry = EncoderRegistry([MoneyEncoder])
    token = registry.set([AsText])
    assert registry.serialize(Money(5)) == "5c"
    registry.reset(token)
    assert registry.serialize(Money(5)) == {"cents": 5}


def test_encoders_that_were_set_stay_in_their_context() -> None:
    registry = EncoderRegistry([MoneyEncoder])
    copy_context().run(registry.set, [AsText])
    assert registry.serialize(Money(5)) == {"cents": 5}


def test_what_is_registered_beside_set_encoders_goes_with_them() -> None:
    registry = EncoderRegistry()
    token = registry.set([])
    registry.register(MoneyEncoder)
    assert len(registry) == 1
    registry.reset(token)
    assert len(registry) == 0


def test_encoders_put_first_leave_when_the_block_fails() -> None:
    registry = EncoderRegistry([MoneyEncoder])
    with pytest.raises(AttributeError), registry.preceded_by([AsText]):
        registry.serialize(Money(5)).cents  # noqa: B018  # text, so the first was asked
    assert registry.serialize(Money(5)) == {"cents": 5}


def test_no_encoders_to_put_first_change_nothing() -> None:
    registry = EncoderRegistry([MoneyEncoder])
    with registry.preceded_by(None), registry.preceded_by(()):
        assert len(registry) == 1


@pytest.mark.parametrize("wrong", [object(), object, "text", 5, lambda value: value])
def test_what_is_no_encoder_is_refused_with_what_it_lacks(wrong: Any) -> None:
    registry = EncoderRegistry()
    with pytest.raises(RuntimeError, match="needs `is_type` and `serialize`"):
        registry.register(wrong)
    assert len(registry) == 0


def test_an_encoder_for_no_type_is_refused() -> None:
    class Forgot(Encoder):
        def serialize(self, obj: Any) -> Any:
            return obj.x

    with pytest.raises(RuntimeError, match="would take nothing: set `__type__`"):
        EncoderRegistry([Forgot])


def test_an_encoder_may_tell_its_objects_by_is_type_alone() -> None:
    class ByDuck(Encoder):
        def is_type(self, value: Any) -> bool:
            return hasattr(value, "cents")

        def serialize(self, obj: Any) -> Any:
            return obj.cents

    assert EncoderRegistry([ByDuck]).serialize(Money(3)) == 3


def test_an_encoder_that_only_writes_takes_no_part_in_molding() -> None:
    registry = EncoderRegistry([AsText, OnlyWrites, MoneyEncoder])
    assert isinstance(registry.find_molding(Money), MoneyEncoder)
    assert registry.find_molding(int) is None
    with pytest.raises(ValueError, match="AsText has no `encode`"):
        AsText().encode(Money, 5)


def test_an_encoder_that_only_molds_is_not_asked_to_write() -> None:
    registry = EncoderRegistry([OnlyMolds, OnlyWrites])
    assert registry.serialize(Money(3)) == 3
    assert isinstance(registry.find_molding(Money), OnlyMolds)


def test_the_protocols_can_be_checked() -> None:
    assert isinstance(MoneyEncoder(), EncoderProtocol)
    assert isinstance(MoneyEncoder(), MoldingProtocol)
    assert not isinstance(OnlyWrites(), MoldingProtocol)
    assert not isinstance(OnlyMolds(), EncoderProtocol)


def test_register_encoder_teaches_the_one_registry_a_type_both_ways() -> None:
    ENCODER_TYPES.set(ENCODER_TYPES)  # of this test alone: each runs in a context of its own
    register_encoder(MoneyEncoder)
    assert json_encode({"price": [Money(5)]}) == {"price": [{"cents": 5}]}
    assert apply_structure(Money, {"cents": 7}).cents == 7
