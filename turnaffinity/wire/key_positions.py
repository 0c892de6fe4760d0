"""Where in a command do its keys stand? The positions per command, for Redis 7 and 8 and Valkey."""

from __future__ import annotations

from turnaffinity.wire.command import Command

Argv = tuple[str, ...]

# fmt: off
_KEYLESS = frozenset(
    [
        "MULTI", "EXEC", "DISCARD", "UNWATCH", "PING", "ECHO", "QUIT", "AUTH", "HELLO", "SELECT", "SWAPDB",
        "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "INFO", "ACL", "DBSIZE", "FLUSHALL", "FLUSHDB", "SAVE",
        "BGSAVE", "BGREWRITEAOF", "LASTSAVE", "SHUTDOWN", "MONITOR", "ROLE", "REPLICAOF", "SLAVEOF", "SYNC",
        "PSYNC", "REPLCONF", "WAIT", "WAITAOF", "READONLY", "READWRITE", "ASKING", "RESET", "TIME",
        "SLOWLOG", "LATENCY", "MODULE", "SCRIPT", "FUNCTION", "PUBLISH", "SPUBLISH", "SUBSCRIBE",
        "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "PUBSUB", "KEYS", "SCAN",
        "RANDOMKEY", "FAILOVER", "LOLWUT", "RESTORE-ASKING",
    ]
)
_EVERY_ARGUMENT = frozenset(
    [
        "DEL", "UNLINK", "EXISTS", "TOUCH", "MGET", "WATCH", "SINTER", "SUNION", "SDIFF", "SINTERSTORE",
        "SUNIONSTORE", "SDIFFSTORE", "PFCOUNT", "PFMERGE",
    ]
)
# fmt: on
_TWO_KEYS = frozenset(
    [
        "RENAME",
        "RENAMENX",
        "COPY",
        "SMOVE",
        "LMOVE",
        "BLMOVE",
        "RPOPLPUSH",
        "BRPOPLPUSH",
        "LCS",
        "ZRANGESTORE",
        "GEOSEARCHSTORE",
    ]
)
_ALL_BUT_THE_LAST = frozenset(["BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"])
_SECOND_WORD = frozenset(["OBJECT", "MEMORY", "DEBUG", "XINFO", "XGROUP"])
_COUNT_AT = {
    **dict.fromkeys(["EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO", "BLMPOP", "BZMPOP"], 2),
    **dict.fromkeys(["ZUNION", "ZINTER", "ZDIFF", "LMPOP", "ZMPOP", "SINTERCARD", "ZINTERCARD"], 1),
}
"""Commands that say how many keys follow, and where they say it."""


def keys_of(command: Command) -> Argv:
    """The keys that a command names, in order; MULTI and the like have none. Never raises.

    Of a command that is not known here the first argument counts as its key, as it is for most.
    """
    argv = command.argv
    if len(argv) < 2:
        return ()
    name = argv[0].upper()
    if name in _KEYLESS:
        return ()
    if name in _EVERY_ARGUMENT:
        return argv[1:]
    if name in _TWO_KEYS:
        return argv[1:3]
    if name in _COUNT_AT:
        at = _COUNT_AT[name]
        return argv[at + 1 : at + 1 + _count(argv, at)]
    return _keys_of_the_odd_ones(name, argv)


def _keys_of_the_odd_ones(name: str, argv: Argv) -> Argv:
    if name in ("MSET", "MSETNX"):
        return argv[1::2]
    if name == "MSETEX":
        return argv[2 : 2 + 2 * _count(argv, 1) : 2]
    if name in ("ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"):
        return argv[1:2] + argv[3 : 3 + _count(argv, 2)]
    if name in _ALL_BUT_THE_LAST:
        return argv[1:-1]
    if name in _SECOND_WORD:
        return argv[2:3]
    if name == "BITOP":
        return argv[2:]
    if name in ("XREAD", "XREADGROUP"):
        return _streams(argv)
    if name in ("SORT", "GEORADIUS", "GEORADIUSBYMEMBER"):
        return argv[1:2] + _after(argv, "STORE")[:1]
    if name == "MIGRATE":
        return argv[3:4] if argv[3:4] != ("",) else _after(argv, "KEYS")
    return argv[1:2]


def _after(argv: Argv, word: str) -> Argv:
    at = next((at for at in range(2, len(argv)) if argv[at].upper() == word), len(argv))
    return argv[at + 1 :]


def _streams(argv: Argv) -> Argv:
    rest = _after(argv, "STREAMS")
    return rest[: len(rest) // 2]


def _count(argv: Argv, at: int) -> int:
    try:
        return max(0, int(argv[at]))
    except (IndexError, ValueError):
        return 0
