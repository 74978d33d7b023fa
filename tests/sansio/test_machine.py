"""The shape of the protocol tables."""

from __future__ import annotations

import pytest

from lilya._sansio.machine import Phase, diagram


def lamp() -> tuple[Phase, Phase, Phase]:
    dark, lit, broken = Phase("DARK"), Phase("LIT"), Phase("BROKEN")
    dark.on("press", lit, hard=broken).on("look", dark)
    lit.on("press", dark, hard=broken)
    return dark, lit, broken


def test_a_message_leads_to_the_next_phase() -> None:
    dark, lit, _ = lamp()
    assert dark.after({"type": "press"}) is lit
    assert dark.after({"type": "look"}) is dark
    assert lit.after({"type": "press"}) is dark


def test_a_set_flag_leads_elsewhere_and_an_unset_one_does_not() -> None:
    dark, lit, broken = lamp()
    assert dark.after({"type": "press", "hard": True}) is broken
    for unset in (False, None, 0):
        assert dark.after({"type": "press", "hard": unset}) is lit
    assert dark.after({"type": "look", "hard": True}) is dark


def test_a_message_that_may_not_come_now_leads_nowhere() -> None:
    _, lit, broken = lamp()
    assert lit.after({"type": "look"}) is None
    assert broken.after({"type": "press"}) is None


def test_a_phase_is_true_while_something_may_follow() -> None:
    dark, _, broken = lamp()
    assert dark
    assert not broken


def test_phases_are_compared_by_identity_and_can_be_keys() -> None:
    one, other = Phase("SAME"), Phase("SAME")
    assert one == one
    assert one != other
    assert len({one: 1, other: 2}) == 2


@pytest.mark.parametrize(
    ("types", "expected"),
    [((), "nothing more"), (("a",), "'a'"), (("a", "b"), "'a' or 'b'"), (("a", "b", "c"), "'a', 'b' or 'c'")],
)
def test_what_is_expected_is_said_for_people(types: tuple[str, ...], expected: str) -> None:
    phase = Phase("P")
    for each in types:
        phase.on(each, phase)
    assert phase.expected() == expected


def test_a_phase_says_its_name() -> None:
    assert repr(Phase("DARK")) == "<DARK>"


def test_the_machine_can_be_drawn() -> None:
    dark, _, _ = lamp()
    assert diagram(dark).splitlines() == [
        "DARK -- press --> LIT",
        "DARK -- press (hard) --> BROKEN",
        "DARK -- look --> DARK",
        "LIT -- press --> DARK",
        "LIT -- press (hard) --> BROKEN",
    ]
