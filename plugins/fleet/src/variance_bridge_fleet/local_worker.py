"""What a worker of this machine loads when it starts (Dask calls it a preload): what every job needs, which the garbage collector then leaves alone.

Dask and pyarrow are a hundred thousand objects that live as long as the worker. To look through them again and again costs an account a millisecond of CPU. On a
running cluster this is not done: its workers have other work too.
"""

from __future__ import annotations

import gc

import pyarrow as pa  # noqa: F401

import variance_bridge_fleet.worker_job  # noqa: F401
import variance_bridge_triage.render.json_report
import variance_bridge_triage.rules.report  # noqa: F401

gc.freeze()
