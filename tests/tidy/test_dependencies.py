"""Dependencies point one way, the pure crates stay pure, and the functions carry one of each big thing."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from templates import ROOT

# Which of our crates each shared crate may use. A new arrow is a decision: write it down here, with its reason.
ALLOWED = {
    "domain": set(),
    "providers": {"domain"},
    "platform": set(),
    "relay": {"domain"},
    # Both carry a provider's notification, whose type is the proof that it was verified.
    "store": {"domain", "providers"},
    "queue": {"domain", "providers"},
    # From the request to the queue: what the webhook function and quarantine's re-verification share.
    "intake": {"domain", "providers", "store", "queue", "relay", "platform"},
    # From an order to send events again to the queue: what the sweeper and the REST API share.
    "replay": {"domain", "store", "queue"},
    # Sends dead letters again: what the sweeper and the REST API share.
    "redrive": {"domain", "store", "queue", "platform"},
    # Operational events: raised by the dispatcher and the sweeper.
    "notices": {"domain", "store"},
    # Sends to URLs as relay does, and with AWS's clients, which platform builds, to queues and event buses.
    "destinations": {"domain", "relay", "platform"},
    # Checks API keys, which are stored; takes time and ids from platform.
    "http": {"domain", "store", "platform"},
}
# What a crate without input or output has no use for.
IMPURE = {"tokio", "hyper", "reqwest", "rustls", "lambda_runtime", "mio", "socket2"}
SDK_OWNERS = {"store", "queue", "platform", "destinations"}
# endpoints-api judges a URL with the same guard that the dispatcher connects through. intake fetches what a verification
# needs (infra/decisions/0013-webhook-fetches-keys.md), for webhook and, out of quarantine, for sources-api.
# The fetcher asks the providers' APIs what no signature proves.
OUTBOUND_CALLERS = {"destinations", "dispatcher", "endpoints-api", "fetcher", "intake", "sources-api", "webhook"}


@cache
def workspace() -> dict[str, dict]:
    metadata = subprocess.run(
        ["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return {package["name"]: package for package in json.loads(metadata.stdout)["packages"]}


@cache
def ours(folder: str) -> frozenset[str]:
    prefix = str(ROOT / folder) + "/"
    return frozenset(name for name, package in workspace().items() if package["manifest_path"].startswith(prefix))


def needs(name: str) -> set[str]:
    """Direct dependencies that end up in what is built; those of tests are free."""
    return {dependency["name"] for dependency in workspace()[name]["dependencies"] if dependency["kind"] != "dev"}


@cache
def tree(*names: str) -> frozenset[tuple[str, str]]:
    """Every package linked into these, as (name, version)."""
    selected = [argument for name in names for argument in ("--package", name)]
    listed = subprocess.run(
        ["cargo", "tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}", *selected],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return frozenset(tuple(re.match(r"(\S+) v(\S+)", line).groups()) for line in listed.stdout.splitlines() if line.strip())


def is_aws(name: str) -> bool:
    return name.startswith("aws-")


def test_the_rules_name_every_shared_crate() -> None:
    assert set(ALLOWED) == ours("shared")


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_a_shared_crate_uses_only_those_below_it(name: str) -> None:
    assert needs(name) & set(workspace()) <= ALLOWED[name]


def test_functions_use_shared_crates_only() -> None:
    for name in sorted(ours("functions")):
        assert needs(name) & set(workspace()) <= ours("shared"), name


@pytest.mark.parametrize("name", ["domain", "providers"])
def test_a_pure_crate_has_no_runtime_no_network_and_no_aws(name: str) -> None:
    found = {package for package, _ in tree(name) if package in IMPURE or is_aws(package)}
    assert not found


def test_the_aws_sdk_stays_in_store_queue_destinations_and_platform() -> None:
    for name in sorted((ours("shared") | ours("functions")) - SDK_OWNERS):
        assert not {dependency for dependency in needs(name) if is_aws(dependency)}, name


def test_only_what_calls_out_links_the_outbound_client() -> None:
    users = {name for name in ours("functions") | ours("shared") if "relay" in needs(name)}
    assert users <= OUTBOUND_CALLERS


def test_the_functions_link_one_hyper_one_rustls_one_tokio_and_one_tls_stack() -> None:
    linked = tree(*sorted(ours("functions")))
    for crate in ("hyper", "rustls", "tokio", "ring", "hyper-rustls", "h2"):
        versions = sorted(version for name, version in linked if name == crate)
        assert len(versions) <= 1, f"{crate}: {versions}"
    others = {name for name, _ in linked if name in {"openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys", "aws-config"}}
    assert not others


def test_the_local_engines_stay_out_of_the_functions() -> None:
    linked = {name for name, _ in tree(*sorted(ours("functions")))}
    assert not linked & {"dynoxide-rs", "rusqlite", "anyhow", "clap"}


def test_every_unit_test_stands_where_cargo_runs_it() -> None:
    """`test = false` in a manifest saves the build of a test program without tests; a test there would never run."""
    for name, package in sorted(workspace().items()):
        roots = {Path(target["src_path"]): target["test"] for target in package["targets"] if {"lib", "bin"} & set(target["kind"])}
        for root in sorted(path for path, is_tested in roots.items() if not is_tested):
            beside_lib = root.name == "main.rs" and root.with_name("lib.rs") in roots
            files = [root] if beside_lib else root.parent.rglob("*.rs")
            hidden = [str(file.relative_to(ROOT)) for file in files if re.search(r"#\[(\w+::)?test\b|cfg\(test\)", file.read_text())]
            assert not hidden, f"{name} has `test = false`: {hidden}"
