"""Does a report name the mistake, its line and its mend? Patterns of known mistakes, and scripts of all styles."""

from __future__ import annotations

import itertools
import json
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from command_line import typed

from turnaffinity.contract.decisions import DEFAULT_READING
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.diagnosis.lua_lines import script_lines
from turnaffinity.diagnosis.matching import matches
from turnaffinity.diagnosis.patterns import FILE, folder, known_mistakes, ways_of
from turnaffinity.judging.run import run_suite
from turnaffinity.judging.verdict import CaseResult
from turnaffinity.mutation.mutants import load_mutants
from turnaffinity.mutation.patterns import pattern_of
from turnaffinity.notebook import readme
from turnaffinity.reports import schema
from turnaffinity.server import open_server
from turnaffinity.stage.judge import Judge

ROOT = Path(__file__).parent.parent
MADE_UP = re.compile(r"[a-z]+\d+-[a-z0-9]{8}\b|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-|(?<![0-9a-f])[0-9a-f]{40}")
"""An id that a case made up, a turn id, a script's digest."""


# the words


def test_every_mutant_has_its_sentence_and_its_mend_in_both_languages() -> None:
    words: dict[str, dict[str, str]] = {}
    for path in (folder() / "mends").glob("*.toml"):
        words |= tomllib.loads(path.read_text(encoding="utf-8"))
    assert words.keys() == {mutant.id for mutant in load_mutants()}
    for name, entry in words.items():
        assert entry.keys() == {"says", "mend", "says_zh", "mend_zh"}, name
        assert entry["says"][0].isupper() and entry["says"].endswith("."), name
        assert re.search(r"[\u4e00-\u9fff]", entry["says_zh"]) and re.search(r"[\u4e00-\u9fff]", entry["mend_zh"]), name


# the patterns


def test_every_mutant_has_a_pattern_of_checks_that_exist() -> None:
    data = json.loads((folder() / FILE).read_text(encoding="utf-8"))
    assert list(data["mutants"]) == [mutant.id for mutant in load_mutants()], (
        "run: python -m turnaffinity.mutation.patterns"
    )
    suite = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "conformance/suite").rglob("*.py"))
    cases = [check for check in data["checks"] if check.split(" ")[1].startswith("test_")]
    gone = [check for check in cases if f"def {check.split(' ')[1]}(" not in suite]
    assert gone == [], "run: python -m turnaffinity.mutation.patterns"


@pytest.mark.parametrize(
    "name",
    [
        "clear-lets-the-turn-expire",
        "session-id-cut-at-255",
        pytest.param("affinity-looked-for-in-the-first-pool", marks=pytest.mark.long),
        pytest.param("affinity-before-the-binding", marks=pytest.mark.long),
    ],
)
def test_a_pattern_is_what_its_mutant_fails_today(name: str) -> None:
    mutant = next(each for each in load_mutants() if each.id == name)
    known = next(each for each in known_mistakes() if each.id == name)
    with open_server("embedded") as server:
        found = pattern_of(mutant, server)
    assert {profile: frozenset(checks) for profile, checks in found.items()} == known.fails


# the matching


def patterns(profile: str) -> dict[str, frozenset[str]]:
    return {one.id: one.fails[profile] for one in known_mistakes() if one.fails.get(profile)}


def owners() -> dict[str, str]:
    return {one.id: one.rule for one in known_mistakes()}


def named(failed: frozenset[str], known: Mapping[str, frozenset[str]]) -> list[str]:
    every = frozenset().union(*known.values())
    return [match.id for match in matches(failed, every - failed, known, owners())]


@pytest.mark.parametrize("profile", ["L", "S"])
def test_a_mistake_alone_is_named_or_one_that_fails_the_very_same_checks(profile: str) -> None:
    known = patterns(profile)
    wrong = {
        name: found[:1]
        for name, pattern in known.items()
        if (found := named(pattern, known)) and known[found[0]] != pattern
    }
    assert len(wrong) <= len(known) // 20, wrong


