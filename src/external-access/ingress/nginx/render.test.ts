import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import fc from 'fast-check'
import { createDefaultCertificate } from '../default-certificate.ts'
import type { IngressPlan, Location, Server as PlannedServer } from '../model.ts'
import { type NginxSettings, renderConfig } from './render.ts'

const directory = mkdtempSync(join(tmpdir(), 'fairlead-render-test-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const worker = process.getuid?.() === 0 ? { workerUser: 'www-data' } : {}

const notFound: Location = { path: '/', match: 'prefix', action: { kind: 'not-found' } }

function planOf(servers: readonly PlannedServer[], more: Partial<IngressPlan> = {}): IngressPlan {
  const others = servers.some(({ host }) => host === '')
    ? []
    : [{ host: '', locations: [notFound] }]
  return { servers: [...others, ...servers], backends: [], certificates: [], findings: [], ...more }
}

suite('hostile values', () => {
  const settings: NginxSettings = {
    directory,
    address: '127.0.0.1',
    httpPort: 1,
    httpsPort: 2,
    ...worker,
    workers: 1,
    accessLog: '/dev/null',
    generation: 1,
  }

  // nginx itself is the judge: what it reads must be as many locations as we wrote, and nothing else.
  test('nginx accepts every path that is written', async () => {
    mkdirSync(join(directory, 'keys'), { recursive: true })
    const { certificatePEM, keyPEM } = await createDefaultCertificate()
    writeFileSync(join(directory, 'keys', 'default.pem'), `${certificatePEM}\n${keyPEM}`)
    const nasty = fc.oneof(
      fc.stringMatching(/^[\\"'{};#$ ()~*=@^|a-c/.%]{0,30}$/),
      fc.constantFrom(
        '";return 200 pwned;#',
        '$(id)',
        '\\";}',
        "';}",
        ' { return 200 x; }',
        '\\',
        '*',
        '{$uri}',
      ),
      fc.string({ unit: 'grapheme', maxLength: 20 }),
    )
    const path = nasty.filter((text) => !/[\x00-\x1f\x7f]/.test(text)).map((text) => `/${text}`)
    const locations = fc.uniqueArray(path, { minLength: 1, maxLength: 200 }).map((paths) =>
      paths.map(
        (each): Location => ({
          path: each,
          match: 'prefix',
          action: { kind: 'unavailable', backend: 'b' },
        }),
      ),
    )
    const config = join(directory, 'test.conf')
    fc.assert(
      fc.property(locations, (list) => {
        writeFileSync(
          config,
          renderConfig(planOf([{ host: 'h.example', locations: [...list, notFound] }]), settings),
        )
        const { status, stderr } = spawnSync(
          '/usr/sbin/nginx',
          ['-p', directory, '-e', 'stderr', '-c', config, '-t', '-q'],
          {
            encoding: 'utf8',
            stdio: ['ignore', openSync('/dev/null', 'w'), 'pipe'],
          },
        )
        assert.equal(status, 0, stderr)
      }),
      { numRuns: 15 },
    )
  })
})
