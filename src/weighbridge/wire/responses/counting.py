"""About how many tokens a Responses request has, by its text: nobody is asked."""

from weighbridge.wire import calls
from weighbridge.wire.chat.write import write_call
from weighbridge.wire.inner import Call
from weighbridge.wire.responses.read import Earlier, read_request
from weighbridge.wire.usage import estimated_tokens


def estimated_input(body: bytes, earlier: Earlier) -> tuple[str, int]:
    """The model of a request to count tokens, and about how many there are. Raises BadRequest."""
    call = read_request(body, earlier, may_store=False, may_be_empty=True).call
    tools = sum(len(tool.name + (tool.description or "")) + len(bytes(tool.schema or b"")) for tool in call.tools)
    return call.model, estimated_tokens(_said_bytes(call) + tools)


def _said_bytes(call: Call) -> int:
    return calls.read_chat(write_call(call)).prompt_bytes if call.messages else 0