@pytest.mark.parametrize("profile", ["L", "S"])
def test_two_mistakes_at_once_are_told_apart_nine_times_of_ten(profile: str) -> None:
    known = patterns(profile)
    fifty = list(known)[:: max(1, len(known) // 50)][:50]
    pairs = [
        (a, b) for a, b in itertools.combinations(fifty, 2) if not known[a] <= known[b] and not known[b] <= known[a]
    ]
    both = 0
    for a, b in pairs:
        found = [known[name] for name in named(known[a] | known[b], known)]
        both += known[a] in found and known[b] in found
    assert len(pairs) > 600
    assert both / len(pairs) >= 0.9, f"{both} of {len(pairs)}"


def test_one_that_fails_what_others_fail_too_is_named_as_a_possibility() -> None:
    known = {"a": frozenset({"R x", "R y", "R z"}), "b": frozenset({"R x", "R y", "R z"}), "c": frozenset({"R w"})}
    every = frozenset().union(*known.values())
    twins = matches(known["a"], every - known["a"], known, dict.fromkeys(known, "R"))
    few = matches(known["c"], every - known["c"], known, dict.fromkeys(known, "R"))
    alone = matches(known["a"], every - known["a"], {"a": known["a"], "c": known["c"]}, dict.fromkeys(known, "R"))
    assert [[match.sure for match in found] for found in (twins, few, alone)] == [[False], [False], [True]]


# the lines of a script

STYLES = {
    "plain": "return redis.call('GET', 'lingua:v1:job:' .. ARGV[2] .. ':node') or 'nobody'",
    "a name for call": "local call = redis.call\nlocal x = 1\nreturn call('GET', 'lingua:v1:job:x:node') or 'nobody'",
    "wrapped": "local function ask(...) return redis.call(...) end\nlocal x = ask('GET', 'a')\nreturn 'nobody'",
    "wrapped, kept": "local function ask(...)\n local r = redis.call(...)\n return r\nend\nlocal x = ask('GET', 'a')\n"
    "return 'nobody'",
    "pcall": "local ok = redis.pcall('GET', 'a')\nreturn 'nobody'",
    "server.call": "local x = 1\nlocal y = server.call('GET', 'a')\nreturn 'nobody'",
    "#!lua": "#!lua\nlocal x = redis.call('GET', 'a')\nreturn 'nobody'",
    "a function": "local function bound()\n  return redis.call('GET', 'a') or ''\nend\nlocal b = bound()\n"
    "return 'nobody'",
}
"""Scripts that send one GET and answer nonsense; the line that is to be named follows from the text."""

LINE = {"plain": {None, 1}, "a name for call": {3}, "wrapped": {2}, "wrapped, kept": {5}, "pcall": {1},
        "server.call": {2}, "#!lua": {2}, "a function": {2}}  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
def test_the_line_that_sent_a_command_is_named_however_the_script_calls(style: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.lua"
    path.write_text(STYLES[style])
    with Judge("lua", str(path), seed=1) as judge:
        results = run_suite(judge, ("TA-SEL-7",)).results
    scene = next(result for result in results if result.outcome == "fail" and result.wire)
    found = script_lines(STYLES[style], [[scene]], seed=1, reading=DEFAULT_READING, layout=KeyLayout())
    lines = found.sent_by(scene)
    sent = [line for line, command in zip(lines, scene.wire, strict=True) if command["argv"][0] == "GET"]
    assert sent and set(sent) <= LINE[style]
    assert found.called_at(scene) == (4 if style == "a function" else None)


# the report

WRONG = {
    "a TTL at a hit": ("    return recorded\n", "    call('EXPIRE', turn_key(turn_id), 300)\n    return recorded\n"),
    "no look whether it is there": ("and call('EXISTS', node_key(recorded)) == 1 then", "then"),
}


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", WRONG)
def test_one_mistake_fits_forty_lines_with_its_line_and_no_made_up_id(name: str, lang: str, tmp_path: Path) -> None:
    text, path, out = (ROOT / "lua/select_node.lua").read_text(encoding="utf-8"), tmp_path / "mine.lua", tmp_path / "r"
    old, new = WRONG[name]
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    done = typed("verify", "--lua", path, "--seed", "3", "--lang", lang, "--json", out)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) <= 40, done.stdout
    assert MADE_UP.search(done.stdout) is None, done.stdout
    report = json.loads(out.read_text(encoding="utf-8"))
    jsonschema.validate(report, json.loads(schema.schema_text()))
    first = report["mistakes"][0]
    assert first["looks_like"] is not None
    line = path.read_text().splitlines()[first["line"] - 1].strip()
    assert line[:40] in " ".join(done.stdout.split())
    assert set(report["names"].values()) & {"n1", "T1"}


def test_one_that_never_answers_is_told_so_and_nothing_else_of_it(tmp_path: Path) -> None:
    path, out = tmp_path / "mine.lua", tmp_path / "r.json"
    path.write_text("return redis.call('HGET', 'lingua:v1:pool:x:0:nodes')")
    done = typed("verify", "--lua", path, "--seed", "3", "--rule", "TA-SEL-*", "--json", out)
    mistakes = json.loads(out.read_text(encoding="utf-8"))["mistakes"]
    wrong = "The script ends with an error at line 1: Wrong number of args calling command from script."
    assert [(mistake["says"], mistake["line"]) for mistake in mistakes] == [(wrong, 1)]
    printed = " ".join(done.stdout.split())  # wherever its lines were broken
    assert "got no usable answer: the script ended with an error: Wrong number of args" in printed
    assert "EVALSHA mine.lua" in printed


@pytest.mark.parametrize("page", readme.MISTAKES, ids=lambda page: page.parent.name)
def test_the_report_that_a_readme_shows_is_that_of_a_run(page: Path) -> None:
    shown = readme.block(page.read_text(encoding="utf-8"), "mistake")
    assert shown == readme.mistake_block(readme.MISTAKES[page])  # else: python -m turnaffinity.notebook.readme


def test_the_summary_of_a_pull_request_says_the_mistake_and_its_mend(tmp_path: Path) -> None:
    path, out, summary = tmp_path / "mine.lua", tmp_path / "s.md", tmp_path / "summary.md"
    text = (ROOT / "lua/select_node.lua").read_text(encoding="utf-8")
    path.write_text(text.replace(*WRONG["a TTL at a hit"]))
    done = typed("verify", "--lua", path, "--seed", "3", "--markdown", out, GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 1
    written = out.read_text(encoding="utf-8")
    assert written.startswith("## mine.lua: violates\n")
    assert "**1. " in written and "EXPIRE scheduler:turn:T1 300" in written
    assert MADE_UP.search(written) is None
    assert summary.read_text(encoding="utf-8") == written + "\n"


def test_a_failed_case_in_junit_says_its_mistake_and_its_mend(tmp_path: Path) -> None:
    path, out = tmp_path / "mine.lua", tmp_path / "r.xml"
    text = (ROOT / "lua/select_node.lua").read_text(encoding="utf-8")
    path.write_text(text.replace(*WRONG["no look whether it is there"]))
    assert typed("verify", "--lua", path, "--seed", "3", "--rule", "TA-SEL-3", "--junit", out).returncode == 1
    failed = ElementTree.parse(out).findall(".//failure")
    assert failed
    assert all("\nmend: " in (failure.text or "") for failure in failed)


# programs that no mutant was made from: each says in its first line what is wrong

TOLD = Path(__file__).parent / "strangers" / "told"
SCRIPTS = {
    "01": "sends EXPIRE for scheduler:turn:",
    "02": "returns the recorded node because a pool still names it",
    "03": "reads the old field",
    "05": "returns the node in lingua:v1:job:<id>:node without asking whether it is online",
    "06": "deletes affinity_node_id from the turn key",
    "07": "no candidate is no node",
    "09": "finds no node, and asks no pool for one",
    "11": "ends with an error at line 10: attempt to concatenate local 'id' (a boolean value)",
    "12": "looks for the recorded node only in pool 0",
    "13": ":0:nodes, where the candidates are; it asks lingua:v1:pool:",
    "14": "from the turn id",
    "15": "sends PERSIST for scheduler:turn:<turn_id>",
    "16": "falls back to the recorded node when the pair has no candidate",
    "17": "one selection reads the affinity at most once",
    "19": "reads the key scheduler:turn: when the turn id is empty",
    "20": "returns no node when the recorded node is offline",
    "21": "is built from the turn id, not from the job id",
    "22": "ends with an error at line 61: Command arguments must be strings or integers",
    "23": "neither a node id nor",
    "24": "A node id gets into lingua:v1:node:<node_id> changed: only its beginning is kept",
    "25": "where the node is called",
    "26": "finds no node",
    "27": "finds no node, though it asks EXISTS of a candidate that is online",
    "28": "ends with an error at line 11: bad argument #2 to 'format'",
    "29": "ends with an error at line 20: WRONGTYPE",
    "30": "A turn id gets into scheduler:turn:<turn_id> changed: it becomes {<turn_id>}",
    "31": "searches for keys with KEYS",
    "32": "writes the node that it has drawn into affinity_node_id",
    "33": "ignores the turn's affinity for every job that comes with a job id",
    "34": "sends EXPIRE for scheduler:turn:",
    "36": "goes through the nodes in turn with an INCR counter",
    "37": "the old pool when the recorded node is offline",
    "38": "ends with an error at line 70: bad argument #1 to 'random'",
    "39": "finds no node, and asks no pool for one",
}
"""What the first mistake of each script's report has to say; 04, 08 and 10 are told by their rule alone, and 18, whose
draw goes by the clock's second, looks like one mistake in one run and like another in the next. 35, which keeps a
second place for the affinity, is taken for one that is seeded by the turn."""
SCHEDULERS = {
    "02": "gives scheduler:session:<session_id> a TTL",
    "04": "remembers the open turn in its process",
    "05": "passes no turn id (ARGV[3] is empty) when the speaker is alone in a room",
    "06": "one job",
    "08": "reason",
    "11": "scheduler:session:<session_id> changed: upper and lower case are not kept",
    "12": "is being finalized elsewhere",
    "13": "draws a node without asking any pool",
    "14": "no turn key of that turn remains",
    "15": "sends PERSIST for scheduler:turn:<turn_id> after the write",
    "16": "deletes current_turn_id first",
    "17": "in the order given",
    "18": "no candidate leaves affinity and open turn as they were",
    "19": "the whole batch is selected under one turn id",
    "20": ":0:nodes, where the candidates are; it asks lingua:v1:pool:",
    "21": "A turn id gets into scheduler:turn:<turn_id> changed: it becomes {<turn_id>}",
    "22": "if no job got a node neither field is written",
    "23": "once a turn is closed, no job is selected under its id again",
    "24": "a job that got no node stays in the answer",
    "25": "a closing finalize writes neither field",
    "26": "deletes current_turn_id when a turn ends, but leaves affinity_node_id",
    "27": "the clear runs when creating a job fails",
    "28": "never for a timeout one",
    "29": "keeps the closed turn's node",
    "30": "searches for keys with KEYS",
}


def first_of(*words: str | Path) -> str:
    done = typed("verify", *words, "--seed", "1", COLUMNS="100")
    assert done.returncode == 1
    return " ".join(done.stdout.partition("1. ")[2].partition("   breaks")[0].split())


def in_ci(name: str) -> pytest.MarkDecorator:
    """The first ten in CI, and each third of the others; the rest in `make soak`."""
    return pytest.mark.long if name <= "10" or int(name) % 3 == 0 else pytest.mark.soak


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name < "03" else in_ci(name)) for name in SCRIPTS])
def test_a_script_that_no_mutant_was_made_from_is_named_rightly(name: str) -> None:
    assert SCRIPTS[name] in first_of("--lua", TOLD / f"{name}.lua")


