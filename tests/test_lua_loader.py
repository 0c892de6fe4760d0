"""Do a deployment's own names reach the scripts, and nothing else of them change?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from turnaffinity import shared_files
from turnaffinity.contract.layout import LEGACY_FIELDS, KeyLayout
from turnaffinity.problem import CannotRun
from turnaffinity.specification.scripts import SCRIPT_NAMES, ScriptName, load_script, lua_text, script_path


@pytest.mark.parametrize("name", SCRIPT_NAMES)
def test_for_the_default_layout_the_written_block_is_the_files_own(name: ScriptName) -> None:
    text = script_path(name).read_text(encoding="utf-8")
    assert text.count("-- LAYOUT: ") == text.count("\n-- LAYOUT END\n") == 1
    assert load_script(name) == load_script(name, KeyLayout()) == text


@pytest.mark.parametrize("name", SCRIPT_NAMES)
def test_another_layout_changes_only_the_block(name: ScriptName) -> None:
    other = load_script(name, KeyLayout.model_validate({"turn": "t:{turn_id}", "pool": "p:{pool_id}:{pair}"}))
    ours = load_script(name)
    block = re.compile(r"-- LAYOUT: .*-- LAYOUT END", re.DOTALL)
    assert other != ours
    assert block.sub("", other) == block.sub("", ours)
    assert "scheduler:turn:" not in block.search(other)[0]  # type: ignore[index]


@pytest.mark.parametrize("name", SCRIPT_NAMES)
def test_every_name_of_a_key_or_a_field_stands_in_the_block(name: ScriptName) -> None:
    rest = re.sub(r"-- LAYOUT: .*-- LAYOUT END", "", load_script(name), flags=re.DOTALL)
    code = re.sub(r"--[^\n]*", "", rest)
    assert not re.search(r"scheduler:|lingua:|affinity_node_id|current_turn_id", code)


def test_no_script_names_a_legacy_field() -> None:
    for name in SCRIPT_NAMES:
        assert not any(legacy in load_script(name) for legacy in LEGACY_FIELDS)


@pytest.mark.parametrize("name", SCRIPT_NAMES)
def test_the_labelled_steps_come_in_the_same_order_in_each_script(name: ScriptName) -> None:
    steps = re.findall(r"^ *-- (READ|DECIDE|WRITE)\b", load_script(name), re.MULTILINE)
    assert steps[0] == "READ"
    assert steps.index("READ") < steps.index("DECIDE") < steps.index("WRITE")


def test_every_script_that_has_a_name_has_a_file() -> None:
    assert get_args(ScriptName) == SCRIPT_NAMES
    assert sorted(path.stem for path in script_path("select_node").parent.glob("*.lua")) == sorted(SCRIPT_NAMES)


@pytest.mark.parametrize(
    ("text", "lua"),
    [
        ("plain", "'plain'"),
        ("it's", r"'it\'s'"),
        ("a\\b", r"'a\\b'"),
        ("a\nb", r"'a\010b'"),
        ("é", "'é'"),
        ("\0", r"'\000'"),
    ],
)
def test_a_text_is_quoted_so_that_lua_reads_it_back(text: str, lua: str) -> None:
    assert lua_text(text) == lua


def test_a_missing_script_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shared_files, "ROOTS", (tmp_path, tmp_path / "beside"))
    with pytest.raises(CannotRun, match=r"select_node\.lua: is in neither of"):
        script_path("select_node")
