"""Where usage can be taken over from."""

from collections.abc import Mapping
from typing import Final

from weighbridge.ledger.imports import claude_code, codex, generic, litellm, opencode, openrouter
from weighbridge.ledger.imports.outside import Kind

_TABLES: Final = ("*.csv", "*.tsv", "*.json", "*.jsonl")

KINDS: Final[Mapping[str, Kind]] = {
    "claude-code": Kind(
        claude_code.read, ("*.jsonl",), (".claude/projects", ".config/claude/projects"), claude_code.merge
    ),
    "codex": Kind(codex.read, ("*.jsonl",), (".codex/sessions", ".codex/archived_sessions")),
    "opencode": Kind(opencode.read, ("msg_*.json",), (".local/share/opencode/storage/message",)),
    "litellm": Kind(litellm.read, _TABLES),
    "openrouter": Kind(openrouter.read, ("*.csv",)),
    "generic": Kind(generic.read, _TABLES),
}
