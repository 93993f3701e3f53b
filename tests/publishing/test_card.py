# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of the model cards."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from cards import card_rules
from hf_distill.errors import InputError
from hf_distill.publishing.card import CardContents, render_card, write_card
from hf_distill.publishing.metadata import hub_id
from hf_distill.publishing.redaction import redact, redact_yaml

RECIPE = """\
task: text-classification
dataset:
  path: package:reviews
  data_files: /home/ada/my data/train.jsonl
teacher:
  model: /home/ada/runs/teacher
training:
  hub_token: secret
"""


def report() -> dict[str, Any]:
    def model(accuracy: float, latency: float) -> dict[str, Any]:
        return {
            "metrics": {"accuracy": accuracy, "loss": 0.25},
            "parameters": 14_350_248,
            "size_bytes": 57_000_000,
            "latency_ms": {"batch_1": {"p50": latency}},
        }

    return {
        "teacher": model(0.93, 12.0),
        "baseline": model(0.905, 4.0),
        "student": model(0.918, 4.0),
        "quantized/onnxruntime": model(0.917, 2.0),
        "primary_metric": "accuracy",
        "split": "validation",
        "rows": 872,
        "seed": 42,
        "hardware": "Example CPU",
        "versions": {"hf_distill": "0.1.0", "transformers": "5.23.0"},
        "training": {
            "objectives": [
                {"name": "logits_kl", "weight": 1.0, "temperature": 2.0},
                {"name": "hidden_mse", "weight": 0.5, "layers": [[1, 3], [2, 6]]},
                {"name": "minilm_v2", "weight": 0.1, "layers": "last"},
            ],
            "task_weight": 0.5,
            "rows": 67_349,
            "steps": 6_000,
            "seconds": 1_234.0,
            "hardware": "2 x Example GPU",
            "energy": {"kwh": 0.12345, "emissions_kg": 0.0071, "country": "FRA", "source": "codecarbon 3.3.2"},
        },
    }


@pytest.fixture
def student() -> CardContents:
    return CardContents(
        kind="student",
        model_name="bert-sst2-two-layers",
        task="text classification",
        pipeline_tag="text-classification",
        report=report(),
        model_key="student",
        teacher_name="/home/ada/runs/teacher",
        languages=["en"],
        license="Apache-2.0",
        dataset_id="stanfordnlp/sst2",
        dataset_name="SST-2",
        base_model="google-bert/bert-base-uncased",
        recipe=RECIPE,
        citations={"logits_kl": "Hinton et al. (2015), https://arxiv.org/abs/1503.02531"},
        comparison_picture="../report/comparison.png",
        loss_picture="../report/losses.png",
    )


@pytest.fixture
def quantized(student) -> CardContents:
    return replace(
        student,
        kind="quantized",
        model_name="bert-sst2-two-layers-int8",
        model_key="quantized/onnxruntime",
        base_model="ada/bert-sst2-two-layers",
        loading_code="from optimum.onnxruntime import ORTModelForSequenceClassification",
    )


@pytest.fixture
def bare(student) -> CardContents:
    return CardContents(
        kind="student",
        model_name="small",
        task="text classification",
        pipeline_tag="text-classification",
        report={"primary_metric": "accuracy", "student": {"metrics": {"accuracy": 0.9}}},
        model_key="student",
        teacher_name="a fine-tuned BERT",
    )


@pytest.mark.parametrize("name", ["student", "quantized", "bare"])
def test_card_passes_the_hubs_checks(request, tmp_path, name):
    path = write_card(request.getfixturevalue(name), tmp_path)
    assert card_rules().check_card(path.read_text(encoding="utf-8")) == ([], [])


def test_student_metadata_round_trips(student, tmp_path):
    data = ModelCard.load(write_card(student, tmp_path)).data
    assert data.to_dict() == render_card(student).data.to_dict()
    assert (data.library_name, data.pipeline_tag, data.license) == (
        "transformers",
        "text-classification",
        "apache-2.0",
    )
    assert (data.base_model, data.base_model_relation) == ("google-bert/bert-base-uncased", "finetune")
    assert data.language == ["en"] and data.datasets == ["stanfordnlp/sst2"]
    assert data.tags == ["distillation", "hf_distill"]
    assert data.metrics == ["accuracy"]


