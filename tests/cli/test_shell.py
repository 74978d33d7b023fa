"""`shell`: code on stdin runs beside the started application; the prompts await."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from lilya.cli._kernels import Runner, plain, run_source
from tests.cli.driving import APP, files, lilya


@pytest.mark.realtime
@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_code_on_stdin_has_the_names_awaits_and_runs_between_start_and_stop(tmp_path: Path, backend: str) -> None:
    code = (
        "import anyio\nfrom lilya.concurrency.nursery import in_trio\n"
        "async def trio():\n    return in_trio()\n"
        "await anyio.sleep(0)\n"
        "print(app, settings.debug, Path, WebSocketPath, Include, Host, Router, datetime, timedelta, sep='|')\n"
        "print(await trio())\n"
        "if __name__ == '__main__': print('main')\n"
    )
    result = lilya("shell", "--backend", backend, cwd=files(tmp_path, app=APP), stdin=code)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "UP"
    assert lines[1].startswith("Lilya(1 routes)|False|<class 'lilya.routing")
    assert lines[2:] == [str(backend == "trio"), "main", "DOWN"]


@pytest.mark.realtime
@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [("1 / 0", 1, "ZeroDivisionError"), ("raise SystemExit(4)", 4, ""), ("def (", 1, "SyntaxError"), ("", 0, "")],
)
def test_how_the_code_ends_is_the_exit_code(tmp_path: Path, code: str, exit_code: int, said: str) -> None:
    result = lilya("shell", cwd=files(tmp_path, app=APP), stdin=code)
    assert (result.code, result.out) == (exit_code, "UP\nDOWN\n")
    assert said in result.err
    assert "lilya/cli" not in result.err


def test_the_plain_prompt_awaits_and_survives_errors(
    backend: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = iter(["x = await give(20)", "x + 1", "1 / 0", "await fail()", "x * 2"])

    def read(prompt: str = "") -> str:
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    async def give(value: int) -> int:
        return value

    async def fail() -> None:
        raise KeyError("awaited")

    monkeypatch.setattr("builtins.input", read)
    with start_blocking_portal(backend) as portal:
        plain({"give": give, "fail": fail}, Runner(portal))
    captured = capsys.readouterr()
    assert captured.out.split() == ["21", "40"]
    assert "ZeroDivisionError" in captured.err
    assert "KeyError: 'awaited'" in captured.err


def test_ctrl_c_cancels_what_is_awaited(backend: str) -> None:
    class Future:
        cancelled = False

        def result(self) -> None:
            raise KeyboardInterrupt

        def cancel(self) -> None:
            self.cancelled = True

    class Portal:
        future = Future()

        def start_task_soon(self, *args: Any) -> Future:
            args[1].close()
            return self.future

    portal: Any = Portal()
    with pytest.raises(KeyboardInterrupt):
        run_source("async def wait(): ...\nawait wait()", {}, Runner(portal))
    assert portal.future.cancelled
