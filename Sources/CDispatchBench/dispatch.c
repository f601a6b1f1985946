// The yardstick of `reactor bench dispatch`. The loops do what the framework's selectors do, with the same system
// calls, and nothing else: no registry, no handlers behind a pointer, no timers.
#define _GNU_SOURCE
#include "CDispatchBench.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>

enum { most_events = 1024, word_bits = 8 * sizeof(unsigned long) };

struct cdispatch {
  enum cdispatch_method method;
  int count;
  const int *readers, *writers;
  // The iteration.
  int64_t left, fired, counted, turns;
  // epoll
  int epoll;
  struct epoll_event events[most_events];
  // poll
  struct pollfd *entries;
  // select
  unsigned long *wanted, *found;
  int *index_of;  // the pair of a descriptor
  int highest;
  size_t words;
};

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

long cdispatch_open(int count, int *readers, int *writers) {
  for (int index = 0; index < count; index++) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) {
      int error = errno;
      cdispatch_close(index, readers, writers);
      return -error;
    }
    readers[index] = ends[0];
    writers[index] = ends[1];
  }
  return 0;
}

void cdispatch_close(int count, const int *readers, const int *writers) {
  for (int index = 0; index < count; index++) {
    close(readers[index]);
    close(writers[index]);
  }
}

struct cdispatch *cdispatch_create(enum cdispatch_method method, int count, const int *readers, const int *writers) {
  struct cdispatch *loop = calloc(1, sizeof *loop);
  if (!loop) return 0;
  loop->method = method;
  loop->count = count;
  loop->readers = readers;
  loop->writers = writers;
  loop->epoll = -1;
  int is_ready = 0;
  switch (method) {
    case cdispatch_epoll_lt:
    case cdispatch_epoll_et:
      loop->epoll = epoll_create1(EPOLL_CLOEXEC);
      is_ready = loop->epoll >= 0;
      break;
    case cdispatch_poll:
      loop->entries = calloc((size_t)count, sizeof *loop->entries);
      is_ready = loop->entries != 0;
      break;
    case cdispatch_select:
      for (int index = 0; index < count; index++)
        if (readers[index] > loop->highest) loop->highest = readers[index];
      loop->words = (size_t)loop->highest / word_bits + 1;
      loop->wanted = calloc(loop->words, sizeof *loop->wanted);
      loop->found = calloc(loop->words, sizeof *loop->found);
      loop->index_of = calloc((size_t)loop->highest + 1, sizeof *loop->index_of);
      is_ready = loop->wanted && loop->found && loop->index_of;
      for (int index = 0; is_ready && index < count; index++) loop->index_of[readers[index]] = index;
      break;
  }
  if (is_ready) return loop;
  cdispatch_destroy(loop);
  return 0;
}

void cdispatch_destroy(struct cdispatch *loop) {
  if (loop->epoll >= 0) close(loop->epoll);
  free(loop->entries);
  free(loop->wanted);
  free(loop->found);
  free(loop->index_of);
  free(loop);
}

static void register_anew(struct cdispatch *loop) {
  for (int index = 0; index < loop->count; index++) {
    int fd = loop->readers[index];
    switch (loop->method) {
      case cdispatch_epoll_lt:
      case cdispatch_epoll_et: {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
        if (loop->method == cdispatch_epoll_et) event.events |= EPOLLET;
        epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, 0);
        epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event);
        break;
      }
      case cdispatch_poll:
        loop->entries[index] = (struct pollfd){.fd = fd, .events = POLLIN};
        break;
      case cdispatch_select:
        loop->wanted[fd / word_bits] &= ~(1UL << (fd % word_bits));
        loop->wanted[fd / word_bits] |= 1UL << (fd % word_bits);
        break;
    }
  }
}

// The callback of a pair.
static void readable(struct cdispatch *loop, int index) {
  long count = cdispatch_read(loop->readers[index]);
  if (count <= 0) return;
  loop->counted += count;
  for (; count > 0 && loop->left > 0; count--) {
    int next = index + 1 < loop->count ? index + 1 : 0;
    if (cdispatch_write_byte(loop->writers[next]) == 1) loop->fired++;
    loop->left--;
  }
}

// One turn that does not block. Returns -errno on failure.
static long turn(struct cdispatch *loop) {
  loop->turns++;
  switch (loop->method) {
    case cdispatch_epoll_lt:
    case cdispatch_epoll_et: {
      int found = epoll_wait(loop->epoll, loop->events, most_events, 0);
      if (found < 0) return errno == EINTR ? 0 : -errno;
      for (int index = 0; index < found; index++) readable(loop, (int)loop->events[index].data.u32);
      return 0;
    }
    case cdispatch_poll: {
      int found = poll(loop->entries, (nfds_t)loop->count, 0);
      if (found < 0) return errno == EINTR ? 0 : -errno;
      for (int index = 0; found > 0 && index < loop->count; index++)
        if (loop->entries[index].revents) {
          found--;
          readable(loop, index);
        }
      return 0;
    }
    case cdispatch_select: {
      memcpy(loop->found, loop->wanted, loop->words * sizeof *loop->found);
      struct timeval zero = {0, 0};
      int found = select(loop->highest + 1, (fd_set *)(void *)loop->found, 0, 0, &zero);
      if (found < 0) return errno == EINTR ? 0 : -errno;
      for (size_t word = 0; found > 0 && word < loop->words; word++)
        for (unsigned long bits = loop->found[word]; bits; bits &= bits - 1) {
          found--;
          readable(loop, loop->index_of[(int)word * word_bits + __builtin_ctzl(bits)]);
        }
      return 0;
    }
  }
  return -EINVAL;
}

long cdispatch_iterate(struct cdispatch *loop, int active, int writes, struct cdispatch_result *result) {
  int64_t start = now();
  register_anew(loop);
  loop->left = 0;
  long failure = turn(loop);
  if (failure < 0) return failure;
  int step = loop->count / active;
  loop->counted = loop->fired = loop->turns = 0;
  loop->left = writes;
  for (int index = 0; index < active; index++) {
    long written = cdispatch_write_byte(loop->writers[index * step]);
    if (written < 0) return -errno;
    loop->fired++;
  }
  int64_t middle = now();
  while (loop->counted < loop->fired)
    if ((failure = turn(loop)) < 0) return failure;
  int64_t end = now();
  *result = (struct cdispatch_result){end - middle, end - start, loop->counted, loop->turns};
  return 0;
}
