"""What the plugin declares of the broker: true, complete, and cheap to read."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import resources

import attrs

from variance_bridge.broker import HOOK_API, Broker, Capability
from variance_bridge.errors import BridgeError
from variance_bridge.network.allowed_requests import check_hosts, check_post_paths
from variance_bridge.plugins.environment_secrets import looks_like_credential
from variance_bridge.testing.case_decorator import Complaints, case
from variance_bridge.testing.conformance.conformance_case import ConformanceCase

HEAVY = (
    "cattrs",
    "jsonschema",
    "keyring",
    "numpy",
    "pandas",
    "requests",
    "rich",
    "urllib3",
    "websockets",
)

_RESERVED = ("example", "invalid", "localhost", "test")
"""Top-level names that lead nowhere (RFC 2606)."""

_METHODS = {"accounts": ["self"], "fetch": ["self", "account"], "normalize": ["self", "raw"]}


class Declaration(ConformanceCase):
    """DECL: the plugin's records and the class that they name."""

    @case("DECL-01")
    def test_the_plugin_declares_this_broker_under_the_name_of_its_entry_point(self) -> Complaints:
        """The entry point, the record and the class belong together.

        The entry point's name is the broker's name, and `BrokerSpec.broker` is "module:Class" of the class under test.
        """
        spec = self.subject().spec
        if self.subject().loaded.plugin.name != spec.name:
            yield f"the entry point is named {self.subject().loaded.plugin.name}, the broker {spec.name}"

    @case("DECL-02")
    def test_the_broker_has_the_three_methods(self) -> Complaints:
        """The class has accounts(), fetch(account) and normalize(raw), and is made from a context alone."""
        for name, wanted in _METHODS.items():
            method = getattr(self.subject().broker, name, None)
            if method is None:
                yield f"it has no method {name}"
            elif len(inspect.signature(method).parameters) != len(wanted):
                yield f"{name} takes other arguments than ({', '.join(wanted)})"
        if not issubclass(self.subject().broker, Broker):
            yield "it does not satisfy the protocol variance_bridge.Broker"

    @case("DECL-03")
    def test_it_is_written_for_this_hook_api(self) -> Complaints:
        """The record states the hook API that we speak."""
        if self.subject().spec.hook_api != HOOK_API:
            yield f"hook_api is {self.subject().spec.hook_api}, not {HOOK_API}"

    @case("DECL-04")
    def test_reading_the_declaration_imports_nothing_heavy(self) -> Complaints:
        """Importing the plugin's module is quick and silent: no HTTP library, no broker, no output.

        Import the broker only through `BrokerSpec.broker`, and heavy libraries inside the functions that need them.
        """
        module = self.subject().loaded.plugin.value.partition(":")[0]
        if not module:
            return
        ours = self.subject().spec.broker.partition(":")[0]
        code = f"import sys\nsys.path[:] = {sys.path!r}\nimport {module}\nprint('MODULES', *sys.modules)"
        done = subprocess.run(  # noqa: S603 - our own Python, on the module under test
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
        )
        output, _, names = done.stdout.rpartition("MODULES ")
        if done.returncode:
            yield f"{module} cannot be imported: {done.stderr.strip().splitlines()[-1]}"
            return
        if output:
            yield f"importing {module} prints something"
        loaded = {name.partition(".")[0] for name in names.split()} & set(HEAVY)
        yield from (f"importing {module} imports {name}" for name in sorted(loaded))
        if ours != module and ours in names.split():
            yield f"importing {module} imports {ours}, which is wanted only for a sync"

    @case("DECL-05")
    def test_the_hosts_are_plain_and_real(self) -> Complaints:
        """Hosts and token paths are spelled plainly, and lead somewhere.

        Hosts in lower case without scheme, port or wildcard; token paths absolute, without a query. Names that end in
        .example or .test are reserved and lead nowhere: put the broker's own host in their place.
        """
        subject = self.subject()
        try:
            check_hosts(subject.reach.hosts)
            check_post_paths((*subject.reach.token_paths, *subject.reach.read_posts))
        except BridgeError as error:
            yield error.what
        for host in subject.reach.hosts:
            if host.rpartition(".")[2] in _RESERVED:
                yield f"the host {host} is a placeholder"
        if not subject.reach.hosts and not subject.reads_files:
            yield "no host is declared, so that nothing can be fetched"

    @case("DECL-06")
    def test_each_credential_is_explained(self) -> Complaints:
        """The user learns what each credential is, and where to create it.

        `Credential.title` says what it is; `BrokerSpec.create_credentials` is one sentence on where to get it.
        """
        spec = self.subject().spec
        for credential in spec.credentials:
            if len(credential.title.split()) < 2 or credential.title == credential.name:
                yield f"the title of {credential.name} does not say what it is"
        if spec.credentials and not spec.create_credentials:
            yield "create_credentials is empty"

    @case("DECL-07")
    def test_each_setting_is_explained(self) -> Complaints:
        """Each setting has a title, and the settings can be made as a sync makes them.

        Declare them with `variance_bridge.setting(default, title="...")`.
        """
        settings_class = self.subject().settings_class
        if settings_class is None:
            return
        if not attrs.has(settings_class):
            yield f"{settings_class.__name__} is not an attrs class"
            return
        for field in attrs.fields(settings_class):
            if not field.metadata.get("title"):
                yield f"the setting {field.name} has no title"

    @case("DECL-08")
    def test_a_type_of_instrument_is_declared(self) -> Complaints:
        """The capabilities name the types of instruments that the broker can tell."""
        if not self.subject().types:
            yield f"none of {', '.join(sorted(Capability))} that is a type of instrument is declared"

    @case("DECL-09")
    def test_no_setting_is_a_secret(self) -> Complaints:
        """Secrets are declared as credentials and never as settings, which stand in a file in the clear."""
        settings_class = self.subject().settings_class
        for field in attrs.fields(settings_class) if settings_class else ():
            if looks_like_credential(field.name.upper()):
                yield f"the setting {field.name} looks like a secret: declare a Credential"

    @case("DECL-10")
    def test_the_package_ships_its_types(self) -> Complaints:
        """The package carries the marker py.typed, so that its users can check theirs."""
        if not resources.files(self.subject().package).joinpath("py.typed").is_file():
            yield f"there is no file py.typed in the package {self.subject().package}"

    @case("DECL-11")
    def test_the_readme_says_what_a_user_has_to_know(self) -> Complaints:
        """The README names the hosts that are talked to, and each credential.

        People read it before they trust a plugin with their account.
        """
        project = self.subject().project
        if project is None:
            return
        file = project / "README.md"
        if not file.is_file():
            yield "the project has no README.md"
            return
        text = file.read_text(encoding="utf-8")
        names = (*self.subject().reach.hosts, *(c.name for c in self.subject().spec.credentials))
        yield from (f"README.md does not name {name}" for name in names if name not in text)
