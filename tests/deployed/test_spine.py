"""The main job on the deployed stack: signed by the provider's own SDK on one end, verified by a stock
Standard Webhooks library on the other, and readable over REST in between."""

import json
import secrets
import time
from base64 import b64encode
from datetime import UTC, datetime

import httpx
import pytest
import standardwebhooks
import stripe

from receiver import Delivery, Receiver
from stack import Stack
from waiting import eventually

STRIPE_SECRET = f"whsec_{secrets.token_hex(16)}"
# The consumer keeps its list of endpoints this long: an endpoint gets the events that come in after that.
CONSUMER_CACHE_SECONDS = 5.5
STANDARD_SECRET = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"


def payment_intent_succeeded(amount: int = 4620) -> dict:
    """As Stripe sends it, with ids of its own so that tests do not meet each other's payments."""
    now, unique = int(time.time()), secrets.token_hex(8)
    return {
        "id": f"evt_{unique}",
        "object": "event",
        "api_version": "2025-04-30.basil",
        "created": now,
        "data": {
            "object": {
                "id": f"pi_{unique}",
                "object": "payment_intent",
                "amount": amount,
                "amount_capturable": 0,
                "amount_received": amount,
                "capture_method": "automatic_async",
                "created": now,
                "currency": "eur",
                "latest_charge": f"ch_{unique}",
                "livemode": False,
                "metadata": {},
                "payment_method_types": ["card"],
                "status": "succeeded",
            }
        },
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "payment_intent.succeeded",
    }


def post_signed_by_stripe(
    stack: Stack, path: str, body: str, secret: str = STRIPE_SECRET, age_seconds: int = 0
) -> httpx.Response:
    header = stripe.WebhookSignature.generate_signature_header(body, secret, timestamp=int(time.time()) - age_seconds)
    return stack.call("POST", path, content=body, headers={"stripe-signature": header, "content-type": "application/json"})


def find_payment(stack: Stack, provider_payment_id: str, status: str) -> dict | None:
    found = stack.api("GET", "/v1/payments", params={"provider_payment_id": provider_payment_id})["data"]
    return next((payment for payment in found if payment["status"] == status), None)


def delivery_that_succeeded(stack: Stack, delivery_id: str) -> dict | None:
    found = stack.api("GET", f"/v1/deliveries/{delivery_id}")
    return found if found["status"] == "succeeded" else None


def verified(delivery: Delivery, secret: str) -> dict:
    """What the client's library accepts; raises if the signature, id or time is wrong."""
    return standardwebhooks.Webhook(secret).verify(delivery.body, delivery.headers)


@pytest.fixture(scope="module")
def shop(stack: Stack) -> str:
    """A Stripe source; its webhook path."""
    _, path = stack.create_source("stripe", "shop", STRIPE_SECRET)
    return path


@pytest.fixture
def endpoint(stack: Stack, receiver: Receiver):
    """An endpoint that wants everything; its path at the receiver and its secret. Removed afterwards."""
    path = f"/hooks/{secrets.token_hex(4)}"
    created = stack.api(
        "POST", "/v1/endpoints", expect=201,
        json={"url": receiver.url + path, "name": "app", "event_types": ["*"], "sources": []},
    )  # fmt: skip
    time.sleep(CONSUMER_CACHE_SECONDS)
    yield path, created["secret"]
    answer = stack.api("GET", f"/v1/endpoints/{created['id']}")
    assert "secret" not in answer, "an endpoint's secret is shown once, at its creation"
    stack.api("DELETE", f"/v1/endpoints/{created['id']}", expect=204)


