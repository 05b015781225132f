#!/bin/sh
# SPDX-License-Identifier: MIT
#
# build.sh - build look.c against an installed libiprep, as a user of it would: with find_package() and with
# pkg-config, as C and as C++. Nothing of the project is used but look.c and what is installed.
#
#   build.sh [--prefix DIR] [--sysroot DIR] [--source FILE] WORK
#
# --prefix (/usr) is where it was installed; --sysroot a directory that holds that prefix, such as a root
# file system or a DESTDIR; --source another program instead of look.c. Leaves look-cmake, look-cmake-c++,
# look-pkg and look-pkg-c++ in WORK.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
prefix=/usr sysroot="" source=$here/look.c
usage() {
	echo "usage: build.sh [--prefix DIR] [--sysroot DIR] [--source FILE] WORK" >&2
	exit 64
}
while [ $# -gt 1 ]; do
	case $1 in
	--prefix) prefix=$2 ;;
	--sysroot) sysroot=${2%/} ;;
	--source) source=$2 ;;
	*) usage ;;
	esac
	shift 2
done
[ $# -eq 1 ] || usage
case $1 in
/*) work=$1 ;;
*) usage ;;
esac
cc=${CC:-cc} cxx=${CXX:-c++}
mkdir -p "$work/user"
cp "$source" "$work/user/look.c"
cp "$here/CMakeLists.txt" "$work/user"                   # out of the project's tree

with_cmake() {
	cmake -S "$work/user" -B "$work/build" -DCMAKE_PREFIX_PATH="$sysroot$prefix" && cmake --build "$work/build"
}
if ! with_cmake >"$work/cmake.log" 2>&1; then
	cat "$work/cmake.log"
	exit 1
fi
grep -q "^iprep_DIR:PATH=$sysroot$prefix/" "$work/build/CMakeCache.txt" || {
	echo "build.sh: find_package() found another iprep: $(grep ^iprep_DIR "$work/build/CMakeCache.txt")" >&2
	exit 1
}
cp "$work/build/look-cmake" "$work/build/look-cmake-c++" "$work"

# A prefix that is not searched automatically must be given.
if [ "$sysroot$prefix" != /usr ]; then
	found=$(find "$sysroot$prefix" -name iprep.pc)
	[ -n "$found" ] || { echo "build.sh: no iprep.pc below $sysroot$prefix" >&2; exit 1; }
	PKG_CONFIG_PATH=$(dirname "$found")
	export PKG_CONFIG_PATH
fi
[ -z "$sysroot" ] || export PKG_CONFIG_SYSROOT_DIR="$sysroot"
flags=$(pkg-config --cflags iprep)
libs=$(pkg-config --libs iprep)
dir=$(pkg-config --variable=libdir iprep)
case $dir in
"$sysroot"/*) ;;
*) dir=$sysroot$dir ;;
esac
for lib in $libs; do                       # what it uses itself is not its users' affair
	case $lib in
	-liprep | -L*) ;;
	*) echo "build.sh: pkg-config --libs iprep says $lib, too" >&2; exit 1 ;;
	esac
done
# shellcheck disable=SC2086
"$cc" -std=c11 -Wall -Wextra -Werror $flags "$work/user/look.c" $libs -Wl,-rpath,"$dir" -o "$work/look-pkg"
# shellcheck disable=SC2086
"$cxx" -x c++ -std=c++17 -Wall -Wextra -Werror $flags "$work/user/look.c" -x none $libs -Wl,-rpath,"$dir" \
	-o "$work/look-pkg-c++"
