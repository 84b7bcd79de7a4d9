import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { eventually, fairleadCommand, startCluster } from './support/cluster.ts'

/** Answers every query of type A with 192.0.2.53, every other with NODATA: RFC 1035 section 4.1, written by hand. */
const SERVER = `
const socket = require('node:dgram').createSocket('udp4')
socket.on('message', (query, peer) => {
  const end = query.indexOf(0, 12) + 5
  const isA = query.readUInt16BE(end - 4) === 1
  const head = Buffer.from(query.subarray(0, end))
  head.writeUInt16BE(0x8580, 2)
  head.writeUInt16BE(isA ? 1 : 0, 6)
  head.writeUInt32BE(0, 8)
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 53])
  socket.send(isA ? Buffer.concat([head, record]) : head, peer.port, peer.address)
})
socket.bind(53, '172.30.0.254', () => console.log('ready'))
`

// The promise: a name that is not the cluster's is asked of the upstream, by way of the control plane's relay.
suite('Names outside the cluster', () => {
  test('are forwarded through the relay to a DNS server', async () => {
    using cluster = startCluster('fwd', ['--nodes', '1', '--dns-upstream', '172.30.0.254'])
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-dns-'))
    const script = join(folder, 'server.cjs')
    writeFileSync(script, SERVER)
    const server = spawn(
      fairleadCommand,
      ['exec', 'outside', '--name', cluster.name, '--', process.execPath, script],
      { env: cluster.home.env },
    )
    try {
      let said = ''
      server.stdout.on('data', (text) => {
        said += text
      })
      await eventually('the upstream is ready', () => said.includes('ready'))
      const ask = (...words: string[]) =>
        cluster.exec('node/node1', ['dig', '+tries=3', '+time=5', '@10.96.0.10', ...words]).stdout
      assert.match(ask('www.example.com'), /www\.example\.com\.\s+\d+\s+IN\s+A\s+192\.0\.2\.53/)
      assert.match(ask('+short', 'kubernetes.default.svc.cluster.local'), /^10\.96\.0\.1$/m)
      assert.match(ask('nothing.default.svc.cluster.local'), /status: NXDOMAIN/)
    } finally {
      server.kill('SIGTERM')
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test("are refused at once where the upstream does not answer, while the cluster's own names work", () => {
    using cluster = startCluster('fwd', ['--nodes', '1', '--dns-upstream', '172.30.0.254'])
    const { stdout } = cluster.exec('node/node1', [
      'dig',
      '+tries=1',
      '+time=60',
      '@10.96.0.10',
      'www.example.com',
    ])
    assert.match(stdout, /status: SERVFAIL/)
    assert.ok(Number(/Query time: (\d+) msec/.exec(stdout)?.[1]) < 10_000, stdout)
    assert.match(
      cluster.exec('node/node1', [
        'dig',
        '+short',
        '+tries=1',
        '@10.96.0.10',
        'kubernetes.default.svc.cluster.local',
      ]).stdout,
      /^10\.96\.0\.1$/m,
    )
  })
})
