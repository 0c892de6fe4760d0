"""Is a capture read in whatever form people have it, with the verdict and the line numbers of the plain one?"""

from __future__ import annotations

import bz2
import gzip
import itertools
import json
import lzma
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from audit_traffic import TURN, Line, Style, clean_atoms, style_of, text_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_audit_clean import broken
from typer.testing import CliRunner

from turnaffinity.audit.captures import Capture
from turnaffinity.audit.run import audit_files
from turnaffinity.cli.main import app
from turnaffinity.contract.decisions import DEFAULT_READING
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.problem import Problem
from turnaffinity.wire.command import Command
from turnaffinity.wire.monitor import printed

Form = Callable[[bytes], bytes]


def each(around: Callable[[int, bytes], bytes]) -> Form:
    """A form that changes each line by itself."""
    return lambda trace: b"".join(around(at, line) + b"\n" for at, line in enumerate(trace.splitlines(), 1))


def before(prefix: str) -> Form:
    """A form that puts something before each line; {at} is the line's number."""
    return each(lambda at, line: prefix.format(at=at, s=at % 60).encode() + line)


def docker_json(trace: bytes) -> bytes:
    """docker's json-file log, which cuts lines: here after 60 characters, there after 16 KiB."""
    entries = []
    for line in trace.decode().splitlines():
        entries.append(json.dumps({"log": line + "\n", "stream": "stdout", "time": "2024-01-01T00:00:00.5Z"}))
    return "".join(entry + "\n" for entry in entries).encode()


def redis_py(trace: bytes) -> bytes:
    """What `for command in monitor.listen(): print(command)` prints, by redis-py's own expressions."""
    records = []
    for line in trace.decode().splitlines():
        at, rest = line.split(" ", 1)
        found = re.match(r"\[(\d+) (.*?)\] (.*)", rest)
        assert found is not None
        db, client, command = found.groups()
        command = " ".join(re.findall(r'"(.*?)(?<!\\)"', command)).replace('\\"', '"')
        kind = "lua" if client == "lua" else "unix" if client.startswith("unix") else "tcp"
        address, _, port = client.rpartition(":") if kind == "tcp" else (kind, "", client[5:])
        records.append(repr({"time": float(at), "db": int(db), "client_address": address, "client_port": port,
                             "client_type": kind, "command": command}))  # fmt: skip
    return "".join(record + "\n" for record in records).encode()


