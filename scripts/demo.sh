#!/bin/sh
# From a fresh Debian machine to proven C for a Cortex-M4: installs what is missing, builds, and runs the MNIST recipe.
# Usage: sh scripts/demo.sh [RUN_FOLDER]
set -eu
. "$(dirname "$0")/common.sh"

# shellcheck disable=SC2086
install_missing $packages
build release thimble
exec build/release/thimble optimize recipes/mnist-nano33ble.toml -o "${1:-runs/mnist-nano33ble}"
