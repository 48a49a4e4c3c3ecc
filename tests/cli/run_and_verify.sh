#!/bin/sh
# The MLPerf Tiny models compute TensorFlow Lite Micro's bytes in every layer, on the reference, as C here, and as C on the
# emulated Cortex-M4; networks with random weights go the same way.
. "$(dirname "$0")/common.sh"

expect 0 '0 differ' "$thimble" verify zoo:resnet8 --device nano33ble --samples 1

reference=${THIMBLE_REFERENCE:-$source/../shared/reference}/mlperf-tiny
if [ ! -d "$reference" ]; then
  echo "SKIPPED: the reference models are not at $reference (set THIMBLE_REFERENCE)" >&2
  [ "$failures" = 0 ] && exit 77
  exit 1
fi
for model in pretrainedResnet_quant kws_ref_model; do
  for place in host c nano33ble; do
    expect 0 "3 samples on $place" "$thimble" run "$reference/$model.tflite" --input "$reference/$model.in" \
      --output out.bin --layers layers.bin --on $place
    cmp out.bin "$reference/$model.out" || fail "$model on $place: other outputs than TensorFlow Lite Micro's"
    cmp layers.bin "$reference/$model.layers" || fail "$model on $place: other layers than TensorFlow Lite Micro's"
  done
done
finish
