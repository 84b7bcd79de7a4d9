/*
 * A relay as flanneld's own of its udp backend is, for comparison: a TUN device, a UDP socket, a table of subnets, poll(2), and a packet in
 * each direction in turn until there is none. `relay DEVICE OWN_IP PEER_IP PEER_NETWORK PEER_MASK PORT`; written for the bench alone.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MTU 1472
#define HEADER 20

struct route {
  in_addr_t network, mask;
  struct sockaddr_in peer;
};

static void need(int ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(1);
}

/* RFC 1141: the checksum after one less in the byte at offset 8. */
static int decrement_ttl(uint8_t *packet) {
  if (packet[8] <= 1) return 0;
  packet[8]--;
  uint32_t sum = (packet[10] << 8 | packet[11]) + 0x100;
  sum += sum >> 16;
  packet[10] = sum >> 8;
  packet[11] = sum;
  return 1;
}

static int from_tun(int tun, int sock, const struct route *routes, int count, uint8_t *packet) {
  ssize_t length = read(tun, packet, MTU);
  if (length < HEADER) return length > 0;
  in_addr_t to;
  memcpy(&to, packet + 16, sizeof to);
  for (int i = 0; i < count; i++) {
    if ((to & routes[i].mask) != routes[i].network) continue;
    if (decrement_ttl(packet))
      sendto(sock, packet, length, 0, (const struct sockaddr *)&routes[i].peer, sizeof routes[i].peer);
    break;
  }
  return 1;
}

static int from_peer(int tun, int sock, uint8_t *packet) {
  ssize_t length = recv(sock, packet, MTU, 0);
  if (length < HEADER) return length >= 0;
  if (decrement_ttl(packet) && write(tun, packet, length) < 0) return 1;
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 7) return 2;
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
  int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  need(tun >= 0 && ioctl(tun, TUNSETIFF, &request) == 0, "make the TUN device");
  int sock = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  uint16_t port = htons(atoi(argv[6]));
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = inet_addr(argv[2])};
  need(sock >= 0 && bind(sock, (struct sockaddr *)&own, sizeof own) == 0, "bind the socket");
  struct route route = {.network = inet_addr(argv[4]), .mask = inet_addr(argv[5])};
  route.peer = own;
  route.peer.sin_addr.s_addr = inet_addr(argv[3]);
  uint8_t packet[MTU];
  struct pollfd sources[] = {{.fd = tun, .events = POLLIN}, {.fd = sock, .events = POLLIN}};
  for (;;) {
    need(poll(sources, 2, -1) >= 0, "wait for packets");
    int more;
    do {
      more = from_tun(tun, sock, &route, 1, packet);
      more += from_peer(tun, sock, packet);
    } while (more);
  }
}
