"""Do we read MONITOR as the server meant it? Every form of line, and nothing from half a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnaffinity.wire.command import Command
from turnaffinity.wire.monitor import parse_line, printed

ARGUMENT = st.binary(max_size=12).map(lambda data: data.decode("utf-8", "surrogateescape"))


def test_a_line_of_the_redis_manual_is_read() -> None:
    line = '1339518083.107412 [0 127.0.0.1:60866] "keys" "*"'
    assert parse_line(line, 7) == Command(("keys", "*"), "127.0.0.1:60866", 0, 1339518083.107412, 7)


@pytest.mark.parametrize("client", ["127.0.0.1:60866", "unix:/run/redis.sock", "[::1]:6379", "lua", "", "unix:/a b"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "+"])
def test_every_client_line_end_and_start_is_read(client: str, end: str, start: str) -> None:
    command = parse_line(f'{start}1.5 [3 {client}] "GET" "a"{end}')
    assert command is not None
    assert (command.client, command.db, command.argv) == (client, 3, ("GET", "a"))


@pytest.mark.parametrize(
    "line",
    [
        "OK",
        "+OK\r\n",
        "",
        "\n",
        '1.5 [0 x] "GET" "a',
        '1.5 [0 x] "GET" "a\\"',
        "1.5 [0 x] GET a",
        "2024-01-01 log: hello",
        '1.5 [0 x] "GET" "a" b"',
        '1.5 [0 x] "GET"  "a"',
        b"\xff\xfe",
    ],
)
def test_what_is_no_whole_command_is_none(line: str | bytes) -> None:
    assert parse_line(line) is None


def test_escapes_give_the_bytes_back() -> None:
    line = rb'1.5 [0 lua] "SET" "a\"b\\c" "\x00\xff\n\r\t\a\b" "" "\xc3\xa9"'
    command = parse_line(line)
    assert command is not None
    assert command.argv == ("SET", 'a"b\\c', "\x00\udcff\n\r\t\a\b", "", "é")


@given(st.lists(ARGUMENT, min_size=1, max_size=5))
def test_what_is_printed_is_read_back(argv: list[str]) -> None:
    command = Command(tuple(argv), "127.0.0.1:1", 2, 1.5, 0)
    assert parse_line(printed(command)) == command


@given(st.binary(max_size=60))
def test_no_bytes_raise(data: bytes) -> None:
    parse_line(data)
    parse_line(b'1.5 [0 x] "' + data + b'"')


@given(st.lists(ARGUMENT, min_size=1, max_size=4), st.data())
def test_a_cut_line_gives_no_argument_that_was_not_whole(argv: list[str], data: st.DataObject) -> None:
    text = printed(Command(tuple(argv), "127.0.0.1:1", 2, 1.5, 0))
    cut = parse_line(text[: data.draw(st.integers(0, len(text)))])
    assert cut is None or cut.argv == tuple(argv[: len(cut.argv)])
