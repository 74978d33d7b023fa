"""One topic, for as many event streams and websockets as come."""

from __future__ import annotations

from lilya.apps import Lilya
from lilya.pubsub import MemoryPubSub
from lilya.requests import Request
from lilya.responses import EventStreamResponse, Response
from lilya.routing import Path, WebSocketPath
from lilya.websockets import WebSocket

pubsub = MemoryPubSub(history=1000)


async def events(request: Request) -> EventStreamResponse:
    return EventStreamResponse(pubsub.subscribe("news", after=request.last_event_id), send_timeout=5)


async def socket(websocket: WebSocket) -> None:
    """Whatever is published, until the client leaves; a client that is stuck is cut off."""
    await websocket.accept(send_timeout=2)
    async with pubsub.subscribe("news", buffer=16) as events:
        async for event in events:
            await websocket.send_event(event)


async def poll(request: Request) -> Response:
    return await request.poll(pubsub, "news", timeout=5)


async def publish(request: Request) -> dict[str, str]:
    """The body, so many times as `?times=` says, each with its number."""
    text = await request.text()
    for number in range(int(request.query_params.get("times", "1"))):
        last = await pubsub.publish("news", f"{number} {text}")
    return {"id": last}


async def statistics(request: Request) -> dict[str, int]:
    now = pubsub.statistics()
    exchanges = len(request.app.statistics().exchanges) - 1
    return {"subscribers": now.subscribers, "closed": now.closed, "dropped": now.dropped, "exchanges": exchanges}


app = Lilya(
    routes=[
        Path("/events", events),
        Path("/poll", poll),
        WebSocketPath("/socket", socket),
        Path("/publish", publish, methods=["POST"]),
        Path("/statistics", statistics),
    ]
)
