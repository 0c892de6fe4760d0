"""What does a command do? Its keys, the fields it reads, writes and deletes, and the lives it sets.

Pure functions on a `Command`, and total: an odd argv (cut, wrong arity, unknown) gives less, never an exception.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from turnaffinity.wire.command import Command
from turnaffinity.wire.key_positions import keys_of

__all__ = [
    "ALL",
    "EveryField",
    "Fields",
    "KeyFields",
    "ScriptCall",
    "assigns",
    "deletes_fields",
    "is_scan",
    "keys_of",
    "moves",
    "reads_fields",
    "script_call",
    "sets_ttl",
    "takes_for_no_hash",
    "writes_fields",
]


class EveryField:
    """All fields of a hash, whatever they are called: every name is `in` it."""

    def __contains__(self, field: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __repr__(self) -> str:
        return "ALL"


ALL: Final = EveryField()
"""What HGETALL reads and DEL deletes; test for it with `fields is ALL`."""

Fields = tuple[str, ...] | EveryField
KeyFields = tuple[str, Fields]

READ_ONE = frozenset({"HGET", "HEXISTS", "HSTRLEN"})
ASKS_WHETHER = frozenset({"HEXISTS", "HSTRLEN"})
"""Those that ask whether a field is there, or is empty, and do not read what it holds."""
READ_ALL = frozenset({"HGETALL", "HVALS", "HSCAN", "HRANDFIELD", "DUMP", "SORT", "SORT_RO"})
SCRIPT_CALLS = frozenset({"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"})
EXPIRES_KEY = frozenset({"EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT", "PERSIST", "GETEX", "SETEX", "PSETEX"})
EXPIRES_FIELD = frozenset(
    {"HEXPIRE", "HPEXPIRE", "HEXPIREAT", "HPEXPIREAT", "HPERSIST", "HGETEX", "HSETEX"},
)
TTL_OPTIONS = frozenset({"EX", "PX", "EXAT", "PXAT"})
"""KEEPTTL is none of them: it leaves the life of a key as it is."""

OVERWRITES = frozenset({"SET", "SETEX", "PSETEX", "GETSET"})
"""Commands after which a hash is no hash any more: all of its fields are gone."""


OTHER_TYPES = frozenset(
    {
        "SET", "SETNX", "GETSET", "SETEX", "PSETEX", "APPEND", "MSET", "MSETNX", "GET", "GETDEL", "GETEX", "MGET",
        "STRLEN", "INCR", "INCRBY", "DECR", "DECRBY", "SADD", "SREM", "SMEMBERS", "SISMEMBER", "SCARD", "LPUSH",
        "RPUSH", "LRANGE", "LPOP", "RPOP", "LLEN", "ZADD", "ZREM", "ZRANGE", "ZSCORE", "ZCARD", "XADD", "XRANGE",
        "JSON.SET", "JSON.GET",
    }
)  # fmt: skip
"""Commands that take their keys for something else than a hash."""


def takes_for_no_hash(command: Command) -> tuple[str, ...]:
    """The keys that the command takes for a string, a set, a list or the like (TA-KEY-1)."""
    return keys_of(command) if command.name in OTHER_TYPES else ()


def sets_ttl(command: Command) -> tuple[str, ...]:
    """The keys whose TTL, or whose fields' TTL, the command sets, moves or removes (TA-NEVER-1, TA-WRITE-2).

    EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, PERSIST, GETEX, SETEX, PSETEX, HEXPIRE and its kin, HGETEX and HSETEX by name,
    whatever their options; SET with EX, PX, EXAT or PXAT; RESTORE with a TTL.
    Looking (TTL, PTTL, EXPIRETIME, OBJECT) is none.
    """
    name, argv = command.name, command.argv
    if name in EXPIRES_KEY or name in EXPIRES_FIELD:
        return argv[1:2]
    if name == "SET":
        return argv[1:2] if any(part.upper() in TTL_OPTIONS for part in argv[3:]) else ()
    if name == "RESTORE":
        return argv[1:2] if _number(argv, 2) != 0 else ()
    if name == "MSETEX":
        count = _number(argv, 1)
        options = argv[2 + 2 * count :]
        return keys_of(command) if any(part.upper() in TTL_OPTIONS for part in options) else ()
    return ()


def reads_fields(command: Command) -> tuple[KeyFields, ...]:
    """Which fields of which hashes the command reads: ((key, fields), ...), where fields may be `ALL`.

    HGET, HMGET, HEXISTS, HSTRLEN, HGETDEL, HGETEX by field; HGETALL, HVALS, HSCAN, HRANDFIELD, DUMP and SORT all.
    HKEYS, HLEN and EXISTS tell no field's value and are none.
    """
    name, argv = command.name, command.argv
    if len(argv) < 2:
        return ()
    if name in READ_ONE:
        return ((argv[1], argv[2:3]),)
    if name == "HMGET":
        return ((argv[1], argv[2:]),)
    if name in READ_ALL:
        return ((argv[1], ALL),)
    if name in ("HGETDEL", "HGETEX"):
        return ((argv[1], _after_fields(argv)),)
    return ()


def writes_fields(command: Command) -> tuple[KeyFields, ...]:
    """Which fields of which hashes the command writes; RENAME, COPY and RESTORE write all of their target's."""
    written = assigns(command)
    if written is not None:
        return ((written[0], tuple([field for field, _ in written[1]])),)
    moved = moves(command)
    return ((moved[1], ALL),) if moved is not None and moved[1] else ()


