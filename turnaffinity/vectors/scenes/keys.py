"""Where do affinity and the open turn live? Scenes for TA-KEY-1 to TA-KEY-3."""

from __future__ import annotations

from turnaffinity.vectors.scene import (
    CROWD,
    NAMES,
    TIMES,
    A,
    B,
    Scene,
    opens,
    records,
    room,
    select,
    solo,
    world,
)  # fmt: skip

REUSE = {"D1": "reuse"}
LEGACY = ("HSET", NAMES.turn_key(A), "timeout_node_id", "n2", "max_duration_node_id", "n3")

SCENES = (
    Scene(
        "TA-KEY-1", "max duration writes affinity at the turn key and nowhere else",
        world({"zh:en": "n1"}), (solo("max_duration"),),
    ),
    Scene(
        "TA-KEY-1", "a selection reads affinity at the turn key",
        world({"zh:en": CROWD}, recorded={A: "n5"}), (select(turn=A),) * TIMES,
    ),
    Scene(
        "TA-KEY-1", "a node named in the session hash is no affinity",
        world(
            {f"zh:{lang}": CROWD for lang in ("en", "ja", "ko", "de")}, open={"s1": A}, recorded={A: "n5"},
            foreign={"s1": {"affinity_node_id": "n2", "node_id": "n3"}},
        ),
        (room("max_duration", "en", "ja", "ko", "de"),) * 2, only=REUSE,
    ),
    Scene(
        "TA-KEY-1", "a session key that has the turn's name holds no affinity",
        world({"zh:en": CROWD}, recorded={A: "n5"}), (select(turn=A),) * TIMES,
        also=(("HSET", NAMES.session_key(A), "affinity_node_id", "n2"),),
    ),
    Scene(
        "TA-KEY-1", "manual deletes affinity at the turn key",
        world({"zh:en": "n1"}, open={"s1": A}, recorded={A: "n1"}), (solo("manual"),),
    ),
    Scene(
        "TA-KEY-2", "the next max duration takes the open turn that another process wrote",
        world({"zh:en": "n1", "zh:ja": "n2"}, open={"s1": A}, recorded={A: "n1", B: "n2"}),
        (solo("max_duration"), opens("s1", B), solo("max_duration", "ja")), only=REUSE,
    ),
    Scene(
        "TA-KEY-2", "a close closes the open turn that another process wrote",
        world({"zh:en": "n1"}, open={"s1": A}, recorded={A: "n1", B: "n2"}, online="n2"),
        (solo("max_duration"), opens("s1", B), solo("manual")), only=REUSE,
    ),
    Scene(
        "TA-KEY-2", "an open turn that another process deleted is open no more",
        world({"zh:en": "n1"}), (solo("max_duration"), opens("s1", None), solo("max_duration")), tells_apart=True,
    ),
    Scene(
        "TA-KEY-2", "an empty current turn id names no turn",
        world({"zh:en": "n1"}, open={"s1": ""}), (solo("max_duration"),),
    ),
    Scene(
        "TA-KEY-2", "the session hash alone says which turn is open",
        world({"zh:en": "n1", "zh:ja": "n2"}, open={"s1": A}, recorded={A: "n1", B: "n2"}, online="n2"),
        (solo("max_duration"), solo("manual")), only=REUSE,
        also=(("SET", "scheduler:session:s1:current_turn_id", B), ("SET", "scheduler:session:s1:turn", B)),
    ),
    Scene(
        "TA-KEY-3", "left over legacy fields of the turn do not route",
        world({"zh:en": CROWD}, recorded={A: "n5"}), (select(turn=A),) * TIMES, also=(LEGACY,),
    ),
    Scene(
        "TA-KEY-3", "left over legacy fields are no substitute for affinity",
        world({"zh:en": "n1", "zh:ja": "n2 n3"}), (select(turn=A),) * 2, also=(LEGACY,),
    ),
    Scene(
        "TA-KEY-3", "max duration writes no legacy field",
        world({"zh:en": "n1"}, foreign={"s1": {"user": "u1"}}), (solo("max_duration"),) * 2, only=REUSE,
    ),
    Scene(
        "TA-KEY-3", "timeout writes no legacy field",
        world({"zh:en": "n1"}, foreign={"s1": {"user": "u1"}}), (solo("timeout"),),
    ),
    Scene(
        "TA-KEY-3", "an affinity written by another process decides and no legacy field beside it",
        world({"zh:en": CROWD}, recorded={A: "n5"}), (records(A, "n6"), *(select(turn=A),) * TIMES), also=(LEGACY,),
    ),
)  # fmt: skip
