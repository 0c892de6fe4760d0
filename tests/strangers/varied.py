"""One right scheduler to vary: the Python example, with what the variations need at hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "conformance" / "implementations" / "python"))
import adapter
import scheduler


class Varied(scheduler.Scheduler):
    """The example; a variation overrides some of its methods."""

    OPS = ("finalize", "select")

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.n, self.mem = 0, {}
        self.init()

    def init(self) -> None:
        """For variations."""

    def do_finalize(self, session_id: str, reason: str, src_lang: str, tgt_lang: str, room_langs: Any) -> Any:
        """As the example's, with the request kept."""
        scheduler.refuse_bad_request(session_id, reason, src_lang, tgt_lang, room_langs)
        self.n += 1
        self.session, self.reason, self.room, self.tgt = session_id, reason, room_langs, tgt_lang
        return super().do_finalize(session_id, reason, src_lang, tgt_lang, room_langs)

    def skey(self, session_id: str | None = None) -> str:
        """The session's key."""
        return self.key("session", session_id=session_id or self.session)

    def tkey(self, turn_id: str) -> str:
        """The turn's key."""
        return self.key("turn", turn_id=turn_id)

    @property
    def af(self) -> str:
        """The affinity field."""
        return self.layout["affinity_field"]

    @property
    def cf(self) -> str:
        """The field of the open turn."""
        return self.layout["current_turn_field"]


def serve(varied: type[Varied]) -> None:
    """Run the adapter with this scheduler, until stdin ends."""
    adapter.Scheduler = varied
    carry_out = adapter.Adapter.carry_out

    def told(self: Any, request: dict[str, Any]) -> Any:
        if request.get("op") == "select" and "select" not in varied.OPS:
            raise adapter.Unsupported("no")
        answer = carry_out(self, request)
        if request.get("op") == "hello":
            answer["ops"], answer["name"] = list(varied.OPS), varied.__name__
        return answer

    adapter.Adapter.carry_out = told
    adapter.main()
