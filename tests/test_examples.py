"""Are the examples real programs that keep the contract? Each is started as a stranger would, on a live server."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import typed

from turnaffinity.contract.decisions import Reading, all_readings
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.server import Server, open_server
from turnaffinity.subjects.adapter import AdapterSubject, Broke, Deadlines
from turnaffinity.subjects.subject import Finalized, Refused, Selected

EXAMPLES = Path(__file__).parent.parent / "conformance" / "implementations"
NEEDS = {"python": "bash", "node": "npm", "rust": "cargo"}
BUILDING = Deadlines(hello_s=300)
"""The first start of an example may build it."""

Node = tuple[str, str, str]
"""A node, the pair and the pool id in which it serves it."""


def missing_tool(name: str) -> str | None:
    """Why a tool cannot be used, or None; rustup's cargo is on the PATH also where it has no toolchain."""
    if shutil.which(name) is None:
        return f"{name} is not on the PATH"
    answered = subprocess.run([name, "--version"], capture_output=True, text=True, check=False)
    return None if answered.returncode == 0 else f"{name} does not run: {answered.stderr.strip()}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with open_server("embedded") as server:
        yield server


@pytest.fixture(scope="module", params=sorted(NEEDS))
def example(request: pytest.FixtureRequest, server: Server) -> Iterator[AdapterSubject]:
    """One process of an example for all tests of this file: each says hello again with what it needs."""
    if (missing := missing_tool(NEEDS[request.param])) is not None:
        pytest.skip(f"{missing}, so the {request.param} example cannot be started")
    run = EXAMPLES / request.param / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir("/")
        patch.setenv("TURNAFFINITY_PYTHON", sys.executable)
        with AdapterSubject([str(run)], server.url, deadlines=BUILDING) as subject:
            assert subject.hello.ops == {"finalize", "select"}
            yield subject
            assert subject.restarts == 0
            assert subject.bye().status == 0


@pytest.fixture
def db(server: Server) -> Any:
    server.clear()
    return server.client()


def greet(
    example: AdapterSubject, reading: Reading | str | None = None, layout: KeyLayout | None = None
) -> dict[str, Any]:
    text = reading if reading is None or isinstance(reading, str) else _as_text(reading)
    members = {"v": 1, "redis_url": example.redis_url, "reading": text, "of_a_later_version": [1]}
    answer = example.raw("hello", members | {"layout": (layout or KeyLayout()).model_dump()})
    assert not isinstance(answer, Broke), answer
    return answer.members


def _as_text(reading: Reading) -> str:
    return ",".join(f"{decision}={choice}" for decision, choice in reading.as_dict().items())


def add_nodes(db: Any, *nodes: Node, layout: KeyLayout | None = None) -> None:
    names = layout or KeyLayout()
    for node, pair, pool_id in nodes:
        db.hset(names.node_key(node), "since", "1")
        db.hset(names.node_pools_key(node), pair, pool_id)
        db.sadd(names.pool_key(pair, pool_id), node)
        if index := names.pool_index_key(pair):
            db.sadd(index, pool_id)


def finalized(answer: Any) -> Finalized:
    assert isinstance(answer, Finalized), answer
    return answer


def extend(example: AdapterSubject, session: str = "s1", room: list[str] | None = None) -> Finalized:
    return finalized(example.finalize(session, "max_duration", "zh", "en", room))


def close(example: AdapterSubject, session: str = "s1", room: list[str] | None = None) -> Finalized:
    return finalized(example.finalize(session, "manual", "zh", "en", room))


LANGS = ["en", "ja", "fr", "de", "ko", "es"]


def seen_choices(example: AdapterSubject, db: Any, session: str) -> dict[str, str]:
    """What a dialogue of one session shows of D1 to D4; 30 nodes serve all of six languages."""
    first = extend(example, session, LANGS)
    # by chance: (1/30)^5 for one batch
    together = len({job.node_id for job in first.jobs}) == 1
    reuses = extend(example, session).turn_id == first.turn_id
    open_turn = db.hget(f"scheduler:session:{session}", "current_turn_id")
    d4 = seen_d4(example, db, session, open_turn) if reuses else ""
    closing = close(example, session, [])
    assert not db.exists(f"scheduler:session:{session}", f"scheduler:turn:{open_turn}")
    return {
        "D1": "reuse" if reuses else "mint",
        "D2": "after" if closing.turn_id == open_turn else "before",
        "D3": "after-first-job" if together else "after-batch",
        "D4": d4,
    }


