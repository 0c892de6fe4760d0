"""In which words is something shown? In English, which is the key, or as the catalogs have it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from turnaffinity.catalogs import LANGUAGES, preferred_language, said, told
from turnaffinity.contract.decisions import Decision
from turnaffinity.contract.rules import FAMILIES, FAMILIES_ZH, RULES, Rule
from turnaffinity.problem import Problem


def check_language(lang: str) -> None:
    """Raise `Problem` for a language that no report speaks."""
    if lang not in LANGUAGES:
        raise Problem("--lang", f'"{lang}" is no language of ours', "use en or zh")


class Words:
    """The words of one language: `words("expected")`; without one, of the reader's."""

    def __init__(self, lang: str | None = None) -> None:
        self.lang = lang or preferred_language()
        self._zh = self.lang == "zh"

    def __call__(self, phrase: str, **values: object) -> str:
        """The phrase in this language, its `{names}` filled in; one that has no translation stays as it is."""
        phrase = said(phrase, self.lang)
        return phrase.format(**values) if values else phrase

    def label(self, phrase: str) -> str:
        """The phrase with a colon, before what it names."""
        return f"{self(phrase)}{'：' if self._zh else ': '}"

    def listed(self, parts: Iterable[str], between: str = ", ") -> str:
        """The parts of a list, with what stands between them in this language: ", " or "; "."""
        return {", ": "、", "; ": "；"}[between].join(parts) if self._zh else between.join(parts)

    def told(self, sentence: str) -> str:
        """A sentence that a case put together, with names and numbers in it, in this language."""
        return told(sentence, self.lang)

    def statement(self, rule_id: str) -> str:
        """A rule's statement, or its id where it is none of the contract."""
        rule = RULES.get(rule_id)
        if rule is None:
            return rule_id
        return rule.statement_zh if self._zh else rule.statement

    def question(self, decision: Decision) -> str:
        """What an open decision asks."""
        return decision.question_zh if self._zh else decision.question

    def choices(self, decision: Decision) -> dict[str, str]:
        """What each choice of a decision means."""
        return decision.choices_zh if self._zh else decision.choices

    def source(self, rule: Rule) -> str:
        """Where a rule comes from, the note's sections or the field: "note 1, 3", in Chinese "说明第 1、3 节"."""
        in_sections = re.compile(r"\bnote (\d+(?:, \d+)*)")
        source = in_sections.sub(lambda found: self("note {n}", n=self.listed(found[1].split(", "))), rule.section)
        return re.sub(r"\b(field|kit)\b", lambda word: self(word[1]), source)

    def family(self, name: str) -> str:
        """What a family of rules is about."""
        return (FAMILIES_ZH if self._zh else FAMILIES).get(name, name)
