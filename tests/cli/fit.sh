#!/bin/sh
# thimble optimize MODEL: the recipe that fits a model to a device and a budget, what it leaves, and what it refuses.
. "$(dirname "$0")/common.sh"

# Two classes that a line tells apart.
awk 'BEGIN { srand(3); print "a,b,c,d,label"; for (i = 0; i < 240; ++i) { y = i % 2;
  printf "%.4f,%.4f,%.4f,%.4f,%s\n", y + rand(), rand(), 2 * rand() - y, rand(), y ? "one" : "two" } }' >own.csv
"$thimble" train zoo:ds-cnn,input=1x1x4,classes=2 --data own.csv --set batch_size=32 -o float.onnx --quiet >/dev/null ||
  fail "training"
fit() {
  out=$1
  shift
  "$thimble" optimize float.onnx --data own.csv --device nano33ble -o "$out" "$@"
}

# Without a budget the whole network is rounded; the same command again finds all done.
expect 0 'Verified' fit whole --quiet
grep -q 'do = "prune"' whole/recipe.toml && fail "a network that fits was pruned"
head -1 whole/recipe.toml | grep -q '^# thimble optimize float.onnx --data own.csv' || fail "the recipe does not say its command"
cp whole/recipe.toml before.toml
expect 0 'done before' fit whole
cmp before.toml whole/recipe.toml || fail "the recipe changed"
expect 0 'Verified' "$thimble" optimize before.toml -o again --quiet
cmp whole/1-quantize.onnx again/1-quantize.onnx || fail "the recipe written makes another network"
expect 1 'of another command' fit whole --budget ram=1MB --quiet

# A third of its time and seven tenths of its flash: channels leave, and what is deployed keeps the limits.
"$thimble" profile whole/1-quantize.onnx --device nano33ble --json >whole.json
limits=$(jq -r '"latency=\(.latency_ms * 333 | floor)us,flash=\(.flash_bytes * 0.7 / 1024 * 100 | floor / 100)KB"' whole.json)
expect 0 'Verified' fit small --budget "$limits" --budget accuracy=70% --quiet
grep -q '^accuracy = 0.7$' small/recipe.toml || fail "70 % is $(grep accuracy small/recipe.toml)"
grep -q 'do = "prune"' small/recipe.toml || fail "a network that does not fit was not pruned"
jq -e '.budget | length > 0 and all(.met)' small/run.json >/dev/null || fail "the limits of $limits: $(jq .budget small/run.json)"
jq -e --slurpfile whole whole.json '[.stages[].results] | map(select(.deployed)) | last.deployed
  | .latency_ms > $whole[0].latency_ms * 0.15' small/run.json >/dev/null || fail "far less is left than fits"

expect 3 'in no form' fit none --budget ram=100B
[ ! -e none ] || fail "what fits in no form left a folder"
expect 2 "the unit 'XB'" fit none --budget ram=10XB
expect 2 'has no' fit none --budget ram
expect 2 '--data' "$thimble" optimize float.onnx --device nano33ble -o none
expect 2 'is a recipe' "$thimble" optimize before.toml --device nano33ble -o none
expect 1 'is quantized already' "$thimble" optimize whole/1-quantize.onnx --data own.csv --device nano33ble -o none
expect 1 'missing.onnx' "$thimble" optimize missing.onnx --data own.csv --device nano33ble -o none

finish
