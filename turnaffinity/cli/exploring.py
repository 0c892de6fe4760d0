"""What does `explore` do, from its options to what it writes and prints?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from json import dumps
from pathlib import Path
from typing import Any

from rich import progress
from rich.console import Console

from turnaffinity.cli.options import chosen_reading
from turnaffinity.contract.decisions import GOALS
from turnaffinity.explorer.bounds import Bounds
from turnaffinity.explorer.crashes import search_crashes
from turnaffinity.explorer.matrix import Progress
from turnaffinity.explorer.matrix import explore as search
from turnaffinity.explorer.rollouts import roll_out, roll_out_all
from turnaffinity.explorer.versions import ALL_VERSIONS, Version, parse_version, version_of
from turnaffinity.problem import Problem
from turnaffinity.reports.decisions import decision_record, print_rollout, rollouts_html
from turnaffinity.reports.files import STDOUT, check_writable, write_all
from turnaffinity.reports.matrix import print_crashes, print_exploration
from turnaffinity.reports.verdict_terminal import console_for
from turnaffinity.server import open_server
from turnaffinity.showing.wording import Words, check_language


@dataclass(frozen=True)
class Wishes:
    """The options of `explore`, as they were given."""

    depth: int = 4
    nodes: int = 3
    json: Path | None = None
    html: Path | None = None
    adr: Path | None = None
    goals: tuple[str, ...] = ()
    reading: str = "intent"
    rollout: tuple[str, str] | None = None
    decide: str = ""
    present: str = "before"
    crashes: bool = False
    server: str = "embedded"
    workers: int = 0
    lang: str = "en"


def explore_and_report(wishes: Wishes) -> None:
    """Search, replay, write the files that were asked for, and print what was found."""
    check_language(wishes.lang)
    bounds = Bounds(nodes=wishes.nodes, max_durations=wishes.depth)
    others = [path for path in (wishes.html, wishes.adr) if path is not None]
    if STDOUT in others:
        raise Problem("-", "only --json prints to standard output", "name a file")
    check_writable([path for path in (wishes.json, *others) if path is not None])
    if wishes.rollout:
        _rollout(wishes, bounds)
        return
    if wishes.decide and not wishes.adr:
        raise Problem("--decide", "writes nothing by itself", "add --adr FILE, the record of the decision")
    _explore(wishes, bounds)


def _rollout(wishes: Wishes, bounds: Bounds) -> None:
    if wishes.html or wishes.adr or wishes.decide or wishes.crashes:
        raise Problem("--rollout", "goes with --json alone", "leave out --html, --adr, --decide and --crashes")
    a, b = (_version(text, "--rollout") for text in wishes.rollout or ())
    with open_server(wishes.server) as live, _Bar(Console(stderr=True), len(GOALS)) as tell:
        result = roll_out(a, b, bounds, server=live, workers=wishes.workers or None, progress=tell)
    if wishes.json:
        write_all({wishes.json: _json(result.as_json())})
    if wishes.json != STDOUT:
        print_rollout(console_for(), result, lang=wishes.lang)


def _explore(wishes: Wishes, bounds: Bounds) -> None:
    wanted, told = _goals(wishes.goals), chosen_reading(wishes.reading)
    decided = chosen_reading(wishes.decide) if wishes.decide else told
    present = _version(wishes.present, "--present")
    versions = dict.fromkeys([*ALL_VERSIONS, *([version_of(decided), present] if wishes.adr else [])])
    workers = wishes.workers or None
    with open_server(wishes.server) as live, _Bar(Console(stderr=True), 24) as tell:
        result = search(bounds, server=live, workers=workers, progress=tell)
        upgrades = (
            roll_out_all(bounds, versions=versions, workers=workers, progress=tell)
            if wishes.adr or wishes.html
            else None
        )
    texts: dict[Path, str | bytes] = {}
    words = Words(wishes.lang)
    crashes = search_crashes() if wishes.json or wishes.crashes else None
    if wishes.json and crashes:
        texts[wishes.json] = _json({**result.as_json(), "crashes": crashes.as_json()})
    if wishes.html and upgrades:
        from turnaffinity.reports.matrix import matrix_page

        also = crashes if wishes.crashes else None
        texts[wishes.html] = matrix_page(result, rollouts_html(upgrades, words), crashes=also, lang=wishes.lang)
    if wishes.adr and upgrades:
        today = datetime.now(UTC).date().isoformat()
        texts[wishes.adr] = decision_record(decided, result, upgrades, today=today, present=present.name, words=words)
    write_all(texts)
    if wishes.json != STDOUT:
        print_exploration(console_for(), result, told, wanted, words)
        if wishes.crashes and crashes:
            print_crashes(console_for(), crashes, words)


def _json(data: dict[str, Any]) -> str:
    return dumps(data, ensure_ascii=False, indent=1) + "\n"


def _version(text: str, option: str) -> Version:
    try:
        return parse_version(text)
    except ValueError as error:
        what, _, mend = str(error).partition("; ")
        raise Problem(option, what, mend) from error


def _goals(wanted: tuple[str, ...]) -> list[str]:
    known = [goal.id for goal in GOALS]
    asked = [name.upper() for name in wanted]
    for name in asked:
        if name not in known:
            raise Problem("--goal", f'"{name}" is no goal', f"use one of {', '.join(known)}")
    return asked


class _Bar:
    """A bar on stderr, on a terminal only."""

    def __init__(self, console: Console, total: int) -> None:
        done = progress.TextColumn("{task.completed}/{task.total}")
        columns = (progress.TextColumn("{task.description}"), progress.BarColumn(), done)
        self._bar = progress.Progress(
            *columns,
            progress.TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            # no thread of its own: the search forks
            auto_refresh=False,
        )
        self._task = self._bar.add_task("searching", total=total)

    def __enter__(self) -> Progress:
        self._bar.start()
        self._bar.refresh()
        return self._tell

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def _tell(self, done: int, total: int, what: str) -> None:
        self._bar.update(self._task, completed=done, total=total, description=what, refresh=True)
