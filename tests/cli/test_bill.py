"""`weighbridge bill` over ledgers of known entries."""

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from tests.cli.conftest import Shell
from weighbridge import db
from weighbridge.catalog.load import load
from weighbridge.ledger import store
from weighbridge.ledger.cost import cost
from weighbridge.ledger.entry import Attempt, Charge, Entry
from weighbridge.wire.usage import Usage

DAY = datetime(2025, 1, 17, 20, tzinfo=UTC)
CATALOG = load(["openai", "deepseek"], when=None)


def answered(number: int, model: str, usage: Usage, *, at: datetime = DAY, **more: object) -> Entry:
    """An answer by OpenAI or DeepSeek, at what it cost on that day."""
    provider = model.partition("/")[0]
    (endpoint,) = (each for each in CATALOG.models[model].endpoints if each.provider == provider)
    row = endpoint.price_at(at)
    assert row is not None
    since = None if row.since is None else row.since.isoformat()
    made = Entry(
        id=f"wbr-{int(at.timestamp() * 1000):012x}{number:020x}",
        at=at,
        key="key-1",
        asked_model=model,
        model=model,
        provider=provider,
        upstream_model=endpoint.upstream_model,
        upstream_request=None,
        ending="complete",
        status=200,
        error=None,
        streamed=False,
        charge=Charge(usage, "provider", cost(usage, row), row.id, row.source, since),
        first_byte=0.25,
        duration=1.5,
        attempts=(Attempt(provider, endpoint.upstream_model, None, 1.5),),
    )
    return replace(made, **more)


READS = answered(1, "openai/gpt-4o", Usage(100_000, 0), key="reads")
WRITES = answered(2, "openai/gpt-4o", Usage(0, 100_000), key="writes", at=DAY + timedelta(days=1))


def ledger(shell: Shell, entries: Sequence[Entry]) -> Shell:
    shell.good("keys", "create", "alice")
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        store.add(connection, entries)
    return shell


