"""How does a decision look? Its upgrade goal by goal, the small matrix of all upgrades, and the record."""

from __future__ import annotations

from markupsafe import escape
from rich.cells import cell_len
from rich.console import Console

from turnaffinity.contract.decisions import DECISIONS, GOALS, Reading
from turnaffinity.contract.rules import RULES
from turnaffinity.explorer.matrix import Exploration
from turnaffinity.explorer.rollouts import Rollout, RolloutMatrix
from turnaffinity.explorer.versions import ALL_VERSIONS, version_of
from turnaffinity.reports.matrix import BROKEN, HOLDS, bounds_told, story
from turnaffinity.showing.shown import padded, print_hanging
from turnaffinity.showing.wording import Words

IDLE = "·"
"""A goal that says nothing of a version: it records no node."""


def print_rollout(console: Console, rollout: Rollout, *, lang: str = "en") -> None:
    """Print each goal with both versions at work, and a smallest counterexample of each that fails."""
    words = Words(lang)
    both = f"{rollout.a.name} and {rollout.b.name} serve the same sessions, each finalize by either"
    print_hanging(console, "", words.told(both))
    console.print()
    for cell in rollout.cells:
        mark = "[green]✓[/]" if cell.holds else "[red]✗[/]"
        console.print(f"{cell.goal.id}  {mark}  {words.told(cell.goal.title)}", markup=True, highlight=False)
    for cell in rollout.cells:
        if not cell.holds:
            console.print()
            for line in story(cell, words):
                print_hanging(console, "", line)
    console.print()
    reach = "no state was cut off by the bounds: what holds, holds for speech of any length"
    if all(cell.closed for cell in rollout.cells if cell.holds):
        print_hanging(console, "", words.told(reach))
    counts = f"{rollout.states} states in {rollout.seconds:.1f} s; {rollout.replayed} counterexamples replayed live"
    print_hanging(console, "", words.told(counts))


def mark_of(matrix: RolloutMatrix, a: str, b: str, goal_id: str) -> str:
    """How a goal stands with these versions at work: it holds, is broken, or says nothing."""
    if goal_id in matrix.missed(a, b):
        return BROKEN
    return IDLE if goal_id in matrix.idle(a, b) else HOLDS


def _rows(matrix: RolloutMatrix, words: Words) -> list[list[str]]:
    """A row for each version alone and each pair: both names, a mark for each goal, and whether it may be."""
    alone = [(one.a.name, one.a.name) for one in matrix.rollouts if one.a == one.b]
    rows = []
    for a, b in [*alone, *((one.a.name, one.b.name) for one in matrix.pairs)]:
        marks = [mark_of(matrix, a, b, goal.id) for goal in GOALS]
        lost = ", ".join(matrix.lost(a, b))
        verdict = "" if a == b else words("breaks {goals}", goals=lost) if lost else words("yes")
        rows.append([a, b if a != b else words("alone"), *marks, verdict])
    return rows


def _head(words: Words) -> list[str]:
    return ["", words("beside"), *(goal.id for goal in GOALS), words("side by side")]


def rollouts_markdown(matrix: RolloutMatrix, words: Words | None = None) -> str:
    """The small matrix as a Markdown table."""
    words = words or Words()
    head = _head(words)
    rows = [head, ["---"] * len(head), *_rows(matrix, words)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def rollouts_text(matrix: RolloutMatrix, words: Words | None = None) -> list[str]:
    """The small matrix as lines of text, its columns aligned."""
    words = words or Words()
    rows = [_head(words), *_rows(matrix, words)]
    wide = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(padded(cell, width) for cell, width in zip(row, wide, strict=True)).rstrip() for row in rows]
    return [*lines, words(IDLE_SAID)]


def rollouts_html(matrix: RolloutMatrix, words: Words) -> str:
    """The small matrix as an HTML table, with what follows from it."""
    styles = {HOLDS: "pass", BROKEN: "fail", IDLE: "dim"}
    head = "".join(f"<th>{escape(name)}</th>" for name in _head(words))
    rows = "".join(
        "<tr>" + "".join(f'<td class="{styles.get(cell, "")}">{escape(cell)}</td>' for cell in row) + "</tr>"
        for row in _rows(matrix, words)
    )
    said = "".join(f"<li>{escape(line)}</li>" for line in upgrades_said(matrix, words))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="scroll">{table}</div><p class="dim">{escape(words(IDLE_SAID))}</p><ul>{said}</ul>'


IDLE_SAID = "· the goal speaks of a node that stands recorded, and before records none"


def upgrades_said(matrix: RolloutMatrix, words: Words | None = None) -> list[str]:
    """What follows for upgrades: the pairs that may run side by side, and each that may not with what it needs."""
    words = words or Words()
    may = [f"{one.a.name} + {one.b.name}" for one in matrix.pairs if not matrix.lost(one.a.name, one.b.name)]
    others = [one for one in matrix.pairs if matrix.lost(one.a.name, one.b.name)]
    said = [words("side by side may run: {pairs}", pairs=", ".join(may))]
    return [*said, *(words.told(matrix.sentence(one.a.name, one.b.name)) for one in others)]


