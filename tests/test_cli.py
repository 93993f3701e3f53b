# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of the command line itself; whole runs are in tests/end_to_end."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from hf_distill import cli, list_objectives, list_tasks
from hf_distill.errors import HubError, InputError

Main = Callable[..., tuple[int, str, str]]


@pytest.fixture
def main(capsys: pytest.CaptureFixture[str]) -> Main:
    """Run `hf-distill ...` in this process and return exit status, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = 0
        try:
            cli.main(list(arguments))
        except SystemExit as stop:
            status = stop.code
        return (status, *capsys.readouterr())

    return run


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Add a command `fail` that raises an error."""

    def add(error: BaseException) -> None:
        @click.command()
        @cli.debug_option
        def fail() -> None:
            raise error

        monkeypatch.setitem(cli.app.commands, "fail", fail)

    return add


def write_report(run: Path, accuracy: float) -> str:
    model = {"metrics": {"accuracy": accuracy}, "size_bytes": 1, "latency_ms": {"batch_1": {"p50": 1.0, "p95": 2.0}}}
    report = {"primary_metric": "accuracy", "teacher": model, "student": model}
    (run / "report").mkdir(parents=True)
    (run / "report" / "metrics.json").write_text(json.dumps(report))
    return str(run)


def test_help_names_every_command(main: Main) -> None:
    status, out, _ = main("--help")
    assert status == 0
    for command in ("run", "evaluate", "card", "quantize", "publish", "compare", "objectives", "tasks", "env"):
        assert f"\n  {command} " in out


@pytest.mark.parametrize("command", sorted(cli.app.commands))
def test_every_command_has_help(main: Main, command: str) -> None:
    status, out, _ = main(command, "--help")
    assert status == 0
    assert "--debug" in out


def test_no_arguments_show_the_help(main: Main) -> None:
    status, out, _ = main()
    assert status == 0
    assert "Usage:" in out


def test_objectives_are_listed(main: Main) -> None:
    status, out, _ = main("objectives")
    assert status == 0
    assert all(objective.name in out for objective in list_objectives())
    assert "hidden states" in out and "logits, labels" in out


def test_tasks_are_listed(main: Main) -> None:
    status, out, _ = main("tasks")
    assert status == 0
    assert all(task.name in out and task.primary_metric in out for task in list_tasks())


def test_environment_is_shown(main: Main) -> None:
    status, out, _ = main("env")
    assert status == 0
    assert all(word in out for word in ("python", "torch", "transformers", "quantization"))


def test_one_run_has_its_page_in_its_own_report(main: Main, tmp_path: Path) -> None:
    run = write_report(tmp_path / "run", 0.5)
    status, out, err = main("compare", run)
    assert (status, err) == (0, "")
    assert f"Page: {run}/report/index.html" in out and f"Picture: {run}/report/comparison.png" in out
    assert (tmp_path / "run" / "report" / "index.html").read_text().startswith("<!DOCTYPE html>")


