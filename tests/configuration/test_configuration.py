from __future__ import annotations

import tomllib
from pathlib import Path

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from variance_bridge.broker import setting
from variance_bridge.errors import ConfigurationError, UsageError
from variance_bridge.settings.configuration import (
    Configuration,
    ProfileTable,
    broker_settings,
    parse_overrides,
    read_configuration,
)


@attrs.frozen(kw_only=True)
class AcmeSettings:
    base_url: str = setting(
        "https://api.acme.example", title="where the API is", environment="ACME_URL"
    )
    world: str = attrs.field(
        default="production",
        validator=attrs.validators.in_({"production", "sandbox"}),
        metadata={"title": "production or sandbox"},
    )
    deep: bool = setting(default=False, title="read everything")
    pages: int = setting(1, title="pages")


@attrs.frozen(kw_only=True)
class Demanding:
    key: str = setting(title="a key")


def configuration(text: str, tmp_path: Path, environment: dict | None = None) -> Configuration:
    (tmp_path / "variance.toml").write_text(text, encoding="utf-8")
    return read_configuration(tmp_path, None, environment or {})


def settings(tmp_path, text="", environment=None, profile=None, overrides=None, cls=AcmeSettings):
    return broker_settings(
        cls,
        configuration=configuration(text, tmp_path, environment),
        broker="acme",
        profile=ProfileTable(settings=profile or {}),
        overrides=overrides or {},
    )


def test_flag_beats_environment_beats_profile_beats_file_beats_default(tmp_path):
    text = '[brokers.acme]\nbase_url = "file"\n'
    layers = [
        ({}, "https://api.acme.example", "default", ""),
        ({}, "file", "file", text),
        ({"profile": {"base_url": "profile"}}, "profile", "profile", text),
        (
            {"profile": {"base_url": "profile"}, "environment": {"ACME_URL": "env"}},
            "env",
            "environment",
            text,
        ),
        (
            {
                "profile": {"base_url": "profile"},
                "environment": {"ACME_URL": "env"},
                "overrides": {"base_url": "flag"},
            },
            "flag",
            "flag",
            text,
        ),
    ]
    for given_layers, expected, origin, file in layers:
        made = settings(tmp_path, file, **given_layers)
        assert (made.instance.base_url, made.origins["base_url"]) == (expected, origin)


def test_keys_of_the_core_are_not_given_to_the_broker(tmp_path):
    text = '[brokers.acme]\ndefault_account_id = "x"\nquotes = "none"\n'

    assert settings(tmp_path, text).instance == AcmeSettings()


@pytest.mark.parametrize(
    ("overrides", "what"),
    [
        ({"base_ur": "x"}, '--set base_ur: unknown key (did you mean "base_url"?)'),
        ({"world": "mars"}, '--set world: must be "production" or "sandbox", not "mars"'),
        ({"deep": "perhaps"}, '--set deep: must be true or false, not "perhaps"'),
        ({"pages": "many"}, '--set pages: must be a whole number, not "many"'),
        ({"pages": "9" * 5000}, "--set pages: must be a whole number"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, overrides, what):
    with pytest.raises(ConfigurationError) as caught:
        settings(tmp_path, overrides=overrides)

    assert caught.value.what == what


def test_a_wrong_setting_is_named_by_the_place_that_it_was_set_at(tmp_path):
    file, in_file = "[brokers.acme]\npages = true\n", "brokers.acme.pages: must be a whole number"
    with pytest.raises(ConfigurationError) as caught:
        settings(tmp_path, file)
    assert caught.value.what == f"{in_file}, not true"
    assert caught.value.where == str(tmp_path / "variance.toml")

    with pytest.raises(ConfigurationError, match="deep") as caught:
        settings(tmp_path, file, environment={"ACME_URL": "x"}, overrides={"deep": "perhaps"})
    assert (
        caught.value.what
        == f'--set deep: must be true or false, not "perhaps"; {in_file}, not true'
    )
    assert caught.value.where is None

    text = "[profiles.ira]\npages = []\n"
    made = configuration(text, tmp_path)
    with pytest.raises(ConfigurationError, match=r"profiles\.ira\.pages: must be a whole number"):
        broker_settings(
            AcmeSettings,
            configuration=made,
            broker="acme",
            profile=made.profile("ira"),
            overrides={},
        )


def test_the_value_of_a_wrong_setting_is_not_repeated(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        settings(tmp_path, overrides={"world": "5WX00001"})

    assert "5WX00001" not in str(caught.value)


def test_texts_of_flags_become_what_the_class_declares(tmp_path):
    made = settings(tmp_path, overrides={"deep": "yes", "pages": "7"}).instance

    assert (made.deep, made.pages) == (True, 7)


@pytest.mark.parametrize("text", ["deep = 3", "base_url = true", "base_url = 3"])
def test_a_file_value_of_the_wrong_kind_is_refused(tmp_path, text):
    with pytest.raises(ConfigurationError):
        settings(tmp_path, f"[brokers.acme]\n{text}\n")


def test_a_required_setting_that_nobody_gives_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"brokers\.acme\.key: is missing") as caught:
        settings(tmp_path, cls=Demanding)

    assert caught.value.hint == "put `key` into the table [brokers.acme] of variance.toml"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("broker = ,", "line 1, column 10: not TOML"),
        ('brokr = "acme"', r'brokr: unknown key \(did you mean "broker"\?\)'),
        ("[network]\nprxy = true", r'network\.prxy: unknown key \(did you mean "proxy"\?\)'),
        ("brokers = 3", "brokers: must be a table, not 3"),
        ("[brokers]\nacme = 3", r"brokers\.acme: must be a table, not 3"),
        (
            "broker = 1\n[network]\nproxy = 2",
            "broker: must be text in quotes, not 1; network.proxy: must be true or false, not 2",
        ),
    ],
)
def test_a_file_that_is_not_right_is_refused_with_the_place(tmp_path, text, reason):
    with pytest.raises(ConfigurationError, match=reason):
        configuration(text, tmp_path)