def decision_record(
    chosen: Reading, result: Exploration, matrix: RolloutMatrix, *, today: str, present: str = "before",
    words: Words | None = None,
) -> str:  # fmt: skip
    """A decision record in Markdown, with MADR's headings; every figure in it is the search's.

    `chosen` is the reading that is decided on, `present` the version at work now, by name.
    """
    words = words or Words()
    told = words.told
    missed = result.missed(chosen)
    lines = [
        "---", "status: proposed", f"date: {today}", "---", "",
        "# " + told(f"Turn affinity: {_choices(chosen)}"), "",
        f"## {words('Context and Problem Statement')}", "", told(CONTEXT), "",
    ]  # fmt: skip
    for decision in DECISIONS:
        rule = RULES[decision.rule]
        question = words("{sentence}?", sentence=words.question(decision))
        lines.append(f"- {words.label(f'**{decision.id}** ({decision.rule})')}{question}")
        if rule.note_line_zh:
            gloss = f" ({rule.note_line_en})" if words.lang == "en" and rule.note_line_en else ""
            lines.append(f"  > {rule.note_line_zh}{gloss}")
    lines += ["", f"## {words('Decision Drivers')}", ""]
    lines += [f"- **{goal.id}** {told(f'{goal.title}; otherwise: {goal.heard}')}" for goal in GOALS]
    lines += ["", f"## {words('Considered Options')}", "", *_options(chosen, result, words)]
    lines += [
        "",
        f"## {words('Decision Outcome')}",
        "",
        words("{chosen} {outcome}", chosen=told(f"Chosen: {_choices(chosen)}."), outcome=_outcome(missed, words)),
    ]
    lines += [_choice(decision.id, chosen, words) for decision in DECISIONS]
    lines += ["", f"### {words('Consequences')}", ""]
    for goal in GOALS:
        kept = goal.id not in missed
        mark = words("Good, because") if kept else words("Bad, because")
        what = told(f"{goal.id} holds: {told(goal.title)}") if kept else told(f"{goal.id} fails: {told(goal.heard)}")
        lines.append(f"- {mark}{'' if mark.endswith('：') else ' '}{what}")
    lines += ["", f"### {words('Rollout')}", "", *_rollout(chosen, matrix, present, words)]
    lines += ["", f"### {words('Confirmation')}", "", "```console", *_commands(chosen, present), "```", ""]
    lines += [f"## {words('Pros and Cons of the Options')}", "", *_counterexamples(chosen, result, words)]
    lines += ["", f"## {words('More Information')}", "", *_searched(result, words)]
    return "\n".join(lines).rstrip() + "\n"


CONTEXT = (
    "The note keeps the jobs of one turn on one node, and can be read in two ways in four places. "
    "Every combination was held against eight goals, on every behaviour within the bounds named below."
)


def _choices(reading: Reading) -> str:
    choices = ", ".join(f"{name} = {choice}" for name, choice in reading.as_dict().items())
    return f"{choices} ({reading.name})" if reading.name else choices


def _choice(decision_id: str, reading: Reading, words: Words) -> str:
    decision = next(each for each in DECISIONS if each.id == decision_id)
    choice = reading.as_dict()[decision_id]
    return f"- {words.label(f'{decision_id} = `{choice}`')}{words.choices(decision)[choice]}"


def _compared(chosen: Reading, result: Exploration) -> list[Reading]:
    """The named readings, what is chosen, and what meets every goal."""
    named = [version.reading for version in ALL_VERSIONS if version.reading is not None]
    return list(dict.fromkeys([chosen, *named, *result.meeting_all]))


def _options(chosen: Reading, result: Exploration, words: Words) -> list[str]:
    lines = [
        f"| {words('option')} | D1 | D2 | D3 | D4 | {words('misses')} |",
        "|---|---|---|---|---|---|",
    ]
    for reading in _compared(chosen, result):
        is_chosen = reading == chosen
        unnamed = words("chosen") if is_chosen else words("without a name")
        name = f"`{reading.name}`" if reading.name else unnamed
        name = f"**{name}**" if is_chosen else name
        missed = words.listed(result.missed(reading)) or words("nothing")
        lines.append(f"| {name} | {' | '.join(reading.as_dict().values())} | {missed} |")
    return lines


def _outcome(missed: tuple[str, ...], words: Words) -> str:
    if not missed:
        return words.told("It meets every goal.")
    return words.told(f"It misses {', '.join(missed)}; what that costs stands below.")


def _rollout(chosen: Reading, matrix: RolloutMatrix, present: str, words: Words) -> list[str]:
    """What the way from the present version to the chosen one needs."""
    name = version_of(chosen).name
    if name == present:
        return [words.told("Nothing changes: it is the version at work now.")]
    return [words.told(matrix.sentence(present, name))]


def _commands(chosen: Reading, present: str) -> list[str]:
    named = version_of(chosen).name
    rollout = [f"turnaffinity explore --rollout {present} {named}"] if present != named else []
    return [f"turnaffinity explore --reading {named}", *rollout, f"turnaffinity verify --reading {named}"]


def _counterexamples(chosen: Reading, result: Exploration, words: Words) -> list[str]:
    """For each option, the smallest counterexample of the first goal that it misses and the chosen one keeps."""
    lines: list[str] = []
    kept = set(result.met(chosen))
    for reading in _compared(chosen, result):
        missed = result.missed(reading)
        decides = [goal for goal in missed if goal in kept] or list(missed)
        lines += [f"### {reading.label}", ""]
        if not decides:
            lines += ["- " + words.told("It meets every goal."), ""]
            continue
        title, given, *steps = story(result.cell(reading, decides[0]), words)
        numbered = [step for step in steps if step[0].isdigit()]
        lines += [title, given, "", *numbered, "", *steps[len(numbered) :], ""]
    return lines[:-1]


def _searched(result: Exploration, words: Words) -> list[str]:
    lines = [f"{words.label('searched')}{bounds_told(result.bounds, words)}"]
    if result.closed:
        lines.append(words.told("No state was cut off by the bounds: what holds, holds for speech of any length."))
    if result.replayed:
        lines.append(words.told(f"{result.replayed} counterexamples were repeated by the real flow on a live server."))
    return [f"- {line}" for line in lines]
