"""What does a closing finalize delete, and what does it leave? Scenes for TA-CLEAR-1 to TA-CLEAR-8."""

from __future__ import annotations

from turnaffinity.vectors.scene import A, B, C, D, Scene, lone, room, select, solo, world

EACH_ITS_OWN = {"zh:en": "n1", "zh:ja": "n2", "zh:ko": "n3"}
OPEN = world(EACH_ITS_OWN, open={"s1": A}, recorded={A: "n1"})
FOREIGN = {"s1": {"user": "u1", "turn_id": "7", "current_turn": "x", "affinity": "no", "empty": ""}}
CLOSING = ("manual", "timeout")

SCENES = (
    *(
        Scene("TA-CLEAR-1", f"a {reason} in a {place} closes the open turn", OPEN, (step,))
        for reason in CLOSING
        for place, step in (
            ("solo session", solo(reason)),
            ("room without others", lone(reason)),
            ("room", room(reason, "en", "ja")),
        )
    ),
    Scene("TA-CLEAR-1", "a turn whose key is gone is closed", world(EACH_ITS_OWN, open={"s1": A}), (solo("manual"),)),
    *(
        Scene(
            "TA-CLEAR-1", f"a {reason} closes what max duration opened",
            world(EACH_ITS_OWN, foreign=FOREIGN), (solo("max_duration"), solo(reason)),
        )
        for reason in CLOSING
    ),
    *(
        Scene(
            "TA-CLEAR-2", f"a {reason} without an open turn leaves every key",
            world(EACH_ITS_OWN, open={"s2": A}, recorded={A: "n1", B: "n2"}, foreign=FOREIGN), (solo(reason),) * 2,
        )
        for reason in CLOSING
    ),
    Scene(
        "TA-CLEAR-2", "a session without a hash gets none",
        world(EACH_ITS_OWN, recorded={A: "n1"}), (solo("manual"), lone("timeout"), room("manual", "en", "ja")),
    ),
    Scene(
        "TA-CLEAR-2", "an empty current turn id is no open turn",
        world(EACH_ITS_OWN, open={"s1": ""}, recorded={A: "n1", "": "n2"}), (solo("timeout"),),
    ),
    Scene(
        "TA-CLEAR-3", "which turn the closing batch belongs to",
        world({f"zh:{lang}": "n1" for lang in ("en", "ja")}), (solo("max_duration"), solo("manual")), tells_apart=True,
    ),
    Scene(
        "TA-CLEAR-3", "which turn a room's closing batch belongs to",
        world(EACH_ITS_OWN), (room("max_duration", "en", "ja"), room("timeout", "en", "ja")), tells_apart=True,
    ),
    Scene(
        "TA-CLEAR-3", "the closing jobs of a room go where the turn was recorded",
        world({f"zh:{lang}": "n1 n2 n3 n4 n5 n6 n7 n8" for lang in ("en", "ja", "ko", "de", "fr", "es")},
              open={"s1": A}, recorded={A: "n5"}),
        (room("manual", "en", "ja", "ko", "de", "fr", "es"),), only={"D2": "after"},
    ),
    *(
        Scene(
            "TA-CLEAR-5", f"other people's fields survive a {reason}",
            world(EACH_ITS_OWN, open={"s1": A}, recorded={A: "n1"}, foreign=FOREIGN), (step,),
        )
        for reason, step in (("manual", solo("manual")), ("timeout", room("timeout", "en", "ja")))
    ),
    Scene(
        "TA-CLEAR-5", "other people's fields survive a max duration",
        world(EACH_ITS_OWN, foreign=FOREIGN), (solo("max_duration"),),
    ),
    Scene(
        "TA-CLEAR-5", "other people's fields survive a whole turn",
        world(EACH_ITS_OWN, foreign=FOREIGN),
        (solo("max_duration"), lone("max_duration"), solo("manual"), solo("timeout")),
        only={"D1": "reuse"},
    ),
    *(
        Scene(
            "TA-CLEAR-6", f"no turn key is left after a {reason}",
            world(EACH_ITS_OWN), (room("max_duration", "en", "ja"), step),
        )
        for reason, step in (("manual", solo("manual")), ("timeout", room("timeout", "en", "ko")))
    ),
    Scene(
        "TA-CLEAR-6", "no turn key is left after two segments and a close",
        world(EACH_ITS_OWN), (solo("max_duration"), solo("max_duration"), solo("manual")),
    ),
    Scene(
        "TA-CLEAR-6", "no turn key comes back when the closed turn is asked for",
        world(EACH_ITS_OWN), (solo("max_duration"), solo("manual"), select("en", "${T1}")),
    ),
    *(
        Scene(
            "TA-CLEAR-8", f"a {reason} leaves other sessions and turns alone",
            world(
                EACH_ITS_OWN, open={"s1": A, "s2": B, "s10": C}, recorded={A: "n1", B: "n1", C: "n2", D: "n1"},
                foreign={"s10": {"user": "u1"}},
            ),
            (solo(reason),),
        )
        for reason in CLOSING
    ),
    Scene(
        "TA-CLEAR-8", "sessions close one after the other",
        world(EACH_ITS_OWN), (solo("max_duration"), solo("max_duration", "ja", session="s2"), solo("manual")),
    ),
    Scene(
        "TA-CLEAR-8", "one turn named by two sessions is closed for one of them",
        world(EACH_ITS_OWN, open={"s1": A, "s2": A}, recorded={A: "n1", B: "n1"}), (solo("manual"),),
    ),
)  # fmt: skip
