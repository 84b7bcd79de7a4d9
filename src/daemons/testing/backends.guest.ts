/** Run inside the guest of e2e/support/guest.ts, whose kernel has what the one at hand may not have; all in one process. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import '#pod-network/testing/guest-backends.ts'
import { createBackend } from '#pod-network/flannel/create-backend.ts'
import { createWireguard, WIREGUARD_DEFAULTS } from '#pod-network/flannel/wireguard/wireguard.ts'
import { checkMatrix } from './packet-matrix.ts'

// Two nodes, with a router between them: everything is slow here.
suite('the packet matrix:', () => {
  test('ipip over routed', (context) =>
    checkMatrix(
      {
        name: 'ipip over routed',
        backend: createBackend({ type: 'ipip', options: {} }),
        underlay: 'routed',
        families: [4],
        nodes: 2,
      },
      context,
    ))

  // A device a family, and one for both.
  for (const mode of ['separate', 'ipv6'] as const) {
    test(`wireguard, ${mode}, over routed`, async (context) => {
      const folder = mkdtempSync(join(tmpdir(), 'wireguard-'))
      const backend = async () => (nodeName: string) =>
        createWireguard({ ...WIREGUARD_DEFAULTS, mode, keyFile: join(folder, nodeName) })
      try {
        const name = `wireguard, ${mode}`
        await checkMatrix({ name, backend, underlay: 'routed', nodes: 2 }, context)
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  }
})
