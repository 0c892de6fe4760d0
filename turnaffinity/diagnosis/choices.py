"""Does a scheduler make other choices than the reading that it is judged by? Then that is one thing to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from turnaffinity.contract.decisions import DECISIONS, Reading, parse_reading, reading_from
from turnaffinity.diagnosis.mistake import Mistake, size_of
from turnaffinity.diagnosis.patterns import Known
from turnaffinity.judging.verdict import Report
from turnaffinity.showing.wording import Words


def is_one_under(known: Known, reading: Reading) -> bool:
    """Whether a known mistake is one under this reading: a mistake about a decision is made against a choice."""
    decision = next((each.id for each in DECISIONS if each.rule == known.rule), None)
    return decision is None or any(
        parse_reading(text).as_dict()[decision] == reading.as_dict()[decision] for text in known.readings
    )


def other_choices(report: Report) -> dict[str, str]:
    """The choices that were seen, always the same, and that the reading has otherwise: {"D2": "after"}."""
    if report.auto:
        return {}
    stated = report.reading.as_dict()
    return {
        decision.id: seen
        for decision in DECISIONS
        if (seen := report.decisions.get(decision.id)) in decision.choices and seen != stated[decision.id]
    }


def with_choices_told(mistakes: Sequence[Mistake], report: Report, known: Mapping[str, Known]) -> list[Mistake]:
    """The mistakes, those that come of other choices told as one, with the reading that has these choices."""
    others = other_choices(report)
    rules = {decision.rule for decision in DECISIONS if decision.id in others}
    chosen = [each for each in mistakes if _rule_of(each, known) in rules]
    if not chosen:
        return list(mistakes)
    cases = tuple(case for each in chosen for case in each.cases)
    sure = next((each for each in chosen if each.looks_like and not each.perhaps), None)
    if len(others) == 1 and sure:
        told = replace(sure, mend=_or_judged_by(sure.mend, others, report.reading), cases=cases, of_choices=True)
    else:
        scene = min((case for case in cases if case.rule in rules), key=size_of, default=chosen[0].scene)
        told = Mistake(_says(others, report.reading), _mend(others, report.reading), cases, scene, of_choices=True)
    return [told, *(each for each in mistakes if _rule_of(each, known) not in rules)]


def _rule_of(mistake: Mistake, known: Mapping[str, Known]) -> str:
    return known[mistake.looks_like].rule if mistake.looks_like else mistake.scene.rule


def _says(others: Mapping[str, str], reading: Reading) -> dict[str, str]:
    which = "other choices" if len(others) > 1 else "another choice"
    return {
        "en": f"It makes {which} than the reading {reading.label}: {_listed(others, Words('en'))}.",
        "zh": f"它作的选择与解读 {reading.label} 不同：{_listed(others, Words('zh'))}。",
    }


def _listed(others: Mapping[str, str], words: Words) -> str:
    chosen = [each for each in DECISIONS if each.id in others]
    return words.listed(
        words("{choice} ({means})", choice=f"{each.id} = {others[each.id]}", means=words.choices(each)[others[each.id]])
        for each in chosen
    )


def _mend(others: Mapping[str, str], reading: Reading) -> dict[str, str]:
    wanted = [f"{name} = {choice}" for name, choice in reading.as_dict().items() if name in others]
    option = _option(others, reading)
    en, zh = (Words(lang).listed(wanted) for lang in ("en", "zh"))
    return {
        "en": f"If that is meant, judge by it: {option}. If not, make it {en}.",
        "zh": f"如果这是有意的，请按它来判定：{option}。如果不是，请改为 {zh}。",
    }


def _or_judged_by(mend: Mapping[str, str], others: Mapping[str, str], reading: Reading) -> dict[str, str]:
    (choice,) = (f"{name} = {each}" for name, each in others.items())
    option = _option(others, reading)
    return {
        "en": f"{mend['en']} If {choice} is meant, judge by it: {option}.",
        "zh": f"{mend['zh']}如果 {choice} 是有意的，请按它来判定：{option}。",
    }


def _option(others: Mapping[str, str], reading: Reading) -> str:
    return f"--reading {reading_from(reading.as_dict() | dict(others)).text}"
