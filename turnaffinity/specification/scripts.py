"""Where do the shared Lua scripts come from, and how do a deployment's own key names reach them?"""

from __future__ import annotations

import hashlib
import re
import string
from functools import lru_cache
from pathlib import Path
from typing import Literal

from turnaffinity.contract.layout import PLACEHOLDERS, KeyLayout
from turnaffinity.shared_files import shared

ScriptName = Literal["select_node", "write_affinity", "clear_affinity"]
SCRIPT_NAMES: tuple[ScriptName, ...] = ("select_node", "write_affinity", "clear_affinity")

_BLOCK = re.compile(r"(?<=^-- LAYOUT: )([^\n]*\n)(.*?)(?=^-- LAYOUT END$)", re.DOTALL | re.MULTILINE)
_NAME = re.compile(r"^local (?:function )?(\w+)", re.MULTILINE)
_KEY_FUNCTIONS = {f"{member}_key": member for member in PLACEHOLDERS}
_CONSTANTS = {
    "AFFINITY_FIELD": "affinity_field",
    "CURRENT_TURN_FIELD": "current_turn_field",
    "JOB_TTL_S": "job_ttl_s",
}


@lru_cache(maxsize=64)
def load_script(name: ScriptName, layout: KeyLayout | None = None) -> str:
    """The Lua source of one shared script, with the layout's names in it (None: the default layout).

    The file's text is the script for the default layout. For another layout, the lines between its two
    `-- LAYOUT` marks are written anew; the rest is the same for every deployment. Nothing is sent to Redis.
    Raises `CannotRun` if the installation lacks the file.
    """
    path = script_path(name)
    return with_layout(path.read_text(encoding="utf-8"), layout or KeyLayout())


def script_path(name: ScriptName) -> Path:
    """The file of one shared script; raises `CannotRun` if the installation lacks it."""
    return shared("lua", f"{name}.lua")


def with_layout(source: str, layout: KeyLayout) -> str:
    """A script's source with its `-- LAYOUT` block written for `layout`.

    The block keeps the names that it defines, in their order; a source without a block stays as it is.
    """

    def rewritten(block: re.Match[str]) -> str:
        lines = [_definition(name, layout) for name in _NAME.findall(block[2])]
        return block[1] + "".join(f"{line}\n" for line in lines)

    return _BLOCK.sub(rewritten, source, count=1)


def _definition(name: str, layout: KeyLayout) -> str:
    if name in _CONSTANTS:
        value = getattr(layout, _CONSTANTS[name])
        return f"local {name} = {value if isinstance(value, int) else lua_text(value)}"
    if name == "pool_key_ends":
        before, after = _around(_lua_parts(layout.pool), "pool_id")
        return f"local function pool_key_ends(pair) return {_joined(before)}, {_joined(after)} end"
    template: str | None = getattr(layout, _KEY_FUNCTIONS[name])
    if template is None:
        return f"local function {name}() return nil end"
    parameters = ", ".join(PLACEHOLDERS[_KEY_FUNCTIONS[name]])
    return f"local function {name}({parameters}) return {_joined(_lua_parts(template))} end"


def _lua_parts(template: str) -> list[str]:
    """A key template as the operands of a Lua concatenation: "a:{x}:b" gives ["'a:'", "x", "':b'"]."""
    parts: list[str] = []
    literal = ""
    for text, placeholder, _, _ in string.Formatter().parse(template):
        literal += text
        if placeholder is not None:
            parts += [lua_text(literal), placeholder] if literal else [placeholder]
            literal = ""
    return [*parts, lua_text(literal)] if literal else parts


def _around(parts: list[str], placeholder: str) -> tuple[list[str], list[str]]:
    at = parts.index(placeholder)
    return parts[:at], parts[at + 1 :]


def _joined(parts: list[str]) -> str:
    return " .. ".join(parts) or "''"


def sha1(text: str) -> str:
    """What EVALSHA calls a script: 40 hexadecimal digits."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def lua_text(text: str) -> str:
    """`text` as a Lua 5.1 string in single quotes; quotes, backslashes and control characters are escaped."""
    return "'" + "".join(_lua_character(character) for character in text) + "'"


def _lua_character(character: str) -> str:
    if character in "'\\":
        return "\\" + character
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03d}" for byte in character.encode("utf-8", "surrogateescape"))
