"""What shape has a report as JSON? A model of it, from which `conformance/schema/report.json` is generated."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from turnaffinity.subjects.protocol import schema_folder

Status = Literal["pass", "fail", "warn", "not-claimed", "unobservable", "not-run", "skip"]


class _Open(BaseModel):
    """Members that a reader does not know are to be ignored."""

    model_config = ConfigDict(extra="allow")


class WireLine(_Open):
    """One Redis command of the evidence."""

    client: Annotated[str, Field(description='the connection, or "lua" for a command inside a script')]
    argv: Annotated[list[str], Field(description="the command and its arguments")]
    broken: Annotated[bool, Field(description="whether this command breaks the rule")]


class Failure(_Open):
    """One case that failed."""

    case: Annotated[str, Field(description="the case's name")]
    expected: Annotated[str, Field(description="what the rule asks for, in words")]
    observed: Annotated[str, Field(description="what was seen instead, in words")]
    wire: Annotated[list[WireLine], Field(description="the commands that show it, in order")]
    capsule: Annotated[str | None, Field(description="the path of the failure's capsule, where one was written")]
    expected_by: Annotated[str | None, Field(description="why the failure was expected (--expect-fail)")] = None
    line: Annotated[int | None, Field(description="of a trace: the line where it became certain")] = None
    cause_line: Annotated[int | None, Field(description="of a trace: the line that caused it")] = None


class RuleEntry(_Open):
    """One rule's status with its failures."""

    id: Annotated[str, Field(description="the rule's id", pattern=r"^TA-[A-Z]+-\d+$")]
    level: Annotated[Literal["MUST", "SHOULD", "DECISION"], Field(description="how much the rule weighs")]
    status: Annotated[Status, Field(description="what came of the rule's cases")]
    cases: Annotated[int, Field(ge=0, description="how many of its cases came to a result")]
    failures: Annotated[list[Failure], Field(description="the cases that failed")]


class ProtocolEntry(_Open):
    """One check of the adapter protocol itself."""

    id: Annotated[str, Field(description="the check's id", pattern=r"^PROTO-\d+$")]
    status: Annotated[Status, Field(description="what came of it")]


class MistakeEntry(_Open):
    """One thing that is wrong, as the terminal tells it."""

    says: Annotated[str, Field(description="what is wrong, in a sentence")]
    perhaps: Annotated[
        str | None,
        Field(default=None, description="what it may be, where others fail the same; null: it is"),
    ]
    mend: Annotated[str, Field(description="how to mend it")]
    right: Annotated[
        str | None, Field(default=None, description="the reference's line that a known mistake changes, with its file")
    ]
    rules: Annotated[list[str], Field(description="the rules that it breaks")]
    looks_like: Annotated[str | None, Field(description="the known mistake that it looks like; null: none")]
    explains: Annotated[int, Field(ge=1, description="how many failed checks it explains")]
    line: Annotated[int | None, Field(description="the line of the script at fault; null where that is not known")]
    case: Annotated[str, Field(description="the failed check that shows it best")]
    capsule: Annotated[str | None, Field(description="that check's capsule, if one was written")]


class ReportDocument(_Open):
    """The report of `turnaffinity verify --json` (and of `audit --json`, whose profile is "trace")."""

    kit: Annotated[str, Field(description="the kit's version")]
    contract: Annotated[Literal["1.0"], Field(description="the contract's version")]
    profile: Annotated[Literal["lua", "scheduler", "trace"], Field(description="what was judged")]
    implementation: Annotated[dict[str, Any], Field(description="who the implementation says it is")]
    server: Annotated[str | None, Field(description="the server's name and version; null for a trace")]
    reading: Annotated[str, Field(description='a preset\'s name, or "D1=..,D2=..,D3=..,D4=.."')]
    decisions: Annotated[
        dict[str, str | None], Field(description="what it was seen to do for D1 to D4; null where that was not seen")
    ]
    seed: Annotated[int | None, Field(description="where the run's fresh names come from; null for a trace")]
    verdict: Annotated[Literal["conforms", "violates", "incomplete"], Field(description="the verdict")]
    planned: Annotated[int, Field(ge=0, description="checks planned")]
    executed: Annotated[int, Field(ge=0, description="checks that came to a result")]
    rules: Annotated[list[RuleEntry], Field(description="the profile's rules, in the contract's order")]
    protocol: Annotated[list[ProtocolEntry], Field(description="the checks of the adapter protocol; empty without one")]
    exit: Annotated[Literal[0, 1], Field(description="the exit status; with 2 or 3 no report is written")]
    stale: Annotated[list[dict[str, Any]], Field(description="expected failures that pass now")]
    seconds: Annotated[float, Field(ge=0, description="how long the run took, in seconds")]
    mistakes: Annotated[
        list[MistakeEntry], Field(default=[], description="what is wrong, MUST first; not in a trace's report")
    ]
    names: Annotated[
        dict[str, str], Field(default={}, description="the short name of each made-up one that the mistakes show")
    ]


def schema_text() -> str:
    """The JSON Schema (2020-12) of a report."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "turnaffinity/v1/report.json",
        **ReportDocument.model_json_schema(),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def committed_file() -> Path:
    """Where the schema is committed."""
    return schema_folder() / "report.json"


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else committed_file()
    path.write_text(schema_text(), encoding="utf-8")
    print(path)
