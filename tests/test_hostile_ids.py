"""Do odd ids stay what they are, opaque texts, on every way through: flow, oracle, adapter, clean-up?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from turnaffinity.contract.decisions import PRESETS
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.server import Server, open_server, token
from turnaffinity.specification.oracle import Request
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.observer import MARK, Observer
from turnaffinity.stage.stage import Stage
from turnaffinity.stage.state import take_snapshot
from turnaffinity.subjects.adapter import AdapterSubject
from turnaffinity.subjects.protocol import encode_request
from turnaffinity.subjects.reference import ReferenceSubject
from turnaffinity.subjects.subject import Answer, Broke, Finalized, Refused, Selected, Subject

ROOT = Path(__file__).parent.parent
LAYOUT = KeyLayout()

ODD = {
    "line feeds": "a\nb\r\n", "colons": "a:b:current_turn_id", "a NUL": "a\0b", "glob signs": "*?[a-z]\\^$",
    "a star": "*", "braces": "{a}{turn_id}{0}{{", "quotes": "\"'`$(x) ${T1}", "a path": "../../etc", "spaces": " a b ",
    "escape sequences": "\x1b[31mred\x1b]0;t\x07", "markup": "<script>&amp;]]>", "direction marks": "\u202eabc\u2066",
    "bytes that are no UTF-8": b"\xff\xfe\x80".decode("utf-8", "surrogateescape"), "wide": "\U0001f600語",
    "like another's, composed otherwise": "e\u0301", "a number": "0", "half a megabyte": "x" * 500_000,
}  # fmt: skip
HALF = {"half a character": "a\ud800b", "the other half": "a\udd80b"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with open_server("embedded") as live:
        yield live


@pytest.fixture(scope="module")
def adapter(server: Server) -> Iterator[AdapterSubject]:
    program = ROOT / "conformance" / "implementations" / "python" / "run"
    with AdapterSubject([sys.executable, str(program)] if program.suffix else str(program), server.url) as subject:
        yield subject


def prepared(server: Server, node: str, pair: str) -> Any:
    """The server with one node for the pair, and a session of somebody else's with an open turn."""
    server.clear()
    client = server.client()
    client.hset(LAYOUT.node_key(node), "status", "online")
    client.hset(LAYOUT.node_pools_key(node), pair, "0")
    client.sadd(LAYOUT.pool_key(pair, 0), node)
    for other in ("other", "a", "ab", ""):
        client.hset(LAYOUT.session_key(other), LAYOUT.current_turn_field, f"turn of {other}")
        client.hset(LAYOUT.turn_key(f"turn of {other}"), LAYOUT.affinity_field, node)
    return client


def plays_a_turn(subject: Subject, server: Server, session: str, node: str, lang: str) -> None:
    """A max_duration and a manual finalize: the right keys, and no other, appear and go."""
    client = prepared(server, node, f"zh:{lang}")
    before = take_snapshot(client, LAYOUT, everything=True).keys

    first = subject.finalize(session, "max_duration", "zh", lang, [lang])

    assert isinstance(first, Finalized), first
    assert [(job.tgt_lang, job.node_id) for job in first.jobs] == [(lang, node)]
    after = take_snapshot(client, LAYOUT, everything=True).keys
    assert after[LAYOUT.session_key(session)].value == {LAYOUT.current_turn_field: first.turn_id}
    assert after[LAYOUT.turn_key(first.turn_id)].value == {LAYOUT.affinity_field: node}
    made = {LAYOUT.session_key(session), LAYOUT.turn_key(first.turn_id), LAYOUT.job_key(first.jobs[0].job_id)}
    assert after.keys() - before.keys() <= made
    assert isinstance(subject.finalize(session, "manual", "zh", lang, None), Finalized)
    client.delete(LAYOUT.job_key(first.jobs[0].job_id))
    assert take_snapshot(client, LAYOUT, everything=True).keys == before


@pytest.mark.parametrize("reading", PRESETS)
@pytest.mark.parametrize("name", ODD)
def test_an_odd_id_is_an_opaque_text_to_the_flow(name: str, reading: str, server: Server) -> None:
    odd = ODD[name]
    subject = ReferenceSubject(server.client(), PRESETS[reading], LAYOUT)
    plays_a_turn(subject, server, odd, odd, odd.replace(":", "-"))


