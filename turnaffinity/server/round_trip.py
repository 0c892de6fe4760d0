"""How do many commands go to the server in one round trip, with little of our own time? On the client's connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis import ConnectionPool, Redis
from redis.exceptions import ResponseError


def is_plain(client: Any) -> bool:
    """Whether this is a plain redis-py client of one live server, whose commands run in the order of their sending."""
    return type(client) is Redis and type(client.connection_pool) is ConnectionPool


def one_trip(client: Any, commands: Sequence[Sequence[str | int | bytes]]) -> list[Any]:
    """Send the commands together and return their replies, as the client's own methods would.

    Raises the first error reply, once all have been read, and what the connection raises. A client that is no plain
    redis-py client of a live server (a cluster's, fakeredis) does the same with its pipeline, in twice the time.
    """
    if not is_plain(client):
        with client.pipeline(transaction=False) as pipe:
            for argv in commands:
                pipe.execute_command(*argv)
            found: list[Any] = pipe.execute()
        return found
    own, pool = client.connection, client.connection_pool
    connection: Any = own or pool.get_connection()
    try:
        replies = _exchanged(connection, commands)
    finally:
        if own is None:
            pool.release(connection)
    for reply in replies:
        if isinstance(reply, ResponseError):
            raise reply
    # the callbacks' own lookup makes its name upper case once more
    lookup, callbacks = dict.get, client.response_callbacks
    return [
        callback(reply) if (callback := lookup(callbacks, str(argv[0]).upper())) else reply
        for argv, reply in zip(commands, replies, strict=True)
    ]


def _exchanged(connection: Any, commands: Sequence[Sequence[str | int | bytes]]) -> list[Any]:
    """The raw replies; an error reply stands in its place."""
    replies: list[Any] = []
    try:
        connection.send_packed_command(connection.pack_commands(commands))
        for _ in commands:
            try:
                replies.append(connection.read_response())
            except ResponseError as error:
                replies.append(error)
    except BaseException:  # replies that nobody read would be taken for those of the next commands
        connection.disconnect()
        raise
    return replies
