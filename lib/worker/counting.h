/* SPDX-License-Identifier: MIT */
/* counting.h - what hooks leave to be counted; worker and purge call it when they begin and end */
#pragma once
#include "reputation/session.h"

/*
 * Add what hooks counted since the last call to the counters of today, and count the sources of
 * blocks whose address has logged in since. Makes the file of the hooks if there is none. Errors:
 * _STORE, _BUSY.
 */
int counting_take(const struct session *session);
