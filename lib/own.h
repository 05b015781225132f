/* SPDX-License-Identifier: MIT */
/* own.h - is this one of our own addresses? Asks the kernel (a netlink socket): not for hooks (layer 2) */
#pragma once
#include "addr.h"

bool own_has(const struct addr *a);
/* Does the prefix hold one of them? */
bool own_in(const struct prefix *p);
