"""A model's image: by content, assembled layer by layer without an engine, and carried to where it is wanted.

    base = inspect_base(source)                                  # what it is made on
    image = assemble(recipe, cache=cache, ...)                   # layers from the cache, or made once
    load(image, engine) | push(image, repository) | write_layout(image, folder)

How it is laid out::

    values      Layer, BaseImage, Image: what the parts hand to one another
    recipe      what an image is made of, as one value        lockfile    the same as a file to keep
    base        where base images come from, and what is in them
    wheels      a locked wheel as a file        unpack, bytecode, tar    a wheel as a deterministic layer
    layers      the cache of layers             assemble                 recipe in, Image out
    registry    the client of a registry        carrying                 push, load, layout
"""

from __future__ import annotations
