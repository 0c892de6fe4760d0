"""Does the command line start fast, explain itself, and end with the right status?"""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import typed

import turnaffinity
from turnaffinity.cli import main as frame
from turnaffinity.contract.rules import RULES
from turnaffinity.problem import CannotRun, Problem

HEAVY = ("redis", "pydantic", "pytest", "rich", "fakeredis", "jinja2", "networkx", "turnaffinity.contract.rules")


def run(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return typed(*args, **{"NO_COLOR": "1", "COLUMNS": "100", **environment})


def loaded_after(statement: str) -> set[str]:
    """The modules of HEAVY that a fresh interpreter has loaded after running a statement."""
    code = f"import sys\n{statement}\nprint(*(m for m in {HEAVY!r} if m in sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stderr.split())


def help_of(*args: str) -> str:
    return f"from turnaffinity.cli.main import main\ntry: main({[*args, '--help']!r})\nexcept SystemExit: pass"


def a_verb(monkeypatch: pytest.MonkeyPatch, body) -> None:
    """Put a function in the place of the verb `rules`."""
    import turnaffinity.cli.verbs.rules as module

    def rules() -> None:
        """Stand in for a verb."""
        body()

    monkeypatch.setattr(module, "rules", rules)


def status_of(*args: str) -> int:
    return frame._status_of(list(args))


def raises(error: BaseException):
    def body() -> None:
        raise error

    return body


def test_the_overview_imports_nothing_heavy():
    assert loaded_after(help_of()) == set()


@pytest.mark.parametrize("verb", [verb for verb in frame.VERBS if frame._exists(verb)])
def test_a_verbs_manual_imports_nothing_heavy(verb):
    assert loaded_after(help_of(verb)) <= {"pydantic"}  # typer itself takes it to describe a default


@pytest.mark.parametrize("verb", [verb for verb in frame.VERBS if frame._exists(verb)])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_a_verbs_manual_has_an_example_and_its_exit_statuses(verb, option):
    done = run(verb, option)
    assert done.returncode == 0, done.stderr
    assert f"Usage: turnaffinity {verb}" in done.stdout
    assert f"  turnaffinity {verb}" in done.stdout.partition("\n")[2], "no example"
    assert "exit:" in done.stdout.lower()


def test_without_a_verb_the_overview_is_printed():
    bare, asked = run(), run("--help")
    assert (bare.returncode, bare.stderr) == (0, "")
    assert bare.stdout == asked.stdout
    assert "rules" in bare.stdout


def test_the_overview_lists_every_module_of_the_verbs_and_no_other():
    here = {path.stem for path in Path(frame.__file__).parent.glob("verbs/*.py")}
    listed = [verb for verb in frame.VERBS if verb in here]
    overview = run("--help").stdout.partition("Verbs:")[2]
    assert re.findall(r"^  (\w+)  ", overview, re.MULTILINE) == listed


def test_the_version_names_kit_and_contract():
    assert run("--version").stdout == f"turnaffinity {turnaffinity.__version__} (contract 1.0)\n"


def test_python_m_turnaffinity_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "turnaffinity", "no-such-verb"], capture_output=True, text=True, timeout=60, check=False
    )
    again = run("no-such-verb")
    assert (done.returncode, done.stderr) == (again.returncode, again.stderr)
    assert done.returncode == 2


def test_an_unknown_verb_or_option_is_one_sentence_and_status_2():
    for args, said in [
        (("verfy",), "No such command 'verfy'"),
        (("rules", "--nope"), "No such option: --nope"),
        (("rules", "A", "B"), "unexpected extra argument"),
        (("rules", "--lang", "fr"), '"fr" is no language'),
    ]:
        done = run(*args)
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith("error: ")
        assert said in done.stderr


def test_a_problem_becomes_its_message_and_its_status(monkeypatch, capsys):
    a_verb(monkeypatch, raises(Problem("file.toml", "is empty", "fill it")))
    assert status_of("rules") == 2
    assert capsys.readouterr().err == "error: file.toml: is empty\n  mend: fill it\n"
    a_verb(monkeypatch, raises(CannotRun("server", "is gone", "start it")))
    assert status_of("rules") == 3


def test_an_unforeseen_error_is_owned_up_to_and_shows_its_traceback_only_when_asked(monkeypatch, capsys):
    monkeypatch.delenv("TURNAFFINITY_DEBUG", raising=False)
    a_verb(monkeypatch, raises(ZeroDivisionError("by nought")))
    assert status_of("rules") == 3
    told = capsys.readouterr().err
    assert "this is a defect of turnaffinity" in told
    assert "ZeroDivisionError: by nought" in told
    assert "Traceback" not in told
    monkeypatch.setenv("TURNAFFINITY_DEBUG", "1")
    assert status_of("rules") == 3
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setenv("TURNAFFINITY_DEBUG", "")
    assert status_of("--debug", "rules") == 3
    assert "Traceback" in capsys.readouterr().err


