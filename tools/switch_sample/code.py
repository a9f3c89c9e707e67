"""Small Python functions, each with tests that a reference solution passes."""

import random
from typing import Any, Final, NamedTuple

from tools.switch_sample.line import Line, line
from tools.switch_sample.tasks import TASKS, Task
from weighbridge.switch.case import Expected

SYSTEM: Final = "You write Python. Answer with the one function that is asked for, in a code block, and nothing else."


class Written(NamedTuple):
    """A task with its numbers and words drawn."""

    prompt: str
    solution: str
    tests: str
    """What the reference solution returns, as asserts."""


def code(chance: random.Random, count: int) -> list[Line]:
    """So many, all different, the tasks in turn, each with its numbers and words drawn anew."""
    return [
        line(SYSTEM, each.prompt, Expected("tests", each.tests), most_tokens=200) for each in written(chance, count)
    ]


def written(chance: random.Random, count: int) -> list[Written]:
    """The same with their solutions."""
    found: dict[str, Written] = {}
    for place in range(100 * count):
        if len(found) == count:
            break
        one = _drawn(TASKS[place % len(TASKS)], chance)
        found.setdefault(one.prompt, one)
    assert len(found) == count, "the tasks have not so many variants"
    return list(found.values())


def _drawn(task: Task, chance: random.Random) -> Written:
    drawn = {name: chance.choice(values) for name, values in task.drawn.items()}
    solution = task.solution.format(**drawn)
    module: dict[str, Any] = {}  # Any: a function of the task's own
    exec(solution, module)  # noqa: S102 -- our own source
    name = solution.removeprefix("def ").partition("(")[0]
    tests = [f"assert {name}({given}) == {eval(f'{name}({given})', module)!r}\n" for given in task.inputs]  # noqa: S307
    return Written(task.prompt.format(**drawn), solution, "".join(tests))
