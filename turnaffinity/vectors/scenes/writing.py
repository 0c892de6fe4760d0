"""What does a max_duration finalize record, and who else may? Scenes for TA-WRITE-1 to TA-WRITE-5."""

from __future__ import annotations

from turnaffinity.vectors.scene import A, Scene, goes_offline, lone, records, room, select, solo, world

REUSE = {"D1": "reuse"}
EACH_ITS_OWN = {"zh:en": "n1", "zh:ja": "n2", "zh:ko": "n3"}
STOLEN = world(EACH_ITS_OWN, open={"s1": A}, recorded={A: "n2"})

SCENES = (
    Scene("TA-WRITE-1", "a solo session records its node and its turn", world(EACH_ITS_OWN), (solo("max_duration"),)),
    Scene("TA-WRITE-1", "a room without others records its node", world(EACH_ITS_OWN), (lone("max_duration", "ja"),)),
    Scene(
        "TA-WRITE-1", "a room records the node of its first job",
        world(EACH_ITS_OWN), (room("max_duration", "ja", "ko", "en"),),
    ),
    Scene(
        "TA-WRITE-1", "a first job without a node leaves the record to the second",
        world(EACH_ITS_OWN), (room("max_duration", "fr", "ko", "en"),),
    ),
    Scene(
        "TA-WRITE-1", "a batch without any node records nothing",
        world(EACH_ITS_OWN), (room("max_duration", "fr", "de"), solo("max_duration", "it")),
    ),
    Scene(
        "TA-WRITE-1", "what was recorded routes the next selection",
        world({"zh:en": "n1", "zh:ja": "n1"}), (solo("max_duration"), select("ja", "${T1}")),
    ),
    Scene(
        "TA-WRITE-1", "an open turn without an affinity gets one",
        world(EACH_ITS_OWN, open={"s1": A}), (room("max_duration", "ko", "en"),), only=REUSE,
    ),
    Scene(
        "TA-WRITE-2", "neither key gets a lifetime",
        world(EACH_ITS_OWN, foreign={"s1": {"user": "u1"}}), (solo("max_duration"),),
    ),
    Scene(
        "TA-WRITE-2", "a room's keys get no lifetime", world(EACH_ITS_OWN), (room("max_duration", "en", "ja"),),
    ),
    Scene(
        "TA-WRITE-2", "writing again gives no lifetime",
        world(EACH_ITS_OWN), (solo("max_duration"), solo("max_duration"), lone("max_duration")), only=REUSE,
    ),
    *(
        Scene(
            "TA-WRITE-3", f"a {reason} without an open turn writes nothing",
            world(EACH_ITS_OWN, foreign={"s1": {"user": "u1"}}), (solo(reason), lone(reason), room(reason, "en", "ja")),
        )
        for reason in ("manual", "timeout")
    ),
    *(
        Scene(
            "TA-WRITE-3", f"a {reason} with an open turn writes no new one",
            world(EACH_ITS_OWN, open={"s1": A}, recorded={A: "n1"}), (step,),
        )
        for reason, step in (("manual", solo("manual")), ("timeout", room("timeout", "ja", "en")))
    ),
    Scene(
        "TA-WRITE-4", "the second job of an open turn's batch",
        world({"zh:en": "n1", "zh:ja": "n1 n2"}, open={"s1": A}, recorded={A: "n2"}),
        (room("max_duration", "en", "ja"),), only=REUSE,
    ),
    Scene(
        "TA-WRITE-4", "the later jobs of a first batch",
        world({"zh:en": "n5", **{f"zh:{lang}": "n1 n5" for lang in ("ja", "ko", "de", "fr")}}),
        (room("max_duration", "en", "ja", "ko", "de", "fr"),), only={"D3": "after-first-job"},
    ),
    Scene(
        "TA-WRITE-5", "the recorded node is online and serves another pair",
        STOLEN, (solo("max_duration"),), only=REUSE,
    ),
    Scene(
        "TA-WRITE-5", "the recorded node is gone",
        world({"zh:en": "n1 n2"}, gone="n2", open={"s1": A}, recorded={A: "n2"}), (solo("max_duration"),), only=REUSE,
    ),
    Scene(
        "TA-WRITE-5", "the recorded node went offline between two segments",
        world({"zh:en": "n1", "zh:ja": "n2"}),
        (solo("max_duration"), goes_offline("n1"), solo("max_duration", "ja")), only=REUSE,
    ),
    Scene(
        "TA-WRITE-5", "another process recorded a node between two segments",
        world(EACH_ITS_OWN, open={"s1": A}),
        (solo("max_duration"), records(A, "n3"), lone("max_duration", "ja")), only=REUSE,
    ),
)  # fmt: skip
