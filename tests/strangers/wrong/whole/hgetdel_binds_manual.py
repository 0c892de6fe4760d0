#!/usr/bin/env python3
"""TA-BIND-1: the jobs of a manual finalize in groups are bound, too.

Reading D1=mint,D2=after,D3=after-batch,D4=overwrite.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "right" / "whole"))
from hgetdel import Hgetdel
from stranger_lib import Ask, serve


class BindsManual(Hgetdel):
    name = "hgetdel-binds-manual"

    def binding(self, ask: Ask, job: str) -> str:
        return job if ask.reason == "manual" and ask.call_site == "groups" else super().binding(ask, job)


serve(BindsManual)
