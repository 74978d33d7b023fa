"""The protocol of the workers: a line for a line, and every failure a word and not a crash."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from lilya.types import ASGIApp, Receive, Scope, Send
from tests.benchmarks import ours, raw
from tests.benchmarks.__main__ import installed, named
from tests.benchmarks.asking import Gone, Process
from tests.benchmarks.cases import CASES
from tests.benchmarks.figures import quartiles
from tests.benchmarks.rivals import PEERS, Rival
from tests.benchmarks.worker import Host, answer

# Answers like a worker: half as fast as the floor, without websockets, and it does not survive a form.
STAND_IN = """
import json, sys
for line in sys.stdin:
    question = json.loads(line)
    case = question.get("case", "")
    if "about" in question:
        print(json.dumps({"versions": {"it": "1.0"}}), flush=True)
    elif "websocket" in case:
        print(json.dumps({"missing": "no websockets"}), flush=True)
    elif "form" in case:
        sys.exit("it cannot read")
    else:
        print(json.dumps({"seconds": 1.0 if question["contender"] == "raw" else 2.0}), flush=True)
"""


async def ask(apps: raw.Makers, case: str, contender: str = "peer") -> dict[str, Any]:
    host = Host(apps)
    try:
        found = await answer(host, {"case": case, "contender": contender, "seconds": 0.001})
        json.dumps(found)
        return found
    finally:
        await host.aclose()


@pytest.mark.parametrize("contender", ["raw", "peer"])
async def test_a_slice_is_answered_with_the_seconds_of_a_call(contender: str) -> None:
    found = await ask(ours.APPS, "plaintext", contender)
    assert 0 < found["seconds"] < 0.1


async def test_the_application_of_the_next_case_takes_the_place_of_the_last_one() -> None:
    host = Host(ours.APPS)
    for case in ("plaintext", "JSON", "10 routes, first", "1000 websocket messages", "background task"):
        question = {"case": case, "contender": "peer", "seconds": 0.001}
        assert (await answer(host, question)).keys() == {"seconds"}, case
    await host.aclose()


async def test_versions_are_told() -> None:
    assert (await answer(Host({}), {"about": ["anyio"]})).keys() == {"versions"}


async def test_an_application_that_is_not_there_is_missing() -> None:
    assert await ask({}, "plaintext") == {"missing": "no application 'site'"}


async def test_another_answer_than_the_floors_is_an_error_that_shows_both() -> None:
    async def wrong(scope: Scope, receive: Receive, send: Send) -> None:
        await raw.reply(send, b"Goodbye")

    found = await ask({"one": lambda: raw.with_lifespan(wrong)}, "plaintext, one route")
    assert "Goodbye" in found["error"]
    assert "Hello" in found["error"]


async def test_an_application_that_fails_is_an_error_and_the_next_case_is_answered() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("nothing there")

    apps: dict[str, Any] = {**ours.APPS, "one": lambda: raw.with_lifespan(broken)}
    host = Host(apps)
    found = await answer(host, {"case": "plaintext, one route", "contender": "peer", "seconds": 0.001})
    assert found == {"error": "LookupError: nothing there"}
    assert "seconds" in await answer(host, {"case": "plaintext", "contender": "peer", "seconds": 0.001})
    await host.aclose()


async def test_an_application_that_does_not_start_is_an_error() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    def maker() -> ASGIApp:
        return app

    assert "no database" in (await ask({"one": maker}, "plaintext, one route"))["error"]


def test_a_process_is_asked_line_by_line() -> None:
    with Process([sys.executable, "-c", STAND_IN]) as process:
        assert process.ask({"about": []}) == {"versions": {"it": "1.0"}}
        assert process.ask({"case": "plaintext", "contender": "raw"}) == {"seconds": 1.0}


def test_a_process_that_ended_says_why() -> None:
    with Process([sys.executable, "-c", "import sys; sys.exit('no such thing')"]) as process:
        with pytest.raises(Gone, match="no such thing"):
            process.ask({})


def test_a_process_that_does_not_answer_is_not_waited_for() -> None:
    with Process([sys.executable, "-c", "input()\ninput()"], patience=0.1) as process:
        with pytest.raises(Gone, match="no answer"):
            process.ask({})


class StandIn(Rival):
    """A rival whose worker is the one above."""

    def _start(self) -> Process:
        return Process([sys.executable, "-c", STAND_IN])


def test_a_peer_that_cannot_do_a_case_is_measured_in_the_others() -> None:
    rival = StandIn("starlette", Path(sys.executable), "trio")
    names = ["plaintext", "urlencoded form", "1000 websocket messages", "JSON"]
    cases = [case for name in names for case in CASES if case.name == name]
    found = rival.measure(cases, 3, 0.001)
    assert found == {"plaintext": [0.5] * 3, "JSON": [0.5] * 3}
    assert rival.refused["1000 websocket messages"] == "no websockets"
    assert "it cannot read" in rival.refused["urlencoded form"]
    assert rival.versions == {"it": "1.0"}
    assert Rival.summary(found, cases[0]) == quartiles([0.5] * 3)
    assert Rival.summary(found, cases[1]) is None


def test_a_peer_that_cannot_be_installed_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "a file and no directory"
    place.write_text("")
    assert installed(["falcon"], place) == {}
    assert "falcon cannot be installed" in capsys.readouterr().out


def test_peers_are_named_between_commas() -> None:
    assert named("starlette, litestar") == ["starlette", "litestar"]
    assert named("all") == list(PEERS)
    assert named("") == []


def test_every_peer_has_its_module() -> None:
    for peer in PEERS.values():
        assert (Path(__file__).parent / "peers" / f"{peer.module}.py").is_file()
