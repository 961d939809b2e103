#!/bin/sh
# Take the symbol tables out of the shared libraries of a frozen folder (Linux): about 100 MB less.
# The OpenBLAS of numpy.libs does not survive it, and the executables carry their archive at the end.
set -eu

find "$1" -type f -name '*.so*' ! -path '*/numpy.libs/*' -exec strip --strip-unneeded {} +
