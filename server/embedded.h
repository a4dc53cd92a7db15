/*
 * embedded: the status page's files, which the build makes part of the program (cmake/embed.cmake).
 */
#ifndef YODEL_SERVER_EMBEDDED_H
#define YODEL_SERVER_EMBEDDED_H

#include <stddef.h>

/* server/status.html; what needs no JavaScript goes where "<!-- status -->" stands in it, once. */
extern const unsigned char yodel_embedded_status_html[];
extern const size_t yodel_embedded_status_html_len;

extern const unsigned char yodel_embedded_status_css[];
extern const size_t yodel_embedded_status_css_len;

extern const unsigned char yodel_embedded_status_words_js[];
extern const size_t yodel_embedded_status_words_js_len;

extern const unsigned char yodel_embedded_status_js[];
extern const size_t yodel_embedded_status_js_len;

#endif
