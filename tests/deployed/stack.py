"""The real template, with the real bootstraps, deployed by SAM into the local engine."""

import hashlib
import json
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from engine import REGION, Engine

ROOT = Path(__file__).resolve().parents[2]
STACK_NAME = "payrelay"
ACCOUNT = "000000000000"
DESTINATION_QUEUES = ("shop-orders", "shop-orders.fifo")
DESTINATION_BUS = "shop"


def build_bootstraps() -> None:
    subprocess.run([ROOT / "infra/tools/build-lambdas", "--host"], cwd=ROOT, check=True)


class Stack:
    """A deployed stack and the way to talk to it."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self.admin_key = f"pk_admin_{secrets.token_urlsafe(32)}"
        self.outputs: dict[str, str] = {}
        self._http = httpx.Client(trust_env=False, timeout=30)

    def deploy(self) -> None:
        overrides = {
            "Architecture": "x86_64",
            "AdminKeyHash": hashlib.sha256(self.admin_key.encode()).hexdigest(),
            # The receiver of the tests listens here; on AWS both parameters keep their defaults.
            "EgressAllow": "127.0.0.1/32",
            "Local": "true",
            # What deliveries may go to beside URLs: test_destinations.py makes them.
            "DestinationQueueArns": ",".join(f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}" for name in DESTINATION_QUEUES),
            "DestinationEventBusArns": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{DESTINATION_BUS}",
        }
        sam = shutil.which("sam", path=str(Path(sys.executable).parent)) or "sam"
        done = subprocess.run(
            [sam, "deploy", "--template-file", "template.yaml", "--stack-name", STACK_NAME, "--region", REGION]
            + ["--resolve-s3", "--no-confirm-changeset", "--no-progressbar", "--force-upload"]
            + ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
            + ["--parameter-overrides", *(f"{name}={value}" for name, value in overrides.items())],
            cwd=ROOT,
            env=self.engine.environment | {"SAM_CLI_TELEMETRY": "0", "__SAM_CLI_APP_DIR": str(self.engine.home / "sam")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        if done.returncode != 0:
            raise RuntimeError(f"sam deploy failed:\n{done.stdout}\n\nengine:\n{self.engine.log_tail()}")
        described = self.engine.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}

        self._allow_batches_where_single_sends_are_allowed()

    def _allow_batches_where_single_sends_are_allowed(self) -> None:
        """Mends a difference of the engine, not of the template.

        On AWS SendMessageBatch is allowed by `sqs:SendMessage`; there is no `sqs:SendMessageBatch`
        (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html). ministack 1.5.33
        checks for that name. To write it into infra/roles.yaml would put an action there that does not exist.
        """
        iam = self.engine.client("iam")
        for page in iam.get_paginator("list_roles").paginate():
            for role in page["Roles"]:
                for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
                    document = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
                    for statement in document["Statement"]:
                        if "sqs:SendMessage" in statement["Action"]:
                            statement["Action"].append("sqs:SendMessageBatch")
                    iam.put_role_policy(RoleName=role["RoleName"], PolicyName=name, PolicyDocument=json.dumps(document))

    def close(self) -> None:
        self._http.close()

    def url(self, path: str) -> str:
        """The API's address for a path. By path, not by host name: `{api}.execute-api.localhost` may not resolve."""
        return f"{self.engine.url}/_aws/execute-api/{self.outputs['ApiId']}/$default{path}"

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """An unauthenticated call."""
        return self._http.request(method, self.url(path), **options)

    def api(self, method: str, path: str, expect: int | None = None, **options: Any) -> Any:
        """A call with the admin key; answers the decoded body."""
        headers = {"authorization": f"Bearer {self.admin_key}"} | options.pop("headers", {})
        answer = self.call(method, path, headers=headers, **options)
        if expect is None:
            assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        else:
            assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def create_source(self, provider: str, name: str, secret: str) -> tuple[str, str]:
        """A new source; answers its id and the path of its webhook URL."""
        source = self.api(
            "POST", "/v1/sources", expect=201,
            json={"provider": provider, "name": name, "secrets": [secret], "settings": {}},
        )  # fmt: skip
        assert secret not in str(source), "a source's own secret came back in clear"
        return source["id"], urlsplit(source["webhook_url"]).path

    def queue_depths(self) -> dict[str, int]:
        """Messages in each queue and dead-letter queue: waiting, in flight and delayed together."""
        sqs = self.engine.client("sqs")
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]
        depths = {}
        for queue in ("EventsQueue", "EventsDlq", "DeliveriesQueue", "DeliveriesDlq"):
            url = self.outputs[f"{queue}Url"]
            counted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            depths[queue] = sum(int(counted.get(name, 0)) for name in names)
        return depths

    def function_logs(self) -> str:
        """Everything the functions wrote, from their log groups."""
        logs = self.engine.client("logs")
        lines = []
        for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"/{STACK_NAME}/"):
            for group in page["logGroups"]:
                for events in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
                    lines += [event["message"] for event in events["events"]]
        return "\n".join(lines)
