#!/usr/bin/env python3
"""TA-CLEAR-1: a turn whose key is gone is taken for closed: its name stays in the session."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "right" / "whole"))
from declared_keys import CLEAR, DeclaredKeys
from stranger_lib import serve


class Half(DeclaredKeys):
    name = "declared-half"
    clear_text = "if redis.call('EXISTS', KEYS[1]) == 0 then return 1 end" + CLEAR


serve(Half)
