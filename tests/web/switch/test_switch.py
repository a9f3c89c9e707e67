"""The switch in the window: a plan from a file, what stands of it, its report, rules put in force and taken back."""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
import pytest_asyncio

from tests.web.house import Browser, Page, Window, window
from tests.web.switched import MODELS, filled, lines, replay
from weighbridge import audit_log, db
from weighbridge.switch import planned, store

FORM: Mapping[str, str] = {"reference": "near/big", "source": "file", "epsilon": "5", "confidence": "95"}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bare(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Window]:
    """Without a plan; nobody makes one."""
    async with window(tmp_path_factory.mktemp("bare") / "home", MODELS, seeded=False) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def empty(tmp_path: Path) -> AsyncIterator[Window]:
    async with window(tmp_path / "home", MODELS, seeded=False) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def full(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Window]:
    """With a switch at every stage; nobody may change it."""
    folder = tmp_path_factory.mktemp("switch")
    async with window(folder / "home", MODELS, seeded=False) as made:
        plans.update(await asyncio.to_thread(filled, made.settings, folder, datetime.now(UTC)))
        yield made


plans: dict[str, str] = {}
"""Of `full`."""


def said(page: Page) -> str:
    """What a page says, without its elements."""
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", page.text).split()))


def logged(here: Window) -> list[tuple[str, str]]:
    with closing(db.connect(here.database)) as connection:
        rows = audit_log.rows(connection, audit_log.Wanted())
        return [(row.change.action, row.change.target) for row in rows if row.change.action.startswith("switch.")]


async def upload(browser: Browser, content: bytes, **fields: str) -> Page:
    """The form of a new plan with a file."""
    page = await browser.get("/switch/new")
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert token is not None
    parts = [
        f'--x\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in {**FORM, "csrf": token[1], **fields}.items()
    ]
    head = b'--x\r\ncontent-disposition: form-data; name="requests"; filename="r.jsonl"\r\n\r\n'
    body = b"".join(parts) + (head + content + b"\r\n" if content else b"") + b"--x--\r\n"
    return await browser._ask("POST", "/switch/new", body, {"content-type": "multipart/form-data; boundary=x"})


async def test_where_nothing_is_planned_the_page_shows_the_steps(bare: Window) -> None:
    text = said(await bare.browser.get("/switch"))
    assert "Have requests at hand" in text
    assert "New plan" in text


async def test_a_plan_from_a_file_says_what_it_costs_and_could_prove_before_anything_is_sent(empty: Window) -> None:
    answer = await upload(empty.browser, lines(150), to="near/small", budget="5")
    assert answer.status == 303, answer.text
    page = await empty.browser.get(answer.location)
    text = said(page)
    assert "Planned. Nothing was asked of anybody yet." in text
    assert "near/small" in text
    assert "To promise a loss of 5.0 % at most takes about 120 replays" in text
    assert "Begin the replay" in text
    assert 'name="budget" type="text" value="5"' in page.text
    id_ = answer.location.rpartition("/")[2]
    assert logged(empty) == [("switch.plan", id_)]
    (kept,) = (empty.settings.home / "switch" / "requests").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    forgotten = await empty.browser.post(f"/switch/plans/{id_}/forget", of=answer.location)
    assert (forgotten.status, forgotten.location) == (303, "/switch")
    assert not kept.exists()
    assert (await empty.browser.get(answer.location)).status == 404


