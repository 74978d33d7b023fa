"""`examples/chat`, run as its README says: people come, talk, leave and come back."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.e2e.harness import Process, program
from tests.e2e.whole import reset
from tests.e2e.wire import WebSocket
from tests.examples.docstring import EXAMPLES

pytestmark = [pytest.mark.e2e]


@pytest.fixture
def process() -> Iterator[Process]:
    with program(EXAMPLES / "chat" / "main.py", "127.0.0.1:0") as process:
        yield process
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        assert "Traceback" not in process.log(), process.log()


def enter(process: Process, name: str, room: str = "lobby", **query: str) -> WebSocket:
    return WebSocket(process.connect(), f"/rooms/{room}?{urlencode({'name': name, **query})}")


def told(websocket: WebSocket) -> Any:
    return json.loads(websocket.text())


def until_here(websocket: WebSocket, *names: str) -> None:
    while told(websocket).get("here") != list(names):
        pass


def said(websocket: WebSocket) -> tuple[str, str]:
    while "text" not in (message := told(websocket)):
        pass
    return message["name"], message["text"]


def test_the_page_needs_no_other_host_and_knows_the_dark() -> None:
    for example in ("chat", "feed"):
        page = (EXAMPLES / example / "page.html").read_text()
        assert re.findall(r"https?://[^\"'\s]+", page) in ([], ["http://www.w3.org/2000/svg"])
        assert not re.search(r"(src|href|url\()\s*=?", page.replace("location.host", ""))
        assert "color-scheme: light dark" in page


def test_people_come_talk_and_leave(process: Process) -> None:
    with process.client() as client:
        assert "<title>Chat</title>" in client.get("/").text
    with enter(process, "ada") as ada:
        until_here(ada, "ada")
        with enter(process, "bob") as bob, enter(process, "eve", "attic") as eve:
            until_here(ada, "ada", "bob")
            until_here(eve, "eve")
            bob.send('{"text": "hello"}')
            assert said(ada) == said(bob) == ("bob", "hello")
            ada.send('{"text": "hi"}')
            assert said(ada) == said(bob) == ("ada", "hi")
            reset(bob.sock)  # without a goodbye
            until_here(ada, "ada")


def test_who_comes_back_has_what_was_said_meanwhile(process: Process) -> None:
    with enter(process, "ada") as ada:
        ada.send('{"text": "one"}')
        while "id" not in (one := told(ada)):
            pass
        for text in ("two", "three"):
            ada.send(json.dumps({"text": text}))
            assert said(ada) == ("ada", text)
        with enter(process, "bob", after=one["id"]) as bob:
            assert [said(bob), said(bob)] == [("ada", "two"), ("ada", "three")]
        with enter(process, "new") as new:
            assert said(new) == ("ada", "one")
        with enter(process, "late", after="of another server") as late:
            while not told(late).get("gap"):
                pass


@pytest.mark.parametrize("sent", ['"x"', "{}", '{"text": ""}', '{"text": 1}', json.dumps({"text": "x" * 2001})])
def test_what_is_no_message_closes(process: Process, sent: str) -> None:
    with enter(process, "ada") as ada:
        until_here(ada, "ada")
        ada.send(sent)
        assert ada.closed()[0] == 4001


@pytest.mark.parametrize("name", ["", " ", "x" * 31, "a\0b"])
def test_nobody_comes_in_without_a_name(process: Process, name: str) -> None:
    with enter(process, name) as websocket:
        assert websocket.rejected == 403
