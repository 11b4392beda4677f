#!/bin/bash
# Boots a virtual machine with chosen NUMA nodes and runs a shell script in it: for what a test machine with one node cannot show.
#
#   tests/vm.sh --nodes 1024:2,1024:2 --script FILE [--seconds N] [--kernel FILE] [--log FILE] [-- FILE...]
#
# --nodes    a node each, MiB:CPUs. 1024:2,256:2 is a machine whose second node is small, 1024:2,1024:0 has a node without CPUs,
#            1024:2,0:2 one without memory. Linux counts those with CPUs first: name those without last, then the numbers agree.
#            What it keeps for itself is missing from the memory that it shows: up to a tenth of a node.
# --script   run by busybox's sh as root in /work, where the FILEs are, executable, by their base names. Programs find the shared
#            libraries that ldd names; what a program opens by itself (plug-ins, data) is there only if it is one of the FILEs.
#            /dev/stdin will do.
# --seconds  how long all of it may take (300). A boot takes some 3 s, one of 32 CPUs 20 s.
# --kernel   what to boot; else ${BUILD:-build}/vm/vmlinuz, which `tools/deps.sh --vm build/vm` fetches (and installs the emulator).
# --log      keeps what the emulator and the kernel said, which is otherwise shown only where the machine failed.
#
# Prints what the script prints, its errors as errors, and exits with its status: 2 also where the options are wrong, 124 where the time
# was up, 125 where the machine could not be made, did not boot or died. All CPUs are emulated, so that every host has the same ones (with
# AVX2, without AVX-512) and nothing in there is a measurement. The FILEs lie in the machine's memory, on any of its nodes.
set -u
usage() {
    echo "vm: $1" >&2
    echo "usage: tests/vm.sh --nodes MiB:CPUS[,MiB:CPUS]... --script FILE [--seconds N] [--kernel FILE] [--log FILE] [-- FILE...]" >&2
    exit 2
}
# broken MESSAGE: no machine, or none any more.
broken() {
    echo "vm: $1" >&2
    exit "${2:-125}"
}

nodes='' script='' seconds=300 kernel=${BUILD:-build}/vm/vmlinuz keep=''
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    [ $# -gt 1 ] || usage "$1 needs a value"
    case $1 in
    --nodes) nodes=$2 ;;
    --script) script=$2 ;;
    --seconds) seconds=$2 ;;
    --kernel) kernel=$2 ;;
    --log) keep=$2 ;;
    *) usage "unknown option $1" ;;
    esac
    shift 2
