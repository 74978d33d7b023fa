from __future__ import annotations

import anyio
import anyio.lowlevel

from lilya.testing.connection import is_echo, split_cancelled


class Boom(Exception):
    pass


async def test_cancellation_and_failure_are_told_apart() -> None:
    seen: list[object] = []
    boom = Boom()
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            await anyio.lowlevel.checkpoint()
        except BaseException as exc:
            cancellation, failure = split_cancelled(BaseExceptionGroup("both", [exc, boom]))
            assert isinstance(cancellation, BaseExceptionGroup)
            assert isinstance(failure, ExceptionGroup)
            seen += [cancellation.exceptions == (exc,), failure.exceptions == (boom,)]
            seen.append(split_cancelled(exc) == (exc, None))
            raise
    group = ExceptionGroup("failures", [boom])
    assert split_cancelled(group) == (None, group)
    assert split_cancelled(boom) == (None, boom)
    assert seen == [True, True, True]


def test_what_happened_while_a_disconnect_was_handled_is_no_echo_of_it() -> None:
    boom = Boom()
    boom.__context__ = ConnectionResetError()
    assert not is_echo(boom)
