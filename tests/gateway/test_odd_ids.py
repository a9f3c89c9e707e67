"""A name of a model in a path may be anything: what is none is 404, in the shape of the clients that ask there."""

import time

import pytest

from tests.gateway.house import House

ODD = {
    "encoded twice": "near%252Ftiny",
    "a slash too many": "near/tiny/",
    "slashes": "%2F%2F",
    "only dots": "../../etc/passwd",
    "Cyrillic": "%D1%8F",
    "emoji, by hundreds": "%F0%9F%98%80" * 600,
    "no UTF-8": "%ff%fe",
    "half a code": "%zz%",
    "a NUL": "%00",
    "a line break": "%0d%0aset-cookie:%20a=b",
    "quotes": "%22%27%5C",
    "a placeholder": "{id}",
    "five thousand letters": "a" * 5000,
    "five thousand that are like one": "near/tiny" * 555,
}
PLACES = {
    "/v1/models/{}": "",
    "/v1/models/{} as Anthropic's": "anthropic-version: 2023-06-01\r\n",
    "/api/v1/model/{}": "",
    "/api/v1/models/{}/endpoints": "",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("case", ODD)
async def test_an_odd_name_is_404_in_the_clients_shape(gateway: House, case: str, place: str) -> None:
    target = place.partition(" ")[0].format(ODD[case])
    began = time.monotonic()
    answer = await gateway.get(target, headers=PLACES[place])
    assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
    assert time.monotonic() - began < 1, "a long name must not be dear"
    assert "set-cookie" not in answer.headers
    message = str(answer.error["message"])
    assert message.startswith("there is no model ")
    assert len(message) < 1000
    if "Anthropic" in place:
        assert (answer.document["type"], answer.error["type"]) == ("error", "not_found_error")
    elif place.startswith("/api"):
        assert (answer.error["code"], set(answer.error)) == (404, {"code", "message", "metadata"})
    else:
        assert (answer.error["code"], answer.error["type"]) == ("model_not_found", "invalid_request_error")


@pytest.mark.parametrize("place", PLACES)
async def test_an_encoded_slash_is_a_slash(gateway: House, place: str) -> None:
    for name in ("near%2Ftiny", "near%2ftiny", "n%65ar/tiny"):
        target = place.partition(" ")[0].format(name)
        assert (await gateway.get(target, headers=PLACES[place])).status == 200
