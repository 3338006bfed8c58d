#!/bin/sh
# Installs Debian packages by name or NAME=VERSION; writes down which ones came, and when it began.
# What it says behind "deployer:" is read by deployer/image/building/failures.py.
set -eu
cd /deployer-build
export DEBIAN_FRONTEND=noninteractive LC_ALL=C SOURCE_DATE_EPOCH=1577836800

command -v apt-get > /dev/null || { echo "deployer: no apt-get"; exit 65; }

date +%s > began
installed() { dpkg-query --show --showformat '${db:Status-Abbrev} ${Package}=${Version}\n' | sed -n 's/^ii *//p' | sort -u; }
installed > before

apt-get -c apt.conf update

if ! apt-get -c apt.conf --yes --no-install-recommends --allow-downgrades install -- "$@"; then
    for wanted in "$@"; do
        name=${wanted%%=*}
        if apt-cache -c apt.conf show "$name" > known 2> /dev/null; then
            echo "deployer: versions $name: $(sed -n 's/^Version: //p' known | head -n 5 | tr '\n' ' ')"
        else
            stem=$(printf '%s' "$name" | sed 's/[0-9.+-]*$//')
            echo "deployer: near $name: $(apt-cache -c apt.conf pkgnames "$stem" | sort | head -n 200 | tr '\n' ' ')"
        fi
    done
    exit 66
fi

installed > after
comm -13 before after > installed
