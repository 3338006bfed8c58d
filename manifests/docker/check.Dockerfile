# Tries a compiled wheel's libraries on the base that it will run on. {{base}} is an id or a name.
FROM {{base}}
COPY build /deployer-build
USER 0:0
RUN sh /deployer-build/check.sh
