"""Do two versions side by side break what the search says, and is the record of a decision true?"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import typed

from turnaffinity.contract.decisions import GOALS, PRESETS, Reading
from turnaffinity.explorer.bounds import Bounds
from turnaffinity.explorer.live import Disagreement, LiveFlow
from turnaffinity.explorer.matrix import Exploration, explore
from turnaffinity.explorer.rollouts import RolloutMatrix, replay, roll_out, roll_out_all
from turnaffinity.explorer.versions import BEFORE, Version, parse_version
from turnaffinity.reports.decisions import decision_record, rollouts_markdown
from turnaffinity.reports.matrix import story
from turnaffinity.server import Server, open_server
from turnaffinity.showing.wording import Words
from turnaffinity.specification.actor_finalize import Scheduler

STEADY, LITERAL, DECIDED = (Version(name, PRESETS[name]) for name in ("steady", "literal", "decided"))
SMALL = Bounds(max_durations=3)
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with open_server() as live:
        yield live


@pytest.fixture(scope="module")
def pairs() -> RolloutMatrix:
    return roll_out_all()


@pytest.fixture(scope="module")
def result() -> Exploration:
    return explore(SMALL)


def test_beside_itself_a_version_is_what_the_matrix_says_of_it(pairs: RolloutMatrix, result: Exploration) -> None:
    for name, reading in PRESETS.items():
        assert pairs.missed(name) == result.missed(reading)


def test_nobody_clears_the_turn_that_the_old_version_closes(pairs: RolloutMatrix) -> None:
    told = story(pairs.by_pair[frozenset({"before", "steady"})].cell("G5"))
    assert pairs.lost("before", "steady") == ("G4", "G5")
    assert "stops (manual), handled by before" in told[3]
    assert "speaks on (max_duration), handled by steady, turn T1: en to n1 (by affinity)" in told[4]


def test_what_literal_misses_it_misses_alone_too(pairs: RolloutMatrix) -> None:
    assert pairs.missed("literal", "steady") == ("G1", "G2", "G3", "G4", "G6", "G7", "G8")
    assert pairs.lost("literal", "steady") == ()
    assert "may run side by side" in pairs.sentence("literal", "steady")


def test_a_version_that_does_not_look_after_turns_may_not_stand_beside_one_that_does(pairs: RolloutMatrix) -> None:
    for name in ("intent", "continuous", "decided", "steady"):
        assert "drain the sessions first" in pairs.sentence("before", name)


@pytest.mark.parametrize(("a", "b"), [(BEFORE, STEADY), (LITERAL, STEADY), (DECIDED, STEADY)])
def test_two_live_schedulers_repeat_each_counterexample(server: Server, a: Version, b: Version) -> None:
    found = roll_out(a, b, SMALL, server=server)
    assert found.replayed == len(found.missed) > 0
    acting = {
        step["version"] for cell in found.cells for step in cell.as_json()["counterexample"] or () if "reason" in step
    }
    assert acting <= {a.name, b.name}


def test_a_scheduler_that_does_otherwise_is_noticed_in_the_replay(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = roll_out(BEFORE, STEADY, SMALL)
    monkeypatch.setattr(LiveFlow, "scheduler_of", lambda self, scheduler: _minting(scheduler))
    with pytest.raises(Disagreement):
        replay(found, server)


def _minting(scheduler: Scheduler) -> Scheduler:
    return replace(scheduler, reading=PRESETS["literal"])


def test_the_order_of_two_versions_does_not_matter() -> None:
    assert roll_out(STEADY, LITERAL, SMALL).missed == roll_out(LITERAL, STEADY, SMALL).missed


def test_the_solver_comes_to_the_same_for_every_pair(pairs: RolloutMatrix) -> None:
    pytest.importorskip("z3", reason="z3-solver is not installed: pip install turnaffinity[solver]")
    from turnaffinity.explorer.solver import SOLVED_GOALS, holds_side_by_side

    for one in pairs.pairs:
        a, b, longest = one.a.reading, one.b.reading, Bounds().max_durations
        found = {goal: holds_side_by_side(a, b, goal, longest) for goal in SOLVED_GOALS}
        assert found == {goal: one.cell(goal).holds for goal in SOLVED_GOALS}, (one.a.name, one.b.name)


def test_readme_shows_the_small_matrix_as_it_is(pairs: RolloutMatrix) -> None:
    assert rollouts_markdown(pairs) in (HERE.parent / "README.md").read_text(encoding="utf-8")


def test_the_verb_prints_json_of_the_fixed_shape() -> None:
    done = typed("explore", "--rollout", "before", "steady", "--json", "-", "--depth", "2")
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert (told["rollout"]["a"], told["rollout"]["b"]) == ("before", "steady")
    assert list(told["rollout"]["goals"]) == [goal.id for goal in GOALS]
    assert not told["rollout"]["goals"]["G5"]["holds"]
    assert {"states", "seconds"} <= set(told)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--rollout", "old", "steady"), '"old" is no reading'),
        (("--rollout", "before", "steady", "--html", "x.html"), "goes with --json alone"),
        (("--decide", "steady"), "writes nothing by itself"),
    ],
)
def test_a_wish_that_cannot_be_meant_is_refused(options: tuple[str, ...], sentence: str) -> None:
    done = typed("explore", *options)
    assert done.returncode == 2 and sentence in done.stderr and "mend:" in done.stderr


def test_a_version_is_named_as_a_reading_or_before() -> None:
    assert parse_version("before") is BEFORE
    assert parse_version("D1=mint").name == "literal"
    assert parse_version("D4=repair").reading == Reading(d4="repair")


# the record


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_record_tells_what_the_matrix_tells(pairs: RolloutMatrix, result: Exploration, lang: str) -> None:
    decided = PRESETS["decided"]
    text = decision_record(decided, result, pairs, today="2026-11-28", present="literal", words=Words(lang))
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert len(headings) == 6
    assert "| reuse | after | after-first-job | write-once | G6 |" in text
    assert "turnaffinity explore --rollout literal decided" in text
    assert "D4 = `write-once`" in text
    if lang == "zh":
        assert not re.search(
            r"[a-z]{2,} [a-z]{2,} [a-z]{2,} [a-z]{2,}", re.sub(r"`[^`]*`|```.*?```", "", text, flags=re.S)
        )


def test_the_commands_of_a_record_run(pairs: RolloutMatrix, result: Exploration) -> None:
    text = decision_record(PRESETS["steady"], result, pairs, today="2026-11-28", present="before")
    block = re.search(r"```console\n(.*?)```", text, re.S)
    assert block
    commands = block[1].strip().splitlines()
    assert len(commands) == 3
    for command in commands:
        extra = ["--depth", "1", "--nodes", "2"] if " explore " in command else ["--rule", "TA-TURN-5"]
        done = typed(*command.split()[1:], *extra)
        assert done.returncode == (0 if " explore " in command else 1), done.stderr  # a filtered run is incomplete


def test_a_record_of_choices_without_a_name_tells_their_rollout(tmp_path: Path) -> None:
    path = tmp_path / "record.md"
    wish = ("--decide", "D2=after", "--present", "D4=repair", "--depth", "1", "--nodes", "2")
    done = typed("explore", *wish, "--adr", path)
    assert done.returncode == 0, done.stderr
    text = path.read_text(encoding="utf-8")
    present, chosen = "D1=reuse,D2=before,D3=after-batch,D4=repair", "D1=reuse,D2=after,D3=after-batch,D4=overwrite"
    assert f"turnaffinity explore --rollout {present} {chosen}" in text
    assert f"{present} and {chosen} may" in text or f"{chosen} and {present} may" in text


# two adapters

AS = 'sed -u \'s/"reading":"[a-z]*"/"reading":"{}"/; /"op":"bye"/q\' | exec {} {}'
"""An adapter that takes another reading than it is told; sed ends with it, or each bye would wait for its deadline."""


def example(reading: str) -> str:
    path = HERE.parent / "conformance" / "implementations" / "python" / "adapter.py"
    code = AS.format(reading, sys.executable, path)
    return f'sh -c "{code.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"'


@pytest.mark.parametrize(("a", "b"), [("intent", "steady"), ("literal", "decided")])
def test_two_right_versions_with_other_choices_are_not_accused(a: str, b: str) -> None:
    rules = ["TA-TURN-*", "TA-WRITE-*", "TA-CLEAR-*"]
    done = typed(
        "verify", "--adapter", example(a), "--beside", example(b), "--seed", "5", "--json", "-",
        *(part for rule in rules for part in ("--rule", rule)),
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert {rule["id"]: rule["status"] for rule in told["rules"] if rule["status"] == "fail"} == {}
    for rule in told["rules"]:
        if rule["level"] == "DECISION":
            assert rule["status"] == "unobservable"


def test_a_version_that_writes_at_a_close_is_caught_beside_a_right_one() -> None:
    wrong = f"{sys.executable} {HERE / 'strangers' / 'wrong' / 'timeout_writes_too.py'}"
    right = f"{sys.executable} {HERE.parent / 'conformance' / 'implementations' / 'python' / 'adapter.py'}"
    done = typed("verify", "--adapter", right, "--beside", wrong, "--rule", "TA-WRITE-3", "--json", "-", "--seed", "5")
    (rule,) = json.loads(done.stdout)["rules"]
    assert rule["status"] == "fail"


def test_beside_wants_two_adapters() -> None:
    done = typed("verify", "--lua", "x.lua", "--beside", "./run")
    assert done.returncode == 2 and "--beside" in done.stderr
