"""Each step of the tutorial does what its page says one sees."""

from __future__ import annotations

import sys
from pathlib import Path
from signal import SIGTERM

import anyio
import pytest

from lilya.exceptions import ImproperlyConfigured
from lilya.testclient import AsyncTestClient
from lilya.websockets import WebSocketDisconnect
from tests.docs.pages import DOCS, blocks, links, program, read
from tests.e2e.harness import Process
from tests.e2e.wire import HTTP, WebSocket

STEPS = sorted(path.relative_to(DOCS.parent).as_posix() for path in (DOCS / "tutorial").glob("*.md"))
TEA = {"name": "ada", "text": "Tea?"}


def step(number: int) -> str:
    return STEPS[number - 1]


def test_there_are_eight_steps_each_one_program_and_each_leads_to_the_next() -> None:
    assert len(STEPS) == 8
    for number, page in enumerate(STEPS, 1):
        assert [block.is_program for block in blocks(page) if block.language == "python"] == [True]
        assert read(page).startswith(f"# {number}. ")
        if number < 8:
            assert step(number + 1).endswith(links(page)[-1].target)


async def test_a_route() -> None:
    async with AsyncTestClient(program(step(1)).app) as client:
        assert (await client.get("/rooms")).text == '{"rooms":["kitchen","garden"]}'
        assert (await client.get("/room")).status_code == 404
        assert (await client.post("/rooms")).headers["allow"] == "GET, HEAD"


async def test_messages() -> None:
    async with AsyncTestClient(program(step(2)).app) as client:
        assert (await client.post("/rooms/kitchen", json=TEA)).status_code == 201
        assert (await client.get("/rooms/kitchen")).json() == {"said": [TEA]}
        assert (await client.post("/rooms/kitchen", content="Tea?")).status_code == 400
        refused = await client.post("/rooms/kitchen", json={"text": "Tea?"})
        assert (refused.status_code, refused.text[:12]) == (400, "A message is")
        for _ in range(60):
            await client.post("/rooms/kitchen", json=TEA)
        assert len((await client.get("/rooms/kitchen")).json()["said"]) == 50


def test_a_misspelt_parameter_keeps_the_program_from_starting() -> None:
    code = blocks(step(2))[0].code.replace("read(room: str)", "read(rom: str)")
    with pytest.raises(ImproperlyConfigured, match="Did you mean 'room'"):
        exec(compile(code, "page", "exec", dont_inherit=True), {"__name__": "page"})


async def test_waiting_for_news(capsys: pytest.CaptureFixture[str]) -> None:
    async with AsyncTestClient(program(step(3)).app) as client, anyio.create_task_group() as others:

        async def speak() -> None:
            await anyio.sleep(10)
            await client.post("/rooms/kitchen", json=TEA)

        others.start_soon(speak)
        news = (await client.get("/rooms/kitchen?after=")).json()
        assert [event["data"] for event in news["events"]] == [TEA]
        assert capsys.readouterr().out == "a poll has ended\n"
        with anyio.move_on_after(1):
            await client.get("/rooms/kitchen", params={"after": news["after"]})
        assert capsys.readouterr().out == "a poll has ended\n"


async def test_a_stream() -> None:
    module = program(step(4))
    async with AsyncTestClient(module.app) as client:
        assert "EventSource" in (await client.get("/")).text
        await client.post("/rooms/kitchen", json=TEA)
        async with client.stream("GET", "/rooms/kitchen") as response:
            lines = response.aiter_lines()
            seen = [await anext(lines) for _ in range(3)]
            assert "event: kitchen" in seen
            assert 'data: {"name": "ada", "text": "Tea?"}' in seen
            module.app.drain()
            async for _ in lines:  # it ends by itself
                pass
        assert module.said.statistics().subscribers == 0


async def test_a_websocket() -> None:
    module = program(step(5))
    async with AsyncTestClient(module.app) as client:
        async with client.websocket_connect("/rooms/kitchen") as ada, client.websocket_connect("/rooms/kitchen") as bob:
            await ada.send_json(TEA)
            assert [await ada.receive_json(), await bob.receive_json()] == [TEA, TEA]
            await ada.send_json({})
            with pytest.raises(WebSocketDisconnect) as closed:
                await ada.receive_text()
            assert closed.value.code == 4001
            await bob.send_json(TEA)
            assert await bob.receive_json() == TEA
        assert module.said.statistics().subscribers == 0
        assert module.app.statistics().idle


@pytest.mark.parametrize("number", [6, 8])
async def test_who_is_there(number: int) -> None:
    module = program(step(number))
    room = "/rooms/kitchen?name="
    async with AsyncTestClient(module.app) as client:
        async with client.websocket_connect(room + "ada") as ada:
            assert await ada.receive_json() == {"here": ["ada"]}
            async with client.websocket_connect(room + "bob") as bob, client.websocket_connect(room + "bob"):
                assert await ada.receive_json() == {"here": ["ada", "bob"]}
                assert await ada.receive_json() == {"here": ["ada", "bob"]}
                await bob.send_json({"text": "Tea?"})
                assert await ada.receive_json() == {"name": "bob", "text": "Tea?"}
            assert await ada.receive_json() == {"here": ["ada", "bob"]} or await ada.receive_json() == {"here": ["ada"]}
        assert module.members == {}
        assert module.presence.statistics().subscribers == 0


@pytest.mark.realtime
def test_a_new_version_takes_over(tmp_path: Path) -> None:
    """The last step, as one would do it: two processes on one port, and a signal to the first."""
    file = tmp_path / "chat.py"
    file.write_text(blocks(step(8))[0].code)

    def start(name: str, port: int) -> Process:
        (tmp_path / name).mkdir()
        environment = {"BIND": f"127.0.0.1:{port}"}
        return Process([sys.executable, str(file)], tmp_path / name, environment, r"serving on (\S+)")

    old = start("old", 0)
    try:
        client = WebSocket(old.connect(), "/rooms/kitchen?name=ada")
        assert client.text() == '{"here":["ada"]}'
        new = start("new", old.port)
        try:
            assert new.url == old.url
            old.signal(SIGTERM)
            assert client.closed() == (1012, "a new version comes")
            client.sock.close()
            assert old.exit_code() == 0
            with HTTP(new.connect()) as http:
                answer = http.get("/readyz")
                assert answer is not None
                assert answer.status == 200
            again = WebSocket(new.connect(), "/rooms/kitchen?name=ada")
            assert again.text() == '{"here":["ada"]}'
            again.sock.close()
        finally:
            new.end()
    finally:
        old.end()
