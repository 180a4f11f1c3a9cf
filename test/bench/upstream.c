// The upstream that the bench measures against: paced Responses and Chat Completions streams from one thread, so that it
// is never what is slow.
//
//   cc -O2 -o upstream upstream.c && ./upstream [PORT]        prints "listening PORT"
//
//   POST …/responses, …/chat/completions     with "stream":true a stream, else one JSON body
//   GET  …/models                            an empty list
//   GET  /bench/set?events=250&pace_us=20000&size=32          what the streams opened from now on do; forgets all counts
//   GET  /bench/stats                        counts as JSON
//   GET  /bench/cancelled                    lines "STREAM NANOSECONDS": when a client was seen to leave
//
// Every delta carries `~stream sequence nanoseconds~` (CLOCK_MONOTONIC), so that a reader at the other end of any gateway, in
// any dialect, can tell what is late, lost, out of order or glued together.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MARK 32 // bytes of one mark
#define MODEL "gpt-5.5"

typedef struct {
  char *at;
  size_t length, room;
} Buffer;

typedef struct {
  int fd, chat, close_after;
  Buffer in, out, text;
  size_t written;       // of out
  int streaming;        // an answer is under way
  uint32_t stream, events, size, sequence;
  uint64_t next, pace;  // nanoseconds
  int heap;             // place in the heap, -1 when not there
} Client;

typedef struct {
  uint64_t requests, streams, finished, cancelled, events, bytes_in, late_ns, behind;
  uint64_t open, most_open;
} Counts;

typedef struct {
  uint32_t stream;
  uint64_t at;
} Cancelled;

static struct { uint32_t events, size; uint64_t pace; } settings = {100, MARK, 20000000};
static Counts counts;
static Cancelled *cancelled;
static size_t cancelled_room;
static Client **heap;
static int heap_length, heap_room;
static uint32_t last_stream;
static int poll_fd, timer_fd, listen_fd;

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void fatal(const char *what) {
  perror(what);
  exit(1);
}

static void *grown(void *at, size_t bytes) {
  void *fresh = realloc(at, bytes);
  if (!fresh) fatal("memory");
  return fresh;
}

// --- buffers

static void reserve(Buffer *buffer, size_t more) {
  if (buffer->length + more <= buffer->room) return;
  buffer->room = (buffer->length + more) * 2;
  buffer->at = grown(buffer->at, buffer->room);
}

static void append(Buffer *buffer, const char *bytes, size_t length) {
  reserve(buffer, length);
  memcpy(buffer->at + buffer->length, bytes, length);
  buffer->length += length;
}

static void drop(Buffer *buffer) {
  free(buffer->at);
  *buffer = (Buffer){0};
}

// One chunk of HTTP/1.1's chunked coding.
static void chunk(Buffer *out, const char *bytes, size_t length) {
  char head[24];
  append(out, head, (size_t)sprintf(head, "%zx\r\n", length));
  append(out, bytes, length);
  append(out, "\r\n", 2);
}

// --- the heap of streams, the next due on top

static void place(int index, Client *client) {
  heap[index] = client;
  client->heap = index;
}

static void sift(int index, Client *client) {
  while (index > 0 && heap[(index - 1) / 2]->next > client->next) {
    place(index, heap[(index - 1) / 2]);
    index = (index - 1) / 2;
  }
  for (int child; (child = 2 * index + 1) < heap_length; index = child) {
    if (child + 1 < heap_length && heap[child + 1]->next < heap[child]->next) child++;
    if (heap[child]->next >= client->next) break;
    place(index, heap[child]);
  }
  place(index, client);
}

static void schedule(Client *client) {
  if (client->heap >= 0) {
    sift(client->heap, client);
    return;
  }
  if (heap_length == heap_room) {
    heap_room = heap_room ? heap_room * 2 : 1024;
    heap = grown(heap, (size_t)heap_room * sizeof *heap);
  }
  heap_length++;
  sift(heap_length - 1, client);
}

static void unschedule(Client *client) {
  int index = client->heap;
  if (index < 0) return;
  client->heap = -1;
  Client *last = heap[--heap_length];
  if (last != client) sift(index, last);
}

