/* cmocka.h with the four headers that it needs before it, in the one place where their order
 * matters. */
#ifndef YODEL_TESTS_CMOCKA_ALL_H
#define YODEL_TESTS_CMOCKA_ALL_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#endif
