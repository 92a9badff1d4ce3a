"""Plugins are code: an environment without secrets before the import, and a yes before the first use."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.errors import ConfigurationError
from variance_bridge.plugins.environment_secrets import isolate_environment, looks_like_credential
from variance_bridge.plugins.trust import (
    FILE_NAME,
    Decision,
    PluginIdentity,
    Verdict,
    decide,
    question,
    read_consents,
    record_consent,
    refusal,
)

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)

SECRETS = [
    "ACME_TOKEN", "ACME_REFRESH_TOKEN", "ACME_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "GITHUB_PAT", "OPENAI_API_KEY",
    "DB_PASSWORD", "PGPASSWORD", "MYSQL_PASSWD", "SSH_PASSPHRASE", "GOOGLE_APPLICATION_CREDENTIALS", "acme_token",
    "ACME_TOKENS", "ACME_OTP", "ACME_PIN", "APIKEY", "ACME_APIKEY", "SECRET", "TOKEN_ACME", "NPM_TOKEN", "GPG_KEY",
    "ACME_OAUTH2_CLIENTSECRET", "SECRET_KEY_BASE", "ACME_USERNAME",
]  # fmt: skip
ORDINARY = [
    "PATH", "HOME", "PWD", "OLDPWD", "LANG", "TERM", "USER", "SHELL", "DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "TZ",
    "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK", "VARIANCE_BROKER", "NO_COLOR", "HTTPS_PROXY", "KEYBOARD", "PATTERN", "SPIN",
    "TOKENIZERS_PARALLELISM", "PYTHONPATH", "MONKEY", "SECRETARY", "ACME_KEYBOARD", "USERNAME",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_a_variable_that_is_called_like_a_secret_is_removed(name: str) -> None:
    environ = {name: "canary", "PATH": "/bin"}
    assert isolate_environment(environ) == (name,)
    assert environ == {"PATH": "/bin"}


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_variable_stays(name: str) -> None:
    assert not looks_like_credential(name)
    assert isolate_environment({name: "x"}) == ()


@pytest.mark.parametrize(
    ("value", "removed"),
    [
        ("http://user:canary@proxy.example:8080", True),
        ("postgres://:canary@db.example/x", True),
        ("http://proxy.example:8080", False),
        ("http://user@proxy.example:8080", False),
        ("/usr/bin:/bin", False),
        ("https://h.example/a:b@c", False),
    ],
)
def test_a_url_with_a_password_is_a_secret(value: str, removed: bool) -> None:
    assert isolate_environment({"HTTPS_PROXY": value}) == (("HTTPS_PROXY",) if removed else ())


def test_a_process_that_is_started_does_not_inherit_them(monkeypatch) -> None:
    import os
    import subprocess
    import sys

    monkeypatch.setenv("ACME_TOKEN", "canary")
    for name in [name for name in os.environ if looks_like_credential(name)]:
        monkeypatch.setenv(name, os.environ[name])
    isolate_environment(os.environ)
    code = "import os; print(os.environ.get('ACME_TOKEN'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=3), max_size=8))
def test_isolation_removes_names_and_changes_no_value(environ: dict[str, str]) -> None:
    before = dict(environ)
    removed = isolate_environment(environ)
    assert {**environ, **{name: before[name] for name in removed}} == before
    assert isolate_environment(environ) == ()


def asking(**changes) -> PluginIdentity:
    fields = {
        "name": "acme",
        "distribution": "acme-broker",
        "version": "1.0",
        "hosts": ("api.acme.example",),
        "credentials": ("ACME_TOKEN",),
    }
    return PluginIdentity(**{**fields, **changes})


def verdict(one: PluginIdentity, *, allow=(), given=()) -> Verdict:
    return decide(one, built_in=["variance-bridge-demo"], allow=allow, given=given)


def test_the_first_use_of_a_third_partys_plugin_asks() -> None:
    assert verdict(asking()) == Verdict(Decision.ASK)


@pytest.mark.parametrize("name", ["variance-bridge-demo", "Variance_Bridge.Demo"])
def test_what_comes_with_the_core_is_not_asked_for(name: str) -> None:
    assert verdict(asking(distribution=name)).decision is Decision.BUILT_IN


@pytest.mark.parametrize(
    "name", ["variance-bridge-dem0", "variance-bridge-demo-x", "xvariance-bridge-demo"]
)
def test_a_look_alike_of_what_comes_with_the_core_is_asked_for(name: str) -> None:
    assert verdict(asking(distribution=name)).decision is Decision.ASK


@pytest.mark.parametrize(
    ("entry", "decision"),
    [
        ("acme-broker", Decision.CONFIGURED),
        ("Acme.Broker", Decision.CONFIGURED),
        ("acme-broker==1.0", Decision.CONFIGURED),
        ("acme-broker == 1.0", Decision.CONFIGURED),
        ("acme-broker==2.0", Decision.ASK),
        ("acme", Decision.ASK),
        ("", Decision.ASK),
        ("*", Decision.ASK),
    ],
)
def test_the_configuration_allows_by_distribution(entry: str, decision: Decision) -> None:
    assert verdict(asking(), allow=[entry]).decision is decision


def test_a_yes_holds_for_the_same_and_for_less() -> None:
    assert verdict(asking(), given=[asking()]).decision is Decision.GIVEN
    assert verdict(asking(credentials=()), given=[asking()]).decision is Decision.GIVEN
    assert verdict(asking(hosts=()), given=[asking()]).decision is Decision.GIVEN


@pytest.mark.parametrize(
    ("changes", "news"),
    [
        ({"version": "1.1"}, ("version 1.1 (was 1.0)",)),
        ({"hosts": ("api.acme.example", "evil.example")}, ("talks to evil.example",)),
        ({"hosts": ("evil.example",)}, ("talks to evil.example",)),
        ({"credentials": ("ACME_TOKEN", "OTHER_TOKEN")}, ("is given OTHER_TOKEN",)),
        ({"read_posts": ("/v1/quotes",)}, ("reads by POST from /v1/quotes",)),
        ({"credential_in_query": True}, ("sends a credential in the address of a request",)),
    ],
)
def test_a_plugin_that_changed_asks_again_and_says_what_is_new(changes, news) -> None:
    new = asking(**changes)
    assert verdict(new, given=[asking()]) == Verdict(Decision.ASK, news)
    assert news[0] in question(new, Verdict(Decision.ASK, news))


@pytest.mark.parametrize("changes", [{"name": "other"}, {"distribution": "evil-broker"}])
def test_a_yes_for_one_plugin_is_none_for_another(changes) -> None:
    assert verdict(asking(**changes), given=[asking()]) == Verdict(Decision.ASK)


def test_a_yes_for_a_broker_is_none_for_the_listener_of_its_name(tmp_path) -> None:
    broker, listener = asking(), asking(hosts=(), credentials=(), listens=True)
    assert verdict(listener, given=[broker]) == Verdict(Decision.ASK)
    assert verdict(broker, given=[listener]) == Verdict(Decision.ASK)
    record_consent(tmp_path, broker, NOW)
    record_consent(tmp_path, listener, NOW)
    kept = read_consents(tmp_path)
    assert verdict(broker, given=kept).decision is Decision.GIVEN
    assert verdict(listener, given=kept).decision is Decision.GIVEN


def test_the_question_about_a_listener_says_that_it_gets_the_positions() -> None:
    text = question(asking(listens=True), Verdict(Decision.ASK))
    assert "the positions of every broker" in text
    assert "no credential" not in text


def test_the_question_tells_distribution_version_hosts_and_credentials() -> None:
    text = question(asking(), Verdict(Decision.ASK))
    for word in (
        "acme-broker 1.0",
        "api.acme.example",
        "ACME_TOKEN",
        "not part of Variance Bridge",
    ):
        assert word in text
    assert "no host" in question(asking(hosts=()), Verdict(Decision.ASK))


def test_the_question_says_what_is_read_by_post_and_that_a_credential_is_in_an_address() -> None:
    text = question(
        asking(read_posts=("/v1/quotes",), credential_in_query=True), Verdict(Decision.ASK)
    )
    assert "reads by POST: /v1/quotes" in text
    assert "a credential in the address" in text
    assert "POST" not in question(asking(), Verdict(Decision.ASK))


def test_without_an_answer_the_run_ends_with_words() -> None:
    error = refusal(asking())
    assert error.exit_code == 3
    assert "--yes" in str(error.hint)
    assert 'allow = ["acme-broker"]' in str(error.hint)


def test_consents_are_kept_for_this_user_alone(tmp_path) -> None:
    folder = tmp_path / "configuration"
    assert read_consents(folder) == ()
    record_consent(folder, asking(), NOW)
    record_consent(folder, asking(name="other", distribution="other"), NOW)
    record_consent(folder, asking(version="1.1"), NOW)
    kept = read_consents(folder)
    assert [(one.name, one.version) for one in kept] == [("other", "1.0"), ("acme", "1.1")]
    assert (folder / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert (folder / FILE_NAME).read_text().count(NOW.isoformat(timespec="seconds")) == 2
    assert verdict(asking(version="1.1"), given=kept).decision is Decision.GIVEN


NOT_A_RECORD = [
    "", "x", "{}", "[1]", "null", "[null]", "1", '[{"name": "acme"}]', '{"a": [], "b": []}',
    '[{"name": 1, "distribution": "a", "version": "1", "hosts": [], "credentials": []}]',
    '[{"name": "a", "distribution": "a", "version": "1", "hosts": [1], "credentials": []}]',
    '[{"name": "a", "distribution": "a", "version": "1", "hosts": 1, "credentials": []}]',
]  # fmt: skip


@pytest.mark.parametrize("content", NOT_A_RECORD)
def test_a_damaged_record_is_an_error_and_no_consent(tmp_path, content: str) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="damaged"):
        read_consents(tmp_path)


def test_a_record_that_others_can_change_is_refused(tmp_path) -> None:
    record_consent(tmp_path, asking(), NOW)
    (tmp_path / FILE_NAME).chmod(0o666)
    with pytest.raises(ConfigurationError, match="by other users"):
        read_consents(tmp_path)
