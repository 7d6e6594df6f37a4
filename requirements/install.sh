#!/bin/sh
# Installs the service, and nothing but the service, into a new virtual environment:
#
#     sh requirements/install.sh TARGET
#
# Run from the root of the source. The image is built by this script and a test runs it in an empty
# folder, so that what the image does is tried where no image can be built. What builds the package, pip
# included, lives in an environment of its own that is thrown away: TARGET holds no installer at all.
set -eu

target=${1:?"usage: sh requirements/install.sh TARGET"}
python=${PYTHON:-python3}
workshop=$(mktemp -d)
trap 'rm -rf "$workshop"' EXIT

"$python" -m venv "$workshop/venv"
pip="$workshop/venv/bin/python -m pip --quiet --disable-pip-version-check --no-cache-dir"

$pip install --require-hashes -r requirements/build.txt
$pip wheel --no-deps --no-build-isolation --wheel-dir "$workshop/wheel" .

"$python" -m venv --without-pip "$target"
$pip --python "$target/bin/python" install --require-hashes -r requirements/server.txt
$pip --python "$target/bin/python" install --no-deps --no-index "$workshop"/wheel/*.whl
