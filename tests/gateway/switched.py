"""A gateway before a large model and two small ones, and rules by which requests are moved between them."""

import functools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from tests.gateway.house import Answer, Gateway, House, house
from tests.gateway.upstream import Call, Script, Upstream, plainly
from weighbridge import db
from weighbridge.gateway.switching import InForce, Switching
from weighbridge.routing.quality.fingerprint import ANY_KEY, fingerprint
from weighbridge.routing.quality.look import Look, look, opening
from weighbridge.routing.quality.rule import Arm, Rule
from weighbridge.switch import store
from weighbridge.switch.learning.fit import fit
from weighbridge.switch.promise import knob_told
from weighbridge.switch.store import CertificateRow, RuleRow, ShadowRow

CHAT = "/v1/chat/completions"
HELLO: Mapping[str, object] = {"model": "lab/large", "messages": [{"role": "user", "content": "Say hello."}]}
ROUTE = fingerprint(ANY_KEY, "", (), "text")
PRICES = {"large": "10", "small": "2", "tiny": "1"}


class Learnt(msgspec.Struct):
    """What was learnt, as the test says it."""

    by_arm: Sequence[float] = (0.0, 0.0)
    tokens_each: float = 100.0
    stranger: str = "strange"
    asked: int = 0

    def losses(self, look: Look, route: str | None = None) -> Sequence[float]:
        self.asked += 1
        return self.by_arm

    def tokens(self, look: Look) -> Sequence[float]:
        return [self.tokens_each] * (1 + len(self.by_arm))

    def novelty(self, look: Look) -> float:
        return 9.0 if self.stranger in look.first else 1.0


LEARNT: Final = Learnt()


def rule(**other: object) -> Rule:
    """One that holds for the requests of these tests, whoever asks."""
    usual = Rule(
        route=ROUTE,
        certificate="crt-1",
        reference="lab/large",
        arms=(Arm("lab/small"), Arm("lab/tiny")),
        tau=0.1,
        novelty=2.0,
        shadow_rate=0.0,
        expires=datetime.now(UTC) + timedelta(days=1),
    )
    return msgspec.structs.replace(usual, **other)


class Scene:
    """The gateway and who stands behind it."""

    def __init__(self, gateway: Gateway, upstreams: Mapping[str, Upstream]) -> None:
        self.gateway = gateway
        self.upstreams = upstreams

    def hold(self, held: Rule, learnt: Learnt | None = LEARNT, *, slow: bool = False) -> None:
        """Have a rule in force, as if it had been read."""
        switching = self.gateway.worker.switching
        switching.switch.current = Switching(switching.planning, [InForce(held, learnt, slow)])

    async def ask(
        self, body: Mapping[str, object] = HELLO, headers: str = "", *, target: str = CHAT, **more: object
    ) -> Answer:
        """One request and its answer."""
        return await self.gateway.ask({**body, **more}, headers=headers, target=target)

    @property
    def asked(self) -> str:
        """Who was asked, and how often, in the order of their names."""
        return " ".join(f"{name}:{len(each.calls)}" for name, each in sorted(self.upstreams.items()) if each.calls)

    def sent(self, name: str) -> dict[str, object]:
        """What the last request to it said."""
        found: dict[str, object] = json.loads(self.upstreams[name].calls[-1].body)
        return found


@asynccontextmanager
async def scene(
    home: Path, toml: str = "", *, scripts: Mapping[str, Script] | None = None, facts: Mapping[str, str] | None = None
) -> AsyncIterator[Scene]:
    """A provider for each of the models, which answers plainly if no script is given. `facts` are said of it."""
    upstreams = {name: Upstream((scripts or {}).get(name, plainly), models=()) for name in PRICES}
    settings = [toml]
    for name, upstream in upstreams.items():
        await upstream.listen()
        settings.append(
            f'[providers.at-{name}]\nbase_url = "http://127.0.0.1:{upstream.port}/v1"\n{(facts or {}).get(name, "")}\n'
            f'[[providers.at-{name}.models]]\nid = "{name}-upstream"\nmodel = "lab/{name}"\n'
            f'input = "{PRICES[name]}"\noutput = "{PRICES[name]}"\n'
        )
    try:
        async with house(home, "\n".join(settings)) as gateway:
            yield Scene(gateway, upstreams)
    finally:
        for upstream in upstreams.values():
            await upstream.close()


@functools.cache
def predictor(*arms: str) -> bytes:
    """One that was fitted, and predicts a loss of about nothing for either arm."""
    asked = [look(json.dumps({"messages": [{"role": "user", "content": f"What is {n}?"}]}).encode()) for n in range(12)]
    losses = np.zeros((12, 2), np.float32)
    return fit([opening(each) for each in asked], losses, arms or ("lab/small", "lab/tiny")).save()


def put(house: House, *, number: int = 1, certificate: str = "crt-1", tau: float = 0.1, **promise: object) -> None:
    """Have a certificate that is proven in force, as `weighbridge switch apply` does."""
    document = {
        "reference": "lab/large",
        "arms": [{"model": "lab/small"}, {"model": "lab/tiny"}],
        "tau": knob_told(tau),
        "epsilon": 0.05,
        **promise,
    }
    now = datetime.now(UTC)
    blob = promise.pop("predictor", None)
    days = timedelta(days=30)
    with closing(db.connect(house.database)) as connection:
        if store.find_certificate(connection, certificate) is None:
            body = json.dumps(document, default=str).encode()
            kept = predictor() if blob is None else bytes(str(blob), "ascii")
            row = CertificateRow(certificate, "plan-1", ROUTE, now, now + days, body, kept)
            store.add_certificate(connection, row)
        assert store.add_rule(connection, RuleRow(ROUTE, number, certificate, now, tau, "proven", "applied"))


def history(house: House) -> list[RuleRow]:
    """What has held for the route of these tests, the newest first."""
    with closing(db.connect(house.database)) as connection:
        return store.history(connection, ROUTE)


def shadows(house: House) -> list[ShadowRow]:
    """Those of the certificate of these tests."""
    with closing(db.connect(house.database)) as connection:
        return store.shadows(connection, "crt-1")


async def busy(call: Call) -> None:
    """A provider that takes nothing just now."""
    await call.answer({"error": {"message": "busy"}}, status=503)
