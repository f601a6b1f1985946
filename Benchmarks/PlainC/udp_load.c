/*
 * A closed-loop load for an echo server over UDP, with an exact number of datagrams.
 *
 *     udp_load HOST PORT --sockets C --size S --datagrams N
 *              [--window W] [--cpu N] [--timeout SECONDS] [--pause]
 *
 * C connected sockets each keep W datagrams of S bytes (8 to 65,507) in flight until N in all were answered
 * or lost. Every byte of an answer is verified. A socket that hears nothing for 100 ms counts what it has
 * in flight as lost and goes on with new ones; an answer that comes after that is not counted. One line of
 * JSON says how it went.
 *
 * Datagrams that a socket may send at one moment go out in one sendmmsg.
 * --pause   "ready" is printed after one answer a socket, and a line on stdin awaited. Another line is awaited
 *           after the result. Whoever reads the server's CPU time in these two pauses reads that of the
 *           datagrams alone.
 * --timeout the most it may take altogether (60); it then ends with status 3.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, EVENTS = 256, PERIOD = 251, SILENCE_MS = 100, LONGEST = 65507 };

struct sender {
    int fd;
    uint64_t next;     /* number of the next datagram */
    uint64_t base;     /* answers to those before it come too late */
    long in_flight;
    double heard;      /* when the last answer came */
};

static struct sender *senders;
static long sender_count, size, window = 16;
static long long unbegun, answered, lost, errors;
static unsigned char pattern[LONGEST + PERIOD], *outgoing, *incoming;
static struct mmsghdr out[BATCH], in[BATCH];
static struct iovec out_pieces[BATCH], in_pieces[BATCH];
static int epoll;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Sends what the window has room for. What the kernel does not take counts as lost. */
static void fill(struct sender *s)
{
    while (s->in_flight < window && unbegun > 0) {
        long count = window - s->in_flight;
        count = count < BATCH ? count : BATCH;
        count = count < unbegun ? count : (long)unbegun;
        for (long i = 0; i < count; i++) {
            uint64_t number = s->next + (uint64_t)i;
            unsigned char *place = outgoing + i * size;
            memcpy(place, &number, sizeof number);
            memcpy(place + sizeof number, pattern + number % PERIOD, (size_t)size - sizeof number);
        }
        int sent = sendmmsg(s->fd, out, (unsigned)count, MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != ENOBUFS) {
            perror("sendmmsg");
            errors++;
        }
        if (sent <= 0) {
            if (s->in_flight == 0) {
                unbegun--;
                lost++;
                continue;
            }
            return;
        }
        s->next += (uint64_t)sent;
        s->in_flight += sent;
        unbegun -= sent;
    }
}

static void receive(struct sender *s)
{
    int count = recvmmsg(s->fd, in, BATCH, MSG_DONTWAIT, NULL);
    if (count < 0 && errno != EAGAIN) {
        perror("recvmmsg");
        errors++;
    }
    for (int i = 0; i < count; i++) {
        const unsigned char *place = incoming + i * size;
        uint64_t number;
        memcpy(&number, place, sizeof number);
        if ((long)in[i].msg_len != size || number >= s->next
            || memcmp(place + sizeof number, pattern + number % PERIOD, (size_t)size - sizeof number) != 0) {
            if (errors++ == 0)
                fprintf(stderr, "an answer differs from what was sent\n");
        } else if (number >= s->base && s->in_flight > 0) {
            s->in_flight--;
            answered++;
        }
    }
    if (count > 0)
        s->heard = now();
    fill(s);
}

static void give_up_on_silent(void)
{
    double time = now();
    for (long i = 0; i < sender_count; i++) {
        struct sender *s = &senders[i];
        if (s->in_flight == 0 || time - s->heard < SILENCE_MS / 1e3)
            continue;
        lost += s->in_flight;
        s->in_flight = 0;
        s->base = s->next;
        s->heard = time;
        fill(s);
    }
}

