"""What the incremental part of the build rests on besides rows: when this changes, the build is made anew."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import PurePath
from typing import Any

from orchestration.warehouse import STORAGE_VERSION
from regulars.home import Home
from regulars.settings import SourceSettings

# What decides what is replaced: dbt does not know it as an ancestor of the models that it replaces.
MECHANISM = {"incremental", "engine", "materializations"}


@dataclass(frozen=True)
class Basis:
    """Hashes of all that incremental models are made with; rows are compared in SQL.

    Attributes:
        rules: models, macros, contract and seeds that they come from, vars named there, the key of pseudonyms and the
            engine. A threshold that only marts know is none of it.
        declared: source system -> what it declares.
    """

    rules: str
    declared: Mapping[str, str]

    def told(self) -> str:
        """As text, to be kept with the build."""
        return json.dumps(asdict(self), sort_keys=True)

    def is_that_of(self, built: str | None) -> bool:
        """Whether a build that was made on `built` can be gone on with; a new source system changes nothing of it."""
        with contextlib.suppress(TypeError, ValueError, KeyError):
            before = json.loads(built or "")
            same = all(self.declared.get(system, hash_) == hash_ for system, hash_ in before["declared"].items())
            return same and before["rules"] == self.rules
        return False


def basis(
    home: Home, manifest: Mapping[str, Any], declared: Mapping[str, SourceSettings], reporting_currency: str | None
) -> Basis:
    """The basis of this run."""
    texts = _upstream(manifest)
    variables = home.settings.all_vars()
    # By any mention: macros put names of vars together.
    words = set(re.findall(r"\w+", "\n".join(texts)))
    rules = {
        "texts": texts,
        "vars": {name: value for name, value in variables.items() if name in words},
        "time_zone": home.settings.time_zone,
        "reporting_currency": reporting_currency,
        "key": _hash(os.environ.get("REGULARS_KEY", "")),
        "versions": [*(version(package) for package in ("dbt-core", "dbt-duckdb", "duckdb")), STORAGE_VERSION],
    }
    return Basis(
        _hash(json.dumps(rules, sort_keys=True, default=str)),
        {system: _hash(source.model_dump_json()) for system, source in declared.items()},
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _upstream(manifest: Mapping[str, Any]) -> list[str]:
    """Texts of the nodes that incremental models come from, and of the macros that these call, in a fixed order."""
    nodes = {**manifest["nodes"], **manifest["sources"]}
    waiting = [
        key
        for key, node in nodes.items()
        if node["config"].get("materialized") == "incremental" or "changes" in node["fqn"]
    ]
    waiting += [
        key
        for key, macro in manifest["macros"].items()
        if macro["package_name"] == "regulars" and PurePath(macro["path"]).stem in MECHANISM
    ]
    found: dict[str, str] = {}
    while waiting:
        key = waiting.pop()
        if key in found:
            continue
        item = nodes.get(key) or manifest["macros"][key]
        match item["resource_type"]:
            case "macro":
                found[key] = item["macro_sql"]
                # A dispatched macro's versions are called by name at run time.
                waiting += [other for other in manifest["macros"] if other.endswith(f"__{item['name']}")]
            case "source":
                columns = {name: [column["data_type"], column["meta"]] for name, column in item["columns"].items()}
                found[key] = json.dumps([columns, item["meta"]], default=str)
            case "seed":
                found[key] = item["checksum"]["checksum"]
            case _:
                found[key] = item["raw_code"] + json.dumps(item["config"]["meta"], sort_keys=True, default=str)
        depends_on = item.get("depends_on", {})
        waiting += [*depends_on.get("nodes", []), *depends_on.get("macros", [])]
    return [found[key] for key in sorted(found)]
