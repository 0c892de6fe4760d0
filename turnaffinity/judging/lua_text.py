"""What does a Lua script say, its comments apart? Enough of Lua's lexer to tell code from comment."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
      (?P<comment> --\[(?P<level>=*)\[ .*? \](?P=level)\] | --[^\n]* )
    | (?P<string>  "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' | \[(?P<depth>=*)\[ .*? \](?P=depth)\] )
    | (?P<other>   . )
    """,
    re.VERBOSE | re.DOTALL,
)


def code_of(source: str) -> str:
    """The script without its comments (TA-LUA-1)."""
    return "".join(match.group() for match in _TOKEN.finditer(source) if match["comment"] is None)
