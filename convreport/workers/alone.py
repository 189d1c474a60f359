"""Drawing in one process."""

from collections.abc import Callable, Sequence

from convreport.core.drawing.scope import Scope
from convreport.core.seam import Network
from convreport.workers.jobs import Done, Job, attempt


class Alone:
    """Hands of this process: one job after the other, in order; the network is opened for the first of them."""

    width = 1

    def __init__(self, scope: Scope, network: Callable[[], Network]) -> None:
        self._scope, self._network = scope, network

    def draw(self, jobs: Sequence[Job], took: Callable[[Done], None]) -> None:
        """A model that cannot be opened is the end of the build, not a failed drawing: ModelError."""
        for job in jobs:
            took(attempt(job, self._scope, self._network()))
