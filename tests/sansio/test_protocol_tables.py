"""The tables of the protocols, tested from the tables: every legal walk passes, every illegal message is refused.

What the tables say is held against the ASGI specification by the drawings at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import anyio
import pytest

from lilya._asgi.exchange import Exchange, Nowhere
from lilya._asgi.outbox import Outbox
from lilya._sansio import http, lifespan, websocket
from lilya._sansio.machine import Phase, diagram
from lilya.exceptions import WebSocketRuntimeError
from lilya.types import Message
from tests.support.wire import Wire, http_scope, websocket_scope

STARTS: Final = {
    "http, sent": http.HEADERS,
    "http, received": http.READING,
    "websocket, sent": websocket.CONNECTING,
    "websocket, received": websocket.ARRIVING,
    "lifespan, sent": lifespan.STARTING,
    "lifespan, received": lifespan.ASLEEP,
}
LENGTH = 5  # longer than the way from any phase to any other and back

Walk = tuple[Message, ...]


def phases(start: Phase) -> list[Phase]:
    found = [start]
    for phase in found:
        for then, _, other in phase.values():
            found.extend(each for each in (then, other) if each not in found)
    return found


ALL_TYPES: Final = sorted({kind for start in STARTS.values() for phase in phases(start) for kind in phase})


def moves(phase: Phase) -> Iterator[tuple[Message, Phase]]:
    """Every message that may come now, with its flag and without, and where it leads."""
    for kind, (then, flag, other) in phase.items():
        yield {"type": kind}, then
        if flag:
            yield {"type": kind, flag: True}, other


def walks(phase: Phase, length: int) -> Iterator[tuple[Walk, Phase]]:
    """Every legal sequence of at most `length` messages, and where it leads."""
    yield (), phase
    if length:
        for message, then in moves(phase):
            for rest, end in walks(then, length - 1):
                yield (message, *rest), end


@pytest.mark.parametrize("start", STARTS.values(), ids=list(STARTS))
async def test_every_legal_walk_passes_and_leads_where_the_table_says(start: Phase) -> None:
    for walk, end in walks(start, LENGTH):
        sent: list[Message] = []

        async def sink(message: Message, sent: list[Message] = sent) -> None:
            sent.append(message)

        outbox = Outbox(sink, start)
        for message in walk:
            await outbox.send(message)
        assert outbox.phase is end
        assert sent == list(walk)


@pytest.mark.parametrize("start", STARTS.values(), ids=list(STARTS))
async def test_after_every_legal_walk_every_illegal_message_is_refused_and_changes_nothing(start: Phase) -> None:
    seen: set[Phase] = set()
    for walk, end in walks(start, LENGTH):
        if end in seen:
            continue
        seen.add(end)
        wire = Wire()
        outbox = Outbox(wire.send, start)
        for message in walk:
            await outbox.send(message)
        for kind in (*ALL_TYPES, "http.response.strat", ""):
            if kind in end:
                continue
            with pytest.raises(RuntimeError, match=re.escape(repr(kind))) as caught:
                await outbox.send({"type": kind})
            if end:
                assert str(caught.value) == f"Expected ASGI message {end.expected()}, but got {kind!r}."
            else:
                assert str(caught.value) == f"Unexpected ASGI message {kind!r} sent after the response was complete."
            assert outbox.phase is end
        assert len(wire.sent) == len(walk)
    assert seen == set(phases(start))  # the walks are long enough to come everywhere


async def test_a_websocket_is_refused_in_its_own_words() -> None:
    for walk, end in walks(websocket.CONNECTING, 3):
        wire = Wire()
        exchange = Exchange(Nowhere(), websocket_scope(), wire.receive, wire.send)
        for message in walk:
            await exchange.send(message)
        for kind in ALL_TYPES:
            if kind not in end:
                with pytest.raises(WebSocketRuntimeError) as caught:
                    await exchange.send({"type": kind})
                assert str(caught.value) == websocket.complaint(end, kind)


def test_the_complaints_of_a_websocket_say_what_to_do() -> None:
    assert websocket.complaint(websocket.CONNECTING, "websocket.send") == (
        'WebSocket is not connected. Need to call "accept" first.'
    )
    for kind in ("websocket.send", "websocket.close", "websocket.accept"):
        assert websocket.complaint(websocket.DONE, kind) == 'Cannot call "send" once a close message has been sent.'
    assert websocket.complaint(websocket.OPEN, "websocket.accept") == (
        "Expected ASGI message 'websocket.send' or 'websocket.close', but got 'websocket.accept'."
    )


@pytest.mark.parametrize("start", STARTS.values(), ids=list(STARTS))
def test_every_phase_can_come_to_an_end(start: Phase) -> None:
    for phase in phases(start):
        reachable = phases(phase)
        ends = [each for each in reachable if not each or set(each) == {f"{start_kind(start)}.disconnect"}]
        assert ends, f"from {phase} there is no way out"


def start_kind(start: Phase) -> str:
    return next(iter(start)).partition(".")[0]


def test_an_http_response_is_complete_after_its_last_message_whatever_kind_it_is() -> None:
    for kind in ("http.response.body", "http.response.zerocopysend"):
        assert http.BODY.after({"type": kind, "more_body": True}) is http.BODY
        assert http.BODY.after({"type": kind, "more_body": False}) is http.DONE
        assert http.TRAILED.after({"type": kind}) is http.TRAILERS
    assert http.BODY.after({"type": "http.response.pathsend", "path": "/x", "more_body": True}) is http.DONE
    assert http.TRAILERS.after({"type": "http.response.trailers", "more_trailers": True}) is http.TRAILERS


def test_an_exchange_begins_where_its_protocol_begins() -> None:
    wire = Wire()
    assert Exchange(Nowhere(), http_scope(), wire.receive, wire.send).phase is http.HEADERS
    assert Exchange(Nowhere(), websocket_scope(), wire.receive, wire.send).phase is websocket.CONNECTING


@pytest.mark.parametrize(
    ("start", "drawing"),
    [
        (
            http.HEADERS,
            """
            HEADERS -- http.response.start --> BODY
            HEADERS -- http.response.start (trailers) --> TRAILED
            HEADERS -- http.response.early_hint --> HEADERS
            HEADERS -- http.response.push --> HEADERS
            HEADERS -- http.response.debug --> HEADERS
            BODY -- http.response.body --> DONE
            BODY -- http.response.body (more_body) --> BODY
            BODY -- http.response.pathsend --> DONE
            BODY -- http.response.zerocopysend --> DONE
            BODY -- http.response.zerocopysend (more_body) --> BODY
            BODY -- http.response.push --> BODY
            BODY -- http.response.debug --> BODY
            TRAILED -- http.response.body --> TRAILERS
            TRAILED -- http.response.body (more_body) --> TRAILED
            TRAILED -- http.response.pathsend --> TRAILERS
            TRAILED -- http.response.zerocopysend --> TRAILERS
            TRAILED -- http.response.zerocopysend (more_body) --> TRAILED
            TRAILED -- http.response.push --> TRAILED
            TRAILED -- http.response.debug --> TRAILED
            TRAILERS -- http.response.trailers --> DONE
            TRAILERS -- http.response.trailers (more_trailers) --> TRAILERS
            """,
        ),
        (
            http.READING,
            """
            READING -- http.request --> WHOLE
            READING -- http.request (more_body) --> READING
            READING -- http.disconnect --> GONE
            WHOLE -- http.disconnect --> GONE
            GONE -- http.disconnect --> GONE
            """,
        ),
        (
            websocket.CONNECTING,
            """
            CONNECTING -- websocket.accept --> OPEN
            CONNECTING -- websocket.close --> DONE
            CONNECTING -- websocket.http.response.start --> DENYING
            CONNECTING -- http.response.debug --> CONNECTING
            OPEN -- websocket.send --> OPEN
            OPEN -- websocket.close --> DONE
            DENYING -- websocket.http.response.body --> DONE
            DENYING -- websocket.http.response.body (more_body) --> DENYING
            """,
        ),
        (
            websocket.ARRIVING,
            """
            ARRIVING -- websocket.connect --> RECEIVING
            ARRIVING -- websocket.disconnect --> GONE
            RECEIVING -- websocket.receive --> RECEIVING
            RECEIVING -- websocket.disconnect --> GONE
            GONE -- websocket.disconnect --> GONE
            """,
        ),
        (
            lifespan.STARTING,
            """
            STARTING -- lifespan.startup.complete --> SERVING
            STARTING -- lifespan.startup.failed --> DONE
            SERVING -- lifespan.shutdown.complete --> DONE
            SERVING -- lifespan.shutdown.failed --> DONE
            """,
        ),
        (
            lifespan.ASLEEP,
            """
            ASLEEP -- lifespan.startup --> RUNNING
            RUNNING -- lifespan.shutdown --> ENDED
            """,
        ),
    ],
    ids=list(STARTS),
)
def test_the_tables_are_those_of_the_specification(start: Phase, drawing: str) -> None:
    assert diagram(start).splitlines() == [line.strip() for line in drawing.strip().splitlines()]


@pytest.mark.parametrize("reason", [None, "", "x" * 200, "ü" * 200, "☃" * 200, "😀" * 200, "a\ud800b"])
def test_a_closing_reason_fits_into_a_close_frame_and_is_whole_text(reason: str | None) -> None:
    cut = websocket.closing_reason(reason)
    assert len(cut.encode()) <= websocket.MAX_REASON
    assert (reason or "").encode("utf-8", "replace").decode().startswith(cut)
    assert len(cut.encode()) > websocket.MAX_REASON - 4 or len(reason or "") == len(cut)


async def test_a_checkpoint_is_left_to_the_server() -> None:
    sent: list[Message] = []

    async def sink(message: Message) -> None:
        sent.append(message)

    outbox = Outbox(sink, http.HEADERS)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await outbox.send({"type": "http.response.start", "status": 200})
        await outbox.send({"type": "http.response.body"})
    assert len(sent) == 2