def of_day(trace: bytes) -> bytes:
    """RedisInsight's profiler, as its page shows it."""
    clock = "1{:01}:{:02}:{:02}.{:06}"
    return each(
        lambda at, line: (
            clock.format(3, at // 60000, at // 1000 % 60, at % 1000 * 1000).encode() + line[line.index(b" ") :]
        )
    )(trace)


FORMS: dict[str, tuple[Form, str]] = {
    # form: what makes it, what is said of it
    "UTF-16 of PowerShell": (lambda trace: trace.decode().replace("\n", "\r\n").encode("utf-16"), "read as UTF-16"),
    "UTF-16 BE": (lambda trace: b"\xfe\xff" + trace.decode().encode("utf-16-be"), "read as UTF-16"),
    "UTF-16 without a mark": (lambda trace: trace.decode().encode("utf-16-le"), "read as UTF-16"),
    "UTF-32": (lambda trace: trace.decode().encode("utf-32"), "read as UTF-32"),
    "UTF-8 with a mark": (lambda trace: b"\xef\xbb\xbf" + trace, "a byte order mark was left out"),
    "gzip": (gzip.compress, ""),
    "zstd": (zstandard.ZstdCompressor().compress, ""),
    "bzip2": (bz2.compress, ""),
    "xz": (lzma.compress, ""),
    "xz of UTF-16": (lambda trace: lzma.compress(trace.decode().encode("utf-16")), "read as UTF-16"),
    "CRLF": (lambda trace: trace.replace(b"\n", b"\r\n"), ""),
    "CR alone": (lambda trace: trace.replace(b"\n", b"\r"), "carriage returns were taken for the ends of lines"),
    "docker compose": (before("redis-1  | "), "a prefix before each line was left out"),
    "docker compose of old": (before("redis_1     | "), "a prefix before each line was left out"),
    "docker compose with times": (
        before("redis-1  | 2024-01-01T00:00:{s:02}.000000001Z "), "a prefix before each line was left out"
    ),
    "docker with times": (before("2024-01-01T00:00:{s:02}.123456789Z "), "a prefix before each line was left out"),
    "docker's JSON": (docker_json, "docker's JSON was unwrapped"),
    "kubectl": (before("[pod/redis-0/redis] "), "a prefix before each line was left out"),
    "kubectl with times": (
        before("[pod/redis-0/redis] 2024-01-01T00:00:00.5Z "), "a prefix before each line was left out"
    ),
    "CRI": (before("2024-01-01T00:00:00.000000000Z stdout F "), "a prefix before each line was left out"),
    "CRI with an offset": (before("2024-01-01T00:00:00.0+08:00 stdout F "), "a prefix before each line was left out"),
    "syslog": (before("Jan  1 00:00:{s:02} host redis[{at}]: "), "a prefix before each line was left out"),
    "syslog with a priority": (before("<13>Jan 11 00:00:00 host redis: "), "a prefix before each line was left out"),
    "rsyslog": (
        before("2024-01-01T00:00:00.123+00:00 host redis-cli[9]: "), "a prefix before each line was left out"
    ),
    "ts": (before("Jan 01 00:00:{s:02} "), "a prefix before each line was left out"),
    "grep -n": (before("{at}:"), "a prefix before each line was left out"),
    "grep -H": (before("logs/traffic.log:"), "a prefix before each line was left out"),
    "grep -Hn": (before("traffic.log:{at}:"), "a prefix before each line was left out"),
    "grep -Hn of Windows": (before("C:\\logs\\a.log:{at}:"), "a prefix before each line was left out"),
    "grep -n of docker compose": (before("{at}:redis-1  | "), "a prefix before each line was left out"),
    "cat -n": (before("{at:6}\t"), "a prefix before each line was left out"),
    "indentation": (before("  \t"), "indentation before each line was left out"),
    "colours": (
        each(lambda at, line: b"\x1b[36mredis-1  |\x1b[0m \x1b[1;32m" + line + b"\x1b[0m\x1b[K"),
        "colour codes were left out; a prefix before each line was left out",
    ),
    "curved quotes": (
        each(lambda at, line: re.sub(r'"(.*?)(?<!\\)"', r"“\1”", line.decode()).encode()),
        "changed quotes and spaces were set straight",
    ),
    "guillemets": (
        each(lambda at, line: re.sub(r'"(.*?)(?<!\\)"', "«\u00a0\\1\u00a0»", line.decode()).encode()),
        "changed quotes and spaces were set straight",
    ),
    "curved quotes of Windows": (
        each(lambda at, line: re.sub(r'"(.*?)(?<!\\)"', r"“\1”", line.decode()).encode("cp1252")),
        "changed quotes and spaces were set straight",
    ),
    "spaces of a web page": (
        each(lambda at, line: line.decode().replace('" "', '"\u00a0"').encode()),
        "changed quotes and spaces were set straight",
    ),
    "Kvrocks": (
        each(lambda at, line: line.replace(b" [0 ", b" [__namespace ", 1)), "each namespace was taken for a database"
    ),
    "RedisInsight": (of_day, "times of day were taken for times"),
    "redis-py": (redis_py, "each dict of redis-py's was taken for a line"),
    "redis-py as JSON": (
        each(lambda at, line: json.dumps(__import__("ast").literal_eval(redis_py(line).decode())).encode()),
        "each dict of redis-py's was taken for a line",
    ),
}  # fmt: skip


def plain_capture(*, wrong: bool) -> bytes:
    """Traffic of a right scheduler, or of one that gives a turn key a TTL, within a script and by hand."""
    atoms = clean_atoms(7, Style(), sessions=6, utterances=4, noisy=False)
    if wrong:
        client = atoms[0][0][0]
        turn = next(argv[1] for atom in atoms for _, argv in atom if argv[0] == "HSET" and argv[1].startswith(TURN))
        at = next(at for at, atom in enumerate(atoms) if any(argv[:2] == ("HSET", turn) for _, argv in atom))
        inside: list[Line] = [("lua", ("EXPIRE", turn, "9"))]
        atoms = [*atoms[:at], [*atoms[at], *inside], *atoms[at + 1 :], [(client, ("PERSIST", turn))]]
    return text_of(atoms)


def judged(path: Path) -> dict[str, Any]:
    return audit_files([str(path)], reading=DEFAULT_READING).as_dict()


def what_was_found(report: dict[str, Any]) -> tuple[object, ...]:
    """Everything of a report that does not depend on the form; times may have other digits."""
    found = [(rule["id"], rule["status"], rule["cases"], rule["broken"]) for rule in report["rules"]]
    lines = [(failure["line"], failure["cause_line"]) for rule in report["rules"] for failure in rule["failures"]]
    wire = [failure["wire"] for rule in report["rules"] for failure in rule["failures"]]
    return report["verdict"], report["whole_turns"], report["lines"], report["gaps"], found, lines, wire


@pytest.mark.parametrize("wrong", [False, True], ids=["clean", "wrong"])
@pytest.mark.parametrize("form", FORMS)
def test_a_capture_gets_the_same_verdict_at_the_same_lines_in_every_form(
    form: str, wrong: bool, tmp_path: Path
) -> None:
    trace = plain_capture(wrong=wrong)
    plain, other = tmp_path / "plain.log", tmp_path / "other.log"
    plain.write_bytes(trace)
    other.write_bytes(FORMS[form][0](trace))
    expected, seen = judged(plain), judged(other)
    assert what_was_found(seen) == what_was_found(expected)
    assert seen["read_as"] == ([f"{other}: {FORMS[form][1]}"] if FORMS[form][1] else [])
    assert expected["verdict"] == ("violates" if wrong else "conforms")
    if wrong:
        lines = {line for rule in seen["rules"] for line in [each["line"] for each in rule["failures"]]}
        assert lines == {at for at, line in enumerate(trace.splitlines(), 1) if b"EXPIRE" in line or b"PERSIST" in line}


LOSSY = ("RedisInsight", "redis-py", "redis-py as JSON", "spaces of a web page")
"""Forms that take something from times or arguments that cannot be given back."""
ARGUMENT = st.binary(max_size=9).map(lambda data: data.decode("utf-8", "surrogateescape"))
CLIENT = st.sampled_from(["10.0.0.1:5000", "[::1]:5000", "lua"])
COMMAND = st.tuples(CLIENT, st.lists(ARGUMENT, min_size=1, max_size=4))


@pytest.mark.parametrize("form", [form for form in FORMS if form not in LOSSY])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commands=st.lists(COMMAND, min_size=2, max_size=6))
def test_whatever_stands_in_the_arguments_the_lines_are_those_of_the_plain_capture(
    form: str, commands: list[tuple[str, list[str]]], tmp_path: Path
) -> None:
    lines = [printed(Command(tuple(argv), client, 0, 1.7e9 + at)) for at, (client, argv) in enumerate(commands)]
    trace = "".join(line + "\n" for line in lines).encode()
    path = tmp_path / "some.log"
    path.write_bytes(FORMS[form][0](trace))
    assert [
        line.rstrip() for line in b"".join(Capture(str(path), KeyLayout()).pieces).splitlines()
    ] == trace.splitlines()


