# Tries a compiled wheel's libraries on the base that it will run on. {{base}} is an id or a name.
FROM {{base}}
USER 0:0
COPY build /deployer-build
RUN sh /deployer-build/check.sh
