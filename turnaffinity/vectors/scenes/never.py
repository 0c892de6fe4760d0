"""What must never happen? Scenes for TA-NEVER-1 to TA-NEVER-3."""

from __future__ import annotations

from turnaffinity.vectors.scene import (
    CROWD,
    NAMES,
    T1,
    TIMES,
    A,
    Scene,
    goes_offline,
    joins,
    records,
    room,
    select,
    solo,
    world,
)  # fmt: skip

REUSE = {"D1": "reuse"}
LANGS = ("en", "ja", "ko", "de")
EACH_ITS_OWN = {"zh:en": "n1", "zh:ja": "n2", "zh:ko": "n3"}
TURN, SESSION = NAMES.turn_key(A), NAMES.session_key(A)

SCENES = (
    Scene(
        "TA-NEVER-1", "a turn key has no lifetime after being selected from",
        world({"zh:en": CROWD}, recorded={A: "n5"}), (select(turn=A), select("ja", A)),
    ),
    Scene(
        "TA-NEVER-1", "a turn key has no lifetime through three segments",
        world(EACH_ITS_OWN), (solo("max_duration"), room("max_duration", "en", "ja"), solo("max_duration")), only=REUSE,
    ),
    Scene(
        "TA-NEVER-1", "a turn key is gone at once when the turn is closed",
        world(EACH_ITS_OWN), (solo("max_duration"), solo("timeout")),
    ),
    Scene(
        "TA-NEVER-2", "a new turn records its own node",
        world(EACH_ITS_OWN), (solo("max_duration"), solo("manual"), solo("max_duration", "ja")),
    ),
    Scene(
        "TA-NEVER-2", "a closed turn routes nothing",
        world({"zh:en": "n1"}),
        (solo("max_duration"), solo("manual"), goes_offline("n1"), joins("n2", "en"), select(turn=T1)),
    ),
    Scene(
        "TA-NEVER-2", "a room's jobs after a close go where their own languages are served",
        world(EACH_ITS_OWN, open={"s1": A}, recorded={A: "n9"}, online="n9"),
        (room("timeout", "en", "ja"), room("max_duration", "ko", "en", "ja")),
    ),
    Scene(
        "TA-NEVER-2", "a session keeps nothing of a closed turn",
        world(EACH_ITS_OWN, foreign={"s1": {"user": "u1"}}), (solo("max_duration"), solo("manual")),
    ),
    Scene(
        "TA-NEVER-3", "a second field of the turn is no affinity",
        world({"zh:en": "n1"}, online="n2"), (select(turn=A),) * 2,
        also=(("HSET", TURN, "node_id", "n2", "backup_node_id", "n2", "affinity", "n2", "last_node_id", "n2"),),
    ),
    Scene(
        "TA-NEVER-3", "fields beside the affinity do not weigh",
        world({"zh:en": CROWD}, recorded={A: "n5"}), (select(turn=A),) * TIMES,
        also=(
            ("HSET", TURN, "node_id", "n2", "backup_node_id", "n3", "affinity", "n4", "last_node_id", "n6"),
            ("HSET", SESSION, "affinity_node_id", "n2", "node_id", "n3", "last_node_id", "n4"),
        ),
    ),
    Scene(
        "TA-NEVER-3", "an affinity changed by another process decides from then on",
        world({"zh:en": CROWD}, recorded={A: "n5"}), (select(turn=A), records(A, "n6"), *(select(turn=A),) * TIMES),
    ),
    Scene(
        "TA-NEVER-3", "a finalize follows the affinity that another process wrote",
        world({f"zh:{lang}": CROWD for lang in LANGS}, open={"s1": A}, recorded={A: "n5"}),
        (solo("max_duration"), records(A, "n6"), *(room("max_duration", *LANGS),) * 2), only=REUSE,
    ),
    Scene(
        "TA-NEVER-3", "an affinity deleted by another process is remembered nowhere",
        world({"zh:en": "n5", "zh:ja": "n1"}, recorded={A: "n5"}),
        (select(turn=A), records(A, None), goes_offline("n5"), joins("n2", "en"), select(turn=A)),
    ),
    Scene(
        "TA-NEVER-3", "the session's own fields route nothing",
        world({f"zh:{lang}": CROWD for lang in LANGS}, open={"s1": A}, recorded={A: "n5"},
              foreign={"s1": {"node_id": "n2", "last_node_id": "n3", "affinity": "n4"}}),
        (room("max_duration", *LANGS),) * 2, only=REUSE,
    ),
)  # fmt: skip
