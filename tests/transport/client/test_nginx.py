"""Against nginx: the server most upstreams stand behind."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing

import pytest
import trustme

from tests.transport.client.upstreams import ask, pooled, trusting, until
from weighbridge.transport.client import Origin

BINARY = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
pytestmark = pytest.mark.skipif(BINARY is None, reason="nginx is not installed")

CONF = """
daemon off; master_process off; pid nginx.pid; error_log stderr error; worker_rlimit_nofile 1024;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  keepalive_requests 1000;
  server {{
    listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl;
    ssl_certificate chain.pem; ssl_certificate_key key.pem;
    root files;
    location /empty {{ return 204; }}
    location /short {{ client_max_body_size 1k; proxy_pass http://127.0.0.1:1; }}
    location /tired {{ keepalive_requests 3; return 200 "ok"; }}
    location /brief {{ keepalive_timeout 1s; return 200 "ok"; }}
    location /down {{ proxy_pass http://127.0.0.1:1; }}
    location /zipped {{ alias files/; gzip on; gzip_types *; gzip_min_length 1; }}
  }}
}}
"""
FILE = bytes(range(256)) * 20_000


class Nginx:
    """A running nginx."""

    def __init__(self, plain: int, tls: int, authority: trustme.CA) -> None:
        self.plain = Origin("nginx", "127.0.0.1", plain)
        self.tls = Origin("nginx", "localhost", tls, tls=True)
        self.authority = authority


def free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    assert BINARY is not None
    prefix, authority = tmp_path_factory.mktemp("nginx"), trustme.CA()
    (prefix / "files").mkdir()
    (prefix / "files" / "large").write_bytes(FILE)
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(prefix / "key.pem")
    for piece in certificate.cert_chain_pems:
        piece.write_to_path(prefix / "chain.pem", append=True)
    plain, tls = free_ports()
    (prefix / "nginx.conf").write_text(CONF.format(plain=plain, tls=tls))
    with subprocess.Popen(
        [BINARY, "-p", prefix, "-e", "stderr", "-c", "nginx.conf"], stderr=subprocess.PIPE
    ) as process:
        wait_for(process, plain)
        yield Nginx(plain, tls, authority)
        process.terminate()


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, process.stderr and process.stderr.read()
        else:
            return


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: nginx", *headers, "", ""]).encode()


async def test_a_large_file_comes_whole_again_and_again_over_one_connection(nginx: Nginx) -> None:
    async with pooled(nginx.plain) as pool:
        for _ in range(5):
            assert await ask(pool, get("/large")) == (200, FILE)
            assert await ask(pool, get("/nowhere"))
        assert pool._open == 1


async def test_the_same_over_tls(nginx: Nginx) -> None:
    async with pooled(nginx.tls, tls=trusting(nginx.authority)) as pool:
        for _ in range(5):
            assert await ask(pool, get("/large")) == (200, FILE)
        assert pool._open == 1


async def test_answers_without_a_body_keep_the_connection(nginx: Nginx) -> None:
    async with pooled(nginx.plain) as pool:
        assert await ask(pool, get("/empty")) == (204, b"")
        with closing(await pool.exchange([get("/large")])) as answer:
            etag = answer.headers[b"etag"].decode()
            while await answer.read():
                pass
        assert await ask(pool, get("/large", f"If-None-Match: {etag}")) == (304, b"")
        assert await ask(pool, get("/empty")) == (204, b"")
        assert pool._open == 1


async def test_chunked_answers_keep_the_connection(nginx: Nginx) -> None:
    async with pooled(nginx.plain) as pool:
        for _ in range(2):
            with closing(await pool.exchange([get("/zipped/large", "Accept-Encoding: gzip")])) as answer:
                assert answer.headers[b"transfer-encoding"] == b"chunked"
                while await answer.read():
                    pass
                assert answer.complete
        assert pool._open == 1


async def test_an_upload_refused_before_it_is_sent_is_a_413(nginx: Nginx) -> None:
    size = 8 * 1024 * 1024
    async with pooled(nginx.plain) as pool:
        for _ in range(5):
            head = b"POST /short HTTP/1.1\r\nHost: nginx\r\nContent-Length: %d\r\n\r\n" % size
            status, body = await ask(pool, head, bytes(size))
            assert (status, b"Too Large" in body) == (413, True)
            assert await ask(pool, get("/empty")) == (204, b"")


async def test_a_connection_nginx_has_had_enough_of_is_replaced(nginx: Nginx) -> None:
    async with pooled(nginx.plain) as pool:
        for _ in range(20):
            assert await ask(pool, get("/tired")) == (200, b"ok")


async def test_a_connection_nginx_closed_at_rest_is_forgotten(nginx: Nginx) -> None:
    async with pooled(nginx.plain) as pool:
        assert await ask(pool, get("/brief")) == (200, b"ok")
        await until(lambda: pool._open == 0)
        assert await ask(pool, get("/brief")) == (200, b"ok")


async def test_a_bad_gateway_is_an_answer_like_others(nginx: Nginx) -> None:
    async with pooled(nginx.plain) as pool:
        status, _ = await ask(pool, get("/down"))
        assert status == 502
        assert await ask(pool, get("/empty")) == (204, b"")
        assert pool._open == 1


async def test_a_large_answer_given_up_leaves_nothing(nginx: Nginx) -> None:
    async with pooled(nginx.plain) as pool:
        for _ in range(20):
            with closing(await pool.exchange([get("/large")])) as answer:
                await answer.read()
        await until(lambda: pool._open == 0)
