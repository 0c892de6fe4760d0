"""How are files written? All of them or none, each whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from turnaffinity.problem import Problem

STDOUT = Path("-")


def check_writable(paths: Iterable[Path]) -> None:
    """Raise `Problem` before the run rather than after it; no file is left behind, and none is changed."""
    seen: set[Path] = set()
    for path in paths:
        if path == STDOUT:
            continue
        if path.resolve() in seen:
            raise Problem(str(path), "is named by two options", "give each report a file of its own")
        seen.add(path.resolve())
        if path.is_dir():
            raise Problem(str(path), "is a folder", "name a file")
        if not path.parent.is_dir():
            raise Problem(str(path), f"there is no folder {path.parent}", "make the folder, or name another file")
        partial = _partial(path)
        try:
            partial.touch()
        except OSError as error:
            raise _unwritable(path, error) from error
        partial.unlink()


def check_folder(path: Path) -> None:
    """Raise `Problem` unless a folder can be made there, or is there and can be written to; makes nothing."""
    if path.exists() and not path.is_dir():
        raise Problem(str(path), "is a file", "name a folder")
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    probe = there / ".turnaffinity.part"
    try:
        probe.touch()
    except OSError as error:
        raise _unwritable(path, error) from error
    probe.unlink()


def make_folder(path: Path) -> None:
    """Make a folder, and those above it; raises `Problem` where it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def write_all(texts: Mapping[Path, str | bytes]) -> None:
    """Write every file, or none: first all beside their places, then each moved there; "-" is standard output.

    Raises `Problem` if one cannot be written.
    """
    files = {path: text for path, text in texts.items() if path != STDOUT}
    try:
        for path, text in files.items():
            partial = _partial(path)
            try:
                partial.write_bytes(octets(text))
            except OSError as error:
                raise _unwritable(path, error) from error
        for path in files:
            try:
                _partial(path).replace(path)
            except OSError as error:
                raise _unwritable(path, error) from error
    finally:
        for path in files:
            _partial(path).unlink(missing_ok=True)
    for path, text in texts.items():
        if path == STDOUT:
            sys.stdout.write(octets(text).decode())


def octets(text: str | bytes) -> bytes:
    """The text as UTF-8; bytes that were no UTF-8 when they were read (lone surrogates) become `?`."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace")


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name[:200]}.part")


def _unwritable(path: Path, error: OSError) -> Problem:
    return Problem(str(path), error.strerror or "cannot be written", "name a file that can be written")


def summary_file() -> Path | None:
    """Where GitHub takes what it shows of a job, if it is GitHub that runs us."""
    named = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(named) if named else None


def add_to_summary(path: Path, text: str) -> None:
    """Add to the page that GitHub shows of a job; several steps of a job write to the same file."""
    try:
        with path.open("a", encoding="utf-8") as summary:
            summary.write(text + "\n")
    except OSError as error:
        mend = "unset GITHUB_STEP_SUMMARY, or use --markdown FILE"
        raise Problem(str(path), f"GITHUB_STEP_SUMMARY cannot be written ({error.strerror})", mend) from error
