"""How the debug page looks: in light and dark, on a wide screen and on a telephone."""

from __future__ import annotations

from typing import Final

__all__ = ["STYLE"]

STYLE: Final = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --paper: #fff; --ink: #1b1f24; --soft: #5c6570; --faint: #8b939e; --edge: #dfe3e8;
  --alarm: #b3261e; --alarm-paper: #fdecea; --mark: #ffd6d1; --failed: #fff3f1; --link: #0b57d0; --code: #f3f4f6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --paper: #1c2024; --ink: #e4e7eb; --soft: #a3abb5; --faint: #767f8a; --edge: #30363d;
    --alarm: #ff8a80; --alarm-paper: #3a1f1e; --mark: #7a2f2a; --failed: #33211f; --link: #8ab4f8; --code: #171a1e;
  }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem }
code, pre, .asked, .pairs, .facts td, .grid td, .message, .frame b {
  font-family: ui-monospace, "Cascadia Code", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .8125rem
}
p, h1, h2, h3, pre, ul { margin: 0; overflow-wrap: anywhere }
header { padding-top: 2rem; padding-bottom: 1rem }
.asked { color: var(--soft) }
.asked em { font-style: normal; color: var(--alarm); background: var(--alarm-paper); border-radius: 1rem; padding: .1rem .6rem }
h1 { font-size: 1.75rem; line-height: 1.25; margin-top: .5rem; color: var(--alarm); font-weight: 650 }
h2 { font-size: 1.125rem; font-weight: 650; margin-bottom: .5rem }
h3 { font-size: .875rem; font-weight: 600; color: var(--soft); margin: 1rem 0 .25rem }
.message { font-size: 1rem; white-space: pre-wrap; margin-top: .25rem }
.note { margin-top: .5rem; padding-left: .75rem; border-left: 3px solid var(--edge); white-space: pre-wrap; color: var(--soft) }
.where { margin-top: .5rem; color: var(--soft) }
.where b { font-weight: 600; color: var(--ink) }
section { margin: 1.75rem 0 }
.exception { margin: 1rem 0 }
.relation, .order { color: var(--faint); font-size: .8125rem }
.order { margin: .25rem 0 }
.kind { color: var(--alarm); margin: 0 }
.parts { margin: 1rem 0 0 .25rem; padding-left: 1rem; border-left: 2px solid var(--edge) }
nav { background: var(--paper); border: 1px solid var(--edge); border-radius: .5rem; padding: .6rem .9rem }
.tree, .tree ul { list-style: none; padding: 0 }
.tree ul { margin-left: .4rem; border-left: 1px solid var(--edge) }
.tree ul li { padding-left: 1rem; position: relative }
.tree ul li::before { content: ""; position: absolute; left: 0; top: .75em; width: .7rem; border-top: 1px solid var(--edge) }
.tree i { font-style: normal; color: var(--faint) }
a { color: inherit; text-decoration: none }
a:hover { text-decoration: underline }
a b { color: var(--link); font-weight: 600 }
details > summary { cursor: pointer; list-style: none }
details > summary::-webkit-details-marker { display: none }
summary::before { content: "▸"; display: inline-block; width: 1em; color: var(--faint) }
[open] > summary::before { content: "▾" }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--link); outline-offset: 1px; border-radius: 2px }
.frame { background: var(--paper); border: 1px solid var(--edge); border-radius: .5rem; margin: .5rem 0; overflow: hidden }
.frame > summary { padding: .5rem .75rem; overflow-wrap: anywhere }
.frame > summary code { color: var(--soft); margin-left: .4rem }
.frame > summary i { font-style: normal; color: var(--alarm) }
.library > summary b { font-weight: 400 }
.fold { margin: .5rem 0 }
.fold > summary, .gap, .nothing { color: var(--faint); font-size: .8125rem; padding: .1rem .75rem }
.gap { padding-left: 0 }
.source { overflow-x: auto; background: var(--code); border-top: 1px solid var(--edge); padding: .4rem 0; line-height: 1.55 }
.line { display: block; width: max-content; min-width: 100%; padding-right: 1rem; white-space: pre }
.line i { display: inline-block; width: 3.6rem; padding-right: 1rem; text-align: right; color: var(--faint); font-style: normal; user-select: none }
.failed { background: var(--failed); box-shadow: inset 3px 0 var(--alarm) }
.failed i { color: var(--alarm) }
mark { background: var(--mark); color: inherit; border-radius: 2px }
.variables > summary { padding: .35rem .75rem; font-size: .8125rem; color: var(--soft); border-top: 1px solid var(--edge) }
table { border-collapse: collapse; width: 100% }
th { text-align: left; font-weight: 500; color: var(--soft); vertical-align: top }
th, td { padding: .2rem .75rem .2rem 0; border-top: 1px solid var(--edge) }
.pairs th, .facts th { width: 14rem; font-family: inherit }
.pairs td, .facts td { white-space: pre-wrap; overflow-wrap: anywhere }
.grid th { font-size: .8125rem; border: 0 }
.grid td { vertical-align: top; overflow-wrap: anywhere }
.variables th, .variables td { padding-left: .75rem }
.text pre { overflow-x: auto; background: var(--code); border: 1px solid var(--edge); border-radius: .5rem; padding: .75rem; margin-top: .5rem }
.text summary { color: var(--soft) }
footer { color: var(--faint); font-size: .8125rem; padding-bottom: 2rem }
@media (max-width: 40rem) {
  header, main, footer { padding-left: .75rem; padding-right: .75rem }
  h1 { font-size: 1.375rem }
  .frame > summary code { display: block; margin: 0 0 0 1em }
  .line i { width: 2.6rem; padding-right: .6rem }
  .pairs th, .facts th { width: 35% }
  .parts { padding-left: .6rem }
}
"""
