// The client that the bench measures with: many HTTP/1.1 exchanges from one thread, and the time of every event in them.
//
//   cc -O2 -o load load.c && ./load --port 8787 --path /codex/v1/responses --body turn.json --streams 64 --events 100
//
//   --header "name: value"   one more request header, up to 8
//   --streams N              exchanges open at once (1)
//   --total N                exchanges in all, each on a connection kept open (as --streams)
//   --events N               deltas expected in each; 0 for answers that are not streams (0)
//   --stagger-us N           pause between the first starts (0)
//   --pace-us N              expected pace, to tell stalls (0)
//   --abort-after N          leave after so many deltas, and print when
//   --hold                   once every stream has its first delta print "held", wait for the end of standard input, leave
//   --seconds N              give up after so long; what is open then counts as unfinished (60)
//
// Prints one JSON object. Times are microseconds. `first` is request to first delta (or to the end of a unary answer), `delay` is
// the upstream's write to our read of the same delta, `gap` is the time between two deltas of a stream.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MARK 32        // `~stream sequence nanoseconds~`, see upstream.c
#define HEAD 16384     // longest head of an answer
#define READ 262144

typedef struct {
  uint64_t *at;
  size_t length, room;
} Samples;

enum body { BY_LENGTH, CHUNK_SIZE, CHUNK_BYTES, CHUNK_END, TRAILER, TO_CLOSE };

typedef struct {
  int fd, active;
  size_t sent;                        // of the request
  uint64_t begins, asked, last;       // nanoseconds; when to start, when asked, last delta
  uint32_t stream, next, status;      // the upstream's number, the delta expected next
  char head[HEAD];
  size_t head_length;
  int in_body, closes;
  enum body body;
  uint64_t left;                      // bytes of the body, or of the chunk
  char digits[20];                    // a chunk's size line
  int digit;
  char mark[MARK];                    // a mark cut by the end of a read
  int marked;
  int fresh;                          // deltas in this read
} Exchange;

static struct {
  int port, streams, total, hold;
  const char *path;
  uint32_t events, abort_after;
  uint64_t stagger, pace;
  double seconds;
} options = {.path = "/", .streams = 1, .seconds = 60};

static char *request;
static size_t request_length;
static Exchange *exchanges;
static int poll_fd, started, ended, first_seen, leaving;
static Samples first, delay, gap, whole;
static uint64_t events, lost, reordered, coalesced, reads, stalled, broken, aborted, bytes;
static uint64_t statuses[600];
static struct { uint32_t stream; uint64_t at; } *left_at;

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void fatal(const char *what) {
  perror(what);
  exit(1);
}

static void keep(Samples *samples, uint64_t value) {
  if (samples->length == samples->room) {
    samples->room = samples->room ? samples->room * 2 : 4096;
    samples->at = realloc(samples->at, samples->room * sizeof *samples->at);
    if (!samples->at) fatal("memory");
  }
  samples->at[samples->length++] = value;
}

// --- one exchange

static void watch(Exchange *exchange, uint32_t what) {
  struct epoll_event event = {.events = what, .data.ptr = exchange};
  epoll_ctl(poll_fd, EPOLL_CTL_MOD, exchange->fd, &event);
}

static void hang_up(Exchange *exchange) {
  if (exchange->fd >= 0) close(exchange->fd);
  exchange->fd = -1;
}

static void dial(Exchange *exchange) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  exchange->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (exchange->fd < 0 || connect(exchange->fd, (struct sockaddr *)&address, sizeof address)) fatal("connect");
  fcntl(exchange->fd, F_SETFL, O_NONBLOCK);
  setsockopt(exchange->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = exchange};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, exchange->fd, &event);
}

static void finish(Exchange *exchange, int is_whole);

static void push_request(Exchange *exchange) {
  while (exchange->sent < request_length) {
    ssize_t sent = send(exchange->fd, request + exchange->sent, request_length - exchange->sent, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      watch(exchange, EPOLLIN | EPOLLOUT);
      return;
    }
    if (sent < 0) return; // the reading side will see why
    exchange->sent += (size_t)sent;
  }
  watch(exchange, EPOLLIN);
}

