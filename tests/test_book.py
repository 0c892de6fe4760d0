"""Does the book's reference say what the kit knows, in both languages, with scenes that were played?"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from test_chinese_edition import ENGLISH, without_code

from turnaffinity.book.pages import EXAMPLE, document, filled
from turnaffinity.book.rules import rule_lists, rule_page
from turnaffinity.book.scenes import Scene, scene_of
from turnaffinity.book.source import OWN, linked, write
from turnaffinity.cli.main import VERBS
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.rules import RULES
from turnaffinity.diagnosis.patterns import known_mistakes
from turnaffinity.judging.suite import cases_of
from turnaffinity.mutation.mutants import load_mutants
from turnaffinity.problem import Problem
from turnaffinity.server import open_server
from turnaffinity.translating.sources import documents


@pytest.fixture(scope="module")
def scene() -> Scene:
    mutant = next(each for each in load_mutants() if each.id == "deletes-the-session-hash")
    with open_server("embedded") as server:
        found = scene_of(mutant, server)
    assert found is not None
    return found


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rules_page_has_its_statement_its_reason_its_claims_and_its_known_mistakes(rule) -> None:
    text = rule_page(rule, None, ["04-clear"], "en")
    assert rule.statement in text and rule.why in text and (rule.note_line_zh or "") in text
    assert all(f"- {case.title}\n" in text for case in cases_of(rule.id))
    assert all(f"`{known.id}`" in text for known in known_mistakes() if known.rule == rule.id)
    assert "04-clear.ipynb" in text


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rules_chinese_page_has_no_english_sentence(rule) -> None:
    text = rule_page(rule, None, [], "zh")
    assert rule.statement_zh in text
    assert ENGLISH.findall(without_code(text)) == []


def test_a_scene_shows_the_reference_keeping_the_rule_and_the_mutant_breaking_it(scene: Scene) -> None:
    text = rule_page(RULES["TA-CLEAR-5"], scene, [], "en")
    kept, _, broken = text.partition("**broken: the mutant")
    assert "DEL scheduler:session:s1" in broken and "DEL scheduler:session:s1 current_turn_id" in kept
    assert " DEL scheduler:session:s1 " not in kept.replace("HDEL", "")
    assert re.search(r"answer  turn T\d+; en -> n\d", kept)
    assert "EVALSHA clear_affinity s1" in kept
    assert "答" in rule_page(RULES["TA-CLEAR-5"], scene, [], "zh")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_pages_of_its_own_name_every_verb_every_name_and_every_message(lang: str) -> None:
    manual = filled("command-line", lang)
    assert [verb for verb in VERBS if f"$ turnaffinity {verb} --help" not in manual] == []
    layout = filled("layout", lang)
    assert KeyLayout(**tomllib.loads(EXAMPLE)).turn_key("t1") == "mt:turn:t1" and EXAMPLE in layout
    assert [name for name in KeyLayout.model_fields if f"`{name}`" not in layout] == []
    protocol = filled("protocol", lang)
    assert "`room_langs`" in protocol and "`ok.jobs[].node_id`" in protocol
    assert [rule for rule in RULES if f"(rules/{rule}.md)" not in rule_lists(lang)] == []


@pytest.mark.parametrize("name", [name for name in OWN if name != "operating"])
def test_a_page_of_its_own_has_no_english_sentence_in_chinese(name: str) -> None:
    assert ENGLISH.findall(without_code(filled(name, "zh"))) == []


@pytest.mark.parametrize("path", documents(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_document_has_no_english_sentence_in_chinese(path: Path) -> None:
    assert ENGLISH.findall(without_code(document(path, "zh"))) == []


def test_a_rules_id_becomes_a_link_but_not_in_code_in_a_heading_or_in_a_link() -> None:
    assert linked("See TA-KEY-1, and TA-KEY-1.", "rules/") == (
        "See [TA-KEY-1](rules/TA-KEY-1.md), and [TA-KEY-1](rules/TA-KEY-1.md).\n"
    )
    for kept in ("# TA-KEY-1", "`TA-KEY-1`", "[TA-KEY-1](x.md)", "```\nTA-KEY-1\n```", "TA-KEY-99", "TA-KEY-1x"):
        assert linked(kept, "rules/") == f"{kept}\n"


def test_a_folder_that_holds_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(Problem, match="something else"):
        write(tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
