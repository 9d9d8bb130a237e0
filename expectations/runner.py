"""Runs the suites of this folder against a database file, in a process of its own.

Importing Great Expectations takes seconds: a refresh starts this process first and talks to it over pipes, one
JSON line a request: {"do": "begin"} for a refresh, {"do": "validate", "gate": "incoming", "suites": [NAME, …],
"database": PATH, "marts": PATH}, {"do": "docs", "target": DIR}.
What belongs here: how suites are run and documented. What does not: any expectation; those are the JSON files.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import re
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from sqlalchemy import event, text

from orchestration.warehouse import attach_marts
from regulars.home import exported_engine

os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ.setdefault("TQDM_DISABLE", "1")

FOLDER = Path(__file__).resolve().parent
SITE = "regulars"
# Of SQLAlchemy's engines: a rollback between asking and reading would empty what was found.
UNDISTURBED = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}


# Imported by Great Expectations for an expectation that compares distributions: half of its own import.
SELDOM_USED = ("altair", "scipy.stats")


class _Deferred(types.ModuleType):
    """A module that is imported when something of it is first used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        sys.modules.pop(self.__name__, None)
        return getattr(importlib.import_module(self.__name__), name)


def defer_imports() -> None:
    """Let modules that are seldom used be imported on first use."""
    for name in SELDOM_USED:
        sys.modules.setdefault(name, _Deferred(name))


def suite_files(gate: str) -> list[Path]:
    """Suites of a gate: one JSON file per guarded table, sorted."""
    return sorted((FOLDER / gate).glob("*.json"))


class Runner:
    """One Great Expectations context for all gates of a refresh."""

    def __init__(self, work: Path):
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        import expectations.metrics  # noqa: F401

        self.gx = gx
        self.is_used = False
        self.outcomes: list[dict[str, Any]] = []
        work.mkdir(parents=True, exist_ok=True)
        self.context = gx.get_context(mode="ephemeral")
        self.context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        self.context.add_data_docs_site(
            SITE,
            {
                "class_name": "SiteBuilder",
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
                "store_backend": {
                    "class_name": "TupleFilesystemStoreBackend",
                    "base_directory": str(work / "data_docs"),
                },
            },
        )
        self.docs = work / "data_docs"
        for site in list(self.context.get_site_names()):
            if site != SITE:
                self.context.delete_data_docs_site(site)

    def validate(self, gate: str, suites: list[str], database: str, marts: str) -> list[dict[str, Any]]:
        """Run suites of a gate against a build, its marts in a second file; returns one outcome per expectation."""
        source = self.context.data_sources.add_sql(
            name="_".join([gate, *suites]),
            connection_string=f"duckdb:///{database}",
            kwargs={
                "connect_args": {
                    "read_only": True,
                    "config": {**exported_engine(), "preserve_insertion_order": "false"},
                },
                **UNDISTURBED,
            },
        )
        # Great Expectations looks with one engine and reads with another.
        for engine in (source.get_engine(), source.get_execution_engine().engine):
            event.listen(engine, "connect", lambda connection, _: attach_marts(connection, Path(marts), read_only=True))
            engine.dispose()
        outcomes: list[dict[str, Any]] = []
        self.is_used = True
        try:
            if not source.get_execution_engine().execute_query(text("select 1")).fetchmany(2):
                raise RuntimeError("what the engine finds does not reach Great Expectations: every check would pass")
            for path in (path for path in suite_files(gate) if path.stem in suites):
                outcomes += self._run(source, gate, path)
        finally:
            engine = source.get_execution_engine()
            engine.close()
            engine.engine.dispose()
            source.get_engine().dispose()
        self.outcomes += outcomes
        return outcomes

    def _run(self, source, gate: str, path: Path) -> list[dict[str, Any]]:
        suite_json = json.loads(path.read_text(encoding="utf-8"))
        schema, table = suite_json["meta"]["table"].split(".")
        name = f"{gate}.{path.stem}"
        asset = source.add_table_asset(name=name, table_name=table, schema_name=schema)
        batch = asset.add_batch_definition_whole_table(name)
        suite = self.context.suites.add(
            self.gx.ExpectationSuite(name=name, meta=suite_json["meta"], expectations=suite_json["expectations"])
        )
        definition = self.context.validation_definitions.add(
            self.gx.ValidationDefinition(name=name, data=batch, suite=suite)
        )
        result = definition.run(result_format={"result_format": "COMPLETE", "partial_unexpected_count": 5})
        return [self._outcome(name, f"{schema}.{table}", item) for item in result.results]

    @staticmethod
    def _outcome(suite: str, relation: str, item) -> dict[str, Any]:
        configuration, result = item.expectation_config, item.result or {}
        meta = configuration.meta or {}
        error = next((info["exception_message"] for info in _exceptions(item.exception_info)), None)
        rows = (result.get("details") or {}).get("unexpected_rows") or result.get("partial_unexpected_list") or []
        observed = result.get("observed_value")
        expected = {
            key: value
            for key, value in configuration.kwargs.items()
            if key not in ("batch_id", "unexpected_rows_query")
        }
        return {
            "check_name": f"{suite}.{meta['name']}",
            "suite": suite,
            "relation": relation,
            "severity": str(getattr(configuration.severity, "value", configuration.severity) or "critical"),
            "is_passed": bool(item.success),
            "observed": error or _text(observed if observed is not None else result.get("unexpected_count")),
            "expected": configuration.description or meta.get("says") or _text(expected),
            "failed_row_count": result.get("unexpected_count") or (_number(observed) if rows else None),
            "rows": [_text(row) for row in rows[:5]],
            "remedy": meta["remedy"],
            "remedy_zh": meta["remedy_zh"],
        }

    def build_docs(self, target: Path) -> None:
        """Write Data Docs of every validation so far; nothing in them is fetched from outside."""
        self.context.build_data_docs(site_names=[SITE])
        if target.exists():
            shutil.rmtree(target)
        shutil.copytree(self.docs, target)
        style = (FOLDER / "data_docs.css").read_text(encoding="utf-8")
        for page in target.rglob("*.html"):
            page.write_text(keep_inside(page.read_text(encoding="utf-8"), style), encoding="utf-8")
        # The library's own index is filled by a script; ours is plain, in both languages.
        pages = {
            path.stem.split("-", 1)[1]: path.relative_to(target).as_posix()
            for path in (target / "validations").rglob("*.html")
        }
        template = jinja2.Environment(autoescape=True).from_string(
            (FOLDER / "data_docs_index.html").read_text(encoding="utf-8")
        )
        content = template.render(outcomes=self.outcomes, pages=pages, style=Markup(style))
        (target / "index.html").write_text(content, encoding="utf-8")


