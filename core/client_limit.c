#include "core/client_limit.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/ip.h"
#include "core/list.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SHARD_BITS   6u
#define SHARDS       (1u << SHARD_BITS)
#define SHARD_GONE   (YODEL_CLIENTS_GONE / SHARDS)
#define FIRST_CHAINS 64u

/* Of the clients that are gone, how many are looked at each time. Two, where each time adds one at
 * the most: they cannot pile up once their buckets are full. */
#define SWEEP 2

typedef struct client_key {
    uint64_t bits;
    bool v4;
} client_key;

struct yodel_client {
    yodel_client *next; /* in its chain */
    yodel_list gone;    /* linked while it has no connection */
    client_key key;
    size_t connections;
    /* The token bucket, in one number: the instant at which it is full again if nothing is taken.
     * The further away, the emptier it is (the "virtual scheduling" of ITU-T I.371). */
    uint64_t full_at;
};

typedef struct client_shard {
    _Alignas(64) pthread_mutex_t lock;
    yodel_client **chains;
    size_t chain_count; /* a power of two */
    size_t known;
    yodel_list gone; /* without a connection, in the order in which they left */
    size_t gone_count;
} client_shard;

struct yodel_client_limit {
    size_t max;
    uint64_t
        interval; /* ns in which a token flows in; 0: no rate. An empty bucket fills in a second */
    uint64_t secret[2]; /* so that nobody can choose addresses that meet in one chain */
    size_t shards_made; /* whose lock exists */
    client_shard shard[SHARDS];
};

/* --- making and freeing --- */

static int make_shard(client_shard *shard)
{
    shard->chains = calloc(FIRST_CHAINS, sizeof(*shard->chains));
    if (shard->chains == NULL) {
        return -ENOMEM;
    }
    shard->chain_count = FIRST_CHAINS;
    yodel_list_init(&shard->gone);
    int code = -pthread_mutex_init(&shard->lock, NULL);
    if (code < 0) {
        free(shard->chains);
    }
    return code;
}

int yodel_client_limit_new(size_t max, uint32_t rate, yodel_client_limit **out)
{
    yodel_client_limit *limit = aligned_alloc(_Alignof(yodel_client_limit), sizeof(*limit));
    if (limit == NULL) {
        return -ENOMEM;
    }
    memset(limit, 0, sizeof(*limit));
    limit->max = max;
    if (rate > 0) {
        limit->interval = YODEL_NS_PER_SEC / rate;
    }
    int code = 0;
    if (getrandom(limit->secret, sizeof(limit->secret), 0) != (ssize_t)sizeof(limit->secret)) {
        code = -errno;
    }
    while (code == 0 && limit->shards_made < SHARDS) {
        code = make_shard(&limit->shard[limit->shards_made]);
        limit->shards_made += code == 0;
    }
    if (code < 0) {
        yodel_client_limit_free(limit);
        return code;
    }
    *out = limit;
    return 0;
}

void yodel_client_limit_free(yodel_client_limit *limit)
{
    if (limit == NULL) {
        return;
    }
    for (size_t i = 0; i < limit->shards_made; i++) {
        client_shard *shard = &limit->shard[i];
        for (size_t j = 0; j < shard->chain_count; j++) {
            while (shard->chains[j] != NULL) {
                yodel_client *client = shard->chains[j];
                shard->chains[j] = client->next;
                free(client);
            }
        }
        free(shard->chains);
        pthread_mutex_destroy(&shard->lock);
    }
    free(limit);
}

/* --- the table --- */

static client_key key_of(const yodel_ip *ip)
{
    client_key key = {.v4 = yodel_ip_is_v4(ip)};
    memcpy(&key.bits, ip->bytes + (key.v4 ? 8 : 0), sizeof(key.bits));
    return key;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    x = (x ^ (x >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ (x >> 33);
}

static uint64_t hash_of(const yodel_client_limit *limit, client_key key)
{
    return mix(mix(key.bits + limit->secret[0] + key.v4) ^ limit->secret[1]);
}

/* The hash's highest bits say in which shard, its lowest in which chain. */
static client_shard *shard_of(yodel_client_limit *limit, uint64_t hash)
{
    return &limit->shard[hash >> (64 - SHARD_BITS)];
}

static yodel_client **chain_of(const client_shard *shard, uint64_t hash)
{
    return &shard->chains[hash & (shard->chain_count - 1)];
}

static yodel_client *find(const client_shard *shard, uint64_t hash, client_key key)
{
    yodel_client *client = *chain_of(shard, hash);
    while (client != NULL && (client->key.bits != key.bits || client->key.v4 != key.v4)) {
        client = client->next;
    }
    return client;
}

/* Twice as many chains, so that they stay short; without memory for that they get longer. */
static void grow(yodel_client_limit *limit, client_shard *shard)
{
    yodel_client **old = shard->chains;
    size_t old_count = shard->chain_count;
    yodel_client **chains = calloc(old_count * 2, sizeof(*chains));
    if (chains == NULL) {
        return;
    }
    shard->chains = chains;
    shard->chain_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            yodel_client *client = old[i];
            old[i] = client->next;
            yodel_client **chain = chain_of(shard, hash_of(limit, client->key));
            client->next = *chain;
            *chain = client;
        }
    }
    free(old);
}

