"""Where does a case play? A cleared server, fresh names, the judge's hand beside the subject's, and what was seen."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.server import token
from turnaffinity.showing.sentences import asked, told
from turnaffinity.stage.business import bindings, contracts, of_turns_and_sessions
from turnaffinity.stage.evidence import FAULTY, NotClaimed, Unobservable, Violation, in_words, listed
from turnaffinity.stage.languages import LANGUAGES, REGIONS
from turnaffinity.stage.mixed import MIXED
from turnaffinity.stage.state import LOOK, State, difference, state_of, take_snapshot
from turnaffinity.stage.step import Step, ask
from turnaffinity.subjects.rights import keys_made
from turnaffinity.subjects.subject import Broke, Finalized, Refused, Subject
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import keys_of

if TYPE_CHECKING:
    from collections.abc import Iterator

from turnaffinity.stage.judge import Judge

__all__ = ["SITES", "Stage", "Step", "ask", "asked", "told"]

SITES = ("solo", "lone-room", "room")
"""The three call sites: a solo session, a room without other members, a room with language groups (TA-TURN-2)."""


@dataclass
class Stage:
    """What a case works with; one for each case, on a cleared server, with names that no other run has."""

    judge: Judge
    case_id: str
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    draws: int = 0
    """Random choices drawn so far, where their being random is the claim."""
    saw: list[tuple[str, str]] = field(default_factory=list)
    """The choices that this case saw the subject make: ("D1", "reuse")."""
    odd: bool = False
    """Whether ids are long and of odd signs: in cases whose subject they are, and in long plays."""
    steps: list[dict[str, Any]] = field(default_factory=list)
    """Everything done so far, for the capsule: requests and the judge's own commands, in order."""
    rule: str = ""
    """The rule that the case is of."""

    def __post_init__(self) -> None:
        if self.judge.observer is not None:
            self.judge.observer.disturb()
        self.rng = random.Random(f"{self.judge.seed}/{self.case_id}")
        self._token = token(self.judge.seed)
        self._of_this_case = f"{random.Random(f'{self.judge.seed}/{self.case_id}/names').getrandbits(24):06x}"
        self._serial = 0
        self.layout: KeyLayout = self.judge.layout
        self.reading: Reading = MIXED if self.judge.beside else self.judge.reading
        pool = self.rng.sample(LANGUAGES, 41)
        names = [name + self.rng.choice(REGIONS) for name in pool]
        self.src, self.langs = names[0], names[1:]

    def renamed(self, case_id: str) -> Stage:
        """A stage that draws its names as another case would, and keeps its steps among this one's; its ids are odd."""
        twin = copy(self)
        twin.case_id, twin.odd = case_id, True
        twin.__post_init__()
        return twin

    # names

    def name(self, kind: str) -> str:
        """A fresh id, "n1-k3f9abcd-0a1b2c", its end the case's own; of many signs, and longer than a UUID, if `odd`."""
        self._serial += 1
        if not self.odd:
            return f"{kind}{self._serial}-{self._token}-{self._of_this_case}"
        tail = self.rng.choice(["a-0", "x_Y", "Q.z", "-_.", "0.A"])
        return f"{kind}{self._serial}-{self._token}.{self.rng.getrandbits(64):016X}_Ends-Here.{tail}"

    def nodes(self, count: int) -> list[str]:
        """Fresh node ids; not online yet."""
        return [self.name("n") for _ in range(count)]

    def session(self) -> str:
        """A fresh session id."""
        return self.name("s")

    def turn(self) -> str:
        """A fresh turn id of the judge's own, a UUID v4."""
        made = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
        self.judge.server.claim(made)
        return made

    def job(self) -> str:
        """A fresh job id."""
        return self.name("j")

    def pair(self, lang: str | None = None, src: str | None = None) -> str:
        """The language pair of a target language (the first one where none is named)."""
        return f"{src or self.src}:{lang or self.langs[0]}"

    def targets(self, site: str) -> list[str]:
        """The target languages of the jobs at a call site, in order."""
        return self.langs[:3] if site == "room" else self.langs[:1]

    def of_the_surroundings(self, key: str) -> bool:
        """Whether a key is about nodes, pools or job bindings."""
        kinds = ("node", "node_pools", "pool", "job", "pool_index")
        return any(pattern.fullmatch(key) for kind in kinds if (pattern := self.layout.patterns.get(kind)))

    # the judge's hand

    def do(self, *argv: str | int) -> None:
        """One command of the judge's own, kept for the capsule; it goes before anybody looks or the subject acts."""
        self.do_all([argv])

    def do_all(self, commands: Sequence[Sequence[str | int]]) -> None:
        """Commands of the judge's own, as `do`."""
        self._keep(commands)
        self.judge.pipeline.later(commands)

    def look(self, *argv: str | int) -> Any:
        """One command of the judge's own whose reply is wanted, kept for the capsule."""
        self._keep([argv])
        return self.judge.pipeline.now([argv])[0]

    def _keep(self, commands: Sequence[Sequence[str | int]]) -> None:
        for argv in commands:
            self.steps.append({"op": "redis", "command": [str(part) for part in argv]})
            if not self.judge.server.ours:
                self.judge.touched.update(keys_of(Command(tuple(str(part) for part in argv))))

    def serve(self, nodes: Iterable[str], *langs: str, pool_id: int = 0) -> None:
        """Bring nodes online and into one pool of each pair (the first pair where none is named)."""
        self.do_all(self._joining(nodes, langs, pool_id))

    def serve_one_a_pool(self, nodes: Iterable[str]) -> None:
        """Bring nodes online, each into a pool of its own from 0 on."""
        self.do_all([argv for pool_id, node in enumerate(nodes) for argv in self._joining([node], (), pool_id)])

    def serve_pairs(self, nodes: Sequence[str], pairs: Sequence[str]) -> None:
        """Bring nodes online and into pool 0 of each of many pairs, in few commands."""
        flat = [part for pair in pairs for part in (pair, "0")]
        self.online(*nodes)
        self.do_all([("HSET", self.layout.node_pools_key(node), *flat) for node in nodes])
        self.do_all([("SADD", self.layout.pool_key(pair, 0), *nodes) for pair in pairs])
        self.do_all([("SADD", index, "0") for pair in pairs if (index := self.layout.pool_index_key(pair))])

    def leave_pair(self, nodes: Sequence[str], pair: str) -> None:
        """Take all the nodes that serve a pair, from its only pool, out of it; they stay online."""
        self.do("SREM", self.layout.pool_key(pair, 0), *nodes)
        self.do_all([("HDEL", self.layout.node_pools_key(node), pair) for node in nodes])
        if index := self.layout.pool_index_key(pair):
            self.do("SREM", index, "0")

    def _joining(self, nodes: Iterable[str], langs: Sequence[str], pool_id: int) -> list[tuple[str, ...]]:
        commands: list[tuple[str, ...]] = []
        pairs = [self.pair(lang) for lang in langs or self.langs[:1]]
        for node in nodes:
            commands.append(("HSET", self.layout.node_key(node), "status", "online"))
            for pair in pairs:
                commands.append(("HSET", self.layout.node_pools_key(node), pair, str(pool_id)))
                commands.append(("SADD", self.layout.pool_key(pair, pool_id), node))
        commands += [("SADD", index, str(pool_id)) for pair in pairs if (index := self.layout.pool_index_key(pair))]
        return commands

    def online(self, *nodes: str) -> None:
        """Bring nodes online that are in no pool."""
        self.do_all([("HSET", self.layout.node_key(node), "status", "online") for node in nodes])

    def offline(self, *nodes: str) -> None:
        """Let the node keys expire, as when a heartbeat stops; the pools still name them."""
        self.do_all([("DEL", self.layout.node_key(node)) for node in nodes])

    def record(self, turn: str, node: str, session: str | None = None) -> None:
        """Write an affinity as a right write would; with a session, open the turn there too."""
        commands = [("HSET", self.layout.turn_key(turn), self.layout.affinity_field, node)]
        if session:
            commands.append(("HSET", self.layout.session_key(session), self.layout.current_turn_field, turn))
        self.do_all(commands)

    def foreign_fields(self, session: str) -> dict[str, str]:
        """Other people's fields in the session hash, some with names much like ours."""
        fields = {
            "user_id": self.name("user"), "lang": self.src, "current_turn": "7", "turn_id": self.name("x"),
            "affinity": "no", "empty": "", "note": "two words, and a \u00e9", "node_id": "7",
            "last_node_id": "7", "segment_id": "7", "current_turn_ids": "7", "Current_Turn_Id": "7",
            self.layout.affinity_field: "7",
        }  # fmt: skip
        flat = [part for item in fields.items() for part in item]
        self.do("HSET", self.layout.session_key(session), *flat)
        return fields

    def snapshot(self) -> State:
        """The keys as they stand."""
        pipeline = self.judge.pipeline
        if self.judge.server.ours and pipeline.waits:
            return state_of(pipeline.now([LOOK])[0])
        return take_snapshot(pipeline.lent(), self.layout, everything=self.judge.server.ours)

    def affinity(self, turn: str) -> str | None:
        """The affinity of a turn as it stands."""
        return self._field(self.layout.turn_key(turn), self.layout.affinity_field)

    def open_turn(self, session: str) -> str | None:
        """The session's open turn as it stands."""
        return self._field(self.layout.session_key(session), self.layout.current_turn_field)

    def _field(self, key: str, name: str) -> str | None:
        found: str | None = self.judge.pipeline.now([("HGET", key, name)])[0]
        return found

    # the subject's turn

    def finalize(
        self,
        session: str,
        reason: str,
        site: str | Sequence[str] = "solo",
        *,
        tgt: str | None = None,
        src: str | None = None,
        by: Subject | None = None,
        watch: bool = True,
    ) -> Step:
        """One finalize; `site` is a call site, or the room's languages. Without `watch` its wire is not read."""
        room = {"solo": None, "lone-room": [], "room": self.langs[:3]}.get(site) if isinstance(site, str) else site
        request = {
            "op": "finalize",
            "session_id": session,
            "reason": reason,
            "src_lang": self.src if src is None else src,
            "tgt_lang": self.langs[0] if tgt is None else tgt,
            "room_langs": None if room is None else list(room),
        }
        return self._ask(request, by, watch)

    def select(
        self,
        lang: str | None = None,
        *,
        src: str | None = None,
        job: str | None = None,
        turn: str | None = None,
        watch: bool = True,
    ) -> Step:
        """One selection for a pair; not claimed where the subject offers no `select`."""
        self.needs_select()
        return self._ask({"op": "select", "pair": self.pair(lang, src), "job_id": job, "turn_id": turn}, None, watch)

    def needs_select(self) -> None:
        """Leave the case unless the subject offers `select`."""
        if "select" not in self.subject.hello.ops:
            raise NotClaimed("`select` is not offered")

    def _ask(self, request: dict[str, Any], by: Subject | None, watch: bool) -> Step:
        self.steps.append(request | self._process_of(by))
        self.judge.pipeline.settle()
        seen: list[Command] = []
        if watch:
            with self.watching() as seen:
                answer = ask(by or self.subject, request)
        else:
            answer = ask(by or self.subject, request)
            if self.judge.observer is not None:
                self.judge.observer.unwatched()
        if self.judge.kind == "lua" and not self.judge.server.ours:
            self.judge.touched.update(keys_made(seen))
        if isinstance(answer, Finalized):
            self.judge.server.claim(answer.turn_id, *(job.job_id for job in answer.jobs))
        if isinstance(answer, Refused) and answer.code == "unsupported":
            raise NotClaimed(f"`{request['op']}` is not offered: it is answered `unsupported`")
        step = Step(request, answer, tuple(seen) if watch and self.judge.observer else None)
        if isinstance(answer, Broke) or (isinstance(answer, Refused) and answer.code == "internal"):
            raise Violation(f"an answer to {step.asked}", told(answer), step.seen)
        if watch and self.judge.observer is not None and self.judge.observer.lost:
            observed = f"MONITOR does not show them: {self.judge.observer.lost}"
            raise Violation(f"commands that can be seen in answer to {step.asked}", observed)
        return step

    def _process_of(self, by: Subject | None) -> dict[str, str]:
        """Which process of the implementation a recorded step asks, unless it is the first."""
        if by is None or by is self.subject:
            return {}
        return {"process": "second" if by is vars(self.judge).get("second") else FAULTY}

    @contextmanager
    def watching(self) -> Iterator[list[Command]]:
        """Collect what the subject sends meanwhile; the judge must be silent inside."""
        seen: list[Command] = []
        observer = self.judge.observer
        if observer is None:
            yield seen
            return
        observer.begin()
        yield seen
        seen.extend(observer.end())

    @property
    def subject(self) -> Subject:
        """The implementation under judgement."""
        return self.judge.subject

    @property
    def second(self) -> Subject:
        """A second process of the same implementation, on the same server."""
        return self.judge.second

    @property
    def script(self) -> str:
        """The text of the script under judgement: the one handed over, or the reference's own."""
        source = getattr(self.subject, "source", None)
        if source is None:
            from turnaffinity.specification.scripts import load_script

            source = load_script("select_node", self.layout)
        return str(source)

    @property
    def reason_under_open_turn(self) -> str:
        """A reason whose finalize selects under the open turn's id; no case of this kind where there is none."""
        if self.reading.d1 == "reuse":
            return "max_duration"
        if self.reading.d2 == "after":
            return "manual"
        raise Unobservable("under this reading no finalize ever selects with a recorded affinity")

    # claims

    def claim(
        self,
        holds: bool,
        expected: str,
        observed: Any,
        wire: Iterable[Command] = (),
        broken: Iterable[Command] = (),
    ) -> None:
        """Fail the case with its evidence unless the claim holds; what was observed is told by `in_words`."""
        if not holds:
            raise Violation(expected, in_words(observed), wire, broken)

    def claim_none(self, broken: Sequence[Command], expected: str, step: Step) -> None:
        """Fail the case if any command of the step broke the rule."""
        if broken:
            raise Violation(expected, listed([c.text() for c in broken], 3), step.seen, broken)

    def claim_unchanged(self, before: State, after: State, expected: str, step: Step, keys: Iterable[str]) -> None:
        """Fail the case if any of these keys changed, appeared or went."""
        names = set(keys)
        changes = difference(before.only(names), after.only(names))
        self.claim(not changes, expected, "; ".join(changes), step.seen)

    def claim_others_unchanged(
        self, before: State, after: State, expected: str, step: Step, own: Iterable[str] = ()
    ) -> None:
        """Fail the case if any of the contract's keys but `own` changed or went; a new binding is TA-BIND-1's."""
        old, new = contracts(self.layout, before), contracts(self.layout, after)
        bound = bindings(self.layout, new).keys() - old.keys.keys()
        self.claim_unchanged(old, new, expected, step, {*old.keys, *new.keys} - {*own, *bound})

    def claim_turns_unchanged(
        self, before: State, after: State, expected: str, step: Step, own: Iterable[str] = ()
    ) -> None:
        """Fail the case if anything under the turn and session prefixes but `own` changed, appeared or went."""
        names = {key for state in (before, after) for key in of_turns_and_sessions(self.layout, state)}
        self.claim_unchanged(before, after, expected, step, names - set(own))

    def decided(self, decision: str, choice: str, step: Step, observed: str) -> None:
        """The subject was seen to make a choice: kept for the report, and held against the reading."""
        self.saw.append((decision, choice))
        wanted = self.reading.as_dict()[decision]
        if not self.judge.auto_looking:
            self.claim(choice == wanted, f"{decision} = {wanted}", f"{decision} = {choice}: {observed}", step.seen)

    def decided_d4(self, *, gone: bool, stays: bool, step: Step, observed: str) -> None:
        """The subject was seen to keep or overwrite an affinity; two such scenes together tell D4's choice."""
        self.saw.append(("D4 offline" if gone else "D4 online", "stays" if stays else "goes"))
        wanted = {"overwrite": False, "write-once": True, "repair": not gone}[self.reading.d4]
        if not self.judge.auto_looking:
            self.claim(stays == wanted, f"D4 = {self.reading.d4}", observed, step.seen)

    def unobservable(self, reason: str) -> None:
        """Leave the case: nothing that can be observed would show the difference."""
        raise Unobservable(reason)

    def warn(self, sentence: str) -> None:
        """The claim holds, but with something to be said about it."""
        self.warnings.append(sentence)

    def note(self, sentence: str) -> None:
        """Something the report says beside the case: how many draws, and the chance of a false pass."""
        self.notes.append(sentence)