def test_a_stripe_webhook_becomes_a_captured_payment_and_a_signed_delivery(
    stack: Stack, receiver: Receiver, shop: str, endpoint: tuple[str, str]
) -> None:
    path, endpoint_secret = endpoint
    sent = payment_intent_succeeded(amount=4620)
    intent = sent["data"]["object"]["id"]

    answer = post_signed_by_stripe(stack, shop, json.dumps(sent))
    assert answer.is_success, answer.text

    payment = eventually("the payment is captured", lambda: find_payment(stack, intent, "captured"))
    assert payment["object"] == "payment"
    assert payment["provider"] == "stripe"
    assert payment["provider_payment_id"] == intent
    assert (payment["amount_captured"], payment["currency"], payment["currency_exponent"]) == (4620, "EUR", 2)
    assert payment["net_amount"] == 4620

    delivered = eventually("the delivery arrives", lambda: receiver.deliveries(path))[0]
    payload = verified(delivered, endpoint_secret)
    assert payload["type"] == "payment.captured"
    assert payload["data"]["payment"]["id"] == payment["id"]
    assert payload["data"]["event"]["provider_event_id"] == sent["id"]

    timeline = stack.api("GET", f"/v1/payments/{payment['id']}/timeline")["data"]
    assert len(timeline) == 1
    operations = stack.api("GET", f"/v1/payments/{payment['id']}/operations")["data"]
    assert operations == payload["data"]["payment"]["operations"][::-1]
    event_id = payload["data"]["event"]["id"]
    event = stack.api("GET", f"/v1/events/{event_id}")
    assert (event["verified_by"], event["effect"], event["provider_type"]) == ("signature", "applied", sent["type"])

    delivery_id = delivered.headers["webhook-id"]
    delivery = eventually("its success is on record", lambda: delivery_that_succeeded(stack, delivery_id))
    assert [attempt["status_code"] for attempt in delivery["attempts"]] == [200]


def test_the_raw_event_is_kept_byte_for_byte(stack: Stack, shop: str) -> None:
    sent = payment_intent_succeeded()
    # Spacing and an escape that no serialiser would reproduce.
    body = json.dumps(sent, indent=3).replace('"object": "event"', '"object" :  "\\u0065vent"')
    assert post_signed_by_stripe(stack, shop, body).is_success
    payment = eventually("the payment is captured", lambda: find_payment(stack, sent["data"]["object"]["id"], "captured"))

    entry = stack.api("GET", f"/v1/payments/{payment['id']}/timeline")["data"][0]
    event_id = entry["event"]["id"] if isinstance(entry.get("event"), dict) else entry.get("event", entry["id"])
    raw = stack.call("GET", f"/v1/events/{event_id}/raw", headers={"authorization": f"Bearer {stack.admin_key}"})

    assert raw.status_code == 200
    assert raw.content == body.encode()
    assert raw.headers["content-type"].startswith("application/json")


def test_a_webhook_sent_three_times_counts_and_is_delivered_once(
    stack: Stack, receiver: Receiver, shop: str, endpoint: tuple[str, str]
) -> None:
    path, endpoint_secret = endpoint
    sent = payment_intent_succeeded(amount=1000)
    for _ in range(3):
        assert post_signed_by_stripe(stack, shop, json.dumps(sent)).is_success
    payment = eventually("the payment is captured", lambda: find_payment(stack, sent["data"]["object"]["id"], "captured"))
    eventually("the delivery arrives", lambda: receiver.deliveries(path))
    eventually("the queues are empty", lambda: not any(stack.queue_depths().values()))

    again = stack.api("GET", f"/v1/payments/{payment['id']}")
    assert again["amount_captured"] == 1000
    assert again["state_version"] == payment["state_version"]
    # At least once is the promise; what every copy shares is the id by which a client drops the second.
    assert len({delivery.headers["webhook-id"] for delivery in receiver.deliveries(path)}) == 1
    for delivery in receiver.deliveries(path):
        verified(delivery, endpoint_secret)


def test_a_standard_webhook_signed_by_the_sdk_is_recorded_and_relayed(
    stack: Stack, receiver: Receiver, endpoint: tuple[str, str]
) -> None:
    path, endpoint_secret = endpoint
    source_id, webhook_path = stack.create_source("standard_webhooks", "billing", STANDARD_SECRET)
    message_id = f"msg_{secrets.token_hex(8)}"
    now = datetime.now(UTC)
    body = json.dumps({"type": "invoice.paid", "timestamp": now.isoformat(), "data": {"id": "in_1"}})
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": standardwebhooks.Webhook(STANDARD_SECRET).sign(message_id, now, body),
        "content-type": "application/json",
    }

    assert stack.call("POST", webhook_path, content=body, headers=headers).is_success

    delivered = eventually("the delivery arrives", lambda: receiver.deliveries(path))[0]
    event = verified(delivered, endpoint_secret)["data"]["event"]
    assert (event["source"], event["provider"], event["provider_event_id"]) == (source_id, "standard_webhooks", message_id)
    assert event["provider_type"] == "invoice.paid"
    assert stack.api("GET", f"/v1/events/{event['id']}")["verified_by"] == "signature"

    tampered = stack.call("POST", webhook_path, content=body.replace("in_1", "in_2"), headers=headers)
    assert tampered.status_code == 401, tampered.text


