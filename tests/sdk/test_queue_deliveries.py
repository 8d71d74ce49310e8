"""Deliveries to queues, taken with AWS's own SDK and verified with the libraries that verify those to URLs: the message is
the body, its attributes are the headers. What is put on an event bus is read there."""

import secrets
from typing import Any

import boto3
import httpx
import pytest
import stripe
from botocore.config import Config
from cloudevents.core.bindings.http import HTTPMessage, from_http_event

from deliveries import FORMATS, FORMATS_AND_LIBRARIES, Library, altered, of_another
from gateway import Gateway, Source, simulated
from node_sdks import Node
from receiver import Delivery
from waiting import eventually

def aws(gateway: Gateway, service: str):
    url = gateway.engines["sqs" if service == "sqs" else "eventbridge"]
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    config = Config(retries={"max_attempts": 1}, proxies={})
    return boto3.client(service, endpoint_url=url, region_name="us-east-1", config=config, **keys)


class Queue:
    def __init__(self, gateway: Gateway, name: str):
        self._sqs = aws(gateway, "sqs")
        attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        self._url = self._sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self._taken: list[Delivery] = []

    def deliveries(self, count: int) -> list[Delivery]:
        """Each as the request that it would be at a URL."""

        def enough() -> bool:
            received = self._sqs.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=1
            )
            for message in received.get("Messages", []):
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
                headers = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
                self._taken.append(Delivery(self.arn, headers, message["Body"].encode()))
            return len(self._taken) >= count

        eventually(f"{count} messages", enough)
        return self._taken


def create_endpoint(gateway: Gateway, source: Source, **settings: Any) -> dict[str, Any]:
    return gateway.api("POST", "/v1/endpoints", json={"sources": [source.id]} | settings)


Told = dict[str, tuple[dict[str, str], list[Delivery]]]


@pytest.fixture(scope="module")
def told(gateway: Gateway) -> tuple[Source, Told]:
    """A story of Stripe's in each format, with the keys of its endpoint."""
    source = gateway.create_source("stripe")
    places = {}
    for name, settings in FORMATS.items():
        queue = Queue(gateway, f"{name}-{secrets.token_hex(4)}" + (".fifo" if name == "thin" else ""))
        endpoint = create_endpoint(gateway, source, type="sqs", arn=queue.arn, signing=["v1", "v1a"], **settings)
        [public_key] = [secret["public_key"] for secret in endpoint["secrets"] if secret["signing"] == "v1a"]
        places[name] = (queue, {"v1": endpoint["secret"], "v1a": public_key})
    webhooks = simulated(source)
    for webhook in webhooks:
        assert gateway.send(webhook) < 300
    return source, {name: (keys, queue.deliveries(len(webhooks))) for name, (queue, keys) in places.items()}


@pytest.mark.parametrize(
    ("format", "library"),
    FORMATS_AND_LIBRARIES,
    ids=str,
)
def test_the_library_verifies_every_message(
    told: tuple[Source, Told], node_process: Node, format: str, library: Library
) -> None:
    keys, deliveries = told[1][format]
    for delivery in deliveries:
        key = keys[library.signing]
        assert library.verify(node_process, delivery, key) is None
        assert library.verify(node_process, altered(delivery), key), "an altered body"
        assert library.verify(node_process, of_another(delivery), key), "another id"


def test_cloudevents_sdk_reads_a_message(told: tuple[Source, Told]) -> None:
    for delivery in told[1]["cloudevents"][1]:
        event = from_http_event(HTTPMessage(delivery.headers, delivery.body))
        assert event.get_type() == f"payrelay.{delivery.headers['payrelay-event-type']}"


def test_stripes_sdk_takes_a_raw_message_for_its_own(told: tuple[Source, Told]) -> None:
    source, formats = told
    for delivery in formats["raw"][1]:
        event = stripe.Webhook.construct_event(delivery.body, delivery.headers["stripe-signature"], source.secret)
        assert event["object"] == "event"


def test_an_event_bus_has_the_bodies_as_details(gateway: Gateway) -> None:
    bus = aws(gateway, "events").create_event_bus(Name=f"payments-{secrets.token_hex(4)}")["EventBusArn"]
    source = gateway.create_source("stripe")
    endpoint = create_endpoint(gateway, source, type="eventbridge", arn=bus)
    assert endpoint["secrets"] == [] and "secret" not in endpoint
    webhooks = simulated(source)
    for webhook in webhooks:
        assert gateway.send(webhook) < 300

    def put() -> list[dict[str, Any]]:
        answer = httpx.get(gateway.engines["eventbridge"], trust_env=False).json()
        found = [event for event in answer["events"] if bus.endswith(f"/{event['bus']}")]
        return found if len(found) >= len(webhooks) else []

    for event in eventually("the events are on the bus", put):
        assert event["source"] == "payrelay"
        assert event["detail-type"] == event["detail"]["type"]
        assert event["resources"][0] == event["detail"]["data"]["event"]["id"]