def put(folder: Path, trace: bytes, name: str = "traffic.log") -> Path:
    path = folder / name
    path.write_bytes(trace)
    return path


@pytest.mark.parametrize("wrong", [False, True], ids=["clean", "wrong"])
def test_lines_of_other_containers_between_leave_what_ran_as_one_whole(wrong: bool, tmp_path: Path) -> None:
    trace = plain_capture(wrong=wrong)
    mixed: list[bytes] = []
    for at, line in enumerate(trace.splitlines()):
        others = [b"app-1    | handled it", b"redis-1  | 1:M 01 Jan 2024 00:00:00.000 * Ready", b""]
        mixed += [*others[: at % 4], b"redis-1  | " + line]
    expected = judged(put(tmp_path, trace, "plain.log"))
    seen = judged(put(tmp_path, b"".join(line + b"\n" for line in mixed)))
    assert (seen["verdict"], seen["whole_turns"], seen["gaps"]) == (expected["verdict"], expected["whole_turns"], 0)
    assert [rule["cases"] for rule in seen["rules"]] == [rule["cases"] for rule in expected["rules"]]
    assert seen["lines"] == len(mixed)
    told = [(failure["line"], failure["wire"]) for rule in seen["rules"] for failure in rule["failures"]]
    assert bool(told) == wrong
    for number, wire in told:
        assert wire[[command["broken"] for command in wire].index(True)]["argv"][0].encode() in mixed[number - 1]
        for command in wire:
            assert all(f'"{word}"'.encode() in mixed[command["line"] - 1] for word in command["argv"])


