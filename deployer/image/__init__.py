"""A model's image: by content, assembled layer by layer without an engine, and carried to where it is wanted.

    base = inspect_base("python:3.11-slim", platform="linux/amd64", python="3.11", places=BasePlaces(cache))
    made = assemble(recipe, base, ingredients, cache=cache)      # layers from the cache, or made once
    load(made.image, engine, ...) | push(made.image, reference, ...) | write_layout(made.image, folder, ...)

How it is laid out::

    values      Layer, BaseImage, Image: what the parts hand to one another
    recipe      what an image is made of, as one value        lockfile    the same as a text to keep
    reading     the recipe back, from the image alone         sbom        its bill of materials

    reference   names of images and places                    registry    the client of a registry
    base        a base image, found and looked into: facts, listing, decompress; from registry_source, layout,
                engine_source

    wheels      a locked wheel as a file: finding, downloading
    wheel_layer a wheel as a layer: unpack, record, scripts, bytecode (compiling), tar
    layers      the cache of layers           grouping    which wheels share one, in which order
    making      wheels into layers, as they come
    skeleton    what is no wheel: environment, runtime         model_layer the model
    assemble    recipe in, image out          config      its configuration document     places  where things lie

    manifest    an image in the words of registries           compress    its layers as blobs
    push, load (archive), carrying: to a registry, an engine, a layout or a file
    ahead       the lowest layers into an engine while others are made
"""

from __future__ import annotations
