"""Is what is shown what happened, in names that a person can hold in mind, and nothing of the judge's own?"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

import turnaffinity
from turnaffinity.contract.decisions import PRESETS
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.judging.run import verify
from turnaffinity.judging.verdict import Report
from turnaffinity.notebook import judge as judged
from turnaffinity.notebook import open_stage, variant
from turnaffinity.reports.demonstration import narrate
from turnaffinity.reports.junit import junit
from turnaffinity.reports.verdict_page import verdict_page
from turnaffinity.reports.verdict_terminal import print_report
from turnaffinity.server import open_server, token
from turnaffinity.showing.commands import command_text
from turnaffinity.showing.glosses import OF_A_POOL, OF_NODE_POOLS, VERBS, gloss
from turnaffinity.showing.names import UUID, Names
from turnaffinity.showing.shown import wrapped
from turnaffinity.showing.wire import FOLDED_FROM, Wire, wire_view
from turnaffinity.showing.wording import Words
from turnaffinity.stage.demonstration import tell
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.observer import Observer, without_our_looks
from turnaffinity.stage.pipeline import Pipeline
from turnaffinity.stage.state import LOOK
from turnaffinity.wire.command import Command

PACKAGE = Path(turnaffinity.__file__).parent
REFERENCE = PACKAGE.parent / "lua/select_node.lua"
PLANTED = "planted-by-the-judge"


def view(*argvs: tuple[str, ...], names: Names | None = None, **more: Any) -> Wire:
    commands = [Command(argv, "lua" if inside else "a:1") for inside, argv in ((each[0] == "└", tuple(
        part for part in each if part != "└")) for each in argvs)]  # fmt: skip
    return wire_view(commands, KeyLayout(), names or Names(), **more)


def said(story: Callable[[Console], None], width: int = 100) -> str:
    out = io.StringIO()
    story(Console(file=out, width=width, highlight=False, markup=False))
    return out.getvalue()


# names


def test_made_up_ids_are_called_by_their_kind_in_the_order_seen_and_short_ones_keep_their_own() -> None:
    names = Names(token="abcdefgh")
    wire = view(
        ("EVALSHA", "0" * 40, "0", "zh:en", "job-1-of-somebody", "turn-1-of-somebody"),
        ("HSET", "scheduler:session:speaker-17", "current_turn_id", "turn-1-of-somebody"),
        ("EXISTS", "lingua:v1:node:n1"),
        ("EXISTS", "lingua:v1:node:node3-abcdefgh.0123456789ABCDEF_Ends-Here.a-0"),
        names=names,
    )
    assert [row.text for row in wire.rows] == [
        "EVALSHA script 0000000 zh:en J1 T1",
        "HSET scheduler:session:s1 current_turn_id T1",
        "EXISTS lingua:v1:node:n1",
        "EXISTS lingua:v1:node:n2",
    ]
    assert names.raw["turn-1-of-somebody"] == "T1"


def test_no_two_ids_get_the_same_name_though_one_is_called_so_already() -> None:
    names = Names()
    names.node("n1")
    assert names.node("a-node-far-away") == "n2"


def test_a_name_within_a_longer_one_is_left_alone() -> None:
    names = Names()
    names.session("session-1")
    assert names.apply("session-1 and session-10") == "s1 and session-10"


# the wire


def test_a_loop_over_pools_is_one_line_with_its_count_and_a_short_run_is_shown_whole() -> None:
    asks = [("SISMEMBER", f"lingua:v1:pool:zh:en:{number}:nodes", "n1") for number in range(40)]
    assert [row.text for row in view(*asks).rows] == ["SISMEMBER pool 0 ... 39, 40 commands"]
    few = asks[: FOLDED_FROM - 1]
    assert len(view(*few).rows) == len(few)


def test_a_broken_command_within_a_loop_stands_alone() -> None:
    asks = [("SISMEMBER", f"lingua:v1:pool:zh:en:{number}:nodes", "n1") for number in range(12)]
    rows = view(*asks, broken=[5]).rows
    assert [row.broken for row in rows] == [False, True, False]
    assert rows[1].text == "SISMEMBER lingua:v1:pool:zh:en:5:nodes n1"


def test_a_selection_is_counted_where_its_insides_are_not_wanted_and_a_write_is_shown() -> None:
    calls = (
        ("EVALSHA", "1" * 40, "0", "zh:en", "J1", "T1"), ("└", "HGET", "scheduler:turn:T1", "affinity_node_id"),
        ("└", "EXISTS", "lingua:v1:node:n1"),
        ("EVALSHA", "2" * 40, "0", "s1", "T1", "n1"), ("└", "HSET", "scheduler:turn:T1", "affinity_node_id", "n1"),
    )  # fmt: skip
    rows = view(*calls, insides=False).rows
    assert [row.depth for row in rows] == [0, 0, 1]
    assert rows[0].meaning == "one atomic step of 2 commands"


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_no_line_of_the_wire_is_wider_than_the_terminal_and_none_breaks_within_a_key(width: int, lang: str) -> None:
    key = "lingua:v1:pool:zh-Hant:ko-KR:17:nodes"
    wire = view(("SISMEMBER", key, "n1"), ("HSET", "scheduler:session:s1", "current_turn_id", "T1"), words=Words(lang))
    lines = wire.lines(width)
    assert max(map(cell_len, lines)) <= width
    assert any(key in line for line in lines)


def test_words_break_between_words_and_chinese_anywhere() -> None:
    assert wrapped("one two three", 8) == ["one two", "three"]
    assert wrapped("节点已下线", 6) == ["节点已", "下线"]
    assert wrapped("已下线。（见下）", 6) == ["已下", "线。", "（见", "下）"]


KEYS = {
    "turn": "scheduler:turn:T1", "session": "scheduler:session:s1", "job": "lingua:v1:job:J1:node",
    "pool": "lingua:v1:pool:zh:en:0:nodes", "node": "lingua:v1:node:n1", "node_pools": "lingua:v1:node:n1:pools",
}  # fmt: skip
FIELDS = ("affinity_node_id", "current_turn_id", "another")


def test_every_meaning_has_its_chinese() -> None:
    commands = [(name, key, field) for name in VERBS for key in KEYS.values() for field in FIELDS]
    commands += [(name, KEYS["pool"], "n1") for name in OF_A_POOL] + [
        (name, KEYS["node_pools"]) for name in OF_NODE_POOLS
    ]
    commands += [("EXPIRE", KEYS[kind], "9") for kind in KEYS] + [("PERSIST", KEYS[kind]) for kind in KEYS]
    commands += [("EVALSHA", "0" * 40, "0"), ("KEYS", "*"), ("TIME",), ("EXISTS", KEYS["node"])]
    said = {gloss(Command(argv), KeyLayout()) for argv in commands} - {""}
    assert len(said) > 30
    assert [phrase for phrase in sorted(said) if Words("zh")(phrase) == phrase] == []


# nothing of the judge's own


@contextmanager
def a_judge_that_looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whenever the judge acts or looks, it also asks for a key of its own: in its trips, and on a lent connection."""
    now, lent = Pipeline.now, Pipeline.lent

    def looks_now(self: Pipeline, commands: Any) -> list[Any]:
        return now(self, [*commands, ("GET", PLANTED), LOOK])[: len(commands)]

    def looks_lent(self: Pipeline) -> Any:
        client = lent(self)
        client.get(PLANTED)
        client.execute_command(*LOOK)
        return client

    with monkeypatch.context() as patch:
        patch.setattr(Pipeline, "now", looks_now)
        patch.setattr(Pipeline, "lent", looks_lent)
        yield