def long_call() -> bytes:
    """A script call of 40 KiB, as the first of a block, then the block's other lines."""
    text = "x" * 40_000
    call = printed(Command(("EVAL", text, "0", "d"), "10.0.0.1:1001", 0, 1.7e9))
    inner = [f'1700000000.1 [0 lua] "HSET" "{TURN}{A}" "affinity_node_id" "n1"',
             f'1700000000.1 [0 lua] "HSET" "scheduler:session:d" "current_turn_id" "{A}"']  # fmt: skip
    return "".join(line + "\n" for line in [call, *inner]).encode()


A = "11111111-1111-4111-8111-111111111111"


def cut_up(line: str, size: int = 16_384) -> list[tuple[str, bool]]:
    """A line in pieces, and whether each is the last."""
    pieces = [line[at : at + size] for at in range(0, len(line), size)] or [""]
    return [(piece, number == len(pieces)) for number, piece in enumerate(pieces, 1)]


@pytest.mark.parametrize("program", ["docker", "CRI"])
def test_a_long_line_that_docker_cut_into_several_is_one_again(program: str, tmp_path: Path) -> None:
    trace = long_call()
    out = []
    for line in trace.decode().splitlines():
        for piece, last in cut_up(line):
            if program == "docker":
                out.append(json.dumps({"log": piece + "\n" * last, "stream": "stdout", "time": "t"}))
                out.append(json.dumps({"log": "other\n", "stream": "stderr", "time": "t"}))
            else:
                out.append(f"2024-01-01T00:00:00.0Z stdout {'PF'[last]} {piece}")
    path = put(tmp_path, "".join(line + "\n" for line in out).encode())
    assert b"".join(Capture(str(path), KeyLayout()).pieces) == trace


def test_a_server_before_2_6_prints_no_clients_so_that_what_depends_on_them_is_unobservable(tmp_path: Path) -> None:
    shared = text_of(clean_atoms(5, Style("plain", "plain", "plain", clients=("unix:?",)), noisy=False), db=3)
    old = re.sub(rb"\[3 unix:\?\]", b"(db 3)", shared)
    expected, seen = judged(put(tmp_path, shared, "shared.log")), judged(put(tmp_path, old))
    assert what_was_found(seen) == what_was_found(expected)
    assert seen["read_as"][0].endswith(": no line names a client, so that all look alike")
    bare = re.sub(rb"\[3 unix:\?\] ", b"", shared)
    assert judged(put(tmp_path, bare))["verdict"] == seen["verdict"] == "conforms"


