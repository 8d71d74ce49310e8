"""What clients verify deliveries with: their libraries, in Python and in Node."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import standardwebhooks
import svix.webhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from node_sdks import Node
from receiver import Delivery

# Answers why the library refuses the delivery under a secret (of `v1a`: a public key), or nothing.
Verify = Callable[[Node, Delivery, str], str | None]


@dataclass
class Library:
    language: str
    package: str
    # Which of the delivery's signatures it verifies.
    signing: str
    verify: Verify
    # Some decode the body as JSON once the signature is found good.
    json_alone: bool = False

    def __str__(self) -> str:
        return f"{self.language}-{self.package}-{self.signing}"


def refusal(verify: Callable[[], object]) -> str | None:
    try:
        verify()
    except Exception as error:  # Each library has its own, without a common ancestor.
        return f"{type(error).__name__}: {error}"
    return None


def python_standardwebhooks(_: Node, delivery: Delivery, secret: str) -> str | None:
    webhook = standardwebhooks.Webhook(secret)
    return refusal(lambda: webhook.verify(delivery.body, delivery.headers, json_parse=False))


def python_svix(_: Node, delivery: Delivery, secret: str) -> str | None:
    return refusal(lambda: svix.webhooks.Webhook(secret).verify(delivery.body, delivery.headers))


def python_ed25519(_: Node, delivery: Delivery, public_key: str) -> str | None:
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    id, timestamp = (delivery.headers[f"webhook-{name}"] for name in ("id", "timestamp"))
    signed = f"{id}.{timestamp}.".encode() + delivery.body
    signatures = [text.partition(",") for text in delivery.headers["webhook-signature"].split(" ")]
    of_the_key = [base64.b64decode(value) for scheme, _, value in signatures if scheme == "v1a"]
    refusals = [refusal(lambda one=one: key.verify(one, signed)) for one in of_the_key]
    return None if None in refusals else f"none of {len(refusals)} matches"


def in_node(library: str) -> Verify:
    def verify(node: Node, delivery: Delivery, secret: str) -> str | None:
        body = base64.b64encode(delivery.body).decode()
        call = {"library": library, "secret": secret, "headers": delivery.headers, "body": body}
        answer = node.ask(action="receive", **call)
        return None if answer["accepted"] else answer["why"]

    return verify


LIBRARIES = [
    Library("python", "standardwebhooks", "v1", python_standardwebhooks),
    Library("python", "svix", "v1", python_svix),
    Library("python", "cryptography", "v1a", python_ed25519),
    Library("node", "standardwebhooks", "v1", in_node("standardwebhooks")),
    Library("node", "svix", "v1", in_node("svix"), json_alone=True),
    Library("node", "crypto", "v1a", in_node("crypto")),
]


def altered(delivery: Delivery) -> Delivery:
    """A copy whose body ends otherwise, by one bit."""
    return replace(delivery, body=delivery.body[:-1] + bytes([delivery.body[-1] ^ 1]))


def of_another(delivery: Delivery) -> Delivery:
    """A copy that claims to be another delivery."""
    return replace(delivery, headers=delivery.headers | {"webhook-id": f"{delivery.headers['webhook-id']}x"})


def under_our_names(delivery: Delivery) -> Delivery:
    """Where a provider's request has the names of our headers itself, ours stand beside them with a prefix."""
    ours = {f"webhook-{name}": delivery.headers[f"payrelay-webhook-{name}"] for name in ("id", "timestamp", "signature")}
    return replace(delivery, headers=delivery.headers | ours)

FORMATS: dict[str, dict[str, Any]] = {
    "standard": {},
    "standard-xml": {"encoding": "xml"},
    "cloudevents": {"format": "cloudevents"},
    "thin": {"format": "thin"},
    "raw": {"format": "raw"},
}

# Who decodes the body as JSON takes no XML.
FORMATS_AND_LIBRARIES = [
    (name, library) for name in FORMATS for library in LIBRARIES if name != "standard-xml" or not library.json_alone
]