static void start(Exchange *exchange) {
  if (exchange->fd < 0) dial(exchange);
  int fd = exchange->fd;
  memset(exchange, 0, sizeof *exchange);
  exchange->fd = fd;
  exchange->active = 1;
  started++;
  exchange->asked = now();
  push_request(exchange);
}

// Ends one exchange and begins the next on the same place.
static void finish(Exchange *exchange, int is_whole) {
  exchange->active = 0;
  ended++;
  if (exchange->status < 600) statuses[exchange->status]++;
  if (!is_whole) broken++;
  else keep(&whole, now() - exchange->asked);
  if (exchange->status == 200 && options.events > exchange->next && is_whole) lost += options.events - exchange->next;
  if (is_whole && !options.events) keep(&first, now() - exchange->asked);
  if (!is_whole || exchange->closes) hang_up(exchange);
  if (started < options.total && !leaving) start(exchange);
}

static void leave(Exchange *exchange) {
  left_at[aborted].stream = exchange->stream;
  hang_up(exchange);
  left_at[aborted++].at = now();
  exchange->active = 0;
  ended++;
  if (started < options.total && !leaving) start(exchange);
}

static void delta(Exchange *exchange, const char *mark, uint64_t at) {
  uint32_t stream = (uint32_t)strtoul(mark + 1, NULL, 10), sequence = (uint32_t)strtoul(mark + 8, NULL, 10);
  uint64_t written = strtoull(mark + 15, NULL, 10);
  // What follows the last delta repeats the whole text.
  if (exchange->next >= options.events) return;
  if (exchange->next == 0) {
    exchange->stream = stream;
    keep(&first, at - exchange->asked);
    first_seen++;
  } else {
    uint64_t passed = at - exchange->last;
    keep(&gap, passed);
    if (options.pace && passed > 10 * options.pace) stalled++;
  }
  if (sequence < exchange->next) reordered++;
  else {
    lost += sequence - exchange->next;
    exchange->next = sequence + 1;
  }
  keep(&delay, at - written);
  exchange->last = at;
  exchange->fresh++;
  events++;
}

static void content(Exchange *exchange, const char *text, size_t length, uint64_t at) {
  bytes += length;
  for (size_t i = 0; i < length;) {
    if (exchange->marked) {
      size_t want = (size_t)(MARK - exchange->marked), take = want < length - i ? want : length - i;
      memcpy(exchange->mark + exchange->marked, text + i, take);
      exchange->marked += (int)take;
      i += take;
      if (exchange->marked < MARK) return;
      exchange->marked = 0;
      delta(exchange, exchange->mark, at);
      continue;
    }
    const char *found = memchr(text + i, '~', length - i);
    if (!found) return;
    i = (size_t)(found - text);
    if (i + MARK <= length) {
      delta(exchange, found, at);
      i += MARK;
    } else {
      exchange->marked = (int)(length - i);
      memcpy(exchange->mark, found, length - i);
      return;
    }
  }
}

// The body in its transfer coding. Returns 1 at its end.
static int body(Exchange *exchange, const char *at, size_t length, uint64_t when) {
  for (size_t i = 0; i < length || (exchange->body == BY_LENGTH && !exchange->left);) {
    switch (exchange->body) {
    case TO_CLOSE:
      content(exchange, at + i, length - i, when);
      return 0;
    case BY_LENGTH:
    case CHUNK_BYTES: {
      size_t take = exchange->left < length - i ? exchange->left : length - i;
      content(exchange, at + i, take, when);
      i += take;
      exchange->left -= take;
      if (exchange->left) break;
      if (exchange->body == BY_LENGTH) return 1;
      exchange->body = CHUNK_END;
      break;
    }
    case CHUNK_END:
      if (at[i++] == '\n') exchange->body = CHUNK_SIZE, exchange->digit = 0;
      break;
    case CHUNK_SIZE:
      if (at[i] == '\n') {
        exchange->digits[exchange->digit] = 0;
        exchange->left = strtoull(exchange->digits, NULL, 16);
        exchange->body = exchange->left ? CHUNK_BYTES : TRAILER;
        exchange->digit = 0;
      } else if (exchange->digit < 19)
        exchange->digits[exchange->digit++] = at[i];
      i++;
      break;
    case TRAILER: // ends with an empty line
      if (at[i] == '\n') {
        if (!exchange->digit) return 1;
        exchange->digit = 0;
      } else if (at[i] != '\r')
        exchange->digit = 1;
      i++;
      break;
    }
  }
  return 0;
}

