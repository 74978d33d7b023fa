"""How the debug page looks: in light and dark, on a wide screen and on a telephone."""

from __future__ import annotations

from typing import Final

__all__ = ["STYLE"]

STYLE: Final = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --paper: #fff; --code: #f3f4f6; --edge: #dfe3e8;
  --ink: #1b1f24; --soft: #5c6570; --faint: #636c77; --link: #0b57d0;
  --alarm: #b3261e; --alarm-paper: #fdecea; --mark: #ffcfc9; --failed: #fff1ef;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --paper: #1c2024; --code: #171a1e; --edge: #30363d;
    --ink: #e4e7eb; --soft: #a3abb5; --faint: #8d96a1; --link: #8ab4f8;
    --alarm: #ff8a80; --alarm-paper: #3a1f1e; --mark: #7a2f2a; --failed: #33211f;
  }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem }
p, h1, h2, h3, pre, ul { margin: 0; overflow-wrap: anywhere }
code, pre, td, .asked, .pairs th, .message, .frame > summary b, .frame > summary i {
  font-family: ui-monospace, "Cascadia Code", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: .8125rem;
}

header { padding-top: 2rem; padding-bottom: .5rem }
.asked { color: var(--soft) }
.asked em {
  font-style: normal; color: var(--alarm); background: var(--alarm-paper); border-radius: 1rem; padding: .1rem .6rem;
}
h1 { font-size: 1.75rem; line-height: 1.25; margin-top: .5rem; color: var(--alarm); font-weight: 650 }
h2 { font-size: 1.125rem; font-weight: 650; margin-bottom: .5rem }
h3 { font-size: .875rem; font-weight: 600; color: var(--soft); margin: 1rem 0 .25rem }
.message { font-size: 1rem; white-space: pre-wrap; margin-top: .25rem }
.note {
  margin-top: .5rem; padding-left: .75rem; border-left: 3px solid var(--edge);
  white-space: pre-wrap; color: var(--soft);
}
.where { margin-top: .5rem; color: var(--soft) }
.where b { font-weight: 600; color: var(--ink) }
section { margin: 1.75rem 0 }

nav {
  background: var(--paper); border: 1px solid var(--edge); border-radius: .5rem;
  padding: .6rem .9rem; margin-top: .5rem;
}
.tree, .tree ul { list-style: none; padding: 0 }
.tree ul li { padding-left: 1.4rem; position: relative }
.tree ul li::before {
  content: ""; position: absolute; left: .3rem; top: 0; height: .8em; width: .7rem;
  border: solid var(--faint); border-width: 0 0 1px 1px;
}
.tree ul li:not(:last-child)::after {
  content: ""; position: absolute; left: .3rem; top: 0; bottom: 0; border-left: 1px solid var(--faint);
}
.tree i { font-style: normal; color: var(--faint) }
a { color: inherit; text-decoration: none }
a:hover { text-decoration: underline }
a b { color: var(--link); font-weight: 600 }

.exception { margin: 1rem 0; scroll-margin-top: 1rem }
.relation, .order, .gap, .nothing, .fold > summary { color: var(--faint); font-size: .8125rem }
.order { margin: .5rem 0 }
.kind { color: var(--alarm); margin: 0 }
.parts { margin: 1rem 0 0 .25rem; padding-left: 1rem; border-left: 2px solid var(--edge) }

summary { cursor: pointer; list-style: none }
summary::-webkit-details-marker { display: none }
summary::before { content: "\\25b8"; display: inline-block; width: 1.1em; color: var(--faint) }
[open] > summary::before { content: "\\25be" }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--link); outline-offset: 1px; border-radius: 2px }

.frame {
  background: var(--paper); border: 1px solid var(--edge); border-radius: .5rem; margin: .5rem 0; overflow: hidden;
}
.frame > summary { padding: .5rem .75rem; overflow-wrap: anywhere }
.frame > summary code { color: var(--soft); margin-left: .4rem }
.frame > summary i { font-style: normal; color: var(--alarm) }
.library > summary b { font-weight: 400 }
.fold { margin: .5rem 0 }
.fold > summary, .nothing { padding: .1rem .75rem }
.fold[open] { padding-left: .75rem; border-left: 2px solid var(--edge) }
.source {
  overflow-x: auto; background: var(--code); border-top: 1px solid var(--edge); padding: .4rem 0; line-height: 1.55;
}
.line { display: block; width: max-content; min-width: 100%; padding-right: 1rem; white-space: pre }
.line i {
  display: inline-block; width: 3.6rem; padding-right: 1rem; text-align: right;
  color: var(--faint); font-style: normal; user-select: none;
}
.failed { background: var(--failed); box-shadow: inset 3px 0 var(--alarm) }
.failed i { color: var(--alarm) }
mark { background: var(--mark); color: inherit; border-radius: 2px }
.variables > summary, .headers > summary, .text > summary { font-size: .8125rem; color: var(--soft) }
.variables > summary { padding: .35rem .75rem; border-top: 1px solid var(--edge) }
.headers > summary { margin-top: 1rem }

table { border-collapse: collapse; width: 100% }
th { text-align: left; font-weight: 500; font-size: .8125rem; color: var(--soft) }
th, td { padding: .2rem .75rem .2rem 0; border-top: 1px solid var(--edge); vertical-align: top }
.pairs, .facts { table-layout: fixed }
.pairs th, .facts th { width: 14rem; overflow-wrap: anywhere }
.pairs td, .facts td { white-space: pre-wrap; overflow-wrap: anywhere }
.grid th { border: 0 }
.grid td { overflow-wrap: anywhere }
.variables th, .variables td { padding-left: .75rem }
.text pre {
  overflow-x: auto; background: var(--code); border: 1px solid var(--edge); border-radius: .5rem;
  padding: .75rem; margin-top: .5rem; overflow-wrap: normal;
}
footer { color: var(--faint); font-size: .8125rem; padding-bottom: 2rem }

@media (max-width: 40rem) {
  header, main, footer { padding-left: .75rem; padding-right: .75rem }
  header { padding-top: 1rem }
  h1 { font-size: 1.375rem }
  .frame > summary code { display: block; margin: 0 0 0 1.4em }
  .line i { width: 2.6rem; padding-right: .6rem }
  .pairs th, .facts th { width: 35% }
  .parts { padding-left: .6rem }
}
@media print { details > :not(summary) { display: revert } body { background: none } }
"""
