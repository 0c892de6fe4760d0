"""What do the judge and an adapter say to each other? The messages of protocol version 1.

The models are the source of `conformance/schema/*.json`: `python -m turnaffinity.subjects.protocol` writes them anew.
Judging a run does not go through pydantic: requests are encoded here, answers are read by `adapter_answers`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.shared_files import shared

PROTOCOL_VERSION = 1
"""The only version there is; another `v` in hello is answered with `bad_request` and `"supported": [1]`."""

MAX_LINE_BYTES = 1024 * 1024
"""The longest line that either side may send, in bytes, its line feed not counted."""

ErrorCode = Literal["no_node", "bad_request", "unsupported", "redis", "internal"]
ERROR_CODES: frozenset[str] = frozenset({"no_node", "bad_request", "unsupported", "redis", "internal"})
"""The codes that an error answer may carry."""

RequestId = Annotated[int, Field(description="number of the request; the answer repeats it, as a number")]
Language = Annotated[str, Field(description='a language tag such as "zh", "yue" or "zh-CN"; no colon')]


class Message(BaseModel):
    """One line of the protocol: one JSON object; members that the reader does not know are ignored."""

    model_config = ConfigDict(extra="allow", frozen=True)


class HelloRequest(Message):
    """The first request to each process: where Redis is, and what the judge expects."""

    v: Literal[1] = Field(
        description='the protocol\'s version; to another one answer bad_request with "supported": [1]'
    )
    id: RequestId
    op: Literal["hello"]
    redis_url: str = Field(
        description="redis://[user:password@]host:port/db, or unix://[user:password@]/path?db=N for a unix socket"
    )
    reading: str | None = Field(
        description="the reading that the judge expects: literal, intent, continuous, decided, steady, or as in "
        '"D1=reuse,D2=after,D3=after-batch,D4=repair"; null if the judge finds it out. '
        "An implementation that has only one way ignores it"
    )
    layout: KeyLayout = Field(description="the names of the keys and fields to use")


class FinalizeRequest(Message):
    """Close the session's current segment and create its jobs."""

    id: RequestId
    op: Literal["finalize"]
    session_id: str = Field(description="the session; an empty text is refused with bad_request (TA-TURN-5)")
    reason: str = Field(
        description="manual, timeout or max_duration; any other word is refused with bad_request (TA-TURN-5)",
        examples=["manual", "timeout", "max_duration"],
    )
    src_lang: Language
    tgt_lang: Language = Field(description="the solo session's target language; ignored where room_langs is not empty")
    room_langs: list[Language] | None = Field(
        description="null: a solo session; []: a room without other members; else the room's target languages in order"
    )


class SelectRequest(Message):
    """Select a node for one job, and nothing else."""

    id: RequestId
    op: Literal["select"]
    pair: str = Field(description='source and target language, as in "zh:en"', examples=["zh:en"])
    job_id: str | None = Field(description="the job's id, or null (an empty ARGV[2])")
    turn_id: str | None = Field(description="the turn to look for affinity under, or null (an empty ARGV[3])")


class ByeRequest(Message):
    """End: the process leaves with status 0. It may answer first, or not."""

    id: RequestId
    op: Literal["bye"]


class HelloOk(Message):
    """Who the implementation is and which operations it offers."""

    name: str = Field(min_length=1, description="the implementation's name, for reports")
    version: str = Field("", description="its version, for reports")
    language: str = Field("", description="the language it is written in, for reports")
    ops: list[str] = Field(
        description='the operations offered; "finalize" is what most rules need, "select" is optional',
        examples=[["finalize", "select"]],
    )
    decisions: dict[str, str] | None = Field(
        None,
        description="which choices it claims to make, by decision: shown, never trusted",
        examples=[{"D1": "reuse"}],
    )


class JobMessage(Message):
    """One job of a batch."""

    job_id: str = Field(description="the job's id, which the implementation makes up")
    tgt_lang: Language
    node_id: str | None = Field(description="the node that the job goes to; null if it got none")


class FinalizeOk(Message):
    """A finalize that was carried out."""

    turn_id: str = Field(description="the turn id that the jobs were selected under")
    jobs: list[JobMessage] = Field(description="the batch, in the order of the target languages")


