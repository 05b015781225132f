/* SPDX-License-Identifier: MIT */
/* heap.c - see heap.h */
#include "net/heap.h"
#include <stddef.h>

/* Two roots into one; each may be NULL. */
static struct heap_node *meld(struct heap_node *a, struct heap_node *b)
{
	struct heap_node *t;

	if (!a || !b)
		return a ? a : b;
	if (b->key < a->key) {
		t = a;
		a = b;
		b = t;
	}
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	b->prev = a;
	a->child = b;
	return a;
}

/* The children of a removed node become one heap: in pairs forward, then all together backward.
 * A loop: thousands of siblings must not become thousands of stack frames. */
static struct heap_node *meld_siblings(struct heap_node *first)
{
	struct heap_node *pairs = NULL, *root = NULL;

	while (first) {
		struct heap_node *a = first, *b = a->next;

		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct heap_node *rest = pairs->next;

		pairs->next = NULL;
		root = meld(root, pairs);
		pairs = rest;
	}
	return root;
}

void heap_insert(struct heap_node **root, struct heap_node *n)
{
	n->child = n->next = n->prev = NULL;
	*root = meld(*root, n);
}

void heap_remove(struct heap_node **root, struct heap_node *n)
{
	struct heap_node *below = meld_siblings(n->child);

	if (n->prev) {
		*(n->prev->child == n ? &n->prev->child : &n->prev->next) = n->next;
		if (n->next)
			n->next->prev = n->prev;
		*root = meld(*root, below);
	} else {
		*root = below;
	}
	n->child = n->next = n->prev = NULL;
}
