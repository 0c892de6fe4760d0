"""Are the notebooks whole, clean, and complete: every rule walked through, nothing of a machine in an output?"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from turnaffinity.contract.rules import RULES, judged_only_with_faults

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MACHINE = re.compile(
    r"/(?:tmp|work|root|home|usr|var|Users|private)/|127\.0\.0\.1:\d|localhost:\d|unix:/|0x[0-9a-f]{6,}|\x1b\["
)
"""A path, an address or a colour code: what another machine, or another run, would print otherwise."""

MOST_LINES = 10
LINK = re.compile(r"\]\(([^)#]+\.ipynb)\)")


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def printed(cell: dict[str, Any]) -> str:
    return "\n".join(
        "".join(part)
        for output in cell["outputs"]
        for part in [output.get("text", []), *output.get("data", {}).values()]
        if isinstance(part, (str, list))
    )


def everything() -> str:
    return "\n".join(source(cell) for path in NOTEBOOKS for kind in ("markdown", "code") for cell in cells(path, kind))


def test_the_eleven_notebooks_are_there() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{number:02}" for number in range(11)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_cell_was_executed_in_order_without_an_error(path: Path) -> None:
    code = cells(path, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert [source(cell) for cell in code if any(output["output_type"] == "error" for output in cell["outputs"])] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_output_holds_a_path_an_address_or_a_colour_code(path: Path) -> None:
    found = [(source(cell)[:60], match[0]) for cell in cells(path, "code") if (match := MACHINE.search(printed(cell)))]
    assert found == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_are_short_and_define_nothing(path: Path) -> None:
    code = [source(cell) for cell in cells(path, "code")]
    assert [text for text in code if len(text.splitlines()) > MOST_LINES] == []
    assert [text for text in code if re.search(r"^\s*(?:def|class|async def) ", text, re.MULTILINE)] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_ends_in_an_assertion_and_a_sentence(path: Path) -> None:
    last = source(cells(path, "code")[-1])
    assert "assert " in last
    assert "say(" in last


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_between_notebooks_lead_somewhere(path: Path) -> None:
    links = [link for cell in cells(path, "markdown") for link in LINK.findall(source(cell))]
    assert [link for link in links if not (FOLDER / link).is_file()] == []


def test_every_must_rule_is_walked_through_but_for_those_about_faults() -> None:
    text = everything()
    musts = [rule.id for rule in RULES.values() if rule.level == "MUST" and not judged_only_with_faults(rule.id)]
    assert [rule_id for rule_id in musts if not re.search(rf"{rule_id}\b", text)] == []


def test_a_rule_that_is_walked_through_is_one_of_the_contracts() -> None:
    assert set(re.findall(r"\bTA-[A-Z]+-\d+\b", everything())) <= set(RULES)


def test_each_family_shows_a_wrong_variant_caught() -> None:
    walked = [path for path in NOTEBOOKS if "01" <= path.name[:2] <= "09"]
    assert [path.name for path in walked if not any("variant(" in source(cell) for cell in cells(path, "code"))] == []
