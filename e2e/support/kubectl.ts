/** The real kubectl against an API server alone, as its administrator. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestServer } from '../../src/apiserver/testing/test-server.ts'
import { findKubectl } from '../../src/cluster/kubectl.ts'

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Kubectl {
  run(words: readonly string[], input?: string): Promise<Outcome>
  /** What it printed. @throws where it does not end with 0 */
  succeed(words: readonly string[], input?: string): Promise<string>
  /** What it complained of. @throws where it ends with 0 */
  refused(words: readonly string[], input?: string): Promise<string>
}

/** Its kubeconfig and its cache are in `folder`. */
export function createKubectl(server: TestServer, folder: string): Kubectl {
  writeFileSync(join(folder, 'config'), kubeconfig(server), { mode: 0o600 })
  const options = [`--kubeconfig=${folder}/config`, `--cache-dir=${folder}/cache`]
  const run = async (words: readonly string[], input = ''): Promise<Outcome> => {
    const child = spawn(findKubectl(), [...options, ...words], { timeout: 30_000 })
    const output = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk) => (output.stdout += chunk))
    child.stderr.on('data', (chunk) => (output.stderr += chunk))
    child.stdin.on('error', () => {}) // it ended without reading
    child.stdin.end(input)
    const { promise, resolve, reject } = Promise.withResolvers<number | null>()
    child.once('close', resolve)
    child.once('error', reject)
    return { code: await promise, ...output }
  }
  return {
    run,
    async succeed(words, input) {
      const { code, stdout, stderr } = await run(words, input)
      assert.equal(code, 0, `kubectl ${words.join(' ')}: ${stderr}`)
      return stdout
    },
    async refused(words, input) {
      const { code, stderr } = await run(words, input)
      assert.notEqual(code, 0, `kubectl ${words.join(' ')} succeeded`)
      return stderr
    },
  }
}

function kubeconfig({ url, authority, admin }: TestServer): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const cluster = { server: url, 'certificate-authority-data': base64(authority.caPEM) }
  const user = {
    'client-certificate-data': base64(admin.certPEM),
    'client-key-data': base64(admin.keyPEM),
  }
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'admin', user }],
  })
}
