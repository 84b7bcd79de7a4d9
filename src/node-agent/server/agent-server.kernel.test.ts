import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { waitFor } from '#testing/wait-for.ts'
import { createTestNode } from '../testing/test-node.ts'

/** A CA, a certificate of it for both sides, and one of a stranger. */
function makePKI(folder: string) {
  const openssl = (...args: readonly string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
  const selfSigned = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
  ]
  openssl(...selfSigned, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=ca')
  openssl(...selfSigned, '-keyout', 'stranger.key', '-out', 'stranger.crt', '-subj', '/CN=stranger')
  const request = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl(
    ...request,
    '-keyout',
    'node.key',
    '-out',
    'node.csr',
    '-subj',
    '/CN=kube-apiserver-kubelet-client',
  )
  openssl(
    'x509',
    '-req',
    '-in',
    'node.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-out',
    'node.crt',
  )
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  return { certPEM: read('node.crt'), keyPEM: read('node.key'), clientCAPEM: read('ca.crt') }
}

suite("the agent's server", () => {
  test('gives logs to those who hold a certificate of the cluster', async () => {
    await using node = createTestNode()
    const { folder } = node.lab
    node.startAgent(makePKI(folder))
    await node.createPod(
      'talks',
      {
        command: [
          'sh',
          '-c',
          "trap 'exit 0' TERM; seq 1 20000; until [ -e /tmp/go ]; do sleep 0.05; done; echo last; sleep 1",
        ],
      },
      { restartPolicy: 'Never' },
    )
    await node.ready('talks')
    await waitFor(async () => (await node.log('talks')).endsWith('20000\n'), { what: 'the log' })
    const curl = (path: string, ...flags: readonly string[]) =>
      node.run(
        'curl',
        '-sk',
        '--cert',
        join(folder, 'node.crt'),
        '--key',
        join(folder, 'node.key'),
        ...flags,
        `https://172.30.0.11:10250${path}`,
      )
    const logs = (query: string) => curl(`/containerLogs/default/talks/main${query}`)

    assert.equal(curl('/healthz'), 'ok')
    assert.equal(
      node.run(
        'curl',
        '-sk',
        '--cert',
        join(folder, 'stranger.crt'),
        '--key',
        join(folder, 'stranger.key'),
        'https://172.30.0.11:10250/healthz',
      ),
      '',
    )
    assert.equal(node.run('curl', '-sk', 'https://172.30.0.11:10250/healthz'), '')
    assert.equal(JSON.parse(curl('/pods')).items[0].metadata.name, 'talks')
    assert.equal(logs('').split('\n').length, 20001)
    assert.equal(logs('?tailLines=2'), '19999\n20000\n')
    assert.equal(logs('?tailLines=0'), '')
    assert.equal(logs('?tailLines=15000').split('\n')[0], '5001')
    assert.equal(logs('?limitBytes=3'), '1\n2')
    assert.equal(
      logs('?previous=true'),
      'previous terminated container "main" in pod "talks" not found',
    )
    assert.equal(logs('?tailLines=-1'), 'invalid tailLines: -1 (a whole number from 0)')
    assert.match(curl('/containerLogs/default/none/main'), /pod "none_default" not found/)

    // Follows until the container ends, through what is written meanwhile.
    using follower = node.lab.spawn(node.netns, [
      'curl',
      '-skN',
      '--cert',
      join(folder, 'node.crt'),
      '--key',
      join(folder, 'node.key'),
      'https://172.30.0.11:10250/containerLogs/default/talks/main?follow=true&tailLines=1',
    ])
    await follower.outputs('20000\n')
    const main = readFileSync(
      join(folder, 'root/pods/uid-1/containers/main/0/started'),
      'utf8',
    ).split(' ')[0]
    execFileSync('touch', [`/proc/${main}/root/tmp/go`])
    await follower.outputs('last\n')
    await waitFor(() => follower.child.exitCode !== null, { what: 'the stream to end' })
  })
})
