/*
 * The yardstick: what an echo costs when nothing stands between it and the kernel.
 *
 *     echo_server epoll-lt|epoll-et|poll|select PORT [--cpu N]
 *
 * One thread, non-blocking sockets, one receive buffer for all connections. A readiness event costs
 * one recv and one send; nothing is allocated a message, 32 bytes (a 24-byte malloc) a connection.
 * It has no timeouts, no limits and no statistics: what a framework costs more than this is the
 * price of what it does more.
 *
 * The address is 127.0.0.1; port 0 lets the kernel choose. SIGTERM or SIGINT ends it, and the CPU
 * time used is then printed to stderr.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    BUFFER_SIZE = 64 * 1024,
    BACKLOG = 511,
    EVENTS = 1024,        /* readiness events taken from epoll at once */
    DESCRIPTORS = 20000,  /* what the tables of poll and select hold */
    WORD_BITS = 8 * sizeof(unsigned long),
    WORDS = DESCRIPTORS / WORD_BITS + 1,
};

/* The path of a message is inlined into the loops and saves no registers for what is off it. */
#define RARE static __attribute__((cold, noinline))
#define OFTEN static inline __attribute__((always_inline))

enum backend { EPOLL_LT, EPOLL_ET, POLL, SELECT };
static const char *const backend_names[] = {"epoll-lt", "epoll-et", "poll", "select"};

/* While `pending` is set the connection waits to become writable and is not read: a peer that does
   not take its echoes cannot make the server hold more than one buffer of them. */
struct connection {
    char *pending;
    uint32_t offset, length;
    int fd;
};

static enum backend backend;
static int listener = -1, spare;
static volatile sig_atomic_t stopping;
static char buffer[BUFFER_SIZE];

static int epoll;
static struct connection *by_fd[DESCRIPTORS];               /* poll, select */
static struct pollfd polls[DESCRIPTORS];                    /* poll: the listener, then connections */
static int poll_count, poll_slot[DESCRIPTORS];
static unsigned long reading[WORDS], writing[WORDS];        /* select: what is waited for */
static int highest;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- What is waited for ------------------------------------------------------------------- */

static void epoll_set(int operation, int fd, struct connection *c, bool write)
{
    /* An edge is reported once. EPOLLRDHUP tells that the end of the stream is behind the data. */
    uint32_t edge = backend == EPOLL_ET ? EPOLLET | EPOLLRDHUP : 0;
    struct epoll_event event = {.events = (write ? EPOLLOUT : EPOLLIN) | edge, .data.ptr = c};
    if (epoll_ctl(epoll, operation, fd, &event) < 0)
        die("epoll_ctl");
}

static void set_bit(unsigned long *set, int fd, bool on)
{
    unsigned long bit = 1UL << (fd % WORD_BITS);
    set[fd / WORD_BITS] = on ? set[fd / WORD_BITS] | bit : set[fd / WORD_BITS] & ~bit;
}

static bool has_bit(const unsigned long *set, int fd)
{
    return set[fd / WORD_BITS] >> (fd % WORD_BITS) & 1;
}

static void watch(int fd, struct connection *c) /* the listener: c is NULL */
{
    if (backend == POLL) {
        poll_slot[fd] = poll_count;
        polls[poll_count++] = (struct pollfd){.fd = fd, .events = POLLIN};
        by_fd[fd] = c;
    } else if (backend == SELECT) {
        set_bit(reading, fd, true);
        highest = fd > highest ? fd : highest;
        by_fd[fd] = c;
    } else {
        epoll_set(EPOLL_CTL_ADD, fd, c, false);
    }
}

static void wait_to(struct connection *c, bool write)
{
    if (backend == POLL) {
        polls[poll_slot[c->fd]].events = write ? POLLOUT : POLLIN;
    } else if (backend == SELECT) {
        set_bit(reading, c->fd, !write);
        set_bit(writing, c->fd, write);
    } else {
        epoll_set(EPOLL_CTL_MOD, c->fd, c, write); /* looks anew, so an edge in between is not lost */
    }
}

RARE void end(struct connection *c)
{
    if (backend == POLL) { /* the last one takes its place */
        int slot = poll_slot[c->fd];
        polls[slot] = polls[--poll_count];
        poll_slot[polls[slot].fd] = slot;
    } else if (backend == SELECT) {
        set_bit(reading, c->fd, false);
        set_bit(writing, c->fd, false);
        while (highest > 0 && !has_bit(reading, highest) && !has_bit(writing, highest))
            highest--;
    } /* epoll forgets a descriptor when it is closed */
    close(c->fd);
    free(c->pending);
    free(c);
}

/* ---- What is done when it comes ------------------------------------------------------------ */

RARE void accept_ready(void)
{
    do {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE) {
                /* Left in the queue, the connection would be reported for ever: the spare
                   descriptor makes room to take it and to close it. */
                close(spare);
                fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                if (fd >= 0)
                    close(fd);
                spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
                if (fd >= 0)
                    continue;
            }
            if (errno == ECONNABORTED)
                continue;
            return; /* EAGAIN; or EINVAL, after stop() */
        }
        bool fits = backend == EPOLL_LT || backend == EPOLL_ET || fd < DESCRIPTORS;
        struct connection *c = fits ? calloc(1, sizeof *c) : NULL;
        if (c == NULL) {
            close(fd);
            continue;
        }
        c->fd = fd;
        watch(fd, c);
        /* A level is reported again while the queue is not empty, so that one accept4 a report saves
           the one that would find it empty. An edge is not. */
    } while (backend == EPOLL_ET);
}

