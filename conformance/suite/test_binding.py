"""Is the job bound to its node? Job-level binding, which is not turn affinity."""

import pytest

from turnaffinity.judging.cases import case
from turnaffinity.judging.claims import claim_chosen, claim_none_bound, selected_from_nobody
from turnaffinity.stage.business import bindings, is_binding
from turnaffinity.stage.drawing import claim_random, selects
from turnaffinity.stage.evidence import in_words
from turnaffinity.stage.nodes import NODE_HASHES, says_of_itself
from turnaffinity.stage.stage import Stage
from turnaffinity.stage.state import NO_TTL
from turnaffinity.wire.meaning import keys_of

# TA-BIND-1


@case("TA-BIND-1")
def test_a_closing_finalize_binds_no_job(stage: Stage, site: str, reason: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes, *stage.targets(site))
    stage.record(stage.turn(), nodes[0], session)
    for name in (session, stage.session()):
        step = stage.finalize(name, reason, site)
        claim_none_bound(stage, step)
        sets = [c for c in step.seen if c.name == "SET" and any(is_binding(stage.layout, key) for key in keys_of(c))]
        stage.claim_none(sets, f"no job bound by {reason}, not even for a moment", step)


@case("TA-BIND-1")
def test_a_max_duration_finalize_binds_each_job_that_was_routed_at_random(stage: Stage, site: str) -> None:
    nodes = stage.nodes(2)
    stage.serve(nodes, *stage.targets(site))
    step = stage.finalize(stage.session(), "max_duration", site)
    state = stage.snapshot()
    jobs = step.finalized.jobs if stage.reading.d3 == "after-batch" else step.finalized.jobs[:1]
    for job in jobs:
        found = state.keys.get(stage.layout.job_key(job.job_id))
        observed = found.text() if found else "no binding"
        holds = found is not None and found.value == job.node_id
        stage.claim(holds, f"job {job.job_id} bound to {in_words(job.node_id)}", observed, step.seen)
        assert found is not None
        wanted_s, left_s = stage.layout.job_ttl_s, (found.expires_at_ms - now_ms(stage)) / 1000
        if found.expires_at_ms == NO_TTL:
            stage.warn(f"a job binding has no TTL, and stays for ever; as a rule it lives {wanted_s} s")
        elif not wanted_s * 0.9 <= left_s <= wanted_s * 1.1:
            stage.warn(f"a job binding lives {left_s:.0f} s; as a rule {wanted_s} s")


