/*
 * The yardstick for datagrams: what an echo over UDP costs when nothing stands between it and the kernel.
 *
 *     udp_echo PORT [--cpu N]
 *
 * One thread, one non-blocking socket, epoll. A readiness event costs one recvmmsg of up to 64 datagrams
 * and one sendmmsg of the same messages: nothing is copied and nothing is allocated. It goes on while a
 * batch is full, up to 256 datagrams a readiness event. What the kernel has no room for is dropped.
 *
 * The address is 127.0.0.1; port 0 lets the kernel choose. SIGTERM or SIGINT ends it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BATCH = 64,
    A_TURN = 256,          /* datagrams a readiness event, a batch more or less */
    SIZE = 65535,
    STRIDE = 65536 + 64,   /* places that are a power of two apart compete for the same lines of the cache */
};

static struct mmsghdr messages[BATCH];
static struct iovec pieces[BATCH];
static struct sockaddr_in peers[BATCH];
static char memory[BATCH * STRIDE];
static int udp = -1, epoll = -1;
static volatile sig_atomic_t stopping;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* A signal that comes just before the wait is seen when the wait is over, a second later at most. */
static void stop(int signal)
{
    (void)signal;
    stopping = 1;
}

static void echo(void)
{
    for (int left = A_TURN; left > 0;) {
        int count = recvmmsg(udp, messages, BATCH, MSG_DONTWAIT, NULL);
        if (count <= 0)
            return;
        for (int i = 0; i < count; i++)
            pieces[i].iov_len = messages[i].msg_len;
        for (int sent = 0; sent < count;) {
            int taken = sendmmsg(udp, messages + sent, (unsigned)(count - sent), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (taken <= 0)
                break;
            sent += taken;
        }
        for (int i = 0; i < count; i++) {
            pieces[i].iov_len = SIZE;
            messages[i].msg_hdr.msg_namelen = sizeof peers[i];
        }
        if (count < BATCH)
            return;
        left -= count;
    }
}

static long number(const char *text, long most)
{
    char *end;
    long value = text ? strtol(text, &end, 10) : -1;
    if (value < 0 || value > most || end == text || *end != '\0') {
        fprintf(stderr, "usage: udp_echo PORT [--cpu N]\n");
        exit(2);
    }
    return value;
}

int main(int count, char **arguments)
{
    if (count != 2 && (count != 4 || strcmp(arguments[2], "--cpu") != 0))
        number(NULL, 0);
    if (count == 4) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)number(arguments[3], CPU_SETSIZE - 1), &set);
        if (sched_setaffinity(0, sizeof set, &set) < 0)
            die("sched_setaffinity");
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number(arguments[1], 65535)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (udp < 0 || bind(udp, (struct sockaddr *)&address, length) < 0)
        die("bind");
    getsockname(udp, (struct sockaddr *)&address, &length);
    for (int i = 0; i < BATCH; i++) {
        pieces[i] = (struct iovec){memory + (size_t)i * STRIDE, SIZE};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &peers[i], .msg_namelen = sizeof peers[i], .msg_iov = &pieces[i], .msg_iovlen = 1};
    }
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, udp, &event) < 0)
        die("epoll");
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    printf("listening on 127.0.0.1:%d (UDP)\n", ntohs(address.sin_port));
    fflush(stdout);
    while (!stopping) {
        int ready = epoll_wait(epoll, &event, 1, 1000);
        if (ready > 0)
            echo();
        else if (ready < 0 && errno != EINTR)
            die("epoll_wait");
    }
    return 0;
}
