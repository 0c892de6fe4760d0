"""Do we know what a command does? Keys, fields and lives, by the command's name and options."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnaffinity.wire import key_positions, meaning
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import ALL


def command(text: str) -> Command:
    return Command(tuple("" if part == "''" else part for part in text.split()))


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("hget k f", ("k",)),
        ("DEL a b c", ("a", "b", "c")),
        ("RENAME a b", ("a", "b")),
        ("MSET a 1 b 2", ("a", "b")),
        ("EVAL return 2 a b c d", ("a", "b")),
        ("EVALSHA sha 0 a", ()),
        ("FCALL f 1 a b", ("a",)),
        ("EVAL x many a", ()),
        ("MULTI", ()),
        ("SCAN 0 MATCH a*", ()),
        ("ZUNIONSTORE d 2 a b WEIGHTS 1 2", ("d", "a", "b")),
        ("XREAD COUNT 1 STREAMS a b 0 0", ("a", "b")),
        ("BLPOP a b 0", ("a", "b")),
        ("OBJECT FREQ a", ("a",)),
        ("MIGRATE h 1 '' 0 9 KEYS a b", ("a", "b")),
        ("MIGRATE h 1 a 0 9", ("a",)),
        ("JSON.SET a $ 1", ("a",)),
    ],
)
def test_keys_are_found(text: str, keys: tuple[str, ...]) -> None:
    assert meaning.keys_of(command(text)) == keys


@pytest.mark.parametrize(
    "text",
    [
        *(f"{name} k 1" for name in ("EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT", "getex", "HGETEX", "HPERSIST")),
        "PERSIST k",
        "SETEX k 1 v",
        "PSETEX k 1 v",
        "SET k v ex 1",
        "SET k v NX PXAT 1",
        "RESTORE k 5 x",
        "HSETEX k EX 1 FIELDS 1 f v",
        "HEXPIRE k 1 FIELDS 1 f",
        "MSETEX 1 k v EX 5",
    ],
)
def test_commands_that_set_move_or_remove_a_ttl_are_known(text: str) -> None:
    assert meaning.sets_ttl(command(text)) == ("k",)


@pytest.mark.parametrize(
    "text",
    ["TTL k", "PTTL k", "EXPIRETIME k", "OBJECT IDLETIME k", "SET k v KEEPTTL", "SET k EX", "RESTORE k 0 x", "GET k"],
)
def test_looking_at_a_ttl_is_no_ttl_command(text: str) -> None:
    assert meaning.sets_ttl(command(text)) == ()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("HGET k f", (("k", ("f",)),)),
        ("HMGET k f g", (("k", ("f", "g")),)),
        ("HGETALL k", (("k", ALL),)),
        ("HGETDEL k FIELDS 2 f g", (("k", ("f", "g")),)),
        ("HGETEX k PERSIST FIELDS 1 f", (("k", ("f",)),)),
        ("EXISTS k", ()),
        ("HSET k f v", ()),
    ],
)
def test_fields_read_are_found(text: str, read: object) -> None:
    assert meaning.reads_fields(command(text)) == read


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("HSET k f v g w", (("k", ("f", "g")),)),
        ("HMSET k f v", (("k", ("f",)),)),
        ("HSETNX k f v", (("k", ("f",)),)),
        ("HSETEX k EX 1 FIELDS 1 f v", (("k", ("f",)),)),
        ("RENAME a k", (("k", ALL),)),
        ("HGET k f", ()),
    ],
)
def test_fields_written_are_found(text: str, written: object) -> None:
    assert meaning.writes_fields(command(text)) == written


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("HDEL k f g", (("k", ("f", "g")),)),
        ("DEL k l", (("k", ALL), ("l", ALL))),
        ("UNLINK k", (("k", ALL),)),
        ("HGETDEL k FIELDS 1 f", (("k", ("f",)),)),
        ("RENAME k b", (("k", ALL),)),
        ("SET k v", (("k", ALL),)),
        ("HGET k f", ()),
    ],
)
def test_fields_deleted_are_found(text: str, gone: object) -> None:
    assert meaning.deletes_fields(command(text)) == gone


def test_all_contains_every_field_and_is_one_of_a_kind() -> None:
    assert "anything" in ALL
    assert repr(ALL) == "ALL"


def test_a_script_call_has_keys_and_arguments() -> None:
    call = meaning.script_call(command("evalsha sha 1 k zh:en j t"))
    assert call == ("sha", ("k",), ("zh:en", "j", "t"))
    assert meaning.script_call(command("GET k")) is None


NAMES = sorted(
    {"HSET", "HGETDEL", "SET", "RESTORE", "HSETEX", "MSETEX", "EVAL", "COPY", "MOVE", "HDEL", "MSET", "XREAD"}
    | key_positions._SECOND_WORD
    | set(key_positions._COUNT_AT)
)


@given(
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(["a", "-1", "2", "FIELDS", "KEYS", "STREAMS", "EX", ""]), max_size=6),
)
def test_no_argv_raises(name: str, rest: list[str]) -> None:
    odd = Command((name, *rest))
    for question in (
        meaning.keys_of, meaning.sets_ttl, meaning.reads_fields, meaning.writes_fields, meaning.assigns,
        meaning.deletes_fields, meaning.is_scan, meaning.moves, meaning.script_call,
    ):  # fmt: skip
        question(odd)
        question(Command(()))
