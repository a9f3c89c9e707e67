"""What a part of the application cannot do for whoever asks, be it by a command or in the window."""


class Unable(Exception):
    """It cannot be done as asked."""

    def __init__(self, message: str, *, next_step: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        """What is wrong."""
        self.next_step = next_step
        """What to do, as a command says it."""
        self.field = field
        """What was asked for that cannot be, where it is one thing."""
