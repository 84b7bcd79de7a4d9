import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { createLab } from '#testing/netns.ts'
import { writeSysctl } from '../sysctl/sysctl.ts'
import { openListener } from './listener.ts'
import { openSocket } from './open-socket.ts'

suite('openListener()', () => {
  test('tcp: node serves on it, and it is reached in its namespace alone', async () => {
    using lab = createLab()
    const [a, b, stranger] = [lab.netns('a'), lab.netns('b'), lab.netns('stranger')]
    lab.connect(
      { netns: a, device: 'eth0', address: '172.30.0.11/24' },
      { netns: b, device: 'eth0', address: '172.30.0.12/24' },
    )
    const fd = openListener({ netns: a, protocol: 'tcp', address: ip('0.0.0.0'), port: 80 })
    const server = createServer((socket) => socket.end(`hello ${socket.remoteAddress}`))
    server.listen({ fd })
    try {
      await once(server, 'listening')
      using client = lab.spawn(b, ['bash', '-c', 'exec 3<>/dev/tcp/172.30.0.11/80; cat <&3'])
      await client.outputs('hello 172.30.0.12')
      assert.equal(lab.canConnect(a, '127.0.0.1', 80, 30_000), true)
      assert.equal(lab.canConnect(stranger, '127.0.0.1', 80), false)
    } finally {
      server.close()
    }
  })

  test('udp over IPv6: node answers from it', async () => {
    using lab = createLab()
    const a = lab.netns('a')
    const fd = openListener({ netns: a, protocol: 'udp', address: ip('::1'), port: 53 })
    const socket = createSocket('udp6')
    socket.on('message', (message, { address, port }) =>
      socket.send(`echo ${message}`, port, address),
    )
    try {
      socket.bind({ fd }) // emits 'listening' before it returns
      const script = 'exec 3<>/dev/udp/::1/53; echo hi >&3; timeout 3 head -n1 <&3'
      using client = lab.spawn(a, ['bash', '-c', script])
      await client.outputs('echo hi')
    } finally {
      socket.close()
    }
  })

  test('the descriptor is non-blocking and closes on exec', () => {
    using lab = createLab()
    const fd = openListener({
      netns: lab.netns('a'),
      protocol: 'tcp',
      address: ip('::'),
      port: 80,
    })
    try {
      const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
      // fcntl(2): O_RDWR 02, O_NONBLOCK 04000, O_CLOEXEC 02000000
      assert.equal(flags, '02004002')
    } finally {
      closeSync(fd)
    }
  })

  test('a port in use is an error, unless it is shared on purpose', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    const address = ip('127.0.0.1')
    const open: number[] = []
    try {
      for (const protocol of ['tcp', 'udp'] as const) {
        open.push(openListener({ netns, protocol, address, port: 80 }))
        assert.throws(() => openListener({ netns, protocol, address, port: 80 }), {
          message: `Cannot listen on ${protocol} 127.0.0.1 port 80: EADDRINUSE`,
        })
        for (let i = 0; i < 2; i++) {
          open.push(openListener({ netns, protocol, address, port: 81, reuse: true }))
        }
      }
      assert.throws(
        () => openListener({ netns, protocol: 'tcp', address: ip('10.9.9.9'), port: 80 }),
        { errno: 'EADDRNOTAVAIL' },
      )
    } finally {
      for (const fd of open) closeSync(fd)
    }
  })

  test('without node:ffi it says what it needs', () => {
    process.env.FAIRLEAD_FFI = 'off'
    try {
      assert.throws(() => openListener({ protocol: 'tcp', address: ip('127.0.0.1'), port: 80 }), {
        errno: 'ENOSYS',
        message: /needs node:ffi/,
      })
    } finally {
      delete process.env.FAIRLEAD_FFI
    }
  })
})

test('openSocket(): no two datagram sockets that node holds have one port', () => {
  using lab = createLab()
  const netns = lab.netns('a')
  // Few ports, so that the kernel would soon choose one twice (udp_lib_get_port(), for sockets with SO_REUSEADDR).
  writeSysctl('net.ipv4.ip_local_port_range', '40000 40199', netns)
  const sockets = Array.from({ length: 60 }, () => createSocket('udp4'))
  try {
    const ports = sockets.map((socket) => {
      socket.bind({ fd: openSocket(netns, 'udp', 4) })
      return socket.address().port
    })
    assert.equal(new Set(ports).size, ports.length, `${ports}`)
    assert.ok(ports.every((port) => port >= 40_000 && port < 40_200))
  } finally {
    for (const socket of sockets) socket.close()
  }
})
