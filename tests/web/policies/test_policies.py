"""/policies: tried before they are applied, written for the workers to follow, and told with their history."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.web.house import Page, Window, window
from weighbridge import audit_log, db
from weighbridge.app.policies import policies_of
from weighbridge.audit_log import Row, Wanted
from weighbridge.ledger.budgets import leases
from weighbridge.ledger.policies import adopt
from weighbridge.routing.policy.law import Policies

PROVIDERS = "".join(f'[providers.{each}]\napi_key = "x"\n' for each in ("groq", "deepseek", "openai"))
LOCAL = '[[deny]]\nname = "only here"\nunless.local = true\n'
HOSTILE = "</textarea><script>alert(1)</script>"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Window]:
    async with window(tmp_path / "home", PROVIDERS) as made:
        yield made


def hidden(page: Page) -> dict[str, str]:
    """What the form of the policy sends along."""
    return dict(re.findall(r'name="(stamp|tried)" value="([^"]*)"', page.text))


def text_in(page: Page) -> str:
    found = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", page.text, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


def plain(page: Page) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


def rows(here: Window) -> list[Row]:
    with closing(db.connect(here.database)) as connection:
        return audit_log.rows(connection, Wanted(action="policy.set"))


def take_up(here: Window, policies: Policies | None, *, worker: str = "aaaaaaaaaa", late: float = 0) -> None:
    """As a worker does that is at work."""
    now = datetime.now(UTC) + timedelta(seconds=late)
    with closing(db.connect(here.database)) as connection:
        connection.execute("DELETE FROM worker WHERE id = ?", (worker,))
        leases.begin(connection, worker, "here", "/journal", now)
        adopt(connection, worker, lambda: now, None if policies is None else (policies.hash, policies.text))


async def tried(here: Window, text: str, **more: str) -> Page:
    stamp = hidden(await here.browser.get("/policies/edit"))["stamp"]
    form = {"text": text, "stamp": stamp, "do": "try", "days": "30", **more}
    return await here.browser.post("/policies/edit", form)


async def applied(here: Window, text: str) -> Page:
    page = await tried(here, text)
    return await here.browser.post(
        "/policies/edit", {"text": text_in(page), **hidden(page), "do": "apply", "days": "30"}
    )


async def test_a_licence_class_is_forbidden_with_two_clicks(here: Window) -> None:
    page = await here.browser.get("/policies/edit?forbid=proprietary")
    said = plain(page)
    assert "no proprietary licences" in text_in(page)
    assert "models could not be asked for any more" in said
    assert "Class of the licence: proprietary" in said
    assert re.search(r"Past requests it would have refused \d+ of 3\d\d that were answered", said) is not None
    assert "openai/gpt-5-mini" in said
    assert not here.settings.policy_path.exists()
    answer = await here.browser.post(
        "/policies/edit", {"text": text_in(page), **hidden(page), "do": "apply", "days": "30"}
    )
    assert (answer.status, answer.location) == (303, "/policies")
    policies = policies_of(here.settings)
    assert policies is not None
    (row,) = rows(here)
    assert row.actor.id.startswith("adm-")
    assert row.change.after == {"policy": policies.hash, "file": here.settings.policy_path.read_text()}
    take_up(here, policies)
    now = plain(await here.browser.get("/policies"))
    assert "This policy is in force." in now
    assert "Keeps an endpoint out where the licence is proprietary" in now
    why = await here.browser.get("/policies/why?model=openai/gpt-5-mini")
    assert "The policy lets no endpoint of it serve such a request here." in plain(why)
    assert "Class of the licence: proprietary" in plain(why)
    free = plain(await here.browser.get("/policies/why?model=qwen/qwen3-32b"))
    assert "The policy lets it be asked for here." in free


async def test_what_was_not_tried_is_not_applied(here: Window) -> None:
    page = await tried(here, LOCAL)
    form = {**hidden(page), "do": "apply", "days": "30"}
    other = await here.browser.post("/policies/edit", {**form, "text": LOCAL.replace("true", "false")})
    assert (other.status, "What it would do" in other.text) == (200, True)
    untried = await here.browser.post("/policies/edit", {"text": LOCAL, "stamp": form["stamp"], "do": "apply"})
    assert untried.status == 200
    assert not here.settings.policy_path.exists()
    assert rows(here) == []


async def test_a_broken_text_is_told_with_its_line_and_stays(here: Window) -> None:
    for text, said in (
        ('[[deny]]\nname = "x"\nwhen.locl = true\n', "policy.toml, line 3"),
        ("[[deny]", "policy.toml:"),
        ("", "is empty"),
        ("# a word\n", "is empty"),
        (f'[[deny]]\nname = "x"\nwhen.model = "{HOSTILE}"\n', "there is no"),
    ):
        page = await tried(here, text)
        assert page.status == 422, text
        assert said in plain(page), text
        assert "Apply it" not in page.text
        assert text_in(page).rstrip() == text.rstrip()
        assert "<script>alert" not in page.text


async def test_a_file_that_was_changed_meanwhile_is_not_written_over(here: Window) -> None:
    page = await tried(here, LOCAL)
    here.settings.policy_path.write_text(LOCAL.replace("only here", "by hand"))
    form = {"text": LOCAL, **hidden(page), "do": "apply", "days": "30"}
    answer = await here.browser.post("/policies/edit", form)
    assert (answer.status, "was changed since it was read" in answer.text) == (409, True)
    assert "by hand" in here.settings.policy_path.read_text()
    assert "removed by hand" in plain(answer)
    again = await here.browser.post("/policies/edit", {**form, **hidden(answer)})
    assert again.status == 303
    assert here.settings.policy_path.read_text() == LOCAL


async def test_all_rules_are_lifted_by_a_word_of_its_own(here: Window) -> None:
    assert (await applied(here, LOCAL)).status == 303
    page = await here.browser.post(
        "/policies/edit", {"text": LOCAL, **hidden(await here.browser.get("/policies/edit")), "do": "lift"}
    )
    assert (page.status, text_in(page)) == (200, 'default = "allow"\n')
    assert "removed only here" in plain(page)
    form = {"text": text_in(page), **hidden(page), "do": "apply"}
    assert (await here.browser.post("/policies/edit", form)).status == 303
    assert policies_of(here.settings) is None
    take_up(here, None)
    assert "No policy is in force" in plain(await here.browser.get("/policies"))
    begun = await here.browser.get("/policies/edit?ready=local-only")
    assert "default" not in text_in(begun)


async def test_rules_for_some_are_tried_for_them(here: Window) -> None:
    text = '[[deny]]\nname = "acme only"\norganisation = "acme"\ncontains = "prod"\nunless.local = true\n'
    anybody = plain(await tried(here, text))
    assert "For the models that can be asked for here, nothing would change." in anybody
    theirs = plain(await tried(here, text, organisation="acme", tags="prod"))
    assert "models could not be asked for any more" in theirs
    assert "No model could be asked for here any more." in theirs
    refused = re.search(r"Past requests it would have refused (\d+) of (\d+)", anybody)
    assert refused is not None
    assert 0 < int(refused[1]) < int(refused[2])


async def test_the_past_is_as_long_as_is_asked_for(here: Window) -> None:
    counts = []
    for days in ("1", "30", ""):
        found = re.search(r"Past requests it would have refused (\d+)", plain(await tried(here, LOCAL, days=days)))
        assert found is not None
        counts.append(int(found[1]))
    assert counts == sorted(counts)
    assert counts[0] < counts[-1] == 400


async def test_the_history_tells_versions_and_one_can_be_begun_from(here: Window) -> None:
    await applied(here, LOCAL)
    first = policies_of(here.settings)
    take_up(here, first)
    here.settings.policy_path.write_text(LOCAL.replace("only here", "by hand"))
    take_up(here, policies_of(here.settings), late=1)
    page = await here.browser.get("/policies/history")
    told = plain(page)
    assert told.index("Found by the gateway in its file or its settings") < told.index("Written by")
    assert "added by hand" in told
    assert "removed only here" in told
    version = re.search(r"/policies/edit\?version=(\d+)", page.text)
    assert version is not None
    begun = await here.browser.get(f"/policies/edit?version={version[1]}")
    assert text_in(begun) == LOCAL
    assert "Apply it" in begun.text
    for wrong in ("version=1", "version=x", "forbid=nothing", "ready=nothing"):
        assert (await here.browser.get(f"/policies/edit?{wrong}")).status == 400


async def test_workers_that_obey_another_and_a_broken_file_are_told(here: Window) -> None:
    await applied(here, LOCAL)
    take_up(here, None)
    assert "The gateway does not obey this policy yet." in plain(await here.browser.get("/policies"))
    here.settings.policy_path.write_text("[[deny]")
    broken = plain(await here.browser.get("/policies"))
    assert "The policy file cannot be used" in broken
    assert "The policy file cannot be used" in plain(await here.browser.get("/policies/why?model=qwen/qwen3-32b"))
    assert text_in(await here.browser.get("/policies/edit")) == "[[deny]"
    assert (await applied(here, LOCAL)).status == 303


async def test_who_may_see_and_write(here: Window) -> None:
    await applied(here, LOCAL + '[[deny]]\nname = "the bank\'s"\norganisation = "bank"\nwhen.local = false\n')
    acme = await here.signed_in(here.admin("admin", organisation="acme"))
    auditor = await here.signed_in(here.admin("auditor"))
    member = await here.signed_in(here.admin("member", organisation="acme"))
    page = await acme.get("/policies")
    assert ("only here" in page.text, "bank" in page.text, "/policies/edit" in page.text) == (True, False, False)
    assert (await acme.get("/policies/history")).status == 403
    assert "bank" in (await auditor.get("/policies")).text
    assert (await auditor.get("/policies/history")).status == 200
    for browser in (acme, auditor, member):
        assert (await browser.get("/policies/edit")).status == 403
        assert (await browser.post("/policies/edit", {"text": LOCAL, "do": "apply"}, of="/keys")).status == 403
    assert (await member.get("/policies")).status == 403
    assert "desk" in (await acme.get("/policies/why?model=qwen/qwen3-32b")).text
    assert "(…" not in (await acme.get("/policies/why")).text.partition("globex")[2]
    assert "lab" not in re.findall(r"<option[^>]*>([^<(]+)", (await acme.get("/policies/why")).text)


async def test_a_model_is_looked_at_for_a_key_and_its_tags(here: Window) -> None:
    await applied(here, '[[deny]]\nname = "prod stays"\ncontains = "prod"\nunless.local = true\n')
    page = await here.browser.get("/policies/why?model=qwen/qwen3-32b")
    keys = {name.strip(): id_ for id_, name in re.findall(r'<option value="(key-\w+)">([^<(]+)', page.text)}
    assert "lets it be asked for here" in plain(page)
    desk = await here.browser.get(f"/policies/why?model=qwen/qwen3-32b&key={keys['desk']}")
    assert "lets no endpoint of it" in plain(desk)
    assert "What would pass: it runs on a machine of your own" in plain(desk)
    tagged = await here.browser.get("/policies/why?model=qwen/qwen3-32b&tags=prod")
    assert "lets no endpoint of it" in plain(tagged)
    near = plain(await here.browser.get("/policies/why?model=qwen/qwen3-32"))
    assert "There is no model of this name." in near
    assert "qwen/qwen3-32b" in near
    hostile = await here.browser.get("/policies/why?model=%3Cscript%3Ealert(1)")
    assert "<script>alert" not in hostile.text
