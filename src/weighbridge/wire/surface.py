"""What a dialect is to the gateway: how its requests are read, its answers written, and its errors worded.

Every provider is asked for an answer in the chat format. A surface reads a client's request into one, and a form, made
for that request, writes the answer in the client's own dialect. Chat itself passes through untouched: its form changes
nothing. So do OpenAI's other tasks (completions, embeddings, rerank), which providers are asked at paths of their own.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from weighbridge.errors import BadRequest, WeighbridgeError
from weighbridge.wire import inner as inner_form
from weighbridge.wire.calls import Call, Task
from weighbridge.wire.defaults import Dialect
from weighbridge.wire.habits.profile import Habits
from weighbridge.wire.habits.repair import Repair
from weighbridge.wire.preferences import Preferences, Priority
from weighbridge.wire.usage import Usage

Cost = Callable[[Usage], str | None]
"""The price of a usage in US dollars, as digits; None where it is not known."""


class Stream(Protocol):
    """An answer on its way: chat events in, the dialect's events out."""

    @property
    def usage(self) -> Usage | None:
        """The last usage that was reported."""
        ...

    @property
    def done(self) -> bool:
        """Whether the upstream has said that its answer is whole."""
        ...

    @property
    def fault(self) -> str | None:
        """What the upstream said went wrong in the middle of its answer."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Some more of the upstream's stream, cut anywhere; what to pass on now. Raises sse.TooLong."""
        ...

    def end(self) -> bytes:
        """The upstream has ended its body; what is still to be passed on."""
        ...

    def last(self) -> bytes:
        """What tells the client that its answer is whole: it leaves once the receipt is written."""
        ...

    @property
    def whole(self) -> bool:
        """Whether the answer came to its end."""
        ...

    @property
    def said_bytes(self) -> int:
        """Bytes of text, reasoning and tool calls so far: what an estimate goes by."""
        ...


class Form(Protocol):
    """How the answer to one request is written."""

    def whole(self, document: bytes, cost: str | None) -> bytes:
        """The answer, from the provider's, which is JSON; `cost` in US dollars, None where it is not known.

        Raises UpstreamError where the document is no answer to the task.
        """
        ...

    def stream(self, cost: Cost) -> Stream:
        """A machine for the answer's stream. Raises UpstreamError where the task has none."""
        ...


class Origin(msgspec.Struct):
    """Where an answer comes from; filled in when an endpoint begins to give it."""

    receipt: str = ""
    at: int = 0
    """When it was asked for, in seconds since 1970."""
    model: str = ""
    provider: str = ""
    cost: Cost = lambda usage: None


class Native(msgspec.Struct):
    """The client's own request, for a provider that speaks its dialect: the answer passes back as it is."""

    task: Task
    call: Call
    body: bytes
    form: Form
    usage_in: Callable[[bytes], Usage | None]
    """The tokens that a whole answer reports."""
    said_in: Callable[[bytes], int]
    """Bytes of text, reasoning and tool calls in a whole answer."""
    exact: bool = False
    """See Asked.exact."""


class Varied(msgspec.Struct, frozen=True):
    """What one model is asked, where that is not what the others are: a chat completion request."""

    model: str
    """The catalogue's id."""
    call: Call
    body: bytes


class Verified(msgspec.Struct, frozen=True):
    """Whose whole answers are looked at before they are given."""

    model: str
    """The catalogue's id."""
    check: Callable[[bytes], None]
    """Raises UpstreamError where a chat completion is not of the form that was asked for."""


class Asked(msgspec.Struct):
    """A client's request as the providers are asked it."""

    call: Call
    body: bytes
    """A chat completion request, or whatever `task` takes: the client's own bytes where it spoke OpenAI's format."""
    form: Form
    task: Task = "chat"
    fallbacks: tuple[str, ...] = ()
    """Models to ask instead, in this order, where the one asked for gives no answer."""
    preferences: Preferences | None = None
    """What is asked of the providers."""
    session: str | None = None
    """The one that it belongs to, by its own word: requests of a session go to one endpoint."""
    origin: Origin | None = None
    """To be filled in, where the dialect's answers say where they come from."""
    preset: str | None = None
    """The preset that a field of the request names."""
    priority: Priority | None = None
    """Who goes first where not all can be answered at once."""
    exact: bool = False
    """Whether the client gets a stream if, and only if, it asked for one, whichever the provider sends. Then `whole`
    writes events where a stream was asked for, and `last` of a `stream` the document where none was."""
    inner: inner_form.Call | None = None
    """What `body` says, where it is a translation: it is written anew for a model with habits of its own."""
    fit: Callable[[Habits], bytes] | None = None
    """The request for a model with habits of its own, where the client said more of it than `body` does."""
    told: Callable[[], bytes] | None = None
    """What `fit` goes by besides `body`, as JSON: two requests that differ in it are not the same."""
    begun: Callable[[str, bytes], tuple[Call, bytes]] | None = None
    """What an endpoint (its id) is sent instead of a request, where the answer was begun by another; and what is read
    of it."""
    repair: Repair | None = None
    """What puts the answer right; set when an endpoint begins to give it, if it must be."""
    native: Native | None = None
    """The request in the client's own dialect."""
    untold: BadRequest | None = None
    """Why nothing but `native` will do: what a provider of chat completions cannot be told, or is wrong altogether."""
    passed: Native | None = None
    """`native`, if the endpoint that answers was asked so; set when it begins to."""
    traced: Callable[[str, str], bytes] | None = None
    """Is told of each endpoint that is asked, by its provider and its name for the model; gives headers to go along."""
    keep: Callable[[], Awaitable[None]] | None = None
    """What else has to be done, once the answer is whole, before its last byte leaves."""
    first: str | None = None
    """The model to ask before any other, where that is not the one that the request names."""
    varied: Varied | None = None
    """What one of the models is asked otherwise."""
    verified: Verified | None = None
    """The model whose answer another is to give instead, where it will not do."""


class Surface(Protocol):
    """One dialect."""

    @property
    def dialect(self) -> Dialect | None:
        """Which it is, where it asks for text."""
        ...

    def read(self, body: bytes) -> Asked:
        """Read a request. Raises BadRequest naming the field at fault."""
        ...

    def error(self, error: WeighbridgeError) -> bytes:
        """The document of an answer that is an error."""
        ...

    def error_event(self, error: WeighbridgeError) -> bytes:
        """The last event of a stream that broke after it had begun."""
        ...