static yodel_client *add(yodel_client_limit *limit, client_shard *shard, uint64_t hash,
                         client_key key)
{
    yodel_client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return NULL;
    }
    client->key = key;
    yodel_list_init(&client->gone);
    if (shard->known == shard->chain_count) {
        grow(limit, shard);
    }
    yodel_client **chain = chain_of(shard, hash);
    client->next = *chain;
    *chain = client;
    shard->known++;
    return client;
}

static void come_back(client_shard *shard, yodel_client *client)
{
    if (yodel_list_linked(&client->gone)) {
        yodel_list_remove(&client->gone);
        shard->gone_count--;
    }
}

static void forget(client_shard *shard, uint64_t hash, yodel_client *client)
{
    yodel_client **at = chain_of(shard, hash);
    while (*at != client) {
        at = &(*at)->next;
    }
    *at = client->next;
    come_back(shard, client);
    shard->known--;
    free(client);
}

static yodel_client *first_gone(const client_shard *shard)
{
    yodel_list *item = yodel_list_first(&shard->gone);
    return item != NULL ? yodel_container_of(item, yodel_client, gone) : NULL;
}

static void sweep(yodel_client_limit *limit, client_shard *shard, uint64_t now)
{
    for (int i = 0; i < SWEEP; i++) {
        yodel_client *client = first_gone(shard);
        if (client == NULL || client->full_at > now) {
            return;
        }
        forget(shard, hash_of(limit, client->key), client);
    }
}

/* --- coming and going --- */

/* Takes a token, if there is a whole one. */
static bool take(const yodel_client_limit *limit, yodel_client *client, uint64_t now)
{
    uint64_t full_at = client->full_at > now ? client->full_at : now;
    if (full_at - now + limit->interval > YODEL_NS_PER_SEC) {
        return false;
    }
    client->full_at = full_at + limit->interval;
    return true;
}

static int enter(yodel_client_limit *limit, client_shard *shard, uint64_t hash, client_key key,
                 uint64_t now, yodel_client **out)
{
    yodel_client *client = find(shard, hash, key);
    if (client != NULL && limit->max > 0 && client->connections >= limit->max) {
        return YODEL_ETOOMANY;
    }
    if (client == NULL) {
        client = add(limit, shard, hash, key);
        if (client == NULL) {
            return -ENOMEM;
        }
    }
    if (limit->interval > 0 &&
        !take(limit, client, now)) { /* never a new one: its bucket is full */
        return YODEL_ETOOOFTEN;
    }
    client->connections++;
    come_back(shard, client);
    *out = client;
    return 0;
}

int yodel_client_limit_enter(yodel_client_limit *limit, const yodel_address *address,
                             uint64_t now_ns, yodel_client **client)
{
    yodel_ip ip;
    if (!yodel_ip_of(address, &ip)) {
        *client = NULL;
        return 0;
    }
    client_key key = key_of(&ip);
    uint64_t hash = hash_of(limit, key);
    client_shard *shard = shard_of(limit, hash);
    pthread_mutex_lock(&shard->lock);
    sweep(limit, shard, now_ns);
    int code = enter(limit, shard, hash, key, now_ns, client);
    pthread_mutex_unlock(&shard->lock);
    return code;
}

bool yodel_client_limit_leave(yodel_client_limit *limit, yodel_client *client, uint64_t now_ns)
{
    if (client == NULL) {
        return false;
    }
    bool forgot = false;
    uint64_t hash = hash_of(limit, client->key);
    client_shard *shard = shard_of(limit, hash);
    pthread_mutex_lock(&shard->lock);
    sweep(limit, shard, now_ns);
    if (--client->connections == 0) {
        if (client->full_at <= now_ns) {
            forget(shard, hash, client);
        } else {
            yodel_list_push_back(&shard->gone, &client->gone);
            if (++shard->gone_count > SHARD_GONE) {
                client = first_gone(shard);
                forgot = client->full_at > now_ns;
                forget(shard, hash_of(limit, client->key), client);
            }
        }
    }
    pthread_mutex_unlock(&shard->lock);
    return forgot;
}

size_t yodel_client_limit_known(yodel_client_limit *limit)
{
    size_t known = 0;
    for (unsigned i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&limit->shard[i].lock);
        known += limit->shard[i].known;
        pthread_mutex_unlock(&limit->shard[i].lock);
    }
    return known;
}
