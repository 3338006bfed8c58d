#!/bin/sh
# Whether the base has the libraries that a compiled wheel takes from the system: those in links, one to a line.
# What it says behind "deployer:" is read by deployer/image/building/failures.py.
set -eu
cd /deployer-build
/sbin/ldconfig -p > known
missing=
while read -r library; do
    grep -qF "	$library (" known || missing="$missing $library"
done < links
[ -z "$missing" ] || { echo "deployer: missing$missing"; exit 68; }
