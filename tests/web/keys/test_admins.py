"""/keys/admins and /keys/history: who looks after the gateway, and what they have done."""

import re
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.engines import tampering
from tests.web.house import Window, window
from weighbridge import db
from weighbridge.accounts import admins
from weighbridge.accounts.admins import Admin


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Window]:
    async with window(tmp_path / "home") as made:
        yield made


def every_admin(here: Window) -> dict[str, Admin]:
    with closing(db.connect(here.database)) as connection:
        return {admin.name: admin for admin in admins.listing(connection)}


async def test_an_admin_is_made_shown_once_and_revoked(here: Window) -> None:
    page = await here.browser.post("/keys/admins/new", {"name": "Dave", "role": "auditor", "organisation": "acme"})
    secret = re.search(r"wba-[\w-]{30,}", page.text)
    assert (page.status, secret is not None) == (200, True)
    assert secret is not None
    dave = every_admin(here)["Dave"]
    assert (dave.role, dave.scope.organisation) == ("auditor", "acme")
    listing = await here.browser.get("/keys/admins")
    assert ("Dave" in listing.text, secret[0] in listing.text) == (True, False)
    browser = await here.signed_in(secret[0])
    assert (await browser.get("/keys/admins")).status == 200
    assert "cannot be undone" in (await here.browser.get(f"/keys/admins/{dave.id}/revoke")).text
    assert (await here.browser.post(f"/keys/admins/{dave.id}/revoke")).status == 303
    assert every_admin(here)["Dave"].disabled is not None
    gone = await browser.get("/keys/admins")
    assert gone.status == 303
    assert gone.location.startswith("/sign-in")


async def test_the_last_owner_stays(here: Window) -> None:
    owner = every_admin(here)["Owner"]
    refused = await here.browser.post(f"/keys/admins/{owner.id}/revoke")
    assert (refused.status, "last owner" in refused.text) == (409, True)
    assert every_admin(here)["Owner"].disabled is None


WRONG: Final = (
    ({"name": "", "role": "admin"}, "Fill this in."),
    ({"name": "x"}, "Choose one of the list."),
    ({"name": "x", "role": "king"}, "Choose one of the list."),
    ({"name": "x", "role": "owner", "organisation": "acme"}, "an owner is the owner of everything"),
    ({"name": "x", "role": "admin", "makes_keys": "on"}, "is for members"),
    ({"name": "x", "role": "member", "makes_keys": "on"}, "name it"),
)
"""A form, and what is said of it."""


async def test_an_admin_that_makes_no_sense_is_refused(here: Window) -> None:
    for form, said in WRONG:
        page = await here.browser.post("/keys/admins/new", form)
        assert (page.status, said in page.text) == (422, True), form
    assert list(every_admin(here)) == ["Owner"]


async def test_only_owners_make_admins_and_each_sees_its_own_place(here: Window) -> None:
    await here.browser.post("/keys/admins/new", {"name": "Globex", "role": "admin", "organisation": "globex"})
    acme = await here.signed_in(here.admin("admin", organisation="acme"))
    page = await acme.get("/keys/admins")
    assert ("a admin" in page.text, "Globex" in page.text, "/keys/admins/new" in page.text) == (True, False, False)
    assert (await acme.get("/keys/admins/new")).status == 403
    owner = every_admin(here)["Owner"]
    assert (await acme.post(f"/keys/admins/{owner.id}/revoke", of="/keys")).status == 403


async def test_the_history_is_filtered_paged_and_its_chain_checked(here: Window) -> None:
    for number in range(60):
        await here.browser.post("/keys/new", {"name": f"key {number}", "once": f"{number}"})
    page = await here.browser.get("/keys/history")
    assert "The history is whole." in page.text
    assert page.text.count('<th scope="row">') == 50
    following = re.search(r'rel="next" href="([^"]+)"', page.text)
    assert following is not None
    assert "Admin made" in (await here.browser.get(following[1].replace("&amp;", "&"))).text
    made = await here.browser.get("/keys/history?action=admin.create")
    assert made.text.count('<th scope="row">') == 1
    assert "Nothing is like this" in (await here.browser.get("/keys/history?actor=nobody")).text
    owner = every_admin(here)["Owner"]
    assert "Key made" in (await here.browser.get(f"/keys/history?actor={owner.id}&days=1")).text
    with closing(db.connect(here.database)) as connection, tampering(connection):
        connection.execute("UPDATE audit_log SET actor = 'nobody' WHERE id = 3")
    tampered = await here.browser.get("/keys/history")
    assert "The history was tampered with." in tampered.text
    assert "row 3 was changed" in tampered.text


async def test_a_scoped_admin_sees_the_history_of_its_own(here: Window) -> None:
    await here.browser.post("/keys/new", {"name": "acme's", "organisation": "acme", "once": "1"})
    await here.browser.post("/keys/new", {"name": "globex's", "organisation": "globex", "once": "2"})
    acme = await here.signed_in(here.admin("admin", organisation="acme"))
    page = await acme.get("/keys/history")
    assert ("acme&#39;s" in page.text, "globex" in page.text) == (True, False)
