"""Do the reports say the same in every form, and is what a stranger wrote harmless in each?"""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import jsonschema
import pytest
from rich.console import Console

from turnaffinity.catalogs import said
from turnaffinity.cli.verifying import json_text
from turnaffinity.contract.decisions import PRESETS
from turnaffinity.contract.rules import RULES
from turnaffinity.judging.verdict import CaseResult, Report, rule_reports, rules_in_scope
from turnaffinity.problem import Problem
from turnaffinity.reports import schema, verdict_terminal
from turnaffinity.reports.badge import badge
from turnaffinity.reports.files import check_writable, write_all
from turnaffinity.reports.junit import junit
from turnaffinity.reports.verdict_page import verdict_page
from turnaffinity.showing.commands import command_text
from turnaffinity.wire.command import Command

PACKAGE = Path(schema.__file__).parent
EVIL = '<script>alert(1)</script>\x1b[31m"\udcff&\u202e'
WIRE = (
    {"client": "unix:/x", "argv": ["EVALSHA", "ab", "0", "zh:en", "", "t1"], "broken": False},
    {"client": "lua", "argv": ["EXPIRE", f"scheduler:turn:{EVIL}", "300"], "broken": True},
)


def result(rule: str, case: str, outcome: Any, **more: Any) -> CaseResult:
    return CaseResult(rule, case, outcome, **more)


def a_report(**more: Any) -> Report:
    failure = {"expected": f"no TTL {EVIL}", "observed": EVIL, "wire": WIRE}
    results = [
        *[result("TA-NEVER-1", f"test_{number}[{EVIL}]", "fail", **failure) for number in range(5)],
        result("TA-SEL-1", "test_ok", "pass", draws=32),
        result("TA-SEL-10", "test_gap", "fail", expected="a", observed="b"),
        result("TA-SEL-6", "test_unseen", "unobservable", reason=f"nothing shows it {EVIL}"),
        result("TA-SEL-7", "test_warned", "warn", warnings=("upper case",)),
    ]
    protocol = [{"id": "PROTO-1", "title": "hello", "status": "fail", "expected": "ids", "observed": EVIL}]
    values: dict[str, Any] = {
        "profile": "scheduler", "implementation": {"name": EVIL, "version": "1"}, "server": "Valkey 9",
        "reading": PRESETS["intent"], "decisions": {"D1": "mint", "D2": None, "D3": None, "D4": None}, "seed": 7,
        "rules": rule_reports(rules_in_scope("scheduler"), results), "results": tuple(results), "protocol": protocol,
        "planned": 9, "executed": 8, "seconds": 1.0,
    }  # fmt: skip
    return Report(**values | more)


def printed(report: Report, width: int = 100, lang: str = "en", *, everything: bool = True, **more: Any) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False, markup=False, **more)
    verdict_terminal.print_report(report, lang=lang, console=console, everything=everything)
    return out.getvalue()


# the terminal


@pytest.mark.parametrize("width", [30, 60, 100, 200])
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("everything", [False, True])
def test_no_line_is_wider_than_the_terminal(width: int, lang: str, everything: bool) -> None:
    from rich.cells import cell_len

    lines = printed(a_report(), width, lang, everything=everything).splitlines()
    assert max(map(cell_len, lines)) <= width


def test_a_rule_that_passed_has_one_line_and_its_family_a_heading() -> None:
    lines = printed(a_report()).splitlines()
    assert sum("TA-SEL-1 " in line for line in lines) == 2  # its own, and the draws'
    assert "selection" in lines


def test_two_failures_of_a_rule_are_shown_and_the_rest_is_counted() -> None:
    text = printed(a_report())
    assert text.count("TA-NEVER-1  test_") == 2
    assert "and 3 more failures of this rule" in text