def keep_inside(page: str, style: str) -> str:
    """A Data Docs page without its outside scripts, styles and images; with our style instead."""
    page = re.sub(r"<script[^>]*\bsrc=\"(?:https?:)?//[^>]*>\s*</script>", "", page)
    page = re.sub(r"<link[^>]*\bhref=\"(?:https?:)?//[^>]*/?>", "", page)
    page = re.sub(r"<img[^>]*\bsrc=\"(?:https?:)?//[^>]*/?>", "", page)
    return page.replace("</head>", f"<style>{style}</style></head>", 1)


def _exceptions(info: dict[str, Any] | None) -> list[dict[str, Any]]:
    if not info:
        return []
    candidates = [info] if "raised_exception" in info else list(info.values())
    return [item for item in candidates if isinstance(item, dict) and item.get("raised_exception")]


def _text(value: Any) -> str | None:
    if value is None or value == {}:
        return None
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def _number(value: Any) -> int | None:
    found = re.search(r"\d+", str(value))
    return int(found[0]) if found else None


def main(work: Path) -> None:
    """Answer requests until standard input ends; `work` is a folder for what is in between."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not mix with the replies
    # Imports make a million objects that stay: looking through them for garbage takes a fifth of the time.
    gc.disable()
    defer_imports()
    refreshes = 1
    runner = Runner(work / "1")
    gc.freeze()
    gc.enable()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "begin":
                answer: Any = None
                if runner.is_used:
                    refreshes += 1
                    runner = Runner(work / str(refreshes))
            elif request["do"] == "validate":
                answer = runner.validate(request["gate"], request["suites"], request["database"], request["marts"])
            else:
                runner.build_docs(Path(request["target"]))
                answer = None
            reply = {"answer": answer}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply, default=str) + "\n")
        replies.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
