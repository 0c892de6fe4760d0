"""What do several verbs take? Their common options, each worded once, and what an option's text means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from turnaffinity.contract.decisions import Reading

LayoutFile = Annotated[
    Path | None, typer.Option("--layout", metavar="FILE", help="TOML file with the names of the keys")
]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="write the result as JSON; - prints it")]
JunitFile = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="write the report as JUnit XML")]
MarkdownFile = Annotated[
    Path | None, typer.Option("--markdown", metavar="FILE", help="write what a pull request shows")
]
HtmlFile = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="write the report as one page")]
ExpectFile = Annotated[
    Path | None, typer.Option("--expect-fail", metavar="FILE", help="TOML file of failures that are expected")
]
NAMED = "literal, intent, continuous, decided, steady"
OneReading = Annotated[str, typer.Option("--reading", metavar="NAME", help=f"{NAMED}, or D1=..,D4=..")]
ReadingName = Annotated[str, typer.Option("--reading", metavar="NAME", help=f"{NAMED}, auto, or D1=..,D4=..")]
Lang = Annotated[
    str, typer.Option("--lang", metavar="en|zh", envvar="TURNAFFINITY_LANG", help="language of what is printed")
]


def say(text: str) -> None:
    """Print lines in the reader's language; those that no catalog has as they are."""
    typer.echo(in_their_language(text))


def in_their_language(text: str) -> str:
    """The lines of a text, each in the reader's language, with the space before it kept."""
    from turnaffinity.catalogs import preferred_language, told

    def one(line: str) -> str:
        bare = line.lstrip()
        return line[: len(line) - len(bare)] + told(bare, preferred_language())

    return "\n".join(map(one, text.split("\n")))


def chosen_reading(text: str) -> Reading:
    """The reading that `--reading` names; raises `Problem` for none."""
    from turnaffinity.contract.decisions import parse_reading
    from turnaffinity.problem import Problem

    try:
        return parse_reading(text)
    except ValueError as error:
        what, _, mend = str(error).partition("; ")
        raise Problem("--reading", what, mend) from error
