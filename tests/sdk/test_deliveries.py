"""Every delivery of `payrelay dev` against the libraries that its receivers use.

Whatever its format, a delivery is taken by the stock libraries of Standard Webhooks and of Svix, and by anybody's ed25519; a
copy that was altered, or is checked with another key, is taken by none. A `cloudevents` body is one for CloudEvents' own
SDK, and a `raw` one for the provider's.
"""

import base64
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import pytest
import stripe
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from deliveries import FORMATS, FORMATS_AND_LIBRARIES, LIBRARIES, Library, altered, of_another, under_our_names
from gateway import Gateway, Source, Webhook, simulated
from node_sdks import Node
from receiver import Delivery, Receiver
from waiting import eventually

@dataclass
class Endpoint:
    id: str
    path: str
    # Of `v1` the secret, of `v1a` the public key.
    keys: dict[str, str]


@dataclass
class Told:
    """A story of Stripe's, as each kind of endpoint was told it."""

    source: Source
    webhooks: list[Webhook]
    endpoints: dict[str, Endpoint]
    deliveries: dict[str, list[Delivery]]


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    try:
        yield running
    finally:
        running.close()


def create_endpoint(gateway: Gateway, receiver: Receiver, source: Source, **settings: Any) -> Endpoint:
    path = f"/{secrets.token_hex(8)}"
    wanted = {"url": receiver.url + path, "sources": [source.id], "signing": ["v1", "v1a"]} | settings
    created = gateway.api("POST", "/v1/endpoints", json=wanted)
    [public_key] = [secret["public_key"] for secret in created["secrets"] if secret["signing"] == "v1a"]
    return Endpoint(created["id"], path, {"v1": created["secret"], "v1a": public_key})


def delivered(receiver: Receiver, endpoint: Endpoint, count: int) -> list[Delivery]:
    return eventually(
        f"{count} deliveries", lambda: len(found := receiver.deliveries(endpoint.path)) >= count and found
    )


def told(gateway: Gateway, receiver: Receiver, provider: str) -> Told:
    source = gateway.create_source(provider)
    endpoints = {
        name: create_endpoint(gateway, receiver, source, **settings) for name, settings in FORMATS.items()
    }
    webhooks = simulated(source)
    for webhook in webhooks:
        assert gateway.send(webhook) < 300
    deliveries = {name: delivered(receiver, endpoint, len(webhooks)) for name, endpoint in endpoints.items()}
    return Told(source, webhooks, endpoints, deliveries)


@pytest.fixture(scope="session")
def stripe_story(gateway: Gateway, receiver: Receiver) -> Told:
    return told(gateway, receiver, "stripe")


@pytest.fixture(scope="session")
def standard_webhooks_story(gateway: Gateway, receiver: Receiver) -> Told:
    return told(gateway, receiver, "standard_webhooks")


def another_key(signing: str) -> str:
    if signing == "v1":
        return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    public_key = Ed25519PrivateKey.generate().public_key()
    return f"whpk_{base64.b64encode(public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()}"


def takes_it_and_no_forgery(node: Node, library: Library, delivery: Delivery, key: str) -> None:
    assert library.verify(node, delivery, key) is None
    assert library.verify(node, altered(delivery), key), "an altered body"
    assert library.verify(node, of_another(delivery), key), "another id"
    assert library.verify(node, delivery, another_key(library.signing)), "another key"


@pytest.mark.parametrize(
    ("format", "library"),
    FORMATS_AND_LIBRARIES,
    ids=str,
)
def test_the_library_verifies_every_delivery(
    stripe_story: Told, node_process: Node, format: str, library: Library
) -> None:
    for delivery in stripe_story.deliveries[format]:
        takes_it_and_no_forgery(node_process, library, delivery, stripe_story.endpoints[format].keys[library.signing])


@pytest.mark.parametrize("library", LIBRARIES, ids=str)
def test_a_request_that_has_our_headers_names_is_verified_by_both_pairs(
    standard_webhooks_story: Told, node_process: Node, library: Library
) -> None:
    story = standard_webhooks_story
    for delivery in story.deliveries["raw"]:
        key = story.endpoints["raw"].keys[library.signing]
        takes_it_and_no_forgery(node_process, library, under_our_names(delivery), key)
        if library.signing == "v1":
            takes_it_and_no_forgery(node_process, library, delivery, story.source.secret)


def test_the_cloudevents_sdk_reads_what_standard_says(stripe_story: Told) -> None:
    standard = {
        body["data"]["event"]["id"]: body
        for body in (json.loads(delivery.body) for delivery in stripe_story.deliveries["standard"])
    }
    for delivery in stripe_story.deliveries["cloudevents"]:
        event = from_http_event(HTTPMessage(delivery.headers, delivery.body))
        body = standard.pop(event.get_id())
        assert event.get_specversion() == "1.0"
        assert event.get_source() == f"/v1/sources/{stripe_story.source.id}"
        assert event.get_type() == f"payrelay.{body['type']}"
        assert event.get_time() == datetime.fromisoformat(body["timestamp"])
        assert event.get_datacontenttype() == "application/json"
        assert event.get_subject() == body["data"].get("payment", {}).get("id")
        assert event.get_data() == body["data"]
        assert not event.get_extension("data_base64")
    assert not standard, "each event was told in both formats"


def test_stripes_sdks_read_raw_deliveries_as_if_stripe_had_called(stripe_story: Told, node_process: Node) -> None:
    secret = stripe_story.source.secret
    by_body = {webhook.body.encode(): webhook for webhook in stripe_story.webhooks}
    for delivery in stripe_story.deliveries["raw"]:
        webhook = by_body.pop(delivery.body)
        signature = delivery.headers["stripe-signature"]
        assert signature == webhook.headers["stripe-signature"]
        event = stripe.Webhook.construct_event(delivery.body, signature, secret)
        assert event.id == json.loads(webhook.body)["id"]
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(altered(delivery).body, signature, secret)
        for copy, accepted in ((delivery, True), (altered(delivery), False)):
            call = {"secret": secret, "url": "", "headers": copy.headers, "body": copy.body.decode()}
            answer = node_process.ask(action="verify", sdk="stripe", **call)
            assert answer["accepted"] == accepted, answer
    assert not by_body, "each webhook was passed on"


def test_xml_is_well_formed_and_says_what_json_says(stripe_story: Told) -> None:
    types = [json.loads(delivery.body)["type"] for delivery in stripe_story.deliveries["standard"]]
    documents = [ElementTree.fromstring(delivery.body) for delivery in stripe_story.deliveries["standard-xml"]]
    assert {document.tag for document in documents} == {"webhook"}
    assert sorted(document.findtext("type", "") for document in documents) == sorted(types)
    assert {delivery.headers["content-type"] for delivery in stripe_story.deliveries["standard-xml"]} == {
        "application/xml"
    }


@pytest.mark.parametrize("signing", ["v1", "v1a"])
def test_during_a_rotation_old_and_new_verify_and_afterwards_the_new_alone(
    gateway: Gateway, receiver: Receiver, node_process: Node, signing: str
) -> None:
    source = gateway.create_source("standard_webhooks")
    endpoint = create_endpoint(gateway, receiver, source)
    old = endpoint.keys[signing]
    secrets_path = f"/v1/endpoints/{endpoint.id}/secrets"
    [old_id] = [one["id"] for one in gateway.api("GET", secrets_path)["data"] if one["signing"] == signing]
    added = gateway.api("POST", secrets_path, json={"signing": signing})
    new = added["secret" if signing == "v1" else "public_key"]

    libraries = [library for library in LIBRARIES if library.signing == signing]
    first, second, *_ = simulated(source)
    assert gateway.send(first) < 300
    [during] = delivered(receiver, endpoint, 1)
    for library in libraries:
        takes_it_and_no_forgery(node_process, library, during, old)
        takes_it_and_no_forgery(node_process, library, during, new)

    gateway.delete(f"{secrets_path}/{old_id}")
    assert gateway.send(second) < 300
    [_, afterwards] = delivered(receiver, endpoint, 2)
    for library in libraries:
        takes_it_and_no_forgery(node_process, library, afterwards, new)
        assert library.verify(node_process, afterwards, old), "the old one is gone"

