"""GET /v1/receipts/{id} is the ledger's entry, for the key that paid; /healthz and /readyz need none."""

from decimal import Decimal
from pathlib import Path

from tests.gateway.conftest import near
from tests.gateway.house import ASKED, Gateway, House, house
from tests.gateway.upstream import Call, Upstream
from weighbridge.gateway.receipts import receipt


async def test_a_receipt_is_the_ledgers_entry(gateway: House) -> None:
    answer = await gateway.ask()
    said = (await gateway.get(f"/v1/receipts/{answer.receipt}")).document
    entry = await gateway.entry()
    told = receipt(entry)
    assert set(said) == set(told.__struct_fields__)
    assert said["id"] == entry.id == answer.receipt
    assert (said["ending"], said["status"], said["error"], said["streamed"]) == ("complete", 200, None, False)
    assert (said["asked_model"], said["model"], said["upstream_model"]) == ("near/tiny", "near/tiny", "tiny")
    assert (said["prompt_tokens"], said["completion_tokens"], said["cached_tokens"]) == (12, 5, 4)
    assert (said["counted_by"], said["price"], said["price_source"]) == ("provider", "settings:near/tiny", "settings")
    assert entry.charge is not None
    assert Decimal(str(said["cost"])) == entry.charge.cost == Decimal(answer.headers["x-weighbridge-cost"])
    assert (said["first_byte"], said["duration"]) == (entry.first_byte, entry.duration)
    assert said["at"] == entry.at.isoformat().replace("+00:00", "Z")
    (tried,) = entry.attempts
    attempt = {"provider": "near", "upstream_model": "tiny", "error": None, "seconds": tried.seconds}
    assert said["attempts"] == [attempt | {"charge": None, "answered_as": None, "began": None}]


async def test_a_receipt_of_a_refusal_says_what_was_wrong(gateway: House) -> None:
    answer = await gateway.ask({**ASKED, "messages": []})
    said = (await gateway.get(f"/v1/receipts/{answer.receipt}")).document
    assert (said["ending"], said["status"], said["error"]) == ("refused", 400, "invalid_request")
    assert (said["cost"], said["prompt_tokens"], said["attempts"]) == (None, None, [])


async def test_a_receipt_is_shown_to_its_own_key_only(gateway: Gateway) -> None:
    other = gateway.new_key("other")
    gateway.worker._keyring.refresh()
    answer = await gateway.ask()
    strange = await gateway.get(f"/v1/receipts/{answer.receipt}", key=other)
    made_up = await gateway.get("/v1/receipts/wbr-0123", key=other)
    for each in (strange, made_up):
        assert (each.status, each.error["code"]) == (404, "not_found")
        assert "this key has no receipt" in str(each.error["message"])


async def test_a_receipt_is_there_before_the_last_byte_of_a_stream(gateway: House, upstream: Upstream) -> None:
    client = await gateway.send({**ASKED, "stream": True})
    head = await client.head()
    said = b""
    while b"[DONE]" not in said:
        said = await client.piece()
    assert [entry.id for entry in gateway.entries()] == [head.receipt]
    client.leave()


async def test_a_living_process_says_so_without_a_key(gateway: House) -> None:
    answer = await gateway.get("/healthz", key="")
    assert (answer.status, answer.document) == (200, {"status": "ok"})


async def test_a_gateway_with_a_model_is_ready(gateway: House) -> None:
    answer = await gateway.get("/readyz", key="")
    assert (answer.status, answer.document) == (200, {"status": "ready", "models": 1, "missing": [], "warnings": []})


async def test_a_gateway_without_a_model_is_not_ready_and_says_what_to_do(tmp_path: Path) -> None:
    async with house(tmp_path / "home", "") as gateway:
        answer = await gateway.get("/readyz", key="")
        asked = await gateway.ask()
    assert (answer.status, answer.document["models"]) == (503, 0)
    assert "set a provider's key" in str(answer.document["missing"])
    assert (asked.status, asked.error["code"]) == (404, "model_not_found")


async def test_no_receipt_no_answer(tmp_path: Path, upstream: Upstream) -> None:
    """The ledger goes while an answer is on its way: it is held back; new ones cost nothing; then all goes on."""

    async def script(call: Call) -> None:
        if len(upstream.calls) == 1:
            break_ledger(gateway)
        await call.answer()

    upstream.script = script
    async with house(tmp_path / "home", near(upstream)) as gateway:
        held = await gateway.ask()
        assert (held.status, held.error["code"]) == (503, "ledger_unavailable")
        assert int(held.headers["retry-after"]) >= 1
        assert b"Hello." not in held.body
        turned_away = [await gateway.ask(body) for body in (ASKED, {**ASKED, "stream": True}, b"{")]
        assert [(each.status, each.error["code"]) for each in turned_away] == [(503, "ledger_unavailable")] * 3
        assert len(upstream.calls) == 1
        ready = await gateway.get("/readyz", key="")
        assert (ready.status, ready.document["status"]) == (503, "not ready")
        assert "the ledger cannot be written" in str(ready.document["missing"])
        assert (await gateway.get("/healthz", key="")).status == 200
        mend_ledger(gateway)
        await gateway.until("/readyz", "", 200)
        assert (await gateway.ask()).status == 200
        first, second = gateway.entries()
    assert (first.id, first.ending, first.status, first.error) == (held.receipt, "stopped", 503, "ledger_unavailable")
    assert first.charge is not None
    assert second.ending == "complete"


def break_ledger(gateway: House) -> None:
    """No entry can be written."""
    gateway.sql("CREATE TRIGGER full BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'disk is full'); END")


def mend_ledger(gateway: House) -> None:
    """Entries can be written again."""
    gateway.sql("DROP TRIGGER full")


async def test_a_stream_whose_receipt_cannot_be_written_ends_with_an_error(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        break_ledger(gateway)
        await call.stream()

    upstream.script = script
    answer = await gateway.ask({**ASKED, "stream": True})
    mend_ledger(gateway)
    assert answer.status == 200
    assert b'"code":"ledger_unavailable"' in answer.body.split(b"\n\n")[-2]
    assert b"[DONE]" not in answer.body
    assert (await gateway.entry()).error == "ledger_unavailable"


async def test_what_is_kept_in_memory_does_not_grow_while_the_ledger_is_broken(gateway: House) -> None:
    break_ledger(gateway)
    await gateway.ask()
    for _ in range(20):
        await gateway.ask()
    mend_ledger(gateway)
    await gateway.until("/readyz", "", 200)
    assert len(gateway.entries()) == 1
