"""The Python SDKs: how each verifies, and how those sign that can."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import Adyen.util
import braintree
import coinbase_commerce.webhook
import dodopayments
import gocardless_pro.webhooks
import mercadopago.webhook
import modern_treasury
import mollie.utils.webhooks.signature_validator
import paddle_billing.Notifications
import polar.v2026_10.webhooks
import razorpay
import square.utils.webhooks_helper
import standardwebhooks
import stripe
import svix.webhooks

from gateway import Source, Webhook
from sdk import Sdk, Signed

logging.getLogger("paddle_billing").setLevel(logging.CRITICAL + 1)

Verify = Callable[[Source, Webhook], object]
Sign = Callable[[Source, str, str], Signed]


def stripe_verify(source: Source, webhook: Webhook) -> object:
    return stripe.Webhook.construct_event(webhook.body, webhook.headers["stripe-signature"], source.secret)


def stripe_sign(source: Source, body: str, _: str) -> Signed:
    header = stripe.WebhookSignature.generate_signature_header(body, source.secret, timestamp=int(time.time()))
    return Signed({"stripe-signature": header}, body)


def standardwebhooks_verify(source: Source, webhook: Webhook) -> object:
    return standardwebhooks.Webhook(source.secret).verify(webhook.body, webhook.headers)


def standardwebhooks_sign(source: Source, body: str, unique: str) -> Signed:
    now = datetime.now(UTC)
    signature = standardwebhooks.Webhook(source.secret).sign(unique, now, body)
    stamp = str(int(now.timestamp()))
    return Signed({"webhook-id": unique, "webhook-timestamp": stamp, "webhook-signature": signature}, body)


def svix_verify(source: Source, webhook: Webhook) -> object:
    return svix.webhooks.Webhook(source.secret).verify(webhook.body, webhook.headers)


def svix_sign(source: Source, body: str, unique: str) -> Signed:
    now = datetime.now(UTC)
    signature = svix.webhooks.Webhook(source.secret).sign(unique, now, body)
    return Signed({"svix-id": unique, "svix-timestamp": str(int(now.timestamp())), "svix-signature": signature}, body)


def adyen_verify(source: Source, webhook: Webhook) -> object:
    # The helper looks at what it is given: one item.
    items = [item["NotificationRequestItem"] for item in json.loads(webhook.body)["notificationItems"]]
    return all(Adyen.util.is_valid_hmac_notification(item, source.secret) for item in items)


def adyen_sign(source: Source, body: str, _: str) -> Signed:
    notification = json.loads(body)
    for wrapper in notification["notificationItems"]:
        item = wrapper["NotificationRequestItem"]
        item["additionalData"].pop("hmacSignature", None)
        signature = Adyen.util.generate_notification_sig(item, source.secret)
        item["additionalData"]["hmacSignature"] = signature.decode()
    return Signed({}, json.dumps(notification))


def adyen_platform_verify(source: Source, webhook: Webhook) -> object:
    return Adyen.util.is_valid_hmac_payload(webhook.headers["hmacsignature"], source.secret, webhook.body.encode())


def adyen_platform_sign(source: Source, body: str, _: str) -> Signed:
    signature = Adyen.util.generate_payload_sig(body.encode(), source.secret)
    return Signed({"hmacsignature": signature.decode(), "protocol": "HmacSHA256"}, body)


def braintree_gateway(source: Source) -> braintree.BraintreeGateway:
    return braintree.BraintreeGateway(
        braintree.Configuration(
            environment=braintree.Environment.Sandbox,
            merchant_id="payrelay",
            public_key=source.settings["public_key"],
            private_key=source.secret,
        )
    )


def braintree_verify(source: Source, webhook: Webhook) -> object:
    fields = parse_qs(webhook.body, strict_parsing=True)
    return braintree_gateway(source).webhook_notification.parse(fields["bt_signature"][0], fields["bt_payload"][0])


def braintree_sign(source: Source, _: str, unique: str) -> Signed:
    kind = braintree.WebhookNotification.Kind.TransactionSettled
    sample = braintree_gateway(source).webhook_testing.sample_notification(kind, unique)
    return Signed({"content-type": "application/x-www-form-urlencoded"}, urlencode(sample))


def square_verify(source: Source, webhook: Webhook) -> object:
    return square.utils.webhooks_helper.verify_signature(
        request_body=webhook.body,
        signature_header=webhook.headers["x-square-hmacsha256-signature"],
        signature_key=source.secret,
        notification_url=webhook.url,
    )


def razorpay_verify(source: Source, webhook: Webhook) -> object:
    client = razorpay.Client(auth=("none", "none"))
    signature = webhook.headers["x-razorpay-signature"]
    return client.utility.verify_webhook_signature(webhook.body, signature, source.secret)


@dataclass
class PaddleRequest:
    """What Paddle's verifier takes for a request: Paddle's own spelling of the header, and bytes."""

    headers: dict[str, str]
    body: bytes


def paddle_verify(source: Source, webhook: Webhook) -> object:
    request = PaddleRequest({"Paddle-Signature": webhook.headers["paddle-signature"]}, webhook.body.encode())
    secret = paddle_billing.Notifications.Secret(source.secret)
    return paddle_billing.Notifications.Verifier().verify(request, secret)


def mollie_verify(source: Source, webhook: Webhook) -> object:
    validator = mollie.utils.webhooks.signature_validator.SignatureValidator(source.secret)
    return validator.validate_payload(webhook.body, webhook.headers["x-mollie-signature"])


def gocardless_verify(source: Source, webhook: Webhook) -> object:
    return gocardless_pro.webhooks.parse(webhook.body, source.secret, webhook.headers["webhook-signature"])


def coinbase_commerce_verify(source: Source, webhook: Webhook) -> object:
    signature = webhook.headers["x-cc-webhook-signature"]
    return coinbase_commerce.webhook.Webhook.construct_event(webhook.body, signature, source.secret)


def mercadopago_verify(source: Source, webhook: Webhook) -> object:
    mercadopago.webhook.WebhookSignatureValidator.validate(
        webhook.headers["x-signature"],
        webhook.headers["x-request-id"],
        parse_qs(urlsplit(webhook.url).query)["data.id"][0],
        source.secret,
        tolerance_seconds=300,
    )
    return True


def modern_treasury_client() -> modern_treasury.ModernTreasury:
    return modern_treasury.ModernTreasury(api_key="none", organization_id="none")


def modern_treasury_verify(source: Source, webhook: Webhook) -> object:
    webhooks = modern_treasury_client().webhooks
    return webhooks.validate_signature(webhook.body, headers=webhook.headers, key=source.secret)


def modern_treasury_sign(source: Source, body: str, _: str) -> Signed:
    signature = modern_treasury_client().webhooks.get_signature(body, key=source.secret)
    return Signed({"x-signature": signature}, body)


def dodopayments_verify(source: Source, webhook: Webhook) -> object:
    client = dodopayments.DodoPayments(bearer_token="none")
    return client.webhooks.unwrap(webhook.body, headers=webhook.headers, key=source.secret)


def polar_verify(source: Source, webhook: Webhook) -> object:
    return polar.v2026_10.webhooks.validate_event(webhook.body, webhook.headers, source.secret)


def _sdk(package: str, provider: str, verify: Verify, sign: Sign | None = None) -> Sdk:
    def checked(_: Any, source: Source, webhook: Webhook) -> str | None:
        try:
            verdict = verify(source, webhook)
        except Exception as refusal:  # Each SDK has errors of its own.
            return f"{type(refusal).__name__}: {refusal}"
        return "the SDK answers false" if verdict is False else None

    signing = (lambda _, source, body, unique: sign(source, body, unique)) if sign else None
    return Sdk(language="python", package=package, provider=provider, verify=checked, sign=signing)


def all_sdks() -> list[Sdk]:
    return [
        _sdk("stripe", "stripe", stripe_verify, stripe_sign),
        _sdk("standardwebhooks", "standard_webhooks", standardwebhooks_verify, standardwebhooks_sign),
        _sdk("svix", "standard_webhooks", svix_verify, svix_sign),
        _sdk("Adyen", "adyen", adyen_verify, adyen_sign),
        _sdk("Adyen", "adyen_platform", adyen_platform_verify, adyen_platform_sign),
        _sdk("braintree", "braintree", braintree_verify, braintree_sign),
        _sdk("squareup", "square", square_verify),
        _sdk("razorpay", "razorpay", razorpay_verify),
        _sdk("paddle-python-sdk", "paddle", paddle_verify),
        _sdk("mollie-api-py", "mollie_nextgen", mollie_verify),
        _sdk("gocardless_pro", "gocardless", gocardless_verify),
        _sdk("coinbase-commerce", "coinbase_commerce", coinbase_commerce_verify),
        _sdk("mercadopago", "mercadopago", mercadopago_verify),
        _sdk("modern-treasury", "modern_treasury", modern_treasury_verify, modern_treasury_sign),
        _sdk("dodopayments", "dodopayments", dodopayments_verify),
        _sdk("polar-sdk", "polar", polar_verify),
    ]