class SelectOk(Message):
    """A selection that was carried out."""

    node_id: str | None = Field(description="the node; null if there is no candidate")


class HelloAnswer(Message):
    """The answer to hello."""

    id: RequestId
    ok: HelloOk


class FinalizeAnswer(Message):
    """The answer to finalize; where no job got a node it is the error no_node instead."""

    id: RequestId
    ok: FinalizeOk


class SelectAnswer(Message):
    """The answer to select."""

    id: RequestId
    ok: SelectOk


class ErrorBody(Message):
    """What went wrong."""

    code: ErrorCode = Field(
        description="no_node: no job got a node; bad_request: refused, nothing changed; unsupported: an operation that "
        "is not offered; redis: the server could not be reached or answered an error; internal: a bug"
    )
    message: str = Field("", description="for people")
    supported: list[int] | None = Field(None, description="with bad_request for an unknown v: the versions known, [1]")


class ErrorAnswer(Message):
    """The answer to any request that was not carried out."""

    id: RequestId
    error: ErrorBody


MESSAGES: dict[str, type[Message]] = {
    "hello-request": HelloRequest,
    "hello-answer": HelloAnswer,
    "finalize-request": FinalizeRequest,
    "finalize-answer": FinalizeAnswer,
    "select-request": SelectRequest,
    "select-answer": SelectAnswer,
    "bye-request": ByeRequest,
    "error-answer": ErrorAnswer,
}
"""Each message by the name of its schema file."""

_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_ENCODE_ASCII = json.JSONEncoder(separators=(",", ":")).encode


def encode_request(members: dict[str, Any]) -> bytes:
    """One request as one line of UTF-8, its line feed included."""
    try:
        return (_ENCODE(members) + "\n").encode()
    except UnicodeEncodeError:  # a lone surrogate: bytes that were no UTF-8 can only be sent as an escape
        return (_ENCODE_ASCII(members) + "\n").encode()


def hello_members(redis_url: str, reading: Reading | None, layout: KeyLayout) -> dict[str, Any]:
    """The members of a hello request, `id` and `op` apart."""
    return {
        "v": PROTOCOL_VERSION,
        "redis_url": redis_url,
        "reading": reading_word(reading),
        "layout": layout.model_dump(mode="json"),
    }


def finalize_members(
    session_id: str, reason: str, src_lang: str, tgt_lang: str, room_langs: Sequence[str] | None
) -> dict[str, Any]:
    """The members of a finalize request, `id` and `op` apart."""
    return {
        "session_id": session_id,
        "reason": reason,
        "src_lang": src_lang,
        "tgt_lang": tgt_lang,
        "room_langs": None if room_langs is None else list(room_langs),
    }


def reading_word(reading: Reading | None) -> str | None:
    """The reading as hello says it: a preset's name, "D1=..,D2=..,D3=..,D4=..", or None where it is to be found out."""
    return reading.text if reading else None


def schema_texts() -> dict[str, str]:
    """The JSON Schema (2020-12) of each message and of a vector, by file name: {"hello-request.json": "{...}", ...}."""
    from turnaffinity.contract.vector import Vector

    texts = {}
    models: dict[str, type[BaseModel]] = {**MESSAGES, "vector": Vector}
    for name, model in models.items():
        schema = TypeAdapter(model).json_schema(mode="validation")
        document = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"turnaffinity/v{PROTOCOL_VERSION}/{name}.json",
            **schema,
        }
        texts[f"{name}.json"] = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return texts


def schema_folder() -> Path:
    """Where the schemas are committed: `conformance/schema/` of a checkout, or of the installed package."""
    return shared("conformance", "schema")


def write_schemas(folder: Path) -> list[Path]:
    """Write each schema into `folder` and return the files written, sorted."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in sorted(schema_texts().items()):
        (folder / name).write_text(text, encoding="utf-8")
        paths.append(folder / name)
    return paths


if __name__ == "__main__":
    for path in write_schemas(Path(sys.argv[1]) if len(sys.argv) > 1 else schema_folder()):
        print(path)