def seen_d4(example: AdapterSubject, db: Any, session: str, open_turn: str) -> str:
    turn = f"scheduler:turn:{open_turn}"
    db.hset(turn, "affinity_node_id", "elsewhere")
    db.hset("lingua:v1:node:elsewhere", "since", "1")
    extend(example, session)
    if db.hget(turn, "affinity_node_id") != "elsewhere":
        return "overwrite"
    db.delete("lingua:v1:node:elsewhere")
    extend(example, session)
    return "write-once" if db.hget(turn, "affinity_node_id") == "elsewhere" else "repair"


def test_each_of_the_24_combinations_of_choices_is_made_as_asked(example: AdapterSubject, db: Any) -> None:
    add_nodes(db, *((f"n{i}", f"zh:{lang}", str(i % 3)) for i in range(30) for lang in LANGS))
    for number, reading in enumerate(all_readings()):
        claimed = greet(example, reading)["ok"]["decisions"]
        wanted = reading.as_dict() | ({"D4": ""} if reading.d1 == "mint" else {})
        assert seen_choices(example, db, f"s{number}") == wanted
        assert claimed == reading.as_dict()


@pytest.mark.parametrize(
    ("reading", "claimed"),
    [
        (None, "reuse before after-batch overwrite"),
        ("literal", "mint before after-batch overwrite"),
        ("continuous", "reuse after after-first-job overwrite"),
        ("D1=mint,D4=repair", "mint before after-batch repair"),
    ],
)
def test_a_reading_is_a_name_or_choices_or_intent(
    example: AdapterSubject, db: Any, reading: str | None, claimed: str
) -> None:
    assert " ".join(greet(example, reading)["ok"]["decisions"].values()) == claimed


def test_a_batch_has_one_job_for_each_distinct_language_in_order_with_or_without_a_node(
    example: AdapterSubject, db: Any
) -> None:
    greet(example)
    add_nodes(db, ("n1", "zh:ja", "0"))
    batch = extend(example, room=["en", "ja", "en", "zh"])
    assert [(job.tgt_lang, job.node_id) for job in batch.jobs] == [("en", None), ("ja", "n1"), ("zh", None)]
    assert db.hgetall(f"scheduler:turn:{batch.turn_id}") == {"affinity_node_id": "n1"}
    assert db.get(f"lingua:v1:job:{batch.jobs[1].job_id}:node") == "n1"


def test_no_job_with_a_node_is_no_node_and_a_closing_finalize_clears_all_the_same(
    example: AdapterSubject, db: Any
) -> None:
    greet(example)
    add_nodes(db, ("n1", "zh:en", "0"))
    turn = extend(example).turn_id
    db.delete("lingua:v1:node:n1")
    refused = example.finalize("s1", "max_duration", "zh", "en", None)
    assert isinstance(refused, Refused) and refused.code == "no_node"
    assert db.hget(f"scheduler:turn:{turn}", "affinity_node_id") == "n1"
    refused = example.finalize("s1", "timeout", "zh", "en", None)
    assert isinstance(refused, Refused) and refused.code == "no_node"
    assert not db.exists(f"scheduler:turn:{turn}", "scheduler:session:s1")


@pytest.mark.parametrize("reading", ["intent", "continuous"])
def test_the_turn_ends_also_when_the_second_job_of_two_cannot_be_created(
    example: AdapterSubject, db: Any, reading: str
) -> None:
    greet(example, reading)
    add_nodes(db, ("n1", "zh:en", "0"))
    db.hset("scheduler:session:s1", "name", "theirs")
    turn = extend(example).turn_id
    db.set("lingua:v1:pool:zh:ja:0:nodes", "no set, so that asking it is an error")
    refused = example.finalize("s1", "manual", "zh", "en", ["en", "ja"])
    assert isinstance(refused, Refused) and refused.code == "redis", refused
    assert not db.exists(f"scheduler:turn:{turn}")
    assert db.hgetall("scheduler:session:s1") == {"name": "theirs"}


