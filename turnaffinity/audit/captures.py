"""In which form did this capture come, and how is it read as MONITOR lines?"""

from __future__ import annotations

import codecs
import itertools
import json
import re
from ast import literal_eval
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from turnaffinity.audit.lines import PLAIN, Numbers, command_of, common_words, line_of_record, only_commands
from turnaffinity.audit.trace import CHUNK_BYTES, GAP_MARK, Lines, chunks, our_names
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.problem import Problem
from turnaffinity.wire.meaning import SCRIPT_CALLS
from turnaffinity.wire.monitor import parse_line, split_arguments

MOST_LINE_BYTES = 1 << 23
"""A longer line is cut where lines are looked at one by one."""
MOST_RECORD_BYTES = 1 << 18
"""A longer dict is not parsed: that takes a hundred times its size."""
MOST_NAMESPACES = 10_000
MOST_PREFIX_BYTES = 300
NAMELESS = b"unix:?"
"""The client of a line that names none: as with a unix socket, all look alike."""
DAY_START_S = 1_000_000_000
"""Stands for the midnight before a time of day."""

RECORD = "record it with turnaffinity record --out FILE, or keep what redis-cli monitor prints"
OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (rb"PK\x03\x04", "is a zip archive", "unpack it: unzip -p FILE | turnaffinity audit -"),
    (rb"7z\xbc\xaf\x27\x1c|Rar!", "is a 7z or rar archive", "unpack it, and audit the file in it"),
    (rb"(?s).{257}ustar[ \0]", "is a tar archive", "unpack it: tar -xOf FILE | turnaffinity audit -"),
    (rb"\x04\x22\x4d\x18", "is compressed with lz4", "unpack it: lz4 -dc FILE | turnaffinity audit -"),
    (rb"\xd4\xc3\xb2\xa1|\xa1\xb2\xc3\xd4|\x0a\x0d\x0d\x0a", "is a network capture, which holds packets", RECORD),
    (rb"REDIS\d{4}|VALKEY\d", "is an RDB snapshot, which holds keys and no commands", RECORD),
    (rb"\*\d+\r\n\$\d+\r\n", "is an append-only file, whose commands have no times and no clients", RECORD),
    (rb"%PDF-", "is a PDF document", "copy its lines into a text file"),
    (rb"\{\\rtf", "is a rich text document", "save it as plain text"),
    (rb"(?i)\s*<(?:!doctype html|html)", "is a web page", "save the lines in it as plain text"),
)  # fmt: skip
"""What else is taken for a capture: how it begins, what it is, how to mend it."""

