#include "core/clock.h"
#include "core/units.h"
#include "server/admin_internal.h"
#include "server/embedded.h"
#include "server/health.h"
#include "server/metrics.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* An answer under way. */
typedef struct answer {
    unsigned status;
    const char *type;
    const void *body;
    size_t len;
    char *owned; /* the body when it is from malloc, else NULL */
} answer;

static const char plain[] = "text/plain; charset=utf-8";

static answer say(unsigned status, const char *text)
{
    return (answer){.status = status, .type = plain, .body = text, .len = strlen(text)};
}

static answer say_failed(void)
{
    return say(MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
}

/* What a writer made: its text becomes the answer's. */
static answer give(int code, const char *type, char *text, size_t len)
{
    if (code < 0) {
        return say_failed();
    }
    return (answer){.status = MHD_HTTP_OK, .type = type, .body = text, .len = len, .owned = text};
}

/* --- the paths
 * -----------------------------------------------------------------------------------*/

/* What clients find behind the listening sockets. Another process may serve them: the one that this
 * one is to replace, or the one that has replaced it. */
static yodel_server_state state_of(const yodel_admin *admin)
{
    yodel_server_state state = yodel_server_state_of(admin->config.server);
    if (admin->draining) {
        return YODEL_SERVER_DRAINING;
    }
    bool others = admin->quiesce || (admin->config.replaces && state == YODEL_SERVER_MADE);
    return others ? YODEL_SERVER_RUNNING : state;
}

static yodel_watched watched_by(const yodel_admin *admin)
{
    return (yodel_watched){
        .server = admin->config.server,
        .log = admin->config.log,
        .protocol = admin->config.protocol,
        .state = state_of(admin),
    };
}

static answer get_metrics(const yodel_admin *admin, struct MHD_Connection *connection)
{
    (void)connection;
    yodel_watched watched = watched_by(admin);
    char *text = NULL;
    size_t len = 0;
    int code = yodel_metrics_write(&watched, admin->started, &text, &len);
    return give(code, YODEL_METRICS_TYPE, text, len);
}

static answer get_status(const yodel_admin *admin, struct MHD_Connection *connection)
{
    yodel_watched watched = watched_by(admin);
    const char *since = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "since");
    uint64_t number = 0;
    char *text = NULL;
    size_t len = 0;
    if (since != NULL && yodel_parse_count(since, 0, INT64_MAX, &number) < 0) {
        return say(MHD_HTTP_BAD_REQUEST, "since is not a number\n");
    }
    int code = yodel_status_json(admin->status, &watched, admin->started, number, &text, &len);
    return give(code, "application/json", text, len);
}

static answer get_page(const yodel_admin *admin, struct MHD_Connection *connection)
{
    (void)connection;
    static const char mark[] = "<!-- status -->";
    const char *page = (const char *)yodel_embedded_status_html;
    size_t page_len = yodel_embedded_status_html_len;
    const char *at = memmem(page, page_len, mark, strlen(mark));
    size_t before = (size_t)(at - page);
    size_t after = page_len - before - strlen(mark);
    yodel_watched watched = watched_by(admin);
    char *text = NULL;
    size_t len = 0;
    if (yodel_status_html(admin->status, &watched, admin->started, &text, &len) < 0) {
        return say_failed();
    }
    char *whole = malloc(before + len + after);
    if (whole != NULL) {
        memcpy(whole, page, before);
        memcpy(whole + before, text, len);
        memcpy(whole + before + len, at + strlen(mark), after);
    }
    free(text);
    return give(whole != NULL ? 0 : -ENOMEM, "text/html; charset=utf-8", whole,
                before + len + after);
}

static answer embedded(const char *type, const unsigned char *bytes, size_t len)
{
    return (answer){.status = MHD_HTTP_OK, .type = type, .body = bytes, .len = len};
}

static answer get_style(const yodel_admin *admin, struct MHD_Connection *connection)
{
    (void)admin;
    (void)connection;
    return embedded("text/css; charset=utf-8", yodel_embedded_status_css,
                    yodel_embedded_status_css_len);
}

static const char script[] = "text/javascript; charset=utf-8";

