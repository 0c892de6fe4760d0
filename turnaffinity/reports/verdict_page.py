"""How does a verdict look in a meeting? One page, complete in itself, without a script; light, dark and on paper."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from markupsafe import Markup

from turnaffinity.contract.decisions import DECISIONS
from turnaffinity.contract.rules import family
from turnaffinity.diagnosis.lua_lines import ScriptLines
from turnaffinity.diagnosis.mistakes import mistakes_of
from turnaffinity.diagnosis.telling import names_of, shown_scene, tell
from turnaffinity.judging.verdict import Report
from turnaffinity.reports.page import rendered
from turnaffinity.showing.finding import Finding, finding
from turnaffinity.showing.names import Names
from turnaffinity.showing.plain import plain
from turnaffinity.showing.sequence import sequence
from turnaffinity.showing.wire import left_out
from turnaffinity.showing.wording import Words

MOST_FAILURES = 3
"""Failures of one rule drawn on the page; the rest is counted."""


def verdict_page(report: Report, *, lang: str = "en", script: ScriptLines | None = None) -> str:
    """The page as HTML. Everything that a stranger wrote is escaped, and shown without escape sequences.

    The mistakes come first, then the script with the lines at fault marked, where it is known; the failures of each
    rule are folded away.
    """
    words, found = Words(lang), mistakes_of(report)
    at_fault = {script.at_fault(shown_scene(mistake, script)) for mistake in found} if script else set()
    text = script.source.split("\n") if script else []
    failing = [rule for rule in report.rules if rule.failures]
    return rendered(
        "report.html.j2", lang=lang, report=report, t=words, drawn=lambda found: _drawn(found, words),
        shown=lambda failure: _shown(failure, report, words),
        checked=lambda check: finding(check, Names(), words=words),
        families=[(name, list(rules)) for name, rules in groupby(report.rules, key=lambda rule: family(rule.id))],
        failing=failing, most=MOST_FAILURES, wanted=report.reading.as_dict(), draws=sum(r.draws for r in report.rules),
        mistakes=[tell(mistake, report, words, script=script) for mistake in found],
        script=[(number in at_fault, plain(line)) for number, line in enumerate(text, 1)],
        failed=sum(len(rule.failures) for rule in failing),
        questions={each.id: words.question(each) for each in DECISIONS},
    )  # fmt: skip


def _shown(failure: Mapping[str, Any], report: Report, words: Words) -> Finding:
    names = names_of(report)
    return finding(failure, names, layout=report.layout, words=words, scripts=report.scripts)


def _drawn(found: Finding, words: Words) -> Markup:
    """The wire as arrows; the picture's own text is escaped by its canvas."""
    left = found.wire.before + found.wire.after
    more = Markup('<p class="dim">… {}</p>').format(left_out(left, words)) if left else ""
    picture = sequence(found.wire.rows, title=words("on the wire"), client=words("client"))
    return Markup(picture.svg) + more
