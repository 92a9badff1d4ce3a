"""What a plugin's code prints and raises while it runs: on stderr, and as an error that names the plugin."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

from variance_bridge.errors import BridgeError, DataRefused, PluginError


@contextlib.contextmanager
def prints_on_stderr() -> Iterator[None]:
    """What a plugin prints in the main thread goes to stderr: the stdout of the command line is for results alone.

    `sys.stdout` belongs to the whole process. Where guards of several threads overlap, one would put back what another has
    put there, and it would stay replaced for good; so the other threads leave it alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with contextlib.redirect_stdout(sys.stderr):
        yield


@contextlib.contextmanager
def guarded(plugin: str, doing: str) -> Iterator[None]:
    """Foreign code runs inside: what it prints goes to stderr, what it raises becomes a `PluginError`.

    Only the class of the exception is reported, and for a missing module its name: a message may hold anything.
    """
    try:
        with prints_on_stderr():
            yield
    except BridgeError:
        raise
    except ImportError as error:
        missing = f" ({error.name})" if error.name else ""
        raise PluginError(
            f"{plugin} {doing}: {type(error).__name__}{missing}", hint="reinstall or upgrade it"
        ) from error
    except KeyboardInterrupt:
        raise
    except MemoryError as error:
        raise DataRefused(f"{plugin} {doing}: it needs more memory than there is") from error
    except BaseException as error:  # an extension module's panic is no Exception
        raise PluginError(
            f"{plugin} {doing}: {type(error).__name__}",
            hint="report it to the plugin's authors; `-vv` shows where",
        ) from error
