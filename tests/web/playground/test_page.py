"""The playground without script: the whole answer as a page, with its receipt, its route and its price elsewhere."""

import asyncio
import json
import re
from contextlib import closing
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.gateway.upstream import Call
from tests.web.house import Page, window
from tests.web.playground.conftest import HOSTILE, MODEL, Room, called, streams, words
from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.config import Secret
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import Budget, Scope
from weighbridge.web.tongue import tongues


class Read(HTMLParser):
    """A page as a browser takes it: its elements, and the text of those that are shown."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.areas: dict[str, str] = {}
        """What stands in each text area."""
        self._area: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._area = dict(attrs).get("name") if tag == "textarea" else None

    def handle_endtag(self, tag: str) -> None:
        self._area = None

    def handle_data(self, data: str) -> None:
        self.said.append(data)
        if self._area is not None:
            self.areas[self._area] = self.areas.get(self._area, "") + data

    @property
    def text(self) -> str:
        """All of it, with single blanks."""
        return " ".join(" ".join(self.said).split())

    def value(self, name: str) -> str:
        """What stands in a field that is an input."""
        found = next(attrs for tag, attrs in self.tags if tag == "input" and attrs.get("name") == name)
        return found.get("value") or ""

    def named(self, tag: str, name: str) -> list[dict[str, str | None]]:
        """The elements of this name."""
        return [attrs for each, attrs in self.tags if each == tag and attrs.get("name") == name]


async def send(room: Room, **form: str) -> Page:
    """The form, sent as a browser without script does."""
    named = {name.replace("_", "-"): text for name, text in form.items()}
    return await room.window.browser.post("/playground", {"model-a": MODEL, "say": "Hi", "do": "send", **named})


async def test_an_answer_stands_with_its_receipt_its_route_and_what_it_would_have_cost_elsewhere(room: Room) -> None:
    page = await send(room)
    said = Read(page.text).text
    entry = await room.gateway.entry()
    assert page.status == 200
    for part in (
        "You Hi",
        "Hello.",
        "Cost $0.00008 Tokens in 12 4 of them cached Tokens out 5 Counted by the provider",
        f"Receipt {entry.id}",
        "Route: near/gpt was asked",
        "near/gpt $0.0000",
        "No endpoint of this model was left out.",
        "On other open models: about $0.0000",
        "They are taken to say the same",
    ):
        assert part in said, part
    assert f'href="/requests/{entry.id}"' in page.text
    assert page.text.count('href="/models/') == 3
    assert room.asked()["messages"] == [{"role": "user", "content": "Hi"}]


async def test_a_conversation_goes_on_from_what_the_page_has_kept(room: Room) -> None:
    first = Read((await send(room, system="Be brief.")).text)
    page = await send(room, say="And now?", system="Be brief.", turns_a=first.value("turns-a"))
    assert room.asked()["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "And now?"},
    ]
    assert json.loads(Read(page.text).value("turns-a"))[-1] == {"role": "assistant", "content": "Hello."}
    anew = Read((await send(room, do="anew", turns_a=first.value("turns-a"), temperature="0.5")).text)
    assert (anew.value("turns-a"), anew.value("temperature"), anew.value("model-a")) == ("", "0.5", MODEL)


async def test_two_models_are_asked_beside_each_other_and_each_goes_on_by_itself(room: Room) -> None:
    page = Read((await send(room, model_b="near/tiny")).text)
    assert sorted(str(room.asked(place)["model"]) for place in (0, 1)) == ["gpt", "tiny"]
    assert len([attrs for tag, attrs in page.tags if tag == "dl" and attrs.get("class") == "receipt"]) == 2
    assert page.value("turns-a")
    assert page.value("turns-a") == page.value("turns-b")


async def test_a_tool_that_is_called_is_shown_as_a_call_and_gets_what_it_gave(room: Room) -> None:
    room.upstream.script = streams(called("weather", '{"in":"Rome"}'))
    page = await send(room, tools='{"name":"weather","parameters":{"type":"object"}}')
    assert 'Reasoning I must look. Wants this tool called: weather {"in":"Rome"}' in Read(page.text).text
    assert Read(page.text).named("textarea", "output-a-0")
    kept = Read(page.text).value("turns-a")
    await send(room, say="", turns_a=kept, output_a_0="18 degrees")
    assert room.asked()["messages"][-1] == {"role": "tool", "content": "18 degrees", "tool_call_id": "c1"}  # type: ignore[index]


async def test_options_reach_the_model(room: Room) -> None:
    await send(room, temperature="0.2", most="64", effort="low", schema='{"type":"object"}')
    asked = room.asked()
    assert (asked["temperature"], asked["max_tokens"], asked["reasoning_effort"]) == (0.2, 64, "low")
    assert asked["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}},
    }


async def test_what_is_typed_wrong_is_told_at_its_field_and_nobody_is_asked(room: Room) -> None:
    page = await send(room, temperature="hot", tools="[", say="Keep this")
    said = Read(page.text)
    assert page.status == 422
    assert "Write a number from 0 to 2, such as 0.7." in said.text
    assert said.named("input", "temperature")[0]["aria-invalid"] == "true"
    assert said.areas["say"].strip() == "Keep this"
    assert room.upstream.calls == []


# keys


async def test_a_key_that_is_pasted_is_used_and_never_shown_again(room: Room) -> None:
    key = room.gateway.new_key("other")
    await room.gateway.until("/v1/models", key, 200)
    page = await send(room, ask_with="pasted", key=key)
    entry = await room.gateway.entry()
    refused = await send(room, ask_with="pasted", key=key, temperature="hot")
    assert (page.status, refused.status) == (200, 422)
    assert entry.key != room.gateway.key
    for each in (page, refused):
        assert key not in each.text
        assert Read(each.text).value("key") == ""
        assert each.headers["cache-control"] == "no-store"


async def test_a_key_in_the_address_is_not_taken_and_a_conversation_neither(room: Room) -> None:
    page = await room.window.browser.get(
        "/playground?model=near/tiny&say=Hello&key=wb-secret&ask-with=pasted&turns-a=%5B%5D"
    )
    assert (page.status, page.location) == (303, "/playground?model=near%2Ftiny&say=Hello")
    said = Read((await room.window.browser.get(page.location)).text)
    assert (said.value("model-a"), said.areas["say"].strip(), said.value("turns-a")) == ("near/tiny", "Hello", "")


@pytest.mark.parametrize("role", ["admin", "auditor"])
async def test_only_an_owner_asks_with_the_machine_s_own_key(room: Room, role: str) -> None:
    browser = await room.window.signed_in(room.window.admin(role))
    page = await browser.get("/playground")
    assert [attrs["value"] for attrs in Read(page.text).named("input", "ask-with")] == ["pasted"]
    form = {"model-a": MODEL, "say": "Hi", "do": "send", "ask-with": "own"}
    refused = await browser.post("/playground", form)
    assert refused.status == 422
    assert "Paste a key of this gateway" in refused.text
    assert room.upstream.calls == []


async def test_the_owner_s_page_offers_the_models_that_write(room: Room) -> None:
    page = Read((await room.window.browser.get("/playground")).text)
    assert [attrs["value"] for tag, attrs in page.tags if tag == "option" and "/" in (attrs["value"] or "")] == [
        "near/tiny",
        MODEL,
    ]
    assert page.value("model-a") == "near/tiny"


# what goes wrong


async def budget(room: Room, scope: Scope = "all") -> None:
    """A thousandth of a dollar a month, that the worker goes by."""
    with closing(db.connect(room.window.database)) as connection:
        (key,) = keys.listing(connection)
        name = {"all": "", "key": key.id}[scope]
        kept = table.put(connection, Budget("", scope, name, "usd", "month", 10**9, datetime.now(UTC)))
    async with asyncio.timeout(5):
        while kept not in room.gateway.worker.budgets:  # noqa: ASYNC110 - a database sends no word
            await asyncio.sleep(0.02)


async def test_a_spent_budget_says_what_is_left_and_when_it_renews(room: Room) -> None:
    await budget(room)
    page = await send(room, most="100000")
    said = Read(page.text)
    assert "A budget has less left than this request may cost." in said.text
    assert "Of the budget for the whole gateway, $0.001 of $0.001 are left." in said.text
    assert re.search(r"It renews on 1 \w+ \d{4}, 00:00 UTC\.", said.text)
    assert 'href="/budgets"' in page.text
    assert said.value("turns-a") == ""
    assert room.upstream.calls == []


async def test_a_key_s_budget_is_told_by_the_key_s_name_and_only_to_who_may_see_it(room: Room) -> None:
    await budget(room, "key")
    own = Read((await send(room, most="100000")).text).text
    assert "Of the budget for the key test , $0.001 of $0.001 are left." in own
    other = await room.window.signed_in(room.window.admin("admin", organisation="globex"))
    form = {
        "model-a": MODEL,
        "say": "Hi",
        "most": "100000",
        "ask-with": "pasted",
        "key": room.gateway.key,
        "do": "send",
    }
    page = await other.post("/playground", form)
    assert "A budget has less left than this request may cost." in page.text
    assert "Of the budget for" not in page.text


@pytest.mark.parametrize("room", ['[policy]\nready = ["open-weights-only"]\n'], indirect=True)
async def test_a_policy_that_refuses_says_which_rule_keeps_out_which_endpoint(room: Room) -> None:
    page = await send(room)
    said = Read(page.text).text
    assert "The policy lets nobody answer this with this model." in said
    assert "1 endpoint left out" in said
    assert re.search(r"near/gpt only open weights .*: the weights are published Open weights: (no|not known)", said)
    assert re.search(r"The rule of the policy that decided: \w", said)
    assert 'href="/policies"' in page.text


@pytest.mark.parametrize("room", ['[policy]\nready = ["open-weights-only"]\n'], indirect=True)
async def test_why_a_policy_refuses_is_said_in_the_readers_language(room: Room) -> None:
    room.window.browser.cookies["language"] = "ar"
    page = await send(room)
    begun = page.text.index('<details class="route" open>')
    route = page.text[begun : page.text.index("</details>", begun)]
    say = tongues()["ar"].gettext
    for message in ("What would pass:", "the weights are published", "Open weights"):
        assert say(message) != message
        assert say(message) in route
    assert "keeps near/gpt out" not in route
    assert 'lang="en"' not in route


async def test_a_name_that_means_nothing_leads_to_the_list_of_models(room: Room) -> None:
    said = Read((await send(room, model_a="nobody/knows")).text).text
    assert "There is no model of this name here. Choose one from the list of models. Models" in said
    assert "there is no model 'nobody/knows'" in said


async def test_a_provider_that_is_busy_is_told_with_when_to_come_again(room: Room) -> None:
    async def busy(call: Call) -> None:
        await call.answer({"error": {"message": HOSTILE}}, 429, "retry-after: 7\r\n")

    room.upstream.script = busy
    page = await send(room)
    said = Read(page.text)
    assert "The provider asks us to slow down. Wait, or take another model." in said.text
    assert re.search(r"Try again in \d+ seconds?\.", said.text)
    assert harmless(page.text)


async def test_a_gateway_that_is_away_is_no_broken_page(tmp_path: Path) -> None:
    async with window(tmp_path / "home", seeded=False) as here:
        here.parts.key = Secret("wb-nobody")
        page = await here.browser.get("/playground")
        sent = await here.browser.post("/playground", {"model-a": MODEL, "say": "Keep this", "do": "send"})
    assert (page.status, sent.status) == (200, 200)
    assert "There is nobody to ask yet." in page.text
    said = Read(sent.text)
    assert "The gateway does not answer. Look whether it runs." in said.text
    assert said.areas["say"].strip() == "Keep this"


# what others say is text


def harmless(page: str) -> bool:
    """Whether none of the hostile text has become an element of the page."""
    read = Read(page)
    scripts = [attrs.get("src") for tag, attrs in read.tags if tag == "script"]
    return (
        all(src is not None and src.startswith("/static/") for src in scripts)
        and not any(tag == "img" for tag, _ in read.tags)
        and not any(name.startswith("on") for _, attrs in read.tags for name in attrs)
    )


async def test_hostile_words_of_people_models_and_tools_stay_words(room: Room) -> None:
    room.upstream.script = streams(called(HOSTILE, HOSTILE), words(HOSTILE, "\n```\n" + HOSTILE + "\n```"))
    first = await send(room, say=HOSTILE, system=HOSTILE, model_b=HOSTILE)
    kept = Read(first.text).value("turns-a")
    second = await send(room, say=HOSTILE, turns_a=kept, output_a_0=HOSTILE)
    wrong = await send(room, tools=HOSTILE, schema=HOSTILE, temperature=HOSTILE, most=HOSTILE, effort=HOSTILE)
    for page in (first, second, wrong):
        assert harmless(page.text)
        assert Read(page.text).text.count("owned") > 1


async def test_the_page_is_in_arabic_for_who_asks_so(room: Room) -> None:
    room.window.browser.cookies["language"] = "ar"
    page = await send(room)
    assert '<html lang="ar" dir="rtl"' in page.text
    assert "المسار: سُئل near/gpt" in Read(page.text).text
    assert "0.00008".translate(str.maketrans("0.8", "\u0660\u066b\u0668")) in page.text