@pytest.mark.parametrize("name", [each for each in ODD if each != "bytes that are no UTF-8"])
def test_an_odd_id_goes_through_the_protocol_as_it_is(name: str, server: Server, adapter: AdapterSubject) -> None:
    odd = ODD[name]
    plays_a_turn(adapter, server, odd, odd, odd.replace(":", "-") if len(odd) < 1000 else "en")


@pytest.mark.parametrize("name", ODD)
def test_an_odd_turn_id_is_looked_up_as_it_is(name: str, server: Server) -> None:
    odd = ODD[name]
    client = prepared(server, "n1", "zh:en")
    client.hset(LAYOUT.node_key("n2"), "status", "online")
    client.hset(LAYOUT.node_pools_key("n2"), "zh:en", "0")
    client.sadd(LAYOUT.pool_key("zh:en", 0), "n2")
    client.hset(LAYOUT.turn_key(odd), LAYOUT.affinity_field, "n2")
    subject = ReferenceSubject(server.client(), PRESETS["intent"], LAYOUT)
    assert {subject.select("zh:en", odd, odd), subject.select("zh:en", None, odd)} == {Selected("n2")}
    assert LAYOUT.turn_id_of(LAYOUT.turn_key(odd)) == odd


@pytest.mark.parametrize("place", ["session", "source", "target", "room"])
@pytest.mark.parametrize("reading", PRESETS)
@pytest.mark.parametrize("name", HALF)
def test_what_no_key_can_hold_is_refused_before_anything_is_written(
    name: str, reading: str, place: str, server: Server
) -> None:
    half = HALF[name]
    session, source, target = (half if place == each else "s" for each in ("session", "source", "target"))
    room = ["en", half] if place == "room" else None
    client = prepared(server, "n1", "s:s")
    client.hset(LAYOUT.session_key("s"), LAYOUT.current_turn_field, "turn of other")
    before = take_snapshot(client, LAYOUT, everything=True)
    subject = ReferenceSubject(server.client(), PRESETS[reading], LAYOUT)

    answers: list[Answer] = [
        subject.finalize(session, reason, source, target, room) for reason in ("manual", "max_duration")
    ]

    assert {answer.code for answer in answers if isinstance(answer, Refused)} == {"bad_request"}
    assert len([answer for answer in answers if isinstance(answer, Refused)]) == 2
    assert take_snapshot(client, LAYOUT, everything=True) == before
    request = Request(session, "manual", source, target, None if room is None else tuple(room))
    assert request.is_refused


def test_a_request_that_is_longer_than_a_line_is_not_sent(server: Server, adapter: AdapterSubject) -> None:
    answer = adapter.finalize("x" * (1 << 20), "manual", "zh", "en", None)
    assert isinstance(answer, Broke)
    assert "a line has at most 1 MiB" in answer.what
    assert adapter.restarts == 0
    assert isinstance(adapter.finalize("s", "bad", "zh", "en", None), Refused)


def test_half_a_character_is_sent_as_an_escape() -> None:
    assert encode_request({"session_id": "a\ud800"}) == b'{"session_id":"a\\ud800"}\n'


def test_the_clean_up_deletes_the_keys_of_odd_ids_and_nobody_elses() -> None:
    with open_server("embedded") as theirs:
        client = theirs.client()
        names = ["theirs", "scheduler", "*", "scheduler-turn:*", "lingua:v1", "x:*", "a\nb"]
        for name in names:
            client.set(name, "1")
        before = {name: client.dump(name) for name in names}
        with Judge(server_spec=theirs.url, seed=5) as judge:
            mark = token(5)
            for odd in ODD.values():
                stage = Stage(judge, "x")
                stage.serve(stage.nodes(1))
                stage.finalize(f"{mark}{odd[:1000]}", "max_duration")
            stage.finalize("*", "max_duration")  # an id that does not tell whose it is
        left = {name: client.dump(name) for name in client.scan_iter()}
    assert {name: left.pop(name) for name in names} == before
    assert {KeyLayout().session_id_of(name) for name in left} <= {"*"}


def test_no_implementation_can_close_a_step_in_our_place(server: Server) -> None:
    server.clear()
    observer = Observer(server)
    client = server.client()
    observer.begin()
    for number in range(9):
        client.echo(f"{MARK}{number}")
    client.set("hidden", "1")
    assert [command.name for command in observer.end()] == ["SET"]
    observer.close()
