/* SPDX-License-Identifier: MIT */
#include "f2b_unit.h"
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#define PID_FILE "/run/fail2ban/fail2ban.pid"  /* fail2ban.conf, pidfile */

static long running_pid(void)
{
	FILE *f = fopen(PID_FILE, "re");
	long pid = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%9ld", &pid) != 1)
		pid = 0;
	fclose(f);
	return pid;
}

enum f2b_unit f2b_unit_see(void)
{
	const unsigned long long wanted = 1ULL << CAP_SETUID | 1ULL << CAP_SETGID;
	enum f2b_unit seen = F2B_UNIT_NONE;
	unsigned long long bound;
	char path[64], line[256];
	long pid = running_pid();
	FILE *f;

	if (pid <= 0)
		return F2B_UNIT_NONE;
	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Name:", 5) && !strstr(line, "fail2ban"))
			break;             /* an old file, and another's number */
		if (sscanf(line, "CapBnd: %llx", &bound) == 1)
			seen = (bound & wanted) == wanted ? F2B_UNIT_MAY : F2B_UNIT_MAY_NOT;
	}
	if (f)
		fclose(f);
	return seen;
}
