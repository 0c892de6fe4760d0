"""Is a file from a stranger only data? A capsule, a vector, a layout, a list of expected failures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnaffinity.capsules.capsule import file_stem, read_capsule
from turnaffinity.contract.layout import load_layout, parse_layout
from turnaffinity.judging.expected import load_expectations
from turnaffinity.problem import Problem
from turnaffinity.stage.judge import parse_deadlines
from turnaffinity.subjects.script import read_script
from turnaffinity.vectors.playing import load as load_vector
from turnaffinity.vectors.playing import vectors_folder

READERS: dict[str, Callable[[Path], Any]] = {
    "capsule": read_capsule, "vector": load_vector, "layout": load_layout, "expected failures": load_expectations,
}  # fmt: skip
BODIES: dict[str, bytes] = {
    "brackets within brackets": b"a = " + b"[" * 200_000,
    "the same over lines": b"a = " + b"[\n" * 200_000,
    "objects within objects": b'{"a":' * 200_000,
    "keys within keys": b"a." * 50_000 + b"b = 1",
    "a number of a million digits": b'{"seed": ' + b"9" * 1_000_000 + b"}",
    "the same in TOML": b"a = " + b"9" * 1_000_000,
    "bytes that are no text": b"\xff\xfe\x00",
    "a NUL": b"\x00",
    "an array": b"[]",
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("kind", READERS)
def test_a_file_that_is_none_is_one_sentence(kind: str, body: str, tmp_path: Path) -> None:
    path = tmp_path / "given"
    path.write_bytes(BODIES[body])
    with pytest.raises(Problem) as caught:
        READERS[kind](path)
    assert caught.value.exit_status == 2
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("kind", READERS)
def test_a_file_that_never_ends_is_read_to_a_limit_only(kind: str) -> None:
    with pytest.raises(Problem, match=r"/dev/zero: has more than 16? MiB"):
        READERS[kind](Path("/dev/zero"))


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("path", ["a\0b", "/", "/no/such/file"])
def test_a_path_that_leads_to_no_file_is_one_sentence(kind: str, path: str) -> None:
    with pytest.raises(Problem):
        READERS[kind](Path(path))


@pytest.mark.parametrize(
    ("member", "value", "said"),
    [
        ("turn", "\ud800{turn_id}", "half a character"),
        ("turn", "x" * 2000 + "{turn_id}", "has 2009 characters"),
        ("turn", "{turn_id.__class__}", "lacks {turn_id}"),
        ("turn", "x{turn_id:>1000000000}", "formats {turn_id}"),
        ("job_ttl_s", 10**30, "more than Redis can count"),
        ("room_prefixes", ("",), "the empty text is no prefix"),
    ],
)
def test_a_name_that_no_key_can_have_is_refused(member: str, value: object, said: str) -> None:
    with pytest.raises(Problem, match=said.replace("{", "\\{")):
        parse_layout({member: value})


def vector(**changed: Any) -> dict[str, Any]:
    """A vector of ours, with some members changed."""
    content: dict[str, Any] = json.loads(next(vectors_folder().glob("TA-CLEAR-1/*.json")).read_text())
    return content | changed


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"given": [["FLUSHALL"]]}, "sends FLUSHALL, which no vector needs"),
        ({"given": [["flushall"]]}, "sends flushall, which no vector needs"),
        ({"given": [["EVAL", "return 1", "0"]]}, "sends EVAL"),
        ({"given": [["DEL", "scheduler:turn:t", "theirs"]]}, "changes theirs, which is no key of the contract's"),
        ({"given": [["SET", "theirs", "1"]]}, "changes theirs"),
        ({"given": [[]]}, "is no vector: given.0"),
        ({"when": [{"op": "redis", "command": ["CONFIG", "SET", "dir", "/"]}],
          "then": {"results": [None]}}, "sends CONFIG"),
        ({"when": []}, "has 0 steps and"),
        ({"then": {"results": [{"same_as": ["x"]}]}}, "same_as takes a name"),
        ({"reading": "none"}, "has a reading that is none"),
        ({"run": "rm -rf"}, "is no vector: run"),
    ],
)  # fmt: skip
def test_a_vector_that_could_do_harm_is_refused_before_anything_is_sent(
    changed: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(vector(**changed)))
    with pytest.raises(Problem) as caught:
        load_vector(path)
    assert said in str(caught.value)


def test_the_vectors_of_ours_are_none_of_these(tmp_path: Path) -> None:
    path = tmp_path / "ours.json"
    path.write_text(json.dumps(vector()))
    assert load_vector(path) == vector()


def test_a_message_that_quotes_a_file_gives_the_terminal_no_orders() -> None:
    problem = Problem("\x1b]0;t\x07.json", "is \x1b[31mred\x9b, \u202e\x00", "say\n\r\tso")
    assert str(problem) == "\\x1b]0;t\\x07.json: is \\x1b[31mred\\x9b, \\u202e\\x00\n  mend: say\n\\r\tso"
    assert (problem.where, problem.mend) == ("\\x1b]0;t\\x07.json", "say\n\\r\tso")


@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "1e308", "0", "1e6", "x", ""])
def test_a_deadline_that_is_no_time_is_refused_wherever_it_comes_from(seconds: str) -> None:
    with pytest.raises(Problem, match="is no deadline"):
        parse_deadlines(f"op={seconds}")


@pytest.mark.parametrize("case", ["../../etc/passwd", "/etc/passwd", "a\0b", "..", "", "x" * 5000, "~", "con\n"])
def test_no_case_leads_out_of_the_folder_of_capsules(case: str) -> None:
    taken: set[str] = set()
    stems = [file_stem("TA-SEL-1", case, taken) for _ in range(3)]
    assert len(set(stems)) == 3
    for stem in stems:
        assert Path(stem).name == stem
        assert stem.startswith("TA-SEL-1")
        assert len(stem) <= 120


def test_a_script_that_begins_with_a_byte_order_mark_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "select_node.lua"
    path.write_bytes(b"\xef\xbb\xbfreturn nil\n")
    with pytest.raises(Problem) as caught:
        read_script(path)
    assert str(caught.value) == (
        f"{path}: begins with a byte order mark, which Redis takes for a part of the script\n"
        "  mend: save it as UTF-8 without one (in an editor), or: sed -i '1s/^\\xef\\xbb\\xbf//' FILE"
    )
    path.write_bytes("return nil\n".encode("utf-16"))
    with pytest.raises(Problem) as caught:
        read_script(path)
    assert str(caught.value) == (
        f"{path}: is UTF-16 text, as PowerShell's > and some editors write it\n  mend: save it as UTF-8"
    )
    path.write_bytes(b"return nil\n")
    assert read_script(path) == "return nil\n"
