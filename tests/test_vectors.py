"""Are the committed vectors the specification's, and does a wrong implementation fail them?"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import redis

from turnaffinity.contract.decisions import all_readings
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.rules import RULES
from turnaffinity.contract.vector import Vector
from turnaffinity.mutation.flow import FlowSubject
from turnaffinity.mutation.mutants import load_mutants, source_of
from turnaffinity.server import Server, open_server
from turnaffinity.specification import oracle
from turnaffinity.specification.scripts import load_script
from turnaffinity.subjects.protocol import schema_texts
from turnaffinity.subjects.reference import ReferenceSubject
from turnaffinity.subjects.script import ScriptSubject
from turnaffinity.subjects.subject import Answer, Broke, Selected
from turnaffinity.vectors.files import ends, vectors, write_vectors
from turnaffinity.vectors.matching import Bound, Disagreement
from turnaffinity.vectors.page import why_left_out
from turnaffinity.vectors.playing import (
    asks_only_for_selections,
    load,
    play,
    readings_of,
    renamed,
    translated,
    vectors_folder,
)
from turnaffinity.vectors.prediction import CannotTell, then
from turnaffinity.vectors.scene import Scene, select, solo, world

FOLDER = vectors_folder()
FILES = sorted(FOLDER.glob("TA-*/*.json"))
COUNTEREXAMPLES = sorted(FOLDER.glob("G*/*.json"))
VECTORS = {f"{path.parent.name}/{path.name}": load(path) for path in FILES}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with open_server("embedded") as live:
        yield live


@pytest.fixture(scope="module")
def client(server: Server) -> Any:
    return server.client()


def test_generating_the_vectors_again_gives_the_committed_bytes(tmp_path: Path) -> None:
    for path in COUNTEREXAMPLES:  # written by the explorer, and counted in the README
        (tmp_path / path.parent.name).mkdir(exist_ok=True)
        (tmp_path / path.parent.name / path.name).write_bytes(path.read_bytes())
    write_vectors(tmp_path)
    made = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    every = [*FILES, *COUNTEREXAMPLES, FOLDER / "README.md"]
    committed = {str(path.relative_to(FOLDER)): path.read_bytes() for path in every}
    assert made == committed, "run `python -m turnaffinity.vectors`"


def test_writing_removes_what_no_scene_makes_and_leaves_the_counterexamples(tmp_path: Path) -> None:
    for name in ("TA-SEL-1/old.json", "G1/counterexample.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(COUNTEREXAMPLES[0].read_bytes())
    write_vectors(tmp_path)
    assert not (tmp_path / "TA-SEL-1/old.json").exists()
    assert (tmp_path / "G1/counterexample.json").exists()


def test_the_vectors_fit_the_schema_and_need_no_forced_draws() -> None:
    for name, vector in VECTORS.items():
        Vector.model_validate(vector)
        assert name == f"{vector['rule']}/{vector['id']}.json"
        assert "draws" not in vector, name


def test_every_vector_is_named_after_its_file_and_says_its_level() -> None:
    assert len(COUNTEREXAMPLES) > 90
    schema = json.loads(schema_texts()["vector.json"])
    jsonschema.Draft202012Validator.check_schema(schema)
    holds = jsonschema.Draft202012Validator(schema)
    for path in [*FILES, *COUNTEREXAMPLES]:
        vector = json.loads(path.read_text(encoding="utf-8"))
        holds.validate(vector)
        assert f"{vector['rule']}/{vector['id']}.json" == f"{path.parent.name}/{path.name}"
        assert vector["level"] == (RULES[vector["rule"]].level if vector["rule"] in RULES else None)


def test_each_id_of_a_vector_is_bound_once_and_before_it_is_used() -> None:
    for path in [*FILES, *COUNTEREXAMPLES]:
        vector = json.loads(path.read_text(encoding="utf-8"))
        bound: list[str] = []
        for step, result in zip(vector["when"], vector["then"]["results"], strict=True):
            assert used_ids(step) <= set(bound), path
            for matcher, name in matchers_in(result):
                assert (name in bound) != (matcher == "bind"), (path, matcher, name)
                bound += [name] if matcher == "bind" else []
        assert used_ids([vector["then"][name] for name in ("keys", "absent", "no_ttl")]) <= set(bound), path
        assert used_ids(vector["given"]) == set()


def matchers_in(value: Any) -> Iterator[tuple[str, str]]:
    """The matchers that name an id, in the order of the file: (bind, T1)."""
    parts = value if isinstance(value, list) else value.values() if isinstance(value, dict) else []
    if isinstance(value, dict) and len(value) == 1 and value.keys() <= {"bind", "same_as", "not"}:
        yield from value.items()
        return
    for part in parts:
        yield from matchers_in(part)


def used_ids(value: Any) -> set[str]:
    return set(re.findall(r"\$\{(\w+)\}", json.dumps(value)))


def test_the_readme_counts_every_vector_that_is_there() -> None:
    every = [json.loads(path.read_text(encoding="utf-8")) for path in [*FILES, *COUNTEREXAMPLES]]
    runs = sum(len(readings_of(vector)) for vector in every)
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"## What is here: {len(every)} vectors, {runs:,} runs in all readings" in text


def test_every_rule_has_vectors_or_a_reason_and_never_both() -> None:
    with_vectors = {vector["rule"] for vector in VECTORS.values()}
    for rule in RULES.values():
        if rule.profiles & {"L", "S"}:
            assert (rule.id in with_vectors) == (why_left_out(rule) is None), rule.id


def test_the_vectors_of_one_scene_cover_every_reading_that_it_is_for_once() -> None:
    scene = Scene("TA-WRITE-5", "one", world({"zh:en": "n1"}), (solo("max_duration"), solo("max_duration")))
    covered = list(chain.from_iterable(readings_of({"reading": choices}) for choices, _ in ends(scene)))
    assert len(covered) == len(set(covered)) == 24


def test_a_scene_whose_answers_depend_on_each_other_is_refused() -> None:
    drawn = Scene("TA-SEL-1", "two", world({"zh:en": "n1 n2"}), (solo("max_duration"), select("en", "${T1}")))
    with pytest.raises(CannotTell, match="depends on what another did"):
        then(drawn, readings_of({"reading": "intent"})[0])


EXPRESSED = sorted({vector["rule"] for vector in VECTORS.values()}, key=list(RULES).index)
EVERY_DAY = ("TA-TURN-4", "TA-WRITE-1", "TA-SEL-3", "TA-CLEAR-1")
"""Rules whose mistakes are played every day; those of the others in CI."""


def vectors_of(rule: str) -> list[dict[str, Any]]:
    return [vector for vector in VECTORS.values() if vector["rule"] == rule]


@pytest.mark.parametrize("rule", EXPRESSED)
def test_the_flow_does_what_a_rule_s_vectors_say_in_every_reading(server: Server, client: Any, rule: str) -> None:
    flows = {reading: ReferenceSubject(client, reading, KeyLayout()) for reading in all_readings()}
    for vector in vectors_of(rule):
        for reading in readings_of(vector):
            server.clear()
            with saying(f"{rule}/{vector['id']}, {reading.label}"):
                play(vector, flows[reading], client)


def test_the_script_does_what_the_vectors_that_only_select_say(server: Server, client: Any) -> None:
    script = ScriptSubject(server, load_script("select_node"), "select_node.lua")
    for name, vector in VECTORS.items():
        if asks_only_for_selections(vector):
            server.clear()
            with saying(name):
                play(vector, script, client)


@contextmanager
def saying(what: str) -> Iterator[None]:
    try:
        yield
    except Disagreement as error:
        error.add_note(what)
        raise


# wrong implementations: the kit's own mutants


def mistakes_of(rule: str) -> list[tuple[str, dict[str, str], tuple[Any, ...]]]:
    """(name, changed texts, readings) of the mutants of a rule that can be run in this process."""
    found = [mutant for mutant in load_mutants() if mutant.rule == rule and mutant.kind != "adapter"]
    return [(mutant.id, mutant.sources(), tuple(mutant.judged_readings())) for mutant in found]


def fails(vector: dict[str, Any], server: Server, client: Any, sources: dict[str, str], readings: Any) -> bool:
    """Whether a mistake shows in a vector: in a reading that the mutant claims, if the vector is for one, or in any."""
    shown_in = readings_of(vector)
    for reading in [each for each in readings if each in shown_in] or shown_in:
        server.clear()
        try:
            play(vector, Mistaken(client, reading, sources), client)
        except Disagreement:
            return True
    return False


class Mistaken(FlowSubject):
    """A changed flow, and the selection of a changed script."""

    def __init__(self, client: Any, reading: Any, sources: dict[str, str]) -> None:
        super().__init__(client, reading, KeyLayout(), sources)
        self._script = client.register_script(sources.get("select_node.lua") or source_of("select_node.lua"))

    def select(self, pair: str, job_id: str | None, turn_id: str | None) -> Answer:
        try:
            return Selected(self._script(args=[pair, job_id or "", turn_id or ""]))
        except redis.ResponseError as error:
            return Broke(str(error))


@pytest.mark.parametrize(
    "rule", [pytest.param(rule, marks=() if rule in EVERY_DAY else pytest.mark.long) for rule in EXPRESSED]
)
def test_a_mistake_about_a_rule_fails_one_of_its_vectors(server: Server, client: Any, rule: str) -> None:
    mistakes = mistakes_of(rule)
    assert mistakes
    caught = [
        name
        for name, sources, readings in mistakes
        if any(
            fails(vector, server, client, sources, readings) for vector in VECTORS.values() if vector["rule"] == rule
        )
    ]
    assert caught, f"none of {[name for name, _, _ in mistakes]} fails a vector"


# the runner


@pytest.mark.parametrize(
    ("expected", "seen"),
    [
        ("n1", "n2"),
        ({"one_of": ["n1", "n2"]}, "n3"),
        ({"bind": "T2"}, ""),
        ({"bind": "T2"}, None),
        ({"same_as": "T1"}, "other"),
        ({"not": "T1"}, "the-id"),
        ({"not": "T1"}, None),
        ({"node_id": None}, {"node": None}),
        (["n1", "n2"], ["n2", "n1"]),
        ([{"node_id": "n1"}], []),
        ({"node_id": None}, {}),
        ({"error": "no_node"}, {"turn_id": "x", "jobs": []}),
        ("${T1}", "other"),
    ],
)
def test_what_is_otherwise_is_seen(expected: Any, seen: Any) -> None:
    with pytest.raises(Disagreement):
        Bound({"T1": "the-id"}).agree(expected, seen, "here")


def test_a_hash_is_held_whole_and_an_answer_is_not() -> None:
    Bound().agree({"a": "1"}, {"a": "1", "b": "2"}, "here")
    with pytest.raises(Disagreement, match="expected only a, observed b too"):
        Bound().agree({"a": "1"}, {"a": "1", "b": "2"}, "here", whole=True)


def test_fresh_names_replace_every_name_of_a_vector_and_keep_ids_apart_that_differ_in_case() -> None:
    def fresh(old: str) -> str:
        turn = str(uuid.uuid5(uuid.NAMESPACE_URL, old.lower()))
        return f"x{old}" if len(old) < 36 else turn.upper() if old.isupper() else turn

    vector = renamed(VECTORS["TA-SEL-1/turn-ids-that-differ-in-case-are-two-turns.json"], fresh)
    text = str({name: vector[name] for name in ("given", "when", "then")})
    assert "aaaaaaaa-" not in text.lower() and "'n5'" not in text
    assert "'xn5'" in text
    assert len({step["turn_id"] for step in vector["when"]}) == 2
    assert len({step["turn_id"].lower() for step in vector["when"]}) == 1


def test_a_vector_plays_under_other_key_names(server: Server) -> None:
    layout = KeyLayout().model_copy(
        update={"turn": "my:{turn_id}:t", "affinity_field": "node", "session": "my:s:{session_id}"}
    )
    vector = VECTORS["TA-CLEAR-5/other-peoples-fields-survive-a-max-duration.json"]
    with server.client() as client:
        server.clear()
        play(translated(vector, layout), ReferenceSubject(client, readings_of(vector)[0], layout), client)
        assert not list(client.scan_iter("scheduler:*"))
        client.flushdb()


def test_what_has_to_hold_comes_from_the_oracle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle, "clear", lambda world, session: world)
    changed = {name.split("/")[0] for name, vector in vectors().items() if vector != VECTORS.get(name)}
    assert {"TA-CLEAR-1", "TA-CLEAR-6", "TA-TURN-3"} <= changed
    assert "TA-SEL-1" not in changed