@pytest.mark.parametrize(
    ("fields", "content", "field", "message"),
    [
        ({"reference": ""}, lines(3), "reference", "Fill this in"),
        ({"reference": "near/bg"}, lines(3), "reference", "did you mean near/big"),
        ({}, b"", "requests", "Choose a file"),
        ({"epsilon": "0"}, lines(3), "epsilon", "Write a number above zero"),
        ({"epsilon": "200"}, lines(3), "epsilon", "from 0.01 to 100"),
        ({"confidence": "x"}, lines(3), "confidence", "Write a number"),
        ({"to": "a@b@c"}, lines(3), "to", "is no candidate"),
        ({"to": "near/none"}, lines(3), "to", "there is no candidate for any route"),
        ({"judge": "near/none"}, lines(3), "judge", "there is no model"),
        ({"max_replays": "0"}, lines(3), "max_replays", "Write a whole number"),
        ({}, b'{"nothing": 1}\n', "source", "no request was asked of near/big"),
        ({"source": "texts"}, b"", "source", "no text is kept"),
    ],
)
async def test_what_cannot_be_planned_is_said_at_its_field_and_stays_typed(
    bare: Window, fields: dict[str, str], content: bytes, field: str, message: str
) -> None:
    page = await upload(bare.browser, content, **{"budget": "7", **fields})
    assert page.status == 422
    assert message.partition(";")[0] in said(page), said(page)
    assert f'href="#f-{field}"' in page.text
    assert 'name="budget" type="text" value="7"' in page.text
    with closing(db.connect(bare.database)) as connection:
        assert store.plans(connection) == []


async def test_a_file_that_was_handed_in_need_not_be_chosen_again(empty: Window) -> None:
    first = await upload(empty.browser, lines(150), reference="")
    kept = re.search(r'name="uploaded" value="([0-9a-f]{32})"', first.text)
    assert kept is not None
    again = await upload(empty.browser, b"", uploaded=kept[1], to="near/small")
    assert again.status == 303, said(again)
    stolen = await upload(empty.browser, b"", uploaded="../../../etc/passwd", to="near/small")
    assert stolen.status == 422


async def test_a_new_model_is_tried_on_requests_that_were_replayed_before(empty: Window) -> None:
    asked = {"to": "near/small#9, near/small", "anchors": "on", "max_replays": "130"}
    nothing = await upload(empty.browser, lines(150), **asked)
    assert nothing.status == 422
    assert 'href="#f-anchors"' in nothing.text
    assert "None of these requests has a replay whose answers are still kept." in said(nothing)
    first = await upload(empty.browser, lines(150), to="near/small")
    with closing(db.connect(empty.database)) as connection:
        row = store.find_plan(connection, first.location.rpartition("/")[2])
        assert row is not None
        await asyncio.to_thread(replay, connection, planned.decode(row.document))
    again = await upload(empty.browser, lines(150), **asked)
    assert again.status == 303, said(again)
    text = said(await empty.browser.get(again.location))
    assert "near/small#9 $0.0" in text
    assert re.search(r"near/small \$[\d.]+ [\d.]+ % 130 130 are there already \$0.00", text), text
    assert text.count("are there already") == 1


async def test_all_that_stands_is_on_one_page(full: Window) -> None:
    text = said(await full.browser.get("/switch"))
    for each in (*plans.values(), "in force", "not certified", "certified", "not begun", "replayed"):
        assert each in text
    assert "nothing: tests/1 does not grade while the gateway runs" in text
    part = await full.browser.get("/switch", X_Part="standing")
    assert "<html" not in part.text
    assert plans["proven"] in part.text


async def test_a_plan_page_shows_how_far_it_has_come_and_what_it_has_proven(full: Window) -> None:
    text = said(await full.browser.get(f"/switch/plans/{plans['proven']}"))
    assert "160 of 160" in text
    assert "Apply what is proven" in text
    assert "Begin the replay" not in text
    planned_only = said(await full.browser.get(f"/switch/plans/{plans['planned']}"))
    assert "0 of 120" in planned_only
    assert "Forget this plan" in planned_only
    kept = await full.browser.post(f"/switch/plans/{plans['proven']}/forget", of=f"/switch/plans/{plans['planned']}")
    assert kept.status == 409


async def certificate(full: Window, kind: str) -> str:
    page = await full.browser.get(f"/switch/plans/{plans[kind]}")
    found = re.search(r"/switch/certificates/cert-[0-9a-f]+", page.text)
    assert found is not None
    return found[0]


