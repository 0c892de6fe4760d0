"""How does a plan look in a terminal and on a page? What was assumed, what was measured, and what follows."""

from __future__ import annotations

from dataclasses import asdict, fields

from rich.cells import cell_len

from turnaffinity.bench.measured import SEGMENTS
from turnaffinity.bench.plan import Assumptions, Plan
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.showing.shown import padded
from turnaffinity.showing.wording import Words


def _row(words: Words, name: str, figure: str, about: str) -> str:
    """One figure with its name and what it is."""
    shown = words.told(figure)
    return f"  {padded(words.told(name), 18)} {' ' * (14 - cell_len(shown))}{shown}  {words.told(about)}"


def plan_text(plan: Plan, words: Words | None = None) -> str:
    """The plan as lines of text, each figure with what it is in the reader's language."""
    words = words or Words()
    parts = (_assumed(plan.given, words), _measured(plan, words), _follows(plan, words), _left(plan, words))
    return "\n\n".join("\n".join([words.told(head), *rows]) for head, *rows in parts)


def _assumed(given: Assumptions, words: Words) -> list[str]:
    about = {item.name: item.metadata["about"] for item in fields(given)}
    return ["assumed (each can be replaced with --assume)"] + [
        f"  {name:<18} {f'{value:,g}' if value < 1e6 else f'{value:,.0f}':>14}  {words.told(about[name])}"
        for name, value in asdict(given).items()
    ]


def _measured(plan: Plan, words: Words) -> list[str]:
    measured = plan.measured
    return [
        f"measured on {measured.server}, here",
        _row(words, "one open turn", f"{measured.turn_bytes:,.0f} bytes", "its key, and one field of the session hash"),
        _row(
            words, "one job binding", f"{measured.binding_bytes:,.0f} bytes", "of a max_duration job, with its expiry"
        ),
        _row(words, "max_duration", f"{measured.extend_us:,.0f} µs", "of the server's processor, one job"),
        _row(words, "manual, timeout", f"{measured.close_us:,.0f} µs", "the same for the finalize that ends the turn"),
    ]


def _follows(plan: Plan, words: Words) -> list[str]:
    given = plan.given
    by_time, by_memory = plan.shards_for_time, plan.shards_for_memory
    scarce = "time" if by_time >= by_memory else "memory"
    return [
        "what follows",
        _row(words, "finalizes", f"{plan.finalizes_a_second:,.0f}/s", "all sessions together"),
        _row(words, "cores", f"{plan.cores:,.1f}", f"of Redis: {by_time} shards, each {given.busy_share:.0%} busy"),
        _row(words, "open turns", f"{plan.turns_gib:,.2f} GiB", "turn keys, and the sessions' pointers to them"),
        _row(words, "job bindings", f"{plan.bindings_gib:,.2f} GiB", f"each lives {KeyLayout().job_ttl_s} s"),
        _row(words, "memory", f"{plan.memory_gib:,.2f} GiB", f"{by_memory} shards of {given.shard_gib:g} GiB"),
        _row(words, "shards", f"{plan.shards}", f"{scarce} decides"),
    ]


def _left(plan: Plan, words: Words) -> list[str]:
    told = [f"turn keys left for ever, in a day (measured: what a speech of {SEGMENTS} segments leaves)"]
    for name in plan.measured.left_closed:
        days = plan.days_until_full(name)
        full = "never fills the shards" if days is None else f"fills the shards in {days:,.1f} days"
        told.append(_row(words, name, f"{plan.left_a_day(name):,.0f}", f"{plan.left_gib_a_day(name):,.2f} GiB; {full}"))
    return told
