"""Does the demo tell what really happens, and another reading another story?"""

import json
import subprocess

import pytest
from command_line import typed

from turnaffinity.contract.decisions import PRESETS, Reading, all_readings
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.server import open_server
from turnaffinity.stage.demonstration import ROOM, SCENES, Told, tell


def story(reading: Reading, server: str = "embedded") -> list[Told]:
    with open_server(server) as live:
        return list(tell(live, reading, seed=1))


def demo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return typed("demo", *arguments, **environment)


def test_with_intent_a_long_sentence_stays_in_one_turn_and_leaves_nothing() -> None:
    told = story(PRESETS["intent"])
    sentence, closing = told[:4], told[4]
    assert len({scene.turn_id for scene in sentence}) == 1
    assert closing.turn_id != sentence[0].turn_id
    assert {job.node_id for job in told[1].jobs} == {told[1].recorded_before}
    assert closing.keys == told[-1].keys == {}


def test_with_literal_every_segment_is_a_turn_of_its_own_and_keys_are_left() -> None:
    told = story(PRESETS["literal"])
    assert len({scene.turn_id for scene in told}) == len(SCENES)
    assert len(told[-1].keys) == 3
    assert "3 turn keys that no session names, left for ever" in told[-1].sentences()


def test_with_continuous_batch_and_closing_segment_stay_on_the_node() -> None:
    told = story(PRESETS["continuous"])
    for scene in told:
        assert len({job.node_id for job in scene.jobs}) == 1
    assert told[4].turn_id == told[3].turn_id
    assert {job.node_id for job in told[4].jobs} == {told[4].recorded_before}


@pytest.mark.parametrize("reading", list(all_readings())[::5], ids=lambda reading: reading.label)
def test_the_node_that_died_serves_no_job_under_any_reading(reading: Reading) -> None:
    told = story(reading, "fake")
    died = told[2].node_gone
    assert died is not None
    assert all(job.node_id != died for scene in told[2:] for job in scene.jobs)


def test_the_wire_shows_a_selection_for_each_language_with_the_script_nested_in_it() -> None:
    first = story(PRESETS["intent"])[0]
    calls = [command for command in first.wire if command.name == "EVALSHA"]
    assert [call.argv[3] for call in calls[:3]] == [f"zh:{lang}" for lang in ROOM]
    assert all(call.argv[5] == first.turn_id for call in calls[:3])
    assert not any(command.name == "SCRIPT" for command in first.wire)
    key = KeyLayout().turn_key(first.turn_id)
    assert any(c.inside_script and c.argv[:3] == ("HGET", key, "affinity_node_id") for c in first.wire)


def test_the_demo_prints_each_scene_and_the_reading_changes_what_it_says() -> None:
    intent, literal = demo(COLUMNS="120"), demo("--reading", "literal", COLUMNS="120")
    assert intent.returncode == literal.returncode == 0
    for scene in SCENES:
        assert scene.title in intent.stdout
    assert "left for ever" in literal.stdout
    assert "left for ever" not in intent.stdout
    assert "\x1b[" not in intent.stdout


def test_the_demo_as_json_is_one_object_with_every_scene() -> None:
    told = json.loads(demo("--json", "--reading", "D1=mint,D4=repair").stdout)
    assert told["decisions"] == {"D1": "mint", "D2": "before", "D3": "after-batch", "D4": "repair"}
    assert [scene["title"] for scene in told["scenes"]] == [scene.title for scene in SCENES]


def test_an_unknown_reading_is_bad_usage_in_one_sentence() -> None:
    ended = demo("--reading", "sideways")
    assert ended.returncode == 2
    assert ended.stderr.startswith('error: --reading: "sideways" is no reading\n')
