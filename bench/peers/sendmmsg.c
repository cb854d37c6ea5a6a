// What the kernel alone asks for sending: one datagram to each of many receivers, again and again, with sendmmsg(2).
//   sendmmsg sink PORTS                                reads all that comes on so many sockets; prints the first port
//   sendmmsg send PORT PORTS COUNT RATE BYTES SECONDS  RATE times a second COUNT datagrams, shared out over the ports; 0 as fast as
//                                                      it goes. Prints what it sent, and its processor time
// Ports follow each other. SIGTERM ends the sink, which prints what it received.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_RECEIVERS 1024
#define BATCH 64
#define BYTES_MAX 2048
#define PACE_NS 5000000L

static volatile sig_atomic_t ended;
static void end(int signal) { (void)signal; ended = 1; }

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  return address;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static int fail(const char *what) { perror(what); return 1; }

static int open_sockets(int sockets[], int receivers) {
  for (int port = 20000 + getpid() % 20000, tries = 0; tries < 100; tries++, port += receivers) {
    int opened = 0;
    for (; opened < receivers; opened++) {
      struct sockaddr_in address = loopback(port + opened);
      int bytes = 1 << 20;
      sockets[opened] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
      setsockopt(sockets[opened], SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
      if (bind(sockets[opened], (struct sockaddr *)&address, sizeof address) != 0) break;
    }
    if (opened == receivers) return port;
    for (int n = 0; n <= opened; n++) close(sockets[n]);
  }
  return -1;
}

static int sink(int receivers) {
  static int sockets[MAX_RECEIVERS];
  static char buffers[BATCH][BYTES_MAX];
  struct mmsghdr messages[BATCH] = {0};
  struct iovec parts[BATCH];
  for (int n = 0; n < BATCH; n++) {
    parts[n] = (struct iovec){ buffers[n], BYTES_MAX };
    messages[n].msg_hdr = (struct msghdr){ .msg_iov = &parts[n], .msg_iovlen = 1 };
  }
  int port = open_sockets(sockets, receivers);
  if (port < 0) return fail("bind");
  int poll = epoll_create1(0);
  for (int n = 0; n < receivers; n++) {
    struct epoll_event event = { .events = EPOLLIN, .data.fd = sockets[n] };
    epoll_ctl(poll, EPOLL_CTL_ADD, sockets[n], &event);
  }
  printf("port %d\n", port);
  fflush(stdout);
  long received = 0;
  while (!ended) {
    struct epoll_event events[BATCH];
    int ready = epoll_wait(poll, events, BATCH, 100);
    for (int n = 0; n < ready; n++)
      for (int got; (got = recvmmsg(events[n].data.fd, messages, BATCH, 0, NULL)) > 0;) received += got;
  }
  printf("{\"received\":%ld}\n", received);
  return 0;
}

static int send_all(int port, int ports, int count, double rate, int bytes, double seconds) {
  static char payload[BYTES_MAX];
  static struct sockaddr_in addresses[MAX_RECEIVERS];
  static struct mmsghdr messages[MAX_RECEIVERS];
  struct iovec part = { payload, bytes };
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  for (int n = 0; n < count; n++) {
    addresses[n] = loopback(port + n % ports);
    messages[n].msg_hdr = (struct msghdr){ .msg_name = &addresses[n], .msg_namelen = sizeof addresses[n], .msg_iov = &part, .msg_iovlen = 1 };
  }
  long sent = 0, rounds = 0;
  double begun = now();
  while (now() - begun < seconds) {
    for (long due = rate > 0 ? (now() - begun) * rate : rounds + BATCH; rounds < due; rounds++)
      for (int n = 0; n < count;) {
        int gone = sendmmsg(fd, messages + n, count - n, 0);
        if (gone < 0 && errno != EINTR && errno != ECONNREFUSED) return fail("sendmmsg");
        if (gone > 0) { n += gone; sent += gone; }
      }
    struct timespec pause = { 0, PACE_NS };
    if (rate > 0) nanosleep(&pause, NULL);
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  printf("{\"sent\":%ld,\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n", sent, now() - begun, cpu);
  return 0;
}

int main(int count, char *words[]) {
  signal(SIGTERM, end);
  if (count == 3 && strcmp(words[1], "sink") == 0 && atoi(words[2]) <= MAX_RECEIVERS) return sink(atoi(words[2]));
  if (count == 8 && strcmp(words[1], "send") == 0 && atoi(words[4]) <= MAX_RECEIVERS && atoi(words[6]) <= BYTES_MAX)
    return send_all(atoi(words[2]), atoi(words[3]), atoi(words[4]), atof(words[5]), atoi(words[6]), atof(words[7]));
  fprintf(stderr, "sendmmsg sink PORTS | sendmmsg send PORT PORTS COUNT RATE BYTES SECONDS\n");
  return 2;
}
