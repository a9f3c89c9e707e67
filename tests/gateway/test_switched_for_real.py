"""The whole way: planned, replayed, certified and applied from the command line; routed, watched, and stepped back."""

import asyncio
import json
import re
from itertools import cycle

from tests.cli.test_switch_run import Place, place
from tests.gateway.upstream import Call

__all__ = ["place"]
SWITCH = "x-weighbridge-switch"


def asked(number: int) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": f"What is {number} plus 1?"}]}


async def drifted(call: Call) -> None:
    """The small one answers something else from now on."""
    body = json.loads(call.body)
    found = re.search(r"What is (\d+)", body["messages"][-1]["content"])
    assert found is not None
    said = str(int(found[1]) + (0 if body["model"] == "small" else 1))
    message = {"role": "assistant", "content": said}
    await call.answer({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})


async def test_a_switch_is_proven_applied_kept_and_taken_back_by_itself(place: Place) -> None:
    lines = [{"request": asked(number), "expected": number + 1} for number in range(1000, 1080)]
    place.file.write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    plan = await place.plan("--epsilon", "0.1", "--delta", "0.1")
    await place.replayed(plan)
    rules = place.gateway.worker.switching.rules
    assert rules is not None
    rules._shadow_rate = 1.0
    assert "In force on 1 routes" in await place.good("apply", plan, "--yes")
    async with asyncio.timeout(30):
        told = ""
        for number in cycle(range(1080, 1120)):
            told = (await place.gateway.ask({"model": "near/big", **asked(number)})).headers.get(SWITCH, "")
            if "why=proven" in told:
                break
        assert "; arm=near/small; why=proven" in told
        said = (await place.gateway.ask({"model": "auto", **asked(1091)})).document
        assert said["choices"][0]["message"]["content"] == "1092"  # type: ignore[index]  # an answer, as above
        place.upstream.script = drifted
        for number in cycle(range(1080, 1120)):
            told = (await place.gateway.ask({"model": "auto", **asked(number)})).headers[SWITCH]
            if "why=stepped_back" in told:
                break
    status = json.loads(await place.good("status", "--json"))
    assert (status["rules"][0]["state"], status["rules"][0]["alarms"]) == ("stepped_back", 1)
    assert (await place.gateway.ask({"model": "auto", **asked(7)})).status == 200
    assert json.loads(place.upstream.calls[-1].body)["model"] == "big"
