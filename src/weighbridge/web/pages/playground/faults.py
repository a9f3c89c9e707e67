"""What went wrong, in plain words, and what to do about it: one row for each code of `weighbridge.errors`. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from weighbridge.web.pages.playground.answered import Refused

Gettext = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as people read it. `title` and `to_do` are in the reader's language."""

    code: str
    title: str
    to_do: str
    detail: str = ""
    """The gateway's own sentence, in English."""
    path: str | None = None
    """The page of the window where it can be mended."""
    retry_after: int | None = None
    """Seconds."""


def fault(refused: Refused, gettext: Gettext) -> Fault:
    """The error that the gateway answered with."""
    title, to_do, path = _said(refused.code, refused.status, gettext)
    return Fault(refused.code, title, to_do, refused.message, path, refused.retry_after)


def gone(gettext: Gettext, detail: str = "") -> Fault:
    """The gateway does not answer at all."""
    return Fault(
        "",
        gettext("The gateway does not answer."),
        gettext("Look whether it runs. This page asks it again when you send again."),
        detail,
        "/doctor",
    )


def _said(code: str, status: int, gettext: Gettext) -> tuple[str, str, str | None]:
    for table in (_of_keys, _of_models, _of_requests, _of_gateway, _of_providers):
        if (found := table(gettext).get(code)) is not None:
            return found
    if status < 500:
        return (
            gettext("The request was refused."),
            gettext("Read what the gateway says about it, change the request and send it again."),
            None,
        )
    return gettext("Something went wrong at the gateway."), gettext("Send it again, or look at the doctor."), "/doctor"


_Table = Mapping[str, tuple[str, str, str | None]]


def _of_keys(gettext: Gettext) -> _Table:
    return {
        "invalid_api_key": (
            gettext("This key opens nothing here."),
            gettext("Paste another key, or make one."),
            "/keys",
        ),
        "not_allowed": (
            gettext("This key may not do that."),
            gettext("Take a model that the key may ask for, or another key."),
            "/keys",
        ),
        "budget_spent": (
            gettext("A budget has less left than this request may cost."),
            gettext("Ask for a shorter answer, take a cheaper model, or raise the budget."),
            "/budgets",
        ),
        "limit_reached": (
            gettext("A limit of this key is reached for the moment."),
            gettext("Wait until the limit renews, and send again."),
            "/budgets",
        ),
    }


def _of_models(gettext: Gettext) -> _Table:
    return {
        "policy_refused": (
            gettext("The policy lets nobody answer this with this model."),
            gettext("Take a model that passes, or change the policy. Below is each endpoint with the rule."),
            "/policies",
        ),
        "model_not_found": (
            gettext("There is no model of this name here."),
            gettext("Choose one from the list of models."),
            "/models",
        ),
        "no_endpoint": (
            gettext("No endpoint of this model can take this request."),
            gettext("Take another model, or loosen what is asked. Below is why each endpoint cannot."),
            "/models",
        ),
    }


def _of_requests(gettext: Gettext) -> _Table:
    return {
        "context_length_exceeded": (
            gettext("The conversation is too long for this model."),
            gettext("Shorten it, start a new one, or take a model with a longer context."),
            "/models",
        ),
        "body_too_large": (
            gettext("The request is larger than the gateway takes."),
            gettext("Send less, or start a new conversation."),
            None,
        ),
        "invalid_request": (
            gettext("The request makes no sense to whoever was to answer it."),
            gettext("Read what is said about it, change that and send it again."),
            None,
        ),
    }


def _of_gateway(gettext: Gettext) -> _Table:
    soon = gettext("Wait a moment and send it again.")
    return {
        "ledger_unavailable": (
            gettext("The ledger cannot be written, so no answer may leave."),
            gettext("The doctor says what stands in the way. Nothing was spent."),
            "/doctor",
        ),
        "texts_unavailable": (
            gettext("This key's texts are to be kept, and cannot be just now."),
            gettext("The doctor says what stands in the way."),
            "/doctor",
        ),
        "draining": (gettext("The gateway is about to stop."), soon, None),
        "overloaded": (gettext("Every place where this could be answered is taken."), soon, None),
        "engine_unavailable": (gettext("The model on this machine is loading or starting again."), soon, None),
    }


def _of_providers(gettext: Gettext) -> _Table:
    other = gettext("Send it again, or take another model.")
    return {
        "upstream_busy": (gettext("The provider asks us to slow down."), gettext("Wait, or take another model."), None),
        "upstream_unreachable": (gettext("No provider of this model can be reached."), other, "/doctor"),
        "upstream_key_refused": (
            gettext("The provider does not take the key that the gateway has for it."),
            gettext("Whoever looks after the gateway mends that key in its settings."),
            "/doctor",
        ),
        "upstream_timeout": (gettext("The provider did not answer in time."), other, None),
        "answer_unfit": (
            gettext("A cheaper model answered in another form than was asked for, and no other could be asked."),
            gettext("Send it again."),
            "/switch",
        ),
        "upstream_error": (gettext("The provider broke off or answered with an error."), other, None),
    }


KNOWN: Final = frozenset(
    code for table in (_of_keys, _of_models, _of_requests, _of_gateway, _of_providers) for code in table(str)
)
"""The codes that have words of their own."""
