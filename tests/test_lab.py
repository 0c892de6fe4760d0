"""Does `turnaffinity lab` copy without overwriting, print its address once, and leave nothing behind?"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytest.importorskip("jupyterlab")

from turnaffinity.notebook.lab import copy_notebooks
from turnaffinity.problem import Problem

NOTEBOOKS = sorted(path.name for path in (Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def test_a_second_copy_keeps_what_the_reader_changed(tmp_path):
    assert copy_notebooks(tmp_path / "mine") == (len(NOTEBOOKS), 0)
    edited = tmp_path / "mine" / NOTEBOOKS[0]
    edited.write_text("my own", encoding="utf-8")
    (tmp_path / "mine" / NOTEBOOKS[-1]).unlink(missing_ok=True) if len(NOTEBOOKS) > 1 else None
    copied, kept = copy_notebooks(tmp_path / "mine")
    assert edited.read_text(encoding="utf-8") == "my own"
    assert copied + kept == len(NOTEBOOKS) and copied == (len(NOTEBOOKS) > 1)


def test_a_folder_that_cannot_be_made_is_told_with_its_name(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(Problem, match="file"):
        copy_notebooks(tmp_path / "file" / "below")


@pytest.mark.long
def test_ctrl_c_ends_jupyterlab_and_everything_that_it_started(tmp_path):
    command = [sys.executable, "-m", "turnaffinity.cli.main", "lab", "--folder", str(tmp_path / "lab")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "HOME": str(tmp_path)}
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "".join([*lines, rest]).count("token=") == 1
    assert children
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


def test_a_server_that_cannot_be_reached_is_told_before_anything_starts(tmp_path):
    command = [sys.executable, "-m", "turnaffinity.cli.main", "lab", "--folder", str(tmp_path), "--url"]
    done = subprocess.run([*command, "redis://127.0.0.1:1"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr
