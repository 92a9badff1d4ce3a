"""`variance auth login`, profiles and replaced tokens: from the browser to the sync, against a broker on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest
from loopback_server import serving

SOURCE = """
from datetime import timedelta
from decimal import Decimal
import attrs
from variance_bridge import *
from variance_bridge.rows import json_of

LOGIN = AuthorizationCode(
    authorize_url="https://api.acme.example/authorize", token_url="https://api.acme.example/token", client_id="ACME_ID",
    client_secret="ACME_SECRET", refresh_token="ACME_REFRESH", redirect_setting="callback", scope="read", pkce=True)

@hookimpl
def variance_bridge_brokers():
    return [BrokerSpec(
        name="acme", slug="acme", title="Acme", broker="acme_plugin:Broker", hosts=("api.acme.example",),
        token_paths=("/token",), settings="acme_plugin:Settings", login=LOGIN, create_credentials="Make an app at acme.example.",
        credentials=(Credential("ACME_ID", "app key"), Credential("ACME_SECRET", "app secret"),
                     Credential("ACME_REFRESH", "refresh token", lifetime=timedelta(days=7))))]

@attrs.frozen(kw_only=True)
class Settings:
    base_url: str | None = setting(None, title="a server on this machine", environment="ACME_URL")
    callback: str = setting("http://127.0.0.1:0/back", title="the redirect address")

class Broker:
    def __init__(self, context):
        self.context = context
    def accounts(self):
        known, url = self.context.credentials, self.context.settings.base_url
        form = {"grant_type": "refresh_token", "refresh_token": known["ACME_REFRESH"], "client_id": known["ACME_ID"]}
        answer = json_of(self.context.session.post_token(url + "/token", form=form), hint="log in again")
        if "refresh_token" in answer:
            self.context.store_credential("ACME_REFRESH", Secret(answer["refresh_token"]))
        token = Secret(answer["access_token"])
        numbers = json_of(self.context.session.get(url + "/accounts", headers={"Authorization": token}), hint="log in again")
        return [Account(number=number) for number in numbers]
    def fetch(self, account):
        return RawPortfolio(account=account, payloads={}, fetched_at=self.context.clock.now(), environment=Environment.SIMULATOR)
    def normalize(self, raw):
        holding = Holding(root="SPY", symbol="SPY", type=InstrumentType.STOCK, side=Side.LONG, quantity=Decimal(7))
        counts = Counts(fetched=1, normalized=1, closed=0, rejected=0)
        return Portfolio(meta=Meta(source="acme", fetched_at=raw.fetched_at, counts=counts), positions=(holding,))
"""
ID, SECRET, CODE = "app-key-5c1f", "app-secret-9d2e", "code-77aa31b0"
FIRST = "refresh-granted-1"


class Acme:
    """The broker's server.

    Attributes:
        refresh: the refresh token that it takes.
        rotates: a refresh token that it answers with, in place of that one.
        code: the code that it takes once.
        challenge: of the proof key.
        fault: an answer in place of the good one, by path.
    """

    def __init__(self):
        self.refresh, self.rotates, self.code, self.challenge = FIRST, None, None, None
        self.numbers = ["ZZ-0001111", "ZZ-0002222"]
        self.fault, self.asked, self.redirect, self.url = {}, [], "", ""

    def answer(self, _method, target, headers, body):
        path = urlsplit(target).path
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.asked.append((path, form))
        if path in self.fault:
            return self.fault[path]
        if path == "/accounts":
            good = headers.get("Authorization") == "access-token-1"
            return (200, {}, json.dumps(self.numbers).encode()) if good else (401, {}, b"{}")
        return self.granted(form) if self.takes(form) else (401, {}, b'{"error": "invalid_grant"}')

    def takes(self, form):
        if form["client_id"] != ID:
            return False
        if form["grant_type"] == "refresh_token":
            return form["refresh_token"] == self.refresh
        code, self.code = self.code, None
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        proved = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.challenge
        same = form["redirect_uri"] == self.redirect and form["client_secret"] == SECRET
        return proved and same and form["code"] == code

    def granted(self, form):
        answer = {"access_token": "access-token-1"}
        if form["grant_type"] == "authorization_code":
            answer["refresh_token"] = self.refresh
        elif self.rotates:
            self.refresh, self.rotates = self.rotates, None
            answer["refresh_token"] = self.refresh
        return 200, {}, json.dumps(answer).encode()


@pytest.fixture
def acme(install, folder, monkeypatch):
    install("acme", SOURCE)
    (folder / "mine.toml").write_text(
        'broker = "acme"\n[plugins]\nallow = ["acme-plugin"]\n[profiles.ira]\n[profiles.other]\nbroker = "csv"\n'
    )
    monkeypatch.setenv("VARIANCE_CONFIG", str(folder / "mine.toml"))
    with serving(Acme()) as server:
        monkeypatch.setenv("ACME_URL", server.url)
        yield server


@pytest.fixture
def configuration(folder, monkeypatch) -> Path:
    place = folder / "configuration"
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(place))
    return place


@pytest.fixture
def keyring(monkeypatch):
    """A keyring that protects what is put into it."""
    entries: dict[tuple[str, str], str] = {}

    class Keyring:
        def get_password(self, service, name):
            return entries.get((service, name))

        def set_password(self, service, name, value):
            entries[service, name] = value

        def delete_password(self, service, name):
            del entries[service, name]

    Keyring.__module__ = "keyring.backends.SecretService"
    monkeypatch.setattr("variance_bridge.settings.keyring._system_backend", Keyring)
    return entries


@pytest.fixture
def person(acme, configuration, monkeypatch):
    """Sits at the terminal: types `tool_answers`, and agrees in the browser."""
    sitting = SimpleNamespace(answers=[], seen=[], asked=[], visit=None, has_browser=True)

    def typed(prompt):
        sitting.asked.append(prompt)
        return sitting.answers.pop(0)

    def agree(address):
        sitting.seen.append(address)
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        acme.code, acme.challenge, acme.redirect = CODE, query["code_challenge"], query["redirect_uri"]  # fmt: skip
        answer = f"{query['redirect_uri']}?state={query['state']}&code={CODE}"
        if sitting.visit:
            thread = threading.Thread(target=sitting.visit, args=(query, answer))
            thread.start()
        return sitting.has_browser

    sitting.visit = lambda _query, answer: urlopen(answer).read()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.hidden_prompt_func", typed)
    monkeypatch.setattr("variance_bridge.cli.auth_login.browser", lambda _no, _environment: agree)
    monkeypatch.setattr("variance_bridge.cli.auth_login.MAX_WAIT_SECONDS", 5.0)
    return sitting


SECRETS = (SECRET, CODE, FIRST, "access-token-1", "ZZ-0001111")


def test_a_log_in_is_tried_and_then_kept_in_the_keyring(variance, acme, person, keyring):
    person.answers = [ID, SECRET]
    done = variance("auth", "login")

    assert done.code == 0, done.err
    assert "The log-in works: Acme shows 2 open accounts (" in done.out
    assert "Make an app at acme.example." in done.err
    assert keyring == {
        ("variance-bridge:acme", "ACME_ID"): ID,
        ("variance-bridge:acme", "ACME_SECRET"): SECRET,
        ("variance-bridge:acme", "ACME_REFRESH"): FIRST,
    }
    assert [path for path, _form in acme.asked] == ["/token", "/token", "/accounts"]
    assert not [value for value in SECRETS if value in done.out + done.err]

    (address,) = person.seen
    query = parse_qs(urlsplit(address).query)
    assert address.startswith(f"{acme.url}/authorize?")
    assert (query["response_type"], query["scope"]) == (["code"], ["read"])
    assert query["code_challenge_method"] == ["S256"]
    assert variance("sync", "--all-accounts").code == 0


def test_the_second_log_in_asks_for_nothing_that_is_there(variance, person, keyring, acme):
    person.answers = [ID, SECRET]
    variance("auth", "login")
    acme.refresh = "refresh-granted-2"

    assert variance("auth", "login").code == 0
    assert keyring["variance-bridge:acme", "ACME_REFRESH"] == "refresh-granted-2"
    assert len(person.asked) == 2


def test_two_log_ins_live_side_by_side(variance, person, keyring, acme):
    person.answers = [ID, SECRET]
    variance("auth", "login")
    acme.refresh = "refresh-of-ira"
    done = variance("auth", "login", "--profile", "ira")

    assert done.code == 0, done.err
    assert keyring["variance-bridge:acme", "ACME_REFRESH"] == FIRST
    assert keyring["variance-bridge:acme:ira", "ACME_REFRESH"] == "refresh-of-ira"
    assert variance("sync", "--all-accounts", "--profile", "ira").code == 0
    assert variance("sync", "--all-accounts").code == 4


def test_where_there_is_no_keyring_the_user_is_asked_whether_a_file_will_do(
    variance, person, monkeypatch, configuration
):
    agreed = []
    monkeypatch.setattr("click.confirm", lambda text, **_: agreed.append(text) or True)
    person.answers = [ID, SECRET]
    done = variance("auth", "login")

    assert done.code == 0, done.err
    assert ".env" in agreed[0]
    file = configuration / ".env"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == f"ACME_ID={ID}\nACME_SECRET={SECRET}\nACME_REFRESH={FIRST}\n"
    assert variance("sync", "--all-accounts").code == 0


def test_without_a_place_to_keep_it_no_log_in_begins(variance, person, monkeypatch, acme):
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)

    assert variance("auth", "login").code == 3
    assert (person.seen, acme.asked) == ([], [])


def test_a_log_in_with_a_token_in_the_environment_is_used_in_its_place(
    variance, person, keyring, monkeypatch, acme
):
    for name, value in {"ACME_ID": ID, "ACME_SECRET": SECRET, "ACME_REFRESH": "expired"}.items():
        monkeypatch.setenv(name, value)
    assert variance("sync", "--all-accounts").code == 4
    assert variance("auth", "login").code == 0
    assert variance("sync", "--all-accounts").code == 0
    assert keyring == {}

    monkeypatch.setenv("ACME_REFRESH", "set anew and wrong")
    assert variance("sync", "--all-accounts").code == 4


def test_without_a_terminal_the_user_learns_what_to_do(variance, acme, configuration):
    done = variance("auth", "login")

    assert done.code == 2
    assert "this is not a terminal" in done.err
    assert "variance auth set --broker acme NAME" in done.err


def refuse(_query, answer):
    urlopen(answer.replace(f"code={CODE}", "error=access_denied&error_description=Quintus"))


def answer_another(query, answer):
    urlopen(answer.replace(query["state"], "another-state"))


@pytest.mark.parametrize(
    ("visit", "code", "words"),
    [
        (refuse, 4, "access was denied"),
        (answer_another, 6, "does not belong to this log-in"),
        (lambda _query, _answer: None, 5, "no answer came back"),
    ],
)
def test_each_end_in_the_browser_has_its_exit_and_keeps_nothing(
    variance, person, keyring, monkeypatch, acme, visit, code, words
):
    monkeypatch.setattr(
        "variance_bridge.cli.auth_login.MAX_WAIT_SECONDS", 0.3 if code == 5 else 5.0
    )
    person.answers, person.visit = [ID, SECRET], visit
    done = variance("auth", "login")

    assert (done.code, words in done.err) == (code, True), done.err
    assert (keyring, acme.asked) == ({}, [])
    assert "Quintus" not in done.err


@pytest.mark.parametrize(
    ("path", "fault", "code"),
    [
        ("/token", (400, {}, b'{"error": "invalid_grant"}'), 4),
        ("/token", (401, {}, b"{}"), 4),
        ("/token", (503, {}, b""), 5),
        ("/token", (200, {}, b"<html>maintenance</html>"), 6),
        ("/token", (200, {}, b'{"access_token": "access-token-1"}'), 6),
        ("/token", (200, {}, b"[]"), 6),
        ("/token", (302, {"Location": "https://evil.example/"}, b""), 4),
        ("/accounts", (403, {}, b"{}"), 4),
        ("/accounts", (404, {}, b"{}"), 6),
    ],
)
def test_what_the_broker_refuses_is_asked_for_once_and_not_kept(
    variance, person, keyring, acme, path, fault, code
):
    person.answers, acme.fault = [ID, SECRET], {path: fault}
    done = variance("auth", "login")

    assert (done.code, keyring) == (code, {}), done.err
    assert [asked for asked, _form in acme.asked].count(path) == 1
    assert not [value for value in SECRETS if value in done.out + done.err]


def test_credentials_that_show_no_account_are_not_kept(variance, person, keyring, acme):
    person.answers, acme.numbers = [ID, SECRET], []

    assert (variance("auth", "login").code, keyring) == (6, {})


def test_a_port_that_is_taken_is_named(variance, person, keyring, folder):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (folder / "mine.toml").open("a") as file:
            file.write(f'[brokers.acme]\ncallback = "http://127.0.0.1:{port}/back"\n')
        person.answers = [ID, SECRET]
        done = variance("auth", "login")

    assert (done.code, f"port {port} is in use" in done.err) == (3, True)


def test_a_browser_that_asks_for_something_else_does_not_end_the_wait(variance, person, keyring):
    def visit(query, answer):
        with socket.create_connection(("127.0.0.1", urlsplit(answer).port)):  # sends nothing
            for address in (
                answer.replace("/back", "/favicon.ico"),
                query["redirect_uri"],
                f"{query['redirect_uri']}/..?code=x",
                Request(answer, headers={"Host": "evil.example"}),
                Request(answer, method="POST"),
            ):
                with pytest.raises(OSError, match=r"404|501"):
                    urlopen(address)
            urlopen(answer)

    person.answers, person.visit = [ID, SECRET], visit
    assert variance("auth", "login").code == 0


@pytest.fixture
def pasting(person, folder):
    """The broker sends the browser to an https address, at which nobody listens."""
    with (folder / "mine.toml").open("a") as file:
        file.write('[brokers.acme]\ncallback = "https://127.0.0.1:8182/back"\n')
    person.has_browser = False
    return person


class Pasted(list):
    """What is typed, the address from the browser last: it is known only when the log-in has begun."""

    def __init__(self, person, *before, change=lambda answer: answer):
        super().__init__([*before, None])
        person.visit = lambda _query, answer: self.__setitem__(-1, change(answer))


def test_an_address_is_pasted_where_the_broker_wants_https(variance, pasting, keyring, acme):
    pasting.answers = Pasted(pasting, ID, SECRET, "", "junk", change=lambda answer: f" {answer} ")
    done = variance("auth", "login")

    assert done.code == 0, done.err
    assert acme.redirect == "https://127.0.0.1:8182/back"
    assert done.err.count("That is not the right address") == 2
    assert f"  {pasting.seen[0]}\n" in done.err
    assert not [value for value in SECRETS if value in done.out + done.err]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda answer: answer.replace("state=", "state=x"), 6),
        (lambda answer: answer + "&code=second", 6),
        (lambda answer: answer + "&state=second", 6),
        (lambda answer: answer.replace(f"code={CODE}", "error=server_error"), 4),
        (lambda answer: answer.replace(CODE, "wrong"), 4),
    ],
)
def test_a_wrong_address_is_pasted(variance, pasting, keyring, change, code):
    pasting.answers = Pasted(pasting, ID, SECRET, change=change)

    assert (variance("auth", "login").code, keyring) == (code, {})


@pytest.mark.parametrize(
    "junk",
    [
        "https://127.0.0.1:8182/elsewhere?code=x",
        "https://127.0.0.1:9999/back?code=x",
        "http://127.0.0.1:8182/back?code=x",
        "https://[::1/back?code=x",
        "https://127.0.0.1:8182/back?codes=x",
        "https://127.0.0.1:8182/back?code=" + "x" * 5000,
    ],
)
def test_three_wrong_pastes_end_the_log_in(variance, pasting, keyring, acme, junk):
    pasting.visit, pasting.answers = None, [ID, SECRET, junk, junk, junk]

    assert (variance("auth", "login").code, keyring, acme.asked) == (6, {}, [])


def test_a_broker_without_a_page_is_asked_for_what_it_declares(variance, install, person, keyring):
    plain = SOURCE.replace("acme_plugin", "plain_plugin").replace('"acme"', '"plain"')
    page = 'login=CredentialPage(url="https://acme.example/keys"),'
    install("plain", plain.replace("login=LOGIN,", page))
    person.visit = None
    person.answers = ["", ID, SECRET, FIRST]
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("variance_bridge.cli.auth_login.browser", lambda *_: seen.append)
        done = variance("auth", "login", "--broker", "plain", "--yes")

    assert done.code == 0, done.err
    assert seen == ["https://acme.example/keys"]
    assert "https://acme.example/keys" in done.err
    assert len(keyring) == 3


def test_a_profile_of_another_broker_is_a_usage_error(variance, person):
    done = variance("auth", "login", "--broker", "acme", "--profile", "other")

    assert (done.code, "`csv`" in done.err) == (2, True)
    assert variance("auth", "login", "--profile", "nowhere").code == 3


@pytest.fixture
def known(acme, configuration, monkeypatch):
    monkeypatch.setenv("ACME_ID", ID)
    monkeypatch.setenv("ACME_SECRET", SECRET)


def test_a_replaced_token_is_kept_in_its_line_even_if_the_sync_fails_afterwards(
    variance, known, acme, folder
):
    file = folder / ".env"
    file.write_text(f"# mine\nOTHER=1\nACME_REFRESH={FIRST}  # of May\n")
    file.chmod(0o600)
    acme.rotates, acme.fault = "refresh-2", {"/accounts": (403, {}, b"{}")}
    assert variance("sync", "--all-accounts").code == 4
    assert file.read_text() == "# mine\nOTHER=1\nACME_REFRESH=refresh-2  # of May\n"
    assert file.stat().st_mode & 0o777 == 0o600

    acme.fault = {}
    assert variance("sync", "--all-accounts").code == 0


def test_a_replaced_token_of_the_environment_is_kept_beside_it(
    variance, known, acme, monkeypatch, configuration
):
    monkeypatch.setenv("ACME_REFRESH", FIRST)
    acme.rotates = "refresh-2"
    assert variance("sync", "--all-accounts").code == 0
    assert (configuration / "credentials.json").stat().st_mode & 0o777 == 0o600
    assert variance("sync", "--all-accounts").code == 0
    assert "in place of environment (ACME_REFRESH)" in variance("auth", "status").out


def test_a_replaced_token_that_cannot_be_kept_ends_the_sync_before_it_is_used(
    variance, known, acme, monkeypatch, configuration
):
    monkeypatch.setenv("ACME_REFRESH", FIRST)
    configuration.mkdir()
    configuration.chmod(0o777)  # others could exchange what is kept there
    acme.rotates = "refresh-2"
    done = variance("sync", "--all-accounts")

    assert done.code == 3
    assert "Acme replaced ACME_REFRESH, and the new one cannot be kept" in done.err
    assert "variance auth login --broker acme" in done.err
    assert [path for path, _form in acme.asked] == ["/token"]
    assert "refresh-2" not in done.err + done.out


def set_back(configuration, days: float) -> None:
    """Make the record say that the log-in was so many days ago."""
    file = configuration / "credentials.json"
    (entry,) = json.loads(file.read_text())
    until = datetime.now(UTC) + timedelta(days=7 - days)
    file.write_text(json.dumps([{**entry, "expires_at": until.isoformat()}]))


@pytest.mark.parametrize(
    ("days", "words", "problem"),
    [
        (1, None, False),
        (4.9, "expires in 2 days", False),
        (6.5, "expires in 11 hours", False),
        (8, "has expired", True),
    ],
)
def test_doctor_and_sync_warn_before_a_refresh_token_expires(
    variance, person, keyring, configuration, days, words, problem
):
    person.answers = [ID, SECRET]
    variance("auth", "login")
    set_back(configuration, days)
    doctor, sync = variance("doctor", "--offline"), variance("sync", "--all-accounts")

    line = next(one for one in doctor.out.splitlines() if "ACME_REFRESH" in one)
    assert line.startswith("problem") == problem
    if words is None:
        assert "expires in 5 days" in line
        assert "Warning" not in sync.err
    else:
        assert words in line
        assert f"ACME_REFRESH (refresh token) {words}: log in again with `variance auth login --broker acme`" in sync.err  # fmt: skip
        assert "→ log in again with `variance auth login --broker acme`" in doctor.out
        assert words in variance("auth", "status").out


def test_a_log_in_that_profiles_share_is_warned_of_once(
    variance, person, keyring, configuration, folder
):
    person.answers = [ID, SECRET]
    variance("auth", "login")
    set_back(configuration, 6.5)
    more = '[profiles.roth]\nbroker = "acme"\naccount = "ZZ-0001111"\n'
    text = (folder / "mine.toml").read_text().replace("[profiles.other]", f"{more}[profiles.other]")
    (folder / "mine.toml").write_text(
        text.replace("[profiles.ira]", '[profiles.ira]\naccount = "ZZ-0002222"\noutput = "i.json"')
    )
    done = variance("sync", "--all")

    assert done.err.count("ACME_REFRESH (refresh token) expires in 11 hours") == 1
    assert "`variance auth login --broker acme`" in done.err
    assert "expires_at" in json.loads(variance("auth", "status", "--json").out)["credentials"][2]


def test_a_profile_has_variables_of_its_own(variance, known, acme, monkeypatch):
    monkeypatch.setenv("ACME_REFRESH", "of-all")
    monkeypatch.setenv("ACME_REFRESH__IRA", FIRST)

    assert variance("sync", "--all-accounts").code == 4
    assert variance("sync", "--all-accounts", "--profile", "ira").code == 0
    status = variance("auth", "status", "--profile", "ira").out
    assert "ACME_REFRESH: environment (ACME_REFRESH__IRA)" in status
    assert "ACME_ID: environment (ACME_ID)" in status
    line = "ACME_REFRESH: from environment (ACME_REFRESH__IRA)"
    assert line in variance("doctor", "--offline", "--profile", "ira").out


def test_profiles_whose_variables_would_be_the_same_are_refused(variance, known, folder):
    with (folder / "mine.toml").open("a") as file:
        file.write("[profiles.IRA]\n")
    done = variance("sync", "--profile", "ira")

    assert (done.code, "NAME__IRA" in done.err) == (3, True)


def test_auth_set_and_clear_are_for_one_profile(variance, acme, person, keyring):
    person.answers = ["for-ira"]
    assert variance("auth", "set", "ACME_REFRESH", "--profile", "ira").code == 0
    assert keyring == {("variance-bridge:acme:ira", "ACME_REFRESH"): "for-ira"}
    assert "was not in the keyring" in variance("auth", "clear", "ACME_REFRESH").out
    assert "removed" in variance("auth", "clear", "ACME_REFRESH", "--profile", "ira").out
    assert keyring == {}


def test_credentials_of_a_profile_that_is_gone_can_be_removed(variance, acme, keyring):
    keyring["variance-bridge:acme:gone", "ACME_REFRESH"] = FIRST
    assert variance("auth", "clear", "--profile", "gone").code == 3
    assert variance("auth", "clear", "--broker", "acme", "--profile", "gone").code == 0
    assert keyring == {}
