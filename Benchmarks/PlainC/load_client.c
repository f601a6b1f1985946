/*
 * A closed-loop load for an echo server, with an exact number of messages.
 *
 *     load_client HOST PORT --connections C --size S --messages M
 *                 [--depth D] [--cpu N] [--timeout SECONDS] [--pause] [--churn] [--lines]
 *
 * C connections each keep D messages of S bytes in flight until M in all have come back. Every byte
 * is verified. One line of JSON says how it went; the exit status is 0 if there were no errors.
 *
 * With depth, the messages that a connection may send at one moment go out in one send.
 * --pause   one message a connection is exchanged first; then "ready" is printed and a line on stdin
 *           awaited. Another line is awaited after the result, before the connections are closed.
 *           Whoever reads the server's CPU time in these two pauses reads that of the messages alone.
 * --churn   a message is a connection: connect, echo, close (by the client), M times, C at a time.
 * --lines   a message is a line: its last byte is a newline, and no other (2 to 65536 bytes).
 * --timeout the most it may take altogether (60); it then ends with status 3.
 *
 * What it measures is limited to what one core can send: compare CPU time when it is.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
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
#include <time.h>
#include <unistd.h>

enum {
    CHUNK = 64 * 1024, /* most bytes of one recv or send */
    EVENTS = 1024,
};

struct connection {
    int fd;
    bool writing;      /* the kernel took less than was due: EPOLLOUT is awaited */
    uint64_t due;      /* bytes of the messages begun; positions are those in the connection's stream */
    uint64_t sent;
    uint64_t received;
};

static struct sockaddr_in address;
static int epoll;
static struct connection *connections;
static long connection_count = 1, size = 64, depth = 1, seconds_allowed = 60;
static long long messages = 1;
static bool churn, lines;
/* What every connection sends, again and again: a prime number of bytes, so that no shift by a buffer's length fits
   it; or one line. */
static size_t period = 251;
static char pattern[2 * CHUNK], buffer[CHUNK];

static long long unbegun, done, lost, errors; /* messages; connections that failed */

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void overdue(int signal)
{
    static const char text[] = "load_client: not done within --timeout\n";
    (void)signal;
    (void)!write(2, text, sizeof text - 1);
    _exit(3);
}

static void set_events(struct connection *c, int operation, bool write)
{
    struct epoll_event event = {.events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(epoll, operation, c->fd, &event) < 0)
        die("epoll_ctl");
    c->writing = write;
}

/* The socket stays blocking for connect alone (which SO_SNDTIMEO bounds): all else is MSG_DONTWAIT. */
static void open_connection(struct connection *c)
{
    const int on = 1;
    const struct timeval bound = {.tv_sec = 10};
    *c = (struct connection){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (c->fd < 0)
        die("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    set_events(c, EPOLL_CTL_ADD, false);
}

static void fail(struct connection *c, const char *why)
{
    if (errors++ == 0)
        fprintf(stderr, "load_client: %s\n", why);
    lost += (long long)((c->due - c->received + (uint64_t)size - 1) / (uint64_t)size);
    close(c->fd);
    c->fd = -1;
}

static void send_due(struct connection *c)
{
    while (c->sent < c->due) {
        uint64_t left = c->due - c->sent;
        ssize_t count = send(c->fd, pattern + c->sent % period, left < CHUNK ? left : CHUNK,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0) {
            if (errno != EAGAIN)
                fail(c, strerror(errno));
            else if (!c->writing)
                set_events(c, EPOLL_CTL_MOD, true);
            return;
        }
        c->sent += (uint64_t)count;
    }
    if (c->writing)
        set_events(c, EPOLL_CTL_MOD, false);
}

static void begin(struct connection *c, long long count)
{
    count = count < unbegun ? count : unbegun;
    if (count == 0)
        return;
    unbegun -= count;
    c->due += (uint64_t)count * (uint64_t)size;
    send_due(c);
}

static void receive(struct connection *c)
{
    ssize_t count = recv(c->fd, buffer, CHUNK, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0) {
        fail(c, count < 0 ? strerror(errno) : "the server closed a connection");
        return;
    }
    if (c->received + (uint64_t)count > c->sent
        || memcmp(buffer, pattern + c->received % period, (size_t)count) != 0) {
        fail(c, "an echo differs from what was sent");
        return;
    }
    uint64_t before = c->received / (uint64_t)size;
    c->received += (uint64_t)count;
    long long completed = (long long)(c->received / (uint64_t)size - before);
    done += completed;
    if (churn && completed > 0) {
        close(c->fd);
        c->fd = -1;
        if (unbegun == 0)
            return;
        open_connection(c);
    }
    begin(c, completed);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double run(long long count)
{
    static struct epoll_event events[EVENTS];
    double start = now();
    unbegun = count;
    done = lost = 0;
    long live = 0;
    for (long i = 0; i < connection_count; i++) {
        if (connections[i].fd >= 0)
            begin(&connections[i], depth);
        live += connections[i].fd >= 0;
    }
    while (done + lost < count && live > 0) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                send_due(c);
            if (c->fd >= 0 && events[i].events & ~(uint32_t)EPOLLOUT)
                receive(c);
            live -= c->fd < 0;
        }
    }
    return now() - start;
}

static void usage(void)
{
    fprintf(stderr, "usage: load_client HOST PORT --connections C --size S --messages M\n"
                    "                   [--depth D] [--cpu N] [--timeout SECONDS] [--pause] [--churn]\n"
                    "                   [--lines]\n");
    exit(2);
}

static long long number(const char *text, long long least, long long most)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || value < least || value > most)
        usage();
    return value;
}

