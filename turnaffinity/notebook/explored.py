"""What does the explorer say, on a page? The open decisions, the matrix, counterexamples as stories, crashes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import zip_longest

from rich.cells import cell_len

from turnaffinity.contract.decisions import DECISIONS, GOALS, Reading, parse_reading
from turnaffinity.contract.glossary import TERMS
from turnaffinity.explorer.crashes import CrashReport, Stop, search_crashes
from turnaffinity.explorer.matrix import Cell, Exploration, explore
from turnaffinity.explorer.rollouts import RolloutMatrix, replay, roll_out_all
from turnaffinity.explorer.versions import ALL_VERSIONS, parse_version
from turnaffinity.notebook.turned import Turned
from turnaffinity.problem import Problem
from turnaffinity.reports.decisions import decision_record, rollouts_text, upgrades_said
from turnaffinity.reports.matrix import bounds_told, matrix_picture, story
from turnaffinity.server import open_server
from turnaffinity.showing.canvas import Picture
from turnaffinity.showing.shown import PRE, Shown, padded
from turnaffinity.showing.wording import Words


@dataclass(frozen=True, repr=False)
class Told(Shown):
    """Lines of text, which a page may break."""

    told: tuple[str, ...]

    def lines(self, width: int | None = None) -> list[str]:
        """In the reader's language."""
        return [Words().told(line) for line in self.told]

    def html(self) -> str:
        """The same, long lines broken where the page ends."""
        style = PRE.replace("white-space:pre;", "white-space:pre-wrap;")
        return f"<pre {style}>{escape(chr(10).join(self.lines()))}</pre>"


@dataclass(frozen=True, repr=False)
class AsItIs(Told):
    """Lines that are in the reader's language already."""

    def lines(self, width: int | None = None) -> list[str]:
        """The lines."""
        return list(self.told)


def glossary() -> Told:
    """The words of the contract in both languages, two a line."""
    pairs = [f"{padded(word, 14)} {zh}" for word, zh in TERMS.items()]
    half = (len(pairs) + 1) // 2
    return AsItIs(tuple(
        f"{padded(left, 32)}{right}".rstrip() for left, right in zip_longest(pairs[:half], pairs[half:], fillvalue="")
    ))  # fmt: skip


def decisions() -> Told:
    """The open decisions with their choices, and the rule whose verdict depends on each."""
    lines: list[str] = []
    words = Words()
    for decision in DECISIONS:
        lines.append(words.label(f"{decision.id} ({decision.rule})  {words.question(decision)}").rstrip())
        lines += [f"    {choice:16} {what}" for choice, what in words.choices(decision).items()]
    return Told(tuple(lines))


def goals() -> Told:
    """The goals, each with its title and what is heard, or seen, where it fails."""
    words = Words()
    titles = {goal.id: words.told(goal.title) for goal in GOALS}
    wide = max(map(cell_len, titles.values()))
    return Told(tuple(
        f"{goal.id}  {padded(titles[goal.id], wide)}  {words.label('else')}{words.told(goal.heard)}" for goal in GOALS
    ))  # fmt: skip


@dataclass(frozen=True)
class Explored:
    """A finished search, to be looked at from several sides."""

    result: Exploration

    @property
    def matrix(self) -> Picture:
        """All combinations against all goals."""
        return matrix_picture(self.result)

    @property
    def follows(self) -> Told:
        """What follows from the matrix; every word of it is derived."""
        return Told(tuple(self.result.recommendation()))

    @property
    def searched(self) -> Told:
        """How far was looked, and how the counterexamples were checked."""
        bounds = bounds_told(self.result.bounds, Words())
        broken = sum(not cell.holds for cell in self.result.cells)
        ending = (
            "no state was cut off by the bounds: what holds, holds for speech of any length"
            if self.result.closed
            else "the bounds cut some behaviours off: what holds, holds within them"
        )
        return Told((
            f"searched: {bounds}",
            f"{self.result.states:,} states, {self.result.transitions:,} transitions; {ending}",
            f"{broken} counterexamples; {self.result.replayed} of them were repeated by the real flow on a live server",
        ))  # fmt: skip

    def cell(self, reading: str, goal_id: str) -> Cell:
        """One result, by the name of a reading (or choices such as D1=mint) and a goal's id."""
        if goal_id not in {goal.id for goal in GOALS}:
            raise Problem(f'goal "{goal_id}"', "is none", "use G1 to G8")
        return self.result.cell(parse_reading(reading), goal_id)

    def story(self, reading: str, goal_id: str) -> Told:
        """A smallest counterexample, step by step, with what the listener hears; or that the goal holds."""
        return Told(tuple(story(self.cell(reading, goal_id), Words())))

    def record(self, reading: Reading, upgrading: Upgrades, *, present: str = "before", day: str = "") -> AsItIs:
        """The record of a decision, as `turnaffinity explore --decide READING --adr FILE` writes it."""
        words = Words()
        text = decision_record(
            reading, self.result, upgrading.matrix, today=day or words("the day of the review"), present=present,
            words=words,
        )  # fmt: skip
        return AsItIs(tuple(text.rstrip().splitlines()))

    def turned(self, goal_id: str = "", reading: str = "intent") -> Turned:
        """A panel on which D1 to D4 are turned by hand."""
        return Turned(self.result, parse_reading(reading), goal_id)


