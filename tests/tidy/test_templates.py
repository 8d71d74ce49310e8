"""Template ⇔ functions ⇔ routes ⇔ alarms ⇔ runbooks: what must agree, agrees."""

import json
import re

import pytest

from templates import ROOT, function_defaults, functions, of_type, outputs, parameters, resources, routes

# HTTP APIs answer 503 by themselves after this long.
GATEWAY_SECONDS = 30


def schema(name: str) -> dict:
    """The fields of an object of the REST API."""
    return json.loads((ROOT / "infra/openapi.json").read_text())["components"]["schemas"][name]["properties"]


def packages() -> set[str]:
    return {path.parent.name for path in (ROOT / "functions").glob("*/Cargo.toml")}


def sources(folder: str) -> str:
    return "\n".join(path.read_text() for path in sorted((ROOT / folder).rglob("*.rs")))


def test_every_package_in_functions_is_deployed_and_nothing_else() -> None:
    assert set(functions()) == packages()


def test_build_lambdas_builds_every_function() -> None:
    listed = re.search(r"^functions=\((.*)\)$", (ROOT / "infra/tools/build-lambdas").read_text(), re.MULTILINE)
    assert listed and set(listed[1].split()) == packages()


def test_every_function_has_its_own_role_and_log_group() -> None:
    for name, properties in functions().items():
        logical_id = properties["LogicalId"]
        assert properties["Role"] == f"Roles.Outputs.{logical_id}RoleArn", name
        assert properties["LoggingConfig"]["LogGroup"] == f"Roles.Outputs.{logical_id}LogName", name
        log = of_type("infra/roles.yaml", "AWS::Logs::LogGroup")[f"{logical_id}Log"]
        assert log["LogGroupName"] == f"/${{Service}}/{name}" and log["RetentionInDays"], name


def test_no_role_allows_a_wildcard() -> None:
    for name, role in of_type("infra/roles.yaml", "AWS::IAM::Role").items():
        assert "ManagedPolicyArns" not in role, name
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert not [action for action in statement["Action"] if "*" in action], f"{name} {statement['Sid']}"
                assert statement["Resource"] != "*", f"{name} {statement['Sid']}"


def test_deliveries_go_to_no_queue_and_no_bus_that_the_operator_did_not_list() -> None:
    policies = of_type("infra/roles.yaml", "AWS::IAM::Policy")
    given = {
        policy["PolicyName"]: [(s["Action"], s["Resource"]) for s in policy["PolicyDocument"]["Statement"]]
        for policy in policies.values()
    }
    assert given == {
        "destination-queues": [(["sqs:SendMessage"], "DestinationQueueArns")],
        "destination-event-buses": [(["events:DescribeEventBus", "events:PutEvents"], "DestinationEventBusArns")],
    }
    for name, resource in resources("infra/roles.yaml").items():
        if name in policies:
            assert resource["Condition"].startswith("HasDestination"), name
    for parameter in ("DestinationQueueArns", "DestinationEventBusArns"):
        assert parameters("template.yaml")[parameter]["Default"] == "", parameter


def test_no_queue_of_the_stack_can_be_a_destination() -> None:
    _, listed = outputs("infra/data.yaml")["QueueArns"]["Value"]
    assert sorted(listed) == sorted(f"{name}.Arn" for name in of_type("infra/data.yaml", "AWS::SQS::Queue"))
    for name in ("dispatcher", "endpoints-api"):
        assert functions()[name]["Environment"]["Variables"]["PAYRELAY_OWN_QUEUES"] == "Data.Outputs.QueueArns", name


def routes_in_code(function: str) -> set[str]:
    """Route keys as the code declares them: `.get("/path", ...)` of http::Routes, or `.route("/path", post(...))` of axum."""
    code = sources(f"functions/{function}/src")
    ours = re.findall(r'\.(get|post|put|delete)(?:_[a-z_]+)?\(\s*"(/[^"]*)"', code)
    axum = [(method, path) for path, method in re.findall(r'\.route\(\s*"(/[^"]*)",\s*(get|post|put|delete)\(', code)]
    return {f"{method.upper()} {path}" for method, path in ours + axum}


@pytest.mark.parametrize("function", sorted(packages()))
def test_the_template_routes_to_a_function_exactly_what_its_code_answers(function: str) -> None:
    assert routes_in_code(function) == {route for route, name in routes().items() if name == function}


