#!/bin/bash
# Installs the packages of Debian or Ubuntu that Layerlab needs and that are missing here; with --dev, those of its checks too.
# Exit: 0 all there; 3 something is missing and cannot be installed from here (the command to type is printed).
set -u

# package : what proves that it is there (own builds count too)
needs='
gcc             : command -v gcc
libc6-dev       : echo "#include <stdio.h>" | gcc -E -x c -
make            : command -v make
git             : command -v git
unzip           : command -v unzip
pkg-config      : command -v pkg-config
libdnnl-dev     : echo "#include <oneapi/dnnl/dnnl.h>" | gcc -E -x c - && gcc -shared -o /dev/null -ldnnl
libhwloc-dev    : pkg-config --exists hwloc
libjansson-dev  : pkg-config --exists jansson
libpcre2-dev    : pkg-config --exists libpcre2-8
libssl-dev      : pkg-config --exists libcrypto
libutf8proc-dev : pkg-config --exists libutf8proc
libxxhash-dev   : pkg-config --exists libxxhash
gnuplot-nox     : command -v gnuplot
python3-pip     : python3 -m pip --version'
dev_needs='
clang           : command -v clang
libclang-rt-dev : echo "int LLVMFuzzerTestOneInput(void *d, long n) { return 0; }" | clang -fsanitize=fuzzer,address -x c -o /dev/null -
libomp-dev      : echo "int main(void) { return 0; }" | clang -fopenmp -x c -o /dev/null -
g++             : command -v g++
libbenchmark-dev : pkg-config --exists benchmark
clang-format-14 : command -v clang-format-14 || command -v clang-format
shellcheck      : command -v shellcheck'

missing() {
    local package proof
    while IFS=: read -r package proof; do
        [ -n "$package" ] || continue
        # shellcheck disable=SC2086 # unquoted drops the padding
        bash -c "$proof" >/dev/null 2>&1 </dev/null || echo $package
    done <<<"$1"
}

case "${1:-}" in
'') ;;
--dev) needs+=$dev_needs ;;
*)
    echo "usage: tools/deps.sh [--dev]" >&2
    exit 2
    ;;
esac

packages=$(missing "$needs" | tr '\n' ' ')
if [ -z "$packages" ]; then
    echo "deps: all packages are there"
    exit 0
fi
echo "deps: missing: $packages"
if ! command -v apt-get >/dev/null; then
    echo "deps: no apt-get here; install by your system's own means (Debian's names): $packages" >&2
    exit 3
fi
as_root=
if [ "$(id -u)" != 0 ]; then
    if ! sudo -n true 2>/dev/null; then
        echo "deps: not root and no sudo without a password; type: sudo apt-get install -y $packages" >&2
        exit 3
    fi
    as_root="sudo -n"
fi

apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "deps: installing them"
apt update >"$log" 2>&1 || echo "deps: apt-get update failed; trying with the lists at hand" >&2
# Distributions that no longer carry the version we format with have a newer one.
if [[ $packages == *clang-format-14* ]] && ! apt-cache show clang-format-14 >/dev/null 2>&1; then
    packages=${packages/clang-format-14/clang-format}
fi
# shellcheck disable=SC2086 # a list of words
if ! apt install -y --no-install-recommends $packages >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "deps: apt-get could not install: $packages" >&2
    exit 3
fi
still=$(missing "$needs" | tr '\n' ' ')
if [ -n "$still" ]; then
    echo "deps: installed, yet not found: $still" >&2
    exit 3
fi
