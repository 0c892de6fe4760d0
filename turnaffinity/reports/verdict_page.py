"""How does a verdict look in a meeting? One page, complete in itself, without a script; light, dark and on paper."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from markupsafe import Markup

from turnaffinity.contract.decisions import DECISIONS
from turnaffinity.contract.rules import family
from turnaffinity.judging.verdict import Report
from turnaffinity.reports.page import rendered
from turnaffinity.reports.verdict_terminal import by_line
from turnaffinity.server import token
from turnaffinity.showing.finding import Finding, finding
from turnaffinity.showing.names import Names
from turnaffinity.showing.sequence import sequence
from turnaffinity.showing.wording import Words

MOST_FAILURES = 3
"""Failures of one rule drawn on the page; the rest is counted."""


def verdict_page(report: Report, *, lang: str = "en") -> str:
    """The page as HTML. Everything that a stranger wrote is escaped, and shown without escape sequences."""
    words, names = Words(lang), Names(report.layout, token(report.seed))
    failing = [rule for rule in report.rules if rule.failures]
    return rendered(
        "report.html.j2", lang=lang, report=report, t=words, drawn=lambda found: _drawn(found, words),
        shown=lambda failure: _found(failure, report, names, words), by_line=by_line,
        families=[(name, list(rules)) for name, rules in groupby(report.rules, key=lambda rule: family(rule.id))],
        failing=failing, most=MOST_FAILURES, wanted=report.reading.as_dict(), draws=sum(r.draws for r in report.rules),
        questions={each.id: each.question_zh if lang == "zh" else each.question for each in DECISIONS},
    )  # fmt: skip


def _found(failure: Mapping[str, Any], report: Report, names: Names, words: Words) -> Finding:
    shown, more = by_line(failure)
    return finding(shown, names, layout=report.layout, words=words, scripts=report.scripts, more=more)


def _drawn(found: Finding, words: Words) -> Markup:
    """The wire as arrows; the picture's own text is escaped by its canvas."""
    left = found.wire.before + found.wire.after
    more = Markup('<p class="dim">… {}</p>').format(words("{n} more commands", n=left)) if left else ""
    picture = sequence(found.wire.rows, title=words("on the wire"), client=words("client"))
    return Markup(picture.svg) + more
