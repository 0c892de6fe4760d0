"""Is the matrix right, is every counterexample real, and does everything that is made of it agree with it?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from turnaffinity.contract.decisions import DECISIONS, GOALS, PRESETS, Reading, all_readings, reading_from
from turnaffinity.explorer import matrix
from turnaffinity.explorer.behaviour import Behaviour, under
from turnaffinity.explorer.bounds import Bounds
from turnaffinity.explorer.live import Disagreement, LiveFlow
from turnaffinity.explorer.matrix import Exploration
from turnaffinity.explorer.vectors import as_text, vectors
from turnaffinity.notebook import readme
from turnaffinity.problem import Problem
from turnaffinity.reports.matrix import decisions_markdown, matrix_markdown, matrix_page, matrix_picture, story
from turnaffinity.server import open_server
from turnaffinity.specification.actor_finalize import Scheduler

pytestmark = pytest.mark.long
VECTORS = Path(__file__).parent.parent / "conformance" / "vectors"

BY_HAND: dict[str, Callable[[Reading], bool]] = {
    "G1": lambda r: r.d1 == "reuse",
    "G2": lambda r: r.d2 == "after",
    "G3": lambda r: r.d3 == "after-first-job",
    "G4": lambda r: r.d1 == "reuse",
    "G5": lambda r: True,
    # after-batch records a node that died inside the batch, so that the next batch is scattered once more
    "G6": lambda r: r.d1 == "reuse" and r.d3 == "after-first-job" and r.d4 != "write-once",
    "G7": lambda r: r.d1 == "reuse",
    "G8": lambda r: r.d1 == "reuse" and r.d4 != "overwrite",
}
"""What a person with paper and pencil comes to."""


@pytest.fixture(scope="module")
def result() -> Iterator[Exploration]:
    with open_server("embedded") as server:
        yield matrix.explore(server=server)


def test_the_readmes_decision_table_is_what_the_search_finds(result: Exploration) -> None:
    text = readme.README.read_text(encoding="utf-8")
    assert readme.block(text, "decisions") == readme.decisions_block(
        result
    )  # else: python -m turnaffinity.notebook.readme
    assert readme.block(text, "rules") == readme.rules_block()


@pytest.mark.parametrize("goal_id", BY_HAND)
def test_the_matrix_is_what_a_person_derives_by_hand(result: Exploration, goal_id: str) -> None:
    found = {reading: result.cell(reading, goal_id).holds for reading in all_readings()}
    assert found == {reading: BY_HAND[goal_id](reading) for reading in all_readings()}


def test_every_goal_that_holds_does_so_for_speech_of_any_length(result: Exploration) -> None:
    assert result.closed


def test_every_counterexample_was_repeated_by_the_real_flow(result: Exploration) -> None:
    assert result.replayed == sum(not cell.holds for cell in result.cells) == 96


def witnesses(result: Exploration, goal_id: str, reading: Reading) -> list[Behaviour]:
    """What breaks the goal under a combination that differs in one choice at most, taken under this one."""
    near = [
        other
        for other in all_readings()
        if sum(a != b for a, b in zip(other.as_dict().values(), reading.as_dict().values(), strict=True)) <= 1
    ]
    found = [result.cell(other, goal_id).behaviour for other in near]
    return [under(behaviour, reading) for behaviour in found if behaviour is not None]


@pytest.mark.parametrize("goal_id", [goal_id for goal_id in BY_HAND if goal_id != "G5"])
def test_the_real_flow_meets_and_misses_each_goal_where_the_matrix_says_so(result: Exploration, goal_id: str) -> None:
    goal = next(goal for goal in GOALS if goal.id == goal_id)
    with open_server("embedded") as server:
        live = LiveFlow(server)
        for reading in all_readings():
            for behaviour in witnesses(result, goal_id, reading):
                live.replay(behaviour, goal)


class AnotherChoice(LiveFlow):
    """A flow in which one choice's code does what another choice says."""

    taken: Reading

    def scheduler_of(self, scheduler: Scheduler) -> Scheduler:
        return replace(scheduler, reading=self.taken)


@pytest.mark.parametrize("goal_id", [goal_id for goal_id in BY_HAND if goal_id != "G5"])
def test_a_choice_whose_code_is_changed_is_found_by_the_goal_that_needs_it(result: Exploration, goal_id: str) -> None:
    goal = next(goal for goal in GOALS if goal.id == goal_id)
    met = Reading("reuse", "after", "after-first-job", "repair")
    with open_server("embedded") as server:
        wrong = AnotherChoice(server)
        for decision, needed in result.choices_needed(goal_id).items():
            for choice in set(DECISIONS[int(decision[1]) - 1].choices) - set(needed):
                wrong.taken = reading_from(met.as_dict() | {decision: choice})
                with pytest.raises(Disagreement, match=rf"^{goal_id} \("):
                    for behaviour in witnesses(result, goal_id, met):
                        wrong.replay(behaviour, goal)


def test_a_smallest_counterexample_has_the_size_that_a_person_expects(result: Exploration) -> None:
    sizes = {
        goal: len(result.cell(PRESETS["literal"], goal).as_json()["counterexample"]) - 1
        for goal in ("G1", "G3", "G4", "G7")
    }
    assert sizes == {"G1": 2, "G3": 1, "G4": 3, "G7": 2}


