"""`lilya.enums` and `lilya.status`."""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus

import pytest

from lilya import enums, status

EVERY_ENUM: list[type[Enum]] = [getattr(enums, name) for name in enums.__all__]


@pytest.mark.parametrize("each", EVERY_ENUM)
def test_every_member_turns_into_its_value(each: type[Enum]) -> None:
    for member in each:
        assert str(member) == str(member.value)


def test_members_are_the_words_of_http_and_asgi() -> None:
    scope = {"type": "http"}
    assert scope["type"] == enums.ScopeType.HTTP
    assert enums.HTTPMethod("QUERY") is enums.HTTPMethod.QUERY
    assert f"{enums.MediaType.TEXT_CHARSET}" == "text/plain; charset=utf-8"
    assert (enums.DefaultPort["WS"], enums.DefaultPort["HTTPS"]) == (80, 443)
    assert list(enums.WebSocketState) == [0, 1, 2]


def test_a_better_match_is_greater() -> None:
    assert enums.Match.NONE < enums.Match.PARTIAL < enums.Match.FULL


@pytest.mark.parametrize("name", status.__all__)
def test_the_number_in_the_name_is_the_code(name: str) -> None:
    assert getattr(status, name) == int(name.split("_")[1])


def test_every_code_of_the_standard_library_has_a_name() -> None:
    codes = {getattr(status, name) for name in status.__all__ if name.startswith("HTTP_")}
    assert {each.value for each in HTTPStatus} <= codes
    assert status.HTTP_301_MOVED_PERMANENTLY == 301
    assert status.HTTP_413_REQUEST_ENTITY_TOO_LARGE == status.HTTP_413_CONTENT_TOO_LARGE
    assert status.WS_1012_SERVICE_RESTART == 1012
