"""Is a random choice taken for one, and a fixed one found out, however it is fixed?"""

import itertools
import random
from collections.abc import Callable, Iterator

import pytest

from turnaffinity.stage.randomness import Draws, draw_until_settled, needed_draws

TWO, THREE = ["a", "b"], ["a", "b", "c"]
SEVEN, HUNDRED = [f"n{number}" for number in range(7)], [f"n{number:02}" for number in range(100)]


def settled(candidates: list[str], source: Iterator[str], *, ordered: bool = True) -> tuple[str, int]:
    draws = Draws(candidates, ordered=ordered)
    verdict = draw_until_settled(draws, lambda count: list(itertools.islice(source, count)))
    return verdict, len(draws.seen)


def forever(choose: Callable[[int], str]) -> Iterator[str]:
    return (choose(number) for number in itertools.count())


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_a_choice_at_a_tenth_of_the_fair_share_is_missed_below_one_in_a_billion(count: int) -> None:
    chance_of_missing_one = count * (1 - 1 / (10 * count)) ** needed_draws(count)
    assert chance_of_missing_one < 1e-10


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("candidates", [TWO, THREE])
def test_a_fair_choice_passes_within_a_few_draws(seed: int, candidates: list[str]) -> None:
    rng = random.Random(seed)
    verdict, count = settled(candidates, forever(lambda _: rng.choice(candidates)))
    assert verdict == ""
    assert count <= 256


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("candidates", [SEVEN, HUNDRED])
def test_a_fair_choice_among_many_passes_within_ten_draws_for_each(seed: int, candidates: list[str]) -> None:
    rng = random.Random(seed)
    verdict, count = settled(candidates, forever(lambda _: rng.choice(candidates)))
    assert verdict == ""
    assert count <= 100 * len(candidates) if candidates is SEVEN else 10 * len(candidates)


@pytest.mark.parametrize("seed", range(20))
def test_a_choice_at_a_tenth_of_the_fair_share_passes_too(seed: int) -> None:
    rng = random.Random(seed)
    verdict, _ = settled(TWO, forever(lambda _: "b" if rng.random() < 0.05 else "a"))
    assert verdict == ""


def sticky(rng: random.Random) -> Iterator[str]:
    last = "a"
    while True:
        last = last if rng.random() < 0.9 else rng.choice(THREE)
        yield last


def test_a_choice_that_likes_to_stay_but_may_go_passes() -> None:
    assert settled(THREE, sticky(random.Random(1)))[0] == ""


FIXED: dict[str, tuple[list[str], Callable[[], Iterator[str]], str]] = {
    "always the first": (THREE, lambda: itertools.repeat("a"), "never drawn"),
    "one candidate never": (THREE, lambda: map(random.Random(1).choice, itertools.repeat(["a", "b"])), "never drawn"),
    "round robin": (THREE, lambda: itertools.cycle("abc"), "no draw equals the one before"),
    "two and two": (TWO, lambda: itertools.cycle("aabb"), "every draw repeats the one 4 before"),
    "round robin of seven": (SEVEN, lambda: itertools.cycle(SEVEN), "no draw equals the one before"),
    "round robin of a hundred": (HUNDRED, lambda: itertools.cycle(HUNDRED), "no draw equals the one before"),
    "a hundredth never": (HUNDRED, lambda: map(random.Random(1).choice, itertools.repeat(HUNDRED[1:])), "n00 never"),
    "a long cycle": (TWO, lambda: itertools.cycle("aababbbabaabbab"), "before it"),
}


LONG = {"round robin of a hundred"}
"""What takes many seconds, and says once more what a round robin of seven says."""


@pytest.mark.parametrize("name", [pytest.param(each, marks=[pytest.mark.long] * (each in LONG)) for each in FIXED])
def test_a_fixed_choice_is_found_out_and_named(name: str) -> None:
    candidates, source, said = FIXED[name]
    verdict, _ = settled(candidates, source())
    assert said in verdict


def never_again(rng: random.Random) -> Iterator[str]:
    last = "a"
    while True:
        last = rng.choice([node for node in THREE if node != last])
        yield last


def test_a_choice_that_never_repeats_itself_is_no_random_choice() -> None:
    assert "no draw equals the one before it" in settled(THREE, never_again(random.Random(2)))[0]


def after_b_always_a(rng: random.Random) -> Iterator[str]:
    last = "a"
    while True:
        last = "a" if last == "b" else rng.choice(THREE)
        yield last


def test_a_choice_that_one_candidate_forces_is_no_random_choice() -> None:
    assert "never drawn right after b" in settled(THREE, after_b_always_a(random.Random(3)))[0]


def decks(rng: random.Random, cards: list[str]) -> Iterator[str]:
    while True:
        yield from rng.sample(cards, len(cards))


@pytest.mark.parametrize("times", [1, 2, 3, 4])
@pytest.mark.parametrize("candidates", [TWO, THREE])
def test_a_shuffled_deck_dealt_out_is_no_random_choice(candidates: list[str], times: int) -> None:
    said = settled(candidates, decks(random.Random(4), candidates * times))[0]
    assert f"each block of {len(candidates) * times} draws deals every candidate {times} times" in said or (
        (len(candidates), times) == (3, 1) and "each block of 3 draws" in said
    )


def test_the_last_card_of_a_deck_may_be_swapped_now_and_then() -> None:
    rng = random.Random(5)
    dealt = decks(rng, TWO)
    assert settled(TWO, (rng.choice(TWO) if rng.random() < 0.1 else card for card in dealt))[0] == ""


def test_where_the_order_means_nothing_only_the_missing_candidate_counts() -> None:
    assert settled(THREE, itertools.cycle("abc"), ordered=False)[0] == ""
    assert "c never drawn" in settled(THREE, itertools.cycle("ab"), ordered=False)[0]


def test_the_chance_of_a_false_pass_is_nothing_once_every_candidate_came() -> None:
    draws = Draws(TWO)
    draws.add("a")
    assert draws.chance_of_false_pass() == 1.0
    draws.add("b")
    assert draws.chance_of_false_pass() == 0.0