def test_a_delivery_that_failed_is_tried_again(
    stack: Stack, receiver: Receiver, shop: str, endpoint: tuple[str, str]
) -> None:
    path, endpoint_secret = endpoint
    receiver.fail_first(path, 1)
    assert post_signed_by_stripe(stack, shop, json.dumps(payment_intent_succeeded())).is_success

    # The schedule's first wait is five seconds, with jitter.
    first, second = eventually("a second attempt", lambda: len(found := receiver.deliveries(path)) >= 2 and found)[:2]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    verified(second, endpoint_secret)
    delivery_id = first.headers["webhook-id"]
    outcome = eventually("both attempts are on record", lambda: delivery_that_succeeded(stack, delivery_id))
    assert [attempt["status_code"] for attempt in outcome["attempts"]] == [500, 200]


def test_a_message_that_is_not_ours_goes_to_the_dead_letter_queue_and_harms_no_other(stack: Stack, shop: str) -> None:
    sqs = stack.engine.client("sqs")
    sqs.send_message(QueueUrl=stack.outputs["EventsQueueUrl"], MessageBody="not an envelope")
    sent = payment_intent_succeeded()
    assert post_signed_by_stripe(stack, shop, json.dumps(sent)).is_success

    eventually("the neighbour is recorded", lambda: find_payment(stack, sent["data"]["object"]["id"], "captured"))

    def waiting() -> list[dict]:
        return stack.api("GET", "/v1/dead-letters?queue=events&redriven=false")["data"]

    [letter] = eventually("the stranger is a dead letter", waiting)
    assert (letter["reason"], letter["body_bytes"]) == ("unreadable", len("not an envelope")), letter
    path = f"/v1/dead-letters/{letter['id']}"
    assert stack.api("POST", f"{path}/redrive")["status"] == "redriven"
    [again] = eventually("it has come back", waiting)
    assert (again["id"], again["redrives"]) == (letter["id"], 1)
    stack.api("DELETE", path, expect=204)
    assert waiting() == []


@pytest.mark.parametrize(
    ("case", "secret", "age_seconds"),
    [("another secret", f"whsec_{secrets.token_hex(16)}", 0), ("a stale timestamp", STRIPE_SECRET, 3600)],
)
def test_a_wrong_signature_is_refused(stack: Stack, shop: str, case: str, secret: str, age_seconds: int) -> None:
    sent = payment_intent_succeeded()
    answer = post_signed_by_stripe(stack, shop, json.dumps(sent), secret, age_seconds)
    assert answer.status_code == 401, f"{case}: {answer.text}"
    assert answer.json()["status"] == 401


def test_what_was_refused_is_verified_again_once_the_secret_is_corrected(stack: Stack) -> None:
    first, second = f"whsec_{secrets.token_hex(16)}", f"whsec_{secrets.token_hex(16)}"
    source, path = stack.create_source("stripe", "set up with the wrong secret", first)
    sent = payment_intent_succeeded()
    intent = sent["data"]["object"]["id"]
    assert post_signed_by_stripe(stack, path, json.dumps(sent), second).status_code == 401
    assert post_signed_by_stripe(stack, path, json.dumps(payment_intent_succeeded()), "whsec_forged").status_code == 401

    listed = stack.api("GET", f"/v1/quarantine?source={source}")["data"]
    assert [request["reason"] for request in listed] == ["signature_mismatch"] * 2
    forged, ours = listed[0]["id"], listed[1]["id"]
    assert {request["id"] for request in stack.api("GET", "/v1/quarantine")["data"]} >= {forged, ours}
    assert stack.api("POST", f"/v1/quarantine/{ours}/verify")["outcome"] == "rejected"

    stack.api("POST", f"/v1/sources/{source}/secrets", expect=201, json={"secret": second})
    answer = stack.api("POST", "/v1/quarantine/verify", json={"source": source})
    assert (answer["accepted"], answer["rejected"]) == (1, 1), answer
    eventually("the payment is captured", lambda: find_payment(stack, intent, "captured"))
    stack.api("DELETE", f"/v1/quarantine/{forged}", expect=204)
    assert stack.api("GET", f"/v1/quarantine?source={source}")["data"] == []