def grepped(trace: bytes, pattern: str, *, invert: bool = False, numbered: bool = False) -> bytes:
    return b"".join(
        (f"{at}:".encode() if numbered else b"") + line + b"\n"
        for at, line in enumerate(trace.splitlines(), 1)
        if bool(re.search(pattern.encode(), line)) != invert
    )


PATTERNS = ["scheduler:", "scheduler:session", "scheduler:turn", "current_turn_id", "affinity_node_id", "HSET", "HDEL",
            "HGET", "lua", "TURN", "SESSION", "EVALSHA", "scheduler:|lingua:"]  # fmt: skip
LEFT_OUT = ["scheduler:", "scheduler:session", "scheduler:turn", "current_turn_id", "affinity_node_id", "HGET",
            "lua", "EVALSHA", "MULTI|EXEC", "lingua:"]  # fmt: skip


def accused(seed: int, pattern: str, folder: Path, *, invert: bool = False, numbered: bool = False) -> list[str]:
    """Who is accused in a right scheduler's capture that grep cut down."""
    trace = text_of(clean_atoms(seed, style_of(random.Random(seed))))
    turn = re.search(rb"scheduler:turn:([0-9a-f-]{36})", trace)
    session = re.search(rb"scheduler:session:(\S+?)\"", trace)
    assert turn and session
    wanted = pattern.replace("TURN", turn[1].decode()).replace("SESSION", session[1].decode())
    return broken(judged(put(folder, grepped(trace, wanted, invert=invert, numbered=numbered) or b"OK\n")))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), pattern=st.sampled_from(PATTERNS), numbered=st.booleans())
def test_nobody_is_accused_because_grep_kept_some_lines_only(
    seed: int, pattern: str, numbered: bool, tmp_path: Path
) -> None:
    assert accused(seed, pattern, tmp_path, numbered=numbered) == []


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), pattern=st.sampled_from(LEFT_OUT), numbered=st.booleans())
def test_nobody_is_accused_because_grep_left_a_kind_of_lines_out(
    seed: int, pattern: str, numbered: bool, tmp_path: Path
) -> None:
    assert accused(seed, pattern, tmp_path, invert=True, numbered=numbered) == []


def test_what_one_line_shows_is_held_against_its_connection_though_lines_were_left_out(tmp_path: Path) -> None:
    atoms = clean_atoms(7, Style("plain", "plain", "plain"), noisy=False)
    client = next(client for atom in atoms for client, argv in atom if argv[0] == "HSET")
    turn = next(argv[1] for atom in atoms for _, argv in atom if argv[0] == "HSET" and argv[1].startswith(TURN))
    trace = grepped(text_of([*atoms, [(client, ("EXPIRE", turn, "9"))]]), "scheduler:turn")
    report = judged(put(tmp_path, trace))
    number = len(trace.splitlines())
    found = {(rule["id"], failure["line"]) for rule in report["rules"] for failure in rule["failures"]}
    assert (found, report["verdict"]) == ({("TA-NEVER-1", number), ("TA-WRITE-2", number)}, "violates")
    assert report["read_as"] == [
        'no line does without "turn" or the like, so that others were left out: '
        "only what a line shows by itself is held against anybody"
    ]
    reasons = {rule["id"]: rule["reasons"] for rule in report["rules"] if rule["status"] == "unobservable"}
    assert reasons["TA-CLEAR-1"]
    clean = judged(put(tmp_path, grepped(text_of(atoms), "scheduler:turn")))
    assert (broken(clean), clean["verdict"]) == ([], "incomplete")