def the_demo() -> str:
    with open_server("embedded") as server:
        story = list(tell(server, PRESETS["intent"], seed=1))
    told = said(lambda console: narrate(console, PRESETS["intent"], "a server", story, wire=True))
    return told + json.dumps([scene.as_dict() for scene in story])


def the_notebook() -> str:
    stage = open_stage()
    try:
        steps = [stage.finalize("s1", "max_duration", room=["en", "ja"]), stage.finalize("s1", "manual")]
    finally:
        stage.close()
    wrong = judged(variant("a-ttl-for-the-time-of-the-batch"), "TA-WRITE-2")
    return "".join(repr(each) + each.html() for each in (*steps, wrong))


def a_wrong_script(tmp_path: Path) -> Report:
    path = tmp_path / "mine.lua"
    expires = "redis.call('EXPIRE', 'scheduler:turn:' .. ARGV[3], 300)\n"
    path.write_text(expires + REFERENCE.read_text(encoding="utf-8"), encoding="utf-8")
    with Judge("lua", str(path)) as judge:
        return verify(judge, ("TA-NEVER-1", "TA-SEL-6"))


def the_verdict(tmp_path: Path) -> str:
    report = a_wrong_script(tmp_path)
    terminal = said(lambda console: print_report(report, console=console))
    return "".join((terminal, verdict_page(report), junit(report), json.dumps(report.as_dict())))


