"""How does the verdict on a trace look as a page? One file, light and dark, with no script in it."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from turnaffinity.audit.report import AuditReport
from turnaffinity.contract.rules import RULES
from turnaffinity.wire.command import Command


def html_page(report: AuditReport) -> str:
    """The whole page as text; everything that came from the trace is escaped."""
    from jinja2 import Environment

    template = files("turnaffinity.audit").joinpath("page.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    data = report.as_dict()
    return environment.from_string(template).render(
        report=data,
        statements={rule.id: rule.statement for rule in RULES.values()},
        turns=_timeline(data["turns"]),
        text=lambda argv: Command(tuple(argv)).short_text(),
    )


def _timeline(lives: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each turn as a bar: where it begins and how long it is, in per cent of the time shown."""
    if not lives:
        return []
    start = min(life["opened_at"] for life in lives)
    span = max(life["closed_at"] for life in lives) - start or 1.0
    return [
        life
        | {
            "left": round(100 * (life["opened_at"] - start) / span, 3),
            "width": max(0.4, round(100 * (life["closed_at"] - life["opened_at"]) / span, 3)),
            "length_s": life["closed_at"] - life["opened_at"],
        }
        for life in lives
    ]