def test_a_script_whose_call_was_left_out_is_told_with_its_line(tmp_path: Path) -> None:
    trace = grepped(text_of(clean_atoms(7, Style(), noisy=True)), "EVALSHA.*overwrite", invert=True)
    report = judged(put(tmp_path, trace))
    number = next(
        at for at, (one, other) in enumerate(itertools.pairwise(trace.splitlines()), 2)
        if b" lua]" in other and b" lua]" not in one and b"EVALSHA" not in one
    )  # fmt: skip
    assert report["read_as"] == [
        f"at line {number} a script runs whose call was left out, and with it more: "
        "only what a line shows by itself is held against anybody"
    ]
    assert (broken(report), report["verdict"]) == ([], "incomplete")


JOINED: dict[str, Callable[[list[bytes], int, int], bytes]] = {
    # how two parts of a trace, up to one line and from another one on, were put together
    "the later one first": lambda lines, one, other: b"".join(lines[other:] + lines[:one]),
    "the same one twice": lambda lines, one, other: b"".join(lines[:one] * 2),
    "overlapping": lambda lines, one, other: b"".join(lines[: other + 12] + lines[one // 2 :]),
    "the second begins with OK": lambda lines, one, other: b"".join([*lines[:one], b"OK\n", *lines[other:]]),
    "of two forms": lambda lines, one, other: (
        before("redis-1  | ")(b"".join(lines[:one])) + before("12: ")(b"".join(lines[other:]))
    ),
    "of two files, by grep": lambda lines, one, other: (
        before("a.log:")(b"".join(lines[:one])) + before("b.log:")(b"".join(lines[other:]))
    ),
    "the second without the prefix": lambda lines, one, other: (
        before("redis-1  | ")(b"".join(lines[:one])) + b"".join(lines[other:])
    ),
    "the first without the prefix": lambda lines, one, other: (
        b"".join(lines[:one]) + before("redis-1  | ")(b"".join(lines[other:]))
    ),
    "the second without numbers": lambda lines, one, other: (
        before("{at}:")(b"".join(lines[:one])) + b"".join(lines[other:])
    ),
    "by a journal that lost some": lambda lines, one, other: before("Jan 01 00:00:00 host redis[1]: ")(
        b"".join([*lines[:one], b"Suppressed 9 messages from redis.service\n", *lines[other:]])
    ),
    "each with a mark": lambda lines, one, other: b"".join(
        [b"\xef\xbb\xbf", *lines[:one], b"\xef\xbb\xbf", *lines[other:]]
    ),
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), data=st.data(), how=st.sampled_from(sorted(JOINED)))
def test_nobody_is_accused_because_captures_were_joined(
    seed: int, data: st.DataObject, how: str, tmp_path: Path
) -> None:
    lines = slowly(text_of(clean_atoms(seed, style_of(random.Random(seed))))).splitlines(keepends=True)
    one = data.draw(st.integers(1, len(lines)))
    other = data.draw(st.integers(one, len(lines)))
    assert broken(judged(put(tmp_path, JOINED[how](lines, one, other)))) == []


def slowly(trace: bytes) -> bytes:
    """The same with some seconds between lines: of two captures that are joined one began seconds later."""
    return re.sub(
        rb"(?m)^(17000)(\d{5})\.(\d{3})",
        lambda found: b"17%08d.%s" % (int(found[3]) * 5 + int(found[2]) * 5000, b"000"),
        trace,
    )


def test_a_hole_between_two_captures_is_a_gap_where_the_second_says_that_it_begins(tmp_path: Path) -> None:
    atoms = clean_atoms(7, Style("plain", "plain", "plain"), sessions=1, noisy=False)
    lines = text_of(atoms).splitlines(keepends=True)
    at = next(at for at, line in enumerate(lines) if b'"HDEL" "scheduler:turn' in line) + 1
    end = next(end for end, line in enumerate(lines[at:], at + 1) if b'"HDEL" "scheduler:session' in line)
    one, other = b"".join(lines[:at]), b"".join(lines[end:])
    for ok in (b"OK\n", b"OK\r\n"):
        report = judged(put(tmp_path, b"OK\n" + one + ok + other))
        assert (broken(report), report["gaps"]) == ([], 1)


@pytest.mark.parametrize("trace", [
    b"--", b"# turnaffinity:gap", b"redis-1  | OK", b"OK",
], ids=["grep -C", "record", "compose", "redis-cli"])  # fmt: skip
@pytest.mark.parametrize("prefix", ["", "redis-1  | "])
def test_a_line_that_tells_of_missing_ones_is_a_gap_in_every_form(trace: bytes, prefix: str, tmp_path: Path) -> None:
    whole = before(prefix)(text_of(clean_atoms(7, Style(), noisy=False))).splitlines(keepends=True)
    report = judged(put(tmp_path, b"".join([*whole[:40], trace + b"\n", *whole[40:]])))
    is_of_another = bool(prefix) == (trace == b"OK") and trace != b"--" and not trace.startswith(b"#")
    assert report["gaps"] == (0 if is_of_another else 1)


REFUSED: dict[str, tuple[bytes, str]] = {
    "a zip archive": (b"PK\x03\x04\0", "is a zip archive\n  mend: unpack it: unzip -p FILE | turnaffinity audit -"),
    "a tar archive": (
        b"traffic.log".ljust(257, b"\0") + b"ustar\x0000",
        "is a tar archive\n  mend: unpack it: tar -xOf FILE | turnaffinity audit -",
    ),
    "an archive in gzip": (
        gzip.compress(b"traffic.log".ljust(257, b"\0") + b"ustar  \0"),
        "is a tar archive\n  mend: unpack it: tar -xOf FILE | turnaffinity audit -",
    ),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4", "is a 7z or rar archive\n  mend: unpack it, and audit the file in it"),
    "lz4": (b"\x04\x22\x4d\x18d", "is compressed with lz4\n  mend: unpack it: lz4 -dc FILE | turnaffinity audit -"),
    "pcap": (b"\xd4\xc3\xb2\xa1" + bytes(20), "is a network capture, which holds packets\n  mend: RECORD"),
    "RDB": (b"REDIS0011\xfa\x09redis-ver", "is an RDB snapshot, which holds keys and no commands\n  mend: RECORD"),
    "AOF": (
        b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n",
        "is an append-only file, whose commands have no times and no clients\n  mend: RECORD",
    ),
    "PDF": (b"%PDF-1.7\n", "is a PDF document\n  mend: copy its lines into a text file"),
    "RTF": (b"{\\rtf1\\ansi", "is a rich text document\n  mend: save it as plain text"),
    "a web page": (b"<!DOCTYPE html><p>1700000000.1", "is a web page\n  mend: save the lines in it as plain text"),
    "a refusal of the server": (
        b"(error) NOAUTH Authentication required.\n",
        "holds no traffic, but the server's answer NOAUTH Authentication required.\n"
        "  mend: let redis-cli say who it is: redis-cli --user NAME --askpass monitor > FILE",
    ),
    "another binary": (bytes(range(1, 256)) + b"\0\n", "is a binary file, no MONITOR traffic\n  mend: RECORD"),
    "another log": (b"some log\n" * 9, "holds no line of MONITOR traffic in its beginning\n  mend: RECORD"),
    "another log in UTF-16": (
        ("some log\n" * 9).encode("utf-16"), "holds no line of MONITOR traffic in its beginning\n  mend: RECORD"
    ),
    "an unknown prefix": (
        b'<<monitor>> 1700000000.000001 [0 127.0.0.1:1] "GET" "x"\n' * 9,
        "holds no line of MONITOR traffic in its beginning\n"
        "  mend: cut off what stands before the time of each line, as docker compose logs --no-log-prefix does",
    ),
    "two servers": (
        b'redis-1  | 1700000000.000001 [0 [::1]:1] "GET" "x"\nredis-2  | 1700000000.000002 [0 [::1]:1] "GET" "x"\n',
        "holds the traffic of redis-1 and of redis-2, mixed\n"
        "  mend: give each a file of its own, and name the files of all primaries",
    ),
    "two pods": (
        b'[pod/a/redis] 1700000000.000001 [0 [::1]:1] "GET" "x"\n'
        b'[pod/b/redis] 1700000000.000002 [0 [::1]:1] "GET" "x"\n',
        "holds the traffic of pod/a/redis and of pod/b/redis, mixed\n"
        "  mend: give each a file of its own, and name the files of all primaries",
    ),
    "the newest first": (
        b"".join(b'17000000%02d.5 [0 127.0.0.1:1] "GET" "x"\n' % at for at in range(20, 0, -1)),
        "holds the newest line first\n  mend: turn it round: tac FILE | turnaffinity audit -",
    ),
}  # fmt: skip
RECORD = "record it with turnaffinity record --out FILE, or keep what redis-cli monitor prints"


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_capture_is_told_what_it_is_and_how_to_mend_it(kind: str, tmp_path: Path) -> None:
    content, said = REFUSED[kind]
    path = put(tmp_path, content)
    with pytest.raises(Problem) as caught:
        audit_files([str(path)])
    assert str(caught.value) == f"{path}: {said.replace('RECORD', RECORD)}"
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("form", ["gzip", "zstd", "xz"])
def test_a_compressed_capture_that_was_cut_gives_what_could_be_read(form: str, tmp_path: Path) -> None:
    packed = FORMS[form][0](plain_capture(wrong=False))
    report = judged(put(tmp_path, packed[: len(packed) - 30]))
    assert broken(report) == []


def test_one_that_was_cut_before_anything_can_be_unpacked_is_told_so(tmp_path: Path) -> None:
    path = put(tmp_path, bz2.compress(plain_capture(wrong=False))[:-30])  # its blocks have 900 kB
    with pytest.raises(Problem) as caught:
        judged(path)
    said = "is cut or damaged: nothing in it can be unpacked\n  mend: get it once more"
    assert str(caught.value) == f"{path}: {said}"


@pytest.mark.parametrize("form", ["gzip", "zstd", "bzip2", "xz"])
@pytest.mark.parametrize("seed", range(5))
def test_a_damaged_compressed_capture_is_no_traceback(form: str, seed: int, tmp_path: Path) -> None:
    packed = bytearray(FORMS[form][0](plain_capture(wrong=False)))
    rng = random.Random(seed)
    for _ in range(9):
        packed[rng.randrange(12, len(packed))] = rng.randrange(256)
    path = put(tmp_path, bytes(packed))
    try:
        judged(path)
    except Problem as problem:
        assert problem.what in (
            "is cut or damaged: nothing in it can be unpacked",
            "is a binary file, no MONITOR traffic",
        )


def test_the_terminal_says_in_one_line_how_a_capture_was_read(tmp_path: Path) -> None:
    path = put(tmp_path, FORMS["colours"][0](plain_capture(wrong=False)).decode().encode("utf-16"))
    run = CliRunner().invoke(app, ["audit", str(path)])
    said = "read as UTF-16; colour codes were left out; a prefix before each line was left out"
    assert f"{path}: {said}\n" in run.output
    assert run.exit_code == 0


def test_an_argument_with_a_space_is_no_accusation_where_redis_py_left_the_quotes_out(tmp_path: Path) -> None:
    first = text_of(clean_atoms(7, Style("plain", "plain", "plain"), sessions=1, noisy=False))
    trace = first.replace(re.findall(rb"scheduler:session:(\S+?)\"", first)[0], b"my room")
    report = judged(put(tmp_path, redis_py(trace)))
    assert (broken(report), report["verdict"]) == ([], "incomplete")
