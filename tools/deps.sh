#!/bin/bash
# Installs the packages of Debian or Ubuntu that Layerlab needs and that are missing here; with --dev, those of its checks too;
# with --aarch64 DIR, the cross compiler and the emulator for `make aarch64`, and in DIR the libraries for 64-bit ARM, which are
# only unpacked there: the system itself takes in no foreign architecture. With --vm DIR, only the emulator for tests/vm.sh, and in DIR
# the kernel that it boots (DIR/vmlinuz), unpacked and not installed. DIR is made, or was made so before. With --slurm, only the Slurm
# that tests/test_slurm.sh starts.
# Exit: 0 all there; 2 usage; 3 something is missing and cannot be installed from here (the command to type is printed).
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
shellcheck      : command -v shellcheck
libxml2-utils   : command -v xmllint'
aarch64_needs='
gcc-aarch64-linux-gnu : command -v aarch64-linux-gnu-gcc
libc6-dev-arm64-cross : echo "#include <stdio.h>" | aarch64-linux-gnu-gcc -E -x c -
qemu-user-static      : command -v qemu-aarch64-static'
vm_needs='
qemu-system-x86 : command -v qemu-system-x86_64
busybox-static  : command -v busybox
cpio            : command -v cpio'
slurm_needs='
slurm-wlm       : command -v slurmctld && command -v slurmd && command -v sbatch
munge           : command -v munged
util-linux      : command -v setpriv'

missing() {
    local package proof
    while IFS=: read -r package proof; do
        [ -n "$package" ] || continue
        # shellcheck disable=SC2086 # unquoted drops the padding
        bash -c "$proof" >/dev/null 2>&1 </dev/null || echo $package
    done <<<"$1"
}

# apart ARCHITECTURE COMMAND...: apt-get or apt-cache whose lists, packages and idea of what is installed (nothing) are files below $new:
# no root is needed.
apart() {
    "$2" -qq -o APT::Architecture="$1" -o APT::Architectures="$1" -o APT::Sandbox::User= -o Dir::State="$new/apt" \
        -o Dir::State::status="$new/apt/status" -o Dir::Cache="$new/apt" "${@:3}" </dev/null
}
apt_arm64() { apart arm64 apt-get "${arm64_sources[@]}" "$@"; }
# A folder beside $root that takes its place when all is in it.
start_new() {
    mkdir -p "$(dirname "$root")" && new=$(mktemp -d "$root.XXXXXX") && chmod 755 "$new" &&
        mkdir -p "$new/apt/lists/partial" "$new/apt/archives/partial" && touch "$new/apt/status"
}
# What is removed is only what an earlier call made.
finish_new() { rm -rf "$new/apt" "$root" && echo "$holds" >"$new/$mark" && mv "$new" "$root"; }

# Ubuntu keeps ARM on another server than the architectures that most people have.
find_arm64_sources() {
    arm64_sources=()
    grep -q '^ID=ubuntu' /etc/os-release && [ "$(dpkg --print-architecture)" != arm64 ] || return 0
    local codename
    codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    printf 'deb http://ports.ubuntu.com/ubuntu-ports %s main universe\n' "$codename" "$codename-updates" >"$new/apt/sources.list"
    arm64_sources=(-o Dir::Etc::sourcelist="$new/apt/sources.list" -o Dir::Etc::sourceparts=-)
}

# The libraries of $needs, with all that they need, unpacked into $root.
unpack_arm64() {
    local package
    start_new || return
    find_arm64_sources
    apt_arm64 update || echo "apt-get update failed; trying with what it has"
    # shellcheck disable=SC2086 # a list of words
    apt_arm64 --no-install-recommends --download-only -y install $arm64_libraries || return
    for package in "$new"/apt/archives/*.deb; do
        dpkg-deb -x "$package" "$new" || return
    done
    [ -e "$new/lib" ] || ln -s usr/lib "$new/lib" || return # where /lib is a link of another package's
    finish_new
}

# The kernel that Debian or Ubuntu make for virtual machines (what a machine of theirs has is built in, so that it needs no modules): the
# package without a version names the one that holds it.
unpack_kernel() {
    local name real=
    start_new || return
    apart amd64 apt-get update || echo "apt-get update failed; trying with what it has"
    for name in linux-image-cloud-amd64 linux-image-virtual; do
        [ -n "$real" ] || real=$(apart amd64 apt-cache depends "$name" | sed -n 's/^[ |]*Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
    done
    [ -n "$real" ] || { echo "apt-cache knows no linux-image-cloud-amd64 and no linux-image-virtual"; return 1; }
    (cd "$new/apt" && apart amd64 apt-get download "$real") && dpkg -x "$new/apt/$real"_*.deb "$new/apt/root" &&
        mv "$new"/apt/root/boot/vmlinuz-* "$new/vmlinuz" && finish_new
}

root=
arm64_libraries=$(sed -n 's/^\(lib[a-z0-9.-]*-dev\) .*/\1/p' <<<"$needs")
case "$#:${1:-}" in
0:) ;;
1:--dev) needs+=$dev_needs ;;
1:--slurm) needs=$slurm_needs ;;
2:--aarch64)
    root=$(realpath -m "$2") mark=layerlab-libraries what="ARM's libraries" holds=$arm64_libraries
    needs+=$aarch64_needs
    ;;
2:--vm)
    root=$(realpath -m "$2") mark=layerlab-kernel what="a kernel for virtual machines" holds=vmlinuz
    needs=$vm_needs
    ;;
*)
    echo "usage: tools/deps.sh [--dev | --slurm | --aarch64 DIR | --vm DIR]" >&2
    exit 2
    ;;
esac
if [ -n "$root" ] && [ -e "$root" ] && [ ! -f "$root/$mark" ]; then
    echo "deps: $root is there, and not made by this script; name a folder that is not there" >&2
    exit 2
fi
if [ "${1:-}" = --vm ] && [ "$(uname -m)" != x86_64 ]; then
    echo "deps: the virtual machine is one of x86-64 and runs this machine's programs; this is $(uname -m)" >&2
    exit 3
fi

unpack() { if [ "$mark" = layerlab-kernel ]; then unpack_kernel; else unpack_arm64; fi; }
finish() {
    if [ -n "$root" ] && [ "$(cat "$root/$mark" 2>/dev/null)" != "$holds" ]; then
        echo "deps: fetching $what into $root"
        unpack >"$log" 2>&1 || {
            tail -n 20 "$log" >&2
            echo "deps: $what could not be fetched" >&2
            exit 3
        }
    fi
    echo "deps: all packages are there"
    exit 0
}
log=$(mktemp)
new=
trap 'rm -f "$log"; [ -z "$new" ] || rm -rf "$new"' EXIT

packages=$(missing "$needs" | tr '\n' ' ')
[ -n "$packages" ] || finish
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
finish
