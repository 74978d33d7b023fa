"""A page looked at: pictures of it, light and dark, wide and narrow, and what a script can see of its faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["SIZES", "Gallery"]

SIZES = {"wide": (1280, 800), "narrow": (360, 740)}

FAULTS = Path(__file__).with_name("faults.js").read_text()

# Waits until what moves, fades or changes its colour has come to rest, as a person does. Two frames: for it to begin.
SETTLE = """async () => {
  for (let turn = 0; turn < 10; turn++) {
    await new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))
    const ends = each => Number.isFinite(each.effect.getComputedTiming().endTime)
    const moving = document.getAnimations().filter(each => each.playState === "running" && ends(each))
    if (!moving.length) return
    await Promise.allSettled(moving.map(each => each.finished))
  }
}"""


def _no_preparation() -> None: ...


class Gallery:
    """Keeps pictures of pages in `folder`, and says what is wrong with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def look(self, page: Page, name: str, prepare: Callable[[], object] = _no_preparation) -> list[str]:
        """Take four pictures of what the page shows now; the faults found, each with the picture it is on.

        `prepare` is called when the size or the colours have changed.
        """
        faults = []
        for size, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                page.set_viewport_size({"width": width, "height": height})
                page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
                prepare()
                page.evaluate(SETTLE)
                picture = f"{name}-{size}-{scheme}"
                (self.folder / f"{picture}.png").write_bytes(page.screenshot(full_page=True))
                faults += [f"{picture}: {fault}" for fault in page.evaluate(FAULTS)]
        return faults
