/* SPDX-License-Identifier: MIT */
/*
 * f2b_unit.h - may the hooks of the fail2ban that runs become the owner of the state?
 *
 * A hardened unit may take CAP_SETUID and CAP_SETGID away; then every hook fails, and an administrator's shell,
 * which has both, does not show it. Source: proc(5), CapBnd; systemd.exec(5), CapabilityBoundingSet.
 */
#pragma once

enum f2b_unit { F2B_UNIT_NONE, F2B_UNIT_MAY, F2B_UNIT_MAY_NOT };
/* F2B_UNIT_NONE: no fail2ban runs, or nothing can be seen of it. */
enum f2b_unit f2b_unit_see(void);
