"""What happens when a segment of speech is closed? The whole flow of one finalize (actor_finalize.rs)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import redis

from turnaffinity.contract.answers import Finalized, Job
from turnaffinity.contract.decisions import DEFAULT_READING, Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.specification.job_creator import create_translation_jobs, should_bind_job_to_node
from turnaffinity.specification.pool_service import PoolService, SelectsNodes
from turnaffinity.specification.scripts import load_script, sha1

REASONS = ("manual", "timeout", "max_duration")
"""Why a segment is closed; any other reason is refused (TA-TURN-5)."""


class BadRequest(ValueError):
    """A finalize that is refused before anything is read or written (TA-TURN-5)."""


class NoNode(RuntimeError):
    """No job of the batch got a node (TA-SEL-7); the batch is kept in `finalized`."""

    def __init__(self, finalized: Finalized) -> None:
        super().__init__("no node serves any language of this batch")
        self.finalized = finalized


def new_uuid() -> str:
    """A fresh UUID v4 in its 36-character text."""
    return str(uuid.uuid4())


def no_stop(step: str) -> None:
    """Stops nowhere: the flow runs through."""


@dataclass(frozen=True)
class Scheduler:
    """What the flow works with: a connection of the caller's, a reading, and the sources of chance.

    `at` is told the name of each step just before it is taken ("clear", "read_open_turn", "select", "write",
    "fallback_clear"); raising there stops the flow between two steps, as a crash would.
    """

    client: redis.Redis
    reading: Reading = DEFAULT_READING
    layout: KeyLayout = field(default_factory=KeyLayout)
    new_turn_id: Callable[[], str] = new_uuid
    new_job_id: Callable[[], str] = new_uuid
    pool_service: SelectsNodes | None = None
    at: Callable[[str], None] = no_stop

    @cached_property
    def selection(self) -> SelectsNodes:
        """The caller's pool service, or the one that runs `select_node.lua`."""
        return self.pool_service or PoolService(self.client, self.layout)

    @cached_property
    def write_script(self) -> Any:
        """`write_affinity.lua`, ready to be called."""
        return self.client.register_script(load_script("write_affinity", self.layout))

    @cached_property
    def clear_script(self) -> Any:
        """`clear_affinity.lua`, ready to be called."""
        return self.client.register_script(load_script("clear_affinity", self.layout))

    @property
    def scripts(self) -> dict[str, str]:
        """The names of the flow's own scripts by the SHA1 that EVALSHA shows."""
        texts = {"write_affinity": self.write_script.script, "clear_affinity": self.clear_script.script}
        if isinstance(self.selection, PoolService):
            texts["select_node"] = self.selection.script.script
        return {sha1(text): name for name, text in texts.items()}

    def load_scripts(self) -> None:
        """Send the scripts to the server beforehand, so that no finalize has to. Sends SCRIPT LOAD, three times."""
        scripts: list[Any] = [self.write_script, self.clear_script]
        if isinstance(self.selection, PoolService):
            scripts.append(self.selection.script)
        for script in scripts:
            self.client.script_load(script.script)

    def select_node(self, src_lang: str, tgt_lang: str, job_id: str | None, turn_id: str | None) -> str | None:
        """One selection, as a step of the flow."""
        self.at("select")
        return self.selection.select_node(src_lang, tgt_lang, job_id, turn_id)


def do_finalize(
    scheduler: Scheduler,
    session_id: str,
    reason: str,
    src_lang: str,
    tgt_lang: str,
    room_langs: Sequence[str] | None = None,
) -> Finalized:
    """Close the current segment: settle the turn id, create the batch, and write or clear the affinity.

    `room_langs`: None for a solo session, [] for a room without other members, else the listeners' languages.
    Round trips, solo, reading `intent`, scripts loaded: max_duration 3 (HGET, select, write), manual and
    timeout 3 (clear, select, fallback clear). Raises `BadRequest` before anything is sent, `NoNode` if no job
    got a node, `redis.RedisError`. Note, sections 2 and 3; TA-TURN-*, TA-WRITE-*, TA-CLEAR-*.
    """
    refuse_bad_request(session_id, reason, src_lang, tgt_lang, room_langs)
    if reason == "max_duration":
        finalized = extend_turn(scheduler, session_id, src_lang, tgt_lang, room_langs)
    else:
        finalized = close_turn(scheduler, session_id, reason, src_lang, tgt_lang, room_langs)
    if finalized.first_node_id is None:
        raise NoNode(finalized)
    return finalized


