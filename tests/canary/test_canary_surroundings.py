"""No credential, no value of the configuration or the environment, and nothing that a plugin says gets out."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

EVERY_COMMAND = (
    ("sync",), ("sync", "--dry-run"), ("sync", "--all-accounts", "--json"), ("accounts", "--json"), ("doctor",),
    ("doctor", "--json"), ("brokers",), ("brokers", "--json"), ("auth", "status"), ("auth", "clear"), ("show",),
    ("triage",), (), ("--sync",), ("auth", "set"), ("schema",), ("validate", "positions/live_acme.json"),
    ("plugin",), ("frobnicate",), ("--help",),
)  # fmt: skip

ACME = """
import logging
from decimal import Decimal
import attrs
from variance_bridge import *

NUMBER, NICKNAME, KIND = {number!r}, {nickname!r}, {kind!r}

@attrs.frozen(kw_only=True)
class Settings:
    world: str = setting("real", title="which world", environment="ACME_WORLD",)
    flag: bool = setting(False, title="a flag", environment="ACME_FLAG")
    size: int = setting(1, title="a number", environment="ACME_SIZE")

    def __attrs_post_init__(self):
        if not self.world.isalpha():
            raise ValueError(self.world)

@hookimpl
def variance_bridge_brokers():
    {declare}
    return [BrokerSpec(name="acme", slug="acme", title="Acme", broker="acme_plugin:Broker", hosts=("api.acme.example",),
                       settings="acme_plugin:Settings", credentials=(Credential("ACME_TOKEN", "token"),))]

@hookimpl
def variance_bridge_synced(portfolio, path):
    {synced}

class Broker:
    def __init__(self, context):
        self.context = context
        self.log = logging.getLogger("acme.deep.down")
        {start}

    def accounts(self):
        {accounts}
        return [Account(number=NUMBER, nickname=NICKNAME, kind=KIND)]

    def fetch(self, account):
        secret = self.context.credentials["ACME_TOKEN"]
        {fetch}
        return RawPortfolio(account=account, payloads={{}}, fetched_at=self.context.clock.now())

    def normalize(self, raw):
        {normalize}
        holding = Holding(root="SPY", symbol="SPY", type=InstrumentType.STOCK, side=Side.LONG, quantity=Decimal(7))
        counts = Counts(fetched=1, normalized=1, closed=0, rejected=0)
        return Portfolio(meta=Meta(source="acme", fetched_at=raw.fetched_at, counts=counts), positions=(holding,))
"""
STAGES = ("declare", "synced", "start", "accounts", "fetch", "normalize")


class Acme:
    """A third party's plugin, installed and allowed, that does what a test tells it to."""

    def __init__(self, nest: Any, install: Any) -> None:
        self.nest, self._install = nest, install
        canaries = nest.canaries
        self.number = canaries.text("account number")
        self.nickname = canaries.word("nickname")
        self.token = canaries.text("ACME_TOKEN")
        nest.environment(ACME_TOKEN=self.token, VARIANCE_CONFIG="mine.toml")
        self.configure()

    def configure(self, text: str = "") -> None:
        self.nest.input(
            "mine.toml", f'broker = "acme"\n{text}\n[plugins]\nallow = ["acme-plugin"]\n'
        )

    def install(self, **actions: str) -> None:
        source = ACME.format(
            number=self.number,
            nickname=self.nickname,
            kind="Individual",
            **{stage: actions.get(stage, "pass") for stage in STAGES},
        )
        self._install("acme", source)


@pytest.fixture
def acme(nest, install) -> Acme:
    return Acme(nest, install)


def test_every_command_of_a_well_behaved_plugin_gives_nothing_away(acme, nest):
    acme.install()
    for command in EVERY_COMMAND:
        nest.run_silently(*command)


RAISING = {
    "RuntimeError": "raise RuntimeError({0})",
    "SystemExit": "raise SystemExit({0})",
    "an error with it twice": "raise ExceptionGroup({0}, [ValueError({0})])",
    "BrokerRefused": "import variance_bridge.errors as e; raise e.BrokerRefused({0}, where={0}, hint={0})",
    "DataRefused": "import variance_bridge.errors as e; raise e.DataRefused({0}) from ValueError({0})",
    "a usage error of click": "import click; raise click.UsageError({0})",
    "ImportError": "raise ImportError({0}, name={0})",
}
"""Ways to fail with what one knows in the message."""