def test_what_is_refused_is_counted(stack: Stack, shop: str) -> None:
    assert stack.call("POST", shop, json=payment_intent_succeeded()).status_code == 401

    def counted() -> bool:
        lines = [line for line in stack.function_logs().splitlines() if '"WebhooksRejected":1' in line]
        return any(json.loads(line).get("reason") == "missing_signature" for line in lines)

    eventually("the counter is in the log", counted)


def test_a_missing_signature_is_refused(stack: Stack, shop: str) -> None:
    assert stack.call("POST", shop, json=payment_intent_succeeded()).status_code == 401


def test_an_unknown_source_is_not_found(stack: Stack) -> None:
    answer = post_signed_by_stripe(stack, "/webhooks/src_00000000000000000000000000", json.dumps(payment_intent_succeeded()))
    assert answer.status_code == 404, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_a_body_over_4560_kib_is_too_large(stack: Stack, shop: str) -> None:
    sent = payment_intent_succeeded()
    sent["data"]["object"]["metadata"]["filler"] = "x" * (4560 * 1024)
    assert post_signed_by_stripe(stack, shop, json.dumps(sent)).status_code == 413


def test_addresses_inside_are_refused_as_endpoints(stack: Stack) -> None:
    # 127.0.0.1 alone is allowed to these tests; its neighbours and the metadata service are not.
    for url in ("http://127.0.0.2/x", "http://169.254.169.254/latest/meta-data", "https://10.0.0.1/x", "https://[::1]/x"):
        stack.api("POST", "/v1/endpoints", expect=422, json={"url": url, "name": "x", "event_types": ["*"], "sources": []})


def test_a_client_that_nobody_can_call_fetches_verifies_and_acknowledges(stack: Stack, shop: str) -> None:
    endpoint = stack.api("POST", "/v1/endpoints", expect=201, json={"type": "poll", "name": "behind a firewall"})
    key = stack.api("POST", "/v1/api-keys", expect=201, json={"name": "poller", "scopes": ["deliveries:poll"]})
    bearer = {"authorization": f"Bearer {key['key']}"}
    path = f"/v1/endpoints/{endpoint['id']}/poll"
    time.sleep(CONSUMER_CACHE_SECONDS)
    sent = payment_intent_succeeded(amount=7700)
    assert post_signed_by_stripe(stack, shop, json.dumps(sent)).is_success

    def fetch(**query: str | int) -> dict:
        answer = stack.call("GET", path, headers=bearer, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    polled = eventually("it is there to be fetched", lambda: (answer := fetch(wait=3))["data"] and answer)
    [delivery] = polled["data"]
    payload = standardwebhooks.Webhook(endpoint["secret"]).verify(delivery["body"], delivery["headers"])
    assert payload["data"]["event"]["provider_event_id"] == sent["id"]
    assert [again["id"] for again in fetch()["data"]] == [delivery["id"]], "until it is acknowledged"
    assert fetch(cursor=polled["cursor"])["data"] == []
    outcome = stack.api("GET", f"/v1/deliveries/{delivery['id']}")
    assert (outcome["status"], len(outcome["attempts"])) == ("succeeded", 1)

    assert stack.call("GET", "/v1/deliveries", headers=bearer).status_code == 403
    stack.api("DELETE", f"/v1/api-keys/{key['id']}", expect=204)
    stack.api("DELETE", f"/v1/endpoints/{endpoint['id']}", expect=204)


def test_a_key_opens_only_what_its_scopes_name(stack: Stack) -> None:
    created = stack.api("POST", "/v1/api-keys", expect=201, json={"name": "reader", "scopes": ["payments:read"]})
    bearer = {"authorization": f"Bearer {created['key']}"}
    assert stack.call("GET", "/v1/payments", headers=bearer).status_code == 200
    assert stack.call("GET", "/v1/sources", headers=bearer).status_code == 403
    stack.api("DELETE", f"/v1/api-keys/{created['id']}", expect=204)
    assert stack.call("GET", "/v1/payments", headers=bearer).status_code == 401


def test_afterwards_every_queue_is_empty_and_no_secret_is_in_a_log(stack: Stack, shop: str) -> None:
    """Last in this file on purpose: it looks at what all the others left behind."""
    eventually("the queues are empty", lambda: not any(stack.queue_depths().values()))
    logged = stack.function_logs() + stack.engine.log()
    for name, secret in {"Stripe": STRIPE_SECRET, "Standard Webhooks": STANDARD_SECRET, "admin": stack.admin_key}.items():
        assert secret not in logged, f"the {name} secret was logged"
