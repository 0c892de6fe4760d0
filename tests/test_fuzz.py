"""Does anything that a stranger may send us end in a traceback? Made-up messages, lines, files; with properties.

The everyday form draws few examples, always the same; `make soak` draws many, new ones.
"""

from __future__ import annotations

import json
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnaffinity.capsules.capsule import Capsule, read_capsule
from turnaffinity.capsules.texts import json_lines, redis_cli_script
from turnaffinity.cli.verifying import json_text
from turnaffinity.contract.decisions import DEFAULT_READING
from turnaffinity.contract.layout import KeyLayout, load_layout, parse_layout
from turnaffinity.judging.expected import expectations_as_toml, expectations_of, load_expectations
from turnaffinity.judging.verdict import CaseResult, Report, rule_reports, rules_in_scope
from turnaffinity.problem import Problem
from turnaffinity.reports.badge import badge
from turnaffinity.reports.junit import junit
from turnaffinity.reports.verdict_page import verdict_page
from turnaffinity.showing.plain import plain, shown
from turnaffinity.specification.scripts import SCRIPT_NAMES, load_script
from turnaffinity.subjects.answers import READERS, NotAnAnswer, body_of, parse_line
from turnaffinity.subjects.protocol import encode_request
from turnaffinity.subjects.subject import Finalized, Hello, Refused, Selected
from turnaffinity.vectors.playing import load as load_vector
from turnaffinity.vectors.playing import vectors_folder
from turnaffinity.wire import meaning
from turnaffinity.wire.command import Command
from turnaffinity.wire.monitor import parse_line as parse_monitor
from turnaffinity.wire.monitor import printed, split_arguments

FORMS = [
    pytest.param(settings(max_examples=60, derandomize=True, database=None, deadline=None), id="everyday"),
    pytest.param(
        settings(max_examples=5_000, database=None, deadline=None, suppress_health_check=list(HealthCheck)),
        id="long", marks=pytest.mark.soak,
    ),
]  # fmt: skip
forms = pytest.mark.parametrize("form", FORMS)

