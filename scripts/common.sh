# Sourced by the other scripts: set-up steps that are quiet, show what they do and can be run again at no cost.

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1
mkdir -p build
log="$root/build/setup.log"

packages="g++ cmake make ninja-build git ca-certificates
  libtorch-dev libopenblas0-pthread libonnx-dev libprotobuf-dev protobuf-compiler
  libflatbuffers-dev flatbuffers-compiler
  libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libfmt-dev libssl-dev zlib1g-dev
  libboost-math-dev libeigen3-dev libsqlite3-dev libarchive-dev libcurl4-openssl-dev libpng-dev libjpeg62-turbo-dev libgtest-dev librapidcheck-dev libbenchmark-dev
  gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm npm"

# To compile for and emulate RISC-V, Xtensa and AArch64 too; the tests need them.
more_targets="gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf gcc-xtensa-lx106 picolibc-xtensa-lx106-elf
  qemu-system-misc gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# step TEXT COMMAND...: runs the command into the log and prints one line for it; on failure, the log's end.
step() {
  text=$1
  shift
  printf '%-58s' "$text"
  begin=$(date +%s)
  printf '\n== %s\n' "$text" >>"$log"
  if "$@" >>"$log" 2>&1; then
    printf ' %4d s\n' $(($(date +%s) - begin))
  else
    printf ' failed\n\n'
    tail -n 30 "$log" >&2
    die "
The step \"$text\" failed; the whole log is $log."
  fi
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

# install_missing PACKAGE...: Debian's packages that are not there yet.
install_missing() {
  missing=
  for package in "$@"; do
    # npm also comes with other distributions of Node.js.
    [ "$package" = npm ] && command -v npm >/dev/null && continue
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
  done
  [ -z "$missing" ] && return
  command -v apt-get >/dev/null ||
    die "These Debian packages are missing and there is no apt-get to install them:$missing"
  step "Refresh Debian's package lists" as_root apt-get update
  # shellcheck disable=SC2086
  step "Install$(printf '%s' "$missing" | wc -w | sed 's/^ */ /') Debian packages" \
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
}

# build PRESET [TARGET...]
build() {
  preset=$1
  shift
  step "Configure ($preset)" cmake --preset "$preset"
  if [ $# -gt 0 ]; then
    step "Build ($preset)" cmake --build --preset "$preset" --target "$@"
  else
    step "Build ($preset)" cmake --build --preset "$preset"
  fi
}

# Data sets that are beside the project are used where they are; elsewhere they are fetched into the user's cache.
if [ -z "${THIMBLE_DATA:-}" ] && [ -d "$root/../shared/data" ]; then
  THIMBLE_DATA=$(cd "$root/../shared/data" && pwd)
  export THIMBLE_DATA
fi
