"""The server that machines share, from the command line: looked at, cleared, and never shown with its password."""

import json
import socket
import time
from contextlib import closing

import msgspec
import pytest

from tests.cache.made_up import kept, place
from tests.cli.conftest import Shell
from tests.ledger.test_saved import PAID
from tests.valkey import Valkey, valkey
from weighbridge import db
from weighbridge.cache import store as cache
from weighbridge.ledger import store

HIDDEN = "hidden-word"


def findings(shell: Shell) -> list[dict[str, str]]:
    result = shell.run("doctor", "--json")
    assert HIDDEN not in result.output
    return [each for each in json.loads(result.stdout) if each["about"] == "shared server"]


def dead_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"redis://:{HIDDEN}@127.0.0.1:{listening.getsockname()[1]}/1"


def keep(shell: Shell, server: Valkey, name: str, key: str) -> None:
    """An answer of a key, in the file here and on the server."""
    answer = msgspec.structs.replace(kept(at=time.time()), key=key, receipt=f"wbr-{name}")
    with closing(cache.connect(shell.home / "cache.db")) as connection:
        cache.keep(connection, [(place(name), answer)], most_bytes=10**6)
    server.say("HSET", f"weighbridge:answer:1:{place(name).id.hex()}", "v", "x", "k", key, "r", f"wbr-{name}")


def test_a_server_is_looked_at_and_what_its_memory_lacks_is_said(shell: Shell) -> None:
    assert findings(shell) == []  # none is set
    with valkey("--requirepass", HIDDEN) as server:
        shell.environ["WEIGHBRIDGE_SHARED_URL"] = server.url
        (found,) = findings(shell)
        assert (found["condition"], found["said"][:25]) == ("failed", "it wants a password: put ")
    with valkey() as server:
        shell.environ["WEIGHBRIDGE_SHARED_URL"] = server.url
        conditions = [each["condition"] for each in findings(shell)]
        assert conditions == ["ok", "note"]
        assert "no bound" in findings(shell)[1]["said"]
        server.say("CONFIG", "SET", "maxmemory", "10mb")
        assert "noeviction" in findings(shell)[1]["said"]
        server.say("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        assert [each["condition"] for each in findings(shell)] == ["ok"]


def test_one_that_is_not_there_fails_without_its_password(shell: Shell) -> None:
    shell.environ["WEIGHBRIDGE_SHARED_URL"] = dead_url()
    (found,) = findings(shell)
    assert found["condition"] == "failed"
    assert "requests go on without it" in found["next_step"]


@pytest.mark.parametrize("url", [f"http://{HIDDEN}@h", f"valkey://{HIDDEN}@h:port", f"redis://:{HIDDEN}@h/x"])
def test_no_gateway_starts_with_a_url_that_is_none(shell: Shell, url: str) -> None:
    shell.environ["WEIGHBRIDGE_SHARED_URL"] = url
    said = shell.fails(2, ["up", "--no-local", "--port", "0"])
    assert "shared.url: expected valkey://" in said
    assert HIDDEN not in said.replace("valkey://user:password@", "")


def test_clear_deletes_here_and_there(shell: Shell) -> None:
    shell.home.mkdir(mode=0o700)
    with valkey() as server:
        shell.environ["WEIGHBRIDGE_SHARED_URL"] = server.url
        for name, key in (("a", "key-1"), ("b", "key-2"), ("c", "key-2")):
            keep(shell, server, name, key)
        said = shell.good("cache", "clear", "--key", "key-2")
        assert said.splitlines()[0] == "Deleted 2 answers that machines share; 0 running workers delete their own."
        assert said.splitlines()[1] == "Deleted 2 answers."
        assert len(server.names()) == 1


def test_what_a_user_was_told_is_forgotten_here_and_there(shell: Shell) -> None:
    shell.home.mkdir(mode=0o700)
    with valkey() as server, closing(db.connect(shell.home / "ledger.db")) as connection:
        shell.environ["WEIGHBRIDGE_SHARED_URL"] = server.url
        db.migrate(connection)
        store.add(connection, [msgspec.structs.replace(PAID, id=f"wbr-{name}", user=name) for name in ("a", "b")])
        for name in ("a", "b"):
            keep(shell, server, name, "key-1")
        assert "Deleted 2 cached answers: of this user." in shell.good("forget", "--user", "a")
        assert [name[-64:] for name in server.names()] == [place("b").id.hex()]


def test_where_it_cannot_be_reached_nothing_is_deleted(shell: Shell) -> None:
    shell.home.mkdir(mode=0o700)
    with valkey() as server:
        keep(shell, server, "a", "key-1")
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        db.migrate(connection)
    shell.environ["WEIGHBRIDGE_SHARED_URL"] = dead_url()
    assert "nothing was deleted" in shell.fails(1, ["cache", "clear"])
    said = shell.fails(1, ["forget", "--user", "alice"])
    assert "nothing was deleted" in said
    assert HIDDEN not in said
    with closing(cache.connect(shell.home / "cache.db")) as connection:
        assert cache.stats(connection, now=0.0).answers == 1
