"""What a server of Valkey's protocol says, in every way it may be cut and spoilt."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.shared.resp import ErrorReply, Garbled, Push, Reply, command, pairs, read


async def said(data: bytes, *, pieces: int = 1 << 20) -> Reply:
    """What the first answer in these bytes says, as they come in pieces."""
    reader = asyncio.StreamReader()
    reading = asyncio.create_task(read(reader))
    for at in range(0, len(data), pieces):
        reader.feed_data(data[at : at + pieces])
        await asyncio.sleep(0)
    reader.feed_eof()
    return await reading


SAYINGS: list[tuple[bytes, Reply]] = [
    (b"+OK\r\n", b"OK"),
    (b"-OOM command not allowed\r\n", ErrorReply("OOM command not allowed")),
    (b":-7\r\n", -7),
    (b"(3492890328409238509324850943850943825024385\r\n", 3492890328409238509324850943850943825024385),
    (b",1.25\r\n", 1.25),
    (b"#t\r\n", True),
    (b"#f\r\n", False),
    (b"_\r\n", None),
    (b"$-1\r\n", None),
    (b"*-1\r\n", None),
    (b"$0\r\n\r\n", b""),
    (b"$4\r\na\r\nb\r\n", b"a\r\nb"),
    (b"!5\r\nERR x\r\n", ErrorReply("ERR x")),
    (b"=7\r\ntxt:abc\r\n", b"abc"),
    (b"*2\r\n:1\r\n*1\r\n$1\r\na\r\n", (1, (b"a",))),
    (b"~1\r\n+x\r\n", (b"x",)),
    (b"%1\r\n+proto\r\n:3\r\n", (b"proto", 3)),
    (b">3\r\n+message\r\n+there\r\n$2\r\nhi\r\n", Push((b"message", b"there", b"hi"))),
    (b"|1\r\n+ttl\r\n:3600\r\n:5\r\n", 5),
]


@pytest.mark.parametrize("pieces", [1, 3, 1 << 20])
@pytest.mark.parametrize(("data", "meant"), SAYINGS)
async def test_every_kind_of_answer_is_read_however_it_comes(data: bytes, meant: Reply, pieces: int) -> None:
    assert await said(data, pieces=pieces) == meant


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"?\r\n",
        b"\r\n",
        b":one\r\n",
        b"$many\r\n",
        b"$9999999999\r\n",
        b"*9999999999\r\n",
        b"*1\r\n" * 20 + b":1\r\n",
    ],
)
async def test_what_is_no_such_answer_is_refused(data: bytes) -> None:
    with pytest.raises(Garbled):
        await said(data)


@pytest.mark.parametrize(("data", "meant"), SAYINGS)
async def test_an_answer_that_breaks_off_is_an_end_and_no_answer(data: bytes, meant: Reply) -> None:
    with pytest.raises(EOFError):
        await said(data[:-1])


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6))
def test_a_command_is_read_as_it_was_written(parts: list[bytes]) -> None:
    assert asyncio.run(said(command(*parts), pieces=7)) == tuple(parts)


def test_a_map_is_its_pairs() -> None:
    assert pairs((b"a", 1, b"b", None)) == {b"a": 1, b"b": None}
    for wrong in ((b"a",), b"a", None, 5):
        with pytest.raises(Garbled):
            pairs(wrong)
