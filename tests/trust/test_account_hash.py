"""An account hash that only the holder of the key can make, and a key that is never replaced in silence."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os
import re
import stat
import string
import threading
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.errors import ConfigurationError
from variance_bridge.settings.account_hash import (
    FILE_NAME,
    account_hash,
    installation_key,
    rotate_key,
)
from variance_bridge.storage.filesystem import FileSystem
from variance_bridge.storage.private_files import write_private

KEY = bytes(range(32))
FORM = re.compile(r"[0-9a-f]{12}\*{3}")


def candidates():
    """Every number of the form that is known from published examples: 5W, a letter, five digits: 2.6 million."""
    for letter in string.ascii_uppercase:
        for digits in range(100_000):
            yield f"5W{letter}{digits:05}"


def attacks():
    """What somebody can compute who knows the source code, the broker and the form, and not the key."""
    zeros = bytes(32)
    yield "SHA-256", lambda number: hashlib.sha256(number).hexdigest()
    yield "SHA-256 with the broker", lambda number: hashlib.sha256(b"acme" + number).hexdigest()
    yield "SHA-1", lambda number: hashlib.sha1(number).hexdigest()
    yield "MD5", lambda number: hashlib.md5(number).hexdigest()
    yield "HMAC, zero key", lambda number: hmac.digest(zeros, _message(number), "sha256").hex()
    yield "HMAC, broker as the key", lambda number: hmac.digest(b"acme", number, "sha256").hex()


def _message(number: bytes) -> bytes:
    fields = (b"variance-bridge account hash 1", b"acme", number)
    return b"".join(len(field).to_bytes(8, "big") + field for field in fields)


def brute_force(wanted: str, numbers) -> tuple[int, list[str]]:
    """How many numbers were tried, and the attacks that reach the hash from one of them."""
    digits = wanted.removesuffix("***")
    tools = list(attacks())
    tried, found = 0, []
    for number in numbers:
        tried += 1
        found += [name for name, compute in tools if compute(number.encode()).startswith(digits)]
    return tried, found


def test_brute_force_without_the_key_does_not_find_the_number(key_of) -> None:
    number = "5WX00001"
    near = (f"5W{letter}{digits:05}" for letter in "WXY" for digits in range(1000))
    assert brute_force(account_hash(key_of(), "acme", number), near) == (3000, [])


def test_the_attack_works_on_a_plain_hash_and_with_the_key() -> None:
    number = "5WX00001"
    plain = hashlib.sha256(number.encode()).hexdigest()[:12] + "***"
    assert brute_force(plain, [number]) == (1, ["SHA-256"])
    known = account_hash(bytes(32), "acme", number)
    assert brute_force(known, [number]) == (1, ["HMAC, zero key"])


@pytest.mark.slow
def test_brute_force_over_all_numbers_does_not_find_it(key_of) -> None:
    wanted = account_hash(key_of(), "acme", "5WX00001")
    assert brute_force(wanted, candidates()) == (2_600_000, [])


def test_a_hash_has_the_documented_form_and_stays_the_same() -> None:
    assert account_hash(KEY, "acme", "5WX00001") == account_hash(KEY, "acme", "5WX00001")
    assert FORM.fullmatch(account_hash(KEY, "acme", "5WX00001"))
    message = _message(b"5WX00001")
    expected = hmac.new(KEY, message, hashlib.sha256).hexdigest()[:12] + "***"
    assert account_hash(KEY, "acme", "5WX00001") == expected


def test_another_installation_broker_or_number_gives_another_hash() -> None:
    hashes = [
        account_hash(key, broker, number)
        for key in (KEY, bytes(32))
        for broker in ("acme", "other")
        for number in ("5WX00001", "5WX00002", "")
    ]
    assert len(set(hashes)) == len(hashes)


@given(pairs=st.lists(st.tuples(st.text(max_size=6), st.text(max_size=6)), min_size=2, max_size=2))
def test_no_two_pairs_of_broker_and_number_are_hashed_as_the_same_text(pairs) -> None:
    (broker, number), (other_broker, other_number) = pairs
    same = account_hash(KEY, broker, number) == account_hash(KEY, other_broker, other_number)
    assert same is ((broker, number) == (other_broker, other_number))


def test_the_border_between_broker_and_number_counts() -> None:
    hashes = {account_hash(KEY, "acme5"[:i], "acme5"[i:]) for i in range(6)}
    assert len(hashes) == 6


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ConfigurationError):
        account_hash(bytes(length), "acme", "5WX00001")


@pytest.fixture
def key_of(tmp_path, keyrings):
    """The key of an installation whose keyring is of that sort."""

    def get(sort: str = "absent"):
        return installation_key(tmp_path / "configuration", keyrings(sort))

    return get


@pytest.mark.parametrize("sort", ["absent", "null", "plaintext", "raising", "secure"])
def test_whatever_the_keyring_the_key_is_in_a_file_for_this_user_alone(
    key_of, tmp_path, sort: str
) -> None:
    key = key_of(sort)
    path = tmp_path / "configuration" / FILE_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert key_of(sort) == key
    assert len(key) == 32


@pytest.fixture
def kept_in_keyring(key_of, tmp_path, keyrings) -> bytes:
    """A key as early versions kept it: in the keyring, with a file that says so."""
    key = key_of()
    path = tmp_path / "configuration" / FILE_NAME
    keyrings("secure").write("installation", "account-hash-key", path.read_text())
    path.write_text("keyring")
    return key


def test_a_key_that_is_in_the_keyring_is_moved_to_the_file_and_no_hash_changes(
    kept_in_keyring, key_of, tmp_path, backends
) -> None:
    assert key_of("secure") == kept_in_keyring
    path = tmp_path / "configuration" / FILE_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("variance-bridge-key-1:")
    assert backends["secure"].entries == {}
    assert key_of("absent") == kept_in_keyring


@pytest.mark.parametrize("sort", ["absent", "raising", "hanging", "plaintext"])
def test_a_key_that_should_be_in_the_keyring_and_is_not_is_an_error_and_no_new_key(
    kept_in_keyring, key_of, tmp_path, sort: str
) -> None:
    with pytest.raises(ConfigurationError):
        key_of(sort)
    assert (tmp_path / "configuration" / FILE_NAME).read_text() == "keyring"


def test_a_damaged_key_in_the_keyring_is_an_error_and_stays_there(
    kept_in_keyring, key_of, tmp_path, keyrings
) -> None:
    keyrings("secure").write("installation", "account-hash-key", "damaged")
    with pytest.raises(ConfigurationError, match="damaged"):
        key_of("secure")
    assert (tmp_path / "configuration" / FILE_NAME).read_text() == "keyring"


def test_rotation_takes_an_old_key_out_of_the_keyring(
    kept_in_keyring, key_of, tmp_path, keyrings, backends
) -> None:
    after = rotate_key(tmp_path / "configuration", keyrings("secure"))
    assert after != kept_in_keyring
    assert key_of("absent") == after
    assert backends["secure"].entries == {}


def test_two_installations_have_two_keys(tmp_path, keyrings) -> None:
    keys = {installation_key(tmp_path / str(i), keyrings("absent")) for i in range(8)}
    assert len(keys) == 8


def test_processes_that_start_together_agree_on_one_key(tmp_path, keyrings) -> None:
    keys: list[bytes] = []
    threads = [
        threading.Thread(
            target=lambda: keys.append(installation_key(tmp_path / "c", keyrings("absent")))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_without_locks_the_first_key_counts(tmp_path, keyrings, monkeypatch) -> None:
    winner = installation_key(tmp_path / "other", keyrings("absent"))
    spelled = (tmp_path / "other" / FILE_NAME).read_bytes()
    path = tmp_path / "c" / FILE_NAME

    def somebody_is_faster(source, target, **_options) -> None:
        path.write_bytes(spelled)
        path.chmod(0o600)
        raise FileExistsError

    write = partial(write_private, files=FileSystem(link=somebody_is_faster))
    monkeypatch.setattr("variance_bridge.settings.account_hash.write_private", write)
    assert installation_key(tmp_path / "c", keyrings("absent")) == winner


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_can_read_is_refused(key_of, tmp_path, mode: int) -> None:
    key_of()
    (tmp_path / "configuration" / FILE_NAME).chmod(mode)
    with pytest.raises(ConfigurationError, match="installation key can be read"):
        key_of()


def test_a_damaged_key_is_an_error_and_never_replaced(key_of, tmp_path) -> None:
    key_of()
    path = tmp_path / "configuration" / FILE_NAME
    whole = path.read_text()
    damaged = {
        "",
        "x",
        whole[:-1],
        whole + "0",
        whole.replace("key-1", "key-2"),
        whole.partition(":")[2],
        whole.replace(":", ";"),
        *(
            whole[:i] + ("A" if whole[i] != "A" else "B") + whole[i + 1 :]
            for i in range(len(whole))
        ),
    }
    for text in sorted(damaged):
        path.write_text(text)
        with pytest.raises(ConfigurationError, match="damaged") as caught:
            key_of()
        assert path.read_text() == text
        assert caught.value.exit_code == 3
        assert len(text) < 8 or text not in f"{caught.value} {caught.value.hint}"
    path.write_bytes(b"\xff\xfe" * 20)
    with pytest.raises(ConfigurationError, match="damaged"):
        key_of()
    path.write_text(whole + "\n")
    assert len(key_of()) == 32


@pytest.mark.parametrize("sort", ["absent", "secure"])
def test_rotation_makes_a_new_key_and_keeps_it(key_of, tmp_path, keyrings, sort: str) -> None:
    before = key_of(sort)
    after = rotate_key(tmp_path / "configuration", keyrings(sort))
    assert after != before
    assert key_of(sort) == after


def test_rotation_repairs_a_damaged_key(key_of, tmp_path, keyrings) -> None:
    key_of()
    (tmp_path / "configuration" / FILE_NAME).write_text("damaged")
    after = rotate_key(tmp_path / "configuration", keyrings("absent"))
    assert key_of() == after


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path, keyrings) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ConfigurationError):
        installation_key(file / "below", keyrings("absent"))


def test_the_key_is_never_readable_by_others_while_it_is_written(
    tmp_path, keyrings, monkeypatch
) -> None:
    modes = []
    sync = os.fsync

    def look(handle: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(handle).st_mode) & 0o077)
        sync(handle)

    monkeypatch.setattr(os, "fsync", look)
    before = os.umask(0)
    try:
        installation_key(tmp_path / "c", keyrings("absent"))
    finally:
        os.umask(before)
    assert modes
    assert set(itertools.chain(modes)) == {0}
