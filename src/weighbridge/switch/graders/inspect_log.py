"""Logs of inspect-ai (https://inspect.aisi.org.uk/eval-logs.html): its `.json` format, version 2, in and out.

In: a log's samples become lines that `weighbridge switch plan --requests` takes, and two logs of the same samples
become grades by one of their scorers. Out: what was weighed becomes one log for each model, which `inspect view` and
`inspect_ai.log.read_eval_log` read. The fields are those of inspect_ai.log.EvalLog; what we do not know stays out.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal

import msgspec

from weighbridge.switch.case import Answer, Case, Expected, Grade
from weighbridge.switch.graders import numbers
from weighbridge.switch.graders.asked import Json, asked
from weighbridge.switch.graders.grader import GraderError
from weighbridge.wire.decoding import UNREADABLE

VERSION: Final = 2
SCORER: Final = "weighbridge"
_STOPS: Final = {"stop": "stop", "length": "max_tokens", "tool_calls": "tool_calls", "content_filter": "content_filter"}
_ENDS: Final = {"max_tokens": "length", "model_length": "length", "tool_calls": "tool_calls"} | {
    "content_filter": "content_filter"
}
_LETTERS: Final = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Values of inspect-ai's scorers: correct, partly, incorrect, no answer."""


class Weighed(msgspec.Struct, frozen=True):
    """One case with its two answers and what they are worth."""

    case: Case
    reference: Answer
    candidate: Answer
    grade: Grade


class _Call(msgspec.Struct):
    id: str = ""
    function: str = ""
    arguments: Json = None


class _Said(msgspec.Struct, omit_defaults=True):
    role: str = ""
    content: Json = ""
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None


class _Choice(msgspec.Struct):
    message: _Said
    stop_reason: str = "unknown"


class _Output(msgspec.Struct):
    choices: list[_Choice] = []


class _Score(msgspec.Struct):
    value: Json = None


class _Sample(msgspec.Struct):
    id: int | str
    input: str | list[_Said]
    epoch: int = 1
    target: str | list[str] = ""
    choices: list[str] | None = None
    output: _Output = msgspec.field(default_factory=_Output)
    scores: dict[str, _Score] | None = None


class _Spec(msgspec.Struct):
    model: str = ""


class _Log(msgspec.Struct):
    eval: _Spec
    version: int = VERSION
    samples: list[_Sample] | None = None


def lines(log: bytes) -> Iterator[bytes]:
    """Each sample of a log as a line for `weighbridge switch plan --requests`. Raises GraderError.

    Its input, with its choices by letters, becomes the request; its target what is expected (of several targets none,
    as any of them would do); and its output the answer of the model of the log.
    """
    for sample in _read(log).samples or ():
        yield msgspec.json.encode(_line(sample))


def grades(reference: bytes, candidate: bytes, scorer: str) -> dict[str, Grade]:
    """What two models' answers to the same samples are worth by a scorer of both logs, by `sample/epoch`.

    Scores count from 0 to 1; letters as inspect-ai has them. A sample that only one log has scored has no grade.
    Raises GraderError where no sample has that score in both.
    """
    ours, theirs = _scores(_read(reference), scorer), _scores(_read(candidate), scorer)
    both = sorted(ours.keys() & theirs.keys())
    if not both:
        raise GraderError(f"no sample has a score of {scorer!r} in both logs")
    name, exact = f"inspect:{scorer}", not scorer.startswith("model_graded")
    return {
        id_: Grade(name, ours[id_] - theirs[id_], ours[id_], theirs[id_], exact=exact, why="as its logs say")
        for id_ in both
    }


def exported(
    model: str, side: Literal["reference", "candidate"], weighed: Sequence[Weighed], *, task: str, at: datetime
) -> bytes:
    """A log of what one model answered, and how it was graded: quality from 0 to 1, and the loss beside it.

    Of what was only compared, a win is 1, a tie one half, a defeat 0. It holds prompts and answers: keep it as such.
    """
    samples = [_sample(model, side, each) for each in weighed]
    document = {
        "version": VERSION,
        "status": "success",
        "eval": {
            "eval_id": _id(task, model, at.isoformat()),
            "run_id": _id(task, at.isoformat()),
            "task_id": _id(task),
            "created": at.isoformat(),
            "task": task,
            "dataset": {"name": task, "samples": len(samples), "sample_ids": [each["id"] for each in samples]},
            "model": model,
            "config": {"epochs": 1},
            "scorers": [{"name": SCORER}],
        },
        "plan": {"name": "weighbridge switch"},
        "results": _results([each["scores"][SCORER]["value"] for each in samples]),
        "stats": {"started_at": at.isoformat(), "completed_at": at.isoformat()},
        "samples": samples,
    }
    return msgspec.json.encode(document)


