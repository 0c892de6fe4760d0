"""Are script calls, transactions and selections told apart on the wire?"""

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.server import open_server
from turnaffinity.stage.observer import Observer
from turnaffinity.wire.command import Command
from turnaffinity.wire.effects import Looks, selections
from turnaffinity.wire.units import units

LAYOUT = KeyLayout()


def sent(*lines: str, client: str = "1") -> list[Command]:
    """Commands of one client; a line that begins with a space ran inside a script."""
    return [Command(tuple(line.split()), "lua" if line.startswith(" ") else client) for line in lines]


def test_a_script_call_is_one_with_what_ran_inside_it() -> None:
    found = units(sent("HGET s f", "EVALSHA sha 0 zh:en", " HGET t f", " EXISTS n", "GET x"))
    assert [(unit.kind, len(unit.commands)) for unit in found] == [("single", 1), ("script", 3), ("single", 1)]
    assert [command.name for command in found[1].inner] == ["HGET", "EXISTS"]


def test_a_transaction_is_one_and_counts_only_once_it_is_executed() -> None:
    executed = units(sent("MULTI", "HSET a f v", "HSET b f v", "EXEC"))
    assert [unit.kind for unit in executed] == ["multi"]
    assert len(executed[0].inner) == 2
    assert units(sent("MULTI", "DISCARD")) == ()


def test_transactions_of_two_clients_do_not_mix() -> None:
    wire = sent("MULTI") + sent("GET x", client="2") + sent("HSET a f v", "EXEC")
    assert sorted(unit.kind for unit in units(wire)) == ["multi", "single"]


def test_a_script_inside_a_transaction_belongs_to_it() -> None:
    found = units(sent("MULTI", "EVALSHA sha 0 x", " HSET a f v", "HSET b f v", "EXEC"))
    assert [(unit.kind, len(unit.inner)) for unit in found] == [("multi", 3)]


def test_a_selection_is_known_by_the_pair_it_is_given_or_the_pool_it_asks() -> None:
    wire = sent(
        "EVALSHA sha 0 zh:en j t", "EVALSHA sha 0 other", " SMEMBERS lingua:v1:pool:zh:ja:0:nodes", "EVAL s 0 s1"
    )
    found = selections(wire, LAYOUT, ["zh:en", "zh:ja"])
    assert [(selection.pair, selection.turn_argument) for selection in found] == [("zh:en", "t"), ("zh:ja", None)]


def test_looking_elsewhere_is_any_session_room_or_other_turn_but_the_own() -> None:
    looks = Looks(LAYOUT)
    fine = sent(
        "HGET scheduler:turn:t1 affinity_node_id", "EXISTS lingua:v1:node:n", "SSCAN lingua:v1:pool:a:b:0:nodes 0"
    )
    wrong = sent("HGET scheduler:turn:t2 x", "HGETALL scheduler:session:s", "GET scheduler:room:r", "KEYS *", "scan 0")
    assert looks.looking_elsewhere(fine, "t1") == []
    assert looks.looking_elsewhere(wrong, "t1") == wrong


def test_a_legacy_field_may_be_deleted_but_not_read_or_written() -> None:
    looks = Looks(LAYOUT)
    fine = sent("HDEL scheduler:turn:t timeout_node_id", "HGETALL scheduler:session:s", "DEL scheduler:turn:t")
    wrong = sent("HGET k timeout_node_id", "HMGET k a max_duration_node_id", "HSET k max_duration_node_id n")
    assert looks.legacy(fine) == []
    assert looks.legacy(wrong) == wrong


def test_the_observer_sees_what_others_send_between_its_marks_and_nothing_else() -> None:
    with open_server("embedded") as server:
        observer, client = Observer(server), server.client()
        client.set("before", "1")
        observer.begin()
        client.hset("a", "f", "two words")
        client.eval("return redis.call('HGET', 'a', 'f')", 0)
        seen = observer.end()
        client.set("after", "1")
        observer.disturb()
        observer.begin()
        assert observer.end() == ()
        client.set("late", "1")  # nobody else acted: what came after the step belongs to the next one
        observer.begin()
        assert [command.argv for command in observer.end()] == [("SET", "late", "1")]
    assert [c.name for c in seen] == [
        "HSET",
        "EVAL",
        "HGET",
    ]
    assert seen[0].argv == ("HSET", "a", "f", "two words")
    assert [command.inside_script for command in seen] == [False, False, True]


def test_the_observer_copes_with_more_than_one_buffer_of_commands() -> None:
    with open_server("embedded") as server:
        observer, client = Observer(server), server.client()
        observer.begin()
        pipe = client.pipeline(transaction=False)
        for number in range(20_000):
            pipe.set(f"key-{number}", "x" * 60)
        pipe.execute()
        seen = observer.end()
    assert [command.argv[1] for command in seen] == [f"key-{number}" for number in range(20_000)]