/* Keeps what the kernel did not take, and stops reading until it does. */
RARE void keep_rest(struct connection *c, ssize_t sent, ssize_t count)
{
    if (sent < 0 && errno != EAGAIN) {
        end(c);
        return;
    }
    sent = sent < 0 ? 0 : sent;
    c->offset = 0;
    c->length = (uint32_t)(count - sent);
    c->pending = malloc(c->length);
    if (c->pending == NULL) {
        end(c);
        return;
    }
    memcpy(c->pending, buffer + sent, c->length);
    wait_to(c, true);
}

RARE void flush(struct connection *c)
{
    ssize_t sent = send(c->fd, c->pending + c->offset, c->length - c->offset, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN)
            end(c);
        return;
    }
    c->offset += (uint32_t)sent;
    if (c->offset < c->length)
        return;
    free(c->pending);
    c->pending = NULL;
    wait_to(c, false);
}

/* One recv and one send. The bytes echoed; 0 if there is no more to do now. */
OFTEN ssize_t echo(struct connection *c)
{
    ssize_t count = recv(c->fd, buffer, sizeof buffer, 0);
    if (count <= 0) {
        if (count == 0 || errno != EAGAIN)
            end(c);
        return 0;
    }
    ssize_t sent = send(c->fd, buffer, (size_t)count, MSG_NOSIGNAL);
    if (sent < count) {
        keep_rest(c, sent, count);
        return 0;
    }
    return count;
}

/* Edge-triggered: until a read comes short, which says that the socket is empty. But an end that was
   reported with the data is not reported again, and so is read for. */
static void drain(struct connection *c, bool ending)
{
    ssize_t count;
    do
        count = echo(c);
    while (count == BUFFER_SIZE || (ending && count > 0));
}

OFTEN void ready(struct connection *c)
{
    if (c == NULL)
        accept_ready();
    else if (c->pending != NULL)
        flush(c);
    else
        echo(c);
}

/* ---- The loops ----------------------------------------------------------------------------- */

static void run_epoll(void)
{
    static struct epoll_event events[EVENTS];
    const bool edge = backend == EPOLL_ET;
    while (!stopping) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        if (count < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (edge && c != NULL && c->pending == NULL)
                drain(c, events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
            else
                ready(c);
        }
    }
}

static void run_poll(void)
{
    while (!stopping) {
        int count = poll(polls, (nfds_t)poll_count, -1);
        if (count < 0 && errno != EINTR)
            die("poll");
        /* Downwards: the one that end() moves has been seen already, new ones go behind. */
        for (int i = poll_count - 1; count > 0 && i >= 0; i--) {
            if (polls[i].revents != 0) {
                count--;
                ready(by_fd[polls[i].fd]);
            }
        }
    }
}

/* FD_SETSIZE is glibc's limit and not the kernel's, which takes a bitmap of any length. */
static void run_select(void)
{
    static unsigned long in[WORDS], out[WORDS];
    while (!stopping) {
        int words = highest / WORD_BITS + 1;
        memcpy(in, reading, (size_t)words * sizeof *in);
        memcpy(out, writing, (size_t)words * sizeof *out);
        long count = syscall(SYS_pselect6, highest + 1, in, out, NULL, NULL, NULL);
        if (count < 0 && errno != EINTR)
            die("pselect6");
        for (int word = 0; count > 0 && word < words; word++) {
            /* No descriptor is in both sets. The listener has the lowest number and is seen first:
               no number that is closed in this turn is given anew in it. */
            for (unsigned long set = in[word] | out[word]; set != 0; set &= set - 1) {
                count--;
                ready(by_fd[word * WORD_BITS + __builtin_ctzl(set)]);
            }
        }
    }
}

/* A listener that is shut down is ready: the loop wakes up even if the signal came just before it
   went to sleep, and neither a further descriptor nor a signal mask is needed. */
static void stop(int signal)
{
    (void)signal;
    stopping = 1;
    shutdown(listener, SHUT_RDWR);
}

static void listen_on(uint16_t port)
{
    const int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
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
    printf("listening on 127.0.0.1:%d (%s)\n", ntohs(address.sin_port), backend_names[backend]);
    fflush(stdout);
}

static long number(const char *text, long most)
{
    char *end;
    long value = text ? strtol(text, &end, 10) : -1;
    if (value < 0 || value > most || end == text || *end != '\0') {
        fprintf(stderr, "usage: echo_server epoll-lt|epoll-et|poll|select PORT [--cpu N]\n");
        exit(2);
    }
    return value;
}

int main(int count, char **arguments)
{
    int known = 0;
    while (count >= 3 && known < 4 && strcmp(arguments[1], backend_names[known]) != 0)
        known++;
    if (count < 3 || known == 4 || (count > 3 && (count != 5 || strcmp(arguments[3], "--cpu") != 0)))
        number(NULL, 0);
    backend = (enum backend)known;
    if (count == 5) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)number(arguments[4], CPU_SETSIZE - 1), &set);
        if (sched_setaffinity(0, sizeof set, &set) < 0)
            die("sched_setaffinity");
    }
    uint16_t port = (uint16_t)number(arguments[2], 65535);
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    listen_on(port);

    spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (backend == EPOLL_LT || backend == EPOLL_ET) {
        epoll = epoll_create1(EPOLL_CLOEXEC);
        if (epoll < 0)
            die("epoll_create1");
    }
    watch(listener, NULL);
    if (backend == POLL)
        run_poll();
    else if (backend == SELECT)
        run_select();
    else
        run_epoll();

    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    fprintf(stderr, "cpu: user %ld.%06ld sys %ld.%06ld\n", (long)usage.ru_utime.tv_sec,
            (long)usage.ru_utime.tv_usec, (long)usage.ru_stime.tv_sec, (long)usage.ru_stime.tv_usec);
    return 0;
}