GOOD = {"session_id": "s1", "reason": "manual", "src_lang": "zh", "tgt_lang": "en", "room_langs": None}


@pytest.mark.parametrize(
    "wrong",
    [
        {"session_id": ""},
        {"reason": "bored"},
        {"reason": ""},
        {"src_lang": ""},
        {"src_lang": "zh:CN"},
        {"tgt_lang": ""},
        {"tgt_lang": "e:n", "room_langs": []},
        {"room_langs": ["en", ""]},
        {"room_langs": ["en", "j:a"]},
        {"room_langs": "en"},
    ],
)
def test_a_bad_request_is_refused_and_changes_nothing(example: AdapterSubject, db: Any, wrong: dict[str, Any]) -> None:
    greet(example)
    add_nodes(db, ("n1", "zh:en", "0"))
    extend(example)
    before = _dump(db)
    answer = example.raw("finalize", GOOD | wrong)
    assert not isinstance(answer, Broke) and answer.members["error"]["code"] == "bad_request"
    assert _dump(db) == before


def _dump(db: Any) -> dict[str, Any]:
    return {key: (db.hgetall(key) if db.type(key) == "hash" else db.type(key)) for key in sorted(db.keys())}


def test_the_target_language_is_ignored_where_the_room_has_groups(example: AdapterSubject, db: Any) -> None:
    greet(example)
    add_nodes(db, ("n1", "zh:en", "0"))
    answer = example.raw("finalize", GOOD | {"tgt_lang": "", "room_langs": ["en"]})
    assert not isinstance(answer, Broke) and answer.members["ok"]["jobs"][0]["node_id"] == "n1"


def test_unknown_operations_and_versions_are_named_and_unknown_members_ignored(
    example: AdapterSubject, db: Any
) -> None:
    greet(example)
    unknown_op = example.raw("dance", {})
    assert not isinstance(unknown_op, Broke) and unknown_op.members["error"]["code"] == "unsupported"
    unknown_version = example.raw("hello", {"v": 2, "redis_url": example.redis_url, "reading": None, "layout": {}})
    assert not isinstance(unknown_version, Broke)
    assert unknown_version.members["error"]["code"] == "bad_request"
    assert unknown_version.members["error"]["supported"] == [1]
    assert example.select("zh:en", None, None) == Selected(None)


def test_every_candidate_is_drawn_and_a_gap_of_forty_pool_ids_hides_none(example: AdapterSubject, db: Any) -> None:
    greet(example)
    nodes = [("n1", "zh:en", "0"), ("n2", "zh:en", "7"), ("n3", "zh:en", "48"), ("gone", "zh:en", "48")]
    add_nodes(db, *nodes)
    db.delete("lingua:v1:node:gone")
    drawn = {example.select("zh:en", None, None) for _ in range(120)}
    assert drawn == {Selected(node) for node in ("n1", "n2", "n3")}  # (2/3)^120 * 3 that one was missed by chance


def test_affinity_is_followed_only_to_a_node_that_is_online_and_serves_the_pair(
    example: AdapterSubject, db: Any
) -> None:
    greet(example)
    add_nodes(db, *((f"n{i}", "zh:en", "0") for i in range(20)), ("other", "zh:ja", "0"))
    db.hset("scheduler:turn:t1", "affinity_node_id", "n7")
    assert {example.select("zh:en", None, "t1") for _ in range(8)} == {Selected("n7")}
    db.delete("lingua:v1:node:n7")
    assert Selected("n7") not in {example.select("zh:en", None, "t1") for _ in range(8)}
    db.hset("scheduler:turn:t1", "affinity_node_id", "other")
    assert Selected("other") not in {example.select("zh:en", None, "t1") for _ in range(8)}
    db.hset("scheduler:turn:t1", "affinity_node_id", "")
    assert example.select("zh:en", None, "t1") != Selected(None)


