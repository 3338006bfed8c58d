"""What may go to a protected target."""

from __future__ import annotations

from deployer.errors import SpecError
from deployer.settings import NamedTarget

__all__ = ["refuse_unprotected"]


def refuse_unprotected(named: NamedTarget, model: str, image: str | None = None) -> None:
    """To a protected target only what a registry has goes, so that everybody can tell what it is.

    Args:
        named: The target.
        model: The spec's; empty when a ready image is used.
        image: The ready image.

    Raises:
        SpecError: The target is protected, and the model is a path or a run, or the image is not named by digest.
    """
    from deployer.model import Kind
    from deployer.model.uri import parse_uri

    if image:
        if named.protected and "@sha256:" not in image:
            raise SpecError(
                f"{named.name} is protected: it takes images by digest only, and {image} is a tag",
                where=named.where(("protected",)),
                hint="give image.use=REPOSITORY@sha256:...",
            )
        return
    if named.protected and parse_uri(model).kind not in (Kind.REGISTRY, Kind.LOGGED_MODEL, Kind.ASSET):
        raise SpecError(
            f"{named.name} is protected: it takes models from a registry only, and {model} is none",
            where=named.where(("protected",)),
            hint="register it, and give models:/NAME/VERSION or models:/NAME@ALIAS",
        )
