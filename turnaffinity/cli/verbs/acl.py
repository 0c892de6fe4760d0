"""Which rights does a scheduler need? The verb `acl`."""

from __future__ import annotations

from typing import Annotated

import typer

from turnaffinity.cli.options import LayoutFile, in_their_language, say


def acl(
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="the user's name")] = "scheduler",
    layout: LayoutFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, for machines")] = False,
) -> None:
    """Print the ACL SETUSER command that gives a scheduler what the contract needs, and nothing beside.

    With it the server itself keeps a part of the contract: a command that sets a TTL on a turn key, or scans,
    is answered NOPERM. Replace PASSWORD, and put the line behind redis-cli in a shell, or at its prompt; an ACL
    file takes the same words, without quotes, after `user NAME`. Redis 7.0 and Valkey 8, or newer.
    `turnaffinity verify --acl` judges an implementation under exactly this user.

    examples:
      turnaffinity acl
      turnaffinity acl --user lingua --json

    exit: 0 printed   2 a name or a layout that no ACL rule can hold
    """
    import json

    from turnaffinity.contract.layout import load_layout
    from turnaffinity.contract.privileges import DENIED, LIMITS, parts, setuser
    from turnaffinity.problem import Problem

    if not user or any(sign.isspace() or sign == "\0" for sign in user):
        raise Problem("--user", f'"{user}" is empty or has a space', "name a user without one")
    names = load_layout(layout)
    words = setuser(names, user, "PASSWORD")
    if as_json:
        document = {
            "user": user,
            "argv": words,
            "parts": [{"rules": p.rules, "for": p.purpose, "contract": p.contract} for p in parts(names)],
            "denied": [{"commands": commands, "because": why} for commands, why in DENIED],
            "limits": list(LIMITS),
        }
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    typer.echo(" ".join(_quoted(word) for word in words))
    say("\nwhat each part is for:")
    for part in parts(names):
        typer.echo(f"  {part.rules}\n      {in_their_language(part.purpose)} ({part.contract})")
    say("\nwhat is denied, since nothing grants it:")
    for commands, why in DENIED:
        say(f"  {commands}\n      {why}")
    say("\nwhat an ACL cannot see:")
    for sentence in LIMITS:
        say(f"  {sentence}")


def _quoted(word: str) -> str:
    """A word as a shell and the prompt of redis-cli both read it back."""
    plain = word.replace("-", "").replace("+", "").isalnum()
    return word if plain else '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