static double run(long long count)
{
    static struct epoll_event events[EVENTS];
    double start = now(), looked = start;
    unbegun = count;
    answered = lost = 0;
    for (long i = 0; i < sender_count; i++) {
        senders[i].heard = start;
        fill(&senders[i]);
    }
    while (answered + lost < count && errors == 0) {
        int ready = epoll_wait(epoll, events, EVENTS, SILENCE_MS / 4);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < ready; i++)
            receive(events[i].data.ptr);
        double time = now();
        if (time - looked > SILENCE_MS / 4e3) {
            looked = time;
            give_up_on_silent();
        }
    }
    return now() - start;
}

static void usage(void)
{
    fprintf(stderr, "usage: udp_load HOST PORT --sockets C --size S --datagrams N [--window W] [--cpu N]\n"
                    "                [--timeout SECONDS] [--pause]\n");
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

int main(int count, char **arguments)
{
    static const struct option options[] = {
        {"sockets", required_argument, 0, 'c'}, {"size", required_argument, 0, 's'},
        {"datagrams", required_argument, 0, 'n'}, {"window", required_argument, 0, 'w'},
        {"cpu", required_argument, 0, 'p'}, {"timeout", required_argument, 0, 't'},
        {"pause", no_argument, 0, 'P'}, {0, 0, 0, 0}};
    long long datagrams = 0;
    long timeout = 60;
    bool pauses = false;
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        switch (option) {
        case 'c': sender_count = (long)number(optarg, 1, 10000); break;
        case 's': size = (long)number(optarg, 8, LONGEST); break;
        case 'n': datagrams = number(optarg, 1, 1000000000); break;
        case 'w': window = (long)number(optarg, 1, 10000); break;
        case 't': timeout = (long)number(optarg, 1, 3600); break;
        case 'P': pauses = true; break;
        case 'p': {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET((size_t)number(optarg, 0, CPU_SETSIZE - 1), &set);
            if (sched_setaffinity(0, sizeof set, &set) < 0)
                die("sched_setaffinity");
            break;
        }
        default: usage();
        }
    }
    struct sockaddr_in server = {.sin_family = AF_INET};
    if (optind + 2 != count || sender_count == 0 || size == 0 || datagrams == 0
        || inet_pton(AF_INET, arguments[optind], &server.sin_addr) != 1)
        usage();
    server.sin_port = htons((uint16_t)number(arguments[optind + 1], 1, 65535));
    alarm((unsigned)timeout); /* SIGALRM ends it, whatever happens */

    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (unsigned char)(i % PERIOD);
    outgoing = malloc((size_t)(BATCH * size));
    incoming = malloc((size_t)(BATCH * size));
    senders = calloc((size_t)sender_count, sizeof *senders);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!outgoing || !incoming || !senders || epoll < 0)
        die("start");
    for (int i = 0; i < BATCH; i++) {
        out_pieces[i] = (struct iovec){outgoing + i * size, (size_t)size};
        in_pieces[i] = (struct iovec){incoming + i * size, (size_t)size};
        out[i].msg_hdr = (struct msghdr){.msg_iov = &out_pieces[i], .msg_iovlen = 1};
        in[i].msg_hdr = (struct msghdr){.msg_iov = &in_pieces[i], .msg_iovlen = 1};
    }
    for (long i = 0; i < sender_count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &senders[i]};
        senders[i].fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (senders[i].fd < 0 || connect(senders[i].fd, (struct sockaddr *)&server, sizeof server) < 0
            || epoll_ctl(epoll, EPOLL_CTL_ADD, senders[i].fd, &event) < 0)
            die("socket");
    }
    if (pauses) {
        run(sender_count);
        printf("ready\n");
        fflush(stdout);
        if (getchar() == EOF)
            return 1;
    }
    double seconds = run(datagrams);
    printf("{\"messages\": %lld, \"seconds\": %.6f, \"errors\": %lld, \"lost\": %lld}\n", answered, seconds, errors, lost);
    fflush(stdout);
    if (pauses)
        getchar();
    return errors ? 1 : 0;
}
