"""The first page, and the README, which shows the same program."""

from __future__ import annotations

import re

import anyio
import pytest

from lilya.testclient import AsyncTestClient
from tests.docs.pages import blocks, program, read

INDEX = "docs/index.md"


async def test_the_program_streams_what_both_shops_sell() -> None:
    async with AsyncTestClient(program(INDEX).app) as client, client.stream("GET", "/prices") as response:
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        lines = response.aiter_lines()
        assert {await anext(lines), await anext(lines)} == {"north sells at 42", "south sells at 42"}


async def test_the_time_line_of_the_disconnect_is_true(capsys: pytest.CaptureFixture[str]) -> None:
    times = [float(number) for number in re.findall(r"^ (\d\.\d\d) s", picture("A client leaves"), re.MULTILINE)]
    app = program(INDEX).app
    async with AsyncTestClient(app) as client:
        began = anyio.current_time()
        async with client.stream("GET", "/prices") as response:
            await anext(response.aiter_lines())
            await anyio.sleep_until(began + times[1])
            assert [each.state for each in app.statistics().exchanges] == ["streaming"]
            assert capsys.readouterr().out == ""
        assert anyio.current_time() - began == pytest.approx(times[3])
        assert app.statistics().idle
    assert times[1:3] == [1, 1]
    assert sorted(capsys.readouterr().out.splitlines()) == ["left north", "left south"]


async def test_the_tasks_of_the_picture_are_there_and_no_others() -> None:
    lines = picture("The tasks of the program").splitlines()
    drawn = {re.split(r" {2,}", re.sub(r"[│├└─ ]*", "", line, count=1))[0].strip() for line in lines}
    async with AsyncTestClient(program(INDEX).app) as client:
        before = {task.name for task in anyio.get_running_tasks()} - {"lifespan", "lilya watch"}
        async with client.stream("GET", "/prices") as response:
            await anext(response.aiter_lines())
            names = {task.name for task in anyio.get_running_tasks()} - before
    assert names == drawn - {"server"}


def picture(title: str) -> str:
    return next(block.code for block in blocks(INDEX) if block.title.startswith(title))


def test_the_readme_shows_the_same_program_and_pictures() -> None:
    readme = [block.code for block in blocks("README.md")]
    for block in blocks(INDEX):
        if block.language in ("python", "text"):
            assert block.code in readme


def test_the_two_commands_are_those_of_the_readme() -> None:
    commands = next(block.code for block in blocks(INDEX) if block.language == "sh")
    for line in commands.splitlines():
        assert f"\n{line}\n" in read("README.md")
