"""How does a verdict leave the terminal? As JUnit XML for a CI server, as a badge, as one page for a meeting."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from xml.etree import ElementTree

from turnaffinity.contract.rules import RULES
from turnaffinity.judging.verdict import Report
from turnaffinity.problem import Problem

_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
COLOURS = {"conforms": "#0a7d33", "violates": "#b3261e", "incomplete": "#8a5a00"}
"""The verdict's colour on a badge; the word beside it says the same."""


def write_text(text: str, path: Path) -> None:
    """Write a file whole or not at all; raises `Problem` in one sentence if that cannot be done."""
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_text(text, encoding="utf-8", errors="replace")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise Problem(str(path), error.strerror or "cannot be written", "name a file that can be written") from error


def junit_xml(report: Report) -> str:
    """One test case a rule: a failure where a MUST or a DECISION is broken, a skip where nothing was judged."""
    broken = {rule.id for rule in report.failed} - report.expected_rules
    unjudged = {"not-claimed", "unobservable", "not-run", "skip"}
    suite = ElementTree.Element(
        "testsuite", name=f"turnaffinity verify: {report.verdict}", tests=str(len(report.rules)),
        failures=str(len(broken)), errors="0", skipped=str(sum(rule.status in unjudged for rule in report.rules)),
        time=f"{report.seconds:.3f}",
    )  # fmt: skip
    for rule in report.rules:
        case = ElementTree.SubElement(suite, "testcase", classname=report.profile, name=rule.id, time="0")
        if rule.status in unjudged:
            ElementTree.SubElement(case, "skipped", message=_clean(f"{rule.status}: {'; '.join(rule.reasons)}"))
        elif rule.id in broken:
            first = rule.failures[0]
            message = f"{first['case']}: expected {first['expected']}; observed {first['observed']}"
            failure = ElementTree.SubElement(case, "failure", message=_clean(message))
            failure.text = _clean("\n".join(_wire_line(line) for line in first["wire"]))
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _wire_line(line: dict[str, object]) -> str:
    argv = line["argv"]
    assert isinstance(argv, list)
    mark, indent = (">>" if line["broken"] else "  "), ("    " if line["client"] == "lua" else "")
    return f"{mark} {indent}{' '.join(argv)}"


def _clean(text: str) -> str:
    return _NO_XML.sub("?", text)


def badge_svg(report: Report) -> str:
    """A badge: "turn affinity" and the verdict with its reading; the same report always gives the same bytes."""
    left, right = "turn affinity", f"{report.verdict} ({report.reading.label})"
    widths = [8 + round(6.6 * len(text)) for text in (left, right)]
    title = escape(f"{left}: {right}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{sum(widths)}" height="20" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<rect width="{widths[0]}" height="20" fill="#444"/>'
        f'<rect x="{widths[0]}" width="{widths[1]}" height="20" fill="{COLOURS[report.verdict]}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{widths[0] / 2:g}" y="14">{escape(left)}</text>'
        f'<text x="{widths[0] + widths[1] / 2:g}" y="14">{escape(right)}</text></g></svg>\n'
    )


def page_html(report: Report) -> str:
    """The report as one self-contained page: verdict, table, each failure with its commands; no script needed."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("turnaffinity.reports", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.j2").render(report=report, rules=RULES)
