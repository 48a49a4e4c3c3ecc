#!/bin/sh
# A small real study on a table of the user's own: killed and resumed, with workers, failing, and what its report says.
. "$(dirname "$0")/common.sh"

# Two classes that a line tells apart.
awk 'BEGIN { srand(3); print "a,b,c,d,label"; for (i = 0; i < 240; ++i) { y = i % 2;
  printf "%.4f,%.4f,%.4f,%.4f,%s\n", y + rand(), rand(), 2 * rand() - y, rand(), y ? "one" : "two" } }' >own.csv
cat >study.toml <<'TOML'
name = "small"
devices = ["nano33ble"]
seeds = [1, 2]
[[technique]]
name = "float"
[[technique.stage]]
do = "train"
[[technique]]
name = "int8"
[[technique.stage]]
do = "train"
[[technique.stage]]
do = "quantize"
samples = 20
[[technique]]
name = "taught"
[[technique.stage]]
do = "train"
[[technique.stage]]
do = "distill"
student = "zoo:ds-cnn,input=1x1x4,classes=2,width=0.5"
epochs = 1
[[network]]
name = "cnn"
model = "zoo:ds-cnn,input=1x1x4,classes=2"
data = ["own.csv"]
train = {epochs = 1, batch_size = 32}
TOML

expect 0 '6 of 6 trials' "$thimble" study study.toml -o whole.db --quiet
# What trials begin with in common is done once: of six trainings and four later stages, two and four are left.
[ "$(find whole.db.runs/shared -mindepth 1 -maxdepth 1 -type d | wc -l)" = 6 ] || fail "stages were not shared"
for run in 2 3; do
  cmp whole.db.runs/trial-1/1-train.onnx whole.db.runs/trial-$run/1-train.onnx || fail "trial $run has another network"
  grep -q '"stage":"train"' whole.db.runs/trial-$run/metrics.jsonl || fail "trial $run lacks its training's metrics"
done
jq -r .identity.recipe whole.db.runs/trial-2/run.json >alone.toml
"$thimble" optimize alone.toml -o alone --quiet >/dev/null 2>&1 || fail "a recipe without a profile"
cmp alone/2-quantize.onnx whole.db.runs/trial-2/2-quantize.onnx || fail "the cache changes what comes out"
# A run goes on with the data that it began with, or not at all.
cp own.csv kept.csv
sed -i 2d own.csv
rm alone/2-quantize.onnx
expect 1 "training data: those of 'own.csv' have changed" "$thimble" optimize alone.toml -o alone
cp kept.csv own.csv
expect 0 'done before' "$thimble" optimize alone.toml -o alone
# Nor does a study take trials on other data to those that it has.
sed -i 2d own.csv
expect 1 'has trials with another test data own.csv' "$thimble" study study.toml -o whole.db
cp kept.csv own.csv
expect 0 '6 of 6 trials' "$thimble" study study.toml -o whole.db --quiet
"$thimble" study study.toml -o both.db --quiet >/dev/null 2>&1 &
expect 0 'trials are done' "$thimble" study study.toml -o both.db --quiet
wait $! || fail "the second of two processes on one study"
"$thimble" study study.toml -o pieces.db --quiet >/dev/null 2>&1 &
wait_for pieces.db.runs/trial-1
kill -9 $! || fail "the study ended before it was killed"
wait $! 2>/dev/null
expect 0 '6 of 6 trials' "$thimble" study study.toml -o pieces.db --workers 2 --quiet
for name in whole pieces both; do
  "$thimble" study study.toml -o $name.db --json --quiet | jq 'del(.output)' >$name.json
done
# What is missing is said before anything trains.
mkdir bin
ln -s "$(command -v gcc)" "$(command -v cc)" bin/
expect 1 'gcc-arm-none-eabi' env PATH="$PWD/bin" "$thimble" study study.toml -o toolless.db
printf 'name = "x"\nmodel = "zoo:ds-cnn,input=1x1x4,classes=2"\ndata = "own.csv"\ndevice = "nano33ble"\n' >toolless.toml
printf '[[stage]]\ndo = "%s"\n' train quantize deploy verify >>toolless.toml
expect 1 'gcc-arm-none-eabi' env PATH="$PWD/bin" "$thimble" optimize toolless.toml -o toolless
# The ESP32's floats are timed on a RISC-V core, whose tools are others.
for tool in xtensa-lx106-elf-gcc xtensa-lx106-elf-objcopy xtensa-lx106-elf-size xtensa-lx106-elf-nm xtensa-lx106-elf-objdump qemu-system-xtensa; do
  path=$(command -v $tool) && ln -s "$path" bin/
done
sed 's/nano33ble/esp32/; s/verify/profile/' toolless.toml >esp32.toml
expect 1 'gcc-riscv64-unknown-elf' env PATH="$PWD/bin" "$thimble" optimize esp32.toml -o toolless
[ ! -e toolless.db ] && [ ! -e toolless/1-train.onnx ] || fail "something was done without the tools that it needs"
# Workers that cannot be started are an error, not the end of the program.
expect 1 'A worker' sh -c "ulimit -n 20; '$thimble' study study.toml -o whole.db --workers 16 --quiet"
cmp whole.json pieces.json || fail "a study that was killed ends with other results"
cmp whole.json both.json || fail "two processes on one study end with other results"
[ "$(jq '[.trials[].figures[] | select(.metric == "accuracy" and .value > 0)] | length' whole.json)" = 6 ] ||
  fail "not every trial has an accuracy"

