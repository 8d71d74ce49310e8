"""Every route of the template reaches its function: what answers is ours, not the gateway."""

import re

import pytest

from stack import Stack
from templates import routes

PUBLIC = {"GET /openapi.json", "GET /errors", "GET /errors/{code}"}


@pytest.mark.parametrize("route", routes())
def test_every_route_reaches_its_function(stack: Stack, route: str) -> None:
    method, template = route.split(" ")
    path = re.sub(r"\{code\}", "unauthorized", template)
    path = re.sub(r"\{\w+\}", "nothing_by_this_id", path)

    answer = stack.call(method, path, json={} if method in ("POST", "PUT") else None)

    if route in PUBLIC:
        assert answer.status_code == 200, answer.text
        return
    # Without a key, and without a source by that id.
    expected = 404 if template.startswith("/webhooks/") else 401
    assert answer.status_code == expected, f"{answer.status_code} {answer.text}"
    # The gateway's own errors are {"message": "Not Found"}; ours are problems with one of a closed list of codes.
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
    problem = answer.json()
    assert problem["status"] == expected and problem["code"] and problem["request_id"], problem


def test_a_path_that_is_not_in_the_template_stays_with_the_gateway(stack: Stack) -> None:
    answer = stack.call("GET", "/v1/no-such-thing")
    assert answer.status_code == 404
    assert "code" not in answer.json(), "a catch-all route would pay for an invocation of every stray request"
