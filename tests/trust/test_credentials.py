"""Credentials: where they are found, in which order, and that nobody else gets or sees them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from variance_bridge.broker import Credential
from variance_bridge.errors import ConfigurationError
from variance_bridge.privacy import Secret
from variance_bridge.settings.credentials import CredentialStore, Place, read_env_file
from variance_bridge.settings.keyring import Keyring, Protection

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
    found = open_store(sort="secure").find("acme", TOKEN)
    assert (found.secret.reveal(), found.place) == ("from the keyring", Place.KEYRING)
    assert found.origin == "keyring (keyring.backends.SecretService.Keyring)"

    path = write(working, f"{NAME}=from the working folder")
    found = open_store(sort="secure").find("acme", TOKEN)
    assert (found.secret.reveal(), found.origin) == ("from the working folder", str(path))

    path = write(configuration, f"{NAME}=from the configuration folder")
    found = open_store(sort="secure").find("acme", TOKEN)
    assert (found.secret.reveal(), found.origin) == ("from the configuration folder", str(path))

    found = open_store({NAME: "from the environment"}, "secure").find("acme", TOKEN)
    assert (found.secret.reveal(), found.place) == ("from the environment", Place.ENVIRONMENT)
    assert found.origin == "environment (ACME_TOKEN)"


def test_what_is_empty_is_not_there(open_store, folders, backends) -> None:
    write(folders[0], f"{NAME}=\n")
    keep(backends, "")
    assert open_store({NAME: ""}, "secure").find("acme", TOKEN) is None


def test_a_found_credential_is_personal_and_not_shown(open_store, personal) -> None:
    found = open_store({NAME: "canary-value"}).find("acme", TOKEN)
    assert personal.find("canary-value")
    assert "canary" not in repr(found)


def test_a_broker_does_not_get_the_keyring_entry_of_another(open_store) -> None:
    store = open_store(sort="secure")
    store.store("other", NAME, Secret("of-the-other"))
    assert store.find("other", TOKEN).secret.reveal() == "of-the-other"
    assert store.find("acme", TOKEN) is None


@pytest.mark.parametrize("sort", ["raising", "hanging", "absent"])
def test_a_keyring_that_fails_does_not_concern_users_of_the_environment(
    open_store, backends, sort: str
) -> None:
    found = open_store({NAME: "x-y-z"}, sort).find("acme", TOKEN)
    assert found.secret.reveal() == "x-y-z"
    assert backends[sort].asked == 0


@pytest.mark.parametrize("sort", ["raising", "hanging"])
def test_a_keyring_that_fails_is_reported_when_it_is_needed(open_store, sort: str) -> None:
    with pytest.raises(ConfigurationError, match="system keyring") as caught:
        open_store(sort=sort).find("acme", TOKEN)
    assert "environment" in str(caught.value.hint)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("sort", ["raising", "hanging", "absent"])
def test_an_optional_credential_is_just_not_there_when_the_keyring_fails(
    open_store, sort: str
) -> None:
    assert open_store({NAME: "x"}, sort).find("acme", EXTRA) is None


def test_a_hanging_keyring_is_waited_for_once(open_store, backends) -> None:
    store = open_store(sort="hanging")
    for _ in range(10):
        with pytest.raises(ConfigurationError):
            store.find("acme", TOKEN)
    assert backends["hanging"].asked == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o606])
def test_a_credential_in_an_env_file_that_others_can_touch_is_refused(
    open_store, folders, mode: int
) -> None:
    write(folders[0], f"{NAME}=canary-value", mode)
    with pytest.raises(ConfigurationError, match="by other users") as caught:
        open_store().find("acme", TOKEN)
    assert "chmod 600" in str(caught.value.hint)
    assert "canary" not in str(caught.value)


def test_an_open_env_file_of_another_program_is_nobodys_business(open_store, folders) -> None:
    write(folders[1], "DEBUG=1\n", 0o644)
    assert open_store({NAME: "x"}).find("acme", TOKEN).place is Place.ENVIRONMENT


def test_an_env_file_that_cannot_be_read_is_reported_when_the_credential_is_nowhere_else(
    open_store, folders, backends
) -> None:
    (folders[0] / ".env").mkdir()
    with pytest.raises(ConfigurationError, match="not a regular file"):
        open_store(sort="null").find("acme", TOKEN)
    keep(backends, "there")
    assert open_store(sort="secure").find("acme", TOKEN).secret.reveal() == "there"


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
    assert "SecretService" in store.store("acme", NAME, Secret("stored-value"))
    assert backends["secure"].entries == {("variance-bridge:acme", NAME): "stored-value"}
    assert open_store(sort="secure").find("acme", TOKEN).secret == Secret("stored-value")
    assert personal.find("stored-value")
    assert store.clear("acme", NAME)
    assert not store.clear("acme", NAME)
    assert open_store(sort="secure").find("acme", TOKEN) is None


@pytest.mark.parametrize("sort", ["absent", "null", "plaintext", "raising", "hanging"])
def test_nothing_is_stored_where_it_would_not_be_protected(open_store, backends, sort: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_store(sort=sort).store("acme", NAME, Secret("canary-value"))
    assert backends[sort].entries == {}
    assert "canary" not in f"{caught.value} {caught.value.hint}"
    assert caught.value.hint


def test_a_keyring_that_keeps_nothing_is_noticed(open_store, backends) -> None:
    backends["secure"].keeps = False
    with pytest.raises(ConfigurationError, match="did not keep"):
        open_store(sort="secure").store("acme", NAME, Secret("x"))


def test_a_rotated_credential_goes_back_to_the_keyring_only(open_store, folders, backends) -> None:
    keep(backends, "old")
    assert open_store(sort="secure").replace("acme", NAME, Secret("new"))
    assert backends["secure"].entries["variance-bridge:acme", NAME] == "new"
    assert not open_store({NAME: "x"}, "secure").replace("acme", NAME, Secret("newer"))
    path = write(folders[0], f"{NAME}=x")
    assert not open_store(sort="secure").replace("acme", NAME, Secret("newer"))
    assert path.read_text() == f"{NAME}=x"
    assert backends["secure"].entries["variance-bridge:acme", NAME] == "new"
    assert not open_store(sort="raising").replace("other", "NO_SUCH", Secret("newer"))


def test_states_tell_origins_and_problems_and_never_values(open_store, folders) -> None:
    write(folders[0], "ACME_EXTRA=canary-one", 0o644)
    states = open_store({NAME: "canary-two"}).states("acme", (TOKEN, EXTRA))
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
        keyring.read("acme", NAME)
    assert "canary" not in str(caught.value)


def test_keyring_and_dotenv_are_imported_only_when_reached(tmp_path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from variance_bridge.broker import Credential\n"
        "from variance_bridge.settings.credentials import CredentialStore\n"
        "from variance_bridge.privacy import PersonalValues\n"
        "from variance_bridge.settings.keyring import Keyring\n"
        "store = CredentialStore(environment={'A': 'b'}, folders=[Path(sys.argv[1])], keyring=Keyring(),\n"
        "                        personal=PersonalValues())\n"
        "assert store.find('acme', Credential('A', 'a')) is not None\n"
        "print(sorted({'keyring', 'dotenv'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
