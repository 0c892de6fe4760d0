"""Where does the state live? The names of all keys and fields, in one place."""

from __future__ import annotations

import json
import re
import string
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from turnaffinity.problem import Problem, toml_of

LEGACY_FIELDS = ("timeout_node_id", "max_duration_node_id")
"""The field names that the note abolishes (TA-KEY-3; note, sections 1 and 5)."""

POOL_IDS = 1000
"""Pool ids run from 0 to 999."""

MOST_NAME_CHARS = 1000
"""The longest template, field or prefix that a layout may have, in characters."""

MOST_TTL_S = 10**9
"""The longest life of a job binding, in seconds; Redis refuses what goes over its clock."""

PLACEHOLDERS: dict[str, tuple[str, ...]] = {
    "turn": ("turn_id",),
    "session": ("session_id",),
    "node": ("node_id",),
    "node_pools": ("node_id",),
    "pool": ("pair", "pool_id"),
    "job": ("job_id",),
    "pool_index": ("pair",),
}
"""What each key template names, each exactly once."""


class LayoutError(Problem):
    """A layout that cannot be used: `where` (file and member), `what` is wrong, how to `mend` it."""


class KeyLayout(BaseModel):
    """The names of the keys and fields; every default is the field's own name.

    A template holds its placeholders exactly once; `{{` and `}}` are literal braces, so that a Redis
    Cluster hash tag is written `{{{turn_id}}}`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    turn: str = Field("scheduler:turn:{turn_id}", description="hash of one turn; never has a TTL")
    session: str = Field("scheduler:session:{session_id}", description="hash of one session")
    node: str = Field("lingua:v1:node:{node_id}", description="exists if and only if the node is online")
    node_pools: str = Field("lingua:v1:node:{node_id}:pools", description="hash: pair -> pool id")
    pool: str = Field("lingua:v1:pool:{pair}:{pool_id}:nodes", description="set of node ids")
    job: str = Field("lingua:v1:job:{job_id}:node", description="string: the node that a job is bound to")
    affinity_field: str = Field("affinity_node_id", description="field of the turn hash")
    current_turn_field: str = Field("current_turn_id", description="field of the session hash")
    job_ttl_s: int = Field(3600, gt=0, description="life of a job binding, in seconds")
    pool_index: str | None = Field(None, description="set of a pair's pool ids, where a deployment keeps one")
    room_prefixes: tuple[str, ...] = Field(("scheduler:room:",), description="prefixes of room keys")

    @field_validator("turn", "session", "node", "node_pools", "pool", "job", "pool_index")
    @classmethod
    def _template_names_its_parts_once(cls, value: str | None, info: Any) -> str | None:
        if value is None:
            return None
        example = cls.model_fields[info.field_name].default
        _check_template(value, PLACEHOLDERS[info.field_name], f', as in "{example}"' if example else "")
        for other in PLACEHOLDERS:
            if (earlier := info.data.get(other)) and affixes(earlier) == affixes(value):
                raise ValueError(f"gives the same keys as {other}; give each kind of key a name of its own")
        return value

    @field_validator("affinity_field", "current_turn_field")
    @classmethod
    def _field_has_a_name(cls, value: str) -> str:
        if not value:
            raise ValueError("a field needs a name; the empty text is none")
        if value in LEGACY_FIELDS:
            raise ValueError(f'"{value}" is one of the names that the note abolishes (TA-KEY-3)')
        return value

    @field_validator("*")
    @classmethod
    def _texts_are_names(cls, value: Any) -> Any:
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str):
                _check_text(text)
        return value

    @field_validator("job_ttl_s")
    @classmethod
    def _life_is_one_that_redis_takes(cls, value: int) -> int:
        if value > MOST_TTL_S:
            raise ValueError(f"{value} s is more than Redis can count; give it a value like 3600")
        return value

    @field_validator("room_prefixes")
    @classmethod
    def _prefixes_are_texts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(value):
            # every key of a server would be a room key
            raise ValueError('the empty text is no prefix; write one as in "scheduler:room:"')
        return value

    @property
    def scheduler_prefixes(self) -> tuple[str, ...]:
        """How turn keys, session hashes and room keys begin: all that a selection must leave as it is (TA-SEL-6)."""
        return (self.prefixes["turn"], self.prefixes["session"], *self.room_prefixes)

    def turn_key(self, turn_id: str) -> str:
        """The key of one turn's hash."""
        return self.turn.format(turn_id=turn_id)

    def session_key(self, session_id: str) -> str:
        """The key of one session's hash."""
        return self.session.format(session_id=session_id)

    def node_key(self, node_id: str) -> str:
        """The key that exists if and only if the node is online."""
        return self.node.format(node_id=node_id)

    def node_pools_key(self, node_id: str) -> str:
        """The key of the hash that says in which pool of which pair a node is."""
        return self.node_pools.format(node_id=node_id)

    def pool_key(self, pair: str, pool_id: int | str) -> str:
        """The key of one pool's set of node ids; `pair` is "zh:en", source language first."""
        return self.pool.format(pair=pair, pool_id=pool_id)

    def job_key(self, job_id: str) -> str:
        """The key of the text that binds one job to its node."""
        return self.job.format(job_id=job_id)

    def pool_index_key(self, pair: str) -> str | None:
        """The key of the set of a pair's pool ids, or None where the deployment keeps none."""
        return self.pool_index.format(pair=pair) if self.pool_index else None

    @cached_property
    def prefixes(self) -> dict[str, str]:
        """The fixed text before the first placeholder of each template: {"turn": "scheduler:turn:", ...}."""
        return {name: affixes(value)[0] for name in PLACEHOLDERS if (value := getattr(self, name))}

    @cached_property
    def patterns(self) -> dict[str, re.Pattern[str]]:
        """For each template, a compiled pattern that matches its keys and captures the placeholders by name."""
        return {name: _pattern(value) for name in PLACEHOLDERS if (value := getattr(self, name))}

    def turn_id_of(self, key: str) -> str | None:
        """The turn id in a turn key, or None if the key is no turn key."""
        match = self.patterns["turn"].fullmatch(key)
        return match["turn_id"] if match else None

    def session_id_of(self, key: str) -> str | None:
        """The session id in a session key, or None if the key is no session key."""
        match = self.patterns["session"].fullmatch(key)
        return match["session_id"] if match else None