static void set_timer(void) {
  struct itimerspec due = {0};
  if (heap_length) {
    uint64_t at = heap[0]->next ? heap[0]->next : 1;
    due.it_value.tv_sec = (time_t)(at / 1000000000u);
    due.it_value.tv_nsec = (long)(at % 1000000000u);
  }
  timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &due, NULL);
}

// --- connections

static void watch(Client *client, uint32_t events) {
  struct epoll_event event = {.events = events | EPOLLRDHUP, .data.ptr = client};
  epoll_ctl(poll_fd, EPOLL_CTL_MOD, client->fd, &event);
}

static void leave(Client *client) {
  if (client->streaming) {
    counts.cancelled++;
    counts.open--;
    if (counts.cancelled > cancelled_room) {
      cancelled_room = cancelled_room ? cancelled_room * 2 : 1024;
      cancelled = grown(cancelled, cancelled_room * sizeof *cancelled);
    }
    cancelled[counts.cancelled - 1] = (Cancelled){client->stream, now()};
  }
  unschedule(client);
  close(client->fd);
  drop(&client->in);
  drop(&client->out);
  drop(&client->text);
  free(client);
}

// Returns 0 when the client is gone (and freed).
static int flush(Client *client) {
  Buffer *out = &client->out;
  while (client->written < out->length) {
    ssize_t sent = write(client->fd, out->at + client->written, out->length - client->written);
    if (sent > 0) {
      client->written += (size_t)sent;
      continue;
    }
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      watch(client, EPOLLIN | EPOLLOUT);
      return 1;
    }
    leave(client);
    return 0;
  }
  out->length = client->written = 0;
  if (client->close_after && !client->streaming) {
    leave(client);
    return 0;
  }
  return 1;
}

// --- what is said

static void frame(Client *client, const char *type, const char *json) {
  Buffer whole = {0};
  if (type) {
    append(&whole, "event: ", 7);
    append(&whole, type, strlen(type));
    append(&whole, "\n", 1);
  }
  append(&whole, "data: ", 6);
  append(&whole, json, strlen(json));
  append(&whole, "\n\n", 2);
  chunk(&client->out, whole.at, whole.length);
  drop(&whole);
}

#define USAGE "{\"input_tokens\":812,\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":%u," \
  "\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":%u}"
#define CHAT_USAGE "{\"prompt_tokens\":812,\"completion_tokens\":%u,\"total_tokens\":%u}"

static char *response_json(Client *client, const char *status, const char *output, int with_usage) {
  char usage[256] = "null", *json;
  if (with_usage) sprintf(usage, USAGE, client->events, client->events + 812);
  if (asprintf(&json,
               "{\"id\":\"resp_%08u\",\"object\":\"response\",\"created_at\":1767225600,\"status\":\"%s\",\"error\":null,"
               "\"incomplete_details\":null,\"instructions\":null,\"max_output_tokens\":null,\"model\":\"" MODEL "\",\"output\":[%s],"
               "\"parallel_tool_calls\":true,\"previous_response_id\":null,\"reasoning\":{\"effort\":\"medium\",\"summary\":null},"
               "\"store\":false,\"temperature\":1.0,\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],"
               "\"top_p\":1.0,\"truncation\":\"disabled\",\"usage\":%s,\"user\":null,\"metadata\":{}}",
               client->stream, status, output, usage) < 0)
    fatal("memory");
  return json;
}

static char *part_json(const char *text, size_t length) {
  char *json;
  if (asprintf(&json, "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"%.*s\"}", (int)length, text) < 0)
    fatal("memory");
  return json;
}

static char *item_json(Client *client, const char *status, const char *content) {
  char *json;
  if (asprintf(&json, "{\"id\":\"msg_%08u\",\"type\":\"message\",\"status\":\"%s\",\"content\":[%s],\"role\":\"assistant\"}",
               client->stream, status, content) < 0)
    fatal("memory");
  return json;
}

static void event(Client *client, const char *type, uint32_t sequence, const char *field, const char *value) {
  char *json;
  if (asprintf(&json, "{\"type\":\"%s\",\"sequence_number\":%u,%s%s}", type, sequence, field, value) < 0) fatal("memory");
  frame(client, type, json);
  free(json);
}

