"""Are the protocol's messages, their schemas and the checks of it in step with each other?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from turnaffinity.contract.answers import Finalized, Job
from turnaffinity.contract.decisions import PRESETS, Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.judging.protocol_checks import CHECKS, run_protocol_checks
from turnaffinity.server import open_server, token
from turnaffinity.showing.plain import Tail, plain, shown
from turnaffinity.subjects.adapter import AdapterSubject, Deadlines
from turnaffinity.subjects.answers import NotAnAnswer, body_of, finalized_of, hello_of, parse_line, selected_of
from turnaffinity.subjects.protocol import (
    MESSAGES,
    encode_request,
    finalize_members,
    hello_members,
    reading_word,
    schema_folder,
    schema_texts,
)
from turnaffinity.subjects.subject import Refused, Selected

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "conformance/implementations/python/run"


def test_the_committed_schemas_are_those_of_the_models() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in schema_folder().glob("*.json")}
    ours = schema_texts()
    assert {name: committed.get(name) for name in ours} == ours, "run: python -m turnaffinity.subjects.protocol"


def test_every_member_of_every_message_is_described() -> None:
    for name, model in MESSAGES.items():
        document = model.model_json_schema()
        assert document["description"], name
        for part in [document, *document.get("$defs", {}).values()]:
            for member, schema in part["properties"].items():
                assert "description" in schema or "$ref" in schema or "const" in schema, f"{name}: {member}"


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("hello-request", hello_members("redis://h:1/0", PRESETS["intent"], KeyLayout()) | {"op": "hello"}),
        ("hello-request", hello_members("redis://h:1/0", None, KeyLayout()) | {"op": "hello"}),
        ("finalize-request", finalize_members("s", "manual", "zh", "en", None) | {"op": "finalize"}),
        ("finalize-request", finalize_members("s", "manual", "zh", "en", ["en", "ja"]) | {"op": "finalize"}),
        ("select-request", {"op": "select", "pair": "zh:en", "job_id": None, "turn_id": "t"}),
        ("bye-request", {"op": "bye"}),
        ("error-answer", {"error": {"code": "bad_request", "message": "m", "supported": [1]}}),
        ("finalize-answer", {"ok": {"turn_id": "t", "jobs": [{"job_id": "j", "tgt_lang": "en", "node_id": None}]}}),
        ("select-answer", {"ok": {"node_id": None}, "later": 1}),
    ],
)
def test_what_is_sent_and_read_satisfies_its_schema(name: str, members: dict[str, Any]) -> None:
    line = encode_request({"id": 1, **members})
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    jsonschema.validate(json.loads(line), json.loads(schema_texts()[f"{name}.json"]))


def test_a_reading_is_said_by_its_name_or_by_its_choices() -> None:
    assert reading_word(PRESETS["literal"]) == "literal"
    assert (
        reading_word(Reading("mint", "after", "after-batch", "repair")) == "D1=mint,D2=after,D3=after-batch,D4=repair"
    )
    assert reading_word(None) is None


def test_a_text_that_is_no_unicode_is_sent_as_an_escape() -> None:
    assert encode_request({"id": 1, "x": "\udcff"}) == b'{"id": 1, "x": "\\udcff"}\n'.replace(b": ", b":").replace(
        b", ", b","
    )


def test_right_answers_are_read() -> None:
    line = b'{"id": 7, "ok": {"turn_id": "t", "jobs": [{"job_id": "j", "tgt_lang": "en", "node_id": null}]}, "x": 1}\r'
    body = body_of(parse_line(line), 7)
    assert isinstance(body, dict)
    assert finalized_of(body) == Finalized("t", (Job("j", "en", None),))
    assert selected_of({"node_id": "n"}) == Selected("n")
    assert hello_of({"name": "x", "ops": ["select"]}).ops == {"select"}
    assert body_of({"id": 7.0, "ok": {}, "error": None}, 7) == {}, "7.0 is the number 7, and null is nothing"
    assert body_of({"id": 7, "error": {"code": "no_node"}, "ok": None}, 7) == Refused("no_node")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"", "an empty line on stdout"),
        (b"\xef\xbb\xbf{}", "a byte order mark"),
        (b'{"id": NaN}', "no JSON"),
        (b"[" * 100000, "nests too deep"),
        (b'{"id": ' + b"9" * 5000 + b"}", "no JSON"),
        (b'{"id": 7, "ok": {"node_id": "\\ud800"}}', "half a character"),
        (b'{"id": 7, "ok": {}}{"id": 8}', "more than one value on a line"),
        (b'{"id": true, "ok": {}}', "the answer has true as its id"),
        (b'{"id": 9, "ok": {}}', "the answer has id 9; the request's id was 7"),
        (b'{"id": 7, "ok": {}, "error": {"code": "redis"}}', "both ok and error"),
        (b'{"id": 7, "ok": []}', '"ok" is an array'),
        (b'{"id": 7, "result": {}}', 'neither ok nor error, but "id", "result"'),
        (b'{"id": 7, "error": "no_node"}', '"error" is a string'),
    ],
)
def test_each_wrong_line_is_named(line: bytes, what: str) -> None:
    with pytest.raises(NotAnAnswer) as caught:
        body_of(parse_line(line), 7)
    assert what in caught.value.what
    assert caught.value.mend
    assert len(str(caught.value)) < 800


def test_what_a_stranger_printed_is_shown_without_escapes_and_cut() -> None:
    assert plain("\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x07link\x07 \x9b2J\u202eabc\x00") == "red link abc"
    assert shown("x" * 1000) == "x" * 200 + " ..."
    assert shown(b"\xff") == "\ufffd"
    tail = Tail(limit=10)
    for number in range(1000):
        tail.add(b"%d\n" % number)
    assert tail.lines(2) == ["998", "999"]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b'{"Id": 7, "ok": {}}', "id"),
        (b'{"id": 7, "Ok": {}}', "ok"),
        (b'{"id": 7, "Error": {"code": "redis"}}', "error"),
        (b'{"id": 7, "error": {"Code": "redis"}}', "code"),
        (b'{"id": 7, "ok": {"Name": "x", "ops": []}}', "name"),
        (b'{"id": 7, "ok": {"name": "x", "Ops": []}}', "ops"),
        (b'{"id": 7, "ok": {"name": "x", "ops": [], "turnId": "t", "jobs": []}}', "turn_id"),
        (b'{"id": 7, "ok": {"turn_id": "t", "jobs": [{"jobId": "j"}]}}', "job_id"),
        (b'{"id": 7, "ok": {"name": "x", "ops": [], "nodeID": null}}', "node_id"),
    ],
)
def test_a_member_whose_name_has_capitals_is_named_as_it_should_be(line: bytes, name: str) -> None:
    reader = {"turn_id": finalized_of, "job_id": finalized_of, "node_id": selected_of}.get(name, hello_of)
    with pytest.raises(NotAnAnswer, match=f'is there: the name is "{name}", and names are lower case'):
        reader(body_of(parse_line(line), 7))  # type: ignore[arg-type]


@pytest.mark.skipif(not EXAMPLE.exists(), reason="the Python example is not there")
def test_the_python_example_keeps_the_protocol_and_nothing_is_left_in_redis() -> None:
    with open_server() as server, AdapterSubject(str(EXAMPLE), server.url) as subject:
        results = run_protocol_checks(subject, server.client(), KeyLayout(), token(3))
        assert [(r.id, r.status, r.observed) for r in results] == [(check[0], "pass", "") for check in CHECKS]
        assert server.client().keys("*") == []
        assert subject.restarts == 0


KEEPS_IT = """
import json, sys
hello = {"name": "x", "version": "1", "language": "python", "ops": ["finalize"]}
def read():
    return sys.stdin.readline()
