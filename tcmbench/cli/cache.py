"""`tcmbench cache`: how large the embedding cache is, and a way to shrink it."""

from __future__ import annotations

from typing import Annotated

import typer

from tcmbench.cli.place import workspace

app = typer.Typer(help="Say how large the embedding cache is, and shrink it.", no_args_is_help=True)


@app.command()
def info() -> None:
    """List the models whose vectors are kept, last used first."""
    from tcmbench.encoders.runtime import embedding_cache

    spaces = embedding_cache.info(workspace().cache / "embeddings")
    for space in spaces:
        typer.echo(f"{space.size / (1 << 20):9.1f} MiB  {space.texts:>9} texts  {space.card.model}  {space.folder}")
    typer.echo(f"{sum(space.size for space in spaces) / (1 << 20):9.1f} MiB in all")


@app.command()
def prune(
    max_gib: Annotated[float, typer.Option("--max-gib", min=0, help="Keep at most so many GiB.")] = 10.0,
) -> None:
    """Remove the models used longest ago until what is left fits."""
    from tcmbench.encoders.runtime import embedding_cache

    pruned = embedding_cache.prune(workspace().cache / "embeddings", max_bytes=int(max_gib * (1 << 30)))
    for space in pruned.spaces:
        typer.echo(f"removed {space.card.model}: {space.folder}")
    for space in pruned.busy:
        typer.echo(f"kept {space.card.model}: another process is writing to it")
    typer.echo(f"{pruned.size / (1 << 20):.1f} MiB left")
