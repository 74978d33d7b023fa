"""How the page looks, and the few lines of script that keep it up to date."""

from __future__ import annotations

from typing import Final

__all__ = ["SCRIPT", "STYLE"]

STYLE: Final = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --paper: #fff; --edge: #dfe3e8; --ink: #1b1f24; --soft: #5c6570; --link: #0b57d0; --badge: #e8eefb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --paper: #1c2024; --edge: #30363d; --ink: #e4e7eb; --soft: #a3abb5; --link: #8ab4f8;
    --badge: #24324a;
  }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 68rem; padding: 1.25rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif }
header { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; justify-content: space-between }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 }
h2 { font-size: 1.0625rem; margin: 1.5rem 0 .5rem }
h2 small, .none, .more { color: var(--soft); font-weight: 400; font-size: .875rem }
p { margin: .25rem 0 0; color: var(--soft) }
button { font: inherit; color: var(--ink); background: var(--paper); border: 1px solid var(--edge);
  border-radius: .5rem; padding: .35rem .9rem; min-height: 2.25rem; cursor: pointer }
button:focus-visible { outline: 2px solid var(--link); outline-offset: 2px }
ul { list-style: none; margin: 0; padding: 0 }
section > ul > li { background: var(--paper); border: 1px solid var(--edge); border-radius: .5rem; margin: .4rem 0;
  padding: .5rem .75rem }
ul ul { margin: .3rem 0 0 .3rem; padding-left: .9rem; border-left: 2px solid var(--edge) }
ul ul li { padding: .2rem 0 }
b, code, i { overflow-wrap: anywhere }
i { font-style: normal; background: var(--badge); border-radius: 1rem; padding: .05rem .6rem; font-size: .8125rem }
time { color: var(--soft); font-size: .875rem; font-variant-numeric: tabular-nums; white-space: nowrap }
code { display: block; color: var(--soft);
  font: .8125rem/1.5 ui-monospace, "Cascadia Code", Menlo, Consolas, "DejaVu Sans Mono", monospace }
"""

# A reader who has selected something, or has paused, is left alone. The browser reconnects by itself.
SCRIPT: Final = """
"use strict";
const find = (tag) => document.querySelector(tag);
const main = find("main"), button = find("button"), state = find("output");
let paused = false;
button.hidden = false;
button.onclick = () => {
  paused = !paused;
  button.textContent = paused ? "Go on" : "Pause";
  state.textContent = paused ? "Paused" : "";
};
const source = new EventSource(location.href);
source.onmessage = (event) => {
  if (!paused && getSelection().isCollapsed) main.innerHTML = event.data;
};
source.onerror = () => { state.textContent = "The connection is lost"; };
source.onopen = () => { state.textContent = paused ? "Paused" : ""; };
"""