def test_openapi_describes_exactly_the_routes() -> None:
    paths = json.loads((ROOT / "infra/openapi.json").read_text())["paths"]
    methods = ("get", "post", "put", "delete")
    described = {f"{method.upper()} {path}" for path, item in paths.items() for method in item if method in methods}
    assert described == set(routes())


def test_a_function_is_given_the_variables_that_it_reads_and_no_others() -> None:
    platform = set(re.findall(r'"(PAYRELAY_[A-Z_]+)"', sources("shared/platform/src")))
    common = set(function_defaults()["Environment"]["Variables"])
    for name, properties in functions().items():
        given = set(properties["Environment"]["Variables"])
        read = set(re.findall(r'"(PAYRELAY_[A-Z_]+)"', sources(f"functions/{name}/src")))
        assert given <= read | platform, f"{name} is given what it does not read"
        assert read <= given | common | platform , f"{name} reads what it is not given"


def test_a_queue_hides_a_message_for_six_times_its_consumers_timeout() -> None:
    queues = of_type("infra/data.yaml", "AWS::SQS::Queue")
    by_logical_id = {properties["LogicalId"]: properties for properties in functions().values()}
    given = parameters("template.yaml")
    for mapping in of_type("template.yaml", "AWS::Lambda::EventSourceMapping").values():
        queue = queues[mapping["EventSourceArn"].removeprefix("Data.Outputs.").removesuffix("Arn")]
        window = mapping["MaximumBatchingWindowInSeconds"]
        longest = given[window]["MaxValue"] if window in given else window
        assert queue["VisibilityTimeout"] >= 6 * by_logical_id[mapping["FunctionName"]]["Timeout"] + longest
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_visibility_timeout_of_events_is_the_one_that_repeats_wait_for() -> None:
    told = re.search(r"EVENTS_VISIBILITY_SECONDS: u16 = (\d+);", sources("shared/queue/src"))
    queue = of_type("infra/data.yaml", "AWS::SQS::Queue")["EventsQueue"]
    assert told and queue["VisibilityTimeout"] == int(told[1])


def test_an_event_does_not_wait_for_its_batch_unless_the_operator_says_so() -> None:
    assert parameters("template.yaml")["EventsBatchingWindowSeconds"]["Default"] == 0


def test_timeouts_leave_room_for_what_the_function_waits_for() -> None:
    # The attempts of a batch are made side by side, each as long as its endpoint may ask for. The same again is left for what
    # comes before and after: reading the endpoint, waiting for a lease, writing the delivery.
    api = sources("functions/endpoints-api/src")
    attempt = int(re.search(r"TIMEOUT_SECONDS: RangeInclusive<u8> = \d+..=(\d+);", api)[1])
    assert attempt == schema("NewEndpoint")["timeout_seconds"]["maximum"] == schema("EndpointReplacement")["timeout_seconds"]["maximum"]
    assert functions()["dispatcher"]["Timeout"] >= 2 * attempt
    # A test call waits shorter: somebody waits for it, and the gateway gives up.
    test_call = int(re.search(r"MAX_WAIT: Duration = Duration::from_secs\((\d+)\);", api)[1])
    assert functions()["endpoints-api"]["Timeout"] >= 2 * test_call
    for function in set(routes().values()):
        assert functions()[function]["Timeout"] < GATEWAY_SECONDS, function
    # A verification may fetch so often, and what is refused is kept after that.
    intake = sources("shared/intake/src")
    rounds = int(re.search(r"MAX_ROUNDS: usize = (\d+);", intake)[1])
    fetch_ms = int(re.search(r"total_timeout: Duration::from_millis\(([\d_]+)\)", intake)[1])
    # The largest body that is verified has less than 5 MiB (`queue::MAX_BODY_BYTES`); each whole one allows for more time.
    base_s, per_mebibyte_s = map(int, re.search(r"from_secs\((\d+)\)\.saturating_add\(Duration::from_secs\((\d+)\)", intake).groups())
    keep_ms = (base_s + 4 * per_mebibyte_s) * 1000
    assert functions()["webhook"]["Timeout"] * 1000 >= rounds * fetch_ms + keep_ms + 2000


def test_every_queue_keeps_14_days_and_every_main_queue_has_a_dead_letter_queue_with_an_alarm() -> None:
    watched = {alarm["Dimensions"][0]["Value"] for alarm in alarms().values() if alarm["Namespace"] == "AWS/SQS"}
    for name, queue in of_type("infra/data.yaml", "AWS::SQS::Queue").items():
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600, name
        assert f"{name}Name" in watched, f"nobody watches {name}"
        if name.endswith("Queue"):
            assert queue["RedrivePolicy"]["maxReceiveCount"] == 5, name


