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
[[network]]
name = "cnn"
model = "zoo:ds-cnn,input=1x1x4,classes=2"
data = ["own.csv"]
train = {epochs = 1, batch_size = 32}
TOML

expect 0 '4 of 4 trials' "$thimble" study study.toml -o whole.db --quiet
"$thimble" study study.toml -o pieces.db --quiet >/dev/null 2>&1 &
sleep 0.4
kill -9 $! 2>/dev/null
wait $! 2>/dev/null
expect 0 '4 of 4 trials' "$thimble" study study.toml -o pieces.db --workers 2 --quiet
for name in whole pieces; do
  "$thimble" study study.toml -o $name.db --json --quiet | jq 'del(.output)' >$name.json
done
cmp whole.json pieces.json || fail "a study that was killed ends with other results"
[ "$(jq '[.trials[].figures[] | select(.metric == "accuracy" and .value > 0)] | length' whole.json)" = 4 ] ||
  fail "not every trial has an accuracy"

"$thimble" report whole.db -o report.html >/dev/null || fail "no report"
for words in 'One-way ANOVA' 'Levene' 'do = ' '4 trials are done'; do
  grep -qF "$words" report.html || fail "the report does not say '$words'"
done
grep -qE '(src|href)=|@import|url\(' report.html && fail "the report needs other files"
"$thimble" report whole.db -o report.csv >/dev/null && [ "$(wc -l <report.csv)" = 11 ] || fail "report.csv: $(cat report.csv)"
"$thimble" report whole.db -o report.json >/dev/null && jq -e '.tests[0].anova' report.json >/dev/null || fail "report.json"
expect 1 'no study' "$thimble" report study.toml -o other.html
sed 's/seeds = \[1, 2\]/seeds = [1]/' study.toml >one.toml
expect 0 '2 of 2 trials' "$thimble" study one.toml -o one.db --quiet
"$thimble" report one.db -o one.html >/dev/null
grep -qF 'cannot be had, because each technique has one value (one seed)' one.html || fail "one seed is not explained"

sed 's/seeds = \[1, 2\]/seeds = [1, 1]/' study.toml >twice.toml
expect 1 '1 twice' "$thimble" study twice.toml -o twice.db
sed 's/input=1x1x4/input=1x1x5/' study.toml >impossible.toml
expect 1 'The cell of cnn and own.csv is impossible' "$thimble" study impossible.toml -o impossible.db
[ ! -e impossible.db ] || fail "an impossible study left a file"
expect 1 'another recipe' sh -c "sed 's/epochs = 1/epochs = 2/' study.toml >other.toml; '$thimble' study other.toml -o whole.db"
finish
