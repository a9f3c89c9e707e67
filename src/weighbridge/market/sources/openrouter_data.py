"""OpenRouter's Data API beside its rankings: apps, tasks, and what sessions cost; and the endpoints of each model.

Forms as documented at openrouter.ai/docs/api/api-reference (datasets, classifications, endpoints). Tasks are told of
sampled requests, by OpenRouter's classifier, without what it could not classify. Sessions of two apps are never pooled,
and medians of them cannot be averaged. An app may be in several categories, and hidden apps are in none.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

from weighbridge.market.findings import Finding
from weighbridge.market.sources.amounts import four
from weighbridge.market.sources.asked_pages import Json, asked_for, pages, rows_of
from weighbridge.market.sources.dating import published
from weighbridge.market.sources.source import About, Payload, beginning, changed, json_object
from weighbridge.market.tables import AppUsage, Offer, Price, Row, SessionCost, TaskShare

_PRICES: Final = ("prompt", "completion", "input_cache_read", "input_cache_write")
_BAD = (KeyError, TypeError, ValueError, ArithmeticError)


def _about(name: str, title: str, page: str, licence: str = "CC-BY-4.0") -> About:
    line = f"Source: OpenRouter (openrouter.ai/{page}), as of {{as_of}}."
    return About(name=name, title=title, home=f"https://openrouter.ai/{page}", licence=licence, line=line)


class Apps:
    """Apps by tokens in a window, of all and by category."""

    about = _about("openrouter-apps", "OpenRouter's apps by tokens", "apps")

    def recognise(self, path: Path) -> bool:
        return asked_for(path, "/datasets/app-rankings")

    def as_of(self, payload: Payload) -> date:
        return _said_day(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        for page in pages(payload.path):
            if isinstance(page, Finding):
                yield page
                continue
            _, query, answer = page
            category: str | None = query.get("category")
            window: dict[str, Json] = answer.get("meta") or {}
            if findings := changed(window, ("start_date", "end_date")):
                yield from findings
                continue
            for row in rows_of(answer, category or "all apps"):
                yield row if isinstance(row, Finding) else self._row(row, category, window, as_of)

    def _row(
        self, row: Mapping[str, Json], category: str | None, window: Mapping[str, Json], as_of: date
    ) -> Row | Finding:
        try:
            first, last = date.fromisoformat(window["start_date"]), date.fromisoformat(window["end_date"])
            tokens, requests = int(row["total_tokens"]), int(row["total_requests"])
            if tokens < 0 or requests < 0:
                raise ValueError(f"{tokens} tokens in {requests} requests")
            name, source = str(row["app_name"]), self.about.name
            return AppUsage(str(int(row["app_id"])), name, category, first, last, tokens, requests, source, as_of)
        except _BAD as error:
            return Finding(kind="unreadable-row", subject=f"{category or 'all'}, {row.get('rank')}", said=repr(error))


class Tasks:
    """What requests are for, by OpenRouter's classifier, over the days before."""

    about = _about("openrouter-tasks", "OpenRouter's use by task", "rankings")

    def recognise(self, path: Path) -> bool:
        start = beginning(path)
        return start.lstrip().startswith("{") and '"macro_category"' in start and '"classifications"' in start

    def as_of(self, payload: Payload) -> date:
        answer = json_object(payload.path)
        said = (answer.get("data") or {}).get("as_of") if isinstance(answer, dict) else None
        return date.fromisoformat(said[:10]) if isinstance(said, str) else published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        answer = json_object(payload.path)
        if isinstance(answer, Finding):
            yield answer
            return
        data = _object(answer)
        if findings := changed(data, ("as_of", "classifications", "window_days")):
            yield from findings
            return
        for place, said in enumerate(data["classifications"]):
            try:
                yield from list(self._task(said, int(data["window_days"]), as_of))
            except _BAD as error:
                yield Finding(kind="unreadable-row", subject=f"classifications[{place}]", said=repr(error))

    def _task(self, said: Mapping[str, Json], days: int, as_of: date) -> Iterator[Row]:
        task, area, source = str(said["tag"]), str(said["macro_category"]), self.about.name
        shares = _share(said["usage_share"]), _share(said["token_share"])
        yield TaskShare(task, area, None, as_of, days, *shares, source, as_of)
        for model in said.get("models") or ():
            shares = _share(model["tag_usage_share"]), _share(model["tag_token_share"])
            yield TaskShare(task, area, str(model["id"]), as_of, days, *shares, source, as_of)