texts = st.text() | st.sampled_from(
    ["", ":", "{", "}", "{turn_id}", "{0}", "*", "[", "\\", "\0", "\n", "\x1b[31m", "\ud800"]
)
octets = st.binary(max_size=60).map(lambda data: data.decode("utf-8", "surrogateescape"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
verbs = ["HGET", "HSET", "SET", "EVAL", "EVALSHA", "MIGRATE", "SORT", "XREAD", "MSETEX", "RESTORE", "HGETEX", "COPY"]
commands = st.lists(octets | st.sampled_from([*verbs, "EX", "FIELDS", "STREAMS", "-1", "9999999999"]), min_size=1)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def damaged(text: bytes) -> st.SearchStrategy[bytes]:
    """A right text with a stretch cut out, doubled, or replaced."""
    places = st.integers(0, len(text))

    def damage(start: int, length: int, instead: bytes, times: int) -> bytes:
        return text[:start] + instead + text[start : start + length] * times + text[start + length :]

    return st.builds(damage, places, st.integers(0, 40), st.binary(max_size=8), st.integers(0, 2))


def with_changes(right: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A right object with some members taken away or replaced by anything."""
    instead = st.dictionaries(st.sampled_from([*right]) | texts, json_values, max_size=3)
    gone = st.sets(st.sampled_from([*right]), max_size=2)
    return st.builds(lambda new, old: {k: v for k, v in (right | new).items() if k not in old}, instead, gone)


ANSWERS: dict[str, dict[str, Any]] = {
    "hello": {"name": "x", "version": "1", "language": "go", "ops": ["finalize"], "decisions": {"D1": "reuse"}},
    "finalize": {"turn_id": "t", "jobs": [{"job_id": "j", "tgt_lang": "en", "node_id": None}]},
    "select": {"node_id": "n1"},
}


@forms
@pytest.mark.parametrize("op", ANSWERS)
def test_an_answer_is_read_or_named_as_none(form: settings, op: str) -> None:
    right = {"id": 7, "ok": ANSWERS[op]}
    encoded = json.dumps(right).encode()

    @form
    @given(
        with_changes(right).map(lambda value: json.dumps(value).encode())
        | with_changes(ANSWERS[op]).map(lambda ok: json.dumps({"id": 7, "ok": ok}).encode())
        | json_values.map(lambda value: json.dumps({"id": 7, "error": value}).encode())
        | json_values.map(lambda code: json.dumps({"id": 7, "error": {"code": code, "message": code}}).encode())
        | st.sampled_from([b"[", b'{"a":', b'{"id":7,"ok":[']).map(lambda part: part * 100_000)
        | damaged(encoded)
        | st.binary()
    )
    def check(line: bytes) -> None:
        try:
            body = body_of(parse_line(line), 7)
            answer = body if isinstance(body, Refused) else READERS[op](body)
            assert isinstance(answer, (Hello, Finalized, Selected, Refused))
        except NotAnAnswer as error:
            assert error.what
            assert error.mend
            assert len(str(error)) < 2000
            assert "\x1b" not in str(error)

    check()


@forms
def test_a_request_is_one_line_that_reads_back(form: settings) -> None:
    @form
    @given(st.dictionaries(texts, json_values | octets, max_size=5))
    def check(members: dict[str, Any]) -> None:
        line = encode_request(members)
        assert line.count(b"\n") == 1
        assert json.loads(line) == members

    check()


@forms
def test_what_is_shown_has_no_control_character(form: settings) -> None:
    @form
    @given(st.binary() | st.text(alphabet=st.sampled_from("\x1b[]0;m\x07\x9b\\PX^_ab\n\r\u202e")))
    def check(data: bytes | str) -> None:
        assert plain(plain(data)) == plain(data)
        assert not any(sign < " " and sign not in "\t\n" for sign in plain(data))
        assert len(shown(data, 20)) <= 24
        assert "\n" not in shown(data)

    check()


@forms
def test_a_command_that_monitor_prints_reads_back(form: settings) -> None:
    clients = st.sampled_from(["lua", "127.0.0.1:1", "[::1]:6379", "unix:/run/redis.sock", "unix:/a] b.sock"])

    @form
    @given(commands, clients, st.integers(0, 15), st.sampled_from([b"", b"\n", b"\r\n"]))
    def check(argv: list[str], client: str, db: int, end: bytes) -> None:
        command = Command(tuple(argv), client, db, 1339518083.107412)
        line = printed(command)
        assert parse_monitor(line) == command
        assert parse_monitor(b"+" + line.encode() + end) == command
        assert line.isprintable()

    check()


@forms
def test_no_line_of_a_trace_raises(form: settings) -> None:
    right = b'1339518083.107412 [0 127.0.0.1:60866] "HSET" "scheduler:turn:t" "a\\"b" "\\x00\\n"'

    @form
    @given(damaged(right) | st.binary())
    def check(line: bytes) -> None:
        command = parse_monitor(line)
        parse_monitor(line.decode("utf-8", "surrogateescape"))
        split_arguments(line)
        if command is not None:
            meanings(command)
            # the time is printed in microseconds, as the server does
            assert parse_monitor(printed(command)) == command._replace(at_s=round(command.at_s, 6))

    check()


def meanings(command: Command) -> None:
    """Everything that is asked of a command."""
    for ask in (
        meaning.keys_of, meaning.sets_ttl, meaning.reads_fields, meaning.writes_fields, meaning.deletes_fields,
        meaning.assigns, meaning.is_scan, meaning.moves, meaning.script_call,
    ):  # fmt: skip
        ask(command)
    assert set(meaning.keys_of(command)) <= set(command.argv)
    assert command.text().isprintable()


@forms
def test_every_command_has_a_meaning_whatever_its_arguments(form: settings) -> None:
    @form
    @given(commands)
    def check(argv: list[str]) -> None:
        meanings(Command(tuple(argv)))

    check()


@forms
def test_a_layout_is_usable_or_refused(form: settings) -> None:
    names = [*KeyLayout.model_fields]
    template = st.lists(texts | st.sampled_from(["a:", "{turn_id}", "{pair}", "{pool_id}", "{{", "}}"])).map("".join)
    anything = st.dictionaries(st.sampled_from(names) | texts, template | json_values, max_size=3)
    members = ["turn", "session", "node", "node_pools", "job"]
    right = st.fixed_dictionaries({}, optional={
        member: st.builds(lambda a, b, m=member: f"{a}{{{m.removesuffix('_pools')}_id}}{b}", texts, texts)
        for member in members
    })  # fmt: skip

    @form
    @given(anything | right, texts | octets)
    def check(given_members: dict[str, Any], an_id: str) -> None:
        try:
            layout = parse_layout(given_members)
        except Problem as problem:
            assert problem.what
            assert problem.mend
            return
        for name in SCRIPT_NAMES:
            load_script(name, layout).encode()
        assert layout.turn_id_of(layout.turn_key(an_id)) == an_id
        assert layout.session_id_of(layout.session_key(an_id)) == an_id

    check()


def capsule() -> dict[str, Any]:
    """A right capsule."""
    return {
        "capsule": 1, "kit": "0", "contract": "1.0", "rule": "TA-SEL-1", "case": "test_x[TA-SEL-1]", "title": "t",
        "reading": DEFAULT_READING.as_dict(), "layout": KeyLayout().model_dump(mode="json"), "seed": 1,
        "implementation": {"kind": "lua", "target": "x.lua"}, "expected": "e", "observed": "o",
        "steps": [
            {"op": "redis", "command": ["SET", "a", "b"]},
            {"op": "select", "pair": "zh:en", "job_id": None, "turn_id": "t"},
        ],
        "left_out": [0],
    }  # fmt: skip


READ: dict[str, tuple[Callable[[Path], Any], bytes]] = {
    "capsule": (read_capsule, json.dumps(capsule()).encode()),
    "vector": (load_vector, next(vectors_folder().glob("TA-TURN-1/*.json")).read_bytes()),
    "layout": (load_layout, b'turn = "a:{turn_id}"\nroom_prefixes = ["r:"]\njob_ttl_s = 9\n'),
    "expected": (load_expectations, b'[[expect]]\nrule = "TA-CLEAR-4"\noutcome = "fail"\nreason = "r"\nmatch = "a+"\n'
                 b'reading = "D1=mint"\nexpires = 2027-03-01\n'),
}  # fmt: skip


@forms
@pytest.mark.parametrize("kind", READ)
def test_a_file_is_read_or_refused_in_a_sentence(form: settings, kind: str, folder: Path) -> None:
    read, right = READ[kind]
    path = folder / "given"

    def changed() -> st.SearchStrategy[bytes]:
        if right.startswith(b"{"):
            return with_changes(json.loads(right)).map(lambda value: json.dumps(value).encode())
        return damaged(right)

    @form
    @given(changed() | damaged(right) | st.binary())
    def check(data: bytes) -> None:
        path.write_bytes(data)
        try:
            found = read(path)
        except Problem as problem:
            assert problem.what
            assert "\x1b" not in str(problem)
            return
        if isinstance(found, Capsule):
            redis_cli_script(found, "return nil")
            json_lines(found)

    check()


@forms
def test_every_report_is_well_formed_whatever_was_observed(form: settings) -> None:
    @settings(form, max_examples=form.max_examples // 3)
    @given(texts | octets, st.lists(commands, max_size=2))
    def check(said: str, sent: list[list[str]]) -> None:
        wire = tuple({"client": "x", "argv": argv, "broken": True} for argv in sent)
        results = (
            CaseResult("TA-SEL-1", f"test_x[{said}]", "fail", expected=said, observed=said, wire=wire),
            CaseResult("TA-SEL-2", said, "skip", reason=said),
            CaseResult("TA-SEL-7", "test_y", "warn", warnings=(said,)),
        )
        report = Report(
            profile="scheduler", implementation={"name": said, "version": said}, server=said, seed=1,
            reading=DEFAULT_READING, decisions=dict.fromkeys(("D1", "D2", "D3", "D4")), planned=3, executed=3,
            rules=rule_reports(rules_in_scope("scheduler"), results), results=results,
        )  # fmt: skip
        Xml.fromstring(junit(report).encode())
        Xml.fromstring(badge(report).encode())
        json.loads(json_text(report.as_dict()).encode())
        document = verdict_page(report)
        document.encode("utf-8", "replace")  # as it is written
        assert not any(sign < " " and sign not in "\t\n" for sign in document)
        assert tomllib.loads(expectations_as_toml(expectations_of(report), "intent"))["expect"]

    check()
