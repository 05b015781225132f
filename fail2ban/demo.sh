#!/bin/sh
# SPDX-License-Identifier: MIT
#
# demo.sh - show iprep at work with real programs
#
#   sudo sh fail2ban/demo.sh
#
# Builds iprep, and starts rbldnsd, an AbuseIPDB emulator, fail2ban with the shipped
# files, the same fail2ban without them, and nftables, all in separate network
# namespaces. It writes real log lines, makes real TCP connections, and prints for
# each address what was seen, the evidence, the verdict and the ban. Exits with 0 if
# every check passed.
#
# The demo changes nothing on this host except for the packages that it installs
# with apt: a compiler, libraries, tools. fail2ban, rbldnsd and nft are only unpacked
# in the directory of the demo, which is deleted at the end.

set -eu
umask 022
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C DEBIAN_FRONTEND=noninteractive

tree=$(cd "$(dirname "$0")/.." && pwd)
tools="gcc cmake make pkg-config libc6-dev libcurl4-openssl-dev libcjson-dev
libc-ares-dev libsqlite3-dev python3 iproute2 strace openssl
ca-certificates netbase"

usage() {
	cat <<END
Usage: sh fail2ban/demo.sh [OPTION]...   (as root, on Debian 12 or newer)
  --keep           keep the directory and print its path
  --verbose        show every step
  --no-apt         install nothing, do not update the package lists
  --prefix DIR     do not build: use the programs in DIR/bin
  --packages DIR   unpack fail2ban, rbldnsd and nft into DIR and keep them there;
                   packages unpacked by an earlier run are used again
  -h, --help       print this text and exit
END
}

die() {
	status=$1
	shift
	echo "demo: $*" >&2
	exit "$status"
}

say() {
	echo "demo: $*"
}

# loud COMMAND...: run COMMAND; with --verbose its output goes to the terminal,
# otherwise to setup.log, whose end is shown if the command fails.
loud() {
	if [ "$verbose" ]; then
		"$@" || die 1 "failed with status $?: $*"
		return
	fi
	"$@" >>"$dir/setup.log" 2>&1 && return
	status=$?
	tail -n 25 "$dir/setup.log" >&2
	die 1 "failed with status $status: $*"
}

absolute() {
	case $1 in
	/*) echo "$1" ;;
	*) echo "$PWD/$1" ;;
	esac
}

missing_tools() {
	for package in $tools; do
		state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=
		[ "$state" = installed ] || echo "$package"
	done
}

install_tools() {
	say "updating the package lists"
	loud apt-get -q update
	missing=$(missing_tools)
	[ "$missing" ] || return 0
	# One word per package.
	# shellcheck disable=SC2086
	say installing $missing
	# shellcheck disable=SC2086
	loud apt-get -q -y --no-install-recommends install $missing
}

build() {
	say "building"
	loud cmake -S "$tree" -B "$dir/build" -DBUILD_TESTING=OFF \
		-DCMAKE_BUILD_TYPE=RelWithDebInfo \
		-DCMAKE_INSTALL_PREFIX="$dir/usr" -DCMAKE_INSTALL_LIBDIR=lib \
		-DCMAKE_INSTALL_RPATH="$dir/usr/lib"
	loud cmake --build "$dir/build" --parallel 2
	loud cmake --install "$dir/build"
}

# demo.py removes its namespaces on its own. This is needed if it was killed. No other
# program uses these names, so every process inside belongs to the demo.
# shellcheck disable=SC2317 # reached through the trap
remove_namespaces() {
	for space in world host plain; do
		[ -e "/run/netns/$name-$space" ] || continue
		for pid in $(ip netns pids "$name-$space"); do
			kill -KILL "$pid" 2>/dev/null || :
		done
		ip netns delete "$name-$space" || :
	done
}

# shellcheck disable=SC2317 # the trap
clean_up() {
	status=$?
	trap '' INT TERM HUP
	if [ "$child" ]; then
		kill -TERM "$child" 2>/dev/null || :
		wait "$child" || :
	fi
	remove_namespaces
	if [ "$keep" ]; then
		say "kept: $dir"
	else
		rm -rf "$dir"
	fi
	exit "$status"
}

keep='' verbose='' apt=yes prefix='' packages='' child=''
while [ $# -gt 0 ]; do
	case $1 in
	--keep) keep=yes ;;
	--verbose) verbose=--verbose ;;
	--no-apt) apt='' ;;
	--prefix | --packages)
		[ $# -gt 1 ] || die 64 "$1 needs a directory"
		case $1 in
		--prefix) prefix=$(absolute "$2") ;;
		*) packages=$(absolute "$2") ;;
		esac
		shift
		;;
	-h | --help)
		usage
		exit 0
		;;
	*)
		usage >&2
		die 64 "unknown option: $1"
		;;
	esac
	shift
done

[ "$(id -u)" -eq 0 ] || die 77 "root privileges are required for network namespaces; run: sudo sh $0"
# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "${ID-} ${VERSION_ID-}")
case $release in
"debian "[1-9] | "debian 1"[01])
	die 69 "Debian ${release#debian } is too old: no fail2ban 1.0 and c-ares 1.18; use Debian 12 or newer" ;;
esac
[ -z "$prefix" ] || [ -x "$prefix/bin/rep-check" ] ||
	die 64 "--prefix $prefix: bin/rep-check not found"

dir=$(mktemp -d /var/tmp/iprep-demo.XXXXXXXX)
chmod 0755 "$dir"
name=iprep$$
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

[ -z "$apt" ] || install_tools
[ "$prefix" ] || build
mkdir -m 0755 "$dir/stage"

say "running (fail2ban, rbldnsd and nft are unpacked, not installed)"
# In the background, so that this shell handles a signal immediately.
/usr/bin/python3 "$tree/tests/host/demo.py" --name "$name" --dir "$dir/stage" \
	--prefix "${prefix:-$dir/usr}" \
	--packages "${packages:-$dir/packages}" ${verbose:+"$verbose"} &
child=$!
wait "$child" && status=0 || status=$?
child=''
exit "$status"