def document(shell: Shell, *arguments: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(shell.good("bill", "--month", "2025-01", "--json", *arguments))


def test_the_bill_is_told_by_provider_model_and_price_and_ends_with_the_total(shell: Shell) -> None:
    later = answered(3, "deepseek/deepseek-chat", Usage(1_000_000, 0), at=DAY.replace(month=2, day=10))
    ledger(shell, [READS, WRITES, replace(later, at=DAY)])
    lines = shell.good("bill", "--month", "2025-01").splitlines()
    assert lines[0] == "2025-01 (UTC): $1.52"
    assert lines[2] == "requests"
    head, first, second, total = (line.split("\t") for line in lines[3:])
    assert head == ["provider", "model", "price", "requests", "tokens in", "cached", "tokens out", "reasoning",
                    "estimated", "unpriced", "cost"]  # fmt: skip
    assert first == ["openai", "openai/gpt-4o", "genai-prices:openai/gpt-4o", "2", "100000", "0", "100000", "0", "0",
                     "0", "$1.25"]  # fmt: skip
    assert second[2] == "weighbridge:deepseek/deepseek-chat@2025-02-08 since 2025-02-08"
    assert (total[0], total[-1]) == ("total", "$1.52")


def test_what_is_estimated_unpriced_put_right_or_taken_over_is_told_apart(shell: Shell) -> None:
    charge = READS.charge
    assert charge is not None
    entries = [
        READS,
        replace(READS, id="wbr-2", charge=replace(charge, counted_by="estimate")),
        replace(READS, id="wbr-3", charge=replace(charge, cost=None)),
        replace(
            READS,
            id="wbr-4",
            corrects="wbr-2",
            charge=Charge(Usage(-40_000, 0), "provider", Decimal("-0.1"), None, None, None),
        ),
        replace(READS, id="wbr-5", imported="a file"),
        replace(READS, id="wbr-6", charge=None, ending="refused", status=404, model=None),
    ]
    found = document(ledger(shell, entries))
    parts = {part: found[part]["total"] for part in ("requests", "adjustments", "imported")}
    assert {part: (total["entries"], total["cost"]) for part, total in parts.items()} == {
        "requests": (4, "0.5"), "adjustments": (1, "-0.1"), "imported": (1, "0.25"),
    }  # fmt: skip
    assert [parts["requests"][name] for name in ("idle", "estimated", "unpriced")] == [1, 1, 1]
    assert found["cost"] == "0.65"
    said = shell.good("bill", "--month", "2025-01")
    assert "1 have no known price" in said
    assert "1 were counted by nobody" in said


def test_the_public_ratios_come_out_on_their_day(shell: Shell) -> None:
    """GPT-4o against DeepSeek-V3 on 2025-01-17: 17.9 times in, 35.7 times out."""
    ledger(shell, [READS, WRITES])
    found = document(shell, "--on", "deepseek-v3", "--provider", "deepseek", "--by", "key", "--text", "english")
    (on,) = found["on"]
    told = {each["key"]: each["equal_tokens"]["multiple"]["times"] for each in on["segments"]}
    assert {key: round(times, 1) for key, times in told.items()} == {"reads": 17.9, "writes": 35.7}
    assert on["prices"] == ["weighbridge:deepseek/deepseek-chat@2024-12-26"]
    own = {each["key"]: each["multiple"]["times"] for each in on["segments"]}
    assert own["reads"] < told["reads"]


def test_on_the_same_model_it_is_the_same_bill_to_the_last_digit(shell: Shell) -> None:
    many = [answered(n, "openai/gpt-4o", Usage(1000 + n, 7 * n, cached=n, reasoning=0)) for n in range(1, 40)]
    (on,) = document(ledger(shell, many), "--on", "openai/gpt-4o", "--provider", "openai")["on"]
    assert on["recorded"] == on["there"] == on["low"] == on["high"]
    assert "  the same\n" in shell.good("bill", "--month", "2025-01", "--on", "gpt-4o", "--provider", "openai")


def test_segments_are_by_model_key_and_day_in_detail_and_add_up(shell: Shell) -> None:
    (on,) = document(ledger(shell, [READS, WRITES]), "--on", "deepseek-v3", "--provider", "deepseek", "--detail")["on"]
    assert [(each["model"], each["key"], each["day"]) for each in on["segments"]] == [
        ("openai/gpt-4o", "reads", "2025-01-17"), ("openai/gpt-4o", "writes", "2025-01-18"),
    ]  # fmt: skip
    for figure in ("recorded", "there", "low", "high"):
        assert sum(Decimal(each[figure]) for each in on["segments"]) == Decimal(on[figure])


def test_what_cannot_be_compared_is_said(shell: Shell) -> None:
    early = answered(1, "openai/o1", Usage(1000, 10), at=datetime(2025, 1, 10, tzinfo=UTC))
    late = answered(2, "openai/o1", Usage(1000, 10), at=datetime(2025, 1, 25, tzinfo=UTC))
    said = ledger(shell, [early, late])
    text = said.good("bill", "--month", "2025-01", "--on", "deepseek/deepseek-r1", "--provider", "deepseek")
    assert "NOT compared: 1 that came on days on which it was not offered there ($0.0156 here)" in text
    assert "  1 request: $0.0156 here" in text


def test_what_the_policy_keeps_from_who_asked_is_not_compared(shell: Shell) -> None:
    ledger(shell, [READS, replace(READS, id="wbr-2", tags=("personal-data",), key_tags=("personal-data",))])
    folder = shell.home.parent
    (folder / "policy.toml").write_text('[[deny]]\nname = "at home"\ncontains = "personal-data"\n')
    (folder / "weighbridge.toml").write_text('[policy]\nfile = "policy.toml"\n')
    (on,) = document(shell, "--on", "deepseek-v3", "--provider", "deepseek")["on"]
    assert on["requests"] == 1
    assert [(gap["why"], gap["requests"], gap["recorded"]) for gap in on["not_compared"]] == [
        ("not allowed", 1, "0.25")
    ]


def test_models_whose_tokenizer_nobody_knows_are_said_to_be_assumed(shell: Shell) -> None:
    said = ledger(shell, [READS]).good("bill", "--month", "2025-01", "--on", "anthropic/claude-sonnet-4.6")
    assert "openai/gpt-4o: assumed 1.0 tokens for one, range 0.8 to 1.3" in said


def test_the_cheapest_endpoint_is_taken_where_none_is_named(shell: Shell) -> None:
    (on,) = document(ledger(shell, [READS]), "--on", "deepseek/deepseek-chat")["on"]
    assert (on["provider"], on["endpoints_compared"] > 1) == ("deepseek", True)


def test_a_month_of_nothing_says_so(shell: Shell) -> None:
    ledger(shell, [READS])
    result = shell.run("bill", "--month", "2024-02")
    assert result.exit_code == 0
    assert "No requests in this month." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--month", "2025-13"], 2, "'2025-13' is not a month such as 2026-11"),
        (["--on", "no/such-model"], 1, "there is no model 'no/such-model'"),
        (["--on", "deepseek-r2"], 1, "did you mean deepseek/deepseek-r1"),
        (["--on", "gpt-4o", "--provider", "mars"], 1, "openai/gpt-4o is not served by mars"),
        (["--on", "gpt-4o", "--text", "klingon"], 2, "'klingon' was not measured; there are arabic"),
        (["--on", ","], 2, "it names nothing"),
        (["--detail"], 2, "--provider, --text and --detail need --on"),
        (["--by", "moon"], 2, "'moon' is not one of 'model'"),
    ],
)
def test_what_makes_no_sense_is_told(shell: Shell, arguments: list[str], code: int, said: str) -> None:
    ledger(shell, [READS])
    assert said in shell.fails(code, ["bill", *arguments])
