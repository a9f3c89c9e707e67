"""A month on open models: who is held against it, and what comes of it."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.ledger.made_up import charge, entry
from weighbridge import config, db
from weighbridge.app.lately import Lately
from weighbridge.app.open_month import OpenMonth, open_month
from weighbridge.catalog.model import Catalog, Endpoint, Model, Price, Rate
from weighbridge.catalog.tokenizers import Tokenizers
from weighbridge.config import Settings
from weighbridge.ledger import store
from weighbridge.ledger.within import ALL, Within
from weighbridge.wire.usage import Usage

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIRST = NOW.replace(day=1, hour=0)


def price(input_: str, output: str) -> Price:
    return Price(f"list:{input_}", "a list", Rate(Decimal(input_)), Rate(Decimal(output)))


def model(id_: str, input_: str, output: str, **more: object) -> Model:
    made = {
        "open_weights": True,
        "tools": True,
        "reasoning": True,
        "total_params": 200_000_000_000,
        "released": date(2026, 6, 1),
        "endpoints": (Endpoint("far", id_, id_, (price(input_, output),)),),
        **more,
    }
    return Model(id_, **made)  # type: ignore[arg-type] # whatever fields


def catalog(*models: Model) -> Catalog:
    return Catalog({each.id: each for each in models})


SERVED = Endpoint("far", "x", "open/gone", (price("1", "4"),))
DEAR = model("closed/dear", "5", "20", open_weights=False, total_params=None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = config.read({}, {"HOME": str(tmp_path)}, here=tmp_path)
    made.home.mkdir(parents=True)
    with closing(db.connect(made.ledger_path)) as connection:
        db.migrate(connection)
        spent = charge("10", Usage(1_000_000, 250_000))
        store.add(
            connection,
            [
                entry(
                    at=NOW - timedelta(hours=1),
                    model="closed/dear",
                    provider="maker",
                    charge=spent,
                    organisation="acme",
                ),
                entry(at=NOW - timedelta(hours=1), model="closed/dear", provider="maker", charge=spent),
                entry(at=FIRST.replace(month=10), model="closed/dear", charge=spent),
                entry(at=NOW - timedelta(hours=1), model="closed/dear", charge=charge("0", Usage(5, 5), "cache")),
            ],
        )
    return made


def month(settings: Settings, *others: Model, within: Within = ALL) -> OpenMonth:
    with closing(db.connect(settings.ledger_path)) as connection:
        return open_month(
            connection, settings, catalog(DEAR, *others), Tokenizers(), since=FIRST, now=NOW, within=within
        )


def test_the_month_is_counted_again_on_what_is_cheaper(settings: Settings) -> None:
    found = month(settings, model("open/near", "1", "4"), model("open/cheap", "0.1", "0.4", reasoning=False))
    assert (found.paid, found.requests, found.least) == (Decimal(20), 3, 100_000_000_000)
    assert [each.model.id for each in found.stands] == ["open/cheap", "open/near"]
    cheap, near = found.stands
    assert (cheap.here, cheap.compared) == (Decimal(20), 3)
    assert cheap.there[0] <= cheap.there[1] <= cheap.there[2] < near.there[2]
    assert cheap.there[1] == Decimal("0.4")  # the same tokens, as both tokenizers are strange to us
    assert near.times is not None
    assert near.times.cheaper
    assert {each.text for each in found.bases} == {"assumed"}


@pytest.mark.parametrize(
    "unfit",
    [
        model("closed/other", "1", "4", open_weights=False),
        model("open/small", "1", "4", total_params=8_000_000_000),
        model("open/unknown-size", "1", "4", total_params=None),
        model("open/no-tools", "1", "4", tools=None),
        model("open/to-come", "1", "4", released=date(2027, 1, 1)),
        model("open/as-dear", "5", "20"),
        model("open/free", "0", "0"),
        model("open/embeds", "1", "4", output_modalities=("embedding",)),
        model("open/no-price", "1", "4", endpoints=(Endpoint("far", "x", "open/no-price"),)),
        model("open/gone", "1", "4", endpoints=(replace(SERVED, until=date(2026, 1, 1)),)),
    ],
    ids=lambda each: each.id,
)  # fmt: skip
def test_what_cannot_take_its_place_or_saves_nothing_is_not_shown(settings: Settings, unfit: Model) -> None:
    assert month(settings, unfit).stands == ()


def test_the_newest_of_each_price_class_is_shown(settings: Settings) -> None:
    many = [model(f"open/{n}", f"{n / 10}", f"{n / 2.5}", released=date(2026, n, 1)) for n in range(1, 10)]
    assert [each.model.id for each in month(settings, *many).stands] == ["open/3", "open/6", "open/9"]


def test_a_policy_keeps_out_whom_it_forbids(settings: Settings) -> None:
    settings.policy_path.write_text('[[deny]]\nname = "here"\nunless.local = true\n')
    assert month(settings, model("open/near", "1", "4")).stands == ()


async def test_only_what_somebody_sees_is_counted(settings: Settings) -> None:
    assert month(settings, model("open/near", "1", "4"), within=Within("acme")).paid == 10
    nothing = month(settings, model("open/near", "1", "4"), within=Within("nobody"))
    assert (nothing.paid, nothing.requests, nothing.stands) == (Decimal(0), 0, ())
    lately = Lately(settings, lambda: catalog(DEAR, model("open/near", "1", "4")))
    past = await lately.past(NOW.date(), ALL, wait=10)
    assert past is not None
    assert [each.requests for each in past.days.values()] == []
    tomorrow = await lately.past(date(2026, 11, 23), Within("acme"), wait=10)
    assert tomorrow is not None
    assert {day: each.requests for day, each in tomorrow.days.items()} == {NOW.date(): 1}
    found = await lately.elsewhere(NOW, ALL, wait=10)
    assert found is not None
    assert found.paid == 20
