"""Does the audit keep its memory, the order of several files, its count of gaps, and what it tells Prometheus?"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from audit_traffic import Style, clean_atoms, text_of
from test_audit_clean import broken
from test_audit_wrong import failures
from test_record_and_audit_live import LAYOUT, recorded, utterances

from turnaffinity.audit.live import Exporter, follow
from turnaffinity.audit.run import Auditor, audit_files
from turnaffinity.bench.throughput import write_trace
from turnaffinity.contract.decisions import PRESETS
from turnaffinity.server import Server, open_server

ALLOWED_GROWTH_MB = 8.0
"""A chunk more or less is held while the next one is read."""


def peak_mb(trace: Path) -> float:
    """The most memory that a process took to judge a trace from its standard input, in MB."""
    program = "from turnaffinity.bench.throughput import _measured; _measured('-')"
    with trace.open("rb") as stream:
        done = subprocess.run([sys.executable, "-c", program], stdin=stream, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[2])


@pytest.mark.long
def test_four_times_the_bytes_around_the_same_turns_take_no_more_memory(tmp_path: Path) -> None:
    small, large = tmp_path / "small.log", tmp_path / "large.log"
    ours = 10_000
    for path, share in ((small, 0.1), (large, 0.025)):
        write_trace(path, round(ours / share), share)
    assert large.stat().st_size > 3.5 * small.stat().st_size > 50_000_000
    assert peak_mb(large) < peak_mb(small) + ALLOWED_GROWTH_MB


def shared_out(trace: bytes, folder: Path) -> list[str]:
    """A trace's lines dealt to two files in turn, as if two servers had run them."""
    paths = [folder / "a.log", folder / "b.log"]
    lines = trace.splitlines(keepends=True)
    for number, path in enumerate(paths):
        path.write_bytes(b"".join(lines[number::2]))
    return [str(path) for path in paths]


def test_several_files_are_taken_in_time_order(tmp_path: Path) -> None:
    trace = text_of(clean_atoms(4, Style("plain", "plain", "plain")))
    (tmp_path / "whole.log").write_bytes(trace)
    whole = audit_files([str(tmp_path / "whole.log")], reading=PRESETS["intent"])
    paths = shared_out(trace, tmp_path)
    merged = audit_files(paths[::-1], reading=PRESETS["intent"])
    assert (broken(merged.as_dict()), merged.verdict) == ([], "conforms")
    assert (merged.whole_turns, merged.lines) == (whole.whole_turns, whole.lines)
    assert merged.whole_turns > 0


def test_a_failure_in_one_of_several_files_names_the_file_and_the_line_in_it(tmp_path: Path) -> None:
    atoms = clean_atoms(4, Style("plain", "plain", "plain"), noisy=False)
    client = next(client for atom in atoms for client, argv in atom if argv[0] == "HSET")
    wrong = [(client, ("EXPIRE", LAYOUT.turn_key("t"), "9"))]
    paths = shared_out(text_of([*atoms, wrong]), tmp_path)
    texts = {path: Path(path).read_text().splitlines() for path in paths}
    line = {path: number for path in paths for number, text in enumerate(texts[path], 1) if "EXPIRE" in text}
    report = audit_files(paths, reading=PRESETS["intent"]).as_dict()
    told = [failure for rule in report["rules"] if rule["id"] == "TA-NEVER-1" for failure in rule["failures"]]
    assert [{failure["file"]: failure["line"]} for failure in told] == [line]


@pytest.fixture
def server() -> Iterator[Server]:
    with open_server("redis", tcp=True) as opened:
        yield opened


def with_nodes(server: Server) -> Server:
    client = server.client()
    for pair in ("zh:en", "zh:ja"):
        client.hset(LAYOUT.node_key("n1"), "status", "online")
        client.hset(LAYOUT.node_pools_key("n1"), pair, "0")
        client.sadd(LAYOUT.pool_key(pair, 0), "n1")
    return server


def lose_the_server(server: Server) -> None:
    """Turns are open when the server dies, and it comes back empty."""
    utterances(with_nodes(server), PRESETS["intent"])
    server.restart()
    utterances(with_nodes(server), PRESETS["intent"])


@pytest.mark.long
def test_a_recording_survives_a_lost_server_and_marks_the_gap(server: Server, tmp_path: Path) -> None:
    def act() -> None:
        lose_the_server(server)
        # the recorder listens again once its own line shows up
        marked = threading.Event()
        for _ in range(200):
            if b"turnaffinity:gap" in path.read_bytes():
                break
            server.client().ping()
            marked.wait(0.05)
        utterances(server, PRESETS["intent"])

    path = tmp_path / "trace.log"
    recorded(server, path, act)
    assert len(re.findall(rb"^# turnaffinity:gap", path.read_bytes(), re.MULTILINE)) == 1
    report = audit_files([str(path)], reading=PRESETS["intent"])
    assert (failures(report.as_dict()), report.verdict, report.gaps) == ({}, "conforms", 1)


@pytest.mark.long
def test_following_goes_on_after_a_lost_server(server: Server) -> None:
    with_nodes(server)
    timer = threading.Timer(0.3, partial(lose_the_server, server))
    timer.start()
    report = follow(Auditor(reading=PRESETS["intent"]), server.url, 3.0, None, lambda report: None)
    timer.join()
    assert failures(report.as_dict()) == {}
    assert report.gaps == 1


def test_the_metrics_tell_what_the_report_tells(capsys: pytest.CaptureFixture[str]) -> None:
    auditor = Auditor(reading=PRESETS["intent"])
    wrong = [("10.0.0.1:1001", ("EXPIRE", LAYOUT.turn_key("t"), "9"))]
    auditor.feed(text_of([*clean_atoms(3, Style()), wrong]), last=True)
    report = auditor.report(["live"])
    exporter = Exporter(0)
    try:
        address = re.search(r"http://\S+", capsys.readouterr().err)
        assert address is not None
        exporter.update(report)
        text = urllib.request.urlopen(address.group()).read().decode()
    finally:
        exporter.close()
    assert 'turnaffinity_rule_broken{rule="TA-NEVER-1"} 1.0' in text
    assert 'turnaffinity_rule_broken{rule="TA-CLEAR-1"} 0.0' in text
    assert f"turnaffinity_turns_whole {float(report.whole_turns)}" in text
    assert f"turnaffinity_lines {float(report.lines)}" in text
    occasions = {rule["id"]: rule["cases"] for rule in report.rules}
    assert f'turnaffinity_rule_occasions{{rule="TA-SEL-5"}} {float(occasions["TA-SEL-5"])}' in text
