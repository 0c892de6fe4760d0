"""What was asked, and what was answered? A request and its answer, each in one sentence."""

from __future__ import annotations

from typing import Any

from turnaffinity.contract.answers import Answer, Broke, Finalized, Refused, Selected


def asked(request: dict[str, Any]) -> str:
    """A request in words: "finalize max_duration of s1, zh to en", "... of s1, zh in a room [en, ja]"."""
    if request["op"] == "select":
        return f"select {request['pair']} (job {request['job_id'] or 'none'}, turn {request['turn_id'] or 'none'})"
    room = request["room_langs"]
    where = (
        f"to {request['tgt_lang']}" if room is None else f"in a room [{', '.join(room)}]" if room else "alone in a room"
    )
    return f"finalize {request['reason']} of {request['session_id']}, {request['src_lang']} {where}"


def told(answer: Answer) -> str:
    """An answer in words."""
    match answer:
        case Broke(what):
            return f"no usable answer: {what}"
        case Refused(code, message):
            return f"error {code}" + (f": {message}" if message else "")
        case Selected(node_id):
            return "no node (nil)" if node_id is None else f'node "{node_id}"'
        case Finalized(turn_id, jobs):
            batch = ", ".join(f"{job.tgt_lang} -> {job.node_id or 'no node'}" for job in jobs)
            return f"turn {turn_id}, jobs {batch}"
