"""What the scripted model answers: decided by the request alone, so that a run can be repeated.

Tools that are offered are called, with arguments that fit their schemas; an answer by a schema fits it; what a tool
said is repeated. A task of the form that `EDIT` reads is done with whichever editing tools an agent offers.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from conformance.instance import Hints, Json, Schemas

EDIT = re.compile(r"In the file (?P<path>\S+) replace '(?P<old>[^']*)' by '(?P<new>[^']*)'")
"""The task that agents are given."""
_BOTH = re.compile(r"\bboth (\w+) and (\w+)")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool to be called; `arguments` is JSON."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Said:
    """An answer."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"


class Function(msgspec.Struct):
    """A function that is offered."""

    name: str
    parameters: Json = None


class Tool(msgspec.Struct):
    """A tool that is offered; of other types than `function` nothing is known."""

    function: Function | None = None


class Message(msgspec.Struct):
    """A turn of the conversation."""

    role: str
    content: Json = None


class Request(msgspec.Struct):
    """What is read of a chat completion request."""

    messages: list[Message]
    model: str = ""
    stream: bool | None = None
    stream_options: dict[str, Json] | None = None
    tools: list[Tool] | None = None
    functions: list[Function] | None = None
    tool_choice: Json = None
    parallel_tool_calls: bool | None = None
    response_format: Json = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: Json = None
    n: int | None = None
    logprobs: bool | None = None

    @property
    def question(self) -> str:
        """The last words of the user."""
        return next((text_of(each.content) for each in reversed(self.messages) if each.role == "user"), "")

    @property
    def offered(self) -> dict[str, Json]:
        """The functions by name, with their schemas."""
        listed = [each.function for each in self.tools or [] if each.function is not None] + (self.functions or [])
        return {each.name: each.parameters for each in listed}


def answer(request: Request) -> Said:
    """What the model says to it."""
    task = _task(request)
    if task is not None:
        return _cut(_edited(request, task), request)
    calls = _calls(request)
    if calls:
        return Said(calls=calls, finish="tool_calls")
    return _cut(Said(_text(request)), request)


def text_of(content: Json) -> str:
    """The words of a message's content, whichever form it has."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return " ".join(text for text in texts if isinstance(text, str))


def _calls(request: Request) -> tuple[ToolCall, ...]:
    offered, last = request.offered, request.messages[-1].role if request.messages else ""
    if not offered or request.tool_choice == "none" or last in ("tool", "function"):
        return ()
    name = _forced(request.tool_choice) or _asked_for(request.question, list(offered))
    both = _BOTH.search(request.question)
    if both is not None and request.parallel_tool_calls is not False:
        return tuple(_call(name, offered.get(name), f"in {place}") for place in both.groups())
    return (_call(name, offered.get(name), request.question.replace(name, "")),)


def _call(name: str, schema: Json, question: str) -> ToolCall:
    found = Schemas(schema or {"type": "object"}, Hints.of(question)).instance()
    return ToolCall(name, msgspec.json.encode(found if isinstance(found, dict) else {}).decode())


def _forced(choice: Json) -> str | None:
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else None


def _asked_for(question: str, names: Sequence[str]) -> str:
    return next((name for name in names if name in question), names[0])


def _text(request: Request) -> str:
    form = request.response_format if isinstance(request.response_format, dict) else {}
    hints = Hints.of(request.question)
    if form.get("type") == "json_schema":
        described = form.get("json_schema")
        schema = described.get("schema") if isinstance(described, dict) else None
        return msgspec.json.encode(Schemas(schema or {"type": "object"}, hints).instance()).decode()
    if form.get("type") == "json_object":
        names = list(hints.words) or ["answer"]
        return msgspec.json.encode({name: f"the {name}" for name in names}).decode()
    if request.messages and request.messages[-1].role in ("tool", "function"):
        return f"The tool said: {text_of(request.messages[-1].content)}"
    return f"You asked: {request.question[:200]} This is the scripted answer."


def _cut(said: Said, request: Request) -> Said:
    """At a stop sequence, and at the limit of tokens; a word is a token."""
    text = said.text
    stops = request.stop if isinstance(request.stop, list) else [request.stop]
    for stop in stops:
        if isinstance(stop, str) and stop:
            text = text.partition(stop)[0]
    limit = request.max_completion_tokens or request.max_tokens
    words = words_of(text)
    if limit is not None and 0 < limit < len(words):
        return Said("".join(words[:limit]), said.calls, "length")
    return Said(text, said.calls, said.finish)


def words_of(text: str) -> list[str]:
    """The text in pieces of a word each, spaces kept."""
    return re.findall(r"\s*\S+\s*$|\s*\S+", text)


@dataclass(frozen=True, slots=True)
class Hands:
    """The tools of one kind of agent that do an edit, in the order they are to be called."""

    tools: tuple[str, ...]


HANDS = (
    Hands(("Read", "Edit")),  # Claude Code
    Hands(("read_file", "edit")),  # Qwen Code
    Hands(("read", "edit")),  # opencode
    Hands(("exec_command",)),  # Codex
    Hands(("shell_command",)),
    Hands(("shell",)),
)


def _task(request: Request) -> re.Match[str] | None:
    users = [text_of(each.content) for each in request.messages if each.role == "user"]
    return next((found for text in users if (found := EDIT.search(text))), None)


def _edited(request: Request, task: re.Match[str]) -> Said:
    """The next step of the edit: a tool, or without tools the whole of it as text; then the end."""
    offered = request.offered
    done = sum(each.role in ("tool", "function") for each in request.messages)
    hands = next((each for each in HANDS if set(each.tools) <= offered.keys()), None)
    if hands is not None and done < len(hands.tools):
        name = hands.tools[done]
        arguments = msgspec.json.encode(_filled(offered[name], task)).decode()
        return Said("I edit the file.", (ToolCall(name, arguments),), "tool_calls")
    if hands is None and not offered:
        return Said(_block(task))
    return Said("The file is edited.")


def _filled(schema: Json, task: re.Match[str]) -> dict[str, Json]:
    path, old, new = task["path"], task["old"], task["new"]
    sed = f"sed -i 's/{old}/{new}/' {path}"
    by_name: dict[str, Json] = {
        **dict.fromkeys(("file_path", "filePath", "absolute_path", "path"), path),
        **dict.fromkeys(("old_string", "oldString"), old),
        **dict.fromkeys(("new_string", "newString"), new),
        "cmd": sed,
        "command": sed,
    }
    properties = schema.get("properties") if isinstance(schema, dict) else None
    named = properties if isinstance(properties, dict) else {}
    filled = {name: value for name, value in by_name.items() if name in named}
    command = named.get("command")
    if isinstance(command, dict) and command.get("type") == "array":
        filled["command"] = ["bash", "-c", sed]
    return filled


def _block(task: re.Match[str]) -> str:
    """An edit as aider reads it."""
    file = task["path"].rpartition("/")[2]
    search, replace = f"<<<<<<< SEARCH\n{task['old']}\n", f"=======\n{task['new']}\n>>>>>>> REPLACE"
    return f"{file}\n```\n{search}{replace}\n```\n"
