"""Does a failure in a long play keep the steps that led to it?"""

from __future__ import annotations

from turnaffinity.stage.judge import Judge
from turnaffinity.stage.long_plays import selections_of_all_kinds
from turnaffinity.stage.stage import Stage


def test_each_moment_has_the_steps_up_to_it_for_the_first_case_and_for_later_ones() -> None:
    with Judge("reference", seed=3) as judge:
        judge.clear()
        for name in ("first", "second"):
            stage = Stage(judge, name)
            lengths = [(moment.steps, len(stage.steps)) for moment in selections_of_all_kinds(stage)]
            assert len(lengths) > 50
            assert [known for known, _ in lengths] == [kept for _, kept in lengths]
            assert len(stage.steps) >= lengths[-1][0] > lengths[0][0]