static void await_line(void)
{
    for (int c = getchar(); c != '\n' && c != EOF; c = getchar())
        ;
}

int main(int count, char **arguments)
{
    static const struct option options[] = {
        {"connections", required_argument, NULL, 'c'}, {"size", required_argument, NULL, 's'},
        {"messages", required_argument, NULL, 'm'},    {"depth", required_argument, NULL, 'd'},
        {"cpu", required_argument, NULL, 'p'},         {"timeout", required_argument, NULL, 't'},
        {"pause", no_argument, NULL, 'w'},             {"churn", no_argument, NULL, 'x'},
        {"lines", no_argument, NULL, 'l'},             {0}};
    bool pauses = false;
    cpu_set_t set;
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        switch (option) {
        case 'c': connection_count = (long)number(optarg, 1, 1000000); break;
        case 's': size = (long)number(optarg, 1, 1 << 30); break;
        case 'm': messages = number(optarg, 1, INT64_MAX / 2); break;
        case 'd': depth = (long)number(optarg, 1, 1 << 20); break;
        case 't': seconds_allowed = (long)number(optarg, 1, 86400); break;
        case 'w': pauses = true; break;
        case 'x': churn = true; break;
        case 'l': lines = true; break;
        case 'p':
            CPU_ZERO(&set);
            CPU_SET((size_t)number(optarg, 0, CPU_SETSIZE - 1), &set);
            if (sched_setaffinity(0, sizeof set, &set) < 0)
                die("sched_setaffinity");
            break;
        default: usage();
        }
    }
    address.sin_family = AF_INET;
    if (count - optind != 2 || (churn && depth != 1)
        || inet_pton(AF_INET, arguments[optind], &address.sin_addr) != 1)
        usage();
    address.sin_port = htons((uint16_t)number(arguments[optind + 1], 1, 65535));
    if (lines && (size < 2 || size > CHUNK))
        usage();
    if (lines)
        period = (size_t)size;
    signal(SIGALRM, overdue);
    alarm((unsigned)seconds_allowed);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = lines ? (i % period == period - 1 ? '\n' : (char)('a' + i % period % 23)) : (char)(i % period);

    epoll = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc((size_t)connection_count, sizeof *connections);
    if (epoll < 0 || connections == NULL)
        die("load_client");
    if (churn && connection_count > messages)
        connection_count = (long)messages;
    for (long i = 0; i < connection_count; i++)
        open_connection(&connections[i]);
    if (pauses) {
        /* Nothing says that a connection has been accepted but an answer. */
        bool churning = churn;
        long wanted = depth;
        churn = false;
        depth = 1;
        run(connection_count);
        churn = churning;
        depth = wanted;
        printf("ready\n");
        fflush(stdout);
        await_line();
    }
    double seconds = run(messages);
    printf("{\"messages\": %lld, \"seconds\": %.6f, \"errors\": %lld}\n", done, seconds, errors);
    fflush(stdout);
    if (pauses)
        await_line();
    return errors == 0 ? 0 : 1;
}
