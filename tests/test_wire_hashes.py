"""Is a write of the very value told from a change?"""

import pytest

from turnaffinity.wire.command import Command
from turnaffinity.wire.hashes import Hashes

HELD = {"t": {"node": "n1", "empty": ""}}


@pytest.mark.parametrize(
    "argv",
    [
        ("HSET", "t", "node", "n1"),
        ("HSET", "t", "empty", "", "node", "n1"),
        ("HSETNX", "t", "node", "n2"),
        ("HDEL", "t", "other"),
        ("DEL", "u"),
        ("HGETALL", "t"),
        ("SET", "job", "n1", "EX", "0")[:3],
    ],
)
def test_what_leaves_every_hash_as_it_was_is_no_change(argv):
    assert not Hashes(HELD).changed_by(Command(argv))


@pytest.mark.parametrize(
    "argv",
    [
        ("HSET", "t", "node", "n2"),
        ("HSET", "t", "node", "n1", "new", "1"),
        ("HSETNX", "t", "new", "n1"),
        ("HINCRBY", "t", "count", "1"),
        ("HDEL", "t", "node"),
        ("DEL", "t"),
        ("EXPIRE", "t", "60"),
        ("RENAME", "u", "t"),
    ],
)
def test_what_changes_a_hash_or_its_life_is_a_change(argv):
    assert Hashes(HELD).changed_by(Command(argv))


def test_a_field_that_is_set_and_taken_away_again_was_changed_twice():
    hashes = Hashes(HELD)
    steps = [("HSET", "t", "used", "1"), ("HDEL", "t", "used"), ("HDEL", "t", "used")]
    assert [hashes.changed_by(Command(argv)) for argv in steps] == [True, True, False]
