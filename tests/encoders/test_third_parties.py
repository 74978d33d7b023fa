"""The libraries the default encoders know by sight, as they really are; skipped where one is not installed."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from types import GenericAlias
from typing import Any

import pytest

from lilya.encoders import Encoder, apply_structure, json_bytes, json_encode


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


class MoneyEncoder(Encoder):
    __type__ = Money

    def serialize(self, obj: Money) -> int:
        return obj.cents


def test_a_pydantic_model_is_written_in_its_own_json_form() -> None:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Account", url=pydantic.HttpUrl, password=pydantic.SecretStr, since=date)
    account = model(url="https://example.org/", password="x", since="2024-02-29")
    expected = {"url": "https://example.org/", "password": "**********", "since": "2024-02-29"}
    assert json.loads(json_bytes([account])) == [expected]


def test_what_pydantic_does_not_know_in_a_model_is_asked_of_the_encoders() -> None:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Cart", total=(Any, ...))
    assert json_encode(model(total=Money(5)), with_encoders=[MoneyEncoder]) == {"total": 5}
    with pytest.raises(ValueError, match="Object of type 'Money' is not JSON serializable"):
        json_encode(model(total=Money(5)))


def test_a_pydantic_model_is_validated_when_made() -> None:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Cart", total=(Decimal, ...))
    models = GenericAlias(list, (model,))
    assert apply_structure(models, [{"total": "1.10"}]) == [model(total=Decimal("1.10"))]
    with pytest.raises(pydantic.ValidationError) as caught:
        apply_structure(models, [{"total": "x"}])
    assert caught.value.__notes__ == ["in [0]"]


def test_a_struct_is_written_in_its_own_json_form_and_made_again() -> None:
    msgspec = pytest.importorskip("msgspec")
    struct = msgspec.defstruct("Cart", [("line_total", Decimal), ("other", Any, None)], rename="camel", tag=True)
    cart = struct(Decimal("1.10"))
    assert json_encode([cart]) == [{"type": "Cart", "lineTotal": "1.10", "other": None}]
    assert apply_structure(struct, json_encode(cart)) == cart
    assert json_encode(struct(Decimal(1), Money(5)), with_encoders=[MoneyEncoder])["other"] == 5
    with pytest.raises(msgspec.ValidationError, match="Expected `decimal`, got `array`"):
        apply_structure(struct, {"type": "Cart", "lineTotal": []})
