#!/bin/sh
# Every page of help fits 80 columns and ends with an example; --json prints one JSON document and nothing else.
. "$(dirname "$0")/common.sh"

pages=":
data:list
data:get
data:show
zoo:list
zoo:show
devices:list
devices:show
devices:calibrate
check:
deploy:
verify:
profile:
run:
convert:"
has_verb optimize && pages="$pages
optimize:
train:
evaluate:
prune:
distill:
redesign:
quantize:
study:
search:
report:"
for page in $pages; do
  "$thimble" $(printf '%s' "$page" | tr ':' ' ') --help >page || fail "no help for $page"
  awk 'length > 80 { exit 1 }' page || fail "the help of '$page' is wider than 80 columns"
  awk '/^[^ ]/ { last = $0; after = 0; next } { ++after } END { exit !(last == "Example:" && after >= 1 && after <= 2) }' page ||
    fail "the help of '$page' does not end with an example"
  [ "$(wc -l <page)" -le 40 ] || fail "the help of '$page' does not fit a screen"
done

for command in "data list" "zoo list" "zoo show mnist-cnn" "devices list" "devices show nano33ble"; do
  # shellcheck disable=SC2086
  "$thimble" $command --json | jq -e . >/dev/null || fail "$command --json is not one JSON document"
done
expect 2 'there is no verb "prain"' "$thimble" prain
if has_verb optimize; then
  expect 2 'RECIPE is required' "$thimble" optimize
else
  expect 2 'there is no verb "optimize"' "$thimble" optimize
  "$thimble" --help | grep -q 'thimble optimize' && fail "the help has an example of a verb that is not there"
fi
expect 2 '--help' "$thimble" zoo show
finish