def test_several_runs_have_a_page_in_a_folder_of_their_own(
    main: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [write_report(tmp_path / name, score) for name, score in (("first", 0.5), ("second", 0.75))]
    status, out, _ = main("compare", *runs)
    assert status == 0 and "0.7500" in out
    assert {path.name for path in (tmp_path / "comparison").iterdir()} == {"index.html", "comparison.png"}
    assert main("compare", *runs, "--output-dir", "elsewhere", "--picture", "both.png")[0] == 0
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["index.html"]
    assert (tmp_path / "both.png").is_file()
    assert "data:image/png" in (tmp_path / "elsewhere" / "index.html").read_text()


def test_runs_that_cannot_be_compared_leave_nothing(
    main: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [write_report(tmp_path / name, 0.5) for name in ("first", "second")]
    path = tmp_path / "second" / "report" / "metrics.json"
    path.write_text(path.read_text().replace("accuracy", "spearman"))
    status, out, err = main("compare", *runs)
    assert (status, out) == (2, "") and len(err.splitlines()) == 1
    assert not (tmp_path / "comparison").exists()


def test_hostile_names_of_runs_are_text_in_the_terminal(main: Main, tmp_path: Path) -> None:
    names = ["\x1b[31mred\x1b[0m", "[bold]b[red]", "left\u202ethgir", "two\nlines", "<script>a<", "\U0001f600"]
    runs = [write_report(tmp_path / name, 0.5) for name in names]
    status, out, _ = main("compare", *runs, "--output-dir", str(tmp_path / "\x1b[2J"))
    assert status == 0
    assert not {"\x1b", "\u202e", "\r"} & set(out)
    together = re.sub(r"\s", "", out)
    assert "[bold]b[red]" in together and "<script>" in together and "[U+202E]" in together
    assert "Page:" in out and "[U+001B][2J" in out
    status, _, err = main("compare", str(tmp_path / "\x1b[2Jmissing"))
    assert status == 2 and "\x1b" not in err and "[U+001B][2Jmissing" in err


@pytest.mark.parametrize("arguments", [("rnu",), ("run",), ("run", "a", "--untill", "b"), ("evaluate",)])
def test_wrong_arguments_cost_one_line(main: Main, arguments: tuple[str, ...]) -> None:
    status, out, err = main(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("hf-distill: ")
    assert len(err.splitlines()) == 1


def test_a_hub_that_fails_costs_one_line_too(main: Main, failing: Callable) -> None:
    failing(HubError("the model x: the Hub answered 503"))
    assert main("fail") == (1, "", "hf-distill: the model x: the Hub answered 503\n")


def test_wrong_input_costs_one_line(main: Main, failing: Callable) -> None:
    failing(InputError("task: is\nwrong"))
    assert main("fail") == (2, "", "hf-distill: task: is wrong\n")


def test_any_other_error_has_another_status(main: Main, failing: Callable) -> None:
    failing(RuntimeError("out of luck"))
    assert main("fail") == (1, "", "hf-distill: RuntimeError: out of luck (--debug shows where)\n")


@pytest.mark.parametrize(("error", "expected"), [(InputError("wrong"), 2), (RuntimeError("luck"), 1)])
def test_debug_shows_the_traceback_and_keeps_the_status(
    main: Main, failing: Callable, error: Exception, expected: int
) -> None:
    failing(error)
    status, _, err = main("fail", "--debug")
    assert status == expected
    assert "Traceback" in err


def test_compare_names_runs_of_one_name_by_their_path(main: Main, tmp_path: Path) -> None:
    runs = [write_report(tmp_path / folder / "run", accuracy) for folder, accuracy in (("a", 0.25), ("b", 0.75))]
    status, out, err = main("compare", *runs, "--picture", str(tmp_path / "both.png"))
    assert status == 0, err
    assert "0.2500" in out
    assert "0.7500" in out
    assert (tmp_path / "both.png").is_file()


def test_compare_of_a_folder_without_report(main: Main, tmp_path: Path) -> None:
    status, _, err = main("compare", str(tmp_path))
    assert status == 2
    assert "metrics.json: no such file" in err


def test_module_can_be_run_and_its_help_needs_no_torch() -> None:
    code = "import sys, hf_distill.cli; print(any(name in sys.modules for name in ('torch', 'transformers')))"
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert started.stdout == "False\n"


def test_mistake_of_a_real_process(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("task: text-classification\ndataset: {path: a}\nteacher: {modle: b}\n")
    started = subprocess.run(
        [sys.executable, "-m", "hf_distill", "run", str(tmp_path / "my.yaml")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert started.returncode == 2
    assert started.stdout == ""
    assert len(started.stderr.splitlines()) == 1
    assert "did you mean 'model'?" in started.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["my.yaml"]


def test_what_a_name_holds_reaches_no_terminal(main: Main, tmp_path: Path) -> None:
    name = "a [red]b[/red] \u202egpj \x1b[31m"
    run = tmp_path / name.replace("/", "")
    write_report(run, 0.25)
    other = write_report(tmp_path / "other", 0.5)
    status, out, err = main("compare", str(run), other, "--picture", str(tmp_path / "both.png"))
    assert status == 0, err
    assert "[red]b" in out and "[U+202E]" in out
    assert "\x1b" not in out.replace(str(tmp_path), "") and "\u202e" not in out


def test_what_an_option_is_called_is_no_markup(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    task = type("Task", (), {"name": "[red]mine[/red]", "columns": (), "optional_columns": (), "primary_metric": "f1"})
    monkeypatch.setattr("hf_distill.tasks.list_tasks", lambda: [task])
    assert "[red]mine[/red]" in main("tasks")[1]


def test_an_error_with_hidden_characters_shows_them(main: Main, failing: Callable) -> None:
    failing(InputError("task: \u202eevil\x1b[31m"))
    assert main("fail")[2] == "hf-distill: task: [U+202E]evil[U+001B][31m\n"
