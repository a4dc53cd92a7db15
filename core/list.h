/*
 * Intrusive doubly linked list: the links live inside the things that are listed.
 *
 * Putting a connection on a list, moving it and taking it off never allocates and so never fails,
 * and each is O(1) from the connection alone, without knowing the list it is on. The price is that
 * a thing needs one `yodel_list` member for each list it can be on at the same time.
 *
 *     struct task { const char *name; yodel_list node; };
 *
 *     yodel_list tasks;
 *     yodel_list_init(&tasks);
 *     yodel_list_init(&t->node);
 *     yodel_list_push_back(&tasks, &t->node);
 *
 *     yodel_list *item, *next;
 *     yodel_list_for_each_safe(item, next, &tasks)
 *         run(yodel_container_of(item, struct task, node));
 *
 * Head and node are one type: the list is a ring in which the head is the one element that is no
 * thing, so nothing is ever NULL and no operation has a special case. An unlinked node is a ring of
 * one. The list owns nothing. Not thread-safe: a list belongs to one thread, or to a mutex.
 */
#ifndef YODEL_CORE_LIST_H
#define YODEL_CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct yodel_list {
    struct yodel_list *prev;
    struct yodel_list *next;
} yodel_list;

/* The struct of `type` whose `member` lies at `ptr`. */
#define yodel_container_of(ptr, type, member)                                                      \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/*
 * Walks over the list from front to back: `item` and `tmp` are variables of type yodel_list *. The
 * body may remove `item` (and free what contains it), but not the element after it.
 */
#define yodel_list_for_each_safe(item, tmp, head)                                                  \
    for ((item) = (head)->next, (tmp) = (item)->next; (item) != (head);                            \
         (item) = (tmp), (tmp) = (item)->next)

/* Makes an empty list of a head, or an unlinked node of a node. Each needs this once, before
 * anything else. */
static inline void yodel_list_init(yodel_list *list)
{
    list->prev = list;
    list->next = list;
}

/* True when nothing is on the list. */
static inline bool yodel_list_empty(const yodel_list *head)
{
    return head->next == head;
}

/* True when the node is on some list. */
static inline bool yodel_list_linked(const yodel_list *node)
{
    return node->next != node;
}

/* The element at the front, still linked; NULL when the list is empty. */
static inline yodel_list *yodel_list_first(const yodel_list *head)
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it cannot see that removing unlinks both ways */
    return yodel_list_empty(head) ? NULL : head->next;
}

/* Puts an unlinked node at the end. */
static inline void yodel_list_push_back(yodel_list *head, yodel_list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* Puts an unlinked node at the front. */
static inline void yodel_list_push_front(yodel_list *head, yodel_list *node)
{
    node->prev = head;
    node->next = head->next;
    head->next->prev = node;
    head->next = node;
}

/* Takes the node off whatever list it is on and leaves it unlinked, so that it can be pushed again.
 * On an unlinked node it does nothing: cleaning up needs no question first. */
static inline void yodel_list_remove(yodel_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    yodel_list_init(node);
}

/* Moves all nodes of `from` to the end of `head`, in their order; `from` is empty then. */
static inline void yodel_list_splice(yodel_list *head, yodel_list *from)
{
    if (yodel_list_empty(from)) {
        return;
    }
    from->next->prev = head->prev;
    from->prev->next = head;
    head->prev->next = from->next;
    head->prev = from->prev;
    yodel_list_init(from);
}

#endif
