"""What a model's two files lack, and the yml that is proposed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from conftest import PROJECT

from regulars import trying
from regulars.errors import UserError
from regulars.trying import Model, example_yml, lacking

SOUND = """
models:
  - name: customer_mood
    description: How customers feel.
    config:
      meta: {owner: customer_analytics, p: profiling, needs: [survey_responses]}
    columns:
      - {name: customer_id, data_type: varchar, description: The person.}
      - {name: value_band, data_type: varchar, description: Band of value.}
      - {name: value_band_label_en, data_type: varchar, description: "Its name, English."}
      - {name: value_band_label_zh, data_type: varchar, description: "Its name, Chinese."}
    data_tests:
      - keyed_by: {arguments: {columns: [customer_id]}}
"""


def model(
    project: Path, yml: str | None = SOUND, sql: str = "-- Grain: one customer.\nselect 1", place: str = ""
) -> Model:
    """A model customer_mood in a project of its own."""
    folder = project / "models" / (place or "marts/profiling")
    folder.mkdir(parents=True)
    (folder / "customer_mood.sql").write_text(sql)
    if yml is not None:
        (folder / "customer_mood.yml").write_text(yml)
    (project / "seeds").mkdir()
    (project / "seeds" / "playbook.csv").write_text("code_list,code\nvalue_band,high\n")
    return Model.named("customer_mood", project)


def whats(lacks) -> list[str]:
    return [lack.what for lack in lacks]


def test_a_sound_mart_lacks_nothing(tmp_path):
    assert lacking(model(tmp_path)) == []


@pytest.mark.parametrize(
    ("present", "instead", "expected"),
    [
        ("How customers feel.", '""', "the model has no description"),
        ("description: The person.", 'description: ""', "column customer_id has no description"),
        (", description: The person.", "", "column customer_id has no description"),
        ("data_type: varchar, description: The", "description: The", "column customer_id has no data_type"),
        ("owner: customer_analytics, ", "", "config.meta.owner is missing"),
        ("p: profiling, ", "", "config.meta.p is missing"),
        (", needs: [survey_responses]", "", "config.meta.needs is missing"),
        ("keyed_by: {arguments: {columns", "holds: {arguments: {condition", "no rule keyed_by"),
        ("value_band_label_zh", "another", "the code value_band stands without value_band_label_zh"),
        ("name: customer_mood", "name: other", "no entry `name: customer_mood` under `models:`"),
    ],
)
def test_what_a_mart_s_yml_lacks_is_named(tmp_path, present, instead, expected):
    assert present in SOUND
    found = lacking(model(tmp_path, SOUND.replace(present, instead)))
    assert whats(found) == [expected]
    where = "sql" if expected.startswith("the code") else "yml"
    assert found[0].text().startswith(f"models/marts/profiling/customer_mood.{where}: {expected}; write ")


def test_the_first_line_says_the_grain(tmp_path):
    found = lacking(model(tmp_path, sql="select 1\n-- Grain: one customer."))
    assert [(lack.file, lack.what) for lack in found] == [
        ("models/marts/profiling/customer_mood.sql", "the first line does not begin with `-- Grain: `")
    ]


def test_columns_that_the_query_gives_are_to_be_listed(tmp_path):
    found = lacking(model(tmp_path), {"customer_id": "varchar", "mood_score": "decimal(18,4)"})
    assert whats(found) == ["column mood_score is not listed"]
    written = re.search(r"`- (.*)`", found[0].remedy)[1]
    assert yaml.safe_load(written) == {"name": "mood_score", "data_type": "decimal(18,4)", "description": ""}


def test_a_mart_without_a_yml_lacks_the_labels_of_its_codes_too(tmp_path):
    found = lacking(model(tmp_path, yml=None), {"value_band": "varchar"})
    assert whats(found) == [
        "there is no such file",
        "the code value_band stands without value_band_label_en and value_band_label_zh",
    ]


def test_intermediate_models_need_no_owner_type_or_key(tmp_path):
    yml = "models: [{name: customer_mood, description: Moods., columns: [{name: mood, description: A mood.}]}]"
    bare = model(tmp_path, yml, place="intermediate")
    assert lacking(bare, {"mood": "integer", "value_band": "varchar"}) == []


def test_the_yml_that_is_proposed_leaves_only_words_to_write(tmp_path):
    new = model(tmp_path, yml=None)
    columns = {"customer_id": "varchar", "mood_score": "decimal(18,4)"}
    proposed = example_yml(new, columns)
    assert "Grain: one customer." in proposed
    new.yml.write_text(proposed)
    assert whats(lacking(new, columns)) == [
        "the model has no description",
        "column customer_id has no description",
        "column mood_score has no description",
    ]
    new.yml.write_text(proposed.replace('description: ""', "description: Said."))
    assert lacking(new, columns) == []


def test_a_yml_that_is_no_yaml_is_named_with_its_line(tmp_path):
    with pytest.raises(UserError) as refused:
        lacking(model(tmp_path, "models:\n  - name: [\n"))
    assert (refused.value.file, refused.value.line) == ("models/marts/profiling/customer_mood.yml", 3)


def test_a_model_that_is_not_there_is_answered_with_similar_names(tmp_path):
    model(tmp_path)
    with pytest.raises(UserError, match="Did you mean customer_mood"):
        Model.named("custmer_moods", tmp_path)
    with pytest.raises(UserError, match="under models/"):
        Model.named("zzz", tmp_path)


def test_models_of_the_project_lack_nothing_but_two_that_are_known():
    found = {
        path.stem: whats(lacks)
        for path in (PROJECT / "models").rglob("*.sql")
        if (lacks := lacking(Model.named(path.stem, PROJECT)))
    }
    # Wide tables of sums, in which the tier is one dimension of many.
    without_labels = "the code pyramid_tier stands without pyramid_tier_label_en and pyramid_tier_label_zh"
    assert found == {"sales_by_dimension": [without_labels], "loyalty_coverage": [without_labels]}


def test_macros_rules_and_words_that_remedies_name_exist():
    macros = "\n".join(path.read_text() for path in (PROJECT / "macros").glob("*.sql"))
    for defined in ("macro name_of(", "macro join_playbook(", f"test {trying.KEY_RULE}("):
        assert defined in macros
    materialized = {found[1] for found in trying.INCREMENTAL.finditer(
        "\n".join(path.read_text() for path in (PROJECT / "models").rglob("*.sql"))
    )}  # fmt: skip
    assert materialized == {"incremental", "changed_only"}