@pytest.mark.parametrize("name", [pytest.param(name, marks=in_ci(name)) for name in SCHEDULERS])
def test_a_scheduler_that_no_mutant_was_made_from_is_named_rightly(name: str) -> None:
    assert SCHEDULERS[name] in first_of("--adapter", f"{sys.executable} {TOLD / name}.py", "--reading", "auto")


def test_where_a_language_is_not_known_the_scene_shows_it_as_it_is_called() -> None:
    done = typed("verify", "--lua", TOLD / "09.lua", "--seed", "1")
    asked = next(line for line in done.stdout.splitlines() if line.lstrip().startswith("asked"))
    assert not re.search(r"for (zh|en|ja):", asked)


def test_raw_shows_ids_as_they_were_on_the_wire() -> None:
    done = typed("verify", "--lua", TOLD / "02.lua", "--seed", "1", "--raw", "--rule", "TA-SEL-3")
    assert MADE_UP.search(done.stdout) and not re.search(r"\bT1\b", done.stdout)


def test_the_reference_s_own_line_stands_beside_the_mend() -> None:
    done = typed("verify", "--lua", TOLD / "02.lua", "--seed", "1", "--rule", "TA-SEL-3")
    assert "select_node.lua: if recorded and recorded ~= ''" in " ".join(done.stdout.split())


def test_the_way_in_which_a_check_fails_is_known_without_names_and_numbers() -> None:
    def failed(observed: str) -> CaseResult:
        return CaseResult("TA-SEL-2", "test_x[a]", "fail", observed=observed)

    assert ways_of(failed("n2 never drawn in 508 draws")) == ways_of(failed("n7 never drawn in 780 draws"))
    assert ways_of(failed("EXPIRE scheduler:turn:a 5")) != ways_of(failed("PERSIST scheduler:turn:a"))
    assert ways_of(failed("something that nobody says")) == {"TA-SEL-2 test_x"}
