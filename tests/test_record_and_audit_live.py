"""Do recorder and audit hold on a real server? The specification's own flow, recorded, and a wrong one beside it."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from test_audit_wrong import failures
from typer.testing import CliRunner

from turnaffinity.audit.live import follow
from turnaffinity.audit.run import Auditor, audit_files
from turnaffinity.contract.decisions import PRESETS, all_readings
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.server import Server, open_server
from turnaffinity.specification.actor_finalize import Scheduler, do_finalize
from turnaffinity.wire.listening import connector
from turnaffinity.wire.recorder import Output, Recorded, Recorder, Wanted, without_secret

LAYOUT = KeyLayout()


@pytest.fixture(scope="module", params=[pytest.param("redis", marks=pytest.mark.long), "embedded"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with open_server(request.param, tcp=True) as opened:
        client = opened.client()
        for node in ("n1", "n2"):
            client.hset(LAYOUT.node_key(node), "status", "online")
            client.hset(LAYOUT.node_pools_key(node), mapping={"zh:en": "0", "zh:ja": "0"})
            client.sadd(LAYOUT.pool_key("zh:en", 0), node)
            client.sadd(LAYOUT.pool_key("zh:ja", 0), node)
        yield opened


class UpTo:
    """A connection to MONITOR that knows when everything before a mark was read, and kept."""

    def __init__(self, connection: socket.socket, mark: bytes, kept: threading.Event) -> None:
        self._connection, self._mark, self._kept = connection, mark, kept
        self._tail = b""
        self._seen = False

    def recv(self, size: int) -> bytes:
        if self._seen:
            self._kept.set()
        data = self._connection.recv(size)
        self._tail = (self._tail + data)[-len(self._mark) - size :]
        self._seen = self._seen or self._mark in self._tail
        return data

    def close(self) -> None:
        self._connection.close()


def recorded(server: Server, out: Path, act: Callable[[], None], **options: Any) -> Path:
    """Record what `act` sends; the recording ends when all of it was kept, or at its own limit."""
    mark = "the recording ends here"
    kept = threading.Event()
    connect = connector(server.url)
    recorder = Recorder(lambda: cast(Any, UpTo(connect(), mark.encode(), kept)), Wanted(out, seconds=30, **options))
    listening = threading.Event()
    thread = threading.Thread(target=lambda: (recorder.run(lambda progress: listening.set()), kept.set()))
    thread.start()
    assert listening.wait(10)
    try:
        act()
        server.client().execute_command("PING", mark)
        assert kept.wait(20)
    finally:
        recorder.stop()
        thread.join(10)
    assert not thread.is_alive()
    return out


def utterances(server: Server, reading: Any, sessions: int = 3) -> None:
    scheduler = Scheduler(server.client(), reading)
    for _ in range(2):
        for reason in ("max_duration", "max_duration", "manual", "timeout"):
            for number in range(sessions):
                do_finalize(scheduler, f"s{number}", reason, "zh", "en", ["en", "ja"] if number else None)


@pytest.mark.long
def test_the_specification_conforms_in_every_reading_recorded_live(server: Server, tmp_path: Path) -> None:
    for number, reading in enumerate(all_readings()):
        if number % 5:
            continue
        path = recorded(server, tmp_path / "trace.log", lambda reading=reading: utterances(server, reading))
        report = audit_files([str(path)], reading=reading)
        assert failures(report.as_dict()) == {}
        assert report.verdict == "conforms"
        assert [rule["id"] for rule in report.rules if rule["status"] == "warn"] == []


@pytest.mark.parametrize("ending", [".log", ".log.gz", ".log.zst"])
def test_a_masked_and_filtered_recording_gives_the_same_verdict(server: Server, tmp_path: Path, ending: str) -> None:
    def act() -> None:
        utterances(server, PRESETS["intent"])
        server.client().set("private:key", "a secret value")

    path = recorded(server, tmp_path / f"trace{ending}", act, only_ours=True, mask=True)
    report = audit_files([str(path)], reading=PRESETS["intent"])
    assert report.verdict == "conforms"
    if ending == ".log.gz":
        assert b"a secret value" not in gzip.decompress(path.read_bytes())


def test_a_ttl_on_the_turn_key_is_found_at_its_line(server: Server, tmp_path: Path) -> None:
    def act() -> None:
        client = server.client()
        turn = do_finalize(Scheduler(client), "ttl", "max_duration", "zh", "en").turn_id
        client.expire(LAYOUT.turn_key(turn), 300)
        do_finalize(Scheduler(client), "ttl", "manual", "zh", "en")

    path = recorded(server, tmp_path / "trace.log", act)
    lines = path.read_text().splitlines()
    line = next(number for number, text in enumerate(lines, start=1) if '"EXPIRE" "scheduler:turn:' in text)
    found = failures(audit_files([str(path)]).as_dict())
    assert found == {"TA-NEVER-1": [(line, line)], "TA-WRITE-2": [(line, line)]}


def test_a_watched_optimistic_clear_conforms(server: Server, tmp_path: Path) -> None:
    def clear(client: redis.Redis, session: str) -> None:
        with client.pipeline() as pipe:
            pipe.watch(LAYOUT.session_key(session))
            turn: Any = pipe.hget(LAYOUT.session_key(session), "current_turn_id")
            pipe.multi()
            pipe.hdel(LAYOUT.turn_key(turn), "affinity_node_id")
            pipe.hdel(LAYOUT.session_key(session), "current_turn_id")
            pipe.execute()

    def act() -> None:
        client = server.client()
        for _ in range(3):
            do_finalize(Scheduler(client), "watched", "max_duration", "zh", "en")
            clear(client, "watched")

    report = audit_files([str(recorded(server, tmp_path / "trace.log", act))])
    assert (report.verdict, report.whole_turns) == ("conforms", 3)
    assert [rule["id"] for rule in report.rules if rule["status"] == "warn"] == []


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b'1.5 [0 a:1] "AUTH" "pw"\n', None),
        (b'1.5 [0 a:1] "hello" "3" "AUTH" "u" "pw"\n', None),
        (b'1.5 [0 a:1] "CONFIG" "SET" "requirepass" "pw"\n', b'1.5 [0 a:1] "CONFIG" "(left out)"\n'),
        (b'1.5 [0 a:1] "acl" "setuser" "u" ">pw"\n', b'1.5 [0 a:1] "acl" "(left out)"\n'),
        (b'1.5 [0 a:1] "migrate" "h" "1" "k" "0" "9" "AUTH" "pw"\n', b'1.5 [0 a:1] "migrate" "(left out)"\n'),
        (b'1.5 [0 a:1] "GET" "AUTH"\n', b'1.5 [0 a:1] "GET" "AUTH"\n'),
    ],
)
def test_no_secret_is_written(line: bytes, kept: bytes | None) -> None:
    assert without_secret(line) == kept


def test_a_recording_keeps_its_limits_and_rotates(server: Server, tmp_path: Path) -> None:
    def act() -> None:
        client = server.client()
        for number in range(400):
            client.set(f"k{number}", "x" * 50)

    recorded(server, tmp_path / "trace.log", act, rotate_bytes=8192, max_bytes=20_000)
    parts = sorted(tmp_path.iterdir())
    assert [part.name for part in parts] == ["trace.001.log", "trace.002.log", "trace.log"]
    assert sum(part.stat().st_size for part in parts) <= 20_000
    assert all(part.stat().st_size <= 8192 for part in parts)


def test_lines_that_come_at_once_are_spread_over_files_and_none_is_cut(tmp_path: Path) -> None:
    short, long = [b"%03d %s\n" % (number, b"x" * 60) for number in range(100)], b"y" * 3000 + b"\n"
    sent = b"".join([*short, long, *short])
    output = Output(Wanted(tmp_path / "trace.log", rotate_bytes=1024), counted := Recorded())
    output.write(sent)
    output.close()
    parts = [part.read_bytes() for part in counted.files]
    assert b"".join(parts) == sent
    assert counted.bytes == len(sent)
    assert all(part.endswith(b"\n") and (len(part) <= 1024 or part == long) for part in parts)


def test_following_ends_with_the_verdict(server: Server) -> None:
    auditor = Auditor(reading=PRESETS["intent"])
    worker = threading.Thread(target=lambda: [utterances(server, PRESETS["intent"], 1) for _ in range(4)])
    timer = threading.Timer(0.3, worker.start)
    timer.start()
    report = follow(auditor, server.url, 2.0, 0, lambda report: None)
    timer.join()
    worker.join()
    assert failures(report.as_dict()) == {}
    assert report.verdict == "conforms"


def test_the_command_line_writes_every_report_and_leaves_with_the_verdict(tmp_path: Path) -> None:
    import typer
    from audit_traffic import Style, clean_atoms, text_of

    from turnaffinity.cli.verbs.audit import audit

    app = typer.Typer()
    app.command()(audit)
    trace = tmp_path / "trace.log"
    trace.write_bytes(text_of([*clean_atoms(3, Style()), [("10.0.0.1:1001", ("EXPIRE", "scheduler:turn:<b>", "9"))]]))
    names = {kind: tmp_path / f"out.{kind}" for kind in ("json", "html", "junit")}
    options = [part for kind, path in names.items() for part in (f"--{kind}", str(path))]
    result = CliRunner().invoke(app, [str(trace), *options])
    assert result.exit_code == 1, result.output
    report = json.loads(names["json"].read_text())
    assert (report["profile"], report["verdict"], report["exit"]) == ("trace", "violates", 1)
    assert "scheduler:turn:&lt;b&gt;" in names["html"].read_text()
    assert "<b>&gt; " in names["html"].read_text() or "<b>  " in names["html"].read_text()
    assert 'failures="2"' in names["junit"].read_text()
    expect = tmp_path / "expect.toml"
    tables = [
        f'[[expect]]\nrule = "{rule}"\noutcome = "fail"\nreason = "known"\n' for rule in ("TA-NEVER-1", "TA-WRITE-2")
    ]
    expect.write_text("\n".join(tables))
    assert CliRunner().invoke(app, [str(trace), "--expect-fail", str(expect)]).exit_code == 0
    expect.write_text(expect.read_text() + tables[0].replace("TA-NEVER-1", "TA-KEY-3"))
    assert CliRunner().invoke(app, [str(trace), "--expect-fail", str(expect)]).exit_code == 1
