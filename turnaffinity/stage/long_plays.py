"""What happens in a long, mixed life? Sessions, nodes and other people's hands, in an order drawn from the seed.

Cases that each show one scene miss the mistakes that need two of them at once: a timeout, in a room, of a turn whose
node has just come back. A history is every reason in every scene, and then a hundred finalizes of four sessions at
all call sites, through two processes, while nodes come and go and others change the keys. Each finalize is a moment,
with the state before and after it: what has to be true of a moment follows from these alone, so that no model runs
beside the implementation.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from turnaffinity.contract.layout import LEGACY_FIELDS, KeyLayout
from turnaffinity.stage.business import bindings, under
from turnaffinity.stage.evidence import Follows, NotJudged, Violation
from turnaffinity.stage.stage import Stage
from turnaffinity.stage.state import State
from turnaffinity.stage.step import Step
from turnaffinity.subjects.subject import Broke, Finalized

MOMENTS = 100
"""Finalizes in a history."""

FAR_MS = 4_102_444_800_000
"""The year 2100, for the TTL that a session manager sets."""


@dataclass(frozen=True)
class Moment:
    """One request of a play, a finalize or a selection, with the state before and after it."""

    step: Step
    before: State
    after: State
    superseded: frozenset[str] = frozenset()
    """Turns that this session left open when it began another one (D1 = `mint`); what becomes of them is its own."""
    used: frozenset[str] = frozenset()
    """Turn ids that were seen before this moment, the open one's too."""
    steps: int = 0
    """How many steps had been done by then, for the capsule."""

    @property
    def session(self) -> str:
        """The session that was finalized."""
        return str(self.step.request["session_id"])

    @property
    def closing(self) -> bool:
        """Whether the reason closes a turn."""
        return bool(self.step.request["reason"] != "max_duration")

    @property
    def langs(self) -> list[str]:
        """The target languages that are due a job, in order (TA-TURN-6)."""
        return list(dict.fromkeys(self.step.request["room_langs"] or [self.step.request["tgt_lang"]]))

    def candidates(self, layout: KeyLayout, pair: str) -> set[str]:
        """The nodes that could serve a pair: online, and in one of its pools."""
        found: set[str] = set()
        for key, held in self.before.keys.items():
            pool = layout.patterns["pool"].fullmatch(key)
            if pool and pool["pair"] == pair:
                found |= {node for node in held.value if layout.node_key(node) in self.before.keys}
        return found

    @property
    def answer(self) -> Finalized | None:
        """The answer, unless the finalize was refused since no job got a node."""
        return self.step.answer if isinstance(self.step.answer, Finalized) else None

    def is_answered(self, layout: KeyLayout) -> bool:
        """Whether there is an answer to go by: the batch, or none where nobody serves any of its languages.

        Where there is not, TA-TURN-6 owns what is wrong, and nobody else can say what had to follow.
        """
        pairs = [f"{self.step.request['src_lang']}:{lang}" for lang in self.langs]
        return self.answer is not None or not any(self.candidates(layout, pair) for pair in pairs)


@dataclass
class History:
    """All moments, and what ended them before their time, if anything did."""

    moments: list[Moment] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    ended: Exception | None = None


def finalizes_of_all_kinds(stage: Stage, *, answers: bool = False) -> Iterator[Moment]:
    """Every reason in every scene that others left, then a mixed life.

    Played once a run. A finalize without a usable answer ends it: for the case that claims answers that is the
    violation; the others judge what came before, and are then not run to their end.
    Sends what `Stage.serve`, `.record` and `.snapshot` send, HSET, HDEL, DEL and PEXPIREAT; asks for finalizes.
    """
    return played_once(stage, "finalizes", _finalizes, answers)


def selections_of_all_kinds(stage: Stage, *, answers: bool = False) -> Iterator[Moment]:
    """A selection in every scene: what the turn names, how the job is bound, with candidates and with none.

    Played once a run; `answers` as above. Leaves the case where the implementation offers no selection.
    Sends what `Stage.serve`, `.record` and `.snapshot` send, HSET, SET and DEL; asks for selections.
    """
    stage.needs_select()
    return played_once(stage, "selections", _selections, answers)


def played_once(
    stage: Stage, name: str, play: Callable[[Stage], Iterator[Moment]], answers: bool = False
) -> Iterator[Moment]:
    """The moments of a play, which is played for the first case that asks for it; `answers` as above."""
    known, key = stage.judge.histories, (name, stage.reading)
    if type(stage) is not Stage:  # some steps may be left out: that play is this stage's alone
        history = _played(stage.renamed(name), play)
    else:
        if key not in known:
            known[key] = _played(stage.renamed(name), play)
        history = known[key]
    for moment in history.moments:
        stage.steps[:] = history.steps[: moment.steps]
        yield moment
    stage.steps[:] = history.steps
    if history.ended is not None and (answers or not isinstance(history.ended, Violation)):
        raise history.ended
    if history.ended is not None:
        raise Follows("TA-TURN-6", f"after {len(history.moments)} steps of a long play there was no usable answer")


