#include "core/mailbox.h"

#include <stdbool.h>
#include <stddef.h>

/* Takes the whole queue at once: one lock for a burst, and a deliver that posts again is served in
 * the next round, not for ever in this one. */
static void deliver_all(yodel_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    yodel_mail *mail = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    pthread_mutex_unlock(&mailbox->lock);

    while (mail != NULL) {
        yodel_mail *next = mail->next; /* deliver may free or post the message */
        mail->deliver(mail, mailbox->owner);
        mail = next;
    }
}

static void on_wake(struct ev_loop *ev, ev_async *watcher, int revents)
{
    (void)ev;
    (void)revents;
    deliver_all(watcher->data);
}

int yodel_mailbox_init(yodel_mailbox *mailbox, yodel_loop *loop, void *owner)
{
    int error = pthread_mutex_init(&mailbox->lock, NULL);
    if (error != 0) {
        return -error;
    }
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    mailbox->loop = loop;
    mailbox->owner = owner;
    ev_async_init(&mailbox->wake, on_wake);
    mailbox->wake.data = mailbox;
    ev_async_start(yodel_loop_ev(loop), &mailbox->wake);
    return 0;
}

void yodel_mailbox_destroy(yodel_mailbox *mailbox)
{
    ev_async_stop(yodel_loop_ev(mailbox->loop), &mailbox->wake);
    deliver_all(mailbox);
    pthread_mutex_destroy(&mailbox->lock);
}

void yodel_mailbox_post(yodel_mailbox *mailbox, yodel_mail *mail)
{
    mail->next = NULL;
    pthread_mutex_lock(&mailbox->lock);
    bool was_empty = mailbox->first == NULL;
    *mailbox->last = mail;
    mailbox->last = &mail->next;
    /* Inside the lock: once it is open the receiver may take the message, stop its loop and
     * close this mailbox, and there would be no watcher left to wake. */
    if (was_empty) {
        ev_async_send(yodel_loop_ev(mailbox->loop), &mailbox->wake);
    }
    pthread_mutex_unlock(&mailbox->lock);
}