def _read(log: bytes) -> _Log:
    try:
        found = msgspec.json.decode(log, type=_Log)
    except UNREADABLE as error:
        raise GraderError(f"no log of inspect-ai: {error}; `inspect log convert --to json` makes one") from error
    if found.version != VERSION:
        raise GraderError(f"a log of version {found.version}, where {VERSION} is known: `inspect log convert` may help")
    return found


def _line(sample: _Sample) -> dict[str, Json]:
    said = [_Said("user", sample.input)] if isinstance(sample.input, str) else sample.input
    messages = [_message(each) for each in said]
    if sample.choices and messages:
        listed = "\n".join(f"{chr(ord('A') + place)}) {each}" for place, each in enumerate(sample.choices))
        messages[-1]["content"] = f"{messages[-1]['content']}\n\n{listed}"
    line: dict[str, Json] = {"request": {"messages": messages}}
    targets = [sample.target] if isinstance(sample.target, str) else sample.target
    if len(targets) == 1 and targets[0]:
        line["expected"] = _expected(targets[0], choice=sample.choices is not None)
    if sample.output.choices:
        choice = sample.output.choices[0]
        finish = _ENDS.get(choice.stop_reason, "stop")
        line["answer"] = {"choices": [{"message": _message(choice.message), "finish_reason": finish}]}
    return line


def _expected(target: str, *, choice: bool) -> Expected:
    if choice:
        return Expected("choice", target)
    return Expected("text" if numbers.alone(target) is None else "number", target)


def _message(said: _Said) -> dict[str, Json]:
    """In the words of a chat completion; of content, the texts."""
    parts = [said.content] if isinstance(said.content, str) else [each.get("text", "") for each in said.content or ()]
    message: dict[str, Json] = {"role": said.role, "content": "\n".join(filter(None, parts))}
    if said.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function, "arguments": msgspec.json.encode(call.arguments).decode()},
            }
            for call in said.tool_calls
        ]
    if said.tool_call_id is not None:
        message["tool_call_id"] = said.tool_call_id
    return message


def _scores(log: _Log, scorer: str) -> dict[str, float]:
    found = {}
    for sample in log.samples or ():
        score = (sample.scores or {}).get(scorer)
        value = None if score is None else _quality(score.value)
        if value is not None:
            found[f"{sample.id}/{sample.epoch}"] = value
    return found


def _quality(value: Json) -> float | None:
    if isinstance(value, str):
        return _LETTERS.get(value)
    return float(value) if isinstance(value, (int, float)) and 0 <= value <= 1 else None


def _sample(model: str, side: Literal["reference", "candidate"], weighed: Weighed) -> dict[str, Json]:
    grade, case = weighed.grade, weighed.case
    answer = weighed.reference if side == "reference" else weighed.candidate
    quality = grade.reference if side == "reference" else grade.candidate
    if quality is None:
        quality = (1 + (grade.loss if side == "reference" else -grade.loss)) / 2
    return {
        "id": case.id,
        "epoch": 1,
        "input": [{"role": each.role, "content": each.text} for each in asked(case.body).messages],
        "target": "" if case.expected is None else case.expected.value,
        "output": {"model": model, "choices": [_choice(answer)], "completion": answer.text},
        "scores": {
            SCORER: {
                "value": quality,
                "answer": answer.text,
                "explanation": f"{grade.grader}: {grade.why}",
                "metadata": {"grader": grade.grader, "loss": grade.loss, "exact": grade.exact},
            }
        },
        "metadata": {"route": case.route, "receipt": answer.receipt},
    }


def _choice(answer: Answer) -> dict[str, Json]:
    calls = [_called(number, call.name, call.arguments) for number, call in enumerate(answer.calls)]
    message = {"role": "assistant", "content": answer.text} | ({"tool_calls": calls} if calls else {})
    return {"message": message, "stop_reason": _STOPS.get(answer.finish or "", "unknown")}


def _called(number: int, name: str, written: str) -> dict[str, Json]:
    """Arguments that are no JSON object stand beside it, as inspect-ai has them."""
    call: dict[str, Json] = {"id": f"call-{number}", "type": "function", "function": name, "arguments": {}}
    try:
        return call | {"arguments": msgspec.json.decode(written or "{}", type=dict[str, Json])}
    except UNREADABLE as error:
        return call | {"parse_error": f"{error}: {written}"}


def _results(values: Iterable[float]) -> dict[str, Json]:
    known = list(values)
    mean = sum(known) / len(known) if known else 0.0
    score = {"name": SCORER, "scorer": SCORER, "metrics": {"mean": {"name": "mean", "value": mean}}}
    return {"total_samples": len(known), "completed_samples": len(known), "scores": [score]}


def _id(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()[:22]
