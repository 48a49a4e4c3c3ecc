#!/bin/sh
# thimble check: everything that is unsupported or over budget, at once, and the figures, without building anything.
. "$(dirname "$0")/common.sh"

expect 0 'RAM: arena' "$thimble" check zoo:mnist-cnn --device nano33ble
"$thimble" check zoo:mnist-cnn --device nano33ble --json >checked.json || fail "check --json"
jq -e '.ok and .problems == [] and .over_budget == [] and .arena_bytes > 0 and .weights_bytes > 0 and .ram_limit_bytes == 262144' \
  checked.json >/dev/null || fail "not what check --json should say: $(cat checked.json)"

# The figures are those of the C with the kernels of the device's core, which need other scratch than portable ones.
int8=
if has_verb quantize && "$thimble" data get mnist --quiet >/dev/null; then
  int8=int8.onnx
  "$thimble" quantize "$source/pretrained/mnist.onnx" --data mnist --samples 10 --quiet -o $int8 >/dev/null || fail "quantize"
fi
for model in zoo:mnist-cnn $int8; do
  "$thimble" check $model --device nano33ble --json >own.json || fail "check $model"
  "$thimble" deploy $model --device nano33ble --json -o deployed >deployed.json || fail "deploy $model"
  [ "$(jq '[.arena_bytes, .weights_bytes]' own.json)" = "$(jq '[.arena_bytes, .weights_bytes]' deployed.json)" ] ||
    fail "check and deploy differ on $model"
done

# Over budget in RAM and in flash: both are said, exit 3.
sed '/^\[sources\]/,$!{s/^ram_bytes = .*/ram_bytes = 1024/; s/^flash_bytes = .*/flash_bytes = 2048/;}' \
  "$source/devices/nano33ble.toml" >tiny.toml
expect 3 'of RAM for activations' "$thimble" check zoo:mnist-cnn --device ./tiny.toml
expect 3 'of flash for weights' "$thimble" check zoo:mnist-cnn --device ./tiny.toml
"$thimble" check zoo:mnist-cnn --device ./tiny.toml --json >over.json 2>/dev/null
[ "$(jq -r '.over_budget | map(.memory) | join(" ")' over.json)" = 'RAM flash' ] || fail "$(cat over.json)"

# A model with operators that are not supported: each is named with what to do, and nothing is built.
command -v flatc >/dev/null || { echo "no flatc: unsupported operators are not tried" >&2; finish; }
cat >model.json <<'JSON'
{"version": 3, "operator_codes": [{"builtin_code": "SIN", "deprecated_builtin_code": 66}, {"builtin_code": "CUMSUM", "deprecated_builtin_code": 127}],
 "buffers": [{}],
 "subgraphs": [{"tensors": [{"shape": [1, 4], "name": "x"}, {"shape": [1, 4], "name": "a"}, {"shape": [1, 4], "name": "y"}],
  "inputs": [0], "outputs": [2],
  "operators": [{"inputs": [0], "outputs": [1]}, {"opcode_index": 1, "inputs": [1], "outputs": [2]}]}]}
JSON
flatc -b "$source/src/formats/tflite/schema.fbs" model.json || fail "flatc"
expect 1 "operator 0 SIN (output 'a')" "$thimble" check model.tflite --device nano33ble
expect 1 "operator 1 CUMSUM (output 'y')" "$thimble" check model.tflite --device nano33ble
"$thimble" check model.tflite --device nano33ble --json >unsupported.json 2>/dev/null
jq -e '(.ok | not) and (.problems | length) == 2 and .arena_bytes == null and .why != null and .problems[0].remedy != ""' \
  unsupported.json >/dev/null || fail "$(cat unsupported.json)"
finish
