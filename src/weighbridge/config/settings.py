"""What can be set: each field with its type, its default and what it means."""
# ruff: noqa: RUF009 - `setting` is `dataclasses.field` with a meaning; the defaults themselves are immutable

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal, TypeVar

from weighbridge.config.kinds import (
    Bytes,
    Count,
    Country,
    Days,
    Dollars,
    Hours,
    Mebibytes,
    Origin,
    Penalty,
    Percent,
    Place,
    Port,
    Retention,
    Seconds,
    Secret,
    Share,
    Temperature,
    Text,
    Times,
    Tokens,
    Url,
    Usd,
    WebhookUrl,
)

T = TypeVar("T")


class ConfigError(Exception):
    """The settings cannot be used. The message names the place, the key, what was expected and the nearest key."""


class Secrets:
    """The environment as it was when the settings were read; values come out as `Secret`."""

    __slots__ = ("_environ",)

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)

    def get(self, name: str) -> Secret | None:
        """The variable `name` without surrounding blanks; None where it is unset or empty."""
        value = self._environ.get(name, "").strip()
        return Secret(value) if value else None

    def names(self) -> frozenset[str]:
        """The names of all variables, set or empty."""
        return frozenset(self._environ)

    def __repr__(self) -> str:
        return "Secrets(…)"


