"""What does an adapter get out of meaning harm? A bounded report, and its end."""

from __future__ import annotations

import json
import resource
import signal
import stat
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from turnaffinity.cli import main
from turnaffinity.subjects.adapter import AdapterSubject, Deadlines
from turnaffinity.subjects.subject import Broke

SHORT = Deadlines(hello_s=20, op_s=0.5, bye_s=0.3, grace_s=0.2)
EVIL = "\x1b]0;title\x07\x1b[31m<script>alert(1)</script>\x00\x08&\u202e"

PROGRAM = """#!{python}
import json, os, signal, sys, time
EVIL = {evil!r}
def hello(r):
    return {{"id": r["id"], "ok": {{"name": EVIL, "version": EVIL, "language": EVIL, "ops": ["finalize", EVIL],
            "decisions": {{"D1": EVIL, EVIL: EVIL}}}}}}
def write(a):
    sys.stdout.write(json.dumps(a) + "\\n")
    sys.stdout.flush()
for line in sys.stdin:
    r = json.loads(line)
    if r["op"] == "hello":
        write(hello(r))
        continue
    if r["op"] == "bye":
        break
{harm}
"""


def program(tmp_path: Path, harm: str) -> str:
    path = tmp_path / "adapter.py"
    indented = "\n".join(f"    {line}" for line in harm.splitlines())
    path.write_text(PROGRAM.format(python=sys.executable, evil=EVIL, harm=indented))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def is_gone(pid: int) -> bool:
    until = time.monotonic() + 10
    while lives(pid) and time.monotonic() < until:
        time.sleep(0.005)
    return not lives(pid)


FORKS = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for number in range(8):
    if os.fork() == 0:
        os.close(0)
        while True: time.sleep(3600)
    open({pids!r}, "a").write("")
open({pids!r}, "w").write(" ".join(open(f"/proc/{{os.getpid()}}/task/{{os.getpid()}}/children").read().split()))
write({{"id": r["id"], "error": {{"code": "redis"}}}})
while True: time.sleep(3600)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="/proc tells who the children are")
def test_every_child_of_one_that_forks_and_ignores_term_is_gone_at_the_end(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with AdapterSubject(program(tmp_path, FORKS.format(pids=str(pids))), "redis://nowhere", deadlines=SHORT) as subject:
        subject.finalize("s", "manual", "zh", "en", None)
        children = [int(pid) for pid in pids.read_text().split()]
        assert len(children) == 8
        assert all(lives(pid) for pid in children)
    assert all(is_gone(pid) for pid in children)


LEAVES = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open({pids!r}, "w").write(str(os.getpid()))
        for descriptor in (0, 1, 2): os.close(descriptor)
        while True: time.sleep(3600)
    os._exit(0)
while not os.path.exists({pids!r}) or not open({pids!r}).read(): time.sleep(0.005)
write({{"id": r["id"], "error": {{"code": "redis"}}}})
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="/proc tells who a descendant is")
def test_a_daemon_that_left_the_adapters_session_is_gone_at_the_end(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with AdapterSubject(
        program(tmp_path, LEAVES.format(pids=str(pids))), "redis://nowhere", deadlines=SHORT
    ) as subject:
        subject.finalize("s", "manual", "zh", "en", None)
        daemon = int(pids.read_text())
        assert lives(daemon)
    assert is_gone(daemon)


def test_one_that_reads_nothing_does_not_block_a_long_request(tmp_path: Path) -> None:
    harm = 'write({"id": r["id"], "error": {"code": "redis"}})\nwhile True: time.sleep(3600)'
    with AdapterSubject(program(tmp_path, harm), "redis://nowhere", deadlines=SHORT) as subject:
        subject.finalize("s", "manual", "zh", "en", None)
        answer = subject.finalize("x" * 900_000, "manual", "zh", "en", None)
    assert isinstance(answer, Broke)
    assert "the request was not read from stdin within 0.5 s" in answer.what


@pytest.mark.parametrize("stream", [1, 2])
def test_a_gigabyte_of_output_takes_no_memory_and_no_disk(stream: int, tmp_path: Path) -> None:
    harm = f"while True: os.write({stream}, b'x' * 1_000_000)"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with AdapterSubject(program(tmp_path, harm), "redis://nowhere", deadlines=SHORT) as subject:
        answer = subject.finalize("s", "manual", "zh", "en", None)
    assert isinstance(answer, Broke)
    assert len(answer.what) < 3000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64_000 * (
        1024 if sys.platform == "darwin" else 1
    )
    assert [path.name for path in tmp_path.iterdir()] == ["adapter.py"]


ANSWERS_EVIL = """
sys.stderr.write(EVIL * 50 + "\\n")
if r["op"] == "select":
    write({"id": r["id"], "ok": {"node_id": EVIL}})
elif r.get("reason") == "manual":
    write({"id": r["id"], "ok": {"turn_id": EVIL, "jobs": [{"job_id": EVIL, "tgt_lang": EVIL, "node_id": EVIL}]}})
elif r.get("reason") == "timeout":
    write({"id": r["id"], "error": {"code": "internal", "message": EVIL * 2000}})
else:
    sys.stdout.write(EVIL + "\\n")
    sys.stdout.flush()
"""


class Tags(HTMLParser):
    """Which elements a page has."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)


def test_a_whole_run_of_one_that_answers_markup_and_escapes_gives_clean_reports(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    files = {"json": out / "r.json", "junit": out / "r.xml", "html": out / "r.html", "badge": out / "r.svg"}
    arguments = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    rules = [part for rule in ("TA-TURN-1", "TA-CLEAR-1", "TA-WRITE-1") for part in ("--rule", rule)]
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    with pytest.raises(SystemExit) as ended:
        main.main(["verify", "--adapter", program(tmp_path, ANSWERS_EVIL), "--seed", "1", "--capsules", str(out / "c"),
                   *arguments, *rules])  # fmt: skip
    for number, handler in handlers.items():
        signal.signal(number, handler)
    shown = capfd.readouterr()

    assert ended.value.code == 1
    assert not any(sign < " " and sign != "\n" for sign in shown.out + shown.err)
    assert "\u202e" not in shown.out + shown.err
    assert json.loads(files["json"].read_text())["verdict"] == "violates"
    for name in ("junit", "badge"):
        Xml.parse(files[name])
    page = files["html"].read_text()
    tags = Tags()
    tags.feed(page)
    assert "script" not in tags.found
    assert "\x1b" not in page + files["junit"].read_text()
    for path in out.rglob("*"):
        assert path.is_dir() or path.stat().st_size < 1_000_000
        assert path.resolve().is_relative_to(out.resolve())
    for script in (out / "c").glob("*.redis"):
        assert all(" " <= sign <= "~" or sign == "\n" for sign in script.read_text())
    assert list((out / "c").iterdir())
