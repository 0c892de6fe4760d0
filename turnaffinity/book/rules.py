"""What does the page of a rule say? All that the kit knows of it, in one language."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from turnaffinity.book.scenes import Scene, scene_lines
from turnaffinity.catalogs import told
from turnaffinity.contract.rules import FAMILIES, FAMILIES_ZH, RULES, Rule
from turnaffinity.diagnosis.patterns import known_mistakes
from turnaffinity.judging.suite import cases_of
from turnaffinity.shared_files import shared
from turnaffinity.showing.shown import hanging
from turnaffinity.showing.wording import Words

WIDTH = 96
JUDGED_FOR = {"L": "script", "S": "scheduler", "T": "trace"}


def rule_page(rule: Rule, scene: Scene | None, notebooks: Sequence[str], lang: str) -> str:
    """Statement, source, reason, cases, a right and a wrong scene, known mistakes, vectors, and the notebook."""
    words = Words(lang)
    zh = lang == "zh"
    judged = words.listed(words(JUDGED_FOR[letter]) for letter in "LST" if letter in rule.profiles)
    lines = [f"# {rule.id}", "", f"**{rule.level}** · {judged} · {words.source(rule)}", ""]
    lines += [words.statement(rule.id), ""]
    if rule.note_line_zh:
        lines += [f"## {words('the note says')}", "", f"> {rule.note_line_zh}", ""]
        lines += [] if zh or not rule.note_line_en else [f"> {rule.note_line_en}", ""]
    if rule.why:
        lines += [f"## {words('why')}", "", told(rule.why, lang), ""]
    if notebooks:
        links = words.listed(f"[{name}](../../{name}.ipynb)" for name in notebooks)
        lines += [words("{sentence}.", sentence=f"{words('walked through in')} {links}"), ""]
    lines += [f"## {words('what is checked')}", ""]
    claims = dict.fromkeys(case.title for case in cases_of(rule.id))
    lines += [f"- {told(title, lang)}" for title in claims] or [words("nothing by cases: the audit looks for it")]
    lines += ["", *_scene(scene, words), *_mistakes(rule, words), *_vectors(rule, words)]
    return "\n".join(lines) + "\n"


def _scene(scene: Scene | None, words: Words) -> list[str]:
    if scene is None:
        return []
    before, kept, broken = scene_lines(scene, words, WIDTH)
    says = next((known.says for known in known_mistakes() if known.id == scene.mutant), {})
    told_of = [says[words.lang], ""] if says else []
    return [
        f"## {words('kept and broken')}", "", *_text(before), f"**{words('kept: the reference')}**", "", *_text(kept),
        f"**{words('broken: the mutant')} `{scene.mutant}`**", "", *told_of, *_text(broken),
    ]  # fmt: skip


def _text(lines: Sequence[str]) -> list[str]:
    """Lines as they are printed; long ones go on below."""
    shown = [part for line in lines for part in (hanging("", line, WIDTH) if len(line) > WIDTH else [line])]
    return ["```text", *shown, "```", ""]


def _mistakes(rule: Rule, words: Words) -> list[str]:
    known = [each for each in known_mistakes() if each.rule == rule.id]
    if not known:
        return []
    lines = [f"## {words('known mistakes')}", ""]
    for each in known:
        lines += [f"`{each.id}`", f": {as_text(each.says[words.lang])} {as_text(each.mend[words.lang])}", ""]
    return lines


def as_text(sentence: str) -> str:
    """The sentence as Markdown that means just itself."""
    return re.sub(r"([<>*_\[\]\\`$])", r"\\\1", sentence)


def _vectors(rule: Rule, words: Words) -> list[str]:
    folder = shared("conformance", "vectors") / rule.id
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not files:
        return []
    lines = [f"## {words('vectors')}", "", f"`conformance/vectors/{rule.id}/`", ""]
    return [*lines, *(f"- `{path.name}`" for path in files), ""]


def rule_lists(lang: str) -> str:
    """The rules by family, as lists of links with their statements, and a hidden tree of their pages."""
    words, titles = Words(lang), FAMILIES_ZH if lang == "zh" else FAMILIES
    lines: list[str] = []
    for family, title in titles.items():
        rules = [rule for rule in RULES.values() if rule.family == family]
        if rules:
            lines += [f"### {title}", ""]
            lines += [f"- [{rule.id}](rules/{rule.id}.md) ({rule.level}) {words.statement(rule.id)}" for rule in rules]
            lines.append("")
    return "\n".join([*lines, "```{toctree}", ":hidden:", "", *(f"rules/{rule}" for rule in RULES), "```"])


def notebooks_of(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Rule -> the first notebook that names it, one that walks through rules if there is one; `texts` by name."""
    in_order = sorted(texts.items(), key=lambda each: (not "01" <= each[0] < "08", each[0]))
    return {
        rule: [name for name, text in in_order if re.search(rf"{rule}(?!\d)", text)][:1]
        for rule in RULES
    }  # fmt: skip