FRAME = re.compile(
    rb"(?:(?<![\d.])(?P<at>\d{9,11}\.\d{1,9})|(?<!\d)(?P<clock>\d\d:\d\d:\d\d(?:\.\d+)?)(?= \[)) "
    rb'(?:\[(?P<db>[^\s\[\]"]{1,99}) (?P<client>[^"]{0,200}?)\] |\(db (?P<old_db>\d+)\) )?"'
)
"""The beginning of a line as some server or program prints it."""
_DATE = (
    rb"(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?"
    rb"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?)"
)
PREFIX = re.compile(
    rb'(?:\s++|\xc2\xa0)*(?:(?P<file>(?:[A-Za-z]:)?[^\s"|:]+?)[:-])??\s*+(?:(?P<number>\d++)[:\t-])?\s*+'
    rb"(?:(?P<service>[\w.-]++)\s++\|\s)?(?:\[(?P<pod>pod/[^\s\]]++)\]\s)?(?:<\d++>)?(?:" + _DATE + rb"\s)?"
    rb"(?:(?P<program>\S++ [^\s:\[]++)(?:\[\d++\])?:\s)?(?:\s++|\xc2\xa0)*\+?"
)
"""What grep, docker compose, kubectl, docker, journals and syslog put before a line, in the order of their hands."""
NO_PREFIX = cast("re.Match[bytes]", PREFIX.fullmatch(b""))
CRI = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-][\d:]+) (stdout|stderr) ([FP])(?::\S*)? ?")
SERVERS_ERROR = re.compile(rb"(?m)^-?(?:\(error\) )?((?:NOAUTH|NOPERM|WRONGPASS|ERR) [^\r\n]+)")
RECORD_START = re.compile(rb"""\{(?:'time'|"time"): \d""")
LOST = re.compile(rb"(?:[Ll]ost|[Ss]uppressed|[Dd]ropped) \d+ (?:messages|lines)|message repeated \d+ times")
"""What syslog and the journal print where they left lines out."""
NUMBERED = re.compile(rb'\s*(?:(?:[A-Za-z]:)?[^\s"|:]+?[:-])??\s*(\d+)[:\t-]')
COLOURS = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_=>])")
GUILLEMETS = re.compile("«[\u00a0\u202f]?|[\u00a0\u202f]?»")
CHANGED = str.maketrans(
    dict.fromkeys("“”„‟＂″", '"') | dict.fromkeys("\u00a0\u202f", " ") | dict.fromkeys("\u200b\ufeff")
)
WORDS = {"HGET": 3, "HSET": 4, "HSETNX": 4, "HDEL": 3, "HEXISTS": 3, "HGETALL": 2, "HLEN": 2, "DEL": 2, "UNLINK": 2,
         "EXISTS": 2, "EXPIRE": 3, "PEXPIRE": 3, "PERSIST": 2, "TTL": 2, "PTTL": 2, "TYPE": 2, "WATCH": 2}  # fmt: skip
"""So many words has a command whose arguments hold no space; of others it cannot be told without the quotes."""


