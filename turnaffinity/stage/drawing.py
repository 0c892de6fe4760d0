"""How do cases draw? Through `select` or through finalizes, until the choice is known to vary or to be fixed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from turnaffinity.stage.evidence import Follows, Violation
from turnaffinity.stage.randomness import Draws, draw_until_settled
from turnaffinity.stage.stage import Stage, Step
from turnaffinity.wire.command import Command


@dataclass(frozen=True)
class Draw:
    """One way of drawing: `some(n)` makes at least one step, about n draws, and does not watch them.

    `watched` makes one more step and watches it: only a failure needs the commands. `alone` draws alike on a stage
    where nothing but candidates stands, so that nothing routes what is drawn; `ordered` says whether each draw there
    is free of the one before it.
    """

    kind: str
    some: Callable[[int], Sequence[Step]]
    watched: Callable[[], Step]
    alone: Callable[[Stage], Draw]
    ordered: bool = True


def claim_random(
    stage: Stage,
    candidates: Iterable[str],
    draw: Draw,
    *,
    ordered: bool = True,
    deep: bool = False,
    per: str = "draws",
    groups: Mapping[str, str] | None = None,
) -> None:
    """Fail the case unless the draws are a random choice among the candidates.

    A node that is no candidate fails at once. `groups` names for each of many candidates the group that it counts for;
    of each group, all of like size, one has to come. `deep` looks for long orders too: once for each way of asking is
    enough, since a draw may be costly. Leaves the case, unless it is one of TA-SEL-2, where the choice is not random
    by itself.
    """
    leave_if_known_fixed(stage, draw)
    allowed = set(candidates)
    draws = Draws(set(groups.values()) if groups else allowed, ordered=ordered, deep=deep)

    def nodes_of(count: int) -> list[str]:
        found: list[str] = []
        for node in (node for step in draw.some(count) for node in _nodes(step)):
            if node not in allowed:
                expected = f"one of {', '.join(sorted(allowed))}"
                observed = f'node "{node}"' if node is not None else "no node"
                wire = wire_of_another(draw.watched, lambda step: not allowed.issuperset(_nodes(step)))
                raise Violation(expected, observed, wire)
            found.append(groups[node] if groups else node)
        return found

    verdict = draw_until_settled(draws, nodes_of)
    if verdict:
        needs_random(stage, draw)
        raise Violation(f"a random choice among {', '.join(draws.candidates)}", verdict, draw.watched().seen)
    stage.draws += len(draws.seen)
    stage.note(
        f"{len(draws.seen)} {per} among {len(allowed)} candidates; a choice that never draws one of "
        f"{f'{len(draws.candidates)} groups of them' if groups else 'them'} "
        f"passes with chance {draws.chance_of_false_pass():g}, a right one fails with chance below 1e-9"
    )


LOOKED_AGAIN = 64
"""How many choices are watched after a wrong one, until another is as wrong."""


def wire_of_another(choose: Callable[[], Step], wrong: Callable[[Step], bool]) -> tuple[Command, ...]:
    """The commands of a choice that is wrong again; none where it does not come again."""
    steps = (choose() for _ in range(LOOKED_AGAIN))
    return next((step.seen for step in steps if wrong(step)), ())


OWNER = "TA-SEL-2"
"""The rule that says that a choice is random; its own cases draw whatever is known."""


def needs_random(stage: Stage, draw: Draw | None = None) -> None:
    """Leave the case if the choice is not random by itself: what was drawn then tells nothing of the case's claim.

    To be asked where all is done and the case is about to say what the draws show: the stage is cleared.
    """
    if stage.rule in ("", OWNER):
        return
    for each in (_simplest(stage), draw):
        if each is not None and _fixed_alone(stage, each):
            raise Follows(OWNER, NOT_RANDOM)


NOT_RANDOM = "the choice is not random by itself, so that nothing can be told from what was drawn"


def leave_if_known_fixed(stage: Stage, draw: Draw) -> None:
    """Leave the case before it draws, where an earlier one found that the choice is not random by itself."""
    known = (stage.judge.kept.get(_name(each)) for each in (_simplest(stage), draw))
    if stage.rule not in ("", OWNER) and any(known):
        raise Follows(OWNER, NOT_RANDOM)


def _simplest(stage: Stage) -> Draw:
    return selects(stage) if stage.judge.kind == "lua" else finalizes(stage, "manual")


def _name(draw: Draw) -> str:
    return f"fixed alone: {draw.kind}"


def _fixed_alone(stage: Stage, draw: Draw) -> str:
    """How this kind of draw is fixed where nothing but candidates stands in the database; "" if it varies."""
    kept, name = stage.judge.kept, _name(draw)
    if name not in kept:
        stage.judge.clear()
        empty = Stage(stage.judge, name)
        nodes = empty.nodes(2)
        empty.serve(nodes, *empty.langs)
        alone = draw.alone(empty)
        drawn = Draws(nodes, ordered=draw.ordered)
        try:
            kept[name] = draw_until_settled(
                drawn, lambda count: [node or "" for step in alone.some(count) for node in _nodes(step)]
            )
        except Violation:  # whatever else is wrong: that is no answer to this question
            kept[name] = ""
    return str(kept[name])


def _nodes(step: Step) -> list[str | None]:
    return step.nodes if step.request["op"] == "finalize" else [step.node]


def selects(
    stage: Stage,
    *,
    lang: str | None = None,
    src: str | None = None,
    turn: Callable[[], str | None] | str | None = None,
    job: Callable[[], str | None] | str | None = None,
    before: Callable[[], None] | None = None,
) -> Draw:
    """Draw through `select`: with these ids (fixed, or made for each draw), after `before()` each time."""

    def made(source: Callable[[], str | None] | str | None) -> str | None:
        return source() if callable(source) else source

    def one(watch: bool = True) -> Step:
        if before:
            before()
        return stage.select(lang, src=src, turn=made(turn), job=made(job), watch=watch)

    def draw_some(count: int) -> list[Step]:
        return [one(watch=False) for _ in range(count)]

    ids = "no turn" if turn is None else "fresh turns" if callable(turn) else "one turn"
    jobs = job is not None

    def alone(empty: Stage) -> Draw:
        turns = {"no turn": None, "one turn": empty.turn()}.get(ids, empty.turn)
        return selects(empty, turn=turns, job=empty.job if jobs else None)  # one job would keep its binding

    return Draw(f"select, {ids}, {'jobs' if jobs else 'no job'}", draw_some, one, alone)


def finalizes(
    stage: Stage,
    reason: str,
    site: str | Sequence[str] = "solo",
    *,
    session: Callable[[], str] | None = None,
    before: Callable[[str], None] | None = None,
    src: str | None = None,
    tgt: str | None = None,
) -> Draw:
    """Draw through finalizes, each of a fresh session unless `session` names it; `before(session)` each time."""

    def one(watch: bool = True) -> Step:
        name = session() if session else stage.session()
        if before:
            before(name)
        return stage.finalize(name, reason, site, src=src, tgt=tgt, watch=watch)

    def draw_some(count: int) -> list[Step]:
        steps: list[Step] = []
        drawn = 0
        while drawn < count:
            steps.append(one(watch=False))
            drawn += len(steps[-1].nodes)
        return steps

    size = site if isinstance(site, str) else len(site)
    batch = size != "solo" and size != "lone-room"

    def alone(empty: Stage) -> Draw:  # each of a fresh session: a later segment is routed by the first
        return finalizes(empty, reason, size if isinstance(size, str) else empty.langs[:size])

    return Draw(f"{reason}, {size}", draw_some, one, alone, ordered=not (batch and reason == "max_duration"))