KNOWN = {
    "declare": "NUMBER",
    "start": "self.context.credentials['ACME_TOKEN'].reveal()",
    "accounts": "(self.context.personal.add(NUMBER), NUMBER)[1]",
    "fetch": "NUMBER + ' ' + NICKNAME + secret.reveal()",
    "normalize": "NUMBER + NICKNAME",
    "synced": "NUMBER",
}
"""What a plugin knows at each stage, as far as the core can know it too."""


OWN_WORDS = {"BrokerRefused", "DataRefused", "ImportError"}
"""What these say is shown; while it declares itself, a plugin was given nothing that it could put in."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "how"),
    [
        (stage, how)
        for stage in KNOWN
        for how in RAISING
        if stage != "declare" or how not in OWN_WORDS
    ],
)
def test_what_a_broken_plugin_raises_is_not_repeated(acme, nest, stage, how):
    acme.install(**{stage: RAISING[how].format(KNOWN[stage])})
    for command in (("sync",), ("accounts", "--json"), ("doctor",)):
        nest.run_silently(*command)


SAYINGS = {
    "warns": "self.context.warn(NUMBER + secret.reveal())",
    "logs": "self.log.error('%s %r', NUMBER, {'a': secret.reveal()}, extra={'more': [NICKNAME]}, stack_info=True)",
    "logs an error": "self._fail(secret)",
    "logs a secret": "self.log.warning('%s %r %s', secret, secret, f'{secret}')",
    "fills a log record badly": "self.log.error('%d', NUMBER)",
    "fails in another thread": "import threading; t = threading.Thread(target=lambda: int(NUMBER)); t.start(); t.join()",
    "fails while it is thrown away": "self.left = type('L', (), {'__del__': lambda s: int(NUMBER)})(); del self.left",
}


@pytest.mark.parametrize("what", list(SAYINGS))
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_a_plugin_logs_and_warns_of_is_redacted(acme, nest, what):
    acme.install(
        fetch=SAYINGS[what].replace(
            "self._fail(secret)",
            "exec('try:\\n int(secret.reveal())\\nexcept ValueError:\\n self.log.exception(NUMBER)')",
        )
    )
    assert nest.run_silently("sync").code == 0


def test_a_portfolio_with_something_personal_in_it_is_not_published(acme, nest):
    for member in (
        "broker_symbol=NUMBER", "sector=NICKNAME", "underlying=NUMBER",
        "broker_symbol=NUMBER.lower()",
        "broker_symbol=__import__('base64').b64encode(NUMBER.encode()).decode()",
    ):  # fmt: skip
        acme.install(
            normalize=f"return attrs.evolve(self._good(raw), positions=(Holding(root='SPY', symbol='SPY', "
            f"type=InstrumentType.STOCK, side=Side.LONG, quantity=Decimal(7), {member}),))\n\n"
            "    def _good(self, raw):\n        pass"
        )
        assert nest.run_silently("sync").code == 6, member


@pytest.mark.parametrize("value", ["mark", "mark\n\x1b[31m" + "x" * 20_000])
def test_the_value_of_a_setting_is_not_repeated(acme, nest, canaries, value):
    acme.install()
    mark = canaries.text("a setting")
    for name in (
        "ACME_WORLD",
        "ACME_FLAG",
        "ACME_SIZE",
        "VARIANCE_PROFILE",
        "VARIANCE_BROKER",
        "VARIANCE_QUOTES",
    ):
        with nest.patch.context() as patch:
            patch.setenv(name, value.replace("mark", mark))
            for command in (("sync",), ("accounts", "--json"), ("doctor",), ("auth", "status")):
                nest.run_silently(*command)
    for argument in ("world", "flag", "size", "nothing"):
        nest.run_silently("sync", "--set", f"{argument}={value.replace('mark', mark)}")
    nest.run_silently("sync", "--set", value.replace("mark", mark))
    for option in ("--broker", "--profile", "--account", "--quotes"):
        nest.run_silently("sync", option, value.replace("mark", mark))


BAD_CONFIGURATIONS = (
    'default_account_id = "{0}"',
    '[brokers.acme]\ndefault_account_id = "{0}"',
    "[brokers.acme]\ndefault_account_id = {1}",
    '[brokers.acme]\nworld = "{0}0"',
    '[brokers.acme]\nflag = "{0}"',
    '[brokers.acme]\nsize = "{0}"',
    "[brokers.acme]\nworld = [{1}]",
    'brokers = "{0}"',
    '[profiles.a]\nbroker = "{0}"',
    '[profiles]\na = "{0}"',
    'quotes = "{0}"',
    "quotes = [{1}]",
    'profile = "{0}"',
    '[network]\nproxy = "{0}"',
    "[network]\nproxy = true",
    'x = "{0}',
    "{0}",
    'x = "{0}\x01"',
    "[{0}",
    '"{0}" 1',
    'a = {1}{1}{1}x "{0}"',
)


@pytest.mark.slow
@pytest.mark.parametrize("text", BAD_CONFIGURATIONS)
def test_no_value_of_the_configuration_is_repeated(acme, nest, canaries, text):
    acme.install()
    nest.environment(HTTPS_PROXY=f"socks://{canaries.text('proxy')}@x")
    acme.configure(text.format(canaries.text("text"), canaries.number("number")))
    for command in (
        ("sync",),
        ("accounts", "--json"),
        ("doctor",),
        ("brokers",),
        ("auth", "status"),
        (),
    ):
        nest.run_silently(*command)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "mode"),
    [
        ("ACME_TOKEN={}\n", 0o600),
        ("ACME_TOKEN={}\n", 0o644),
        ("ACME_TOKEN={}\n", 0o000),
        ("ACME_TOKEN='{}\n", 0o600),
        ("{}\n", 0o644),
        ('export ACME_TOKEN="{}" x\n', 0o666),
        ("ACME_TOKEN={}\x00\x1b\n", 0o600),
        ("\ufeffACME_TOKEN: {}\n", 0o600),
    ],
)
def test_no_env_file_is_repeated(acme, nest, canaries, content, mode):
    acme.install()
    nest.patch.delenv("ACME_TOKEN")
    file = nest.input(".env", content.format(canaries.text(".env")))
    file.chmod(mode)
    for command in (
        ("sync",),
        ("accounts", "--json"),
        ("doctor",),
        ("auth", "status"),
        ("brokers",),
    ):
        nest.run_silently(*command)


def test_a_credential_that_is_typed_in_is_not_repeated(acme, nest, canaries):
    acme.install()
    token = canaries.text("typed in")
    for arguments, stdin in (
        (("auth", "set", "ACME_TOKEN"), f"{token}\n"),
        (("auth", "set"), f"{token}\n"),
        (("auth", "set", "ACME_TOKEN"), token * 2000),
        (("auth", "set", token), ""),
        (("auth", "set", f"ACME_TOKEN={token}"), ""),
        (("auth", "clear", token), ""),
        (("auth", "set", "--token", token), ""),
        (("auth", "set", f"--token={token}"), ""),
        (("auth", "status", token), ""),
        (("auth", token), ""),
        (("sync", token), ""),
        (("doctor", token), ""),
        (("accounts", token, token), ""),
        (("brokers", token), ""),
        ((token,), ""),
        (("sync", "--account"), token),
        (("show", "--any-age", token, token), ""),
        (("validate", "--format", token, "x"), ""),
    ):
        nest.run_silently(*arguments, stdin=stdin)


def test_a_credential_in_the_keyring_is_not_repeated(acme, nest, canaries):
    class Backend:
        """A keyring that keeps, and one day fails with what it keeps in its message."""

        def __init__(self):
            self.kept, self.failing = {}, False

        def get_password(self, service, name):
            if self.failing:
                raise RuntimeError(f"no {self.kept}")
            return self.kept.get((service, name))

        def set_password(self, service, name, value):
            self.kept[service, name] = value

        def delete_password(self, service, name):
            del self.kept[service, name]

    Backend.__module__ = "keyring.backends.SecretService"
    backend = Backend()
    nest.patch.setattr("variance_bridge.settings.keyring._system_backend", lambda: backend)
    nest.patch.delenv("ACME_TOKEN")
    acme.install()
    token = canaries.text("in the keyring")

    assert nest.run_silently("auth", "set", "ACME_TOKEN", stdin=f"{token}\n").code == 0
    assert token in backend.kept.values()
    for failing in (False, True):
        backend.failing = failing
        for command in EVERY_COMMAND:
            nest.run_silently(*command)
    backend.failing = False
    nest.run_silently("auth", "rotate-key", "--yes")


def _folder_open_to_all(nest: Any) -> None:
    (nest.folder / "positions").mkdir()
    (nest.folder / "positions").chmod(0o777)


def _link(nest: Any) -> None:
    (nest.folder / "positions").mkdir(mode=0o700)
    (nest.folder / "positions" / "live_acme.json").symlink_to("elsewhere.json")


def _folder_in_the_way(nest: Any) -> None:
    (nest.folder / "positions" / "live_acme.json").mkdir(mode=0o700, parents=True)


def _file_in_the_way(nest: Any) -> None:
    nest.input("positions", "")


def _another_document(nest: Any) -> None:
    nest.input("positions/live_acme.json", f'{{"{nest.canaries.text("old")}": 1')


def _another_account(nest: Any) -> None:
    good = (Path(__file__).parents[1] / "fuzz" / "corpus" / "document" / "full").read_bytes()
    nest.input("positions/live_acme.json", good)


def _another_sync(nest: Any) -> None:
    nest.run_silently("sync")
    lock = os.open(nest.folder / "positions" / ".live_acme.json.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)


@pytest.mark.parametrize(
    "obstacle",
    [_folder_open_to_all, _link, _folder_in_the_way, _file_in_the_way, _another_document, _another_account, _another_sync],
)  # fmt: skip
def test_a_refused_publication_gives_nothing_away(acme, nest, obstacle):
    acme.install()
    obstacle(nest)
    for command in (("sync",), ("sync", "--strict"), ("--sync",), ("doctor",), ("show",), ()):
        nest.run_silently(*command)


def test_doctor_does_not_name_the_home_folder(nest, canaries, acme):
    home = nest.home / canaries.text("name of the user")
    home.mkdir()
    nest.environment(HOME=str(home), VARIANCE_CONFIG_DIR=str(home / ".config" / "variance-bridge"))
    acme.install()
    for command in (("doctor",), ("doctor", "--json"), ("doctor", "--broker", "csv")):
        done = nest.run(*command)
        assert canaries.sighted(done.out) == set(), done.out
    (home / ".config").mkdir()
    (home / ".config" / "variance-bridge").mkdir()
    for name in ("installation.key", "consents.json", "variance.toml", ".env"):
        file = home / ".config" / "variance-bridge" / name
        file.write_text("ACME_TOKEN=x" if name == ".env" else "broken")
        file.chmod(0o666)
        nest.patch.delenv("VARIANCE_CONFIG", raising=False)
        done = nest.run("doctor")
        assert canaries.sighted(done.out) == set(), (name, done.out)


def test_a_process_of_its_own_gives_nothing_away(acme, nest, canaries, tmp_path):
    """What only a process can show: the interpreter's own tracebacks, warnings and exit."""
    acme.install(fetch="import threading; threading.Thread(target=lambda: int(NUMBER)).start()")
    others = os.environ.get("PYTHONPATH")
    nest.environment(PYTHONPATH=os.pathsep.join(filter(None, (str(tmp_path / "site"), others))))
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-m", "variance_bridge", "-vv", "sync"],
        cwd=nest.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "this is a bug" in done.stderr.casefold()
    assert canaries.sighted(done.stdout + done.stderr) == set(), done
    assert nest.written() == {}


def test_the_watch_sees_what_gets_out(nest, canaries):
    """A proof that cannot fail proves nothing."""
    mark, number = canaries.text("a text"), canaries.number("a number")
    for text in (
        mark, mark.lower(), f"x{mark}y", f"{number:,}.00", str(Decimal(number)), mark.encode().hex(),
        __import__("base64").b64encode(f"ab{mark}".encode()).decode(), f"%20{mark}",
    ):  # fmt: skip
        assert canaries.sighted(text), text
    nest.input("mine.toml", mark)
    assert nest.written() == {}
    (nest.folder / "left-behind").write_text(mark)
    assert nest.written() != {}
