# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of the page of a report as a file; tests/evaluation/test_page_in_browser.py opens it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hf_distill.errors import InputError
from hf_distill.evaluation.disagreements import Disagreements
from hf_distill.evaluation.page import _number_in, write_page
from made_runs import HOSTILE, LABELS, make_disagreements, make_hostile_run, make_report, make_run

VOID = {"meta", "img", "input", "wbr", "link", "br"}


@dataclass
class Element:
    """An element of a page; its text is that of what is in it too."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    inside: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """The elements of a page, in their order; what is opened must be closed."""

    def __init__(self, path: Path):
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert [element.tag for element in self._open] == []

    def handle_starttag(self, tag: str, attributes: list) -> None:
        element = Element(tag, {name: value or "" for name, value in attributes}, inside=[e.tag for e in self._open])
        assert len(element.attributes) == len(attributes)
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, text: str) -> None:
        for element in self._open:
            element.text += text

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Return the elements of a tag with attributes; a line below stands for a dash, and is left out at the end."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            element for element in self.elements if element.tag == tag and wanted.items() <= element.attributes.items()
        ]

    def texts(self, tag: str, **attributes: str) -> list[str]:
        return [" ".join(element.text.split()) for element in self.all(tag, **attributes)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "first")


@pytest.fixture(scope="module")
def page(run: Path) -> Page:
    """The page of one run."""
    return page_of(run)


def page_of(*runs: Path, picture: bool = True) -> Page:
    file = runs[0] / "report" / "comparison.png" if picture else None
    return Page(write_page({run.name: run for run in runs}, runs[0] / "report" / "index.html", file))


def test_it_loads_nothing_from_elsewhere(page: Page) -> None:
    addresses = [
        (element.tag, value)
        for element in page.elements
        for name, value in element.attributes.items()
        if name in ("src", "href", "srcset", "action", "data", "poster")
    ]
    assert {tag for tag, _ in addresses} == {"a", "img"}
    assert all(value.startswith("#" if tag == "a" else "data:image/png;base64,") for tag, value in addresses)
    assert "url(" not in page.source and "@import" not in page.source and not page.all("link")


def test_its_policy_allows_its_own_style_and_script_and_nothing_else(page: Page) -> None:
    (policy,) = page.all("meta", http_equiv="Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in policy.attributes["content"].split("; "))
    own = {
        tag: base64.b64encode(hashlib.sha256(page.all(tag)[0].text.encode()).digest()).decode()
        for tag in ("style", "script")
    }
    assert rules == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": f"'sha256-{own['style']}'",
        "script-src": f"'sha256-{own['script']}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert len(page.all("style")) == len(page.all("script")) == 1
    before = [element.tag for element in page.elements[: page.elements.index(policy)]]
    assert before == ["html", "head", "meta"]


def test_no_element_has_a_style_or_a_script_of_its_own(page: Page) -> None:
    assert not [name for element in page.elements for name in element.attributes if name.startswith(("on", "style"))]


def test_it_can_be_read_by_everyone(page: Page) -> None:
    assert page.all("html")[0].attributes["lang"] == "en"
    assert len(page.all("h1")) == len(page.all("main")) == 1
    assert all(image.attributes["alt"] for image in page.all("img"))
    assert all("label" in element.inside for tag in ("input", "select") for element in page.all(tag))
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    named = [link.attributes["href"][1:] for link in page.all("a")]
    named += [value for element in page.elements for name, value in element.attributes.items() if "labelledby" in name]
    assert set(named) <= set(ids)
    assert page.all("meta", name="viewport")


def test_table_has_the_numbers_of_the_report(page: Page) -> None:
    assert page.texts("th", scope="col")[:3] == ["Model", "accuracy", "f1"]
    assert page.texts("th", scope="row") == ["teacher", "baseline", "student", "quantized/onnxruntime"]
    _, *headers = page.texts("th", scope="col")
    cells = page.texts("td")
    assert len(cells) == 4 * len(headers)
    student = dict(zip(headers, cells[2 * len(headers) :]))
    shown = {"accuracy": "0.9171", "f1": "0.9131", "Parameters": "15.6 M", "Size (MB)": "62.5"}
    assert shown.items() <= student.items()


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("0.9171", 0.9171), ("22.8 M", 22.8e6), ("950,123", 950123), ("5.02x", 5.02), ("98.7%", 98.7), ("-", ""),
        ("-0.5", -0.5), ("1e400", 1.0), ("<b>", ""),
    ],
)  # fmt: skip
def test_cells_are_sorted_by_the_number_that_they_show(cell: str, number: float | str) -> None:
    assert _number_in(cell) == number


def test_findings_and_what_was_measured_are_said(page: Page) -> None:
    assert any(text.startswith("Distillation improved accuracy by 2.60 points") for text in page.texts("li"))
    assert any("Scores on 1,821 rows of the test split." in text for text in page.texts("p"))


def test_examples_are_there_without_a_script(page: Page, run: Path) -> None:
    found = Disagreements.model_validate_json((run / "report" / "disagreements.json").read_text())
    examples = [element for element in page.all("li") if "data-reference" in element.attributes]
    assert len(examples) == len(found.examples) == 48
    assert not any("hidden" in element.attributes for element in examples)
    for element, example in zip(examples, found.examples):
        assert example.text in element.text
        assert element.attributes["data-student"] == f"={example.answers['student'].text}"
    (filters,) = page.all("div", class_="filters")
    assert "hidden" in filters.attributes
    assert "Teacher and student differ in 48 of 1,821 examples:" in page.source


def test_there_is_a_choice_of_answers_that_come_again(page: Page) -> None:
    assert set(page.texts("option")) == {"any", *LABELS, "teacher right", "student right", "both wrong"}


def test_there_is_no_choice_of_answers_that_are_all_others(tmp_path: Path) -> None:
    labels = tuple(f"answer {number}" for number in range(60))
    page = page_of(make_run(tmp_path / "run", found=make_disagreements(200, labels)))
    assert not page.all("select", data_filter="reference") and page.all("select", data_filter="outcome")
    assert page.all("input", data_filter="text")


def test_numbers_are_said_to_differ_most(tmp_path: Path) -> None:
    found = make_disagreements(2).model_copy(update={"numbers": True, "outcomes": {}})
    page = page_of(make_run(tmp_path / "run", found=found))
    assert "Of 1,821 examples, these 2 are those in which teacher and student differ most." in page.texts("p")


def test_models_that_agree_are_said_to(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path / "run", found=make_disagreements(0)))
    assert "Teacher and student give the same answer to each of the 1,821 examples." in page.texts("p")


def test_a_run_that_keeps_no_answers_says_how_to_have_them(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run / "report" / "disagreements.json").unlink()
    assert any("hf-distill evaluate measures it again" in text for text in page_of(run).texts("p"))


def test_what_a_run_does_not_have_is_left_out(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path / "run"), picture=False)
    assert not page.all("img")
    assert page.texts("a") == ["Models", "Findings", "Disagreements"]


def test_losses_are_shown_where_there_are_some(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    shutil.copy(run / "report" / "comparison.png", run / "report" / "losses.png")
    page = page_of(run)
    assert len(page.all("img")) == 2 and "Losses" in page.texts("h2")


def test_classes_are_shown_where_they_were_measured(tmp_path: Path) -> None:
    report = make_report()
    for model, score in (("teacher", 0.75), ("student", 0.5)):
        report[model]["per_class"] = {name: {"recall": 0.1, "f1": score, "support": 1200} for name in LABELS}
    del report["student"]["per_class"]["neutral"]
    page = page_of(make_run(tmp_path / "run", report))
    assert page.texts("th", scope="col")[-4:] == ["Class", "teacher", "student", "Number in the data"]
    assert page.texts("th", scope="row")[-3:] == list(LABELS)
    assert page.texts("td")[-9:] == ["0.7500", "0.5000", "1,200", "0.7500", "-", "1,200", "0.7500", "0.5000", "1,200"]


@pytest.mark.parametrize("classes", [{}, [], "f1", {"a": None}, {"a": {}}, {"a": {"f1": "x"}}])
def test_classes_of_another_form_do_no_harm(tmp_path: Path, classes: object) -> None:
    report = make_report()
    report["student"]["per_class"] = classes
    assert page_of(make_run(tmp_path / "run", report)).texts("h1") == ["run"]


def test_several_runs_are_in_one_table(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, make_report(shift)) for name, shift in (("first", 0.0), ("second", 0.01))]
    page = page_of(*runs)
    assert page.texts("h1") == ["2 runs compared"]
    assert page.texts("th", scope="col")[:2] == ["Run", "Model"]
    assert page.texts("th", scope="row") == 2 * ["teacher", "baseline", "student", "quantized/onnxruntime"]
    assert page.texts("h3") == ["first", "second"]
    assert page.texts("h2")[-2:] == ["Disagreements: first", "Disagreements: second"]


def test_runs_of_other_metrics_are_refused(tmp_path: Path) -> None:
    runs = {name: make_run(tmp_path / name, make_report(metric=name)) for name in ("accuracy", "spearman")}
    with pytest.raises(InputError, match="primary_metric: runs can be compared only by the same metric"):
        write_page(runs, tmp_path / "index.html")
    assert not (tmp_path / "index.html").exists()


def test_hostile_values_are_text(tmp_path: Path) -> None:
    run = make_hostile_run(tmp_path)
    page = page_of(run)
    tame = {element.tag for element in page_of(make_run(tmp_path / "tame", make_report())).elements}
    assert {element.tag for element in page.elements} == tame
    assert len(page.all("script")) == len(page.all("style")) == 1
    assert not [name for element in page.elements for name in element.attributes if name.startswith("on")]
    assert all(image.attributes["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    examples = [element for element in page.all("li") if "data-reference" in element.attributes]
    for value in HOSTILE:
        seen = re.sub(r"\s+", " ", value.replace("\x1b", "[U+001B]").replace("\u202e", "[U+202E]"))[:250]
        assert any(seen in " ".join(element.text.split()) for element in examples), value
    assert not set(page.source) & {"\x1b", "\u202e", "\x00", "\r"}


def test_what_no_file_can_hold_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    report = json.loads((run / "report" / "metrics.json").read_text())
    report["hardware"] = "half \ud800 of a character"
    (run / "report" / "metrics.json").write_text(json.dumps(report))
    assert "half [U+D800] of a character" in page_of(run).source
