"""What does a test vector look like? The model behind `conformance/schema/vector.json`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from turnaffinity.contract.rules import Level

RedisCommand = Annotated[list[str], Field(min_length=1, description="a Redis command, name first, as texts")]


class RedisStep(BaseModel):
    """A command sent to Redis between two requests: a node goes offline, a pool changes."""

    op: Literal["redis"]
    command: RedisCommand


class During(BaseModel):
    """What somebody else does to Redis in the middle of a finalize: in counterexamples alone."""

    model_config = ConfigDict(extra="forbid")

    before: str = Field(
        pattern=r"^(job [1-9]\d*|write)$",
        description='"job 2": just before the second job of this finalize selects its node, jobs in the order of the '
        'target languages; "write": just before affinity and open turn are written',
    )
    commands: list[RedisCommand] = Field(description="the commands, in order")


class FinalizeStep(BaseModel):
    """A finalize, with the members of the protocol's request."""

    op: Literal["finalize"]
    session_id: str = Field(description="the session")
    reason: str = Field(description="manual, timeout, max_duration, or a word that has to be refused")
    src_lang: str = Field(description="source language")
    tgt_lang: str = Field(description="target language; ignored where room_langs is not empty")
    room_langs: list[str] | None = Field(description="null solo, [] a room without others, else its languages")
    during: list[During] | None = Field(
        None, description="what happens inside this finalize; a runner that cannot bring it about skips the vector"
    )


class SelectStep(BaseModel):
    """A selection, with the members of the protocol's request."""

    op: Literal["select"]
    pair: str = Field(description='"zh:en"')
    job_id: str | None = Field(description="the job, or null")
    turn_id: str | None = Field(description="the turn, or null")


Step = Annotated[RedisStep | FinalizeStep | SelectStep, Field(discriminator="op")]


class Then(BaseModel):
    """What has to hold after the last step."""

    model_config = ConfigDict(extra="forbid")

    results: list[Any] = Field(
        description='one entry for each step: null for redis, {"error": code} for a refusal, else the answer\'s ok; '
        'anywhere in it {"one_of": [...]}, {"bind": "T1"}, {"same_as": "T1"}, {"not": "T1"} may stand for a value; '
        "a member that is named must be there, null too"
    )
    keys: dict[str, dict[str, Any] | str | list[str]] = Field(
        {},
        description="whole hashes as objects, strings as texts, sets as sorted arrays; ${T1} in a text is a bound id",
    )
    absent: list[str] = Field([], description="keys that must not exist")
    no_ttl: list[str] = Field([], description="keys that must have no TTL")


class Vector(BaseModel):
    """One claim: the state given, the steps, and what has to hold afterwards."""

    model_config = ConfigDict(extra="forbid")

    contract: Literal["1.0"] = Field(description="the contract's version")
    id: str = Field(description="the file's name without .json; unique within its folder")
    rule: str = Field(description="the rule's id, or a goal's for a counterexample of the explorer; the folder's name")
    level: Level | None = Field(
        None,
        description="the rule's: MUST, SHOULD (who fails it is warned, and conforms) or DECISION (what holds depends "
        "on the reading); null for a counterexample, which shows what a choice of reading costs",
    )
    reading: str | dict[str, str] | None = Field(description='a preset, choices such as {"D1": ...}, or null for all')
    title: str = Field(description="the claim, in a sentence")
    given: list[RedisCommand] = Field(description="commands that make the state before the first step")
    when: list[Step] = Field(description="the steps, in order")
    then: Then = Field(description="what has to hold")
    draws: list[str] | None = Field(
        None, description="what the random choices return, in order; a runner that cannot force them skips the vector"
    )

    @field_validator("then")
    @classmethod
    def _matchers_have_operands(cls, then: Then) -> Then:
        check_matchers([then.results, then.keys])
        return then


def check_matchers(expected: Any) -> None:
    """Raise `ValueError` for a matcher whose operand is none: a name for bind, same_as and not, a list for one_of."""
    if isinstance(expected, list):
        for each in expected:
            check_matchers(each)
    elif isinstance(expected, dict):
        if expected and expected.keys() <= {"one_of", "bind", "same_as", "not"}:
            for matcher, operand in expected.items():
                if not isinstance(operand, list if matcher == "one_of" else str):
                    raise ValueError(f"{matcher} takes {'a list' if matcher == 'one_of' else 'a name'}")
        else:
            check_matchers(list(expected.values()))
