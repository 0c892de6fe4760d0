#!/usr/bin/env python3
"""TA-WRITE-5: the write is an HSET: what was recorded goes.

Reading D1=reuse,D2=after,D3=after-first-job,D4=write-once.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "right" / "whole"))
from script_load import SCRIPTS, ScriptLoad
from stranger_lib import serve


class Overwrites(ScriptLoad):
    name = "script-overwrites"
    scripts = SCRIPTS | {"write": SCRIPTS["write"].replace("HSETNX", "HSET")}


serve(Overwrites)
