#!/bin/sh
# A network of int16 activations, from quantization to the C on the emulated core, and what cannot be is said.
. "$(dirname "$0")/common.sh"

if ! "$thimble" data get mnist --quiet >/dev/null; then
  echo "SKIPPED: MNIST cannot be had" >&2
  exit 77
fi
quantize() {
  "$thimble" quantize "$source/pretrained/mnist.onnx" --data mnist --samples 50 -o int16.onnx "$@"
}

expect 1 'Take 8 or 16' quantize --activations 12
expect 1 "Layer 'nothing'" quantize --set 'layer_activations={nothing=16}'
expect 1 'stands beside method' quantize --method qat --set 'layer_activations={nothing=16}'
[ ! -e int16.onnx ] || fail "a failed quantization left a model"

expect 0 'bytes of weights' quantize --activations 16
expect 0 '0 differ' "$thimble" verify int16.onnx --device nano33ble --data mnist --samples 1
expect 0 'int16' "$thimble" convert int16.onnx -o int16.tflite
"$thimble" convert int16.tflite -o again.onnx --quiet >/dev/null || fail "the .tflite cannot be read"
head -c 1568 /dev/urandom >in.bin
for model in int16.onnx int16.tflite again.onnx; do
  "$thimble" run $model --input in.bin --output $model.out --quiet >/dev/null || fail "$model does not run"
  cmp int16.onnx.out $model.out || fail "$model computes something else"
done
"$thimble" deploy int16.onnx --device nano33ble -o c --quiet >/dev/null || fail "no C"
grep -q 'int16_t \*in' c/*.h || fail "the header does not say how to write the input"

# One layer of 16 bits among those of 8.
layer=$("$thimble" profile int16.onnx --device nano33ble --per-layer --json | jq -r '.layers[1].name')
expect 0 'bytes of weights' quantize --set "layer_activations={\"$layer\"=16}"
expect 0 '0 differ' "$thimble" verify int16.onnx --device nano33ble --data mnist --samples 1
finish
