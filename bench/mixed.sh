#!/bin/sh
# Accuracy of the integers, whole test split: the chosen mix of 8 and 4 bits, ten random mixes that are as large (97 to 100 %
# of its layers' bytes), 4 bits everywhere, and 8 bits everywhere. All after training, with the same rounding.
#   bench/mixed.sh MODEL DATA WEIGHTS_BYTES [THIMBLE]
set -eu
. "$(dirname "$0")/../scripts/common.sh"
command -v jq >/dev/null || install_missing jq >&2
model=$1 data=$2 limit=$3
thimble=${4:-build/release/thimble}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

quantize() { # NAME OPTIONS...
  name=$1
  shift
  "$thimble" quantize "$model" --data "$data" --improve "scales rounding bias" --evaluate --json "$@" -o "$out/q.onnx" >"$out/q.json"
  jq -r --arg mix "$name" '"\(10000 * .test_accuracy | round / 100) %  \(.weights_bytes) B  \($mix)"' "$out/q.json"
}
quantize chosen --bits mixed --weights-bytes "$limit"
cp "$out/q.json" "$out/chosen.json"
quantize "4 bits" --bits 4
quantize "8 bits" --bits 8
size=$(jq .mixed.chosen.weights_bytes "$out/chosen.json")
# Each mix: the layers that get 4 bits, drawn one by one with the others at 8.
jq -r '.mixed.layers | group_by(.layer)[] | [.[0].layer, (map(select(.bits == 8))[0], map(select(.bits == 4))[0] | .weights_bytes)] | @tsv' \
  "$out/chosen.json" | awk -v size="$size" '
  { layer[NR] = $1; eight[NR] = $2; four[NR] = $3 }
  END {
    srand(1)
    for (tries = 0; found < 10 && tries < 1000000; tries++) {
      bytes = 0
      for (i = 1; i <= NR; i++) { is_four[i] = rand() < 0.5; bytes += is_four[i] ? four[i] : eight[i] }
      if (bytes > size || bytes < 0.97 * size) continue
      text = ""
      for (i = 1; i <= NR; i++) text = text (i > 1 ? ", " : "") "\"" layer[i] "\" = " (is_four[i] ? 4 : 8)
      if (text in seen) continue
      seen[text] = 1
      print text
      found++
    }
  }' >"$out/mixes"
while read -r mix; do quantize "random: $(echo "$mix" | grep -o '[0-9],\|[0-9]$' | tr -dc 48)" --set "layer_bits={$mix}"; done <"$out/mixes"