def test_an_import_error_inside_a_verb_is_not_taken_for_a_missing_verb(monkeypatch, capsys):
    def failing(name: str):
        raise ImportError(f"cannot import {name}")

    monkeypatch.setattr(frame, "import_module", failing)
    assert status_of("rules") == 3
    assert "ImportError: cannot import turnaffinity.cli.verbs.rules" in capsys.readouterr().err


def test_ctrl_c_is_one_line_and_status_130(monkeypatch, capsys):
    a_verb(monkeypatch, raises(KeyboardInterrupt()))
    assert status_of("rules") == 130
    assert capsys.readouterr().err == "error: interrupted\n"


def test_a_broken_pipe_that_is_not_our_output_is_not_hushed_up(monkeypatch, capsys):
    a_verb(monkeypatch, raises(BrokenPipeError(32, "an adapter died")))
    assert status_of("rules") == 3
    assert "a pipe to another process broke" in capsys.readouterr().err


@pytest.mark.parametrize("args", [["rules"], ["rules", "--json"], ["--help"], ["rules", "--help"]], ids=" ".join)
def test_a_reader_that_leaves_early_is_no_error(args):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "turnaffinity.cli.main", *args]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_term_signal_runs_what_is_to_be_done_at_the_end(tmp_path):
    code = (
        "import os, signal, turnaffinity.cli.verbs.rules as module\n"
        "from turnaffinity.cli.main import main\n"
        "def rules():\n"
        "    try: os.kill(os.getpid(), signal.SIGTERM)\n"
        "    finally: print('closed')\n"
        "module.rules = rules\n"
        "main(['rules'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (128 + signal.SIGTERM, "closed\n")


def test_the_tab_key_offers_verbs_and_rule_ids():
    offered = run(
        _TURNAFFINITY_COMPLETE="complete_bash", COMP_WORDS="turnaffinity rules TA-BIND", COMP_CWORD="2"
    ).stdout
    assert offered.split() == ["TA-BIND-1", "TA-BIND-2"]
    verbs = run(_TURNAFFINITY_COMPLETE="complete_bash", COMP_WORDS="turnaffinity r", COMP_CWORD="1").stdout
    assert "rules" in verbs.split()


def test_one_rule_is_shown_in_full_whatever_the_case_of_its_id():
    shown = " ".join(run("rules", "ta-clear-4").stdout.split())
    rule = RULES["TA-CLEAR-4"]
    for text in (rule.id, rule.level, rule.statement, rule.section, rule.note_line_zh, rule.note_line_en, rule.why):
        assert text in shown


def test_a_decisions_rule_shows_its_choices():
    shown = run("rules", "TA-TURN-4").stdout
    assert "reuse: " in shown
    assert "mint: " in shown


def test_the_table_lists_every_rule_and_a_glob_only_its_own():
    everything = run("rules").stdout
    assert all(rule_id in everything for rule_id in RULES)
    some = run("rules", "TA-WRITE-*").stdout
    assert "TA-WRITE-6" in some
    assert "TA-CLEAR-1" not in some


def test_chinese_statements_are_printed_also_where_the_terminal_has_no_utf8():
    shown = run("rules", "TA-SEL-1", "--lang", "zh").stdout
    assert "每次选节点都返回该节点" in shown
    assert run("rules", "TA-SEL-1", "--lang", "zh", PYTHONIOENCODING="latin-1").returncode == 0


def test_rules_as_json_hold_every_rule_with_all_its_fields():
    document = json.loads(run("rules", "--json").stdout)
    assert document["contract"] == "1.0"
    assert [entry["id"] for entry in document["rules"]] == list(RULES)
    one = json.loads(run("rules", "TA-KEY-1", "--json").stdout)
    assert one["profiles"] == ["L", "S", "T"]
    assert {"statement", "statement_zh", "why", "section", "note_line_zh", "cases", "level"} <= one.keys()


def test_an_unknown_rule_is_answered_with_the_ids_it_may_have_meant():
    done = run("rules", "TA-CLAER-1")
    assert done.returncode == 2
    assert 'there is no rule "TA-CLAER-1"' in done.stderr
    assert "TA-CLEAR-1" in done.stderr
