"""A trio program that serves a web application beside its other work: one nursery, and one cancel stops all."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from functools import partial

import trio

from lilya.apps import Lilya
from lilya.requests import Request
from lilya.responses import EventStreamResponse
from lilya.routing import Path
from lilya.servers import serve

SECONDS = 0.5  # between two ticks


@dataclass
class House:
    """What the parts of the program share. Made where the loop runs: an `Event` belongs to it."""

    ticks: int = 0
    echoed: int = 0  # bytes
    ticked: trio.Event = field(default_factory=trio.Event)


async def echo(house: House, stream: trio.SocketStream) -> None:
    """One TCP connection: what comes in goes out."""
    async for data in stream:
        await stream.send_all(data)
        house.echoed += len(data)


async def tick(house: House) -> None:
    """The clock of the house."""
    try:
        while True:
            await trio.sleep(SECONDS)
            house.ticks += 1
            house.ticked.set()
            house.ticked = trio.Event()
    finally:
        print(f"the ticker ends at {house.ticks}")


async def stop_on_signal(
    nursery: trio.Nursery, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Ctrl-C and SIGTERM cancel everything in the nursery, this included."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for number in signals:
            print(f"stopping: {signal.Signals(number).name}")
            nursery.cancel_scope.cancel()


def make_app(house: House, nursery: trio.Nursery) -> Lilya:
    """The web side of the house."""

    async def status() -> dict[str, int]:
        return {"ticks": house.ticks, "echoed": house.echoed, "tasks": len(nursery.child_tasks)}

    async def ticks(request: Request) -> EventStreamResponse:
        async def numbers() -> AsyncGenerator[dict[str, int]]:
            while True:
                await house.ticked.wait()
                yield {"data": house.ticks}

        return EventStreamResponse(numbers())

    async def slow() -> str:
        await trio.sleep(2 * SECONDS)
        return "slow, but whole"

    async def stop() -> str:
        nursery.cancel_scope.cancel()
        return "stopping"  # is still sent: `serve` takes a cancellation as an orderly stop

    return Lilya(
        routes=[Path("/", status), Path("/ticks", ticks), Path("/slow", slow), Path("/stop", stop, methods=["POST"])]
    )


async def main(bind: str, tcp_port: int) -> None:
    async with trio.open_nursery() as nursery:
        house = House()
        await nursery.start(stop_on_signal, nursery)
        listeners = await nursery.start(partial(trio.serve_tcp, partial(echo, house), tcp_port, host="127.0.0.1"))
        nursery.start_soon(tick, house)
        await nursery.start(serve, make_app(house, nursery), bind)  # ready when it listens
        print("echo is on", listeners[0].socket.getsockname()[1])
    print("nothing is left")


if __name__ == "__main__":
    arguments = sys.argv[1:] or ["127.0.0.1:8000", "7000"]
    trio.run(main, arguments[0], int(arguments[1]))
