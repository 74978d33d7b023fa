"""The small ones: address, secret, ASGI call, sniffer, everything."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from lilya.datastructures import ALL, Address, ScopeHandler, Secret, SendReceiveSniffer
from lilya.types import Message


def test_an_address_is_a_host_and_a_port() -> None:
    assert Address("127.0.0.1", 80) == Address(host="127.0.0.1", port=80)
    assert (Address("/run/app.sock", None).host, Address("::1", 1).port) == ("/run/app.sock", 1)
    assert repr(Address("a", 1)) == "Address(host='a', port=1)"


def test_a_secret_does_not_show_but_can_be_had() -> None:
    secret = Secret("hunter2")
    assert repr(secret) == "Secret('***********')"
    assert str(secret) == f"{secret}" == "hunter2"
    assert len(secret) == 7
    assert secret


@pytest.mark.parametrize("nothing", [Secret(), Secret(None), Secret("")])
def test_no_secret_is_empty(nothing: Secret) -> None:
    assert str(nothing) == ""
    assert len(nothing) == 0
    assert not nothing
    assert repr(nothing) == "Secret('***********')"


def test_everything_is_in_all() -> None:
    assert "GET" in ALL
    assert object() in ALL
    assert repr(ALL) == "ALL"


class Wire:
    """A connection's messages: those to come, and those sent."""

    def __init__(self, *incoming: Message) -> None:
        self.incoming = list(incoming)
        self.outgoing: list[Message] = []

    async def receive(self) -> Message:
        if not self.incoming:
            await anyio.sleep_forever()
        return self.incoming.pop(0)

    async def send(self, message: Message) -> None:
        if message["type"] == "broken":
            raise OSError("gone")
        self.outgoing.append(message)


async def test_a_sniffer_notes_what_passes() -> None:
    wire = Wire({"type": "http.request"})
    sniffer = SendReceiveSniffer(wire.receive, wire.send)
    assert (sniffer.received, sniffer.sent) == (False, False)
    assert await sniffer.receive() == {"type": "http.request"}
    assert (sniffer.received, sniffer.sent) == (True, False)
    await sniffer.send({"type": "http.response.start"})
    assert sniffer.sent
    assert wire.outgoing == [{"type": "http.response.start"}]


async def test_a_message_put_back_is_given_once_more_and_nothing_is_asked_below() -> None:
    wire = Wire({"type": "first"}, {"type": "second"})
    sniffer = SendReceiveSniffer(wire.receive, wire.send)
    sniffer.repeat_message = await sniffer.receive()
    assert await sniffer.receive() == {"type": "first"}
    assert len(wire.incoming) == 1
    assert await sniffer.receive() == {"type": "second"}


async def test_what_was_tried_to_send_counts_as_sent() -> None:
    wire = Wire()
    sniffer = SendReceiveSniffer(wire.receive, wire.send)
    with pytest.raises(OSError, match="gone"):
        await sniffer.send({"type": "broken"})
    assert sniffer.sent


async def test_a_cancelled_receive_counts_for_nothing() -> None:
    wire = Wire()
    sniffer = SendReceiveSniffer(wire.receive, wire.send)
    with anyio.move_on_after(1):
        await sniffer.receive()
    assert not sniffer.received


def test_a_scope_handler_holds_an_asgi_call() -> None:
    wire = Wire()
    scope: dict[str, Any] = {"type": "http"}
    call = ScopeHandler(scope, wire.receive, wire.send)
    assert call.scope is scope
    assert (call.receive, call.send) == (wire.receive, wire.send)
