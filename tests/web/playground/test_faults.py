"""Every error that a request may meet has plain words and a next step."""

import pytest

from weighbridge import errors
from weighbridge.web.pages.playground.answered import Refused
from weighbridge.web.pages.playground.faults import KNOWN, fault, gone

NEVER_HERE = {
    "internal_error": "it has the words for any 5xx",
    "gateway_away": "nobody answers: see `gone`",
    "malformed_request": "the window writes HTTP as it should",
    "previous_response_not_found": "of Responses",
    "upgrade_required": "of WebSockets",
    "method_not_allowed": "the window posts",
    "not_found": "the path is there",
    "conflict": "of the admin's paths",
    "not_cached": "the cache is not asked",
    "catalog_error": "of commands",
    "policy_error": "of commands",
    "market_error": "of commands",
    "serving_error": "of commands",
    "weights_unavailable": "of commands",
}


def _all(base: type[errors.WeighbridgeError]) -> set[str]:
    """Of the tree that `weighbridge.errors` draws."""
    below = (each for each in base.__subclasses__() if each.__module__ == errors.__name__)
    return {base.code}.union(*(_all(each) for each in below))


def test_each_code_that_a_request_may_meet_has_words_of_its_own() -> None:
    assert _all(errors.WeighbridgeError) - set(NEVER_HERE) <= KNOWN
    assert not KNOWN & set(NEVER_HERE)
    assert _all(errors.WeighbridgeError) >= KNOWN


@pytest.mark.parametrize("code", sorted(KNOWN))
def test_words_are_whole_sentences_in_the_reader_s_language(code: str) -> None:
    told = fault(Refused(400, code, "as it was said", retry_after=3), str.upper)
    assert told.title.isupper()
    assert told.to_do.isupper()
    assert (told.title[-1], told.to_do[-1]) == (".", ".")
    assert (told.detail, told.retry_after) == ("as it was said", 3)


@pytest.mark.parametrize(("status", "says"), [(418, "refused"), (500, "wrong at the gateway")])
def test_a_code_that_nobody_knows_goes_by_its_status(status: int, says: str) -> None:
    assert says in fault(Refused(status, "new", ""), str).title


def test_a_gateway_that_is_away_is_looked_for_at_the_doctor() -> None:
    assert gone(str).path == "/doctor"
