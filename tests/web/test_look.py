import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from weighbridge.web.look import Looks, look


async def _shown(request: Request) -> PlainTextResponse:
    found = look(request)
    return PlainTextResponse(f"{found.tongue.code} {found.theme} {request.url.query}")


@pytest.fixture
def browser() -> TestClient:
    app = Starlette(routes=[Route("/{rest:path}", _shown)], middleware=[Middleware(Looks)])
    return TestClient(app, headers={"Accept-Language": "en"})


def test_a_choice_is_remembered_and_leaves_the_address(browser: TestClient) -> None:
    answer = browser.get("/models?size=7&language=ar&size=8", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/models?size=7&size=8")
    assert browser.get("/models").text == "ar auto "
    browser.get("/?theme=dark")
    assert browser.get("/").text == "ar dark "


@pytest.mark.parametrize("query", ["language=xx", "theme=pink", "language="])
def test_what_cannot_be_chosen_changes_nothing(browser: TestClient, query: str) -> None:
    assert browser.get(f"/?{query}").text == f"en auto {query}"


@pytest.mark.parametrize(
    "path", ["//elsewhere.example/x", "/\\elsewhere.example", "/%09/elsewhere.example", "/%2F/elsewhere.example"]
)
def test_a_choice_leads_nowhere_else(browser: TestClient, path: str) -> None:
    answer = browser.get(f"http://testserver{path}?theme=dark", follow_redirects=False)
    assert answer.status_code == 303
    location = answer.headers["location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))


def test_cookies_of_others_are_not_believed(browser: TestClient) -> None:
    browser.cookies.update({"language": "../../x", "theme": "<b>"})
    assert browser.get("/").text == "en auto "
