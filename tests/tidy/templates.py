"""The templates as data, for checks: CloudFormation's tags (!Ref, !GetAtt, ...) become their plain argument."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


class _Loader(yaml.SafeLoader):
    pass


def _plain(loader: yaml.SafeLoader, _tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


_Loader.add_multi_constructor("!", _plain)


def _read(template: str) -> dict[str, Any]:
    return yaml.load((ROOT / template).read_text(), Loader=_Loader)


def resources(template: str) -> dict[str, dict[str, Any]]:
    """Resources of a template, by logical id."""
    return _read(template)["Resources"]


def parameters(template: str) -> dict[str, dict[str, Any]]:
    """Parameters of a template, by name."""
    return _read(template)["Parameters"]


def outputs(template: str) -> dict[str, dict[str, Any]]:
    """Outputs of a template, by name."""
    return _read(template)["Outputs"]


def of_type(template: str, kind: str) -> dict[str, dict[str, Any]]:
    """Properties of a template's resources of one type, by logical id."""
    return {name: found["Properties"] for name, found in resources(template).items() if found["Type"] == kind}


def function_defaults() -> dict[str, Any]:
    """What every function gets (the template's Globals)."""
    return _read("template.yaml")["Globals"]["Function"]


def functions() -> dict[str, dict[str, Any]]:
    """Properties of each function, by the name of its package."""
    declared = of_type("template.yaml", "AWS::Serverless::Function")
    return {Path(properties["CodeUri"]).name: properties | {"LogicalId": name} for name, properties in declared.items()}


def routes() -> dict[str, str]:
    """Route key → name of the package that answers it."""
    by_logical_id = {properties["LogicalId"]: name for name, properties in functions().items()}
    found = {}
    for properties in of_type("infra/routes.yaml", "AWS::ApiGatewayV2::Route").values():
        integration = properties["Target"].removeprefix("integrations/${").removesuffix("Integration}")
        found[properties["RouteKey"]] = by_logical_id[integration]
    return found
