# Sourced by the tests of the command line: $thimble, $source, a temporary folder as the working one, and checks.
set -u
thimble=$(realpath "$1")
source=$(cd "$2" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# What is killed leaves its temporary files there; a shell that is killed ends by the trap above.
trap 'exit 130' INT
trap 'exit 143' TERM
export TMPDIR="$folder/.tmp"
mkdir "$TMPDIR" && cd "$folder" || exit 1
failures=0

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  failures=$((failures + 1))
}

# expect CODE TEXT COMMAND...: the command exits with CODE and says TEXT on either output.
expect() {
  code=$1
  text=$2
  shift 2
  "$@" >out 2>err </dev/null
  got=$?
  [ "$got" = "$code" ] || fail "exit $got instead of $code: $* ($(cat err))"
  cat out err | tr '\n' ' ' | grep -qF -- "$text" || fail "does not say '$text': $* ($(cat out err))"
}

# wait_for PATH: until it is there, half a minute at most.
wait_for() {
  tries=0
  until [ -e "$1" ] || [ "$tries" = 600 ]; do
    tries=$((tries + 1))
    sleep 0.05
  done
  [ -e "$1" ] || fail "$1 does not come"
}

# has_verb NAME: a build without training lacks some.
has_verb() {
  "$thimble" --help | grep -q "^  $1 "
}

finish() {
  [ "$failures" = 0 ] || exit 1
  exit 0
}
