/* SPDX-License-Identifier: MIT */
/* pardons.c - pardoned addresses */
#include "api/iprep_private.h"

#define PARDONS 64 /* read at a time */

int iprep_pardons(struct iprep_ctx *ctx, int (*row)(void *user, const struct iprep_pardon *pardon),
		  void *user)
{
	struct pardon page[PARDONS];
	struct addr last = { { 0 } };
	int count, rc = ctx_open_store(ctx, STORE_READ);

	if (rc)
		return rc;
	while ((count = store_pardons_page(ctx->store, &last, page, PARDONS)) > 0) {
		for (int i = 0; i < count; i++) {
			char key[ADDR_TEXT_MAX];
			struct iprep_pardon pardon = { .until_at = page[i].until };

			pardon.address = addr_key_text(&page[i].key, ctx->conf->ipv6_prefix, key);
			if (row(user, &pardon))
				return err_set(&ctx->err, IPREP_E_IO,
					       "output of the list was interrupted");
			/* a person may read slowly: the bound is one of what lies between two rows
			 */
			store_begin_call(ctx->store);
		}
		last = page[count - 1].key;
	}
	return count;
}

/* An address, or a prefix as iprep_pardons() lists it; *ret is what the key of the address holds.
 */
static int parse_pardoned(struct iprep_ctx *ctx, const char *text, struct prefix *ret)
{
	int bits = ctx->conf->ipv6_prefix;

	if (!prefix_parse_cut(text, ret))
		return err_set(&ctx->err, IPREP_E_ADDR, "%.100s: not an IP address", text);
	if (addr_is_v4(&ret->addr))
		bits = 128;
	if (ret->bits != 128 && ret->bits != bits)
		return err_set(&ctx->err, IPREP_E_ADDR,
			       "%.100s: not an IP address but a prefix; give one address of it",
			       text);
	*ret = (struct prefix){ addr_key(&ret->addr, bits), bits };
	return 0;
}

int iprep_unpardon(struct iprep_ctx *ctx, const char *address, bool dry_run, bool *ret_was_pardoned,
		   const char **ret_key)
{
	struct prefix prefix;
	int ended, rc = parse_pardoned(ctx, address, &prefix);

	if (rc)
		return rc;
	rc = ctx_open_store(ctx, STORE_WORK);
	if (rc)
		return rc;
	if (dry_run)
		ended = store_pardons_within(ctx->store, &prefix);
	else
		ended = store_unpardon(ctx->store, &prefix);
	if (ended < 0)
		return ended;
	if (ret_was_pardoned)
		*ret_was_pardoned = ended > 0;
	if (ret_key)
		*ret_key = addr_key_text(&prefix.addr, ctx->conf->ipv6_prefix, ctx->forgotten);
	return IPREP_OK;
}
