"""Starts ministack with the condition key `dynamodb:LeadingKeys`, which ministack 1.5.33 leaves empty: every
`ForAllValues` on it would hold, and infra/roles.yaml would be tested without what it says about keys."""

import json
import runpy
from typing import Any

from ministack.core import iam_actions

without = iam_actions.dynamodb_service_context


def partition_keys(request: dict[str, Any]) -> set[str]:
    """The values of `PK` that a request names; of a query of an index, the value of the index's partition key."""
    keys = [request.get("Key"), request.get("Item")]
    for table in (request.get("RequestItems") or {}).values():
        keys += table["Keys"]
    found = {key["PK"]["S"] for key in keys if key}
    if "KeyConditionExpression" in request:
        # `shared/store/src/query.rs` begins every condition with the partition key.
        name, equals, value = request["KeyConditionExpression"].split()[:3]
        assert equals == "=", request["KeyConditionExpression"]
        found.add(request["ExpressionAttributeValues"][value]["S"])
    return found


def with_leading_keys(body: bytes) -> dict[str, Any]:
    context = without(body)
    request = json.loads(body or b"{}")
    keys = partition_keys(request) if isinstance(request, dict) else set()
    return context | ({"dynamodb:LeadingKeys": sorted(keys)} if keys else {})


if __name__ == "__main__":
    iam_actions.dynamodb_service_context = with_leading_keys
    runpy.run_module("ministack", run_name="__main__", alter_sys=True)