static void open_responses(Client *client) {
  char *response = response_json(client, "in_progress", "", 0), *item = item_json(client, "in_progress", ""), *part = part_json("", 0);
  char place[128];
  event(client, "response.created", 0, "\"response\":", response);
  event(client, "response.in_progress", 1, "\"response\":", response);
  event(client, "response.output_item.added", 2, "\"output_index\":0,\"item\":", item);
  sprintf(place, "\"item_id\":\"msg_%08u\",\"output_index\":0,\"content_index\":0,\"part\":", client->stream);
  event(client, "response.content_part.added", 3, place, part);
  free(response), free(item), free(part);
}

static void close_responses(Client *client) {
  char *part = part_json(client->text.at, client->text.length), *item = item_json(client, "completed", part);
  char *response = response_json(client, "completed", item, 1), *text, place[128];
  uint32_t sequence = client->events + 4;
  if (asprintf(&text, "\"%.*s\"", (int)client->text.length, client->text.at) < 0) fatal("memory");
  sprintf(place, "\"item_id\":\"msg_%08u\",\"output_index\":0,\"content_index\":0,\"logprobs\":[],\"text\":", client->stream);
  event(client, "response.output_text.done", sequence, place, text);
  sprintf(place, "\"item_id\":\"msg_%08u\",\"output_index\":0,\"content_index\":0,\"part\":", client->stream);
  event(client, "response.content_part.done", sequence + 1, place, part);
  event(client, "response.output_item.done", sequence + 2, "\"output_index\":0,\"item\":", item);
  event(client, "response.completed", sequence + 3, "\"response\":", response);
  free(part), free(item), free(response), free(text);
}

static void chat_chunk(Client *client, const char *delta, const char *finish, const char *usage) {
  char *json;
  if (asprintf(&json,
               "{\"id\":\"chatcmpl-%08u\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"" MODEL "\","
               "\"choices\":[{\"index\":0,\"delta\":%s,\"logprobs\":null,\"finish_reason\":%s}],\"usage\":%s}",
               client->stream, delta, finish, usage) < 0)
    fatal("memory");
  frame(client, NULL, json);
  free(json);
}

static void say_delta(Client *client, uint64_t at) {
  char mark[MARK + 1], *json;
  sprintf(mark, "~%06u %06u %016llu~", client->stream % 1000000, client->sequence % 1000000, (unsigned long long)at);
  size_t before = client->text.length;
  append(&client->text, mark, MARK);
  for (uint32_t pad = MARK; pad < client->size; pad++) append(&client->text, "x", 1);
  int length = (int)(client->text.length - before);
  const char *text = client->text.at + before;
  if (client->chat) {
    if (asprintf(&json, "{\"content\":\"%.*s\"}", length, text) < 0) fatal("memory");
    chat_chunk(client, json, "null", "null");
  } else {
    if (asprintf(&json, "\"item_id\":\"msg_%08u\",\"output_index\":0,\"content_index\":0,\"delta\":\"%.*s\",\"logprobs\":[]",
                 client->stream, length, text) < 0)
      fatal("memory");
    event(client, "response.output_text.delta", client->sequence + 4, json, "");
  }
  free(json);
}

static void say_end(Client *client) {
  if (client->chat) {
    char usage[128];
    sprintf(usage, CHAT_USAGE, client->events, client->events + 812);
    chat_chunk(client, "{}", "\"stop\"", "null");
    chat_chunk(client, "{}", "null", usage);
    frame(client, NULL, "[DONE]");
  } else
    close_responses(client);
  append(&client->out, "0\r\n\r\n", 5);
  client->streaming = 0;
  unschedule(client);
  counts.finished++;
  counts.open--;
}

// The next thing that is due. Returns 0 when the client is gone.
static int step(Client *client, uint64_t at) {
  if (at - client->next > counts.late_ns) counts.late_ns = at - client->next;
  if (client->out.length) counts.behind++;
  if (client->sequence == client->events)
    say_end(client);
  else {
    say_delta(client, at);
    client->sequence++;
    counts.events++;
    client->next += client->pace;
    schedule(client);
  }
  return flush(client);
}

// --- what is asked

static void answer_json(Client *client, int status, const char *json, size_t length) {
  char head[256];
  append(&client->out, head,
         (size_t)sprintf(head, "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n", status,
                         status == 200 ? "OK" : "Not Found", length));
  append(&client->out, json, length);
}