def _played(stage: Stage, play: Callable[[Stage], Iterator[Moment]]) -> History:
    history = History()
    try:
        history.moments += (moment for moment in play(stage) if not isinstance(moment.step.answer, Broke))
    except (Violation, NotJudged) as error:
        history.ended = error
    history.steps = list(stage.steps)  # a list of its own: the case that plays it first cuts its own to each moment
    return history


TURNS = ("recorded", "another pair", "no pool", "offline", "no key", "no field", "empty field", "no turn id")
JOBS = ("no job id", "fresh", "bound", "bound to one that is gone")


def _selections(stage: Stage) -> Iterator[Moment]:
    for lang, served in ((stage.langs[0], True), (stage.langs[1], False)):
        nodes, other, idle, gone = stage.nodes(3), stage.nodes(1), stage.nodes(1), stage.nodes(1)
        if served:
            stage.serve(nodes, lang)
        stage.serve(other, stage.langs[2])
        stage.online(*idle)
        known = {"recorded": nodes[0], "another pair": other[0], "no pool": idle[0], "offline": gone[0]}
        for scene, binding in product(TURNS, JOBS):
            turn, job, session = stage.turn(), None if binding == "no job id" else stage.job(), stage.session()
            key = stage.layout.turn_key(turn)
            if scene in known or scene == "empty field":
                stage.record(turn, known.get(scene, ""), session)
            elif scene == "no field":
                stage.do("HSET", key, "started_at", "17")
            if job and binding.startswith("bound"):
                bound = (nodes if served else other)[-1] if binding == "bound" else gone[0]
                stage.do("SET", stage.layout.job_key(job), bound, "EX", stage.layout.job_ttl_s)
            before = stage.snapshot()
            step = stage.select(lang, turn=None if scene == "no turn id" else turn, job=job)
            yield Moment(step, before, stage.snapshot(), steps=len(stage.steps))
            stage.do("DEL", key, stage.layout.session_key(session), *([stage.layout.job_key(job)] if job else []))


def _finalizes(stage: Stage) -> Iterator[Moment]:
    yield from _scenes(stage)
    life = _Life(stage)
    for _ in range(MOMENTS):
        yield life.next_moment()


def made_by(stage: Stage, step: Step, before: State, after: State) -> set[str]:
    """Bindings, and turn keys that stand under ids known or new: what a play does not carry along."""
    jobs = [job.job_id for job in step.answer.jobs] if isinstance(step.answer, Finalized) else []
    turns = {key for state in (before, after) for key in under(stage.layout, state, "turn")}
    return turns | bindings(stage.layout, after, jobs).keys()


LEFT = ("no key", "empty field", "offline", "online", "one field more", "no session", "no pointer")


def _scenes(stage: Stage) -> Iterator[Moment]:
    """Each reason in each scene that others left, for a batch of which all, some or none can be served."""
    a, b, c, *_ = stage.langs
    nodes, layout = stage.nodes(2), stage.layout
    stage.serve(nodes, a, b)
    for why, left, room in product(("max_duration", "manual", "timeout"), LEFT, ([a, c], [c], None)):
        session, turn = stage.session(), stage.turn()
        stage.foreign_fields(session)
        known = {"empty field": "", "offline": stage.nodes(1)[0]}
        stage.record(turn, known.get(left, nodes[0]), session)
        if left == "no key":
            stage.do("DEL", layout.turn_key(turn))
        if left == "one field more":
            stage.do("HSET", layout.turn_key(turn), "started_at", "17")
        if left == "no session":
            stage.do("DEL", layout.session_key(session))
        if left == "no pointer":
            stage.do("HDEL", layout.session_key(session), layout.current_turn_field)
        before = stage.snapshot()
        step = stage.finalize(session, why, "solo" if room is None else room)
        after = stage.snapshot()
        yield Moment(step, before, after, used=frozenset({turn}), steps=len(stage.steps))
        stage.do("DEL", layout.session_key(session), *sorted(made_by(stage, step, before, after)))


