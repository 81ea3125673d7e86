"""How report.html looks: light and dark, on a desk, on a phone and on paper. No script, no address.

Kept apart from the page so that either can be read; its hash is in the page's policy, so that no
other style can apply.
"""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1c2330; --dim: #5b6575; --line: #dde2ea;
  --code: #f0f2f6; --good: #1a7f4b; --bad: #c02a3a; --warn: #9a6700; --calm: #44607f;
  --good-bg: #e4f5ec; --bad-bg: #fdeaec; --warn-bg: #fdf3dc; --calm-bg: #e9eff6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161d; --card: #1a2029; --ink: #e3e8f0; --dim: #97a3b4; --line: #2c3542;
    --code: #222a35; --good: #57c98b; --bad: #ff7b88; --warn: #e3b341; --calm: #93b4d8;
    --good-bg: #15301f; --bad-bg: #3a1a20; --warn-bg: #33290f; --calm-bg: #1d2a3a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
header, main, footer { max-width: 1080px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 28px; }
.verdict {
  border: 1px solid var(--line); border-left: 6px solid var(--calm); border-radius: 8px;
  background: var(--card); padding: 16px 20px;
}
.verdict.good { border-left-color: var(--good); }
.verdict.bad { border-left-color: var(--bad); }
.verdict.warn { border-left-color: var(--warn); }
.verdict p { margin: 0; color: var(--dim); }
h1 { font-size: 26px; line-height: 1.25; margin: 2px 0 6px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 34px 0 2px; }
h3 { font-size: 14px; margin: 20px 0 6px; color: var(--dim); font-weight: 600; }
h2 .count { color: var(--dim); font-weight: 400; margin-left: 6px; }
.remark { margin: 0 0 10px; color: var(--dim); }
nav { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 12px; }
nav a, .tag {
  border-radius: 11px; padding: 1px 10px; font-size: 13px; text-decoration: none;
  background: var(--calm-bg); color: var(--calm); overflow-wrap: anywhere;
}
.tag.bad, nav a.bad { background: var(--bad-bg); color: var(--bad); }
.tag.warn, nav a.warn { background: var(--warn-bg); color: var(--warn); }
.tag.good, nav a.good { background: var(--good-bg); color: var(--good); }
code, pre, .value { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; }
code, .value { overflow-wrap: anywhere; }
pre {
  margin: 8px 0; padding: 8px 12px; background: var(--code); border-radius: 6px;
  white-space: pre-wrap; overflow-wrap: anywhere; user-select: all;
}
.card, .finding {
  background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin: 8px 0;
}
.card { padding: 12px 16px; overflow-x: auto; }
.card.bad { border-left: 6px solid var(--bad); }
.card p { margin: 4px 0; overflow-wrap: anywhere; }
.finding > summary {
  display: grid; grid-template-columns: 92px minmax(0, 2fr) minmax(0, 3fr) 84px 210px;
  gap: 2px 14px; align-items: baseline; padding: 9px 16px; cursor: pointer; list-style: none;
}
.finding > summary::-webkit-details-marker { display: none; }
.finding > summary:hover { background: var(--code); border-radius: 8px; }
.finding[open] > summary { border-bottom: 1px solid var(--line); }
.finding > summary > * { overflow-wrap: anywhere; min-width: 0; }
.finding .times { text-align: right; color: var(--dim); white-space: nowrap; }
.finding .tags { display: flex; flex-wrap: wrap; gap: 4px; justify-content: flex-end; }
.dim { color: var(--dim); }
.body { padding: 4px 16px 14px; }
dl { display: grid; grid-template-columns: 126px minmax(0, 1fr); gap: 3px 14px; margin: 6px 0; }
dt { color: var(--dim); overflow-wrap: anywhere; }
dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td {
  text-align: left; padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line);
  vertical-align: top;
}
thead th { color: var(--dim); font-weight: 600; }
tbody th { font-weight: 400; }
tr:last-child > * { border-bottom: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.answers td { width: 34%; padding-left: 8px; }
.answers .differs td { background: var(--bad-bg); }
.answers .differs td.how { background: none; width: auto; color: var(--bad); }
.answers td.how { width: auto; }
ol, ul { margin: 6px 0; padding-left: 20px; }
li { overflow-wrap: anywhere; }
footer { padding: 26px 20px 40px; color: var(--dim); font-size: 13px; }
a { color: var(--calm); }
:focus-visible { outline: 2px solid var(--calm); outline-offset: 2px; }
@media (max-width: 720px) {
  header, main, footer { padding-left: 12px; padding-right: 12px; }
  h1 { font-size: 21px; }
  .finding > summary { grid-template-columns: minmax(0, 1fr) auto; padding: 10px 12px; }
  .finding .what, .finding .where { grid-column: 1 / -1; }
  .finding .tags { grid-column: 1 / -1; justify-content: flex-start; }
  .finding .times { grid-row: 1; grid-column: 2; }
  dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dd { margin-bottom: 6px; }
  .answers thead { display: none; }
  .answers tr, .answers th, .answers td { display: block; width: auto; border: 0; padding: 1px 0; }
  .answers tr { border-bottom: 1px solid var(--line); padding: 6px 0; }
  .answers td { padding: 1px 6px; }
  .answers td::before { content: attr(data-of) " "; color: var(--dim); }
}
@media print {
  :root { --page: #fff; --card: #fff; }
  body { font-size: 11px; }
  nav { display: none; }
  .finding, .card { break-inside: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; }
  pre { user-select: auto; }
}
"""


def style_source() -> str:
    """What a Content-Security-Policy names this style by."""
    digest = hashlib.sha256(STYLE.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
