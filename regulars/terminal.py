"""What all commands share: where they print, and the option that names the home."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        envvar="REGULARS_HOME",
        help="Folder of the warehouse (default: homes/default).",
        show_default=False,
    ),
]