class Capture:
    """One file: `pieces` are its MONITOR lines, and `numbers` says which lines of the file they are.

    A plain capture passes untouched, and has no `numbers`. Raises `Problem` (exit 2) where it is no capture, at the
    latest in `refuse_what_is_none`.
    """

    def __init__(self, path: str, layout: KeyLayout) -> None:
        self.path, self._names = path, our_names(layout)
        self._affinity = layout.affinity_field.encode()
        self.names_affinity = False
        self.numbers: Numbers | None = None
        self._head = b""
        self._read_as: dict[str, None] = {}
        self.common: set[str] = set()
        """Words that each line so far names: where one is left at the end, other lines were left out."""
        self.commands: set[str] = set()
        """The one command, or two, that all lines so far are: the same."""
        first, pieces = self._decoded(chunks(path))
        self._first = first
        is_garbled = any(what.startswith("read as") for what in self._read_as)
        if is_garbled or not _is_plain(first, LineReader(path, self._names, {})):
            self.numbers = Numbers()
            pieces = LineReader(path, self._names, self._read_as, is_garbled).normalised(pieces, self.numbers)
        self.pieces = self._watched(pieces)

    @property
    def read_as(self) -> str:
        """What had to be done to it, in one line; "" for nothing."""
        return f"{self.path}: {'; '.join(self._read_as)}" if self._read_as else ""

    def _decoded(self, pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
        """The first piece, and all of them, in UTF-8 and with LF at the ends of lines."""
        first = next(pieces, b"")
        for begins, what, mend in OTHERS:
            if re.match(begins, first):
                raise Problem(self.path, what, mend)
        pieces = itertools.chain([first], pieces)
        encoding = _encoding(first)
        if encoding == "utf-8":
            next(pieces)
            first = first.removeprefix(codecs.BOM_UTF8)
            self._read_as["a byte order mark was left out"] = None
        elif encoding:
            self._read_as[f"read as {encoding.upper()[:6]}"] = None
            pieces = _transcoded(pieces, encoding)
            first = next(pieces, b"")
        else:
            next(pieces)
        pieces = itertools.chain([first], pieces)
        if b"\r" in first and b"\n" not in first:
            self._read_as["carriage returns were taken for the ends of lines"] = None
            first = first.replace(b"\r", b"\n")
            pieces = (piece.replace(b"\r", b"\n") for piece in pieces)
        return first, pieces

    def _watched(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if len(self._head) < CHUNK_BYTES:
                if not self._head:
                    self.common, self.commands = common_words(piece, self._names), only_commands(piece)
                self._head += piece[: CHUNK_BYTES - len(self._head)]
            self.names_affinity = self.names_affinity or self._affinity in piece
            yield piece

    def saw(self, lines: Lines) -> None:
        """Lines of interest that were met: does a word of `common` stand in each?"""
        if lines.kind != "gap":
            texts = [text for text in lines.texts if text]
            self.common = {word for word in self.common if all(word in text for text in texts)}
            if not self.commands.issuperset(command_of(text) for text in texts):
                self.commands.clear()

    def refuse_what_is_none(self) -> None:
        """Raise `Problem` if the beginning holds no line of MONITOR, or holds the newest first."""
        lines = (self._head or self._first).splitlines()
        told = [line for line in lines if line.strip() not in (b"", b"OK", b"+OK") and not line.startswith(b"#")]
        if told and not any(parse_line(line) is not None for line in told):
            error = SERVERS_ERROR.search(self._first)
            what, mend = "holds no line of MONITOR traffic in its beginning", RECORD
            if any(FRAME.search(line) for line in told):
                mend = "cut off what stands before the time of each line, as docker compose logs --no-log-prefix does"
            elif error:
                what = f"holds no traffic, but the server's answer {error[1].decode('ascii', 'replace')[:80]}"
                mend = "let redis-cli say who it is: redis-cli --user NAME --askpass monitor > FILE"
            elif b"\0" in self._first:
                what = "is a binary file, no MONITOR traffic"
            raise Problem(self.path, what, mend)
        times = [float(found[1]) for line in told if (found := re.match(rb"\+?(\d+\.\d+) \[", line))]
        back = sum(later < earlier for earlier, later in itertools.pairwise(times))
        if back > 2 and back > sum(later > earlier for earlier, later in itertools.pairwise(times)):
            raise Problem(self.path, "holds the newest line first", "turn it round: tac FILE | turnaffinity audit -")


def _encoding(start: bytes) -> str:
    """The encoding of a file that is not plain UTF-8, by its first bytes, or ""."""
    for mark, name in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
                       (codecs.BOM_UTF16_BE, "utf-16"), (codecs.BOM_UTF32_BE, "utf-32")):  # fmt: skip
        if start.startswith(mark):
            return name
    if start[1:64:2].count(0) > 24:
        return "utf-16-le"
    return "utf-16-be" if start[:64:2].count(0) > 24 else ""


def _transcoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The pieces in UTF-8. What cannot be read becomes "\N{REPLACEMENT CHARACTER}"."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for piece in pieces:
        text = decoder.decode(piece)
        if text:
            yield text.encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def _prefix(text: bytes, end: int) -> re.Match[bytes] | None:
    """What stands before a line, if it is a prefix that we know."""
    return PREFIX.fullmatch(text, 0, end) if end <= MOST_PREFIX_BYTES else None


def _stands(line: bytes) -> bool:
    """Whether a line is one of MONITOR as it stands."""
    return PLAIN.match(line) is not None and (line.isascii() or parse_line(line) is not None)


def _is_plain(head: bytes, lines: LineReader) -> bool:
    """Whether no line in the beginning of a file would be read otherwise than as it stands."""
    if b"\x1b" in head:
        return False
    whole = head.split(b"\n")[: -1 if len(head) > CHUNK_BYTES // 3 else None]
    return not any(not _stands(line) and lines.would_read(line) for line in whole)


class LineReader:
    """Reads one line after another as MONITOR prints them; notes in `read_as` what had to be done to them."""

    def __init__(self, path: str, names: Sequence[str], read_as: dict[str, None], is_garbled: bool = False) -> None:
        self._path, self._read_as = path, read_as
        self._names, self._is_garbled = names, is_garbled
        self._begun = self._was_prefixed = False
        self._gap = False
        """Lines are missing before the next one."""
        self._source = self._file = b""
        self._number = 0
        self._cut: dict[bytes, bytes] = {}
        """stream -> the beginning of a line whose end comes as a line of its own."""
        self._namespaces: dict[bytes, bytes] = {b"__namespace": b"0"}

    def would_read(self, line: bytes) -> bool:
        """Whether this line, as the first of a capture, is more than another program's text."""
        return not line.startswith(b"#") and (bool(self.read(line)) or self._gap or bool(self._cut))

    def normalised(self, pieces: Iterable[bytes], numbers: Numbers) -> Iterator[bytes]:
        """The MONITOR lines in these pieces and a mark for each gap; `numbers` is told where they stood."""
        rest, lines = b"", 0
        for piece in itertools.chain(pieces, [b"\n"]):
            *whole, rest = (rest + piece).split(b"\n")
            rest = rest[:MOST_LINE_BYTES]
            out: list[bytes] = []
            for raw in whole:
                numbers.lines += 1
                line = self.read(raw)
                if not line:
                    continue
                if self._gap:
                    out.append(b"# " + GAP_MARK)
                    numbers.skip(lines + len(out), numbers.lines)
                    self._gap = False
                self._begun = True
                out.append(line)
                numbers.skip(lines + len(out), numbers.lines)
            lines += len(out)
            yield b"".join([line + b"\n" for line in out])
        numbers.lines -= not whole[-1]

    def read(self, raw: bytes) -> bytes:
        """The line as MONITOR prints it, or b"" where it is none, or not whole yet."""
        text = raw.rstrip()
        if text.startswith(codecs.BOM_UTF8):  # of another capture, joined to the one before
            text, self._gap = text.removeprefix(codecs.BOM_UTF8), self._gap or self._begun
        if b"\x1b" in text:
            self._note("colour codes were left out")
            text = COLOURS.sub(b"", text)
        if _stands(text):
            if self._was_prefixed:
                self._came_from(NO_PREFIX)
            return text
        text = self._unwrapped(text)
        frame = FRAME.search(text)
        if not text.isascii() and not (frame and split_arguments(text[frame.end() : -1]) is not None):
            text = self._straight(text)
            frame = FRAME.search(text)
        start = frame or RECORD_START.search(text)
        if start is None or b"\n" in text:
            return self._foreign(text)
        prefix = _prefix(text, start.start())
        if prefix is None:  # another program's line about one of MONITOR, or a prefix that nobody knows
            self._gap = True
            return b""
        self._came_from(prefix)
        return self._printed(text, frame) if frame else self._from_record(text[start.start() :])

    def _note(self, what: str) -> None:
        self._read_as[what] = None

    def _unwrapped(self, text: bytes) -> bytes:
        """What stands in a line of docker's json-file log, or of CRI; both cut long lines into several."""
        at = text.find(b'{"log":')
        if at >= 0 and _prefix(text, at):
            try:
                entry = json.loads(text[at:])
                content, stream = entry["log"].encode("utf-8", "replace"), str(entry.get("stream")).encode()
            except (ValueError, RecursionError, AttributeError):
                return text
            self._note("docker's JSON was unwrapped")
            return self._joined(text[:at], content.rstrip(b"\r\n"), stream, content.endswith(b"\n"))
        cri = CRI.search(text)
        if cri and _prefix(text, cri.start()):
            self._note("a prefix before each line was left out")
            return self._joined(text[: cri.start()], text[cri.end() :], cri[1], cri[2] == b"F")
        return text

    def _joined(self, before: bytes, content: bytes, stream: bytes, ends: bool) -> bytes:
        content = self._cut.pop(stream, b"") + content
        if ends:
            return before + content
        if stream in (b"stdout", b"stderr"):
            self._cut[stream] = content[:MOST_LINE_BYTES]
        return b""

    def _straight(self, text: bytes) -> bytes:
        """The line with the quotes and spaces that a web page or a word processor changed."""
        try:
            line = text.decode("utf-8")
        except UnicodeDecodeError:
            line = text.decode("cp1252", "replace")
        mended = GUILLEMETS.sub('"', line).translate(CHANGED).encode("utf-8", "replace")
        has_frame = FRAME.search(mended) is not None
        if has_frame:
            self._note("changed quotes and spaces were set straight")
        if not mended.isascii() and (has_frame or self._is_garbled):  # what else was changed cannot be known
            self._gap = True
            return b""
        return mended

    def _foreign(self, text: bytes) -> bytes:
        """A line that is none of MONITOR's: it may say that lines are missing, or that a capture begins."""
        numbered = NUMBERED.match(text)
        if self._number and numbered and int(numbered[1][:18]) == self._number + 1:
            self._number += 1
        begins = _prefix(text, len(text) - 2) if text.endswith(b"OK") else None
        if text == b"--" or (text.startswith(b"#") and GAP_MARK in text) or LOST.search(text):
            self._gap = True
        elif begins and self._name_of(begins) == self._source:
            self._gap = self._gap or self._begun
        return b""

    def _name_of(self, prefix: re.Match[bytes]) -> bytes:
        return prefix["service"] or prefix["pod"] or prefix["program"] or b""

    def _came_from(self, prefix: re.Match[bytes]) -> None:
        """Whose line is it, and does it follow the one before? Lines of two servers that are mixed cannot be judged."""
        if prefix[0]:
            self._was_prefixed = True
            self._note(f"{'a prefix' if prefix[0].strip() else 'indentation'} before each line was left out")
        name, file, number = self._name_of(prefix), prefix["file"] or b"", int((prefix["number"] or b"0")[:18])
        if name and self._source and name != self._source:
            who = [each.decode("utf-8", "replace") for each in (self._source, name)]
            mend = "give each a file of its own, and name the files of all primaries"
            raise Problem(self._path, f"holds the traffic of {who[0]} and of {who[1]}, mixed", mend)
        follows = number == (self._number + 1 if self._number else 0) or not self._begun
        if self._begun and not (follows and file == self._file and name == self._source):
            self._gap = True
        self._source, self._file, self._number = name, file, number

    def _printed(self, text: bytes, frame: re.Match[bytes]) -> bytes:
        at, db, client = frame["at"], frame["db"], frame["client"]
        if frame["clock"]:
            hours, minutes, seconds = frame["clock"].split(b":")
            at = b"%.6f" % (DAY_START_S + 3600 * int(hours) + 60 * int(minutes) + float(seconds))
            self._note("times of day were taken for times")
        if db is None:
            db, client = frame["old_db"] or b"0", NAMELESS
            self._note("no line names a client, so that all look alike")
        elif not db.isdigit():
            if len(self._namespaces) > MOST_NAMESPACES:
                self._namespaces.clear()
                self._gap = True
            db = self._namespaces.setdefault(db, b"%d" % (MOST_NAMESPACES + len(self._namespaces)))
            self._note("each namespace was taken for a database")
        return at + b" [" + db + b" " + client + b"] " + text[frame.end() - 1 :]

    def _from_record(self, text: bytes) -> bytes:
        """The line of MONITOR that redis-py made a dict of: its arguments stand there without their quotes."""
        self._note("each dict of redis-py's was taken for a line")
        try:
            text = text.rstrip(b",")
            record = json.loads(text) if text[1:2] == b'"' else literal_eval(text[:MOST_RECORD_BYTES].decode())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            record = None
        printed = line_of_record(record)
        argv = printed.partition('] "')[2][:-1].split('" "')
        unclear = WORDS.get(argv[0].upper()) != len(argv) and argv[0].upper() not in SCRIPT_CALLS
        if not printed or "\n" in printed or (unclear and any(name in printed for name in self._names)):
            self._gap = True  # where an argument ends, and with it what was done, cannot be known
            return b""
        return printed.encode("utf-8", "replace")
