#!/bin/sh
# Installs what is missing, builds, and runs every test: the format, the release build, and the sanitizers.
# Usage: sh scripts/test.sh [--full]     --full adds clang-tidy and the tests that take longer
set -eu
. "$(dirname "$0")/common.sh"

full=no
case "${1:-}" in
  "") ;;
  --full) full=yes ;;
  *) die "usage: sh scripts/test.sh [--full]" ;;
esac

# shellcheck disable=SC2086
install_missing $packages $more_targets clang-format clang-tidy cppcheck jq
if [ -z "${THIMBLE_REFERENCE:-}" ] && [ -d "$root/../shared/reference" ]; then
  THIMBLE_REFERENCE=$(cd "$root/../shared/reference" && pwd)
  export THIMBLE_REFERENCE
fi

check_format() {
  git ls-files -z '*.h' '*.cpp' '*.c' >build/files && xargs -0r clang-format --dry-run --Werror <build/files
}
check_tidy() {
  git ls-files -z 'src/*.cpp' >build/files && xargs -0r -a build/files -P "$(nproc)" -n 4 clang-tidy -p build/release --quiet
}
step "Check the format" check_format
build release
[ "$full" = no ] || step "Check with clang-tidy" check_tidy
build asan

# The runtimes that our files are compared in. The tests fail, and say why, where these could not be installed.
install_runtime() {
  mkdir -p "$root/build/node/$1"
  cp "tests/formats/$1/package.json" "tests/formats/$1/package-lock.json" "$root/build/node/$1/"
  cmp -s "tests/formats/$1/package-lock.json" "$root/build/node/$1/installed" && return
  (cd "$root/build/node/$1" && npm ci --ignore-scripts --no-audit --no-fund) || return
  cp "tests/formats/$1/package-lock.json" "$root/build/node/$1/installed"
}
for runtime in onnxruntime tflite_runtime litert; do
  printf '%-58s' "Install $runtime"
  install_runtime "$runtime" >>"$log" 2>&1 && echo ' done' || echo " failed: see $log; its tests will fail"
done
export THIMBLE_ONNXRUNTIME="$root/build/node/onnxruntime" THIMBLE_TFLITE_RUNTIME="$root/build/node/tflite_runtime" \
  THIMBLE_LITERT="$root/build/node/litert"

jobs=$(nproc)
status=0
if [ "$full" = yes ]; then
  export THIMBLE_FULL_TESTS=1
fi
printf '\nTests, release build\n'
ctest --test-dir build/release -j "$jobs" --output-on-failure --progress --no-tests=error || status=1
printf '\nTests under AddressSanitizer and UBSan\n'
# libtorch's thread pools and caches live until the process ends: their memory is not a leak.
ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
  ctest --test-dir build/asan -j "$jobs" --output-on-failure --progress --no-tests=error || status=1
# An entry there holds many cases, and passes with those that skipped: they are listed here.
skipped=$(sed -n '/: Skipped$/{n;p;}' build/asan/Testing/Temporary/LastTest.log | sort | uniq -c)
[ -z "$skipped" ] || printf '\nCases that were skipped under the sanitizers, and why:\n%s\n' "$skipped"
exit $status