class Sessions:
    """What sessions of coding apps cost, by model and number of turns."""

    about = _about("openrouter-sessions", "OpenRouter's cost of sessions by app and model", "rankings")

    def recognise(self, path: Path) -> bool:
        return asked_for(path, "/datasets/session-cost")

    def as_of(self, payload: Payload) -> date:
        return _said_day(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        ends: set[str] = set()
        for page in pages(payload.path):
            if isinstance(page, Finding):
                yield page
                continue
            _, query, answer = page
            window: dict[str, Json] = answer.get("meta") or {}
            if findings := changed(window, ("window_end_date", "window_days")):
                yield from findings
                continue
            ends.add(str(window["window_end_date"]))
            for row in rows_of(answer, query.get("turn_range", "all")):
                yield row if isinstance(row, Finding) else self._row(row, window, as_of)
        if len(ends) > 1:
            said = f"pages of windows that end on {', '.join(sorted(ends))}: the source was refreshed in between"
            yield Finding(kind="restated", subject="window_end_date", said=said)

    def _row(self, row: Mapping[str, Json], window: Mapping[str, Json], as_of: date) -> Row | Finding:
        try:
            last, dollars = date.fromisoformat(window["window_end_date"]), float(row["median_session_cost_usd"])
            if dollars < 0:
                raise ValueError(f"{dollars} dollars")
            names = str(row["app_slug"]), str(row["model_permaslug"]), str(row["turn_range"])
            return SessionCost(*names, last, int(window["window_days"]), dollars, self.about.name, as_of)
        except _BAD as error:
            return Finding(kind="unreadable-row", subject=f"{row.get('model_permaslug')}", said=repr(error))


class Endpoints:
    """Each model's endpoints: price, quantisation, and how well they did of late."""

    about = _about("openrouter-endpoints", "OpenRouter's endpoints of each model", "models", "terms of openrouter.ai")

    def recognise(self, path: Path) -> bool:
        return asked_for(path, "/endpoints")

    def as_of(self, payload: Payload) -> date:
        return published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        for page in pages(payload.path):
            if isinstance(page, Finding):
                yield page
                continue
            asked, _, answer = page
            data = _object(answer)
            if findings := changed(data, ("id", "endpoints")):
                yield from findings
                continue
            for place, said in enumerate(data["endpoints"] or ()):
                try:
                    yield from list(self._endpoint(str(data["id"]), said, as_of))
                except (*_BAD, AttributeError) as error:
                    yield Finding(kind="unreadable-row", subject=f"{asked}, endpoints[{place}]", said=repr(error))

    def _endpoint(self, model: str, said: Mapping[str, Json], as_of: date) -> Iterator[Row]:
        provider, source = said.get("tag") or said["provider_name"], self.about.name
        amounts = four((said["pricing"].get(each) for each in _PRICES), times=1_000_000)
        yield Price(model, provider, "base", as_of, *amounts, source, as_of)
        uptime, slow, speed = (
            said.get(each) for each in ("uptime_last_30m", "latency_last_30m", "throughput_last_30m")
        )
        yield Offer(
            model, provider, as_of, _known(said.get("quantization")), said.get("context_length"),
            said.get("max_completion_tokens"), None if uptime is None else float(uptime) / 100, _median(slow),
            _median(speed), source, as_of,
        )  # fmt: skip


def _said_day(payload: Payload) -> date:
    """The day that the first page's `meta` says."""
    for page in pages(payload.path):
        said = None if isinstance(page, Finding) else (page[2].get("meta") or {}).get("as_of")
        return date.fromisoformat(said[:10]) if isinstance(said, str) else published(payload)
    return published(payload)


def _object(answer: Mapping[str, Json]) -> dict[str, Json]:
    data = answer.get("data")
    return data if isinstance(data, dict) else {}


def _share(said: Json) -> float | None:
    share = None if said is None else float(said)
    if share is not None and not 0 <= share <= 1:
        raise ValueError(f"{share} is no share of 1")
    return share


def _median(said: Json) -> float | None:
    middle = said.get("p50") if isinstance(said, dict) else said
    return float(middle) if isinstance(middle, int | float | Decimal) else None


def _known(said: Json) -> str | None:
    return said if isinstance(said, str) and said != "unknown" else None


OPENROUTER_DATA: Final = (Apps(), Tasks(), Sessions(), Endpoints())
