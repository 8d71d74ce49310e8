"""What each function may do with which items: by action and partition, which is all that IAM sees of a key."""

from fnmatch import fnmatchcase

from templates import functions, of_type

# A payment, its events and their deliveries.
LEDGER = "0123456789abcdef"
WRITES = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}


def statements(function: str) -> list[dict]:
    role = of_type("infra/roles.yaml", "AWS::IAM::Role")[f"{functions()[function]['LogicalId']}Role"]
    return [s for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"]]


def leading_keys(statement: dict) -> list[str]:
    return statement.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", [])


def allowed(function: str, key: str) -> set[str]:
    """The actions of a function on the item or the collection under a partition key."""
    found = set()
    for statement in statements(function):
        if statement["Resource"] == "TableArn" and any(fnmatchcase(key, pattern) for pattern in leading_keys(statement)):
            found |= set(statement["Action"])
    return found


def test_no_function_reaches_the_whole_table() -> None:
    for function in functions():
        for statement in statements(function):
            if any(action.startswith("dynamodb:") for action in statement["Action"]):
                resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
                what = f"{function} {statement['Sid']}"
                if "TableArn" in resources:
                    assert resources == ["TableArn"] and leading_keys(statement), what
                else:
                    # An index is only read, and says where an item is.
                    assert statement["Action"] == ["dynamodb:Query"] and all("/index/" in name for name in resources), what


def test_the_ledger_is_written_by_those_who_record_and_deliver() -> None:
    writers = {function for function in functions() if allowed(function, LEDGER) & WRITES}
    # Of a message that became a dead letter, its delivery says so.
    assert writers == {"consumer", "dead-letters", "dispatcher", "endpoints-api", "sweeper"}
    assert not {function for function in functions() if "dynamodb:DeleteItem" in allowed(function, LEDGER)}, "it only expires"


def test_the_webhook_function_writes_quarantine_and_nothing_else() -> None:
    written = [key for s in statements("webhook") if set(s["Action"]) & WRITES for key in leading_keys(s)]
    assert sorted(written) == ["Q#*", "QUOTA#*"]
    assert allowed("webhook", "source") == {"dynamodb:GetItem"}
    for key in (LEDGER, "endpoint", "api_key", "replay", f"DEAD#{LEDGER}"):
        assert not allowed("webhook", key), key


def test_api_keys_are_made_by_the_sources_api_alone() -> None:
    assert {function for function in functions() if allowed(function, "api_key") & WRITES} == {"sources-api"}
    assert {function for function in functions() if allowed(function, "source") & WRITES} == {"sources-api"}
    assert {function for function in functions() if allowed(function, "endpoint") & WRITES} == {"dispatcher", "endpoints-api"}
