# SPDX-License-Identifier: MIT
"""
test_self_test.py - rep-check --self-test reports what is wrong with fail2ban's jails

The real fail2ban-client, with Debian's configuration and ours, prints the effective configuration; no server
runs. Each row of ROWS is a jail.local and the rows that the self-test must print.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

from host import TOP, process
from host.self_test import SelfTestCase, Space
from places import PROGRAMS

sys.path.append(f"{TOP}/cmd/rep-check/libexec")
import jails                # of the self-test itself

BOTH = "[rep-confirmed]\nenabled = true\n[rep-notorious]\nenabled = true\n"
REPORTS = "[sshd]\nenabled = true\nlogpath = {{dir}}/auth.log\naction = %(known/action)s\n         iprep[category=\"{}\"]\n"
GATED = "[rep-sendmail-ambiguous]\nenabled = true\nlogpath = {{dir}}/auth.log\nbantime = {}\n"
# sets for addresses only, as up to 1.1.0; addr_options is new in 1.1.1
PLAIN_SETS = "nftables[type=allports, addr_options=]\n"
KNOWN, WORST = "tier known", "tier notorious"

SSHD_GATE = "[rep-sshd-ambiguous]\nenabled = true\nlogpath = {dir}/auth.log\n"
SPRAY = "[rep-spray]\nenabled = true\nlogpath = {dir}/auth.log\n"
LOGIN = "[rep-login]\nenabled = true\nlogpath = {dir}/auth.log\n"
CONFIRMED, NOTORIOUS = "[rep-confirmed]\nenabled = true\n", "[rep-notorious]\nenabled = true\n"
OFF = {KNOWN: ("off", ""), WORST: ("off", "")}
OK = {KNOWN: ("ok", ""), WORST: ("ok", "")}
BROKEN = {KNOWN: ("error", "rep-confirmed does not ban as it should"), WORST: ("error", "rep-notorious does not ban as it should")}
# rep-spray-files is enabled together with rep-spray
FILES = {"jail rep-spray-files": [("ok", "reports as 18"), ("ok", "several user names")]}

# case, jail.local, ipv6_prefix, {object: (state, part of the text) or a list of these} (all rows), exit status
ROWS = (
    ("as the recipes have it", BOTH + REPORTS.format("18,22") + GATED.format("1d") + SPRAY + LOGIN, 128,
     OK | FILES | {
         KNOWN: ("ok", "rep-confirmed bans for 1 d"), WORST: ("ok", "rep-notorious bans for 365 d"),
         "jail sshd": ("ok", "reports as 18,22"), "jail rep-spray": [("ok", "reports as 18"), ("ok", "counts addresses that tried")],
         "jail rep-sendmail-ambiguous": ("ok", "only for blocked addresses")}, 0),
    ("nothing is enabled", "", 128, {KNOWN: ("off", "no enabled jail reads"), WORST: ("off", "no enabled jail")}, 0),
    ("rep-notorious is not enabled", CONFIRMED, 128,
     {KNOWN: ("ok", ""),
      WORST: ("mismatch", "rep-confirmed bans for 1 d, but the block lasts 365 d; enable a jail for this tier only")}, 0),
    ("no jail reads the lowest tier", NOTORIOUS, 128, {KNOWN: ("off", ""), WORST: ("ok", "")}, 0),
    ("another bantime", BOTH + "bantime = 8h\n", 128,
     {KNOWN: ("ok", ""),
      WORST: ("mismatch", "rep-confirmed bans for 1 d, but the block lasts 365 d; set the same bantime in both")}, 0),
    ("a ban without end", CONFIRMED + "bantime = -1\n", 128,
     {KNOWN: ("mismatch", "bans forever, but the block lasts 1 d"), WORST: ("mismatch", "forever")}, 0),
    ("a wrong tier", BOTH + "filter = rep-verdict[tier=notorius]\n", 128,
     {KNOWN: ("ok", ""), WORST: ("mismatch", ""),
      "jail rep-notorious": ("error", "tier notorius is not in iprep.conf")}, 69),
    ("two tiers by name", CONFIRMED + "filter = rep-verdict[tier=known|notorious]\n", 128,
     {KNOWN: ("ok", ""), WORST: ("mismatch", "")}, 0),
    ("another log", CONFIRMED + "logpath = {dir}/auth.log\n", 128, OFF | {"jail rep-confirmed": ("error", "does not read")}, 69),
    ("no such category", REPORTS.format("18;22"), 128, OFF | {"jail sshd": ("error", 'categories: "18;22"')}, 69),
    ("a category's name", REPORTS.format("ssh,brute-force"), 128, OFF | {"jail sshd": ("ok", "reports as ssh,brute-force")}, 0),
    ("prefixes, and sets that refuse them", BOTH.replace("true\n", "true\nbanaction = " + PLAIN_SETS), 64,
     BROKEN | {"jail rep-confirmed": ("error", "banaction = iprep-nftables"),
               "jail rep-notorious": ("error", "ipv6_prefix is 64")}, 69),
    ("prefixes, and ipset", CONFIRMED + "banaction = iptables-ipset-proto6-allports\n", 64,
     {KNOWN: ("error", ""), WORST: ("error", ""),
      "jail rep-confirmed": [("error", "do not accept prefixes"), ("error", "ipset is not installed")]}, 69),
    ("prefixes, and sets for them", BOTH + "[DEFAULT]\nbanaction_allports = iprep-nftables\n", 64, OK, 0),
    ("a gated jail that bans for too long", GATED.format("7d"), 128, OFF | {
        "jail rep-sendmail-ambiguous": [("mismatch", "bans for 7 d, but the block of a suspicious address lasts 1 d"), ("ok", "")]}, 0),
    ("a log that is missing", CONFIRMED + "logpath = {dir}/missing.log\n", 128,
     OFF | {"jail rep-confirmed": ("error", "its log file is missing")}, 69),
    ("a firewall that is not installed", BOTH.replace("true\n", "true\nbanaction = iptables-allports[iptables=no-such-tables]\n"),
     128, BROKEN | {"jail rep-confirmed": ("error", "no-such-tables is not installed"),
                    "jail rep-notorious": ("error", "this jail cannot ban")}, 69),
    ("a firewall with its path", CONFIRMED + "action = nftables[nftables=/nonexistent/nft]\n",
     128, {KNOWN: ("error", ""), WORST: ("error", ""), "jail rep-confirmed": ("error", "/nonexistent/nft is not")}, 69),
    ("a jail of others, without a firewall", "[recidive]\nenabled = true\nlogpath = {dir}/auth.log\n"
     "banaction = iptables[iptables=no-such-tables]\n", 128, OFF, 0),
    ("a filter that is missing", CONFIRMED + "filter = rep-nonsense\n", 128,
     {"fail2ban": ("error", "Jail 'rep-confirmed' skipped, because of wrong configuration: Unable to read")}, 69),
    ("a section twice", BOTH + BOTH, 128, {"fail2ban": ("error", "section 'rep-confirmed' already exists")}, 69),
    # ---- bans that never happen or do not hold ----
    ("jails without an action, with maxretry 5, a short findtime and bantime 0",
     CONFIRMED + "action =\nmaxretry = 5\n" + NOTORIOUS + "findtime = 1s\nbantime = 0\n", 128, {
         KNOWN: ("error", "rep-confirmed"), WORST: ("error", "rep-confirmed"),
         "jail rep-confirmed": [("error", "it has no action, so it bans no address; remove 'action ='"),
                                ("error", "its maxretry is 5, but one line must be enough; set maxretry = 1")],
         "jail rep-notorious": [("error", "its findtime is 1 s, but fail2ban can read a line up to 60 s late"),
                                ("error", "its bantime is 0 s, so its bans do not hold")]}, 69),
    ("the same in jails that do not decide alone", GATED.format("1d") + "maxretry = 3\nfindtime = 1s\n" +
     SSHD_GATE + "bantime = 0\nbantime.increment = true\n", 128, OFF | {
         "jail rep-sendmail-ambiguous": [("mismatch", "its maxretry is 3"), ("mismatch", "its findtime is 1 s")],
         "jail rep-sshd-ambiguous": [("error", "its bantime is 0 s"), ("mismatch", "set bantime.increment = false")]}, 69),
    ("jails that only watch, as the recipe watch-only", BOTH.replace("true\n", "true\naction = iprep-noban\n"), 128,
     {KNOWN: ("off", "rep-confirmed only watches"), WORST: ("off", "only watches"),
      "jail rep-confirmed": ("off", "its action is iprep-noban, so it bans no address"), "jail rep-notorious": ("off", "")}, 0),
    ("actions that only mail or report", CONFIRMED + "action = sendmail-whois[name=x]\n" + NOTORIOUS + "action = dummy\n" + SPRAY +
     "action = iprep[category=18]\n", 128, BROKEN | FILES | {
         "jail rep-confirmed": ("error", "its action sendmail-whois-x does not ban; set action = %(action_)s"),
         "jail rep-notorious": ("error", "its action dummy does not ban"),
         "jail rep-spray": [("ok", "reports as 18"), ("error", "its action iprep does not ban")]}, 69),
    ("ignoreip that covers everything, in one network or several, for each protocol",
     CONFIRMED + "ignoreip = 0.0.0.0/0\n" + NOTORIOUS + "ignoreip = 127.0.0.1/8 ::1 64.0.0.0/2 128.0.0.0/2 ::/0\n" + SSHD_GATE +
     "ignoreip = 127.0.0.0/8 10.0.0.0/8 192.168.0.0/16 fe80::/10 fc00::/7 45.0.0.0/16 2a02:4780::/32 example.org\n" + LOGIN +
     "ignoreip = 64.0.0.0/5\n", 128, BROKEN | {
         "jail rep-confirmed": ("error", "its ignoreip covers all IPv4 addresses, which are then never banned"),
         "jail rep-notorious": [("error", "its ignoreip covers 50% of the IPv4 addresses"), ("error", "covers all IPv6")],
         "jail rep-sshd-ambiguous": ("ok", ""), "jail rep-login": ("mismatch", "its ignoreip covers 3% of the IPv4")}, 69),
    ("usedns", CONFIRMED + "usedns = warn\n", 128,
     {KNOWN: ("ok", ""), WORST: ("mismatch", ""), "jail rep-confirmed": ("mismatch", "usedns = warn looks up names")}, 0),
    # ---- banactions without a set per jail ----
    ("banactions that keep one entry for all jails", CONFIRMED + "banaction = ufw\n" + NOTORIOUS + "banaction = route\n", 128, BROKEN | {
         "jail rep-confirmed": [("error", "its banaction ufw keeps one entry for an address of all jails, so a shorter ban of any jail "
                                 "ends this ban"), ("error", "ufw is not installed, so this jail cannot ban")],
         "jail rep-notorious": ("error", "its banaction route keeps one entry")}, 69),
    ("hosts.deny, and a copy of ufw", CONFIRMED + "banaction = hostsdeny\n" + NOTORIOUS + "banaction = our-ufw\n", 128, BROKEN | {
        "jail rep-confirmed": ("error", "its banaction hostsdeny keeps one entry"),
        "jail rep-notorious": [("error", "its banaction our-ufw keeps one entry"), ("error", "ufw is not installed")]}, 69),
    ("firewalld and shorewall, which are not installed", CONFIRMED + "banaction = firewallcmd-allports\n" + NOTORIOUS +
     "banaction = shorewall-ipset-proto6\n", 128, BROKEN | {
         "jail rep-confirmed": ("error", "firewall-cmd is not installed"), "jail rep-notorious": ("error", "ipset is not installed")}, 69),
    ("shorewall, which is not installed, for IPv4 and IPv6", CONFIRMED + "banaction = shorewall\n" + GATED.format("1d") +
     "banaction = shorewall\n", 128, {
         KNOWN: ("error", ""), WORST: ("error", ""),
         "jail rep-confirmed": [("error", "its banaction shorewall keeps one entry"),
                                ("error", "shorewall is not installed, so this jail cannot ban")],
         "jail rep-sendmail-ambiguous": ("error", "shorewall is not installed, so this jail cannot ban")}, 69),
    ("one set for two jails", CONFIRMED + "action = iptables-allports[name=same]\n" + NOTORIOUS +
     "action = iptables-allports[name=same]\n", 128, BROKEN | {
         "jail rep-confirmed": ("error", "uses the same firewall set as jail rep-notorious"),
         "jail rep-notorious": ("error", "uses the same firewall set as jail rep-confirmed")}, 69),
    ("hosts.deny, a line for each jail", BOTH.replace("true\n", "true\nbanaction = iprep-hostsdeny\n"), 128, OK, 0),
    # ---- filters ----
    ("filters that match nothing", CONFIRMED + "failregex = ^nothing <HOST>$\n" + NOTORIOUS + "datepattern = ^%%d\n" + SSHD_GATE +
     "filter = sshd\n" + LOGIN + "filter = sshd\n" + SPRAY + "filter = rep-login\n", 128, FILES | {
         KNOWN: ("off", ""), WORST: ("error", ""),
         "jail rep-confirmed": ("error", "its filter does not match verdicts"),
         "jail rep-notorious": ("error", "its filter does not match the line \"verdict=confirmed ip=45.1.1.1 score=16 tier=notorious"),
         "jail rep-sshd-ambiguous": ("error", "does not match the line \"Did not receive identification string"),
         "jail rep-login": ("error", "does not match the line \"Accepted password"),
         "jail rep-spray": [("ok", "reports as 18"), ("error", "does not match the line \"Failed password")]}, 69),
    ("filters that are refused, ignore everything or find no name", CONFIRMED + "ignoreregex = verdict\n" + NOTORIOUS +
     "failregex = ^verdict=confirmed ip=<SUBNET>.*tier=<F-TIER>.*</F-TIER>.*($\n" + SPRAY + "filter = sshd\n", 128, FILES | {
         KNOWN: ("error", ""), WORST: ("error", ""),
         "jail rep-confirmed": ("error", "its filter does not match the line"),
         "jail rep-notorious": ("error", "fail2ban refuses its filter: RegexException"),
         "jail rep-spray": [("ok", ""), ("ok", "")]}, 69),
    # ---- who counts, who reports ----
    ("jails that must not report", CONFIRMED + "action = %(action_)s\n         iprep[category=18]\n" + NOTORIOUS +
     "action = %(action_)s\n         abuseipdb[abuseipdb_apikey=x, abuseipdb_category=18, actionban=true]\n" + SSHD_GATE +
     "action = %(action_)s\n         iprep[category=18]\n[recidive]\nenabled = true\nlogpath = {dir}/auth.log\n"
     "action = %(action_)s\n         iprep[category=18]\n", 128, BROKEN | {
         "jail rep-confirmed": ("error", "its action iprep reports addresses that were only looked up; remove it from this jail"),
         "jail rep-notorious": ("error", "its action abuseipdb reports addresses"),
         "jail rep-sshd-ambiguous": ("error", "its action iprep reports addresses"),
         "jail recidive": ("error", "it counts bans of other jails, and its action iprep would report them a second time")}, 69),
    ("recidive by another name, which reports by [DEFAULT]", "[DEFAULT]\naction = %(action_)s\n         iprep[category=18]\n"
     "[repeated]\nenabled = true\nfilter = recidive\nlogpath = {dir}/auth.log\nbackend = polling\n" + CONFIRMED, 128,
     {KNOWN: ("ok", ""), WORST: ("mismatch", ""), "jail repeated": ("error", "it counts bans of other jails")}, 69),
    ("ignorecommands that are missing or for another jail", CONFIRMED + "ignorecommand =\n" + SSHD_GATE + "ignorecommand =\n" + SPRAY +
     "ignorecommand = %(rep_gate)s\n[rep-spray-files]\nignorecache = %(rep_gate_cache)s\n" + LOGIN + "ignorecommand = %(rep_gate)s\n" +
     NOTORIOUS + "ignorecommand = %(rep_gate)s\n", 128, BROKEN | {
         "jail rep-confirmed": ("error", "it has no ignorecommand, so it bans addresses again that were pardoned"),
         "jail rep-notorious": ("error", "its ignorecommand is not the one in jail.d/iprep.conf, so it bans addresses again"),
         "jail rep-sshd-ambiguous": ("error", "it has no ignorecommand, so it counts lines of addresses that are not blocked"),
         "jail rep-spray": [("ok", "reports as 18"), ("error", "so it cannot count user names; remove 'ignorecommand'")],
         "jail rep-spray-files": [("ok", "reports as 18"), ("error", "its ignorecache hides user names from the gate")],
         "jail rep-login": ("error", "so it records no logins")}, 69),
    ("ignorecommands that were changed", SSHD_GATE + "ignorecommand = %(rep_check)s --gate -- <ip>; [ $? -ne 10 ]\n" +
     GATED.format("1d") + "ignorecommand = %(rep_gate)s; s=1\n[sshd]\nenabled = true\nlogpath = {dir}/auth.log\n"
     "ignorecommand = true\naction = %(action_)s\n         iprep[category=18]\n", 128, OFF | {
         "jail rep-sshd-ambiguous": [("mismatch", "is not the one in jail.d/iprep.conf"), ("ok", "")],
         "jail rep-sendmail-ambiguous": ("error", "so it counts lines"),
         "jail sshd": [("ok", "reports as 18"), ("error", "its ignorecommand ignores every line")]}, 69),
    ("a program in another place, with options", "[DEFAULT]\nrep_check = /srv/bin/rep-check --config=/srv/iprep.conf\n" + BOTH + SSHD_GATE +
     LOGIN, 128, OK | {"jail rep-sshd-ambiguous": ("ok", "")}, 0),
    ("rep-login that bans", LOGIN + "action = %(action_)s\n", 128, OFF | {
        "jail rep-login": ("error", "bans users who log in; set action = iprep-noban")}, 69),
    ("aggressive modes beside gated jails", SSHD_GATE + "".join(
        f"[rep-{name}-ambiguous]\nenabled = true\nlogpath = {{dir}}/auth.log\n" for name in ("dovecot", "postfix", "sendmail")) +
     "".join(f"[{name}]\nenabled = true\nmode = {mode}\nlogpath = {{dir}}/auth.log\n" for name, mode in
             (("sshd", "aggressive"), ("dovecot", "aggressive"), ("postfix", "aggressive"), ("sendmail-reject", "extra"))), 128,
     OFF | {f"jail rep-{name}-ambiguous": ("ok", "") for name in ("sshd", "dovecot", "postfix", "sendmail")} | {
         "jail sshd": ("mismatch", "counts lines of rep-sshd-ambiguous, which prove nothing alone, for every address"),
         "jail dovecot": ("mismatch", "set mode = normal in [dovecot], or disable rep-dovecot-ambiguous"),
         "jail postfix": ("mismatch", "rep-postfix-ambiguous"), "jail sendmail-reject": ("mismatch", "rep-sendmail-ambiguous")}, 0),
    ("the other modes of these filters that count such lines", SSHD_GATE + "".join(
        f"[rep-{name}-ambiguous]\nenabled = true\nlogpath = {{dir}}/auth.log\n" for name in ("postfix", "sendmail", "exim", "nginx")) +
     "".join(f"[{jail}]\nenabled = true\nfilter = {name}[mode={mode}]\nlogpath = {{dir}}/auth.log\n" for jail, name, mode in
             (("sshd", "sshd", "ddos"), ("second", "sshd", "extra"), ("postfix", "postfix", "ddos"), ("exim", "exim", "aggressive"),
              ("sendmail-reject", "sendmail-reject", "aggressive"), ("web", "nginx-http-auth", "fallback"),
              ("nginx-http-auth", "nginx-http-auth", "aggressive"))), 128,
     OFF | {f"jail rep-{name}-ambiguous": ("ok", "") for name in ("sshd", "postfix", "sendmail", "exim", "nginx")} | {
         "jail sshd": ("mismatch", "set mode = normal in [sshd], or disable rep-sshd-ambiguous"),
         "jail second": ("mismatch", "set mode = normal in [second], or disable rep-sshd-ambiguous"),
         "jail postfix": ("mismatch", "rep-postfix-ambiguous"), "jail sendmail-reject": ("mismatch", "rep-sendmail-ambiguous"),
         "jail exim": ("mismatch", "it counts lines that prove nothing alone, for every address (\"no host name found for IP address "
                       "192.0.2.1\"); set mode = normal in [exim]"),
         "jail web": ("mismatch", "rep-nginx-ambiguous"), "jail nginx-http-auth": ("mismatch", "rep-nginx-ambiguous")}, 0),
    ("aggressive modes that report, without gated jails", "".join(
        f"[{name}]\nenabled = true\nmode = aggressive\nlogpath = {{dir}}/auth.log\naction = iprep[category=18]\n"
        for name in ("sshd", "dovecot", "postfix", "exim", "sendmail-reject", "nginx-http-auth")), 128,
     OFF | {f"jail {name}": [("ok", "reports as 18"), ("mismatch", "it reports addresses for lines that prove nothing alone (\"")]
            for name in ("sshd", "dovecot", "postfix", "exim", "sendmail-reject", "nginx-http-auth")}, 0),
    ("the stock modes that report", "".join(
        f"[{name}]\nenabled = true\nlogpath = {{dir}}/auth.log\naction = iprep[category=18]\n"
        for name in ("sshd", "dovecot", "postfix", "postfix-sasl", "exim", "sendmail-reject", "sendmail-auth", "nginx-http-auth",
                     "nginx-bad-request", "nginx-botsearch", "cyrus-imap", "uwimap-auth", "courier-auth", "courier-smtp")), 128,
     OFF | {f"jail {name}": ("ok", "reports as 18")
            for name in ("sshd", "dovecot", "postfix", "postfix-sasl", "exim", "sendmail-reject", "sendmail-auth", "nginx-http-auth",
                         "nginx-bad-request", "nginx-botsearch", "cyrus-imap", "uwimap-auth", "courier-auth", "courier-smtp")}, 0),
    ("the same modes alone, and normal modes beside gated jails", SSHD_GATE + "".join(
        f"[rep-{name}-ambiguous]\nenabled = true\nlogpath = {{dir}}/auth.log\n" for name in ("dovecot", "exim")) + "".join(
            f"[{name}]\nenabled = true\nlogpath = {{dir}}/auth.log\n{more}" for name, more in (
                ("sshd", ""), ("dovecot", ""), ("exim", ""), ("postfix", "mode = aggressive\n"))), 128,
     OFF | {f"jail rep-{name}-ambiguous": ("ok", "") for name in ("sshd", "dovecot", "exim")}, 0),
    # ---- backends and logs ----
    ("an unknown backend, and the journal for the verdict log", CONFIRMED + "backend = inotify\n" + NOTORIOUS + "backend = systemd\n", 128,
     {KNOWN: ("error", ""), WORST: ("error", ""), "jail rep-confirmed": ("error", "fail2ban has no backend inotify, so fail2ban does not start; set"),
      "jail rep-notorious": ("error", "its backend is systemd, but verdicts are in")}, 69),
    ("a jail of others without its log", "[sshd]\nenabled = true\nbackend = polling\nlogpath = {dir}/missing.log\n" + BOTH, 128, OK | {
        "jail sshd": ("error", "none of its log files exists, and fail2ban does not start without one; install a syslog daemon")}, 69),
)

SASL = "[postfix-sasl]\nenabled = true\nbackend = systemd\naction = iprep[category=18]\n"
EXIM = ("[exim]\nenabled = true\naction = iprep[category=18]\nbackend = {}\nlogpath = {{dir}}/auth.log\n"
        "journalmatch = _SYSTEMD_UNIT=exim4.service\n")
SSHD = REPORTS.format("18").replace("[sshd]\n", "[sshd]\nbackend = BACKEND\njournalmatch = MATCH\n")


def sasl(match):
    return SASL + f'filter = postfix[mode=auth, journalmatch="{match}"]\n'


def sshd(backend, match="_COMM=sshd"):
    return SSHD.replace("BACKEND", backend).replace("MATCH", match)


FAILED = ("postfix@-.service", "postfix/smtpd",
          "warning: unknown[45.1.1.1]: SASL LOGIN authentication failed: UGFzc3dvcmQ6")
LOGIN = ("ssh.service", "sshd", "Failed password for root from 45.1.1.1 port 4242 ssh2")
LINE = "Nov 29 23:10:01 host {}[77]: {}\n".format(*LOGIN[1:])
HOPELESS = "[Definition]\nprefregex = (?:\\w+\\s*)+=$\nfailregex = ^<HOST>\n"

# case, jail.local, journal, files in /var/log and {dir}/auth.log, {jail: row}, exit status
READS = (
    ("a unit of another name", sasl("_SYSTEMD_UNIT=postfix.service"), [FAILED], {},
     {"postfix-sasl": ("error", "it reads nothing: the journal (_SYSTEMD_UNIT=postfix.service) has no lines, but "
                       "Postfix logs to the journal as postfix@-.service; in [postfix-sasl] set "
                       "journalmatch = _SYSTEMD_UNIT=postfix.service + _SYSTEMD_UNIT=postfix@-.service")}, 69),
    ("both names", sasl("_SYSTEMD_UNIT=postfix.service + _SYSTEMD_UNIT=postfix@-.service"), [FAILED], {},
     {"postfix-sasl": ("ok", "the newest of 2026-11-29 23:10 UTC")}, 0),
    ("both names without a plus", sasl("_SYSTEMD_UNIT=postfix.service _SYSTEMD_UNIT=postfix@-.service"),
     [FAILED], {}, {"postfix-sasl": ("ok", "")}, 0),
    ("a new host", SASL, [], {}, {"postfix-sasl": ("off", "no lines yet in the journal (")}, 0),
    ("only other services have logged", SASL, [LOGIN], {}, {"postfix-sasl": ("off", "normal until Postfix has logged something")}, 0),
    ("lines that are not for the filter", sasl("_SYSTEMD_UNIT=postfix@-.service"),
     [(FAILED[0], FAILED[1], "connect from unknown[45.1.1.1]")], {},
     {"postfix-sasl": ("off", "no line for it yet in the journal (_SYSTEMD_UNIT=postfix@-.service) (1 line checked)")}, 0),
    ("one instance of two", sasl("_SYSTEMD_UNIT=postfix@-.service"),
     [FAILED, ("postfix@second.service", *FAILED[1:])], {},
     {"postfix-sasl": ("mismatch", "it does not read all log lines: Postfix logs to the journal as postfix@second.service")}, 0),
    ("sshd by its unit", sshd("systemd", "_SYSTEMD_UNIT=sshd.service"), [LOGIN], {},
     {"sshd": ("error", "journalmatch = _SYSTEMD_UNIT=sshd.service + _SYSTEMD_UNIT=ssh.service")}, 69),
    ("a unit for each connection", sshd("systemd", "_SYSTEMD_UNIT=sshd.service"),
     [(f"ssh@{n}.service", "other", LOGIN[2]) for n in range(10)], {},
     {"sshd": ("error", "as ssh@0.service ssh@1.service ssh@2.service; in [sshd] set")}, 69),
    ("sshd by its name", sshd("systemd", "_SYSTEMD_UNIT=sshd.service + SYSLOG_IDENTIFIER=sshd"), [LOGIN], {},
     {"sshd": ("ok", "")}, 0),
    ("a file with lines", sshd("polling"), [LOGIN], {"auth.log": LINE},
     {"sshd": ("ok", "/auth.log contains lines for it")}, 0),
    ("a file with the lines of others", sshd("polling"), [], {"auth.log": LINE.replace("sshd", "cron")},
     {"sshd": ("off", "(1 line checked)")}, 0),
    ("a file that was just rotated", sshd("polling"), [], {"auth.log": "", "auth.log.1": LINE},
     {"sshd": ("ok", "")}, 0),
    ("a file without lines", sshd("polling"), [], {"auth.log": ""},
     {"sshd": ("off", "normal until OpenSSH has logged something")}, 0),
    ("a file without lines, and the journal has them", sshd("polling"), [LOGIN], {"auth.log": ""},
     {"sshd": ("error", "set backend = systemd and journalmatch = ")}, 69),
    ("no file at all", sshd("polling").replace("auth.log", "missing.log"), [], {},
     {"sshd": ("error", "none of its log files exists, and fail2ban does not start without one")}, 69),
    ("Exim, which writes its own file", EXIM.format("systemd"), [], {"exim4/mainlog": LINE},
     {"exim": ("error", "Exim writes /var/log/exim4/mainlog; in [exim] set backend = auto and "
               "logpath = /var/log/exim4/mainlog")}, 69),
    ("an expression that does not end", sshd("polling") + "filter = hopeless\n", [],
     {"auth.log": "host sshd[7]: " + "a" * 4000 + "\n"}, {"sshd": ("ok", "")}, 0),
    ("a jail without iprep", "[sshd]\nenabled = true\nbackend = systemd\n", [], {}, {}, 0),
    ("verdicts", BOTH, [], {}, {name: ("ok", "is empty until an address is confirmed")
                                for name in ("rep-confirmed", "rep-notorious")}, 0),
    ("verdicts in the journal", "[rep-confirmed]\nenabled = true\nbackend = systemd\n", [], {}, {}, 69),
)


class SelfTest(SelfTestCase):
    def test_the_rows_for_each_jail_local(self):
        for what, jails, prefix, said, status in ROWS:
            with self.subTest(what):
                self.start(jails, prefix)
                self.compare(self.rows(status), said)

    def test_the_rows_for_the_log_of_each_jail(self):
        self.server.write("filter.d/hopeless.conf", HOPELESS)
        for what, jails, journal, files, said, status in READS:
            with self.subTest(what):
                self.start(jails)
                self.put(journal, files)
                found = self.logs(status)
                self.assertEqual({name: state for name, (state, _) in found.items()},
                                 {name: state for name, (state, _) in said.items()}, found)
                for name, (_, why) in said.items():
                    self.assertIn(why, found[name][1])

    def test_a_firewall_that_does_not_filter_is_reported_with_what_to_do(self):
        for what, programs, banaction, said in FIREWALLS:
            with self.subTest(what):
                self.start(f"{SPRAY}banaction = {banaction}\n")
                with self.installed(programs):
                    found = self.rows(69 if said and said[0] == "error" else 0)
                found = [row for row in found["jail rep-spray"] if row[0] != "ok"]
                self.assertEqual(len(found), 1 if said else 0, found)
                for state, why in found:
                    self.assertEqual(state, said[0])
                    self.assertIn(said[1], why)

    def test_a_backend_whose_module_is_missing_is_reported_also_for_jails_of_others(self):
        """One such jail, and fail2ban does not start."""
        needs = "is not installed, so fail2ban does not start; apt install python3-"
        for module, jails, name in (("systemd", SASL, "postfix-sasl"), ("systemd", "[sshd]\nenabled = true\nbackend = systemd\n", "sshd"),
                                    ("systemd", SSHD_GATE + "backend = systemd[journalflags=1]\n", "rep-sshd-ambiguous"),
                                    ("pyinotify", "[sshd]\nenabled = true\nbackend = pyinotify\nlogpath = {dir}/auth.log\n", "sshd")):
            with self.subTest(name):
                self.start(jails)
                os.rename(f"{self.modules}/systemd", f"{self.modules}/elsewhere")
                try:
                    found = self.rows(69)
                finally:
                    os.rename(f"{self.modules}/elsewhere", f"{self.modules}/systemd")
                self.assertTrue(any(state == "error" and needs + module in why for state, why in found[f"jail {name}"]), found)

    def test_a_tier_whose_firewall_does_not_answer_is_unknown(self):
        self.start(CONFIRMED + "banaction = firewallcmd-new\n" + NOTORIOUS)
        with self.installed({"firewall-cmd": "exit 1"}):
            self.compare(self.rows(0), {KNOWN: ("unknown", "whether jail rep-confirmed bans was not checked; see its row"),
                                        WORST: ("ok", ""), "jail rep-confirmed": ("unknown", "exit status 1")})

    def test_the_page_and_the_self_test_have_the_same_shared_banactions(self):
        with open(f"{TOP}/lib/man/iprep.7", encoding="ascii") as file:
            rows = re.findall(r"^\.It (.*) Ta ends early", file.read(), re.M)
        names = [name for row in rows for name in row.split(", ")]
        names = {name if name[0] != "-" else "firewallcmd" + name for name in names}
        self.assertEqual(names, set(jails.SHARED_ACTIONS))

    def test_a_failure_of_journalctl_is_reported_as_unknown(self):
        for script, why in (("exit 3", "journalctl: status 3"), ("echo no rights >&2; exit 1", "journalctl: no rights"),
                            ("exec yes", "journalctl: timed out, or printed too much")):
            with self.subTest(script):
                self.start(SASL)
                self.place.write("journalctl", f"#!/bin/sh\n{script}\n", 0o755)
                (state, said), = self.logs(0, before=f"mount --bind {self.place.path('journalctl')} /usr/bin/journalctl").values()
                self.assertEqual(state, "mismatch")
                self.assertIn("cannot check whether it reads anything: " + why, said)

    def test_a_fail2ban_that_is_too_old_is_reported_with_the_required_version(self):
        for text in ("0.11.2", "Fail2Ban v0.11.2\n\nCopyright (c) 2004-2008 Cyril Jaquier"):
            self.start()
            self.place.write("client", f"#!/bin/sh\necho '{text}'\n", 0o755)
            (what, state, why), = self.found(69, client=self.place.path("client"))
            self.assertEqual((what, state), ("fail2ban", "error"))
            self.assertIn("0.11.2 is too old; install 1.0 or newer", why)

    def test_stock_sets_of_nftables_accept_prefixes_since_1_1_1(self):
        self.start(BOTH.replace("true\n", "true\nbanaction = nftables[type=allports]\n"), 64)
        has_intervals = tuple(map(int, self.version().split("."))) >= (1, 1, 1)
        self.assertEqual("jail rep-confirmed" in self.rows(0 if has_intervals else 69), not has_intervals)

    def test_a_version_that_is_not_printed_is_a_mismatch(self):
        self.start()
        self.place.write("client", f'#!/bin/sh\n[ "$1" = -V ] || exec {self.client} "$@"\n', 0o755)
        self.assertEqual(self.found(0, client=self.place.path("client"))[0][:2], ("fail2ban", "mismatch"))

    def test_the_version_is_printed(self):
        self.start()
        self.assertEqual(self.found(0)[0], ("fail2ban", "ok", f"version {self.version()}"))

    def test_text_output_is_a_table(self):
        self.start(BOTH)
        text = self.run_it().stdout
        self.assertRegex(text, r"\nFAIL2BAN +STATE +WHY\nfail2ban +ok +version \S+\nrunning fail2ban +unknown +it is not running, [^\n]+\ntier known +ok +jail rep-confirmed bans for 1 d\n")

    def test_without_fail2ban_the_self_test_passes(self):
        self.start()
        self.assertEqual(self.rows(0, client="/nonexistent/fail2ban-client"),
                         {"fail2ban": [("off", "not installed, so verdicts cause no bans")]})

    def test_a_client_that_fails_or_prints_nonsense_is_an_error(self):
        nonsense = "[[[[[[[[[[[[['x'\n['set', 'a\n['set', 'x', ['y', 'bantime'\n[\n['\\\n]\n"
        for script, why in (("exit 3", "status 3"), ("echo broken >&2; exit 1", "broken"), ("kill -9 $$", "status 137"),
                            (f"printf %s {shlex.quote(nonsense)}; exit 2", "status 2")):
            with self.subTest(script):
                self.start()
                self.place.write("client", f"#!/bin/sh\n{script}\n", 0o755)
                ((state, said),), = self.rows(69, client=self.place.path("client")).values()
                self.assertEqual(state, "error")
                self.assertIn(why, said)


# A firewall that is installed, but does not filter: case, {program: shell script}, banaction of rep-spray, (state, part of
# the text) of the jail, or None
UFW = "ufw is not active, so this jail cannot ban; run \"ufw enable\", or set another banaction"
FIREWALLD = "firewalld is not running, so this jail cannot ban; run \"systemctl enable --now firewalld\", or set another banaction"
SHOREWALL = "Shorewall is not started, so this jail cannot ban; run \"systemctl enable --now shorewall\", or set another banaction"
FIREWALLS = (
    ("ufw that is inactive", {"ufw": "echo Status: inactive"}, "ufw", ("error", UFW)),
    ("the same where people speak German", {"ufw": "[ \"$LC_ALL\" = C ] && echo Status: inactive || echo Status: Inaktiv"}, "ufw",
     ("error", UFW)),
    ("a copy of its action", {"ufw": "echo Status: inactive"}, "our-ufw", ("error", UFW)),
    ("ufw that is active", {"ufw": "[ \"$*\" = status ] && echo Status: active"}, "ufw", None),
    ("ufw that fails", {"ufw": "echo ERROR: problem running iptables >&2; exit 1"}, "ufw",
     ("unknown", "whether ufw is active was not checked: ERROR: problem running iptables")),
    ("ufw that does not end", {"ufw": "sleep 1000 & sleep 1000"}, "ufw",
     ("unknown", "whether ufw is active was not checked: timed out")),
    ("firewalld that is not running", {"firewall-cmd": "echo not running; exit 252"}, "firewallcmd-allports", ("error", FIREWALLD)),
    ("firewalld that failed", {"firewall-cmd": "echo failed; exit 251"}, "firewallcmd-rich-rules", ("error", FIREWALLD)),
    ("firewalld that runs", {"firewall-cmd": "[ \"$*\" = --state ] && echo running"}, "firewallcmd-allports", None),
    ("firewalld whose client is broken", {"firewall-cmd": "echo Traceback >&2; exit 1"}, "firewallcmd-new",
     ("unknown", "whether firewalld is running was not checked: Traceback")),
    ("Shorewall that was stopped", {"shorewall": "echo State:Stopped; exit 3"}, "shorewall", ("error", SHOREWALL)),
    ("Shorewall that was never started", {"shorewall": "exit 4"}, "shorewall", ("error", SHOREWALL)),
    ("Shorewall that runs", {"shorewall": "[ \"$*\" = status ]"}, "shorewall", None),
    ("ufw that is inactive and not used", {"ufw": "echo Status: inactive"}, "iptables-allports", None),
)


# What a unit of fail2ban may do to its process: case, whether the real server runs (otherwise a program of its name), shell
# commands before it starts in its own mount namespace ($0: the directory of the case), words that start it, and
# [(object, state, part of the text)]
PLAIN = ("running fail2ban", "ok", "its hooks can write the state")
READ_ONLY = "mount --bind $0 $0 && mount -o remount,bind,ro $0"
POSTED = ("setpriv", "--no-new-privs", "--bounding-set", "-all,+audit_read,+dac_read_search,+net_admin,+net_raw,+setuid,+setgid")
NO_RIGHTS = ("running fail2ban", "error", "it runs without CAP_SETUID or CAP_SETGID, so every hook fails")
HOOKS_FAIL = ("running fail2ban", "error", "its hooks fail (BIN/rep-check --ready: ")
PROCESSES = (
    ("a stock unit", True, ":", (), [PLAIN]),
    ("capabilities and ProtectSystem=strict, as people post them", True, READ_ONLY, POSTED,
     [HOOKS_FAIL, ("running fail2ban", "error", "add \"DIR/state\" to ReadWritePaths of its unit")]),
    ("the same capabilities alone", False, ":", POSTED, [PLAIN]),
    ("another state directory, as by BindPaths", False, "mkdir -p $0/other && chown 65534:65534 $0/other && "
     "mount --bind $0/other $0/state && touch $0/state/verdict.log && chown 65534:65534 $0/state/verdict.log", (),
     [("running fail2ban", "error", "its hooks see another file as DIR/state/iprep.db; check PrivateTmp")]),
    ("another verdict log", False, "mount --bind $0/auth.log $0/state/verdict.log && chown 65534:65534 $0/auth.log", (),
     [("running fail2ban", "error", "its hooks see another file as DIR/state/verdict.log")]),
    ("PrivateTmp, and everything there", False, "mount --make-rprivate / && exec 9<$0/fail2ban-server && mount -t tmpfs tmpfs $0 "
     "&& cp /proc/self/fd/9 $0/fail2ban-server && chmod 755 $0/fail2ban-server && exec 9<&-", (),
     [HOOKS_FAIL, ("running fail2ban", "error", "iprep.conf")]),
    ("no CAP_SETUID", False, ":", ("setpriv", "--bounding-set", "-setuid"), [NO_RIGHTS]),
    ("no CAP_SETGID", False, ":", ("setpriv", "--bounding-set", "-setgid"), [NO_RIGHTS]),
    ("PrivateNetwork", False, ":", ("unshare", "--net"),
     [PLAIN, ("fail2ban", "error", "it runs in another network namespace, so its bans do not protect this host; check PrivateNetwork"),
      ("tier known", "error", "fail2ban cannot ban as it should")]),
    ("no CAP_CHOWN, which is not needed", False, ":", ("setpriv", "--bounding-set", "-chown"), [PLAIN]),
    ("no CAP_NET_ADMIN", False, ":", ("setpriv", "--bounding-set", "-net_admin"),
     [PLAIN, ("jail rep-confirmed", "error", "fail2ban runs without CAP_NET_ADMIN, so this jail cannot ban"),
      ("tier known", "error", "rep-confirmed does not ban")]),
    ("no right to read the verdict log", False, ":", ("setpriv", "--bounding-set", "-dac_override,-dac_read_search"),
     [PLAIN, ("running fail2ban", "error", "it cannot read DIR/state/verdict.log: Permission denied; add CAP_DAC_READ_SEARCH")]),
    ("an ordinary user", False, ":", ("setpriv", "--reuid", "65533", "--regid", "65533", "--clear-groups"), [HOOKS_FAIL]),
    ("a limit of written files", False, ":", ("prlimit", "--fsize=0"), [HOOKS_FAIL]),
    ("a firewall that is not in its PATH", False, ":", ("env", "PATH=/nonexistent"),
     [PLAIN, ("jail rep-confirmed", "error", "nft or iptables is not installed, so this jail cannot ban")]),
)
IN_PLACE = """[DEFAULT]
rep_check = {bin}/rep-check --config={dir}/iprep.conf
banaction_allports = iptables-allports
"""


class Running(SelfTestCase):
    """The self-test sees what the process of fail2ban may do."""

    def start_server(self, is_real=True, script=":", words=(), jails=BOTH):
        self.start(IN_PLACE.replace("{bin}", PROGRAMS) + jails)
        self.place.run("rep-check", "--ready")
        space = Space(script, words, self.place.dir)
        if is_real:
            self.server.forget()
            for name in ("iptables", "ip6tables"):
                shutil.copy("/bin/true", f"{self.server.directory}/bin/{name}")
            self.server.space = space
            self.server.start()
            self.addCleanup(self.server.stop)
        else:
            self.start_substitute(space)
        self.before = f"mount -t tmpfs tmpfs /run && mkdir /run/fail2ban && cp {self.server.directory}/pid /run/fail2ban/fail2ban.pid"

    def start_substitute(self, space, name="fail2ban-server"):
        substitute = self.place.path(name)
        shutil.copy("/bin/sleep", substitute)
        # pylint: disable=consider-using-with
        child = subprocess.Popen(space.command([substitute, "1000"]), stdin=subprocess.DEVNULL,
                                 env={"PATH": f"{self.firewalls}:/usr/sbin:/usr/bin:/sbin:/bin"})
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)

        def has_started():
            with open(f"/proc/{child.pid}/comm", encoding="ascii") as file:
                return file.read().strip() == name[:15]
        self.assertTrue(process.wait_for(has_started, 60, every_s=0.02))
        with open(f"{self.server.directory}/pid", "w", encoding="ascii") as file:
            file.write(f"{child.pid}\n")

    def seen(self):
        """[(object, state, text)] and the exit status"""
        p = self.run_it("--json", before=self.before)
        rows = [json.loads(line) for line in p.stdout.splitlines() if "fail2ban" in json.loads(line)]
        return [(row["fail2ban"], row["state"], row["why"]) for row in rows], p.returncode

    def test_what_the_process_may_not_do_is_reported(self):
        for what, is_real, script, words, said in PROCESSES:
            with self.subTest(what):
                self.start_server(is_real, script, words)
                found, status = self.seen()
                for one, state, part in said:
                    part = part.replace("DIR", self.place.dir).replace("BIN", PROGRAMS)
                    self.assertTrue(any((one, state) == row[:2] and part in row[2] for row in found), (one, state, part, found))
                self.assertEqual(PLAIN in found, PLAIN in said, found)
                self.assertEqual(status, 69 if any(state == "error" for _, state, _ in said) else 0, found)
                self.server.stop()

    def test_the_firewall_is_asked_where_the_server_runs(self):
        """The other mount namespace has another ufw."""
        with self.installed({"ufw": "echo Status: active"}):
            self.start_server(False, "printf '#!/bin/sh\\necho Status: inactive\\n' >$0/ufw && chmod 755 $0/ufw && "
                              f"mount --bind $0/ufw {self.firewalls}/ufw", jails=SPRAY + "banaction = ufw\n")
            found, status = self.seen()
        self.assertIn(("jail rep-spray", "error", UFW), found)
        self.assertEqual(status, 69)

    def test_the_process_id_of_another_program_is_not_taken_for_fail2ban(self):
        self.start_server(False)
        self.start_substitute(Space(":", ("setpriv", "--bounding-set", "-setuid"), self.place.dir), "another")
        found, status = self.seen()
        self.assertIn(("running fail2ban", "unknown", "it is not running, so its jails and what its hooks can write were not "
                       "checked"), found)
        self.assertEqual(status, 0)

    def test_a_jail_that_is_enabled_but_does_not_run_is_reported(self):
        self.start_server(jails=CONFIRMED)
        self.assertEqual(self.seen()[1], 0)
        with open(f"{self.server.config}/jail.local", "a", encoding="ascii") as file:
            file.write(NOTORIOUS)
        found, status = self.seen()
        self.assertIn(("jail rep-notorious", "error", "it is enabled, but does not run; fail2ban.log says why"), found)
        self.assertEqual(status, 69)

    def test_a_server_whose_jails_cannot_be_asked_is_unknown(self):
        self.start_server(False)
        found, status = self.seen()
        self.assertIn(("running fail2ban", "unknown", "its jails were not checked: fail2ban-client status failed"), found)
        self.assertEqual(status, 0)