def test_scores_are_in_the_model_index(student, tmp_path):
    data = ModelCard.load(write_card(student, tmp_path)).data
    accuracy = data.eval_results[0]
    assert data.model_name == "bert-sst2-two-layers"
    assert (accuracy.task_type, accuracy.dataset_type) == ("text-classification", "stanfordnlp/sst2")
    assert (accuracy.dataset_name, accuracy.dataset_split) == ("SST-2", "validation")
    assert (accuracy.metric_type, accuracy.metric_value) == ("accuracy", 0.918)


def test_quantized_metadata(quantized, tmp_path):
    data = ModelCard.load(write_card(quantized, tmp_path)).data
    assert (data.base_model, data.base_model_relation) == ("ada/bert-sst2-two-layers", "quantized")
    assert data.tags == ["distillation", "hf_distill", "int8", "onnx", "onnxruntime"]
    assert data.library_name == "optimum"
    assert data.eval_results[0].metric_value == 0.917


def test_unknown_things_are_left_out(bare):
    card = render_card(bare)
    assert card.data.to_dict() == {
        "library_name": "transformers",
        "metrics": ["accuracy"],
        "pipeline_tag": "text-classification",
        "tags": ["distillation", "hf_distill"],
    }
    assert not re.search(
        r"None|Undefined|recipe|Versions|Limitations|Citation|Seed|Steps|Licence|Objective", card.text
    )
    assert "\n\n\n" not in card.text


def test_student_card_says_what_was_done(student):
    text = render_card(student).text
    for line in (
        "`bert-sst2-two-layers` is a small model of 14,350,248 parameters for text classification, distilled with "
        "hf_distill on SST-2. Its teacher is `teacher`.",
        "- Distillation improved accuracy by 1.30 points: the student scores 0.9180, the baseline, trained without "
        "the teacher, 0.9050.",
        "- Teacher: `teacher`",
        "- Weights start from: `google-bert/bert-base-uncased`",
        "- Objective `logits_kl`: weight 1.0; temperature 2.0",
        "- Objective `hidden_mse`: weight 0.5; layer map (student from teacher) 1 from 3, 2 from 6",
        "- Objective `minilm_v2`: weight 0.1; layer map last",
        "- The task's own loss: weight 0.5",
        "- Data: SST-2 (67,349 training examples)",
        "- Steps: 6,000",
        "- Training time: 1,234 seconds",
        "- Seed: 42",
        "Versions: hf_distill 0.1.0, transformers 5.23.0.",
        "- The scores were measured on the validation split of SST-2 (872 rows); other data may give other scores.",
        "- `logits_kl`: Hinton et al. (2015), https://arxiv.org/abs/1503.02531",
        "- Trained on: 2 x Example GPU",
        "- Energy of the training: 0.123 kWh, 0.0071 kg of CO2 equivalents with the electricity of FRA, estimated by "
        "codecarbon 3.3.2",
        "## Licence\n\napache-2.0",
        "![Score against latency, bubbles as large as the models](../report/comparison.png)",
        "![The loss and its components over the steps](../report/losses.png)",
    ):
        assert f"\n{line}\n" in f"{text}\n"


def test_student_card_loads_the_model_with_a_pipeline(student):
    code = re.search(r"```python\n(.*?)\n```", render_card(student).text, re.S)[1]
    compile(code, "card", "exec")
    assert 'pipeline("text-classification", model="bert-sst2-two-layers")' in code


def test_quantized_card_says_what_was_done(quantized):
    text = render_card(quantized).text
    assert "is the int8 version, for onnxruntime, of `ada/bert-sst2-two-layers` for text classification" in text
    assert "This model is the line `quantized/onnxruntime`." in text
    assert "- Quantization: int8 with onnxruntime" in text
    assert "ORTModelForSequenceClassification" in text


@pytest.mark.parametrize("name", ["student", "quantized"])
def test_no_local_path_and_no_token(request, tmp_path, name):
    home = Path.home()
    contents = replace(
        request.getfixturevalue(name),
        teacher_name=str(tmp_path / "teacher"),
        loading_code=f'pipeline("x", model="{home}/runs/first/student", token="hf_{"a1" * 17}")',
        findings=[f"see {tmp_path}/report, ~/notes or C:\\Users\\ada\\notes.txt"],
        citations={"logits_kl": "https://ada:secret@host/page"},
    )
    text = str(render_card(contents))
    assert str(tmp_path) not in text and "/home/" not in text and "Users" not in text and "~" not in text
    assert "secret" not in text and "hf_a1" not in text and "hub_token" not in text
    assert "see report, notes or notes.txt" in text
    assert "data_files: train.jsonl" in text
    assert "path: package:reviews" in text


