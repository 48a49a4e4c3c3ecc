# The int8 MNIST, UCI HAR and keyword networks run on a board with 128 KB of RAM whose flash cannot be written, and
# give the bytes of the integer reference, the keyword network those of TensorFlow Lite Micro.
. "$(dirname "$0")/common.sh"

samples=${THIMBLE_FULL_TESTS:+20}
for data in mnist uci-har; do
  "$thimble" data show $data --json >/dev/null 2>err || fail "no data set $data: $(cat err)"
  expect 0 'bytes of weights' "$thimble" quantize "$source/pretrained/$data.onnx" --data $data --samples 100 \
    -o $data-int8.onnx
  expect 0 '0 differ' "$thimble" verify $data-int8.onnx --device netduinoplus2 --data $data --samples "${samples:-2}"
done

reference=${THIMBLE_REFERENCE:-$source/../shared/reference}/mlperf-tiny
if [ -d "$reference" ]; then
  expect 0 '3 samples on netduinoplus2' "$thimble" run "$reference/kws_ref_model.tflite" \
    --input "$reference/kws_ref_model.in" --output out.bin --layers layers.bin --on netduinoplus2
  cmp layers.bin "$reference/kws_ref_model.layers" || fail "the keyword network: other bytes than TensorFlow Lite Micro's"
else
  echo "the reference models are not at $reference (set THIMBLE_REFERENCE): the keyword network is not tried" >&2
fi
finish
