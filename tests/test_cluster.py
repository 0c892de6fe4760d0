"""What does the contract do on a real cluster: where does it break, with which words, and what is the way out?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.crc import key_slot
from redis.exceptions import ClusterCrossSlotError, MovedError
from typer.testing import CliRunner

from turnaffinity.cli.main import app
from turnaffinity.cli.verifying import cluster_layout
from turnaffinity.contract.layout import KeyLayout, load_layout
from turnaffinity.problem import CannotRun
from turnaffinity.server.cluster import SLOTS, Cluster, direct
from turnaffinity.server.clustered import slot_of
from turnaffinity.server.process import Process
from turnaffinity.server.started import embedded_binary
from turnaffinity.specification.actor_finalize import Scheduler, do_finalize
from turnaffinity.specification.scripts import load_script

DEFAULT, TAGGED = KeyLayout(), load_layout(cluster_layout())
NON_LOCAL = "Attempted to access a non local key in a cluster node"
SELECT, WRITE, CLEAR = ["zh:en", "", "t1"], ["s1", "t1", "n1", "overwrite"], ["s1"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(embedded_binary(), replicas=1) as started:
        yield started


def scheduler(process: Process, node: str = "n1") -> Scheduler:
    """A scheduler at work on one member, under the layout of one slot, with one node online."""
    client: Any = direct(process)
    client.hset(TAGGED.node_key(node), "status", "online")
    client.hset(TAGGED.node_pools_key(node), "zh:en", "0")
    client.sadd(TAGGED.pool_key("zh:en", 0), node)
    return Scheduler(client, layout=TAGGED)


def test_a_turn_and_its_session_lie_in_two_slots_unless_they_share_a_tag(cluster: Cluster) -> None:
    turn, session = DEFAULT.turn_key("t1"), DEFAULT.session_key("s1")
    told: Any = direct(cluster.masters[0])
    assert told.execute_command("CLUSTER", "KEYSLOT", turn) != told.execute_command("CLUSTER", "KEYSLOT", session)
    assert slot_of(TAGGED) == told.execute_command("CLUSTER", "KEYSLOT", TAGGED.session_key("s1"))
    with pytest.raises(CannotRun, match="several slots"):
        slot_of(DEFAULT)


@pytest.mark.parametrize(("script", "arguments"), [("select_node", SELECT), ("write_affinity", WRITE)])
def test_a_script_that_needs_two_slots_is_refused_with_these_words(
    cluster: Cluster, script: Any, arguments: list[str]
) -> None:
    for master in cluster.masters:
        with pytest.raises(redis.ResponseError, match=NON_LOCAL):
            direct(master).eval(load_script(script), 0, *arguments)


def test_a_transaction_over_two_slots_is_refused_with_these_words(cluster: Cluster) -> None:
    owner: Any = direct(cluster.owner(DEFAULT.turn_key("t1")))
    with pytest.raises(ClusterCrossSlotError, match="don't hash to the same slot"):
        owner.execute_command("DEL", DEFAULT.turn_key("t1"), DEFAULT.session_key("s1"))
    with pytest.raises(MovedError):
        elsewhere = next(m for m in cluster.masters if m is not cluster.owner(DEFAULT.turn_key("t1")))
        direct(elsewhere).hset(DEFAULT.turn_key("t1"), "affinity_node_id", "n1")


def test_with_one_tag_the_same_scripts_run_and_clients_that_follow_moved_find_them(cluster: Cluster) -> None:
    client = cluster.client()
    key = TAGGED.turn_key("t1")
    scheduler(cluster.owner(key))
    assert client.eval(load_script("write_affinity", TAGGED), 1, key, *WRITE) == "n1"  # the key routes the call
    assert client.eval(load_script("select_node", TAGGED), 1, key, *SELECT) == "n1"
    client.eval(load_script("clear_affinity", TAGGED), 1, key, *CLEAR)
    assert not client.exists(key)
    client.close()


def test_an_open_turn_outlives_the_move_of_its_slot_to_another_master(cluster: Cluster) -> None:
    slot, key = slot_of(TAGGED), TAGGED.turn_key("any")
    source = cluster.owner(key)
    target = next(master for master in cluster.masters if master is not source)
    opened = do_finalize(scheduler(source), "moved", "max_duration", "zh", "en")
    move(slot, source, target, cluster)
    try:
        with pytest.raises(MovedError):
            do_finalize(Scheduler(direct(source), layout=TAGGED), "moved", "max_duration", "zh", "en")
        there = Scheduler(direct(target), layout=TAGGED)
        again = do_finalize(there, "moved", "max_duration", "zh", "en")
        assert (again.turn_id, again.first_node_id) == (opened.turn_id, "n1")
        do_finalize(there, "moved", "manual", "zh", "en")
        assert not direct(target).exists(TAGGED.turn_key(opened.turn_id))
    finally:
        move(slot, target, source, cluster)


def move(slot: int, source: Process, target: Process, cluster: Cluster) -> None:
    """Move one slot with all its keys, as `redis-cli --cluster reshard` does."""
    here, there = direct(source), direct(target)
    here_id, there_id = (one.execute_command("CLUSTER", "MYID") for one in (here, there))
    there.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", here_id)
    here.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", there_id)
    while keys := here.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
        here.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
    for one in (there, here):
        one.execute_command("CLUSTER", "SETSLOT", slot, "NODE", there_id)
    cluster.await_ok()


@pytest.mark.long
def test_a_replica_reads_stale_and_after_a_takeover_the_next_finalize_repairs() -> None:
    with Cluster(embedded_binary(), replicas=1) as cluster:
        key = TAGGED.turn_key("any")
        master = cluster.owner(key)
        replica = cluster.processes[len(cluster.masters) + cluster.masters.index(master)]
        made = scheduler(master)
        made.client.wait(1, 5000)
        cut_off(made.client, replica, cluster)
        opened = do_finalize(made, "s1", "max_duration", "zh", "en")  # acknowledged, and on the master alone
        reader: Any = direct(replica)
        reader.execute_command("READONLY")
        turn = TAGGED.turn_key(opened.turn_id)
        assert direct_with_password(master).hget(turn, "affinity_node_id") == "n1"
        assert reader.hget(turn, "affinity_node_id") is None  # why an affinity is read from the master
        reader.execute_command("CLUSTER", "FAILOVER", "TAKEOVER")
        cluster.until(lambda: reader.info("replication")["role"] == "master", "the takeover")
        after = Scheduler(reader, layout=TAGGED)
        again = do_finalize(after, "s1", "max_duration", "zh", "en")
        assert again.turn_id != opened.turn_id  # what was acknowledged is lost: the job is drawn afresh
        assert reader.hget(TAGGED.turn_key(again.turn_id), "affinity_node_id") == "n1"  # and the turn is whole again
        do_finalize(after, "s1", "timeout", "zh", "en")
        assert not reader.keys(TAGGED.turn_key("*"))


PASSWORD = "cut"


def cut_off(master: Any, replica: Process, cluster: Cluster) -> None:
    """Cut a replica's link for good: it does not know the password that its master asks for from now on."""
    master.config_set("requirepass", PASSWORD)
    master.execute_command("CLIENT", "KILL", "TYPE", "replica")
    cluster.until(lambda: direct(replica).info("replication")["master_link_status"] == "down", "the cut")