def test_student_card_says_how_many_examples_had_a_label(student):
    student.report["training"]["labelled_rows"] = 900
    text = render_card(student).text
    assert "- Data: SST-2 (67,349 training examples, 900 of them with a label)\n" in text


def test_a_local_base_model_is_left_out(student):
    data = render_card(replace(student, base_model="/home/ada/bert")).data.to_dict()
    assert "base_model" not in data and "base_model_relation" not in data


def test_a_local_data_set_has_a_name_but_no_id(student):
    data = render_card(replace(student, dataset_id="/data/sets", dataset_name="Film reviews")).data
    assert data.datasets is None
    assert (data.eval_results[0].dataset_type, data.eval_results[0].dataset_name) == ("film-reviews", "Film reviews")


def test_a_folder_here_is_no_hub_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert hub_id("runs/teacher") == "runs/teacher"
    (tmp_path / "runs" / "teacher").mkdir(parents=True)
    assert hub_id("runs/teacher") is None


@pytest.mark.parametrize("name", [None, "", "./teacher", "/teacher", "a/b/c", "two words"])
def test_what_cannot_be_a_hub_id(name):
    assert hub_id(name) is None


def test_norwegian_stays_a_language(student, tmp_path):
    assert ModelCard.load(write_card(replace(student, languages=["no"]), tmp_path)).data.language == ["no"]


def test_a_recipe_with_a_fence_does_not_end_the_block(student):
    text = render_card(replace(student, recipe="note: |\n  ```\n  code\n  ```\n")).text
    assert "\n````yaml\nnote:" in text and text.count("````") == 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"kind": "recording"}, "kind: "),
        ({"model_key": "quantized/openvino"}, "model_key: the report has no 'quantized/openvino'; it has: teacher"),
        ({"languages": ["English"]}, "languages: 'english' is no ISO 639 code"),
        ({"license": "apache2"}, "license: the Hub has no licence 'apache2'; did you mean 'apache-2.0'?"),
    ],
)
def test_wrong_contents_are_refused(student, change, complaint):
    with pytest.raises(InputError, match=complaint):
        render_card(replace(student, **change))


def test_writing_leaves_no_temporary_file(student, tmp_path):
    write_card(student, tmp_path)
    assert [path.name for path in write_card(student, tmp_path).parent.iterdir()] == ["README.md"]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (
            "https://huggingface.co/a/b and p50/p95, 1/2 or a / b",
            "https://huggingface.co/a/b and p50/p95, 1/2 or a / b",
        ),
        ("file:///home/ada/data.csv", "data.csv"),
        ("read '/tmp/x/y.json' now", "read 'y.json' now"),
        (r"D:\runs\my first", "my first"),
        ("task: a/b\n# /home/ada/run/", "task: a/b\n# run"),
    ],
)
def test_redaction_of_text(text, clean):
    assert redact(text) == clean


def test_redaction_keeps_what_is_no_text():
    assert redact({"rows": 3, "pair": (1, None), "pad_token": "[PAD]"}) == {
        "rows": 3,
        "pair": [1, None],
        "pad_token": "[PAD]",
    }


def test_a_recipe_that_is_no_yaml_is_redacted_as_text():
    assert redact_yaml("a: [/home/ada/run") == "a: [run"


NUMBERS = {
    ("metrics", "accuracy"): (0.123456, "0.1235"),
    ("metrics", "loss"): (0.654321, "0.6543"),
    ("parameters",): (123_456, "123,456"),
    ("size_bytes",): (76_540_000, "76.5"),
    ("latency_ms", "batch_1", "p50"): (7.77, "7.77"),
    ("latency_ms", "batch_32", "p50"): (88.88, "88.88"),
    ("agreement_with_teacher",): (0.98761, "0.9876"),
}
"""Every number of a model in the table of results: another one, and how it is shown."""


@pytest.mark.parametrize("model", ["teacher", "baseline", "student", "quantized/onnxruntime"])
@pytest.mark.parametrize("place", NUMBERS, ids="/".join)
def test_every_number_of_the_results_is_the_reports(student, quantized, model, place):
    number, shown = NUMBERS[place]
    *parents, last = place
    entry = student.report[model]
    for parent in parents:
        entry = entry.setdefault(parent, {})
    entry[last] = number
    for contents in (student, quantized):
        line = next(line for line in render_card(contents).text.splitlines() if line.startswith(f"| {model} |"))
        assert f" {shown} |" in line


