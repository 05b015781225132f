/* SPDX-License-Identifier: MIT */
/*
 * json_cut.h - objects cut out of a JSON document that is too large for a tree
 *
 * Follows texts and brackets only: what is cut out is for json_parse() to judge. The objects are
 * those below the document's own object, such as the items of its member "data".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define JSON_CUT_MAX 4096 /* bytes of one object */

struct json_cut {
	size_t depth;	    /* open brackets around the objects; 0: outside of the document */
	size_t inner_depth; /* open brackets of the object that is read */
	bool in_text, is_escaped;
	char key[16]; /* text read last in the document's own object, or its beginning */
	size_t key_len;
	char object[JSON_CUT_MAX];
	size_t object_len; /* over JSON_CUT_MAX: it is too long, the rest is not in object */
};

/* The next byte. True: object has one, which is a member of the document or of the array key. */
bool json_cut_byte(struct json_cut *cut, char byte);
/* Is it an item of the document's array of that name? */
bool json_cut_is_item(const struct json_cut *cut, const char *array);
/* Is it the member of the document that has this name? */
bool json_cut_is_member(const struct json_cut *cut, const char *name);
/* True until each bracket is closed. */
bool json_cut_is_open(const struct json_cut *cut);