def setting(default: T, meaning: str, *, unit: str | None = None) -> T:
    """A dataclass field with what the reference page says of it."""
    value: T = field(default=default, metadata={"meaning": meaning, "unit": unit})
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The address we listen on, and the bounds a client must keep."""

    host: Text = setting("127.0.0.1", "Address to listen on.")
    port: Port = setting(8080, "Port to listen on; 0 takes any free one.")
    workers: Count = setting(1, "Processes that serve requests; one uses about one core.")
    max_body_bytes: Bytes = setting(32 * 2**20, "Longest request body; a longer one is refused with 413.", unit="bytes")
    max_header_bytes: Bytes = setting(32 * 2**10, "Longest head of a request, all headers together.", unit="bytes")
    header_timeout_seconds: Seconds = setting(10.0, "Time for the head of a request to arrive.", unit="seconds")
    body_timeout_seconds: Seconds = setting(60.0, "Longest wait for more of a request's body.", unit="seconds")
    keep_alive_seconds: Seconds = setting(75.0, "How long an idle connection stays open.", unit="seconds")
    max_connections: Count = setting(10_000, "Open client connections for each worker.")
    drain_seconds: Seconds = setting(30.0, "Time that answers under way get to end after a stop.", unit="seconds")
    cors_origins: tuple[Origin, ...] = setting((), "Web origins whose pages may call the API from a browser.")
    default_model: Text | None = setting(
        None, "The model of requests for text that name none; unset: they are refused with 400."
    )
    metrics: Literal["off", "key", "open"] = setting(
        "key",
        "Who may read /metrics: nobody, and nothing is counted; who has an admin key that reads all usage, or a key of "
        "no organisation and project; or everybody.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """How we call providers."""

    connect_timeout_seconds: Seconds = setting(10.0, "Time to connect, TLS included.", unit="seconds")
    first_byte_timeout_seconds: Seconds = setting(300.0, "Time from the request to the answer's head.", unit="seconds")
    idle_timeout_seconds: Seconds = setting(120.0, "Longest silence within an answer.", unit="seconds")
    max_connections_per_origin: Count = setting(1000, "Open connections to one provider, for each worker.")
    keep_alive_seconds: Seconds = setting(60.0, "How long an idle connection to a provider is kept.", unit="seconds")
    ca_file: Path | None = setting(None, "Certificates (PEM) to trust instead of the system's.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """Which of a model's endpoints are asked, and what becomes of those that fail."""

    sort: Literal["spread", "price", "latency", "throughput"] = setting(
        "spread",
        "Where a request says nothing: `spread` sends each endpoint requests by 1/price², the others always ask the "
        "best one first.",
    )
    retries: Times = setting(
        2, "Times that a request's endpoints are asked again after all of them have failed; 0: never."
    )
    retry_seconds: Seconds = setting(10.0, "Time from the first try in which a retry may begin.", unit="seconds")
    retry_percent: Percent = setting(
        20, "Most retries for each 100 requests of a worker, so that a storm is not multiplied.", unit="percent"
    )
    retries_per_second: Count = setting(3, "Retries of a worker that may always be, however few the requests.")
    breaker_failures: Count = setting(3, "Failures in a row after which an endpoint is left alone for a while.")
    breaker_percent: Percent = setting(
        50, "The same for the share of failures in half a minute, of ten requests or more.", unit="percent"
    )
    breaker_seconds: Seconds = setting(
        2.0, "How long an endpoint is left alone the first time; each further time takes twice as long.", unit="seconds"
    )
    breaker_most_seconds: Seconds = setting(60.0, "Longest time that it is left alone.", unit="seconds")
    outlier_times: Times = setting(
        10, "How many times slower than others of its model an endpoint must be to be put aside; 0: never."
    )
    outlier_seconds: Seconds = setting(
        30.0, "How long it is put aside the first time; each further time takes twice as long.", unit="seconds"
    )
    probe_seconds: Seconds | None = setting(
        None,
        "How often the provider of an endpoint that fails is asked for its list of models, to try it again sooner; "
        "unset: never.",
        unit="seconds",
    )
    hedge: bool = setting(
        False, "Whether a second endpoint is asked, for requests that do not say, when the first is slow to begin."
    )
    hedge_percent: Percent = setting(5, "Most second endpoints asked for each 100 such requests.", unit="percent")
    hedge_max_cost: Dollars = setting(
        Decimal("0.05"), "What a request may be expected to cost at a second endpoint.", unit="USD"
    )
    resume: bool = setting(
        False,
        "Whether another endpoint goes on with a streamed answer that breaks off, where the request does not say by "
        "`x-weighbridge-resume`.",
    )
    resumptions: Times = setting(2, "Times that one answer is gone on with; 0: never.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """Who may serve whose requests, by licence, origin, jurisdiction and data; all that are named must let one pass."""

    file: Path | None = setting(
        None,
        "A policy of your own; a change counts within a second. Unset: policy.toml in the data directory, once it is "
        "there.",
    )
    ready: tuple[Text, ...] = setting(
        (), "Ready-made policies, such as eu-processing-only; `weighbridge policy ready`."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionSettings:
    """How many requests are answered at once, and how many may wait for that; see also `max_concurrent` of a provider.

    All of it holds for each worker.
    """

    max_concurrent: Count | None = setting(None, "Requests answered at once, over all providers; unset: no bound.")
    max_queue: Count = setting(1000, "Requests that may wait for a place at one provider, or engine of ours.")
    max_wait_seconds: Seconds = setting(120.0, "Longest wait for a place.", unit="seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """The models we run ourselves."""

    enabled: bool = setting(True, "Whether to run models on this machine.")
    models: tuple[Text, ...] = setting(
        ("qwen/qwen2.5-coder-0.5b-instruct", "sentence-transformers/all-minilm-l6-v2"), "Ids of the models to run."
    )
    threads: Count | None = setting(None, "Threads of an engine; unset: as many as there are cores.")
    slots: Count = setting(2, "Requests that one engine answers at once.")
    context: Tokens = setting(8192, "Longest prompt and answer together, for each slot.", unit="tokens")
    idle_unload_seconds: Count | None = setting(
        None, "Unload a model that was not asked for so long; unset: never.", unit="seconds"
    )
    cache_mib: Mebibytes = setting(256, "Memory of an engine for prompts it has seen before.", unit="MiB")
    memory_mib: Mebibytes | None = setting(
        None, "Most private memory of an engine; unset: what its slots, context and cache add up to.", unit="MiB"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """Where the ledger, the keys and all else are kept that is not a setting."""

    url: Secret | None = setting(
        None,
        "A PostgreSQL database, as postgresql://user:password@host/name, in place of the file `ledger.path`; the "
        "variable is the better place for a password.",
    )

    def __post_init__(self) -> None:
        """Raises ConfigError for what is no such URL."""
        if self.url is not None and not self.url.reveal().startswith(("postgresql://", "postgres://")):
            raise ConfigError(
                "database.url: expected postgresql://user:password@host/name; unset, it is an SQLite file"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """Where every answer leaves its entry."""

    path: Path | None = setting(None, "The database file; unset: ledger.db in the data directory.")
    durability: Literal["process", "power"] = setting(
        "process", "What an entry survives: the end of the process (kill -9), or a power cut (one fsync a commit)."
    )
    users: Literal["plain", "hashed", "off"] = setting(
        "plain",
        "How an entry names the client's own user: as the client does, by a hash with `ledger.users_key`, or not.",
    )
    users_key: Secret | None = setting(
        None, "What users are hashed with: the same for every gateway of one ledger, and 16 characters or more."
    )
    when_unwritable: Literal["refuse", "spool"] = setting(
        "refuse",
        "What becomes of requests while no entry can be written: they are refused with 503, or answered, with their "
        "entries kept in a file on this machine until they can be.",
    )
    spool_entries: Count = setting(100_000, "Entries kept so, for each worker; with more, requests are refused.")
    reserve_mib: Mebibytes = setting(
        4, "Disk space kept back so that a full disk still takes the last entries.", unit="MiB"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Answers that are given again, to the requests and keys that ask for it."""

    enabled: bool = setting(True, "Whether answers may be kept at all; if not, requests for it are answered anew.")
    path: Path | None = setting(None, "The file of answers; unset: cache.db in the data directory.")
    max_mib: Mebibytes = setting(256, "Room for answers, compressed; the longest unused go first.", unit="MiB")
    ttl_seconds: Count = setting(
        3600, "How long an answer is kept where neither the request nor its key says how long.", unit="seconds"
    )
    shared: bool = setting(False, "Whether keys are given each other's answers.")
    wait_seconds: Seconds = setting(
        30.0, "Longest wait for another request that asks the same at the same time.", unit="seconds"
    )
    embedding_model: Text = setting(
        "sentence-transformers/all-minilm-l6-v2", "The local model by which `semantic` compares questions."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSettings:
    """A Valkey or Redis server by which workers on several machines know what one of them knows.

    Nothing on it may be missed: without it, requests go on as if it were not set.
    """

    url: Secret | None = setting(
        None,
        "The server, as valkey://user:password@host:6379/0, valkeys://… with TLS (redis:// and rediss:// too), "
        "or unix:///path; unset: none. The variable is the better place for a password.",
    )
    breakers: bool = setting(
        True, "Whether workers tell each other which endpoints fail, answer again, or limit the rate of our key."
    )
    answers: bool = setting(True, "Whether answers that are kept to be given again are found by all machines.")
    wait_seconds: Seconds = setting(
        0.02, "Longest wait of a request for it; three in a row that are longer, and it is left alone.", unit="seconds"
    )
    max_answer_kib: Count = setting(512, "Largest answer that is written there, compressed.", unit="KiB")
    prefix: Text = setting(
        "weighbridge", "What all that is ours there begins with; gateways with the same one share it."
    )
    ca_file: Path | None = setting(None, "Certificates (PEM) to trust there instead of the system's.")

    def __post_init__(self) -> None:
        """Raises ConfigError for what is no such URL."""
        schemes = ("valkey://", "valkeys://", "redis://", "rediss://", "unix://")
        if self.url is not None and not self.url.reveal().startswith(schemes):
            raise ConfigError("shared.url: expected valkey://user:password@host:6379/0, valkeys://… or unix:///path")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsesSettings:
    """What is kept of /v1/responses and of stored chat completions, for the keys that allow it."""

    keep_days: Days = setting(
        30,
        "How long a response or a stored chat completion is kept, prompt and answer, unless it is deleted.",
        unit="days",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSettings:
    """Where sources of the market's data are asked."""

    hosts: tuple[Text, ...] = setting(
        (),
        "Other addresses for sources' hosts, as `NAME=URL`, such as a mirror of the hub: "
        "`hub=https://mirror.example.org`. Hosts: `artificial-analysis`, `epoch`, `github`, `hub`, `models-dev`, "
        "`openrouter`.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TextsSettings:
    """The prompts and answers of the keys that ask for them to be kept (`weighbridge keys create --keep-text`)."""

    path: Path | None = setting(None, "The file of texts; unset: texts.db in the data directory.")
    key: Secret | None = setting(
        None, "The key that texts are encrypted with, as `weighbridge texts new-key` makes one; unset: they are not."
    )
    old_keys: Secret | None = setting(
        None, "Keys before it, with commas between, until `weighbridge texts rekey` has done away with them."
    )
    retention_days: Days = setting(365, "The longest that a text is kept, whatever its key says.", unit="days")
    required: bool = setting(
        False, "Whether requests of such keys are refused while texts cannot be kept; if not, they are answered."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsSettings:
    """Whom to tell of budgets, endpoints that fail and prices that change."""

    url: WebhookUrl | None = setting(None, "The webhook that is told; unset: nobody is.")
    secret: Secret | None = setting(
        None,
        "What its messages are signed with (`weighbridge alerts secret` makes one); while it is changed, the new one "
        "and the old one with a blank between. A variable of the environment is the better place.",
    )
    events: tuple[
        Literal[
            "budget.warned",
            "budget.spent",
            "breaker.opened",
            "breaker.closed",
            "price.changed",
            "drift.found",
            "switch.stepped_back",
        ],
        ...,
    ] = setting((), "What it is told of; none: of everything.")
    timeout_seconds: Seconds = setting(15.0, "Longest wait for its answer.", unit="seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySettings:
    """Traces and metrics that are sent to an OpenTelemetry collector; it takes `pip install 'weighbridge[otel]'`."""

    endpoint: Url | None = setting(
        None, "Where the collector takes OTLP over HTTP, such as http://127.0.0.1:4318; unset: nothing is sent."
    )
    headers: Secret | None = setting(
        None,
        "Headers for it, as name=value with commas between; a variable of the environment is the better place.",
    )
    service: Text = setting("weighbridge", "What this gateway is called there: `service.name`.")
    traces: bool = setting(True, "Whether traces are sent: a span for each request, and for each endpoint asked.")
    trace_percent: Percent = setting(
        100, "How many requests are traced of those that come without a trace of the client's.", unit="percent"
    )
    metrics: bool = setting(True, "Whether metrics are sent.")
    metrics_seconds: Seconds = setting(60.0, "Time between two of them.", unit="seconds")
    pass_on: bool = setting(False, "Whether providers are told the trace, as `traceparent` and `tracestate`.")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingSettings:
    """What the gateway says on standard error, and in logs/ of the data directory; never a prompt, answer or key."""

    format: Literal["text", "json"] = setting("text", "Lines for people, or JSON for a collector of logs.")
    level: Literal["debug", "info", "warning", "error"] = setting("info", "From which level on.")
    access: bool = setting(False, "Whether each request leaves a line: receipt, key id, model, tokens, cost, times.")


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSettings:
    """The pages for people with a browser, served by a process of their own beside the gateway."""

    enabled: bool = setting(True, "Whether `weighbridge up` serves them.")
    host: Text = setting("127.0.0.1", "Address to listen on; leave it so behind a proxy on this machine.")
    port: Port | None = setting(
        None, "Port to listen on; 0 takes any free one. Unset: the one after the gateway's, or any where that is taken."
    )
    public_url: Url | None = setting(
        None,
        "Where browsers find it behind a proxy, such as https://window.example.org: then it answers under this name "
        "too, takes forms of its pages, and takes the proxy's word for where a visitor comes from.",
    )
    session_hours: Hours = setting(12, "How long somebody stays signed in.", unit="hours")

    def __post_init__(self) -> None:
        """Raises ConfigError for an address with a path: the window has all of a name, or none."""
        if self.public_url is not None and self.public_url.rstrip("/").count("/") > 2:
            raise ConfigError("window.public_url: expected an address without a path, as https://window.example.org")


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoModel:
    """A model that `auto` may mean where nothing is proven, and what is publicly known of it."""

    model: Text = field(metadata={"meaning": "The catalogue's id.", "unit": None})
    quality: Share = field(metadata={"meaning": "How much it gets right, by a public benchmark.", "unit": None})
    source: Text = field(metadata={"meaning": "Where that was read, and when.", "unit": None})
    tools: Share | None = setting(None, "The same where tools are offered; unset: as `quality`.")
    json: Share | None = setting(None, "The same where JSON is asked for; unset: as `quality`.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSettings:
    """Which requests cheaper models answer: by what was proven (`weighbridge switch`), and `auto` without a proof."""

    enabled: bool = setting(
        True, "Whether rules are gone by (`weighbridge switch apply`); if not, each request goes where it says."
    )
    shadow_rate: Share = setting(
        0.03, "Share of the requests that were moved of which the reference is asked as well, to see that it holds."
    )
    shadow_queue: Count = setting(64, "Such requests that may wait in each worker; more are left out.", unit="requests")
    auto: tuple[AutoModel, ...] = setting(
        (), "Models that `auto` may mean where nothing is proven, as [[switch.auto]]; none: `auto` is then no model."
    )
    auto_quality: Share = setting(
        0.7, "The public quality that will do: of the models that have it the cheapest answers."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderModel:
    """A model of one provider with a price of your own; prices are US dollars for a million tokens."""

    id: Text = field(metadata={"meaning": "The model's name at the provider.", "unit": None})
    model: Text | None = setting(None, "The catalogue's id of the model; unset: `<provider>/<id>`.")
    input: Usd | None = setting(None, "Price of prompt tokens; given together with `output`.", unit="USD per 1M tokens")
    output: Usd | None = setting(None, "Price of answer tokens; given together with `input`.", unit="USD per 1M tokens")
    cache_read: Usd | None = setting(
        None, "Price of prompt tokens read from the provider's cache; unset: as `input`.", unit="USD per 1M tokens"
    )
    cache_write: Usd | None = setting(
        None, "Price of prompt tokens written to the provider's cache; unset: as `input`.", unit="USD per 1M tokens"
    )
    context: Tokens | None = setting(None, "Longest prompt and answer together.", unit="tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """What is set for one provider, known or your own; `id` is its name in `[providers.<id>]`."""

    base_url: Url | None = setting(None, "Where its OpenAI-compatible API is, such as http://127.0.0.1:8000/v1.")
    api_key: Secret | None = setting(None, "Its key; a variable of the environment is the better place.")
    api_key_env: Text | None = setting(None, "The variable that holds its key, where it is not the usual one.")
    enabled: bool = setting(True, "Whether it may be called at all.")
    max_concurrent: Count | None = setting(
        None, "Requests it answers at once, for each worker; others wait. Unset: no bound."
    )
    rerank: Literal["documents", "texts"] = setting(
        "documents", "What its reranker calls the documents: `texts` for Text Embeddings Inference, its own format."
    )
    speaks: tuple[Literal["chat", "messages", "responses"], ...] = setting(
        (), "The formats it takes under its base URL, where they are not its row's or `chat` alone."
    )
    habits: Text | None = setting(
        None, "The provider whose habits it has, such as vllm; none: requests and answers pass as they come."
    )
    country: Country | None = setting(None, "Seat of the company that runs it: whose law it is under, such as FR.")
    region: Place | None = setting(None, "Where its data centre stands: a country such as FI, or a group such as EU.")
    retention_days: Retention | None = setting(
        None, "How long it keeps prompts and answers; 0 is zero data retention.", unit="days"
    )
    trains: bool | None = setting(None, "Whether it trains models on what comes through its API.")
    parameters: tuple[Text, ...] = setting(
        (),
        "The fields of a request for text that it heeds, where they are not its row's: for requests that require it.",
    )
    own_machine: bool | None = setting(
        None, "Whether it is a server of your own, so that nothing leaves the house: what a policy calls local."
    )
    models: tuple[ProviderModel, ...] = setting((), "Models with prices of your own, as [[providers.<id>.models]].")


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasSettings:
    """What a name of your own means, as `[aliases]` or, with a date, `[[aliases.<name>]]`."""

    models: tuple[Text, ...] = field(metadata={"meaning": "A model's id, or several: its fallbacks.", "unit": None})
    since: date | None = setting(None, "The day (UTC) from which it means that; unset: since ever.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetSettings:
    """What is asked by one name; whatever a request says itself comes first."""

    models: tuple[Text, ...] = setting((), "The model, or several: its fallbacks; unset: the request names its own.")
    provider: Mapping[str, object] | None = setting(
        None, "What is asked of the providers: the fields of OpenRouter's `provider` object."
    )
    system: Text | None = setting(None, "Instructions, for conversations that have none.")
    temperature: Temperature | None = setting(None, "How much chance there is in the answer.")
    top_p: Share | None = setting(None, "From how much of what is likely the answer is drawn.")
    max_tokens: Tokens | None = setting(None, "The longest answer.", unit="tokens")
    stop: tuple[Text, ...] | None = setting(None, "Texts at which the answer ends.")
    seed: int | None = setting(None, "Where chance begins, for answers that can be had again.")
    frequency_penalty: Penalty | None = setting(None, "How much less likely words become with each use.")
    presence_penalty: Penalty | None = setting(None, "How much less likely words become once they were used.")
    reasoning: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = setting(
        None, "How hard to think."
    )
    priority: Literal["low", "normal", "high"] | None = setting(None, "Who goes first where not all can be answered.")
    cache: Text | None = setting(None, "Whether answers are given again, in the words of `x-weighbridge-cache`.")
    resume: bool | None = setting(None, "Whether an answer that breaks off goes on at another endpoint.")
    hedge: bool | None = setting(None, "Whether a second endpoint is asked when the first is slow to begin.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set, checked. `file` is the file that was read, if any."""

    home: Path
    server: ServerSettings = ServerSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    routing: RoutingSettings = RoutingSettings()
    policy: PolicySettings = PolicySettings()
    admission: AdmissionSettings = AdmissionSettings()
    local: LocalSettings = LocalSettings()
    database: DatabaseSettings = DatabaseSettings()
    ledger: LedgerSettings = LedgerSettings()
    cache: CacheSettings = CacheSettings()
    shared: SharedSettings = SharedSettings()
    responses: ResponsesSettings = ResponsesSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    logging: LoggingSettings = LoggingSettings()
    alerts: AlertsSettings = AlertsSettings()
    texts: TextsSettings = TextsSettings()
    market: MarketSettings = MarketSettings()
    switch: SwitchSettings = SwitchSettings()
    window: WindowSettings = WindowSettings()
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    aliases: Mapping[str, tuple[AliasSettings, ...]] = field(default_factory=dict)
    presets: Mapping[str, PresetSettings] = field(default_factory=dict)
    secrets: Secrets = field(default_factory=lambda: Secrets({}))
    file: Path | None = None

    @property
    def ledger_path(self) -> Path:
        """The database file, where no server is set."""
        return self.ledger.path or self.home / "ledger.db"

    @property
    def cache_path(self) -> Path:
        """The file of answers."""
        return self.cache.path or self.home / "cache.db"

    @property
    def texts_path(self) -> Path:
        """The file of prompts and answers."""
        return self.texts.path or self.home / "texts.db"

    @property
    def policy_path(self) -> Path:
        """The policy file; where none is named it may be missing."""
        return self.policy.file or self.home / "policy.toml"

    def provider_key(self, provider: str, usual_variables: Sequence[str] = ()) -> Secret | None:
        """The key for `provider`: its own setting, else the variable it names, else the first of the usual ones.

        Raises ConfigError for a key that could not stand in an HTTP header.
        """
        own = self.providers.get(provider, ProviderSettings())
        variables = (own.api_key_env,) if own.api_key_env else usual_variables
        places = {f"providers.{provider}.api_key": own.api_key, **{name: self.secrets.get(name) for name in variables}}
        for place, key in places.items():
            if key is None:
                continue
            if not re.fullmatch(r"[\x21-\x7e]+", key.reveal()):
                raise ConfigError(f"{place}: expected a key of printable ASCII without blanks; paste it again")
            return key
        return None


SECTIONS: Mapping[str, type] = {
    "server": ServerSettings,
    "upstream": UpstreamSettings,
    "routing": RoutingSettings,
    "policy": PolicySettings,
    "admission": AdmissionSettings,
    "local": LocalSettings,
    "database": DatabaseSettings,
    "ledger": LedgerSettings,
    "cache": CacheSettings,
    "shared": SharedSettings,
    "responses": ResponsesSettings,
    "telemetry": TelemetrySettings,
    "logging": LoggingSettings,
    "alerts": AlertsSettings,
    "texts": TextsSettings,
    "market": MarketSettings,
    "switch": SwitchSettings,
    "window": WindowSettings,
}
"""The tables of the file, besides `providers`."""
