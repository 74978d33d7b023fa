"""Forms: names with texts and uploaded files, in the order in which they came."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import TypeAlias

from lilya.datastructures._multi import ImmutableMultiDict, MultiDict
from lilya.datastructures._upload import DataUpload

__all__ = ["FormData", "FormMultiDict"]

FormValue: TypeAlias = str | DataUpload


class FormData(ImmutableMultiDict[FormValue]):
    """The fields of a form as received."""

    __slots__ = ()

    async def close(self) -> None:
        """Close all files, also when one fails or the caller is cancelled; see `DataUpload.close`."""
        await _close(self.values())


class FormMultiDict(MultiDict[FormValue]):
    """The fields of a form, to be changed."""

    __slots__ = ()

    async def close(self) -> None:
        """Close all files, also when one fails or the caller is cancelled; see `DataUpload.close`."""
        await _close(self.values())


async def _close(values: Iterable[FormValue]) -> None:
    files = [value for value in values if isinstance(value, DataUpload)]
    if files:
        async with AsyncExitStack() as stack:
            for file in files:
                stack.push_async_callback(file.close)
