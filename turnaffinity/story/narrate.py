"""How is the story told in the terminal? Scene by scene, with the commands nested as they ran."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

from turnaffinity.contract.decisions import DECISIONS, Reading
from turnaffinity.story.speech import Told
from turnaffinity.wire.command import Command

COLOURS = ("cyan", "magenta", "yellow", "green", "blue")
"""One colour a node; its name says the same, for those who see no colours."""

MOST_WORDS = 12
"""Words of one command that are shown whole; a window of fifty pool ids is one EXISTS with fifty keys."""


def narrate(console: Console, reading: Reading, server_name: str, story: Iterable[Told]) -> None:
    """Print the story: what is said, each job's node, the commands on the wire, the keys after, what one hears."""
    console.print(f"[bold]A long speech in a room of three languages[/], on {server_name}, reading {reading.label}")
    for decision in DECISIONS:
        choice = reading.as_dict()[decision.id]
        console.print(f"  {decision.id}  {decision.question}: [bold]{decision.choices[choice]}[/]")
    colours: dict[str, str] = {}
    for number, told in enumerate(story, 1):
        console.print()
        console.print(_panel(number, told, colours))


def _panel(number: int, told: Told, colours: dict[str, str]) -> Panel:
    parts: list[Text] = [Text(told.scene.said, style="italic"), Text()]
    for job in told.jobs:
        node = job.node_id or "no node"
        style = colours.setdefault(node, COLOURS[len(colours) % len(COLOURS)])
        parts.append(Text.assemble("zh -> ", (f"{job.tgt_lang:<4}", "bold"), (node, style)))
    parts.append(Text(f"turn {told.turn_id}\n"))
    parts.extend(_wire(told.wire))
    parts.append(Text("\nkeys after", style="bold"))
    for key, fields in told.keys.items():
        shown = ", ".join(f"{name} = {value}" for name, value in sorted(fields.items()))
        parts.append(Text(f"  {key}  {shown}"))
    if not told.keys:
        parts.append(Text("  none of the scheduler's"))
    parts.append(Text("\n" + "; ".join(told.sentences()), style="bold"))
    title = f"{number}. {told.scene.title} ({told.scene.reason})"
    return Panel(Group(*parts), title=title, title_align="left")


def _wire(wire: Iterable[Command]) -> list[Text]:
    lines = [Text("on the wire", style="bold")]
    for command in wire:
        argv = command.argv
        if command.name == "EVALSHA":  # forty digits tell nothing
            argv = (argv[0], argv[1][:7] + "..", *argv[2:])
        if len(argv) > MOST_WORDS:
            argv = (*argv[:3], f".. and {len(argv) - 3} more")
        indent, style = ("      ", "dim") if command.inside_script else ("  ", "")
        lines.append(Text(indent + " ".join(part or '""' for part in argv), style=style))
    return lines
