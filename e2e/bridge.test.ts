import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { waitFor } from '#testing/wait-for.ts'
import { createHome, type Home, uniqueName } from './support/cluster.ts'

const POD = (name: string, annotations: object) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, annotations },
    spec: { containers: [{ name: 'c', image: 'fairlead.dev/echo' }] },
  })

const SENT_BYTES = 600_000
const BURST_BITS = 800_000

/** Sends from a pod to its node, by TCP. @returns bits a second, what passes at once left out */
async function measure(home: Home, name: string, pod: string, address: string): Promise<number> {
  const script = `let n = 0
    const server = require('net').createServer((s) => s.on('data', (d) => { n += d.length })
      .on('end', () => { console.log('got', n, 'at', Date.now(), '.'); s.end(); server.close() }))
    server.listen(9000, '0.0.0.0', () => console.log('up'))`
  const exec = ['exec', 'node/node1', '--name', name, '--', process.execPath, '-e', script]
  const sink = home.start(exec)
  let output = ''
  sink.stdout?.on('data', (chunk) => {
    output += chunk
  })
  await waitFor(() => output.includes('up'), { what: 'the sink to listen' })
  // By one clock, from before the first byte: whoever is late makes it slower, never faster.
  const send = `exec 3> /dev/tcp/${address}/9000; echo $EPOCHREALTIME; head -c ${SENT_BYTES} /dev/zero >&3`
  const { status, stdout } = home.fairlead([
    'exec',
    `pod/default/${pod}`,
    '--name',
    name,
    '--',
    'bash',
    '-c',
    send,
  ])
  assert.equal(status, 0)
  await waitFor(() => output.includes(' .'), {
    what: 'what was sent to come in',
  })
  const [, bytes, endMs] = /got (\d+) at (\d+)/.exec(output) ?? []
  assert.equal(Number(bytes), SENT_BYTES)
  return (SENT_BYTES * 8 - BURST_BITS) / (Number(endMs) / 1000 - Number(stdout))
}

// The promises: the bridge's name is a setting; a pod's bandwidth annotations reach its plugin, and act.
suite('A cluster on a bridge of another name', () => {
  test('is on docker0, Services and all, and limits pods by their annotations', async () => {
    using home = createHome()
    const name = uniqueName('br')
    const up = home.fairlead(['up', '--name', name, '--nodes', '1', '--bridge', 'docker0'])
    assert.equal(up.status, 0, up.stderr)
    const exec = (where: string, ...command: string[]) =>
      home.fairlead(['exec', where, '--name', name, '--', ...command])
    const links = exec('node/node1', 'ip', '-br', 'link').stdout
    assert.match(links, /^docker0 /m)
    assert.doesNotMatch(links, /cni0/)
    const annotations = {
      'kubernetes.io/ingress-bandwidth': '16M',
      'kubernetes.io/egress-bandwidth': '8M',
    }
    const pods = `${POD('limited', annotations)}\n${POD('free', {})}`
    assert.equal(home.kubectl(name, ['apply', '-f', '-'], pods).status, 0)
    const wait = ['wait', '--for=condition=Ready', 'pod/limited', 'pod/free', '--timeout=180s']
    const ready = home.kubectl(name, wait)
    assert.equal(ready.status, 0, ready.stderr)
    const queues = exec('node/node1', 'tc', 'qdisc', 'show').stdout
    assert.match(queues, /dev veth\w+ root .*rate 16Mbit/)
    assert.match(queues, /dev bwp\w+ root .*rate 8Mbit/)
    // By a Service, back over the same bridge.
    const dig = ['dig', '+short', '+tries=3', '@10.96.0.10', 'kubernetes.default.svc.cluster.local']
    assert.equal(exec('pod/default/limited', ...dig).stdout.trim(), '10.96.0.1')
    const node = exec('node/node1', 'ip', '-4', '-o', 'addr', 'show', 'docker0').stdout
    const [, gateway = ''] = /inet ([\d.]+)\//.exec(node) ?? []
    // A busy machine makes one transfer slow; no limit does not make all of them so.
    let free = 0
    for (let i = 0; i < 10 && free < 40e6; i++)
      free = Math.max(free, await measure(home, name, 'free', gateway))
    const limited = await measure(home, name, 'limited', gateway)
    assert.ok(free > 40e6, `unlimited: ${free} bit/s`)
    assert.ok(limited < 8e6 * 1.15 && limited > 8e6 * 0.1, `limited: ${limited} bit/s`)
    // A limit that is none is told, as a container runtime tells it.
    const bad = { 'kubernetes.io/ingress-bandwidth': '1' }
    assert.equal(home.kubectl(name, ['apply', '-f', '-'], POD('bad', bad)).status, 0)
    const events = ['get', 'events', '--field-selector', 'involvedObject.name=bad', '-o', 'json']
    const deadline = performance.now() + 60_000
    let text = ''
    while (!/unreasonably small/.test(text) && performance.now() < deadline) {
      text = home.kubectl(name, events).stdout
    }
    assert.match(text, /reading pod bandwidth annotations: resource is unreasonably small/)
  })
})
