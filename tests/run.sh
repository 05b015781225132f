#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh - all tests, on Debian 13 and on Debian 12
#
# Installs the required packages and builds outside the clone, once as released and once with -Werror,
# AddressSanitizer and UndefinedBehaviorSanitizer. Then it runs all tests under ctest, including the scenario of
# the demo. At the same time it runs them in a root directory with the other release (tests/release.sh), without the
# sanitizers, without the tests of whole machines (real daemons, packages, a booted systemd) and without the
# benches; their output comes last. Requires root, for namespaces and file owners.
#
#   sudo sh tests/run.sh [--keep] [--here | --part]
#
#   --keep   keep the build directory
#   --here   run only on this release
#   --part   run only on this release, and only the tests that the other release gets
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
keep=no what=both
usage() {
	echo "usage: sudo sh tests/run.sh [--keep] [--here | --part]" >&2
	exit 64
}
for option; do
	case $option in
	--keep) keep=yes ;;
	--here | --part) what=${option#--} ;;
	*) usage ;;
	esac
done
[ "$(id -u)" = 0 ] || { echo "tests/run.sh: root privileges are required; run: sudo sh tests/run.sh" >&2; exit 77; }
# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "${ID-}-${VERSION_ID-} ${VERSION_CODENAME-unknown}")
case $release in
debian-[1-9]" "* | debian-1[01]" "*)
	version=${release#debian-}
	echo "tests/run.sh: Debian ${version% *} is too old; use Debian 12 or newer" >&2
	exit 69
	;;
esac
release=${release#* }
case $release in
bookworm) other=trixie ;;
*) other=bookworm ;;
esac

packages="gcc g++ libc6-dev libasan8 libubsan1 cmake make pkg-config libcurl4-openssl-dev libcjson-dev
libc-ares-dev libsqlite3-dev libcmocka-dev python3 iproute2 strace openssl
mandoc groff-base man-db bash-completion ca-certificates binutils shellcheck sqlite3 util-linux debootstrap openssh-client
dpkg-dev file git lintian systemd-journal-remote netbase"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq                     # the host tests unpack packages as well
missing=
for p in $packages; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
if [ -n "$missing" ]; then
	echo "== installing:$missing"
	# shellcheck disable=SC2086
	apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

dir=$(mktemp -d /var/tmp/iprep-tests.XXXXXX)
chmod 0755 "$dir"
other_run=
# shellcheck disable=SC2317
end() {
	[ -z "$other_run" ] || kill "$other_run" || :
	if [ "$keep" = yes ]; then echo "== kept: $dir"; else rm -rf "$dir"; fi
}
trap end EXIT
trap 'exit 130' INT TERM

# build NAME CMAKE-OPTION...
build() {
	name=$1
	shift
	echo "== building $name"
	sh "$top/.ci/build" "$dir/$name" "$@" || exit
}
status=0
# run NAME CTEST-OPTION...
run() {
	name=$1
	shift
	echo "== testing $name on $release"
	sh "$top/.ci/test" "$dir/$name" "$@" || status=1
}
machines='host/(live|log_forms|journal|package|source|upgrade|units|removal|summary_page)|bench/bench'
build released -DIPREP_WERROR=ON
if [ "$what" = part ]; then
	echo "== left out on $release, run on the main release only: $machines"
	run released -E "$machines"
	exit $status
fi
if [ "$what" = both ]; then
	echo "== testing on Debian $other at the same time"
	sh "$top/tests/release.sh" "$other" sh "$top/tests/run.sh" --part >"$dir/other.log" 2>&1 &
	other_run=$!
fi
echo "== source"
lint=ok
sh "$top/.ci/lint" || { lint=failed; status=1; }
build sanitized -DIPREP_WERROR=ON -DCMAKE_BUILD_TYPE=Debug -DIPREP_SANITIZE=address,undefined
run released
run sanitized -LE host
if [ "$what" = both ]; then
	echo "== testing on Debian $other"
	tail -n +1 -f --pid="$other_run" "$dir/other.log"
	wait "$other_run" || status=1
	other_run=
fi
[ $lint = ok ] || echo "== the check of the source (.ci/lint) failed, see above"
exit $status
