import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type Log, silentLog } from '#log/log.ts'
import type { ModeTable } from './mode.ts'
import { retire } from './retire.ts'

const { signal: drain } = new AbortController()
const conntrack = { udpFlows: async () => [], deleteUDPFlows: async () => {} }

/** A table whose rules the kernel refuses to take away so often. */
function tableRefusing(times: number) {
  let calls = 0
  const table: Pick<ModeTable, 'remove'> = {
    async remove(_drain, onRulesGone) {
      calls++
      if (calls <= times) throw new Error('iptables-restore: line 7 failed')
      onRulesGone?.()
    },
  }
  return { table: table as ModeTable, calls: () => calls }
}

suite('retire()', () => {
  test('tries again where the kernel refuses: another mode changed the same tables meanwhile', async () => {
    const warnings: string[] = []
    const log: Log = { ...silentLog, warn: (message) => void warnings.push(message) }
    const { table, calls } = tableRefusing(2)
    let retired = 0
    await retire(table, conntrack, new Map(), {
      log,
      onRetired: () => retired++,
      retryMs: 1,
      drain,
    })
    assert.equal(calls(), 3)
    assert.equal(retired, 1)
    assert.equal(warnings.length, 2)
  })

  test('says so in the end', async () => {
    const { table } = tableRefusing(Number.POSITIVE_INFINITY)
    await assert.rejects(
      retire(table, conntrack, new Map(), { log: silentLog, retryMs: 1, drain }),
      /iptables-restore: line 7 failed/,
    )
  })
})
