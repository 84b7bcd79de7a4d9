import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Log, silentLog } from '#log/log.ts'
import { createServiceIndex } from '../model.ts'
import { createIgnoredReporter } from './report-ignored.ts'
import { portOf, serviceOf, sliceOf } from './testing/objects.ts'
import { OPTIONS } from './testing/packet-flows.ts'

test('what is ignored is told once, with its reason, and never all of a thousand', () => {
  const told: Readonly<Record<string, unknown>>[] = []
  const log: Log = { ...silentLog, warn: (_, fields = {}) => void told.push(fields) }
  const report = createIgnoredReporter(log)
  const index = createServiceIndex(OPTIONS)
  const put = (addresses: readonly string[]) => {
    index.setSlice(sliceOf('web', addresses))
    report(index.model())
  }
  index.setService(serviceOf('web', { clusterIP: '10.96.0.20', ports: portOf(80) }))
  put(['10.244.1.7'])
  assert.deepEqual(told, [])
  const metadata = { service: 'default/web', ignored: 'endpoint "169.254.169.254": link-local' }
  put(['10.244.1.7', '169.254.169.254'])
  put(['169.254.169.254', '10.244.1.7', '10.244.1.8'])
  assert.deepEqual(told, [metadata])
  put(Array.from({ length: 1000 }, (_, i) => `127.0.${i >> 8}.${i & 255}`))
  assert.equal(told.length, 2)
  assert.equal(told[1]?.['more'], 95)
})
