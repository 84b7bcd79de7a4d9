/** Run inside the guest of e2e/support/guest.ts, whose kernel has what the one at hand may not have. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { openWireguard } from '#kernel/wireguard/wireguard.ts'
import { createBackend } from '../flannel/create-backend.ts'
import { createWireguard, WIREGUARD_DEFAULTS } from '../flannel/wireguard/wireguard.ts'
import { checkFlows } from './backend-flows.ts'

// MTU: facts/pod-network.md 3.4.
suite('pods, nodes and pods of other nodes, under their own addresses, over', () => {
  test('ipip', () =>
    checkFlows({
      backend: () => createBackend({ type: 'ipip', options: {} }),
      mtuBytes: 1480,
      ttl: 62,
      nodeSeenAs: '10.244.1.0',
    }))

  test('wireguard', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wireguard-'))
    const presharedKey = Buffer.alloc(32, 7).toString('base64')
    let nodes = 0
    try {
      await checkFlows({
        backend: () =>
          createWireguard({
            ...WIREGUARD_DEFAULTS,
            presharedKey,
            keyFile: join(folder, `key${++nodes}`),
          }),
        mtuBytes: 1420,
        ttl: 62,
        nodeSeenAs: '10.244.1.0',
        damages: [
          (netns) => {
            using wireguard = openWireguard(netns)
            const peers = wireguard.device('flannel-wg').peers
            wireguard.configure({
              name: 'flannel-wg',
              peers: peers.map(({ publicKey }) => ({ publicKey, remove: true })),
            })
          },
          (netns) => {
            using wireguard = openWireguard(netns)
            const peers = wireguard.device('flannel-wg').peers
            wireguard.configure({
              name: 'flannel-wg',
              peers: peers.map(({ publicKey }) => ({ publicKey, allowedIPs: [] })),
            })
          },
          (netns) => {
            using wireguard = openWireguard(netns)
            wireguard.configure({ name: 'flannel-wg', privateKey: Buffer.alloc(32, 9) })
          },
        ],
      })
      // pkg/backend/wireguard/device.go of flannel
      assert.equal(statSync(join(folder, 'key1')).mode & 0o777, 0o400)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
