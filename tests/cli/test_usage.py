"""`weighbridge usage`: questions of all kinds, in all forms, over a ledger of known entries."""

import csv
import io
import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from tests.cli.conftest import Shell
from tests.cli.test_ledger import ENTRY, NOW
from weighbridge import db
from weighbridge.ledger import focus, store
from weighbridge.ledger.measures import MEASURES

QWEN = replace(
    ENTRY, id="wbr-q", model="qwen/qwen3-32b", provider="groq", upstream_model="qwen/qwen3-32b", user="ann",
    tags=("ci", "personal-data"), organisation="acme", project="search",
)  # fmt: skip
CLAUDE = replace(ENTRY, id="wbr-c", model="anthropic/claude-sonnet-4", provider="anthropic", user="ben", charge=None)
LESS = replace(ENTRY, id="wbr-l", corrects="wbr-1", attempts=(), first_byte=None, duration=0.0)


@pytest.fixture
def ledger(shell: Shell) -> Shell:
    shell.good("keys", "create", "alice")
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        store.add(connection, [ENTRY, QWEN, CLAUDE, LESS])
    return shell


def table(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


def test_several_dimensions_with_what_is_unknown_as_a_group(ledger: Shell) -> None:
    head, *rows, total = table(ledger.good("usage", "--by", "country,licence,weights"))
    assert head[:4] == ["country", "licence", "weights", "requests"]
    assert sorted(row[:4] for row in rows) == [
        ["CN", "permissive", "open", "1"],
        ["US", "proprietary", "closed", "1"],
        ["unknown", "unknown", "unknown", "1"],
    ]
    assert total[:4] == ["total", "", "", "3"]
    assert total[-1] == "$0.000037037034"


def test_facts_come_with_their_sources(ledger: Shell) -> None:
    rows = json.loads(ledger.good("usage", "--by", "country", "--json"))
    sources = {row["country"]: row.get("sources") for row in rows}
    assert sources[None] is None
    assert "github.com/QwenLM" in sources["CN"][0]


@pytest.mark.parametrize(
    ("options", "requests"),
    [
        (["--where", "country=CN"], 1),
        (["--where", "user=ann", "--where", "user=ben"], 2),
        (["--project", "search"], 1),
        (["--project", "none"], 2),
        (["--model", "lab/tiny"], 1),
        (["--key", "key-1"], 3),
        (["--key", "key-2"], 0),
        (["--where", "tag=ci"], 1),
        (["--until", f"{NOW:%F}"], 0),
    ],
)
def test_only_some(ledger: Shell, options: list[str], requests: int) -> None:
    rows = json.loads(ledger.good("usage", "--json", *options))
    assert sum(row["requests"] for row in rows) == requests


def test_users_and_their_dearest(ledger: Shell) -> None:
    rows = json.loads(ledger.good("usage", "--by", "user", "--top", "1", "--json"))
    assert [(row["user"], row["requests"], row["adjustments"]) for row in rows] == [(None, 1, 1), ("(others)", 2, 0)]


def test_times_and_savings_where_they_are_asked_for(ledger: Shell) -> None:
    head, *_, total = table(ledger.good("usage", "--latency", "--savings"))
    shown = dict(zip(head, total, strict=True))
    assert (shown["first byte"], shown["duration"], shown["given again"]) == ("0.250", "1.500", "0")
    assert "first byte" not in ledger.good("usage").splitlines()[0]


def test_csv_has_all_measures_and_money_as_digits(ledger: Shell) -> None:
    rows = list(csv.DictReader(io.StringIO(ledger.good("usage", "--by", "day,model", "--csv"))))
    assert list(rows[0]) == ["day", "model", *MEASURES]
    assert sum(Decimal(row["cost"]) for row in rows) == Decimal("0.000037037034")
    assert {row["day"] for row in rows} == {f"{NOW:%F}"}


def test_parquet_has_the_same(ledger: Shell) -> None:
    file = ledger.home / "usage.parquet"
    ledger.good("usage", "--by", "lab", "--parquet", str(file))
    rows = pq.read_table(file).to_pylist()
    assert list(rows[0]) == ["lab", *MEASURES]
    assert sum(row["cost"] for row in rows) == Decimal("0.000037037034")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_focus_has_its_columns_and_all_the_cost(ledger: Shell, suffix: str) -> None:
    file = ledger.home / f"focus.{suffix}"
    ledger.good("usage", "--focus", str(file))
    rows = list(csv.DictReader(io.StringIO(file.read_text()))) if suffix == "csv" else pq.read_table(file).to_pylist()
    assert list(rows[0]) == list(focus.COLUMNS)
    assert len(rows) == 3
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal("0.000037037034")
    (qwen,) = [row for row in rows if row["ResourceId"] == QWEN.model]
    assert (qwen["ProviderName"], qwen["BillingAccountId"]) == ("Groq", "acme")
    assert json.loads(qwen["Tags"]) == {"ci": True, "personal-data": True}
    assert str(qwen["ChargePeriodStart"])[:10] == f"{NOW:%F}"


@pytest.mark.parametrize(("period", "rows"), [("hour", 5), ("day", 4), ("month", 3)])
def test_focus_takes_a_charge_together_by_the_hour_day_or_month(ledger: Shell, period: str, rows: int) -> None:
    start = datetime(NOW.year - 1, 5, 10, 12, tzinfo=UTC)
    times = [start, start + timedelta(hours=1), start + timedelta(days=1), start - timedelta(days=40), NOW]
    ones = [replace(QWEN, id=f"wbr-{n}", at=at) for n, at in enumerate(times, 10)]
    with closing(db.connect(ledger.home / "ledger.db")) as connection:
        store.add(connection, ones)
    files = ledger.home / "files"
    ledger.good("ledger", "export", "-o", str(files))
    told = []
    for number, more in enumerate(([], ["--from-parquet", str(files)])):
        file = ledger.home / f"{number}.csv"
        ledger.good("usage", "--focus", str(file), "--focus-period", period, "--where", "key=key-1", *more,
                    "--where", "provider=groq", "--since", f"{start - timedelta(days=45):%F}")  # fmt: skip
        told.append(list(csv.DictReader(io.StringIO(file.read_text()))))
    ours, theirs = told
    assert [{**row, "SubAccountName": ""} for row in ours] == theirs
    assert len(ours) == rows
    assert sum(int(row["x_Requests"]) for row in ours) == 6
    for row in ours:
        begin, end = (datetime.fromisoformat(row[f"ChargePeriod{side}"]) for side in ("Start", "End"))
        lengths = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
        assert end - begin == lengths.get(period, end - begin)
        assert (period != "month") or (begin.day == end.day == 1 and end > begin)
        assert row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]


