#!/bin/sh
# Makes the golden files anew (valgrind and rustc needed); numbers in tests change with the compiler.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for side in base head; do
    cfg=""
    [ $side = head ] && cfg="--cfg slow"
    rustc --edition 2024 -O -C debuginfo=1 --check-cfg 'cfg(slow)' --remap-path-prefix="$here"=/repo $cfg \
        "$here/toy.rs" -o "$work/toy"
    (cd "$work" && env -i PATH="$PATH" \
        GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512F,-AVX2,-AVX2_Usable,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM \
        valgrind -q --tool=callgrind --demangle=no --vgdb=no --cache-sim=no --combine-dumps=yes \
        --callgrind-out-file=out --dump-before=golden_mark --toggle-collect=golden_work \
        --separate-callers=7 --separate-recs=8 --dump-instr=yes ./toy)
    sed -e "s|$work|/fixed|" "$work/out" >"$here/$side.callgrind"
done
