"""Do the rules hold right now? A running server judged live, on the terminal and for Prometheus."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from turnaffinity.audit.report import AuditReport
from turnaffinity.audit.run import Auditor
from turnaffinity.problem import CannotRun, Problem
from turnaffinity.wire.listening import connector, default_url, say
from turnaffinity.wire.recorder import RECONNECT_S, RECONNECTS

REFRESH_S = 0.5
QUIET_S = 0.4
"""After so long without a line nothing that ran as one is still on its way."""


def follow(
    auditor: Auditor,
    url: str | None,
    seconds: float | None,
    metrics: int | None,
    show: Callable[[AuditReport], None],
) -> AuditReport:
    """Judge a running server until `seconds` are over or Ctrl-C; sends MONITOR, and AUTH where the URL has a password.

    `show` is handed the verdict so far, twice a second.

    Raises `CannotRun` (exit 3) if the server cannot be followed, `Problem` (exit 2) if the port is taken.
    """
    chosen = url or default_url()
    connect = connector(chosen)
    connection = connect()
    exporter = Exporter(metrics) if metrics is not None else None
    deadline = time.monotonic() + seconds if seconds is not None else None
    last_data = last_shown = time.monotonic()
    held = b""
    say("following; Ctrl-C ends with the verdict")
    try:
        while deadline is None or time.monotonic() < deadline:
            try:
                chunk = _received(connection)
                if not chunk:
                    connection.close()
                    connection = _again(connect, deadline)
                    auditor.feed(held + b"\n# turnaffinity:gap\n", last=True)
                    held = b""
                held += chunk
                last_data = time.monotonic()
            except TimeoutError:
                pass
            now = time.monotonic()
            if len(held) > 1 << 16 or (held and now - last_data > QUIET_S):
                whole, newline, rest = held.rpartition(b"\n")
                # at rest everything is seen whole; under load the sieve holds back what may go on
                auditor.feed(whole + newline, last=now - last_data > QUIET_S)
                held = rest
            if now - last_shown > REFRESH_S:
                last_shown = now
                report = auditor.report([chosen], final=False)
                show(report)
                if exporter:
                    exporter.update(report)
    except KeyboardInterrupt:
        pass
    finally:
        connection.close()
    auditor.feed(held, last=True)
    report = auditor.report(["live"])
    if exporter:
        exporter.update(report)
        exporter.close()
    return report


def _received(connection: socket.socket) -> bytes:
    """What came, or nothing if the connection is lost; raises `TimeoutError` if nothing came for a while."""
    try:
        return connection.recv(1 << 18)
    except TimeoutError:
        raise
    except OSError:
        return b""


def _again(connect: Callable[[], socket.socket], deadline: float | None) -> socket.socket:
    """A new connection, asked for as patiently as the recorder does; the last refusal is raised."""
    for _ in range(RECONNECTS - 1):
        try:
            return connect()
        except CannotRun:
            if deadline is not None and time.monotonic() >= deadline:
                raise
            time.sleep(RECONNECT_S)
    return connect()


class Exporter:
    """Serves the counts on a port of the loopback interface, in Prometheus' text format."""

    def __init__(self, port: int) -> None:
        from prometheus_client import CollectorRegistry, Gauge, start_http_server

        registry = CollectorRegistry()
        self._occasions = Gauge("turnaffinity_rule_occasions", "occasions seen", ["rule"], registry=registry)
        self._broken = Gauge("turnaffinity_rule_broken", "breaches seen", ["rule"], registry=registry)
        self._turns = Gauge("turnaffinity_turns_whole", "turns seen from write to clear", registry=registry)
        self._lines = Gauge("turnaffinity_lines", "MONITOR lines read", registry=registry)
        try:
            self._server, self._thread = start_http_server(port, addr="127.0.0.1", registry=registry)
        except OSError as error:
            raise Problem(f"--metrics {port}", error.strerror or "cannot be served", "name a free port") from error
        say(f"metrics: http://127.0.0.1:{self._server.server_port}/metrics")

    def update(self, report: AuditReport) -> None:
        """The counts as they are now."""
        for rule in report.rules:
            self._occasions.labels(rule["id"]).set(rule["cases"])
            self._broken.labels(rule["id"]).set(rule["broken"])
        self._turns.set(report.whole_turns)
        self._lines.set(report.lines)

    def close(self) -> None:
        """Let go of the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2.0)
