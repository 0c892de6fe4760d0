"""Does `turnaffinity init` write a start that works, and nothing where it cannot?"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from turnaffinity.cli.main import app
from turnaffinity.cli.verbs.init import init as init_verb
from turnaffinity.problem import Problem
from turnaffinity.server import open_server
from turnaffinity.subjects.adapter import AdapterSubject, Broke, Deadlines
from turnaffinity.subjects.subject import Refused

VERSION = {"go": ["go", "version"]}
"""How a tool is asked for its version where it is not by an option."""

ADAPTERS = {"python": "bash", "node": "node", "rust": "cargo", "go": "go"}


def init(language: str, folder: Path | str) -> Result:
    return CliRunner().invoke(app, ["init", language, str(folder)])


def adapter_of(language: str, tmp_path: Path) -> list[str]:
    tool = ADAPTERS[language]
    if (
        shutil.which(tool) is None
        or subprocess.run(VERSION.get(tool, [tool, "--version"]), capture_output=True, check=False).returncode
    ):
        pytest.skip(f"{tool} is not on the PATH or does not run, so the {language} starter cannot be started")
    said = init(language, tmp_path / "an adapter").output
    return next(shlex.split(shlex.split(line)[-1]) for line in said.splitlines() if "--adapter" in line)


@pytest.mark.parametrize("language", sorted(ADAPTERS))
def test_a_starter_greets_refuses_and_says_what_it_lacks(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURNAFFINITY_PYTHON", sys.executable)
    command = adapter_of(language, tmp_path)
    monkeypatch.chdir("/")
    with AdapterSubject(command, "unix:///nowhere?db=0", deadlines=Deadlines(hello_s=300)) as subject:
        assert subject.hello.ops == {"finalize"}
        assert _code(subject.finalize("s1", "manual", "zh", "en", None)) == "unsupported"
        for wrong in (("", "manual", "zh", "en"), ("s1", "bored", "zh", "en"), ("s1", "manual", "", "en")):
            assert _code(subject.finalize(*wrong, None)) == "bad_request"
        assert _code(subject.finalize("s1", "manual", "zh", "en", ["en", "j:a"])) == "bad_request"
        assert _code(subject.finalize("s1", "manual", "zh", "e:n", [])) == "bad_request"
        unknown = subject.raw("dance", {})
        assert not isinstance(unknown, Broke) and unknown.members["error"]["code"] == "unsupported"
        version = subject.raw("hello", {"v": 2, "redis_url": "", "reading": None, "layout": {}})
        assert not isinstance(version, Broke) and version.members["error"]["supported"] == [1]
        assert subject.bye().status == 0
        assert subject.restarts == 0


def _code(answer: Any) -> str:
    assert isinstance(answer, Refused), answer
    return answer.code


def test_the_lua_starter_selects(tmp_path: Path) -> None:
    assert init("lua", tmp_path).exit_code == 0
    with open_server("embedded") as server:
        db: Any = server.client()
        select = db.register_script((tmp_path / "select_node.lua").read_text(encoding="utf-8"))
        assert select(args=["zh:en", "", ""]) is None
        for node in ("n1", "n2", "n3"):
            db.hset(f"lingua:v1:node:{node}", "since", "1")
            db.hset(f"lingua:v1:node:{node}:pools", "zh:en", "0")
            db.sadd("lingua:v1:pool:zh:en:0:nodes", node)
        db.hset("scheduler:turn:t1", "affinity_node_id", "n2")
        assert {select(args=["zh:en", "", ""]) for _ in range(100)} == {"n1", "n2", "n3"}
        assert {select(args=["zh:en", "", "t1"]) for _ in range(20)} == {"n2"}


@pytest.mark.parametrize("language", [*sorted(ADAPTERS), "lua"])
def test_every_file_named_is_written_and_run_can_be_started(language: str, tmp_path: Path) -> None:
    folder = tmp_path / "made" / "with its parents"
    said = init(language, folder)
    assert said.exit_code == 0
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    named = said.output.splitlines()[0].removeprefix("wrote ").partition(" to ")[0].split(", ")
    assert written == set(named) >= {"run", "README.md"}
    assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o755
    assert len((folder / "README.md").read_text(encoding="utf-8").splitlines()) <= 10
    assert subprocess.run(["bash", "-n", str(folder / "run")], check=False).returncode == 0


def test_an_empty_folder_is_filled_and_one_that_holds_anything_is_left_as_it_is(tmp_path: Path) -> None:
    assert init("lua", tmp_path).exit_code == 0
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(Problem, match="is not empty\n  mend: name a folder that is empty") as refused:
        init_verb("python", tmp_path)
    assert refused.value.exit_status == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_language_without_a_starter_is_a_problem_that_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        Problem, match='no starter for "cobol"\n  mend: use one of python, node, rust, go, lua'
    ) as refused:
        init_verb("cobol", tmp_path / "out")
    assert refused.value.exit_status == 2
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_place_of_the_folder_stays_and_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("theirs", encoding="utf-8")
    with pytest.raises(Problem, match="is a file"):
        init_verb("lua", file)
    with pytest.raises(Problem, match="cannot be written"):
        init_verb("lua", file / "below")
    assert file.read_text(encoding="utf-8") == "theirs"


def test_nothing_is_left_behind_if_writing_fails_halfway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes = Path.write_bytes

    def full_at_the_second(path: Path, content: bytes) -> int:
        if len(list(tmp_path.rglob("*.*"))) >= 1:
            write_bytes(path, content[:10])
            raise OSError(28, os.strerror(28))
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", full_at_the_second)
    with pytest.raises(Problem, match="No space left on device"):
        init_verb("rust", tmp_path / "made" / "out")
    assert list(tmp_path.iterdir()) == []


def verdict_on(tmp_path: Path, *subject: str) -> dict[str, Any]:
    report = tmp_path / "report.json"
    verify = [str(Path(sys.executable).with_name("turnaffinity")), "verify", *subject, "--json", str(report)]
    surroundings = os.environ | {"TURNAFFINITY_PYTHON": sys.executable}
    done = subprocess.run(verify, capture_output=True, text=True, env=surroundings, timeout=120, check=False)
    assert report.exists(), done.stderr
    judged: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return judged


@pytest.mark.long
def test_the_python_starter_verifies_as_far_as_it_goes(tmp_path: Path) -> None:
    judged = verdict_on(tmp_path, "--adapter", shlex.join(adapter_of("python", tmp_path)))
    assert judged["verdict"] == "incomplete"
    checks = judged["rules"] + judged["protocol"]
    assert {check["id"] for check in checks if check["status"] in ("fail", "warn")} == set()
    assert next(rule["status"] for rule in judged["rules"] if rule["id"] == "TA-TURN-5") == "pass"


@pytest.mark.long
def test_the_lua_starter_conforms_without_a_warning(tmp_path: Path) -> None:
    init("lua", tmp_path / "script")
    judged = verdict_on(tmp_path, "--lua", str(tmp_path / "script" / "select_node.lua"))
    assert judged["verdict"] == "conforms"
    assert {rule["status"] for rule in judged["rules"]} == {"pass"}


@pytest.mark.parametrize("language", [*sorted(ADAPTERS), "lua"])
def test_in_chinese_a_starters_comments_are_told_and_its_code_is_the_same(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = write(language, tmp_path / "en")
    monkeypatch.setenv("TURNAFFINITY_LANG", "zh")
    found = write(language, tmp_path / "zh")
    assert [path.name for path in found] == [path.name for path in wanted]
    assert re.search("[\u4e00-\u9fff]", (tmp_path / "zh" / "README.md").read_text(encoding="utf-8"))
    for english, chinese in zip(wanted, found, strict=True):
        if english.suffix != ".md":
            assert without_comments(english) == without_comments(chinese)


def write(language: str, folder: Path) -> list[Path]:
    init(language, folder)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def without_comments(path: Path) -> list[str]:
    """A line's code, whatever is said behind it or in its place."""
    return [re.sub(r"(\s|^)(#|//|--|\"\"\").*", "", line) for line in path.read_text(encoding="utf-8").splitlines()]
