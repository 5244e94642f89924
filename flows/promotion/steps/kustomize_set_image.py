"""kustomize-set-image: set images in a kustomization file, those of the config or all of the Freight."""

import io
from collections.abc import Iterable
from typing import Any, Self

from pydantic import Field, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from blocks.errors import Invalid, NotFound, Refused
from flows.model import Model
from flows.promotion.files import read_text, write_whole
from flows.promotion.kustomization import FILES
from flows.promotion.result import StepContext, Succeeded
from flows.warehouse.urls import normalize_image

OUTWARD = False

KEEP = "*"
"""As tag, digest or newName: what the file has now."""

Fields = dict[str, str]
"""An entry of `images`: name, newName, newTag, digest; those without value left out."""


class Image(Model):
    """One image to set."""

    image: str = Field(min_length=1, description="Name of the image as the manifests have it.")
    name: str = Field(default="", description="Deprecated: overrides 'image'.")
    new_name: str = Field(default="", description="Name that replaces it; * keeps the file's.")
    tag: str = Field(default="", description="New tag; * keeps the file's.")
    digest: str = Field(default="", description="New digest; * keeps the file's.")

    @model_validator(mode="after")
    def _tag_or_digest(self) -> Self:
        if bool(self.tag) == bool(self.digest):
            raise ValueError("an image has exactly one of 'tag' and 'digest'")
        return self


class Config(Model):
    """Which images to set where."""

    path: str = Field(min_length=1, description="Directory of the kustomization, relative to the working directory.")
    images: list[Image] = Field(default_factory=list, description="The images; none means all of the Freight.")


def run(config: Config, ctx: StepContext) -> Succeeded:
    """Set the images; an entry of the same name is replaced as a whole, the others stay."""
    path = _kustomization(config.path, ctx)
    document = _loaded(read_text(ctx, path), path)
    images = _merged(document, _configured(config) if config.images else _of_freight(ctx), path)
    document["images"] = CommentedSeq(images[name] for name in sorted(images))
    write_whole(ctx.path(path), _dumped(document).encode())
    return Succeeded(_message(config.path, [images[name] for name in sorted(images)]))


def _kustomization(directory: str, ctx: StepContext) -> str:
    root = ctx.path(directory)
    # A symlink is no candidate: it could name a file of another application.
    found = [name for name in FILES if (root / name).is_file() and not (root / name).is_symlink()]
    if not found:
        raise NotFound(f"there is no kustomization file in {directory!r}; looked for {', '.join(FILES)}")
    if len(found) > 1:
        raise Invalid(f"there are several kustomization files in {directory!r}: {', '.join(found)}; keep one")
    return f"{directory}/{found[0]}"


def _configured(config: Config) -> dict[str, Fields]:
    images = {}
    for image in config.images:
        name = image.name or image.image
        images[name] = {"name": name, "newName": image.new_name, "newTag": image.tag, "digest": image.digest}
    return images


def _of_freight(ctx: StepContext) -> dict[str, Fields]:
    if missing := ctx.watched.missing:
        raise NotFound(f"Warehouse {missing[0]!r}, which the Stage asks for, does not exist: apply it")
    origins = {repository: set(names) for repository, names in ctx.watched.images.items()}
    for image in ctx.images:
        origins.setdefault(normalize_image(image["repoURL"]), set()).add(image.get("origin", ""))
    for repository, names in sorted(origins.items()):
        if len(names) > 1:
            several = ", ".join(sorted(names))
            raise Refused(f"image {repository!r} comes from Warehouses {several}: name the images in the config")
    return {
        image["repoURL"]: {
            "name": image["repoURL"],
            "newName": "",
            "newTag": image.get("tag", ""),
            "digest": image.get("digest", ""),
        }
        for image in ctx.images
    }


def _merged(document: CommentedMap, wanted: dict[str, Fields], path: str) -> dict[str, Any]:
    present = document.get("images")
    if present is not None and not (
        isinstance(present, list) and all(isinstance(entry, dict) and "name" in entry for entry in present)
    ):
        raise Invalid(f"'images' of {path!r} is no list of images with names")
    entries = {_text(entry["name"]): entry for entry in present or []}
    return entries | {name: _entry(fields, entries.get(name, {})) for name, fields in wanted.items()}


def _entry(fields: Fields, present: dict[str, Any]) -> CommentedMap:
    kept = {key: _text(present.get(key)) if value == KEEP else value for key, value in fields.items()}
    return CommentedMap((key, value) for key, value in kept.items() if value)


def _message(path: str, images: Iterable[dict[str, Any]]) -> dict[str, Any]:
    references = [_reference({key: _text(value) for key, value in image.items()}) for image in images]
    if not references:
        return {}
    several = "s" if len(references) > 1 else ""
    lines = "".join(f"\n- {reference}" for reference in references)
    return {"commitMessage": f"Updated {path} to use new image{several}\n{lines}"}


def _reference(image: Fields) -> str:
    tag, digest = image.get("newTag"), image.get("digest")
    name = image.get("newName") or image["name"]
    return name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    return yaml


def _loaded(text: str, path: str) -> CommentedMap:
    try:
        document = _yaml().load(text)
    except YAMLError as error:
        raise Invalid(f"file {path!r} is not valid YAML: {getattr(error, 'problem', '') or 'broken'}") from None
    if not isinstance(document, CommentedMap):
        raise Invalid(f"file {path!r} is no kustomization: it holds no mapping")
    return document


def _dumped(document: Any) -> str:
    stream = io.StringIO()
    _yaml().dump(document, stream)
    return stream.getvalue()


def _text(value: Any) -> str:
    """Return a scalar as the file writes it, so that a tag such as 1.10 keeps its zero."""
    if value is None or isinstance(value, str):
        return value or ""
    return _dumped(value).removesuffix("...\n").strip()
