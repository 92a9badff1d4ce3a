"""What looks like a credential is taken out of the process's environment before any plugin is imported.

A broker gets its credentials through its context, so nothing in this process needs to find one in `os.environ`. Taking
them out keeps a plugin from reading, logging or passing on by accident what is not its own, and what it starts from
inheriting it. It is not a sandbox: code that runs in a process can read that process's memory, `/proc/self/environ` and
the keyring of its user. That is why the first use asks (`plugins.trust`).
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Final

_SECRET_WORDS: Final = re.compile(
    r"(?:^|_)(?:(?:[A-Z0-9]*(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|APIKEY)S?|CREDENTIALS?|PIN|OTP|PAT)(?:_|$)|KEYS?(?:__|$))|[A-Z0-9]_USERNAME(?:__|$)",
    re.IGNORECASE,
)
_URL_WITH_PASSWORD: Final = re.compile(r"://[^/?#\s@]*:[^/?#\s@]+@")


def looks_like_credential(name: str, value: str = "") -> bool:
    """Whether a variable's name says that it holds a secret, or its value is a URL with a password in it.

    `ACME_TOKEN`, `ACME_KEY__IRA`, `GITHUB_PAT`, `AWS_SECRET_ACCESS_KEY`; a proxy or a database with its password.
    """
    return bool(_SECRET_WORDS.search(name) or _URL_WITH_PASSWORD.search(value))


def isolate_environment(environ: MutableMapping[str, str]) -> tuple[str, ...]:
    """Remove what looks like a credential.

    Take a copy of the environment first: `variance_bridge.settings.credentials` searches that.

    Args:
        environ: `os.environ`; is changed, for this process and those that it starts.

    Returns:
        The names that were removed, sorted.
    """
    removed = sorted(name for name, value in environ.items() if looks_like_credential(name, value))
    for name in removed:
        del environ[name]
    return tuple(removed)
