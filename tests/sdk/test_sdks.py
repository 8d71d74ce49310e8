"""Every provider's own SDK against Payrelay over HTTP.

An SDK that verifies must accept what `payrelay simulate` sends, and so must Payrelay; an SDK that signs must be accepted by
Payrelay. A copy that was altered on the way is refused by both. So the simulator and the table of providers, which come
from one source, are held against a second one that is not ours.
"""

import json
import re
import secrets
from dataclasses import replace

import pytest

import node_sdks
import python_sdks
from gateway import Gateway, Source, Webhook, simulated
from node_sdks import Node
from sdk import Sdk
from waiting import eventually

SDKS = [*python_sdks.all_sdks(), *node_sdks.all_sdks()]


def altered(provider: str, webhook: Webhook) -> Webhook:
    """A copy that says something else in what the signature covers."""
    match provider:
        case "mercadopago":  # Signs the id in the address.
            return replace(webhook, url=re.sub(r"data\.id=(\d)", lambda id: f"data.id={9 - int(id[1])}", webhook.url))
        case "opennode":  # Signs the id.
            return replace(webhook, body=webhook.body.replace("id=", "id=0", 1))
        case "adyen":  # Signs some fields.
            return replace(webhook, body=re.sub(r'("value": ?)', r"\g<1>1", webhook.body))
        case "braintree":  # Signs the text of the payload.
            body = re.sub(r"(bt_payload=.{20})(.)", lambda part: part[1] + ("A" if part[2] != "A" else "B"), webhook.body)
            return replace(webhook, body=body)
        case "chargebee" | "phonepe":  # Send who they are, and sign nothing.
            authorization = webhook.headers["authorization"]
            return replace(webhook, headers=webhook.headers | {"authorization": authorization[:-4] + authorization[-5:-1]})
        case _:  # Signs the body: one digit becomes another.
            return replace(webhook, body=re.sub(r"(\d)(\D*)$", lambda end: f"{9 - int(end[1])}{end[2]}", webhook.body))


def accepts_genuine_and_refuses_altered(gateway: Gateway, source: Source, webhook: Webhook) -> None:
    changed = altered(source.provider, webhook)
    assert changed != webhook
    assert gateway.send(changed) == 401
    status = gateway.send(webhook)
    assert 200 <= status < 300, status


@pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: f"{sdk.language}~{sdk.package}~{sdk.provider}")
def test_the_sdk_and_payrelay_agree_on_what_the_provider_sends(gateway: Gateway, node_process: Node, sdk: Sdk) -> None:
    source = gateway.create_source(sdk.provider)
    webhooks = simulated(source)
    for webhook in webhooks:
        assert sdk.verify(node_process, source, webhook) is None
        assert sdk.verify(node_process, source, altered(sdk.provider, webhook)), "the SDK takes an altered copy"
        accepts_genuine_and_refuses_altered(gateway, source, webhook)
    events = eventually("each is recorded", lambda: len(found := gateway.events(source)) >= len(webhooks) and found)
    assert len(events) == len(webhooks), "an altered copy was recorded"
    assert {event["provider"] for event in events} == {sdk.provider}


@pytest.mark.parametrize(
    "sdk", [sdk for sdk in SDKS if sdk.sign], ids=lambda sdk: f"{sdk.language}~{sdk.package}~{sdk.provider}"
)
def test_payrelay_accepts_what_the_sdk_signs(gateway: Gateway, node_process: Node, sdk: Sdk) -> None:
    assert sdk.sign
    source = gateway.create_source(sdk.provider)
    plain = simulated(source)[0]
    signed = sdk.sign(node_process, source, plain.body, f"sdk_{secrets.token_hex(8)}")
    headers = {"content-type": "application/json"} | signed.headers
    webhook = Webhook(source.url, headers, signed.body)
    accepts_genuine_and_refuses_altered(gateway, source, webhook)
    [event] = eventually("it is recorded", lambda: gateway.events(source))
    assert event["verified_by"] == "signature"
    raw = gateway.raw(event["id"])
    assert raw == signed.body.encode(), "the provider's bytes are kept as they came"


def test_at_least_twenty_sdks_take_part() -> None:
    assert len({(sdk.language, sdk.package) for sdk in SDKS}) >= 20, json.dumps([str(sdk) for sdk in SDKS])
