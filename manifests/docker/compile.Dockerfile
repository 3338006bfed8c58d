# A source distribution to a wheel, in a container that has a compiler and no network (requirements.build).
#
# Everything it takes is copied in: the source, the wheels of its build environment with their hashes. The wheel is
# copied out, and is then a locked wheel like any other: the image that serves has no compiler.
#
# {{base}} is an id or a name, {{python}} the path of an interpreter in it.
FROM {{base}}
COPY build /deployer-build
USER 0:0
RUN sh /deployer-build/compile.sh {{python}}
