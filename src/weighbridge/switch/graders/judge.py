"""Who judges: asked with an answer's words alone, and of no family whose answers it judges."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from weighbridge.catalog.model import Model
from weighbridge.switch.case import Answer, Case
from weighbridge.switch.graders import documents
from weighbridge.switch.graders.asked import Json, asked
from weighbridge.switch.graders.grader import Ask, GraderError

LONGEST_ANSWER: Final = 2000
"""Tokens of a judge's answer; most of them are for those that reason first."""
_BRANDS: Final = (
    "Amazon", "Anthropic", "Baidu", "ByteDance", "ChatGPT", "Claude", "Cohere", "Command R", "Copilot", "DeepSeek",
    "Doubao", "Falcon", "Gemini", "Gemma", "GLM", "Google", "GPT", "Grok", "Jais", "Kimi", "Llama", "Meta AI",
    "MiniMax", "Mistral", "Mixtral", "Moonshot", "Nemotron", "Nova", "NVIDIA", "OpenAI", "Phi", "Qwen", "Tongyi", "xAI",
    "Zhipu",
)  # fmt: skip
_NAMES: Final = re.compile(
    rf"\b(?:{'|'.join(sorted(map(re.escape, _BRANDS), key=len, reverse=True))})(?![A-Za-z])"
    r"(?:[-\s]?v?\d[\w.]*|-[\w.]+)*"
    "|通义千问|文心一言|豆包|智谱"
)
_HIDDEN: Final = "[a model]"


@dataclass(frozen=True, slots=True)
class Judge:
    """A model that judges."""

    model: str
    """The catalogue's id."""
    ask: Ask


def suited(judge: str, weighed: Iterable[str], find: Callable[[str], Model | None]) -> None:
    """Raise GraderError unless the judge is of another family than all that are weighed.

    A family is a lab whose model stands anywhere in what a model was made from: one that DeepSeek made of a Qwen is
    of both. `find` is the catalogue's; what it does not know has no known family, and judges and is judged by nobody.
    """
    mine = family(judge, find)
    if not mine:
        raise GraderError(f"judge {judge!r}: the catalogue does not say whose it is; take a judge that it knows")
    for each in weighed:
        theirs = family(each, find)
        if not theirs:
            raise GraderError(f"judge {judge!r}: whose {each!r} is, is not known, so no judge is of another family")
        if shared := mine & theirs:
            raise GraderError(
                f"judge {judge!r} is of the family {min(shared)!r}, as {each!r} is, and judges favour their own: "
                "take one of another lab"
            )


def family(id_: str, find: Callable[[str], Model | None]) -> frozenset[str]:
    """The labs of a model and of all it was made from; empty where that is not known."""
    labs: set[str] = set()
    seen: set[str] = set()
    while (model := find(id_)) is not None and id_ not in seen:
        seen.add(id_)
        if model.lab is not None:
            labs.add(model.lab.slug)
        if model.base_model is None:
            break
        id_ = model.base_model
    return frozenset(labs)


def shown(answer: Answer) -> str:
    """An answer as a judge sees it: its words and calls, with the names of models and their makers taken out."""
    said = [answer.text.strip() or (answer.refusal or "")]
    said += [f"[calls {call.name} with {call.arguments}]" for call in answer.calls]
    return _NAMES.sub(_HIDDEN, "\n".join(each for each in said if each))


def conversation(case: Case) -> list[dict[str, str]]:
    """What was asked, as a judge sees it."""
    return [{"role": each.role, "text": each.text} for each in asked(case.body).messages]


def question(instructions: str, material: Json) -> bytes:
    """A request to a judge, without a model: at temperature 0, with what is to be judged as one JSON document.

    As JSON, no answer can pass for the end of itself and the beginning of instructions.
    """
    messages = [
        {"role": "system", "content": instructions},
        {"role": "user", "content": msgspec.json.encode(material).decode()},
    ]
    return msgspec.json.encode({"messages": messages, "temperature": 0, "max_tokens": LONGEST_ANSWER})


def verdict(answer: Answer) -> dict[str, Json] | None:
    """The JSON object that a judge answered, whatever it put around it; None if there is none."""
    if answer.error is not None:
        return None
    document = documents.read(answer.text.rpartition("</think>")[2], whole=False)
    return document if isinstance(document, dict) else None
