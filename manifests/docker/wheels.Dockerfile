# What compile.Dockerfile made, and nothing else. {{made}} is that image's id.
FROM scratch
COPY --from={{made}} /deployer-build/out /out
