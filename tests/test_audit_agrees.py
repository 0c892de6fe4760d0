"""Do the audit of the wire and the judge of `verify` come to the same verdict on the same implementation?

`verify` is asked for its outcome on each rule; the same flow then runs a scenario alone, recorded. The cases'
own traffic would be no fair trace: they write keys behind the scheduler's back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from test_audit_recorded import LAYOUT, speak
from test_record_and_audit_live import recorded

from turnaffinity.audit.run import audit_files
from turnaffinity.contract.decisions import PRESETS
from turnaffinity.contract.rules import RULES
from turnaffinity.mutation.flow import FlowSubject
from turnaffinity.mutation.matrix import results_of
from turnaffinity.mutation.mutants import Mutant, load_mutants
from turnaffinity.server import Server, open_server

READING = PRESETS["intent"]
BAD = ("fail", "warn")
DIFFER: dict[str, dict[str, tuple[str, str]]] = {
    # the cases of both rules also ask that the clear was complete; the audit blames a half clear on TA-CLEAR-1 alone
    "pointer-cleared-affinity-kept": {"TA-KEY-1": ("pass", "fail"), "TA-KEY-2": ("pass", "fail")},
}
"""mutant -> rule -> (audit, verify), where the two are known to differ over a neighbour of the rule that is broken."""


def mutant_named(name: str) -> Mutant:
    """The reference itself for "reference"."""
    mutants = {mutant.id: mutant for mutant in load_mutants() if mutant.kind == "flow"}
    if name == "reference":
        some = next(iter(mutants.values()))
        return replace(some, id=name, breaks=frozenset(), patches=())
    return mutants[name]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with open_server("redis", tcp=True) as opened:
        yield opened


def verified(mutant: Mutant, server: Server) -> dict[str, str]:
    """Rule -> the worst that `verify`'s cases saw of it."""
    outcomes = {}
    for rule, results in results_of(mutant, READING, server).items():
        seen = [result.outcome for result in results]
        worst = next((worst for worst in BAD if worst in seen), "pass" if "pass" in seen else "none")
        outcomes[rule] = "warn" if worst == "fail" and RULES[rule].level == "SHOULD" else worst
    return outcomes


def audited(mutant: Mutant, server: Server, folder: Path) -> dict[str, tuple[str, list[str]]]:
    """Rule -> status and reasons of the audit of a scenario that this scheduler runs alone."""
    client = server.client()
    client.flushall()
    for pair in ("zh:en", "zh:ja"):
        for node in ("n1", "n2"):
            client.hset(LAYOUT.node_key(node), "status", "online")
            client.hset(LAYOUT.node_pools_key(node), pair, "0")
            client.sadd(LAYOUT.pool_key(pair, 0), node)
    subject = FlowSubject(server.client(), READING, LAYOUT, mutant.sources())
    path = recorded(server, folder / "trace.log", lambda: speak(subject, ["s1", "s2", "s3"], 2) and None)
    report = audit_files([str(path)], reading=READING)
    return {rule["id"]: (rule["status"], rule.get("reasons", [])) for rule in report.rules}


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [
        "affinity-lives-five-minutes",
        *(
            pytest.param(other, marks=pytest.mark.long)
            for other in ("reference", "pointer-cleared-affinity-kept", "clear-in-three-steps")
        ),
    ],
)
def test_audit_and_verify_agree_rule_by_rule_or_the_audit_says_why_not(
    server: Server, tmp_path: Path, name: str
) -> None:
    mutant = mutant_named(name)
    by_wire = audited(mutant, server, tmp_path)
    by_cases = verified(mutant, server)
    disagreements = {}
    for rule, (status, reasons) in by_wire.items():
        if status == "unobservable":
            assert reasons, f"{rule} is unobservable, and the audit does not say why"
        elif "T" in RULES[rule].profiles and by_cases.get(rule, "none") != "none" and status != by_cases[rule]:
            disagreements[rule] = (status, by_cases[rule])
    assert disagreements == DIFFER.get(name, {})
    judged = [rule for rule, (status, _) in by_wire.items() if status in ("pass", *BAD)]
    assert len(judged) >= 12
