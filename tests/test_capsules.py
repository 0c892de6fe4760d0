"""Does a capsule bring the same failure back, with fewer steps, and is a stranger's one harmless?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import typed

from turnaffinity.capsules.capsule import file_stem
from turnaffinity.capsules.playing import collected_cases, play
from turnaffinity.server import open_server
from turnaffinity.stage.judge import Judge

ROOT = Path(__file__).parent.parent
CLI = [sys.executable, "-m", "turnaffinity.cli.main"]
REFERENCE = ROOT / "lua/select_node.lua"
EXPIRES = "redis.call('EXPIRE', 'scheduler:turn:' .. ARGV[3], 300)\n"


def run(home: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    return typed(*options, XDG_STATE_HOME=str(home / "state"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a script with a TTL was judged, and its failure kept."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "mine.lua").write_text(EXPIRES + REFERENCE.read_text(encoding="utf-8"), encoding="utf-8")
    capsules, report = folder / "capsules", folder / "r.json"
    options = ["--lua", folder / "mine.lua", "--rule", "TA-NEVER-1", "--seed", "7"]
    done = run(folder, "verify", *options, "--capsules", capsules, "--json", report)
    assert done.returncode == 1, done.stderr
    return folder


@pytest.fixture
def capsule(home: Path) -> Path:
    report = json.loads((home / "r.json").read_text(encoding="utf-8"))
    (rule,) = (rule for rule in report["rules"] if rule["id"] == "TA-NEVER-1")
    return Path(rule["failures"][0]["capsule"])


def told(capsule: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(capsule.read_text(encoding="utf-8"))
    return data


def test_a_script_is_replayed_inside_this_process_only_with_trust(home: Path, capsule: Path) -> None:
    refused = run(home, "replay", capsule, "--server", "fake")
    assert (refused.returncode, "--trust-script" in refused.stderr) == (3, True), refused.stderr
    trusted = run(home, "replay", capsule, "--server", "fake", "--trust-script")
    assert "--trust-script" not in trusted.stderr


def test_a_capsule_replays_to_the_same_failure_and_passes_with_another_script(home: Path, capsule: Path) -> None:
    again = run(home, "replay", capsule)
    assert again.returncode == 1, again.stderr
    assert "reproduced: the same case fails again" in again.stdout
    assert again.stdout.count("EXPIRE scheduler:turn:T1 300") >= 3, "the turn is the one that was recorded"
    other = run(home, "replay", capsule, "--lua", REFERENCE)
    assert (other.returncode, other.stdout.splitlines()[-1]) == (0, "passes now"), other.stderr


def test_a_capsule_keeps_what_the_failure_needs_and_less_than_the_case_did(capsule: Path) -> None:
    data = told(capsule)
    assert data["shrunk"]["after"] == len(data["steps"]) < data["shrunk"]["before"]
    assert data["steps"][-1]["op"] == "select"
    assert any(line["broken"] and line["argv"][0] == "EXPIRE" for line in data["wire"])
    for member in ("kit", "contract", "rule", "case", "reading", "layout", "seed", "expected", "observed"):
        assert member in data


def test_the_steps_as_a_redis_cli_script_break_the_rule_on_an_empty_server(capsule: Path) -> None:
    data = told(capsule)
    with open_server("redis") as server, server.client() as client:
        socket = server.url.removeprefix("unix://").partition("?")[0]
        with capsule.with_suffix(".redis").open() as script:
            done = subprocess.run(["redis-cli", "-s", socket], stdin=script, capture_output=True, text=True, check=True)
        assert "ERR" not in done.stdout
        key = data["observed"].split()[1]
        touched = client.ttl(key) > 0 or not client.exists(key)
        assert touched


def test_a_strangers_capsule_runs_nothing_that_it_names(home: Path, capsule: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    data = told(capsule) | {"signature": "0" * 64}
    data["implementation"] |= {"kind": "adapter", "target": f"touch {trap}"}
    theirs = tmp_path / "theirs.json"
    theirs.write_text(json.dumps(data), encoding="utf-8")
    done = run(home, "replay", theirs)
    assert done.returncode == 2
    assert "nothing it names is run" in done.stderr
    data["signature"] = told(capsule)["signature"]  # a right one, of something else
    theirs.write_text(json.dumps(data), encoding="utf-8")
    assert run(home, "replay", theirs).returncode == 2
    assert not trap.exists()


def test_a_strangers_capsule_judges_whom_the_user_names(capsule: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    assert run(elsewhere, "replay", capsule).returncode == 2
    assert run(elsewhere, "replay", capsule, "--lua", REFERENCE).returncode == 0
    assert not elsewhere.exists(), "reading a capsule makes no key"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not JSON"),
        pytest.param("[" * 100_000, "is not JSON", marks=pytest.mark.long),
        pytest.param("[]", "is no capsule", marks=pytest.mark.long),
        ("{}", "is no capsule: kit: field required"),
        pytest.param('{"capsule": 2}', "is no capsule: capsule", marks=pytest.mark.long),
    ],
)
def test_a_file_that_is_no_capsule_is_refused_in_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(text, encoding="utf-8")
    done = run(tmp_path, "replay", bad)
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"case": "../../etc/passwd"}, "has no case ../../etc/passwd"),
        pytest.param({"rule": "TA-SEL-99"}, "of TA-SEL-99", marks=pytest.mark.long),
        pytest.param({"reading": {"D1": "never"}}, "the capsule's reading", marks=pytest.mark.long),
        pytest.param({"layout": {"turn": "x"}}, "the capsule's layout", marks=pytest.mark.long),
        pytest.param({"left_out": ["__import__"]}, "is no capsule: left_out.0", marks=pytest.mark.long),
    ],
)
def test_a_capsule_whose_members_mean_nothing_is_refused(
    home: Path, capsule: Path, tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(told(capsule) | change), encoding="utf-8")
    done = run(home, "replay", bad)
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr


def test_a_capsule_whose_implementation_cannot_be_run_leaves_with_3(home: Path, capsule: Path) -> None:
    assert run(home, "replay", capsule, "--adapter", "/bin/false").returncode == 3
    assert run(home, "replay", capsule, "--server", "redis://127.0.0.1:1", "--lua", REFERENCE).returncode == 3


@pytest.mark.long
def test_an_adapters_capsule_holds_the_lines_that_it_was_sent(tmp_path: Path) -> None:
    example = ROOT / "conformance/implementations/python"
    for name in ("adapter.py", "scheduler.py"):
        text = (example / name).read_text(encoding="utf-8")
        forgets = 'pipe.hdel(self.key("turn", turn_id=turn_id), self.layout["affinity_field"])'
        (tmp_path / name).write_text(text.replace(forgets, "pass"), encoding="utf-8")
    command = f"{sys.executable} {tmp_path / 'adapter.py'}"
    folder = tmp_path / "capsules"
    done = run(tmp_path, "verify", "--adapter", command, "--rule", "TA-CLEAR-1", "--capsules", folder)
    assert done.returncode == 1, done.stderr
    first = min(folder.glob("*.json"))
    lines = [json.loads(line) for line in first.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["op"] for line in lines] == ["hello", *["finalize"] * (len(lines) - 2), "bye"]
    assert [line["id"] for line in lines] == list(range(1, len(lines) + 1))
    assert run(tmp_path, "replay", first).returncode == 1
    assert run(tmp_path, "replay", first, "--adapter", str(example / "run")).returncode == 0


def test_the_names_of_capsules_stay_in_their_folder_and_apart() -> None:
    taken: set[str] = set()
    names = [file_stem("TA-SEL-1", f"test_x[../../a b{sign}-TA-SEL-1]", taken) for sign in ("/", "\\", "é", "é" * 300)]
    assert len(set(names)) == 4
    assert all("/" not in name and not name.startswith(".") and len(name) <= 120 for name in names)


def test_a_play_that_leaves_steps_out_is_not_taken_for_the_runs_own_history() -> None:
    with Judge(seed=1) as judge:
        cases = collected_cases(judge)
        playable = next(each for (rule, name), each in cases.items() if rule == "TA-TURN-1" and "mixed_history" in name)
        play(playable, judge, left_out=frozenset(range(40)))
        assert judge.histories == {}


@pytest.fixture(scope="module")
def capsules_of_a_mistake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mistake")
    rules = (part for rule in ("TA-BIND-2", "TA-SEL-1", "TA-SEL-7") for part in ("--rule", rule))
    script = ROOT / "tests/strangers/told/05.lua"
    run(folder, "verify", "--lua", script, "--seed", "3", *rules, "--capsules", folder / "c")
    return folder / "c"


@pytest.mark.parametrize(
    ("lang", "says", "mend"),
    [
        ("en", "The script returns the node in lingua:v1:job:<id>:node", "mend"),
        ("zh", "脚本直接返回 lingua:v1:job:<id>:node 里的节点", "修正"),
    ],
)
def test_a_replay_opens_with_the_mistake_and_tells_its_line_and_mend(
    lang: str, says: str, mend: str, capsules_of_a_mistake: Path
) -> None:
    home, written = capsules_of_a_mistake.parent, min(capsules_of_a_mistake.glob("TA-BIND-2*.json"))
    told = run(home, "replay", written, "--lang", lang)
    assert told.returncode == 1
    lines = told.stdout.splitlines()
    assert lines[2].startswith(says)
    assert any(line.strip().startswith(mend) for line in lines)
    assert "local bound = redis.call('GET'" in told.stdout  # the line that was asked last
    assert len(lines) <= 40
    data = json.loads(written.read_text(encoding="utf-8"))
    assert data["mistake"]["looks_like"] == "bound-to-the-dead"
    first = written.with_suffix(".redis").read_text(encoding="utf-8").splitlines()[0]
    assert first == f'ECHO "{data["mistake"]["says"]["en"]}"'
    passing = run(home, "replay", written, "--lua", REFERENCE, "--lang", lang)
    assert passing.returncode == 0
