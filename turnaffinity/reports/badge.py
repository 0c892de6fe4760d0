"""How does a verdict look in a README? A badge, as SVG of its own."""

from __future__ import annotations

from xml.sax.saxutils import escape

from turnaffinity.judging.verdict import Report

COLOURS = {"conforms": "#2e7d32", "violates": "#c62828", "incomplete": "#6a4c93"}
LEFT = "turn affinity"
CHAR_PX = 6.6
"""About how wide one character of 11 px Verdana is, in pixels; textLength then makes it exact."""


def badge(report: Report) -> str:
    """The badge: "turn affinity | conforms (intent)"."""
    right = f"{report.verdict} ({report.reading_told()})"
    widths = [round(len(text) * CHAR_PX) + 12 for text in (LEFT, right)]
    total = sum(widths)
    title = escape(f"{LEFT}: {right}")
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="20" role="img" aria-label="{title}">
<title>{title}</title>
<clipPath id="r"><rect width="{total}" height="20" rx="3"/></clipPath>
<g clip-path="url(#r)"><rect width="{widths[0]}" height="20" fill="#555"/>
<rect x="{widths[0]}" width="{widths[1]}" height="20" fill="{COLOURS[report.verdict]}"/></g>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="6" y="14" textLength="{widths[0] - 12}">{escape(LEFT)}</text>
<text x="{widths[0] + 6}" y="14" textLength="{widths[1] - 12}">{escape(right)}</text></g>
</svg>
"""
