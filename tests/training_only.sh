#!/bin/sh
# The training-only build links libtorch alone, trains, and leaves a checkpoint that the full build takes up.
# Usage: training_only.sh SOURCE_DIR THIMBLE
set -eu
[ -n "${THIMBLE_FULL_TESTS:-}" ] || { echo "takes minutes: scripts/test.sh --full runs it"; exit 77; }
source=$1
thimble=$(realpath "$2")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# The official files, wherever they lie or come from, unpacked.
mkdir -p "$folder/data/mnist"
"$thimble" data get mnist >/dev/null
for name in "${THIMBLE_DATA:-/nowhere}" "${XDG_CACHE_HOME:-$HOME/.cache}/thimble"; do
  for file in "$name"/mnist/*-ubyte*; do
    into=$folder/data/mnist/$(basename "$file" .gz)
    [ -e "$file" ] && [ ! -e "$into" ] || continue
    case $file in *.gz) gzip -dc "$file" >"$into" ;; *) cp "$file" "$into" ;; esac
  done
done
cmake -S "$source" -B "$folder/build" -G Ninja -DTHIMBLE_TRAINING_ONLY=ON >/dev/null
cmake --build "$folder/build"
if readelf -d "$folder/build/thimble-train" | grep -E 'NEEDED.*(crypto|archive|curl|png|jpeg|protobuf|onnx|fmt)'; then
  echo "FAILED: it links more than libtorch" >&2
  exit 1
fi

cd "$folder"
cat >recipe.toml <<'TOML'
name = "short"
model = "zoo:mnist-cnn"
data = "mnist"
[[stage]]
do = "train"
epochs = 1
augment = {shift = 1}
TOML
sed 's/^data/held_out = true\n&/' recipe.toml >held-out.toml
if build/thimble-train held-out.toml -o held-out.checkpoint 2>error.txt || ! grep -q 'part of the training samples' error.txt; then
  echo "FAILED: a recipe that holds out samples was trained on all" >&2
  exit 1
fi
THIMBLE_DATA=$folder/data build/thimble-train recipe.toml -o short.onnx.checkpoint
"$thimble" train --recipe recipe.toml -o short.onnx --json >result.json
jq -e '.test_accuracy > 0.95 and (.epochs | length) == 1' result.json >/dev/null || { cat result.json >&2; exit 1; }
