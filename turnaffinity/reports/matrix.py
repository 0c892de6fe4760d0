"""How does the decision matrix look, and each counterexample as a story? In the terminal, as Markdown, as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from json import dumps, loads
from typing import Any

from markupsafe import Markup
from rich.console import Console
from rich.table import Table
from rich.text import Text

from turnaffinity.contract.decisions import DECISIONS, GOALS, Reading, all_readings
from turnaffinity.explorer.behaviour import Behaviour, under
from turnaffinity.explorer.bounds import WATCHED, Bounds
from turnaffinity.explorer.crashes import CrashReport
from turnaffinity.explorer.matrix import Cell, Exploration
from turnaffinity.reports.page import rendered
from turnaffinity.showing.canvas import Picture
from turnaffinity.showing.shown import print_hanging
from turnaffinity.showing.wording import Words

HOLDS, BROKEN = "✓", "✗"
LABEL_PX, CELL_PX, ROW_PX, HEAD_PX = 380, 46, 24, 70


def print_exploration(
    console: Console, result: Exploration, reading: Reading, wanted: Sequence[str], words: Words | None = None
) -> None:
    """Print the matrix, the goals, how far was searched, what follows, and counterexamples of one reading."""
    words = words or Words()
    console.print(_table(result, words))
    _summary(console, result, words)
    _tell(console, result, reading, wanted, words)


def print_crashes(console: Console, report: CrashReport, words: Words) -> None:
    """Print what is left where a scheduler dies between two commands."""
    console.print()
    for line in report.lines():
        print_hanging(console, "" if line.endswith(":") else "  ", words.told(line))


def _table(result: Exploration, words: Words) -> Table:
    table = Table(title=words.told("which combination of choices meets which goal"), box=None, padding=(0, 1, 0, 0))
    for decision in DECISIONS:
        table.add_column(decision.id, no_wrap=True)
    table.add_column(words("reading"), no_wrap=True, min_width=10)
    for goal in GOALS:
        table.add_column(goal.id, justify="center", no_wrap=True, min_width=2)
    for reading in all_readings():
        marks = [_sign(result.cell(reading, goal.id).holds) for goal in GOALS]
        style = "bold" if not result.missed(reading) else ""
        table.add_row(*reading.as_dict().values(), reading.name or "", *marks, style=style)
    return table


def _sign(holds: bool) -> Text:
    return Text(HOLDS, style="green") if holds else Text(BROKEN, style="red")


def bounds_told(bounds: Bounds, words: Words) -> str:
    """How far was searched: "nodes 3, languages 2, ..."."""
    return words.listed(f"{words(BOUNDS[name])} {number}" for name, number in bounds.as_dict().items())


BOUNDS = {
    "nodes": "nodes", "languages": "languages", "sessions": "sessions", "utterances": "utterances",
    "max_durations": "max_duration finalizes", "node_failures": "node failures",
}  # fmt: skip


def _summary(console: Console, result: Exploration, words: Words) -> None:
    told = words.told
    for goal in GOALS:
        print_hanging(console, f"{goal.id}  ", f"{words.label(goal.title)}{told(goal.holds_if)}")
    bounds = bounds_told(result.bounds, words)
    rate = int(result.transitions / max(result.seconds, 0.001))
    per_s = int(result.states / max(result.seconds, 0.001))
    console.print()
    for line in (
        f"{words.label('searched')}{bounds}",
        f"{result.states} states (names apart), {result.transitions} transitions in {result.seconds:.1f} s: {per_s} "
        f"states and {rate} transitions a second; {result.replayed} counterexamples replayed on the live server",
        "no state was cut off by the bounds: what holds, holds for speech of any length" if result.closed else "",
    ):
        if line:
            print_hanging(console, "", told(line))
    console.print()
    for line in result.recommendation():
        print_hanging(console, "", told(line))


def _tell(console: Console, result: Exploration, reading: Reading, wanted: Sequence[str], words: Words) -> None:
    for goal in GOALS:
        cell = result.cell(reading, goal.id)
        if goal.id in wanted or (not wanted and not cell.holds):
            console.print()
            for line in story(cell, words):
                print_hanging(console, "", line)


def matrix_markdown(exploration: Exploration) -> str:
    """The matrix as a Markdown table: a row a combination; those that meet every goal in bold."""
    head = ["D1", "D2", "D3", "D4", "reading", *(goal.id for goal in GOALS)]
    rows = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for reading in all_readings():
        marks = [_mark(exploration, reading, goal.id) for goal in GOALS]
        choices = list(reading.as_dict().values())
        if not exploration.missed(reading):
            choices = [f"**{choice}**" for choice in choices]
        rows.append("| " + " | ".join([*choices, f"`{reading.name}`" if reading.name else "", *marks]) + " |")
    return "\n".join(rows) + "\n"


def decisions_markdown(exploration: Exploration, words: Words | None = None) -> str:
    """What each goal needs of the decisions, and what the named readings miss, as a Markdown list."""
    told = (words or Words("en")).told
    return "".join(f"- {told(line)}\n" for line in exploration.recommendation())


def decision_matrix(
    rows: Sequence[tuple[str, Mapping[str, bool]]], *, title: str = "which combination meets which goal"
) -> Picture:
    """A row for each combination (its label, and goal id -> whether it holds); rows that meet every goal in bold."""
    goals = list(rows[0][1]) if rows else []
    best = [label for label, held in rows if all(held.values())]
    picture = Picture(
        LABEL_PX + CELL_PX * len(goals) + 16,
        HEAD_PX + ROW_PX * len(rows) + 16,
        title,
        f"{len(rows)} combinations, {len(goals)} goals; all goals are met by: {'; '.join(best) or 'none'}",
    )
    picture.text(16, 26, title, size=15, bold=True)
    for column, goal in enumerate(goals):
        picture.text(LABEL_PX + CELL_PX * column + CELL_PX / 2, HEAD_PX - 12, goal, anchor="middle", bold=True)
    for row, (label, held) in enumerate(rows):
        y = HEAD_PX + ROW_PX * row
        picture.text(16, y + 16, label, size=12, bold=label in best)
        for column, goal in enumerate(goals):
            x = LABEL_PX + CELL_PX * column
            tip = f"{goal} {'holds' if held[goal] else 'is broken'}"
            picture.box(
                x + 2, y + 1, CELL_PX - 4, ROW_PX - 2, style="good" if held[goal] else "bad", tip=tip, round_px=3
            )
            picture.text(x + CELL_PX / 2, y + 16, "✓" if held[goal] else "✗", anchor="middle", bold=not held[goal])
    return picture


def matrix_picture(exploration: Exploration, *, title: str = "which combination meets which goal") -> Picture:
    """All combinations against all goals."""
    rows = [
        (reading.label, {goal.id: exploration.cell(reading, goal.id).holds for goal in GOALS})
        for reading in all_readings()
    ]
    return decision_matrix(rows, title=title)


def matrix_page(
    exploration: Exploration, upgrades: str = "", *, crashes: CrashReport | None = None, lang: str = "en"
) -> str:
    """The page on which a reviewer turns D1 to D4 by hand; a table and all counterexamples without JavaScript.

    `upgrades` is the small matrix of rollouts, as HTML; `crashes` what dying between two commands leaves behind.
    """
    from turnaffinity.explorer.goals import PREDICATES

    words = Words(lang)
    told = words.told
    bounds = bounds_told(exploration.bounds, words)
    readings = list(all_readings())
    return rendered(
        "matrix.html.j2", lang=lang, t=words, bounds=bounds, exploration=exploration, decisions=DECISIONS,
        crashes=list(map(told, crashes.lines())) if crashes else [], predicates=PREDICATES, readings=readings,
        goals=GOALS, zh=lang == "zh", upgrades=Markup(upgrades),
        follows=[told(line) for line in exploration.recommendation()],
        data=Markup(_page_data(exploration, words)),
        broken=lambda goal_id: [
            (reading.label, story(exploration.cell(reading, goal_id), words)[1:])
            for reading in readings if not exploration.cell(reading, goal_id).holds
        ],
    )  # fmt: skip


def _page_data(exploration: Exploration, words: Words) -> str:
    """What the page plays: for each combination and goal the behaviour, and the same speech under each other one.

    Steps that are alike stand there once. As JSON that may stand inside a script element.
    """
    steps: dict[str, int] = {}
    readings = list(all_readings())

    def numbered(behaviour: Behaviour) -> list[int]:
        return [steps.setdefault(dumps(each), len(steps)) for each in _frames(behaviour, words)]

    plays = {}
    for number, reading in enumerate(readings):
        for goal in GOALS:
            cell = exploration.cell(reading, goal.id)
            if cell.behaviour is not None:
                plays[f"{number} {goal.id}"] = {
                    "title": story(cell, words)[0],
                    "ending": story(cell, words)[-2:],
                    "under": [numbered(under(cell.behaviour, other)) for other in readings],
                }
    data = {
        "choices": [list(reading.as_dict().values()) for reading in readings],
        "names": [reading.name or "" for reading in readings],
        "goals": [goal.id for goal in GOALS],
        "holds": [[exploration.cell(reading, goal.id).holds for goal in GOALS] for reading in readings],
        "plays": plays,
        "steps": [loads(step) for step in steps],
    }
    return dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _frames(behaviour: Behaviour, words: Words) -> Iterator[dict[str, Any]]:
    """Each step as the page draws it: what is said, where the jobs went, and what stands recorded after it."""
    turns = dict[str, str]()
    given, *rest = behaviour.as_json()
    yield {"says": words.told(f"Given: {_given(given, words)}"), "who": "", "jobs": [], "keys": []}
    for step in rest:
        says = _sentence(step, turns, words)
        keys = [[turns.get(turn, turn), node] for turn, node in step.get("turn_keys", {}).items()]
        jobs = [[job["tgt_lang"], job["node_id"] or "", job["how"]] for job in step.get("jobs", ())]
        yield {"says": says, "who": step.get("reason", ""), "jobs": jobs, "keys": keys}


def _mark(exploration: Exploration, reading: Reading, goal_id: str) -> str:
    return HOLDS if exploration.cell(reading, goal_id).holds else BROKEN


# counterexamples


def story(cell: Cell, words: Words | None = None) -> list[str]:
    """The sentences of one counterexample, in order; for a goal that holds, one sentence that says so."""
    words = words or Words()
    told = words.told
    goal = told(cell.goal.title)
    if cell.behaviour is None:
        reach = told("for behaviours of any length" if cell.closed else "within the bounds")
        return [told(f"{cell.goal.id} {goal}, under {cell.label}: holds, {reach}.")]
    steps = cell.behaviour.as_json()
    lines = [told(f"{cell.goal.id} {goal}, under {cell.label}: broken."), told(f"Given: {_given(steps[0], words)}")]
    turns: dict[str, str] = {}
    lines += [f"{number}. {_sentence(step, turns, words)}" for number, step in enumerate(steps[1:], start=1)]
    why = told(" ".join(turns.get(word, word) for word in cell.why.split()))
    return [*lines, words("Broken: {why}.", why=why), told(f"What is heard: {told(cell.goal.heard)}.")]


def _given(step: dict[str, Any], words: Words) -> str:
    pools = {pair: words.listed(nodes) for pair, nodes in step["pools"].items()}
    if len(set(pools.values())) == 1 and next(iter(step["pools"].values())) == step["nodes"]:
        return words.told(f"the nodes {words.listed(step['nodes'])} are online and serve all pairs.")
    served = [
        words.told(f"{pair} is served by {nodes}" if nodes else f"{pair} is served by no node")
        for pair, nodes in pools.items()
    ]
    return words("{sentence}.", sentence=words.listed(served, "; "))


def _sentence(step: dict[str, Any], turns: dict[str, str], words: Words) -> str:
    told = words.told
    if step["op"] == "surroundings":
        sentence = _event(step["event"], words)
        return words("{sentence}.", sentence=f"{sentence[0].upper()}{sentence[1:]}")
    what = "speaks on (max_duration)" if step["reason"] == "max_duration" else f"stops ({step['reason']})"
    parts = []
    for number, job in enumerate(step["jobs"], start=1):
        parts += [_event(item["event"], words) for item in step["during"] if item["before"] == f"job {number}"]
        parts.append(_job(job, words))
    parts += [_event(item["event"], words) for item in step["during"] if item["before"] == "write"]
    return words(
        "{who} {what}{by}{turn}: {jobs}. {left}",
        who=told("The speaker" if step["session_id"] == WATCHED else "Another speaker"),
        what=told(what),
        by=told(f", handled by {step['version']}") if step.get("version") else "",
        turn=told(f", turn {turns.setdefault(step['turn_id'], f'T{len(turns) + 1}')}") if step["turn_id"] else "",
        jobs=words.listed(parts, "; "),
        left=_left(step, turns, words),
    )


def _job(job: dict[str, Any], words: Words) -> str:
    how = words.told({"drawn": "drawn", "affinity": "by affinity", "no candidate": "no candidate"}[job["how"]])
    if not job["node_id"]:
        return words.told(f"{job['tgt_lang']} to no node ({how})")
    return words.told(f"{job['tgt_lang']} to {job['node_id']} ({how})")


def _event(event: list[str], words: Words) -> str:
    kind, subject, *nodes = event
    if kind == "serving" and nodes:
        return words.told(f"{subject} is served by {words.listed(nodes)} now")
    if kind == "serving":
        return words.told(f"{subject} is served by no node now")
    return words.told(f"{subject} goes offline") if kind == "offline" else words.told(f"{subject} comes online")


def _left(step: dict[str, Any], turns: dict[str, str], words: Words) -> str:
    kept = [
        words.told(f"{turns.setdefault(turn, f'T{len(turns) + 1}')} at {node}")
        for turn, node in step["turn_keys"].items()
    ]
    return words.told(f"Recorded: {words.listed(kept)}.") if kept else words.told("Nothing is recorded.")
