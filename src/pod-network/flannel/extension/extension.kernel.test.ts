import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { createLab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { checkFlows } from '../../testing/backend-flows.ts'
import { createCluster } from '../../testing/cluster.ts'
import { createBackend } from '../create-backend.ts'

// Documentation/extension.md of flannel, "Simple example (host-gw)".
const HOST_GATEWAY = {
  SubnetAddCommand: 'ip route add "$SUBNET" via "$PUBLIC_IP"',
  SubnetRemoveCommand: 'ip route del "$SUBNET" via "$PUBLIC_IP"',
}

suite('the extension backend', () => {
  test("carries packets by the commands of flannel's example", () =>
    checkFlows({
      backend: () => createBackend({ type: 'extension', options: HOST_GATEWAY }),
      mtuBytes: 1500,
      ttl: 62,
      nodeSeenAs: '172.30.0.11',
    }))

  test('tells what the first command printed, and runs one for each node that comes and goes', async () => {
    using lab = createLab()
    const file = (name: string) => join(lab.folder, name)
    const options = {
      PreStartupCommand: `sh -c 'echo key of $$ | tr -d 0-9'`,
      PostStartupCommand: `sh -c 'echo "$NETWORK $SUBNET $PUBLIC_IP" >> ${file('post')}'`,
      SubnetAddCommand: `sh -c 'echo "add $SUBNET $PUBLIC_IP $(cat)" >> ${file('log')}'`,
      SubnetRemoveCommand: `sh -c 'echo "remove $SUBNET $PUBLIC_IP $(cat)" >> ${file('log')}'`,
      ShutdownCommand: `sh -c 'echo shutdown >> ${file('log')}'`,
    }
    const backend = () => createBackend({ type: 'extension', options })
    await using cluster = await createCluster(lab, 2, { backend })
    const annotation = 'flannel.alpha.coreos.com/backend-data'
    assert.equal(cluster.nodes.get('node1').metadata.annotations?.[annotation], '"key of"')
    const lines = (name: string) =>
      existsSync(file(name)) ? readFileSync(file(name), 'utf8').trim().split('\n').sort() : []
    assert.deepEqual(lines('post'), [
      '10.244.0.0/16 10.244.1.0/24 172.30.0.11',
      '10.244.0.0/16 10.244.2.0/24 172.30.0.12',
    ])
    await waitFor(() => lines('log').length === 2, { what: 'both to know each other' })
    assert.deepEqual(lines('log'), [
      'add 10.244.1.0/24 172.30.0.11 key of',
      'add 10.244.2.0/24 172.30.0.12 key of',
    ])
    await cluster.stopDaemon(2)
    cluster.nodes.remove('node2')
    await waitFor(() => lines('log').length === 4, { what: 'the other to go' })
    assert.deepEqual(lines('log').slice(2), ['remove 10.244.2.0/24 172.30.0.12 key of', 'shutdown'])
  })
})