def _check_text(text: str) -> None:
    """Raise `ValueError`, "what is wrong; how to mend it", for a text that can be no part of a key's name."""
    if len(text) > MOST_NAME_CHARS:
        raise ValueError(f"has {len(text)} characters; a name has at most {MOST_NAME_CHARS}")


def _check_template(template: str, wanted: tuple[str, ...], example: str) -> None:
    """Raise `ValueError`, "what is wrong; how to mend it", if a template does not hold its placeholders once each."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f'"{template}" is no template ({error}); write a literal brace as {{{{ or }}}}') from error
    named = [name for _, name, _, _ in parts if name is not None]
    for part in wanted:
        if named.count(part) != 1:
            count = "lacks" if part not in named else "repeats"
            raise ValueError(f'"{template}" {count} {{{part}}}; name it once{example}')
    for _, name, spec, conversion in parts:
        if name is not None and name not in wanted:
            known = " and ".join(f"{{{each}}}" for each in wanted)
            raise ValueError(f'"{template}" names {{{name}}}, which this key does not have; use {known}, nothing else')
        if spec or conversion:
            raise ValueError(f'"{template}" formats {{{name}}}; write the name alone between the braces')
    texts = affixes(template)
    if not any(texts):
        # such a name would claim every key of a server as ours
        raise ValueError(f'"{template}" has no text of its own; write a prefix{example}')
    if not all(texts[1:-1]):
        raise ValueError(f'"{template}" has no text between its placeholders; put a separator there{example}')


def affixes(template: str) -> tuple[str, ...]:
    """The literal texts around the placeholders of a template: "a:{x}:b" gives ("a:", ":b")."""
    texts: list[str] = []
    pending = ""
    for literal, name, _, _ in string.Formatter().parse(template):
        pending += literal
        if name is not None:
            texts.append(pending)
            pending = ""
    return (*texts, pending)


def _pattern(template: str) -> re.Pattern[str]:
    parts = [
        re.escape(literal) + (f"(?P<{name}>.*)" if name else "")
        for literal, name, _, _ in string.Formatter().parse(template)
    ]
    return re.compile("".join(parts), re.DOTALL)


_MEMBERS = 'write members as: turn = "my:turn:{turn_id}"'


def load_layout(path: Path | None) -> KeyLayout:
    """The layout in a TOML file, or the default where there is no file.

    Raises `LayoutError` (file, member, what is wrong, how to mend it) if the file cannot be read or used.
    """
    if path is None:
        return KeyLayout()
    try:
        members = tomllib.loads(toml_of(path, "name a TOML file that can be read"))
    except Problem as problem:
        raise LayoutError(problem.where, problem.what, problem.mend) from problem
    except tomllib.TOMLDecodeError as error:
        raise LayoutError(str(path), f"is not a TOML file: {error}", _MEMBERS) from error
    except (RecursionError, ValueError) as error:  # brackets within brackets, numbers of thousands of digits
        raise LayoutError(str(path), "is no layout: it nests too deep, or has a number too long", _MEMBERS) from error
    return parse_layout(members, source=path.name)


def parse_layout(members: dict[str, Any], source: str = "layout") -> KeyLayout:
    """The layout with these members; raises `LayoutError` naming the member that is wrong."""
    try:
        json.dumps(members, ensure_ascii=False, default=str).encode()
        return KeyLayout(**members)
    except UnicodeEncodeError as error:
        raise LayoutError(source, "holds half a character (a lone surrogate)", "write it as UTF-8") from error
    except RecursionError as error:
        raise LayoutError(source, "nests too deep", _MEMBERS) from error
    except ValidationError as error:
        first = error.errors()[0]
        member = str(first["loc"][0]) if first["loc"] else "the file"
        if first["type"] == "extra_forbidden":
            known = ", ".join(KeyLayout.model_fields)
            raise LayoutError(f"{source}, {member}", "is no member of a layout", f"use one of: {known}") from error
        what, _, hint = first["msg"].removeprefix("Value error, ").partition("; ")
        mend = hint or f"give it a value like {KeyLayout.model_fields[member].default!r}"
        raise LayoutError(f"{source}, {member}", what, mend) from error
