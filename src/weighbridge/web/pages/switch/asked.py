"""What is typed into the form of a new plan, as a draft; or what is wrong with it, by field."""

import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final, get_args
from uuid import uuid4

from starlette.datastructures import UploadFile

from weighbridge.app.switch.drafting import MOST_REPLAYS, Draft
from weighbridge.catalog.model import LicenceClass
from weighbridge.config import Settings
from weighbridge.errors import BadRequest
from weighbridge.routing.quality.rule import Arm
from weighbridge.switch.candidates import MOST, Wanted, arm_of
from weighbridge.switch.planned import FromFile, FromTexts
from weighbridge.web.filled import Filled
from weighbridge.web.visit import Visit

LARGEST: Final = 30 * 2**20
"""Bytes of a file of requests."""
LICENCES: Final[tuple[LicenceClass, ...]] = get_args(LicenceClass)
FIELDS: Final = {"reference": "reference", "source": "source", "to": "to", "judge": "judge", "only": ""}
"""Of the form, by what the planning calls them."""
_PIECE: Final = 2**20
_UPLOADED: Final = re.compile(r"[0-9a-f]{32}")
_USUAL: Final[Mapping[str, str]] = {
    "reference": "",
    "source": "texts",
    "key": "",
    "days": "30",
    "uploaded": "",
    "to": "",
    "open": "on",
    "licence": "",
    "max_price": "",
    "most": str(MOST),
    "epsilon": "2",
    "confidence": "95",
    "budget": "",
    "judge": "",
    "max_replays": str(MOST_REPLAYS),
    "anchors": "",
}


def blank(visit: Visit) -> Filled:
    """An empty one, with what an address fills in: the model to move from, say."""
    query = visit.request.query_params
    return Filled(visit.tongue.gettext, {name: query.get(name, usual) for name, usual in _USUAL.items()})


async def filled(visit: Visit) -> Filled:
    """What a visitor sends; a file that comes with it is kept."""
    values = {name: _text(visit, name, "" if name == "open" else usual) for name, usual in _USUAL.items()}
    form = Filled(visit.tongue.gettext, values)
    upload = visit.form.get("requests")
    if isinstance(upload, UploadFile) and upload.filename:
        kept = await _kept(upload, visit.parts.settings)
        if kept is None:
            form.wrong("requests", visit.tongue.gettext("This file is too large: it may have 30 MB."))
        else:
            form.values["uploaded"], form.values["source"] = kept, "file"
    return form


def draft(form: Filled, visit: Visit) -> Draft:
    """What it asks for; to be gone by only where nothing was wrong."""
    most = form.whole("max_replays", 1, 100_000) or MOST_REPLAYS
    return Draft(
        reference=form.text("reference", required=True),
        source=_source(form, visit),
        wanted=Wanted(
            to=_arms(form, visit),
            open_weights=form.checked("open"),
            licence=next((each for each in LICENCES if each == form.choice("licence", LICENCES)), None),
            max_price=form.amount("max_price"),
            most=form.whole("most", 1, 20) or MOST,
        ),
        epsilon=_percent(form, visit, "epsilon", 0.01, 100),
        delta=1 - _percent(form, visit, "confidence", 50, 99.99),
        budget=form.amount("budget"),
        judge=form.optional("judge"),
        most_replays=most,
        anchors=most if form.checked("anchors") else None,
    )


def uploaded(settings: Settings, name: str) -> Path:
    """Where a file of requests lies that was handed in."""
    return settings.home / "switch" / "requests" / f"{name}.jsonl"


async def _kept(upload: UploadFile, settings: Settings) -> str | None:
    """Its name, once it is written down where its owner alone can read it; None: it is too large."""
    digest = hashlib.sha256()
    folder = uploaded(settings, "").parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = folder / f"{uuid4().hex}.unfinished"
    unfinished.touch(mode=0o600)
    size = 0
    try:
        with unfinished.open("wb") as file:
            while piece := await upload.read(_PIECE):
                size += len(piece)
                if size > LARGEST:
                    return None
                digest.update(piece)
                file.write(piece)
        name = digest.hexdigest()[:32]
        unfinished.replace(uploaded(settings, name))
        return name
    finally:
        unfinished.unlink(missing_ok=True)


def _text(visit: Visit, name: str, usual: str) -> str:
    told = visit.form.get(name, usual)
    return told.strip() if isinstance(told, str) else usual


def _source(form: Filled, visit: Visit) -> FromTexts | FromFile:
    if form["source"] != "file":
        days = form.whole("days", 1, 3650) or 30
        return FromTexts(visit.now - timedelta(days=days), form.optional("key"))
    name = form["uploaded"]
    if not _UPLOADED.fullmatch(name) or not uploaded(visit.parts.settings, name).is_file():
        form.values["uploaded"] = ""
        form.wrong("requests", visit.tongue.gettext("Choose a file with a request on each line."))
        return FromFile("")
    return FromFile(str(uploaded(visit.parts.settings, name).resolve()))


def _arms(form: Filled, visit: Visit) -> tuple[Arm, ...]:
    found = []
    for word in form.words("to"):
        try:
            found.append(arm_of(word))
        except ValueError as error:
            form.refused(BadRequest(str(error), param="to"), ("to",))
    return tuple(found)


def _percent(form: Filled, visit: Visit, name: str, least: float, most: float) -> float:
    """A share of 1, of what is typed of a hundred."""
    found = form.amount(name)
    if found is None or not least <= found <= most:
        said = visit.tongue.gettext("This must be from %(least)s to %(most)s.")
        ends = {"least": least, "most": most}
        form.wrong(
            name, said % {each: visit.tongue.number(end, 0 if end % 1 == 0 else 2) for each, end in ends.items()}
        )
        return 0.5
    return float(found) / 100
