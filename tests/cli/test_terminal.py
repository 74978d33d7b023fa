"""What directives print with."""

from __future__ import annotations

import pytest
from rich.color import ANSI_COLOR_NAMES

from lilya.cli.terminal import OutputColour, Print, Terminal

METHODS = [("write_success", "green"), ("write_info", "cyan"), ("write_warning", "yellow"), ("write_error", "red")]


@pytest.mark.parametrize(("method", "colour"), [*METHODS, ("write_plain", "white")])
def test_messages_have_the_colour_of_their_meaning(
    method: str, colour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert getattr(Terminal(), method)("hi") == f"[{colour}]hi[/{colour}]"
    assert getattr(Terminal(), method)("hi", colour=OutputColour.BLUE) == "[blue]hi[/blue]"
    getattr(Print(), method)("hi")
    assert capsys.readouterr().out == "hi\n", "no colours where there is no terminal"


def test_a_message_may_have_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert Terminal().write("hi") == "hi"
    Print().write("hi")
    assert capsys.readouterr().out == "hi\n"


def test_every_colour_of_rich_has_a_name() -> None:
    assert {colour.value for colour in OutputColour} == set(ANSI_COLOR_NAMES)
    assert OutputColour["DEEP_SKY_BLUE1"] == "deep_sky_blue1"
