"""How tests are spread over processes (`make test` has one for each core): file by file, the long ones first.

What needs the real models is one group: one process starts their engines, and they do not compete.
"""

import pytest
from xdist.scheduler.loadgroup import LoadGroupScheduling


class FileByFile(LoadGroupScheduling):
    """Gives a process a group or a whole file, in the order of collection: its fixtures are made once."""

    def _split_scope(self, nodeid: str) -> str:
        return super()._split_scope(nodeid).partition("::")[0]


def spread(items: list[pytest.Item]) -> None:
    """Put the tests in the order in which they are given out: of the models, of files with slow ones, others."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    for item in items:
        if item.get_closest_marker("model"):
            item.add_marker(pytest.mark.xdist_group("models"))
    items.sort(key=lambda item: (not item.get_closest_marker("model"), item.path not in slow))
