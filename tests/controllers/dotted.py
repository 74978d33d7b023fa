"""What a dotted path leads to."""

from __future__ import annotations

from typing import Any

from lilya.controllers import Controller


class Items(Controller):
    """Answers."""

    async def get(self, id: int) -> dict[str, Any]:
        return {"id": id}
