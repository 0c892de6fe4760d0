"""How does a verdict look in a meeting? One page, complete in itself, without a script; light, dark and on paper."""

from __future__ import annotations

from itertools import groupby

from turnaffinity.contract.decisions import DECISIONS
from turnaffinity.contract.rules import family
from turnaffinity.judging.adapter_text import plain
from turnaffinity.judging.verdict import Report
from turnaffinity.reports.sequence import sequence
from turnaffinity.reports.words import Words

MOST_FAILURES = 3
"""Failures of one rule drawn on the page; the rest is counted."""


def page(report: Report, *, lang: str = "en") -> str:
    """The page as HTML. Everything that a stranger wrote is escaped, and shown without escape sequences."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    words = Words(lang)
    environment = Environment(
        loader=PackageLoader("turnaffinity.reports", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["plain"] = lambda text: " ".join(plain(str(text)).split())
    template = environment.get_template("report.html.j2")
    failing = [rule for rule in report.rules if rule.failures]
    return template.render(
        report=report, t=words, lang="zh-CN" if lang == "zh" else "en", sequence=lambda wire: sequence(wire, words),
        families=[(name, list(rules)) for name, rules in groupby(report.rules, key=lambda rule: family(rule.id))],
        failing=failing, most=MOST_FAILURES, wanted=report.reading.as_dict(), draws=sum(r.draws for r in report.rules),
        questions={each.id: each.question_zh if lang == "zh" else each.question for each in DECISIONS},
    )  # fmt: skip
