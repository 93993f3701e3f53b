# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The command line, `hf-distill`."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from hf_distill.console import add_row, announce, is_another_process, print_table, quiet_libraries, show_report
from hf_distill.errors import HubError, InputError, Preempted
from hf_distill.escaping import visible


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="hf-distill", message="%(version)s")
def app() -> None:
    """From a BERT-style teacher to a small, measured, quantized student."""


# Read by main(), which sees the arguments before click does; here so that --help shows it.
debug_option = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
run_argument = click.argument("run", type=click.Path(path_type=Path))


def recipe_options(command: Callable) -> Callable:
    """Give a command a recipe, changes to it, and a folder."""
    for option in (
        debug_option,
        click.option(
            "--output-dir", type=click.Path(path_type=Path), help="The run's folder; runs/RECIPE by default."
        ),
        click.option(
            "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the recipe; several may follow."
        ),
        click.option(
            "--accelerate-config",
            metavar="NAME",
            help="Run in the processes that this configuration of Accelerate names: a file, or a shipped one.",
        ),
        click.argument("more", nargs=-1, metavar="[KEY=VALUE]..."),
        click.argument("recipe"),
    ):
        command = option(command)
    return command


@app.command()
@recipe_options
@click.option("--until", metavar="STAGE", help="Stop after this stage.")
def run(
    recipe: str,
    more: tuple[str, ...],
    changes: tuple[str, ...],
    output_dir: Path | None,
    until: str | None,
    accelerate_config: str | None,
) -> None:
    """Run a recipe, or continue where an interrupted run of it stopped.

    RECIPE is a YAML file, the name of a shipped recipe, such as quickstart, or hub:OWNER/NAME: a published model,
    whose run is repeated.
    """
    folder = _run(recipe, [*changes, *more], output_dir, until, accelerate_config)
    if folder is None:
        return
    if (folder / "report" / "metrics.json").is_file():
        show_report(folder)
    print(f"Everything is in {folder}")


@app.command()
@recipe_options
def record(
    recipe: str,
    more: tuple[str, ...],
    changes: tuple[str, ...],
    output_dir: Path | None,
    accelerate_config: str | None,
) -> None:
    """Run a recipe until what the teacher says is recorded.

    RECIPE is a YAML file, the name of a shipped recipe, hub:OWNER/NAME, or the folder of a run.
    """
    if (Path(recipe) / "recipe.yaml").is_file():
        recipe, output_dir = str(Path(recipe) / "recipe.yaml"), output_dir or Path(recipe)
    folder = _run(recipe, [*changes, *more], output_dir, "recording", accelerate_config)
    if folder is not None:
        print(f"The recording is {folder / 'recording'}")


def _run(
    recipe: str, changes: list[str], output_dir: Path | None, until: str | None, accelerate_config: str | None
) -> Path | None:
    """Run a recipe, and return the folder in the process that tells of it."""
    from hf_distill.launch import end_with_launcher, find_config, is_launched, launch

    end_with_launcher()
    name, loaded, dropped = _read_recipe(recipe, changes)
    if until == "recording" and loaded.recording is None:
        raise InputError(f"{recipe}: recording: is null, so nothing is recorded; set recording={{}}")
    if accelerate_config is not None and not is_launched():
        status = launch(find_config(accelerate_config), click.get_current_context().obj)
        if status:
            sys.exit(status)
        return None
    quiet_libraries()
    from hf_distill.pipeline.run import run_recipe
    from hf_distill.processes import leave_processes, processes

    if not is_another_process():
        for line in dropped:
            announce(visible(line))
    folder = run_recipe(loaded, output_dir or Path("runs") / name, until, announce)
    is_main = processes().is_main_process
    leave_processes()
    return folder if is_main else None


def _read_recipe(recipe: str, changes: list[str]) -> tuple[str, Any, Sequence[str]]:
    """Return a recipe's name, the recipe with changes, and what was dropped of it."""
    from hf_distill.pipeline.published import is_published, load_published
    from hf_distill.pipeline.recipe import find_recipe, load_recipe

    if is_published(recipe):
        quiet_libraries()
        published = load_published(recipe, changes)
        return published.name, published.recipe, published.dropped
    path = find_recipe(recipe)
    return path.parent.name if path.stem == "recipe" else path.stem, load_recipe(path, changes), ()


