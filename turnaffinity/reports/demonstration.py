"""How is the story of a long speech told in the terminal? Scene by scene, and its timeline at the end."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from turnaffinity.contract.decisions import DECISIONS, Reading
from turnaffinity.showing.keys import keys_view
from turnaffinity.showing.names import Names
from turnaffinity.showing.shown import padded, print_hanging, wrapped
from turnaffinity.showing.timeline import Moment, timeline_lines
from turnaffinity.showing.wire import wire_view
from turnaffinity.showing.wording import Words
from turnaffinity.stage.demonstration import Told

INDENT, GUTTER = 12, 2
"""Where the facts of a scene begin, and how wide a wire's margin for broken commands is, in columns."""


def narrate(
    console: Console, reading: Reading, server_name: str, story: Iterable[Told], *, lang: str = "en", wire: bool = False
) -> None:
    """Print the story: what is said, who gets which job, the flow's commands, what changed, what one hears.

    A selection's own commands are counted; with `wire` they are shown.
    """
    words, names = Words(lang), Names()
    about = f"{words('on')} {server_name}, {words('reading')} {reading.label}"
    _say(console, words.listed((words("A long speech in a room of three languages"), about)), "bold")
    for decision in DECISIONS:
        choice = reading.as_dict()[decision.id]
        said = f"{words.label(words.question(decision))}{words.choices(decision)[choice]}"
        _say(console, said, label=f"  {decision.id}  ")
    moments = []
    for number, told in enumerate(story, 1):
        _name_ids(told, names)
        console.print()
        _scene(console, number, told, names, words, wire)
        moments.append(_moment(told, names, words))
    console.print()
    _say(console, words("the whole speech"), "bold")
    for line in timeline_lines(moments, words=words, width=console.width - 2):
        console.print(Text(f"  {line}"), soft_wrap=True)


def _name_ids(told: Told, names: Names) -> None:
    names.session(told.session)
    names.turn(told.turn_id)
    for job in told.jobs:
        names.job(job.job_id)
        if job.node_id is not None:
            names.node(job.node_id)


def _scene(console: Console, number: int, told: Told, names: Names, words: Words, wire: bool) -> None:
    scene, zh = told.scene, words.lang == "zh"
    _say(console, f"{number}. {scene.title_zh if zh else scene.title} ({scene.reason})", "bold")
    _say(console, scene.said_zh if zh else scene.said, "italic", label="   ")
    jobs = "   ".join(f"{job.tgt_lang} {names.apply(job.node_id or words('no node'))}" for job in told.jobs)
    facts = (names.apply(words(phrase, **values)) for phrase, values in told.facts())
    _part(console, words("jobs"), [f"{jobs}   ({words('turn')} {names.turn(told.turn_id)})"], "cyan")
    if told.wire:
        shown = wire_view(told.wire, told.layout, names, told.scripts, words=words, insides=wire)
        _part(
            console, words("wire"), (line[GUTTER:] for line in shown.lines(console.width - INDENT + GUTTER)[1:]), "dim"
        )
    view = keys_view(told.after, names, before=told.before, words=words).changed
    if view.rows:
        _part(console, words("changed"), view.lines(console.width - INDENT)[1:])
    _part(console, words("heard"), wrapped(words("; ").join(facts), console.width - INDENT), "bold")


def _part(console: Console, label: str, lines: Iterable[str], style: str = "") -> None:
    """Lines with a label beside the first of them."""
    for line in lines:
        console.print(Text.assemble(padded(f"   {label}", INDENT), (line, style)), soft_wrap=True)
        label = ""


def _moment(told: Told, names: Names, words: Words) -> Moment:
    jobs = tuple((job.tgt_lang, names.apply(job.node_id) if job.node_id else None) for job in told.jobs)
    held = {names.apply(turn): names.apply(node) for turn, node in told.affinities.items()}
    return Moment(told.scene.reason, names.turn(told.turn_id), jobs, held, names.apply(told.open_turn))


def _say(console: Console, text: str, style: str = "", *, label: str = "") -> None:
    print_hanging(console, label, text, style)


def _lines(console: Console, lines: Iterable[str], style: str = "") -> None:
    for line in lines:
        console.print(Text(line, style=style), soft_wrap=True)