def test_the_broken_command_is_marked_and_what_a_script_ran_is_indented() -> None:
    lines = printed(a_report()).splitlines()
    outer = next(line for line in lines if "EVALSHA" in line)
    inner = next(line for line in lines if "EXPIRE" in line)
    assert inner.startswith("  > ") and not outer.strip().startswith(">")
    assert len(inner) - len(inner.removeprefix("  > ").lstrip()) > len(outer) - len(outer.lstrip())


def test_the_verdict_line_names_what_broke_what_cannot_be_seen_filters_and_seed() -> None:
    text = " ".join(printed(a_report(filtered=("TA-*",))).split())
    verdict = text[text.index("violates: 8 of 9 checks executed") :]
    for part in ("broken: TA-NEVER-1", "unobservable: TA-SEL-6", "only TA-*", "reading intent", "seed 7"):
        assert part in verdict


def test_what_an_ended_process_wrote_stands_one_line_a_line() -> None:
    observed = "no usable answer: it ended\n  mend: keep running\n  stderr: panic: nil map\n  stderr: goroutine 1"
    protocol = [{"id": "PROTO-3", "title": "one line", "status": "fail", "expected": "ids", "observed": observed}]
    failed = [result("TA-TURN-1", "test_case", "fail", expected="an id", observed=observed)]
    report = a_report(rules=rule_reports(rules_in_scope("scheduler"), failed), results=tuple(failed), protocol=protocol)
    told = ["observed  no usable answer: it ended", "mend      keep running", "stderr    panic: nil map",
            "stderr    goroutine 1"]  # fmt: skip
    lines = [line.strip() for line in printed(report).splitlines()]
    assert [line for line in lines if line in told] == told * 2
    page = verdict_page(report)
    assert page.count("<dt>stderr</dt><dd>panic: nil map</dd><dt>stderr</dt><dd>goroutine 1</dd>") == 3  # the mistake's
    assert "stderr    panic: nil map\nstderr    goroutine 1" in junit(report)


def test_draws_are_told_once() -> None:
    assert printed(a_report()).count("passes with a chance below 1e-9") == 1


def test_no_escape_sequence_of_a_stranger_reaches_the_terminal() -> None:
    for lang, everything in product(("en", "zh"), (True, False)):
        text = printed(
            a_report(), lang=lang, everything=everything, force_terminal=True, no_color=True, color_system=None
        )
        assert "\x1b[31m" not in text
        assert "\u202e" not in text


def test_a_command_that_names_a_hundred_keys_is_cut_and_counted() -> None:
    short = command_text(Command(("EXISTS", *[f"lingua:v1:pool:zh:en:{number}:nodes" for number in range(100)])))
    assert short == "EXISTS lingua:v1:pool:zh:en:0:nodes ... lingua:v1:pool:zh:en:99:nodes (100 arguments)"


# Chinese


SAME_IN_BOTH = {"job", "jobs", "turn", "finalize", "session", "beside"}


def test_every_phrase_that_a_report_uses_has_its_chinese() -> None:
    sources = [*PACKAGE.glob("*.py"), *PACKAGE.glob("templates/*")]
    used = {
        phrase
        for path in sources
        for phrase in re.findall(r'(?:\bwords|\bt|\bnamed)\("([^"]+)"', path.read_text("utf-8"))
    }
    assert {phrase for phrase in used if said(phrase, "zh") == phrase} - SAME_IN_BOTH == set()
    statuses = {
        "pass",
        "fail",
        "warn",
        "not-claimed",
        "unobservable",
        "not-run",
        "skip",
        "conforms",
        "violates",
        "incomplete",
    }
    assert all(said(status, "zh") != status for status in statuses)


def test_a_chinese_report_has_the_chinese_statements() -> None:
    assert RULES["TA-NEVER-1"].statement_zh[:12] in printed(a_report(), 200, "zh")
    assert RULES["TA-NEVER-1"].statement_zh in verdict_page(a_report(), lang="zh")


# the page


class Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_the_page_needs_nothing_from_outside_and_no_script() -> None:
    parsed = Parsed(verdict_page(a_report()))
    assert {"script", "link", "img", "iframe"} & set(parsed.tags) == set()
    assert {name for name, _ in parsed.attributes} & {"src", "href", "onload", "onclick"} == set()


def test_what_a_stranger_wrote_is_escaped_on_the_page() -> None:
    text = verdict_page(a_report())
    assert "<script" not in text and "&lt;script&gt;" in text
    assert "\x1b" not in text and "\u202e" not in text


def test_each_failure_is_drawn_with_the_broken_command_marked() -> None:
    text = verdict_page(a_report())
    assert text.count("<svg") == 3  # three of the five; the fourth rule has no wire
    assert text.count("✗ EXPIRE") == 3
    assert "TA-NEVER-1: and 2 more failures of this rule" in text


def test_a_decision_that_differs_from_the_reading_stands_out() -> None:
    assert '<td class="fail">mint</td>' in verdict_page(a_report())
    assert '<td class="skip">not seen</td>' in verdict_page(a_report())


# JUnit, badge, JSON


def test_junit_has_a_test_case_for_each_case_and_counts_them() -> None:
    root = Xml.fromstring(junit(a_report()).encode("utf-8", "replace"))
    counted = {suite.get("name"): (suite.get("tests"), suite.get("failures"), suite.get("skipped")) for suite in root}
    assert counted == {
        "protocol": ("1", "1", "0"),
        "TA-SEL-1": ("1", "0", "0"),
        "TA-SEL-6": ("1", "0", "1"),
        "TA-SEL-7": ("1", "0", "0"),
        "TA-NEVER-1": ("5", "5", "0"),
        "TA-SEL-10": ("1", "0", "0"),
    }
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("10", "6", "1")


def test_an_expected_failure_is_skipped_in_junit() -> None:
    report = a_report()
    for rule in report.rules:
        for failure in rule.failures:
            failure["expected_by"] = "known"
    root = Xml.fromstring(junit(report).encode("utf-8", "replace"))
    skipped = [case.find("skipped") for case in root.iter("testcase") if case.get("classname") == "TA-NEVER-1"]
    assert [each.get("message") for each in skipped if each is not None] == ["expected failure: known"] * 5


def test_the_badge_is_well_formed_and_says_verdict_and_reading() -> None:
    root = Xml.fromstring(badge(a_report()))
    assert root.get("aria-label") == "turn affinity: violates (intent)"


def test_the_committed_schema_is_that_of_the_model() -> None:
    assert schema.committed_file().read_text(encoding="utf-8") == schema.schema_text(), (
        "run: python -m turnaffinity.reports.schema"
    )


def test_a_report_as_json_fits_the_schema_and_is_utf_8_whatever_was_on_the_wire() -> None:
    data = json.loads(json_text(a_report().as_dict()).encode("utf-8"))
    jsonschema.validate(data, json.loads(schema.schema_text()))
    assert data["decisions"]["D2"] is None
    without_verdict = {name: value for name, value in data.items() if name != "verdict"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(without_verdict, json.loads(schema.schema_text()))


@pytest.mark.parametrize("name", [*PRESETS, None])
def test_the_reading_is_a_presets_name_or_choices_that_an_option_takes(name: str | None) -> None:
    from turnaffinity.contract.decisions import Reading, parse_reading

    reading = PRESETS[name] if name else Reading("mint", "after", "after-batch", "repair")
    written = a_report(reading=reading).as_dict()["reading"]
    assert parse_reading(written) == reading
    assert written == name or name is None


# files


def test_all_files_are_written_or_none(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    with pytest.raises(Problem):
        write_all({tmp_path / "old": "new", tmp_path / "nowhere" / "x": "x"})
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("old", "old")]
    write_all({tmp_path / "old": "new \udcff", tmp_path / "b": b"\xff"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"old": b"new ?", "b": b"\xff"}


def test_asking_whether_a_file_can_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    check_writable([tmp_path / "old", tmp_path / "new"])
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("old", "old")]
