"""A chat: rooms over websockets, with presence and a history. See README.md.

python examples/chat/main.py
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path as FilePath
from typing import Any

from anyio.abc import TaskGroup

from lilya.apps import Lilya
from lilya.concurrency import shielded
from lilya.exceptions import WebSocketException
from lilya.pubsub import MemoryPubSub, Subscription
from lilya.responses import HTMLResponse
from lilya.routing import Path, WebSocketPath
from lilya.servers import run
from lilya.websockets import WebSocket

PAGE = (FilePath(__file__).parent / "page.html").read_text(encoding="utf-8")
LONGEST_NAME = 30  # characters, of a person or a room
LONGEST_TEXT = 2000
SEND_TIMEOUT = 5.0  # seconds a client may take for one message


class Rooms:
    """Who is where, and what is said."""

    def __init__(self) -> None:
        self.said = MemoryPubSub(history=50)
        self.presence = MemoryPubSub()
        self.members: dict[str, Counter[str]] = {}

    def here(self, room: str) -> list[str]:
        """The names of those who are in a room, each once, however many windows they have open."""
        return sorted(self.members.get(room, ()))

    async def enter(self, room: str, name: str) -> None:
        self.members.setdefault(room, Counter())[name] += 1
        await self.presence.publish(room, self.here(room))

    async def leave(self, room: str, name: str) -> None:
        members = self.members[room]
        members[name] -= 1
        members += Counter()  # forgets those of whom nothing is left
        if not members:
            del self.members[room]
        await self.presence.publish(room, self.here(room))


async def page() -> HTMLResponse:
    return HTMLResponse(PAGE)


async def chat(websocket: WebSocket, room: str, task_group: TaskGroup) -> None:
    """One person in one room, until either side ends it."""
    rooms: Rooms = websocket.app.state.rooms
    name = " ".join(websocket.query_params.get("name", "").split())
    if not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
        raise WebSocketException(4000, "say who you are: ?name=, at most 30 characters")
    if not room.isprintable() or len(room) > LONGEST_NAME:
        raise WebSocketException(4000, "a room has a name of at most 30 characters")
    await websocket.accept(send_timeout=SEND_TIMEOUT)
    after = websocket.query_params.get("after", "")  # "": all that is kept
    async with rooms.presence.subscribe(room) as presence, rooms.said.subscribe(room, after=after) as said:
        await rooms.enter(room, name)
        try:
            task_group.start_soon(tell_presence, websocket, presence)
            task_group.start_soon(tell_said, websocket, said, bool(after))
            with websocket.cancel_on_draining() as stopping:
                async for message in websocket.iter_json():
                    await rooms.said.publish(room, {"name": name, "text": checked(message)})
            if stopping.cancelled_caught:
                await websocket.close(1012, "the server restarts")  # the page comes back
        finally:
            task_group.cancel_scope.cancel()
            with shielded(1.0):  # whoever is still here shall know
                await rooms.leave(room, name)


def checked(message: Any) -> str:
    """What was said, if it may be; a client that sends anything else is closed."""
    text = message.get("text") if isinstance(message, dict) else None
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST_TEXT:
        raise WebSocketException(4001, 'wanted {"text": ...} of at most 2000 characters')
    return text


async def tell_presence(websocket: WebSocket, presence: Subscription) -> None:
    async for event in presence:
        await websocket.send_json({"here": event.data})


async def tell_said(websocket: WebSocket, said: Subscription, came_back: bool) -> None:
    if came_back and said.gap:
        await websocket.send_json({"gap": True})
    async for event in said:
        await websocket.send_json({"id": event.id, **event.data})


app = Lilya(routes=[Path("/", page), WebSocketPath("/rooms/{room}", chat)])
app.state.rooms = Rooms()

if __name__ == "__main__":
    run(app, sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000")  # hypercorn on trio
