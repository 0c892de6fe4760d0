"""What may a scheduler do in Redis, and nothing beside? Its ACL rules, from the contract and the names of the keys.

A command passes if the root permissions or one selector allow it with all its keys. Commands inside a script are asked
one by one like any other, so that a script gets no further than its caller.
"""

from __future__ import annotations

from dataclasses import dataclass

from turnaffinity.contract.layout import PLACEHOLDERS, KeyLayout, LayoutError, affixes

GLOB_SIGNS = frozenset("*?[]\\^")
"""What a key pattern of an ACL does not take literally; a backslash before it makes it plain."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some rules of the user, and what they are for; `rules` is one selector, or words of the root permissions."""

    purpose: str
    rules: str
    contract: str
    """The rules of the contract that need it, or that it upholds."""


DENIED: tuple[tuple[str, str], ...] = (
    ("EXPIRE PEXPIRE EXPIREAT PEXPIREAT PERSIST GETEX SETEX PSETEX RESTORE HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT "
     "HPERSIST HGETEX HSETEX", "no TTL on a turn key or a session hash, by any command (TA-NEVER-1, TA-WRITE-2)"),
    ("KEYS SCAN HSCAN SSCAN", "one key of one turn is read, nothing is searched (TA-SEL-5, TA-CLEAR-8)"),
    ("overwriting turn keys and session hashes (SET)", "only job keys may be SET (TA-BIND-1)"),
    ("deleting turn keys and session hashes (DEL)", "fields are deleted, not hashes (TA-CLEAR-5)"),
    ("everything on room keys and all other keys", "there is no second place to look (TA-NEVER-3, TA-KEY-2)"),
    ("FLUSHALL FLUSHDB CONFIG SHUTDOWN SCRIPT FLUSH ACL MONITOR DEBUG", "administration is not a scheduler's"),
)  # fmt: skip
"""What is not granted, and which promise that keeps; whatever is not granted is denied."""

LIMITS: tuple[str, ...] = (
    "An ACL sees commands and keys, not options: SET ... EX cannot be told from SET. It is granted on job keys only, "
    "so that no option of it reaches a turn key.",
    "An ACL sees keys, not fields: HSET and HDEL may write any field of a session hash, also other people's "
    "(TA-CLEAR-5), and any session's (TA-CLEAR-8). These stay with `turnaffinity verify` and `audit`.",
    "A refused command is answered NOPERM and listed by ACL LOG; MONITOR does not show it.",
)
"""What the rules cannot enforce, in sentences."""


def parts(layout: KeyLayout) -> tuple[Part, ...]:
    """The user's rules with what each is for, root permissions first.

    Raises `LayoutError` for a layout whose names have a space, which no ACL rule can hold.
    """
    pattern = {name: _glob(name, template) for name in PLACEHOLDERS if (template := getattr(layout, name))}
    pools = " ".join(f"%R~{pattern[name]}" for name in ("pool", "pool_index") if name in pattern)
    return (
        Part("connections, transactions and scripts; TIME and no key at all",
             # a category, since Redis 7.0 refuses the name CLIENT SETINFO, which newer clients send
             "resetchannels -@all +@connection -@dangerous +multi +exec +discard +unwatch +eval +evalsha +script|load "
             "+script|exists +time",
             "TA-WRITE-6, TA-CLEAR-7"),
        Part("the turn's affinity and the session's open turn: read, written and cleared, field by field",
             f"(~{pattern['turn']} ~{pattern['session']} "
             "+hget +hmget +hgetall +hexists +exists +hset +hsetnx +hdel +watch)",
             "TA-KEY-1, TA-KEY-2, TA-WRITE-1, TA-CLEAR-1"),
        Part("which nodes are online, and in which pool of a pair: looked at only",
             f"(%R~{pattern['node']} %R~{pattern['node_pools']} +exists +hget +hmget +hgetall +hexists)",
             "TA-SEL-1, TA-SEL-3, TA-SEL-4"),
        Part("the candidates of a pair: looked at only",
             f"({pools} +exists +scard +smembers +sismember +smismember +srandmember +sunion)",
             "TA-SEL-1, TA-SEL-2, TA-SEL-4"),
        Part("nodes that are gone leave their pools (select_node.lua does so; leave it out where nobody does)",
             f"(%W~{pattern['pool']} +srem)", "TA-SEL-3"),
        Part("and what they leave behind (as the line before)", f"(%W~{pattern['node_pools']} +del)", "TA-SEL-3"),
        Part("job-level bindings: SET with EX, looked up, dropped",
             f"(~{pattern['job']} +get +set +exists +del)", "TA-BIND-1, TA-BIND-2"),
    )  # fmt: skip


def setuser(layout: KeyLayout, user: str, password: str) -> list[str]:
    """The words of the ACL SETUSER command, one argument each, as a client sends them."""
    words = ["ACL", "SETUSER", user, "reset", "on", f">{password}"]
    for part in parts(layout):
        words += [part.rules] if part.rules.startswith("(") else part.rules.split()
    return words


def _glob(name: str, template: str) -> str:
    texts = affixes(template)
    if any(sign.isspace() or sign in "()" for text in texts for sign in text):
        what = f'"{template}" has a space or a parenthesis, and an ACL rule cannot hold one'
        raise LayoutError(f"layout, {name}", what, "give the keys names without them")
    return "*".join("".join(f"\\{sign}" if sign in GLOB_SIGNS else sign for sign in text) for text in texts)
