"""A policy, obeyed on every path that asks a provider, followed when its file changes, and entered with each answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.gateway.house import ASKED, PATIENCE, Answer, Gateway, furnished, house
from tests.gateway.test_responses_socket import connected
from tests.gateway.upstream import Call, Upstream, plainly
from weighbridge import audit_log, db
from weighbridge.accounts import keys
from weighbridge.accounts.keys import Labels
from weighbridge.app.auditing import Auditor
from weighbridge.app.worker import Worker
from weighbridge.errors import PolicyError
from weighbridge.ledger.audit import tallies
from weighbridge.ledger.policies import PUT_IN_FORCE, in_force, texts
from weighbridge.routing.policy.law import facts_in

MODEL = "qwen/qwen3-32b"
EU_FOR_PERSONAL_DATA = """
[[deny]]
name = "personal data stays in the EU"
contains = "personal-data"
unless.jurisdiction.country = ["EU", "local"]
unless.jurisdiction.region = ["EU", "local"]
"""
PERSONAL = "x-weighbridge-tags: personal-data\r\n"


def provider(name: str, port: int, facts: str = "", *, price: str = "1", models: tuple[str, ...] = (MODEL,)) -> str:
    """Settings for a provider with these facts that serves the models at this price."""
    listed = "".join(
        f'[[providers.{name}.models]]\nid = "{each.partition("/")[2]}"\nmodel = "{each}"\n'
        f'input = "{price}"\noutput = "{price}"\n'
        for each in models
    )
    return f'[providers.{name}]\nbase_url = "http://127.0.0.1:{port}/v1"\n{facts}\n{listed}'


EUROPEAN = 'country = "FR"\nregion = "EU"\nretention_days = 0\ntrains = false'
AMERICAN = 'country = "US"\nregion = "US"\nretention_days = 30\ntrains = false'


class Town:
    """A gateway under a policy file, in front of a dear European provider and a cheap American one."""

    def __init__(self, gateway: Gateway, file: Path, european: Upstream, american: Upstream) -> None:
        self.gateway = gateway
        self.file = file
        self.european = european
        self.american = american

    @property
    def asked(self) -> tuple[int, int]:
        """How often each provider was asked."""
        return len(self.european.calls), len(self.american.calls)

    def key(self, name: str, **labels: object) -> str:
        """A key with labels."""
        with closing(db.connect(self.gateway.ledger)) as connection:
            made = Labels(**labels)  # type: ignore[arg-type]  # a test's words
            return keys.create(connection, name=name, now=datetime.now(UTC), labels=made)[1]

    async def until(self, status: int, headers: str = "") -> Answer:
        """Ask until the answer has this status: within the second in which the policy is looked at, and some."""
        async with asyncio.timeout(PATIENCE):
            while (answer := await self.gateway.ask({**ASKED, "model": MODEL}, headers=headers)).status != status:  # noqa: ASYNC110 - read by the clock
                await asyncio.sleep(0.02)
        return answer


@asynccontextmanager
async def town(tmp_path: Path, policy: str, *, extra: str = "", american: str = AMERICAN) -> AsyncIterator[Town]:
    """The gateway and its two providers, for one test."""
    east, west = Upstream(plainly, models=()), Upstream(plainly, models=())
    await east.listen()
    await west.listen()
    file = tmp_path / "policy.toml"
    file.write_text(policy)
    toml = (
        f'[server]\ndrain_seconds = 0.2\n[routing]\nsort = "price"\nretries = 0\n[policy]\nfile = "{file}"\n{extra}\n'
        + provider("europe", east.port, EUROPEAN, price="2")
        + provider("america", west.port, american, price="1", models=(MODEL, "deepseek/deepseek-r1"))
    )
    try:
        async with house(tmp_path / "home", toml) as gateway:
            yield Town(gateway, file, east, west)
    finally:
        await east.close()
        await west.close()


async def test_what_is_marked_goes_where_it_may_and_all_else_where_it_is_cheap(tmp_path: Path) -> None:
    async with town(tmp_path, EU_FOR_PERSONAL_DATA) as here:
        asked = {**ASKED, "model": MODEL}
        assert (await here.gateway.ask(asked)).status == 200
        assert here.asked == (0, 1)
        assert (await here.gateway.ask(asked, headers=PERSONAL)).status == 200
        assert here.asked == (1, 1)
        free, bound = here.gateway.entries()
    assert (free.provider, free.tags, bound.provider, bound.tags) == ("america", (), "europe", ("personal-data",))
    assert free.decided is not None
    assert bound.decided is not None
    assert bound.decided.rule == "policy.toml: default"
    (facts,) = facts_in(bound.decided.facts or "")
    assert (facts.endpoint, facts.region, facts.licence) == ("europe/qwen3-32b", "EU", "Apache-2.0")
    assert free.decided.policy == bound.decided.policy


async def test_a_keys_tag_holds_for_every_request_and_none_can_take_it_off(tmp_path: Path) -> None:
    async with town(tmp_path, EU_FOR_PERSONAL_DATA) as here:
        clinic = here.key("clinic", tags=("personal-data",), project="ward-3", organisation="hospital")
        await here.gateway.until("/v1/models", clinic, 200)
        for headers in ("", "x-weighbridge-tags: public\r\n", "x-weighbridge-tags:\r\n"):
            answer = await here.gateway.ask({**ASKED, "model": MODEL}, key=clinic, headers=headers)
            assert answer.status == 200
        assert here.asked == (3, 0)
        first, second, _ = here.gateway.entries()
    assert (first.organisation, first.project, first.tags) == ("hospital", "ward-3", ("personal-data",))
    assert (second.tags, second.key_tags) == (("personal-data", "public"), ("personal-data",))


async def test_a_refusal_names_the_rule_and_what_would_pass_and_is_entered(tmp_path: Path) -> None:
    async with town(tmp_path, EU_FOR_PERSONAL_DATA) as here:
        asked = {**ASKED, "model": "deepseek/deepseek-r1"}
        answer = await here.gateway.ask(asked, headers=PERSONAL)
        assert here.asked == (0, 0)
        (entry,) = here.gateway.entries()
    assert (answer.status, answer.error["code"], answer.error["param"]) == (403, "policy_refused", "model")
    message = str(answer.error["message"])
    assert "rule 'policy.toml: personal data stays in the EU'" in message
    assert "america/deepseek-r1: jurisdiction.country is US, jurisdiction.region is US" in message
    assert "What passes: jurisdiction.country in EU, local and jurisdiction.region in EU, local." in message
    assert f"These would pass: {MODEL} at europe." in message
    assert (entry.ending, entry.error, entry.charge) == ("refused", "policy_refused", None)
    assert entry.decided is not None
    assert entry.decided.rule == "policy.toml: personal data stays in the EU"
    assert entry.decided.facts is None


REFUSED = "deepseek/deepseek-r1"
MESSAGES = [{"role": "user", "content": "Say hello."}]
PATHS: dict[str, object] = {
    "/v1/chat/completions": {"model": REFUSED, "messages": MESSAGES},
    "/v1/completions": {"model": REFUSED, "prompt": "Say"},
    "/v1/embeddings": {"model": REFUSED, "input": "Say"},
    "/v1/rerank": {"model": REFUSED, "query": "Say", "documents": ["a", "b"]},
    "/v1/messages": {"model": REFUSED, "max_tokens": 5, "messages": MESSAGES},
    "/v1/messages/count_tokens": {"model": REFUSED, "messages": MESSAGES},
    "/v1/responses": {"model": REFUSED, "input": "Say"},
    "/v1/responses/compact": {"model": REFUSED, "input": "Say"},
    "/api/v1/chat/completions": {"model": REFUSED, "messages": MESSAGES},
    "/api/v1/completions": {"model": REFUSED, "prompt": "Say"},
    "/api/v1/embeddings": {"model": REFUSED, "input": "Say"},
    "/api/v1/rerank": {"model": REFUSED, "query": "Say", "documents": ["a", "b"]},
    "/api/v1/messages": {"model": REFUSED, "max_tokens": 5, "messages": MESSAGES},
    "/api/v1/responses": {"model": REFUSED, "input": "Say"},
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("target", PATHS)
async def test_every_path_to_a_provider_obeys_in_its_own_shape(tmp_path: Path, target: str, streamed: bool) -> None:
    body = PATHS[target]
    assert isinstance(body, dict)
    asked = {**body, "stream": True} if streamed and "embed" not in target and "rerank" not in target else body
    if target.endswith(("count_tokens", "compact")):
        asked = body
    async with town(tmp_path, EU_FOR_PERSONAL_DATA) as here:
        answer = await here.gateway.ask(asked, target=target, headers=PERSONAL)
        assert here.asked == (0, 0)
    assert answer.status == 403, answer.body
    assert "personal data stays in the EU" in str(answer.error["message"])
    if target.endswith(("messages", "count_tokens")):
        assert (answer.document["type"], answer.error["type"]) == ("error", "permission_error")
    elif target.startswith("/api"):
        assert answer.error["code"] == (403 if "responses" not in target else "policy_refused")
    else:
        assert answer.error["code"] == "policy_refused"


async def test_a_fallback_that_may_answers_for_one_that_may_not(tmp_path: Path) -> None:
    async with town(tmp_path, EU_FOR_PERSONAL_DATA) as here:
        body = {"model": REFUSED, "models": [MODEL], "messages": MESSAGES}
        answer = await here.gateway.ask(body, target="/api/v1/chat/completions", headers=PERSONAL)
        assert answer.status == 200
        assert here.asked == (1, 0)


async def test_a_name_at_a_provider_is_no_way_around(tmp_path: Path) -> None:
    async with town(tmp_path, EU_FOR_PERSONAL_DATA) as here:
        for name in ("america/deepseek-r1", "america/anything-at-all", "america/qwen3-32b"):
            answer = await here.gateway.ask({**ASKED, "model": name}, headers=PERSONAL)
            assert (answer.status, answer.error["code"]) == (403, "policy_refused"), name
        wanted = {"only": ["america"], "allow_fallbacks": True}
        body = {**ASKED, "model": MODEL, "provider": wanted}
        answer = await here.gateway.ask(body, target="/api/v1/chat/completions", headers=PERSONAL)
        assert answer.status in {403, 404}
        assert here.asked == (0, 0)


async def test_a_stranger_may_be_any_model_so_that_a_rule_on_models_holds_for_it(tmp_path: Path) -> None:
    policy = '[[deny]]\nname = "no deepseek"\nwhen.model = "deepseek/*"\n'
    async with town(tmp_path, policy) as here:
        assert (await here.gateway.ask({**ASKED, "model": MODEL})).status == 200
        answer = await here.gateway.ask({**ASKED, "model": "europe/deepseek-r1-under-another-name"})
        assert (answer.status, answer.error["code"]) == (403, "policy_refused")


async def test_a_rule_on_models_holds_whatever_the_case(tmp_path: Path) -> None:
    async with town(tmp_path, '[[deny]]\nname = "no such"\nwhen.model = ["Qwen/*", "DeepSeek/DeepSeek-R1"]\n') as here:
        for model in (MODEL, "deepseek/deepseek-r1"):
            assert (await here.gateway.ask({**ASKED, "model": model})).status == 403
        assert here.asked == (0, 0)


async def test_each_refusal_names_the_rule_of_the_endpoints_that_its_own_name_means(tmp_path: Path) -> None:
    policy = "".join(f'[[deny]]\nname = "no {each}"\nwhen.jurisdiction.country = "{each}"\n' for each in ("US", "FR"))
    async with town(tmp_path, policy) as here:
        for name, rule in (("america", "no US"), ("europe", "no FR")):
            answer = await here.gateway.ask({**ASKED, "model": f"{name}/qwen3-32b"})
            message = str(answer.error["message"])
            assert f"rule 'policy.toml: {rule}': {name}/qwen3-32b: jurisdiction.country" in message
        rules = [entry.decided.rule for entry in here.gateway.entries() if entry.decided is not None]
    assert rules == ["policy.toml: no US", "policy.toml: no FR"]


async def test_failover_stays_within_the_policy_and_each_endpoint_is_entered(tmp_path: Path) -> None:
    async def fails(call: Call) -> None:
        await call.answer({"error": {"message": "down"}}, 500)

    async with town(tmp_path, EU_FOR_PERSONAL_DATA) as here:
        here.european.script = fails
        assert (await here.gateway.ask({**ASKED, "model": MODEL}, headers=PERSONAL)).status == 502
        assert here.asked[1] == 0
        here.european.script, here.american.script = plainly, fails
        assert (await here.gateway.ask({**ASKED, "model": MODEL})).status == 200
        entry = here.gateway.entries()[-1]
    assert entry.decided is not None
    assert [each.endpoint for each in facts_in(entry.decided.facts or "")] == ["america/qwen3-32b", "europe/qwen3-32b"]


async def test_what_is_not_known_of_an_endpoint_does_not_pass(tmp_path: Path) -> None:
    async with town(tmp_path, '[[deny]]\nname = "kept"\nunless.data.retention_days = 30\n', american="") as here:
        answer = await here.gateway.ask({**ASKED, "model": REFUSED})
        assert answer.status == 403
        assert "data.retention_days is not known" in str(answer.error["message"])
        assert (await here.gateway.ask({**ASKED, "model": MODEL})).status == 200
        assert here.asked == (1, 0)


async def test_a_changed_policy_counts_within_about_a_second(tmp_path: Path) -> None:
    async with town(tmp_path, EU_FOR_PERSONAL_DATA) as here:
        await here.until(200)
        began = asyncio.get_running_loop().time()
        here.file.write_text('[[deny]]\nname = "closed"\nwhen.local = false\n')
        answer = await here.until(403)
        assert asyncio.get_running_loop().time() - began < 2
        assert "'policy.toml: closed'" in str(answer.error["message"])
        assert len({entry.decided.policy for entry in here.gateway.entries() if entry.decided}) == 2


@pytest.mark.parametrize("broken", ["", "[[deny]", '[[deny]]\nname = "x"\nwhen.locl = true', None])
async def test_a_broken_policy_leaves_the_one_before_in_force_and_says_so(
    tmp_path: Path, broken: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    async with town(tmp_path, EU_FOR_PERSONAL_DATA) as here:
        if broken is None:
            here.file.unlink()
        else:
            here.file.write_text(broken)
        async with asyncio.timeout(PATIENCE):
            while not json.loads((await here.gateway.get("/readyz")).body)["warnings"]:  # noqa: ASYNC110 - read by the clock
                await asyncio.sleep(0.02)
        answer = await here.gateway.ask({**ASKED, "model": REFUSED}, headers=PERSONAL)
        assert (answer.status, answer.error["code"]) == (403, "policy_refused")
        ready = await here.gateway.get("/readyz")
        assert (ready.status, "stays in force" in ready.body.decode()) == (200, True)
        assert "the policy is broken" in caplog.text
        here.file.write_text('[[deny]]\nname = "closed"\nwhen.local = false\n')
        await here.until(403)
        assert json.loads((await here.gateway.get("/readyz")).body)["warnings"] == []


async def test_a_file_that_no_setting_names_counts_once_it_is_there_and_is_lifted_by_its_own_word_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    upstream = Upstream(plainly, models=())
    await upstream.listen()
    file = tmp_path / "home" / "policy.toml"
    try:
        async with house(tmp_path / "home", provider("america", upstream.port, AMERICAN)) as gateway:
            here = Town(gateway, file, upstream, upstream)
            await here.until(200)
            file.write_text('# nobody is to be asked\n[[deny]]\nname = "closed"\nwhen.local = false\n')
            await here.until(403)
            for half in ("", "# nobody is to be asked\n", None):
                file.unlink() if half is None else file.write_text(half)
                async with asyncio.timeout(PATIENCE):
                    while not json.loads((await gateway.get("/readyz")).body)["warnings"]:  # noqa: ASYNC110 - read by the clock
                        await asyncio.sleep(0.02)
                assert (await gateway.ask({**ASKED, "model": MODEL})).status == 403
                file.write_text(f'[[deny]]\nname = "closed still, {half!r:.3}"\nwhen.local = false\n'.replace("'", ""))
                async with asyncio.timeout(PATIENCE):
                    while json.loads((await gateway.get("/readyz")).body)["warnings"]:  # noqa: ASYNC110 - read by the clock
                        await asyncio.sleep(0.02)
            assert "is empty: write rules" in caplog.text
            file.write_text('default = "allow"\n')
            await here.until(200)
            file.unlink()
            with closing(db.connect(gateway.ledger)) as connection:
                report = Auditor(in_force(connection), texts(connection), {}).report(tallies(connection))
                changes = [
                    row.change.after for row in audit_log.rows(connection, audit_log.Wanted(action=PUT_IN_FORCE))
                ]
            assert report.violations == []
            assert report.without_policy >= 2
            assert changes[-1] == {"policy": None}
            assert gateway.entries()[-1].decided is None
    finally:
        await upstream.close()


@pytest.mark.parametrize(
    ("policy", "ready", "complaint"),
    [
        (
            '[[deny]]\nname = "x"\nwhen.locl = true',
            "",
            "policy.toml, line 3, deny\\[0\\].when.locl: .* did you mean 'local'",
        ),
        (EU_FOR_PERSONAL_DATA, 'ready = ["loca-only"]', "did you mean 'local-only'"),
        (" \n", "", "is empty"),
    ],
)
async def test_with_a_broken_policy_nothing_starts(tmp_path: Path, policy: str, ready: str, complaint: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(policy)
    settings, _ = furnished(tmp_path / "home", f'[policy]\nfile = "{file}"\n{ready}\n', {})
    with pytest.raises(PolicyError, match=complaint):
        Worker(settings, ())


async def test_ready_made_policies_hold_beside_ones_own(tmp_path: Path) -> None:
    async with town(tmp_path, EU_FOR_PERSONAL_DATA, extra='ready = ["permissive-only", "open-weights-only"]') as here:
        assert (await here.gateway.ask({**ASKED, "model": MODEL})).status == 200
        answer = await here.gateway.ask({**ASKED, "model": "america/unheard-of"})
        assert "permissive-only: only permissive licences" in str(answer.error["message"])


async def test_nothing_is_entered_of_a_policy_where_there_is_none(gateway: Gateway) -> None:
    await gateway.ask()
    (entry,) = gateway.entries()
    assert (entry.decided, entry.tags, entry.organisation) == (None, (), None)
    with closing(db.connect(gateway.ledger)) as connection:
        rows = [connection.execute(f"SELECT count(*) FROM {each}").fetchone()[0] for each in ("policy", "facts")]
    assert rows == [0, 0]


async def test_facts_are_written_once_for_all_entries_that_rest_on_them(tmp_path: Path) -> None:
    async with town(tmp_path, EU_FOR_PERSONAL_DATA) as here:
        for _ in range(5):
            await here.gateway.ask({**ASKED, "model": MODEL})
        with closing(db.connect(here.gateway.ledger)) as connection:
            counts = [
                connection.execute(f"SELECT count(*) FROM {each}").fetchone()[0]
                for each in ("entry", "kind", "facts", "policy", "policy_in_force")
            ]
        assert counts == [5, 1, 1, 1, 1]
        decided = here.gateway.entries()[0].decided
    assert decided is not None
    assert msgspec.json.decode(decided.facts or "")[0]["provider_country"] == "US"


async def test_a_websocket_obeys_and_goes_on(tmp_path: Path) -> None:
    async with town(tmp_path, EU_FOR_PERSONAL_DATA) as here:
        clinic = here.key("clinic", tags=("personal-data",))
        await here.gateway.until("/v1/models", clinic, 200)
        asked = {"type": "response.create", "input": "Say hello.", "store": False}
        async with connected(here.gateway, clinic) as session:
            refused = (await session.answer({**asked, "model": REFUSED}))[-1]
            assert "personal data stays in the EU" in json.dumps(refused)
            assert here.asked == (0, 0)
            served = (await session.answer({**asked, "model": MODEL}))[-1]
            assert (served["type"], here.asked) == ("response.completed", (1, 0))


async def test_under_traffic_and_changes_of_the_policy_every_entry_passes_the_audit(tmp_path: Path) -> None:
    closed = '[[deny]]\nname = "closed"\nwhen.jurisdiction.country = "US"\n'
    async with town(tmp_path, EU_FOR_PERSONAL_DATA) as here:
        done = asyncio.Event()

        async def ask_on(headers: str) -> None:
            while not done.is_set():
                await here.gateway.ask({**ASKED, "model": MODEL}, headers=headers)

        asking = [asyncio.create_task(ask_on(headers)) for headers in ("", PERSONAL, "x-weighbridge-tags: a\r\n")]
        for text in (closed, EU_FOR_PERSONAL_DATA, closed):
            before = _hashes(here.gateway)
            here.file.write_text(text)
            async with asyncio.timeout(PATIENCE):
                while len(_hashes(here.gateway)) == len(before):  # noqa: ASYNC110 - read by the clock
                    await asyncio.sleep(0.05)
        done.set()
        await asyncio.gather(*asking)
        with closing(db.connect(here.gateway.ledger)) as connection:
            report = Auditor(in_force(connection), texts(connection), {}).report(tallies(connection))
        assert report.violations == []
        assert report.within == report.entries > 20
        assert len({entry.decided.policy for entry in here.gateway.entries() if entry.decided}) == 2


def _hashes(gateway: Gateway) -> list[object]:
    with closing(db.connect(gateway.ledger)) as connection:
        return [row.since for row in in_force(connection)]
