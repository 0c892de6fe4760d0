"""Which names does the script's text use? (note, section 5)"""

from turnaffinity.contract.layout import LEGACY_FIELDS
from turnaffinity.judging.cases import case
from turnaffinity.judging.lua_text import code_of
from turnaffinity.stage.stage import Stage
from turnaffinity.wire.effects import Looks
from turnaffinity.wire.meaning import reads_fields


@case("TA-LUA-1", "L")
def test_the_code_names_the_turn_key_and_its_field(stage: Stage) -> None:
    code = code_of(stage.script)
    wanted = (stage.layout.prefixes["turn"], stage.layout.affinity_field)
    absent = [name for name in wanted if name not in code]
    nodes, turn = stage.nodes(2), stage.turn()
    stage.serve(nodes)
    stage.record(turn, nodes[0])
    step = stage.select(turn=turn)
    if step.commands is None and not absent:
        return
    inner = [command for command in step.wire if command.inside_script]
    read = [key for command in inner for key, _ in reads_fields(command) if not stage.of_the_surroundings(key)]
    on_the_wire = {part for command in inner for part in command.argv}
    if Looks(stage.layout).affinity_reads(inner):  # HGETALL reads the field without naming it
        on_the_wire.add(stage.layout.affinity_field)
    unseen = [name for name in wanted if not any(name in part for part in on_the_wire)]
    # a name that stands in the text while another one is read is a dead string
    missing = [name for name in wanted if name in unseen and (name in absent or read)]
    expected = f"`{'` and `'.join(wanted)}` in the script's code"
    stage.claim(not missing, expected, f"`{'` and `'.join(missing)}` neither in live code nor on the wire", step.seen)
    if absent:
        stage.warn(f"the script's code does not spell out {', '.join(absent)}, though the wire shows it")


@case("TA-LUA-1", "L")
def test_the_code_names_no_legacy_field(stage: Stage) -> None:
    named = [name for name in LEGACY_FIELDS if name in code_of(stage.script)]
    nodes, gone, other = stage.nodes(2), stage.nodes(1), stage.nodes(1)
    stage.serve(nodes)
    stage.serve(other, stage.langs[1])
    looks = Looks(stage.layout)
    for node in (nodes[0], gone[0], other[0], None):
        turn = stage.turn()
        if node:
            stage.record(turn, node)
        for asked in (turn, None):
            step = stage.select(turn=asked, job=stage.job())
            stage.claim_none(
                looks.legacy(step.wire, selecting=True), "no legacy field, in the code or on the wire", step
            )
    if named:
        stage.warn(f"the script's code names {', '.join(named)}, though the wire never shows it")
