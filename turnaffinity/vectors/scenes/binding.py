"""When is a job bound to its node? Scenes for TA-BIND-1 and TA-BIND-2."""

from __future__ import annotations

from turnaffinity.vectors.scene import A, Scene, goes_offline, lone, room, select, solo, world

EACH_ITS_OWN = {"zh:en": "n1", "zh:ja": "n2", "zh:ko": "n3"}

SCENES = (
    Scene("TA-BIND-1", "a job of max duration is bound", world(EACH_ITS_OWN), (solo("max_duration"),), binds=True),
    Scene(
        "TA-BIND-1", "a job of max duration in a room without others is bound",
        world(EACH_ITS_OWN), (lone("max_duration", "ja"),), binds=True,
    ),
    Scene(
        "TA-BIND-1", "every job of a room's max duration that affinity does not route is bound",
        world(EACH_ITS_OWN), (room("max_duration", "ja", "en", "ko"),), binds=True,
    ),
    *(
        Scene(
            "TA-BIND-1", f"no job of a {reason} is bound",
            world(EACH_ITS_OWN), (solo(reason), lone(reason)), binds=True,
        )
        for reason in ("manual", "timeout")
    ),
    *(
        Scene(
            "TA-BIND-1", f"no job of a room's {reason} is bound, with an open turn",
            world(EACH_ITS_OWN, open={"s1": A}, recorded={A: "n1"}), (room(reason, "en", "ja"),), binds=True,
        )
        for reason in ("manual", "timeout")
    ),
    Scene(
        "TA-BIND-2", "a bound job keeps its node before affinity is looked at",
        world({"zh:en": "n1 n2 n3 n4"}, recorded={A: "n3"}, bound={"j1": "n2"}), (select(turn=A, job="j1"),) * 4,
    ),
    Scene(
        "TA-BIND-2", "a bound job keeps its node without affinity",
        world({"zh:en": "n1 n2 n3 n4 n5 n6 n7 n8"}, bound={"j1": "n6"}), (select(job="j1"),) * 8,
    ),
    Scene(
        "TA-BIND-2", "a binding to a node that is gone gives way to affinity",
        world({"zh:en": "n1 n2 n3 n4"}, gone="n1 n2 n4", recorded={A: "n3"}, bound={"j1": "n2"}),
        (select(turn=A, job="j1"),) * 2,
    ),
    Scene(
        "TA-BIND-2", "a binding to a node that goes offline gives way to a candidate",
        world({"zh:en": "n1 n2"}, bound={"j1": "n2"}), (select(job="j1"), goes_offline("n2"), select(job="j1")),
    ),
    Scene(
        "TA-BIND-2", "another job's binding is nobody else's",
        world({"zh:en": "n1", "zh:ja": "n2"}, bound={"j2": "n2"}), (select(job="j1"), select("ja", job="j2")),
    ),
)  # fmt: skip