"$thimble" report whole.db -o report.html >/dev/null || fail "no report"
for words in 'One-way ANOVA' 'Levene' 'do = ' '6 trials are done' 'Against the baseline' 'on the test split after each stage' \
  "$(sha256sum <whole.db.runs/trial-2/2-quantize.onnx | cut -d' ' -f1)"; do
  grep -qF "$words" report.html || fail "the report does not say '$words'"
done
grep -qE '(src|href)=|@import|url\(' report.html && fail "the report needs other files"
"$thimble" report whole.db -o report.csv >/dev/null && [ "$(wc -l <report.csv)" = 16 ] || fail "report.csv: $(cat report.csv)"
"$thimble" report whole.db -o report.json >/dev/null && jq -e '.tests[0].anova' report.json >/dev/null || fail "report.json"
expect 1 'no study' "$thimble" report study.toml -o other.html
sed 's/seeds = \[1, 2\]/seeds = [1]/' study.toml >one.toml
expect 0 '3 of 3 trials' "$thimble" study one.toml -o one.db --quiet
"$thimble" report one.db -o one.html >/dev/null
grep -qF 'cannot be had, because each technique has one value (one seed)' one.html || fail "one seed is not explained"

for words in "thimble study study.toml -o whole.db --quiet" "training data own.csv" "test data own.csv" "device nano33ble"; do
  grep -qF "$words" report.html || fail "the report does not say where it comes from: '$words'"
done
"$thimble" --version | grep -qE '^thimble [0-9.]+\+[0-9a-f]{12}$' || fail "the version does not name its sources"

# A network as it is, measured on two devices.
cat >as-is.toml <<'TOML'
name = "as it is"
devices = ["nano33ble", "rp2040"]
seeds = [1]
[[technique]]
name = "as it is"
stage = [{do = "deploy"}, {do = "profile"}]
[[network]]
name = "cnn"
model = "alone/1-train.onnx"
data = ["own.csv"]
TOML
expect 0 '1 of 1 trials' "$thimble" study as-is.toml -o as-is.db --quiet
"$thimble" study as-is.toml -o as-is.db --quiet --json >as-is.json
jq -e '[.trials[0].figures[] | select(.metric == "accuracy" and .value > 0 or .metric == "latency_ms" and .value > 0)] | length == 3' \
  as-is.json >/dev/null || fail "a network as it is was not measured: $(cat as-is.json)"

sed 's/seeds = \[1, 2\]/seeds = [1, 1]/' study.toml >twice.toml
expect 2 'has no network mlp' "$thimble" study study.toml -o whole.db --network mlp
expect 1 '1 twice' "$thimble" study twice.toml -o twice.db
sed 's/input=1x1x4/input=1x1x5/' study.toml >impossible.toml
expect 1 'The cell of cnn and own.csv is impossible' "$thimble" study impossible.toml -o impossible.db
sed '/student/s/classes=2/classes=3/' study.toml >impossible.toml
expect 1 'The cell of taught, cnn and own.csv is impossible' "$thimble" study impossible.toml -o impossible.db
[ ! -e impossible.db ] || fail "an impossible study left a file"
# What a study left behind that lay there before is no trial of this one.
rm one.db
sed 's/epochs = 1, batch/epochs = 2, batch/' one.toml >longer.toml
expect 1 "Remove $(pwd -P)/one.db.runs" "$thimble" study longer.toml -o one.db
expect 0 '3 of 3 trials' "$thimble" study one.toml -o one.db --quiet
# A run goes on with the teachers that it began with.
cp alone/1-train.onnx teacher.onnx
cat >taught.toml <<'TOML'
name = "taught"
model = "zoo:ds-cnn,input=1x1x4,classes=2"
data = "own.csv"
device = "nano33ble"
stage = [{do = "distill", teachers = [{model = "teacher.onnx"}], epochs = 3, batch_size = 32},
  {do = "quantize", method = "qat", teachers = [{model = "teacher.onnx"}], epochs = 1, batch_size = 32, samples = 20}]
TOML
"$thimble" optimize taught.toml -o taught --quiet >/dev/null 2>&1 || fail "a run with a teacher"
[ "$(jq -r .command taught/run.json)" = "thimble optimize taught.toml -o taught --quiet" ] || fail "a run's command is not kept"
cp taught/1-distill.onnx teacher.onnx
rm taught/2-quantize.onnx
expect 1 'with another teacher.onnx, which has changed' "$thimble" optimize taught.toml -o taught
cp alone/1-train.onnx teacher.onnx
expect 0 'done before' "$thimble" optimize taught.toml -o taught
# A device whose latency nobody knows: a trial has its other figures, and the report says why not this one.
sed 's/^title/emulated_board = "microbit"\n&/; s/^\[sources\]/&\nemulated_board = "invented"/' \
  "$source/devices/nano33ble.toml" >board.toml
sed 's|"nano33ble", "rp2040"|"nano33ble", "./board.toml"|' as-is.toml >untimed.toml
expect 0 '1 of 1 trials' "$thimble" study untimed.toml -o untimed.db --quiet
"$thimble" report untimed.db -o untimed.html >/dev/null
grep -q 'latency.*there is no emulated board microbit' untimed.html || fail "the report does not say why a latency is not known"
expect 1 'another recipe' sh -c "sed 's/epochs = 1/epochs = 2/' study.toml >other.toml; '$thimble' study other.toml -o whole.db"
finish
