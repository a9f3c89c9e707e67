"""What runs inside the sandbox: sets its limits, then the code, then the tests, and says so only if all went well.

It is started by its path, without anything installed.
"""

import json  # noqa: TID251 -- nothing but the standard library is there
import os
import resource
import sys
import types
from typing import Any

STARTED = b"."
"""What is said first: whatever comes after is the code's own doing."""


def limit(limits: dict[str, Any]) -> None:
    """Give up what is not needed, for good."""
    mib = 1024 * 1024
    for what, most in (
        (resource.RLIMIT_CPU, limits["cpu_seconds"]),
        (resource.RLIMIT_AS, limits["memory_mib"] * mib),
        (resource.RLIMIT_FSIZE, limits["file_mib"] * mib),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, allowed))


def run(code: str, tests: str) -> None:
    """Run both in one module, which is not `__main__`; then the functions that the tests define."""
    module = types.ModuleType("solution")
    sys.modules["solution"] = module
    exec(compile(code, "solution.py", "exec"), module.__dict__)  # noqa: S102 -- this is what the sandbox is for
    before = set(module.__dict__)
    exec(compile(tests, "tests.py", "exec"), module.__dict__)  # noqa: S102
    for name, value in list(module.__dict__.items()):
        if name.startswith("test") and name not in before and callable(value):
            value()


def main() -> None:
    """Read what to run from standard input; write the token to the file that is named."""
    told = json.load(sys.stdin)
    limit(told["limits"])
    out = int(sys.argv[1])
    os.write(out, STARTED)
    run(told["code"], told["tests"])
    os.write(out, told["token"].encode())


if __name__ == "__main__":
    main()
