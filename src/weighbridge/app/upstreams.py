"""A client for each provider that can be called, by the settings."""

import ssl
import urllib.parse

from weighbridge.app.connections import Connection, connections
from weighbridge.config import Settings
from weighbridge.providers.anthropic import Anthropic
from weighbridge.providers.openai_compatible import Dialect, OpenAICompatible
from weighbridge.providers.rows import Row
from weighbridge.providers.text_embeddings_inference import TextEmbeddingsInference
from weighbridge.transport.client import Origin, Patience, Pool
from weighbridge.transport.deadlines import Deadlines
from weighbridge.transport.turns import Turns


def upstreams(
    settings: Settings, rows: tuple[Row, ...], deadlines: Deadlines, turns: Turns
) -> dict[str, OpenAICompatible]:
    """By the provider's id. Raises ConfigError as `connections` does."""
    tls = ssl.create_default_context(cafile=settings.upstream.ca_file)
    return {
        each.id: _client(
            each,
            settings,
            Pool(
                _origin(each.id, each.base_url),
                patience=patience(settings),
                deadlines=deadlines,
                turns=turns,
                tls=tls,
                limit=settings.upstream.max_connections_per_origin,
            ),
        )
        for each in connections(settings, rows)
        if each.lack is None and each.base_url is not None
    }


def patience(settings: Settings) -> Patience:
    """How long each step of a call may take."""
    upstream = settings.upstream
    return Patience(
        connect=upstream.connect_timeout_seconds,
        first_byte=upstream.first_byte_timeout_seconds,
        idle=upstream.idle_timeout_seconds,
        keep_alive=upstream.keep_alive_seconds,
    )


def _origin(name: str, base_url: str) -> Origin:
    url = urllib.parse.urlsplit(base_url)
    is_tls = url.scheme == "https"
    return Origin(name, url.hostname or "localhost", url.port or (443 if is_tls else 80), is_tls)


def _client(connection: Connection, settings: Settings, pool: Pool) -> OpenAICompatible:
    own = settings.providers.get(connection.id)
    dialect = Dialect(
        base_path=urllib.parse.urlsplit(connection.base_url or "").path.rstrip("/"),
        key=None if connection.key is None else connection.key.reveal(),
        key_place=" or ".join(connection.row.key_env) or f"providers.{connection.id}.api_key",
        ask_usage=connection.row.usage_in_streams == "asked",
        natively=frozenset(connection.speaks) & {"messages", "responses"},
    )
    if "chat" not in connection.speaks:
        return Anthropic(pool, dialect)
    is_tei = own is not None and own.rerank == "texts"
    return TextEmbeddingsInference(pool, dialect) if is_tei else OpenAICompatible(pool, dialect)
