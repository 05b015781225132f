/* SPDX-License-Identifier: MIT */
/* json_cut.c - see json_cut.h */
#include "feed/json_cut.h"
#include <string.h>

static void add_to_object(struct json_cut *cut, char byte)
{
	if (cut->object_len < sizeof(cut->object))
		cut->object[cut->object_len] = byte;
	cut->object_len++;
}

static void add_to_key(struct json_cut *cut, char byte)
{
	if (cut->depth != 1 || cut->inner_depth)
		return;
	if (cut->key_len < sizeof(cut->key))
		cut->key[cut->key_len] = byte;
	cut->key_len++;
}

static void text_byte(struct json_cut *cut, char byte)
{
	if (byte == '"' && !cut->is_escaped) {
		cut->in_text = false;
		return;
	}
	cut->is_escaped = byte == '\\' && !cut->is_escaped;
	add_to_key(cut, byte);
}

static void open_bracket(struct json_cut *cut, char byte)
{
	bool begins = byte == '{' && cut->depth && !cut->inner_depth;

	if (begins) {
		cut->object_len = 0;
		add_to_object(cut, byte);
	}
	if (begins || cut->inner_depth)
		cut->inner_depth++;
	else
		cut->depth++;
}

/* True: the object ends here. */
static bool close_bracket(struct json_cut *cut)
{
	if (cut->inner_depth) {
		cut->inner_depth--;
		return !cut->inner_depth;
	}
	if (cut->depth)
		cut->depth--;
	return false;
}

bool json_cut_byte(struct json_cut *cut, char byte)
{
	if (cut->inner_depth)
		add_to_object(cut, byte);
	if (cut->in_text) {
		text_byte(cut, byte);
		return false;
	}
	if (byte == '"') {
		cut->in_text = true;
		if (cut->depth == 1 && !cut->inner_depth)
			cut->key_len = 0;
	} else if (byte == '{' || byte == '[') {
		open_bracket(cut, byte);
	} else if (byte == '}' || byte == ']') {
		return close_bracket(cut);
	}
	return false;
}

static bool has_key(const struct json_cut *cut, const char *name)
{
	size_t len = strlen(name);

	return cut->key_len == len && len <= sizeof(cut->key) && !memcmp(cut->key, name, len);
}

bool json_cut_is_item(const struct json_cut *cut, const char *array)
{
	return cut->depth == 2 && has_key(cut, array);
}

bool json_cut_is_member(const struct json_cut *cut, const char *name)
{
	return cut->depth == 1 && has_key(cut, name);
}

bool json_cut_is_open(const struct json_cut *cut)
{
	return cut->depth || cut->inner_depth;
}
