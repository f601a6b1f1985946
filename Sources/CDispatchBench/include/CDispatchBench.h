// The plain C side of `reactor bench dispatch`: pairs of sockets, and loops around epoll(7), poll(2) and select(2) that
// do nothing but what the benchmark needs. Every call returns its result or -errno.
#ifndef CDISPATCHBENCH_H
#define CDISPATCHBENCH_H

#include <stdint.h>
#include <unistd.h>

// Opens `count` non-blocking socketpair(2)s of Unix stream sockets. On failure everything is closed.
long cdispatch_open(int count, int *readers, int *writers);
void cdispatch_close(int count, const int *readers, const int *writers);

// Writes one byte; reads what is there, up to 64 bytes. Used by the measured loops of both languages alike.
static inline long cdispatch_write_byte(int fd) { return write(fd, "x", 1); }
static inline long cdispatch_read(int fd) {
  char bytes[64];
  return read(fd, bytes, sizeof bytes);
}

enum cdispatch_method {
  cdispatch_epoll_lt,
  cdispatch_epoll_et,
  cdispatch_poll,
  cdispatch_select,  // with bitmaps of its own, of any length
};

// What one iteration took, in nanoseconds, and what happened in it.
struct cdispatch_result {
  int64_t loop_nanoseconds;   // from the first turn after the writes to the last event
  int64_t total_nanoseconds;  // the same with the renewed registration of all read ends before
  int64_t events;
  int64_t turns;
};

struct cdispatch;

// Creates a loop for the pairs, whose arrays must outlive it; NULL without memory or descriptors.
struct cdispatch *cdispatch_create(enum cdispatch_method method, int count, const int *readers, const int *writers);
void cdispatch_destroy(struct cdispatch *loop);
// Runs one iteration: registers all read ends again, writes one byte to `active` pairs, and runs until these bytes and
// `writes` further ones, each written by a callback to the next pair, have been read.
long cdispatch_iterate(struct cdispatch *loop, int active, int writes, struct cdispatch_result *result);

#endif
