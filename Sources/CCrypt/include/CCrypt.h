// A thread-safe crypt(3), whose state belongs to the caller. Where libcrypt does not support yescrypt, the functions
// return 0, and the login demo is unavailable. This file contains declarations and wrappers only.
#ifndef CCRYPT_H
#define CCRYPT_H

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

// Only libxcrypt defines this macro.
#ifdef CRYPT_GENSALT_OUTPUT_SIZE
#define CCRYPT_KNOWS_YESCRYPT 1
#endif

enum { ccrypt_longest_hash = 384 };

static inline void ccrypt_forget(void *bytes, size_t count) {
  volatile unsigned char *byte = bytes;
  while (count--) *byte++ = 0;
}

// Creates a salt for a scheme and a cost (0 is the scheme's default). Returns 1, or 0 for an unknown scheme.
static inline int ccrypt_salt(const char *scheme, unsigned long cost, char salt[ccrypt_longest_hash]) {
#ifdef CCRYPT_KNOWS_YESCRYPT
  return crypt_gensalt_rn(scheme, cost, 0, 0, salt, ccrypt_longest_hash) != 0;
#else
  return 0;
#endif
}

// Hashes a password with the scheme, cost and salt of a setting, which may be a hash. Returns 1, or 0 for an invalid
// setting. It takes milliseconds and megabytes by design.
static inline int ccrypt_hash(const char *password, const char *setting, char hash[ccrypt_longest_hash]) {
#ifdef CCRYPT_KNOWS_YESCRYPT
  struct crypt_data *data = calloc(1, sizeof *data);
  if (!data) return 0;
  const char *result = crypt_rn(password, setting, data, sizeof *data);
  int is_hash = result && result[0] != '*' && strlen(result) < ccrypt_longest_hash;
  if (is_hash) strcpy(hash, result);
  ccrypt_forget(data, sizeof *data);
  free(data);
  return is_hash;
#else
  return 0;
#endif
}

#endif
