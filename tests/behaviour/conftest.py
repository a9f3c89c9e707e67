from tests.gateway.conftest import upstream

__all__ = ["upstream"]