def direct_with_password(process: Process) -> Any:
    return redis.Redis(port=process.port, decode_responses=True, password=PASSWORD)


def test_the_masters_share_all_slots_between_them(cluster: Cluster) -> None:
    for slot_key in ("a", "b", "{x}y", "foo", "scheduler:turn:t1"):
        kept = direct(cluster.owner(slot_key))
        kept.set(slot_key, "1")  # MOVED, were it another's
        assert kept.get(slot_key) == "1"
        assert 0 <= key_slot(slot_key.encode()) < SLOTS


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(["TA-WRITE-[16]", "TA-CLEAR-[17]"], marks=pytest.mark.long),
        pytest.param([], marks=pytest.mark.soak),
    ],
)
def test_the_reference_is_judged_on_a_cluster_by_the_same_suite(tmp_path: Path, rules: list[str]) -> None:
    out = tmp_path / "r.json"
    words = [word for rule in rules for word in ("--rule", rule)]
    run = CliRunner().invoke(app, ["verify", "--server", "cluster", "--json", str(out), *words])
    report = json.loads(out.read_text())
    assert report["verdict"] == ("incomplete" if rules else "conforms"), run.stdout
    assert {rule["status"] for rule in report["rules"]} == {"pass"}
    assert "cluster of 3 masters" in report["server"]


def test_a_layout_of_many_slots_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "layout.toml"
    path.write_text("job_ttl_s = 3600\n")
    run = CliRunner().invoke(app, ["verify", "--server", "cluster", "--layout", str(path)])
    assert isinstance(run.exception, CannotRun) or run.exit_code == 3
