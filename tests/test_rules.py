"""Do the rules as data say what the agreed table says?"""

import re

import pytest

from turnaffinity.contract.decisions import DECISIONS
from turnaffinity.contract.rules import FAMILIES, FAMILIES_ZH, RULES, family, matching, rules_of

AGREED_TABLE = """
TA-KEY-1 MUST LST      | note 1, 3
TA-KEY-2 MUST ST       | note 2
TA-KEY-3 MUST LST      | note 1, 5
TA-TURN-1 MUST ST      | note 2
TA-TURN-2 MUST S       | note 3
TA-TURN-3 MUST ST      | note 1, 4
TA-TURN-4 DECISION S   | note 2, 4
TA-TURN-5 MUST S       | kit
TA-TURN-6 MUST S       | note 3, field
TA-SEL-1 MUST LS       | note 1
TA-SEL-2 MUST LS       | note 1
TA-SEL-3 MUST LS       | note 1, field
TA-SEL-4 MUST LS       | note 1, field
TA-SEL-5 MUST LST      | note 4
TA-SEL-6 MUST LST      | note 4
TA-SEL-7 MUST LS       | field
TA-SEL-8 MUST LS       | note 4
TA-SEL-9 SHOULD LS     | kit
TA-SEL-10 SHOULD LS    | kit
TA-SEL-11 SHOULD LS    | kit
TA-WRITE-1 MUST ST     | note 3
TA-WRITE-2 MUST ST     | note 3, 4
TA-WRITE-3 MUST S      | note 3, 5
TA-WRITE-4 DECISION S  | note 3
TA-WRITE-5 DECISION S  | note 3
TA-WRITE-6 SHOULD ST   | kit
TA-CLEAR-1 MUST ST     | note 2, 3
TA-CLEAR-2 MUST S      | note 3
TA-CLEAR-3 DECISION S  | note 3
TA-CLEAR-4 MUST S      | note 3
TA-CLEAR-5 MUST ST     | note 2
TA-CLEAR-6 MUST ST     | note 4
TA-CLEAR-7 SHOULD ST   | kit
TA-CLEAR-8 MUST ST     | note 2, 4
TA-BIND-1 MUST S       | note 5
TA-BIND-2 SHOULD L     | field
TA-NEVER-1 MUST LST    | note 4
TA-NEVER-2 MUST ST     | note 4
TA-NEVER-3 MUST LS     | note 4
TA-LUA-1 MUST L        | note 5
TA-FAULT-1 MUST S      | note 3
TA-FAULT-2 MUST S      | note 3
TA-FAULT-3 MUST S      | note 1
TA-FAULT-4 MUST S      | note 4
TA-FAULT-5 MUST S      | note 3, 4
TA-FAULT-6 MUST S      | note 2, 4
TA-FAULT-7 SHOULD S    | kit
TA-FAULT-8 SHOULD S    | kit
"""


def rows() -> list[tuple[str, str, str, str]]:
    """(id, level, profiles, section) of each row of the agreed table."""
    parts = (line.partition("|") for line in AGREED_TABLE.strip().splitlines())
    return [(*left.split(), section.strip()) for left, _, section in parts]  # type: ignore[misc]


def test_ids_levels_profiles_and_sections_are_those_of_the_agreed_table_in_its_order():
    ours = [(r.id, r.level, "".join(p for p in "LST" if p in r.profiles), r.section) for r in RULES.values()]
    assert ours == rows()


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_every_rule_has_its_texts_in_both_languages(rule):
    assert rule.statement.endswith((".", ".)"))
    assert rule.statement_zh.endswith(("。", "。）"))
    assert re.search(r"[\u4e00-\u9fff]", rule.statement_zh)
    assert not re.search(r"[\u4e00-\u9fff]", rule.statement + rule.why + (rule.note_line_en or ""))
    assert 2 <= len(re.findall(r"[.?](?: |$)", rule.why)) <= 3


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_quotes_the_note_exactly_if_it_comes_from_the_note(rule):
    from_the_note = rule.section.startswith("note")
    assert (rule.note_line_zh is not None) == from_the_note
    assert (rule.note_line_en is not None) == from_the_note


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_names_in_backticks_are_the_same_in_english_and_in_chinese(rule):
    quoted = re.compile(r"`([^`]+)`")
    assert set(quoted.findall(rule.statement)) == set(quoted.findall(rule.statement_zh))


def test_each_decision_belongs_to_the_one_rule_that_names_it():
    by_rule = {rule.id: rule.decision for rule in RULES.values() if rule.decision}
    assert by_rule == {decision.rule: decision.id for decision in DECISIONS}
    assert {rule.id for rule in RULES.values() if rule.level == "DECISION"} == set(by_rule)


def test_every_family_has_a_title_and_a_rule():
    assert list(FAMILIES) == list(FAMILIES_ZH) == list(dict.fromkeys(rule.family for rule in RULES.values()))


def test_a_profile_is_named_by_letter_or_by_name():
    assert rules_of("L") == rules_of("lua")
    assert {rule.id for rule in rules_of("trace")} == {row[0] for row in rows() if "T" in row[2]}
    with pytest.raises(ValueError, match='"X" is no profile; use one of lua, scheduler, trace'):
        rules_of("X")


def test_a_glob_picks_rules_whatever_its_case():
    assert {rule.id for rule in matching("ta-bind-*")} == {"TA-BIND-1", "TA-BIND-2"}
    assert matching("TA-SEL-1") == (RULES["TA-SEL-1"],)
    assert matching("TA-NO-*") == ()


def test_the_family_is_the_middle_of_the_id():
    assert family("TA-SEL-10") == "SEL"


def test_nobody_can_change_a_rule_by_accident():
    with pytest.raises(TypeError):
        RULES["TA-KEY-1"] = None
    with pytest.raises(AttributeError):
        RULES["TA-KEY-1"].level = "SHOULD"
