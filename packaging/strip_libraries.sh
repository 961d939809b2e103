#!/bin/sh
# Take the symbol tables out of the shared libraries of a frozen folder (Linux): about 100 MB less.
# Libraries in *.libs were patched by their wheels and do not survive it (the OpenBLAS of numpy and scipy), and the
# executables carry their archive at the end.
set -eu

find "$1" -type f -name '*.so*' ! -path '*.libs/*' -exec strip --strip-unneeded {} +

# A console is a matter of Windows: here both executables are the same, so one stands for both (45 MB).
if [ -f "$1/quietbeam-cli" ]; then
    ln -sf quietbeam-cli "$1/Quietbeam"
fi
