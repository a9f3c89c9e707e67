"""GET /healthz and GET /readyz: whether the process lives, and whether it can serve."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from weighbridge.catalog.model import Catalog
from weighbridge.errors import LedgerUnavailable
from weighbridge.gateway import answers
from weighbridge.transport.message import Reply, Request


class Alive(msgspec.Struct):
    """The process answers."""

    status: str = "ok"


class Readiness(msgspec.Struct):
    """Whether a request could be answered and entered; `missing` says why not, in sentences."""

    status: str
    models: int
    """Models that some endpoint serves."""
    missing: list[str]
    warnings: list[str] = []
    """What its owner should mend though requests are answered."""


@dataclass(frozen=True, slots=True)
class Health:
    """Neither asks for a key, and neither calls an upstream."""

    check_ledger: Callable[[], None]
    catalog: Callable[[], Catalog]
    policy_fault: Callable[[], str | None] = lambda: None
    """Why the policy file cannot be read; the policy before it stays in force."""
    shared_fault: Callable[[], str | None] = lambda: None
    """Why the server that is shared with other machines cannot be used; requests go on without it."""

    async def healthz(self, request: Request, reply: Reply) -> None:
        """200 as long as the process answers."""
        answers.document(reply, Alive())

    async def readyz(self, request: Request, reply: Reply) -> None:
        """200 when a request could be answered and recorded, else 503 with what is missing."""
        missing = []
        try:
            self.check_ledger()
        except LedgerUnavailable as exc:
            missing.append(exc.message)
        models = sum(1 for model in self.catalog().models.values() if model.endpoints)
        if not models:
            missing.append("no model is served: set a provider's key, or run a local model; see `weighbridge doctor`")
        status = "not ready" if missing else "ready"
        fault = self.policy_fault()
        warnings = [] if fault is None else [f"the policy is broken, and the one before it stays in force: {fault}"]
        if (fault := self.shared_fault()) is not None:
            warnings.append(f"the shared server cannot be used, and requests go on without it: {fault}")
        answers.document(reply, Readiness(status, models, missing, warnings), status=503 if missing else 200)
