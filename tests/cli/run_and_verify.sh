#!/bin/sh
# The MLPerf Tiny models compute TensorFlow Lite Micro's bytes in every layer, on the reference, as C here, and as C on every
# emulated core; networks with random weights go the same way.
. "$(dirname "$0")/common.sh"

expect 0 '0 differ' "$thimble" verify zoo:resnet8 --device nano33ble --samples 1

reference=${THIMBLE_REFERENCE:-$source/../shared/reference}/mlperf-tiny
if [ ! -d "$reference" ]; then
  echo "SKIPPED: the reference models are not at $reference (set THIMBLE_REFERENCE)" >&2
  [ "$failures" = 0 ] && exit 77
  exit 1
fi

# device FILE CORE BOARD: a device of this core with the RAM and flash of a small board.
device() {
  {
    printf 'title = "A board of the tests"\ncore = "%s"\n' "$2"
    [ -z "$3" ] || printf 'emulated_board = "%s"\n' "$3"
    printf 'clock_hz = 64000000\nram_bytes = 131072\nflash_bytes = 1048576\nalignment_bytes = 4\n'
    printf 'flash_wait_states = 0\nactive_power_mw = 10\nsleep_power_mw = 0.01\n[sources]\n'
    for key in core emulated_board clock_hz ram_bytes flash_bytes alignment_bytes flash_wait_states active_power_mw \
      sleep_power_mw; do
      [ -z "$3" ] && [ $key = emulated_board ] || printf '%s = "invented"\n' $key
    done
  } >"$1"
}
device board-128k.toml cortex-m4f netduinoplus2
for core in cortex-m0plus cortex-m7 rv32imc xtensa-lx6 cortex-a72; do device $core.toml $core ''; done
device nowhere.toml cortex-m4f microbit
expect 1 'there is no emulated board microbit here for its core, cortex-m4f' "$thimble" verify zoo:mnist-cnn \
  --device ./nowhere.toml --samples 1

# Every core runs one of the two models, or with THIMBLE_FULL_TESTS both.
full=${THIMBLE_FULL_TESTS:+./board-128k.toml ./cortex-m0plus.toml ./cortex-m7.toml ./rv32imc.toml ./xtensa-lx6.toml ./cortex-a72.toml}
compare() {
  model=$1
  shift
  for place in "$@"; do
    expect 0 "3 samples on $place" "$thimble" run "$reference/$model.tflite" --input "$reference/$model.in" \
      --output out.bin --layers layers.bin --on "$place"
    cmp out.bin "$reference/$model.out" || fail "$model on $place: other outputs than TensorFlow Lite Micro's"
    cmp layers.bin "$reference/$model.layers" || fail "$model on $place: other layers than TensorFlow Lite Micro's"
  done
}
# shellcheck disable=SC2086
compare pretrainedResnet_quant host c nano33ble ${full:-./cortex-m7.toml ./cortex-m0plus.toml ./xtensa-lx6.toml}
# shellcheck disable=SC2086
compare kws_ref_model host c nano33ble ${full:-./board-128k.toml ./rv32imc.toml ./cortex-a72.toml}
expect 0 "0 differ" env XDG_CACHE_HOME="$PWD/cache" "$thimble" verify "$reference/kws_ref_model.tflite" --device nano33ble --samples 1 --count
finish
