"""The specification as a subject: the flow, driven in process through the interface that adapters have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis

from turnaffinity import __version__
from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.specification.actor_finalize import BadRequest, NoNode, Scheduler, do_finalize
from turnaffinity.specification.pool_service import PoolService
from turnaffinity.subjects.subject import Answer, Broke, Hello, Profile, Refused, Selected


class ReferenceSubject:
    """The reference flow over a connection of its own (or of the caller's)."""

    profile: Profile = "scheduler"
    do_finalize = staticmethod(do_finalize)

    def __init__(self, client: redis.Redis, reading: Reading, layout: KeyLayout, **sources: Any) -> None:
        self.scheduler = Scheduler(client, reading, layout, **sources)
        self.scheduler.load_scripts()
        self.pool_service = PoolService(client, layout)
        self.hello = Hello(
            "turnaffinity reference", __version__, "Python", frozenset({"finalize", "select"}), reading.as_dict()
        )

    @property
    def scripts(self) -> dict[str, str]:
        """The names of its scripts by the SHA1 that EVALSHA shows."""
        return self.scheduler.scripts

    def finalize(
        self, session_id: str, reason: str, src_lang: str, tgt_lang: str, room_langs: Sequence[str] | None
    ) -> Answer:
        """One finalize of the specification; its typed errors become the protocol's."""
        try:
            return self.do_finalize(self.scheduler, session_id, reason, src_lang, tgt_lang, room_langs)
        except BadRequest as error:
            return Refused("bad_request", str(error))
        except NoNode as error:
            return Refused("no_node", str(error))
        except redis.RedisError as error:
            return Refused("redis", str(error))
        except Exception as error:  # a mutant of the flow may fail in any way; the judge must go on
            return Broke(f"{type(error).__name__}: {error}")

    def select(self, pair: str, job_id: str | None, turn_id: str | None) -> Answer:
        """One selection of the specification."""
        src_lang, _, tgt_lang = pair.partition(":")
        try:
            return Selected(self.pool_service.select_node(src_lang, tgt_lang, job_id, turn_id))
        except redis.RedisError as error:
            return Refused("redis", str(error))

    def close(self) -> None:
        """Nothing to end: the connection is the server's."""
