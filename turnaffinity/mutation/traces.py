"""What does the audit say of each mutant's traffic? Each speaks the same utterances, watched with MONITOR."""

from __future__ import annotations

from collections.abc import Iterator

from turnaffinity.audit.run import Auditor
from turnaffinity.contract.decisions import Reading
from turnaffinity.diagnosis.traces import broken_checks
from turnaffinity.stage.evidence import Unobservable, Violation
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.stage import SITES, Stage
from turnaffinity.wire.monitor import printed

UTTERANCES = ("max_duration", "max_duration", "manual", "timeout", "max_duration", "timeout", "manual")
"""What each session says: two turns of several segments, and two closes with no turn open."""


def trace_checks(judge: Judge) -> list[str]:
    """The checks of a trace that the judge's subject breaks; none where its traffic shows nothing.

    Clears the judge's server, which has to be its own.
    """
    return sorted(broken_checks(_audited("\n".join([*_spoken(judge), ""]), judge.reading)))


def _audited(trace: str, reading: Reading) -> list[dict[str, object]]:
    auditor = Auditor(reading=reading)
    auditor.feed(trace.encode(), last=True)
    return auditor.report(["trace"]).rules


def _spoken(judge: Judge) -> Iterator[str]:
    """The lines of three sessions that take turns, one at each call site; a node goes meanwhile, and comes back."""
    judge.clear()
    stage = Stage(judge, "spoken for a trace")
    nodes = stage.nodes(4)
    stage.serve(nodes, *stage.langs[:3])
    speakers = [(stage.session(), site) for site in SITES * 2]
    for number, reason in enumerate(UTTERANCES * 2):
        if number == len(UTTERANCES) + 1:
            stage.offline(*nodes[:2])
        if number == len(UTTERANCES) + 4:
            stage.online(*nodes[:2])
        for session, site in speakers:
            try:
                yield from map(printed, stage.finalize(session, reason, site).seen)
            except (Violation, Unobservable):  # what it answers is not the trace's business
                continue
