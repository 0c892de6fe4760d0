"""How does JupyterLab run beside us, and end with us? One process group on a copy of the notebooks."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from turnaffinity.catalogs import told
from turnaffinity.problem import CannotRun, Problem
from turnaffinity.server import URL_VARIABLE, open_server
from turnaffinity.shared_files import shared

START_S, END_S = 60.0, 10.0
"""How long JupyterLab may take to answer, and to end."""


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that answers; `url` holds its token."""

    url: str
    process: subprocess.Popen[bytes]


def run_lab(url: str | None, folder: Path, *, browser: bool = False, lang: str = "en") -> int:
    """Copy the notebooks of a language, start JupyterLab, and wait for Ctrl-C; returns the exit status.

    Its address is printed once.
    """
    copied, kept = copy_notebooks(folder, lang)
    if url:
        open_server(url).close()  # a server that cannot be used is told here, and not by a cell
    try:
        with started_lab(folder, url) as lab:
            print(told(f"notebooks in {folder}: {copied} copied, {kept} kept as they were", lang))
            print(f"JupyterLab: {lab.url}\nCtrl-C ends it.", flush=True)
            if browser:
                import webbrowser

                webbrowser.open(lab.url)
            status = lab.process.wait()
    except KeyboardInterrupt:
        print("ended")
        return 0
    raise CannotRun("JupyterLab", f"it ended by itself with status {status}", "see what `jupyter lab` says")


def copy_notebooks(folder: Path, lang: str = "en") -> tuple[int, int]:
    """Copy the notebooks that are not in `folder` yet; returns how many were copied, and how many kept."""
    source = shared("notebooks", "zh") if lang == "zh" else shared("notebooks")
    copied = kept = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(source.glob("*.ipynb")):
            if (folder / path.name).exists():
                kept += 1
            else:
                shutil.copyfile(path, folder / path.name)
                copied += 1
    except OSError as error:
        what = error.strerror or "cannot be written"
        raise Problem(str(folder), what, "name a folder that can be written, with --folder DIR") from error
    return copied, kept


@contextmanager
def started_lab(folder: Path, url: str | None = None) -> Iterator[Lab]:
    """A JupyterLab on `folder`, with its kernels told to use the server at `url`; ended on the way out.

    Raises `CannotRun` if JupyterLab is not installed, or does not answer.
    """
    if find_spec("jupyterlab") is None:
        raise CannotRun("JupyterLab", "is not installed", "pip install 'turnaffinity[notebooks]'")
    port, token = _free_port(), secrets.token_hex(16)
    process = subprocess.Popen(
        [
            sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--port-retries=0", "--ip=127.0.0.1",
            f"--ServerApp.root_dir={folder.resolve()}", "--LabApp.news_url=None", "--LabApp.check_for_updates_class="
            "jupyterlab.NeverCheckForUpdate", "--allow-root", "--log-level=ERROR",
        ],
        env={**os.environ, "JUPYTER_TOKEN": token, **({URL_VARIABLE: url} if url else {})},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,  # so that Ctrl-C reaches us alone, and we end the whole group
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}/lab"
        _wait_for(f"http://127.0.0.1:{port}/api", process)
        yield Lab(f"{address}?token={token}", process)
    finally:
        _end(process)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError), urllib.request.urlopen(address, timeout=2):
            return
        time.sleep(0.1)
    raise CannotRun("JupyterLab", f"did not answer within {START_S:g} s", "see what `jupyter lab` says")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End JupyterLab and its kernels: TERM first, so that kernels are shut down, KILL to the group after END_S."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_S)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
