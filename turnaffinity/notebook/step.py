"""What did one step do? Its request and answer, the keys before and after, and the commands between."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.problem import Problem
from turnaffinity.showing.keys import Keys, keys_view
from turnaffinity.showing.names import Names
from turnaffinity.showing.sentences import asked, told
from turnaffinity.showing.shown import Shown, hanging
from turnaffinity.showing.timeline import Moment
from turnaffinity.showing.wire import Wire, wire_view
from turnaffinity.showing.wording import Words
from turnaffinity.stage.state import KeyState, State
from turnaffinity.subjects.subject import Answer, Finalized, Refused, Selected
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import ALL, deletes_fields, is_scan, keys_of, reads_fields, sets_ttl, writes_fields


@dataclass(frozen=True, repr=False, eq=False)
class Step(Shown):
    """One request to the implementation, and everything that was seen of it."""

    request: dict[str, Any]
    answer: Answer
    commands: tuple[Command, ...]
    before: State
    after: State
    layout: KeyLayout
    names: Names
    scripts: Mapping[str, str]
    of_the_contract: Callable[[str], bool]

    def name_ids(self) -> None:
        """Give the ids in the answer their short names, in order."""
        if isinstance(self.answer, Finalized):
            self.names.turn(self.answer.turn_id)
            for job in self.answer.jobs:
                self.names.job(job.job_id)

    # the answer

    @property
    def turn_id(self) -> str:
        """The turn id that the jobs were selected under."""
        return self._finalized().turn_id

    @property
    def nodes(self) -> list[str | None]:
        """The nodes of the batch, in order."""
        return [job.node_id for job in self._finalized().jobs]

    @property
    def languages(self) -> list[str]:
        """The target languages of the batch, in order."""
        return [job.tgt_lang for job in self._finalized().jobs]

    @property
    def node(self) -> str | None:
        """The node of a selection, or of a finalize's first job."""
        return self.answer.node_id if isinstance(self.answer, Selected) else self.nodes[0]

    @property
    def refused(self) -> str | None:
        """The code of an error that was answered: "bad_request", "no_node" ...; None where it was carried out."""
        return self.answer.code if isinstance(self.answer, Refused) else None

    def _finalized(self) -> Finalized:
        if isinstance(self.answer, Finalized):
            return self.answer
        raise Problem("this step", f"has no batch: {told(self.answer)}", "look at the step itself")

    # the wire, by behaviour

    def reads_of(self, field: str) -> list[Command]:
        """The commands that read a field of some hash; a whole hash only where the field is that hash's own."""
        homes = {self.layout.affinity_field: "turn", self.layout.current_turn_field: "session"}
        home = self.layout.patterns[homes[field]] if field in homes else None

        def reads(key: str, fields: Container[str]) -> bool:
            if fields is ALL:
                return home is not None and home.fullmatch(key) is not None
            return field in fields

        return [c for c in self.commands if any(reads(key, fields) for key, fields in reads_fields(c))]

    def writes_of(self, field: str) -> list[Command]:
        """The commands that write a field of some hash."""
        return [c for c in self.commands if any(field in fields for _, fields in writes_fields(c))]

    def deletes_of(self, field: str) -> list[Command]:
        """The commands after which a field of some hash is gone."""
        return [c for c in self.commands if any(field in fields for _, fields in deletes_fields(c))]

    @property
    def scans(self) -> list[Command]:
        """The commands that search over all keys."""
        return [c for c in self.commands if is_scan(c)]

    def ttl_commands(self, prefix: str) -> list[Command]:
        """The commands that set, move or remove the TTL of a key under a prefix."""
        return [c for c in self.commands if any(key.startswith(prefix) for key in sets_ttl(c))]

    def touched(self, prefix: str) -> list[str]:
        """The keys under a prefix that some command names, sorted."""
        return sorted({key for c in self.commands for key in keys_of(c) if key.startswith(prefix)})

    @property
    def changed(self) -> list[str]:
        """The keys that are not as they were, sorted."""
        old, new = self.before.keys, self.after.keys
        return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))

    # the page

    @property
    def asked(self) -> str:
        """The request in words."""
        return self.names.apply(asked(self.request))

    @property
    def told(self) -> str:
        """The answer in words."""
        return self.names.apply(told(self.answer))

    @property
    def keys_before(self) -> Keys:
        """The contract's keys before the step."""
        return keys_view(self._shown(self.before), self.names, title="keys before")

    @property
    def keys_after(self) -> Keys:
        """The contract's keys after the step; what changed is marked."""
        before = self._shown(self.before)
        return keys_view(self._shown(self.after), self.names, before=before, title="keys after")

    @property
    def wire(self) -> Wire:
        """The commands of the step, those of a script under its call."""
        return wire_view(self.commands, self.layout, self.names, self.scripts)

    @property
    def round_trips(self) -> int:
        """How many commands the client sent; what ran inside a script is not one of them."""
        return sum(not row.depth for row in self.wire.rows)

    @property
    def moment(self) -> Moment:
        """This finalize as a column of the timeline."""
        jobs = tuple((job.tgt_lang, job.node_id) for job in self._finalized().jobs)
        layout, session = self.layout, self.request["session_id"]
        pointed = self.after.hash(layout.session_key(session)).get(layout.current_turn_field, "")
        held = {
            self.names.apply(turn): self.after.hash(key)[layout.affinity_field]
            for key in self.after.keys
            if (turn := layout.turn_id_of(key)) and layout.affinity_field in self.after.hash(key)
            and turn in (pointed, self.turn_id)
        }  # fmt: skip
        turn_id = self.names.apply(self.turn_id)
        return Moment(self.request["reason"], turn_id, jobs, held, self.names.apply(pointed))

    def _shown(self, state: State) -> dict[str, KeyState]:
        changed = set(self.changed)
        return {key: v for key, v in state.keys.items() if self.of_the_contract(key) or key in changed}

    def lines(self, width: int | None = None) -> list[str]:
        """Keys before, request, wire, answer, keys after."""
        return [
            *self.keys_before.lines(width),
            "",
            *hanging("", f"{Words().told(self.asked)}  ->  {Words().told(self.told)}", width),
            *self.wire.lines(width),
            "",
            *self.keys_after.lines(width),
        ]

    def html(self) -> str:
        """The same, with tables."""
        head = f"<p><b>{escape(Words().told(self.asked))}</b> &nbsp;&rarr;&nbsp; {escape(Words().told(self.told))}</p>"
        return f"<div>{self.keys_before.html()}{head}{self.wire.html()}{self.keys_after.html()}</div>"
