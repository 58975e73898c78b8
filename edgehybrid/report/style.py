"""How the page looks: light and dark, on screen and on paper. No script, no font, no picture.

Text on each ground has a contrast of at least 4.5 (WCAG 2.2, criterion 1.4.3), which a test holds;
and no meaning is told by colour alone: what is kept is underlined too.
"""

from __future__ import annotations

#: Grounds of tokens that few, some, many and nearly all heads keep, by increasing share.
LEVELS = 4

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1b1c1e",
    "muted": "#55595f",
    "line": "#c9cdd3",
    "link": "#0b57d0",
    "cited": "#e2edff",
    "place": "#eceef1",
    "bar": "#b3760a",
    "k1": "#fff1c9",
    "k2": "#ffdf8f",
    "k3": "#ffc753",
    "k4": "#f7a928",
}
DARK = {
    "paper": "#17191d",
    "ink": "#f1f2f4",
    "muted": "#aab0b8",
    "line": "#434953",
    "link": "#9dc0ff",
    "cited": "#163457",
    "place": "#2a2e35",
    "bar": "#e0a83c",
    "k1": "#3d3112",
    "k2": "#544010",
    "k3": "#6b500c",
    "k4": "#806005",
}

_RULES = """
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem 1.25rem 4rem; max-width: 52rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.6 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 1rem 0 .25rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
a { color: var(--link); }
.muted, .aside, .count, footer { color: var(--muted); font-size: .875rem; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; background: var(--paper); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 1rem 0; }
dt { color: var(--muted); }
dd { margin: 0; }
table { border-collapse: collapse; font-size: .875rem; }
th, td { border-bottom: 1px solid var(--line); padding: .2rem .75rem .2rem 0; text-align: right; }
.points li { margin: .4rem 0; }
.legend { list-style: none; padding: 0; }
.legend li { margin: .3rem 0; }
.strip { display: flex; flex-wrap: wrap; gap: .2rem; list-style: none; padding: 0; }
.strip a { display: block; width: 2.6rem; text-align: center; font-size: .75rem;
  text-decoration: none; border: 1px solid var(--line); border-radius: .2rem; }
.strip svg { display: block; width: 100%; height: 1.75rem; }
.bar { display: block; width: 100%; height: .45rem; background: var(--place); }
svg rect { fill: var(--bar); }
main section { border-top: 1px solid var(--line); margin-top: 2rem; }
main p:not(.count), main li { font-family: Georgia, serif; }
.whole { white-space: pre-wrap; }
.aside { border-left: .2rem solid var(--line); padding-left: .75rem; }
mark, .sink, .window, .cited { color: var(--ink); border-radius: .15rem; }
sup { line-height: 0; }
.window { background: var(--place); border-bottom: 1px dotted var(--ink); }
.sink { background: var(--place); border-bottom: 3px double var(--ink); }
.cited { font-weight: inherit; background: var(--cited); border-bottom: 1px solid var(--link); }
.cited:target { outline: 2px solid var(--link); }
mark { border-bottom: 2px solid var(--ink); padding: 0 .08em; }
.k1 { background: var(--k1); } .k2 { background: var(--k2); }
.k3 { background: var(--k3); } .k4 { background: var(--k4); }
.glyph { font-family: system-ui, sans-serif; font-size: .75em; }
footer { border-top: 1px solid var(--line); margin-top: 3rem; padding-top: .5rem; }
@media print {
  html { font-size: 10pt; }
  body { max-width: none; padding: 0; }
  mark, .sink, .window, .cited, .bar { print-color-adjust: exact; }
  .skip, .strip-of-pages { display: none; }
  a { color: inherit; text-decoration: none; }
  h2, h3 { break-after: avoid; }
}
"""


def _variables(colours: dict[str, str]) -> str:
    named = " ".join(f"--{name}: {value};" for name, value in colours.items())
    return f":root {{ {named} }}"


STYLE = (
    f"{_variables(LIGHT)}\n"
    f"@media screen and (prefers-color-scheme: dark) {{ {_variables(DARK)} }}{_RULES}"
)
