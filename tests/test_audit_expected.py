"""Does `audit` read the file of expected failures as `verify` does, mistakes included?"""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from turnaffinity.cli.verbs.audit import audit
from turnaffinity.problem import Problem

ENTRY = '[[expect]]\nrule = "TA-NEVER-1"\noutcome = "fail"\nreason = "known"\n'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('expires = "soon"', "expires"),
        ('reading = "sideways"', '"sideways" is no reading'),
        ('match = "["', "match is no regular expression"),
        ('until = "2027"', '"until" is no member of an entry'),
    ],
)
def test_a_mistyped_entry_is_refused_before_the_trace_is_read(tmp_path: Path, line: str, said: str) -> None:
    app = typer.Typer()
    app.command()(audit)
    trace, expect = tmp_path / "trace.log", tmp_path / "expect.toml"
    trace.write_text("OK\n")
    expect.write_text(ENTRY + line + "\n")
    ended = CliRunner().invoke(app, [str(trace), "--expect-fail", str(expect)])
    assert isinstance(ended.exception, Problem)
    assert said in str(ended.exception)
    assert ended.exception.exit_status == 2