static void answer_stream(Client *client) {
  static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
                             "transfer-encoding: chunked\r\n\r\n";
  append(&client->out, head, sizeof head - 1);
  client->streaming = 1;
  client->stream = ++last_stream;
  client->events = settings.events;
  client->size = settings.size;
  client->pace = settings.pace;
  client->sequence = 0;
  client->text.length = 0;
  client->next = now();
  counts.streams++;
  if (++counts.open > counts.most_open) counts.most_open = counts.open;
  if (client->chat) chat_chunk(client, "{\"role\":\"assistant\",\"content\":\"\"}", "null", "null");
  else open_responses(client);
  schedule(client);
}

static void answer_unary(Client *client) {
  char *json, *part = part_json("Fine.", 5);
  client->stream = ++last_stream;
  client->events = 2;
  if (client->chat) {
    if (asprintf(&json,
                 "{\"id\":\"chatcmpl-%08u\",\"object\":\"chat.completion\",\"created\":1767225600,\"model\":\"" MODEL "\",\"choices\":[{"
                 "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Fine.\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
                 "\"usage\":" CHAT_USAGE "}",
                 client->stream, 2u, 814u) < 0)
      fatal("memory");
  } else {
    char *item = item_json(client, "completed", part);
    json = response_json(client, "completed", item, 1);
    free(item);
  }
  answer_json(client, 200, json, strlen(json));
  free(json), free(part);
}

static uint64_t parameter(const char *path, const char *name, uint64_t fallback) {
  char key[32];
  sprintf(key, "%s=", name);
  const char *at = strstr(path, key);
  return at ? strtoull(at + strlen(key), NULL, 10) : fallback;
}

static void control(Client *client, const char *path) {
  Buffer text = {0};
  char line[512];
  if (!strncmp(path, "/bench/set", 10)) {
    settings.events = (uint32_t)parameter(path, "events", settings.events);
    settings.size = (uint32_t)parameter(path, "size", settings.size);
    settings.pace = parameter(path, "pace_us", settings.pace / 1000) * 1000;
    counts = (Counts){.open = counts.open, .most_open = counts.open};
    append(&text, "{}", 2);
  } else if (!strncmp(path, "/bench/stats", 12)) {
    append(&text, line,
           (size_t)sprintf(line,
                           "{\"requests\":%llu,\"streams\":%llu,\"open\":%llu,\"mostOpen\":%llu,\"finished\":%llu,\"cancelled\":%llu,"
                           "\"events\":%llu,\"bytesIn\":%llu,\"lateUs\":%llu,\"behind\":%llu}",
                           (unsigned long long)counts.requests, (unsigned long long)counts.streams, (unsigned long long)counts.open,
                           (unsigned long long)counts.most_open, (unsigned long long)counts.finished,
                           (unsigned long long)counts.cancelled, (unsigned long long)counts.events,
                           (unsigned long long)counts.bytes_in, (unsigned long long)counts.late_ns / 1000,
                           (unsigned long long)counts.behind));
  } else if (!strncmp(path, "/bench/cancelled", 16)) {
    for (uint64_t i = 0; i < counts.cancelled; i++)
      append(&text, line, (size_t)sprintf(line, "%u %llu\n", cancelled[i].stream, (unsigned long long)cancelled[i].at));
  }
  answer_json(client, text.at || !strncmp(path, "/bench/cancelled", 16) ? 200 : 404, text.at ? text.at : "", text.length);
  drop(&text);
}

static void answer(Client *client, const char *method, const char *path, const char *body, size_t length) {
  if (!strncmp(path, "/bench/", 7)) {
    control(client, path);
    return;
  }
  counts.requests++;
  client->chat = strstr(path, "/chat/completions") != NULL;
  if (strcmp(method, "POST"))
    answer_json(client, 200, "{\"object\":\"list\",\"data\":[]}", 27);
  else if (memmem(body, length, "\"stream\":true", 13))
    answer_stream(client);
  else
    answer_unary(client);
}

