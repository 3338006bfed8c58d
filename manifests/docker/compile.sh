#!/bin/sh
# Builds the wheel of one source by its own backend (PEP 517), in an environment of its own. There is no network.
# What it says behind "deployer:" is read by deployer/image/building/failures.py.
set -eu
umask 022
cd /deployer-build
mkdir home out source
export HOME="$PWD/home" TMPDIR="$PWD/home" LC_ALL=C.UTF-8 TZ=UTC \
    SOURCE_DATE_EPOCH=1577836800 PYTHONHASHSEED=0 PYTHONNOUSERSITE=1 PIP_NO_INDEX=1

"$1" -m venv --without-pip environment
environment/bin/python pip.whl/pip --no-cache-dir --disable-pip-version-check \
    install --quiet --no-deps --require-hashes --root-user-action ignore --find-links wheels --requirement needs.txt
PATH="$PWD/environment/bin:$PATH"

python -c 'import shutil, sys; shutil.unpack_archive(sys.argv[1], "source")' archive.*
ask() {
    BUILD_BACKEND=$(cat backend) BUILD_BACKEND_PATH=$(cat backend-path) \
        python -s hooks.py "$1" "$(echo "$PWD"/source/*)" "$PWD/$1.json" "$PWD/out"
}

ask get_requires_for_build_wheel
if [ ! -e asked ] && [ "$(cat get_requires_for_build_wheel.json)" != "[]" ]; then
    echo "deployer: more $(cat get_requires_for_build_wheel.json)"
    exit 67
fi
ask build_wheel

# What the new libraries take from the system, for check.sh: a compiler brings libraries that the image will not have.
python -c 'import glob, sys, zipfile; [zipfile.ZipFile(each).extractall("unpacked") for each in glob.glob("out/*.whl")]'
find unpacked -name '*.so*' -type f -exec ldd {} + 2> /dev/null |
    sed -n 's,^[[:space:]]*\([^[:space:]/]*\) => /\(usr/\)*lib.*,\1,p' | sort -u > out/links
