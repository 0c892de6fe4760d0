"""What did the adapter answer? One line read as an answer, or named as one of the usual mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable, Container
from typing import Any

from turnaffinity.contract.answers import Finalized, Job
from turnaffinity.showing.plain import shown
from turnaffinity.subjects.protocol import ERROR_CODES
from turnaffinity.subjects.subject import Hello, Refused, Selected


class NotAnAnswer(Exception):
    """A line that is no answer to the request: `what` was seen, and how to `mend` it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what}\n  mend: {mend}")
        self.what, self.mend = what, mend


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_DECODE = json.JSONDecoder(parse_constant=_no_constant).decode

_ONE_LINE = "write each answer as one JSON object on one line, without indentation"
_STDERR = "stdout belongs to the protocol: send logs to stderr"


def parse_line(line: bytes) -> dict[str, Any]:
    """The JSON object in one line (without its line feed); raises `NotAnAnswer` with the usual mistake named."""
    try:
        text = line.decode("utf-8")
        members = _DECODE(text)
    except UnicodeDecodeError as error:
        what = f"byte {error.start + 1} of the line is no UTF-8: {shown(line)}"
        raise NotAnAnswer(what, "write UTF-8") from error
    except RecursionError as error:
        mend = "answer as the schemas in conformance/schema/ say"
        raise NotAnAnswer(f"the line nests too deep: {shown(line)}", mend) from error
    except ValueError as error:
        raise _no_json(text) from error
    if not isinstance(members, dict):
        what = f"the line is {_kind(members)}, not a JSON object: {shown(line)}"
        raise NotAnAnswer(what, 'answer with an object: {"id": ..., "ok": {...}}')
    if "\\u" in text or "\\U" in text:
        _refuse_lone_surrogates(members, line)
    return members


def _no_json(text: str) -> NotAnAnswer:
    stripped = text.strip()
    if not stripped:
        return NotAnAnswer("an empty line on stdout", "write exactly one line for each answer")
    if text.startswith("\ufeff"):
        return NotAnAnswer("the line begins with a byte order mark", "write UTF-8 without one")
    if stripped in ("{", "[") or (stripped.startswith("{") and _is_cut_json(stripped)):
        return NotAnAnswer(f"the line holds only the beginning of a JSON object: {shown(text)}", _ONE_LINE)
    if stripped.startswith("{'"):
        return NotAnAnswer(
            f"texts in single quotes are no JSON: {shown(text)}", "write with a JSON library, not with print or repr"
        )
    if stripped.startswith("{") and _leading_object(stripped):
        return NotAnAnswer(f"more than one value on a line: {shown(text)}", "end each answer with a line feed")
    if stripped.startswith(("{", "[{")):
        return NotAnAnswer(f"the line is no JSON: {shown(text)}", _ONE_LINE)
    return NotAnAnswer(f"log text on stdout, not an answer: {shown(text)}", _STDERR)


def _is_cut_json(text: str) -> bool:
    try:
        _DECODE(text)
    except json.JSONDecodeError as error:
        return error.pos >= len(text) or error.msg.startswith("Unterminated string")
    except (ValueError, RecursionError):
        return False
    return False


def _leading_object(text: str) -> bool:
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return end < len(text)