static void read_head(Exchange *exchange) {
  exchange->head[exchange->head_length] = 0;
  exchange->status = (uint32_t)atoi(exchange->head + 9);
  exchange->body = TO_CLOSE;
  for (char *line = strstr(exchange->head, "\r\n"); line; line = strstr(line, "\r\n")) {
    line += 2;
    if (!strncasecmp(line, "content-length:", 15)) {
      exchange->body = BY_LENGTH;
      exchange->left = strtoull(line + 15, NULL, 10);
    } else if (!strncasecmp(line, "transfer-encoding:", 18))
      exchange->body = CHUNK_SIZE;
    else if (!strncasecmp(line, "connection: close", 17))
      exchange->closes = 1;
  }
  if (exchange->body == TO_CLOSE) exchange->closes = 1;
  exchange->in_body = 1;
}

// Returns 1 when the answer is whole.
static int take(Exchange *exchange, const char *at, size_t length, uint64_t when) {
  if (exchange->in_body) return body(exchange, at, length, when);
  size_t before = exchange->head_length, room = HEAD - 1 - before, copied = length < room ? length : room;
  memcpy(exchange->head + before, at, copied);
  exchange->head_length += copied;
  char *end = memmem(exchange->head, exchange->head_length, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t head = (size_t)(end - exchange->head) + 4;
  exchange->head_length = head;
  read_head(exchange);
  return body(exchange, at + (head - before), length - (head - before), when);
}

static void readable(Exchange *exchange) {
  static char buffer[READ];
  ssize_t got = recv(exchange->fd, buffer, READ, 0);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
  if (!exchange->active) {
    if (got <= 0) hang_up(exchange); // kept open, and closed by the server in between
    return;
  }
  if (got <= 0) {
    finish(exchange, got == 0 && exchange->in_body && exchange->body == TO_CLOSE);
    return;
  }
  exchange->fresh = 0;
  int is_whole = take(exchange, buffer, (size_t)got, now());
  if (exchange->fresh) reads++;
  if (exchange->fresh > 1) coalesced += (uint64_t)exchange->fresh - 1;
  if (options.abort_after && exchange->next >= options.abort_after) leave(exchange);
  else if (is_whole) finish(exchange, 1);
}

// --- all of them

static int ascending(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static void print_samples(const char *name, Samples *samples) {
  if (samples->length) qsort(samples->at, samples->length, sizeof *samples->at, ascending);
  static const struct { const char *name; double at; } marks[] = {{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}, {"max", 1}};
  printf(",\"%s\":{\"n\":%zu", name, samples->length);
  for (size_t i = 0; i < sizeof marks / sizeof *marks && samples->length; i++) {
    size_t index = (size_t)(marks[i].at * (double)samples->length);
    if (index >= samples->length) index = samples->length - 1;
    printf(",\"%s\":%.1f", marks[i].name, (double)samples->at[index] / 1000);
  }
  printf("}");
}

static void report(uint64_t began) {
  printf("{\"ended\":%d,\"unfinished\":%d,\"broken\":%llu,\"seconds\":%.3f,\"events\":%llu,\"bytes\":%llu,\"reads\":%llu,\"lost\":%llu,"
         "\"reordered\":%llu,\"coalesced\":%llu,\"stalled\":%llu,\"statuses\":{",
         ended, started - ended, (unsigned long long)broken, (double)(now() - began) / 1e9, (unsigned long long)events,
         (unsigned long long)bytes, (unsigned long long)reads, (unsigned long long)lost, (unsigned long long)reordered,
         (unsigned long long)coalesced, (unsigned long long)stalled);
  const char *comma = "";
  for (int i = 0; i < 600; i++) {
    if (!statuses[i]) continue;
    printf("%s\"%d\":%llu", comma, i, (unsigned long long)statuses[i]);
    comma = ",";
  }
  printf("}");
  print_samples("first", &first);
  print_samples("whole", &whole);
  print_samples("delay", &delay);
  print_samples("gap", &gap);
  printf(",\"left\":[");
  for (uint64_t i = 0; i < aborted; i++)
    printf("%s[%u,%llu]", i ? "," : "", left_at[i].stream, (unsigned long long)left_at[i].at);
  printf("]}\n");
}

static void run(uint64_t began) {
  struct epoll_event ready[512], standard_input = {.events = EPOLLIN, .data.ptr = &leaving};
  uint64_t end = began + (uint64_t)(options.seconds * 1e9);
  int opened = 0, told = 0;
  if (options.hold) epoll_ctl(poll_fd, EPOLL_CTL_ADD, 0, &standard_input);
  while (ended < options.total && !leaving) {
    uint64_t at = now();
    if (at >= end) return;
    for (; opened < options.streams && started < options.total && began + (uint64_t)opened * options.stagger <= at; opened++) start(&exchanges[opened]);
    int wait = opened < options.streams ? 1 : 100;
    int count = epoll_wait(poll_fd, ready, 512, wait);
    for (int i = 0; i < count; i++) {
      Exchange *exchange = ready[i].data.ptr;
      if (ready[i].data.ptr == &leaving) {
        leaving = 1;
        break;
      }
      if (ready[i].events & EPOLLOUT && exchange->active) push_request(exchange);
      if (ready[i].events & ~(uint32_t)EPOLLOUT && exchange->fd >= 0) readable(exchange);
    }
    if (options.hold && !told && first_seen + ended == options.streams) {
      told = 1;
      printf("held\n");
      fflush(stdout);
    }
  }
}

static void read_request(const char *file, char *const *headers, int header_count) {
  FILE *from = fopen(file, "rb");
  if (!from) fatal(file);
  fseek(from, 0, SEEK_END);
  long length = ftell(from);
  rewind(from);
  request = malloc((size_t)length + 8192);
  if (!request) fatal("memory");
  size_t head = (size_t)sprintf(request, "POST %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\n", options.path, options.port);
  for (int i = 0; i < header_count; i++) head += (size_t)sprintf(request + head, "%s\r\n", headers[i]);
  head += (size_t)sprintf(request + head, "content-length: %ld\r\n\r\n", length);
  if (fread(request + head, 1, (size_t)length, from) != (size_t)length) fatal(file);
  request_length = head + (size_t)length;
  fclose(from);
}

int main(int count, char **words) {
  char *headers[8];
  int header_count = 0;
  const char *file = "/dev/null";
  for (int i = 1; i < count; i++) {
    const char *name = words[i];
    if (!strcmp(name, "--hold")) {
      options.hold = 1;
      continue;
    }
    if (i + 1 == count) break;
    char *value = words[++i];
    if (!strcmp(name, "--port")) options.port = atoi(value);
    else if (!strcmp(name, "--path")) options.path = value;
    else if (!strcmp(name, "--body")) file = value;
    else if (!strcmp(name, "--header") && header_count < 8) headers[header_count++] = value;
    else if (!strcmp(name, "--streams")) options.streams = atoi(value);
    else if (!strcmp(name, "--total")) options.total = atoi(value);
    else if (!strcmp(name, "--events")) options.events = (uint32_t)atoi(value);
    else if (!strcmp(name, "--stagger-us")) options.stagger = strtoull(value, NULL, 10) * 1000;
    else if (!strcmp(name, "--pace-us")) options.pace = strtoull(value, NULL, 10) * 1000;
    else if (!strcmp(name, "--abort-after")) options.abort_after = (uint32_t)atoi(value);
    else if (!strcmp(name, "--seconds")) options.seconds = atof(value);
    else {
      fprintf(stderr, "load: unknown option %s; the first lines of load.c list them\n", name);
      return 2;
    }
  }
  if (options.total < options.streams) options.total = options.streams;
  read_request(file, headers, header_count);
  exchanges = calloc((size_t)options.streams, sizeof *exchanges);
  left_at = calloc((size_t)options.total + 1, sizeof *left_at);
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (!exchanges || !left_at || poll_fd < 0) fatal("start");
  for (int i = 0; i < options.streams; i++) {
    exchanges[i].fd = -1;
    dial(&exchanges[i]);
  }
  uint64_t began = now();
  run(began);
  for (int i = 0; i < options.streams; i++) hang_up(&exchanges[i]);
  report(began);
  return 0;
}
