"""Tasks with a parent, threads that are waited for, generators that are closed, services that are kept alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya.concurrency.capacity import MAX_WAITING, Capacity
    from lilya.concurrency.channel import as_channel, iterate, may_hold_scope
    from lilya.concurrency.nursery import in_trio, open_nursery, open_trio_nursery, shielded, unwrap
    from lilya.concurrency.service import Service, ServiceState, ServiceStatistics, Supervisor
    from lilya.concurrency.threads import (
        AsyncCallable,
        ThreadContext,
        ThreadIterator,
        ThreadLimits,
        ThreadStatistics,
        enforce_async_callable,
        is_async_callable,
        iterate_in_threadpool,
        own_threads,
        run_cleanup,
        run_in_threadpool,
        run_sync,
        thread_limits,
    )
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            ".capacity": "MAX_WAITING Capacity",
            ".channel": "as_channel iterate may_hold_scope",
            ".nursery": "in_trio open_nursery open_trio_nursery shielded unwrap",
            ".service": "Service ServiceState ServiceStatistics Supervisor",
            ".threads": "AsyncCallable ThreadContext ThreadIterator ThreadLimits ThreadStatistics enforce_async_callable "  # noqa: E501
            "is_async_callable iterate_in_threadpool own_threads run_cleanup run_in_threadpool run_sync thread_limits",
        },
    )

__all__ = [
    "MAX_WAITING",
    "AsyncCallable",
    "Capacity",
    "Service",
    "ServiceState",
    "ServiceStatistics",
    "Supervisor",
    "ThreadContext",
    "ThreadIterator",
    "ThreadLimits",
    "ThreadStatistics",
    "as_channel",
    "enforce_async_callable",
    "in_trio",
    "is_async_callable",
    "iterate",
    "iterate_in_threadpool",
    "may_hold_scope",
    "open_nursery",
    "open_trio_nursery",
    "own_threads",
    "run_cleanup",
    "run_in_threadpool",
    "run_sync",
    "shielded",
    "thread_limits",
    "unwrap",
]
