"""What belongs to the bench, and in which order is it run?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from turnaffinity.bench.finalizes import finalize_rows
from turnaffinity.bench.row import Row
from turnaffinity.bench.selection import affinity_rows, random_rows
from turnaffinity.bench.shares import share_rows
from turnaffinity.bench.stage import Section, Stage
from turnaffinity.bench.timing import Plan
from turnaffinity.problem import CannotRun
from turnaffinity.server import open_server

SECTIONS: tuple[Section, ...] = (affinity_rows, random_rows, share_rows, finalize_rows)
"""The parts that need a live server, in order."""

FURTHER_SECTIONS: tuple[tuple[str, str], ...] = (
    ("turnaffinity.bench.proxied", "proxy_rows"),
    ("turnaffinity.bench.audits", "audit_rows"),
    ("turnaffinity.bench.verdicts", "verdict_rows"),
)
"""Parts that other layers bring, imported only when the bench is run: module and function, a `Section` each."""


def all_sections() -> list[Section]:
    """Every section, in order."""
    return [*SECTIONS, *(getattr(import_module(module), name) for module, name in FURTHER_SECTIONS)]


def run_bench(spec: str | None, plan: Plan, *, seed: int = 0) -> tuple[list[Row], str]:
    """Every row, and the server's name. Raises `CannotRun` where the server counts no time (fakeredis)."""
    with open_server(spec, seed=seed) as server:
        if server.kind == "fake":
            what = "fakeredis counts no server time"
            raise CannotRun("server fake", what, "use --server embedded or --server redis")
        with _progress() as progress:
            stage = Stage(server, plan, seed)
            task = progress.add_task("starting")
            stage.say = lambda text: progress.update(task, description=text)
            rows = [row for section in all_sections() for row in section(stage)]
        server.clear()
        return rows, server.name


@contextmanager
def _progress() -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress
