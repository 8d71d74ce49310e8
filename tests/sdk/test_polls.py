"""What a client fetches from `payrelay dev` against the libraries that it would verify a delivery with.

The headers and the body of a polled delivery are those of the request that would have been sent: each library takes them as it
takes a request, and refuses an altered copy.
"""

import base64
from dataclasses import dataclass
from typing import Any

import pytest
import stripe

from deliveries import FORMATS, FORMATS_AND_LIBRARIES, Library
from gateway import Gateway, Source, Webhook, simulated
from node_sdks import Node
from receiver import Delivery
from test_deliveries import takes_it_and_no_forgery

WAIT_SECONDS = 20


@dataclass
class Fetched:
    """A story of Stripe's, as each kind of endpoint fetched it."""

    source: Source
    webhooks: list[Webhook]
    # By format: of `v1` the secret, of `v1a` the public key.
    keys: dict[str, dict[str, str]]
    deliveries: dict[str, list[Delivery]]


def delivery(polled: dict[str, Any]) -> Delivery:
    body = polled["body"]
    content = base64.b64decode(body) if polled["body_encoding"] == "base64" else body.encode()
    return Delivery("", polled["headers"], content)


def fetch_all(gateway: Gateway, endpoint: str, count: int) -> list[Delivery]:
    """In answers of at most three, each acknowledged by the next call."""
    fetched: list[Delivery] = []
    query: dict[str, Any] = {"limit": 3, "wait": WAIT_SECONDS}
    while len(fetched) < count:
        answer = gateway.api("GET", f"/v1/endpoints/{endpoint}/poll", params=query)
        assert answer["data"], f"only {len(fetched)} of {count} came"
        fetched += [delivery(polled) for polled in answer["data"]]
        query["cursor"] = answer["cursor"]
    assert gateway.api("GET", f"/v1/endpoints/{endpoint}/poll", params={"cursor": query["cursor"]})["data"] == []
    return fetched


@pytest.fixture(scope="module")
def fetched(gateway: Gateway) -> Fetched:
    source = gateway.create_source("stripe")
    keys, endpoints = {}, {}
    for name, settings in FORMATS.items():
        wanted = {"type": "poll", "sources": [source.id], "signing": ["v1", "v1a"]} | settings
        created = gateway.api("POST", "/v1/endpoints", json=wanted)
        [public_key] = [secret["public_key"] for secret in created["secrets"] if secret["signing"] == "v1a"]
        keys[name], endpoints[name] = {"v1": created["secret"], "v1a": public_key}, created["id"]
    webhooks = simulated(source)
    for webhook in webhooks:
        assert gateway.send(webhook) < 300
    deliveries = {name: fetch_all(gateway, endpoint, len(webhooks)) for name, endpoint in endpoints.items()}
    return Fetched(source, webhooks, keys, deliveries)


@pytest.mark.parametrize(
    ("format", "library"),
    FORMATS_AND_LIBRARIES,
    ids=str,
)
def test_the_library_verifies_what_is_fetched(
    fetched: Fetched, node_process: Node, format: str, library: Library
) -> None:
    ids = {one.headers["webhook-id"] for one in fetched.deliveries[format]}
    assert len(ids) == len(fetched.webhooks), "each once"
    for one in fetched.deliveries[format]:
        takes_it_and_no_forgery(node_process, library, one, fetched.keys[format][library.signing])


def test_stripes_sdk_reads_what_is_fetched_raw_as_if_stripe_had_called(fetched: Fetched) -> None:
    sent = {webhook.body.encode() for webhook in fetched.webhooks}
    assert {one.body for one in fetched.deliveries["raw"]} == sent
    for one in fetched.deliveries["raw"]:
        stripe.Webhook.construct_event(one.body, one.headers["stripe-signature"], fetched.source.secret)


def test_what_is_acknowledged_is_on_record_as_delivered(gateway: Gateway, fetched: Fetched) -> None:
    id = fetched.deliveries["standard"][0].headers["webhook-id"]
    shown = gateway.api("GET", f"/v1/deliveries/{id}")
    assert (shown["status"], [attempt["outcome"] for attempt in shown["attempts"]]) == ("succeeded", ["succeeded"])