def test_the_share_kept_and_the_speed_up_follow_from_the_report(student):
    student.report["student"]["metrics"]["accuracy"] = 0.93 * 0.777
    student.report["student"]["latency_ms"]["batch_1"]["p50"] = 12.0 / 5.55
    line = next(line for line in render_card(student).text.splitlines() if line.startswith("| student |"))
    assert "| 77.7% |" in line and "| 5.55x |" in line


@pytest.mark.parametrize("name", ["student", "quantized"])
def test_the_model_index_has_every_result_of_the_model(request, name):
    contents = request.getfixturevalue(name)
    scores = contents.report[contents.model_key]["metrics"] | {"accuracy": 0.111, "f1": 0.222, "loss": 0.333}
    contents.report[contents.model_key]["metrics"] = scores
    results = render_card(contents).data.eval_results
    assert {result.metric_type: result.metric_value for result in results} == scores


@pytest.mark.parametrize(
    ("field", "number", "shown"),
    [
        ("rows", 54_321, "54,321 training examples"),
        ("labelled_rows", 321, "321 of them with a label"),
        ("steps", 9_876, "- Steps: 9,876"),
        ("seconds", 8_765.4, "- Training time: 8,765 seconds"),
        ("task_weight", 0.125, "loss: weight 0.125"),
        ("energy", {"kwh": 7.125, "source": "codecarbon 3"}, "- Energy of the training: 7.12 kWh, estimated by codec"),
    ],
)
def test_what_is_told_of_the_training_is_the_reports(student, field, number, shown):
    student.report["training"][field] = number
    assert shown in render_card(student).text


def of_class(f1: float, support: int = 10) -> dict[str, float]:
    return {"f1": f1, "precision": 0.25, "recall": 0.75, "support": support}


def test_the_classes_that_lost_most_are_shown_the_worst_first(student):
    names = [f"class {number}" for number in range(8)]
    student.report["teacher"]["per_class"] = {name: of_class(0.9) for name in names}
    student.report["student"]["per_class"] = {name: of_class(0.9 - 0.1 * place) for place, name in enumerate(names)}
    text = render_card(student).text
    assert "Of 8 classes, 7 have a lower F1 than with the teacher; the 5 that lost most:" in text
    shown = re.findall(r"^\| (class \d) \| 10 \| 0.9000 \| (\S+) \| (\S+) \| 0.2500 \| 0.7500 \|$", text, re.M)
    assert shown == [
        ("class 7", "0.2000", "70.00"),
        ("class 6", "0.3000", "60.00"),
        ("class 5", "0.4000", "50.00"),
        ("class 4", "0.5000", "40.00"),
        ("class 3", "0.6000", "30.00"),
    ]


def test_a_quantized_card_shows_the_classes_of_its_own_model(quantized):
    quantized.report["teacher"]["per_class"] = {"spam": of_class(0.9)}
    quantized.report["student"]["per_class"] = {"spam": of_class(0.8)}
    quantized.report["quantized/onnxruntime"]["per_class"] = {"spam": of_class(0.7, support=1_234)}
    text = render_card(quantized).text
    assert "Of 1 class, 1 has a lower F1 than with the teacher:" in text
    assert "| spam | 1,234 | 0.9000 | 0.7000 | 20.00 |" in text


def test_where_no_class_lost_there_is_no_such_table(student):
    student.report["teacher"]["per_class"] = {"spam": of_class(0.9)}
    student.report["student"]["per_class"] = {"spam": of_class(0.90001)}
    assert "lost most" not in render_card(student).text


def test_a_class_called_like_a_secret_is_shown(student):
    student.report["teacher"]["per_class"] = {"TOKEN": of_class(0.9)}
    student.report["student"]["per_class"] = {"TOKEN": of_class(0.7)}
    assert "| TOKEN | 10 |" in render_card(student).text


def test_models_in_folders_of_the_repository_have_their_code_in_the_card(student):
    text = render_card(replace(student, further_code={"The int8 version, for onnxruntime": "print(8)\n"})).text
    assert "\nThe int8 version, for onnxruntime:\n\n```python\nprint(8)\n```\n" in text
