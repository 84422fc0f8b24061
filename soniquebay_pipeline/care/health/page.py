"""The findings as CSV, as JSON and as a page of HTML that needs nothing but a browser.

Here: the forms, each written as the findings come. Not here: finding (``report``).

Names and paths are anybody's text: everything in the page is escaped, nothing of it is ever script, and the page's
policy forbids loading anything.
"""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote_from_bytes

from soniquebay_pipeline.care.health.kinds import KIND_BY_NAME, KINDS
from soniquebay_pipeline.care.health.report import Finding
from soniquebay_pipeline.library.paths import display, to_bytes

MAX_ROWS_A_KIND = 2_000
"""A browser sorts and filters some tens of thousands of rows; CSV has them all."""
CSV_COLUMNS = ("severity", "kind", "subject", "detail", "files", "path", "advice")


def file_uri(root: Path, path: str) -> str:
    """The file:// URI of a path below the library's folder, byte by byte."""
    import os

    return "file://" + quote_from_bytes(os.fsencode(root.absolute()) + b"/" + to_bytes(path))


def write_csv(out: TextIO, findings: Iterable[Finding]) -> int:
    """A line for each file of each finding; returns the number of lines."""
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    count = 0
    for finding in findings:
        head = [finding.severity, finding.kind, _cell(finding.subject), _cell(finding.detail), finding.file_count]
        for path in finding.paths or ("",):
            writer.writerow([*head, _cell(path), KIND_BY_NAME[finding.kind].advice])
            count += 1
    return count


def _cell(text: str) -> str:
    """Text that a spreadsheet takes for text: what begins like a formula gets an apostrophe."""
    shown = display(text)
    return "'" + shown if shown[:1] in ("=", "+", "-", "@") else shown


def as_json(finding: Finding) -> dict[str, Any]:
    """A finding for programs; paths as they are in ``raw_files``."""
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "entity_type": finding.entity_type,
        "entity_id": finding.entity_id,
        "subject": finding.subject,
        "detail": finding.detail,
        "files": finding.file_count,
        "paths": list(finding.paths),
    }


def write_json(out: TextIO, head: Mapping[str, Any], findings: Iterable[Finding]) -> None:
    """One object on one line: what ``head`` says, and ``findings``."""
    out.write(json.dumps(dict(head))[:-1] + ', "findings": [')
    for number, finding in enumerate(findings):
        out.write((", " if number else "") + json.dumps(as_json(finding)))
    out.write("]}\n")


def write_html(out: TextIO, root: Path, made_at: str, counts: Mapping[str, int], findings: Iterable[Finding]) -> None:
    """The page: a summary by kind, and a table that sorts and filters. Takes up to ``MAX_ROWS_A_KIND`` of each kind."""
    out.write(_HEAD.format(style=_STYLE, root=html.escape(display(str(root))), made_at=html.escape(made_at)))
    for kind in KINDS:
        count = counts.get(kind.name, 0)
        if count:
            more = f" (the first {MAX_ROWS_A_KIND:,} below)" if count > MAX_ROWS_A_KIND else ""
            out.write(
                f'<tr><td class="{kind.severity}">{kind.severity}</td><td>{html.escape(kind.title)}</td>'
                f"<td>{count:,}{more}</td><td>{html.escape(kind.advice)}</td></tr>\n"
            )
    out.write(_MIDDLE)
    for finding in findings:
        files = "".join(
            f'<li><a href="{html.escape(file_uri(root, path))}">{html.escape(display(path))}</a></li>'
            for path in finding.paths
        )
        hidden = finding.file_count - len(finding.paths)
        files += f"<li>and {hidden} more</li>" if hidden > 0 else ""
        out.write(
            f'<tr><td class="{finding.severity}">{finding.severity}</td>'
            f"<td>{html.escape(KIND_BY_NAME[finding.kind].title)}</td><td>{html.escape(display(finding.subject))}</td>"
            f"<td>{html.escape(display(finding.detail))}</td><td><ul>{files}</ul></td></tr>\n"
        )
    out.write(_TAIL.format(script=_SCRIPT))


_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #ddd; }
th button { font: inherit; font-weight: 600; border: 0; background: none; padding: 0; cursor: pointer; }
ul { margin: 0; padding-left: 1rem; } input { font: inherit; padding: .3rem; width: 24rem; max-width: 100%; }
td { overflow-wrap: anywhere; } .error { color: #a11; font-weight: 600; }
.warning { color: #a60; } .note { color: #456; }
"""
_HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Library health</title>
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>{style}</style></head><body>
<h1>Library health</h1><p>{root}, {made_at}</p>
<table><thead><tr><th>severity</th><th>what</th><th>findings</th><th>what to do</th></tr></thead><tbody>
"""
_MIDDLE = """</tbody></table>
<p><label>Filter <input id="filter" type="search" placeholder="any text of a row"></label> <span id="shown"></span></p>
<table id="findings"><thead><tr><th><button>severity</button></th><th><button>what</button></th>
<th><button>about</button></th><th><button>detail</button></th><th>files</th></tr></thead><tbody>
"""
_TAIL = """</tbody></table><script>{script}</script></body></html>
"""
_SCRIPT = """
const body = document.querySelector("#findings tbody"), rows = [...body.rows];
const order = { error: "0", warning: "1", note: "2" }, shown = document.getElementById("shown");
const cell = (row, n) => { const text = row.cells[n].textContent; return n ? text : order[text]; };
document.querySelectorAll("#findings th button").forEach((button, n) => {
  let direction = -1;
  button.addEventListener("click", () => {
    direction = -direction;
    rows.sort((a, b) => direction * cell(a, n).localeCompare(cell(b, n), undefined, { numeric: true }));
    body.append(...rows);
  });
});
document.getElementById("filter").addEventListener("input", event => {
  const wanted = event.target.value.toLowerCase();
  let count = 0;
  for (const row of rows) {
    row.hidden = !row.textContent.toLowerCase().includes(wanted);
    count += !row.hidden;
  }
  shown.textContent = count + " of " + rows.length;
});
"""
