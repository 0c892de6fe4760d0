"""When does a turn begin, and when is its id used? Scenes for TA-TURN-1 to TA-TURN-6."""

from __future__ import annotations

from turnaffinity.vectors.scene import (
    CROWD,
    A,
    Scene,
    When,
    goes_offline,
    lone,
    opens,
    records,
    room,
    solo,
    world,
)  # fmt: skip

REUSE = {"D1": "reuse"}
AFTER = {"D2": "after"}
LANGS = ("en", "ja", "ko", "de", "fr", "es", "it", "pt")
EVERYBODY = {f"zh:{lang}": CROWD for lang in LANGS}
EACH_ITS_OWN = {"zh:en": "n1", "zh:ja": "n2", "zh:ko": "n3"}
OPEN = world(EVERYBODY, open={"s1": A}, recorded={A: "n5"})
CLOSED_WORLD = world({"zh:en": "n1"}, open={"s1": A}, recorded={A: "n1"}, foreign={"s1": {"user": "u1"}})


def _again_and_again(reason: str, make: object) -> tuple[When, ...]:
    """Eight closing finalizes, the turn being opened anew before each."""
    assert callable(make)
    return tuple(step for _ in range(8) for step in (opens("s1", A), records(A, "n5"), make(reason)))


SCENES = (
    Scene(
        "TA-TURN-1", "a room's batch shares the id that is written",
        world(EACH_ITS_OWN), (room("max_duration", "en", "ja", "ko"),),
    ),
    Scene(
        "TA-TURN-1", "a solo batch answers with the id that is written",
        world(EACH_ITS_OWN), (solo("max_duration"),),
    ),
    Scene(
        "TA-TURN-1", "a close without an open turn has an id too",
        world(EACH_ITS_OWN), (solo("manual"),),
    ),
    Scene(
        "TA-TURN-1", "two sessions get two ids",
        world(EACH_ITS_OWN), (solo("max_duration"), solo("max_duration", session="s2")), tells_apart=True,
    ),
    Scene(
        "TA-TURN-2", "the open turn reaches the selection of a solo session", OPEN,
        tuple(solo("max_duration", lang) for lang in LANGS), only=REUSE,
    ),
    Scene(
        "TA-TURN-2", "the open turn reaches the selection of a room without others", OPEN,
        tuple(lone("max_duration", lang) for lang in LANGS), only=REUSE,
    ),
    Scene(
        "TA-TURN-2", "the open turn reaches the selection of every language group", OPEN,
        (room("max_duration", *LANGS),), only=REUSE,
    ),
    Scene(
        "TA-TURN-2", "the turn being closed reaches the selection of a solo session", OPEN,
        _again_and_again("manual", solo), only=AFTER,
    ),
    Scene(
        "TA-TURN-2", "the turn being closed reaches the selection of a room without others", OPEN,
        _again_and_again("timeout", lone), only=AFTER,
    ),
    Scene(
        "TA-TURN-2", "the turn being closed reaches the selection of every language group", OPEN,
        (room("timeout", *LANGS),), only=AFTER,
    ),
    *(
        Scene(
            "TA-TURN-3", f"after a {reason} the next max duration has another id",
            world(EACH_ITS_OWN), (solo("max_duration"), solo(reason), solo("max_duration")), tells_apart=True,
        )
        for reason in ("manual", "timeout")
    ),
    Scene(
        "TA-TURN-3", "two closes have two ids",
        world(EACH_ITS_OWN), (solo("manual"), solo("timeout")), tells_apart=True,
    ),
    Scene(
        "TA-TURN-3", "a room's close ends the id for the solo session that follows",
        world(EACH_ITS_OWN), (room("max_duration", "en", "ja"), room("manual", "en", "ja"), solo("max_duration")),
        tells_apart=True,
    ),
    Scene(
        "TA-TURN-4", "max duration finds an open turn", world(EACH_ITS_OWN),
        (solo("max_duration"), solo("max_duration")),
    ),
    Scene(
        "TA-TURN-4", "max duration in a room finds an open turn", world(EACH_ITS_OWN),
        (room("max_duration", "en", "ja"), room("max_duration", "en", "ja")),
    ),
    Scene(
        "TA-TURN-4", "max duration in a room without others finds an open turn", world(EACH_ITS_OWN),
        (lone("max_duration"), lone("max_duration")),
    ),
    Scene(
        "TA-TURN-4", "the second id is another one", world(EACH_ITS_OWN),
        (solo("max_duration"), solo("max_duration")), only={"D1": "mint"}, tells_apart=True,
    ),
    Scene(
        "TA-TURN-4", "a turn whose key is gone is open still",
        world(EACH_ITS_OWN, open={"s1": A}), (solo("max_duration"),), only=REUSE,
    ),
    *(
        Scene("TA-TURN-5", f"{claim} is refused and changes nothing", CLOSED_WORLD, steps)
        for claim, steps in (
            ("an unknown reason", (solo("stop"), room("stop", "en"), lone("stop"))),
            ("an empty reason", (solo(""),)),
            ("a reason with a blank", (solo("manual "), solo(" max_duration"))),
            ("max duration written with a dash", (solo("max-duration"),)),
            ("an empty session id", (solo("manual", session=""), solo("max_duration", session=""))),
            ("an empty target language", (solo("manual", ""), lone("max_duration", ""))),
            ("an empty source language", (solo("max_duration", src=""), solo("manual", src=""))),
            ("a language with a colon", (solo("max_duration", "en:ja"), solo("manual", src="zh:en"))),
            ("a room with an empty language", (room("max_duration", "en", ""), room("manual", "", "en"))),
        )
    ),
    Scene(
        "TA-TURN-6", "a language named twice gets one job",
        world(EACH_ITS_OWN), (room("max_duration", "ja", "en", "ja", "ko", "en"),),
    ),
    Scene(
        "TA-TURN-6", "the jobs of a close come in the order given",
        world(EACH_ITS_OWN), (room("manual", "ko", "ja", "en", "ko"),),
    ),
    Scene(
        "TA-TURN-6", "a room without others gets one job",
        world(EACH_ITS_OWN), (lone("max_duration", "ja"), lone("manual", "ja")), only=REUSE,
    ),
    Scene(
        "TA-TURN-6", "a job that got no node stays in the answer",
        world(EACH_ITS_OWN), (room("max_duration", "fr", "en", "de"), room("timeout", "en", "fr")), only=REUSE,
    ),
    Scene(
        "TA-TURN-6", "the speaker's own target is ignored in a room",
        world(EACH_ITS_OWN), (room("max_duration", "ja", "ko", tgt="en"),),
    ),
    Scene(
        "TA-TURN-6", "the source language is a target like any other",
        world({"zh:en": "n1", "zh:zh": "n2"}), (room("max_duration", "zh", "en"),),
    ),
    Scene(
        "TA-TURN-6", "a job whose only node went offline stays in the answer",
        world(EACH_ITS_OWN), (goes_offline("n2"), room("max_duration", "en", "ja", "ko")),
    ),
)  # fmt: skip