@app.command()
@run_argument
@debug_option
def evaluate(run: Path) -> None:
    """Measure the models of a run again and rewrite its report and cards."""
    _repeat(run, ["evaluation", "card"])
    show_report(run)


@app.command()
@run_argument
@debug_option
def card(run: Path) -> None:
    """Write the model cards of a run again, from its report."""
    for path in _repeat(run, ["card"])["cards"]:
        print(run / path)


@app.command()
@debug_option
@click.option("--backend", help="Which backend quantizes; onnxruntime by default.")
@click.option("--output-dir", type=click.Path(path_type=Path), help="Where a checkpoint's quantized model is written.")
@click.argument("model")
@click.argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
def quantize(model: str, changes: tuple[str, ...], backend: str | None, output_dir: Path | None) -> None:
    """Quantize a model.

    MODEL is a run, whose student is quantized (again) and measured, with new report and cards; or any transformers
    checkpoint, a folder or a Hub id. KEY=VALUE are those of a recipe's quantization.
    """
    from hf_distill.pipeline.recipe import read_changes

    options = {**read_changes(changes), **({"backend": backend} if backend else {})}
    if (Path(model) / "recipe.yaml").is_file():
        if output_dir is not None:
            raise InputError("--output-dir: a run keeps its quantized models itself; leave it out")
        _repeat(Path(model), ["quantization", "evaluation", "card"], options)
        show_report(Path(model))
        return
    quiet_libraries()
    from hf_distill.pipeline.checkpoint import quantize_checkpoint

    print(quantize_checkpoint(model, options, output_dir))


@app.command()
@run_argument
@debug_option
@click.option("--repo-id", metavar="OWNER/NAME", help="The student's repository; created if it is missing.")
@click.option("--private", is_flag=True, default=None, help="Only you may see what is created.")
@click.option(
    "--quantized",
    type=click.Choice(["separate", "same"]),
    help="Quantized models in repositories of their own (the default), or in folders of the student's.",
)
@click.option("--recording", is_flag=True, default=None, help="The recording too, as the data set NAME-recording.")
@click.option("--space", is_flag=True, default=None, help="A demo of the models too, as the Space NAME-demo.")
@click.option("--revision", metavar="BRANCH", help="Commit to this branch; created if it is missing.")
@click.option("--tag", help="Tag what is published.")
@click.option("--pull-request", is_flag=True, default=None, help="Open pull requests in place of commits to main.")
@click.option("--license", metavar="NAME", help="The Hub's name of the licence, such as apache-2.0.")
@click.option("--message", help="What the commits say.")
def publish(run: Path, **options: Any) -> None:
    """Publish the models of a run on the Hugging Face Hub.

    Each repository gets one commit, when all of its files are checked and uploaded; what has not changed is not sent
    again, so the same command finishes one that was interrupted. Options go before those of the recipe's publish. The
    token is that of hf auth login, or HF_TOKEN.
    """
    quiet_libraries()
    from hf_distill.pipeline.publish import publish_folder

    given = {name: value for name, value in options.items() if value is not None}
    for name, address in publish_folder(run, given, announce).items():
        print(f"{name}: {address}")


@app.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path),
    help="Where the page is written; the report folder of a single run, else comparison, by default.",
)
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    help="Where the picture is written; comparison.png beside the page by default.",
)
@debug_option
def compare(runs: tuple[Path, ...], output_dir: Path | None, picture: Path | None) -> None:
    """Show runs in one table, one picture, and a page for the browser with examples to read."""
    from hf_distill.evaluation.page import write_page
    from hf_distill.evaluation.plots import PICTURE_FILE, plot_comparison
    from hf_distill.evaluation.report import compare_runs, read_report

    named = {visible(_run_name(run, runs)): run for run in runs}
    reports = {name: read_report(run) for name, run in named.items()}
    table, _ = compare_runs(reports)
    print_table(table)
    folder = output_dir or (runs[0] / "report" if len(runs) == 1 else Path("comparison"))
    picture = plot_comparison(reports, picture or folder / PICTURE_FILE)
    print(f"Picture: {visible(picture)}")
    print(f"Page: {visible(write_page(named, folder / 'index.html', picture))}")