def now_ms(stage: Stage) -> int:
    seconds, micros = stage.look("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


@case("TA-BIND-1")
def test_a_later_max_duration_finalize_binds_the_jobs_that_were_routed_at_random(stage: Stage) -> None:
    a, b, *_ = stage.langs
    first, second, session = stage.nodes(1), stage.nodes(2), stage.session()
    stage.serve(first, a)
    stage.serve(second, b)
    stage.record(stage.turn(), first[0], session)
    step = stage.finalize(session, "max_duration", [a, b])
    job = step.finalized.jobs[1]
    bound = stage.look("GET", stage.layout.job_key(job.job_id))
    stage.claim(
        bound == job.node_id, f"the job for {b} bound to {in_words(job.node_id)}", bound or "no binding", step.seen
    )


@case("TA-BIND-1")
def test_job_bindings_do_not_reach_other_jobs(stage: Stage) -> None:
    nodes = stage.nodes(2)
    stage.serve(nodes)
    step = stage.finalize(stage.session(), "max_duration")
    wanted = {stage.layout.job_key(job.job_id) for job in step.finalized.jobs}
    found = set(bindings(stage.layout, stage.snapshot()))
    stage.claim(
        found <= wanted, "bindings for the jobs of this batch alone", ", ".join(sorted(found - wanted)), step.seen
    )


# TA-BIND-2


@case("TA-BIND-2", "L")
def test_a_bound_job_keeps_its_node(stage: Stage) -> None:
    nodes, job = stage.nodes(3), stage.job()
    stage.serve(nodes)
    for node in nodes:
        stage.do("SET", stage.layout.job_key(job), node, "EX", stage.layout.job_ttl_s)
        for _ in range(24):
            step = stage.select(job=job)
            stage.claim(step.node == node, f"the node that the job is bound to, {node}", step.told_node, step.seen)


@case("TA-BIND-2", "L")
def test_a_bound_job_keeps_its_node_whatever_its_hash_says(stage: Stage) -> None:
    nodes, job = stage.nodes(100), stage.job()  # chance finds the bound one five times in a row with 1e-10
    stage.serve(nodes)
    for says, hashes in NODE_HASHES.items():
        for number in range(len(hashes)):
            says_of_itself(stage, nodes[:1], says, number)
            stage.do("SET", stage.layout.job_key(job), nodes[0], "EX", stage.layout.job_ttl_s)
            expected = f"the node that the job is bound to, {nodes[0]}, whatever its hash says of {says}"
            for _ in range(5):
                claim_chosen(stage, nodes[0], expected, lambda watch: stage.select(job=job, watch=watch))


@case("TA-BIND-2", "L")
def test_a_binding_is_looked_at_before_the_affinity(stage: Stage) -> None:
    nodes, job, turn = stage.nodes(3), stage.job(), stage.turn()
    stage.serve(nodes)
    stage.record(turn, nodes[0])
    stage.do("SET", stage.layout.job_key(job), nodes[1], "EX", stage.layout.job_ttl_s)
    for _ in range(24):
        step = stage.select(job=job, turn=turn)
        stage.claim(step.node == nodes[1], f"the node that the job is bound to, {nodes[1]}", step.told_node, step.seen)


@case("TA-BIND-2", "L")
@pytest.mark.parametrize("recorded", [False, True])
def test_a_binding_to_a_node_that_is_gone_is_dropped(stage: Stage, recorded: bool) -> None:
    nodes, gone, job, turn = stage.nodes(2), stage.nodes(1), stage.job(), stage.turn()
    stage.serve(nodes)
    key = stage.layout.job_key(job)
    if recorded:
        stage.record(turn, nodes[0])
    allowed = nodes[:1] if recorded else nodes
    for _ in range(24 if recorded else 1):
        stage.do("SET", key, gone[0], "EX", stage.layout.job_ttl_s)
        step = stage.select(job=job, turn=turn)
        stage.claim(step.node in allowed, f"one of {in_words(allowed)}", step.told_node, step.seen)
        bound = stage.look("GET", key)
        expected = "the binding to the node that is gone dropped"
        stage.claim(bound != gone[0], expected, f"still bound to {bound}", step.seen)


@case("TA-BIND-2", "L")
def test_a_binding_to_a_node_that_is_gone_is_dropped_also_where_nobody_else_serves(stage: Stage) -> None:
    gone, job = stage.nodes(1), stage.job()
    key = stage.layout.job_key(job)
    stage.do("SET", key, gone[0], "EX", stage.layout.job_ttl_s)
    step = selected_from_nobody(stage, stage.turn(), job)
    bound, wire = stage.look("GET", key), step.seen if step else ()
    stage.claim(bound != gone[0], "the binding to the node that is gone dropped", f"still bound to {bound}", wire)


@case("TA-BIND-2", "L")
def test_what_was_drawn_for_a_job_stays_with_it(stage: Stage) -> None:
    nodes, turn = stage.nodes(3), stage.turn()
    stage.serve(nodes)
    for _ in range(8):
        job = stage.job()
        first = stage.select(job=job, turn=turn).node
        for _ in range(6):
            step = stage.select(job=job, turn=turn)
            stage.claim(
                step.node == first, f"the node that the job was given first, {first}", step.told_node, step.seen
            )


@case("TA-BIND-2", "L")
def test_a_binding_of_another_job_does_not_matter(stage: Stage) -> None:
    nodes, other = stage.nodes(2), stage.job()
    stage.serve(nodes)
    stage.do("SET", stage.layout.job_key(other), nodes[0], "EX", stage.layout.job_ttl_s)
    claim_random(stage, nodes, selects(stage, job=stage.job))


@case("TA-BIND-2", "L")
def test_no_binding_is_looked_for_without_a_job_id(stage: Stage) -> None:
    nodes = stage.nodes(2)
    stage.serve(nodes)
    stage.do("SET", stage.layout.job_key(""), nodes[0], "EX", stage.layout.job_ttl_s)
    claim_random(stage, nodes, selects(stage))
