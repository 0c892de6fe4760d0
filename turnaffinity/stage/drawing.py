"""How do cases draw? Through `select` or through finalizes, until the choice is known to vary or to be fixed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from turnaffinity.stage.evidence import Violation
from turnaffinity.stage.randomness import Draws, draw_until_settled
from turnaffinity.stage.stage import Stage, Step


def claim_random(
    stage: Stage,
    candidates: Iterable[str],
    draw_some: Callable[[int], Sequence[Step]],
    *,
    ordered: bool = True,
    per: str = "draws",
    groups: Mapping[str, str] | None = None,
) -> None:
    """Fail the case unless the draws are a random choice among the candidates.

    `draw_some(n)` makes at least one step, about n draws. A node that is no candidate fails at once. `groups` names
    for each of many candidates the group that it counts for; of each group, all of like size, one has to come.
    """
    allowed = set(candidates)
    draws = Draws(set(groups.values()) if groups else allowed, ordered=ordered)
    watched: list[Step] = []

    def nodes_of(count: int) -> list[str]:
        found: list[str] = []
        for step in draw_some(count):
            watched.extend(() if watched or not step.seen else (step,))
            for node in step.nodes if step.request["op"] == "finalize" else [step.node]:
                if node not in allowed:
                    expected = f"one of {', '.join(sorted(allowed))}"
                    raise Violation(expected, f'node "{node}"' if node is not None else "no node", step.seen)
                found.append(groups[node] if groups else node)
        return found

    verdict = draw_until_settled(draws, nodes_of)
    if verdict:
        wire = watched[0].seen if watched else ()
        raise Violation(f"a random choice among {', '.join(draws.candidates)}", verdict, wire)
    stage.draws += len(draws.seen)
    stage.note(
        f"{len(draws.seen)} {per} among {len(allowed)} candidates; a choice that never draws one of "
        f"{f'{len(draws.candidates)} groups of them' if groups else 'them'} "
        f"passes with chance {draws.chance_of_false_pass():g}, a right one fails with chance below 1e-9"
    )


def selects(
    stage: Stage,
    *,
    lang: str | None = None,
    turn: Callable[[], str | None] | str | None = None,
    job: Callable[[], str | None] | str | None = None,
    before: Callable[[], None] | None = None,
) -> Callable[[int], list[Step]]:
    """Draw through `select`: with these ids (fixed, or made for each draw), after `before()` each time."""

    def made(source: Callable[[], str | None] | str | None) -> str | None:
        return source() if callable(source) else source

    unwatched = False

    def draw_some(count: int) -> list[Step]:
        nonlocal unwatched
        steps: list[Step] = []
        for _ in range(count):
            if before:
                before()
            steps.append(stage.select(lang, turn=made(turn), job=made(job), watch=not unwatched))
            unwatched = True  # the commands of the first draw are evidence; to watch each one takes long
        return steps

    return draw_some


def finalizes(
    stage: Stage,
    reason: str,
    site: str | Sequence[str] = "solo",
    *,
    session: Callable[[], str] | None = None,
    before: Callable[[str], None] | None = None,
) -> Callable[[int], list[Step]]:
    """Draw through finalizes, each of a fresh session unless `session` names it; `before(session)` each time."""

    unwatched = False

    def draw_some(count: int) -> list[Step]:
        nonlocal unwatched
        steps: list[Step] = []
        drawn = 0
        while drawn < count:
            name = session() if session else stage.session()
            if before:
                before(name)
            step = stage.finalize(name, reason, site, watch=not unwatched)
            unwatched = True
            drawn += len(step.nodes)
            steps.append(step)
        return steps

    return draw_some
