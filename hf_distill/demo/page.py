# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The demo's page, in Gradio: it is served from here alone, and loads nothing from another host."""

from __future__ import annotations

import html
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import datasets

from hf_distill.demo.models import DemoModels, DemoSource, load_models
from hf_distill.demo.readers import Field
from hf_distill.demo.rendering import render_problem, render_reply
from hf_distill.demo.side_by_side import ask
from hf_distill.errors import InputError

if TYPE_CHECKING:
    import gradio

FONTS = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
"""Those of the visitor's machine."""
LARGEST_FILE = "20mb"
POLICY = b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"


def check_gradio() -> None:
    """
    Check that there is Gradio, and tell it to report nothing.

    Raises:
        InputError: If it is not installed.
    """
    # Read when it is imported.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise InputError('demo: needs Gradio, which is not installed; pip install "hf-distill[demo]"') from error


def build_page(models: DemoModels | DemoSource, title: str = "Teacher and student") -> gradio.Blocks:
    """
    Build the page on which models answer side by side.

    Args:
        models ([`DemoModels`] or [`DemoSource`]): The models, or where they are.
        title (`str`, *optional*): What is said of them.

    Returns:
        `gradio.Blocks`: The page; `serve` shows it.

    Raises:
        InputError: If Gradio is not installed, or the student cannot be loaded.
    """
    check_gradio()
    import gradio

    # Each input is a data set of one row.
    datasets.disable_progress_bars()
    loaded = load_models(models) if isinstance(models, DemoSource) else models
    fields = loaded.reader.fields

    def answer(*values: Any) -> str:
        try:
            return render_reply(ask(loaded, {entry.name: value for entry, value in zip(fields, values)}))
        except InputError as error:
            return render_problem(str(error))

    with gradio.Blocks(title=title, analytics_enabled=False) as page:
        gradio.HTML(_heading(loaded, title))
        inputs = [_component(entry) for entry in fields]
        button = gradio.Button("Compare", variant="primary")
        output = gradio.HTML()
        # One at a time: two that are measured together would slow each other.
        listening = {"fn": answer, "inputs": inputs, "outputs": output, "concurrency_limit": 1}
        button.click(**listening, api_name="answer", concurrency_id="models")
        for entry, component in zip(fields, inputs):
            if entry.kind == "text" and entry.lines == 1:
                component.submit(**listening, api_visibility="private", concurrency_id="models")
    return page


def serve(page: gradio.Blocks, announce: Callable[[str], None] = print, **options: Any) -> None:
    """
    Serve a page until it is interrupted.

    Args:
        page (`gradio.Blocks`): What `build_page` returned.
        announce (`Callable`, *optional*): Told where the page is.
        options: Of `gradio.Blocks.launch`, such as `server_name`, `server_port` and `inbrowser`.

    Raises:
        InputError: If the address cannot be used.
    """
    import gradio
    from starlette.middleware import Middleware

    fixed = {"share": False, "quiet": True, "footer_links": ["api"], "max_file_size": LARGEST_FILE}
    if not os.environ.get("SPACE_ID"):
        # In a Space, the Hub's own page has to read how high this one is.
        fixed["app_kwargs"] = {"middleware": [Middleware(OwnHostOnly)]}
    try:
        _, address, _ = page.launch(theme=gradio.themes.Default(**FONTS), prevent_thread_lock=True, **fixed, **options)
    except OSError as error:
        raise InputError(f"--host, --port: {str(error).partition('. ')[0]}; choose another") from error
    announce(f"The page is at {address} (Ctrl-C ends it)")
    page.block_thread()


class OwnHostOnly:
    """
    Lets browsers load nothing from another host: Gradio's own page names a script of elsewhere.

    Args:
        app (`Callable`): The ASGI application that answers.
    """

    def __init__(self, app: Callable[..., Any]):
        self._app = app

    async def __call__(self, scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """Answer a request, with the header that says so."""

        async def send_with_policy(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY)]
            await send(message)

        await self._app(scope, receive, send_with_policy)


def _heading(models: DemoModels, title: str) -> str:
    """Return what is said above the inputs, as HTML."""
    missing = "".join(f"<li>{html.escape(f'{name}: {reason}')}</li>" for name, reason in models.missing.items())
    left_out = f"<p>Not shown:</p><ul>{missing}</ul>" if missing else ""
    task = models.task.name.replace("-", " ")
    return f"<h1>{html.escape(title)}</h1><p>{html.escape(', '.join(models.forwards))}: {task}.</p>{left_out}"


def _component(entry: Field) -> Any:
    import gradio

    if entry.kind == "image":
        # As PNG no pixel is changed on the way.
        return gradio.Image(label=entry.label, type="filepath", format="png", height=320, buttons=[])
    if entry.kind == "audio":
        return gradio.Audio(label=entry.label, type="filepath", buttons=[])
    return gradio.Textbox(label=entry.label, lines=entry.lines, placeholder=entry.hint)