def test_the_solver_comes_to_the_same_matrix(result: Exploration) -> None:
    pytest.importorskip("z3", reason="z3-solver is not installed: pip install turnaffinity[solver]")
    from turnaffinity.explorer.solver import SOLVED_GOALS, solve

    assert {"G1", "G2", "G3", "G4", "G6"} <= set(SOLVED_GOALS)
    solved = solve(finalizes=4)
    assert solved == {(r, goal): result.cell(r, goal).holds for r in all_readings() for goal in SOLVED_GOALS}


def test_the_recommendation_names_the_one_combination_that_meets_every_goal(result: Exploration) -> None:
    assert result.meeting_all == (Reading("reuse", "after", "after-first-job", "repair"),)
    text = result.recommendation()
    assert text[0].startswith("Choose D1 = reuse, D2 = after, D3 = after-first-job, D4 = repair")
    assert "continuous misses G8." in text
    assert "intent misses G2, G3, G6, G8." in text


def test_what_a_goal_needs_is_derived_from_the_results(result: Exploration) -> None:
    assert result.choices_needed("G6") == {
        "D1": ("reuse",), "D3": ("after-first-job",), "D4": ("overwrite", "repair"),
    }  # fmt: skip
    assert result.choices_needed("G5") == {}


def test_the_committed_vectors_are_those_of_the_search(result: Exploration) -> None:
    """If this fails: `python -m turnaffinity.explorer.vectors`, and commit what changed."""
    made = {name: as_text(content) for name, content in vectors(result).items()}
    goals = {goal.id for goal in GOALS}
    committed = {
        f"{path.parent.name}/{path.name}": path.read_text(encoding="utf-8")
        for path in VECTORS.glob("*/*.json")
        if path.parent.name in goals
    }
    assert committed == made


def test_a_vector_has_the_members_that_the_design_fixes_and_a_result_for_each_step(result: Exploration) -> None:
    for content in vectors(result).values():
        assert {"contract", "id", "rule", "level", "reading", "title", "given", "when", "then", "draws"} == set(content)
        assert set(content["then"]) == {"results", "keys", "absent", "no_ttl"}
        assert len(content["then"]["results"]) == len(content["when"])


def test_the_json_has_its_fixed_shape(result: Exploration) -> None:
    told = json.loads(json.dumps(result.as_json()))
    assert {"bounds", "goals", "combos", "states", "seconds"} <= set(told)
    assert [set(goal) for goal in told["goals"]] == [{"id", "title"}] * 8
    assert len(told["combos"]) == 24
    for combo in told["combos"]:
        assert set(combo) == {"D1", "D2", "D3", "D4", "reading", "goals"}
        for cell in combo["goals"].values():
            assert set(cell) == {"holds", "counterexample"}
            assert (cell["counterexample"] is None) == cell["holds"]


def test_a_story_says_what_the_listener_hears(result: Exploration) -> None:
    told = story(result.cell(PRESETS["literal"], "G1"))
    assert told[0] == "G1 long speech stays, under literal: broken."
    assert told[-1] == f"What is heard: {GOALS[0].heard}."
    assert story(result.cell(PRESETS["intent"], "G1")) == [
        "G1 long speech stays, under intent: holds, for behaviours of any length."
    ]


def test_pictures_of_the_same_result_are_the_same_and_well_formed(result: Exploration) -> None:
    again = Exploration(result.bounds, result.cells, seconds=99.0)
    assert matrix_markdown(result) == matrix_markdown(again)
    assert matrix_picture(result).svg == matrix_picture(again).svg
    assert len(matrix_markdown(result).splitlines()) == 2 + 24
    assert ElementTree.fromstring(matrix_picture(result).svg).tag.endswith("svg")
    assert decisions_markdown(result).count("\n") == len(result.recommendation())
    assert matrix_page(result).count("<details>") == 96


def test_the_verb_prints_the_matrix_and_writes_the_result(
    result: Exploration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from turnaffinity.cli.verbs.explore import explore

    asked: list[Bounds] = []

    def as_searched(bounds: Bounds, **options: object) -> Exploration:
        asked.append(bounds)
        return result

    monkeypatch.setattr(matrix, "explore", as_searched)
    explore(depth=5, nodes=3, json=tmp_path / "out.json", html=tmp_path / "out.html", server="fake", crashes=True)
    assert asked == [Bounds(nodes=3, max_durations=5)]
    assert json.loads((tmp_path / "out.json").read_text())["states"] == result.states
    assert "The open decisions" in (tmp_path / "out.html").read_text()


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"nodes": 1}, "--nodes"),
        ({"depth": 0}, "--depth"),
        ({"goal": ["G9"]}, "--goal"),
        ({"reading": "wordy"}, "--reading"),
        ({"json": Path("/no/such/folder/out.json")}, "/no/such/folder/out.json"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_runs(options: dict[str, object], where: str) -> None:
    from turnaffinity.cli.verbs.explore import explore

    with pytest.raises(Problem) as refused:
        explore(**options)  # type: ignore[arg-type]
    assert refused.value.where == where and refused.value.exit_status == 2
