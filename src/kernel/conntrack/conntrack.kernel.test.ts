import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { createLab } from '#testing/netns.ts'
import { openNft } from '../nft/open-nft.ts'
import { openConntrack } from './conntrack.ts'

const UDP = 17

/** conntrack looks at packets only where a rule needs it. */
const TRACK = `
add table inet t
add chain inet t out { type filter hook output priority 0; }
add rule inet t out ct state new accept
`

suite('openConntrack()', () => {
  const rows = [
    { family: 4, from: '127.0.0.1', to: '127.0.0.9' },
    { family: 6, from: '::1', to: '::1' },
  ] as const
  for (const { family, from, to } of rows) {
    test(`lists the flows of one protocol, and deletes one, in IPv${family}`, () => {
      using lab = createLab()
      const netns = lab.netns('a')
      using nft = openNft(netns)
      nft.commit(TRACK)
      const send = `exec 3<>/dev/udp/${to}/53; echo x >&3; exec 4<>/dev/udp/${to}/54; echo x >&4; exec 5<>/dev/tcp/${to}/55`
      lab.exec(netns, ['bash', '-c', send])
      using conntrack = openConntrack(netns)
      const toPort = (port: number) =>
        conntrack.entries(family, UDP).filter(({ original }) => original.destination.port === port)
      // What conntrack(8) prints of the same: src, dst, sport, dport of either direction.
      const printed = lab.exec(netns, [
        'conntrack',
        ...['-L', '-p', 'udp', '-f', family === 4 ? 'ipv4' : 'ipv6'],
      ]).stdout
      const [entry] = toPort(53)
      assert.deepEqual(entry!.original.source.ip, ip(from))
      assert.deepEqual(entry!.original.destination, { ip: ip(to), port: 53 })
      assert.deepEqual(entry!.reply.source, { ip: ip(to), port: 53 })
      assert.ok(printed.includes(`sport=${entry!.original.source.port} dport=53 `), printed)
      assert.equal(toPort(55).length, 0, 'no TCP')

      assert.equal(conntrack.delete(entry!), true)
      assert.equal(toPort(53).length, 0)
      assert.equal(toPort(54).length, 1)
      assert.equal(conntrack.delete(entry!), false)
    })
  }
})