def assigns(command: Command) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """The values that a command gives to fields of one hash: (key, ((field, value), ...)), or None.

    HSET, HMSET, HSETNX and HSETEX; for HINCRBY and HINCRBYFLOAT the value is the increment.
    """
    name, argv = command.name, command.argv
    if len(argv) < 4:
        return None
    if name in ("HSET", "HMSET"):
        return argv[1], tuple(zip(argv[2::2], argv[3::2], strict=False))
    if name in ("HSETNX", "HINCRBY", "HINCRBYFLOAT"):
        return argv[1], ((argv[2], argv[3]),)
    if name == "HSETEX":
        flat = _after_fields(argv, step=2)
        return argv[1], tuple(zip(flat[::2], flat[1::2], strict=False))
    return None


def deletes_fields(command: Command) -> tuple[KeyFields, ...]:
    """Which fields of which hashes are gone afterwards: ((key, fields), ...), where fields may be `ALL`.

    HDEL and HGETDEL by field; DEL, UNLINK, the source of RENAME and MOVE, and a hash overwritten by SET, all.
    """
    name, argv = command.name, command.argv
    if name == "HDEL":
        return ((argv[1], argv[2:]),) if len(argv) > 1 else ()
    if name == "HGETDEL":
        return ((argv[1], _after_fields(argv)),) if len(argv) > 1 else ()
    if name in ("DEL", "UNLINK"):
        return tuple([(key, ALL) for key in argv[1:]])
    if name in ("RENAME", "RENAMENX", "MOVE"):
        return tuple([(key, ALL) for key in argv[1:2]])
    if name in OVERWRITES:
        return tuple([(key, ALL) for key in argv[1:2]])
    if name in ("MSET", "MIGRATE") and not (name == "MIGRATE" and "COPY" in _upper(argv)):
        return tuple([(key, ALL) for key in keys_of(command)])
    return ()


def is_scan(command: Command) -> bool:
    """Whether the command looks through the names of a whole database: KEYS or SCAN (not SSCAN, not HSCAN)."""
    return command.name in ("KEYS", "SCAN")


def moves(command: Command) -> tuple[str, str] | None:
    """(source, target) of RENAME, RENAMENX, COPY, MOVE and RESTORE, or None.

    "" stands for a place outside this database: the target of MOVE, the source of RESTORE.
    """
    name, argv = command.name, command.argv
    if name in ("RENAME", "RENAMENX", "COPY") and len(argv) > 2:
        return argv[1], argv[2]
    if name == "MOVE" and len(argv) > 1:
        return argv[1], ""
    if name == "RESTORE" and len(argv) > 1:
        return "", argv[1]
    return None


class ScriptCall(NamedTuple):
    """A call of a script or function: its text, digest or name, the declared KEYS, and the other arguments."""

    script: str
    keys: tuple[str, ...]
    args: tuple[str, ...]


def script_call(command: Command) -> ScriptCall | None:
    """The script that EVAL, EVALSHA, FCALL or their read-only forms call, with its KEYS and ARGV, or None."""
    if command.name not in SCRIPT_CALLS or len(command.argv) < 2:
        return None
    keys = keys_of(command)
    return ScriptCall(command.argv[1], keys, command.argv[3 + len(keys) :])


def _after_fields(argv: tuple[str, ...], step: int = 1) -> tuple[str, ...]:
    """What `FIELDS n` announces: n names, or n names with their values (step 2)."""
    upper = _upper(argv)
    start = next((at for at in range(2, len(argv)) if upper[at] == "FIELDS"), None)
    if start is None:
        return ()
    return argv[start + 2 : start + 2 + step * max(0, _number(argv, start + 1))]


def _upper(argv: tuple[str, ...]) -> list[str]:
    return [part.upper() for part in argv]


def _number(argv: tuple[str, ...], at: int) -> int:
    try:
        return int(argv[at])
    except (IndexError, ValueError):
        return 0
