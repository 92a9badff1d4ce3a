"""Exports of several accounts, synced into one folder of positions."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def export(tmp_path):
    (tmp_path / "exports").mkdir()

    def write(account, symbol, name=None, at="01:17 PM"):
        path = tmp_path / "exports" / f"{name or account}.csv"
        path.write_text(
            f'"Positions for account Joint ...{account} as of {at} ET, 2025/12/03"\n\n'
            '"Symbol","Description","Qty (Quantity)","Price","Mkt Val (Market Value)","Cost Basis","Asset Type",\n'
            f'"{symbol}","Q","10","12.00","$120.00","$100.00","Equity",\n'
        )
        return path

    return write


@pytest.fixture
def held(tmp_path):
    """The symbols that each positions file holds."""

    def read():
        files = sorted((tmp_path / "positions").glob("*.json"))
        documents = {file.name: json.loads(file.read_text()) for file in files}
        return {
            name: [row["symbol"] for row in document["positions"]]
            for name, document in documents.items()
        }

    return read


def test_the_export_of_a_second_account_goes_to_a_file_of_its_own(variance, export, held):
    assert variance("sync", export("724", "QZA"))[0] == 0
    code, out, err = variance("sync", export("555", "QZB"))
    assert code == 0
    first, second = held().items()
    assert first == ("live_csv.json", ["QZA"])
    assert second[1] == ["QZB"]
    assert second[0] in out
    assert "live_csv.json holds another account" in err
    assert second[0] in err


def test_each_account_stays_in_its_file(variance, export, held):
    for account, symbol in [("724", "QZA"), ("555", "QZB"), ("555", "QZC"), ("724", "QZD")]:
        code, _out, err = variance("sync", export(account, symbol))
        assert code == 0, err
    assert "another account" not in err
    assert list(held().values()) == [["QZD"], ["QZC"]]


def test_a_file_sync_after_a_folder_sync_writes_the_file_that_is_there(variance, export, held):
    file = export("724", "QZA")
    export("555", "QZB")
    assert variance("sync", file.parent)[0] == 0
    before = list(held())
    assert "live_csv.json" not in before
    assert variance("sync", export("724", "QZC"))[0] == 0
    assert list(held()) == before
    assert ["QZC"] in held().values()


@pytest.mark.parametrize("how", ["folder", "all accounts"])
def test_a_sync_of_all_accounts_writes_the_file_that_is_there(variance, export, held, how):
    file = export("724", "QZA")
    assert variance("sync", file)[0] == 0
    export("555", "QZB")
    arguments = (file.parent,) if how == "folder" else (file, "--all-accounts")
    code, _out, err = variance("sync", *arguments)
    assert code == 0, err
    assert held()["live_csv.json"] == ["QZA"]
    assert len(held()) == (2 if how == "folder" else 1)


def test_an_output_that_holds_another_account_is_refused(variance, export, held, tmp_path):
    output = tmp_path / "positions" / "live_csv.json"
    assert variance("sync", export("724", "QZA"), "--output", output)[0] == 0
    code, _out, err = variance("sync", export("555", "QZB"), "--output", output)
    assert code == 6
    assert "the file holds account" in err
    assert held() == {"live_csv.json": ["QZA"]}


def test_a_profile_keeps_its_own_file(variance, export, held, tmp_path):
    (tmp_path / "configuration").mkdir(exist_ok=True)
    (tmp_path / "configuration" / "variance.toml").write_text(
        '[profiles.one]\nbroker = "csv"\n[profiles.two]\nbroker = "csv"\n'
    )
    assert variance("sync", export("724", "QZA"), "--profile", "one")[0] == 0
    assert variance("sync", export("724", "QZA"), "--profile", "two")[0] == 0
    assert list(held()) == ["live_csv_one.json", "live_csv_two.json"]
    code, _out, err = variance("sync", export("555", "QZB"), "--profile", "two")
    assert code == 6
    assert "the file holds account" in err


TWO_ACCOUNTS = (
    "Account Number,Account Name,Symbol,Description,Quantity,Last Price,Current Value\n"
    "X10000001,Nest egg,QZA,A COMPANY,100,$52.00,$5200.00\n"
    "X10000002,Roth IRA,QZB,A COMPANY,10,$52.00,$520.00\n\n"
    '"Date downloaded Dec-03-2025 1:17 PM ET"\n'
)


@pytest.fixture
def both(tmp_path):
    (tmp_path / "exports").mkdir()
    path = tmp_path / "exports" / "both.csv"
    path.write_text(TWO_ACCOUNTS)
    return path


def test_a_file_with_two_accounts_is_synced_as_the_folder_with_that_file_is(
    variance, both, held, tmp_path
):
    code, _out, err = variance("sync", both)
    assert (code, err) == (0, "")
    of_file = held()
    assert sorted(of_file.values()) == [["QZA"], ["QZB"]]
    assert variance("sync", both.parent)[0] == 0
    assert held() == of_file


def test_of_a_file_with_two_accounts_one_can_be_chosen(variance, both, held):
    assert variance("sync", both, "--account", "Roth IRA")[0] == 0
    assert list(held().values()) == [["QZB"]]


def test_one_output_for_a_file_with_two_accounts_is_refused_with_how_to_choose(
    variance, both, held, tmp_path
):
    code, _out, err = variance("sync", both, "--output", tmp_path / "positions" / "mine.json")
    assert code == 3
    assert "there are 2 accounts" in err
    assert "--account HASH" in err
    assert held() == {}


def test_a_total_that_disagrees_says_which_account_of_the_file_it_is_of(variance, both):
    two = '"Positions for All-Accounts as of 01:17 PM ET, 2025/12/03"\n\n' + "\n".join(
        f'"Joint ...{number}"\n'
        '"Symbol","Description","Qty (Quantity)","Price","Mkt Val (Market Value)","Cost Basis","Asset Type",\n'
        f'"{symbol}","Q","10","12.00","$120.00","$100.00","Equity",\n'
        f'"Account Total","","--","--","${total}","$100.00","--",\n'
        for number, symbol, total in [("724", "QZA", "120.00"), ("555", "QZB", "190.00")]
    )
    both.write_text(two)
    code, _out, err = variance("sync", both)
    assert code == 0, err
    assert "the file's total of the account that begins in line 10 is not the sum" in err
    assert err.count("total_disagrees") == 1, err