def test_a_job_that_is_bound_to_an_online_node_keeps_it_and_one_bound_to_a_gone_node_does_not(
    example: AdapterSubject, db: Any
) -> None:
    greet(example)
    add_nodes(db, *((f"n{i}", "zh:en", "0") for i in range(20)))
    db.set("lingua:v1:job:j1:node", "n7")
    assert {example.select("zh:en", "j1", None) for _ in range(6)} == {Selected("n7")}
    db.delete("lingua:v1:node:n7")
    chosen = example.select("zh:en", "j1", None)
    assert isinstance(chosen, Selected) and chosen.node_id != "n7"
    assert db.get("lingua:v1:job:j1:node") == chosen.node_id and 3500 < db.ttl("lingua:v1:job:j1:node") <= 3600


def test_the_names_of_hellos_layout_are_used_and_no_others(example: AdapterSubject, db: Any) -> None:
    layout = KeyLayout(
        turn="t'\"\\{{{turn_id}}}:x",
        session="my session {session_id}",
        node="{node_id}@up",
        node_pools="{node_id}@pools",
        pool="{pool_id}/{pair}",
        job="j:{job_id}",
        affinity_field='the "node"',
        current_turn_field="turn's",
        job_ttl_s=60,
        pool_index="index of {pair}",
    )
    greet(example, layout=layout)
    add_nodes(db, ("n1", "zh:en", "999"), layout=layout)
    before = set(db.keys())
    batch = extend(example)
    assert set(db.keys()) - before == {
        layout.turn_key(batch.turn_id),
        layout.session_key("s1"),
        layout.job_key(batch.jobs[0].job_id),
    }
    assert db.hgetall(layout.turn_key(batch.turn_id)) == {'the "node"': "n1"}
    assert 50 < db.ttl(layout.job_key(batch.jobs[0].job_id)) <= 60
    close(example)
    assert not db.exists(layout.turn_key(batch.turn_id), layout.session_key("s1"))


def test_the_python_example_imports_nothing_but_redis_and_the_standard_library() -> None:
    for path in (EXAMPLES / "python").glob("*.py"):
        imported = {name.partition(".")[0] for name in _imports(path)}
        assert imported <= sys.stdlib_module_names | {"redis", "scheduler"}, path


def _imports(path: Path) -> Iterator[str]:
    for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.Import):
            yield from (name.name for name in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            yield statement.module or ""


RENAMED = (
    'turn = "mt:{turn_id}:turn"\nnode = "mt:n:{node_id}"\npool = "mt:{pair}:p{pool_id}"\njob = "mt:job:{job_id}"\n'
)


@pytest.mark.long
@pytest.mark.parametrize("how", ["limited rights", "a cluster", "other names"])
@pytest.mark.parametrize("name", sorted(NEEDS))
def test_an_example_keeps_the_contract_with_limited_rights_on_a_cluster_and_under_other_names(
    name: str, how: str, tmp_path: Path
) -> None:
    if (missing := missing_tool(NEEDS[name])) is not None:
        pytest.skip(missing)
    (tmp_path / "layout.toml").write_text(RENAMED, encoding="utf-8")
    options: dict[str, list[Any]] = {
        "limited rights": ["--acl"],
        "a cluster": ["--server", "cluster"],
        "other names": ["--layout", tmp_path / "layout.toml"],
    }
    rules = [part for rule in ("TA-SEL-1", "TA-SEL-2", "TA-WRITE-1", "TA-CLEAR-1") for part in ("--rule", rule)]
    ran = typed("verify", "--adapter", EXAMPLES / name / "run", *options[how], *rules, "--json", "-")
    report = json.loads(ran.stdout)
    assert {rule["id"]: rule["status"] for rule in report["rules"] if rule["cases"]} == dict.fromkeys(
        rules[1::2], "pass"
    )
    assert [check["id"] for check in report["protocol"] if check["status"] == "fail"] == []
