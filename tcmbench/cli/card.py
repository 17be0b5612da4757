"""`tcmbench card VARIANT`: the folder of a tuned model with its card, ready for a hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace


def command(
    name: Annotated[str, typer.Argument(metavar="VARIANT", help="Name of a variant or cure of a set.")],
    set_name: Annotated[
        str, typer.Option("--set", help="Set whose board has its scores; default: the only one with the variant.")
    ] = "",
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="Which of its models; default: its first seed.", show_default=False),
    ] = None,
    license_id: Annotated[
        str,
        typer.Option(
            "--license",
            metavar="ID",
            help="Licence of the model in the metadata, such as apache-2.0; default: other, with the licences of base "
            "and data in the text.",
        ),
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Folder; default: reports/generated/VARIANT-card.", show_default=False),
    ] = None,
    data: DataOption = None,
) -> None:
    """Write the folder of a tuned model with its card, ready for a hub.

    It reads stored scores, and sends nothing anywhere: upload the folder with the tools of your hub.
    """
    from tcmbench.cli.progress import waiting
    from tcmbench.publishing import card

    place = workspace(data)
    with waiting(f"writing the card of {name}"):
        written = card.write(place, name, set_name=set_name, seed=seed, license_id=license_id, target=output)
    say(f"{written.folder}: {card.FILE} with {written.results} metrics, read again by huggingface_hub, and the model")