class _Life:
    """The world of a history: who serves what, and who does what next."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.rng = random.Random(f"{stage.judge.seed}/history")
        first, other = stage.session(), stage.session()
        self.sessions = [first, f"{first}x", first[:-1], f"{other}-{'s' * 200}"]
        self.langs = stage.langs[:4]
        a, b, c, d, e = self.nodes = stage.nodes(5)
        one, two, three, _nobody = self.langs
        self.serving = {
            a: [(one, 0)],
            b: [(one, 0), (two, 0)],
            c: [(one, 0), (two, 0)],  # one pool a pair: whoever takes out what is gone leaves no gap in the ids
            d: [(two, 0), (three, 0)],
            e: [],
        }
        self.away: set[str] = set()
        self.used: set[str] = set()
        self.superseded: dict[str, set[str]] = {session: set() for session in self.sessions}
        for node in self.nodes:
            self._comes(node)

    def next_moment(self) -> Moment:
        """Others act, then one session is finalized."""
        stage, session = self.stage, self.rng.choice(self.sessions)
        for act in self.rng.sample(self._acts(session), self.rng.choice((0, 1, 1, 2))):
            act()
        before = stage.snapshot()
        opened = before.hash(stage.layout.session_key(session)).get(stage.layout.current_turn_field)
        self.used |= {opened} if opened else set()
        reason = self.rng.choice(("max_duration", "max_duration", "manual", "timeout"))
        by = stage.second if self.rng.random() < 0.2 else None
        step = stage.finalize(session, reason, self._site(), tgt=self.rng.choice(self.langs), by=by)
        superseded, used = frozenset(self.superseded[session]), frozenset(self.used)
        moment = Moment(step, before, stage.snapshot(), superseded, used, len(stage.steps))
        if isinstance(step.answer, Finalized):
            self.used.add(step.answer.turn_id)
            if reason == "max_duration" and opened and opened != step.answer.turn_id:
                self.superseded[session].add(opened)
        made = [job.job_id for job in step.answer.jobs] if isinstance(step.answer, Finalized) else []
        bound = bindings(stage.layout, moment.after, made)
        if bound:  # they are judged at once, and not carried along
            stage.do("DEL", *sorted(bound))
        return moment

    def _site(self) -> str | list[str]:
        kind = self.rng.choice(("solo", "lone-room", "room", "room"))
        return self.rng.choices(self.langs, k=self.rng.randint(1, 7)) if kind == "room" else kind

    def _acts(self, session: str) -> list[Callable[[], None]]:
        goes = self.rng.choice(self.nodes)
        comes = self.rng.choice([node for node in self.nodes if node in self.away] or self.nodes)
        acts: list[Callable[[], None]] = [lambda: self._goes(goes), lambda: self._comes(comes)]
        acts += [lambda: self._comes(comes), lambda: self._affinity(session), lambda: self._affinity(session)]
        acts += [lambda: self._pointer(session), lambda: self._fields(session)]
        return acts

    def _goes(self, node: str) -> None:
        self.away.add(node)
        self.stage.offline(node)

    def _comes(self, node: str) -> None:
        self.away.discard(node)
        if not self.serving[node]:
            self.stage.online(node)
        for lang, pool_id in self.serving[node]:
            self.stage.serve([node], lang, pool_id=pool_id)

    def _affinity(self, session: str) -> None:
        """Somebody changes what the open turn's key holds."""
        stage, field_name = self.stage, self.stage.layout.affinity_field
        turn = stage.open_turn(session)
        change = self.rng.choice(("moved", "moved", "empty", "no field", "no key", "theirs"))
        node = self.rng.choice(self.nodes)
        if not turn:
            return
        key = stage.layout.turn_key(turn)
        match change:
            case "moved":
                stage.record(turn, node)
            case "empty":
                stage.record(turn, "")
            case "no field":
                stage.do("HDEL", key, field_name)
            case "no key":
                stage.do("DEL", key)
            case _:
                stage.do("HSET", key, "started_at", "17", self.rng.choice(LEGACY_FIELDS), node)

    def _pointer(self, session: str) -> None:
        """Somebody changes which turn is open."""
        stage, field_name = self.stage, self.stage.layout.current_turn_field
        key, turn, node = stage.layout.session_key(session), stage.turn(), self.rng.choice(self.nodes)
        match self.rng.choice(("opened", "opened", "opened bare", "none", "empty", "no session")):
            case "opened":
                stage.record(turn, node, session)
            case "opened bare":
                stage.do("HSET", key, field_name, turn)
            case "none":
                stage.do("HDEL", key, field_name)
            case "empty":
                stage.do("HSET", key, field_name, "")
            case _:
                stage.do("DEL", key)

    def _fields(self, session: str) -> None:
        """Somebody else's fields come into the session hash, or go, or the hash is given a TTL."""
        stage, key = self.stage, self.stage.layout.session_key(session)
        node = self.rng.choice(self.nodes)
        match self.rng.choice(("one", "many", "legacy", "gone", "mortal")):
            case "one":
                stage.do("HSET", key, "user_id", stage.name("user"))
            case "many":
                stage.foreign_fields(session)
            case "legacy":
                stage.do("HSET", key, self.rng.choice(LEGACY_FIELDS), node)
            case "gone":
                stage.do("HDEL", key, "user_id", "note")
            case _:
                stage.do("HSET", key, "user_id", "7")
                stage.do("PEXPIREAT", key, FAR_MS)