def _refuse_lone_surrogates(members: dict[str, Any], line: bytes) -> None:
    try:
        json.dumps(members, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        what = f"a \\u escape in the line is half a character: {shown(line)}"
        raise NotAnAnswer(what, "escape characters beyond U+FFFF as a pair, or write UTF-8") from error


def body_of(members: dict[str, Any], request_id: int, earlier: Container[int] = ()) -> dict[str, Any] | Refused:
    """The `ok` object of an answer to `request_id`, or its error; raises `NotAnAnswer`.

    `"error": null` beside `ok`, and the other way round, is as if it were not there. `earlier` are the ids that the
    same process was sent before.
    """
    if "id" not in members or type(members["id"]) is not int or members["id"] != request_id:
        _check_id(members, request_id, earlier)
    ok, error = members.get("ok"), members.get("error")
    if ok is not None and error is None:
        if type(ok) is not dict:
            raise NotAnAnswer(f'"ok" is {_kind(ok)}, not an object', 'answer {"id": ..., "ok": {...}}')
        return ok
    if error is None:
        what = f"the answer has neither ok nor error, but {_names(members)}{_otherwise(members, 'ok', 'error')}"
        raise NotAnAnswer(
            what, 'answer {"id": ..., "ok": {...}} or {"id": ..., "error": {"code": ..., "message": ...}}'
        )
    if ok is not None:
        raise NotAnAnswer("the answer has both ok and error", "answer with one of the two")
    return _refused(error)


def _check_id(members: dict[str, Any], request_id: int, earlier: Container[int]) -> None:
    if "id" not in members:
        hint = _otherwise(members, "id")
        what = f"the answer has no id, but {_names(members)}{hint}; the request's id was {request_id}"
        raise NotAnAnswer(what, "echo the request's id in each answer, errors too")
    got = members["id"]
    wanted = f"the request's id was {request_id}, a number"
    if type(got) is str:
        raise NotAnAnswer(f'the answer has id "{shown(got, 40)}", a string; {wanted}', "echo the id as you got it")
    if type(got) is float and got == request_id:
        return  # 7.0 is the number 7: some JSON libraries know only floats
    if type(got) is not int and type(got) is not float:
        raise NotAnAnswer(f"the answer has {_kind(got)} as its id; {wanted}", "echo the id as you got it")
    what = f"the answer has id {shown(str(got), 40)}; the request's id was {request_id}"
    if got in earlier:
        late = "; it is the id of an earlier request: was that one answered twice?"
        raise NotAnAnswer(what + late, "answer each request once, with its own id")
    never = "; this process was never sent a request with that id"
    raise NotAnAnswer(what + never, "echo the id as you got it: ids do not begin at 1 in each process")


def _refused(error: Any) -> Refused:
    if type(error) is not dict:
        raise NotAnAnswer(f'"error" is {_kind(error)}, not an object', 'answer "error": {"code": ..., "message": ...}')
    code, message = error.get("code"), error.get("message", "")
    if type(code) is not str or code not in ERROR_CODES:
        known = ", ".join(sorted(ERROR_CODES))
        raise NotAnAnswer(f"the error's code is {_value(code)}{_otherwise(error, 'code')}", f"use one of: {known}")
    return Refused(code, shown(message, 500) if message and type(message) is str else "")


def hello_of(ok: dict[str, Any]) -> Hello:
    """The answer to hello; raises `NotAnAnswer`."""
    name, ops, claimed = ok.get("name"), ok.get("ops"), ok.get("decisions")
    if type(name) is not str or not name:
        what = f'hello\'s "name" is {_value(name)}{_otherwise(ok, "name")}'
        raise NotAnAnswer(what, "give the implementation a name, a text")
    if type(ops) is not list or not all(type(op) is str for op in ops):
        what = f'hello\'s "ops" is {_value(ops)}{_otherwise(ok, "ops")}'
        raise NotAnAnswer(what, 'list the operations, as in ["finalize", "select"]')
    if claimed is not None and type(claimed) is not dict:
        raise NotAnAnswer(f'hello\'s "decisions" is {_value(claimed)}', 'claim as in {"D1": "reuse"}, or leave it out')
    decisions = {shown(str(key), 40): shown(str(choice), 40) for key, choice in (claimed or {}).items()}
    return Hello(shown(name, 80), _word(ok.get("version")), _word(ok.get("language")), frozenset(ops), decisions)


def finalized_of(ok: dict[str, Any]) -> Finalized:
    """The answer to finalize; raises `NotAnAnswer`."""
    try:
        turn_id, jobs = ok["turn_id"], ok["jobs"]
        if type(turn_id) is str and type(jobs) is list:
            return Finalized(turn_id, tuple([_job(job, number) for number, job in enumerate(jobs)]))
    except KeyError as error:
        what = f"ok lacks {error.args[0]}; it has {_names(ok)}{_otherwise(ok, error.args[0])}"
        raise NotAnAnswer(what, _FINALIZE) from error
    if type(turn_id) is not str:
        raise NotAnAnswer(f'"turn_id" is {_value(turn_id)}, not a text', _FINALIZE)
    raise NotAnAnswer(f'"jobs" is {_value(jobs)}, not an array', _FINALIZE)


_FINALIZE = 'answer {"turn_id": "...", "jobs": [{"job_id": "...", "tgt_lang": "en", "node_id": "n1"}]}'


def _job(job: Any, number: int) -> Job:
    if type(job) is not dict:
        raise NotAnAnswer(f"jobs[{number}] is {_kind(job)}, not an object", _FINALIZE)
    for member in ("job_id", "tgt_lang", "node_id"):
        if member not in job:
            hint = _otherwise(job, member)
            hint = hint or ("; a job that got no node says null" if member == "node_id" else "")
            raise NotAnAnswer(f"jobs[{number}] lacks {member}; it has {_names(job)}{hint}", _FINALIZE)
    job_id, tgt_lang, node_id = job["job_id"], job["tgt_lang"], job["node_id"]
    if type(job_id) is str and type(tgt_lang) is str and (node_id is None or type(node_id) is str):
        return Job(job_id, tgt_lang, node_id)
    wrong = next(
        m for m in ("job_id", "tgt_lang", "node_id") if type(job[m]) is not str and (m, job[m]) != ("node_id", None)
    )
    raise NotAnAnswer(f'jobs[{number}]: "{wrong}" is {_value(job[wrong])}, not a text', _FINALIZE)


def selected_of(ok: dict[str, Any]) -> Selected:
    """The answer to select; raises `NotAnAnswer`."""
    mend = 'answer {"node_id": "n1"}, or {"node_id": null} where there is no candidate'
    if "node_id" not in ok:
        raise NotAnAnswer(f"ok lacks node_id; it has {_names(ok)}{_otherwise(ok, 'node_id')}", mend)
    node_id = ok["node_id"]
    if node_id is not None and type(node_id) is not str:
        raise NotAnAnswer(f'"node_id" is {_value(node_id)}, not a text or null', mend)
    return Selected(node_id)


READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "hello": hello_of,
    "finalize": finalized_of,
    "select": selected_of,
}
"""How the `ok` of each operation is read."""


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    names: dict[type, str] = {str: "a string", int: "a number", float: "a number", list: "an array", dict: "an object"}
    return names[type(value)]


def _value(value: Any) -> str:
    return shown(json.dumps(value, ensure_ascii=False), 60) if value is not None else "missing or null"


def _names(members: dict[str, Any]) -> str:
    return shown(", ".join(f'"{name}"' for name in list(members)[:8]), 120) if members else "no members"


def _otherwise(members: dict[str, Any], *wanted: str) -> str:
    """What to say where a wanted member is there under a name that differs in its case or its underscores only."""
    alike = {name.replace("_", "").lower(): name for name in wanted if name not in members}
    for there in members:
        name = alike.get(there.replace("_", "").lower())
        if name:
            return f'; "{shown(there, 40)}" is there: the name is "{name}", and names are lower case'
    return ""


def _word(value: Any) -> str:
    return shown(value, 60) if isinstance(value, str) and value else ""
