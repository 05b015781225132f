#!/bin/sh
# SPDX-License-Identifier: MIT
#
# release.sh - run a command in a root directory with another Debian release
#
#   sudo sh tests/release.sh RELEASE [COMMAND [ARGUMENT]...]
#
# RELEASE is a code name: bookworm, trixie, forky. The root is created with debootstrap on first use, and
# kept in IPREP_ROOTS (default: /var/cache/iprep-tests). RELEASE can also be the path of such a root.
# Without a command only the root is created. The command runs in this tree, which is mounted read-only at
# the same path as outside.
#
# The command runs as if on a separate machine: pivot_root instead of chroot, separate processes, mounts, host
# name, IPC and cgroups, an empty /run and /tmp, and /sys and /dev of this machine. The network and apt's mirror
# and proxy are those of this machine. When the command ends, all its processes are killed.
#
# IPREP_BIND: further directories to mount writable at the same path, separated by blanks.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
top=$(cd "$(dirname "$0")/.." && pwd)
roots=${IPREP_ROOTS:-/var/cache/iprep-tests}

die() {
	status=$1
	shift
	echo "tests/release.sh: $*" >&2
	exit "$status"
}

# The mirror that apt uses on this machine; security updates have a separate one.
mirror() {
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
		awk -v label="$1" '$1 == "Debian" && $0 ~ "^Debian " label " " { print $NF; exit }'
}

# make RELEASE ROOT: create the root completely or not at all
make() {
	main=$(mirror Debian)
	[ "$main" ] || die 69 "apt knows no Debian mirror; run apt-get update"
	command -v debootstrap >/dev/null || die 69 "debootstrap is not installed; run apt-get install debootstrap"
	script=$1
	[ -e "/usr/share/debootstrap/scripts/$1" ] || script=sid       # a release newer than debootstrap
	mkdir -p "$roots"
	work=$(mktemp -d "$roots/.new-XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM
	proxy=$(apt-config shell p Acquire::http::Proxy)
	eval "$proxy"
	echo "== making a root of Debian $1"
	http_proxy=${p:-${http_proxy-}} unshare --mount debootstrap --variant=minbase --include=ca-certificates \
		"$1" "$work/root" "$main" "/usr/share/debootstrap/scripts/$script" >"$work/log" 2>&1 || {
		tail -n 5 "$work/log" >&2
		die 69 "debootstrap of $1 failed"
	}
	{
		# a mirror of testing can be outdated: its Release file is valid for a week
		[ "$script" = sid ] && option='[check-valid-until=no] ' || option=
		echo "deb $option$main $1 main"
		security=$(mirror Debian-Security)
		if [ "$script" != sid ] && [ "$security" ]; then
			echo "deb $main $1-updates main"
			echo "deb $security $1-security main"
		fi
	} >"$work/root/etc/apt/sources.list"
	apt-config dump Acquire | grep -i proxy >"$work/root/etc/apt/apt.conf.d/90iprep" || :
	# no service of an installed package is started
	printf '#!/bin/sh\nexit 101\n' >"$work/root/usr/sbin/policy-rc.d"
	chmod 0755 "$work/root" "$work/root/usr/sbin/policy-rc.d"
	mv "$work/root" "$2"
	rm -rf "$work"
	trap - EXIT INT TERM
}

[ $# -ge 1 ] || die 64 "usage: sh tests/release.sh RELEASE [COMMAND [ARGUMENT]...]"
[ "$(id -u)" = 0 ] || die 77 "root privileges are required; run: sudo sh tests/release.sh"
case $1 in
/*) root=$1 ;;
*[!a-z]*) die 64 "$1 is not the code name of a Debian release" ;;
*) root=$roots/$1 ;;
esac
[ -d "$root" ] || case $1 in
/*) die 64 "$root: no such directory" ;;
*) make "$1" "$root" ;;
esac
shift
[ $# -gt 0 ] || exit 0

# $0 the root, $1 this tree, $2 more directories, then the command; the first process of its own PID namespace
# shellcheck disable=SC2016 # for the shell inside
enter='
root=$0 top=$1 more=$2
shift 2
set -e
umask 022
mount --bind "$root" "$root"
mount --make-private "$root"
cd "$root"
mount -t proc proc proc
mount --rbind /dev dev
mount --rbind /sys sys
mount --make-rslave sys
# one cgroup hierarchy only, as systemd of both releases expects it
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=0755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mkdir -p run/lock
cp -L /etc/resolv.conf etc/resolv.conf
for dir in $more $top; do
	mkdir -p "./$dir"
	mount --bind "$dir" "./$dir"
done
mount -o remount,bind,ro "./$top"
mkdir -p .old
pivot_root . .old
umount -l /.old
cd "$top"
hostname debian
exec "$@"
'
exec unshare --mount --uts --ipc --pid --cgroup --fork --kill-child sh -c "$enter" \
	"$root" "$top" "${IPREP_BIND-}" \
	env -i PATH="$PATH" HOME=/root LC_ALL=C.UTF-8 TERM="${TERM:-dumb}" ${CI:+CI="$CI"} \
	DEBIAN_FRONTEND=noninteractive "$@"
