"""How fast is a trace judged, and in how much memory? Beside a program that only splits each line into its words."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from turnaffinity.contract.layout import KeyLayout

LINES = 500_000
PAD = "x" * 150
"""Makes a line of other programs about 200 bytes long, as in a trace of 5 million lines and 1 GB."""


def write_trace(path: Path, lines: int, share_of_ours: float, seed: int = 1) -> int:
    """Write a clean trace of about `lines` lines, a share of them a scheduler's; returns the number written.

    The scheduler is the reference's shape: one HGET, one selection by script, one write by script a finalize,
    a clear after three of them, over 200 sessions and 16 connections.
    """
    rng = random.Random(seed)
    layout = KeyLayout()
    at_us = 1_700_000_000_000_000
    written = 0
    turns: dict[int, tuple[str, int]] = {}
    with path.open("w", encoding="ascii") as file:
        while written < lines:
            block = _finalize(rng, layout, turns)
            out: list[str] = []
            for line in block:
                at_us += 137
                out.append(f"{at_us // 1_000_000}.{at_us % 1_000_000:06d} {line}\n")
            for _ in range(round(len(block) * (1 / share_of_ours - 1))):
                at_us += 11
                port, key = rng.randrange(20000, 60000), rng.randrange(10**9)
                stamp = f"{at_us // 1_000_000}.{at_us % 1_000_000:06d}"
                out.append(f'{stamp} [0 10.1.0.7:{port}] "SET" "key:{key:012d}" "{PAD[: rng.randrange(100, 150)]}"\n')
            file.write("".join(out))
            written += len(out)
    return written


def _finalize(rng: random.Random, layout: KeyLayout, turns: dict[int, tuple[str, int]]) -> list[str]:
    number = rng.randrange(200)
    session, client = layout.session_key(f"s{number}"), f"[0 10.0.0.1:{5000 + rng.randrange(16)}]"
    turn_id, count = turns.get(number, ("", 0))
    if count == 3:
        del turns[number]
        return [
            f'{client} "EVALSHA" "{"c" * 40}" "0" "s{number}"',
            f'[0 lua] "HGET" "{session}" "current_turn_id"',
            f'[0 lua] "HDEL" "{layout.turn_key(turn_id)}" "affinity_node_id"',
            f'[0 lua] "HDEL" "{session}" "current_turn_id"',
        ]
    turn_id = turn_id or f"{rng.getrandbits(32):08x}-0000-4000-8000-{rng.getrandbits(48):012x}"
    turns[number] = (turn_id, count + 1)
    key = layout.turn_key(turn_id)
    return [
        f'{client} "HGET" "{session}" "current_turn_id"',
        f'{client} "EVALSHA" "{"5" * 40}" "0" "zh:en" "" "{turn_id}"',
        f'[0 lua] "HGET" "{key}" "affinity_node_id"',
        '[0 lua] "EXISTS" "lingua:v1:node:n1"',
        '[0 lua] "HGET" "lingua:v1:node:n1:pools" "zh:en"',
        '[0 lua] "SISMEMBER" "lingua:v1:pool:zh:en:0:nodes" "n1"',
        f'{client} "EVALSHA" "{"3" * 40}" "0" "s{number}" "{turn_id}" "n1" "overwrite"',
        f'[0 lua] "HSET" "{key}" "affinity_node_id" "n1"',
        f'[0 lua] "HSET" "{session}" "current_turn_id" "{turn_id}"',
    ]


def measure(path: Path) -> dict[str, float]:
    """Judge a file in a process of its own, in seconds of one core: {"lines", "seconds", "peak_mb", "turns"}."""
    program = "from turnaffinity.bench.throughput import _measured; import sys; _measured(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    lines, took_s, peak_mb, turns = done.stdout.split()
    return {"lines": float(lines), "seconds": float(took_s), "peak_mb": float(peak_mb), "turns": float(turns)}


def _measured(path: str) -> None:
    from turnaffinity.audit.run import audit_files
    from turnaffinity.contract.decisions import DEFAULT_READING

    start = time.process_time()
    report = audit_files([path], reading=DEFAULT_READING)
    took_s = time.process_time() - start
    if report.verdict != "conforms":
        raise SystemExit(f"the generated trace is judged {report.verdict}")
    print(report.lines, took_s, _peak_mb(), report.statistics["turns_closed"])


def _peak_mb() -> float:
    """The most memory that this process had. On Linux not from getrusage, which counts its parent's before exec too."""
    status = Path("/proc/self/status")
    if status.exists():
        words = status.read_text(encoding="ascii", errors="replace").partition("VmHWM:")[2].split()
        if words:
            return int(words[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def split_seconds(path: Path) -> float:
    """Core seconds that it takes to split each line of the file into its words.

    The least that anybody does who looks at each line in Python: as fast, or as slow, as the machine is now.
    """
    started = time.process_time()
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            line.partition('] "')[2].rstrip()[:-1].split('" "')
    return max(time.process_time() - started, 1e-4)


def throughput_rows(lines: int = LINES) -> list[dict[str, Any]]:
    """Rows for `bench`: million lines a second, a tenth ours and all ours, and the peak memory.

    `ratio` is this/peer; the peer splits each line of the same file (in the same unit, so that a ratio under 1 is
    slower), or is the limit of 150 MB.
    """
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for share, name in ((0.1, "audit, a tenth of the lines ours"), (1.0, "audit, all lines ours")):
            path = Path(folder) / "trace.log"
            write_trace(path, lines, share)
            split_s, result = split_seconds(path), measure(path)
            result = min(result, measure(path), key=lambda one: one["seconds"])  # the better of two, as of the peer
            split_s = min(split_s, split_seconds(path))
            speed, peer = (result["lines"] / took_s / 1e6 for took_s in (result["seconds"], split_s))
            rows.append(_row(name, "million lines/s", speed, peer, "splitting each line, in Python"))
            rows.append(_row(f"{name}: peak memory", "MB", result["peak_mb"], 150.0, "limit"))
    return rows


def _row(name: str, unit: str, this: float, peer: float, peer_name: str) -> dict[str, Any]:
    ratio = round(this / peer, 4)
    return {
        "name": name, "unit": unit, "this": round(this, 3), "peer": round(peer, 3),
        "peer_name": peer_name, "ratio": ratio,
    }  # fmt: skip