MANDATORY = (
    "BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart ChargeCategory "
    "ChargeClass ChargeDescription ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost InvoiceIssuerName "
    "ListCost PricingQuantity PricingUnit ProviderName PublisherName ServiceCategory ServiceName"
)
NEVER_NULL = set(MANDATORY.split()) - {"BillingAccountName", "ChargeClass", "ChargeDescription"}


def test_focus_has_what_the_specification_wants(ledger: Shell) -> None:
    """Feature level "Mandatory" in specification/columns of FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec, tag v1.2."""
    file = ledger.home / "focus.parquet"
    ledger.good("usage", "--focus", str(file))
    assert set(MANDATORY.split()) <= set(focus.COLUMNS)
    for row in pq.read_table(file).to_pylist():
        assert [name for name in NEVER_NULL if row[name] is None] == []
        assert row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--by", "team"], "'team' is nothing to ask by; there are model, "),
        (["--where", "country"], "is not DIM=VALUE"),
        (["--json", "--csv"], "exclude each other"),
        (["--focus", "usage.xlsx"], "must end with .csv or .parquet"),
        (["--since", "1d", "--until", "2d"], "it is not after --since"),
    ],
)
def test_what_makes_no_sense_is_told(ledger: Shell, options: list[str], said: str) -> None:
    assert said in " ".join(ledger.fails(2, ["usage", *options]).split())


def test_files_are_asked_instead_of_the_ledger(ledger: Shell, tmp_path_factory: pytest.TempPathFactory) -> None:
    files = tmp_path_factory.mktemp("files")
    assert "holds no entries" in ledger.fails(1, ["usage", "--from-parquet", str(files)])


def test_the_sql_of_a_question_is_printed(ledger: Shell) -> None:
    said = ledger.good("usage", "--by", "country,day", "--where", "project=search", "--sql", "clickhouse")
    assert said.startswith("SELECT")
    assert all(word in said for word in ("entries", "model", "hour", "'search'", "Nullable(Decimal"))
