"""How do a run's failures become capsules, and how is one played again?"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from turnaffinity import __version__
from turnaffinity.capsules.capsule import Capsule, Said, capsule_of, file_stem, read_capsule
from turnaffinity.capsules.playing import collected_cases, play
from turnaffinity.capsules.shrink import Shrinker
from turnaffinity.capsules.texts import json_lines, redis_cli_script
from turnaffinity.judging.verdict import CaseResult, Report
from turnaffinity.problem import CannotRun, Problem
from turnaffinity.stage.judge import Judge, Kind


def capsule_files(
    judge: Judge, report: Report, folder: Path, said: Mapping[tuple[str, str], Said] | None = None
) -> dict[Path, str | bytes]:
    """A capsule for each failure, shrunk where that works, with its texts; each failure is told its capsule's path.

    `said` is the mistake that each failed (rule, case) is taken for. Plays the failed cases again, on the run's own
    server; the reference has an embedded server of its own.
    """
    results = {(result.rule, result.case): result for result in report.results if result.outcome == "fail"}
    if not results:
        return {}
    files: dict[Path, str | bytes] = {}
    taken: set[str] = set()
    script = getattr(judge.subject, "source", None)
    with Judge("reference", "", "embedded", judge.reading, layout=judge.layout, seed=judge.seed) as reference:
        shrinker = Shrinker(judge, reference, collected_cases(judge))
        found = [
            (failure, results[rule.id, str(failure["case"])]) for rule in report.rules for failure in rule.failures
        ]
        for failure, result in sorted(found, key=lambda pair: len(pair[1].steps)):  # the short ones shrink soon
            capsule = capsule_of(judge, result, (said or {}).get((result.rule, result.case)))
            with contextlib.suppress(CannotRun):  # a server that went away meanwhile leaves the capsule as it is
                capsule = shrinker.shrink(capsule)
            stem = file_stem(capsule.rule, capsule.case, taken)
            failure["capsule"] = str(folder / f"{stem}.json")
            files |= {folder / f"{stem}{ending}": text for ending, text in _texts(capsule, script).items()}
    return files


def _texts(capsule: Capsule, script: str | None) -> dict[str, str | bytes]:
    """A capsule's files, by the ending of their names."""
    data = capsule.model_dump(mode="json")
    texts: dict[str, str | bytes] = {
        ".json": json.dumps(data, indent=2) + "\n",  # escapes, since a wire may hold bytes that are no UTF-8
        ".redis": redis_cli_script(capsule, script),
    }
    if capsule.implementation.kind != "lua":
        for process, lines in json_lines(capsule).items():
            texts[f".{process.replace(' ', '-')}.jsonl" if process else ".jsonl"] = lines
    return texts


@dataclass(frozen=True)
class Replayed:
    """What came of playing a capsule again."""

    capsule: Capsule
    result: CaseResult
    implementation: str
    server: str
    scripts: dict[str, str]
    """The names of the implementation's scripts by SHA1, where they are known."""
    source: str = ""
    """The text of the script that was judged, where it is one."""

    @property
    def reproduced(self) -> bool:
        """Whether the same case fails again."""
        return self.result.outcome == "fail"


def replay(
    path: Path,
    *,
    lua: Path | None = None,
    adapter: str | None = None,
    server: str | None = None,
    deadline: str | None = None,
    trust_script: bool = False,
) -> Replayed:
    """Play a capsule again, with its steps and, if it passes so, with all of the case's steps.

    Raises `Problem` if it cannot be read, or names what only its own maker's key allows to run, and `CannotRun` if
    the implementation or the server cannot be run, or the case cannot be judged there.
    """  # fmt: skip
    if lua and adapter:
        raise Problem("--lua and --adapter", "name two implementations", "name one of them")
    capsule = read_capsule(path)
    kind, target, cwd = _subject(capsule, path, lua, adapter)
    judge = Judge(
        kind, target, server, capsule.reading_judged(), auto=capsule.auto, layout=capsule.key_layout(),
        seed=capsule.seed, tcp=capsule.tcp, deadlines=deadline or capsule.deadlines, faults=capsule.faults,
        trust_script=trust_script,
    )  # fmt: skip
    with _in_folder(cwd), judge:
        hello = judge.subject.hello
        playable = collected_cases(judge).get((capsule.rule, capsule.case))
        if playable is None:
            what = f"this kit ({__version__}) has no case {capsule.case} of {capsule.rule} for this implementation"
            raise Problem(str(path), what, f"replay it with the kit that wrote it, {capsule.kit}")
        # the places of steps mean something only in the case as it was
        left_out = capsule.left_out if capsule.kit == __version__ else []
        result, _ = play(playable, judge, left_out)
        if left_out and result.outcome != "fail":
            result, _ = play(playable, judge)
        if result.outcome not in {"pass", "warn", "fail"}:
            raise CannotRun(str(path), f"the case cannot be judged here: {result.reason}", "replay it as it was judged")
        scripts = getattr(judge.subject, "scripts", {})
        name, source = f"{hello.name} {hello.version}".strip(), getattr(judge.subject, "source", "")
        return Replayed(
            capsule,
            result,
            name,
            judge.server.name,
            scripts,
            source if judge.kind == "lua" and server != "fake" else "",
        )


def _subject(capsule: Capsule, path: Path, lua: Path | None, adapter: str | None) -> tuple[Kind, str, str]:
    """What to judge: kind, target and folder. Nothing that a stranger's capsule names is run."""
    if lua is not None:
        return "lua", str(lua), ""
    if adapter is not None:
        return "adapter", adapter, ""
    judged = capsule.implementation
    if judged.kind == "reference":
        return "reference", "", ""
    mend = "name the implementation: --adapter CMD, or --lua FILE"
    if judged.kind == "object":
        raise Problem(str(path), "was made of an object inside a program, which cannot be started here", mend)
    if not capsule.trusted:
        what = "was not written by this user on this machine, so that nothing it names is run"
        raise Problem(str(path), what, mend)
    return judged.kind, judged.target, judged.cwd


@contextlib.contextmanager
def _in_folder(folder: str) -> Iterator[None]:
    if not folder or not Path(folder).is_dir() or Path(folder) == Path.cwd():
        yield
        return
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
