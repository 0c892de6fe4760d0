"""Does an implementation do what a vector says? One vector played against any subject, on a cleared server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from turnaffinity.contract.decisions import Reading, all_readings, parse_reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.vector import Vector as VectorFile
from turnaffinity.problem import Problem, text_of
from turnaffinity.shared_files import shared
from turnaffinity.showing.plain import shown
from turnaffinity.showing.sentences import told
from turnaffinity.stage.step import ask
from turnaffinity.subjects.subject import Answer, Finalized, Refused, Selected, Subject
from turnaffinity.vectors.matching import Bound, Disagreement, in_words
from turnaffinity.wire.command import Command
from turnaffinity.wire.key_positions import keys_of

Vector = Mapping[str, Any]

NAMES = re.compile(r"\b(?:[snj]\d+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\b")
"""The names that vectors use for sessions, nodes, jobs and turns; languages and fields look otherwise."""


def vectors_folder() -> Path:
    """The folder of the committed vectors: inside the package in a wheel, beside it in a checkout."""
    return shared("conformance", "vectors")


COMMANDS = frozenset({"HSET", "HDEL", "SADD", "SREM", "SET", "DEL"})
"""The Redis commands that a vector may send; with any other, a file of a stranger's could harm the server."""

MEND = (
    "name a vector that python -m turnaffinity.vectors wrote, or one of the same shape (conformance/schema/vector.json)"
)


def load(path: Path) -> dict[str, Any]:
    """A vector as its file has it; the file may be anybody's.

    Raises `Problem` if it is none, or sends commands that no vector needs, or to keys that are not the contract's.
    """
    try:
        content: dict[str, Any] = json.loads(text_of(path, MEND))
    except (ValueError, RecursionError) as error:
        raise Problem(str(path), "is not JSON", MEND) from error
    try:
        vector = VectorFile.model_validate(content, strict=True)
        readings_of(content)
    except ValidationError as error:
        first = error.errors()[0]
        member = ".".join(str(part) for part in first["loc"]) or "the file"
        raise Problem(str(path), "is no vector: " + shown(f"{member}: {first['msg'].lower()}"), MEND) from error
    except ValueError as error:
        raise Problem(str(path), f"has a reading that is none: {shown(str(error))}", MEND) from error
    _refuse_harm(path, vector)
    return content


def _refuse_harm(path: Path, vector: VectorFile) -> None:
    if len(vector.then.results) != len(vector.when):
        what = f"has {len(vector.when)} steps and {len(vector.then.results)} results"
        raise Problem(str(path), what, "give each step a result, null for a redis step")
    patterns = KeyLayout().patterns.values()
    for argv in [*vector.given, *(step.command for step in vector.when if step.op == "redis")]:
        if argv[0].upper() not in COMMANDS:
            known = ", ".join(sorted(COMMANDS))
            raise Problem(str(path), f"sends {shown(argv[0], 40)}, which no vector needs", f"use one of: {known}")
        for key in keys_of(Command(tuple(argv))):
            if not any(pattern.fullmatch(key) for pattern in patterns):
                raise Problem(str(path), f"changes {shown(key, 80)}, which is no key of the contract's", MEND)


def readings_of(vector: Vector) -> list[Reading]:
    """The readings that a vector is for: all for null, one for a preset, those that an object's choices leave."""
    reading = vector["reading"]
    if isinstance(reading, str):
        return [parse_reading(reading)]
    return [each for each in all_readings() if (reading or {}).items() <= each.as_dict().items()]


def asks_only_for_selections(vector: Vector) -> bool:
    """Whether a script can be judged by it."""
    return all(step["op"] != "finalize" for step in vector["when"])


def renamed(vector: Vector, fresh: Callable[[str], str]) -> dict[str, Any]:
    """The vector with another name for each session, node, job and turn: a table of answers passes no more.

    `fresh` gives the new name for an old one, and is asked once for each. A turn's new name must be a UUID too.
    """
    known: dict[str, str] = {}

    def new(found: re.Match[str]) -> str:
        old = found[0]
        if old not in known:
            # ids that differ in case only have to go on doing so
            twin = next((other for other in known if other.lower() == old.lower()), None)
            known[old] = fresh(old) if twin is None else known[twin].swapcase()
        return known[old]

    text = {name: vector[name] for name in ("given", "when", "then")}
    return {**vector, **json.loads(NAMES.sub(new, json.dumps(text)))}


def translated(vector: Vector, layout: KeyLayout) -> dict[str, Any]:
    """The vector with the keys and fields of another layout."""
    default = KeyLayout()
    if layout == default:
        return dict(vector)

    def key(text: str) -> str:
        for kind in ("node_pools", "node", "turn", "session", "pool", "job"):
            match = default.patterns[kind].fullmatch(text)
            if match:
                return str(getattr(layout, kind)).format(**match.groupdict())
        fields = {default.affinity_field: layout.affinity_field, default.current_turn_field: layout.current_turn_field}
        return fields.get(text, text)

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return key(value)
        if isinstance(value, list):
            return [walk(each) for each in value]
        return {key(name): walk(each) for name, each in value.items()} if isinstance(value, dict) else value

    return {**vector, **{name: walk(vector[name]) for name in ("given", "when", "then")}}


def play(
    vector: Vector, subject: Subject, client: Any, *, during: Callable[[dict[str, Any]], Answer] | None = None
) -> None:
    """Play a vector on a cleared server; raises `Disagreement` at the first thing that is otherwise.

    Sends the commands of `given` and `when`; then TYPE and one read for each judged key, EXISTS and PTTL.
    `during` puts a request to the subject in the caller's own way.
    """
    bound = Bound()
    put = during or (lambda request: ask(subject, request))
    with client.pipeline(transaction=False) as pipe:
        for command in vector["given"]:
            pipe.execute_command(*command)
        pipe.execute()
    for number, (step, expected) in enumerate(zip(vector["when"], vector["then"]["results"], strict=True), 1):
        request = bound.filled(step)
        if request["op"] == "redis":
            client.execute_command(*request["command"])
            continue
        bound.agree(expected, as_result(put(request)), f"step {number}")
    _hold_state(vector["then"], bound, client)


def as_result(answer: Answer) -> dict[str, Any]:
    """An answer as a vector writes it: the protocol's `ok`, or {"error": code}."""
    match answer:
        case Selected(node_id):
            return {"node_id": node_id}
        case Refused(code):
            return {"error": code}
        case Finalized(turn_id, jobs):
            named = [{"job_id": job.job_id, "tgt_lang": job.tgt_lang, "node_id": job.node_id} for job in jobs]
            return {"turn_id": turn_id, "jobs": named}
    return {"error": told(answer)}


def _hold_state(then: Mapping[str, Any], bound: Bound, client: Any) -> None:
    for key, expected in then.get("keys", {}).items():
        name = bound.filled(key)
        bound.agree(expected, content(client, name), name, whole=True)
    for name in bound.filled(then.get("absent", [])):
        if client.exists(name):
            raise Disagreement(name, "no such key", in_words(content(client, name)))
    for name in bound.filled(then.get("no_ttl", [])):
        if (left_ms := client.pttl(name)) >= 0:
            raise Disagreement(name, "no lifetime", f"{left_ms} ms left")


def content(client: Any, key: str) -> Any:
    """A hash as an object, a set as a sorted list, a string as a text, None where there is no such key."""
    kind = client.type(key)
    if kind == "hash":
        return client.hgetall(key)
    if kind == "set":
        return sorted(client.smembers(key))
    return client.get(key) if kind == "string" else None if kind == "none" else f"a {kind}"
