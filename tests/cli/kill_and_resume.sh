#!/bin/sh
# A run of optimize that is killed at random moments, and run again each time, ends with the model bytes of one that was not.
. "$(dirname "$0")/common.sh"

if ! "$thimble" data get mnist --quiet >/dev/null; then
  echo "SKIPPED: MNIST cannot be had" >&2
  exit 77
fi
cat >recipe.toml <<'TOML'
name = "kill"
model = "zoo:mnist-cnn,width=0.25"
data = "mnist"
device = "nano33ble"
[[stage]]
do = "train"
epochs = 2
[[stage]]
do = "quantize"
samples = 50
[[stage]]
do = "deploy"
[[stage]]
do = "verify"
samples = 3
[[stage]]
do = "profile"
TOML
begin=$(date +%s)
"$thimble" optimize recipe.toml -o whole --quiet >/dev/null || fail "the run that is not killed"
seconds=$(($(date +%s) - begin))

kills=${THIMBLE_FULL_TESTS:+20}
kills=${kills:-6}
killed=0
while [ "$killed" -lt "$kills" ]; do
  "$thimble" optimize recipe.toml -o pieces --quiet >/dev/null 2>err &
  # Up to the time of the whole run, spread evenly: moments in every stage.
  wait_ms=$((seconds * 1000 * (killed + 1) / (kills + 1) + 137))
  sleep "$((wait_ms / 1000)).$(printf '%03d' $((wait_ms % 1000)))"
  kill -9 $! 2>/dev/null
  wait $! 2>/dev/null
  killed=$((killed + 1))
  if [ -e pieces/run.json ]; then
    jq -e . pieces/run.json >/dev/null || fail "run.json is damaged after kill $killed"
  fi
done
expect 0 'kill' "$thimble" optimize recipe.toml -o pieces --quiet
for file in 1-train.onnx 2-quantize.onnx deploy/mnist_cnn.c deploy/mnist_cnn.h; do
  cmp "whole/$file" "pieces/$file" || fail "$file differs after $kills kills"
done
[ -z "$(find pieces -maxdepth 1 -name '.*.??????')" ] || fail "killed writes left $(find pieces -name '.*.??????')"

# A checkpoint that is cut short is an error that names it, and stays as it is.
"$thimble" optimize recipe.toml -o cut --quiet >/dev/null 2>&1 &
tries=0
while [ ! -e cut/train.checkpoint ] && [ "$tries" -lt 600 ]; do
  sleep 0.2
  tries=$((tries + 1))
done
kill -9 $! 2>/dev/null
wait $! 2>/dev/null
if [ -e cut/train.checkpoint ]; then
  truncate -s 1000 cut/train.checkpoint
  expect 1 'train.checkpoint' "$thimble" optimize recipe.toml -o cut --quiet
  [ "$(stat -c %s cut/train.checkpoint)" = 1000 ] || fail "the damaged checkpoint was changed"
else
  fail "the training never wrote a checkpoint"
fi

# A folder of another recipe is refused and left alone.
sed 's/epochs = 2/epochs = 3/' recipe.toml >other.toml
before=$(sha256sum <whole/run.json)
expect 1 'another recipe' "$thimble" optimize other.toml -o whole --quiet
[ "$(sha256sum <whole/run.json)" = "$before" ] || fail "run.json was changed"
finish