def test_a_file_that_is_not_utf_8_or_too_large_is_refused(tmp_path):
    (tmp_path / "variance.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        read_configuration(tmp_path, None, {})
    (tmp_path / "variance.toml").write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(ConfigurationError, match="1 MiB"):
        read_configuration(tmp_path, None, {})


def test_no_file_is_not_an_error_but_a_named_one_must_exist(tmp_path):
    assert read_configuration(tmp_path, None, {}).file is None
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_configuration(tmp_path, tmp_path / "mine.toml", {})
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_configuration(tmp_path, None, {"VARIANCE_CONFIG": str(tmp_path / "mine.toml")})


def test_a_setting_that_stands_for_itself_keeps_its_origin(tmp_path):
    both = configuration('broker = "file"', tmp_path, {"VARIANCE_BROKER": "env"})

    assert structs.astuple(both.top("broker", "flag")) == ("flag", "flag")
    assert structs.astuple(both.top("broker")) == ("env", "environment (VARIANCE_BROKER)")
    assert structs.astuple(configuration('broker = "file"', tmp_path).top("broker")) == (
        "file",
        "file",
    )
    assert structs.astuple(both.top("output_dir", default="positions")) == ("positions", "default")


def test_an_unknown_profile_is_shown_as_typed_with_the_nearest_or_the_known_ones(tmp_path):
    made = configuration('[profiles.ira]\nbroker = "acme"', tmp_path)

    with pytest.raises(ConfigurationError) as caught:
        made.profile("iar")
    assert caught.value.what == 'there is no profile "iar" (did you mean "ira"?)'
    with pytest.raises(ConfigurationError) as caught:
        made.profile("margin")
    assert caught.value.what == 'there is no profile "margin" (there are: ira)'


def test_lists_and_switches_of_the_core_are_checked(tmp_path):
    allow = configuration('[plugins]\nallow = ["acme"]', tmp_path).stated.plugins.allow
    assert allow == ("acme",)
    assert configuration("[network]\nproxy = true", tmp_path).stated.network.proxy is True
    with pytest.raises(ConfigurationError, match=r'plugins\.allow: must be a list, not "acme"'):
        configuration('[plugins]\nallow = "acme"', tmp_path)
    with pytest.raises(ConfigurationError, match=r"network\.proxy: must be true or false"):
        configuration('[network]\nproxy = "yes"', tmp_path)


@pytest.mark.parametrize("pairs", [["x"], ["=x"], ["a=1", "a=2"]])
def test_an_override_that_makes_no_sense_is_a_usage_error(pairs):
    with pytest.raises(UsageError):
        parse_overrides(pairs)


@given(st.dictionaries(st.text("abc_", min_size=1), st.text(), max_size=4))
def test_overrides_are_read_as_they_are_written(pairs):
    assert parse_overrides(f"{key}={value}" for key, value in pairs.items()) == pairs


def toml(value) -> str:
    """A value as TOML writes it; a table in line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(char):08x}" for char in value) + '"'
    return str(value).lower()


values = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just([]) | st.just({}),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["acme", "base_url", "deep", "mode"]), inner, max_size=3)
    ),
    max_leaves=6,
)
tables = st.dictionaries(
    st.sampled_from(["profiles", "brokers", "plugins", "network", "listeners", "quotes", "x"]),
    values,
    max_size=4,
)


@given(tables, st.integers(0, 400), st.just(b"") | st.binary(max_size=3))
@example({"network": 3}, 0, b"")
@example({"brokers": {"acme": 3}}, 0, b"")
@example({"brokers": {"acme": {"deep": {}}}}, 0, b"")
@example({}, 0, b"\xff")
@example({}, 0, b"x = ")
@example({}, 0, b"x = " + b"[" * 3_000)
@example({}, 0, b"x = " + b"9" * 5_000)
@example({}, 0, b"x = 1e" + b"9" * 20)
def test_any_bytes_as_configuration_are_read_or_refused(tmp_path, table, place, garbage):
    text = "".join(f"{toml(key)} = {toml(value)}\n" for key, value in table.items())
    assert tomllib.loads(text).keys() == table.keys()
    data = text.encode()
    place %= len(data) + 1
    (tmp_path / "variance.toml").write_bytes(data[:place] + garbage + data[place:])
    try:
        broker_settings(
            AcmeSettings,
            configuration=read_configuration(tmp_path, None, {}),
            broker="acme",
            profile=ProfileTable(),
            overrides={},
        )
    except ConfigurationError:
        pass


@pytest.mark.parametrize("key", ["broker", "account", "output", "quotes"])
def test_our_keys_of_a_profile_are_texts(key, tmp_path):
    with pytest.raises(ConfigurationError, match=rf"profiles\.ira\.{key}: must be text"):
        configuration(f"[profiles.ira]\n{key} = 7", tmp_path)


@pytest.mark.parametrize("key", ["default_account_id", "quotes"])
def test_our_keys_of_a_brokers_table_are_texts(key, tmp_path):
    with pytest.raises(ConfigurationError, match=rf"brokers\.acme\.{key}: must be text"):
        configuration(f"[brokers.acme]\n{key} = 7", tmp_path)


def test_an_account_number_that_should_be_a_text_is_not_repeated(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        configuration("[brokers.acme]\ndefault_account_id = 12345678", tmp_path)

    assert "1234" not in caught.value.what
