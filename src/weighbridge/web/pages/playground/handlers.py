"""The playground: the form, one answer as a page or as a stream, and what is told of an answer that was left."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.responses import JSONResponse, Response

from weighbridge.app.local_models import that_write
from weighbridge.config import Secret
from weighbridge.errors import GatewayAway
from weighbridge.ledger.cost import SMALLEST
from weighbridge.web.pages.playground.answered import Answer, answer_in, refused
from weighbridge.web.pages.playground.asked import (
    SIDES,
    Asked,
    BadForm,
    Call,
    Side,
    Turn,
    Typed,
    as_json,
    asked,
    calls_open,
    turns_in,
    typed,
)
from weighbridge.web.pages.playground.events import Events, event
from weighbridge.web.pages.playground.faults import fault, gone
from weighbridge.web.pages.playground.telling import Told, route_of, told
from weighbridge.web.visit import Visit

_CHAT: Final = "/v1/chat/completions"
_RECEIPT_HEADER: Final = "x-weighbridge-receipt"
_RECEIPT: Final = re.compile(r"wbr-[0-9A-Za-z_-]{1,80}")
_KEY: Final = re.compile(r"[\x21-\x7e]{1,300}")
_OF_TALKS: Final = re.compile(r"say|(?:turns|output)-.*")
_KEPT_OUT: Final = re.compile(r"key|ask-with|(?:turns|output)-.*")
"""What no link may bring: a key does not belong in an address, nor words into a model's mouth."""
_FOLDED: Final = frozenset({"temperature", "most", "effort", "tools", "schema"})
"""Fields that are out of sight at first."""
_FIELDS: Final = ("model-a", "model-b", "say", "system", *sorted(_FOLDED), "key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One side of the page."""

    side: Side
    model: str
    turns: Sequence[Turn] = ()
    kept: str = ""
    """The conversation that the next question goes on from, as JSON: a question without an answer is not in it."""
    answer: Answer | None = None
    """The one that this page was made for; it is the last of the turns."""
    told: Told | None = None

    @property
    def calls(self) -> Sequence[Call]:
        """Those that wait for what a tool gives."""
        return calls_open(self.turns)


@dataclass(frozen=True, slots=True)
class _Question:
    """A request, and the key that it is asked with: kept nowhere."""

    request: Asked
    key: Secret


async def page(visit: Visit) -> Response:
    """The empty form, or one that a link has filled in: `?model=lab/name`, and any field but keys and conversations."""
    asked_for = dict(visit.request.query_params)
    given = {name: text for name, text in asked_for.items() if not _KEPT_OUT.fullmatch(name)}
    if len(given) < len(asked_for):
        return visit.back(f"/playground?{urlencode(given)}")
    return await _form(visit, typed(given, model=given.get("model", "")), is_new=True)


async def answer(visit: Visit) -> Response:
    """The whole answer as a page: for browsers without script."""
    form = _texts(visit)
    what = typed(form)
    if form.get("do") == "anew":
        return await _form(visit, typed({name: text for name, text in form.items() if not _OF_TALKS.fullmatch(name)}))
    try:
        questions = _questions(visit, form)
    except BadForm as bad:
        return await _form(visit, what, errors=bad.errors)
    talks = await asyncio.gather(*(_talk(visit, what, each) for each in questions))
    if any(each.answer is not None for each in talks):
        what = replace(what, say="")
    return await _form(visit, what, talks={each.side: each for each in talks})


async def stream(visit: Visit) -> Response:
    """The answer of one side as events: `begun`, then the gateway's own, then `told`; or errors by field (422)."""
    form = _texts(visit)
    try:
        question = _question(visit, form)
    except BadForm as bad:
        return JSONResponse({"errors": bad.errors}, 422)
    return Events(_events(visit, question))


async def tell(visit: Visit) -> Response:
    """What is told of an answer that its reader has left, or that broke off: of `receipt`."""
    form = _texts(visit)
    try:
        question = _question(visit, form)
    except BadForm as bad:
        return JSONResponse({"errors": bad.errors}, 422)
    receipt = form.get("receipt", "")
    if not _RECEIPT.fullmatch(receipt):
        return JSONResponse({"errors": {}}, 422)
    body = question.request.body(stream=True)
    try:
        route = await route_of(visit, question.key, body)
    except GatewayAway:
        route = None
    return _told_page(visit, await told(visit, question.key, body, receipt=receipt, route=route))


def _texts(visit: Visit) -> dict[str, str]:
    return {name: text for name, text in visit.form.items() if isinstance(text, str)}


def _own_key(visit: Visit) -> Secret | None:
    """This machine's own key, for those who may ask with it: owners, who may do everything there is anyhow."""
    return visit.parts.key if visit.admin.role == "owner" else None


def _questions(visit: Visit, form: Mapping[str, str]) -> list[_Question]:
    """What is asked, on each side. Raises BadForm."""
    what = typed(form)
    errors: dict[str, str] = {}
    found: list[Asked] = []
    try:
        found = asked(what, visit.tongue.gettext)
    except BadForm as bad:
        errors |= bad.errors
    pasted = form.get("key", "").strip()
    key = _own_key(visit) if what.ask_with == "own" else Secret(pasted) if _KEY.fullmatch(pasted) else None
    if key is None:
        errors["key"] = visit.tongue.gettext("Paste a key of this gateway; it begins with wb-.")
    if errors or key is None:
        raise BadForm(errors)
    return [_Question(each, key) for each in found]


def _question(visit: Visit, form: Mapping[str, str]) -> _Question:
    """The one of the side that the script asks for. Raises BadForm."""
    questions = _questions(visit, form)
    return next((each for each in questions if each.request.side == form.get("side")), questions[0])


async def _talk(visit: Visit, what: Typed, question: _Question) -> Talk:
    """One side with its answer, or with why there is none."""
    request, gettext = question.request, visit.tongue.gettext
    body = request.body(stream=False)
    talk = Talk(side=request.side, model=request.model, turns=request.turns, kept=what.turns[request.side])
    try:
        route = await route_of(visit, question.key, body)
        said = await visit.parts.gateway.post(_CHAT, body, question.key)
    except GatewayAway as away:
        return replace(talk, told=Told(fault=gone(gettext, away.message)))
    receipt = said.headers.get(_RECEIPT_HEADER)
    if said.status != 200:
        why = fault(refused(said.status, said.headers, said.body), gettext)
        return replace(talk, told=await told(visit, question.key, body, receipt=receipt, route=route, fault=why))
    try:
        found = answer_in(said.body)
    except ValueError:  # an answer in a shape of its own: shown as it came
        found = Answer(said.body.decode(errors="replace"))
    turns = (*request.turns, found.turn)
    known = await told(visit, question.key, body, receipt=receipt, route=route)
    return replace(talk, turns=turns, kept=as_json(turns), answer=found, told=known)


async def _events(visit: Visit, question: _Question) -> AsyncGenerator[bytes, None]:
    """See `stream`."""
    body, gateway = question.request.body(stream=True), visit.parts.gateway
    receipt = route = why = None
    try:
        route = await route_of(visit, question.key, body)
        async with gateway.stream(_CHAT, body, question.key) as answer:
            receipt = answer.headers.get(_RECEIPT_HEADER)
            if answer.status == 200:
                yield event("begun", {"receipt": receipt})
                async for piece in answer:
                    yield piece
            else:
                document = b"".join([piece async for piece in answer])
                why = fault(refused(answer.status, answer.headers, document), visit.tongue.gettext)
    except GatewayAway as away:
        why = gone(visit.tongue.gettext, away.message)
    known = await told(visit, question.key, body, receipt=receipt, route=route, fault=why)
    html = bytes(_told_page(visit, known).body).decode()
    yield b"\n\n" + event("told", {"html": html, "refused": why is not None})


async def _form(
    visit: Visit,
    what: Typed,
    *,
    talks: Mapping[Side, Talk] | None = None,
    errors: Mapping[str, str] | None = None,
    is_new: bool = False,
) -> Response:
    """The page. With errors its status is 422, and everything but a key is in its field as it was typed."""
    names = await _names(visit)
    if is_new and not what.models["a"]:
        what = replace(what, models={**what.models, "a": _usual(visit, names)})
    found = {side: _as_typed(what, side) for side in SIDES} | dict(talks or {})
    told_errors = dict.fromkeys(_FIELDS) | dict(errors or {})
    return visit.page(
        "playground/page.html",
        422 if errors else 200,
        what=what,
        talks=found,
        errors=told_errors,
        is_unfolded=bool(_FOLDED & set(errors or ())),
        names=names,
        own_key=_own_key(visit) is not None,
        decimal=Decimal,
        usd=_usd,
    )


def _as_typed(what: Typed, side: Side) -> Talk:
    """A side as the form brought it, with nothing new."""
    try:
        turns = turns_in(what.turns[side])
    except ValueError:
        turns = ()
    return Talk(side=side, model=what.models[side], turns=turns, kept=as_json(turns) if turns else "")


def _told_page(visit: Visit, known: Told) -> Response:
    return visit.page("playground/told.html", told=known, decimal=Decimal, usd=_usd)


def _usd(units: int) -> Decimal:
    """Of what budgets count in."""
    return units * SMALLEST


class _Model(msgspec.Struct):
    id: str
    output_modalities: tuple[str, ...] | None = None


class _Models(msgspec.Struct):
    data: list[_Model]


async def _names(visit: Visit) -> list[str]:
    """The models that write and that may be asked for; by a key that is pasted, all that the catalogue has."""
    key = _own_key(visit)
    if key is None:
        models = visit.parts.catalog().models.values()
        return sorted(each.id for each in models if each.endpoints and _writes(each.output_modalities))
    try:
        said = await visit.parts.gateway.get("/v1/models", key)
        listed = msgspec.json.decode(said.body, type=_Models).data if said.status == 200 else []
    except (GatewayAway, msgspec.MsgspecError):
        return []
    return [each.id for each in listed if _writes(each.output_modalities)]


def _writes(modalities: Sequence[str] | None) -> bool:
    return modalities is None or "text" in modalities


def _usual(visit: Visit, names: Sequence[str]) -> str:
    """The model that is asked where none is named: a local one, else the first there is."""
    local = (each for each in that_write(visit.parts.settings) if each in names)
    return next(local, names[0] if names else "")
