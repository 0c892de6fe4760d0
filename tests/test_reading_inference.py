"""Are the choices D1 to D4 found out from behaviour alone, and is a mixture of choices told?"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from turnaffinity.contract.decisions import PRESETS, Reading, all_readings
from turnaffinity.judging.run import find_reading, verify
from turnaffinity.stage.judge import Judge
from turnaffinity.subjects.reference import ReferenceSubject
from turnaffinity.subjects.subject import Answer, Subject


def judging(reading: Reading) -> Judge:
    """A judge of a flow with these choices, that is not told which they are."""

    def made(judge: Judge, url: str) -> Subject:
        return ReferenceSubject(judge.server.client(), reading, judge.layout)

    return Judge(auto=True, factory=made)


def as_seen(reading: Reading) -> Reading:
    """What can be seen of a reading: with D1 = mint no affinity is ever there already, so that D4 is the default."""
    return replace(reading, d4="overwrite") if reading.d1 == "mint" else reading


IN_CI = {*PRESETS.values(), *list(all_readings())[::5]}
"""The readings that CI finds out; the others in the long form (`make soak`)."""


def marks_of(reading: Reading) -> list[pytest.MarkDecorator]:
    """Two that differ in most every day, the other presets and some more in CI, all in the long form."""
    if reading in (PRESETS["literal"], PRESETS["continuous"]):
        return []
    return [pytest.mark.long if reading in IN_CI else pytest.mark.soak]


@pytest.mark.parametrize(
    "reading",
    [pytest.param(r, id=r.label, marks=marks_of(r)) for r in all_readings()],
)
def test_the_choices_of_every_reading_are_found_out(reading: Reading) -> None:
    with judging(reading) as judge:
        assert find_reading(judge) == as_seen(reading)


class ReusesInSoloMintsInRooms(ReferenceSubject):
    """Mixes the choices of D1: as an engineer does who changed one of the three call sites."""

    def __init__(self, judge: Judge) -> None:
        client = judge.server.client()
        super().__init__(client, Reading("reuse"), judge.layout)
        self._minting = ReferenceSubject(client, Reading("mint"), judge.layout)

    def finalize(
        self, session_id: str, reason: str, src_lang: str, tgt_lang: str, room_langs: Sequence[str] | None
    ) -> Answer:
        asked = self._minting.finalize if room_langs else super().finalize
        return asked(session_id, reason, src_lang, tgt_lang, room_langs)


@pytest.fixture(scope="module")
def mixed() -> Iterator[Judge]:
    with Judge(auto=True, factory=lambda judge, url: ReusesInSoloMintsInRooms(judge)) as judge:
        yield judge


def test_a_mixture_of_choices_is_told_and_violates(mixed: Judge) -> None:
    report = verify(mixed, ["TA-TURN-4"])
    assert report.decisions["D1"] == "reuse+mint"
    assert report.verdict == "violates"
    rule = next(rule for rule in report.rules if rule.id == "TA-TURN-4")
    assert {failure["case"].split("[")[1].split("-")[0] for failure in rule.failures} >= {"room"}
    assert all("D1 = mint" in failure["observed"] for failure in rule.failures)
