"""What does the contract say? The verb `rules`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnaffinity.cli.options import Lang

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from turnaffinity.contract.decisions import Decision
    from turnaffinity.contract.rules import Rule

CASES_MODULE = "turnaffinity.judging.suite"


def _complete_id(incomplete: str) -> list[str]:
    from turnaffinity.contract.rules import RULES

    return [rule_id for rule_id in RULES if rule_id.startswith(incomplete.upper())]


def rules(
    rule_id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="a rule's id, or a glob over ids", autocompletion=_complete_id),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, for machines")] = False,
    lang: Lang = "en",
) -> None:
    """Print the contract: every rule as a table, or one rule in full with the cases that check it.

    ID is a rule's id (upper or lower case) or a glob over ids; without it all rules are listed.
    MUST: a failure is a violation. SHOULD: a warning. DECISION: judged against the reading.
    L, S and T say for what a rule is judged: a script, a scheduler behind an adapter, a trace.

    examples:
      turnaffinity rules
      turnaffinity rules TA-SEL-3
      turnaffinity rules 'TA-SEL-*' --lang zh
      turnaffinity rules --json | python -m json.tool

    exit: 0 printed   2 there is no such rule, or no such language
    """
    from turnaffinity.contract.rules import RULES
    from turnaffinity.showing.wording import check_language

    check_language(lang)
    chosen = _chosen(rule_id) if rule_id else tuple(RULES.values())
    alone = rule_id is not None and len(chosen) == 1
    if as_json:
        _print_json(chosen, alone)
        return

    from rich.console import Console

    console = Console(highlight=False)
    if alone:
        _print_in_full(console, chosen[0], lang)
    else:
        _print_table(console, chosen, lang)


def _chosen(wanted: str) -> tuple[Rule, ...]:
    """The rules that an id or a glob names; raises `Problem` with close matches if there are none."""
    from difflib import get_close_matches

    from turnaffinity.contract.rules import RULES, matching
    from turnaffinity.problem import Problem

    found = matching(wanted)
    if found:
        return found
    close = get_close_matches(wanted.upper(), RULES, n=3, cutoff=0.6)
    mend = f"did you mean {', '.join(close)}?" if close else "list them with: turnaffinity rules"
    raise Problem("rules", f'there is no rule "{wanted}"', mend)


def _cases(rule_id: str) -> Sequence[Any]:
    """The suite's cases that check a rule: objects with `name`, `title` and `profiles`."""
    from importlib import import_module
    from importlib.util import find_spec

    return import_module(CASES_MODULE).cases_of(rule_id) if find_spec(CASES_MODULE) else ()


def _decision(rule: Rule) -> Decision | None:
    from turnaffinity.contract.decisions import DECISIONS

    return next((decision for decision in DECISIONS if decision.id == rule.decision), None)


def _print_json(chosen: Sequence[Rule], alone: bool) -> None:
    import json

    import turnaffinity

    entries = [rule.as_dict() | {"cases": [case.name for case in _cases(rule.id)]} for rule in chosen]
    document: dict[str, Any] = {"contract": turnaffinity.CONTRACT_VERSION, "rules": entries}
    typer.echo(json.dumps(entries[0] if alone else document, ensure_ascii=False, indent=2))


def _letters(rule: Rule) -> str:
    return " ".join(letter if letter in rule.profiles else " " for letter in "LST").rstrip()


BEFORE_STATEMENT = 30
"""The columns of the table before a rule's statement."""
LEVEL_STYLES = {"MUST": "bold", "SHOULD": "yellow", "DECISION": "cyan"}


def _print_table(console: Console, chosen: Sequence[Rule], lang: str) -> None:
    from itertools import groupby

    from rich.table import Table
    from rich.text import Text

    from turnaffinity.contract.rules import FAMILIES, FAMILIES_ZH
    from turnaffinity.showing.shown import hanging
    from turnaffinity.showing.wording import Words

    words = Words(lang)
    titles = FAMILIES_ZH if lang == "zh" else FAMILIES
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("rule", "level", "for", "statement"):
        table.add_column(words(name), no_wrap=name != "statement")
    for family, members in groupby(chosen, key=lambda rule: rule.family):
        table.add_row("", "", "", "")
        table.add_row(Text(family, style="bold"), "", "", Text(titles[family], style="bold"))
        for rule in members:
            level = Text(rule.level, style=LEVEL_STYLES[rule.level])
            statement = hanging("", words.statement(rule.id), max(console.width - BEFORE_STATEMENT, 30))
            table.add_row(rule.id, level, _letters(rule), Text("\n".join(statement)))
    console.print(table)
    count = f"{len(chosen)} {'rule' if len(chosen) == 1 else 'rules'}"
    more = words.told(f"{count}; one in full, with its cases: turnaffinity rules {chosen[0].id}")
    console.print(f"\n{more}", style="dim")


def _print_in_full(console: Console, rule: Rule, lang: str) -> None:
    from rich.text import Text

    from turnaffinity.contract.rules import PROFILE_NAMES
    from turnaffinity.showing.shown import print_hanging
    from turnaffinity.showing.wording import Words

    words = Words(lang)

    def part(title: str, *lines: str) -> None:
        console.print()
        console.print(Text(words.told(title), style="dim"))
        for line in lines:
            print_hanging(console, "  ", line)

    judged = words.listed(words(name) for letter, name in PROFILE_NAMES.items() if letter in rule.profiles)
    console.print(Text.assemble((rule.id, "bold"), "  ", (rule.level, LEVEL_STYLES[rule.level])))
    part("statement", words.statement(rule.id))
    part("comes from", words.source(rule))
    if rule.note_line_zh and rule.note_line_en:
        part("the note's line", rule.note_line_zh, *([rule.note_line_en] if lang == "en" else []))
    part("judged for", judged)
    part("why", words.told(rule.why))
    if decision := _decision(rule):
        part(
            f"decision {decision.id}",
            words.question(decision),
            *(f"{key}: {words.told(what)}" for key, what in decision.choices.items()),
        )
    if cases := _cases(rule.id):
        part("cases", *(f"{case.name}: {words.told(case.title)}" for case in cases))
    else:
        part("cases", words("none"))
