"""The command `weighbridge`: each noun is a file that parses, calls one function and prints."""

from weighbridge.cli.root import main

__all__ = ["main"]
