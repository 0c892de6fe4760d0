"""Does the suite look as far as `conformance/README.md` says? Measured from what its cases do to Redis and ask."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import pytest

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.judging import plugin
from turnaffinity.judging.run import run_suite
from turnaffinity.notebook.readme import block
from turnaffinity.shared_files import shared
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.randomness import FALSE_ALARM, LONGEST_PERIOD, PAIRED, SHORT_PERIOD

CONFORMANCE = shared("conformance")
NAMES = KeyLayout()


class Bounds(Counter[str]):
    """The most of each thing that any case shows to an implementation."""

    def most(self, what: str, number: int) -> None:
        """Keep the larger number."""
        self[what] = max(self[what], number)

    def follow(self, steps: Iterable[dict[str, Any]]) -> None:
        """Take one case's steps into account, the judge's own commands and the requests, in order."""
        pools: dict[tuple[str, int], set[str]] = defaultdict(set)
        online: set[str] = set()
        segments, utterances = Counter[str](), Counter[str]()
        met: list[str] = []
        returning: set[str] = set()
        for step in steps:
            if step["op"] == "redis":
                self._command(step["command"], pools, online)
                for session in [name for name in segments if NAMES.session_key(name) in step["command"]]:
                    segments[session] = 0  # somebody else's hand: the implementation's own speech begins anew
                continue
            if step["op"] == "select":
                pairs = [step["pair"]]
                self.most("characters of a turn id", len(step["turn_id"] or ""))
                self.most("characters of a job id", len(step["job_id"] or ""))
            else:
                langs = list(dict.fromkeys(step["room_langs"] or [step["tgt_lang"]]))
                pairs = [f"{step['src_lang']}:{lang}" for lang in langs]
                session = step["session_id"]
                if met[-1:] != [session]:
                    returning |= {session} & set(met)
                    met.append(session)
                segments[session] = segments[session] + 1 if step["reason"] == "max_duration" else 0
                utterances[session] += step["reason"] != "max_duration"
                self.most("languages of a room", len(langs))
                self.most("characters of a session id", len(session))
                self.most("max_duration finalizes in a row", segments[session])
                self.most("closes of one session", utterances[session])
            for pair in pairs:
                self._looked_at(pair, pools, online)
        self.most("sessions that speak in turn", len(returning))

    def _command(self, argv: list[str], pools: dict[tuple[str, int], set[str]], online: set[str]) -> None:
        name, keys = argv[0], argv[1:] if argv[0] == "DEL" else argv[1:2]
        for key in keys:
            pool, node = NAMES.patterns["pool"].fullmatch(key), NAMES.patterns["node"].fullmatch(key)
            if pool and name in {"SADD", "SREM"}:
                members = pools[pool["pair"], int(pool["pool_id"])]
                (members.update if name == "SADD" else members.difference_update)(argv[2:])
            elif pool and name == "DEL":
                pools.pop((pool["pair"], int(pool["pool_id"])), None)
            elif node and name in {"HSET", "DEL"} and not NAMES.patterns["node_pools"].fullmatch(key):
                (online.add if name == "HSET" else online.discard)(node["node_id"])
                self.most("characters of a node id", len(node["node_id"]))

    def _looked_at(self, pair: str, pools: dict[tuple[str, int], set[str]], online: set[str]) -> None:
        own = {pool_id: members for (of, pool_id), members in pools.items() if of == pair and members}
        nodes = set().union(*own.values())
        if not nodes & online:
            return
        self.most("pools of a pair", len(own))
        self.most("highest pool id", max(own))
        self.most("nodes of a pool", max(map(len, own.values())))
        self.most("gone nodes", len(nodes - online))
        ids = sorted(own)
        self.most("missing ids", max((b - a - 1 for a, b in zip([-1, *ids], ids, strict=False)), default=0))


TABLE = block((CONFORMANCE / "README.md").read_text(encoding="utf-8"), "bounds")


def told(what: str) -> str:
    """How far the README says that the suite looks at something."""
    rows = [line.split(" | ") for line in TABLE.splitlines()[2:]]
    (found,) = (" | ".join(row[2:]) for row in rows if what in row[1])
    return found


def test_what_is_said_of_random_choices_is_what_is_judged() -> None:
    row = told("not random")
    assert f"within {LONGEST_PERIOD} draws (within {SHORT_PERIOD} in each scene" in row
    assert f"up to {PAIRED} candidates" in row
    assert 100 * FALSE_ALARM <= 1e-9, "fewer than 100 ways of being fixed are looked for"


@pytest.mark.long
def test_the_bounds_that_the_readme_names_are_those_of_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    finalizes, selects = measured(monkeypatch)
    for what, sentence in {
        "many pools": f"up to {selects['pools of a pair']:,} pools of a pair, ids 0 to {selects['highest pool id']}; "
        f"through `finalize` alone: {finalizes['pools of a pair']} pools",
        "many nodes": f"up to {selects['nodes of a pool']} nodes in a pool; "
        f"through `finalize` alone: {finalizes['nodes of a pool']} |",
        "nodes that are gone": f"up to {selects['gone nodes']} of them beside a candidate; "
        f"through `finalize` alone: {finalizes['gone nodes']} |",
        "a gap in": f"up to {selects['missing ids (TA-SEL-10)']} ids missing",
        "many languages": f"up to {finalizes['languages of a room']} languages",
        "several sessions": f"{finalizes['sessions that speak in turn']} that speak in turn",
        "late in a speech": f"up to {finalizes['max_duration finalizes in a row']} max_duration finalizes in a row",
    }.items():
        assert sentence in told(what), what
    assert finalizes["closes of one session"] >= 30
    assert "session, node and turn ids of more than 5,000 characters, job ids of more than 300" in told("an id that is")
    assert min(finalizes["characters of a session id"], finalizes["characters of a node id"]) > 5000
    assert min(selects["characters of a turn id"], selects["characters of a node id"]) > 5000
    assert selects["characters of a job id"] > 300
    assert selects["missing ids"] == finalizes["missing ids"] == 0, "only TA-SEL-10 is judged with gaps"


def measured(monkeypatch: pytest.MonkeyPatch) -> tuple[Bounds, Bounds]:
    """The bounds of the cases through `finalize`, and of those through `select`, of one whole run."""
    finalizes, selects = Bounds(), Bounds()
    result_of = plugin.result_of

    def followed(case: Any, name: str, made: Any, error: Any, seconds: float) -> Any:
        if made is not None and case.rule == "TA-SEL-10":  # gaps are a SHOULD of their own
            gaps = Bounds()
            gaps.follow(made.steps)
            selects.most("missing ids (TA-SEL-10)", gaps["missing ids"])
        elif made is not None:
            (selects if "L" in case.profiles else finalizes).follow(made.steps)
        return result_of(case, name, made, error, seconds)

    monkeypatch.setattr(plugin, "result_of", followed)
    with Judge("reference", seed=3) as judge:
        run_suite(judge)
    return finalizes, selects
