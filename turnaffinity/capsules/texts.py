"""How is a failure shown without the kit? As a redis-cli script, and as the exact JSON Lines of the protocol."""

from __future__ import annotations

import hashlib
from typing import Any

from turnaffinity.capsules.capsule import Capsule
from turnaffinity.showing.sentences import asked
from turnaffinity.subjects.protocol import encode_request, hello_members

URL = "redis://127.0.0.1:6379/0"
"""Stands where the run's own address stood, which is gone."""


def redis_cli_script(capsule: Capsule, script: str | None = None) -> str:
    """The steps for `redis-cli < FILE`, on an empty database.

    With the text of a `script` a selection is its call; without it a request is an ECHO that says what the
    implementation is asked to do at that place.
    """
    said = [_line("ECHO", capsule.mistake.says["en"])] if capsule.mistake and "en" in capsule.mistake.says else []
    lines = [*said, _line("ECHO", f"{capsule.rule}: expected {capsule.expected}; observed {capsule.observed}")]
    if script is not None:
        lines.append(_line("SCRIPT", "LOAD", script))
    for step in capsule.steps:
        if step["op"] == "redis":
            lines.append(_line(*step["command"]))
        elif step["op"] == "select" and script is not None:
            sha = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
            lines.append(_line("EVALSHA", sha, "0", step["pair"], step["job_id"] or "", step["turn_id"] or ""))
        else:
            who = f" ({step['process']} process)" if "process" in step else ""
            lines.append(_line("ECHO", f"here the implementation{who} is asked: {asked(step)}"))
    return "\n".join(lines) + "\n"


def json_lines(capsule: Capsule) -> dict[str, bytes]:
    """What each process of the implementation was sent, exactly; "" is the first one.

    Where the capsule leaves steps out, the ids are those of the fewer requests; the address is a placeholder.
    """
    reading = None if capsule.auto else capsule.reading_judged()
    processes: dict[str, list[dict[str, Any]]] = {}
    for step in capsule.steps:
        if step["op"] != "redis":
            members = {name: value for name, value in step.items() if name != "process"}
            processes.setdefault(step.get("process", ""), []).append(members)
    texts = {}
    for process, requests in processes.items():
        hello = {"op": "hello", **hello_members(URL, reading, capsule.key_layout())}
        numbered = enumerate([hello, *requests, {"op": "bye"}], 1)
        texts[process] = b"".join(encode_request({"id": number} | request) for number, request in numbered)
    return texts


def _line(*argv: str) -> str:
    return " ".join(_quoted(part) for part in argv)


PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,_-:/@%+=")


def _quoted(part: str) -> str:
    if part and set(part) <= PLAIN:
        return part
    try:
        octets = part.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character, as only a capsule of somebody else's can hold
        octets = part.encode("utf-8", "replace")
    return '"' + "".join(_escaped(octet) for octet in octets) + '"'


def _escaped(octet: int) -> str:
    if octet in b'"\\':
        return "\\" + chr(octet)
    return chr(octet) if 32 <= octet < 127 else f"\\x{octet:02x}"