// Length of a chunked body from `at`, decoded in place; -1 when it is not whole yet.
static ssize_t dechunk(char *at, size_t length, size_t *used) {
  size_t from = 0, to = 0;
  for (;;) {
    char *end = memmem(at + from, length - from, "\r\n", 2);
    if (!end) return -1;
    size_t size = strtoul(at + from, NULL, 16), start = (size_t)(end - at) + 2;
    if (start + size + 2 > length) return -1;
    if (size == 0) {
      *used = start + 2;
      return (ssize_t)to;
    }
    memmove(at + to, at + start, size);
    to += size;
    from = start + size + 2;
  }
}

// Answers every whole request in the buffer. Returns 0 when the client is gone.
static int requests(Client *client) {
  while (!client->streaming && client->in.length) {
    Buffer *in = &client->in;
    char *head_end = memmem(in->at, in->length, "\r\n\r\n", 4);
    if (!head_end) return 1;
    size_t head = (size_t)(head_end - in->at) + 4, used;
    ssize_t length = 0;
    int coded = 0;
    char method[16] = "", path[512] = "";
    *head_end = 0;
    sscanf(in->at, "%15s %511s", method, path);
    for (char *line = strstr(in->at, "\r\n"); line; line = strstr(line, "\r\n")) {
      line += 2;
      if (!strncasecmp(line, "content-length:", 15)) length = strtol(line + 15, NULL, 10);
      if (!strncasecmp(line, "transfer-encoding: chunked", 26)) coded = 1;
      if (!strncasecmp(line, "connection: close", 17)) client->close_after = 1;
    }
    *head_end = '\r';
    used = (size_t)length;
    if (coded) {
      // Decoding in place spoils a body that is not whole yet, so it is tried on the last chunk only.
      if (in->length < head + 5 || memcmp(in->at + in->length - 5, "0\r\n\r\n", 5)) return 1;
      length = dechunk(in->at + head, in->length - head, &used);
    }
    if (length < 0 || in->length < head + used) return 1;
    answer(client, method, path, in->at + head, (size_t)length);
    memmove(in->at, in->at + head + used, in->length - head - used);
    in->length -= head + used;
    if (!flush(client)) return 0;
  }
  return 1;
}

static void readable(Client *client) {
  for (;;) {
    reserve(&client->in, 65536);
    ssize_t got = read(client->fd, client->in.at + client->in.length, 65536);
    if (got > 0) {
      client->in.length += (size_t)got;
      counts.bytes_in += (uint64_t)got;
      if (got == 65536) continue;
      break;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    leave(client);
    return;
  }
  if (requests(client) && client->in.length == 0) drop(&client->in);
}

static void welcome(void) {
  for (int fd; (fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    Client *client = calloc(1, sizeof *client);
    if (!client) fatal("memory");
    client->fd = fd;
    client->heap = -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = client};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
  }
}

static void due(void) {
  uint64_t expired;
  if (read(timer_fd, &expired, sizeof expired) < 0 && errno != EAGAIN) fatal("timer");
  for (uint64_t at; heap_length && heap[0]->next <= (at = now());) step(heap[0], at);
}

int main(int count, char **words) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  address.sin_port = htons((uint16_t)(count > 1 ? atoi(words[1]) : 0));
  signal(SIGPIPE, SIG_IGN);
  listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (bind(listen_fd, (struct sockaddr *)&address, length) || listen(listen_fd, 8192)) fatal("listen");
  getsockname(listen_fd, (struct sockaddr *)&address, &length);
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, listen_fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &listen_fd});
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, timer_fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &timer_fd});
  printf("listening %d\n", ntohs(address.sin_port));
  fflush(stdout);

  for (struct epoll_event events[512];;) {
    set_timer();
    int ready = epoll_wait(poll_fd, events, 512, -1);
    if (ready < 0 && errno != EINTR) fatal("epoll");
    // Due events come after all sockets: a stream that ends while sockets are served would leave a dangling entry here.
    int timed = 0;
    for (int i = 0; i < ready; i++) {
      void *what = events[i].data.ptr;
      if (what == &listen_fd) welcome();
      else if (what == &timer_fd) timed = 1;
      else {
        Client *client = what;
        if (events[i].events & EPOLLOUT && (watch(client, EPOLLIN), !flush(client))) continue;
        if (events[i].events & ~(uint32_t)EPOLLOUT) readable(client);
      }
    }
    if (timed) due();
  }
}
