"""What is the smallest adapter to start from? The verb `init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turnaffinity.cli.options import say

if TYPE_CHECKING:
    from turnaffinity.problem import Problem

LANGUAGES = ("python", "node", "rust", "go", "lua")

BORROWED = {"rust": {"src/json.rs": "implementations/rust/src/json.rs"}}
"""Files that a starter shares with an example: its own name, and the file below `conformance/`."""


def init(
    language: Annotated[
        str,
        typer.Argument(
            metavar="python|node|rust|go|lua",
            help="what to write",
            autocompletion=lambda incomplete: [name for name in LANGUAGES if name.startswith(incomplete)],
        ),
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="where to; made if it is missing, else it must be empty")
    ],
) -> None:
    """Write the smallest adapter to start from into DIR, and print the next steps.

    python, node, rust, go: an adapter that answers hello, refuses bad requests and says `unsupported` to the rest, with
    a `run` that starts it. It needs no package, no crate and no module. verify ends "incomplete" with nothing failed,
    and goes further as you fill in its finalize. lua: a whole select_node.lua; verify ends "conforms".

    DIR has to be empty or missing; if anything goes wrong, nothing is left behind.

    examples:
      turnaffinity init rust adapter
      turnaffinity verify --adapter adapter/run

    exit: 0 written   2 there is no such language, or DIR is not empty or cannot be written
    """
    import shlex

    from turnaffinity.problem import Problem

    language = language.lower()
    if language not in LANGUAGES:
        raise Problem("init", f'there is no starter for "{language}"', f"use one of {', '.join(LANGUAGES)}")
    written = _write(_starter(language), folder)
    say(f"wrote {', '.join(written)} to {folder}")
    if language == "lua":
        script = shlex.quote(str(folder / "select_node.lua"))
        say(f"next:\n  turnaffinity verify --lua {script}")
        say("then change the script to your own, and verify again")
        return
    run = str(folder / "run")
    command = shlex.quote(run if "/" in run else f"./{run}")
    # --adapter takes a command line, so that a path with a space is quoted twice
    if command.startswith("'"):
        command = f'"{command}"'
    say(f"next:\n  turnaffinity verify --adapter {command}")
    say('it ends "incomplete": write finalize, in the order of its comments, and verify again')


def _starter(language: str) -> dict[str, bytes]:
    """The files to write, by their names below DIR; raises `CannotRun` if the installation lacks them."""
    from turnaffinity.catalogs import preferred_language
    from turnaffinity.shared_files import shared
    from turnaffinity.translating.starters import BUILT, in_language

    lang = preferred_language()
    source, conformance = shared("conformance", "starters", language), shared("conformance")
    names = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    own = {
        str(name): in_language(name.name, (source / name).read_text(encoding="utf-8"), lang).encode()
        for name in sorted(names)
        if not BUILT & set(name.parts)
    }
    return own | {name: (conformance / below).read_bytes() for name, below in BORROWED.get(language, {}).items()}


def _write(files: dict[str, bytes], folder: Path) -> list[str]:
    """Write all files or none; raises `Problem` if the folder holds something or cannot be written."""
    from contextlib import suppress

    made: list[Path] = []
    try:
        _make(folder, made)
        if any(folder.iterdir()):
            raise _not_usable(folder, "is not empty", "name a folder that is empty or does not exist yet")
        for name, content in files.items():
            path = folder / name
            _make(path.parent, made)
            made.append(path)
            path.write_bytes(content)
            if path.name == "run":
                path.chmod(0o755)
    except BaseException as error:
        for path in reversed(made):
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        if isinstance(error, OSError):
            what = "is a file" if folder.is_file() else f"cannot be written: {error.strerror}"
            raise _not_usable(folder, what, "name a folder that you may write to") from error
        raise
    return list(files)


def _make(folder: Path, made: list[Path]) -> None:
    """Make a folder and what is missing above it, noting each in `made`."""
    missing = [folder] if not folder.exists() else []
    while missing and not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for path in reversed(missing):
        path.mkdir()
        made.append(path)


def _not_usable(folder: Path, what: str, mend: str) -> Problem:
    from turnaffinity.problem import Problem

    return Problem(str(folder), what, mend)