static answer get_script(const yodel_admin *admin, struct MHD_Connection *connection)
{
    (void)admin;
    (void)connection;
    return embedded(script, yodel_embedded_status_js, yodel_embedded_status_js_len);
}

static answer get_words(const yodel_admin *admin, struct MHD_Connection *connection)
{
    (void)admin;
    (void)connection;
    return embedded(script, yodel_embedded_status_words_js, yodel_embedded_status_words_js_len);
}

static answer get_health(const yodel_admin *admin, struct MHD_Connection *connection)
{
    (void)connection;
    enum { SIZE = 96 };
    char *text = malloc(SIZE);
    if (text == NULL) {
        return say_failed();
    }
    bool healthy = yodel_health_check(admin->config.server, yodel_clock_now(), text, SIZE);
    answer a = give(0, plain, text, strlen(text));
    a.status = healthy ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
    return a;
}

static answer get_ready(const yodel_admin *admin, struct MHD_Connection *connection)
{
    (void)connection;
    switch (watched_by(admin).state) {
    case YODEL_SERVER_MADE:
        return say(MHD_HTTP_SERVICE_UNAVAILABLE, "starting\n");
    case YODEL_SERVER_RUNNING:
        return say(MHD_HTTP_OK, "ready\n");
    case YODEL_SERVER_DRAINING:
        break;
    }
    return say(MHD_HTTP_SERVICE_UNAVAILABLE, "draining\n");
}

static const struct {
    const char *path;
    answer (*get)(const yodel_admin *admin, struct MHD_Connection *connection);
} routes[] = {
    {"/", get_page},
    {"/status.css", get_style},
    {"/status.js", get_script},
    {"/status_words.js", get_words},
    {"/status.json", get_status},
    {"/metrics", get_metrics},
    {"/healthz", get_health},
    {"/readyz", get_ready},
};

/* --- HTTP
 * ----------------------------------------------------------------------------------------*/

/* Nothing but what comes from here: no other host, no inline script or style, no frame around it.
 */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static enum MHD_Result reply(struct MHD_Connection *connection, const answer *a)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        a->len, (void *)(uintptr_t)a->body,
        a->owned != NULL ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        free(a->owned);
        return MHD_NO; /* closes the connection */
    }
    static const char *const headers[][2] = {
        {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
        {"Content-Security-Policy", POLICY},
        {"X-Content-Type-Options", "nosniff"},
    };
    bool complete =
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, a->type) == MHD_YES;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        complete =
            MHD_add_response_header(response, headers[i][0], headers[i][1]) == MHD_YES && complete;
    }
    if (a->status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        complete =
            MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES &&
            complete;
    }
    enum MHD_Result result =
        complete ? MHD_queue_response(connection, a->status, response) : MHD_NO;
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result yodel_admin_on_request(void *arg, struct MHD_Connection *connection,
                                       const char *url, const char *method, const char *version,
                                       const char *upload, size_t *upload_size, void **request)
{
    (void)version;
    (void)upload;
    static char seen;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        answer a = say(MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        return reply(connection, &a);
    }
    if (*request == NULL) { /* only its head has come; answered now it would end the connection */
        *request = &seen;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    answer a = say(MHD_HTTP_NOT_FOUND, "there is no such page\n");
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(url, routes[i].path) == 0) {
            a = routes[i].get(arg, connection);
            break;
        }
    }
    return reply(connection, &a);
}

static void count_answered(yodel_admin *admin, bool *waits)
{
    if (waits != NULL && *waits) {
        *waits = false;
        admin->unanswered--;
    }
}

void yodel_admin_on_connection(void *arg, struct MHD_Connection *connection, void **waits,
                               enum MHD_ConnectionNotificationCode what)
{
    (void)connection;
    yodel_admin *admin = arg;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        count_answered(admin, *waits);
        free(*waits);
        return;
    }
    bool *waiting = malloc(sizeof(*waiting));
    if (waiting != NULL) { /* else it is not waited for */
        *waiting = true;
        admin->unanswered++;
    }
    *waits = waiting;
}

void yodel_admin_on_answered(void *arg, struct MHD_Connection *connection, void **request,
                             enum MHD_RequestTerminationCode how)
{
    (void)request;
    (void)how;
    count_answered(
        arg,
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context);
}
