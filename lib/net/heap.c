/* SPDX-License-Identifier: MIT */
/* heap.c - see heap.h */
#include "net/heap.h"
#include <stddef.h>

/* Two roots into one; each may be NULL. */
static struct heap_node *heap_meld(struct heap_node *first, struct heap_node *second)
{
	if (!first)
		return second;
	if (!second)
		return first;
	if (second->key < first->key)
		return heap_meld(second, first);
	second->next = first->child;
	if (second->next)
		second->next->prev = second;
	second->prev = first;
	first->child = second;
	return first;
}

/* The children of a removed node become one heap: in pairs forward, then all together backward.
 * A loop: thousands of siblings must not become thousands of stack frames. */
static struct heap_node *meld_siblings(struct heap_node *first)
{
	struct heap_node *pairs = NULL, *root = NULL;

	while (first) {
		struct heap_node *a = first, *b = a->next;

		if (b)
			first = b->next;
		else
			first = NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = heap_meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct heap_node *rest = pairs->next;

		pairs->next = NULL;
		root = heap_meld(root, pairs);
		pairs = rest;
	}
	return root;
}

void heap_insert(struct heap_node **root, struct heap_node *heap_node)
{
	heap_node->child = heap_node->next = heap_node->prev = NULL;
	*root = heap_meld(*root, heap_node);
}

void heap_remove(struct heap_node **root, struct heap_node *heap_node)
{
	struct heap_node *below = meld_siblings(heap_node->child);

	if (heap_node->prev) {
		if (heap_node->prev->child == heap_node)
			heap_node->prev->child = heap_node->next;
		else
			heap_node->prev->next = heap_node->next;
		if (heap_node->next)
			heap_node->next->prev = heap_node->prev;
		*root = heap_meld(*root, below);
	} else {
		*root = below;
	}
	heap_node->child = heap_node->next = heap_node->prev = NULL;
}
