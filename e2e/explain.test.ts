/** `kubectl explain` of every kind that the server serves, by either version of OpenAPI. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { startTestServer, type TestServer } from '../src/apiserver/testing/test-server.ts'

const run = promisify(execFile)
// Another kubectl can be named by $FAIRLEAD_KUBECTL.
const KUBECTL = process.env.FAIRLEAD_KUBECTL ?? 'kubectl'

let server: TestServer
let folder: string

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-explain-'))
  server = await startTestServer()
  const { url, authority, admin } = server
  for (const [name, text] of [
    ['ca.pem', authority.caPEM],
    ['cert.pem', admin.certPEM],
    ['key.pem', admin.keyPEM],
  ] as const)
    writeFileSync(join(folder, name), text)
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority': 'ca.pem' } }],
    users: [{ name: 'admin', user: { 'client-certificate': 'cert.pem', 'client-key': 'key.pem' } }],
  }
  writeFileSync(join(folder, 'config'), JSON.stringify(config))
})

after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

async function kubectl(...command: readonly string[]): Promise<string> {
  const options = [`--kubeconfig=${folder}/config`, `--cache-dir=${folder}/cache`]
  const { stdout } = await run(KUBECTL, [...options, ...command], { timeout: 30_000 })
  return stdout
}

test('kubectl explain knows every kind, its fields at every depth, and its old form', async () => {
  const rows = (await kubectl('api-resources', '--no-headers')).trimEnd().split('\n')
  assert.ok(rows.length > 40)
  for (const row of rows) {
    const [plural, ...words] = row.split(/\s+/)
    const [apiVersion, , kind] = words.slice(-3)
    const about = ['explain', plural!, `--api-version=${apiVersion}`]
    for (const form of ['--recursive', '--output=plaintext-openapiv2']) {
      const text = await kubectl(...about, form)
      // kubectl pkg/explain/v2/templates/plaintext.tmpl, and pkg/explain/model_printer.go for the old form.
      assert.match(text, new RegExp(`^(GROUP: +\\S+\n)?KIND: +${kind}\nVERSION: +\\S+\n`), row)
      assert.match(text, /\nDESCRIPTION:\n +\S/, row)
      assert.match(text, /\nFIELDS:\n +\w+\t *</, row)
    }
  }
})
