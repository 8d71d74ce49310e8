"""Queues and event buses as destinations, with policies enforced: what the operator listed gets its deliveries, and what is
not listed is refused by IAM and says so in the attempt log."""

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest
import standardwebhooks

from engine import REGION
from stack import ACCOUNT, DESTINATION_BUS, DESTINATION_QUEUES, Stack
from test_spine import CONSUMER_CACHE_SECONDS, STRIPE_SECRET, payment_intent_succeeded, post_signed_by_stripe
from waiting import eventually


def queue_arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def bus_arn(name: str) -> str:
    return f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}"


@pytest.fixture(scope="module")
def queues(stack: Stack) -> dict[str, str]:
    """URLs of the two queues that are listed, of one that is not, and of one that a rule of the bus fills."""
    sqs = stack.engine.client("sqs")
    return {
        name: sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if name.endswith(".fifo") else {})["QueueUrl"]
        for name in (*DESTINATION_QUEUES, "not-listed", "captured")
    }


@pytest.fixture(scope="module")
def bus(stack: Stack, queues: dict[str, str]) -> str:
    """The bus that is listed, with a rule on what deliveries say; another one is not listed."""
    events = stack.engine.client("events")
    for name in (DESTINATION_BUS, "not-listed"):
        events.create_event_bus(Name=name)
    pattern = {"source": ["payrelay"], "detail": {"type": ["payment.captured"]}}
    events.put_rule(Name="captured", EventBusName=DESTINATION_BUS, EventPattern=json.dumps(pattern))
    target = {"Id": "queue", "Arn": queue_arn("captured")}
    events.put_targets(Rule="captured", EventBusName=DESTINATION_BUS, Targets=[target])
    return bus_arn(DESTINATION_BUS)


@pytest.fixture
def create_endpoint(stack: Stack) -> Iterator[Any]:
    made = []

    def create(**settings: Any) -> dict[str, Any]:
        made.append(created := stack.api("POST", "/v1/endpoints", expect=201, json=settings))
        return created

    yield create
    for created in made:
        stack.api("DELETE", f"/v1/endpoints/{created['id']}", expect=204)


@pytest.fixture(scope="module")
def shop(stack: Stack) -> tuple[str, str]:
    """A Stripe source of this file's own: its id and its webhook path."""
    return stack.create_source("stripe", "destinations", STRIPE_SECRET)


def send(stack: Stack, shop: tuple[str, str]) -> None:
    time.sleep(CONSUMER_CACHE_SECONDS)
    assert post_signed_by_stripe(stack, shop[1], json.dumps(payment_intent_succeeded())).is_success


def received(stack: Stack, url: str) -> dict[str, Any]:
    sqs = stack.engine.client("sqs")
    options = {"MessageAttributeNames": ["All"], "AttributeNames": ["All"], "WaitTimeSeconds": 1}
    [message] = eventually("a message", lambda: sqs.receive_message(QueueUrl=url, **options).get("Messages"))
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return message


@pytest.mark.parametrize("name", DESTINATION_QUEUES)
def test_a_queue_that_is_listed_gets_a_signed_delivery(
    stack: Stack, shop: tuple[str, str], queues: dict[str, str], create_endpoint: Any, name: str
) -> None:
    endpoint = create_endpoint(type="sqs", arn=queue_arn(name), sources=[shop[0]])
    send(stack, shop)
    message = received(stack, queues[name])
    headers = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    payload = standardwebhooks.Webhook(endpoint["secret"]).verify(message["Body"], headers)
    assert payload["type"] == headers["payrelay-event-type"] == "payment.captured"
    delivery = eventually("its success is on record", lambda: one_delivery(stack, endpoint, "succeeded"))
    assert delivery["id"] == headers["webhook-id"]


def test_an_event_bus_that_is_listed_gets_an_event_that_its_rules_match(
    stack: Stack, shop: tuple[str, str], queues: dict[str, str], bus: str, create_endpoint: Any
) -> None:
    endpoint = create_endpoint(type="eventbridge", arn=bus, sources=[shop[0]])
    send(stack, shop)
    event = json.loads(received(stack, queues["captured"])["Body"])
    assert (event["source"], event["detail-type"]) == ("payrelay", "payment.captured")
    assert event["detail"]["data"]["payment"]["status"] == "captured"
    delivery = eventually("its success is on record", lambda: one_delivery(stack, endpoint, "succeeded"))
    assert delivery["id"] in event["resources"]


def test_what_is_not_listed_is_refused_by_iam_and_says_so(
    stack: Stack, shop: tuple[str, str], queues: dict[str, str], bus: str, create_endpoint: Any
) -> None:
    places = [("sqs", queue_arn("not-listed")), ("eventbridge", bus_arn("not-listed"))]
    endpoints = [create_endpoint(type=kind, arn=arn, sources=[shop[0]]) for kind, arn in places]
    for endpoint in endpoints:
        test = stack.api("POST", f"/v1/endpoints/{endpoint['id']}/test")
        assert test["attempt"]["outcome"] == "failed", "the test call sends as the dispatcher does"
    send(stack, shop)
    for endpoint in endpoints:
        delivery = eventually("a failed attempt", lambda one=endpoint: one_delivery(stack, one, "retrying"))
        attempt = delivery["attempts"][0]
        assert attempt["error"] in ("status", "not_taken"), attempt
        assert "AccessDenied" in attempt.get("response_excerpt", attempt.get("error_detail", "")), attempt
    assert "Messages" not in stack.engine.client("sqs").receive_message(QueueUrl=queues["not-listed"])


def test_the_stacks_own_queues_are_no_destination(stack: Stack) -> None:
    for name in ("EventsQueue", "DeliveriesQueue", "DeliveriesDlq", "FetchesQueue"):
        arn = queue_arn(stack.outputs[f"{name}Url"].rsplit("/", 1)[1])
        refused = stack.api("POST", "/v1/endpoints", expect=400, json={"type": "sqs", "arn": arn, "name": secrets.token_hex(4)})
        assert [error["pointer"] for error in refused["errors"]] == ["/arn"], name


def one_delivery(stack: Stack, endpoint: dict[str, Any], status: str) -> dict[str, Any] | None:
    found = stack.api("GET", "/v1/deliveries", params={"endpoint": endpoint["id"]})["data"]
    return next((delivery for delivery in found if delivery["status"] == status), None)