@dataclass(frozen=True)
class Upgrades:
    """What two versions do to each other while both serve the same sessions."""

    matrix: RolloutMatrix

    @property
    def table(self) -> Told:
        """Each version alone and each pair, goal by goal."""
        return Told(tuple(rollouts_text(self.matrix, Words())))

    @property
    def follows(self) -> Told:
        """Which upgrades may run side by side, and what the others need."""
        return Told(tuple(upgrades_said(self.matrix, Words())))

    def story(self, a: str, b: str, goal_id: str) -> Told:
        """A smallest counterexample with both versions at work, repeated by two schedulers on a live server."""
        rollout = self.matrix.by_pair[frozenset({a, b})]
        with open_server() as server:
            replay(rollout, server)
        return Told(tuple(story(rollout.cell(goal_id), Words())))


def upgrades(*names: str) -> Upgrades:
    """Search every pair of versions, each finalize handled by either; without names, all six versions."""
    versions = [parse_version(name) for name in names] or list(ALL_VERSIONS)
    return Upgrades(roll_out_all(versions=versions))


def search() -> Explored:
    """Search as `turnaffinity explore` does, and repeat every counterexample on a live server of its own."""
    with open_server() as server:
        return Explored(explore(server=server))


@dataclass(frozen=True)
class Crashes:
    """What stays behind when a process dies between two commands."""

    report: CrashReport

    @cached_property
    def harmful(self) -> tuple[Stop, ...]:
        """The stops that leave something."""
        return tuple(stop for stop in self.report.stops if stop.left != "nothing")

    def of(self, kind: str, d1: str = "reuse") -> Told:
        """The stops of a "write" or a "clear" in each order, for one choice of D1."""
        lines = [_stop(stop) for stop in self.report.stops if (stop.kind, stop.d1) == (kind, d1)]
        safe = ", ".join(self.report.safe_orders(kind))
        return Told((*_aligned(lines), f"leaves nothing that the next finalize does not repair: {safe}"))

    def takeovers(self, d1: str = "reuse") -> Told:
        """What is lost when two schedulers finalize one session at once, though each step is one script."""
        rows = [row for row in self.report.takeovers if row.steps == "one script" and row.reading.d1 == d1]
        losses = sorted({loss for row in rows for loss in row.losses})
        example = min((row.example for row in rows if row.example), key=len, default="")
        return Told((*(losses or ["nothing that it does not lose alone"]), *([example] if example else [])))


def crashes() -> Crashes:
    """Every place where a process can die within a write or a clear, in every order of its commands."""
    return Crashes(search_crashes())


_AFTER = {"write": "after the whole write", "clear": "after the whole clear"}
"""How a stop after a step that is one script is told; others are called by their command."""


def _stop(stop: Stop) -> tuple[str, str, str]:
    after = _AFTER.get(stop.after, f"after {stop.after}")
    if stop.left == "nothing":
        return stop.order, after, "nothing is left"
    ending = "for ever" if stop.for_ever else f"until the next {' or '.join(stop.gone_by)}"
    return stop.order, after, f"{stop.left}, {ending}"


def _aligned(rows: Iterable[tuple[str, str, str]]) -> list[str]:
    words = Words()
    found = [tuple(map(words.told, row)) for row in rows]
    wide = [max((cell_len(row[column]) for row in found), default=0) for column in range(2)]
    killed = words("killed")
    return [f"{padded(order, wide[0])}  {killed} {padded(after, wide[1])}  {left}" for order, after, left in found]
