# Debian packages on a base image, for what wheels cannot bring (image.packages).
#
# Only what the last step changes is kept: deployer takes that one layer out of the image, drops caches and logs from
# it, and puts it on the base. What is copied in here (certificates, addresses) stays behind, and proxies come as
# Docker's own build arguments, which no image and no history keeps.
#
# {{base}} is an id or a name, {{packages}} are names that were checked.
FROM {{base}}
COPY build /deployer-build
USER 0:0
RUN sh /deployer-build/install.sh {{packages}}
