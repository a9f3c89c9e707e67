"""The door before a gateway changes headers of requests, and nothing else."""

import asyncio

from conformance.door import changed, door

HEAD = b"POST /v1/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer theirs\r\nX-Api-Key: theirs\r\nX-Mine: old\r\n\r\n"


def test_credentials_are_replaced_and_headers_added() -> None:
    assert changed(HEAD, {b"x-mine": b"new"}, "ours") == (
        b"POST /v1/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ours\r\nX-Api-Key: ours\r\nx-mine: new\r\n\r\n"
    )


def test_without_a_key_credentials_stay() -> None:
    assert changed(HEAD, {}, None) == HEAD


async def test_bodies_and_answers_pass_as_they_are() -> None:
    """Two requests on one connection, one with a length and one in chunks."""
    heard = bytearray()
    answers = (
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n\x00\xff1",
        b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n",
    )
    bodies = (b"content-length: 5\r\n\r\nh\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer, body in zip(answers, bodies, strict=True):
            head = await reader.readuntil(b"\r\n\r\n")
            heard.extend(head + await reader.readexactly(len(body.partition(b"\r\n\r\n")[2])))
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, asyncio.timeout(10):
        root = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with door(root, {"x-added": "1"}, key="ours") as address:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
            for answer, body in zip(answers, bodies, strict=True):
                writer.write(b"POST / HTTP/1.1\r\nauthorization: Bearer theirs\r\n" + body)
                assert await reader.readexactly(len(answer)) == answer
            writer.close()
    assert heard.count(b"authorization: Bearer ours\r\n") == 2
    assert heard.count(b"x-added: 1\r\n") == 2
    assert b"theirs" not in heard
    assert heard.endswith(b"3\r\nabc\r\n0\r\n\r\n")
