"""The workers: those of this machine, or of a running Dask cluster. No work starts until all of them are alike."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from variance_bridge import BrokerUnreachable, ConfigurationError
from variance_bridge_fleet.worker_job import Job, OtherVersions, differences, do, installed

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_LIMIT = 10.0
"""Seconds in which a scheduler has to answer."""

_JOBS_PER_THREAD = 4
"""How many jobs are handed out at a time: enough that no worker waits, so few that memory does not grow with the run."""

_QUIET = {
    "distributed.admin.event-loop-monitor-interval": "1h",
    "distributed.admin.low-level-log-length": 100,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.diagnostics.computations.max-history": 1,
    "distributed.worker.memory.monitor-interval": "1s",
    "distributed.worker.preload": ["variance_bridge_fleet.local_worker"],
    "distributed.worker.profile.enabled": False,
}
"""What Dask measures and remembers for its dashboard costs a tenth of the workers' CPU time, and the command 700 bytes an input; here nobody looks at it."""

_RESUME = "use `--resume` to do the rest"


@contextmanager
def connected(scheduler: str | None, workers: int | None) -> Iterator[Client]:
    """A client of the scheduler at an address, or of workers on this machine that end with it.

    Raises:
        BrokerUnreachable: the scheduler does not answer, or has no workers.
    """
    import dask
    from distributed import Client, LocalCluster

    with ExitStack() as stack:
        stack.enter_context(dask.config.set(_QUIET))
        for handler in logging.getLogger("distributed").handlers:
            handler.setLevel(logging.CRITICAL)  # what went wrong is said by us, once
        if scheduler is None:
            local = LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
            stack.enter_context(local)
            client = Client(local)  # type: ignore[no-untyped-call]
        else:
            client = _client_of(scheduler)
        stack.enter_context(client)
        yield client


def _client_of(scheduler: str) -> Client:
    from distributed import Client

    try:
        asyncio.run(_greet(scheduler))
        client = Client(scheduler, timeout=CONNECT_LIMIT)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise BrokerUnreachable(
            f"the scheduler cannot be reached ({type(error).__name__})",
            where=scheduler,
            hint="start it with `dask scheduler`, or leave `--scheduler` out to use this machine",
        ) from None
    try:  # where both are started together, the first worker may need a moment
        client.wait_for_workers(1, timeout=CONNECT_LIMIT)
    except TimeoutError:
        client.close()  # type: ignore[no-untyped-call]
        raise BrokerUnreachable(
            "the scheduler has no workers",
            where=scheduler,
            hint=f"start some: `dask worker {scheduler} --nthreads 1`",
        ) from None
    return client


async def _greet(scheduler: str) -> None:
    """Return when a scheduler has answered. A client of Dask waits for ever for a server that takes its call and says nothing."""
    from distributed.comm.core import connect
    from distributed.security import Security

    known = Security().get_connection_args("client")  # type: ignore[no-untyped-call]
    greeting = connect(scheduler, timeout=CONNECT_LIMIT, **known)  # type: ignore[no-untyped-call]
    comm = await asyncio.wait_for(greeting, CONNECT_LIMIT)
    await comm.close()


def check_workers(client: Client, here: Mapping[str, str], configuration: Path | None) -> None:
    """Return when every worker has what is installed here.

    Raises:
        ConfigurationError: a worker has another version of ours or of a plugin, or another key, or lacks them.
    """
    found = client.run(installed, configuration, on_error="return")
    for address, there in sorted(found.items()):
        if isinstance(there, BaseException):
            what = str(there) if isinstance(there, ConfigurationError) else type(there).__name__
            raise ConfigurationError(
                f"a worker cannot do this work: {what}",
                where=address,
                hint='install "variance-bridge[fleet]" there, with the same configuration folder',
            )
        if differing := differences(here, there):
            raise _other(address, "; ".join(differing))


def _other(address: str, differing: str) -> ConfigurationError:
    return ConfigurationError(
        f"a worker differs from this machine ({differing})",
        where=address,
        hint="install the same versions and the same installation.key everywhere",
    )


def threads_of(client: Client) -> int:
    """How many jobs the workers can do at the same time; at least 1."""
    return max(1, sum(client.nthreads().values()))  # type: ignore[no-untyped-call]


def hand_out(client: Client, jobs: Iterable[Job], at_a_time: int | None = None) -> Iterator[Job]:
    """Do the jobs; gives those that never came to an end, because their workers died.

    A worker that dies takes all jobs with it that it was about to do: what is given is suspected, not guilty, unless `at_a_time` is 1.

    Raises:
        BrokerUnreachable: the scheduler is gone.
        ConfigurationError: a worker that came later differs.
    """
    from distributed import as_completed

    waiting = iter(jobs)
    running: dict[str, Job] = {}

    def submit(job: Job) -> Future[Any]:
        key = f"variance-{job.round}-{job.inputs[0].key}"
        running[key] = job
        return client.submit(do, job, key=key, pure=False)

    first = islice(waiting, at_a_time or threads_of(client) * _JOBS_PER_THREAD)
    done = as_completed([submit(job) for job in first])  # type: ignore[no-untyped-call]
    for future in done:
        job = running.pop(future.key)
        if not _has_ended(future):
            yield job
        future.release()
        for following in islice(waiting, 1):
            done.add(submit(following))  # type: ignore[no-untyped-call]


def _has_ended(future: Future[Any]) -> bool:
    """Whether the job is done; not where its worker was killed more often than the cluster allows."""
    from distributed import KilledWorker

    if future.status in {"cancelled", "lost"}:
        raise BrokerUnreachable("the scheduler is gone", hint=_RESUME)
    error = future.exception()  # type: ignore[no-untyped-call]
    if error is None:
        return True
    if isinstance(error, KilledWorker):
        return False
    if isinstance(error, OtherVersions):
        raise _other("a worker that came later", str(error))
    raise error
