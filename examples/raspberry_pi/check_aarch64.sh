#!/usr/bin/env bash
# Runs the core of the test suite, then a paper, on an emulated 64-bit ARM processor, and compares
# the paper's summary with this machine's.
#
#     examples/raspberry_pi/check_aarch64.sh CACHE [PDF]
#
# CACHE is a folder for a small Debian (700 MB), which is made once; as root, on Debian or Ubuntu.
# Environment: CPU=cortex-a76 (a Raspberry Pi 5; cortex-a72: a Pi 4), PAGES=1-10, PYTHON=python3 (with
# edgehybrid installed and pip), TESTS="tests/... tests/..." (TESTS= for none).
set -euo pipefail

cache=${1:?usage: check_aarch64.sh CACHE [PDF]}
pdf=${2:-}
cpu=${CPU:-cortex-a76}
pages=${PAGES:-1-10}
python=${PYTHON:-python3}
tests=${TESTS-tests/kernels/test_conv.py tests/kernels/test_ssd.py tests/kernels/test_dense.py
    tests/kernels/test_attention.py tests/kernels/test_norm.py tests/kernels/test_elementary.py
    tests/kernels/test_program.py tests/kernels/test_routing.py tests/test_stream.py
    tests/test_summarize.py tests/test_bundle.py tests/test_features.py
    tests/documents/test_text.py tests/documents/test_pdf_reading.py}
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)

fail() {
    echo "check_aarch64.sh: $1" >&2
    exit 2
}

[ "$(id -u)" = 0 ] || fail "must be run by root: it makes a file system and mounts"
for command in debootstrap qemu-aarch64-static unshare; do
    command -v "$command" >/dev/null \
        || fail "$command is missing: apt-get install debootstrap qemu-user-static util-linux"
done
"$python" -c "import edgehybrid, pip" || fail "$python has no edgehybrid or no pip: set PYTHON"
[ -z "$pdf" ] || [ -r "$pdf" ] || fail "$pdf cannot be read"
# What Linux tells of the processor, which is where LLVM takes its name and features from.
case $cpu in
    cortex-a72) part=0xd08 features="fp asimd evtstrm crc32 cpuid" ;;
    cortex-a76) part=0xd0b features="fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp \
asimdhp cpuid asimdrdm lrcpc dcpop asimddp" ;;
    *) fail "CPU is $cpu, expected cortex-a72 or cortex-a76" ;;
esac

# Mounts are made in a namespace of our own, and go with it.
if [ "${1:-}" != "" ] && [ -z "${IN_NAMESPACE:-}" ]; then
    IN_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$@"
fi

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
root=$cache/rootfs

# Programs for ARM are handed to qemu by the kernel, child processes too. F: qemu is opened now, so
# that it need not lie in the new file system.
binfmt=/proc/sys/fs/binfmt_misc
[ -e "$binfmt/register" ] || mount -t binfmt_misc binfmt_misc "$binfmt" \
    || fail "the kernel has no binfmt_misc"
if [ ! -e "$binfmt/qemu-aarch64" ]; then
    magic='\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
    mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
    printf '%s' ":qemu-aarch64:M::$magic:$mask:$(command -v qemu-aarch64-static):OCF" \
        >"$binfmt/register" || fail "binfmt_misc does not take qemu"
fi

if [ ! -e "$root/made" ]; then
    echo "making Debian 12 for arm64 in $root (some 8 minutes)" >&2
    rm -rf "$root"
    debootstrap --arch=arm64 --foreign --variant=minbase --include=python3 bookworm "$root" >&2
    chroot "$root" /debootstrap/debootstrap --second-stage >&2
    touch "$root/made"
fi

echo "installing wheels for aarch64" >&2
platforms=(--platform manylinux2014_aarch64)
for minor in $(seq 17 36); do platforms+=(--platform "manylinux_2_${minor}_aarch64"); done
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
"$python" -m pip wheel --quiet --no-deps --wheel-dir "$wheels" "$repository"
rm -rf "$root/opt/site"
"$python" -m pip install --quiet --target "$root/opt/site" "${platforms[@]}" \
    --python-version 3.11 --implementation cp --only-binary=:all: \
    "$wheels"/edgehybrid-*.whl pytest hypothesis onnx 2>&1 | grep -v '^WARNING' >&2 || true
[ -d "$root/opt/site/edgehybrid" ] || fail "pip could not install the wheels for aarch64"

# The tests, without the sources: what is tested is what the wheel installed.
rm -rf "$root/src"
mkdir -p "$root/src"
(cd "$repository" && tar -c --exclude=node_modules tests examples pyproject.toml README.md) | tar -x -C "$root/src"

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount --rbind /dev "$root/dev"
{
    for core in 0 1 2 3; do
        printf 'processor\t: %s\nBogoMIPS\t: 108.00\nFeatures\t: %s\n' "$core" "$features"
        printf 'CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\n'
        printf 'CPU part\t: %s\nCPU revision\t: 1\n\n' "$part"
    done
} >"$cache/cpuinfo"
mount --bind "$cache/cpuinfo" "$root/proc/cpuinfo"

emulated() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 QEMU_CPU="$cpu" \
        PYTHONPATH=/opt/site NUMBA_CACHE_DIR="/var/cache/numba-$cpu" chroot "$root" "$@"
}

emulated python3 -c "
import platform
from edgehybrid_kernels import jit
from edgehybrid_kernels.dense import dots
_, cpu, features = jit.target()
print(platform.machine(), cpu, features, 'sdot' if dots.IS_FAST else 'no sdot', flush=True)"

status=0
if [ -n "$pdf" ]; then
    cp "$pdf" "$root/tmp/paper.pdf"
    question=(summarize /tmp/paper.pdf --pages "$pages" --words 200 --format json)
    emulated python3 -m edgehybrid "${question[@]}" >"$cache/aarch64.json"
    question[1]=$pdf
    "$python" -m edgehybrid "${question[@]}" >"$cache/here.json"
    "$python" - "$cache/aarch64.json" "$cache/here.json" <<'COMPARE' || status=1
import json, platform, sys
there, here = (json.load(open(path))["points"] for path in sys.argv[1:])
same = [(x["text"], x["page"]) for x in there] == [(x["text"], x["page"]) for x in here]
by_text = {x["text"]: x["score"] for x in here}
apart = [abs(x["score"] - by_text[x["text"]]) for x in there if x["text"] in by_text]
print(f"{len(there)} sentences on aarch64, {len(here)} on {platform.machine()}:", end=" ")
print("identical" if same else "DIFFERENT", f"(scores differ by at most {max(apart, default=0):.4f})")
sys.exit(not same)
COMPARE
fi

# Each file in a process of its own, so that one that ends badly does not hide the others.
for test in $tests; do
    log=$cache/$(basename "$test").log
    code=0
    # Hypothesis calls an emulated machine's inputs too slow, unless told.
    emulated sh -c "cd /src && exec python3 -m pytest -q -p no:cacheprovider \
        --hypothesis-profile=ci $test" >"$log" 2>&1 || code=$?
    printf '%-40s %s\n' "$test" "$(tail -n 1 "$log")"
    [ "$code" = 0 ] || [ "$code" = 5 ] || status=1 # 5: all were skipped
done
exit $status
