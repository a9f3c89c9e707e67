"""Facts and policies for the tests."""

from weighbridge.routing.policy.facts import Facts
from weighbridge.routing.policy.reading import read_policy
from weighbridge.routing.policy.rules import Decision, Policy, Who, decide

ALICE = Who("key-alice", "alice")


def facts(**known: object) -> Facts:
    """An endpoint of which only this is known."""
    return Facts(**{"model": "lab/one", "provider": "near", "upstream_model": "one", **known})  # type: ignore[arg-type]  # a table's rows


def policy(*lines: str) -> Policy:
    """A policy of these lines."""
    return read_policy("\n".join(lines), "policy.toml")


def decided(found: Facts, *lines: str, who: Who = ALICE) -> Decision:
    """What a policy of these lines says."""
    return decide([policy(*lines)], found, who)