@app.command()
@run_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to serve at.")
@click.option("--port", type=click.IntRange(1, 65535), help="The port; the first free one from 7860 by default.")
@click.option("--browser/--no-browser", default=True, help="Whether to open the page in a browser.")
@debug_option
def demo(run: Path, host: str, port: int | None, browser: bool) -> None:
    """Open a page on which teacher, student and quantized models of a run answer side by side."""
    quiet_libraries()
    from hf_distill.demo import build_page, serve, source_of_run
    from hf_distill.demo.page import check_gradio

    check_gradio()
    page = build_page(source_of_run(run), run.resolve().name)
    serve(page, server_name=host, server_port=port, inbrowser=browser)


@app.command()
@debug_option
def objectives() -> None:
    """List the objectives (name, what they need, options, paper) and the presets made of them."""
    from dataclasses import fields

    from rich.table import Table

    from hf_distill.objectives import list_objectives
    from hf_distill.presets import PRESETS

    table = Table("name", "needs", "options (default)", "paper")
    for objective in list_objectives():
        options = [f"{entry.name} ({entry.default})" for entry in fields(objective) if entry.init]
        add_row(table, objective.name, objective.reads, ", ".join(options), objective.paper)
    print_table(table)
    table = Table("preset", "what the student learns", "paper")
    for preset in PRESETS.values():
        add_row(table, preset.name, preset.summary, preset.paper)
    print_table(table)


@app.command()
@debug_option
def tasks() -> None:
    """List the tasks: name, columns, metric."""
    from rich.table import Table

    from hf_distill.tasks import list_tasks

    table = Table("name", "columns", "optional columns", "primary metric")
    for task in list_tasks():
        add_row(table, task.name, ", ".join(task.columns), ", ".join(task.optional_columns), task.primary_metric)
    print_table(table)


@app.command()
@debug_option
def env() -> None:
    """Show versions, and what works in this environment."""
    import platform

    import torch
    from rich.table import Table

    from hf_distill.quantization import list_backends
    from hf_distill.versions import versions

    table = Table("what", "here")
    table.add_row("python", platform.python_version())
    for package, version in versions().items():
        table.add_row(package, version)
    table.add_row("device", "cuda" if torch.cuda.is_available() else "cpu")
    table.add_row("threads", str(torch.get_num_threads()))
    for backend in list_backends():
        try:
            backend().check()
            answer = "works"
        except InputError as error:
            answer = str(error)
        add_row(table, f"quantization: {backend.name}", answer)
    print_table(table)


def main(arguments: list[str] | None = None) -> None:
    """
    Run the command line and exit: 0 done, 2 wrong input, 1 anything else.

    Args:
        arguments (`list[str]`, *optional*): The arguments; those of the process by default.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        app(arguments, standalone_mode=False, obj=arguments)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
    except click.ClickException as error:
        _fail(error.format_message(), 2)
    except InputError as error:
        _fail(str(error), 2, arguments)
    except HubError as error:
        _fail(str(error), 1, arguments)
    except Preempted as ended:
        from hf_distill.processes import leave_processes

        leave_processes()
        if not is_another_process():
            print(f"hf-distill: {ended.message}; the same command continues", file=sys.stderr)
        sys.exit(ended.code)
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted; the same command continues from the last checkpoint", 1)
    except Exception as error:
        _fail(f"{type(error).__name__}: {error} (--debug shows where)", 1, arguments)


def _fail(message: str, status: int, arguments: Sequence[str] = ()) -> NoReturn:
    if "--debug" in arguments:
        traceback.print_exc()
    print(f"hf-distill: {visible(' '.join(message.split()))}", file=sys.stderr)
    sys.exit(status)


def _repeat(run: Path, stages: list[str], backend: dict[str, Any] | None = None) -> dict[str, Any]:
    """Do stages of a run again, and return what the manifest says of the last of them."""
    quiet_libraries()
    from hf_distill.pipeline.run import open_run, repeat_stages

    context = open_run(run, backend)
    repeat_stages(context, stages)
    return context.run.stage(stages[-1])


def _run_name(run: Path, runs: Sequence[Path]) -> str:
    names = [folder.resolve().name for folder in runs]
    return str(run) if names.count(run.resolve().name) > 1 else run.resolve().name
