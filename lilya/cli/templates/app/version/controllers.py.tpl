"""What is done for a request."""

from __future__ import annotations

from lilya.controllers import Controller

from .schemas import Message


class Welcome(Controller):
    async def get(self) -> Message:
        return Message("Welcome to @@project_name")