def test_every_dead_letter_queue_is_emptied_into_the_table_and_has_no_other_behind_it() -> None:
    dead = {name: queue for name, queue in of_type("infra/data.yaml", "AWS::SQS::Queue").items() if name.endswith("Dlq")}
    mappings = of_type("template.yaml", "AWS::Lambda::EventSourceMapping").values()
    read = {m["EventSourceArn"] for m in mappings if m["FunctionName"] == "DeadLetters"}
    assert read == {f"Data.Outputs.{name}Arn" for name in dead}
    assert not [name for name, queue in dead.items() if "RedrivePolicy" in queue]


def test_what_holds_state_outlives_its_stack() -> None:
    for name, resource in resources("infra/data.yaml").items():
        if resource["Type"] != "AWS::KMS::Alias":
            assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain"), name


def test_no_flood_takes_the_accounts_concurrency() -> None:
    given = parameters("template.yaml")
    for name, mapping in of_type("template.yaml", "AWS::Lambda::EventSourceMapping").items():
        most = mapping["ScalingConfig"]["MaximumConcurrency"]
        assert given.get(most, {}).get("Default", most) <= 50, name
    stage = of_type("template.yaml", "AWS::ApiGatewayV2::Stage")["ApiStage"]["DefaultRouteSettings"]
    assert set(stage) == {"ThrottlingRateLimit", "ThrottlingBurstLimit"}
    assert all(0 < given[name]["Default"] for name in stage.values())


def alarms() -> dict[str, dict]:
    return of_type("infra/monitoring.yaml", "AWS::CloudWatch::Alarm")


def test_every_alarm_names_a_runbook_and_every_runbook_has_an_alarm() -> None:
    named = {}
    for name, alarm in alarms().items():
        runbook = re.search(r"Runbook: \$\{RunbookBase\}/([a-z0-9-]+)\.md$", alarm["AlarmDescription"])
        assert runbook, f"{name} names no runbook"
        named[name] = runbook[1]
        assert alarm["AlarmName"].startswith(f"${{Service}}-{runbook[1]}"), name
    assert set(named.values()) == {path.stem for path in (ROOT / "infra/runbooks").glob("*.md")}


def test_every_function_has_an_alarm_on_its_errors() -> None:
    watched = {alarm["Dimensions"][0]["Value"] for alarm in alarms().values() if alarm["MetricName"] == "Errors"}
    assert watched == {f"{properties['LogicalId']}Name" for properties in functions().values()}


def test_what_the_store_says_of_an_unreadable_item_is_counted_in_every_function() -> None:
    filters = of_type("infra/monitoring.yaml", "AWS::Logs::MetricFilter").values()
    logs = of_type("infra/roles.yaml", "AWS::Logs::LogGroup").values()
    assert sorted(f["LogGroupName"] for f in filters) == sorted(log["LogGroupName"] for log in logs)
    message = re.search(r'id,\n.*?"([^"]+)"\n\s*\);', (ROOT / "shared/store/src/unreadable.rs").read_text(), re.S)[1]
    assert {f["FilterPattern"] for f in filters} == {f'{{ $.message = "{message}" }}'}


def test_the_table_is_the_one_that_the_code_knows() -> None:
    keys = dict(re.findall(r'const (\w+): &str = "(\w+)";', (ROOT / "shared/store/src/keys.rs").read_text()))
    (table,) = of_type("infra/data.yaml", "AWS::DynamoDB::Table").values()
    schema = lambda part: [key["AttributeName"] for key in part["KeySchema"]]  # noqa: E731
    assert schema(table) == [keys["PK"], keys["SK"]]
    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    assert set(indexes) == {keys["GSI1"], keys["GSI2"]}
    for name, index in indexes.items():
        assert schema(index) == [keys[f"{name}PK"], keys[f"{name}SK"]]
        assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": keys["TTL"], "Enabled": True}


def test_the_queues_give_up_when_the_code_says_why() -> None:
    code = (ROOT / "shared/queue/src/batch.rs").read_text()
    receive_count = int(re.search(r"MAX_RECEIVE_COUNT: u32 = (\d+);", code)[1])
    for name, queue in of_type("infra/data.yaml", "AWS::SQS::Queue").items():
        if "RedrivePolicy" in queue:
            assert queue["RedrivePolicy"]["maxReceiveCount"] == receive_count, name
