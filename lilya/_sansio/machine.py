"""The one shape every protocol table here has.

A `Phase` knows which message may come next and which phase follows it. A message may carry a flag that says "this was
not the last of its kind" (`more_body`), and then another phase follows. Phases are compared by identity; looking up a
move is one dict access, for it is done on every message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Phase", "diagram"]


class Phase(dict[str, "tuple[Phase, str, Phase]"]):
    """A state of a protocol: message type -> (phase that follows, flag or "", phase when the flag is set).

    Empty, and so false, when nothing may follow.
    """

    __slots__ = ("name",)
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def on(self, message_type: str, then: Phase, **flagged: Phase) -> Phase:
        """Add a move, as `.on("http.response.body", DONE, more_body=BODY)`; returns the phase, so that moves chain."""
        flag, other = next(iter(flagged.items()), ("", then))
        self[message_type] = (then, flag, other)
        return self

    def after(self, message: Mapping[str, Any]) -> Phase | None:
        """The phase that follows `message`, or None where it may not come now."""
        move = self.get(message["type"])
        if move is None:
            return None
        then, flag, other = move
        return other if flag and message.get(flag) else then

    def expected(self) -> str:
        """The messages that may come now, for people: `'a', 'b' or 'c'`."""
        names = [repr(name) for name in self]
        if not names:
            return "nothing more"
        return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]

    def __repr__(self) -> str:
        return f"<{self.name}>"


def diagram(start: Phase) -> str:
    """The machine as lines of `phase -- message --> phase`, reachable phases in order of discovery."""
    lines: list[str] = []
    seen = [start]
    for phase in seen:
        for name, (then, flag, other) in phase.items():
            lines.append(f"{phase.name} -- {name} --> {then.name}")
            if flag:
                lines.append(f"{phase.name} -- {name} ({flag}) --> {other.name}")
            seen.extend(each for each in (then, other) if each not in seen)
    return "\n".join(lines)