async def test_a_certificate_says_what_it_rests_on_until_when_and_what_no_alarm_will_see(full: Window) -> None:
    text = said(await full.browser.get(await certificate(full, "blind")))
    assert "with 95 % confidence" in text
    assert "tests/1 ( 160 )" in text
    assert "nothing: tests/1 does not grade while the gateway runs" in text
    assert "Since it was applied" in text
    lossy = said(await full.browser.get(await certificate(full, "lossy")))
    assert "By itself it loses too much, for sure." in lossy
    assert "Roll back" not in lossy


async def test_the_report_is_a_document_whose_style_its_policy_knows(full: Window) -> None:
    page = await full.browser.get(f"/switch/plans/{plans['blind']}/report")
    assert page.status == 200
    assert "nobody watches it afterwards" in said(page)
    (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]
    assert "script-src" not in page.headers["content-security-policy"]
    arabic = await full.browser.get(f"/switch/plans/{plans['blind']}/report?as=file", accept_language="ar")
    assert 'dir="rtl"' in arabic.text
    assert arabic.headers["content-disposition"] == f'attachment; filename="{plans["blind"]}.html"'


async def test_texts_of_the_worst_are_for_whom_texts_are(full: Window) -> None:
    path = f"/switch/plans/{plans['lossy']}/report"
    assert "plus 1?" in (await full.browser.get(path)).text
    auditor = await full.signed_in(full.admin("auditor"))
    seen = await auditor.get(path)
    assert seen.status == 200
    assert "plus 1?" not in seen.text


async def test_who_may_only_read_changes_nothing_and_who_sees_a_part_sees_none_of_it(full: Window) -> None:
    auditor = await full.signed_in(full.admin("auditor"))
    page = await auditor.get(f"/switch/plans/{plans['planned']}")
    assert page.status == 200
    assert "Begin the replay" not in page.text
    assert (await auditor.get("/switch/new")).status == 403
    for path in (f"/switch/plans/{plans['planned']}/run", f"/switch/plans/{plans['proven']}/apply"):
        assert (await auditor.post(path, of="/switch")).status == 403
    within = await full.signed_in(full.admin("admin", organisation="acme"))
    assert (await within.get("/switch")).status == 403
    member = await full.signed_in(full.admin("member", organisation="acme"))
    assert (await member.get("/switch")).status == 403


async def test_what_is_proven_is_put_in_force_and_taken_back_and_both_are_logged(tmp_path: Path) -> None:
    async with window(tmp_path / "home", MODELS, seeded=False) as here:
        made = await asyncio.to_thread(filled, here.settings, tmp_path, datetime.now(UTC))
        with closing(db.connect(here.database)) as connection:
            (route,) = [each.route for each in _plan(connection, made["proven"]).routes]
        path = f"/switch/routes/{route}/rollback"
        assert "near/big" in said(await here.browser.get(path))
        back = await here.browser.post(path)
        assert back.status == 303
        assert "rolled back" in said(await here.browser.get(back.location))
        apply = f"/switch/plans/{made['proven']}/apply"
        page = await here.browser.get(apply)
        assert "What would change" in said(page)
        assert re.search(rf'name="route" value="{route}" checked', page.text)
        assert (await here.browser.post(apply)).status == 422, "no route was chosen"
        done = await here.browser.post(apply, {"route": route})
        assert (done.status, done.location) == (303, "/switch")
        assert "In force on 1 route." in said(await here.browser.get("/switch"))
        assert logged(here)[-2:] == [("switch.rollback", route), ("switch.apply", route)]
        again = await here.browser.get(apply)
        assert "holds already" in said(again)
        assert (await here.browser.get("/switch/routes/rt-none/rollback")).status == 404
        lossy = await here.browser.get(f"/switch/plans/{made['lossy']}/apply")
        assert "nothing was proven" in said(lossy)


def _plan(connection: db.Connection, id_: str) -> planned.Plan:
    row = store.find_plan(connection, id_)
    assert row is not None
    return planned.decode(row.document)


async def test_in_arabic_the_reasons_of_rules_are_too(full: Window) -> None:
    page = await full.browser.get(await certificate(full, "proven"), accept_language="ar")
    assert "طُبِّقت" in page.text
    assert "applied" not in said(page)
