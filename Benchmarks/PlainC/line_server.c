/*
 * The yardstick for messages: a line server that answers each line on its own, as the first version of
 * every such server does.
 *
 *     line_server epoll-lt PORT [--cpu N]
 *
 * One thread, level-triggered epoll, one receive buffer for all connections. A readiness event costs one
 * recv, and one send for each line in it; an incomplete line is kept in memory of its connection, which is
 * taken when the first one comes. A line has at most 64 KiB. No timeouts and no statistics.
 *
 * The address is 127.0.0.1; port 0 lets the kernel choose. SIGTERM or SIGINT ends it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_SIZE = 64 * 1024, BACKLOG = 511, EVENTS = 1024 };

struct connection {
    char *kept; /* the beginning of a line; or NULL */
    size_t length;
    int fd;
};

static int listener, epoll;
static volatile sig_atomic_t stopping;
static char buffer[2 * BUFFER_SIZE]; /* what was kept, and behind it what is received */

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void end(struct connection *c)
{
    close(c->fd); /* epoll forgets it */
    free(c->kept);
    free(c);
}

static void accept_ready(void)
{
    const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL)
        die("calloc");
    c->fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
}

/* The load takes its answers: whoever does not is dropped, where echo_server.c waits. */
static void ready(struct connection *c)
{
    if (c->length > 0)
        memcpy(buffer, c->kept, c->length);
    const ssize_t count = recv(c->fd, buffer + c->length, BUFFER_SIZE, 0);
    if (count <= 0) {
        if (count == 0 || errno != EAGAIN)
            end(c);
        return;
    }
    char *line = buffer, *const limit = buffer + c->length + count, *newline;
    /* What was kept has no newline in it. */
    for (char *from = buffer + c->length; (newline = memchr(from, '\n', (size_t)(limit - from))) != NULL;) {
        const size_t length = (size_t)(newline + 1 - line);
        if (send(c->fd, line, length, MSG_NOSIGNAL) != (ssize_t)length) {
            end(c);
            return;
        }
        from = line = newline + 1;
    }
    c->length = (size_t)(limit - line);
    if (c->length == 0)
        return;
    if (c->kept == NULL)
        c->kept = malloc(BUFFER_SIZE);
    if (c->kept == NULL || c->length > BUFFER_SIZE) {
        end(c);
        return;
    }
    memcpy(c->kept, line, c->length);
}

static void run(void)
{
    static struct epoll_event events[EVENTS];
    while (!stopping) {
        const int count = epoll_wait(epoll, events, EVENTS, -1);
        if (count < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                accept_ready();
            else
                ready(events[i].data.ptr);
        }
    }
}

/* A listener that is shut down is ready, so that the loop wakes up. */
static void stop(int signal)
{
    (void)signal;
    stopping = 1;
    shutdown(listener, SHUT_RDWR);
}

int main(int count, char **arguments)
{
    const int on = 1;
    if ((count != 3 && count != 5) || strcmp(arguments[1], "epoll-lt") != 0
        || (count == 5 && strcmp(arguments[3], "--cpu") != 0)) {
        fprintf(stderr, "usage: line_server epoll-lt PORT [--cpu N]\n");
        return 2;
    }
    if (count == 5) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)atoi(arguments[4]), &set);
        if (sched_setaffinity(0, sizeof set, &set) < 0)
            die("sched_setaffinity");
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[2])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0)
        die("socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* connections inherit it */
    if (bind(listener, (struct sockaddr *)&address, length) < 0)
        die("bind");
    if (listen(listener, BACKLOG) < 0)
        die("listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    printf("listening on 127.0.0.1:%d (lines, epoll-lt)\n", ntohs(address.sin_port));
    fflush(stdout);

    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        die("epoll");
    run();
    return 0;
}
