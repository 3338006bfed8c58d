"""The Docker builder: what wheels cannot bring, made in an engine, and handed to the assembler as layers and wheels.

    place = BuildPlace(engine, cache, BuildNetwork.of(environ, ca_bundle=...))
    derived = derive_base(base, parse_packages(spec.image.packages), place)
    compiler = SourceCompiler(base, packages, place, sources, uv)
    compiler.wheel_of(source) | compiler.again(wheel)

Whatever is built, the assembler alone makes the final image: a base with packages is a `BaseImage` like any other, a
compiled source a wheel that is locked by hash.

How it is laid out::

    packages    names of Debian packages      reasons     why Docker is needed, as a line
    network     how a build reaches packages  dockerfile  the templates of manifests/docker, and what is sent along
    running     one build: its lines, its end, and nothing left behind
    harvest     the layer that a build made, made repeatable
    derive      a base with packages          compile, keeping    a source to a wheel
    failures    what went wrong, told in a sentence
"""

from __future__ import annotations
