"""Each step of the tutorial does what the page says."""

from __future__ import annotations

import anyio
import pytest

from lilya.exceptions import ImproperlyConfigured
from lilya.testclient import AsyncTestClient
from tests.docs.pages import blocks, program

PAGE = "docs/guide/first-steps.md"


async def test_hello() -> None:
    async with AsyncTestClient(program(PAGE, 1).app) as client:
        response = await client.get("/")
        assert (response.status_code, response.json()) == (200, {"hello": "world"})


async def test_a_path_with_a_parameter() -> None:
    async with AsyncTestClient(program(PAGE, 2).app) as client:
        response = await client.get("/add/2/3")
        assert response.text == '{"sum":5}'
        assert (await client.get("/add/2/three")).status_code == 404


def test_a_renamed_parameter_keeps_the_program_from_starting() -> None:
    code = [block for block in blocks(PAGE) if block.is_program][1].code.replace("left: int,", "lefft: int,")
    with pytest.raises(ImproperlyConfigured, match=r"nothing can fill the parameter 'lefft'.* Did you mean 'left'\?"):
        exec(compile(code, "page", "exec", dont_inherit=True), {"__name__": "page"})


async def test_a_body_a_status_an_error() -> None:
    async with AsyncTestClient(program(PAGE, 3).app) as client:
        written = await client.put("/notes/food", content=b'"buy bread"')
        assert (written.status_code, written.json()) == (201, {"written": "food"})
        assert (await client.get("/notes/food")).json() == {"note": "buy bread"}
        assert (await client.put("/notes/food", content=b"buy bread")).status_code == 400
        assert (await client.put("/notes/food", content=b"[]")).text == "A note is a JSON string."
        missing = await client.get("/notes/drink")
        assert (missing.status_code, missing.text) == (404, "There is no note 'drink'.")


async def test_blocking_code() -> None:
    async with AsyncTestClient(program(PAGE, 4).app) as client:
        assert (await client.get("/digest/word")).json()["sha256"].startswith("98c1eb4ee93476743763878fcb96a25f")


async def test_a_stream(capsys: pytest.CaptureFixture[str]) -> None:
    async with AsyncTestClient(program(PAGE, 5).app) as client:
        began = anyio.current_time()
        assert (await client.get("/countdown/3")).text == "3\n2\n1\nlift-off\n"
        assert anyio.current_time() - began == pytest.approx(3)
        capsys.readouterr()
        async with client.stream("GET", "/countdown/10") as response:
            assert await anext(response.aiter_lines()) == "10"
            assert capsys.readouterr().out == ""
        assert capsys.readouterr().out == "the countdown is over, or its reader has left\n"


async def test_waiting_for_something() -> None:
    module = program(PAGE, 6)
    async with AsyncTestClient(module.app) as client, anyio.create_task_group() as visitors:
        rung: list[str] = []

        async def visit() -> None:
            rung.append((await client.get("/wait")).text)

        visitors.start_soon(visit)
        await anyio.sleep(1)
        with anyio.move_on_after(1):
            await client.get("/wait")
        assert len(module.bells) == 1
        assert (await client.post("/ring")).json() == {"woken": 1}
    assert rung == ["ding\n"]
    async with AsyncTestClient(module.app) as client:
        began = anyio.current_time()
        assert (await client.get("/wait")).status_code == 204
        assert anyio.current_time() - began == pytest.approx(30)


async def test_work_after_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    async with AsyncTestClient(program(PAGE, 7).app, wait_for_background=False) as client:
        response = await client.post("/register/ada")
        assert response.status_code == 202
        assert capsys.readouterr().out == ""
        await client.wait_idle()
        assert capsys.readouterr().out == "mail to ada\n"


async def test_a_websocket() -> None:
    async with (
        AsyncTestClient(program(PAGE, 8).app) as client,
        client.websocket_connect("/shout") as websocket,
    ):
        await websocket.send_text("hello")
        assert await websocket.receive_text() == "HELLO"
