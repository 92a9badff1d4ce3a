"""Credentials: where they are found, in which order, and that nobody else gets or sees them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from variance_bridge.broker import Credential
from variance_bridge.errors import ConfigurationError
from variance_bridge.personal_values import Secret
from variance_bridge.settings.credential_owner import Login
from variance_bridge.settings.credentials import CredentialStore, Place
from variance_bridge.settings.env_file import read_env_file, write_env_value
from variance_bridge.settings.keyring import Keyring, Protection

ACME, OTHER = Login("acme"), Login("other")
NAME = "ACME_TOKEN"
TOKEN = Credential(NAME, "read-only API token")
EXTRA = Credential("ACME_EXTRA", "something optional", required=False)


@pytest.fixture
def folders(tmp_path):
    configuration, working = tmp_path / "configuration", tmp_path / "working"
    configuration.mkdir()
    working.mkdir()
    return configuration, working


@pytest.fixture
def open_store(folders, keyrings, personal):
    def start(environment=None, sort: str = "absent") -> CredentialStore:
        return CredentialStore(
            environment=environment or {},
            folders=folders,
            keyring=keyrings(sort),
            personal=personal,
        )

    return start


def write(folder, text: str, mode: int = 0o600):
    path = folder / ".env"
    path.write_text(text)
    path.chmod(mode)
    return path


def keep(backends, value: str, sort: str = "secure") -> None:
    backends[sort].entries["variance-bridge:acme", NAME] = value


def test_environment_comes_before_env_file_before_keyring(open_store, folders, backends) -> None:
    keep(backends, "from the keyring")
    configuration, working = folders
    found = open_store(sort="secure").find(ACME, TOKEN)
    assert (found.secret.reveal(), found.place) == ("from the keyring", Place.KEYRING)
    assert found.origin == "keyring (keyring.backends.SecretService.Keyring)"

    path = write(working, f"{NAME}=from the working folder")
    found = open_store(sort="secure").find(ACME, TOKEN)
    assert (found.secret.reveal(), found.origin) == ("from the working folder", str(path))

    path = write(configuration, f"{NAME}=from the configuration folder")
    found = open_store(sort="secure").find(ACME, TOKEN)
    assert (found.secret.reveal(), found.origin) == ("from the configuration folder", str(path))

    found = open_store({NAME: "from the environment"}, "secure").find(ACME, TOKEN)
    assert (found.secret.reveal(), found.place) == ("from the environment", Place.ENVIRONMENT)
    assert found.origin == "environment (ACME_TOKEN)"


def test_what_is_empty_is_not_there(open_store, folders, backends) -> None:
    write(folders[0], f"{NAME}=\n")
    keep(backends, "")
    assert open_store({NAME: ""}, "secure").find(ACME, TOKEN) is None


def test_a_found_credential_is_personal_and_not_shown(open_store, personal) -> None:
    found = open_store({NAME: "canary-value"}).find(ACME, TOKEN)
    assert personal.find("canary-value")
    assert "canary" not in repr(found)


def test_a_broker_does_not_get_the_keyring_entry_of_another(open_store) -> None:
    store = open_store(sort="secure")
    store.store(OTHER, NAME, Secret("of-the-other"))
    assert store.find(OTHER, TOKEN).secret.reveal() == "of-the-other"
    assert store.find(ACME, TOKEN) is None


@pytest.mark.parametrize("sort", ["raising", "hanging", "absent"])
def test_a_keyring_that_fails_does_not_concern_users_of_the_environment(
    open_store, backends, sort: str
) -> None:
    found = open_store({NAME: "x-y-z"}, sort).find(ACME, TOKEN)
    assert found.secret.reveal() == "x-y-z"
    assert backends[sort].asked == 0


@pytest.mark.parametrize("sort", ["raising", "hanging"])
def test_a_keyring_that_fails_is_reported_when_it_is_needed(open_store, sort: str) -> None:
    with pytest.raises(ConfigurationError, match="system keyring") as caught:
        open_store(sort=sort).find(ACME, TOKEN)
    assert "environment" in str(caught.value.hint)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("sort", ["raising", "hanging", "absent"])
def test_an_optional_credential_is_just_not_there_when_the_keyring_fails(
    open_store, sort: str
) -> None:
    assert open_store({NAME: "x"}, sort).find(ACME, EXTRA) is None


def test_a_hanging_keyring_is_waited_for_once(open_store, backends) -> None:
    store = open_store(sort="hanging")
    for _ in range(10):
        with pytest.raises(ConfigurationError):
            store.find(ACME, TOKEN)
    assert backends["hanging"].asked == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o606])
def test_a_credential_in_an_env_file_that_others_can_touch_is_refused(
    open_store, folders, mode: int
) -> None:
    write(folders[0], f"{NAME}=canary-value", mode)
    with pytest.raises(ConfigurationError, match="by other users") as caught:
        open_store().find(ACME, TOKEN)
    assert "chmod 600" in str(caught.value.hint)
    assert "canary" not in str(caught.value)


def test_an_open_env_file_of_another_program_is_nobodys_business(open_store, folders) -> None:
    write(folders[1], "DEBUG=1\n", 0o644)
    assert open_store({NAME: "x"}).find(ACME, TOKEN).place is Place.ENVIRONMENT


def test_an_env_file_that_cannot_be_read_is_reported_when_the_credential_is_nowhere_else(
    open_store, folders, backends
) -> None:
    (folders[0] / ".env").mkdir()
    with pytest.raises(ConfigurationError, match="not a regular file"):
        open_store(sort="null").find(ACME, TOKEN)
    keep(backends, "there")
    assert open_store(sort="secure").find(ACME, TOKEN).secret.reveal() == "there"


def test_an_env_file_is_taken_literally_and_the_environment_is_left_alone(tmp_path) -> None:
    before = dict(os.environ)
    os.environ["TRUST_TEST_OTHER"] = "interpolated"
    try:
        path = write(
            tmp_path,
            "# a comment\n"
            "PLAIN=a b  \n"
            "export EXPORTED=1\n"
            "QUOTED='x # y'\n"
            'DOUBLE="line\\nbreak"\n'
            "DOLLAR=pa${TRUST_TEST_OTHER}ss$HOME\n"
            "SPACED = v\n"
            "EMPTY=\n"
            "NOTHING\n"
            "this is no assignment\n"
            "ÜMLAUT=ü\n",
        )
        values = {name: one.reveal() for name, one in read_env_file(path).values.items()}
    finally:
        del os.environ["TRUST_TEST_OTHER"]
    assert values == {
        "PLAIN": "a b",
        "EXPORTED": "1",
        "QUOTED": "x # y",
        "DOUBLE": "line\nbreak",
        "DOLLAR": "pa${TRUST_TEST_OTHER}ss$HOME",
        "SPACED": "v",
        "ÜMLAUT": "ü",
    }
    assert dict(os.environ) == before


def test_an_env_file_with_a_byte_order_mark_or_broken_text_is_survived(tmp_path) -> None:
    path = write(tmp_path, "")
    path.write_bytes(b"\xef\xbb\xbfA=1\nB=\xff\n")
    assert read_env_file(path).values["A"] == Secret("1")


def test_no_env_file_has_no_values(tmp_path) -> None:
    assert read_env_file(tmp_path / ".env").values == {}


def test_a_stored_credential_is_found_and_can_be_removed(open_store, backends, personal) -> None:
    store = open_store(sort="secure")
    assert "SecretService" in store.store(ACME, NAME, Secret("stored-value"))
    assert backends["secure"].entries == {("variance-bridge:acme", NAME): "stored-value"}
    assert open_store(sort="secure").find(ACME, TOKEN).secret == Secret("stored-value")
    assert personal.find("stored-value")
    assert store.clear(ACME, NAME)
    assert not store.clear(ACME, NAME)
    assert open_store(sort="secure").find(ACME, TOKEN) is None


@pytest.mark.parametrize("sort", ["absent", "null", "plaintext", "raising", "hanging"])
def test_nothing_is_stored_where_it_would_not_be_protected(open_store, backends, sort: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_store(sort=sort).store(ACME, NAME, Secret("canary-value"))
    assert backends[sort].entries == {}
    assert "canary" not in f"{caught.value} {caught.value.hint}"
    assert caught.value.hint


def test_a_keyring_that_keeps_nothing_is_noticed(open_store, backends) -> None:
    backends["secure"].keeps = False
    with pytest.raises(ConfigurationError, match="did not keep"):
        open_store(sort="secure").store(ACME, NAME, Secret("x"))


def test_a_replaced_credential_goes_back_to_the_keyring(open_store, backends) -> None:
    keep(backends, "old")
    assert "SecretService" in open_store(sort="secure").replace(ACME, NAME, Secret("new"))
    assert backends["secure"].entries == {("variance-bridge:acme", NAME): "new"}


def test_a_replaced_credential_goes_back_to_its_line_of_the_env_file(open_store, folders) -> None:
    text = f"# mine\r\nexport {NAME} = 'old'  # until May\nB=1\n\n# end"
    path = write(folders[1], text)
    store = open_store()
    assert store.find(ACME, TOKEN).secret == Secret("old")
    assert store.replace(ACME, NAME, Secret("new#1")) == str(path)
    assert path.read_bytes().decode() == text.replace("'old'", "'new#1'")
    assert path.stat().st_mode & 0o777 == 0o600
    for found in (store.find(ACME, TOKEN), open_store().find(ACME, TOKEN)):
        assert (found.secret, found.place) == (Secret("new#1"), Place.ENV_FILE)


def test_a_replaced_credential_of_the_environment_is_kept_beside_it(open_store, folders) -> None:
    for new in ("second", "third"):
        place = open_store({NAME: "first"}).replace(ACME, NAME, Secret(new))
        assert place == str(folders[0] / "credentials.json")
        assert (folders[0] / "credentials.json").stat().st_mode & 0o777 == 0o600
        found = open_store({NAME: "first"}).find(ACME, TOKEN)
        assert found.secret == Secret(new)
        assert "in place of environment (ACME_TOKEN)" in found.origin


def test_a_new_value_in_the_environment_is_used_whatever_replaced_the_old_one(open_store) -> None:
    open_store({NAME: "first"}).replace(ACME, NAME, Secret("second"))
    assert open_store({NAME: "another"}).find(ACME, TOKEN).secret == Secret("another")
    assert open_store({NAME: "first"}).find(OTHER, TOKEN).secret == Secret("first")


def test_what_cannot_be_kept_in_the_env_file_is_kept_beside_it(
    open_store, folders, monkeypatch
) -> None:
    write(folders[1], f"{NAME}=first")

    def refuse(*_arguments: object) -> None:
        raise ConfigurationError("read-only")

    monkeypatch.setattr("variance_bridge.settings.env_file.write_env_value", refuse)
    open_store().replace(ACME, NAME, Secret("second"))
    assert open_store().find(ACME, TOKEN).secret == Secret("second")


def test_what_cannot_be_kept_anywhere_is_an_error_and_shows_nothing(open_store, folders) -> None:
    (folders[0] / "credentials.json").mkdir()
    for store in (open_store(), open_store(sort="raising")):
        with pytest.raises(ConfigurationError) as caught:
            store.replace(ACME, NAME, Secret("canary-value"))
        assert "canary" not in f"{caught.value} {caught.value.hint}"
    with pytest.raises(ConfigurationError):
        open_store({NAME: "first"}).replace(ACME, NAME, Secret("canary-value"))


@pytest.mark.parametrize("text", ["[1]", "{", '[{"login": "acme"}]', "[]\n[]"])
def test_a_damaged_record_of_credentials_is_reported_and_not_quoted(
    open_store, folders, text: str
) -> None:
    path = folders[0] / "credentials.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="damaged") as caught:
        open_store({NAME: "x"}).find(ACME, TOKEN)
    assert "auth login" in str(caught.value.hint)


IRA = Login("acme", "ira")


def test_a_profiles_own_credential_comes_before_that_of_all(open_store, folders, backends) -> None:
    environment = {NAME: "of all"}
    assert open_store(environment, "secure").find(IRA, TOKEN).secret == Secret("of all")

    backends["secure"].entries["variance-bridge:acme:ira", NAME] = "in the keyring"
    assert open_store(environment, "secure").find(IRA, TOKEN).secret == Secret("in the keyring")
    assert open_store(environment, "secure").find(ACME, TOKEN).secret == Secret("of all")

    write(folders[0], f"{NAME}__IRA=in the file")
    assert open_store(environment, "secure").find(IRA, TOKEN).secret == Secret("in the file")

    found = open_store({**environment, f"{NAME}__IRA": "own"}, "secure").find(IRA, TOKEN)
    assert (found.secret, found.origin) == (Secret("own"), "environment (ACME_TOKEN__IRA)")


def test_a_profile_is_stored_and_cleared_by_itself(open_store, backends) -> None:
    store = open_store(sort="secure")
    store.store(ACME, NAME, Secret("of all"))
    store.store(IRA, NAME, Secret("of the profile"))
    assert len(backends["secure"].entries) == 2
    assert store.clear(IRA, NAME)
    assert not store.clear(IRA, NAME)
    assert store.find(IRA, TOKEN).secret == Secret("of all")


def test_a_rotated_token_that_all_profiles_use_is_changed_for_all(open_store, folders) -> None:
    path = write(folders[0], f"{NAME}=first\n{NAME}__SANDBOX=other\n")
    open_store().replace(IRA, NAME, Secret("second"))
    assert path.read_text() == f"{NAME}=second\n{NAME}__SANDBOX=other\n"
    open_store().replace(Login("acme", "sandbox"), NAME, Secret("newer"))
    assert path.read_text() == f"{NAME}=second\n{NAME}__SANDBOX=newer\n"


@pytest.mark.parametrize(
    ("profile", "variable"), [("ira", "T__IRA"), ("ira-2", "T__IRA_2"), ("Käse", "T__K_SE")]
)
def test_the_variable_of_a_profile_is_one_that_a_shell_takes(profile: str, variable: str) -> None:
    assert Login("acme", profile).variable("T") == variable


def test_a_known_end_of_life_goes_with_the_value_and_not_with_another_one(
    open_store, backends
) -> None:
    until = datetime(2026, 3, 9, 15, 0, tzinfo=UTC)
    open_store(sort="secure").store(ACME, NAME, Secret("first"), until)
    assert open_store(sort="secure").expiry(ACME, TOKEN) == (ACME, until)
    open_store(sort="secure").replace(ACME, NAME, Secret("second"))
    assert open_store(sort="secure").expiry(IRA, TOKEN) == (ACME, until)
    keep(backends, "set by another program")
    assert open_store(sort="secure").expiry(ACME, TOKEN) is None
    open_store(sort="secure").store(ACME, NAME, Secret("third"))
    assert open_store(sort="secure").expiry(ACME, TOKEN) is None


@pytest.mark.parametrize(
    "text",
    [
        "A=1\nB=2",
        "A='x'\nA=\"y\" # twice\n",
        "\ufeffA=1\r\nB=2\r\n",
        "export A=1 # c\n# A=no\n",
        "B=2\n\n\nA =  old value\n",
        "'A'='q'\n",
        "B=1",
        "",
        "A=\nB=2\n",
    ],
)
@pytest.mark.parametrize("value", ["plain-1.2_3~+/=", "a b", "it's", 'q"\\', "${X}$#h", "#x"])
def test_one_value_of_an_env_file_changes_and_nothing_else(tmp_path, text: str, value: str) -> None:
    path = write(tmp_path, "")
    path.write_bytes(text.encode())
    before = read_env_file(path).values
    write_env_value(path, "A", Secret(value))
    assert read_env_file(path).values == {**before, "A": Secret(value)}
    kept = [line for line in text.splitlines() if not re.match(r"\W*(export )?'?A'? *=", line)]
    assert [line for line in path.read_bytes().decode().splitlines() if line in kept] == kept
    assert path.read_bytes().startswith(b"\xef\xbb\xbf") == text.startswith("\ufeff")


def test_an_env_file_behind_a_link_is_changed_where_it_is(tmp_path) -> None:
    there = tmp_path / "dotfiles"
    there.write_bytes(b"B=\xff\nA=1\n")
    there.chmod(0o600)
    (tmp_path / ".env").symlink_to(there)
    write_env_value(tmp_path / ".env", "A", Secret("2"))
    assert (tmp_path / ".env").is_symlink()
    assert there.read_bytes() == b"B=\xff\nA=2\n"


def test_an_env_file_that_others_can_read_gets_no_secret(tmp_path) -> None:
    path = write(tmp_path, "A=1\n", 0o644)
    with pytest.raises(ConfigurationError, match="by other users"):
        write_env_value(path, "A", Secret("2"))
    assert path.read_text() == "A=1\n"


def test_states_tell_origins_and_problems_and_never_values(open_store, folders) -> None:
    write(folders[0], "ACME_EXTRA=canary-one", 0o644)
    states = open_store({NAME: "canary-two"}).states(ACME, (TOKEN, EXTRA))
    assert [(one.name, one.required, one.origin) for one in states] == [
        (NAME, True, "environment (ACME_TOKEN)"),
        ("ACME_EXTRA", False, None),
    ]
    assert "by other users" in states[1].problem
    assert "canary" not in repr(states)


@pytest.mark.parametrize(
    ("sort", "protection"),
    [
        ("secure", Protection.SECURE),
        ("null", Protection.ABSENT),
        ("absent", Protection.ABSENT),
        ("plaintext", Protection.INSECURE),
        ("unknown", Protection.UNKNOWN),
    ],
)
def test_a_keyring_is_judged_by_its_backend(keyrings, sort: str, protection: Protection) -> None:
    assert keyrings(sort).protection is protection
    assert keyrings(sort).title.endswith(".Keyring")


def test_a_chain_is_judged_by_the_backend_that_is_written_to(backends) -> None:
    def chain(*sorts: str) -> Keyring:
        links = [backends[sort] for sort in sorts]
        kind = type(
            "ChainerBackend", (), {"__module__": "keyring.backends.chainer", "backends": links}
        )
        return Keyring(kind, patience=1)

    assert chain("secure", "plaintext").protection is Protection.SECURE
    assert chain("plaintext", "secure").protection is Protection.INSECURE
    assert chain().protection is Protection.ABSENT


def test_a_keyring_that_cannot_be_opened_is_failing_and_nameless() -> None:
    def broken() -> object:
        raise ImportError("canary")

    keyring = Keyring(broken, patience=1)
    assert keyring.protection is Protection.FAILING
    assert keyring.title == ""
    with pytest.raises(ConfigurationError, match="failed") as caught:
        keyring.read(ACME, NAME)
    assert "canary" not in str(caught.value)


def test_keyring_and_dotenv_are_imported_only_when_reached(tmp_path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from variance_bridge.broker import Credential\n"
        "from variance_bridge.settings.credentials import CredentialStore\n"
        "from variance_bridge.personal_values import PersonalValues\n"
        "from variance_bridge.settings.keyring import Keyring\n"
        "from variance_bridge.settings.credential_owner import Login\n"
        "store = CredentialStore(environment={'A': 'b'}, folders=[Path(sys.argv[1])], keyring=Keyring(),\n"
        "                        personal=PersonalValues())\n"
        "assert store.find(Login('acme'), Credential('A', 'a')) is not None\n"
        "print(sorted({'keyring', 'dotenv'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
