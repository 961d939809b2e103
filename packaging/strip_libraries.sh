#!/bin/sh
# Take the symbol tables out of the shared libraries of a frozen folder (Linux): about 100 MB less.
# Libraries in *.libs were patched by their wheels and do not survive it (the OpenBLAS of numpy and scipy), and the
# executables carry their archive at the end.
set -eu

find "$1" -type f -name '*.so*' ! -path '*.libs/*' -exec strip --strip-unneeded {} +