def extend_turn(
    scheduler: Scheduler, session_id: str, src_lang: str, tgt_lang: str, room_langs: Sequence[str] | None
) -> Finalized:
    """A max_duration finalize: jobs under the turn's id, and its affinity written (TA-WRITE-1; D1, D3, D4)."""
    reading = scheduler.reading
    # READ
    open_turn = read_open_turn(scheduler, session_id) if reading.d1 == "reuse" else None
    # DECIDE (TA-TURN-4)
    turn_id = open_turn or scheduler.new_turn_id()
    written = False

    def write_once_known(job: Job) -> None:
        nonlocal written
        if reading.d3 == "after-first-job" and job.node_id is not None and not written:
            write_affinity(scheduler, session_id, turn_id, job.node_id)
            written = True

    finalized = _create_batch(
        scheduler,
        "max_duration",
        src_lang,
        tgt_lang,
        room_langs,
        turn_id=turn_id,
        job_created=write_once_known,
    )
    # WRITE
    if reading.d3 == "after-batch" and finalized.first_node_id is not None:
        write_affinity(scheduler, session_id, turn_id, finalized.first_node_id)
    return finalized


def close_turn(
    scheduler: Scheduler,
    session_id: str,
    reason: str,
    src_lang: str,
    tgt_lang: str,
    room_langs: Sequence[str] | None,
) -> Finalized:
    """A manual or timeout finalize: the turn ends, whatever becomes of its jobs (TA-CLEAR-1, TA-CLEAR-4; D2)."""
    clear_first = scheduler.reading.d2 == "before"
    if clear_first:
        # the fallback clear below repairs a first clear that failed (note, section 3)
        with suppress(redis.RedisError):
            clear_affinity(scheduler, session_id, step="clear")
    try:
        # READ
        open_turn = None if clear_first else read_open_turn(scheduler, session_id)
        # DECIDE (TA-CLEAR-3)
        turn_id = open_turn or scheduler.new_turn_id()
        finalized = _create_batch(scheduler, reason, src_lang, tgt_lang, room_langs, turn_id=turn_id)
    finally:
        # WRITE
        clear_affinity(scheduler, session_id, step="fallback_clear" if clear_first else "clear")
    return finalized


def read_open_turn(scheduler: Scheduler, session_id: str) -> str | None:
    """The open turn's id, or None; an empty field is none (TA-KEY-2). Sends HGET."""
    scheduler.at("read_open_turn")
    layout = scheduler.layout
    value: Any = scheduler.client.hget(layout.session_key(session_id), layout.current_turn_field)
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    return text or None


def write_affinity(scheduler: Scheduler, session_id: str, turn_id: str, node_id: str) -> None:
    """Record the node and the open turn in one atomic step, with no TTL (TA-WRITE-1, -2, -6; D4). Sends EVALSHA."""
    scheduler.at("write")
    scheduler.write_script(args=[session_id, turn_id, node_id, scheduler.reading.d4])


def clear_affinity(scheduler: Scheduler, session_id: str, *, step: str) -> None:
    """Forget the open turn and its affinity in one atomic step (TA-CLEAR-1, -2, -7). Sends EVALSHA."""
    scheduler.at(step)
    scheduler.clear_script(args=[session_id])


def refuse_bad_request(
    session_id: str, reason: str, src_lang: str, tgt_lang: str, room_langs: Sequence[str] | None
) -> None:
    """Raise `BadRequest`, one sentence, for what no finalize may ask (TA-TURN-5); sends nothing."""
    if not session_id:
        raise BadRequest("session_id is empty; name the session whose segment is closed")
    if reason not in REASONS:
        raise BadRequest(f'reason "{reason}" is unknown; use one of {", ".join(REASONS)}')
    for lang in (src_lang, *(room_langs or [tgt_lang])):
        if not lang or ":" in lang:
            raise BadRequest(f'language "{lang}" is empty or has a colon; use a tag such as zh, yue or zh-CN')
    for text in (session_id, src_lang, tgt_lang, *(room_langs or [])):
        if not is_text(text):
            raise BadRequest("the session id or a language holds half a character, and no key can; send UTF-8")


def is_text(text: str) -> bool:
    """Whether Redis can be told it: UTF-8, or bytes that were none and came as surrogate escapes; no lone surrogate."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _create_batch(
    scheduler: Scheduler,
    reason: str,
    src_lang: str,
    tgt_lang: str,
    room_langs: Sequence[str] | None,
    *,
    turn_id: str,
    job_created: Callable[[Job], None] = lambda job: None,
) -> Finalized:
    bind = should_bind_job_to_node(
        is_manual=reason == "manual", is_timeout=reason == "timeout", is_max_duration=reason == "max_duration"
    )
    jobs = create_translation_jobs(
        scheduler, scheduler.new_job_id, src_lang, tgt_lang, room_langs,
        bind=bind, turn_id=turn_id, job_created=job_created,
    )  # fmt: skip
    return Finalized(turn_id, jobs)
