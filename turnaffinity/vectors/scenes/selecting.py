"""Which node may a selection return? Scenes for TA-SEL-1 to TA-SEL-11."""

from __future__ import annotations

from turnaffinity.vectors.scene import (
    CROWD,
    NAMES,
    TIMES,
    A,
    B,
    Scene,
    comes_online,
    goes_offline,
    lone,
    room,
    select,
    solo,
    world,
)  # fmt: skip

REUSE = {"D1": "reuse"}
LANGS = ("en", "ja", "ko", "de")
EVERYBODY = {f"zh:{lang}": CROWD for lang in LANGS}
ALL_BUT_THREE = "n4 n5 n6 n7 n8"
"""With three of eight left, 64 tries that may meet a gone node again all miss with chance 9e-14."""
BADLY = ("status", "draining", "load", "100", "capacity", "0", "last_heartbeat", "1")
"""What a node that is there may say of itself; online is the key and nothing else."""
JOBS = tuple(f"j{number}" for number in range(1, TIMES + 1))
MANY = " ".join(f"n{number}@{number % 4}" for number in range(4, 305))
"""301 nodes in four pools."""
SPREAD = "n1 n2 n3@1 n4@1 n5@2 n6@2 n7@3 n8@3"

SCENES = (
    Scene(
        "TA-SEL-1", "the recorded node is taken every time",
        world({"zh:en": CROWD}, recorded={A: "n5"}), (select(turn=A),) * TIMES,
    ),
    Scene(
        "TA-SEL-1", "the recorded node is taken in whatever pool it is",
        world({"zh:en": SPREAD}, recorded={A: "n5", B: "n8"}), (select(turn=A), select(turn=B)) * TIMES,
    ),
    Scene(
        "TA-SEL-1", "a job with an id goes to the recorded node",
        world({"zh:en": CROWD}, recorded={A: "n5"}),
        tuple(select(turn=A, job=job) for job in JOBS),
    ),
    Scene(
        "TA-SEL-1", "turn ids that differ in case are two turns",
        world({"zh:en": CROWD}, recorded={A: "n5", A.upper(): "n3"}), (select(turn=A.upper()), select(turn=A)) * TIMES,
    ),
    Scene(
        "TA-SEL-1", "the recorded node is taken whatever its hash says",
        world({"zh:en": CROWD}, recorded={A: "n5"}), (select(turn=A),) * TIMES,
        also=(("HSET", NAMES.node_key("n5"), *BADLY),),
    ),
    Scene(
        "TA-SEL-1", "a job bound to a node that is gone goes to the recorded node",
        world({"zh:en": f"{CROWD} n9"}, gone="n9", recorded={A: "n5"}, bound=dict.fromkeys(JOBS, "n9")),
        tuple(select(turn=A, job=job) for job in JOBS),
    ),
    Scene(
        "TA-SEL-1", "every pair that the recorded node serves gets it",
        world(EVERYBODY, recorded={A: "n5"}), tuple(select(lang, A) for lang in LANGS) * 2,
    ),
    Scene(
        "TA-SEL-1", "every language group goes to the recorded node",
        world(EVERYBODY, open={"s1": A}, recorded={A: "n5"}), (room("max_duration", *LANGS),) * 2, only=REUSE,
    ),
    *(
        Scene(
            "TA-SEL-2", f"{claim} leaves the online candidates",
            world({"zh:en": CROWD, "zh:ja": "n9"}, gone=ALL_BUT_THREE), (select(turn=turn),) * TIMES, also=also,
        )
        for claim, turn, also in (
            ("no turn id", None, ()),
            ("a turn without a key", A, ()),
            ("a turn key without the field", A, (("HSET", NAMES.turn_key(A), "note", "n9"),)),
            ("an empty affinity", A, (("HSET", NAMES.turn_key(A), NAMES.affinity_field, ""),)),
        )
    ),
    Scene(
        "TA-SEL-2", "a job bound to a node that is gone gets an online candidate",
        world({"zh:en": CROWD}, gone=ALL_BUT_THREE, bound=dict.fromkeys(JOBS, "n5")),
        tuple(select(job=job) for job in JOBS),
    ),
    Scene(
        "TA-SEL-2", "a pool of none but gone nodes hides no candidate",
        world({"zh:en": "n1 n2 n3@1 n4@1"}, gone="n3 n4"), (select(), select(turn=A)) * TIMES,
    ),
    Scene(
        "TA-SEL-2", "a candidate is taken whatever its hash says", world({"zh:en": "n1"}),
        (select(), select(turn=A)), also=(("HSET", NAMES.node_key("n1"), *BADLY),),
    ),
    Scene(
        "TA-SEL-2", "two candidates and no affinity",
        world({"zh:en": "n1 n2@1", "zh:ja": "n3"}), (select(turn=A), select()) * 4,
    ),
    Scene(
        "TA-SEL-2", "a first segment goes to the only online candidate of each language",
        world({"zh:en": "n1", "zh:ja": "n1 n2", "zh:ko": "n3"}, gone="n1"),
        (room("max_duration", "ko", "en", "ja"),),
    ),
    Scene(
        "TA-SEL-3", "recorded node offline picks an online one",
        world({"zh:en": CROWD}, gone=ALL_BUT_THREE, recorded={A: "n5"}), (select(turn=A),) * TIMES,
    ),
    Scene(
        "TA-SEL-3", "a recorded node that goes offline is left and one that comes back is taken",
        world({"zh:en": CROWD}, gone="n4 n6 n7 n8", recorded={A: "n5"}),
        (
            select(turn=A), goes_offline("n5"), select(turn=A), select(turn=A),
            comes_online("n5"), *(select(turn=A),) * TIMES,
        ),
    ),
    Scene(
        "TA-SEL-3", "a room goes on with an online node when the recorded one is gone",
        world({"zh:en": "n1 n2", "zh:ja": "n1 n3"}, gone="n1", open={"s1": A}, recorded={A: "n1"}),
        (room("max_duration", "en", "ja"),),
    ),
    Scene(
        "TA-SEL-4", "recorded node of another pair picks a candidate of this one",
        world({"zh:en": "n1", "zh:ja": "n2"}, recorded={A: "n2"}), (select("en", A), select("ja", A)) * 2,
    ),
    Scene(
        "TA-SEL-4", "recorded node in no pool picks a candidate",
        world({"zh:en": "n1"}, online="n2", recorded={A: "n2"}), (select(turn=A),) * 4,
    ),
    Scene(
        "TA-SEL-4", "recorded node of the opposite direction picks a candidate",
        world({"zh:en": "n1", "en:zh": "n2"}, recorded={A: "n2"}), (select(turn=A),) * 4,
    ),
    Scene(
        "TA-SEL-4", "recorded node of the same pool id in another pair picks a candidate",
        world({"zh:en": "n1 n3@1", "zh:ja": "n4 n2@1"}, gone="n3", recorded={A: "n2"}), (select(turn=A),) * 4,
    ),
    Scene(
        "TA-SEL-4", "in a room each language that the recorded node does not serve gets a candidate",
        world({"zh:en": "n1", "zh:ja": "n2", "zh:ko": "n3"}, open={"s1": A}, recorded={A: "n1"}),
        (room("max_duration", "ko", "ja", "en"),), only=REUSE,
    ),
    Scene(
        "TA-SEL-6", "a selection leaves turn and session as they were",
        world({"zh:en": CROWD}, open={"s1": A}, recorded={A: "n5"}, foreign={"s1": {"user": "u1"}}),
        (select(turn=A), select(turn=B), select()),
        also=(("HSET", NAMES.turn_key(A), "note", "x", "timeout_node_id", "n2"),),
    ),
    Scene(
        "TA-SEL-6", "a selection keeps an affinity that it cannot follow",
        world({"zh:en": "n1", "zh:ja": "n3"}, online="n4", open={"s1": A}, recorded={A: "n2", B: "n3"}),
        (select(turn=A), select(turn=B)) * 2,
    ),
    Scene(
        "TA-SEL-6", "a selection without a candidate changes nothing",
        world({"zh:en": "n1"}, gone="n1", open={"s1": A}, recorded={A: "n1"}), (select(turn=A), select("ja", A)),
    ),
    Scene("TA-SEL-7", "a pair without pools gives no node", world({"zh:en": "n1"}), (select("ja"), select("ja", A))),
    Scene(
        "TA-SEL-7", "a pair that nobody serves gives no node whoever else is at hand",
        world(
            {"en:zh": "n1", "zh:ja": "n2", "ko:en": "n3", "zh:en-GB": "n4", "zh-CN:en": "n5", "zh:zh": "n6"},
            recorded={A: "n1"},
        ),
        (select(), select(turn=A), select(job="j1"), solo("manual")),
    ),
    Scene(
        "TA-SEL-7", "a job bound to a node that is gone gets no node where nobody serves",
        world({"zh:en": "n1", "zh:ja": "n2"}, gone="n1", bound={"j1": "n1", "j2": "n1"}),
        (select(job="j1"), select(turn=A, job="j2")),
    ),
    Scene(
        "TA-SEL-7", "a pool whose nodes are all gone gives no node",
        world({"zh:en": "n1 n2"}, gone="n1 n2", recorded={A: "n1"}), (select(turn=A), select()),
    ),
    Scene(
        "TA-SEL-7", "a recorded node that does not serve the pair is no way out",
        world({"zh:ja": "n2"}, recorded={A: "n2"}), (select("en", A),) * 2,
    ),
    Scene(
        "TA-SEL-7", "a max duration without a node is reported and leaves affinity",
        world({"zh:ja": "n2"}, open={"s1": A}, recorded={A: "n2"}), (solo("max_duration"), lone("max_duration", "ko")),
    ),
    Scene(
        "TA-SEL-7", "a first max duration without a node is reported and writes nothing",
        world({"zh:ja": "n2"}), (solo("max_duration"), room("max_duration", "en", "ko")),
    ),
    *(
        Scene(
            "TA-SEL-7", f"a {reason} without a node is reported and clears",
            world({"zh:ja": "n2"}, open={"s1": A}, recorded={A: "n2"}, foreign={"s1": {"user": "u1"}}), (step,),
        )
        for reason, step in (("manual", solo("manual")), ("timeout", room("timeout", "en", "ko")))
    ),
    Scene(
        "TA-SEL-8", "turns selected in alternation keep their own nodes",
        world({"zh:en": CROWD}, recorded={A: "n3", B: "n6"}), (select(turn=A), select(turn=B)) * TIMES,
    ),
    Scene(
        "TA-SEL-8", "another turn's affinity makes no candidate",
        world({"zh:en": "n1", "zh:ja": "n2"}, recorded={A: "n2"}), (select("ja", A), select("en", B)) * 4,
    ),
    Scene(
        "TA-SEL-8", "a node that other turns recorded is taken all the same",
        world({"zh:en": "n1"}, recorded={A: "n1", B: "n1"}), (select(turn=A), select(turn=B), select()),
    ),
    Scene(
        "TA-SEL-8", "sessions in alternation keep their own nodes",
        world(EVERYBODY, open={"s1": A, "s2": B}, recorded={A: "n3", B: "n6"}),
        (room("max_duration", *LANGS), room("max_duration", *LANGS, session="s2")) * 2, only=REUSE,
    ),
    Scene(
        "TA-SEL-10", "pools after a gap have candidates",
        world({"zh:en": "n1@0 n2@5"}, gone="n1"), (select(),) * 2,
    ),
    Scene(
        "TA-SEL-10", "pools after a gap of forty ids have candidates",
        world({"zh:en": "n1@0 n2@41"}, gone="n1"), (select(),) * 2,
    ),
    Scene(
        "TA-SEL-10", "the first pool may be the one that is missing",
        world({"zh:en": "n2@7"}), (select(), select(turn=A)),
    ),
    Scene(
        "TA-SEL-10", "the recorded node may be behind a gap",
        world({"zh:en": f"{CROWD} n9@12"}, recorded={A: "n9"}), (select(turn=A),) * TIMES,
    ),
    Scene(
        "TA-SEL-11", "three hundred gone nodes hide no candidate",
        world({"zh:en": MANY}, gone=" ".join(f"n{number}" for number in range(5, 305))), (select(), select(turn=A)) * 2,
    ),
)  # fmt: skip
