"""A worker process."""

from contextlib import suppress

from weighbridge.app.worker import main

if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
