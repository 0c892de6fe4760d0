"""What does a crash leave behind, who repairs it, and what does a takeover lose?"""

from __future__ import annotations

import pytest

from turnaffinity.contract.decisions import all_readings
from turnaffinity.explorer.commands import program
from turnaffinity.explorer.crashes import CrashReport, search_crashes


@pytest.fixture(scope="module")
def report() -> CrashReport:
    return search_crashes()


def left(report: CrashReport, kind: str, order: str) -> set[tuple[str, bool]]:
    found = (stop for stop in report.stops if (stop.kind, stop.order) == (kind, order))
    return {(stop.left, stop.for_ever) for stop in found if stop.left != "nothing"}


def test_a_write_that_records_the_affinity_first_leaves_a_key_for_ever(report: CrashReport) -> None:
    assert left(report, "write", "affinity first") == {("an affinity without a pointer", True)}


def test_a_write_that_names_the_turn_first_is_repaired_by_the_next_finalize(report: CrashReport) -> None:
    assert left(report, "write", "pointer first") == {("a pointer without affinity", False)}


def test_a_clear_that_forgets_the_pointer_first_leaves_a_key_for_ever(report: CrashReport) -> None:
    assert left(report, "clear", "pointer first") == {("an affinity without a pointer", True)}


def test_a_clear_that_deletes_the_affinity_first_is_repaired_by_the_next_finalize(report: CrashReport) -> None:
    assert left(report, "clear", "affinity first") == {("a pointer without affinity", False)}


@pytest.mark.parametrize("kind", ["write", "clear"])
def test_one_script_leaves_nothing(report: CrashReport, kind: str) -> None:
    assert left(report, kind, "one script") == set()
    assert "one script" in report.safe_orders(kind)


def test_two_schedulers_on_one_session_lose_something_under_every_reading_that_reuses(report: CrashReport) -> None:
    for takeover in report.takeovers:
        if takeover.reading.d1 == "reuse":
            assert {loss.split(":")[0] for loss in takeover.losses} == {"G4", "G5", "G7", "TA-TURN-3"}
            assert takeover.example


def test_single_commands_bring_a_closed_turn_back_under_mint_and_one_script_does_not(report: CrashReport) -> None:
    for takeover in report.takeovers:
        if takeover.reading.d1 == "mint":
            assert bool(takeover.losses) == (takeover.steps == "single commands")


def test_there_is_a_takeover_for_every_combination_and_both_kinds_of_steps(report: CrashReport) -> None:
    assert len(report.takeovers) == 2 * len(list(all_readings()))
    assert len(report.as_json()["takeovers"]) == 48  # type: ignore[arg-type]
    assert all(program(reason, reading) for reason in ("max_duration", "manual") for reading in all_readings())


def test_the_report_reads_as_sentences(report: CrashReport) -> None:
    text = "\n".join(report.lines())
    assert "it stays for ever" in text and "gone after the next max_duration or manual" in text