done
[ $# = 0 ] || shift
[[ $nodes =~ ^[0-9]{1,6}:[0-9]{1,3}(,[0-9]{1,6}:[0-9]{1,3})*$ ]] || usage "--nodes '$nodes': expected MiB:CPUS for each node, as in 1024:2,1024:2"
[[ $seconds =~ ^[1-9][0-9]{0,5}$ ]] || usage "--seconds '$seconds': expected a number of seconds"
for file in "$script" "$@"; do
    if [ ! -r "$file" ] || [ -d "$file" ]; then usage "no file '$file'"; fi
done
twice=$(for file; do basename "$file"; done | sort | uniq -d | head -n 1)
[ -z "$twice" ] || usage "two files are named $twice"

# ---- the machine ----------------------------------------------------------------------------------------------------------------------
# A node without memory must not name any, not even none. A socket is a node where that is possible: a real one crosses no node.
machine=() memory=0 cpus=0 sockets=0 same=''
IFS=, read -ra specs <<<"$nodes"
for id in "${!specs[@]}"; do
    size=$((10#${specs[id]%:*})) count=$((10#${specs[id]#*:})) node=nodeid=$id
    [ $((size + count)) -gt 0 ] || usage "--nodes '$nodes': node $id has neither memory nor CPUs"
    if [ $size -gt 0 ]; then
        machine+=(-object "memory-backend-ram,id=m$id,size=${size}M")
        node+=,memdev=m$id
    fi
    if [ $count -gt 0 ]; then
        node+=,cpus=$cpus-$((cpus + count - 1))
        [ "${same:=$count}" = "$count" ] || same=differs
        sockets=$((sockets + 1))
    fi
    machine+=(-numa "node,$node")
    memory=$((memory + size)) cpus=$((cpus + count))
done
if [ $memory = 0 ] || [ $cpus = 0 ]; then usage "--nodes '$nodes': a machine needs memory and a CPU"; fi
[ "$same" != differs ] || sockets=$cpus
machine+=(-m "${memory}M" -smp "$cpus,sockets=$sockets,cores=$((cpus / sockets)),threads=1")

for program in qemu-system-x86_64 cpio busybox; do
    command -v $program >/dev/null || broken "no $program here; tools/deps.sh --vm build/vm installs it"
done
[ -r "$kernel" ] || broken "no kernel at $kernel; tools/deps.sh --vm build/vm fetches one into build/vm"
# The emulator's own words about such a file say nothing of it.
[ "$(dd if="$kernel" bs=1 skip=514 count=4 2>/dev/null | tr -d '\0')" = HdrS ] || broken "$kernel is no Linux kernel for x86"

folder=$(mktemp -d "${TMPDIR:-/tmp}/layerlab-vm-XXXXXX") || broken "no temporary folder"
emulator=
trap '[ -z "$emulator" ] || kill "$emulator" 2>/dev/null; rm -rf "$folder"' EXIT
trap 'exit 143' TERM HUP
trap 'exit 130' INT

# ---- what it starts from: a folder in memory ------------------------------------------------------------------------------------------
root=$folder/root
# put FILE TO: a copy in there.
put() { cp -L "$1" "$root/$2" || broken "cannot copy $1 to $root"; }
# libraries FILE: those of a program by the names that it asks for, in /lib, and the loader where the program expects it.
libraries() {
    local name arrow path
    [ "$(head -c 4 "$1" | tr -d '\0')" = $'\177ELF' ] || return 0
    while read -r name arrow path _; do
        if [ "$arrow $path" = "=> not" ]; then
            broken "$1 needs $name, which is not here"
        elif [ "$arrow" = "=>" ]; then
            [ -e "$root/lib/$name" ] || put "$path" "lib/$name"
        elif [[ $name == /* && ! -e $root$name ]]; then
            mkdir -p "$root${name%/*}" && put "$name" "$name"
        fi
    done < <(ldd "$1" 2>/dev/null)
}
mkdir -p "$root"/{bin,lib,work,proc,sys,dev,tmp} || broken "cannot make $root"
put "$(command -v busybox)" bin/busybox
put "$script" script
libraries "$root/bin/busybox"
for file; do
    put "$file" "work/$(basename "$file")"
    chmod 755 "$root/work/$(basename "$file")"
    libraries "$file"
done
# The serial ports: 0 the kernel's, 1 the script's output, 2 its errors, 3 its status. They say what they are given, without returns;
# while init holds them open they are kept so, and what they have not sent is sent when it closes them. Port 0 also says when the script starts.
cat >"$root/init" <<'INIT'
#!/bin/busybox sh
export PATH=/bin HOME=/work LD_LIBRARY_PATH=/lib
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm
exec 4>/dev/ttyS1 5>/dev/ttyS2 6>/dev/ttyS3
for port in 1 2 3; do stty -F /dev/ttyS$port raw; done
cd /work
echo 'vm: the script starts'
sh /script </dev/null >&4 2>&5 4>&- 5>&- 6>&-
echo $? >&6
exec 4>&- 5>&- 6>&-
poweroff -f
INIT
chmod 755 "$root/init"
(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0 >"$folder/initramfs") || broken "cannot pack $root"
rm -rf "$root"

# ---- the run --------------------------------------------------------------------------------------------------------------------------
# Two pipes, which stay open here until the emulator has ended, however early: their readers then end too.
out=$folder/out err=$folder/err
mkfifo "$out" "$err" || broken "cannot make pipes in $folder"
exec 3<>"$out" 4<>"$err"
exec 5<"$out" 6<"$err"
cat <&5 3>&- 4>&- 5>&- 6>&- &
readers=$!
cat <&6 >&2 3>&- 4>&- 5>&- 6>&- &
readers+=" $!"
exec 5<&- 6<&-
ports=()
for port in log:0x3f8:4 out:0x2f8:3 err:0x3e8:5 status:0x2e8:7; do # interrupts of their own, which COM3 and COM4 had not
    IFS=: read -r name base irq <<<"$port"
    ports+=(-chardev "file,id=$name,path=$folder/$name" -device "isa-serial,chardev=$name,iobase=$base,irq=$irq")
done
timeout -k 5 "$seconds" qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot -accel tcg,thread=multi -cpu max \
    "${machine[@]}" "${ports[@]}" -kernel "$kernel" -initrd "$folder/initramfs" \
    -append "console=ttyS0 rootfstype=ramfs panic=-1 mitigations=off random.trust_cpu=on 8250.nr_uarts=4" \
    </dev/null >"$folder/emulator" 2>&1 3>&- 4>&- &
emulator=$!
wait $emulator
ended=$?
emulator=
exec 3>&- 4>&-
# shellcheck disable=SC2086 # a list of words
wait $readers
[ -z "$keep" ] || cat "$folder/log" "$folder/emulator" >"$keep"
status=$(cat "$folder/status" 2>/dev/null)
[[ ! $status =~ ^[0-9]+$ ]] || exit "$status"

what="the script" from='1,/^vm: the script starts/d'
grep -qa '^vm: the script starts' "$folder/log" 2>/dev/null || what="the boot" from=
{ sed "$from" "$folder/log" && cat "$folder/emulator"; } 2>/dev/null | tail -n 80 | tr -d '\r' | sed 's/^/  /' >&2
case $ended in
124 | 137) broken "$what was not done within $seconds s" 124 ;;
0) broken "the machine stopped before $what was done" ;;
*) broken "the emulator failed (exit $ended): $(tail -n 1 "$folder/emulator")" ;;
esac
