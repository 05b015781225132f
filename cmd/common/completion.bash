# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# completion.bash - bash completion of rep-check, rep-report and rep-purge
#
# The package bash-completion loads this file by the name of the command, but is not required: a shell can
# source it. Tiers and sources are read from the selected configuration, if it is readable. The options are
# compared with the tables of the programs by tests/contracts/pages.py.

# All options of a program; one that takes a value ends in "=".
_iprep_options() {
	case $1 in
	rep-check)
		REPLY="-c --config= -j --json -q --quiet -v --verbose -h --help -V --version
			--cached --fresh --timeout= --file= --gate --serve --user= --jail= --restored= --login --is-blocked
			--blocks --new --unmailed --tier= --source= --since= --prefix= --sort= --format=
			--allowed --sources --overlap --ready --self-test --fail2ban="
		;;
	rep-report)
		REPLY="-c --config= -j --json -n --dry-run -q --quiet -v --verbose -h --help -V --version
			--enqueue --categories= --comment= --jail= --failures= --user= --time=
			--flush --linger= --retract --force --status --health --metrics= --summary --since= --format=
			--notify-settings"
		;;
	rep-purge)
		REPLY="-c --config= -j --json -n --dry-run -q --quiet -v --verbose -h --help -V --version
			--recheck --released --pardon= --pardons --unpardon --fleet-host= --reset --force"
		;;
	esac
}

# The names X of the sections [KIND X] in the configuration of this command line.
_iprep_names() {
	local kind=$1 conf=/etc/iprep/iprep.conf i word line names=''

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-c | --config)
			[[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
			conf=${COMP_WORDS[i + 1]}
			;;
		--config=*) conf=${word#*=} ;;
		esac
	done
	for word in "$conf" "${conf%.conf}.local"; do
		[[ -r $word && -f $word ]] || continue
		while IFS= read -r line; do
			[[ $line =~ ^[[:blank:]]*\["$kind "([a-z0-9._-]+)\] ]] && names+=" ${BASH_REMATCH[1]}"
		done <"$word"
	done
	REPLY=$names
}

# What may follow an option that takes a value. Sets REPLY; "FILE" stands for any file.
_iprep_values() {
	local word

	case $1 in
	-c | --config | --file | --metrics | --fail2ban) REPLY=FILE ;;
	--format)
		REPLY="text nft ipset hosts.deny cidr rbldnsd"
		[[ " ${COMP_WORDS[*]} " != *" --allowed "* ]] || REPLY="text ignoreip"
		[[ " ${COMP_WORDS[*]} " != *" --summary "* ]] || REPLY="text json html"
		;;
	--sort) REPLY="announced address end" ;;
	--tier)
		_iprep_names tier
		[[ $REPLY ]] || REPLY="known notorious"
		;;
	--source)
		_iprep_names dnsbl
		word=$REPLY
		_iprep_names feed
		REPLY+="$word abuseipdb"
		;;
	--categories)
		REPLY="dns-compromise dns-poisoning fraud-orders ddos-attack ddos ftp-brute-force ftp
			ping-of-death phishing fraud-voip open-proxy web-spam email-spam blog-spam vpn-ip port-scan
			hacking sql-injection spoofing brute-force bad-web-bot exploited-host web-app-attack
			web-attack ssh iot-targeted"
		;;
	--timeout | --user | --jail | --restored | --since | --prefix | --comment | --failures | --time | \
		--linger | --pardon | --fleet-host) REPLY='' ;;
	*) return 1 ;;
	esac
}

_iprep_complete_value() {
	local cur=$1 list=$2 before='' word

	if [[ $list == FILE ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	if [[ $3 == --categories && $cur == *,* ]]; then       # the last of several
		before=${cur%,*},
		cur=${cur##*,}
	fi
	for word in $list; do
		[[ $word == "$cur"* ]] && COMPREPLY+=("$before$word")
	done
}

_iprep() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i word REPLY='' IFS=$' \t\n'

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -- ]] && return             # addresses
	done
	# bash parts a word at "=": "--sort", "=", "end"
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $cur == --*=* ]]; then                         # a shell that does not
		prev=${cur%%=*}
		_iprep_values "$prev" || return
		_iprep_complete_value "${cur#*=}" "$REPLY" "$prev"
		[[ $REPLY == FILE ]] || COMPREPLY=("${COMPREPLY[@]/#/$prev=}")
		return
	fi
	if _iprep_values "$prev"; then
		_iprep_complete_value "$cur" "$REPLY" "$prev"
		return
	fi
	[[ $cur == -* ]] || return
	_iprep_options "${1##*/}"
	for word in $REPLY; do
		[[ $word == "$cur"* ]] || continue
		[[ $word == *= ]] || word+=" "                     # each brings its own blank
		COMPREPLY+=("$word")
	done
	compopt -o nospace 2>/dev/null
}

complete -F _iprep rep-check rep-report rep-purge
