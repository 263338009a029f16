"""A Dask cluster as a place for joblib's calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import dask
from dask import distributed
from joblib.parallel import ParallelBackendBase, parallel_config

from ..errors import InputError

PATIENCE = "10s"
"""How long a scheduler may take to answer."""


class Cluster(ParallelBackendBase):
    """A backend of joblib. Its own one for Dask passes over calls whose process has died, and waits for them for ever.

    Args:
        client: of the cluster.
    """

    supports_retrieve_callback = True

    def __init__(self, client: Any) -> None:
        """Keep the client."""
        super().__init__(nesting_level=0)
        self.client = client

    def effective_n_jobs(self, n_jobs: int) -> int:
        """Count the calls at a time: not one, which joblib would make in this process. The scheduler has them all."""
        return 2

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], None] | None = None) -> Any:
        """Hand a call to the scheduler; joblib hears when it has ended, however it did."""
        future = self.client.submit(func, pure=False)
        future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        """Give what a call returned, or raise what it raised."""
        return out.result()


@contextmanager
def on_cluster(address: str | None, jobs: int) -> Iterator[None]:
    """Let joblib's calls be made on a Dask cluster.

    Args:
        address: of its scheduler; None makes a cluster of ``jobs`` workers on this machine.
        jobs: how many workers to make.

    Raises:
        InputError: no scheduler answers, or no cluster starts.
    """
    with ExitStack() as stack:
        try:
            cluster = address or stack.enter_context(_local(jobs))
            client = stack.enter_context(distributed.Client(cluster, timeout=PATIENCE))
        except (OSError, ValueError) as error:
            said = " ".join(str(error).split())
            if address is None:
                raise InputError(f"no Dask cluster starts on this machine ({said}); take --backend loky.") from None
            said = f"no Dask scheduler answers at {address!r} ({said}); give its address as HOST:PORT."
            raise InputError(said) from None
        stack.enter_context(parallel_config(backend=Cluster(client)))
        yield


def _local(jobs: int) -> distributed.LocalCluster:
    # Runs whose process dies are made again by who calls, one by one.
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        return distributed.LocalCluster(
            n_workers=jobs, threads_per_worker=1, dashboard_address=None, memory_limit=0, silence_logs="CRITICAL"
        )