def answer(r):
    op = r["op"]
    if op == "hello":
        if r["v"] != 1:
            return {"error": {"code": "bad_request", "message": "v"}, "supported": [1]}
        return {"ok": hello}
    if op != "finalize":
        return {"error": {"code": "unsupported", "message": op}}
    if r["reason"] not in ("manual", "timeout", "max_duration"):
        return {"error": {"code": "bad_request", "message": "reason"}}
    return {"ok": {"turn_id": "t", "jobs": [{"job_id": "j", "tgt_lang": r["tgt_lang"], "node_id": "n"}]}}
def end():
    sys.exit(0)
def main():
    while line := read():
        r = json.loads(line)
        if r["op"] == "bye":
            end()
        print(json.dumps({"id": r["id"], **answer(r)}), flush=True)
"""

BREAKS: dict[str, tuple[str, str]] = {
    "nothing": ("", ""),
    "PROTO-1": ("hello['ops'] = []", "ops: none"),
    "PROTO-2": (KEEPS_IT.replace('r["id"]', 'min(r["id"], 5000)'), "the answer has id 5000"),
    "PROTO-4": (
        "good = answer\ndef answer(r): return good({**r, 'op': 'finalize', 'reason': 'manual', 'tgt_lang': 'en', **r}"
        " | ({'op': 'finalize'} if r['op'] != 'hello' else {}))",
        '"ok"',
    ),
    "PROTO-5": ("good = answer\ndef answer(r): return good({**r, 'v': 1})", '"ok"'),
    "PROTO-6": (
        "good = answer\ndef answer(r): return good(r) if 'x_unknown' not in r or r['op'] != 'hello' else {}",
        "ok",
    ),
    "PROTO-7": ("good = answer\ndef answer(r): return good(r) if 'op_hint' not in r else sys.exit(1)", "status 1"),
    "PROTO-8": ("sys.stdin.reconfigure(encoding='ascii', errors='strict')", "status 1"),
    "PROTO-9": (
        "good = answer\ndef answer(r): return good(r) if '-' not in r.get('src_lang', '') else "
        "{'error': {'code': 'bad_request', 'message': ''}}",
        "bad_request",
    ),
    "PROTO-10": ("def read(): return sys.stdin.readline(65536)", "status 1"),
    "PROTO-11": (
        "good = answer\ndef answer(r): return good({**r, 'reason': 'manual'}) if r['op'] == 'finalize' else good(r)",
        '"ok"',
    ),
    "PROTO-12": ("def end(): sys.exit(2)", "it ended with status 2"),
}


@pytest.fixture(scope="module")
def redis_server() -> Any:
    with open_server() as server:
        yield server


@pytest.mark.parametrize("broken", BREAKS)
def test_each_check_fails_the_adapter_that_breaks_it_and_no_other(
    broken: str, tmp_path: Path, redis_server: Any
) -> None:
    code, observed = BREAKS[broken]
    program = tmp_path / "adapter.py"
    program.write_text(f"{KEEPS_IT}\n{code}\nmain()\n")
    command = [sys.executable, "-S", str(program)]
    with AdapterSubject(command, redis_server.url, deadlines=Deadlines(bye_s=20, op_s=20)) as subject:
        failed = [
            r for r in run_protocol_checks(subject, redis_server.client(), KeyLayout(), token(4)) if r.status != "pass"
        ]
    assert [r.id for r in failed] == ([] if broken == "nothing" else [broken])
    assert all(observed in r.observed for r in failed), failed
