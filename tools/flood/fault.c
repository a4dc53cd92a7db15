#include "tools/flood/fault.h"

/* A number from 0 to below 1, always the same for a connection and its n-th socket. */
static double chance(const yodel_payload *payload, uint32_t connection, uint32_t socket,
                     uint32_t what)
{
    uint64_t bits = yodel_payload_chance(payload, connection, socket, what);
    return (double)(bits >> 11) / 9007199254740992.0; /* 2^53 */
}

int8_t yodel_fault_choose(const yodel_payload *payload, const double percents[YODEL_FAULTS],
                          uint32_t connection)
{
    double sum = 0;

    for (int i = 0; i < YODEL_FAULTS; i++) {
        sum += percents[i];
    }
    double at = chance(payload, connection, 0, 1) * (sum > 100 ? sum : 100);
    for (int i = 0; i < YODEL_FAULTS; i++) {
        if (at < percents[i]) {
            return (int8_t)i;
        }
        at -= percents[i];
    }
    return -1;
}

uint64_t yodel_fault_lines(const yodel_payload *payload, uint32_t connection, uint32_t socket,
                           uint32_t most)
{
    return 1 + (uint64_t)(chance(payload, connection, socket, 2) * most);
}
