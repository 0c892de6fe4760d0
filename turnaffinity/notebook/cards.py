"""What does the contract say here? A rule as a card, with the note's own line and its translation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from turnaffinity.contract.rules import RULES, Rule
from turnaffinity.problem import Problem
from turnaffinity.showing.shown import Shown
from turnaffinity.showing.wording import Words


@dataclass(frozen=True, repr=False)
class RuleCard(Shown):
    """One rule: its statement, the note's line, our translation, and why it exists."""

    rule: Rule

    def lines(self, width: int | None = None) -> list[str]:
        """The card as text."""
        rule, words = self.rule, Words()
        told = [f"{rule.id}  {rule.level}  ({words.told(source(rule))})", words.statement(rule.id)]
        if rule.note_line_zh:
            told.append(f"  {words.label('note')}{rule.note_line_zh}")
            told += [f"        {rule.note_line_en}"] if words.lang == "en" else []
        return [*told, f"  {words.label('why')}{words.told(rule.why)}"]

    def html(self) -> str:
        """The card as a block with a line at its left."""
        rule, words = self.rule, Words()
        gloss = f"<p><i>{marked(rule.note_line_en or '')}</i></p>" if words.lang == "en" else ""
        quote = f"<p lang='zh'>{marked(rule.note_line_zh)}</p>{gloss}" if rule.note_line_zh else ""
        return (
            "<blockquote style='border-left:4px solid #0072B2;padding-left:1em;margin-left:0'>"
            f"<p><b>{rule.id}</b> &nbsp;{rule.level} &nbsp;<small>{escape(words.told(source(rule)))}</small></p>"
            f"<p><b>{marked(words.statement(rule.id))}</b></p>{quote}<p>{marked(words.told(rule.why))}</p></blockquote>"
        )


def marked(text: str) -> str:
    """A rule's text as HTML: what stands in backticks becomes code, in double asterisks bold."""
    code = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", code)


def source(rule: Rule) -> str:
    """Where a rule comes from, in words."""
    words = Words()
    parts = [part.strip() for part in rule.section.split(",")]
    names = {"field": words("running schedulers"), "kit": words("this kit")}
    sections = [part.removeprefix("note ") for part in parts if part.removeprefix("note ").isdigit()]
    both = words(" and ")
    told = [words("the note, section {n}", n=sections[0])] if len(sections) == 1 else []
    told += [words("the note, sections {n}", n=both.join(sections))] if len(sections) > 1 else []
    return both.join(told + [names[part] for part in parts if part in names])


def rule(rule_id: str) -> RuleCard:
    """A rule of the contract, to be shown; raises `Problem` if there is none of this id."""
    found = RULES.get(rule_id.upper())
    if found is None:
        raise Problem(f'rule "{rule_id}"', "is not in the contract", "see `turnaffinity rules` for the ids")
    return RuleCard(found)


def say(*parts: object) -> None:
    """Print a sentence, or parts of one with spaces between, in the reader's language."""
    words = Words()
    told = " ".join(words.told(part) if isinstance(part, str) else str(part) for part in parts)
    print(told.replace("： ", "："))  # a Chinese colon has its space in itself