VIEWS: dict[str, Callable[[Path], str]] = {
    "demo": lambda _: the_demo(), "notebook": lambda _: the_notebook(), "verdict": the_verdict,
}  # fmt: skip


@pytest.mark.parametrize("name", VIEWS)
def test_what_the_judge_sends_is_never_shown_as_the_subjects(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with a_judge_that_looks(monkeypatch):
        shown = VIEWS[name](tmp_path)
    assert "HGET" in shown  # the subject's own are there
    assert PLANTED not in shown
    assert "local readers" not in shown and "PEXPIRETIME" not in shown


@pytest.mark.parametrize("name", ["demo", "verdict"])
def test_a_judge_whose_commands_came_through_would_be_noticed(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begin = Observer.begin

    def without_a_mark(self: Observer) -> None:
        self._disturbed, self._opening = False, b""
        begin(self)

    monkeypatch.setattr(Observer, "begin", without_a_mark)
    with a_judge_that_looks(monkeypatch):
        assert PLANTED in VIEWS[name](tmp_path)


def test_the_judges_look_is_left_out_with_what_ran_inside_it_and_another_script_is_not() -> None:
    look, inside = Command(LOOK, "a:1"), Command(("KEYS", "*"), "lua")
    theirs, own = Command(("EVAL", "return 1", "0"), "a:1"), Command(("GET", "a"), "lua")
    assert list(without_our_looks([look, inside, theirs, own, look, inside])) == [theirs, own]


# the demo


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("reading", ["intent", "literal"])
def test_the_story_fits_and_holds_no_id_that_nobody_can_hold_in_mind(lang: str, reading: str) -> None:
    with open_server("embedded") as server:
        story = list(tell(server, PRESETS[reading], seed=1))
    for width in (80, 100):
        text = said(lambda console: narrate(console, PRESETS[reading], "Valkey", story, lang=lang), width)
        lines = text.splitlines()
        assert max(map(cell_len, lines)) <= width
        assert not UUID.search(text) and token(1) not in text
        assert len(lines) <= 120 or width < 100
        assert not re.search(r"[0-9a-f]{40}", text)


# one place


FORMATS = re.compile(r"""\.join\([^)\n]*\bargv|short_text|shortened""")
"""How a second place would put a command into words."""

ALLOWED = {"showing/commands.py", "wire/command.py", "wire/monitor.py"}
"""The formatter; the exact text that evidence quotes; and MONITOR's own form."""


def test_no_second_place_puts_a_command_into_words() -> None:
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in {"lua", "conformance", "notebooks"}
        and FORMATS.search(path.read_text(encoding="utf-8"))
    }
    assert found <= ALLOWED, found - ALLOWED


def test_a_command_is_one_line_whatever_its_arguments_are() -> None:
    text = command_text(Command(("SET", "a b", "", "\x1b[31mx\n", "y" * 500)))
    assert text.startswith('SET "a b" "" "\\x1b[31mx\\n" yyy') and text.endswith("... (500 characters)")
    assert text.isprintable()
